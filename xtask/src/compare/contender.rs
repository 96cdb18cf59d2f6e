//! One subject under one load, which it takes in turns with others.

use std::io::{BufRead, BufReader, PipeReader, Write, pipe};
use std::process::{ChildStdin, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::sample::Sample;
use crate::process::Process;

/// How long a turn may take, its start included.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs only while it has its turn: between turns it is stopped, however much it
/// spins. So many of them share two cores, and what the machine does meanwhile meets all.
pub(crate) struct Contender {
    process: Process,
    words: ChildStdin,
    reports: BufReader<PipeReader>,
}

impl Contender {
    /// Starts `command`, which is to know `--turns`, and lets it have a first turn, which counts
    /// for nothing.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or does not say what it measured.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let (reports, writer) = pipe().context("there is no pipe")?;
        let (process, words) = Process::spawn_listening(command.stdout(writer))?;
        // The command holds the writing end, and with it the reader, open.
        command.stdout(std::process::Stdio::null());
        let mut contender = Contender {
            process,
            words,
            reports: BufReader::new(reports),
        };
        contender.report()?;
        contender.process.send(Signal::STOP)?;
        Ok(contender)
    }

    /// One turn.
    ///
    /// # Errors
    ///
    /// If the program has ended, or does not say what it measured.
    pub(crate) fn take_turn(&mut self) -> Result<Sample> {
        self.process.send(Signal::CONT)?;
        self.words.write_all(b"\n").context("it has ended")?;
        let sample = self.report();
        self.process.send(Signal::STOP)?;
        sample
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    fn report(&mut self) -> Result<Sample> {
        let patience = Timespec::try_from(PATIENCE)?;
        let ready = loop {
            let mut reports = [PollFd::new(self.reports.get_ref(), PollFlags::IN)];
            match poll(&mut reports, Some(&patience)) {
                Err(Errno::INTR) if !crate::process::interrupted() => {}
                ready => break ready.context("it cannot be listened to")?,
            }
        };
        ensure!(ready > 0, "a turn took more than {} s", PATIENCE.as_secs());
        let mut line = String::new();
        let len = self.reports.read_line(&mut line)?;
        ensure!(len > 0, "it ended in its turn");
        Sample::parse(&line, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"calls_per_second":1,"latency_us":{"p50":10,"p99":20},"client_cpu":{"us_per_call":1},"server_cpu":{"us_per_call":2},"allocations_per_call":0}"#;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_contender_reports_each_turn_and_is_stopped_in_between() {
        let script = format!("while echo '{REPORT}'; read word; do :; done");
        let mut contender = Contender::start(&mut shell(&script)).unwrap();
        for _ in 0..3 {
            assert!(contender.take_turn().unwrap().p50_us > 9.0);
        }
        let status = format!("/proc/{}/stat", contender.id());
        // T: stopped by a signal (proc(5)). The kernel takes a moment to stop it.
        let is_stopped = || {
            std::fs::read_to_string(&status)
                .unwrap()
                .contains("(sh) T ")
        };
        while !is_stopped() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_contender_that_ends_is_no_measurement() {
        let mut contender =
            Contender::start(&mut shell(&format!("echo '{REPORT}'; read word"))).unwrap();
        let error = contender.take_turn().unwrap_err();
        assert!(error.to_string().contains("ended"), "{error}");
    }
}
