//! The result of a run, for people and for programs.

pub(crate) mod hlog;
pub(crate) mod html;
pub(crate) mod level;
pub(crate) mod live;
mod metric_plots;
mod plot;
pub(crate) mod prometheus;
pub(crate) mod run_file;
pub(crate) mod table;

use std::fmt;
use std::path::Path;

use anyhow::Context;

/// What a run makes and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Calls,
    /// Whole transfers through pipes.
    Transfers,
}

impl Counted {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Counted::Calls => "calls",
            Counted::Transfers => "transfers",
        }
    }

    /// One of them.
    pub(crate) fn one(self) -> &'static str {
        match self {
            Counted::Calls => "call",
            Counted::Transfers => "transfer",
        }
    }

    /// As a sentence begins.
    fn capitalised(self) -> &'static str {
        match self {
            Counted::Calls => "Calls",
            Counted::Transfers => "Transfers",
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Writes a whole file.
pub(crate) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
