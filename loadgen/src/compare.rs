//! `loadgen compare`: whether runs are slower than others.
//!
//! Each percentile of the response time is compared by the ratio of the two, with a confidence
//! interval from a block bootstrap: runs are drawn with replacement, and of each run stretches of time,
//! so that calls that shared a stall are drawn together. What two parts of the *same* runs differ by is
//! the noise floor. A change is one if its interval is beyond the margin, the change is beyond the noise,
//! and all pairs of runs agree on its direction.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use crate::args::CompareArgs;
use crate::exit::Exit;
use crate::output::{print, print_line, tell};
use crate::record::latencies::Latencies;
use crate::report::run_file::{RunFile, decode, percentile_name, ratio};
use crate::report::table::row;
use crate::stats::{Blocks, EDGES, QUANTILES, ROUNDS, SEED, can_tell};

/// The name and version of the schema.
const SCHEMA: &str = "annulus-loadgen/comparison/1";

/// Two sides and how they differ.
#[derive(Clone, Debug, Serialize)]
struct Comparison {
    schema: &'static str,
    before: Vec<PathBuf>,
    after: Vec<PathBuf>,
    margin: f64,
    changes: Vec<Change>,
    /// Why not to believe it.
    invalid_because: Vec<String>,
    /// What to keep in mind.
    notes: Vec<String>,
}

/// How a number changed. Changes are shares: 0.1 is 10 % more.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Change {
    what: String,
    before: f64,
    after: f64,
    change: f64,
    /// In which the change lies with 95 % confidence.
    low: f64,
    high: f64,
    /// What two parts of the same runs differ by, in 95 of 100 cases at most.
    noise: f64,
    finding: Finding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Finding {
    Slower,
    Faster,
    /// Within the margin, for sure.
    Same,
    /// More runs, or longer ones, would tell.
    Unclear,
}

/// The runs of one side.
struct Side {
    paths: Vec<PathBuf>,
    runs: Vec<RunFile>,
    /// Of each run, the response times over time.
    stretches: Vec<Vec<Latencies>>,
}

/// Compares, and shows what came of it.
pub(crate) fn compare(args: &CompareArgs) -> anyhow::Result<Exit> {
    let (before, after) = (Side::read(&args.before)?, Side::read(&args.after)?);
    let comparison = Comparison::of(&before, &after, args)?;
    if args.json {
        print_line(serde_json::to_string_pretty(&comparison)?)?;
    } else {
        print(&comparison)?;
    }
    let mut changes = comparison.changes.iter();
    if !comparison.invalid_because.is_empty() && !args.accept_invalid {
        for why in &comparison.invalid_because {
            tell(format_args!("loadgen: invalid: {why}"));
        }
        return Ok(Exit::Invalid);
    }
    Ok(if changes.any(|change| change.finding == Finding::Slower) {
        Exit::Regression
    } else {
        Exit::Ok
    })
}

impl Side {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let mut paths = vec![path.to_owned()];
        if path.is_dir() {
            let entries = std::fs::read_dir(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            let files = entries.map(|entry| entry.map(|entry| entry.path()));
            paths = files.collect::<Result<_, _>>()?;
            paths.retain(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            });
            paths.sort();
        }
        if paths.is_empty() {
            bail!("{} has no run.json", path.display());
        }
        let runs = paths.iter().map(|path| RunFile::read(path));
        let runs: Vec<_> = runs.collect::<Result<_, _>>()?;
        let stretches = runs.iter().map(|run| {
            let intervals = run.intervals.iter();
            intervals.map(|slice| decode(&slice.response)).collect()
        });
        Ok(Side {
            stretches: stretches.collect::<anyhow::Result<_>>()?,
            paths,
            runs,
        })
    }

    fn blocks(&self) -> Blocks {
        Blocks::of_runs(self.stretches.iter().map(|stretches| stretches.iter()))
    }

    /// Why not to believe its runs.
    fn doubts(&self) -> impl Iterator<Item = String> {
        let runs = self.paths.iter().zip(&self.runs);
        let invalid = runs.filter(|(_, run)| !run.verdict.valid);
        invalid.map(|(path, run)| {
            let why = run.verdict.invalid_because.join("; ");
            format!("{} is invalid: {why}", path.display())
        })
    }

    fn count(&self) -> u64 {
        let stretches = self.stretches.iter().flatten();
        stretches.map(Latencies::count).sum()
    }
}

