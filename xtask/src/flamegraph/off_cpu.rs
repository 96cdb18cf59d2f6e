//! Where threads sleep, and for how long, by bpftrace: it takes the calls that a thread was in when
//! it gave its core away of its own accord, and the time until it had one again.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::frames;
use super::stacks::Threads;
use crate::process::is_installed;
use crate::session::Session;

/// How long the program runs beside the seconds that are watched, while bpftrace starts and looks
/// up names.
const AROUND: Duration = Duration::from_secs(60);

/// Whether bpftrace is there.
pub(crate) fn is_available() -> bool {
    is_installed("bpftrace", "--version")
}

/// Runs `program`, whose process it ends, and says in which calls its threads slept for how many
/// microseconds. `arguments` makes it run for so many seconds.
///
/// # Errors
///
/// If the program ends early, or bpftrace fails, which it does where the kernel refuses.
pub(crate) fn record(
    session: &Session<'_>,
    program: &Path,
    arguments: impl Iterator<Item = String>,
    seconds: u32,
) -> Result<Threads> {
    let mut command = Command::new(program);
    command.args(arguments);
    let process = session.start(&mut command)?;
    let mut bpftrace = Command::new("bpftrace");
    bpftrace
        .args(["-e", &script(process.id(), seconds)])
        // It would do that to Rust's names by halves.
        .env("BPFTRACE_NO_CPP_DEMANGLE", "1");
    let text = session.query(&mut bpftrace)?;
    ensure!(
        !process.has_ended()?,
        "the program ended before it was watched for {seconds} s"
    );
    read(&text)
}

/// The seconds that the program is to run for, so that it outlives what watches it.
pub(crate) fn seconds_to_run(seconds: u32) -> u32 {
    seconds + u32::try_from(AROUND.as_secs()).unwrap_or(u32::MAX)
}

/// Who is preempted does not sleep: its state is 0, running.
fn script(pid: u32, seconds: u32) -> String {
    format!(
        "tracepoint:sched:sched_switch {{ \
           if (pid == {pid} && args->prev_state != 0) {{ \
             @since[tid] = nsecs; @name[tid] = comm; @kernel[tid] = kstack; @user[tid] = ustack; \
           }} \
           $next = args->next_pid; \
           if (@since[$next]) {{ \
             @slept[@name[$next], @kernel[$next], @user[$next]] = sum(nsecs - @since[$next]); \
             delete(@since[$next]); \
           }} \
         }} \
         interval:s:{seconds} {{ exit(); }} \
         END {{ clear(@since); clear(@name); clear(@kernel); clear(@user); }}"
    )
}

/// Reads the map `@slept` as bpftrace prints it: thread, stack in the kernel, stack outside of it,
/// both with the innermost function first; nanoseconds.
fn read(text: &str) -> Result<Threads> {
    let mut threads = Threads::new();
    for entry in text.split("@slept[").skip(1) {
        let (thread, rest) = entry
            .split_once(',')
            .with_context(|| format!("{entry:?} names no thread"))?;
        let (calls, weight) = rest
            .rsplit_once("]: ")
            .with_context(|| format!("{entry:?} has no time"))?;
        let ns: u64 = weight
            .trim()
            .parse()
            .with_context(|| format!("{weight:?} is no time"))?;
        let names: Vec<_> = calls
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && *line != ",")
            .map(frames::name)
            .collect();
        let stacks = threads.entry(thread.to_owned()).or_default();
        stacks.add(frames::of_interest(&names), ns / 1000);
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_are_split_by_thread_and_measured_in_microseconds() {
        let text = "Attaching 3 probes...\n\n\n\
            @slept[client, \n    __schedule+1560\n    io_cqring_wait+1679\n, \n    \
            _ZN7annulus4core13Core$LT$R$GT$4turn17h9df07e513c514e65E+2019\n    main+52\n]: 43070\n\
            @slept[server, \n    __schedule+1560\n, \n]: 2397915\n";
        let threads = read(text).unwrap();
        assert_eq!(
            threads["client"].folded(),
            "annulus::core::Core<R>::turn;io_cqring_wait;__schedule 43\n"
        );
        assert_eq!(threads["server"].folded(), "__schedule 2397\n");
    }

    #[test]
    fn nothing_that_slept_is_no_error() {
        assert!(read("Attaching 3 probes...\n").unwrap().is_empty());
        assert!(read("@slept[client, \n    __schedule+1\n").is_err());
    }
}
