//! How sure a percentile is.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::record::latencies::{Latencies, quantile_of};

/// The percentiles that reports have.
pub(crate) const QUANTILES: [f64; 6] = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];

/// A percentile says little if fewer calls than this were slower.
const SLOWER_MIN: f64 = 10.0;

/// Adjacent stretches of time are joined to at most so many blocks, which are then nearly
/// independent of each other.
const BLOCKS_MAX: usize = 32;

/// With fewer blocks there is no interval.
const BLOCKS_MIN: usize = 8;

/// How often blocks are drawn anew.
pub(crate) const ROUNDS: usize = 400;

/// Of so many sorted values, those between which 95 % lie.
pub(crate) const EDGES: [usize; 2] = [ROUNDS / 40, ROUNDS - 1 - ROUNDS / 40];

/// The same blocks give the same interval each time.
pub(crate) const SEED: u64 = 0x5eed;

/// A value and the interval in which it lies with 95 % confidence, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval95 {
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// Whether so many samples can tell this quantile.
pub(crate) fn can_tell(count: u64, quantile: f64) -> bool {
    // 1 - 0.999 is a little more than 0.001.
    count as f64 * (1.0 - quantile) >= SLOWER_MIN * (1.0 - 1e-9)
}

/// Stretches of time in which calls ended, joined to blocks of equal length, of one run or several.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    /// The values of all blocks, in order.
    values: Vec<u64>,
    /// Of each block: indices of `values`, and counts.
    blocks: Vec<Vec<(u32, u64)>>,
    /// Which blocks are those of one run.
    runs: Vec<Range<usize>>,
}

