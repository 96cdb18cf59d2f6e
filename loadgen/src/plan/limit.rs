//! Where the highest rate that keeps an objective lies, and how sure that is.
//!
//! Whether a try is kept is a matter of chance near the limit: the chance falls with the rate as a logistic
//! function of its logarithm does, from one to zero, and is one half at the limit. How steeply it falls is as
//! unknown as the limit itself, and now and then a try goes wrong for a reason that has nothing to do with
//! the rate. All limits and all steepnesses are taken for equally likely before the first try; the tries say how
//! likely each is after them (Bayes), wherever they were made, so each can be made where it tells the most.

/// A share of tries goes wrong, or well, for other reasons than the rate.
const LAPSES: f64 = 0.02;

/// The limit is looked for between the highest kept and the lowest missed rate, and so far beyond both.
const MARGIN: f64 = 2.0;

/// How finely.
const CELLS: usize = 400;

/// How slowly the chance can fall: over so much of the rate on either side of the limit it goes to 27 %, or
/// to 73 %. From what is nearly a step to a slope of a third.
const SPREADS: [f64; 12] = [
    0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3,
];

/// A try at a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tried {
    pub(crate) rate: f64,
    pub(crate) is_kept: bool,
}

/// How likely the limit is at each rate.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// Logarithms, evenly spaced.
    rates: Vec<f64>,
    /// As long, with a sum of 1.
    chances: Vec<f64>,
}

impl Limit {
    /// What these tries say; `None` unless some were kept and some were missed.
    pub(crate) fn of(tries: &[Tried]) -> Option<Self> {
        let has = |is_kept| tries.iter().any(|tried| tried.is_kept == is_kept);
        if !(has(true) && has(false)) {
            return None;
        }
        let kept = tries.iter().filter(|tried| tried.is_kept);
        let missed = tries.iter().filter(|tried| !tried.is_kept);
        let highest_kept = kept.map(|tried| tried.rate.ln()).fold(f64::MIN, f64::max);
        let lowest_missed = missed.map(|tried| tried.rate.ln()).fold(f64::MAX, f64::min);
        let low = highest_kept.min(lowest_missed) - MARGIN.ln();
        let high = highest_kept.max(lowest_missed) + MARGIN.ln();
        let step = (high - low) / (CELLS - 1) as f64;
        let rates: Vec<f64> = (0..CELLS).map(|cell| low + step * cell as f64).collect();
        let likelihoods: Vec<Vec<f64>> = (rates.iter())
            .map(|&limit| {
                let spreads = SPREADS.iter();
                spreads
                    .map(|&spread| log_likelihood(tries, limit, spread))
                    .collect()
            })
            .collect();
        // Relative to the largest, so that none but the hopeless ones vanish.
        let largest = likelihoods
            .iter()
            .flatten()
            .copied()
            .fold(f64::MIN, f64::max);
        let weights: Vec<f64> = (likelihoods.iter())
            .map(|cell| cell.iter().map(|it| (it - largest).exp()).sum())
            .collect();
        let sum: f64 = weights.iter().sum();
        Some(Limit {
            rates,
            chances: weights.into_iter().map(|weight| weight / sum).collect(),
        })
    }

    /// The rate below which the limit lies with this probability.
    pub(crate) fn quantile(&self, probability: f64) -> f64 {
        let mut sum = 0.0;
        let mut cells = self.rates.iter().zip(&self.chances);
        let cell = cells.find(|(_, chance)| {
            sum += *chance;
            sum >= probability
        });
        let last = self.rates.last().copied().unwrap_or_default();
        cell.map_or(last, |(rate, _)| *rate).exp()
    }

    /// Where it lies with 95 % probability.
    pub(crate) fn interval95(&self) -> (f64, f64) {
        (self.quantile(0.025), self.quantile(0.975))
    }
}

fn log_likelihood(tries: &[Tried], limit: f64, spread: f64) -> f64 {
    let of_one = |tried: &Tried| {
        let kept = 1.0 / (1.0 + ((tried.rate.ln() - limit) / spread).exp());
        let kept = LAPSES / 2.0 + (1.0 - LAPSES) * kept;
        if tried.is_kept { kept } else { 1.0 - kept }.ln()
    };
    tries.iter().map(of_one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(rate: f64, is_kept: bool) -> Tried {
        Tried { rate, is_kept }
    }

    #[test]
    fn the_limit_lies_between_what_is_kept_and_what_is_missed() {
        let tries: Vec<_> = (0..6)
            .flat_map(|_| [tried(99e3, true), tried(101e3, false)])
            .collect();
        let limit = Limit::of(&tries).unwrap();
        let (low, high) = limit.interval95();
        assert!(
            97e3 < low && low < 100e3 && 100e3 < high && high < 103e3,
            "{low} {high}"
        );
        assert!((limit.quantile(0.5) / 100e3 - 1.0).abs() < 0.005);
        assert!(Limit::of(&tries[..1]).is_none());
    }

    #[test]
    fn one_freak_does_not_move_it_far() {
        let mut tries: Vec<_> = (0..6)
            .flat_map(|_| [tried(99e3, true), tried(101e3, false)])
            .collect();
        tries.push(tried(20e3, false));
        let (low, high) = Limit::of(&tries).unwrap().interval95();
        assert!(95e3 < low && high < 105e3, "{low} {high}");
    }

    #[test]
    fn few_tries_leave_it_open() {
        let few = Limit::of(&[tried(50e3, true), tried(100e3, false)]).unwrap();
        let (low, high) = few.interval95();
        assert!(low < 60e3 && high > 90e3, "{low} {high}");
    }
}
