//! The highest rate at which something holds, found by trying.

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
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
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
}

impl Search {
    /// Doubles the rate until it is missed, halves the interval until it is narrow, then repeats what
    /// it has found; a rate that is missed on repetition is the new upper end.
    pub(crate) fn run<E>(
        &self,
        mut attempt: impl FnMut(f64) -> Result<Try, E>,
    ) -> Result<Found, E> {
        let (mut kept, mut missed, mut is_client_limit) = (None, None, false);
        let mut rate = self.from;
        while rate <= self.to {
            match attempt(rate)? {
                Try::Kept => kept = Some(rate),
                outcome => {
                    missed = Some(rate);
                    is_client_limit = outcome == Try::ClientLimit;
                    break;
                }
            }
            if rate >= self.to {
                break;
            }
            rate = (rate * 2.0).min(self.to);
        }
        loop {
            while let (Some(low), Some(high)) = (kept, missed)
                && high > low * (1.0 + self.precision)
            {
                let middle = f64::sqrt(low * high);
                match attempt(middle)? {
                    Try::Kept => kept = Some(middle),
                    outcome => {
                        missed = Some(middle);
                        is_client_limit = outcome == Try::ClientLimit;
                    }
                }
            }
            let Some(rate) = kept else {
                return Ok(Found {
                    kept,
                    missed,
                    is_client_limit,
                    tries: 0,
                    successes: 0,
                });
            };
            let (mut tries, mut successes) = (0, 0);
            let mut outcome = Try::Kept;
            while tries < self.confirm && outcome == Try::Kept {
                outcome = attempt(rate)?;
                tries += 1;
                successes += u32::from(outcome == Try::Kept);
            }
            if successes == self.confirm {
                return Ok(Found {
                    kept,
                    missed,
                    is_client_limit,
                    tries,
                    successes,
                });
            }
            // It was kept once by luck: look below.
            missed = Some(rate);
            is_client_limit = outcome == Try::ClientLimit;
            let lower = rate / (1.0 + self.precision);
            kept = (lower >= self.from).then_some(lower);
        }
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
    };

    fn find(mut attempt: impl FnMut(f64) -> Try) -> (Found, u32) {
        let mut count = 0;
        let found = SEARCH.run(|rate| {
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
}
