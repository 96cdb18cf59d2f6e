//! Which core gives connections away, and to which: the policy alone.
//!
//! A core that has more than 5/4 of the connections of the one with the fewest gives that one a
//! sixteenth of the difference, at least one, those that have been quiet for the longest time; but
//! none of those that it would have if all had as many, for others have more to give. If
//! connections are even, a core that has more than 5/4 of the calls of the one with the fewest
//! gives it one connection: the one whose own calls come nearest to half the difference. Either
//! gift leaves the giver with no less than the taker has then, so nothing wanders back.

/// What one core carries, as all cores see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Connections of servers, those on their way to it included.
    pub(super) connections: usize,
    /// Calls that have come in since the last look.
    pub(super) calls: u64,
}

/// What a core has too much of, and who has the least of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surplus {
    /// Connections: so many are to go.
    Connections { to: usize, count: usize },
    /// Calls: so many more than the other has.
    Calls { to: usize, difference: u64 },
}

/// Most connections that one step gives away.
const COUNT_MAX: usize = 64;

/// Smaller differences in calls are chance.
const CALLS_DIFFERENCE_MIN: u64 = 32;

/// Whether `more` is out of balance with `less`.
const fn exceeds(more: u64, less: u64) -> bool {
    more.saturating_mul(4) > less.saturating_mul(5)
}

/// By how many connections a core has more than another, if that is out of balance, and if giving
/// one away would not just turn it around.
fn excess(more: Load, less: Load) -> Option<usize> {
    let difference = more.connections.checked_sub(less.connections)?;
    let is_out = exceeds(more.connections as u64, less.connections as u64);
    (difference >= 2 && is_out).then_some(difference)
}

/// What the core `own` has too much of.
pub(super) fn surplus(loads: &[Load], own: usize) -> Option<Surplus> {
    let mine = loads[own];
    let others = || loads.iter().enumerate().filter(|(core, _)| *core != own);
    let (fewest, load) = others().min_by_key(|(_, load)| load.connections)?;
    let all: usize = loads.iter().map(|load| load.connections).sum();
    let above_mean = mine.connections - mine.connections.min(all / loads.len());
    if let Some(difference) = excess(mine, *load) {
        return (above_mean > 0).then_some(Surplus::Connections {
            to: fewest,
            count: (difference / 16).clamp(1, COUNT_MAX).min(above_mean),
        });
    }
    let (idlest, load) = others().min_by_key(|(_, load)| (load.calls, load.connections))?;
    let difference = mine.calls.saturating_sub(load.calls);
    let is_out = difference >= CALLS_DIFFERENCE_MIN && exceeds(mine.calls, load.calls);
    // The only connection would take its calls along.
    (is_out && mine.connections > 1).then_some(Surplus::Calls {
        to: idlest,
        difference,
    })
}

/// Who is to give connections to the core `own`, if that has the fewest: a core on which nothing
/// happens does not look by itself.
pub(super) fn giver(loads: &[Load], own: usize) -> Option<usize> {
    let mine = loads[own];
    let (busiest, load) = loads
        .iter()
        .enumerate()
        .max_by_key(|(_, load)| load.connections)?;
    let has_fewest = loads
        .iter()
        .all(|load| load.connections >= mine.connections);
    (has_fewest && excess(*load, mine).is_some()).then_some(busiest)
}

