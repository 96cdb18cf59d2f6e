//! Operations whose instructions are counted: stable from run to run, so they show what a change
//! costs where a clock only shows the weather.
//!
//! ```text
//! instructions list            the names of the operations, and how many each run counts
//! instructions run NAME        does one of them, warm, under valgrind or not
//! ```
//!
//! `cargo xtask bench-check` runs each under valgrind and compares with `reference.json`. Valgrind
//! reports a processor without some vector instructions of this one; the counts are of what runs
//! there.
#![forbid(unsafe_code)]

mod calls;
mod count;
mod ndr;
mod pdu;
mod queues;

use std::process::ExitCode;

/// Something that is counted: its name, and what sets it up and hands it to [`count::count`].
type Operation = (&'static str, fn());

fn operations() -> impl Iterator<Item = &'static Operation> {
    [
        ndr::OPERATIONS,
        pdu::OPERATIONS,
        queues::OPERATIONS,
        calls::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => {
            println!("{}", count::OPERATIONS);
            operations().for_each(|(name, _)| println!("{name}"));
            ExitCode::SUCCESS
        }
        ["run", wanted] => {
            let Some((_, run)) = operations().find(|(name, _)| *name == wanted) else {
                eprintln!("no operation is named {wanted:?}; `instructions list` names them");
                return ExitCode::from(2);
            };
            run();
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: instructions list | instructions run NAME");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_has_a_name_of_its_own_and_runs() {
        let names: BTreeSet<_> = operations().map(|(name, _)| name).collect();
        assert_eq!(names.len(), operations().count());
        operations().for_each(|(_, run)| run());
    }
}
