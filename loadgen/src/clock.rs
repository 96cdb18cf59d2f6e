//! How far this machine's clock can be trusted: clients on several machines start by it.

use std::fmt;
use std::time::Duration;

use annulus::transports::WallClockState;
use anyhow::bail;
use serde::{Deserialize, Serialize};

/// The clock of the machine at the start of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// Whether it follows a reference.
    pub(crate) synchronised: bool,
    /// How far it can be from the reference at most, and by estimate; of a clock without one it says
    /// nothing.
    pub(crate) error_max_us: f64,
    pub(crate) error_estimate_us: f64,
}

impl Clock {
    /// `None` if the machine does not tell.
    pub(crate) fn read() -> Option<Self> {
        let state = WallClockState::read().ok()?;
        Some(Clock {
            synchronised: state.is_synchronised,
            error_max_us: state.error_max.as_secs_f64() * 1e6,
            error_estimate_us: state.error_estimate.as_secs_f64() * 1e6,
        })
    }

    /// How far it can be from the reference; `None` if there is no telling.
    pub(crate) fn error_seconds(self) -> Option<f64> {
        self.synchronised.then_some(self.error_max_us / 1e6)
    }

    /// That a start at a time of the clock is one at that time, as far as intervals of this length tell:
    /// `merge` puts those of several clients together by their clocks.
    ///
    /// # Errors
    ///
    /// [`Unsure`] if nobody knows, or if the clock can be further from its reference than that.
    pub(crate) fn check(clock: Option<Self>, interval: Duration) -> anyhow::Result<()> {
        let Some(clock) = clock else {
            bail!(Unsure(
                "this machine does not tell whether its clock follows a reference".to_owned()
            ));
        };
        let Some(error) = clock.error_seconds() else {
            bail!(Unsure(
                "the clock of this machine follows no reference".to_owned()
            ));
        };
        let interval = interval.as_secs_f64();
        if error > interval {
            bail!(Unsure(format!(
                "the clock of this machine can be {error:.3} s from its reference, and the intervals of this \
                 run are {interval:.3} s long (a longer --duration has longer ones, up to a second)"
            )));
        }
        Ok(())
    }
}

/// Why a start at a time is refused.
#[derive(Debug)]
pub(crate) struct Unsure(String);

impl fmt::Display for Unsure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--start-at: {}, so that clients on several machines would not start together; synchronise \
             it (chrony with rtcsync, systemd-timesyncd, ntpd), or say --allow-unsynchronised-clock if all \
             clients run on this machine or you know better",
            self.0
        )
    }
}

impl std::error::Error for Unsure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_follows_a_reference_closely_enough_is_trusted() {
        let clock = |synchronised| Clock {
            synchronised,
            error_max_us: 1500.0,
            error_estimate_us: 20.0,
        };
        let interval = Duration::from_millis(2);
        assert!(Clock::check(Some(clock(true)), interval).is_ok());
        let too_short = Duration::from_millis(1);
        let error = Clock::check(Some(clock(true)), too_short).unwrap_err();
        assert!(error.root_cause().is::<Unsure>());
        let error = error.to_string();
        assert!(error.contains("0.002 s from its reference"), "{error}");
        assert_eq!(clock(true).error_seconds(), Some(0.0015));
        assert_eq!(clock(false).error_seconds(), None);
        for clock in [Some(clock(false)), None] {
            let error = Clock::check(clock, interval).unwrap_err();
            assert!(error.root_cause().is::<Unsure>());
            assert!(error.to_string().contains("--allow-unsynchronised-clock"));
        }
    }
}
