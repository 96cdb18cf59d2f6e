//! Folded stacks: how often, or for how long, a thread was seen in each chain of calls.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Chains of calls with their weights, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stacks(BTreeMap<String, u64>);

/// Samples below which the shares of a graph say little: of a thousand, a share of a half is right
/// to 3 points of a hundred, in 19 recordings of 20.
pub(crate) const SAMPLES_MIN: u64 = 1_000;

/// The stacks of each thread, by its name.
pub(crate) type Threads = BTreeMap<String, Stacks>;

impl Stacks {
    /// Adds a chain of calls, the outermost first.
    pub(crate) fn add<'a>(&mut self, frames: impl Iterator<Item = &'a str>, weight: u64) {
        let mut chain = String::new();
        for frame in frames {
            if !chain.is_empty() {
                chain.push(';');
            }
            chain.push_str(frame);
        }
        if !chain.is_empty() && weight > 0 {
            *self.0.entry(chain).or_default() += weight;
        }
    }

    /// Adds all of `other`.
    pub(crate) fn merge(&mut self, other: &Stacks) {
        for (chain, weight) in &other.0 {
            *self.0.entry(chain.clone()).or_default() += weight;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The weight of all chains.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The innermost functions and their weights, the heaviest first.
    pub(crate) fn innermost(&self) -> Vec<(&str, u64)> {
        let mut weights = BTreeMap::<_, u64>::new();
        for (chain, weight) in &self.0 {
            let (_, last) = chain.rsplit_once(';').unwrap_or(("", chain));
            *weights.entry(last).or_default() += weight;
        }
        let mut weights: Vec<_> = weights.into_iter().collect();
        weights.sort_by_key(|&(_, weight)| std::cmp::Reverse(weight));
        weights
    }

    /// One line for each chain: its frames with `;` between them, a space, its weight.
    pub(crate) fn folded(&self) -> String {
        let mut text = String::new();
        for (chain, weight) in &self.0 {
            writeln!(text, "{chain} {weight}").expect("a string takes all");
        }
        text
    }

    /// Reads a file of what [`folded`](Self::folded) wrote.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a line has no weight.
    pub(crate) fn read(path: &Path) -> Result<Stacks> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Stacks::parse(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// What [`folded`](Self::folded) wrote.
    ///
    /// # Errors
    ///
    /// If a line has no weight.
    pub(crate) fn parse(text: &str) -> Result<Stacks> {
        let mut stacks = Stacks::default();
        for line in text.lines() {
            let (chain, weight) = line
                .rsplit_once(' ')
                .with_context(|| format!("{line:?} has no weight"))?;
            let weight = weight
                .parse()
                .with_context(|| format!("{weight:?} is no weight"))?;
            stacks.add(chain.split(';'), weight);
        }
        Ok(stacks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_folded_in_order_and_read_back() {
        let mut stacks = Stacks::default();
        stacks.add(["run", "send"].into_iter(), 2);
        stacks.add(["run", "<A as B>::look at"].into_iter(), 1);
        stacks.add(["run", "send"].into_iter(), 3);
        stacks.add([].into_iter(), 7);
        let folded = stacks.folded();
        assert_eq!(folded, "run;<A as B>::look at 1\nrun;send 5\n");
        assert_eq!(Stacks::parse(&folded).unwrap(), stacks);
        assert_eq!(stacks.total(), 6);
        assert_eq!(stacks.innermost(), [("send", 5), ("<A as B>::look at", 1)]);
    }

    #[test]
    fn a_line_without_a_weight_is_refused() {
        for line in ["run;send", "run;send 1x"] {
            assert!(Stacks::parse(line).is_err(), "{line}");
        }
    }
}
