//! The steps that cargo does, and the programs that it builds for the others.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::session::Session;
use crate::{packages, samba_ndr};

/// Networks that the simulation step always walks through, by seed 0, 1, 2, …
const SIMULATION_SEEDS: u32 = 1000;
/// Networks that no run has seen before.
const SIMULATION_FRESH: u32 = 16;
/// Lines with seeds that are shown at most; the log has the rest.
const SEED_LINES: usize = 20;

/// Every package, with everything that it can have.
const ALL: [&str; 2] = ["--workspace", "--all-features"];

/// Checks the format of every source file.
pub(crate) fn fmt(session: &Session<'_>) -> Result<String> {
    // rustfmt colours what it writes into a file, unless told not to.
    session.run(cargo("fmt").args(["--all", "--check", "--", "--color=never"]))?;
    Ok("formatted".to_owned())
}

/// Lints every target, and takes any finding for an error.
pub(crate) fn clippy(session: &Session<'_>) -> Result<String> {
    session.run(
        cargo("clippy")
            .args(ALL)
            .args(["--all-targets", "--", "-Dwarnings"]),
    )?;
    Ok("no finding".to_owned())
}

/// Builds the documentation, and takes any warning for an error.
pub(crate) fn doc(session: &Session<'_>) -> Result<String> {
    session.run(
        cargo("doc")
            .args(ALL)
            .arg("--no-deps")
            .env("RUSTDOCFLAGS", "-Dwarnings"),
    )?;
    Ok("no warning".to_owned())
}

/// Runs every test of the workspace, in the documentation too.
pub(crate) fn unit(session: &Session<'_>) -> Result<String> {
    if packages::on_ci() {
        // There, the tests that ask Samba's codec do not skip themselves.
        samba_ndr::require(session)?;
    }
    session.run(cargo("test").args(ALL).arg("--no-fail-fast"))?;
    Tests::count(&session.log_text()?).verdict()
}

/// The environment variable that chooses the ring of whoever does not choose one itself.
pub(crate) const RING: &str = "ANNULUS_RING";

/// Folders of integration tests that move bytes through the kernel, over the ring that the machine
/// allows. Those of the transports name their rings, and test each in the step `unit`.
const OVER_THE_KERNEL: &[&str] = &["engine/tests", "idl/tests/e2e/tests", "loadgen/tests"];

/// The files there whose tests need no ring of the kernel's, or choose it themselves.
const WITHOUT_THE_KERNEL: &[&str] = &[
    "apcs",
    "call_costs",
    "call_races",
    "call_watch_races",
    "completion_port_races",
    "completion_ports",
    "descriptor_races",
    "dimensions",
    "events",
    "guide",
    "pipe_states",
    "ring_choice",
    "shapes",
    "simulation",
    "virtual_time",
];

/// Tests of those files, by the beginnings of their names, that are about the calls of a core, of
/// which a ring knows nothing, and take a third of the time.
const ON_ONE_RING: &[&str] = &[
    "a_hundred_thousand_parked_calls",
    "calls_of_connections_that_are_gone",
];

/// Runs the integration tests of [`OVER_THE_KERNEL`] once more, over epoll, with the unit tests and
/// those in the documentation, of which some serve and call, too.
///
/// They are named one by one, because the workspace with all that it can have is what the step
/// `unit` has built: a choice of packages would have other features, and be built anew. The
/// examples are built for the tests that run them.
pub(crate) fn unit_epoll(session: &Session<'_>) -> Result<String> {
    session.run(cargo("build").args(ALL).arg("--examples"))?;
    let mut command = cargo("test");
    command
        .args(ALL)
        .args(["--no-fail-fast", "--lib", "--bins"]);
    for name in tests_over_the_kernel(&session.workspace.root)? {
        command.args(["--test", &name]);
    }
    command.arg("--");
    for name in ON_ONE_RING {
        command.args(["--skip", name]);
    }
    session.run(command.env(RING, "epoll"))?;
    let mut documentation = cargo("test");
    documentation.args(ALL).args(["--no-fail-fast", "--doc"]);
    session.run(documentation.env(RING, "epoll"))?;
    Tests::count(&session.log_text()?).verdict()
}

