//! A histogram without its empty buckets, packed: small enough to keep many.

use std::iter::Peekable;

use hdrhistogram::Histogram;

use super::histogram;

/// Values in nanoseconds, each standing for its bucket, with their counts, in order.
///
/// For each bucket two numbers of as many bytes as they need, seven bits in each: by how much the
/// value is more than the one before, and the count. Mostly that is four bytes for a bucket, where
/// two plain numbers are sixteen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latencies(Box<[u8]>);

impl Latencies {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let recorded = histogram.iter_recorded();
        recorded
            .map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
            .collect()
    }

    /// The histogram again.
    pub(crate) fn to_histogram(&self) -> Histogram<u64> {
        let mut histogram = histogram();
        for (value, count) in self.buckets() {
            histogram.saturating_record_n(value, count);
        }
        histogram
    }

    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let (mut bytes, mut value) = (&*self.0, 0);
        std::iter::from_fn(move || {
            value += unpack(&mut bytes)?;
            Some((value, unpack(&mut bytes)?))
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets().map(|(_, count)| count).sum()
    }

    /// The value below or at which this share of all lies; 0 if there are none.
    pub(crate) fn quantile(&self, quantile: f64) -> u64 {
        quantile_of(self.buckets(), self.count(), quantile)
    }

    pub(crate) fn mean(&self) -> f64 {
        let sum: f64 = (self.buckets())
            .map(|(value, count)| value as f64 * count as f64)
            .sum();
        sum / self.count().max(1) as f64
    }

    pub(crate) fn min(&self) -> u64 {
        self.buckets().next().map_or(0, |(value, _)| value)
    }

    pub(crate) fn max(&self) -> u64 {
        self.buckets().last().map_or(0, |(value, _)| value)
    }

    pub(crate) fn merge(&mut self, other: &Latencies) {
        let merged = Merged {
            left: self.buckets().peekable(),
            right: other.buckets().peekable(),
        };
        *self = merged.collect();
    }
}

impl FromIterator<(u64, u64)> for Latencies {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(buckets: I) -> Self {
        let (mut bytes, mut before) = (Vec::new(), 0);
        for (value, count) in buckets {
            pack(value - before, &mut bytes);
            pack(count, &mut bytes);
            before = value;
        }
        Latencies(bytes.into())
    }
}

/// The buckets of two histograms, in order.
struct Merged<L: Iterator, R: Iterator> {
    left: Peekable<L>,
    right: Peekable<R>,
}

impl<L, R> Iterator for Merged<L, R>
where
    L: Iterator<Item = (u64, u64)>,
    R: Iterator<Item = (u64, u64)>,
{
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        match (self.left.peek(), self.right.peek()) {
            (Some(&(a, count)), Some(&(b, more))) if a == b => {
                self.left.next();
                self.right.next();
                Some((a, count + more))
            }
            (Some(&(a, _)), Some(&(b, _))) if b < a => self.right.next(),
            (Some(_), _) => self.left.next(),
            (None, _) => self.right.next(),
        }
    }
}

/// Appends a number, its lowest seven bits first; each byte but the last has its highest bit set.
fn pack(mut number: u64, bytes: &mut Vec<u8>) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn unpack(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
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
    fn what_is_packed_comes_out_again() {
        let buckets = [(0, 1), (127, 128), (128, u64::MAX), (u64::MAX, 300)];
        let packed: Latencies = buckets.into_iter().collect();
        assert_eq!(packed.buckets().collect::<Vec<_>>(), buckets);
        assert_eq!((packed.min(), packed.max()), (0, u64::MAX));
    }

    /// The many intervals of a long run are kept so.
    #[test]
    fn a_bucket_takes_few_bytes() {
        let values: Vec<u64> = (0..5000).map(|index| 300_000 + index * 700).collect();
        let packed = latencies(&values);
        let buckets = packed.buckets().count();
        assert!(
            packed.0.len() <= 5 * buckets,
            "{} of {buckets}",
            packed.0.len()
        );
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