impl Comparison {
    fn of(before: &Side, after: &Side, args: &CompareArgs) -> anyhow::Result<Self> {
        let blocks = (before.blocks(), after.blocks());
        if !blocks.0.suffice() || !blocks.1.suffice() {
            bail!("the runs are too short to be compared");
        }
        let fewest = before.count().min(after.count());
        let quantiles: Vec<_> = QUANTILES
            .into_iter()
            .filter(|quantile| can_tell(fewest, *quantile))
            .collect();
        let floor_ns = args.floor.as_nanos() as f64;
        let samples = Samples::draw(&blocks.0, &blocks.1, &quantiles);
        let changes = quantiles.iter().enumerate().map(|(index, quantile)| {
            let name = format!("{} µs", percentile_name(*quantile).replace('_', "."));
            samples.change(index, name, args.margin, floor_ns)
        });
        Ok(Comparison {
            schema: SCHEMA,
            before: before.paths.clone(),
            after: after.paths.clone(),
            margin: args.margin,
            changes: changes.collect(),
            invalid_because: [before, after].into_iter().flat_map(Side::doubts).collect(),
            notes: notes(before, after),
        })
    }
}

/// What the quantiles are, and what they come to when blocks are drawn.
struct Samples {
    before: Vec<u64>,
    after: Vec<u64>,
    /// Of each pair of runs.
    pairs: Vec<(Vec<u64>, Vec<u64>)>,
    /// Of each round.
    drawn: Vec<(Vec<u64>, Vec<u64>)>,
    /// Of each round: two parts of one side.
    same: Vec<[Vec<u64>; 2]>,
}

impl Samples {
    fn draw(before: &Blocks, after: &Blocks, quantiles: &[f64]) -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        let random = &mut random;
        let each = (before.of_each_run(quantiles), after.of_each_run(quantiles));
        let drawn = (0..ROUNDS)
            .map(|_| {
                (
                    before.draw(quantiles, random),
                    after.draw(quantiles, random),
                )
            })
            .collect();
        let same = (0..ROUNDS).map(|round| {
            let side = if round % 2 == 0 { before } else { after };
            side.split(quantiles, random)
        });
        Samples {
            before: before.of_all(quantiles),
            after: after.of_all(quantiles),
            pairs: each.0.into_iter().zip(each.1).collect(),
            drawn,
            same: same.collect(),
        }
    }

    fn change(&self, index: usize, what: String, margin: f64, floor_ns: f64) -> Change {
        let (before, after) = (self.before[index] as f64, self.after[index] as f64);
        let mut drawn: Vec<f64> = (self.drawn.iter())
            .map(|(before, after)| log_ratio(before[index], after[index]))
            .collect();
        drawn.sort_by(f64::total_cmp);
        let [low, high] = EDGES.map(|edge| drawn[edge].exp_m1());
        let mut noise: Vec<f64> = (self.same.iter())
            .map(|[one, other]| log_ratio(one[index], other[index]).abs())
            .collect();
        noise.sort_by(f64::total_cmp);
        let noise = noise[ROUNDS * 95 / 100].exp_m1();
        let change = log_ratio(self.before[index], self.after[index]).exp_m1();
        let pairs = || {
            let pairs = self.pairs.iter();
            pairs.map(|(before, after)| (before[index], after[index]))
        };
        let is_beyond = change.abs() > noise && (after - before).abs() > floor_ns;
        let finding = if is_beyond && low > margin && pairs().all(|(one, two)| one < two) {
            Finding::Slower
        } else if is_beyond && high < -margin && pairs().all(|(one, two)| one > two) {
            Finding::Faster
        } else if (low > -margin && high < margin) || (after - before).abs() <= floor_ns {
            Finding::Same
        } else {
            Finding::Unclear
        };
        Change {
            what,
            before: before / 1e3,
            after: after / 1e3,
            change,
            low,
            high,
            noise,
            finding,
        }
    }
}

fn log_ratio(before: u64, after: u64) -> f64 {
    (after.max(1) as f64 / before.max(1) as f64).ln()
}

/// What to know of runs that were not the same.
fn notes(before: &Side, after: &Side) -> Vec<String> {
    let mut notes = Vec::new();
    if before.runs.len() == 1 && after.runs.len() == 1 {
        notes.push(
            "one run each: what differs from run to run is not seen; compare directories of runs \
             that were made in turns (A B A B)"
                .to_owned(),
        );
    }
    notes.extend(unpaired(&before.paths, &after.paths));
    let (first, second) = (&before.runs[0].setup, &after.runs[0].setup);
    let differs = [
        ("arrivals", first.arrivals != second.arrivals),
        ("operations", first.operations != second.operations),
        ("payload", first.payload != second.payload),
        ("connections", first.connections != second.connections),
        ("outstanding", first.outstanding != second.outstanding),
    ];
    for (what, _) in differs.iter().filter(|(_, differs)| *differs) {
        notes.push(format!("the sides differ in {what}"));
    }
    let rate = |side: &Side| {
        let runs = side.runs.iter().map(|run| run.calls_per_second);
        ratio(runs.sum(), side.runs.len() as f64)
    };
    notes.push(format!(
        "calls/s: {:.0} before, {:.0} after",
        rate(before),
        rate(after)
    ));
    notes
}

