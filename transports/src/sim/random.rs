//! The simulation's only source of chance: small, fast, and the same on every machine.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1; 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits, as many as the mantissa holds.
        ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// A duration between both bounds, which may be equal.
    pub(super) fn duration(&mut self, min: Duration, max: Duration) -> Duration {
        let span = max.saturating_sub(min).as_nanos() as u64;
        min + Duration::from_nanos(self.below(span.saturating_add(1)))
    }

    /// How much of `max` is moved at a time: all of it, one byte, or anything between.
    pub(super) fn piece(&mut self, max: usize, tear: f64) -> usize {
        if max <= 1 || !self.chance(tear) {
            max
        } else if self.chance(0.25) {
            1
        } else {
            1 + self.below(max as u64) as usize
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_sequence() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        let ones: Vec<u64> = (0..8).map(|_| one.next()).collect();
        let others: Vec<u64> = (0..8).map(|_| other.next()).collect();
        assert_eq!(ones, others);
        assert_ne!(ones[0], Random::new(8).next());
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(1);
        assert_eq!(random.below(0), 0);
        for _ in 0..1000 {
            assert!(random.below(3) < 3);
            assert!((1..=10).contains(&random.piece(10, 1.0)));
            assert!(!random.chance(0.0));
            assert!(random.chance(1.0));
            let micros = Duration::from_micros;
            let latency = random.duration(micros(5), micros(6));
            assert!((micros(5)..=micros(6)).contains(&latency));
        }
        assert_eq!(
            random.duration(Duration::ZERO, Duration::ZERO),
            Duration::ZERO
        );
    }

    #[test]
    fn a_probability_is_met() {
        let mut random = Random::new(3);
        let hits = (0..10_000).filter(|_| random.chance(0.2)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
    }
}
