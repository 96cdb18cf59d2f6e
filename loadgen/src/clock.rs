//! How far this machine's clock can be trusted: clients on several machines start by it.

use std::fmt;
use std::time::Duration;

use annulus::transports::WallClockState;
use anyhow::bail;
use serde::{Deserialize, Serialize};

/// A clock that can be further from its reference than this, in seconds, is kept by nobody. Between two looks at
/// the reference the kernel lets the error grow by half a millisecond a second, so by half a second with chrony and
/// by one with systemd-timesyncd, which look each 1024 and 2048 seconds; what the network adds is far below a second.
pub(crate) const ERROR_MAX: f64 = 5.0;

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

    /// That somebody keeps the clock, so that a start at a time of it is one at about that time.
    ///
    /// # Errors
    ///
    /// [`Unsure`] if nobody knows, or if the clock can be further from its reference than any is that is kept.
    pub(crate) fn check(clock: Option<Self>) -> anyhow::Result<()> {
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
        if error > ERROR_MAX {
            bail!(Unsure(format!(
                "the clock of this machine can be {error:.3} s from its reference: nobody has looked after it \
                 for long"
            )));
        }
        Ok(())
    }

    /// What to keep in mind of a run that starts at a time of the clock: `merge` puts the intervals of several
    /// clients together by their clocks.
    pub(crate) fn note(self, interval: Duration) -> Option<String> {
        let (error, interval) = (self.error_seconds()?, interval.as_secs_f64());
        (error > interval).then(|| {
            format!(
                "the clock of this machine can be {error:.3} s from its reference, more than an interval of \
                 {interval:.3} s: what clients on several machines did in an interval may be a neighbour's"
            )
        })
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

    fn clock(synchronised: bool, error_max_us: f64) -> Clock {
        Clock {
            synchronised,
            error_max_us,
            error_estimate_us: 20.0,
        }
    }

    #[test]
    fn only_a_clock_that_somebody_keeps_is_trusted() {
        // As timesyncd's before it looks again.
        let kept = clock(true, 1.05e6);
        assert!(Clock::check(Some(kept)).is_ok());
        assert_eq!(kept.error_seconds(), Some(1.05));
        let drifted = Clock::check(Some(clock(true, 5.1e6))).unwrap_err();
        let text = drifted.to_string();
        assert!(text.contains("5.100 s from its reference"), "{text}");
        assert_eq!(clock(false, 1500.0).error_seconds(), None);
        let unknown = [Some(clock(false, 1500.0)), None].map(|it| Clock::check(it).unwrap_err());
        for error in unknown.into_iter().chain([drifted]) {
            assert!(error.root_cause().is::<Unsure>());
            assert!(error.to_string().contains("--allow-unsynchronised-clock"));
        }
    }

    #[test]
    fn a_clock_that_can_be_off_by_an_interval_is_noted() {
        let interval = Duration::from_millis(78);
        assert_eq!(clock(true, 70e3).note(interval), None);
        assert_eq!(clock(false, 500e3).note(interval), None);
        let note = clock(true, 500e3).note(interval).unwrap();
        assert!(
            note.contains("0.500 s") && note.contains("0.078 s"),
            "{note}"
        );
    }
}
