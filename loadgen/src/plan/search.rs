//! The highest rate at which something holds, found by trying.

use super::limit::{Limit, Tried};

/// Where further tries are made, in turn: where the limit is below with these probabilities.
const LOOK_AT: [f64; 3] = [0.5, 0.2, 0.8];

/// What a try at a rate came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
    /// The objectives were met.
    Kept,
    /// They were not, or the server did not keep up.
    Missed,
    /// The client could not make this load.
    ClientLimit,
}

/// Where to look, and how closely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Search {
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// The rate that is found and the lowest one that was missed are as near as this, as a share.
    pub(crate) precision: f64,
    /// How often the rate that was found must be kept, of as many tries in a row.
    pub(crate) confirm: u32,
    /// How many further tries may be made until it is sure where the limit is, within the precision.
    pub(crate) repeat: u32,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The highest rate that was kept; `None` if not even the lowest was.
    pub(crate) kept: Option<f64>,
    /// The lowest rate that was tried above it and was not kept; `None` if all were.
    pub(crate) missed: Option<f64>,
    /// Whether that was the client's fault.
    pub(crate) is_client_limit: bool,
    /// How often the kept rate was tried, and how often it was kept.
    pub(crate) tries: u32,
    pub(crate) successes: u32,
    /// The rate of which half of the tries are kept, by all tries together; `None` if it is not in the range.
    pub(crate) limit: Option<Limit>,
}

impl Search {
    /// Doubles the rate until it is missed, halves the interval until it is narrow, then repeats what
    /// it has found; a rate that is missed on repetition is the new upper end. At last it tries near the
    /// limit until that is known well enough.
    pub(crate) fn run<E>(&self, attempt: impl FnMut(f64) -> Result<Try, E>) -> Result<Found, E> {
        let mut search = Searching {
            plan: *self,
            attempt,
            tries: Vec::new(),
            found: Found {
                kept: None,
                missed: None,
                is_client_limit: false,
                tries: 0,
                successes: 0,
                limit: None,
            },
        };
        search.bracket()?;
        loop {
            search.narrow()?;
            if search.found.kept.is_none() || search.confirm()? {
                break;
            }
        }
        search.look_closely()?;
        Ok(search.found)
    }
}

/// A search that is under way.
struct Searching<A> {
    plan: Search,
    attempt: A,
    tries: Vec<Tried>,
    found: Found,
}

