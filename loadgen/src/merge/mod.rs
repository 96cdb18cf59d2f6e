//! `loadgen merge`: the results of several clients, or of several runs, as one.
//!
//! Histograms are added, so that percentiles are those of all calls; percentiles are never averaged.

mod belief;
mod part;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use self::belief::{clock_error, doubts, notes};
use self::part::{Part, Slice, Source, without_doubles};
use crate::args::MergeArgs;
use crate::exit::Exit;
use crate::output::print;
use crate::record::latencies::Latencies;
use crate::report::run_file::{Histograms, Times, encode};
use crate::report::table::{row, times};
use crate::report::write_file;
use crate::stats::Blocks;

/// The name and version of the schema.
const SCHEMA: &str = "annulus-loadgen/merged/1";

/// Several results as one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Merged {
    schema: String,
    sources: Vec<Source>,
    /// From the first start to the last end.
    seconds: f64,
    /// Of those sources that tell.
    offered: u64,
    sent: u64,
    completed: u64,
    errors: BTreeMap<String, u64>,
    /// Of all sources together, over the time in which each of them measured.
    calls_per_second: f64,
    response_us: Option<Times>,
    service_us: Option<Times>,
    histograms: Histograms,
    /// How far the clocks of the sources can be apart at most; `null` if there is no telling.
    clock_error_seconds: Option<f64>,
    /// Why not to believe it.
    invalid_because: Vec<String>,
    /// What to keep in mind.
    notes: Vec<String>,
}

/// Merges, and shows what came of it.
pub(crate) fn merge(args: &MergeArgs) -> anyhow::Result<Exit> {
    let mut parts = Vec::new();
    for path in &args.files {
        parts.extend(Part::read(path)?);
    }
    let merged = Merged::of(parts);
    let json = serde_json::to_string_pretty(&merged)? + "\n";
    if let Some(path) = &args.out {
        write_file(path, &json)?;
    }
    if args.json {
        print(&json)?;
    } else {
        print(&merged)?;
    }
    Ok(if merged.invalid_because.is_empty() {
        Exit::Ok
    } else {
        Exit::Invalid
    })
}

impl Merged {
    fn of(parts: Vec<Part>) -> Self {
        let (parts, doubles) = without_doubles(parts);
        let parts = &parts[..];
        let runs = || parts.iter().filter_map(|part| part.run.as_ref());
        let first = parts.iter().map(Part::start).fold(f64::INFINITY, f64::min);
        let last = parts.iter().map(Part::end).fold(0.0, f64::max);
        let mut errors = BTreeMap::new();
        for (kind, count) in runs().flat_map(|run| &run.errors) {
            *errors.entry(kind.clone()).or_default() += count;
        }
        let mut pacing = Latencies::default();
        parts.iter().for_each(|part| pacing.merge(&part.pacing));
        let (response, response_times) = together(parts.iter().flat_map(|part| &part.response));
        let (service, service_times) = together(parts.iter().flat_map(|part| &part.service));
        Merged {
            schema: SCHEMA.to_owned(),
            sources: parts.iter().map(|part| part.source.clone()).collect(),
            seconds: last - first,
            offered: runs().map(|run| run.offered).sum(),
            sent: runs().map(|run| run.sent).sum(),
            completed: runs().map(|run| run.completed).sum(),
            errors,
            calls_per_second: rate(parts),
            response_us: response_times,
            service_us: service_times,
            histograms: Histograms {
                response: encode(&response),
                service: encode(&service),
                pacing_error: encode(&pacing),
            },
            clock_error_seconds: clock_error(parts),
            invalid_because: doubts(parts, first, last),
            notes: doubles.into_iter().chain(notes(parts)).collect(),
        }
    }
}

/// The sum of the rates of clients that ran together; of runs one after another, their mean.
fn rate(parts: &[Part]) -> f64 {
    let calls: f64 = parts
        .iter()
        .map(|part| part.source.calls_per_second * part.source.seconds)
        .sum();
    // The time in which anyone measured.
    let mut spans: Vec<_> = parts
        .iter()
        .map(|part| (part.start(), part.end()))
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut covered, mut until) = (0.0, f64::NEG_INFINITY);
    for (start, end) in spans {
        covered += (end - start.max(until)).max(0.0);
        until = until.max(end);
    }
    calls / covered.max(1e-9)
}

/// All slices as one distribution, with confidence from slices of the same time.
fn together<'s>(slices: impl Iterator<Item = &'s Slice>) -> (Latencies, Option<Times>) {
    let slices: Vec<_> = slices.collect();
    let longest = slices.iter().map(|slice| slice.length).max();
    let longest_ns = longest.unwrap_or_default().as_nanos().max(1);
    let mut by_time: BTreeMap<u128, Latencies> = BTreeMap::new();
    for slice in slices {
        let middle = slice.start + slice.length / 2;
        let bucket = by_time.entry(middle.as_nanos() / longest_ns).or_default();
        bucket.merge(&slice.latencies);
    }
    let mut all = Latencies::default();
    by_time.values().for_each(|latencies| all.merge(latencies));
    let blocks = Blocks::new(by_time.values().collect::<Vec<_>>().into_iter());
    let times = Times::of(&all, Some(&blocks));
    (all, times)
}

impl fmt::Display for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.sources.len() == 1 { "" } else { "s" };
        let merged = format_args!("{} result{plural}", self.sources.len());
        row(f, "merged", merged)?;
        for source in &self.sources {
            let [agent, run] = [&source.agent, &source.run].map(|it| it.as_deref().unwrap_or(""));
            row(
                f,
                "",
                format_args!(
                    "{} {agent} {run} {:.2} s, {:.0} calls/s",
                    source.file.display(),
                    source.seconds,
                    source.calls_per_second
                ),
            )?;
        }
        row(f, "measured", format_args!("{:.2} s", self.seconds))?;
        row(f, "offered", self.offered)?;
        row(f, "completed", self.completed)?;
        let errors: u64 = self.errors.values().sum();
        row(f, "errors", errors)?;
        row(f, "calls/s", format_args!("{:.0}", self.calls_per_second))?;
        times(f, "response µs", self.response_us.as_ref())?;
        times(f, "service µs", self.service_us.as_ref())?;
        for note in &self.notes {
            row(f, "note", note)?;
        }
        for why in &self.invalid_because {
            row(f, "INVALID", why)?;
        }
        Ok(())
    }
}
