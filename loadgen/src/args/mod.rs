//! The command line.

mod help;
pub(crate) mod load;
pub(crate) mod metrics;
pub(crate) mod pipe;
pub(crate) mod values;
pub(crate) mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::builder::ArgPredicate;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use self::load::LoadArgs;
use self::pipe::PipeArgs;
use self::watch::WatchArgs;
use crate::objective::Objectives;
use crate::plan::curve::Rates;
use crate::schedule::{Process, Profile};

/// Measures the latency and throughput of DCE/RPC servers.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = help::PROGRAM)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// One run at a fixed load
    #[command(after_help = help::RUN)]
    Run(Box<RunArgs>),
    /// The highest rate that keeps an objective
    #[command(after_help = help::MAX)]
    Max(Box<MaxArgs>),
    /// Latency against load: one run at each of several rates
    #[command(after_help = help::CURVE)]
    Curve(Box<CurveArgs>),
    /// One call of an operation of an IDL file, its arguments and its result as JSON
    #[command(after_help = help::CALL)]
    Call(CallArgs),
    /// Results of several clients or runs as one: histograms are added, percentiles never averaged
    #[command(after_help = help::MERGE)]
    Merge(MergeArgs),
    /// Whether runs are slower than others, by more than noise and a margin; exits with 5 if so
    #[command(after_help = help::COMPARE)]
    Compare(CompareArgs),
    /// What of this machine would spoil a measurement, and how to mend it; exits with 4 if something would
    #[command(after_help = help::DOCTOR)]
    Doctor,
    /// What this client can do at best, against a peer that does next to nothing
    #[command(after_help = help::SELFTEST)]
    Selftest(SelftestArgs),
    /// Completions of this command line for a shell, to standard output
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Manual pages
    #[command(after_help = help::MAN)]
    Man(ManArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Where to write them; it is made if it is not there
    pub(crate) directory: PathBuf,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CallArgs {
    /// The server, as a string binding: `ncacn_ip_tcp:host[port]`, `ncalrpc:[name]`, or `host`,
    /// whose endpoint mapper is asked for the port
    pub(crate) target: String,

    /// The definition of the interface, with the ACF beside it if there is one
    #[arg(long, value_name = "FILE")]
    pub(crate) idl: PathBuf,

    /// A folder in which files that the definition imports are looked for
    #[arg(short = 'I', value_name = "DIR")]
    pub(crate) include: Vec<PathBuf>,

    /// What is called: Interface.Operation
    #[arg(long, value_name = "OPERATION")]
    pub(crate) call: String,

    /// The in-parameters: a JSON object by their names, or a file of one
    #[arg(long, value_name = "FILE|JSON")]
    pub(crate) args: Option<String>,

    /// Give the call up after so long
    #[arg(long, default_value = "30s", value_parser = values::duration)]
    pub(crate) timeout: Duration,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// What was before: a run.json, or a directory of them
    pub(crate) before: PathBuf,

    /// What is now: a run.json, or a directory of as many. Runs are paired by the names of their files, or in the
    /// order of these if the sides do not have the same names
    pub(crate) after: PathBuf,

    /// A change smaller than this is no change
    #[arg(long, default_value = "5%", value_parser = values::share)]
    pub(crate) margin: f64,

    /// A percentile that changed by less than this did not change, whatever that is in percent
    #[arg(long, default_value = "1us", value_parser = values::duration)]
    pub(crate) floor: Duration,

    /// Compare also runs that are invalid: exit with 0 or 5 then, as with others
    #[arg(long)]
    pub(crate) accept_invalid: bool,

    /// Write the comparison as JSON to standard output instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MergeArgs {
    /// Results of `run --out` (run.json) and `run --hlog` (.hlog)
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Write the merged result as JSON to standard output instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Write the merged result to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MaxArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,

    /// What must hold, such as 'p99<1ms,errors<0.01%'
    #[arg(long, value_name = "OBJECTIVES", help_heading = "Search")]
    pub(crate) slo: Objectives,

    /// The lowest rate
    #[arg(long, value_name = "RATE", default_value = "1k", value_parser = values::rate, help_heading = "Search")]
    pub(crate) from: f64,

    /// The highest rate
    #[arg(long, value_name = "RATE", default_value = "10M", value_parser = values::rate, help_heading = "Search")]
    pub(crate) to: f64,

    /// How near the rate that is found must be to one that misses the objective
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = values::share, help_heading = "Search")]
    pub(crate) precision: f64,

    /// How often in a row the rate that is found must keep the objective once more
    #[arg(long, default_value_t = 3, help_heading = "Search")]
    pub(crate) confirm: u32,

    /// How many runs more may be made to tell how sure the limit is, within the precision
    #[arg(long, default_value_t = 12, help_heading = "Search")]
    pub(crate) repeat: u32,

    /// How calls fall within the rate: even, poisson, or bursts:N
    #[arg(
        long,
        value_name = "PROCESS",
        default_value = "even",
        help_heading = "Arrivals"
    )]
    pub(crate) arrivals: Process,

    /// Write the result as JSON to standard output instead of a table
    #[arg(long, help_heading = "Result")]
    pub(crate) json: bool,

    /// Write the result to this file too
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub(crate) out: Option<PathBuf>,

    /// Write a plot of latency against load, of all runs of the search, to this file
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) watch: WatchArgs,

    /// Judge runs by the objectives alone, also those in which the client was the limit
    #[arg(long, help_heading = "Result")]
    pub(crate) accept_invalid: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CurveArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,

    /// The rates: 10k..200k/10k, or 10k,20k,50k
    #[arg(long, help_heading = "Arrivals")]
    pub(crate) rates: Rates,

    /// Run each rate so often
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Arrivals")]
    pub(crate) repeat: u32,

    /// In a random order (--seed), so that what changes with time is not taken for an effect of load
    #[arg(long, help_heading = "Arrivals")]
    pub(crate) shuffle: bool,

    /// How calls fall within the rate: even, poisson, or bursts:N
    #[arg(
        long,
        value_name = "PROCESS",
        default_value = "even",
        help_heading = "Arrivals"
    )]
    pub(crate) arrivals: Process,

    /// Write the result as JSON to standard output instead of a table
    #[arg(long, help_heading = "Result")]
    pub(crate) json: bool,

    /// Write the result to this file too
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub(crate) out: Option<PathBuf>,

    /// Write a plot of latency against load to this file
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) watch: WatchArgs,

    /// Exit with 0 also if runs are invalid
    #[arg(long, help_heading = "Result")]
    pub(crate) accept_invalid: bool,
}