impl<A, E> Searching<A>
where
    A: FnMut(f64) -> Result<Try, E>,
{
    fn attempt(&mut self, rate: f64) -> Result<Try, E> {
        let outcome = (self.attempt)(rate)?;
        // What the client could not do says nothing about the server.
        if outcome != Try::ClientLimit {
            let is_kept = outcome == Try::Kept;
            self.tries.push(Tried { rate, is_kept });
        }
        Ok(outcome)
    }

    /// Tries a rate that becomes one end of the interval or the other.
    fn divide(&mut self, rate: f64) -> Result<Try, E> {
        let outcome = self.attempt(rate)?;
        match outcome {
            Try::Kept => self.found.kept = Some(rate),
            _ => self.miss(rate, outcome),
        }
        Ok(outcome)
    }

    fn miss(&mut self, rate: f64, outcome: Try) {
        self.found.missed = Some(rate);
        self.found.is_client_limit = outcome == Try::ClientLimit;
    }

    fn bracket(&mut self) -> Result<(), E> {
        let mut rate = self.plan.from;
        while self.divide(rate)? == Try::Kept && rate < self.plan.to {
            rate = (rate * 2.0).min(self.plan.to);
        }
        Ok(())
    }

    fn narrow(&mut self) -> Result<(), E> {
        while let (Some(low), Some(high)) = (self.found.kept, self.found.missed)
            && high > low * (1.0 + self.plan.precision)
        {
            self.divide(f64::sqrt(low * high))?;
        }
        Ok(())
    }

    /// Whether the rate that was found is kept again and again.
    fn confirm(&mut self) -> Result<bool, E> {
        let Some(rate) = self.found.kept else {
            return Ok(false);
        };
        (self.found.tries, self.found.successes) = (0, 0);
        while self.found.tries < self.plan.confirm {
            let outcome = self.attempt(rate)?;
            self.found.tries += 1;
            if outcome != Try::Kept {
                // It was kept once by luck: look below.
                self.miss(rate, outcome);
                let lower = rate / (1.0 + self.plan.precision);
                self.found.kept = (lower >= self.plan.from).then_some(lower);
                return Ok(false);
            }
            self.found.successes += 1;
        }
        Ok(true)
    }

    /// Says how sure the limit is, after further tries if it is not sure enough.
    fn look_closely(&mut self) -> Result<(), E> {
        if self.found.kept.is_none() || self.found.is_client_limit {
            return Ok(());
        }
        self.found.limit = Limit::of(&self.tries);
        for index in 0..self.plan.repeat as usize {
            let Some(limit) = &self.found.limit else {
                return Ok(());
            };
            let (low, high) = limit.interval95();
            if high <= low * (1.0 + self.plan.precision) {
                return Ok(());
            }
            let rate = limit.quantile(LOOK_AT[index % LOOK_AT.len()]);
            self.attempt(rate.clamp(self.plan.from, self.plan.to))?;
            self.found.limit = Limit::of(&self.tries);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    const SEARCH: Search = Search {
        from: 1e3,
        to: 1e6,
        precision: 0.05,
        confirm: 3,
        repeat: 0,
    };

    fn find(attempt: impl FnMut(f64) -> Try) -> (Found, u32) {
        find_with(SEARCH, attempt)
    }

    fn find_with(search: Search, mut attempt: impl FnMut(f64) -> Try) -> (Found, u32) {
        let mut count = 0;
        let found = search.run(|rate| {
            count += 1;
            Ok::<_, Infallible>(attempt(rate))
        });
        (found.unwrap(), count)
    }

    #[test]
    fn a_sharp_limit_is_found_within_the_precision() {
        for limit in [1_500.0, 42_000.0, 999_000.0] {
            let (found, tries) = find(|rate| {
                if rate <= limit {
                    Try::Kept
                } else {
                    Try::Missed
                }
            });
            let kept = found.kept.unwrap();
            assert!(kept <= limit && limit < kept * 1.051, "{limit}: {found:?}");
            assert!(tries < 22, "{tries} tries");
        }
    }

    #[test]
    fn a_limit_out_of_range_is_said_to_be() {
        let (found, _) = find(|_| Try::Missed);
        assert_eq!((found.kept, found.missed), (None, Some(1e3)));
        let (found, _) = find(|_| Try::Kept);
        assert_eq!((found.kept, found.missed), (Some(1e6), None));
        let (found, _) = find(|rate| {
            if rate < 5e4 {
                Try::Kept
            } else {
                Try::ClientLimit
            }
        });
        assert!(found.is_client_limit);
    }

    #[test]
    fn what_was_kept_by_luck_is_not_kept() {
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            // Below 80k always, above 100k never, in between now and then.
            let (found, _) = find(|rate| {
                let luck = random.random_range(8e4..1e5);
                if rate < luck { Try::Kept } else { Try::Missed }
            });
            let kept = found.kept.unwrap();
            assert!((7e4..1e5).contains(&kept), "seed {seed}: {found:?}");
            assert_eq!((found.tries, found.successes), (3, 3));
        }
    }

    /// A server that keeps a rate with a chance that falls over some 20 % of the rate around 70k.
    #[test]
    fn the_limit_is_in_its_interval_about_as_often_as_is_said() {
        let search = Search {
            repeat: 24,
            ..SEARCH
        };
        let (mut held, mut widest) = (0, 0.0f64);
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let (found, _) = find_with(search, |rate| {
                let chance = 1.0 / (1.0 + ((rate / 70e3).ln() / 0.05).exp());
                if random.random_bool(chance) {
                    Try::Kept
                } else {
                    Try::Missed
                }
            });
            let limit = found.limit.unwrap();
            let (low, high) = limit.interval95();
            held += u32::from((low..=high).contains(&70e3));
            widest = widest.max(high / low);
        }
        assert!(held >= 16, "{held} of 20");
        assert!(
            widest < 1.6,
            "the widest interval spans a factor of {widest}"
        );
    }

    #[test]
    fn further_tries_end_when_the_limit_is_known() {
        let search = Search {
            repeat: 100,
            ..SEARCH
        };
        let sharp = |rate| {
            if rate <= 42e3 { Try::Kept } else { Try::Missed }
        };
        let (found, tries) = find_with(search, sharp);
        let (low, high) = found.limit.unwrap().interval95();
        assert!(
            low < 42e3 && 42e3 < high && high <= low * 1.05,
            "{low} to {high}"
        );
        assert!(tries < 60, "{tries}");
    }
}
