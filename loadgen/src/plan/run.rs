//! `loadgen run`: one run at a fixed load.

use std::time::Duration;

use super::{Bench, Round, interval, trace_writer};
use crate::args::RunArgs;
use crate::clock::Clock;
use crate::exit::Exit;
use crate::fleet::Observer;
use crate::mix::Mix;
use crate::objective::Missed;
use crate::output::{print, print_line, tell};
use crate::record::trace::read_arrivals;
use crate::report::hlog::HlogWriter;
use crate::report::live::Live;
use crate::report::prometheus::Exporter;
use crate::report::run_file::{RunFile, decode};
use crate::report::table::Table;
use crate::report::{Counted, html, write_file};
use crate::schedule::Arrivals;
use crate::server_metrics::Monitor;

/// Runs, and shows what came of it.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let mut args = args.clone();
    let arrivals = arrivals(&mut args)?;
    let clock = Clock::read();
    if args.start_at.is_some() && !args.allow_unsynchronised_clock {
        Clock::check(clock)?;
    }
    let round = Round {
        arrivals,
        trace: trace_writer(args.trace_file.as_deref())?,
        start_at: args.start_at,
        agent: args.agent.clone(),
    };
    let mut hlog = args.hlog.as_deref().map(HlogWriter::create).transpose()?;
    let counted = match args.pipe.transfer() {
        Some(_) => Counted::Transfers,
        None => Counted::Calls,
    };
    let exporter = args.prometheus.map(|at| Exporter::start(at, counted));
    let mut exporter = exporter.transpose()?;
    if let Some(exporter) = &exporter {
        tell(format_args!(
            "loadgen: metrics at http://{}/metrics",
            exporter.address()
        ));
    }
    let mut monitor = Monitor::start(&args.metrics, args.load.duration)?;
    let mut live = (!args.quiet).then(|| Live::new(args.load.duration, counted));
    let result = {
        let mut observers: Vec<&mut dyn Observer> = vec![&mut monitor];
        if let Some(hlog) = &mut hlog {
            observers.push(hlog);
        }
        if let Some(exporter) = &mut exporter {
            observers.push(exporter);
        }
        if let Some(live) = &mut live {
            observers.push(live);
        }
        bench(&args)?.run(&round, &mut observers)
    };
    if let Some(live) = &mut live {
        live.finish();
    }
    let mut run = result?;
    run.clock = clock;
    if args.start_at.is_some() {
        let note = clock.and_then(|clock| clock.note(interval(args.load.duration)));
        run.verdict.notes.extend(note);
    }
    run.server_metrics = monitor.finish(run.seconds);
    if let Some(hlog) = &mut hlog {
        hlog.finish()?;
    }
    if let Some(trace) = &round.trace {
        trace.finish()?;
    }
    show(&args, &run)
}

fn bench(args: &RunArgs) -> anyhow::Result<Bench> {
    match args.pipe.transfer() {
        Some(transfer) => Bench::with_mix(&args.load, Mix::transfers(transfer)),
        None => Bench::new(&args.load),
    }
}

/// The arrivals of an open loop. A replay lasts as long as its trace.
fn arrivals(args: &mut RunArgs) -> anyhow::Result<Option<Arrivals>> {
    if let Some(path) = &args.replay {
        let offsets_ns = read_arrivals(path)?;
        let last = offsets_ns.last().copied().unwrap_or_default();
        args.load.duration = Duration::from_nanos(last + 1).max(Duration::from_millis(1));
        return Ok(Some(Arrivals::Trace(offsets_ns)));
    }
    let process = args.arrivals;
    let rate = args.rate.clone();
    Ok(rate.map(|profile| Arrivals::Rate { profile, process }))
}

fn show(args: &RunArgs, run: &RunFile) -> anyhow::Result<Exit> {
    if let Some(path) = &args.out {
        run.write(path)?;
    }
    if let Some(path) = &args.html {
        write_file(path, &html::run(run)?)?;
    }
    if args.json {
        print_line(run.to_json())?;
    } else {
        print(Table(run))?;
    }
    let response = decode(&run.histograms.response)?;
    let missed = args.slo.as_ref().map(|slo| slo.missed(run, &response));
    for Missed(what) in missed.iter().flatten() {
        tell(format_args!("loadgen: {what}"));
    }
    let mut kinds = run.errors.keys();
    if run.completed == 0 && !run.errors.is_empty() && kinds.all(|kind| is_refusal(kind)) {
        return Ok(Exit::Refused);
    }
    if !run.verdict.valid && !args.accept_invalid {
        for why in &run.verdict.invalid_because {
            tell(format_args!("loadgen: invalid: {why}"));
        }
        return Ok(Exit::Invalid);
    }
    if run.interrupted {
        tell("loadgen: interrupted; it measured for less time than it was to");
        return Ok(Exit::Invalid);
    }
    Ok(if missed.is_some_and(|missed| !missed.is_empty()) {
        Exit::Missed
    } else {
        Exit::Ok
    })
}

fn is_refusal(kind: &str) -> bool {
    matches!(kind, "connect" | "bind" | "authentication" | "reset")
}
