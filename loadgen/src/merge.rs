//! `loadgen merge`: the results of several clients, or of several runs, as one.
//!
//! Histograms are added, so that percentiles are those of all calls; percentiles are never averaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::args::MergeArgs;
use crate::clock::{Clock, ERROR_MAX};
use crate::exit::Exit;
use crate::output::print;
use crate::record::latencies::Latencies;
use crate::report::level::Level;
use crate::report::run_file::{Histograms, RunFile, Times, decode, encode};
use crate::report::table::{row, times};
use crate::report::{hlog, write_file};
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

/// A result that went in.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Source {
    file: PathBuf,
    agent: Option<String>,
    /// The tag of the run, of a log of several.
    run: Option<String>,
    /// Of its machine, as far as the file tells.
    clock: Option<Clock>,
    started_at: f64,
    seconds: f64,
    calls_per_second: f64,
}

/// A run that a file has.
struct Part {
    source: Source,
    is_log: bool,
    run: Option<RunFile>,
    response: Vec<Slice>,
    service: Vec<Slice>,
    /// All pacing errors, if the file has them.
    pacing: Latencies,
}

/// The calls that ended in a stretch of time.
struct Slice {
    /// Since 1970.
    start: Duration,
    length: Duration,
    latencies: Latencies,
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

impl Part {
    /// Those of a file.
    fn read(path: &Path) -> anyhow::Result<Vec<Self>> {
        if path
            .extension()
            .is_some_and(|extension| extension == "hlog")
        {
            Part::of_log(path)
        } else {
            Ok(vec![Part::of_run(path)?])
        }
    }

    fn of_run(path: &Path) -> anyhow::Result<Self> {
        let run = RunFile::read(path)?;
        let start = run.started_at().duration_since(UNIX_EPOCH)?;
        let slices = |text: fn(&crate::report::run_file::TimeSlice) -> &str| {
            let intervals = run.intervals.iter();
            intervals
                .map(|slice| {
                    Ok(Slice {
                        start: start + Duration::from_secs_f64(slice.start),
                        length: Duration::from_secs_f64(slice.seconds),
                        latencies: decode(text(slice))?,
                    })
                })
                .collect::<anyhow::Result<Vec<_>>>()
        };
        Ok(Part {
            response: slices(|slice| &slice.response)?,
            service: slices(|slice| &slice.service)?,
            pacing: decode(&run.histograms.pacing_error)?,
            source: Source {
                file: path.to_owned(),
                agent: run.setup.agent.clone(),
                run: None,
                clock: run.clock,
                started_at: run.started_at,
                seconds: run.seconds,
                calls_per_second: run.calls_per_second,
            },
            is_log: false,
            run: Some(run),
        })
    }

    /// Each of its runs, whose intervals stand together.
    fn of_log(path: &Path) -> anyhow::Result<Vec<Self>> {
        let hlog::Log { agent, intervals } = hlog::read(path)?;
        let mut runs: Vec<Vec<hlog::Logged>> = Vec::new();
        for logged in intervals {
            match runs.last_mut() {
                Some(last) if last[0].run == logged.run => last.push(logged),
                _ => runs.push(vec![logged]),
            }
        }
        if runs.is_empty() {
            bail!("{} has no interval", path.display());
        }
        let runs = runs.into_iter();
        runs.map(|logged| Part::of_logged_run(path, agent.as_deref(), logged))
            .collect()
    }

    fn of_logged_run(
        path: &Path,
        agent: Option<&str>,
        logged: Vec<hlog::Logged>,
    ) -> anyhow::Result<Self> {
        let run = logged.first().and_then(|it| it.run.clone());
        let (service, response): (Vec<_>, Vec<_>) =
            logged.into_iter().partition(|logged| logged.is_service);
        let slices = |logged: Vec<hlog::Logged>| -> Vec<Slice> {
            let logged = logged.into_iter();
            logged
                .map(|logged| Slice {
                    start: logged.start,
                    length: logged.length,
                    latencies: logged.latencies,
                })
                .collect()
        };
        let (response, service) = (slices(response), slices(service));
        let (Some(first), Some(last)) = (response.first(), response.last()) else {
            bail!("{} has no interval of response times", path.display());
        };
        let length = (last.start + last.length).saturating_sub(first.start);
        let calls: u64 = response.iter().map(|slice| slice.latencies.count()).sum();
        Ok(Part {
            source: Source {
                file: path.to_owned(),
                agent: agent.map(str::to_owned),
                run,
                clock: None,
                started_at: first.start.as_secs_f64(),
                seconds: length.as_secs_f64(),
                calls_per_second: calls as f64 / length.as_secs_f64().max(1e-9),
            },
            is_log: true,
            run: None,
            response,
            service,
            pacing: Latencies::default(),
        })
    }