/// The names of the test programs of [`OVER_THE_KERNEL`], without [`WITHOUT_THE_KERNEL`].
fn tests_over_the_kernel(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for folder in OVER_THE_KERNEL {
        let folder = root.join(folder);
        let files = fs::read_dir(&folder);
        for file in files.with_context(|| format!("cannot read {}", folder.display()))? {
            let path = file?.path();
            let name = path.file_stem().and_then(OsStr::to_str);
            if path.extension() == Some(OsStr::new("rs"))
                && let Some(name) = name
            {
                names.insert(name.to_owned());
            }
        }
    }
    for name in WITHOUT_THE_KERNEL {
        ensure!(names.remove(*name), "no test program is named {name}");
    }
    Ok(names)
}

/// Runs client and server over simulated networks, the same thousand each time and a few fresh
/// ones. The test prints the fresh seeds; they are handed on, for they are what replays a run.
pub(crate) fn simulation(session: &Session<'_>) -> Result<String> {
    session.run(
        cargo("test")
            .args(["--release", "--package", "annulus", "--test", "simulation"])
            .args(["--", "--nocapture"])
            .env("ANNULUS_SIM_SEEDS", SIMULATION_SEEDS.to_string())
            .env("ANNULUS_SIM_FRESH", SIMULATION_FRESH.to_string()),
    )?;
    let log = session.log_text()?;
    let mut seen = Tests::count(&log).verdict()?;
    for line in seed_lines(&log) {
        seen.push_str("\n    ");
        seen.push_str(line);
    }
    Ok(seen)
}

/// Compares NDR with Samba's, in `rounds` values of each kind from a fixed seed and a fresh one.
/// The test tells what it compared and with which seeds; both are handed on.
pub(crate) fn ndr_oracle(session: &Session<'_>, rounds: u32) -> Result<String> {
    session.run(
        cargo("test")
            .args(["--package", "annulus-ndr-oracle", "--test", "samba"])
            .args(["--", "--nocapture", "--test-threads=1"])
            .env("ANNULUS_ORACLE_ROUNDS", rounds.to_string())
            // Here it must not be skipped, wherever this runs.
            .env("CI", "true"),
    )?;
    let log = session.log_text()?;
    let mut seen = Tests::count(&log).verdict()?;
    let told = |line: &&str| line.starts_with("seed ") || line.contains(" comparisons, ");
    for line in log.lines().map(unlabelled).filter(told) {
        seen.push_str("\n    ");
        seen.push_str(line);
    }
    Ok(seen)
}

/// Packages whose tests run under AddressSanitizer: those with `unsafe` in what decodes foreign
/// bytes, and the checks that replay the fuzzer's seeds.
const SANITIZED: &[&str] = &["annulus-ndr", "annulus-ndr-checks"];

/// The test that has a compiler read wrong definitions: it runs nothing that could be watched.
const RUNS_A_COMPILER: &str = "wrong_definitions_are_refused_where_they_are_wrong";

/// Runs the tests of [`SANITIZED`] under AddressSanitizer, which a nightly compiler has.
///
/// The target is named, so that only what is tested is instrumented and the macros, which run
/// in the compiler, are not.
pub(crate) fn asan(session: &Session<'_>) -> Result<String> {
    let version = session
        .query(rustup_run_nightly("rustc").arg("-vV"))
        .context("there is no nightly compiler; to have one: rustup toolchain install nightly")?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("the nightly compiler does not say what it compiles for")?;
    let mut command = rustup_run_nightly("cargo");
    command.args([
        "test",
        "--lib",
        "--tests",
        "--no-fail-fast",
        "--target",
        host,
    ]);
    for package in SANITIZED {
        command.args(["--package", package]);
    }
    command
        .args(["--", "--skip", RUNS_A_COMPILER])
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("CARGO_TARGET_DIR", session.workspace.output.join("asan"));
    session.run(&mut command)?;
    Tests::count(&session.log_text()?).verdict()
}

/// A program of the nightly toolchain, whichever xtask was started with.
fn rustup_run_nightly(program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", program]);
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command
}

/// A line without the `test NAME ... ` that the harness has written in front of it.
fn unlabelled(line: &str) -> &str {
    match line.split_once(" ... ") {
        Some((label, rest)) if label.starts_with("test ") => rest,
        _ => line,
    }
}

