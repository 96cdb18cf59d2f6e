//! Annulus, its limit and its peers in one run: under each load they take turns of a fraction of a
//! second, round by round, so that what the machine does meanwhile meets all of them.
//!
//! A round during which others used the machine is made again. Only a whole comparison, peers
//! included, on a quiet machine is written to docs/PERFORMANCE.md; any other is left in `target/xtask/compare`.

mod chart;
mod contender;
mod extra;
mod history;
mod page;
mod quiet;
mod results;
pub(crate) mod sample;
pub(crate) mod subject;
mod target;
pub(crate) mod turns;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::extra::{Extras, Programs, WIDE};
use self::history::Past;
pub(crate) use self::results::Circumstances;
use self::results::Results;
use self::subject::{Program, WORKLOADS, Workload};
use self::turns::{Entrant, take_turns};
use crate::bench_check;
use crate::json;
use crate::marked;
use crate::session::Session;
use crate::workspace::Workspace;

/// How much is measured.
struct Extent {
    rounds: usize,
    run: Run,
    is_quick: bool,
}

/// How one run is made.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Seconds to measure, and to run before.
    pub(crate) seconds: f64,
    pub(crate) warm_up: f64,
    /// How often it is made again if others disturbed it.
    pub(crate) tries: usize,
}

const WHOLE: Extent = Extent {
    rounds: 40,
    run: Run {
        seconds: 0.1,
        warm_up: 0.03,
        tries: 200,
    },
    is_quick: false,
};

/// Enough to see that everything works, and no more.
const QUICK: Extent = Extent {
    rounds: 8,
    run: Run {
        seconds: 0.1,
        warm_up: 0.03,
        tries: 4,
    },
    is_quick: true,
};

/// Where the raw data is: in the checkout, and its file.
const RESULTS: &str = "bench/results";
const DATA: &str = "latest.json";

/// How long all of it may take, builds included.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

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
    let programs = Programs::build(&session)?;
    for missing in &missing {
        println!("not compared: {missing}");
    }
    let mut results = Results {
        circumstances: circumstances(&session, extent.run.seconds)?,
        samples: vec![Vec::new(); WORKLOADS.len()],
        subjects,
        extras: Extras::default(),
        past: past(workspace)?,
        missing,
        repeated: 0,
    };
    for (workload, load) in WORKLOADS.iter().enumerate() {
        println!("{}: {} rounds", load.name, extent.rounds);
        let entrant = |subject| Entrant::new(subject, load);
        let entrants: Vec<_> = results.subjects.iter().map(entrant).collect();
        let turns = take_turns(&session, &entrants, &extent.run, extent.rounds)?;
        results.samples[workload] = turns.samples;
        results.repeated += turns.repeated;
    }
    println!("marshalling and scale");
    widen(&session, &mut results, extent)?;
    for _ in 0..extent.rounds {
        results.extras.ndr.push(programs.ndr(&session)?);
    }
    match programs.idle(&session) {
        Ok(idle) => results.extras.idle = Some(idle),
        Err(error) => results.missing.push(format!("idle connections: {error:#}")),
    }
    match programs.parked(&session) {
        Ok(parked) => results.extras.parked = Some(parked),
        Err(error) => results.missing.push(format!("parked calls: {error:#}")),
    }
    match bench_check::locked_per_call(&session) {
        Ok(locked) => results.extras.locked_instructions = Some(locked),
        Err(error) => results
            .missing
            .push(format!("locked instructions: {error:#}")),
    }
    let is_whole = !extent.is_quick && with_peers;
    write(workspace, &session, &results, is_whole)
}

/// Annulus under W4, and with more connections, in turns.
fn widen(session: &Session<'_>, results: &mut Results, extent: &Extent) -> Result<()> {
    let annulus = &results.subjects[0];
    let loads = [&WORKLOADS[3], &WIDE];
    let entrants = loads.map(|load| Entrant::new(annulus, load));
    let turns = take_turns(session, &entrants, &extent.run, extent.rounds)?;
    results.repeated += turns.repeated;
    let mut samples = turns.samples.into_iter();
    results.extras.usual = samples.next().unwrap_or_default();
    results.extras.wide = samples.next().unwrap_or_default();
    Ok(())
}

