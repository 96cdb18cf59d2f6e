//! Runs steps one after the other, says how each went, and counts.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::packages::{self, Unavailable};
use crate::process;
use crate::session::Session;
use crate::step::Step;
use crate::workspace::Workspace;

/// How long all steps together may take; whatever is left when it ends fails.
const RUN_LIMIT: Duration = Duration::from_secs(28 * 60);

/// Lines of a failing step's log that are shown.
const TAIL_LINES: usize = 60;

/// How many steps ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// Whether nothing failed.
    pub(crate) fn succeeded(self) -> bool {
        self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "test steps: {} passed, {} failed",
            self.passed, self.failed
        )?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Runs `steps` and prints a line for each, the tails of the logs of those that failed, and the
/// count on the last line.
///
/// # Errors
///
/// If standard output or the log folder cannot be written, or xtask is interrupted.
pub(crate) fn run(steps: &[&Step], workspace: &Workspace) -> Result<Tally> {
    let end = Instant::now() + RUN_LIMIT;
    let mut tally = Tally::default();
    for step in steps {
        print!("{:<22} ", step.name);
        std::io::stdout()
            .flush()
            .context("cannot write to standard output")?;
        let started = Instant::now();
        let session = Session::open(workspace, step.name, end.min(started + step.limit))?;
        let outcome = (step.run)(&session);
        let seconds = started.elapsed().as_secs_f64();
        if process::interrupted() {
            println!("stopped {seconds:7.1} s");
            bail!("interrupted");
        }
        report(&session, outcome, seconds, &mut tally)?;
    }
    println!("{tally}");
    Ok(tally)
}

fn report(
    session: &Session<'_>,
    outcome: Result<String>,
    seconds: f64,
    tally: &mut Tally,
) -> Result<()> {
    let error = match outcome {
        Ok(seen) => {
            tally.passed += 1;
            println!("passed  {seconds:7.1} s  {seen}");
            return Ok(());
        }
        Err(error) => error,
    };
    match error.downcast_ref::<Unavailable>() {
        Some(lack) if !packages::on_ci() => {
            tally.skipped += 1;
            println!("SKIPPED {seconds:7.1} s  {}", lack.what);
            println!("    to have it run: {}", lack.remedy);
        }
        _ => {
            tally.failed += 1;
            println!("FAILED  {seconds:7.1} s  {error:#}");
            for line in tail(&session.log_text()?, TAIL_LINES) {
                println!("    | {line}");
            }
            session.note(&format!("failed: {error:#}"))?;
            println!("    log: {}", session.workspace.shown(session.log_path()));
        }
    }
    Ok(())
}

/// The last `count` lines of `text`.
fn tail(text: &str, count: usize) -> impl Iterator<Item = &str> {
    let lines = text.lines().count();
    text.lines().skip(lines.saturating_sub(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_reads_as_agreed() {
        let mut tally = Tally {
            passed: 12,
            ..Tally::default()
        };
        assert_eq!(tally.to_string(), "test steps: 12 passed, 0 failed");
        assert!(tally.succeeded());
        tally.failed = 1;
        tally.skipped = 2;
        assert_eq!(
            tally.to_string(),
            "test steps: 12 passed, 1 failed, 2 skipped"
        );
        assert!(!tally.succeeded());
    }

    #[test]
    fn a_tail_is_the_end_of_a_text() {
        assert_eq!(tail("a\nb\nc\n", 2).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(tail("a", 2).collect::<Vec<_>>(), ["a"]);
        assert_eq!(tail("", 2).count(), 0);
    }
}
