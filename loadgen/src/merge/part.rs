//! Runs that files have, and which of them are the same.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::record::latencies::Latencies;
use crate::report::hlog;
use crate::report::run_file::{RunFile, TimeSlice, decode};

/// A result that went in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) agent: Option<String>,
    /// The tag of the run, of a log of several.
    pub(super) run: Option<String>,
    /// Of its machine, as far as the file tells.
    pub(super) clock: Option<Clock>,
    pub(super) started_at: f64,
    pub(super) seconds: f64,
    pub(super) calls_per_second: f64,
}

/// A run that a file has.
pub(super) struct Part {
    pub(super) source: Source,
    pub(super) is_log: bool,
    pub(super) run: Option<RunFile>,
    pub(super) response: Vec<Slice>,
    pub(super) service: Vec<Slice>,
    /// All pacing errors, if the file has them.
    pub(super) pacing: Latencies,
}

/// The calls that ended in a stretch of time.
pub(super) struct Slice {
    /// Since 1970.
    pub(super) start: Duration,
    pub(super) length: Duration,
    pub(super) latencies: Latencies,
}

impl Part {
    /// Those of a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Self>> {
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
        let slices = |text: fn(&TimeSlice) -> &str| {
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

    pub(super) fn start(&self) -> f64 {
        self.source.started_at
    }

    pub(super) fn clock_error(&self) -> Option<f64> {
        self.source.clock.and_then(Clock::error_seconds)
    }

    pub(super) fn end(&self) -> f64 {
        self.source.started_at + self.source.seconds
    }
}

/// The start of a log has milliseconds.
const START_PRECISION: f64 = 1.5e-3;

/// Each run once, and what is said of the files that were left out for that. Of a run that is there as a log too,
/// the run.json stays, which tells more.
pub(super) fn without_doubles(parts: Vec<Part>) -> (Vec<Part>, Vec<String>) {
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
