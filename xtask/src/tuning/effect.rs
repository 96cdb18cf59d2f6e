//! What an experiment says.

use std::fmt;

use crate::compare::sample::{Sample, Samples, median};

/// A change below this is none, whatever the noise: at such sizes the machine's own drift shows.
const FLOOR: f64 = 0.02;

/// The runs of one experiment in their order: A B A B … A.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    /// As things are.
    pub(crate) without: Samples,
    /// With the setting: each between two of those without it.
    pub(crate) with: Samples,
}

/// Relative changes: 0.1 is a tenth more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// How the setting changed the calls a second, and how they change without it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effect {
    /// Of each run with the setting against the one before it.
    pub(crate) change: Change,
    /// Of each run without it against the last such run.
    pub(crate) noise: Change,
    /// CPU time of a call, client and server together, likewise.
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
        let (without, with) = (&self.without.0, &self.with.0);
        let again = without.get(1..).unwrap_or_default();
        Effect {
            change: Change::between(without, with, calls),
            noise: Change::between(without, again, calls),
            cpu: Change::between(without, with, cpu),
        }
    }
}

impl Change {
    /// From each of the first to its partner among the second.
    fn between(before: &[Sample], after: &[Sample], of: impl Fn(&Sample) -> f64) -> Self {
        let pairs = before.iter().zip(after);
        let changes: Vec<_> = pairs.map(|(one, two)| of(two) / of(one) - 1.0).collect();
        Change {
            low: changes.iter().copied().fold(f64::INFINITY, f64::min),
            high: changes.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            median: median(changes),
        }
    }
}

impl Effect {
    /// There is an effect only if its median lies outside all that happened without the setting.
    pub(crate) fn verdict(&self) -> Verdict {
        let Change { median, .. } = self.change;
        let is_noise = self.noise.low <= median && median <= self.noise.high;
        match median {
            _ if is_noise || median.is_nan() || median.abs() < FLOOR => Verdict::NoEffect,
            ..0.0 => Verdict::Slower,
            _ => Verdict::Faster,
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

    fn effect(without: &[f64], with: &[f64]) -> Effect {
        let runs = Runs {
            without: samples(without),
            with: samples(with),
        };
        runs.effect()
    }

    #[test]
    fn what_lies_outside_the_noise_is_an_effect() {
        let without = [1000.0, 1010.0, 990.0, 1000.0];
        let faster = effect(&without, &[1100.0, 1111.0, 1089.0]);
        assert_eq!(faster.verdict(), Verdict::Faster);
        assert_eq!(faster.change.to_string(), "+10.0 % (+10.0 to +10.0)");
        let slower = effect(&without, &[900.0, 909.0, 891.0]);
        assert_eq!(slower.verdict(), Verdict::Slower);
    }

    #[test]
    fn what_lies_inside_it_is_none() {
        // The machine itself lost a fifth and won it again.
        let noisy = effect(&[1000.0, 800.0, 1000.0, 900.0], &[1100.0, 880.0, 1100.0]);
        assert!(noisy.change.median > 0.09 && noisy.noise.high > 0.2);
        assert_eq!(noisy.verdict(), Verdict::NoEffect);
        let small = effect(&[1000.0, 1000.0], &[1015.0]);
        assert_eq!(small.verdict(), Verdict::NoEffect);
    }

    #[test]
    fn nothing_measured_is_no_effect() {
        assert_eq!(effect(&[], &[]).verdict(), Verdict::NoEffect);
    }
}
