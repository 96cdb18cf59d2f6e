//! What annulus is to reach, as ratios within one comparison.

use std::fmt;

use super::extra::OfTimes;
use super::history::Past;
use super::results::{Results, calls, p50, quickness};
use super::sample::Sample;
use super::subject::{RAW_UNIX, RAW_URING, RAW_URING_BLOCKING};

/// Something to reach, and how far it is.
pub(crate) struct Target {
    /// The target's number and what it says.
    pub(crate) what: String,
    pub(crate) value: f64,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const ADAPTIVE: &str = "annulus TCP, adaptive";
const SPINNING: &str = "annulus TCP, spinning";
const BLOCKING: &str = "annulus TCP, blocking";
const UNIX: &str = "annulus Unix socket, adaptive";

/// Allocations per call that are none: a queue that grows once while it is measured is not one per
/// call.
const ALLOCATIONS_MAX: f64 = 0.001;

/// The places of W1 to W5.
const W1: usize = 0;
const W3: usize = 2;
const W4: usize = 3;
const W5: usize = 4;

impl Target {
    pub(crate) fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost(bound) => self.value <= bound,
            Bound::AtLeast(bound) => self.value >= bound,
        }
    }
}

impl Target {
    /// A line of the table, with what earlier comparisons measured.
    pub(crate) fn row(&self, past: &[Past]) -> String {
        let earlier: String = past
            .iter()
            .map(|past| match past.measured(self) {
                Some(value) => format!(" {} |", shown(value)),
                None => " – |".to_owned(),
            })
            .collect();
        let verdict = if self.holds() { "holds" } else { "missed" };
        let Target { what, value, bound } = self;
        let value = shown(*value);
        format!("| {what} | {bound} |{earlier} {value} | {verdict} |")
    }
}

/// With as many digits as tell a value from its bound.
fn shown(value: f64) -> String {
    let digits = if value < 100.0 { 4 } else { 1 };
    format!("{value:.digits$}")
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtMost(bound) => write!(f, "≤ {bound}"),
            Bound::AtLeast(bound) => write!(f, "≥ {bound}"),
        }
    }
}

