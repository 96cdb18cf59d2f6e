//! A histogram without its empty buckets: small enough to keep many.

use hdrhistogram::Histogram;

use super::histogram;

/// Values in nanoseconds, each standing for its bucket, with their counts, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latencies(Vec<(u64, u64)>);

impl Latencies {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let recorded = histogram.iter_recorded();
        Latencies(
            recorded
                .map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
                .collect(),
        )
    }

    /// The histogram again.
    pub(crate) fn to_histogram(&self) -> Histogram<u64> {
        let mut histogram = histogram();
        for &(value, count) in &self.0 {
            histogram.saturating_record_n(value, count);
        }
        histogram
    }

    pub(crate) fn buckets(&self) -> &[(u64, u64)] {
        &self.0
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The value below or at which this share of all lies; 0 if there are none.
    pub(crate) fn quantile(&self, quantile: f64) -> u64 {
        quantile_of(self.0.iter().copied(), self.count(), quantile)
    }

    pub(crate) fn mean(&self) -> f64 {
        let sum: f64 = (self.0.iter())
            .map(|&(value, count)| value as f64 * count as f64)
            .sum();
        sum / self.count().max(1) as f64
    }

    pub(crate) fn max(&self) -> u64 {
        self.0.last().map_or(0, |(value, _)| *value)
    }

    pub(crate) fn merge(&mut self, other: &Latencies) {
        let mut merged = Vec::with_capacity(self.0.len().max(other.0.len()));
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            merged.push(match (left.peek(), right.peek()) {
                (Some(&&(a, count)), Some(&&(b, more))) if a == b => {
                    left.next();
                    right.next();
                    (a, count + more)
                }
                (Some(&&bucket), other) if other.is_none_or(|other| bucket.0 < other.0) => {
                    left.next();
                    bucket
                }
                (_, Some(&&bucket)) => {
                    right.next();
                    bucket
                }
                (_, None) => break,
            });
        }
        self.0 = merged;
    }
}

/// The value at a quantile of buckets that are in order and hold `total`.
pub(crate) fn quantile_of(
    buckets: impl Iterator<Item = (u64, u64)>,
    total: u64,
    quantile: f64,
) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is not negative, and at most the total"
    )]
    let rank = ((quantile * total as f64).ceil() as u64).clamp(1, total.max(1));
    let mut seen = 0;
    let mut last = 0;
    for (value, count) in buckets {
        seen += count;
        last = value;
        if seen >= rank {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(values: &[u64]) -> Latencies {
        let mut histogram = histogram();
        for value in values {
            histogram.record(*value).unwrap();
        }
        Latencies::of(&histogram)
    }

    #[test]
    fn merging_is_what_recording_all_in_one_is() {
        let (left, right) = ([5, 5, 90, 10_000_000], [1, 5, 91, 3_600_000_000_000]);
        let mut merged = latencies(&left);
        merged.merge(&latencies(&right));
        assert_eq!(merged, latencies(&[left, right].concat()));
        assert_eq!(merged.count(), 8);
        assert_eq!(Latencies::of(&merged.to_histogram()), merged);
    }

    #[test]
    fn quantiles_are_those_of_the_histogram() {
        let values: Vec<u64> = (1..=1000).map(|value| value * value).collect();
        let mut whole = histogram();
        for value in &values {
            whole.record(*value).unwrap();
        }
        let sparse = latencies(&values);
        for quantile in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
            assert_eq!(
                sparse.quantile(quantile),
                whole.value_at_quantile(quantile),
                "{quantile}"
            );
        }
        assert_eq!(latencies(&[]).quantile(0.5), 0);
    }
}