/// What to know of runs that were not paired by their names. Both sides are in the order of these, so pairs of
/// equal names come together by themselves where both sides have the same.
fn unpaired(before: &[PathBuf], after: &[PathBuf]) -> Vec<String> {
    let mut notes = Vec::new();
    let names = |side: &[PathBuf]| -> Vec<_> {
        let names = side.iter().map(|path| path.file_name());
        names.map(|name| name.map(ToOwned::to_owned)).collect()
    };
    let are_several = before.len() > 1 || after.len() > 1;
    if are_several && names(before) != names(after) {
        notes.push(
            "the files of the sides do not have the same names: they are paired in the order of these"
                .to_owned(),
        );
    }
    let paired = before.len().min(after.len());
    for path in before[paired..].iter().chain(&after[paired..]) {
        notes.push(format!(
            "{} has no pair on the other side: it counts among the runs of its own, and in no pair",
            path.display()
        ));
    }
    notes
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        row(
            f,
            "compared",
            format_args!(
                "{} and {} runs, margin {} %",
                self.before.len(),
                self.after.len(),
                percent(self.margin)
            ),
        )?;
        for change in &self.changes {
            row(
                f,
                &change.what,
                format_args!(
                    "{:>9.1} {:>9.1}  {:+.1} % ({:+.1} to {:+.1}), noise {:.1} %: {}",
                    change.before,
                    change.after,
                    percent(change.change),
                    percent(change.low),
                    percent(change.high),
                    percent(change.noise),
                    change.finding
                ),
            )?;
        }
        for note in &self.notes {
            row(f, "note", note)?;
        }
        for why in &self.invalid_because {
            row(f, "INVALID", why)?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Finding::Slower => "SLOWER",
            Finding::Faster => "faster",
            Finding::Same => "the same",
            Finding::Unclear => "unclear",
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::record::histogram;

    /// Runs of 32 stretches of exponentially distributed latencies, each run a little faster or
    /// slower than the next.
    fn side(runs: usize, mean_us: f64, random: &mut StdRng) -> Blocks {
        let run = |random: &mut StdRng| {
            let mean = mean_us * random.random_range(0.97..1.03);
            let stretch = |random: &mut StdRng| {
                let mut histogram = histogram();
                for _ in 0..100 {
                    let value = -(1.0 - random.random::<f64>()).ln() * mean * 1e3;
                    histogram.saturating_record(value as u64);
                }
                Latencies::of(&histogram)
            };
            (0..32).map(|_| stretch(random)).collect::<Vec<_>>()
        };
        let runs: Vec<_> = (0..runs).map(|_| run(random)).collect();
        Blocks::of_runs(runs.iter().map(|run| run.iter()))
    }

    fn median(before: &Blocks, after: &Blocks) -> Change {
        Samples::draw(before, after, &[0.5]).change(0, "p50".to_owned(), 0.05, 1_000.0)
    }

    #[test]
    fn the_same_server_is_never_called_slower() {
        for seed in 0..3 {
            let mut random = StdRng::seed_from_u64(seed);
            let (before, after) = (side(3, 100.0, &mut random), side(3, 100.0, &mut random));
            let change = median(&before, &after);
            assert!(
                matches!(change.finding, Finding::Same | Finding::Unclear),
                "seed {seed}: {change:?}"
            );
        }
    }

    #[test]
    fn a_server_that_is_a_third_slower_is_found_out_and_the_reverse_is_faster() {
        for seed in 0..2 {
            let mut random = StdRng::seed_from_u64(seed);
            let (before, after) = (side(3, 100.0, &mut random), side(3, 133.0, &mut random));
            let slower = median(&before, &after);
            assert_eq!(slower.finding, Finding::Slower, "seed {seed}: {slower:?}");
            assert!(slower.low < 0.33 && 0.33 < slower.high + 0.06, "{slower:?}");
            assert_eq!(
                median(&after, &before).finding,
                Finding::Faster,
                "seed {seed}"
            );
        }
    }

    #[test]
    fn runs_are_paired_by_name_or_it_is_said_which_are_not() {
        let side = |directory: &str, names: &[&str]| -> Vec<_> {
            let names = names.iter();
            names.map(|name| Path::new(directory).join(name)).collect()
        };
        let before = side("before", &["1.json", "2.json"]);
        let same = side("after", &["1.json", "2.json"]);
        assert_eq!(unpaired(&before, &same), [""; 0]);
        assert_eq!(unpaired(&before[..1], &same[1..]), [""; 0], "one run each");
        let notes = unpaired(&before, &side("after", &["2.json", "3.json", "4.json"]));
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("in the order of"), "{notes:?}");
        assert!(notes[1].starts_with("after/4.json "), "{notes:?}");
    }

    #[test]
    fn a_difference_below_the_floor_is_none() {
        let mut random = StdRng::seed_from_u64(1);
        let (before, after) = (side(2, 1.0, &mut random), side(2, 1.5, &mut random));
        assert_eq!(median(&before, &after).finding, Finding::Same);
    }
}
