//! The clock, and how long a ring may wait.

use std::time::Duration;

use annulus_protocol::Time;
use rustix::time::ClockId;

use crate::ring::Wait;

/// How long the kernel may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelWait {
    No,
    For(Duration),
    Forever,
}

/// The time of the one clock that all kernel rings share.
pub(crate) fn now() -> Time {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    Time::from_nanos(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}

/// How long the kernel may wait for a caller that asks for `wait`, in a ring that has something
/// to do itself at `next_timer`; `None` when the caller's time is over.
pub(crate) fn kernel_wait(wait: Wait, next_timer: Option<Time>) -> Option<KernelWait> {
    let deadline = match wait {
        Wait::No => return None,
        Wait::Until(deadline) => Some(deadline),
        Wait::Forever => None,
    };
    let Some(until) = [deadline, next_timer].into_iter().flatten().min() else {
        return Some(KernelWait::Forever);
    };
    let now = now();
    if deadline.is_some_and(|deadline| deadline <= now) {
        return None;
    }
    Some(KernelWait::For(until.since(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_the_first_of_both_times() {
        let (past, hour) = (Time::from_nanos(0), Duration::from_secs(3600));
        let (soon, late) = (now() + hour, now() + 3 * hour);
        let waits_for = |wait, timer| match kernel_wait(wait, timer) {
            Some(KernelWait::For(duration)) => Some(duration.as_secs().div_ceil(3600)),
            _ => None,
        };
        assert_eq!(kernel_wait(Wait::No, Some(past)), None);
        assert_eq!(kernel_wait(Wait::Forever, None), Some(KernelWait::Forever));
        assert_eq!(kernel_wait(Wait::Until(past), Some(late)), None);
        assert_eq!(waits_for(Wait::Forever, Some(soon)), Some(1));
        assert_eq!(waits_for(Wait::Until(late), Some(soon)), Some(1));
        assert_eq!(waits_for(Wait::Until(soon), Some(late)), Some(1));
        // A timer of the ring is no reason to return to the caller.
        assert_eq!(waits_for(Wait::Until(late), Some(past)), Some(0));
    }
}
