//! Criterion's suites, kept by name and compared by critcmp.
//!
//! A clock on a shared machine shows changes where nothing has changed. So each name is measured
//! twice, and a comparison shows both: what differs between the two columns of one name is noise.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::session::Session;
use crate::workspace::Workspace;

/// The suites, as `[[bench]]` in bench/Cargo.toml has them.
const SUITES: &[&str] = &[
    "call_table",
    "completion_port",
    "end_to_end",
    "inbox",
    "ndr",
    "pdu",
];

/// What the second measurement of a name is called.
const AGAIN: &str = "-again";

const CRITCMP_VERSION: &str = "0.1.8";

/// How long a measurement or comparison may take, builds included.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// Has criterion stop as soon as it thinks that it knows: a fifth of the time, and more noise.
const QUICK: &str = "--quick";

/// Measures the suites that `words` name twice, or all of them, and keeps what came out under
/// `name`. One of the words may be `--quick`.
///
/// # Errors
///
/// If a suite is unknown, or does not build or run.
pub(crate) fn save(name: &str, words: &[String], workspace: &Workspace) -> Result<()> {
    let session = Session::open(workspace, "bench-save", Instant::now() + LIMIT)?;
    let (options, suites): (Vec<_>, Vec<_>) = words.iter().partition(|word| *word == QUICK);
    let unknown: Vec<_> = suites
        .iter()
        .filter(|suite| !SUITES.contains(&suite.as_str()))
        .collect();
    ensure!(unknown.is_empty(), "{unknown:?} is none of {SUITES:?}");
    for name in [name.to_owned(), format!("{name}{AGAIN}")] {
        println!("measuring {name}");
        let mut command = Command::new("cargo");
        command.args(["bench", "--package", "annulus-bench"]);
        for suite in SUITES {
            if suites.is_empty() || suites.iter().any(|wanted| *wanted == suite) {
                command.args(["--bench", suite]);
            }
        }
        command
            .args(["--", "--save-baseline", &name])
            .args(&options);
        session.run(&mut command)?;
    }
    Ok(())
}

/// Prints what was kept under two names side by side, each with its second measurement.
///
/// # Errors
///
/// If critcmp cannot be installed, or there is nothing of that name.
pub(crate) fn compare(before: &str, after: &str, workspace: &Workspace) -> Result<()> {
    let session = Session::open(workspace, "bench-compare", Instant::now() + LIMIT)?;
    let mut command = Command::new(critcmp(&session)?);
    for name in [before, after] {
        command.args([name.to_owned(), format!("{name}{AGAIN}")]);
    }
    // Beside the baselines, which criterion keeps where cargo builds.
    let target = workspace.output.parent().unwrap_or(&workspace.output);
    command.arg("--target-dir").arg(target);
    println!("{}", session.query(&mut command)?);
    println!("What differs between NAME and NAME{AGAIN} is noise: nothing was changed there.");
    Ok(())
}

/// The program that compares, installed under `target/xtask` if it is not there.
fn critcmp(session: &Session<'_>) -> Result<PathBuf> {
    let root = session.workspace.output.join("tools");
    let program = root.join("bin/critcmp");
    if !program.exists() {
        let mut install = Command::new("cargo");
        install
            .args(["install", "critcmp", "--locked"])
            .args(["--version", CRITCMP_VERSION]);
        session.run(install.arg("--root").arg(&root))?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_suite_is_known() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let manifest = fs::read_to_string(root.join("bench/Cargo.toml")).unwrap();
        let mut suites: Vec<_> = manifest
            .split("[[bench]]")
            .skip(1)
            .filter_map(|section| section.split('"').nth(1))
            .collect();
        suites.sort_unstable();
        assert_eq!(suites, SUITES);
    }
}
