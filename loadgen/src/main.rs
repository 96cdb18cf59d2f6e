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

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    // What the engine has to say, such as a limit of open files that is too low.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .without_time()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run::run(&args) {
        Ok(report) => report.print(),
        Err(error) => {
            eprintln!("loadgen: {error:#}");
            ExitCode::from(2)
        }
    }
}
