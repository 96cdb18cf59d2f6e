//! `loadgen`: latency and throughput of a DCE/RPC server.
//!
//! Without a target it starts an rpcecho server of its own, on another core than its client
//! where there is one, and measures that.
#![forbid(unsafe_code)]

mod args;
mod arrivals;
mod embedded;
mod progress;
mod report;
mod run;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;

fn main() -> ExitCode {
    match run::run(&Args::parse()) {
        Ok(report) => report.print(),
        Err(error) => {
            eprintln!("loadgen: {error:#}");
            ExitCode::from(2)
        }
    }
}
