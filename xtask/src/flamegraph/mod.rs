//! Flame graphs: where the time of client and server goes under each load, drawn from samples.
//!
//! The scenarios are the files `flamegraphs/*.toml`. What is saved for a release lies beside them
//! in a folder of its name: pictures, and the folded stacks that they were drawn from, which a later
//! release is compared with.

mod draw;
pub(crate) mod frames;
mod off_cpu;
mod perf;
mod readme;
mod scenario;
mod stacks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::draw::Measure;
use self::scenario::{Graph, Scenario};
use self::stacks::{SAMPLES_MIN, Stacks, Threads};
use crate::cargo;
use crate::process::interrupted;
use crate::session::Session;
use crate::workspace::Workspace;

/// How long all of it may take, builds included.
const LIMIT: Duration = Duration::from_secs(3600);

/// How long each scenario is watched.
const SECONDS: u32 = 5;

/// How many of the functions that took most are printed.
const PRINTED: usize = 6;

/// Does what the arguments say: records scenarios, compares two releases, or renews the table of
/// the README.
///
/// # Errors
///
/// If the arguments make no sense, a program does not build or run, or the machine does not let it
/// be watched.
pub(crate) fn run(arguments: &[String], workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join("flamegraphs");
    let scenarios = Scenario::all(&folder)?;
    match arguments {
        [verb] if verb == "readme" => readme::write(&scenarios, &folder),
        [verb, before, after, name] if verb == "diff" => {
            let scenario = &select(&scenarios, name)?[0];
            compare(
                scenario,
                &folder.join(before),
                &folder.join(after),
                workspace,
            )
        }
        [name, options @ ..] => {
            let options = Options::parse(options)?;
            record(select(&scenarios, name)?, &options, workspace)?;
            if options.release.is_some() {
                readme::write(&scenarios, &folder)?;
            }
            Ok(())
        }
        [] => bail!("which scenario? {}, or all of them", names(&scenarios)),
    }
}

/// The scenario of that name, or all of them.
fn select<'a>(scenarios: &'a [Scenario], name: &str) -> Result<&'a [Scenario]> {
    if name == "all" {
        return Ok(scenarios);
    }
    let place = scenarios
        .iter()
        .position(|scenario| scenario.name == name)
        .with_context(|| format!("{name:?} is no scenario; there are {}", names(scenarios)))?;
    Ok(&scenarios[place..=place])
}

fn names(scenarios: &[Scenario]) -> String {
    let names: Vec<_> = scenarios.iter().map(|scenario| &*scenario.name).collect();
    names.join(", ")
}

/// How scenarios are recorded.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    seconds: u32,
    /// What the graphs are kept as.
    release: Option<String>,
}

impl Options {
    fn parse(mut words: &[String]) -> Result<Options> {
        let mut options = Options {
            seconds: SECONDS,
            release: None,
        };
        while let [option, value, rest @ ..] = words {
            match option.as_str() {
                "--seconds" => {
                    options.seconds = value
                        .parse()
                        .ok()
                        .filter(|seconds| (1..=600).contains(seconds))
                        .with_context(|| format!("{value:?} is no number of seconds up to 600"))?;
                }
                "--save" => {
                    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
                    ensure!(
                        value.starts_with(|c: char| c.is_ascii_alphanumeric())
                            && value.chars().all(is_plain),
                        "{value:?} is no name of a release"
                    );
                    options.release = Some(value.clone());
                }
                _ => break,
            }
            words = rest;
        }
        ensure!(
            words.is_empty(),
            "flamegraph knows `--seconds N` and `--save RELEASE`, not {words:?}"
        );
        Ok(options)
    }
}

/// Records `scenarios` one after the other, and draws them.
fn record(scenarios: &[Scenario], options: &Options, workspace: &Workspace) -> Result<()> {
    let session = Session::open(workspace, "flamegraph", Instant::now() + LIMIT)?;
    perf::require(&session)?;
    if let Some(obstacle) = perf::kernel_without_names()? {
        println!("{obstacle}");
    }
    println!("building what is recorded");
    // Always all of them: which features a dependency has hangs on what is built with it.
    let all = Scenario::all(&workspace.root.join("flamegraphs"))?;
    let mut targets: Vec<_> = all.iter().map(Scenario::target).collect();
    targets.sort_unstable();
    targets.dedup();
    let programs = cargo::build_profiled(&session, &targets)?;
    let folder = match &options.release {
        Some(release) => workspace.root.join("flamegraphs").join(release),
        None => workspace.output.join("flamegraphs"),
    };
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut recorder = Recorder {
        circumstances: circumstances(&session, options)?,
        session,
        seconds: options.seconds,
        folder,
    };
    for scenario in scenarios {
        let target = scenario.target();
        let place = targets.iter().position(|&built| built == target);
        let program = &programs[place.context("a scenario has no program")?];
        recorder
            .record(scenario, program)
            .with_context(|| format!("scenario {}", scenario.name))?;
    }
    println!("graphs: {}", workspace.shown(&recorder.folder));
    Ok(())
}

/// What each picture says about how it came to be.
fn circumstances(session: &Session<'_>, options: &Options) -> Result<String> {
    let line = |program: &str, arguments: &[&str]| -> Result<String> {
        let said = session.query(Command::new(program).args(arguments))?;
        Ok(said.trim().to_owned())
    };
    Ok(format!(
        "commit {}, Linux {}, {} s",
        line("git", &["describe", "--always", "--dirty"])?,
        line("uname", &["-r"])?,
        options.seconds
    ))
}

