//! When a system has warmed up.

use std::time::Duration;

use serde::Serialize;

use crate::record::series::Point;

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarmUp {
    /// For a fixed time.
    Fixed(Duration),
    /// Until rate and latency no longer change, but not longer than this.
    UntilSteady { max: Duration },
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct WarmedUp {
    pub(crate) seconds: f64,
    /// Whether rate and latency had stopped changing; `null` if nobody asked.
    pub(crate) steady: Option<bool>,
}

/// Of how long each point is that steadiness is judged by.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// How many points are looked at, the last ones.
pub(crate) const WINDOW: usize = 20;

/// A drift over the window smaller than this is no drift, whatever statistics say.
const DRIFT_MIN: f64 = 0.03;

/// A slope this many standard errors from zero is a drift: about one in a hundred windows without a
/// drift looks like one.
const STANDARD_ERRORS: f64 = 2.9;

impl WarmUp {
    pub(crate) fn longest(self) -> Duration {
        match self {
            WarmUp::Fixed(time) | WarmUp::UntilSteady { max: time } => time,
        }
    }

    /// Whether the measurement can begin before the longest time is over.
    pub(crate) fn is_over(self, points: &[Point]) -> bool {
        matches!(self, WarmUp::UntilSteady { .. }) && is_steady(points)
    }
}

/// Whether neither the rate nor the median latency drifts over the last points.
fn is_steady(points: &[Point]) -> bool {
    let Some(window) = points.len().checked_sub(WINDOW).map(|from| &points[from..]) else {
        return false;
    };
    let rates: Vec<f64> = window.iter().map(Point::rate).collect();
    let medians: Vec<f64> = window
        .iter()
        .map(|point| point.response.quantile(0.5) as f64)
        .collect();
    !drifts(&rates) && !drifts(&medians)
}

/// Whether a line through the values rises or falls.
fn drifts(values: &[f64]) -> bool {
    let count = values.len() as f64;
    let (mean_x, mean_y) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let deviations = || {
        values
            .iter()
            .enumerate()
            .map(|(x, y)| (x as f64 - mean_x, y - mean_y))
    };
    let square_x: f64 = deviations().map(|(x, _)| x * x).sum();
    let slope = deviations().map(|(x, y)| x * y).sum::<f64>() / square_x;
    let residual: f64 = deviations().map(|(x, y)| (y - slope * x).powi(2)).sum();
    let standard_error = (residual / (count - 2.0) / square_x).sqrt();
    let drift = slope.abs() * (count - 1.0);
    drift > DRIFT_MIN * mean_y.abs() && slope.abs() > STANDARD_ERRORS * standard_error
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn noise(count: usize, seed: u64) -> Vec<f64> {
        let mut random = StdRng::seed_from_u64(seed);
        (0..count)
            .map(|_| random.random_range(-10.0..10.0))
            .collect()
    }

    #[test]
    fn noise_is_no_drift_and_a_warming_cache_is_one() {
        let seeds = 0..100;
        let false_alarms = seeds
            .clone()
            .filter(|seed| {
                drifts(
                    &noise(WINDOW, *seed)
                        .iter()
                        .map(|noise| 100.0 + noise)
                        .collect::<Vec<_>>(),
                )
            })
            .count();
        assert!(false_alarms <= 5, "{false_alarms} of 100");
        let missed = seeds
            .filter(|seed| {
                let values = noise(WINDOW, *seed);
                let warming = values
                    .iter()
                    .enumerate()
                    .map(|(x, noise)| 100.0 + 3.0 * x as f64 + noise);
                !drifts(&warming.collect::<Vec<_>>())
            })
            .count();
        assert!(missed <= 5, "{missed} of 100");
    }

    #[test]
    fn nothing_is_steady_before_there_is_enough_to_see() {
        let points = vec![Point::default(); WINDOW - 1];
        assert!(!is_steady(&points));
        assert!(!WarmUp::Fixed(INTERVAL).is_over(&points));
    }

    #[test]
    fn a_constant_is_steady() {
        assert!(!drifts(&[5.0; WINDOW]));
        assert!(!drifts(&[0.0; WINDOW]));
    }
}