/// Builds the example `name` of the engine, as tests do: with debug assertions.
///
/// # Errors
///
/// If it does not build.
pub(crate) fn build_example(session: &Session<'_>, name: &str) -> Result<PathBuf> {
    let mut command = cargo("build");
    // As the step `unit` has built it: a package alone would have other features.
    command.args(ALL).args(["--example", name]);
    build(session, &mut command, "example", name)
}

/// Builds the program `name` of `package`, optimised.
///
/// # Errors
///
/// If it does not build.
pub(crate) fn build_program(session: &Session<'_>, package: &str, name: &str) -> Result<PathBuf> {
    let mut command = cargo("build");
    command.args(["--release", "--package", package, "--bin", name]);
    build(session, &mut command, "bin", name)
}

/// Builds a program that annulus is compared with, optimised. It belongs to a workspace of its own,
/// of which the rest is not built; but the features of dependencies are those that `all` of them
/// ask for together, so that each dependency is built once and not once for each program.
///
/// # Errors
///
/// If it does not build.
pub(crate) fn build_peer(session: &Session<'_>, package: &str, all: &[&str]) -> Result<PathBuf> {
    let mut command = cargo("build");
    command
        .args(["--release", "--manifest-path", "bench/peers/Cargo.toml"])
        .args(all.iter().flat_map(|package| ["--package", package]))
        .args(["--bin", package])
        .env("CARGO_TARGET_DIR", session.workspace.output.join("peers"));
    build(session, &mut command, "bin", package)
}

/// A target of one of the workspace's packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target<'a> {
    pub(crate) package: &'a str,
    /// `bin` or `bench`.
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
}

/// Builds programs as profilers like them: optimised, with frame pointers and debug information.
/// All at once, so that what they share is built once.
///
/// # Errors
///
/// If one does not build.
pub(crate) fn build_profiled(
    session: &Session<'_>,
    targets: &[Target<'_>],
) -> Result<Vec<PathBuf>> {
    let mut command = cargo("build");
    command
        .args(["--profile", "profiling"])
        .env("RUSTFLAGS", "-C force-frame-pointers=yes")
        .env(
            "CARGO_TARGET_DIR",
            session.workspace.output.join("profiling"),
        );
    build_all(session, &mut command, targets).context("cannot build what is to be profiled")
}

/// Builds suites of criterion's as `cargo bench` does.
///
/// # Errors
///
/// If one does not build.
pub(crate) fn build_suites(session: &Session<'_>, suites: &[Target<'_>]) -> Result<Vec<PathBuf>> {
    let mut command = cargo("bench");
    command.arg("--no-run");
    build_all(session, &mut command, suites).context("cannot build what is to be timed")
}

/// Has `command` build targets, and says where each of them is.
fn build_all(
    session: &Session<'_>,
    command: &mut Command,
    targets: &[Target<'_>],
) -> Result<Vec<PathBuf>> {
    command.arg("--message-format=json-render-diagnostics");
    for target in targets {
        let kind = format!("--{}", target.kind);
        command.args(["--package", target.package, &kind, target.name]);
    }
    let messages = session.query(command)?;
    targets
        .iter()
        .map(|Target { kind, name, .. }| {
            executable(&messages, kind, name)
                .with_context(|| format!("cargo built the {kind} {name} and does not say where"))
        })
        .collect()
}

fn build(session: &Session<'_>, command: &mut Command, kind: &str, name: &str) -> Result<PathBuf> {
    let messages = session
        .query(command.arg("--message-format=json-render-diagnostics"))
        .with_context(|| format!("cannot build the {kind} {name}"))?;
    executable(&messages, kind, name)
        .with_context(|| format!("cargo built the {kind} {name} and does not say where"))
}

/// Where cargo's messages, one JSON object a line, say that it put a program.
fn executable(messages: &str, kind: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name && message["target"]["kind"][0] == kind)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// A cargo command. It uses the toolchain that xtask was started with, which rustup hands down.
fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new("cargo");
    command.arg(subcommand);
    command
}

