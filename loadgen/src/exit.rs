//! How the program ends.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use annulus::Status;

use crate::clock::Unsure;
use crate::output::Unread;
use crate::record::errors::Failure;

/// What the exit status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// All is as it should be.
    Ok = 0,
    /// The command line, or a file that it names, cannot be used.
    Usage = 1,
    /// The server could not be reached, or did not take this client.
    Refused = 2,
    /// An objective was not met.
    Missed = 3,
    /// What was measured cannot be trusted.
    Invalid = 4,
    /// The second of two compared runs is slower.
    Regression = 5,
    /// Nobody reads what is printed: as of a program that SIGPIPE ended (128 + 13).
    Unread = 141,
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }

    /// Of a command that failed.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.root_cause().is::<Refused>() {
            Exit::Refused
        } else if error.root_cause().is::<Unsure>() || error.root_cause().is::<Interrupted>() {
            Exit::Invalid
        } else if error.root_cause().is::<Unread>() {
            Exit::Unread
        } else {
            Exit::Usage
        }
    }
}

/// The server could not be reached, or did not take this client.
#[derive(Debug)]
pub(crate) struct Refused {
    target: String,
    why: String,
}

impl Refused {
    pub(crate) fn new(target: &str, status: Status) -> Self {
        let class = Failure::of(status);
        Refused {
            target: target.to_owned(),
            why: format!("does not answer ({}): {status}", class.name()),
        }
    }

    pub(crate) fn silent(target: &str, silent: usize, of: u32, time: Duration) -> Self {
        Refused {
            target: target.to_owned(),
            why: format!("did not answer on {silent} of {of} connections within {time:?}"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.target, self.why)
    }
}

impl std::error::Error for Refused {}

/// The user ended it before there was anything to show.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted before there was a result")
    }
}

impl std::error::Error for Interrupted {}
