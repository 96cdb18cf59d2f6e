//! Where threads run, by Linux's perf: a timer interrupts them, and the frame pointers tell who
//! called. It needs no hardware counters, which many a virtual machine lacks.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::frames::{self, Inlined, UNKNOWN};
use super::stacks::Threads;
use crate::packages::{self, Unavailable};
use crate::process::is_installed;
use crate::session::Session;

/// Samples of each running thread in a second. No divisor of what a kernel's own timers have.
pub(crate) const FREQUENCY_HZ: u32 = 1999;

/// The Debian package of perf.
const PACKAGE: &str = "linux-perf";

/// Sees to it that perf can be started.
///
/// # Errors
///
/// [`Unavailable`] if it is missing and cannot be installed.
pub(crate) fn require(session: &Session<'_>) -> Result<()> {
    packages::require_from(session, &[PACKAGE], "perf", || {
        is_installed("perf", "--version")
    })
}

/// Runs `program` to its end, and says in which calls its threads were seen how often.
///
/// # Errors
///
/// If the program fails, or the kernel does not let it be watched.
pub(crate) fn record(
    session: &Session<'_>,
    program: &Path,
    arguments: impl Iterator<Item = String>,
) -> Result<Threads> {
    let data = session.scratch().join("perf.data");
    let mut record = Command::new("perf");
    record
        .args(["record", "--event", "cpu-clock", "--call-graph", "fp"])
        .args(["--freq", &FREQUENCY_HZ.to_string()])
        .arg("--output")
        .arg(&data)
        .arg("--")
        .arg(program)
        .args(arguments);
    session.run(&mut record).with_context(remedy)?;
    let mut script = Command::new("perf");
    script
        .args(["script", "--no-inline", "--fields", "comm,tid,ip,sym,dso"])
        .arg("--input")
        .arg(&data);
    let text = session.query(&mut script)?;
    let mut inlined = Inlined::open(program, &session.workspace.root)?;
    read(&text, |file, offset| inlined.at(file, offset))
}

/// What to do where the kernel refuses.
fn remedy() -> String {
    let paranoia = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    format!(
        "perf cannot record; it needs root, or a kernel.perf_event_paranoid of 1 or less (it is {})",
        paranoia.trim()
    )
}

/// Why frames of the kernel have no names here, if they have none.
///
/// # Errors
///
/// If the kernel does not tell its symbols at all.
pub(crate) fn kernel_without_names() -> Result<Option<Unavailable>> {
    let symbols = fs::read_to_string("/proc/kallsyms").context("cannot read /proc/kallsyms")?;
    let address = symbols.split(' ').next().unwrap_or_default();
    Ok(address
        .bytes()
        .all(|digit| digit == b'0')
        .then(|| Unavailable {
            what: "the kernel hides the addresses of its functions, so they have no names".into(),
            remedy: "sysctl kernel.kptr_restrict=0, as root".into(),
        }))
}

/// Reads what `perf script` prints; `inlined` names what is inlined at an offset of a file, the
/// innermost first.
fn read(text: &str, mut inlined: impl FnMut(&str, u64) -> Vec<String>) -> Result<Threads> {
    let mut threads = Threads::new();
    for sample in text.split("\n\n") {
        let mut lines = sample.lines().filter(|line| !line.is_empty());
        let Some(head) = lines.next() else { continue };
        let (thread, _) = head
            .trim()
            .rsplit_once(' ')
            .with_context(|| format!("{head:?} names no thread"))?;
        let mut chain = Vec::new();
        for line in lines {
            let frame = Frame::parse(line).with_context(|| format!("{line:?} is no frame"))?;
            // A frame that calls holds the address behind the call.
            let offset = frame.offset.saturating_sub(u64::from(!chain.is_empty()));
            chain.extend(inlined(frame.file, offset));
            chain.push(frame.name());
        }
        let stacks = threads.entry(thread.trim().to_owned()).or_default();
        stacks.add(frames::of_interest(&chain), 1);
    }
    Ok(threads)
}

/// A line of `perf script`: offset in the file, symbol, file in brackets.
struct Frame<'a> {
    offset: u64,
    symbol: &'a str,
    file: &'a str,
}

impl<'a> Frame<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (offset, rest) = line.trim().split_once(' ')?;
        let (symbol, file) = rest.rsplit_once(" (")?;
        Some(Frame {
            offset: u64::from_str_radix(offset, 16).ok()?,
            symbol,
            file: file.strip_suffix(')')?,
        })
    }

    fn name(&self) -> String {
        // perf shows the file of what it does not know, whose name may change from build to build.
        if self.symbol.starts_with('[') {
            return UNKNOWN.to_owned();
        }
        frames::name(self.symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
annulus-echo 23223 
\t           98975 malloc (/usr/lib/libc.so.6)

          server 23227 
\tffffffff821e8f67 tcp_sendmsg ([kernel.kallsyms])
\tffffffff81000130 entry_SYSCALL_64_after_hwframe ([kernel.kallsyms])
\t          101b19 syscall (/usr/lib/libc.so.6)
\t           a26d4 annulus::core::Core<R>::turn (/target/annulus-echo)
\t           891f5 [unknown] (/target/annulus-echo)

          server 23227 
\t           a26d4 annulus::core::Core<R>::turn (/target/annulus-echo)

iou wrk 7 23228 
\tffffffff821e8f67 [unknown] ([kernel.kallsyms])
";

    fn inlined(file: &str, offset: u64) -> Vec<String> {
        match (file, offset) {
            ("/target/annulus-echo", 0xa26d3) => vec!["submit".to_owned(), "settle".to_owned()],
            ("/target/annulus-echo", 0xa26d4) => vec!["look".to_owned()],
            _ => Vec::new(),
        }
    }

    #[test]
    fn samples_are_split_by_thread_and_show_what_is_inlined() {
        let threads = read(SCRIPT, inlined).unwrap();
        let names: Vec<_> = threads.keys().map(String::as_str).collect();
        assert_eq!(names, ["annulus-echo", "iou wrk 7", "server"]);
        assert_eq!(
            threads["server"].folded(),
            "annulus::core::Core<R>::turn;look 1\n\
             annulus::core::Core<R>::turn;settle;submit;syscall;\
             entry_SYSCALL_64_after_hwframe;tcp_sendmsg 1\n"
        );
        assert_eq!(threads["iou wrk 7"].folded(), "[unknown] 1\n");
    }

    #[test]
    fn what_perf_does_not_print_is_refused() {
        for text in [
            "server",
            "server 1\n\tno frame",
            "server 1\n\tzz main (/bin/x)",
        ] {
            assert!(read(text, inlined).is_err(), "{text:?}");
        }
    }
}
