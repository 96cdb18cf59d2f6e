//! Samba's test client.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::server::Server;
use crate::session::Session;
use crate::{packages, samba_config};

/// The tests that the suite `rpc.echo` is made of; each must report success.
const TESTS: &[&str] = &[
    "echo.addone",
    "echo.sinkdata",
    "echo.echodata",
    "echo.sourcedata",
    "echo.testcall",
    "echo.testcall2",
    "echo.enum",
    "echo.surrounding",
    "echo.doublepointer",
    "echo.sleep",
];

/// What Samba's marshalling says about bytes that it can read and does not like. It says so on
/// the side, and lets the test succeed.
const COMPLAINTS: &[&str] = &["Non-zero padding", "unread bytes", "VALIDATE ERROR"];

/// Runs the suite against a server of its own, with `options` in the string binding.
pub(crate) fn step(session: &Session<'_>, options: &[&str]) -> Result<String> {
    packages::require_programs(session, &["smbtorture"])?;
    let server = Server::start(session)?;
    ensure!(server.has_io_uring()?, "the server has no io_uring");
    let seen = run(session, server.port(), options)?;
    server.stop()?;
    Ok(seen)
}

/// Runs the suite against a server of its own, over the ring that takes io_uring's place where
/// that is forbidden.
pub(crate) fn epoll_step(session: &Session<'_>) -> Result<String> {
    packages::require_programs(session, &["smbtorture"])?;
    let server = Server::start_over(session, "epoll")?;
    ensure!(!server.has_io_uring()?, "the server has an io_uring");
    let seen = run(session, server.port(), &[])?;
    server.stop()?;
    Ok(seen)
}

/// Runs the suite over a Unix socket against a server of its own.
pub(crate) fn ncalrpc_step(session: &Session<'_>) -> Result<String> {
    packages::require_programs(session, &["smbtorture"])?;
    let server = Server::start_local(session, "echo")?;
    let seen = run_echo(session, "ncalrpc:127.0.0.1[echo]")?;
    server.stop()?;
    Ok(seen)
}

/// Runs the suite against the server on `port` of the loopback interface.
///
/// # Errors
///
/// If smbtorture cannot be run, or anything but ten successes comes of it.
pub(crate) fn run(session: &Session<'_>, port: u16, options: &[&str]) -> Result<String> {
    let mut endpoint = port.to_string();
    for option in options {
        write!(endpoint, ",{option}")?;
    }
    run_echo(session, &format!("ncacn_ip_tcp:127.0.0.1[{endpoint}]"))
}

/// Runs the suite against the server that a string binding names.
///
/// # Errors
///
/// Those of [`run`].
pub(crate) fn run_echo(session: &Session<'_>, target: &str) -> Result<String> {
    run_suite(session, target, "rpc.echo", TESTS)
}

/// Runs `suite` against the server that a string binding names; each of `tests`, which it is made
/// of, must report success.
///
/// # Errors
///
/// If smbtorture cannot be run, or anything else comes of it.
pub(crate) fn run_suite(
    session: &Session<'_>,
    target: &str,
    suite: &str,
    tests: &[&str],
) -> Result<String> {
    let configuration = samba_config::write(session.scratch(), "lo", &[])?;
    let said = session.capture(
        Command::new("smbtorture")
            .arg("-s")
            .arg(configuration)
            .arg(target)
            .args(["-U%", suite]),
    )?;
    let results = Results::parse(&said.stdout);
    let seen = results.verdict(tests)?;
    if let Some(line) = complaint(&said.stdout).or(complaint(&said.stderr)) {
        bail!("smbtorture succeeds and complains: {line}");
    }
    ensure!(
        said.status.success(),
        "smbtorture reports only successes and ended with {}",
        said.status
    );
    Ok(seen)
}

/// The first line of `output` that finds fault with the server's bytes.
fn complaint(output: &str) -> Option<&str> {
    output
        .lines()
        .find(|line| COMPLAINTS.iter().any(|words| line.contains(words)))
        .map(str::trim)
}

/// How each test ended, by its name, in the words of smbtorture.
#[derive(Debug, Default)]
struct Results<'a> {
    outcomes: BTreeMap<&'a str, Outcome<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome<'a> {
    /// `success`, `failure`, `error`, `skip` or `unfinished`.
    word: &'a str,
    /// The first line of the reason, empty for a success.
    reason: &'a str,
}