struct Recorder<'a> {
    session: Session<'a>,
    circumstances: String,
    seconds: u32,
    /// Where pictures and stacks are put.
    folder: PathBuf,
}

impl Recorder<'_> {
    fn record(&mut self, scenario: &Scenario, program: &Path) -> Result<()> {
        println!("{}: {}", scenario.name, scenario.runs);
        let arguments = scenario.arguments(self.seconds);
        let threads = perf::record(&self.session, program, arguments)?;
        for graph in scenario.graphs() {
            let stacks = of_thread(&threads, graph.thread.as_deref())?;
            let each = format!(
                "{} samples, {} a second",
                stacks.total(),
                perf::FREQUENCY_HZ
            );
            self.draw(scenario, &graph, &stacks, Measure::Samples, &each)?;
            if stacks.total() < SAMPLES_MIN {
                println!(
                    "    WARNING: fewer than {SAMPLES_MIN} samples tell little; \
                     `--seconds N` records for longer"
                );
            }
        }
        if !scenario.off_cpu {
            return Ok(());
        }
        if !off_cpu::is_available() {
            println!("  bpftrace is not installed, so nobody tells where the threads sleep");
            return Ok(());
        }
        let arguments = scenario.arguments(off_cpu::seconds_to_run(self.seconds));
        let threads = match off_cpu::record(&self.session, program, arguments, self.seconds) {
            Err(error) if !interrupted() => {
                println!("  nobody tells where the threads sleep: {error:#}");
                return Ok(());
            }
            threads => threads?,
        };
        for graph in scenario.graphs() {
            let stacks = of_thread(&threads, graph.thread.as_deref())?;
            let share = stacks.total() as f64 / f64::from(self.seconds) / 1e4;
            let asleep = format!("asleep for {share:.0} % of the time");
            self.draw(scenario, &graph.off_cpu(), &stacks, Measure::Sleep, &asleep)?;
        }
        Ok(())
    }

    fn draw(
        &self,
        scenario: &Scenario,
        graph: &Graph,
        stacks: &Stacks,
        measure: Measure,
        extent: &str,
    ) -> Result<()> {
        let thread = graph.thread.as_deref().unwrap_or("all threads");
        let what = match measure {
            Measure::Samples => "",
            Measure::Sleep => ", off CPU",
        };
        println!("  {thread}{what}: {extent}");
        for (function, weight) in stacks.innermost().into_iter().take(PRINTED) {
            let share = weight as f64 / stacks.total() as f64 * 100.0;
            println!("    {share:5.1} %  {function}");
        }
        let title = format!("{}: {thread}{what}", scenario.runs);
        let subtitle = format!("{}; {extent}", self.circumstances);
        let svg = draw::graph(stacks, measure, &title, &subtitle)?;
        store(&graph.svg(&self.folder), &svg)?;
        store(&graph.folded(&self.folder), &stacks.folded())
    }
}

/// The stacks of one thread, or of all.
fn of_thread(threads: &Threads, name: Option<&str>) -> Result<Stacks> {
    let mut stacks = Stacks::default();
    for (thread, own) in threads {
        if name.is_none_or(|name| name == thread) {
            stacks.merge(own);
        }
    }
    ensure!(
        !stacks.is_empty(),
        "nothing was seen of the thread {name:?}, but of {:?}",
        threads.keys()
    );
    Ok(stacks)
}

/// Draws what has changed in a scenario from one release to another.
fn compare(scenario: &Scenario, before: &Path, after: &Path, workspace: &Workspace) -> Result<()> {
    let read = |path: PathBuf| {
        Stacks::read(&path).with_context(|| {
            let name = &scenario.name;
            format!("`cargo xtask flamegraph {name} --save RELEASE` records it anew")
        })
    };
    let release = |folder: &Path| {
        let name = folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let (earlier, later) = (release(before), release(after));
    let folder = workspace.output.join("flamegraphs");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for graph in scenario.graphs() {
        let title = format!("{}, {earlier} to {later}", graph.file);
        let (before, after) = (read(graph.folded(before))?, read(graph.folded(after))?);
        let path = folder.join(format!("{}-{earlier}-to-{later}.svg", graph.file));
        store(&path, &draw::difference(&before, &after, &title)?)?;
        println!("{}", workspace.shown(&path));
    }
    Ok(())
}

fn store(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let options = Options::parse(&words("--save 0.1.0 --seconds 9")).unwrap();
        assert_eq!(
            options,
            Options {
                seconds: 9,
                release: Some("0.1.0".to_owned())
            }
        );
        for text in [
            "--seconds 0",
            "--seconds",
            "--save ../x",
            "--save .",
            "-x 1",
        ] {
            assert!(Options::parse(&words(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_thread_has_its_own_stacks_and_a_program_all() {
        let mut threads = Threads::new();
        for (thread, folded) in [("server", "run;send 1\n"), ("client", "run;send 2\n")] {
            threads.insert(thread.to_owned(), Stacks::parse(folded).unwrap());
        }
        assert_eq!(of_thread(&threads, Some("server")).unwrap().total(), 1);
        assert_eq!(of_thread(&threads, None).unwrap().total(), 3);
        assert!(of_thread(&threads, Some("serve")).is_err());
    }
}
