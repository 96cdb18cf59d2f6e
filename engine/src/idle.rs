//! When a core sleeps.

use std::time::Duration;

use annulus_protocol::Time;
use annulus_transports::{Ring, TransportError, Wait};

use crate::config::IdlePolicy;
use crate::core::{Core, LocalReplies};

/// Runs the turns of a core as an [`IdlePolicy`] says.
pub(crate) struct Idler {
    spin: Duration,
    /// When there was something to do for the last time.
    worked_at: Time,
    /// A turn since then has found nothing to do.
    is_idle: bool,
    /// What to expect while calls of this core's clients are under way, and while none are: their
    /// answers come soon where requests of other clients may not.
    awaiting: Gaps,
    unoccupied: Gaps,
}

impl Idler {
    pub(crate) fn new(policy: IdlePolicy) -> Self {
        let learns = matches!(policy, IdlePolicy::Adaptive { .. });
        Idler {
            spin: policy.spin(),
            worked_at: Time::ZERO,
            is_idle: false,
            awaiting: Gaps::new(learns),
            unoccupied: Gaps::new(learns),
        }
    }

    /// One turn: with a wait if there has been nothing to do for long enough. The wait ends at
    /// `deadline`, and is none if that is so near that a wake-up would come late.
    pub(crate) fn turn<R: Ring>(
        &mut self,
        core: &mut Core<R>,
        deadline: Option<Time>,
        replies: LocalReplies<'_>,
    ) -> Result<bool, TransportError> {
        let gaps = if core.calls_in_flight() > 0 {
            &mut self.awaiting
        } else {
            &mut self.unoccupied
        };
        let now = core.now();
        let idle_long = now.since(self.worked_at) >= gaps.spin(self.spin);
        let due_soon = deadline.is_some_and(|deadline| deadline.since(now) < self.spin);
        let sleeps = idle_long && !due_soon;
        let worked = if sleeps {
            core.sleep(deadline, replies)?
        } else {
            core.turn(Wait::No, replies)?
        };
        if worked {
            let gap = core.now().since(self.worked_at);
            if self.is_idle || sleeps {
                gaps.learn(gap, self.spin, sleeps);
            }
            self.worked_at = core.now();
        } else {
            std::hint::spin_loop();
        }
        self.is_idle = !worked;
        Ok(worked)
    }
}

/// What the gaps without work were like lately: whether to look for the end of one is worth it.
#[derive(Debug)]
struct Gaps {
    learns: bool,
    /// So many, one after the other, were far too long.
    long: u32,
}

/// After so many long gaps in a row the next one is taken to be long, too.
const LONG_MAX: u32 = 64;

/// A gap is long if it is as many times the time of looking: a shorter one may have been made so by
/// a peer that slept, because this side did.
const LONG_SPINS: u32 = 4;

/// A sleep that ends before this part of the time of looking has not waited for a peer: it met what
/// the kernel had ready, such as the end of a send.
const NO_GAP_PART: u32 = 8;

impl Gaps {
    fn new(learns: bool) -> Self {
        Gaps { learns, long: 0 }
    }

    /// How long to look, of `spin` at most.
    fn spin(&self, spin: Duration) -> Duration {
        if self.long >= LONG_MAX {
            Duration::ZERO
        } else {
            spin
        }
    }

    /// A gap has ended, in which the core slept or not.
    fn learn(&mut self, gap: Duration, spin: Duration, slept: bool) {
        if !self.learns || slept && gap < spin / NO_GAP_PART {
            return;
        }
        self.long = if gap > spin * LONG_SPINS {
            (self.long + 1).min(LONG_MAX)
        } else {
            0
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPIN: Duration = Duration::from_micros(50);

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn a_core_whose_work_comes_seldom_stops_looking_for_it() {
        let mut gaps = Gaps::new(true);
        for _ in 0..LONG_MAX {
            assert_eq!(gaps.spin(SPIN), SPIN);
            gaps.learn(micros(1000), SPIN, true);
        }
        assert_eq!(gaps.spin(SPIN), Duration::ZERO);
        // The end of its own send, which it meets when it would sleep, says nothing of its peers.
        gaps.learn(micros(2), SPIN, true);
        assert_eq!(gaps.spin(SPIN), Duration::ZERO);
    }

    #[test]
    fn work_that_comes_soon_is_looked_for_again_at_once() {
        let mut gaps = Gaps::new(true);
        (0..LONG_MAX).for_each(|_| gaps.learn(micros(1000), SPIN, true));
        // Both sides of a connection slept, and each was late by a wake-up.
        gaps.learn(micros(120), SPIN, true);
        assert_eq!(gaps.spin(SPIN), SPIN);
    }

    #[test]
    fn a_few_long_gaps_among_short_ones_change_nothing() {
        let mut gaps = Gaps::new(true);
        for _ in 0..100 {
            (1..LONG_MAX).for_each(|_| gaps.learn(micros(1000), SPIN, true));
            gaps.learn(micros(2), SPIN, false);
            assert_eq!(gaps.spin(SPIN), SPIN);
        }
    }

    #[test]
    fn who_is_to_spin_always_does() {
        let mut gaps = Gaps::new(false);
        (0..1000).for_each(|_| gaps.learn(Duration::from_secs(1), Duration::ZERO, true));
        assert_eq!(gaps.spin(Duration::MAX), Duration::MAX);
    }
}
