//! A measurement over time, in bounded memory.

use std::time::Duration;

use super::errors::Failures;
use super::interval::{Counts, Interval};
use super::latencies::Latencies;

/// How many points a series has at most. When it would have more, it joins its points in pairs.
const POINTS_MAX: usize = 256;

/// What happened in one stretch of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Point {
    /// After the start of the measurement.
    pub(crate) start: Duration,
    pub(crate) length: Duration,
    pub(crate) counts: Counts,
    pub(crate) failures: Failures,
    pub(crate) response: Latencies,
    pub(crate) service: Latencies,
}

impl Point {
    pub(crate) fn of(start: Duration, length: Duration, interval: &Interval) -> Self {
        Point {
            start,
            length,
            counts: interval.counts,
            failures: interval.failures.clone(),
            response: Latencies::of(&interval.response),
            service: Latencies::of(&interval.service),
        }
    }

    /// Calls that ended well, a second.
    pub(crate) fn rate(&self) -> f64 {
        self.counts.completed as f64 / self.length.as_secs_f64()
    }

    fn join(&mut self, next: &Point) {
        self.length += next.length;
        self.counts.merge(&next.counts);
        self.failures.merge(&next.failures);
        self.response.merge(&next.response);
        self.service.merge(&next.service);
    }
}

/// Points in order, without gaps.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    points: Vec<Point>,
    /// How many intervals make a point by now.
    intervals_per_point: u32,
    /// How many of those the last point has.
    last_has: u32,
}

impl Series {
    pub(crate) fn new() -> Self {
        Series {
            points: Vec::new(),
            intervals_per_point: 1,
            last_has: 0,
        }
    }

    /// Adds the next interval.
    pub(crate) fn push(&mut self, point: Point) {
        if self.last_has < self.intervals_per_point
            && let Some(last) = self.points.last_mut()
        {
            last.join(&point);
            self.last_has += 1;
            return;
        }
        if self.points.len() == POINTS_MAX {
            self.join_pairs();
        }
        self.points.push(point);
        self.last_has = 1;
    }

    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    fn join_pairs(&mut self) {
        let mut joined: Vec<Point> = Vec::with_capacity(POINTS_MAX);
        for (index, point) in self.points.drain(..).enumerate() {
            match joined.last_mut() {
                Some(last) if index % 2 == 1 => last.join(&point),
                _ => joined.push(point),
            }
        }
        self.points = joined;
        self.intervals_per_point *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_stays_small_and_loses_nothing() {
        let mut series = Series::new();
        let mut interval = Interval::new();
        interval.counts.completed = 3;
        interval.record(Duration::from_micros(5), Duration::from_micros(4));
        let length = Duration::from_secs(1);
        for index in 0..10_000 {
            series.push(Point::of(length * index, length, &interval));
        }
        let points = series.points();
        assert!(points.len() <= POINTS_MAX);
        let sum: u64 = points.iter().map(|point| point.response.count()).sum();
        assert_eq!(sum, 10_000);
        let end = points.iter().fold(Duration::ZERO, |end, point| {
            assert_eq!(point.start, end, "no gap");
            assert!((point.rate() - 3.0).abs() < 1e-9);
            end + point.length
        });
        assert_eq!(end, length * 10_000);
    }
}
