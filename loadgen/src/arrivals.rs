//! When calls are to be sent.

use std::time::Duration;

use annulus::Time;

/// Evenly spaced intended send times, independent of any reply.
///
/// Computed from the count, not by adding intervals, so that rounding does not drift.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    start: Time,
    interval_ns: f64,
    count: u64,
}

impl Arrivals {
    /// `rate` calls a second from `start` on.
    pub(crate) fn new(start: Time, rate: f64) -> Self {
        Arrivals {
            start,
            interval_ns: 1e9 / rate,
            count: 0,
        }
    }

    /// The intended send time of the next call.
    pub(crate) fn next(&self) -> Time {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times within a run are far below 2^53 ns, and not negative"
        )]
        let offset_ns = (self.count as f64 * self.interval_ns) as u64;
        self.start + Duration::from_nanos(offset_ns)
    }

    /// Takes the next call if its time has come.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Time> {
        let intended = self.next();
        if intended > now {
            return None;
        }
        self.count += 1;
        Some(intended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_evenly_spaced_and_never_dropped_when_late() {
        let mut arrivals = Arrivals::new(Time::from_nanos(1_000), 3e6);
        assert_eq!(arrivals.take_due(Time::from_nanos(999)), None);
        let late = Time::from_nanos(2_001);
        let due: Vec<_> = std::iter::from_fn(|| arrivals.take_due(late))
            .map(Time::as_nanos)
            .collect();
        assert_eq!(due, [1_000, 1_333, 1_666, 2_000]);
        assert_eq!(arrivals.next(), Time::from_nanos(2_333));
    }
}
