//! Annulus, its limit and its peers in one run: each load on each of them in turn, round by round,
//! so that what the machine does meanwhile meets all of them.
//!
//! A run during which others used the machine is made again. Only a whole comparison on a quiet
//! machine is written to docs/PERFORMANCE.md; any other is left in `target/xtask/compare`.

mod chart;
mod page;
mod quiet;
mod results;
mod sample;
mod subject;
mod target;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::quiet::Watch;
use self::results::{Circumstances, Results};
use self::sample::{Sample, Samples};
use self::subject::{Subject, WORKLOADS, Workload};
use crate::session::Session;
use crate::workspace::Workspace;

/// How much is measured.
struct Extent {
    rounds: usize,
    seconds: &'static str,
    warm_up: &'static str,
    /// How often a run is made again that others disturbed.
    tries: usize,
    is_quick: bool,
}

const WHOLE: Extent = Extent {
    rounds: 5,
    seconds: "2",
    warm_up: "0.5",
    tries: 30,
    is_quick: false,
};

/// Enough to see that everything works, and no more.
const QUICK: Extent = Extent {
    rounds: 3,
    seconds: "0.5",
    warm_up: "0.2",
    tries: 2,
    is_quick: true,
};

/// How long all of it may take, builds included.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// How long a machine that others use is left to them before the next try.
const PAUSE: Duration = Duration::from_secs(2);

/// Compares, as the options say, and writes what came out.
///
/// # Errors
///
/// If an option is unknown, something does not build or run, or the results cannot be written.
pub(crate) fn run(options: &[String], workspace: &Workspace) -> Result<()> {
    let (mut extent, mut with_peers) = (&WHOLE, true);
    for option in options {
        match option.as_str() {
            "--quick" => extent = &QUICK,
            "--without-peers" => with_peers = false,
            _ => bail!("compare knows --quick and --without-peers, not {option:?}"),
        }
    }
    let session = Session::open(workspace, "compare", Instant::now() + LIMIT)?;
    println!("building annulus, the limit and the peers");
    let (subjects, missing) = subject::build(&session, with_peers)?;
    for missing in &missing {
        println!("not compared: {missing}");
    }
    let mut results = Results {
        circumstances: circumstances(&session, extent)?,
        samples: vec![vec![Samples::default(); subjects.len()]; WORKLOADS.len()],
        subjects,
        missing,
        repeated: 0,
    };
    for round in 1..=extent.rounds {
        println!("round {round} of {}", extent.rounds);
        for (workload, load) in WORKLOADS.iter().enumerate() {
            for index in 0..results.subjects.len() {
                let subject = &results.subjects[index];
                let sample = measure(&session, subject, load, extent, &mut results.repeated)?;
                results.samples[workload][index].0.push(sample);
            }
        }
    }
    write(workspace, &session, &results, extent)
}

/// One run that nobody disturbed, or the last of too many tries.
fn measure(
    session: &Session<'_>,
    subject: &Subject,
    load: &Workload,
    extent: &Extent,
    repeated: &mut usize,
) -> Result<Sample> {
    for tries in 1.. {
        let watch = Watch::start()?;
        let mut command = subject.command(load, extent.seconds, extent.warm_up);
        let said = session.capture(&mut command)?;
        ensure!(
            said.status.success(),
            "{} under {} ended with {}: {}",
            subject.name,
            load.name,
            said.status,
            said.stderr.trim()
        );
        let disturbance = watch.stop()?;
        if disturbance.is_tolerable() || tries > extent.tries {
            return Sample::parse(&said.stdout, !disturbance.is_tolerable());
        }
        session.note(&format!("again: {disturbance:?}"))?;
        *repeated += 1;
        thread::sleep(PAUSE);
    }
    unreachable!("the tries are counted")
}

fn circumstances(session: &Session<'_>, extent: &Extent) -> Result<Circumstances> {
    let line = |program: &str, arguments: &[&str]| -> Result<String> {
        let said = session.query(Command::new(program).args(arguments))?;
        Ok(said.trim().to_owned())
    };
    let processor = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("an unnamed processor", |(_, name)| name.trim());
    Ok(Circumstances {
        processor: model.to_owned(),
        cores: thread::available_parallelism().map_or(0, usize::from),
        kernel: line("uname", &["-r"])?,
        rustc: line("rustc", &["--version"])?,
        commit: line("git", &["describe", "--always", "--dirty"])?,
        date: line("date", &["--utc", "+%Y-%m-%d %H:%M UTC"])?,
        seconds: extent.seconds.to_owned(),
    })
}

/// Writes tables, charts and raw data, and says where.
fn write(
    workspace: &Workspace,
    session: &Session<'_>,
    results: &Results,
    extent: &Extent,
) -> Result<()> {
    println!("{}", page::tables(results));
    let json = serde_json::to_string_pretty(&results.to_json())? + "\n";
    let is_for_the_page = !extent.is_quick && results.noisy() == 0;
    let (data, images) = if is_for_the_page {
        let docs = workspace.root.join("docs");
        let path = docs.join("PERFORMANCE.md");
        let page = fs::read_to_string(&path).context("cannot read docs/PERFORMANCE.md")?;
        store(&path, &page::replace(&page, results)?)?;
        (workspace.root.join("bench/results"), docs.join("images"))
    } else {
        println!("docs/PERFORMANCE.md stays: that was no whole comparison on a quiet machine");
        let scratch = session.scratch().to_owned();
        (scratch.clone(), scratch)
    };
    store(&data.join("latest.json"), &json)?;
    for (workload, load) in WORKLOADS.iter().enumerate() {
        let path: PathBuf = images.join(chart::file(load.name));
        store(&path, &chart::draw(results, workload))?;
    }
    println!("raw data: {}", workspace.shown(&data.join("latest.json")));
    Ok(())
}

fn store(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
