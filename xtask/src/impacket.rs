//! impacket's client, driven by `interop/impacket_echo.py`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::packages::{self, Unavailable};
use crate::process;
use crate::server::Server;
use crate::session::Session;

/// The releases of impacket that the script is known to work with.
const REQUIREMENT: &str = "impacket>=0.12,<0.14";

/// The checks that the script makes; each must report that it passed.
const CHECKS: &[&str] = &[
    "AddOne",
    "EchoData",
    "SinkData",
    "SourceData",
    "TestCall",
    // An [async] operation, called by a client that is synchronous.
    "TestSleep",
    "TestSurrounding",
    "TestDoublePointer",
    "UnknownOpnum",
    "AlterContext",
];

/// Runs the script against a server of its own, with `options` added to its arguments.
pub(crate) fn step(session: &Session<'_>, options: &[&str]) -> Result<String> {
    let python = require(session)?;
    let server = Server::start(session)?;
    let seen = run(session, &python, server.port(), options)?;
    server.stop()?;
    Ok(seen)
}

/// Runs the script against the server on `port` of the loopback interface.
///
/// # Errors
///
/// If it cannot be run, or anything but ten passed checks comes of it.
pub(crate) fn run(
    session: &Session<'_>,
    python: &Path,
    port: u16,
    options: &[&str],
) -> Result<String> {
    let said = session.capture(
        Command::new(python)
            .arg("interop/impacket_echo.py")
            .args(["127.0.0.1", &port.to_string()])
            .args(options),
    )?;
    let seen = verdict(&said.stdout, CHECKS)?;
    ensure!(
        said.status.success(),
        "the script reports only passed checks and ended with {}",
        said.status
    );
    Ok(seen)
}

/// Makes a Python environment with impacket, unless there is one, and returns its interpreter.
///
/// # Errors
///
/// [`Unavailable`] if there is no Python to make it with, or no way to get impacket.
pub(crate) fn require(session: &Session<'_>) -> Result<PathBuf> {
    let environment = session.workspace.output.join("impacket");
    let python = environment.join("bin").join("python");
    let is_there = || python.exists() && imports(session, &python, "impacket.dcerpc.v5.rpcrt");
    if is_there() {
        return Ok(python);
    }
    packages::require(session, "Python's venv", || {
        process::is_installed("python3", "--version")
            && imports(session, Path::new("python3"), "ensurepip")
    })?;
    make_environment(session, &environment, &python).map_err(|error| Unavailable {
        what: format!("impacket cannot be installed: {error:#}"),
        remedy: format!(
            "python3 -m venv --clear {0} && {0}/bin/python -m pip install '{REQUIREMENT}'",
            session.workspace.shown(&environment)
        ),
    })?;
    ensure!(is_there(), "impacket was installed and cannot be imported");
    Ok(python)
}

/// Whether the interpreter `python` can import `module`.
fn imports(session: &Session<'_>, python: &Path, module: &str) -> bool {
    let statement = format!("import {module}");
    session
        .run(Command::new(python).args(["-c", &statement]))
        .is_ok()
}

fn make_environment(session: &Session<'_>, environment: &Path, python: &Path) -> Result<()> {
    session.run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(environment),
    )?;
    session.run(Command::new(python).args(["-m", "pip", "install", "--quiet", REQUIREMENT]))
}

/// What was seen; an error unless exactly these checks ran and all passed.
///
/// # Errors
///
/// If anything else is reported.
pub(crate) fn verdict(output: &str, checks: &[&str]) -> Result<String> {
    let reports: Vec<(&str, &str)> = output
        .lines()
        .filter_map(|line| line.strip_prefix("check ")?.split_once(": "))
        .collect();
    let mut faults: Vec<String> = reports
        .iter()
        .filter(|(name, outcome)| !(checks.contains(name) && *outcome == "passed"))
        .map(|(name, outcome)| format!("{name}: {outcome}"))
        .collect();
    for name in checks {
        match reports
            .iter()
            .filter(|(reported, _)| reported == name)
            .count()
        {
            0 => faults.push(format!("{name} did not run")),
            1 => {}
            times => faults.push(format!("{name} ran {times} times")),
        }
    }
    faults.extend(
        output
            .lines()
            .filter(|line| line.contains("FAILED to connect or bind"))
            .map(str::to_owned),
    );
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(format!("{0} of {0} checks", checks.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSED: &str = "\
check AddOne: passed
check EchoData: passed
check SinkData: passed
check SourceData: passed
check TestCall: passed
check TestSleep: passed
check TestSurrounding: passed
check TestDoublePointer: passed
check UnknownOpnum: passed
check AlterContext: passed
level=none syntax=NDR frag=128: 10 passed, 0 failed
";

    fn fault(output: &str) -> String {
        verdict(output, CHECKS).unwrap_err().to_string()
    }

    #[test]
    fn ten_passed_checks_pass() {
        assert_eq!(verdict(PASSED, CHECKS).unwrap(), "10 of 10 checks");
    }

    #[test]
    fn a_failed_check_fails_with_its_reason() {
        let failed = PASSED.replace("SinkData: passed", "SinkData: FAILED: timed out");
        assert_eq!(fault(&failed), "SinkData: FAILED: timed out");
    }

    #[test]
    fn a_check_that_did_not_run_fails() {
        let cut = PASSED.replace("check AlterContext: passed\n", "");
        assert_eq!(fault(&cut), "AlterContext did not run");
    }

    #[test]
    fn a_refused_connection_fails_with_its_reason() {
        let refused = "level=none syntax=NDR frag=default: FAILED to connect or bind: \
                       Could not connect: [Errno 111] Connection refused\n";
        assert!(fault(refused).contains("Connection refused"));
    }

    #[test]
    fn a_check_that_ran_twice_fails() {
        assert!(fault(&format!("{PASSED}{PASSED}")).contains("AddOne ran 2 times"));
    }
}
