//! What the examples share: logs, arguments, signals, and errors that people can read.
#![allow(dead_code, reason = "each example uses its own part")]

use std::fmt::Display;
use std::process::ExitCode;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Waits for the signals that end a server.
pub(crate) struct EndSignals(Signals);

impl EndSignals {
    /// Returns at the first SIGINT or SIGTERM.
    pub(crate) fn wait(mut self) {
        self.0.forever().next();
    }
}

/// Runs an example: prints its error, if it has one, and turns it into the exit status.
pub(crate) fn run<E: Display>(
    example: impl FnOnce(Vec<String>, EndSignals) -> Result<(), E>,
) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => EndSignals(signals),
        Err(error) => {
            eprintln!("error: cannot watch for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    match example(std::env::args().skip(1).collect(), signals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments, or one that stands for none.
pub(crate) fn or_default(arguments: Vec<String>, default: &str) -> Vec<String> {
    if arguments.is_empty() {
        vec![default.to_owned()]
    } else {
        arguments
    }
}
