//! `loadgen max`: the highest rate that keeps an objective.

use serde::Serialize;

use super::Bench;
use super::curve::{CurveFile, CurvePoint};
use super::limit::Limit;
use super::search::{Found, Search, Try};
use super::watch::Watch;
use crate::args::MaxArgs;
use crate::args::values::show_rate;
use crate::exit::{Exit, Interrupted};
use crate::output::{print, print_line, tell};
use crate::report::run_file::{RunFile, Times, decode};
use crate::report::table::{in_short, metrics_in_short};
use crate::report::{Counted, html, write_file};
use crate::server_metrics::ServerMetrics;

/// The name and version of the schema.
const SCHEMA: &str = "annulus-loadgen/max/1";

/// What was found, and what was seen on the way.
#[derive(Clone, Debug, Serialize)]
struct MaxFile {
    schema: &'static str,
    objectives: String,
    /// The highest rate that was kept; `null` if none was.
    rate: Option<f64>,
    /// The lowest rate above it that was not kept.
    missed_at: Option<f64>,
    client_is_limit: bool,
    /// The rate of which half of all runs keep the objectives; `null` if there is no telling.
    limit: Option<LimitFile>,
    kept: u32,
    tries: u32,
    /// Whether a signal ended the search, so that nothing was found.
    interrupted: bool,
    steps: Vec<Step>,
}

/// Where the limit lies.
#[derive(Clone, Copy, Debug, Serialize)]
struct LimitFile {
    rate: f64,
    confidence95: (f64, f64),
}

/// A run on the way.
#[derive(Clone, Debug, Serialize)]
struct Step {
    rate: f64,
    outcome: &'static str,
    why: Vec<String>,
    calls_per_second: f64,
    response_us: Option<Times>,
    server_metrics: Vec<ServerMetrics>,
}

/// Searches, and shows what was found.
pub(crate) fn max(args: &MaxArgs) -> anyhow::Result<Exit> {
    let bench = Bench::new(&args.load)?;
    let mut watch = Watch::start(&args.watch, args.load.duration, Counted::Calls, None)?;
    let search = Search {
        from: args.from,
        to: args.to.max(args.from),
        precision: args.precision.max(0.001),
        confirm: args.confirm,
        repeat: args.repeat,
    };
    let (mut steps, mut curve) = (Vec::new(), None);
    let found = search.run(|rate| {
        let run = bench.run_at(rate, args.arrivals, &mut watch)?;
        let (outcome, step) = judge(args, rate, &run)?;
        if !args.json {
            print_line(step.line())?;
        }
        steps.push(step);
        CurveFile::add(&mut curve, &run.setup, CurvePoint::of(rate, &run));
        anyhow::Ok(outcome)
    });
    let found = match found {
        Ok(found) => Some(found),
        // What was measured before is worth being shown.
        Err(error) if error.is::<Interrupted>() && !steps.is_empty() => {
            tell("loadgen: interrupted; the search did not come to its end");
            None
        }
        Err(error) => return Err(error),
    };
    let json = serde_json::to_string_pretty(&MaxFile::of(args, found.as_ref(), steps))? + "\n";
    if args.json {
        print(&json)?;
    } else if let Some(found) = &found {
        show(args, found)?;
    }
    if let Some(path) = &args.out {
        write_file(path, &json)?;
    }
    if let (Some(path), Some(curve)) = (&args.html, &curve) {
        write_file(path, &html::curve(curve, args.accept_invalid))?;
    }
    Ok(match found {
        None => Exit::Invalid,
        Some(found) if found.is_client_limit => Exit::Invalid,
        Some(Found { kept: None, .. }) => Exit::Missed,
        Some(_) => Exit::Ok,
    })
}

impl MaxFile {
    /// `found` is nothing if the search was interrupted.
    fn of(args: &MaxArgs, found: Option<&Found>, steps: Vec<Step>) -> Self {
        MaxFile {
            schema: SCHEMA,
            objectives: args.slo.to_string(),
            rate: found.and_then(|it| it.kept),
            missed_at: found.and_then(|it| it.missed),
            client_is_limit: found.is_some_and(|it| it.is_client_limit),
            limit: found.and_then(|it| it.limit.as_ref()).map(LimitFile::of),
            kept: found.map_or(0, |it| it.successes),
            tries: found.map_or(0, |it| it.tries),
            interrupted: found.is_none(),
            steps,
        }
    }
}

fn judge(args: &MaxArgs, rate: f64, run: &RunFile) -> anyhow::Result<(Try, Step)> {
    let missed = args.slo.missed(run, &decode(&run.histograms.response)?);
    let (outcome, name, why) = if run.verdict.client_is_limit && !args.accept_invalid {
        (
            Try::ClientLimit,
            "client limit",
            run.verdict.invalid_because.clone(),
        )
    } else if !run.verdict.valid && !run.verdict.client_is_limit {
        (Try::Missed, "missed", run.verdict.invalid_because.clone())
    } else if missed.is_empty() {
        (Try::Kept, "kept", Vec::new())
    } else {
        let why = missed.into_iter().map(|missed| missed.0).collect();
        (Try::Missed, "missed", why)
    };
    let step = Step {
        rate,
        outcome: name,
        why,
        calls_per_second: run.calls_per_second,
        response_us: run.response_us.clone(),
        server_metrics: run.server_metrics.clone(),
    };
    Ok((outcome, step))
}

impl LimitFile {
    fn of(limit: &Limit) -> Self {
        LimitFile {
            rate: limit.quantile(0.5),
            confidence95: limit.interval95(),
        }
    }
}

impl Step {
    fn line(&self) -> String {
        format!(
            "{:>9}/s  {:<12} {}  {}{}",
            show_rate(self.rate),
            self.outcome,
            in_short(self.response_us.as_ref()),
            self.why.join("; "),
            metrics_in_short(&self.server_metrics)
        )
    }
}

fn show(args: &MaxArgs, found: &Found) -> anyhow::Result<()> {
    let objectives = &args.slo;
    match found.kept {
        None => print_line(format_args!(
            "no rate from {}/s on keeps {objectives}",
            show_rate(args.from)
        ))?,
        Some(kept) => {
            print_line(format_args!("max {}/s keeps {objectives}", show_rate(kept)))?;
            let times = format!("kept {} times of {}", found.successes, found.tries);
            print_line(format_args!("    {times}"))?;
            if let Some(LimitFile {
                rate,
                confidence95: (low, high),
            }) = found.limit.as_ref().map(LimitFile::of)
            {
                print_line(format_args!(
                    "    half of the runs keep {}/s (95 % sure: {} to {})",
                    show_rate(rate),
                    show_rate(low),
                    show_rate(high)
                ))?;
            }
        }
    }
    match (found.missed, found.is_client_limit) {
        (None, _) => print_line("    the highest rate of the search; a higher --to may find more"),
        (Some(missed), false) => {
            print_line(format_args!("    not kept at {}/s", show_rate(missed)))
        }
        (Some(missed), true) => print_line(format_args!(
            "    INVALID: at {}/s the client was the limit, not the server",
            show_rate(missed)
        )),
    }
}
