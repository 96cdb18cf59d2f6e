//! When calls are to be sent: decided before the first one, whatever the server does.
//!
//! An open loop has a [`Profile`], the rate over time, and a [`Process`], how calls fall within it.
//! The process gives points on an axis on which one call comes per unit; the profile says
//! at what time each point is reached. So each profile goes with each process.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use annulus::Time;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::args::values::{rate, show_rate};

/// Calls a second, over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Profile {
    Constant(f64),
    /// From one rate to the other, evenly, over the measured time.
    Ramp {
        from: f64,
        to: f64,
    },
    /// Each for an equal part of the measured time.
    Steps(Vec<f64>),
}

/// How calls fall within a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Process {
    /// Evenly spaced.
    #[default]
    Even,
    /// Independent of each other, as those of many unrelated clients: a Poisson process.
    Poisson,
    /// So many at once, then a pause.
    Bursts(u32),
}

/// The arrivals of an open loop.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arrivals {
    Rate {
        profile: Profile,
        process: Process,
    },
    /// At these times after the start, in nanoseconds, in order.
    Trace(Arc<[u64]>),
}

impl Arrivals {
    /// The mean rate over a measurement of this length.
    pub(crate) fn mean_rate(&self, length: Duration) -> f64 {
        match self {
            Arrivals::Rate { profile, .. } => match profile {
                Profile::Constant(rate) => *rate,
                Profile::Ramp { from, to } => (from + to) / 2.0,
                Profile::Steps(rates) => rates.iter().sum::<f64>() / rates.len() as f64,
            },
            Arrivals::Trace(offsets_ns) => offsets_ns.len() as f64 / length.as_secs_f64(),
        }
    }

    /// What is sent to warm up: the rate with which the measurement begins, in the same process.
    pub(crate) fn warm_up(&self, length: Duration) -> Arrivals {
        let (rate, process) = match self {
            Arrivals::Rate { profile, process } => {
                let first = match profile {
                    Profile::Constant(rate) | Profile::Ramp { from: rate, .. } => *rate,
                    Profile::Steps(rates) => rates[0],
                };
                (first, *process)
            }
            Arrivals::Trace(_) => (self.mean_rate(length), Process::Even),
        };
        Arrivals::Rate {
            profile: Profile::Constant(rate),
            process,
        }
    }
}

/// Which of several schedules, that together make the arrivals, one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) index: u32,
    pub(crate) of: u32,
}

/// The intended send times of one worker's part of the arrivals.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Time,
    length: Duration,
    arrivals: Arrivals,
    part: Part,
    random: StdRng,
    /// How many calls have been taken.
    taken: u64,
    /// Where a Poisson process has come to.
    point: f64,
    next: Option<Time>,
}

impl Schedule {
    /// From `start` on; `length` is what ramps and steps are laid over.
    pub(crate) fn new(
        arrivals: Arrivals,
        part: Part,
        start: Time,
        length: Duration,
        seed: u64,
    ) -> Self {
        let mut schedule = Schedule {
            start,
            length,
            arrivals,
            part,
            random: StdRng::seed_from_u64(seed),
            taken: 0,
            point: 0.0,
            next: None,
        };
        schedule.next = schedule.compute();
        schedule
    }

    /// The intended send time of the next call; `None` after the last call of a trace.
    pub(crate) fn next(&self) -> Option<Time> {
        self.next
    }

    /// Takes the next call if its time has come.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Time> {
        let intended = self.next.filter(|intended| *intended <= now)?;
        self.taken += 1;
        self.next = self.compute();
        Some(intended)
    }

    /// How many calls are due before `end` that were not taken. There will be no further ones.
    pub(crate) fn end_before(&mut self, end: Time) -> u64 {
        // Rounding can be off by one at most, so the closed form is corrected at its edge.
        if let Arrivals::Rate {
            profile: Profile::Constant(rate),
            process: Process::Even,
        } = &self.arrivals
        {
            let mine = rate / f64::from(self.part.of);
            let until = end.since(self.start).as_secs_f64() * mine;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the casts of a count that is not negative"
            )]
            let mut count = (until as u64).saturating_sub(1);
            while self.time_of(self.even_point(count)) < end {
                count += 1;
            }
            self.next = None;
            return count.saturating_sub(self.taken);
        }
        let taken = self.taken;
        while self.next.is_some_and(|next| next < end) {
            self.take_due(end);
        }
        self.next = None;
        self.taken - taken
    }

    /// The intended send time of the call of number `taken`. From the count, not by adding
    /// intervals, so that rounding does not drift.
    fn compute(&mut self) -> Option<Time> {
        let point = match &self.arrivals {
            Arrivals::Trace(offsets_ns) => {
                let mine = self.taken * u64::from(self.part.of) + u64::from(self.part.index);
                let offset_ns = offsets_ns.get(usize::try_from(mine).ok()?)?;
                return Some(self.start + Duration::from_nanos(*offset_ns));
            }
            Arrivals::Rate { process, .. } => match process {
                Process::Even => self.even_point(self.taken),
                Process::Poisson => {
                    // Each part is a Poisson process of its own; together they are one again.
                    let gap = -(1.0 - self.random.random::<f64>()).ln();
                    self.point += gap * f64::from(self.part.of);
                    self.point
                }
                Process::Bursts(len) => {
                    let burst = self.taken / u64::from(*len);
                    self.even_point(burst) * f64::from(*len)
                }
            },
        };
        Some(self.time_of(point))
    }

    /// The parts take turns, so that all calls together are evenly spaced.
    fn even_point(&self, count: u64) -> f64 {
        count as f64 * f64::from(self.part.of) + f64::from(self.part.index)
    }

    fn time_of(&self, point: f64) -> Time {
        let Arrivals::Rate { profile, .. } = &self.arrivals else {
            return self.start;
        };
        let seconds = seconds_until(profile, point, self.length.as_secs_f64());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times within a run are far below 2^53 ns, and not negative"
        )]
        let offset_ns = (seconds * 1e9) as u64;
        self.start + Duration::from_nanos(offset_ns)
    }
}

