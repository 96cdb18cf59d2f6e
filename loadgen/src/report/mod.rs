//! The result of a run, for people and for programs.

pub(crate) mod hlog;
pub(crate) mod html;
pub(crate) mod live;
mod plot;
pub(crate) mod prometheus;
pub(crate) mod run_file;
pub(crate) mod table;

use std::path::Path;

use anyhow::Context;

/// Writes a whole file.
pub(crate) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
