//! Standard output and standard error, whose readers may have gone.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Nobody reads standard output any longer, as in `loadgen run | head -1`. There is nothing more to do.
#[derive(Debug)]
pub(crate) struct Unread;

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads standard output")
    }
}

impl std::error::Error for Unread {}

/// Writes to standard output.
///
/// # Errors
///
/// [`Unread`], or the system's error.
pub(crate) fn print(what: impl fmt::Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = write!(out, "{what}").and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Unread.into()),
        written => written.context("standard output cannot be written"),
    }
}

/// Writes a line to standard output.
///
/// # Errors
///
/// As [`print()`].
pub(crate) fn print_line(what: impl fmt::Display) -> anyhow::Result<()> {
    print(format_args!("{what}\n"))
}

/// Writes a line to standard error, if somebody reads it.
pub(crate) fn tell(what: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{what}");
}
