//! The tables of a comparison, and their place in docs/PERFORMANCE.md.

use std::fmt::Write;

use super::extra::OfTimes;
use super::results::{Results, calls, p50, quickness};
use super::sample::{Sample, Samples};
use super::subject::{Role, Subject, WORKLOADS};
use super::target::targets;

/// All tables, as Markdown.
pub(crate) fn tables(results: &Results) -> String {
    let mut text = circumstances(results);
    for (workload, load) in WORKLOADS.iter().enumerate() {
        let rounds = results.samples[workload].iter().map(|it| it.0.len()).max();
        let _ = write!(
            text,
            "\n### {}: {} × {}, {} bytes each way; {} rounds\n\n\
             ![calls per second]({})\n\n\
             | | k calls/s | p50 µs | p99 µs | CPU µs per call | system calls per call | \
             allocations per call | calls to the limit's | p50 to the limit's | calls to the best \
             peer's |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
            load.name,
            load.connections,
            load.outstanding,
            load.payload,
            rounds.unwrap_or(0),
            super::chart::link(load.name),
        );
        for (subject, samples) in results.subjects.iter().zip(&results.samples[workload]) {
            text.push_str(&row(results, workload, subject, samples));
        }
    }
    text.push_str(&scale(results));
    text.push_str(&target_table(results));
    text
}

/// What does not depend on a workload's speed.
fn scale(results: &Results) -> String {
    let extras = &results.extras;
    let mut text = "\n### Scale and marshalling\n\n| | |\n|---|---:|\n".to_owned();
    let mut row = |what: &str, value: String| {
        let _ = writeln!(text, "| {what} | {value} |");
    };
    if let Some(idle) = extras.idle {
        row(
            &format!(
                "bytes for each of {} idle connections, server",
                idle.connections
            ),
            format!("{:.0}", idle.server_bytes_each),
        );
        row("the same, client", format!("{:.0}", idle.client_bytes_each));
        row(
            "CPU of the server with them, % of a core",
            format!("{:.2}", idle.server_cpu_percent),
        );
    }
    if let Some(parked) = extras.parked {
        row(
            &format!("bytes for each of {} parked calls, server", parked.calls),
            format!("{:.0}", parked.server_bytes_each),
        );
    }
    if !extras.wide.0.is_empty() {
        let (low, high) = extras.wide.quartiles(calls);
        let [median, low, high] = [extras.wide.median(calls), low, high].map(|it| it / 1e3);
        row(
            "W4 with 1,000 connections, k calls/s",
            format!("{median:.1} ({low:.1}–{high:.1})"),
        );
    }
    let times: [(&str, OfTimes); 5] = [
        ("memcpy of 4.2 KB, ns", |it| it.memcpy),
        ("NDR: encode, ns", |it| it.encode),
        ("NDR: borrowed decode, ns", |it| it.decode_borrowed),
        ("NDR: owned decode, ns", |it| it.decode_owned),
        ("NDR: owned decode of big-endian, ns", |it| {
            it.decode_big_endian
        }),
    ];
    for (what, of) in times {
        if let Some(ns) = extras.ndr(of) {
            row(what, format!("{ns:.1}"));
        }
    }
    text
}

/// The targets: what this comparison measured, behind what earlier ones did.
fn target_table(results: &Results) -> String {
    let past = &results.past;
    let mut text = "\n### Targets\n\n| | |".to_owned();
    for earlier in past {
        let _ = write!(text, " {}, {} |", earlier.commit, earlier.date);
    }
    let here = &results.circumstances;
    let columns = "---:|".repeat(past.len());
    let _ = writeln!(
        text,
        " {}, {} | |\n|---|---:|{columns}---:|---|",
        here.commit, here.date
    );
    for target in targets(results) {
        let _ = writeln!(text, "{}", target.row(past));
    }
    let obstacle = if here.cores < 4 {
        format!(
            "that takes two cores for the server and two for those who load it, and this machine has {}",
            here.cores
        )
    } else {
        "each side of these loads is one thread".to_owned()
    };
    let _ = writeln!(
        text,
        "\nT8 (two server cores carry ≥ 1.8 × what one does) was not measured: {obstacle}."
    );
    text
}

fn circumstances(results: &Results) -> String {
    let it = &results.circumstances;
    let mut text = format!(
        "{}, {} cores, Linux {}, congestion control {}, {}; commit {}, {}. Each turn took {} s; {} rounds were made again \
         because others used the machine, {} turns are noisy all the same. In brackets: quartiles.\n",
        it.processor,
        it.cores,
        it.kernel,
        it.congestion,
        it.rustc,
        it.commit,
        it.date,
        it.seconds,
        results.repeated,
        results.noisy(),
    );
    for missing in &results.missing {
        let _ = writeln!(text, "Not compared: {missing}.");
    }
    text
}

fn row(results: &Results, workload: usize, subject: &Subject, samples: &Samples) -> String {
    let thousands = |of: f64| format!("{:.1}", of / 1e3);
    let (low, high) = samples.quartiles(calls);
    let median = |of: fn(&Sample) -> f64| samples.median(of);
    let system_calls = |of: fn((f64, f64)) -> f64| {
        let value = samples.median(|sample| sample.system_calls.map_or(f64::NAN, of));
        number(value, 3)
    };
    let limit = |merit| results.limit_of(workload, subject, merit);
    let peer = match subject.role {
        Role::Annulus { .. } => results.best_peer(workload, calls),
        Role::Limit | Role::Peer => None,
    };
    let to = |other: Option<&Samples>, of: fn(&Sample) -> f64| {
        number(other.map_or(f64::NAN, |other| samples.ratio(other, of)), 2)
    };
    format!(
        "| {} | {} ({}–{}) | {:.1} | {:.1} | {:.2} / {:.2} | {} / {} | {:.1} | {} | {} | {} |\n",
        subject.name,
        thousands(median(calls)),
        thousands(low),
        thousands(high),
        median(p50),
        median(|sample| sample.p99_us),
        median(|sample| sample.client_cpu_us),
        median(|sample| sample.server_cpu_us),
        system_calls(|(client, _)| client),
        system_calls(|(_, server)| server),
        median(|sample| sample.allocations),
        to(limit(calls), calls),
        to(limit(quickness), p50),
        to(peer, calls),
    )
}

/// A number, or a dash where there is none.
fn number(value: f64, digits: usize) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else {
        format!("{value:.digits$}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::*;

    #[test]
    fn a_row_has_spread_and_ratios_and_dashes_where_there_are_none() {
        let text = tables(&results());
        let row = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.unwrap().to_owned()
        };
        let own = row("| annulus TCP, adaptive");
        assert!(own.contains("| 0.5 (0.5–0.5) | 1980.4 |"), "{own}");
        assert!(own.ends_with("| 0.50 | 2.00 | 5.00 |"), "{own}");
        assert!(row("| peer").ends_with("| – | – | – |"));
        assert!(text.contains("Not compared: tonic: left out."));
    }
}
