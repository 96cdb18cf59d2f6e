//! One setting at a time: made, measured against its absence in turns, taken back.
//!
//! A third program is without the setting as the first one is. What differs between these two is
//! the noise: a setting whose effect is no larger has none.

mod effect;
pub(crate) mod kernel;
mod knob;
mod page;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use self::effect::Runs;
use self::kernel::{Altered, Setting};
use self::knob::{How, KNOBS, Knob, Measured};
use crate::compare::subject::{self, Program, WORKLOADS, Workload};
use crate::compare::turns::{Entrant, take_turns};
use crate::compare::{Circumstances, Run, circumstances, run_alone};
use crate::json::in_lines;
use crate::marked;
use crate::process;
use crate::session::Session;
use crate::workspace::Workspace;

/// How long all of it may take, builds included.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// The page with the table, and the raw data behind it.
const PAGE: &str = "docs/tuning/README.md";
const DATA: &str = "bench/results/tuning.json";

/// What the command line asked for.
struct Options {
    knobs: Vec<&'static Knob>,
    /// Under each load.
    rounds: usize,
    run: Run,
    /// In place of those that a knob names.
    load: Option<&'static Workload>,
    writes: bool,
}

/// What came of one knob under one load.
pub(crate) struct Finding {
    pub(crate) knob: &'static Knob,
    pub(crate) load: Option<&'static Workload>,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    Measured(Runs),
    /// The setting cannot be made here, for this reason.
    NotHere(String),
}

/// Does what the options say.
///
/// # Errors
///
/// If an option is unknown, something does not build or run, or the page cannot be written.
pub(crate) fn run(options: &[String], workspace: &Workspace) -> Result<()> {
    if options == ["list"] {
        for knob in KNOBS {
            println!("{:<20} {}", knob.name, knob.change);
        }
        return Ok(());
    }
    let options = Options::parse(options)?;
    let session = Session::open(workspace, "tune", Instant::now() + LIMIT)?;
    println!("building annulus and the raw echo");
    let bench = Bench {
        annulus: subject::build_echo(&session)?,
        raw: subject::build_raw(&session)?,
        session: &session,
        options: &options,
    };
    let mut repeated = 0;
    let mut findings = Vec::new();
    for knob in &options.knobs {
        for finding in bench.try_out(knob, &mut repeated)? {
            println!("{}", page::row(&finding));
            findings.push(finding);
        }
    }
    println!("{repeated} rounds were made again because others used the machine");
    if options.writes {
        let of = circumstances(&session, options.run.seconds)?;
        write(workspace, &of, &findings, &options)?;
    }
    Ok(())
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Options {
            knobs: Vec::new(),
            rounds: 25,
            run: Run {
                seconds: 0.1,
                warm_up: 0.03,
                tries: 50,
            },
            load: None,
            writes: false,
        };
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.with_context(|| format!("{argument} needs a value"))
            };
            match argument {
                "all" => options.knobs.extend(KNOBS),
                "--rounds" => options.rounds = number(value()?)?,
                "--seconds" => options.run.seconds = number(value()?)?,
                "--load" => options.load = Some(load(value()?)?),
                "--write" => options.writes = true,
                name => {
                    let knob = KNOBS.iter().find(|knob| knob.name == name);
                    let unknown = || format!("there is no knob {name}; `tune list` names them");
                    options.knobs.push(knob.with_context(unknown)?);
                }
            }
        }
        ensure!(!options.knobs.is_empty(), "tune needs a knob, all or list");
        ensure!(options.rounds > 0, "no round is no measurement");
        let is_whole = options.knobs.len() == KNOBS.len() && options.load.is_none();
        ensure!(
            !options.writes || is_whole,
            "--write is for all knobs under their own loads: the table is of one run"
        );
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) => bail!("{text} is no such number"),
    }
}

fn load(name: &str) -> Result<&'static Workload> {
    let load = WORKLOADS.iter().find(|load| load.name == name);
    load.with_context(|| format!("there is no load {name}, but W1 to W5"))
}

/// The programs that are measured, and where.
struct Bench<'a> {
    annulus: PathBuf,
    raw: PathBuf,
    session: &'a Session<'a>,
    options: &'a Options,
}