    /// Whether both are of one run: a run.json and its .hlog, or copies. Two runs that start together do not
    /// take the same times for all their calls, unless none of them has any; and two agents make two runs, as do two
    /// tags.
    fn is_of_same_run(&self, other: &Part) -> bool {
        let all = |slices: &[Slice]| {
            let mut all = Latencies::default();
            slices.iter().for_each(|it| all.merge(&it.latencies));
            all
        };
        let differ = |name: fn(&Source) -> Option<&String>| {
            let names = name(&self.source).zip(name(&other.source));
            names.is_some_and(|(one, two)| one != two)
        };
        let are_two = differ(|it| it.agent.as_ref()) || differ(|it| it.run.as_ref());
        let response = all(&self.response);
        !are_two
            && (self.start() - other.start()).abs() <= START_PRECISION
            && response.count() > 0
            && response == all(&other.response)
            && all(&self.service) == all(&other.service)
    }

    fn start(&self) -> f64 {
        self.source.started_at
    }

    fn clock_error(&self) -> Option<f64> {
        self.source.clock.and_then(Clock::error_seconds)
    }

    fn end(&self) -> f64 {
        self.source.started_at + self.source.seconds
    }
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

/// The start of a log has milliseconds.
const START_PRECISION: f64 = 1.5e-3;

/// Each run once, and what is said of the files that were left out for that. Of a run that is there as a log too,
/// the run.json stays, which tells more.
fn without_doubles(parts: Vec<Part>) -> (Vec<Part>, Vec<String>) {
    let (mut kept, mut said): (Vec<Part>, _) = (Vec::new(), Vec::new());
    for mut part in parts {
        let Some(same) = kept.iter_mut().find(|it| it.is_of_same_run(&part)) else {
            kept.push(part);
            continue;
        };
        if same.is_log && !part.is_log {
            std::mem::swap(same, &mut part);
        }
        said.push(format!(
            "{} is of the same run as {}, and was left out: the run is counted once",
            part.source.file.display(),
            same.source.file.display()
        ));
    }
    (kept, said)
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

/// Agents may differ by so much of an interval before it is told: what happened in one interval is then
/// in a neighbour's by more than a tenth.
const CLOCK_ERROR_NOTED: f64 = 0.1;

/// What speaks against believing the whole.
fn doubts(parts: &[Part], first: f64, last: f64) -> Vec<String> {
    let mut doubts = Vec::new();
    for part in parts {
        let run = part.run.iter().flat_map(|run| &run.verdict.invalid_because);
        doubts.extend(run.map(|why| format!("{}: {why}", part.source.file.display())));
    }
    let agents = agents(parts);
    for (index, part) in agents.iter().enumerate() {
        let is_same = |other: &&&Part| {
            other.source.agent == part.source.agent
                && other.start() < part.end()
                && part.start() < other.end()
        };
        if let Some(other) = agents[..index].iter().find(is_same) {
            doubts.push(format!(
                "{} and {} are both of the agent {:?} at the same time; one would be counted twice",
                other.source.file.display(),
                part.source.file.display(),
                part.source.agent.as_deref().unwrap_or_default()
            ));
        }
    }
    for part in agents.iter().filter(|_| agents.len() > 1) {
        if let Some(error) = part.clock_error().filter(|error| *error > ERROR_MAX) {
            doubts.push(format!(
                "{}: the clock of this agent can be {error:.3} s from its reference: the agents may not have \
                 run together",
                part.source.file.display()
            ));
        }
    }
    // Agents are to run at the same time, or the load was not what it is taken for.
    for part in agents.iter().filter(|_| agents.len() > 1) {
        let missed = (part.start() - first) + (last - part.end());
        if missed > 0.1 * part.source.seconds {
            doubts.push(format!(
                "{} did not run for {missed:.2} s in which others did",
                part.source.file.display()
            ));
        }
    }
    doubts
}

fn notes(parts: &[Part]) -> Vec<String> {
    let agents = agents(parts);
    let mut notes = Vec::new();
    let mut logs: Vec<&Source> = Vec::new();
    for part in parts.iter().filter(|part| part.is_log) {
        if logs.last().is_none_or(|last| last.file != part.source.file) {
            logs.push(&part.source);
        }
    }
    let are_all_of_one_file = parts
        .iter()
        .all(|it| it.source.file == parts[0].source.file);
    for log in logs.into_iter().filter(|_| !are_all_of_one_file) {
        let unnamed = match log.agent {
            Some(_) => "",
            None => ", and this one names no agent",
        };
        notes.push(format!(
            "{}: a log does not tell its errors, nor how far its clock can be wrong{unnamed}; a run.json does",
            log.file.display()
        ));
    }
    let tags = parts.iter().filter_map(|part| part.source.run.as_deref());
    let rates: BTreeSet<_> = tags.filter_map(Level::rate_of_tag).collect();
    if rates.len() > 1 {
        notes.push(format!(
            "there are runs at {} rates; what is said of calls is said of those of all rates together",
            rates.len()
        ));
    }
    if agents.len() < 2 {
        return notes;
    }
    for part in agents.iter().filter(|part| !part.is_log) {
        if part.clock_error().is_none() {
            notes.push(format!(
                "{}: nobody knows how far the clock of this agent was from the others'",
                part.source.file.display()
            ));
        }
    }
    if let (Some(error), Some(interval)) = (clock_error(parts), shortest_interval(&agents))
        && error > CLOCK_ERROR_NOTED * interval
    {
        let share = if error > interval {
            "more than"
        } else {
            "a noticeable part of"
        };
        notes.push(format!(
            "the clocks can be {error:.3} s apart, {share} an interval of {interval:.3} s"
        ));
    }
    notes
}

/// Results of clients that are said to have run together.
fn agents(parts: &[Part]) -> Vec<&Part> {
    let is_agent = |part: &&Part| part.source.agent.is_some();
    parts.iter().filter(is_agent).collect()
}

/// How far the clocks of the agents can be apart: what the two worst ones can be wrong by, together.
fn clock_error(parts: &[Part]) -> Option<f64> {
    let agents = agents(parts);
    let errors = agents.iter().map(|part| part.clock_error());
    let mut errors: Vec<f64> = errors.collect::<Option<_>>()?;
    errors.sort_by(f64::total_cmp);
    let [.., second, worst] = errors[..] else {
        return None;
    };
    Some(second + worst)
}

fn shortest_interval(agents: &[&Part]) -> Option<f64> {
    // The last interval of a run ends with it.
    let firsts = agents.iter().filter_map(|part| part.response.first());
    firsts
        .map(|slice| slice.length.as_secs_f64())
        .reduce(f64::min)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Observer;
    use crate::record::histogram;
    use crate::record::interval::Interval;
    use crate::record::series::Point;
    use crate::report::hlog::HlogWriter;
    use crate::report::level::Levels;

    fn part(agent: &str, start: f64, seconds: u64, latency_us: u64, calls: u64) -> Part {
        let mut histogram = histogram();
        histogram.record_n(latency_us * 1000, calls).unwrap();
        let slice = |second: u64| Slice {
            start: Duration::from_secs_f64(start) + Duration::from_secs(second),
            length: Duration::from_secs(1),
            latencies: Latencies::of(&histogram),
        };
        Part {
            source: Source {
                file: PathBuf::from(agent),
                agent: Some(agent.to_owned()),
                run: None,
                clock: None,
                started_at: start,
                seconds: seconds as f64,
                calls_per_second: calls as f64,
            },
            is_log: false,
            run: None,
            response: (0..seconds).map(slice).collect(),
            service: (0..seconds).map(slice).collect(),
            pacing: Latencies::default(),
        }
    }

    #[test]
    fn percentiles_are_those_of_all_calls_and_not_a_mean() {
        // One client in ten sees a slow server: p50 is the fast one's, p99 the slow one's.
        let parts = [
            part("a", 100.0, 10, 100, 900),
            part("b", 100.0, 10, 5_000, 100),
        ];
        let merged = Merged::of(parts.into());
        let response = merged.response_us.unwrap();
        assert_eq!(response.count, 10_000);
        assert!((response.percentile("p50").unwrap() - 100.0).abs() < 0.1);
        assert!((response.percentile("p99").unwrap() - 5_000.0).abs() < 5.0);
        assert!((merged.calls_per_second - 1000.0).abs() < 1e-6);
        assert!(
            merged.invalid_because.is_empty(),
            "{:?}",
            merged.invalid_because
        );
    }

    #[test]
    fn agents_that_did_not_run_together_are_not_believed() {
        let parts = [
            part("a", 100.0, 10, 100, 900),
            part("b", 105.0, 10, 100, 900),
        ];
        let merged = Merged::of(parts.into());
        assert_eq!(
            merged.invalid_because.len(),
            2,
            "{:?}",
            merged.invalid_because
        );
        assert!((merged.seconds - 15.0).abs() < 1e-9);
        assert!((merged.calls_per_second - 1200.0).abs() < 1e-6);
    }

    /// A part whose agent's clock can be wrong by so much.
    fn clocked(agent: &str, error_max_us: Option<f64>) -> Part {
        let mut part = part(agent, 100.0, 10, 100, 900);
        part.source.clock = error_max_us.map(|error_max_us| Clock {
            synchronised: true,
            error_max_us,
            error_estimate_us: 0.0,
        });
        part
    }

    #[test]
    fn clocks_that_can_be_apart_are_told_and_those_that_nobody_keeps_not_believed() {
        // The intervals are a second long.
        let merged = |left, right| Merged::of(vec![clocked("a", left), clocked("b", right)]);
        let near = merged(Some(10e3), Some(20e3));
        assert!(near.notes.is_empty() && near.invalid_because.is_empty());
        assert!((near.clock_error_seconds.unwrap() - 0.03).abs() < 1e-9);
        let far = merged(Some(100e3), Some(200e3));
        assert!(far.notes[0].contains("0.300 s apart"), "{:?}", far.notes);
        assert!(far.invalid_because.is_empty());
        // As chrony's and timesyncd's clocks before they look again.
        let further = merged(Some(0.5e6), Some(1e6));
        assert!(further.notes[0].contains("1.500 s apart, more than"));
        assert!(further.invalid_because.is_empty());
        let hopeless = merged(Some(0.1e6), Some(6e6));
        let why = &hopeless.invalid_because[0];
        assert!(why.starts_with("b: ") && why.contains("6.000 s"), "{why}");
        let unknown = merged(Some(10e3), None);
        assert!(
            unknown.notes[0].starts_with("b: nobody knows"),
            "{:?}",
            unknown.notes
        );
        assert_eq!(unknown.clock_error_seconds, None);
    }

    #[test]
    fn an_agent_that_is_there_twice_is_not_counted_twice_in_silence() {
        let again = |start| {
            vec![
                part("a", 100.0, 10, 100, 900),
                part("a", start, 10, 100, 800),
            ]
        };
        let is_double = |why: &String| why.contains("counted twice");
        let merged = Merged::of(again(100.0));
        assert!(
            merged.invalid_because.iter().any(is_double),
            "{:?}",
            merged.invalid_because
        );
        let merged = Merged::of(again(200.0));
        assert!(!merged.invalid_because.iter().any(is_double));
    }

    /// As a log tells it that names no agent: with a start in milliseconds.
    fn log(part: Part) -> Part {
        Part {
            is_log: true,
            source: Source {
                file: PathBuf::from("a.hlog"),
                agent: None,
                started_at: (part.source.started_at * 1e3).round() / 1e3,
                ..part.source.clone()
            },
            ..part
        }
    }

    #[test]
    fn a_run_and_its_log_are_one_run() {
        let run = || part("a", 100.000_4, 10, 100, 900);
        for parts in [vec![run(), log(run())], vec![run(), run()]] {
            let merged = Merged::of(parts);
            assert_eq!(merged.response_us.unwrap().count, 9_000);
            assert_eq!(merged.sources.len(), 1);
            assert_eq!(merged.sources[0].file, Path::new("a"));
            assert!(merged.notes[0].contains("of the same run as a,"));
            assert_eq!(merged.invalid_because, [""; 0]);
        }
        let other = part("b", 100.000_4, 10, 110, 900);
        let merged = Merged::of(vec![run(), log(other)]);
        assert_eq!(merged.response_us.unwrap().count, 18_000);
    }

    /// Of calls that all failed there are no times, and of calls that all timed out only one.
    #[test]
    fn agents_that_start_together_are_two_whatever_they_measured() {
        for calls in [0, 900] {
            let both = ["a", "b"].map(|agent| part(agent, 100.0, 10, 1_000, calls));
            assert_eq!(Merged::of(both.into()).sources.len(), 2, "{calls} calls");
        }
        let unnamed = ["a", "b"].map(|file| {
            let mut part = part(file, 100.0, 10, 1_000, 0);
            part.source.agent = None;
            part
        });
        assert_eq!(Merged::of(unnamed.into()).sources.len(), 2);
    }

    /// A log of runs at these rates, each a second of ten calls of 300 µs, from the same time on.
    fn written(path: &Path, agent: Option<&str>, rates: &[f64]) {
        let mut writer = HlogWriter::create(path, agent).unwrap();
        let mut levels = Levels::default();
        let second = Duration::from_secs(1);
        let mut interval = Interval::new();
        for _ in 0..10 {
            interval.record(Duration::from_micros(300), Duration::from_micros(100));
        }
        let mut start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for rate in rates {
            writer.name_next_run(&levels.next(*rate));
            writer.measuring(start).unwrap();
            let point = Point::of(Duration::ZERO, second, &interval);
            writer.measured(&point, &interval).unwrap();
            start += second * 2;
        }
        writer.flush().unwrap();
    }

    fn merged(paths: &[PathBuf]) -> Merged {
        let parts = paths.iter().flat_map(|path| Part::read(path).unwrap());
        Merged::of(parts.collect())
    }

    #[test]
    fn logs_that_name_two_agents_are_two_runs_though_their_times_are_equal() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["0.hlog", "1.hlog"].map(|name| directory.path().join(name));
        for (agents, count, invalid) in [
            ([Some("a"), Some("b")], 20, 0),
            ([Some("a"), Some("a")], 10, 0),
            ([None, None], 10, 0),
        ] {
            for (path, agent) in paths.iter().zip(agents) {
                written(path, agent, &[5e3]);
            }
            let merged = merged(&paths);
            assert_eq!(merged.response_us.unwrap().count, count, "{agents:?}");
            assert_eq!(merged.invalid_because.len(), invalid, "{agents:?}");
            let unnamed = merged
                .notes
                .iter()
                .any(|note| note.contains("names no agent"));
            assert!(
                !unnamed,
                "one of them counts, or they are named: {:?}",
                merged.notes
            );
        }
    }

    #[test]
    fn each_run_of_a_log_of_several_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("curve.hlog");
        written(&path, None, &[5e3, 1e4, 5e3]);
        let twice = merged(&[path.clone(), path.clone()]);
        let runs: Vec<_> = twice
            .sources
            .iter()
            .filter_map(|it| it.run.as_deref())
            .collect();
        assert_eq!(
            runs,
            ["rate=5000:run=1", "rate=10000:run=1", "rate=5000:run=2"]
        );
        assert_eq!(twice.response_us.as_ref().unwrap().count, 30);
        assert_eq!(twice.service_us.as_ref().unwrap().count, 30);
        // Ten calls in each of three seconds, with a second between them in which nobody measured.
        assert!((twice.calls_per_second - 10.0).abs() < 1e-6);
        assert_eq!(twice.notes.len(), 4, "{:?}", twice.notes);
        let one = merged(&[path]);
        assert!(
            one.notes[0].starts_with("there are runs at 2 rates"),
            "{:?}",
            one.notes
        );
        assert_eq!(one.notes.len(), 1, "{:?}", one.notes);
    }
}