/// What the comparisons before this one measured.
fn past(workspace: &Workspace) -> Result<Vec<Past>> {
    let path = workspace.root.join(RESULTS).join(DATA);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let data = fs::read_to_string(&path);
    let data = data.with_context(|| format!("cannot read {}", path.display()))?;
    Past::read(&data)
}

/// Lets a program measure for as long as `run` says, alone.
///
/// # Errors
///
/// If it does not run to its end: with what it said.
pub(crate) fn run_alone(
    session: &Session<'_>,
    program: &Program,
    load: &Workload,
    run: &Run,
) -> Result<()> {
    let said = session.capture(&mut program.command(load, run))?;
    ensure!(said.status.success(), "{}", in_one_line(&said.stderr));
    Ok(())
}

/// What anyhow says of an error on several lines, on one.
fn in_one_line(error: &str) -> String {
    let cause = |line: &str| {
        let line = line.trim().trim_start_matches("Error: ");
        let number = line
            .find(": ")
            .filter(|&end| line[..end].parse::<u8>().is_ok());
        number.map_or(line, |end| &line[end + 2..]).to_owned()
    };
    let causes: Vec<_> = error
        .lines()
        .take_while(|line| *line != "Stack backtrace:")
        .map(cause)
        .filter(|cause| !["", "Caused by:"].contains(&cause.as_str()))
        .collect();
    causes.join(": ")
}

/// The machine and the sources, for what is measured in runs of so many seconds.
///
/// # Errors
///
/// If the machine does not tell.
pub(crate) fn circumstances(session: &Session<'_>, seconds: f64) -> Result<Circumstances> {
    let line = |program: &str, arguments: &[&str]| -> Result<String> {
        let said = session.query(Command::new(program).args(arguments))?;
        Ok(said.trim().to_owned())
    };
    let congestion = "/proc/sys/net/ipv4/tcp_congestion_control";
    let congestion =
        fs::read_to_string(congestion).with_context(|| format!("cannot read {congestion}"))?;
    let processor = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("an unnamed processor", |(_, name)| name.trim());
    Ok(Circumstances {
        processor: model.to_owned(),
        cores: thread::available_parallelism().map_or(0, usize::from),
        kernel: line("uname", &["-r"])?,
        congestion: congestion.trim().to_owned(),
        rustc: line("rustc", &["--version"])?,
        commit: line("git", &["describe", "--always", "--dirty"])?,
        date: line("date", &["--utc", "+%Y-%m-%d %H:%M UTC"])?,
        seconds,
    })
}

/// Writes tables, charts and raw data, and says where.
fn write(
    workspace: &Workspace,
    session: &Session<'_>,
    results: &Results,
    is_whole: bool,
) -> Result<()> {
    println!("{}", page::tables(results));
    let json = json::in_lines(&results.to_json());
    let (data, images) = if is_whole && results.noisy() == 0 {
        let docs = workspace.root.join("docs");
        let path = docs.join("PERFORMANCE.md");
        let page = fs::read_to_string(&path).context("cannot read docs/PERFORMANCE.md")?;
        store(
            &path,
            &marked::replace(&page, "compare", &page::tables(results))?,
        )?;
        (workspace.root.join(RESULTS), docs.join("images"))
    } else {
        println!("docs/PERFORMANCE.md stays: that was no whole comparison on a quiet machine");
        let scratch = session.scratch().to_owned();
        (scratch.clone(), scratch)
    };
    store(&data.join(DATA), &json)?;
    for (workload, load) in WORKLOADS.iter().enumerate() {
        let path: PathBuf = images.join(chart::file(load.name));
        store(&path, &chart::draw(results, workload))?;
    }
    println!("raw data: {}", workspace.shown(&data.join(DATA)));
    Ok(())
}

fn store(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_with_its_causes_fits_into_a_table() {
        let said =
            "Error: no connections\n\nCaused by:\n    0: no TCP_CONGESTION\n    1: no such file\n";
        let told = "no connections: no TCP_CONGESTION: no such file";
        assert_eq!(in_one_line(said), told);
        let with_backtrace = "Error: no ring: it is old\n\nStack backtrace:\n   0: main\n             at main.rs:1:1\n";
        assert_eq!(in_one_line(with_backtrace), "no ring: it is old");
    }
}
