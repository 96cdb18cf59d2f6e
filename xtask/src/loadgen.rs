//! The project's load generator, for two seconds on the kernel's own ring.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo;
use crate::session::Session;

/// Runs `loadgen --duration 2 --json` and looks at what it counted.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    let program = cargo::build_program(session, "annulus-loadgen", "loadgen")?;
    let report = session
        .query(Command::new(program).args(["--duration", "2", "--json"]))
        .context("loadgen does not report success")?;
    session.note(&report)?;
    verdict(&report)
}

/// What was seen; an error unless calls completed and none ended with an error.
fn verdict(report: &str) -> Result<String> {
    let report: Value =
        serde_json::from_str(report).context("loadgen prints something that is not JSON")?;
    let completed = report["completed"]
        .as_u64()
        .context("the report has no number `completed`")?;
    let errors = errors(&report["errors"])?;
    ensure!(errors.is_empty(), "calls failed: {}", errors.join(", "));
    ensure!(completed > 0, "no call completed");
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

    #[test]
    fn completed_calls_without_an_error_pass() {
        let report = r#"{"completed": 812345, "errors": {"fault": 0}}"#;
        assert_eq!(verdict(report).unwrap(), "812345 calls, no error");
    }

    #[test]
    fn an_error_fails_and_is_named() {
        let report = r#"{"completed": 5, "errors": {"timeout": 2, "fault": 0}}"#;
        let error = verdict(report).unwrap_err().to_string();
        assert_eq!(error, "calls failed: timeout 2");
    }

    #[test]
    fn a_run_that_completed_nothing_fails() {
        assert!(verdict(r#"{"completed": 0, "errors": {}}"#).is_err());
    }

    #[test]
    fn a_report_that_lacks_a_count_fails() {
        assert!(verdict(r#"{"errors": {}}"#).is_err());
        assert!(verdict(r#"{"completed": 3}"#).is_err());
        assert!(verdict(r#"{"completed": 3, "errors": {"fault": "no"}}"#).is_err());
        assert!(verdict("0 errors").is_err());
    }
}
