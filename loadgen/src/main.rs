//! `loadgen`: latency and throughput of DCE/RPC servers.
//!
//! Without a target it starts an rpcecho server of its own, on another core than its client
//! where there is one, and measures that.
#![forbid(unsafe_code)]

mod args;
mod call;
mod clock;
mod compare;
mod definition;
mod doctor;
mod embedded;
mod exit;
mod fleet;
mod manual;
mod merge;
mod mix;
mod objective;
mod operation;
mod output;
mod payload;
mod peer;
mod plan;
mod record;
mod report;
mod schedule;
mod selftest;
mod server_metrics;
mod setup;
mod stats;
mod transfer;
mod verdict;
mod warm_up;
mod worker;

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::output::Unread;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            };
            let _ = error.print();
            return exit.code();
        }
    };
    // What the engine has to say, such as a limit of open files that is too low.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .without_time()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let result = match &cli.command {
        Command::Run(args) => plan::run::run(args),
        Command::Max(args) => plan::max::max(args),
        Command::Curve(args) => plan::curve::curve(args),
        Command::Call(args) => call::call(args),
        Command::Merge(args) => merge::merge(args),
        Command::Compare(args) => compare::compare(args),
        Command::Doctor => doctor::doctor(),
        Command::Selftest(args) => selftest::selftest(args),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man(args) => manual::pages(args),
    };
    match result {
        Ok(exit) => exit.code(),
        Err(error) => {
            if !error.is::<Unread>() {
                output::tell(format_args!("loadgen: {error:#}"));
            }
            Exit::of(&error).code()
        }
    }
}
