//! Child processes that end in bounded time: by themselves, by a signal, or by being killed.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use signal_hook::consts::{SIGINT, SIGTERM};

/// How long a wait sleeps before it looks again whether xtask itself was told to end.
const WAIT_SLICE: Duration = Duration::from_millis(250);

/// Set by SIGINT and SIGTERM.
static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Makes SIGINT and SIGTERM end the current wait with an error, so that the guards of the child
/// processes run. The children have process groups of their own, so the terminal's Ctrl-C
/// reaches xtask alone.
///
/// # Errors
///
/// If the signal handlers cannot be installed.
pub(crate) fn watch_for_interrupts() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .with_context(|| format!("cannot handle signal {signal}"))?;
    }
    Ok(())
}

/// Whether SIGINT or SIGTERM arrived since [`watch_for_interrupts`].
pub(crate) fn interrupted() -> bool {
    // Relaxed: the flag publishes nothing but itself.
    INTERRUPTED
        .get()
        .is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// A running child process and whatever it started; killed when dropped.
pub(crate) struct Process {
    child: Child,
    command_line: String,
    ended: bool,
}

impl Process {
    /// Starts `command` in a process group of its own, with nothing to read.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub(crate) fn spawn(command: &mut Command) -> Result<Process> {
        Process::start(command.stdin(Stdio::null()))
    }

    /// The same, with something to read: the end of the pipe to write into is the second value.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub(crate) fn spawn_listening(command: &mut Command) -> Result<(Process, ChildStdin)> {
        let mut process = Process::start(command.stdin(Stdio::piped()))?;
        let input = process.child.stdin.take();
        Ok((process, input.context("a child has no standard input")?))
    }

    fn start(command: &mut Command) -> Result<Process> {
        let command_line = command_line(command);
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{command_line}`"))?;
        Ok(Process {
            child,
            command_line,
            ended: false,
        })
    }

    /// Its process id, for `/proc`.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the process to end, and kills it if it has not by `deadline`.
    ///
    /// # Errors
    ///
    /// If the deadline passes or xtask is interrupted; the process is dead in either case.
    pub(crate) fn wait(&mut self, deadline: Instant) -> Result<ExitStatus> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.ends_within(left.min(WAIT_SLICE))? {
                return self.reap();
            }
            if interrupted() {
                self.reap()?;
                bail!("interrupted; `{}` was killed", self.command_line);
            }
            if left.is_zero() {
                self.reap()?;
                bail!(
                    "`{}` did not end in the time it was given and was killed",
                    self.command_line
                );
            }
        }
    }

    /// Whether one of its descriptors is an io_uring.
    ///
    /// # Errors
    ///
    /// If its descriptors cannot be read.
    pub(crate) fn has_io_uring(&self) -> Result<bool> {
        let folder = format!("/proc/{}/fd", self.id());
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
            // One that was closed meanwhile is none.
            let file = fs::read_link(entry?.path()).unwrap_or_default();
            if file.as_os_str() == "anon_inode:[io_uring]" {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the process has ended.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub(crate) fn has_ended(&self) -> Result<bool> {
        self.ends_within(Duration::ZERO)
    }

    /// Sends `signal` to the process alone, not to its group.
    ///
    /// # Errors
    ///
    /// If the kernel refuses. A process that ended and is not yet waited for takes any signal.
    pub(crate) fn send(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid(), signal)
            .with_context(|| format!("cannot send {signal:?} to `{}`", self.command_line))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sleeps until the process ends, at most for `time`; false if it still runs, or if a signal
    /// cut the sleep short.
    fn ends_within(&self, time: Duration) -> Result<bool> {
        if self.ended {
            return Ok(true);
        }
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty())
            .with_context(|| format!("cannot watch `{}`", self.command_line))?;
        let time = Timespec::try_from(time).context("a wait of more than an age")?;
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&time)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error).context("cannot poll a process"),
        }
    }

    /// Kills what is left of the process group and collects the exit status.
    ///
    /// The child is collected last: until then its process id, which is the group's too, cannot
    /// be given to somebody else.
    fn reap(&mut self) -> Result<ExitStatus> {
        if !self.ended {
            match kill_process_group(self.pid(), Signal::KILL) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("cannot kill `{}`", self.command_line));
                }
            }
        }
        self.ended = true;
        self.child.wait().context("cannot collect an exit status")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended
            && let Err(error) = self.reap()
        {
            eprintln!("xtask: {error:#}");
        }
    }
}

/// The program and its arguments, as a shell would take them.
pub(crate) fn command_line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| shell_word(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Whether `program` answers to being started with `argument`, whatever it answers.
pub(crate) fn is_installed(program: &str, argument: &str) -> bool {
    let status = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    !matches!(status, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, PipeReader};

    use super::*;

    /// A shell that runs `script`, and the reading end of its standard output, which its
    /// children hold open too.
    fn shell(script: &str) -> (Process, PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(writer);
        (Process::spawn(&mut command).unwrap(), reader)
    }

    fn in_20_seconds() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    /// Waits until nobody holds the writing end any more.
    fn assert_all_writers_die(reader: &PipeReader) {
        let time = Timespec::try_from(Duration::from_secs(20)).unwrap();
        let mut fds = [PollFd::new(reader, PollFlags::empty())];
        assert_eq!(poll(&mut fds, Some(&time)), Ok(1), "somebody still lives");
        assert!(fds[0].revents().contains(PollFlags::HUP));
    }

    #[test]
    fn the_exit_status_of_a_process_is_reported() {
        let status = shell("exit 7").0.wait(in_20_seconds()).unwrap();
        assert_eq!(status.code(), Some(7));
    }

    #[test]
    fn a_process_that_outlives_its_deadline_is_killed_with_its_children() {
        let (mut process, reader) = shell("sleep 600 & wait");
        let error = process.wait(Instant::now()).unwrap_err();
        assert!(error.to_string().contains("did not end in the time"));
        assert_all_writers_die(&reader);
    }

    #[test]
    fn children_that_outlive_their_process_are_killed() {
        let (mut process, reader) = shell("sleep 600 & exit 0");
        assert!(process.wait(in_20_seconds()).unwrap().success());
        assert_all_writers_die(&reader);
    }

    #[test]
    fn a_dropped_process_is_killed_with_its_children() {
        let (process, reader) = shell("sleep 600 & wait");
        drop(process);
        assert_all_writers_die(&reader);
    }

    #[test]
    fn a_panic_kills_the_process() {
        let (process, reader) = shell("sleep 600");
        let thread = std::thread::spawn(move || {
            let _guarded = process;
            panic!("expected: this test is about panicking");
        });
        assert!(thread.join().is_err());
        assert_all_writers_die(&reader);
    }

    #[test]
    fn a_signal_reaches_the_process() {
        let (mut process, reader) =
            shell("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done");
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        assert!(!process.has_ended().unwrap());
        process.send(Signal::TERM).unwrap();
        assert_eq!(process.wait(in_20_seconds()).unwrap().code(), Some(3));
    }

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("smbtorture");
        command.args(["ncacn_ip_tcp:127.0.0.1[99]", "-U%", "it's", ""]);
        assert_eq!(
            command_line(&command),
            r"smbtorture 'ncacn_ip_tcp:127.0.0.1[99]' -U% 'it'\''s' ''"
        );
    }
}
