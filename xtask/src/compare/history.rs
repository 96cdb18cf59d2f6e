//! What earlier comparisons measured of the targets: one run says little of a shared machine.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::results::Circumstances;
use super::target::Target;

/// Earlier comparisons that are kept beside the last one.
pub(crate) const KEPT: usize = 2;

/// The targets of one comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) commit: String,
    pub(crate) date: String,
    /// What was measured, by what the target says.
    measured: Map<String, Value>,
}

impl Past {
    pub(crate) fn new(circumstances: &Circumstances, targets: &[Target]) -> Self {
        let measured = |target: &Target| (target.what.clone(), target.value.into());
        Past {
            commit: circumstances.commit.clone(),
            date: circumstances.date.clone(),
            measured: targets.iter().map(measured).collect(),
        }
    }

    /// What was measured of this target then.
    pub(crate) fn measured(&self, target: &Target) -> Option<f64> {
        self.measured.get(&target.what)?.as_f64()
    }

    /// The last few of the comparisons that the raw data tells of, the oldest first.
    ///
    /// # Errors
    ///
    /// If it is no raw data of a comparison.
    pub(crate) fn read(raw_data: &str) -> Result<Vec<Self>> {
        let data: Value = serde_json::from_str(raw_data).context("the raw data is not JSON")?;
        let Some(history) = data["history"].as_array() else {
            // Of a time when none was kept.
            return Ok(Vec::new());
        };
        let last = &history[history.len().saturating_sub(KEPT)..];
        last.iter().map(Past::parse).collect()
    }

    fn parse(value: &Value) -> Result<Self> {
        let text = |name: &str| {
            let text = value[name].as_str().map(str::to_owned);
            text.with_context(|| format!("an earlier comparison has no {name}"))
        };
        let measured = value["measured"].as_object();
        Ok(Past {
            commit: text("commit")?,
            date: text("date")?,
            measured: measured
                .context("an earlier comparison measured nothing")?
                .clone(),
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "commit": self.commit, "date": self.date, "measured": self.measured })
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::super::target::targets;
    use super::*;

    #[test]
    fn the_last_comparisons_are_kept_and_older_ones_are_not() {
        let mut results = results();
        assert_eq!(Past::read("{}").unwrap(), []);
        for commit in ["one", "two", "three", "four"] {
            results.circumstances.commit = commit.to_owned();
            let raw_data = results.to_json().to_string();
            results.past = Past::read(&raw_data).unwrap();
        }
        let commits: Vec<_> = results.past.iter().map(|past| &past.commit[..]).collect();
        assert_eq!(commits, ["three", "four"]);
        let targets = targets(&results);
        let then = results.past[0].measured(&targets[0]).unwrap();
        assert!((then - targets[0].value).abs() < 1e-9);
        assert!(Past::read("no JSON").is_err());
    }
}
