//! Criterion's suites, kept by name and compared.
//!
//! A clock on a shared machine shows changes where nothing has changed. So each name is measured
//! twice: what differs between the two measurements of one name is noise, and a difference between
//! two names counts only where it is more than the noise of both.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cargo::{self, Target};
use crate::compare::sample::median;
use crate::session::Session;
use crate::workspace::Workspace;

/// What has the suites.
const PACKAGE: &str = "annulus-bench";

/// The suites, as `[[bench]]` in bench/Cargo.toml has them.
const SUITES: &[&str] = &[
    "call_table",
    "completion_port",
    "end_to_end",
    "inbox",
    "ndr",
    "pdu",
];

/// What the second measurement of a name is called.
const AGAIN: &str = "-again";

const CRITCMP_VERSION: &str = "0.1.8";

/// How long a measurement or comparison may take, builds included.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// Has criterion stop as soon as it thinks that it knows: a fifth of the time, and more noise.
const QUICK: &str = "--quick";

/// Measures the suites that `words` name twice, or all of them, and keeps what came out under
/// `name`. One of the words may be `--quick`.
///
/// # Errors
///
/// If a suite is unknown, or does not build or run.
pub(crate) fn save(name: &str, words: &[String], workspace: &Workspace) -> Result<()> {
    let session = Session::open(workspace, "bench-save", Instant::now() + LIMIT)?;
    let (options, suites): (Vec<_>, Vec<_>) = words.iter().partition(|word| *word == QUICK);
    let unknown: Vec<_> = suites
        .iter()
        .filter(|suite| !SUITES.contains(&suite.as_str()))
        .collect();
    ensure!(unknown.is_empty(), "{unknown:?} is none of {SUITES:?}");
    let is_wanted = |suite: &&&str| suites.is_empty() || suites.iter().any(|it| it == *suite);
    let programs = build(&session, SUITES.iter().filter(is_wanted))?;
    for name in [name.to_owned(), again(name)] {
        println!("measuring {name}");
        for program in &programs {
            let mut command = Command::new(program);
            command
                .args(["--bench", "--save-baseline", &name])
                .args(&options)
                .env("CRITERION_HOME", criterion_home(workspace));
            session.run(&mut command)?;
        }
    }
    Ok(())
}

/// Builds suites, once for both measurements: who changes a source meanwhile changes neither, for
/// they are copied to where nobody builds.
fn build<'a>(
    session: &Session<'_>,
    suites: impl Iterator<Item = &'a &'a str>,
) -> Result<Vec<PathBuf>> {
    let targets: Vec<_> = suites
        .map(|name| Target {
            package: PACKAGE,
            kind: "bench",
            name,
        })
        .collect();
    let built = cargo::build_suites(session, &targets)?;
    let copy = |(built, target): (PathBuf, &Target<'_>)| {
        let program = session.scratch().join(target.name);
        fs::copy(&built, &program)
            .with_context(|| format!("cannot copy {} to {}", built.display(), program.display()))?;
        Ok(program)
    };
    built.into_iter().zip(&targets).map(copy).collect()
}

/// Prints what was kept under two names side by side, each with its second measurement, and for
/// each benchmark whether the difference is more than noise.
///
/// # Errors
///
/// If there is nothing of one of the names, or critcmp cannot be installed.
pub(crate) fn compare(before: &str, after: &str, workspace: &Workspace) -> Result<()> {
    let session = Session::open(workspace, "bench-compare", Instant::now() + LIMIT)?;
    let home = criterion_home(workspace);
    let comparison = Comparison::read(&home, before, after)?;
    let mut command = Command::new(critcmp(&session)?);
    for name in [before, after] {
        command.args([name.to_owned(), again(name)]);
    }
    // It looks for a folder `criterion` in there.
    let target = home.parent().unwrap_or(&home);
    command.arg("--target-dir").arg(target);
    println!("{}", session.query(&mut command)?);
    print!("{comparison}");
    Ok(())
}

/// Where criterion keeps its measurements. It is told, as it would look for a relative
/// `CARGO_TARGET_DIR` from the folder of the package.
fn criterion_home(workspace: &Workspace) -> PathBuf {
    workspace.output.with_file_name("criterion")
}

/// What the second measurement of `name` is kept under.
fn again(name: &str) -> String {
    format!("{name}{AGAIN}")
}