/// When so many calls have been due.
fn seconds_until(profile: &Profile, calls: f64, length: f64) -> f64 {
    match profile {
        Profile::Constant(rate) => calls / rate,
        Profile::Ramp { from, to } => {
            let whole = (from + to) / 2.0 * length;
            if calls >= whole {
                return length + (calls - whole) / to;
            }
            // The root of from·t + (to - from)/(2·length)·t² = calls, in a form without cancellation.
            let slope = (to - from) / length;
            2.0 * calls / (from + (from * from + 2.0 * slope * calls).max(0.0).sqrt())
        }
        Profile::Steps(rates) => {
            let each = length / rates.len() as f64;
            let mut left = calls;
            for (index, rate) in rates.iter().enumerate() {
                if left < rate * each || index + 1 == rates.len() {
                    return each * index as f64 + left / rate;
                }
                left -= rate * each;
            }
            length
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    /// `50k`, `10k..50k` (a ramp), `10k,20k,40k` (steps).
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((from, to)) = text.split_once("..") {
            let (from, to) = (rate(from)?, rate(to)?);
            return Ok(Profile::Ramp { from, to });
        }
        if text.contains(',') {
            return Ok(Profile::Steps(
                text.split(',').map(rate).collect::<Result<_, _>>()?,
            ));
        }
        Ok(Profile::Constant(rate(text)?))
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Profile::Constant(rate) => write!(f, "{} calls/s", show_rate(*rate)),
            Profile::Ramp { from, to } => {
                write!(f, "{} to {} calls/s", show_rate(*from), show_rate(*to))
            }
            Profile::Steps(rates) => {
                let rates: Vec<_> = rates.iter().map(|rate| show_rate(*rate)).collect();
                write!(f, "{} calls/s", rates.join(", "))
            }
        }
    }
}

impl FromStr for Process {
    type Err = String;

    /// `even`, `poisson`, `bursts:100`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "even" => Ok(Process::Even),
            None if text == "poisson" => Ok(Process::Poisson),
            Some(("bursts", len)) => match len.parse() {
                Ok(len @ 1..=1_000_000) => Ok(Process::Bursts(len)),
                _ => Err("a burst has 1 to 1000000 calls".to_owned()),
            },
            _ => Err("expected even, poisson or bursts:N".to_owned()),
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Process::Even => f.write_str("evenly spaced"),
            Process::Poisson => f.write_str("Poisson arrivals"),
            Process::Bursts(len) => write!(f, "in bursts of {len}"),
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arrivals::Rate { profile, process } => write!(f, "{profile}, {process}"),
            Arrivals::Trace(offsets_ns) => write!(f, "a trace of {} calls", offsets_ns.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Part = Part { index: 0, of: 1 };

    fn schedule(arrivals: Arrivals, part: Part, length: Duration) -> Schedule {
        Schedule::new(arrivals, part, Time::from_nanos(1_000), length, 5)
    }

    fn even(rate: f64) -> Arrivals {
        Arrivals::Rate {
            profile: Profile::Constant(rate),
            process: Process::Even,
        }
    }

    /// The intended times, in nanoseconds after the start.
    fn due(make: impl Fn() -> Schedule, until: Duration) -> Vec<u64> {
        let mut schedule = make();
        let (start, until) = (schedule.start, schedule.start + until);
        let due: Vec<_> = std::iter::from_fn(|| schedule.take_due(until))
            .map(|time| (time - start).as_nanos() as u64)
            .collect();
        let counted = make().end_before(until + Duration::from_nanos(1));
        assert_eq!(counted, due.len() as u64, "counting agrees with taking");
        due
    }

    #[test]
    fn calls_are_evenly_spaced_and_never_dropped_when_late() {
        let mut arrivals = schedule(even(3e6), WHOLE, Duration::ZERO);
        assert_eq!(arrivals.take_due(Time::from_nanos(999)), None);
        let late = Time::from_nanos(2_001);
        let due: Vec<_> = std::iter::from_fn(|| arrivals.take_due(late))
            .map(Time::as_nanos)
            .collect();
        assert_eq!(due, [1_000, 1_333, 1_666, 2_000]);
        assert_eq!(arrivals.next(), Some(Time::from_nanos(2_333)));
    }

    #[test]
    fn the_parts_of_several_workers_together_are_evenly_spaced() {
        let second = Duration::from_secs(1);
        let mut all: Vec<_> = (0..3)
            .flat_map(|index| {
                due(
                    || schedule(even(3000.0), Part { index, of: 3 }, second),
                    second,
                )
            })
            .collect();
        all.sort_unstable();
        assert!(
            all.windows(2)
                .all(|pair| (333_332..=333_335).contains(&(pair[1] - pair[0])))
        );
        assert_eq!(all.len(), 3001);
    }

    #[test]
    fn a_poisson_process_has_exponential_gaps() {
        let arrivals = Arrivals::Rate {
            profile: Profile::Constant(1e6),
            process: Process::Poisson,
        };
        let times = due(
            || schedule(arrivals.clone(), WHOLE, Duration::ZERO),
            Duration::from_millis(100),
        );
        let gaps: Vec<f64> = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64)
            .collect();
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        assert!((990.0..1010.0).contains(&mean), "mean gap {mean} ns");
        // The standard deviation of an exponential distribution is its mean.
        assert!(
            (0.98..1.02).contains(&(variance.sqrt() / mean)),
            "{variance}"
        );
        let long = gaps.iter().filter(|gap| **gap > 2000.0).count() as f64 / count;
        assert!(
            (long - (-2.0f64).exp()).abs() < 0.005,
            "P(gap > 2 means) = {long}"
        );
    }