/// The targets of which this comparison says something.
pub(crate) fn targets(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut add = |what: &str, bound, value: Option<f64>| {
        // What was not measured is no target reached or missed.
        if let Some(value) = value.filter(|value| value.is_finite()) {
            targets.push(Target {
                what: what.to_owned(),
                value,
                bound,
            });
        }
    };
    let limit = |workload: usize, name: &str| {
        let subject = results.subjects.iter().find(|it| it.name == name)?;
        let limit = results.limit_of(workload, subject, calls)?;
        Some(results.of(workload, name)?.ratio(limit, calls))
    };
    let to_raw_at_w1 = |name: &str, raw: &str, of: fn(&Sample) -> f64| {
        Some(results.of(W1, name)?.ratio(results.of(W1, raw)?, of))
    };
    let p99 = |sample: &Sample| sample.p99_us;
    for (name, raw, bound) in [
        (ADAPTIVE, RAW_URING, 1.15),
        (SPINNING, RAW_URING, 1.15),
        (BLOCKING, RAW_URING_BLOCKING, 1.05),
    ] {
        for (quantile, of) in [("p50", p50 as fn(&Sample) -> f64), ("p99", p99)] {
            let what = format!("T1: W1, {name}, {quantile} to that of {raw}");
            add(&what, Bound::AtMost(bound), to_raw_at_w1(name, raw, of));
        }
    }
    for (name, bound) in [(SPINNING, 8.0), (BLOCKING, 1.0)] {
        let own = results.of(W1, name);
        let quickest = results.best_peer(W1, quickness);
        let faster = own.zip(quickest).map(|(own, peer)| peer.ratio(own, p50));
        let what = format!("T1: W1, the best peer's p50 to that of {name}");
        add(&what, Bound::AtLeast(bound), faster);
    }
    for (workload, name) in [(1, "W2"), (W3, "W3"), (W4, "W4")] {
        let what = format!("T2: {name}, calls to the limit's");
        add(&what, Bound::AtLeast(0.85), limit(workload, ADAPTIVE));
    }
    for (workload, what, bound) in [
        (W3, "T2: W3, calls to the best peer's", 1.2),
        (W4, "T2: W4, calls to the best peer's", 5.0),
        (W5, "T3: W5, calls to the best peer's", 1.0),
    ] {
        let peer = results.best_peer(workload, calls);
        let own = results.of(workload, ADAPTIVE);
        let ratio = own.zip(peer).map(|(own, peer)| own.ratio(peer, calls));
        add(what, Bound::AtLeast(bound), ratio);
    }
    let ratio = limit(W5, ADAPTIVE);
    add("T3: W5, calls to the limit's", Bound::AtLeast(0.85), ratio);
    let allocations = (W1..=W4).filter_map(|workload| {
        let samples = results.of(workload, ADAPTIVE)?;
        Some(samples.median(|sample| sample.allocations))
    });
    add(
        "T4: W1 to W4, heap allocations per call of both sides, at most",
        Bound::AtMost(ALLOCATIONS_MAX),
        allocations.reduce(f64::max),
    );
    add(
        "T4: locked instructions per call of both sides, at most",
        Bound::AtMost(0.0),
        results.extras.locked_instructions,
    );
    for (workload, name, bound) in [(W1, "W1", 2.0), (W4, "W4", 0.1)] {
        // A turn begins and ends in the midst of a call, of which one side may have made more than
        // its share: so the median of each side comes first, and then which one is dearer.
        let side = |of: fn((f64, f64)) -> f64| {
            let samples = results.of(workload, ADAPTIVE)?;
            Some(samples.median(|sample| sample.system_calls.map_or(f64::NAN, of)))
        };
        let (client, server) = (side(|(client, _)| client), side(|(_, server)| server));
        let value = client
            .zip(server)
            .map(|(client, server)| client.max(server));
        let what = format!("T5: {name}, system calls per call of the dearer side");
        add(&what, Bound::AtMost(bound), value);
    }
    let extras = &results.extras;
    let ndr: [(&str, f64, OfTimes); 4] = [
        ("encode to memcpy", 1.3, |it| it.encode / it.memcpy),
        ("borrowed decode, ns", 10.0, |it| it.decode_borrowed),
        ("owned decode, ns", 80.0, |it| it.decode_owned),
        ("big-endian decode, ns", 100.0, |it| it.decode_big_endian),
    ];
    for (what, bound, of) in ndr {
        add(&format!("T6: {what}"), Bound::AtMost(bound), extras.ndr(of));
    }
    add(
        "T7: bytes of the server for each idle connection",
        Bound::AtMost(8192.0),
        extras.idle.map(|it| it.server_bytes_each),
    );
    add(
        "T7: bytes of the server for each parked call",
        Bound::AtMost(512.0),
        extras.parked.map(|it| it.server_bytes_each),
    );
    add(
        "T7: W4, calls with 1,000 connections to those with 64",
        Bound::AtLeast(0.8),
        Some(extras.wide.ratio(&extras.usual, calls)),
    );
    let ratio = to_raw_at_w1(UNIX, RAW_UNIX, p50);
    add(
        "T9: W1, Unix socket, p50 to the limit's",
        Bound::AtMost(1.15),
        ratio,
    );
    targets
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::*;

    #[test]
    fn a_target_is_held_or_missed_by_the_ratio_of_one_run() {
        let results = results();
        let targets = targets(&results);
        let told: Vec<_> = targets.iter().map(|target| target.row(&[])).collect();
        let told = |what: &str| {
            let line = told.iter().find(|line| line.contains(what));
            line.unwrap_or_else(|| panic!("{what} is missing: {told:#?}"))
        };
        assert!(told("T2: W4, calls to the limit's").ends_with("| ≥ 0.85 | 0.5000 | missed |"));
        assert!(told("T2: W4, calls to the best peer's").ends_with("| ≥ 5 | 5.0000 | holds |"));
        assert!(told("T5: W4").ends_with("| ≤ 0.1 | 2.0000 | missed |"));
        let ratio = told("T1: W1, annulus TCP, adaptive, p50 to that of raw TCP, io_uring");
        assert!(ratio.contains("| 1.7824 | missed |"), "{ratio}");
        assert!(told("T4: W1").ends_with("| ≤ 0.001 | 0.0000 | holds |"));
        assert!(told("T4: locked").ends_with("| ≤ 0 | 0.5000 | missed |"));
        assert!(told("T6: encode to memcpy").ends_with("| ≤ 1.3 | 1.2500 | holds |"));
        assert!(told("T7: W4").ends_with("| ≥ 0.8 | 0.9000 | holds |"));
    }

    #[test]
    fn a_row_shows_what_was_measured_before() {
        let results = results();
        let now = targets(&results);
        let past = Past::new(&results.circumstances, &now[..1]);
        assert!(
            now[0]
                .row(std::slice::from_ref(&past))
                .ends_with("| 1.7824 | 1.7824 | missed |")
        );
        assert!(now[1].row(&[past]).contains("| – |"));
    }

    #[test]
    fn what_was_not_measured_is_no_target() {
        let results = results();
        let targets = targets(&results);
        assert!(
            !targets
                .iter()
                .any(|target| target.what.contains("blocking"))
        );
    }
}