/// The program that compares, installed under `target/xtask` if it is not there.
fn critcmp(session: &Session<'_>) -> Result<PathBuf> {
    let root = session.workspace.output.join("tools");
    let program = root.join("bin/critcmp");
    if !program.exists() {
        let mut install = Command::new("cargo");
        install
            .args(["install", "critcmp", "--locked"])
            .args(["--version", CRITCMP_VERSION]);
        session.run(install.arg("--root").arg(&root))?;
    }
    Ok(program)
}

/// What was kept under two names.
struct Comparison<'a> {
    before: &'a str,
    after: &'a str,
    rows: Vec<Row>,
    /// The benchmarks that one name lacks, or a second measurement of them.
    incomplete: Vec<String>,
}

/// One benchmark, measured twice under each of two names.
struct Row {
    benchmark: String,
    before: Twice,
    after: Twice,
}

/// The two measurements of one benchmark under one name: the means of an iteration in ns.
#[derive(Clone, Copy)]
struct Twice {
    first: f64,
    again: f64,
}

/// What a row says of the second name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Faster,
    Slower,
    NoDifference,
}

impl Verdict {
    const ALL: [Verdict; 3] = [Verdict::Faster, Verdict::Slower, Verdict::NoDifference];
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoDifference => "no difference",
        })
    }
}

impl Twice {
    /// Of one benchmark, if it was measured both times.
    fn of(benchmark: &str, [first, again]: &[Means; 2]) -> Option<Twice> {
        Some(Twice {
            first: *first.get(benchmark)?,
            again: *again.get(benchmark)?,
        })
    }

    fn middle(self) -> f64 {
        f64::midpoint(self.first, self.again)
    }

    /// By which share of the shorter one the longer one is longer.
    fn noise(self) -> f64 {
        self.first.max(self.again) / self.first.min(self.again) - 1.0
    }
}

impl Row {
    /// By which share of its time under the first name the benchmark takes longer under the second.
    fn change(&self) -> f64 {
        self.after.middle() / self.before.middle() - 1.0
    }

    /// Two measurements may agree by chance, so neither name has less noise than `usual`.
    fn verdict(&self, usual: f64) -> Verdict {
        let noise = |name: Twice| 1.0 + name.noise().max(usual);
        let (before, after) = (self.before.middle(), self.after.middle());
        if before.max(after) / before.min(after) <= noise(self.before) * noise(self.after) {
            return Verdict::NoDifference;
        }
        match after.total_cmp(&before) {
            Ordering::Greater => Verdict::Slower,
            _ => Verdict::Faster,
        }
    }
}

impl<'a> Comparison<'a> {
    /// Reads what criterion keeps in `home`.
    ///
    /// # Errors
    ///
    /// If nothing is kept under one of the names, or they share no benchmark, or what is kept
    /// cannot be read.
    fn read(home: &Path, before: &'a str, after: &'a str) -> Result<Comparison<'a>> {
        let kept = [kept(home, before)?, kept(home, after)?];
        let benchmarks: BTreeSet<_> = kept.iter().flatten().flat_map(Means::keys).collect();
        let (mut rows, mut incomplete) = (Vec::new(), Vec::new());
        for benchmark in benchmarks {
            let [before, after] = kept.each_ref().map(|kept| Twice::of(benchmark, kept));
            let benchmark = benchmark.clone();
            match before.zip(after) {
                Some((before, after)) => rows.push(Row {
                    benchmark,
                    before,
                    after,
                }),
                None => incomplete.push(benchmark),
            }
        }
        ensure!(
            !rows.is_empty(),
            "no benchmark was measured twice under both {before} and {after}"
        );
        Ok(Comparison {
            before,
            after,
            rows,
            incomplete,
        })
    }

    /// The median of the noise of all benchmarks under both names.
    fn usual_noise(&self) -> f64 {
        let noises = self.rows.iter().flat_map(|row| [row.before, row.after]);
        median(noises.map(Twice::noise).collect())
    }
}