impl Bench<'_> {
    /// Tries one knob, under each of its loads.
    fn try_out(&self, knob: &'static Knob, repeated: &mut usize) -> Result<Vec<Finding>> {
        let not_here = |load, reason: String| Finding {
            knob,
            load,
            outcome: Outcome::NotHere(reason),
        };
        let loads = match knob.how {
            How::NotHere(reason) => return Ok(vec![not_here(None, reason.to_owned())]),
            How::Measured { loads, .. } => loads,
        };
        let chosen = match self.options.load {
            Some(load) => vec![load],
            None => loads.iter().map(|name| load(name)).collect::<Result<_>>()?,
        };
        let mut findings = Vec::new();
        for load in chosen {
            let outcome = self.alternate(&knob.how, load, repeated)?;
            let is_not_here = matches!(outcome, Outcome::NotHere(_));
            findings.push(Finding {
                knob,
                load: Some(load),
                outcome,
            });
            if is_not_here {
                break;
            }
        }
        Ok(findings)
    }

    /// Measures without the setting, with it, and without it once more, in turns.
    ///
    /// What cannot be set is no error: it is told. That it runs without the setting is.
    fn alternate(&self, how: &How, load: &Workload, repeated: &mut usize) -> Result<Outcome> {
        let &How::Measured {
            measured,
            always,
            with,
            kernel,
            ..
        } = how
        else {
            bail!("a knob that is not for here is not measured");
        };
        let path = match measured {
            Measured::Annulus => &self.annulus,
            Measured::Raw => &self.raw,
        };
        let program = |arguments: &[&[&'static str]]| Program {
            path: path.clone(),
            arguments: arguments.concat(),
        };
        let (off, on) = (program(&[always]), program(&[always, with]));
        let settings = Knob::kernel_settings(kernel);
        if let Err(error) = self.try_alone(&on, load, &settings) {
            if process::interrupted() {
                return Err(error);
            }
            return Ok(Outcome::NotHere(format!("{error:#}")));
        }
        let entrant = |name, program, settings| Entrant {
            name,
            program,
            load,
            settings,
        };
        let entrants = [
            entrant("without", &off, &[]),
            entrant("with", &on, &settings[..]),
            entrant("again without", &off, &[]),
        ];
        let turns = take_turns(
            self.session,
            &entrants,
            &self.options.run,
            self.options.rounds,
        )?;
        *repeated += turns.repeated;
        let mut samples = turns.samples.into_iter();
        let mut next = || samples.next().unwrap_or_default();
        Ok(Outcome::Measured(Runs {
            without: next(),
            with: next(),
            again: next(),
        }))
    }

    /// Whether the setting is to be had: a program says on its standard error why it is not.
    fn try_alone(&self, program: &Program, load: &Workload, settings: &[Setting]) -> Result<()> {
        let _altered = Altered::apply(settings)?;
        run_alone(self.session, program, load, &self.options.run)
    }
}

/// Writes the table into its page, and the raw data.
fn write(
    workspace: &Workspace,
    of: &Circumstances,
    findings: &[Finding],
    options: &Options,
) -> Result<()> {
    let path = workspace.root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let table = page::table(of, options.rounds, findings);
    fs::write(&path, marked::replace(&page, "tune", &table)?)
        .with_context(|| format!("cannot write {PAGE}"))?;
    let data: Vec<Value> = findings.iter().map(Finding::to_json).collect();
    let data = json!({
        "processor": of.processor,
        "kernel": of.kernel,
        "tcp_congestion_control": of.congestion,
        "commit": of.commit,
        "date": of.date,
        "seconds_of_each_turn": of.seconds,
        "findings": data,
    });
    fs::write(workspace.root.join(DATA), in_lines(&data))
        .with_context(|| format!("cannot write {DATA}"))?;
    println!("written: {PAGE} and {DATA}");
    Ok(())
}

impl Finding {
    fn to_json(&self) -> Value {
        let mut json = json!({
            "knob": self.knob.name,
            "change": self.knob.change,
            "load": self.load.map(|load| load.name),
        });
        match &self.outcome {
            Outcome::Measured(runs) => {
                json["without"] = runs.without.to_json();
                json["with"] = runs.with.to_json();
                json["again_without"] = runs.again.to_json();
            }
            Outcome::NotHere(reason) => json["not_here"] = reason.as_str().into(),
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn a_knob_is_measured_as_the_options_say() {
        let options = parsed("sqpoll --rounds 3 --seconds 0.5 --load W2").unwrap();
        assert_eq!(options.knobs.len(), 1);
        assert_eq!((options.rounds, options.run.seconds), (3, 0.5));
        assert_eq!(options.load.unwrap().name, "W2");
        assert_eq!(parsed("all --write").unwrap().knobs.len(), KNOBS.len());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in ["", "none-such", "sqpoll --rounds 0", "sqpoll --rounds"] {
            assert!(parsed(line).is_err(), "{line:?}");
        }
        for line in ["sqpoll --write", "all --load W1 --write", "all --load W6"] {
            assert!(parsed(line).is_err(), "{line:?}");
        }
    }
}
