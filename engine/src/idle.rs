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
}

impl Idler {
    pub(crate) fn new(policy: IdlePolicy) -> Self {
        Idler {
            spin: policy.spin(),
            worked_at: Time::ZERO,
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
        let now = core.now();
        let idle_long = now.since(self.worked_at) >= self.spin;
        let due_soon = deadline.is_some_and(|deadline| deadline.since(now) < self.spin);
        let worked = if idle_long && !due_soon {
            core.sleep(deadline, replies)?
        } else {
            core.turn(Wait::No, replies)?
        };
        if worked {
            self.worked_at = core.now();
        } else {
            std::hint::spin_loop();
        }
        Ok(worked)
    }
}