/// Which of several connections, each with its calls, evens out a difference best. None that has
/// so many that the other core would be the busier one by as much, or so few that it hardly counts.
pub(super) fn evener<T>(difference: u64, candidates: impl Iterator<Item = (T, u64)>) -> Option<T> {
    candidates
        .filter(|(_, calls)| *calls >= (difference / 64).max(1) && *calls <= difference * 7 / 8)
        .min_by_key(|(_, calls)| calls.abs_diff(difference / 2))
        .map(|(connection, _)| connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads<const N: usize>(connections: [usize; N]) -> [Load; N] {
        connections.map(|connections| Load {
            connections,
            calls: 0,
        })
    }

    /// All cores look in turn, and give what they have too much of, until nobody has.
    fn settle(loads: &mut [Load]) -> usize {
        let mut gifts = 0;
        for round in 0.. {
            assert!(round < 1_000, "connections wander: {loads:?}");
            let before = gifts;
            for own in 0..loads.len() {
                if let Some(Surplus::Connections { to, count }) = surplus(loads, own) {
                    loads[own].connections -= count;
                    loads[to].connections += count;
                    gifts += count;
                }
            }
            if gifts == before {
                return gifts;
            }
        }
        unreachable!("the loop ends or panics")
    }

    #[test]
    fn balance_stays_as_it_is() {
        for even in [[16, 16, 16, 16], [5, 4, 4, 5], [1, 0, 1, 0], [0; 4]] {
            let loads = loads(even);
            for own in 0..4 {
                assert_eq!(surplus(&loads, own), None, "{even:?}");
                assert_eq!(giver(&loads, own), None, "{even:?}");
            }
        }
    }

    #[test]
    fn an_empty_core_is_filled_with_no_more_gifts_than_it_needs() {
        let mut loads = loads([16, 16, 16, 0]);
        let gifts = settle(&mut loads);
        let fewest = loads.iter().map(|load| load.connections).min().unwrap();
        assert!(gifts == fewest && gifts <= 12, "{gifts}: {loads:?}");
        let most = loads.iter().map(|load| load.connections).max().unwrap();
        assert!(most * 4 <= fewest * 5, "{loads:?}");
    }

    /// Otherwise it would get some back from those that look later.
    #[test]
    fn a_core_that_looks_alone_keeps_its_share() {
        let mut loads = loads([16, 16, 16, 0]);
        while let Some(Surplus::Connections { to, count }) = surplus(&loads, 0) {
            loads[0].connections -= count;
            loads[to].connections += count;
        }
        let connections: Vec<_> = loads.iter().map(|load| load.connections).collect();
        assert_eq!(connections, [12, 16, 16, 4]);
    }

    /// Whatever the start: it ends, and in balance.
    #[test]
    fn every_skew_settles_within_the_bound() {
        let mut state = 0x9e37_79b9_u64;
        for _ in 0..2_000 {
            let mut loads: Vec<Load> = (0..2 + state % 15)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    Load {
                        connections: (state >> 33) as usize % 3_000,
                        calls: 0,
                    }
                })
                .collect();
            settle(&mut loads);
            let most = loads.iter().map(|load| load.connections).max().unwrap();
            let fewest = loads.iter().map(|load| load.connections).min().unwrap();
            assert!(
                most <= fewest + 1 || most * 4 <= fewest * 5,
                "state {state}: {loads:?}"
            );
        }
    }

    #[test]
    fn a_core_with_the_fewest_finds_who_has_the_most() {
        let loads = loads([9, 12, 9, 3]);
        assert_eq!(giver(&loads, 3), Some(1));
        assert_eq!(giver(&loads, 0), None, "it has not the fewest");
    }

    #[test]
    fn calls_count_where_connections_are_even() {
        let busy = |connections, calls| Load { connections, calls };
        let skewed = [busy(16, 4_000), busy(16, 300), busy(16, 200), busy(16, 900)];
        let expected = Surplus::Calls {
            to: 2,
            difference: 3_800,
        };
        assert_eq!(surplus(&skewed, 0), Some(expected));
        assert_eq!(surplus(&[busy(1, 4_000), busy(1, 0)], 0), None);
        assert_eq!(surplus(&[busy(9, 31), busy(9, 0)], 0), None, "chance");
        let uneven = [busy(32, 0), busy(16, 4_000)];
        let expected = Surplus::Connections { to: 1, count: 1 };
        assert_eq!(surplus(&uneven, 0), Some(expected), "connections first");
    }

    #[test]
    fn the_connection_that_goes_evens_calls_out() {
        let pick = |calls: &[u64]| evener(1_000, calls.iter().copied().enumerate());
        assert_eq!(pick(&[900, 10, 480, 300]), Some(2));
        assert_eq!(pick(&[1_000, 900]), None, "that would only turn it around");
        assert_eq!(pick(&[0, 3]), None, "that would not be felt");
        assert_eq!(pick(&[]), None);
    }
}