/// What the summaries of some test programs add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tests {
    /// Adds up the lines `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn count(output: &str) -> Tests {
        let mut tests = Tests::default();
        for line in output.lines() {
            let Some((_, summary)) = line.split_once("test result: ") else {
                continue;
            };
            let numbers = summary.split_once(". ").map_or(summary, |(_, rest)| rest);
            for part in numbers.split(';') {
                match part.trim().split_once(' ') {
                    Some((count, "passed")) => tests.passed += count.parse().unwrap_or(0),
                    Some((count, "failed")) => tests.failed += count.parse().unwrap_or(0),
                    Some((count, "ignored")) => tests.ignored += count.parse().unwrap_or(0),
                    _ => {}
                }
            }
        }
        tests
    }

    /// What was seen; an error if a test failed or none ran, whatever cargo's exit code said.
    fn verdict(&self) -> Result<String> {
        ensure!(self.failed == 0, "{} tests failed", self.failed);
        ensure!(self.passed > 0, "no test ran");
        Ok(match self.ignored {
            0 => format!("{} tests", self.passed),
            ignored => format!("{} tests, {ignored} ignored", self.passed),
        })
    }
}

/// The lines of a test's output that name a seed, but for cargo's own `test … ok` lines.
fn seed_lines(output: &str) -> impl Iterator<Item = &str> {
    output
        .lines()
        .filter(|line| line.to_ascii_lowercase().contains("seed"))
        .filter(|line| !line.starts_with("test ") && !line.starts_with("$ "))
        .take(SEED_LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test time::tests::additions_saturate ... ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 1 test
test fresh_seeds ... fresh seed 0x5eed
ok
test result: FAILED. 40 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
";

    #[test]
    fn summaries_of_all_test_programs_are_added_up() {
        let expected = Tests {
            passed: 42,
            failed: 2,
            ignored: 1,
        };
        assert_eq!(Tests::count(OUTPUT), expected);
    }

    #[test]
    fn a_failed_test_fails_the_step() {
        assert!(Tests::count(OUTPUT).verdict().is_err());
    }

    #[test]
    fn a_run_without_a_test_fails_the_step() {
        let none = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert!(Tests::count(none).verdict().is_err());
        assert!(Tests::count("").verdict().is_err());
    }

    #[test]
    fn passed_and_ignored_tests_are_told_apart() {
        let tests = Tests {
            passed: 5,
            failed: 0,
            ignored: 1,
        };
        assert_eq!(tests.verdict().unwrap(), "5 tests, 1 ignored");
    }

    #[test]
    fn a_line_behind_a_test_s_name_is_told_apart_from_it() {
        assert_eq!(unlabelled("test x ... seed 7"), "seed 7");
        assert_eq!(unlabelled("seed 7 ... 8"), "seed 7 ... 8");
    }

    #[test]
    fn seeds_are_shown_without_the_harness_around_them() {
        let output = "\
$ cargo test --test simulation
seeds 0..1000: 84211 calls
fresh seeds: 91 17 23
test seeds_hold ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out
";
        assert_eq!(
            seed_lines(output).collect::<Vec<_>>(),
            ["seeds 0..1000: 84211 calls", "fresh seeds: 91 17 23"]
        );
    }

    #[test]
    fn tests_are_run_over_the_other_ring_unless_they_need_none() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let names = tests_over_the_kernel(root).unwrap();
        assert!(names.contains("calls") && names.contains("interfaces"));
        assert!(!names.contains("simulation") && !names.contains("raw"));
        let memory = fs::read_to_string(root.join("engine/tests/memory.rs")).unwrap();
        for name in ON_ONE_RING {
            assert!(memory.contains(&format!("fn {name}")), "{name} is no test");
        }
    }

    #[test]
    fn the_place_of_a_program_is_read_from_cargos_messages() {
        // Shortened messages of cargo 1.95; the last line is a diagnostic that it rendered.
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"annulus"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"loadgen"},"executable":"/t/loadgen"}
{"reason":"compiler-artifact","target":{"kind":["example"],"name":"loadgen"},"executable":"/t/examples/loadgen"}
{"reason":"build-finished","success":true}
warning: unused variable"#;
        let place = |kind| executable(messages, kind, "loadgen");
        assert_eq!(place("bin"), Some("/t/loadgen".into()));
        assert_eq!(place("example"), Some("/t/examples/loadgen".into()));
        assert_eq!(executable(messages, "lib", "annulus"), None);
    }
}
