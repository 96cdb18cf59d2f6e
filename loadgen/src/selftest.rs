//! `loadgen selftest`: what this client can do at best, on this machine, against a peer that does next to
//! nothing.

use serde::Serialize;

use crate::args::{RunArgs, SelftestArgs};
use crate::exit::Exit;
use crate::peer::NoOpPeer;
use crate::plan::{Bench, Round, first_core};
use crate::report::run_file::RunFile;
use crate::report::table::{in_short, row};
use crate::schedule::{Arrivals, Process, Profile};

/// The rate at which pacing is looked at.
const PACED_RATE: f64 = 100_000.0;

/// What the client did.
#[derive(Clone, Debug, Serialize)]
struct Selftest {
    schema: &'static str,
    /// 16 connections x 16 outstanding, as fast as it goes.
    ceiling: RunFile,
    /// One call after another.
    floor: RunFile,
    /// An open loop.
    paced: RunFile,
}

/// Runs the three, and shows what they came to.
pub(crate) fn selftest(args: &SelftestArgs) -> anyhow::Result<Exit> {
    let peer = NoOpPeer::start(first_core()?)?;
    let paced = Arrivals::Rate {
        profile: Profile::Constant(PACED_RATE),
        process: Process::Even,
    };
    let run = |connections, outstanding, arrivals| {
        let load = RunArgs::of_words(&[
            &peer.binding(),
            "--mix=Sink",
            &format!("--connections={connections}"),
            &format!("--outstanding={outstanding}"),
            &format!("--duration={}", args.duration.as_secs_f64()),
        ])?
        .load;
        let round = Round {
            arrivals,
            ..Round::default()
        };
        Bench::new(&load)?.run(&round, &mut [])
    };
    let selftest = Selftest {
        schema: "annulus-loadgen/selftest/1",
        ceiling: run(16, 16, None)?,
        floor: run(1, 1, None)?,
        paced: run(16, 16, Some(paced))?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&selftest)?);
    } else {
        print!("{selftest}");
    }
    Ok(Exit::Ok)
}

impl std::fmt::Display for Selftest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Selftest {
            ceiling,
            floor,
            paced,
            ..
        } = self;
        row(
            f,
            "ceiling",
            format_args!(
                "{:.0} calls/s, {:.2} µs of CPU per call (16 connections x 16 outstanding)",
                ceiling.calls_per_second, ceiling.client_cpu.us_per_call
            ),
        )?;
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