impl<'a> Results<'a> {
    /// Reads smbtorture's report: `test: NAME`, and later either `success: NAME` or
    /// `failure: NAME [`, the reason, `]`.
    fn parse(output: &'a str) -> Results<'a> {
        let mut outcomes = BTreeMap::new();
        let mut lines = output.lines();
        while let Some(line) = lines.next() {
            let Some((word, rest)) = line.split_once(": ") else {
                continue;
            };
            let (name, has_reason) = match rest.strip_suffix(" [") {
                Some(name) => (name, true),
                None => (rest, false),
            };
            let outcome = match word {
                "test" => Outcome {
                    word: "unfinished",
                    reason: "",
                },
                "success" | "failure" | "error" | "skip" => {
                    let reason = if has_reason { lines.next() } else { None };
                    Outcome {
                        word,
                        reason: reason.unwrap_or_default().trim(),
                    }
                }
                _ => continue,
            };
            record(&mut outcomes, name, outcome);
        }
        Results { outcomes }
    }

    /// What was seen; an error unless exactly these tests ran and all succeeded.
    fn verdict(&self, tests: &[&str]) -> Result<String> {
        let mut faults = Vec::new();
        for name in tests {
            match self.outcomes.get(name) {
                None => faults.push(format!("{name} did not run")),
                Some(Outcome { word, reason }) if *word != "success" => {
                    faults.push(format!("{name}: {word} {reason}"));
                }
                Some(_) => {}
            }
        }
        for name in self.outcomes.keys().filter(|name| !tests.contains(name)) {
            faults.push(format!("{name} is not known to be a test of the suite"));
        }
        ensure!(faults.is_empty(), "{}", faults.join("; "));
        Ok(format!("{0} of {0} tests", tests.len()))
    }
}

/// Keeps the worst that was said of a test: a success does not undo an earlier failure.
fn record<'a>(outcomes: &mut BTreeMap<&'a str, Outcome<'a>>, name: &'a str, outcome: Outcome<'a>) {
    let settled = |known: &Outcome<'_>| !["unfinished", "success"].contains(&known.word);
    if !outcomes.get(name).is_some_and(settled) {
        outcomes.insert(name, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What smbtorture 4.17 says when nobody listens, shortened to two tests.
    const REFUSED: &str = "\
smbtorture 4.17.12-Debian
Using seed 1795248004
time: 2026-11-21 08:00:04.483188
progress: 10
test: echo.addone
time: 2026-11-21 08:00:04.485118
time: 2026-11-21 08:00:04.485122
failure: echo.addone [
Setup failed: ../../source4/torture/rpc/rpc.c:312: status was NT_STATUS_CONNECTION_REFUSED, expected NT_STATUS_OK: Error connecting to server
]
test: echo.sinkdata
time: 2026-11-21 08:00:04.485129
time: 2026-11-21 08:00:04.485131
failure: echo.sinkdata [
Setup failed: ../../source4/torture/rpc/rpc.c:312: status was NT_STATUS_CONNECTION_REFUSED, expected NT_STATUS_OK: Error connecting to server
]
";

    /// What it says of `tests` when they succeed; what each one chats about is that of `sleep`.
    fn report(tests: &[&str]) -> String {
        let mut text = "\
smbtorture 4.17.12-Debian
Using seed 1795248879
time: 2026-11-21 08:14:39.008783
progress: 10
"
        .to_owned();
        for name in tests {
            text.push_str(&format!(
                "\
test: {name}
time: 2026-11-21 08:14:39.036512
Testing TestSleep - use \"torture:quick=yes\" to disable
connect echo connection 2 with DCERPC_CONCURRENT_MULTIPLEX
rounded_tdiff=1
Slept for 1 seconds (reply takes 1.048901 seconds - ok)

time: 2026-11-21 08:14:42.043059
success: {name}
"
            ));
        }
        text
    }

    fn fault(output: &str) -> String {
        Results::parse(output)
            .verdict(TESTS)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn ten_successes_pass() {
        let report = report(TESTS);
        assert_eq!(
            Results::parse(&report).verdict(TESTS).unwrap(),
            "10 of 10 tests"
        );
    }

    #[test]
    fn a_refused_connection_fails_with_its_reason() {
        let outcomes = Results::parse(REFUSED).outcomes;
        assert_eq!(outcomes["echo.addone"].word, "failure");
        assert!(
            outcomes["echo.sinkdata"]
                .reason
                .contains("NT_STATUS_CONNECTION_REFUSED")
        );
        assert!(fault(REFUSED).contains("echo.sleep did not run"));
    }

    #[test]
    fn a_report_of_nothing_fails() {
        assert!(fault("").contains("echo.addone did not run"));
    }

    #[test]
    fn a_test_that_never_ended_fails() {
        let cut = report(TESTS).replace("success: echo.sleep\n", "");
        assert!(fault(&cut).contains("echo.sleep: unfinished"));
    }

    #[test]
    fn a_skipped_test_fails() {
        // With torture:quick=yes.
        let skipped = report(TESTS).replace(
            "success: echo.sleep\n",
            "skip: echo.sleep [\nTestSleep disabled - use \"torture:quick=no\" to enable\n]\n",
        );
        assert!(fault(&skipped).starts_with("echo.sleep: skip TestSleep disabled"));
    }

    #[test]
    fn a_success_does_not_undo_a_failure() {
        let mut both = report(TESTS);
        both.push_str("failure: echo.enum [\nwrong\n]\nsuccess: echo.enum\n");
        assert_eq!(fault(&both), "echo.enum: failure wrong");
    }

    #[test]
    fn a_complaint_is_found_among_successes() {
        let mut report = report(TESTS);
        assert_eq!(complaint(&report), None);
        report.push_str("WARNING: Non-zero padding to 4: 01\n");
        assert_eq!(
            complaint(&report),
            Some("WARNING: Non-zero padding to 4: 01")
        );
    }

    #[test]
    fn a_test_that_nobody_knows_fails() {
        let mut more = report(TESTS);
        more.push_str("test: echo.other\nsuccess: echo.other\n");
        assert!(fault(&more).starts_with("echo.other is not known"));
    }
}