impl Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after, usual) = (self.before, self.after, self.usual_noise());
        let lines = self.rows.iter().map(|row| {
            [
                row.benchmark.clone(),
                time(row.before.middle()),
                format!("{:.1} %", row.before.noise() * 100.0),
                time(row.after.middle()),
                format!("{:.1} %", row.after.noise() * 100.0),
                format!("{:+.1} %", row.change() * 100.0),
                row.verdict(usual).to_string(),
            ]
        });
        let heads = [
            "benchmark",
            before,
            "noise",
            after,
            "noise",
            "change",
            "verdict",
        ];
        let lines: Vec<_> = [heads.map(str::to_owned)]
            .into_iter()
            .chain(lines)
            .collect();
        write_aligned(f, &lines)?;
        for verdict in Verdict::ALL {
            let verdicts = self.rows.iter().map(|row| row.verdict(usual));
            let count = verdicts.filter(|it| *it == verdict).count();
            writeln!(f, "{verdict}: {count} of {}", self.rows.len())?;
        }
        writeln!(
            f,
            "Noise: by how much NAME and NAME{AGAIN} differ, between which nothing was changed; \
             its median here is {:.1} %.\n\
             No difference: not more than the noise of both names together, each taken as no less \
             than that median.",
            usual * 100.0
        )?;
        if !self.incomplete.is_empty() {
            writeln!(f, "Not measured twice under both names, so not compared:")?;
        }
        for benchmark in &self.incomplete {
            writeln!(f, "  {benchmark}")?;
        }
        Ok(())
    }
}

/// Writes a table: the first and the last column to the left, all others to the right.
fn write_aligned<const N: usize>(f: &mut fmt::Formatter<'_>, lines: &[[String; N]]) -> fmt::Result {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    for line in lines {
        write!(f, "{:<1$}", line[0], widths[0])?;
        for column in 1..N - 1 {
            write!(f, "  {:>1$}", line[column], widths[column])?;
        }
        writeln!(f, "  {}", line[N - 1])?;
    }
    Ok(())
}

/// `ns` in the unit that suits it.
fn time(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.2} ns"),
        ..1e6 => format!("{:.2} µs", ns / 1e3),
        ..1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

/// What an iteration of each benchmark took on average, in ns, by criterion's name for it.
type Means = BTreeMap<String, f64>;

/// The first and the second measurement of `name`.
fn kept(home: &Path, name: &str) -> Result<[Means; 2]> {
    let mut measurements = [Means::new(), Means::new()];
    for (means, name) in measurements.iter_mut().zip([name.to_owned(), again(name)]) {
        if home.exists() {
            collect(home, &name, means)?;
        }
        ensure!(
            !means.is_empty(),
            "nothing is kept under {name}: `cargo xtask bench save` measures it"
        );
    }
    Ok(measurements)
}

/// Adds what is kept under `name` in `folder` and the folders below: criterion has a folder for
/// each benchmark, and in it one for each name.
fn collect(folder: &Path, name: &str, means: &mut Means) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let estimates = path.join("estimates.json");
        if path.ends_with(name) && estimates.exists() {
            let benchmark: Benchmark = read(&path.join("benchmark.json"))?;
            let estimates: Estimates = read(&estimates)?;
            means.insert(benchmark.full_id, estimates.mean.point_estimate);
        } else if path.is_dir() {
            collect(&path, name, means)?;
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not what criterion writes", path.display()))
}

/// Criterion's `benchmark.json`, as far as it is wanted.
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

/// Criterion's `estimates.json`, as far as it is wanted: the mean, which critcmp shows too.
#[derive(Deserialize)]
struct Estimates {
    mean: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    /// In ns.
    point_estimate: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of criterion's, gone when dropped.
    struct Home(PathBuf);