#[derive(Clone, Debug, clap::Args)]
// A transfer is much work; several at a time on each connection are for who asks for them.
#[command(mut_arg("outstanding", |arg| arg.default_value_if("pipe", ArgPredicate::IsPresent, "1")))]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,

    #[command(flatten)]
    pub(crate) pipe: PipeArgs,

    /// Calls a second, whatever the server does (open loop): 50k, a ramp 10k..50k, or steps
    /// 10k,20k,40k. The response time counts from the intended send time. Without it each end of a
    /// call triggers the next one (closed loop)
    #[arg(long, short, value_name = "RATE", help_heading = "Arrivals")]
    pub(crate) rate: Option<Profile>,

    /// How calls fall within the rate: even, poisson, or bursts:N
    #[arg(
        long,
        value_name = "PROCESS",
        default_value = "even",
        help_heading = "Arrivals"
    )]
    pub(crate) arrivals: Process,

    /// Calls at the times that the first column of this file has, in nanoseconds, such as a file
    /// that --trace-file wrote
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "rate",
        help_heading = "Arrivals"
    )]
    pub(crate) replay: Option<PathBuf>,

    /// What must hold, such as 'p99<1ms,errors<0.01%,rate>50k'; otherwise exits with 3
    #[arg(long, value_name = "OBJECTIVES", help_heading = "Result")]
    pub(crate) slo: Option<Objectives>,

    /// Write the result as JSON to standard output instead of a table
    #[arg(long, help_heading = "Result")]
    pub(crate) json: bool,

    /// Write the result to this file too (run.json, for `merge` and `compare`)
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub(crate) out: Option<PathBuf>,

    /// Write a report with plots to this file
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub(crate) html: Option<PathBuf>,

    /// Write a line for each call to this file: for looking closely, and slow
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub(crate) trace_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) watch: WatchArgs,

    /// Exit with 0 also if the run is invalid; the result says so all the same
    #[arg(long, help_heading = "Result")]
    pub(crate) accept_invalid: bool,

    /// Begin at this time, in seconds since 1970: to start several clients together. Refused if this
    /// machine's clock follows no reference, or can be more than 5 s from it: then nobody looks after it
    #[arg(long, value_name = "SECONDS", value_parser = unix_time, help_heading = "Several clients")]
    pub(crate) start_at: Option<SystemTime>,

    /// Begin so also if this machine's clock follows no reference, or not closely enough
    #[arg(long, requires = "start_at", help_heading = "Several clients")]
    pub(crate) allow_unsynchronised_clock: bool,

    /// The name of this client in its results
    #[arg(long, value_name = "NAME", value_parser = agent, help_heading = "Several clients")]
    pub(crate) agent: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SelftestArgs {
    /// How long each of the three runs measures
    #[arg(long, short, default_value = "2s", value_parser = values::duration)]
    pub(crate) duration: Duration,

    /// A program that echoes as many bytes over bare sockets and takes --connections, --outstanding,
    /// --payload and --duration, such as bench/raw; the ceiling is shown beside what it reaches
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) raw_limit: Option<PathBuf>,

    /// Write the result as JSON to standard output instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

