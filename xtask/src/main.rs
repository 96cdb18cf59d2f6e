//! Development tasks of Annulus: `cargo xtask test` runs every check that a change must pass,
//! the suites of foreign peers included.
//!
//! ```text
//! cargo xtask list              the steps and what each one proves
//! cargo xtask test              every step
//! cargo xtask test unit tshark  some steps
//! cargo xtask test impacket     every step whose name begins with `impacket-`
//! cargo xtask asan              the tests of NDR under AddressSanitizer, with a nightly compiler
//! cargo xtask bench-check       counts instructions; --accept makes the counts the reference
//! cargo xtask bench save NAME   times criterion's suites; bench compare A B shows two names
//! cargo xtask compare           measures annulus, its limit and its peers side by side
//! cargo xtask tune KNOB         tries one setting of the kernel, a socket or a ring; tune list
//! cargo xtask flamegraph all    draws where the time goes; flamegraph diff A B SCENARIO compares
//! cargo xtask generate          makes the stubs of the engine's interfaces and examples
//! ```
//!
//! Each step leaves its output in `target/xtask/logs/NAME.log`. The last line of a run counts
//! the steps, and the exit code is nonzero as soon as one of them failed.

#![forbid(unsafe_code)]

mod bench;
mod bench_check;
mod cargo;
mod compare;
mod epmapper;
mod flamegraph;
mod impacket;
mod json;
mod loadgen;
mod loadgen_report;
mod locked;
mod marked;
mod packages;
mod process;
mod raw_protocol;
mod runner;
mod samba_config;
mod samba_dcerpcd;
mod samba_ndr;
mod samba_python;
mod server;
mod session;
mod smbtorture;
mod step;
mod stubs;
mod tshark;
mod tuning;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask test [STEP…]   run the steps named, or all of them
       cargo xtask list           name the steps and what each one proves
       cargo xtask asan           run the tests of NDR under AddressSanitizer; needs nightly
       cargo xtask bench-check [--accept]
                                  compare instruction counts with the reference, or make it
       cargo xtask bench save NAME [--quick] [SUITE…]
                                  time criterion's suites twice and keep that by name
       cargo xtask bench compare A B
                                  show what was kept by two names, and the noise of each
       cargo xtask compare [--quick] [--without-peers]
                                  measure annulus, its limit and its peers side by side
       cargo xtask tune KNOB…|all|list [--rounds N] [--seconds N] [--load W1…W5] [--write]
                                  try settings one at a time; --write: into docs/tuning
       cargo xtask flamegraph SCENARIO|all [--seconds N] [--save RELEASE]
                                  draw where the time of client and server goes
       cargo xtask flamegraph diff A B SCENARIO
                                  draw what has changed between two releases
       cargo xtask flamegraph readme
                                  renew the table in flamegraphs/README.md
       cargo xtask generate       make the stubs of the engine's interfaces and examples";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match execute(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs one command line; `Ok(false)` says that the work was done and found something wrong.
fn execute(arguments: &[String]) -> Result<bool> {
    match arguments.split_first() {
        Some((command, names)) if command == "test" => {
            let steps = step::select(names)?;
            process::watch_for_interrupts()?;
            Ok(runner::run(&steps, &Workspace::locate()?)?.succeeded())
        }
        Some((command, [])) if command == "asan" => {
            process::watch_for_interrupts()?;
            Ok(runner::run(&[&step::ASAN], &Workspace::locate()?)?.succeeded())
        }
        Some((command, options)) if command == "bench-check" => {
            let step = match options {
                [] => step::select(&["bench-check".to_owned()])?[0],
                [option] if option == "--accept" => &step::BENCH_ACCEPT,
                _ => bail!("bench-check knows --accept and nothing else\n{USAGE}"),
            };
            process::watch_for_interrupts()?;
            Ok(runner::run(&[step], &Workspace::locate()?)?.succeeded())
        }
        Some((command, rest)) if command == "bench" => {
            process::watch_for_interrupts()?;
            let workspace = Workspace::locate()?;
            match rest {
                [verb, name, suites @ ..] if verb == "save" => {
                    bench::save(name, suites, &workspace)?;
                }
                [verb, a, b] if verb == "compare" => bench::compare(a, b, &workspace)?,
                _ => bail!("bench knows `save NAME [SUITE…]` and `compare A B`\n{USAGE}"),
            }
            Ok(true)
        }
        Some((command, options)) if command == "compare" => {
            process::watch_for_interrupts()?;
            compare::run(options, &Workspace::locate()?)?;
            Ok(true)
        }
        Some((command, options)) if command == "tune" => {
            process::watch_for_interrupts()?;
            tuning::run(options, &Workspace::locate()?)?;
            Ok(true)
        }
        Some((command, rest)) if command == "flamegraph" => {
            process::watch_for_interrupts()?;
            flamegraph::run(rest, &Workspace::locate()?)?;
            Ok(true)
        }
        Some((command, [])) if command == "list" => {
            for step in step::STEPS {
                println!("{:<22} {}", step.name, step.proves);
            }
            Ok(true)
        }
        Some((command, [])) if command == "generate" => {
            let workspace = Workspace::locate()?;
            for path in stubs::write(&workspace)? {
                println!("{}", workspace.shown(&path));
            }
            Ok(true)
        }
        Some((command, [])) if ["help", "--help", "-h"].contains(&command.as_str()) => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => bail!("cannot make sense of the arguments {arguments:?}\n{USAGE}"),
    }
}