    impl Home {
        /// Each of `kept` is a benchmark, a name and a mean in ns.
        fn with(test: &str, kept: &[(&str, &str, f64)]) -> Home {
            let process = std::process::id();
            let home = Home(std::env::temp_dir().join(format!("annulus-{test}-{process}")));
            for (benchmark, name, ns) in kept {
                let folder = home.0.join(benchmark).join(name);
                fs::create_dir_all(&folder).unwrap();
                let about = format!(
                    r#"{{"group_id":"{benchmark}","function_id":null,"value_str":null,
                        "throughput":{{"Elements":16}},"full_id":"{benchmark}",
                        "directory_name":"{benchmark}","title":"{benchmark}"}}"#
                );
                fs::write(folder.join("benchmark.json"), about).unwrap();
                let estimate = format!(
                    r#"{{"confidence_interval":{{"confidence_level":0.95,"lower_bound":1.0,
                        "upper_bound":9e9}},"point_estimate":{ns},"standard_error":6.07}}"#
                );
                let estimates = format!(
                    r#"{{"mean":{estimate},"median":{estimate},"slope":null,"std_dev":{estimate}}}"#
                );
                fs::write(folder.join("estimates.json"), estimates).unwrap();
            }
            home
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            // Should it stay, it is in the way of nothing.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn row(before: [f64; 2], after: [f64; 2]) -> Row {
        let twice = |[first, again]: [f64; 2]| Twice { first, again };
        Row {
            benchmark: "b".to_owned(),
            before: twice(before),
            after: twice(after),
        }
    }

    #[test]
    fn a_difference_within_the_noise_of_both_names_is_none() {
        let verdict = |before, after| row(before, after).verdict(0.0);
        // 10 % of noise in each, so 21 % may be noise.
        assert_eq!(
            verdict([100.0, 110.0], [120.0, 132.0]),
            Verdict::NoDifference
        );
        assert_eq!(verdict([100.0, 110.0], [122.0, 134.2]), Verdict::Slower);
        assert_eq!(verdict([134.2, 122.0], [110.0, 100.0]), Verdict::Faster);
        assert_eq!(
            verdict([100.0, 100.0], [100.0, 100.0]),
            Verdict::NoDifference
        );
        // A name that is noisy hides what the other one has.
        assert_eq!(
            verdict([100.0, 100.0], [100.0, 200.0]),
            Verdict::NoDifference
        );
    }

    #[test]
    fn two_measurements_that_happen_to_agree_have_the_usual_noise() {
        let agreeing = row([100.0, 100.0], [108.0, 108.0]);
        assert_eq!(agreeing.verdict(0.03), Verdict::Slower);
        assert_eq!(agreeing.verdict(0.05), Verdict::NoDifference);
    }

    #[test]
    fn a_comparison_shows_values_noises_and_verdicts() {
        let home = Home::with(
            "bench-comparison",
            &[
                ("calls/loopback, block", "A", 1300.0),
                ("calls/loopback, block", "A-again", 1440.0),
                ("calls/loopback, block", "B", 1500.0),
                ("calls/loopback, block", "B-again", 1500.0),
                ("encode", "A", 50.0),
                ("encode", "A-again", 51.0),
                ("encode", "B", 25.0),
                ("encode", "B-again", 25.0),
                ("encode", "new", 1.0),
                ("half", "A", 50.0),
                ("half", "A-again", 50.0),
                ("half", "B", 50.0),
            ],
        );
        let comparison = Comparison::read(&home.0, "A", "B").unwrap().to_string();
        assert_eq!(
            comparison,
            "\
benchmark                     A   noise         B  noise   change  verdict
calls/loopback, block   1.37 µs  10.8 %   1.50 µs  0.0 %   +9.5 %  no difference
encode                 50.50 ns   2.0 %  25.00 ns  0.0 %  -50.5 %  faster
faster: 1 of 2
slower: 0 of 2
no difference: 1 of 2
Noise: by how much NAME and NAME-again differ, between which nothing was changed; its median here is 1.0 %.
No difference: not more than the noise of both names together, each taken as no less than that median.
Not measured twice under both names, so not compared:
  half
"
        );
    }

    #[test]
    fn a_name_under_which_nothing_is_kept_is_named() {
        let home = Home::with("bench-missing", &[("encode", "A", 1.0)]);
        let missing = |before, after| {
            let error = Comparison::read(&home.0, before, after).err().unwrap();
            error.to_string()
        };
        assert!(missing("C", "A").contains("nothing is kept under C:"));
        assert!(missing("A", "C").contains("nothing is kept under A-again:"));
        let home = Home::with(
            "bench-disjoint",
            &[
                ("encode", "A", 1.0),
                ("encode", "A-again", 1.0),
                ("decode", "B", 1.0),
                ("decode", "B-again", 1.0),
            ],
        );
        let error = Comparison::read(&home.0, "A", "B").err().unwrap();
        assert_eq!(
            error.to_string(),
            "no benchmark was measured twice under both A and B"
        );
    }

    #[test]
    fn every_suite_is_known() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let manifest = fs::read_to_string(root.join("bench/Cargo.toml")).unwrap();
        let mut suites: Vec<_> = manifest
            .split("[[bench]]")
            .skip(1)
            .filter_map(|section| section.split('"').nth(1))
            .collect();
        suites.sort_unstable();
        assert_eq!(suites, SUITES);
    }
}