impl RunArgs {
    /// What a command line of `run` would be.
    pub(crate) fn of_words(words: &[&str]) -> Result<Self, clap::Error> {
        let command = RunArgs::augment_args(clap::Command::new("run").no_binary_name(true));
        RunArgs::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

impl Cli {
    /// Reads the command line of this process. Without a command it is `run`.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Cli::from_words(std::env::args_os().collect())
    }

    fn from_words(mut words: Vec<OsString>) -> Result<Self, clap::Error> {
        let command = Cli::command();
        let is_global = |word: &str| {
            matches!(word, "-h" | "--help" | "-V" | "--version" | "help")
                || command.find_subcommand(word).is_some()
        };
        let first = words.get(1).and_then(|word| word.to_str());
        if !first.is_some_and(is_global) {
            words.insert(words.len().min(1), "run".into());
        }
        Cli::try_parse_from(words)
    }
}

fn unix_time(text: &str) -> Result<SystemTime, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..1e11).contains(&seconds) => {
            Ok(UNIX_EPOCH + Duration::from_secs_f64(seconds))
        }
        _ => Err(format!("\"{text}\" is not a number of seconds since 1970")),
    }
}

/// It is to fit into a line.
fn agent(text: &str) -> Result<String, String> {
    let ends_line = |it: char| it.is_control() || matches!(it, '\u{2028}' | '\u{2029}');
    if text.trim().is_empty() || text.contains(ends_line) {
        return Err("a name has letters, and no control characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        let words = [&["loadgen"], words].concat();
        Cli::from_words(words.into_iter().map(OsString::from).collect())
    }

    fn run(words: &[&str]) -> RunArgs {
        match parse(words).unwrap().command {
            Command::Run(args) => *args,
            other => panic!("{words:?} is {other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_is_run() {
        assert_eq!(run(&[]).load.connections, 16);
        assert_eq!(run(&["-c", "4"]).load.connections, 4);
        assert_eq!(run(&["host[5]"]).load.target.as_deref(), Some("host[5]"));
        assert_eq!(run(&["--pipe", "in"]).load.outstanding, 1);
        assert_eq!(run(&["--pipe", "in", "-o", "4"]).load.outstanding, 4);
        assert_eq!(run(&[]).load.outstanding, 16);
        assert_eq!(run(&["run", "host"]).load.target.as_deref(), Some("host"));
        assert!(
            parse(&["--help"])
                .unwrap_err()
                .to_string()
                .contains("Exit status")
        );
    }

    #[test]
    fn each_command_says_what_its_exit_status_means() {
        for command in Cli::command().get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            assert!(
                help.contains("Exit status:\n    0  "),
                "{}: {help}",
                command.get_name()
            );
        }
    }

    #[test]
    fn bad_numbers_are_refused() {
        for bad in [
            ["--rate", "0"],
            ["--duration", "-1"],
            ["--connections", "0"],
            ["--rate", "inf"],
            ["--start-at", "tomorrow"],
            ["--agent", "a\nb"],
            ["--agent", ""],
        ] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
        let args = run(&["-c", "4", "--rate", "1e5", "--cores", "1,2"]);
        assert_eq!(args.rate, Some(Profile::Constant(1e5)));
        assert_eq!(args.load.cores, [1, 2]);
    }
}
