//! What an experiment says.

use std::fmt;

use crate::compare::sample::{Sample, Samples, median};

/// A change below this is none, whatever the noise: at such sizes the machine's own drift shows.
const FLOOR: f64 = 0.02;

/// Into how many parts an experiment's rounds are split: what differs between them is its spread.
const PARTS: usize = 5;

/// The turns of one experiment, by round: without the setting, with it, and without it once more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    pub(crate) without: Samples,
    pub(crate) with: Samples,
    pub(crate) again: Samples,
}

/// Relative changes: 0.1 is a tenth more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// Of all rounds.
    pub(crate) median: f64,
    /// The least and the greatest of the medians of the parts.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// How the setting changed the calls a second, and how they change without it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effect {
    /// From without the setting to with it, in the same round.
    pub(crate) change: Change,
    /// From without it to without it.
    pub(crate) noise: Change,
    /// CPU time of a call, client and server together, as `change`.
    pub(crate) cpu: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    NoEffect,
    Faster,
    Slower,
}

impl Runs {
    pub(crate) fn effect(&self) -> Effect {
        let calls = |sample: &Sample| sample.calls_per_second;
        let cpu = |sample: &Sample| sample.client_cpu_us + sample.server_cpu_us;
        Effect {
            change: Change::between(&self.without, &self.with, calls),
            noise: Change::between(&self.without, &self.again, calls),
            cpu: Change::between(&self.without, &self.with, cpu),
        }
    }
}

impl Change {
    /// From each of the first to its partner among the second.
    fn between(before: &Samples, after: &Samples, of: impl Fn(&Sample) -> f64) -> Self {
        let pairs = before.0.iter().zip(&after.0);
        let changes: Vec<_> = pairs.map(|(one, two)| of(two) / of(one) - 1.0).collect();
        let part_len = changes.len().div_ceil(PARTS).max(1);
        let parts = changes.chunks(part_len).map(|part| median(part.to_vec()));
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = parts.fold(none, |(low, high), it| (low.min(it), high.max(it)));
        Change {
            median: median(changes),
            low,
            high,
        }
    }

    /// The largest of the changes, whichever its direction.
    fn most(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
}

impl Effect {
    /// There is an effect only if its median is more than all that happened without the setting,
    /// in either direction.
    pub(crate) fn verdict(&self) -> Verdict {
        let Change { median, .. } = self.change;
        let noise = self.noise.most().max(FLOOR);
        if median > noise {
            Verdict::Faster
        } else if median < -noise {
            Verdict::Slower
        } else {
            Verdict::NoEffect
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, low, high] = [self.median, self.low, self.high].map(|change| change * 100.0);
        write!(f, "{median:+.1} % ({low:+.1} to {high:+.1})")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::NoEffect => "no effect",
            Verdict::Faster => "**faster**",
            Verdict::Slower => "**slower**",
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::compare::sample::tests::samples;

    use super::*;

    fn effect(without: &[f64], with: &[f64], again: &[f64]) -> Effect {
        let runs = Runs {
            without: samples(without),
            with: samples(with),
            again: samples(again),
        };
        runs.effect()
    }

    #[test]
    fn what_lies_outside_the_noise_is_an_effect() {
        let (without, again) = ([1000.0, 1010.0, 990.0], [1010.0, 1000.0, 1000.0]);
        let faster = effect(&without, &[1100.0, 1111.0, 1089.0], &again);
        assert_eq!(faster.verdict(), Verdict::Faster);
        assert_eq!(faster.change.to_string(), "+10.0 % (+10.0 to +10.0)");
        let slower = effect(&without, &[900.0, 909.0, 891.0], &again);
        assert_eq!(slower.verdict(), Verdict::Slower);
    }

    #[test]
    fn what_lies_inside_it_is_none() {
        // The machine itself lost a fifth, so it may as well win one.
        let without = [1000.0, 1000.0, 1000.0];
        let noisy = effect(
            &without,
            &[1150.0, 1150.0, 1150.0],
            &[1000.0, 1000.0, 800.0],
        );
        assert!(noisy.change.median > 0.14 && noisy.noise.low < -0.19);
        assert_eq!(noisy.verdict(), Verdict::NoEffect);
        let small = effect(&without, &[1015.0, 1015.0, 1015.0], &without);
        assert_eq!(small.verdict(), Verdict::NoEffect);
    }

    #[test]
    fn one_bad_turn_of_a_part_changes_nothing() {
        let mut with = [1100.0; 25];
        with[7] = 10.0;
        let change = effect(&[1000.0; 25], &with, &[1000.0; 25]).change;
        assert!((change.low - 0.1).abs() < 1e-9 && (change.high - 0.1).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_is_no_effect() {
        assert_eq!(effect(&[], &[], &[]).verdict(), Verdict::NoEffect);
    }
}