    #[test]
    fn bursts_come_at_once_and_keep_the_rate() {
        let arrivals = Arrivals::Rate {
            profile: Profile::Constant(1000.0),
            process: Process::Bursts(4),
        };
        let times = due(
            || schedule(arrivals.clone(), WHOLE, Duration::ZERO),
            Duration::from_millis(10),
        );
        let ms = 1_000_000;
        assert_eq!(
            times,
            [
                0,
                0,
                0,
                0,
                4 * ms,
                4 * ms,
                4 * ms,
                4 * ms,
                8 * ms,
                8 * ms,
                8 * ms,
                8 * ms
            ]
        );
    }

    #[test]
    fn a_ramp_reaches_each_rate_at_its_time() {
        let arrivals = Arrivals::Rate {
            profile: Profile::Ramp {
                from: 1000.0,
                to: 3000.0,
            },
            process: Process::Even,
        };
        let length = Duration::from_secs(2);
        let times = due(|| schedule(arrivals.clone(), WHOLE, length), length);
        assert!((3_999..=4_001).contains(&times.len()), "{}", times.len());
        // After half of the time: 1000·1 + 1000/2·1² calls.
        let half = times.iter().filter(|time| **time < 1_000_000_000).count();
        assert!((1_499..=1_501).contains(&half), "{half}");
        assert!(times.is_sorted());
    }

    #[test]
    fn steps_last_equally_long() {
        let arrivals = Arrivals::Rate {
            profile: Profile::Steps(vec![100.0, 400.0]),
            process: Process::Even,
        };
        let length = Duration::from_secs(2);
        let times = due(
            || schedule(arrivals.clone(), WHOLE, length),
            Duration::from_secs_f64(2.5),
        );
        let within = |from: u64, to: u64| {
            times
                .iter()
                .filter(|time| (from..to).contains(time))
                .count()
        };
        assert_eq!(within(0, 1_000_000_000), 100);
        assert_eq!(within(1_000_000_000, 2_000_000_000), 400);
        assert_eq!(
            within(2_000_000_000, 2_500_000_000),
            200,
            "the last rate goes on"
        );
    }

    #[test]
    fn a_trace_is_dealt_out_and_ends() {
        let trace = Arrivals::Trace(Arc::from([0, 10, 20, 30, 40]));
        let far = Duration::from_secs(1);
        let parts: Vec<_> = (0..2)
            .map(|index| due(|| schedule(trace.clone(), Part { index, of: 2 }, far), far))
            .collect();
        assert_eq!(parts, [vec![0, 20, 40], vec![10, 30]]);
    }

    #[test]
    fn profiles_and_processes_are_read_as_they_are_written() {
        assert_eq!("50k".parse(), Ok(Profile::Constant(5e4)));
        assert_eq!("1k..2k".parse(), Ok(Profile::Ramp { from: 1e3, to: 2e3 }));
        assert_eq!("1k,2k".parse(), Ok(Profile::Steps(vec![1e3, 2e3])));
        assert_eq!("bursts:9".parse(), Ok(Process::Bursts(9)));
        for bad in ["0", "1k..", "1k,,2k"] {
            assert!(bad.parse::<Profile>().is_err(), "{bad}");
        }
        for bad in ["bursts", "bursts:0", "normal"] {
            assert!(bad.parse::<Process>().is_err(), "{bad}");
        }
    }
}