impl Blocks {
    /// The blocks of one run.
    pub(crate) fn new<'l>(stretches: impl ExactSizeIterator<Item = &'l Latencies>) -> Self {
        Blocks::of_runs([stretches])
    }

    /// The blocks of several runs.
    pub(crate) fn of_runs<'l, S>(runs: impl IntoIterator<Item = S>) -> Self
    where
        S: ExactSizeIterator<Item = &'l Latencies>,
    {
        let mut joined: Vec<Latencies> = Vec::new();
        let mut ranges = Vec::new();
        for stretches in runs {
            let first = joined.len();
            let per_block = stretches.len().div_ceil(BLOCKS_MAX).max(1);
            for (index, stretch) in stretches.enumerate() {
                match joined.last_mut() {
                    Some(last) if index % per_block != 0 => last.merge(stretch),
                    _ => joined.push(stretch.clone()),
                }
            }
            ranges.push(first..joined.len());
        }
        let mut whole = Latencies::default();
        joined.iter().for_each(|block| whole.merge(block));
        let values: Vec<u64> = whole.buckets().map(|(value, _)| value).collect();
        let index = |value| values.binary_search(&value).unwrap_or_default();
        let blocks = joined.iter().map(|block| {
            let buckets = block.buckets();
            buckets
                .map(|(value, count)| (u32::try_from(index(value)).unwrap_or(u32::MAX), count))
                .collect()
        });
        Blocks {
            blocks: blocks.collect(),
            values,
            runs: ranges,
        }
    }

    /// Whether there are enough to say how sure something is.
    pub(crate) fn suffice(&self) -> bool {
        self.blocks.len() >= BLOCKS_MIN
    }

    /// The quantiles of blocks that are drawn with replacement, as many as there are: first runs,
    /// then blocks of theirs.
    pub(crate) fn draw(&self, quantiles: &[f64], random: &mut StdRng) -> Vec<u64> {
        let mut drawn = Vec::with_capacity(self.blocks.len());
        for _ in &self.runs {
            let run = &self.runs[random.random_range(0..self.runs.len())];
            drawn.extend((0..run.len()).map(|_| random.random_range(run.clone())));
        }
        self.quantiles(drawn.into_iter(), quantiles)
    }

    /// The quantiles of two parts of the same: of two different runs, or, if there is only one, of
    /// its blocks dealt out by chance. What differs between them is noise.
    pub(crate) fn split(&self, quantiles: &[f64], random: &mut StdRng) -> [Vec<u64>; 2] {
        let count = self.runs.len();
        if count > 1 {
            let first = random.random_range(0..count);
            let second = (first + random.random_range(1..count)) % count;
            return [first, second].map(|run| self.quantiles(self.runs[run].clone(), quantiles));
        }
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        order.shuffle(random);
        let (first, second) = order.split_at(order.len() / 2);
        [first, second].map(|half| self.quantiles(half.iter().copied(), quantiles))
    }

    /// The quantiles of each run.
    pub(crate) fn of_each_run(&self, quantiles: &[f64]) -> Vec<Vec<u64>> {
        let runs = self.runs.iter();
        runs.map(|run| self.quantiles(run.clone(), quantiles))
            .collect()
    }

    /// The quantiles of all.
    pub(crate) fn of_all(&self, quantiles: &[f64]) -> Vec<u64> {
        self.quantiles(0..self.blocks.len(), quantiles)
    }

    /// The quantiles of these blocks together.
    fn quantiles(&self, chosen: impl Iterator<Item = usize>, quantiles: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; self.values.len()];
        let mut total = 0;
        for block in chosen {
            for &(index, count) in &self.blocks[block] {
                counts[index as usize] += count;
                total += count;
            }
        }
        let at = |quantile| {
            let buckets = self.values.iter().copied().zip(counts.iter().copied());
            quantile_of(buckets.filter(|(_, count)| *count > 0), total, quantile)
        };
        quantiles.iter().map(|quantile| at(*quantile)).collect()
    }

    /// The confidence interval of each quantile, by a block bootstrap; `None` if there are
    /// too few blocks.
    pub(crate) fn confidence(&self, quantiles: &[f64]) -> Option<Vec<Interval95>> {
        if !self.suffice() {
            return None;
        }
        let mut random = StdRng::seed_from_u64(SEED);
        let rounds: Vec<_> = (0..ROUNDS)
            .map(|_| self.draw(quantiles, &mut random))
            .collect();
        let intervals = (0..quantiles.len()).map(|index| {
            let mut values: Vec<_> = rounds.iter().map(|round| round[index]).collect();
            values.sort_unstable();
            let [low, high] = EDGES.map(|edge| values[edge]);
            Interval95 { low, high }
        });
        Some(intervals.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram;

    /// Exponentially distributed latencies with a mean of 100 µs.
    fn stretches(count: usize, calls: usize, random: &mut StdRng) -> Vec<Latencies> {
        let stretch = |random: &mut StdRng| {
            let mut histogram = histogram();
            for _ in 0..calls {
                let value = -(1.0 - random.random::<f64>()).ln() * 100_000.0;
                histogram.saturating_record(value as u64);
            }
            Latencies::of(&histogram)
        };
        (0..count).map(|_| stretch(random)).collect()
    }

    #[test]
    fn nine_of_ten_intervals_hold_the_true_percentile() {
        let true_p90 = 100_000.0 * 10f64.ln();
        let mut held = 0;
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let stretches = stretches(40, 100, &mut random);
            let confidence = Blocks::new(stretches.iter()).confidence(&[0.9]).unwrap();
            let Interval95 { low, high } = confidence[0];
            assert!(
                low <= high && high < 400_000,
                "seed {seed}: {low} to {high}"
            );
            held += usize::from((low as f64..=high as f64).contains(&true_p90));
        }
        // 95 % in theory; a bootstrap of twenty blocks is a little too sure of itself.
        assert!((16..=20).contains(&held), "{held} of 20");
    }

    #[test]
    fn blocks_hold_what_their_stretches_held() {
        let mut random = StdRng::seed_from_u64(1);
        let stretches = stretches(100, 50, &mut random);
        let mut whole = Latencies::default();
        stretches.iter().for_each(|stretch| whole.merge(stretch));
        let blocks = Blocks::new(stretches.iter());
        assert!(blocks.blocks.len() <= BLOCKS_MAX && blocks.suffice());
        let all = blocks.of_all(&QUANTILES);
        for (quantile, value) in QUANTILES.into_iter().zip(all) {
            assert_eq!(value, whole.quantile(quantile));
        }
    }

    #[test]
    fn too_little_is_said_to_be_too_little() {
        let few = vec![Latencies::default(); 3];
        assert_eq!(Blocks::new(few.iter()).confidence(&[0.5]), None);
        assert!(can_tell(10_000, 0.999));
        assert!(!can_tell(9_999, 0.999));
        assert!(can_tell(20, 0.5));
    }
}
