//! `loadgen run`: one run at a fixed load.

use std::time::Duration;

use super::watch::Watch;
use super::{Bench, Round, interval, trace_writer};
use crate::args::RunArgs;
use crate::clock::Clock;
use crate::exit::Exit;
use crate::mix::Mix;
use crate::objective::Missed;
use crate::output::{print, print_line, tell};
use crate::record::trace::read_arrivals;
use crate::report::run_file::{RunFile, decode};
use crate::report::table::Table;
use crate::report::{Counted, html, write_file};
use crate::schedule::Arrivals;

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
    let bench = bench(&args)?;
    let counted = match args.pipe.transfer() {
        Some(_) => Counted::Transfers,
        None => Counted::Calls,
    };
    let agent = args.agent.as_deref();
    let mut watch = Watch::start(&args.watch, args.load.duration, counted, agent)?;
    let mut run = watch.run(&bench, &round)?;
    run.clock = clock;
    if args.start_at.is_some() {
        let note = clock.and_then(|clock| clock.note(interval(args.load.duration)));
        run.verdict.notes.extend(note);
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
