//! The project's load generator, for two seconds on the kernel's own ring.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo;
use crate::session::Session;

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
