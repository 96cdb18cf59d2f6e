//! How far this machine's clock can be trusted: clients on several machines start by it.

use std::fmt;

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

    /// That a start at a time of the clock is one at that time.
    ///
    /// # Errors
    ///
    /// [`Unsure`] if nobody knows.
    pub(crate) fn check(clock: Option<Self>) -> anyhow::Result<()> {
        match clock {
            Some(Clock {
                synchronised: true, ..
            }) => Ok(()),
            Some(_) => bail!(Unsure("the clock of this machine follows no reference")),
            None => bail!(Unsure(
                "this machine does not tell whether its clock follows a reference"
            )),
        }
    }
}

/// Why a start at a time is refused.
#[derive(Debug)]
pub(crate) struct Unsure(&'static str);

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
    fn only_a_clock_that_follows_a_reference_is_trusted() {
        let clock = |synchronised| Clock {
            synchronised,
            error_max_us: 1500.0,
            error_estimate_us: 20.0,
        };
        assert!(Clock::check(Some(clock(true))).is_ok());
        assert_eq!(clock(true).error_seconds(), Some(0.0015));
        assert_eq!(clock(false).error_seconds(), None);
        for clock in [Some(clock(false)), None] {
            let error = Clock::check(clock).unwrap_err();
            assert!(error.root_cause().is::<Unsure>());
            assert!(error.to_string().contains("--allow-unsynchronised-clock"));
        }
    }
}
