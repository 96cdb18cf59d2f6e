//! What can be recorded: the files `flamegraphs/*.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::cargo::Target;

/// In an argument: the seconds that the program is to run.
const SECONDS: &str = "{seconds}";

/// A program under a load, and what its graphs have taught.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The name of its file, without the ending.
    #[serde(skip)]
    pub(crate) name: String,
    /// What runs, in a line.
    pub(crate) runs: String,
    /// What is built and recorded.
    program: Program,
    /// What the program is started with. `{seconds}` is the time it is to run.
    arguments: Vec<String>,
    /// The threads that get a graph each, by their names. None: the program is one graph.
    #[serde(default)]
    pub(crate) threads: Vec<String>,
    /// Whether where the threads sleep is recorded too, by bpftrace.
    #[serde(default)]
    pub(crate) off_cpu: bool,
    /// What the graphs show, in a sentence.
    pub(crate) shows: String,
    /// What was changed because of it, in a sentence.
    pub(crate) changed: String,
}

/// One target of a package of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Program {
    package: String,
    /// Its name as a program.
    bin: Option<String>,
    /// Its name as a suite of criterion's.
    bench: Option<String>,
}

impl Scenario {
    /// All of them, by name.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or does not say what it must.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Scenario>> {
        let entries =
            fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                files.push(path);
            }
        }
        let read = files.iter().map(|path| Scenario::read(path));
        let mut scenarios = read.collect::<Result<Vec<_>>>()?;
        scenarios.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(scenarios)
    }

    fn read(path: &Path) -> Result<Scenario> {
        let parse = || -> Result<Scenario> {
            let mut scenario: Scenario = toml::from_str(&fs::read_to_string(path)?)?;
            let stem = path.file_stem().unwrap_or_default();
            scenario.name = stem.to_string_lossy().into_owned();
            scenario.check()?;
            Ok(scenario)
        };
        parse().with_context(|| format!("{} is no scenario", path.display()))
    }

    fn check(&self) -> Result<()> {
        let program = &self.program;
        ensure!(
            program.bin.is_some() != program.bench.is_some(),
            "its program is to have either `bin` or `bench`"
        );
        for (key, sentence) in [("shows", &self.shows), ("changed", &self.changed)] {
            let is_one_line = !sentence.trim().is_empty() && !sentence.contains(['\n', '|']);
            ensure!(
                is_one_line,
                "`{key}` is to be a sentence on one line, without `|`"
            );
        }
        ensure!(
            self.arguments.iter().any(|word| word.contains(SECONDS)),
            "none of its arguments has {SECONDS}, so it would run for any time"
        );
        Ok(())
    }

    /// What cargo builds for it.
    pub(crate) fn target(&self) -> Target<'_> {
        let Program {
            package,
            bin,
            bench,
        } = &self.program;
        let (kind, name) = match (bin, bench) {
            (Some(name), _) => ("bin", name),
            (None, name) => ("bench", name.as_ref().unwrap_or(package)),
        };
        Target {
            package,
            kind,
            name,
        }
    }

    /// The program's arguments for so many seconds.
    pub(crate) fn arguments(&self, seconds: u32) -> impl Iterator<Item = String> {
        let seconds = seconds.to_string();
        self.arguments
            .iter()
            .map(move |word| word.replace(SECONDS, &seconds))
    }

    /// The graphs of it: the end of each file's name, and the thread it is of, if it is of one.
    pub(crate) fn graphs(&self) -> Vec<Graph> {
        if self.threads.is_empty() {
            return vec![Graph {
                file: self.name.clone(),
                thread: None,
            }];
        }
        self.threads
            .iter()
            .map(|thread| Graph {
                file: format!("{}-{thread}", self.name),
                thread: Some(thread.clone()),
            })
            .collect()
    }
}

/// One graph of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    /// The name of its files, without the ending.
    pub(crate) file: String,
    /// The thread that it shows; `None`: all of them.
    pub(crate) thread: Option<String>,
}

impl Graph {
    /// The same thread, asleep.
    pub(crate) fn off_cpu(&self) -> Graph {
        Graph {
            file: format!("{}-off-cpu", self.file),
            thread: self.thread.clone(),
        }
    }

    pub(crate) fn folded(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.folded", self.file))
    }

    pub(crate) fn svg(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.svg", self.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENARIO: &str = r#"
        runs = "echoes"
        program = { package = "annulus-bench-echo", bin = "annulus-echo" }
        arguments = ["--duration", "{seconds}"]
        threads = ["client", "server"]
        shows = "It sends."
        changed = "Nothing."
    "#;

    fn parse(text: &str) -> Result<Scenario> {
        let scenario: Scenario = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    #[test]
    fn a_scenario_says_what_is_built_and_started_and_drawn() {
        let scenario = Scenario {
            name: "w1".to_owned(),
            ..parse(SCENARIO).unwrap()
        };
        let target = Target {
            package: "annulus-bench-echo",
            kind: "bin",
            name: "annulus-echo",
        };
        assert_eq!(scenario.target(), target);
        let arguments: Vec<_> = scenario.arguments(9).collect();
        assert_eq!(arguments, ["--duration", "9"]);
        let graphs = scenario.graphs();
        let files: Vec<_> = graphs.iter().map(|graph| &*graph.file).collect();
        assert_eq!(files, ["w1-client", "w1-server"]);
        assert_eq!(graphs[1].off_cpu().file, "w1-server-off-cpu");
    }

    #[test]
    fn a_scenario_that_lacks_something_is_refused() {
        for (part, instead) in [
            (r#"bin = "annulus-echo""#, ""),
            (r#"bin = "annulus-echo""#, r#"bin = "a", bench = "b""#),
            ("{seconds}", "5"),
            ("It sends.", " "),
            ("Nothing.", "One line. | Another cell."),
            ("runs =", "run ="),
        ] {
            assert!(SCENARIO.contains(part), "{part}");
            assert!(
                parse(&SCENARIO.replace(part, instead)).is_err(),
                "{instead}"
            );
        }
    }
}
