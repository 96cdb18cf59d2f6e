//! The project's load generator, for two seconds: against its own server, and against Samba's.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::session::Session;
use crate::{cargo, samba_dcerpcd};

/// The definition of what is asked of Samba, from the root of the workspace.
const SERVER_SERVICE: &str = "interop/idl/srvsvc.idl";

/// Runs `loadgen --duration 2 --json` and looks at what it counted.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    let program = cargo::build_program(session, "annulus-loadgen", "loadgen")?;
    let said = session.capture(Command::new(program).args(["--duration", "2", "--json"]))?;
    let seen = verdict(&said.stdout)?;
    ensure!(
        said.status.success(),
        "loadgen reports completed calls and ended with {}",
        said.status
    );
    Ok(seen)
}

/// Loads Samba's server service, which its endpoint mapper finds and an IDL file describes, and asks it for
/// its time once.
pub(crate) fn samba(session: &Session<'_>) -> Result<String> {
    let program = cargo::build_program(session, "annulus-loadgen", "loadgen")?;
    let address = samba_dcerpcd::free_address()?;
    let _server = samba_dcerpcd::start(session, address)?;
    let target = format!("ncacn_ip_tcp:{address}");
    let operation = ["--idl", SERVER_SERVICE, "--call", "srvsvc.NetrRemoteTOD"];
    let arguments = ["--args", r#"{"server_name": null}"#];

    let mut call = Command::new(&program);
    call.args(["call", &target]).args(operation).args(arguments);
    let told = session.capture(&mut call)?;
    ensure!(told.status.success(), "the call ended with {}", told.status);
    let year = year(&told.stdout)?;

    let report = session.scratch().join("run.json");
    let mut run = Command::new(&program);
    run.args(["run", &target]).args(operation).args(arguments);
    // The peer needs what the machine has: how fast it is is not the question.
    run.args([
        "-c",
        "2",
        "-o",
        "2",
        "-d",
        "2s",
        "--quiet",
        "--accept-invalid",
        "--out",
    ]);
    let ended = session.capture(run.arg(&report))?;
    let report = fs::read_to_string(&report).context("loadgen wrote no run.json")?;
    let seen = verdict(&report)?;
    ensure!(
        ended.status.success(),
        "loadgen reports completed calls and ended with {}",
        ended.status
    );
    Ok(format!("{seen}; it is {year} there"))
}

/// The year that a call told, by the names of the definition.
fn year(outcome: &str) -> Result<u64> {
    let outcome: Value =
        serde_json::from_str(outcome).context("loadgen call prints something that is not JSON")?;
    let year = outcome["out"]["time"]["year"].as_u64();
    let year = year.with_context(|| format!("no year was told: {outcome}"))?;
    ensure!(year >= 2026, "it is {year} there");
    Ok(year)
}

/// What was seen; an error unless calls completed over io_uring and none ended with an error.
fn verdict(report: &str) -> Result<String> {
    let report: Value =
        serde_json::from_str(report).context("loadgen prints something that is not JSON")?;
    let completed = report["completed"]
        .as_u64()
        .context("the report has no number `completed`")?;
    let errors = errors(&report["errors"])?;
    ensure!(errors.is_empty(), "calls failed: {}", errors.join(", "));
    ensure!(completed > 0, "no call completed");
    ensure!(
        report["ring"] == "io_uring",
        "the calls went over the ring {}, not io_uring",
        report["ring"]
    );
    Ok(format!("{completed} calls, no error"))
}

/// The kinds of error that occurred, each with its number.
fn errors(errors: &Value) -> Result<Vec<String>> {
    let kinds = errors
        .as_object()
        .context("the report has no object `errors`, kind: number")?;
    let mut occurred = Vec::new();
    for (kind, count) in kinds {
        let count = count
            .as_u64()
            .with_context(|| format!("the number of errors {kind:?} is not a number"))?;
        if count > 0 {
            occurred.push(format!("{kind} {count}"));
        }
    }
    Ok(occurred)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report as loadgen prints it, without the fields that nobody reads here.
    fn report(completed: u64, errors: &str, ring: &str) -> String {
        format!(
            r#"{{
  "target": "ncacn_ip_tcp:127.0.0.1[40123]",
  "rate": null,
  "ring": "{ring}",
  "seconds": 2.0003,
  "completed": {completed},
  "errors": {errors},
  "latency_us": {{ "p50": 21.5 }}
}}"#
        )
    }

    fn fault(report: &str) -> String {
        verdict(report).unwrap_err().to_string()
    }

    #[test]
    fn completed_calls_without_an_error_pass() {
        for errors in ["{}", r#"{"fault": 0}"#] {
            let report = report(812_345, errors, "io_uring");
            assert_eq!(verdict(&report).unwrap(), "812345 calls, no error");
        }
    }

    #[test]
    fn an_error_fails_and_is_named() {
        let report = report(5, r#"{"timeout": 2, "fault": 0}"#, "io_uring");
        assert_eq!(fault(&report), "calls failed: timeout 2");
    }

    #[test]
    fn a_run_that_completed_nothing_fails() {
        assert_eq!(fault(&report(0, "{}", "io_uring")), "no call completed");
    }

    #[test]
    fn a_call_that_told_no_year_fails() {
        let told = |out: &str| year(&format!(r#"{{"status": "RPC_S_OK", "out": {out}}}"#));
        assert_eq!(
            told(r#"{"result": 0, "time": {"year": 2031}}"#).unwrap(),
            2031
        );
        assert!(told(r#"{"result": 0, "time": null}"#).is_err());
        assert!(told(r#"{"result": 0, "time": {"year": 3}}"#).is_err());
    }

    #[test]
    fn another_ring_fails() {
        assert!(fault(&report(5, "{}", "simulation")).contains("simulation"));
    }

    #[test]
    fn a_report_that_lacks_a_count_fails() {
        assert!(fault(r#"{"errors": {}}"#).contains("`completed`"));
        assert!(fault(r#"{"completed": 3}"#).contains("`errors`"));
        assert!(fault(r#"{"completed": 3, "errors": {"fault": "no"}}"#).contains("\"fault\""));
        assert!(fault("0 errors").contains("not JSON"));
    }
}
