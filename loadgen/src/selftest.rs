//! `loadgen selftest`: what this client can do at best, on this machine, against a peer that does next to
//! nothing.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::Value;

use crate::args::{RunArgs, SelftestArgs};
use crate::exit::{Exit, Interrupted};
use crate::output::{print, print_line};
use crate::peer::NoOpPeer;
use crate::plan::{Bench, Round, first_core};
use crate::report::run_file::RunFile;
use crate::report::table::{in_short, row};
use crate::schedule::{Arrivals, Process, Profile};

/// The rate at which pacing is looked at.
const PACED_RATE: f64 = 100_000.0;

/// Connections, and calls in flight on each, at the ceiling; bytes that a call carries each way.
const CONNECTIONS: u32 = 64;
const OUTSTANDING: u32 = 16;
const PAYLOAD: u32 = 32;

/// What the client did.
#[derive(Clone, Debug, Serialize)]
struct Selftest {
    schema: &'static str,
    /// 64 connections x 16 outstanding, as fast as it goes.
    ceiling: RunFile,
    /// What bare sockets reach with as many bytes, if it was asked for.
    raw_limit: Option<RawLimit>,
    /// One call after another.
    floor: RunFile,
    /// An open loop.
    paced: RunFile,
}

/// The rate of a program that only moves bytes: the mean of a run before the ceiling's and one after it.
#[derive(Clone, Copy, Debug, Serialize)]
struct RawLimit {
    calls_per_second: f64,
    /// The ceiling is so much of it.
    reached: f64,
}

/// Runs the three, and shows what they came to.
pub(crate) fn selftest(args: &SelftestArgs) -> anyhow::Result<Exit> {
    // Each alone: the peer looks for work without a pause, on a core that the program needs.
    let raw = || {
        let program = args.raw_limit.as_deref();
        program.map(|it| raw_rate(it, args.duration)).transpose()
    };
    let before = raw()?;
    let [ceiling, floor, paced] = drive_peer(args)?;
    let raw_limit = before.zip(raw()?).map(|(before, after)| {
        let calls_per_second = f64::midpoint(before, after);
        RawLimit {
            calls_per_second,
            reached: ceiling.calls_per_second / calls_per_second,
        }
    });
    let selftest = Selftest {
        schema: "annulus-loadgen/selftest/1",
        ceiling,
        raw_limit,
        floor,
        paced,
    };
    if args.json {
        print_line(serde_json::to_string_pretty(&selftest)?)?;
    } else {
        print(&selftest)?;
    }
    Ok(Exit::Ok)
}

/// The ceiling, the floor and the paced run, against a peer that does nothing.
fn drive_peer(args: &SelftestArgs) -> anyhow::Result<[RunFile; 3]> {
    let peer = NoOpPeer::start(first_core()?)?;
    let paced = Arrivals::Rate {
        profile: Profile::Constant(PACED_RATE),
        process: Process::Even,
    };
    let run = |connections, outstanding, arrivals| {
        let load = RunArgs::of_words(&[
            &peer.binding(),
            "--mix=Echo",
            &format!("--payload={PAYLOAD}"),
            &format!("--connections={connections}"),
            &format!("--outstanding={outstanding}"),
            &format!("--duration={}", args.duration.as_secs_f64()),
        ])?
        .load;
        let round = Round {
            arrivals,
            ..Round::default()
        };
        let run = Bench::new(&load)?.run(&round, &mut [])?;
        if run.interrupted {
            return Err(Interrupted.into());
        }
        anyhow::Ok(run)
    };
    Ok([
        run(CONNECTIONS, OUTSTANDING, None)?,
        run(1, 1, None)?,
        run(16, 16, Some(paced))?,
    ])
}

/// What another program reaches with the load of the ceiling.
fn raw_rate(program: &Path, duration: Duration) -> anyhow::Result<f64> {
    let shown = program.display();
    let output = Command::new(program)
        .args(["--connections", &CONNECTIONS.to_string()])
        .args(["--outstanding", &OUTSTANDING.to_string()])
        .args(["--payload", &PAYLOAD.to_string()])
        .args(["--duration", &duration.as_secs_f64().to_string()])
        .output()
        .with_context(|| format!("--raw-limit: {shown} cannot be started"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("--raw-limit: {shown} ended with {}: {why}", output.status);
    }
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("--raw-limit: {shown} writes no JSON"))?;
    let rate = report["calls_per_second"].as_f64().filter(|it| *it > 0.0);
    rate.with_context(|| format!("--raw-limit: {shown} tells no calls_per_second"))
}

impl std::fmt::Display for Selftest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Selftest {
            ceiling,
            raw_limit,
            floor,
            paced,
            ..
        } = self;
        row(
            f,
            "ceiling",
            format_args!(
                "{:.0} calls/s, {:.2} µs of CPU per call ({CONNECTIONS} connections x {OUTSTANDING} outstanding)",
                ceiling.calls_per_second, ceiling.client_cpu.us_per_call
            ),
        )?;
        if let Some(raw) = raw_limit {
            row(
                f,
                "raw limit",
                format_args!(
                    "{:.0} calls/s over bare sockets, of which the ceiling is {:.0} %",
                    raw.calls_per_second,
                    raw.reached * 100.0
                ),
            )?;
        }
        let response = in_short(floor.response_us.as_ref());
        row(
            f,
            "floor",
            format_args!("{response} (one call after another)"),
        )?;
        let late = in_short(paced.pacing_error_us.as_ref());
        row(f, "sent late", format_args!("{late} at 100k calls/s"))?;
        for why in &paced.verdict.invalid_because {
            row(f, "note", why)?;
        }
        Ok(())
    }
}
