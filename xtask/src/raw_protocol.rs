//! Samba's protocol-level suite, driven by `interop/raw_protocol.py`.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::packages::{self, Unavailable};
use crate::server::Server;
use crate::session::Session;

/// The list of tests.
const NAMES: &str = "interop/raw_protocol.txt";

/// Debian's own Python, the one that python3-samba is for.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// Runs the suite against a server of its own.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    packages::require(session, "python3-samba", || has_samba(session))?;
    let port = free_port()?;
    let server = Server::start_on(session, port)?;
    let said = session.capture(
        Command::new(PYTHON)
            .arg("interop/raw_protocol.py")
            .arg(port.to_string())
            .arg(NAMES),
    )?;
    let wanted = std::fs::read_to_string(session.workspace.root.join(NAMES))
        .with_context(|| format!("cannot read {NAMES}"))?;
    let seen = verdict(&said.stdout, &names(&wanted))?;
    ensure!(
        said.status.success(),
        "the script reports only passed tests and ended with {}",
        said.status
    );
    server.stop()?;
    Ok(seen)
}

fn has_samba(session: &Session<'_>) -> bool {
    session
        .query(Command::new(PYTHON).args(["-c", "import samba.tests.dcerpc"]))
        .is_ok()
}

/// A free port of three digits, which the suite wants.
fn free_port() -> Result<u16> {
    (600..1000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| {
            let what = "the suite wants a port of three digits, and none can be bound".to_owned();
            let remedy =
                "run it as root, or sysctl net.ipv4.ip_unprivileged_port_start=600".to_owned();
            Unavailable { what, remedy }.into()
        })
}

fn names(list: &str) -> Vec<&str> {
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// Each of `wanted` must have passed.
fn verdict(output: &str, wanted: &[&str]) -> Result<String> {
    let passed = |name: &&&str| {
        output
            .lines()
            .any(|line| line == format!("test {name}: passed"))
    };
    let missing: Vec<_> = wanted.iter().filter(|name| !passed(name)).collect();
    ensure!(missing.is_empty(), "these tests did not pass: {missing:?}");
    Ok(format!("{0} of {0} tests", wanted.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wanted_test_must_have_passed() {
        let wanted = names("# a comment\ntest_one\n\ntest_two\n");
        assert_eq!(wanted, ["test_one", "test_two"]);
        let good = "test test_one: passed\ntest test_two: passed\n2 passed, 0 failed\n";
        assert_eq!(verdict(good, &wanted).unwrap(), "2 of 2 tests");
        let bad = "test test_one: passed\ntest test_two: failed\n  why\n1 passed, 1 failed\n";
        let error = verdict(bad, &wanted).unwrap_err().to_string();
        assert!(
            error.contains("test_two") && !error.contains("test_one"),
            "{error}"
        );
        assert!(verdict("", &wanted).is_err());
    }
}
