//! What a running step works with: its log, its scratch folder and its deadline.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::process::{self, Process};
use crate::workspace::Workspace;

/// One run of one step.
pub(crate) struct Session<'a> {
    /// The checkout that is tested.
    pub(crate) workspace: &'a Workspace,
    /// When every process of the step must have ended.
    pub(crate) deadline: Instant,
    log: File,
    log_path: PathBuf,
    scratch: PathBuf,
}

/// What a process said on its standard output and how it ended.
pub(crate) struct Captured {
    pub(crate) status: ExitStatus,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub(crate) stdout: String,
    /// Standard error, likewise.
    pub(crate) stderr: String,
}

impl<'a> Session<'a> {
    /// Opens an empty log and an empty scratch folder for the step `name`.
    ///
    /// # Errors
    ///
    /// If the folders under `target/xtask` cannot be written.
    pub(crate) fn open(
        workspace: &'a Workspace,
        name: &str,
        deadline: Instant,
    ) -> Result<Session<'a>> {
        let log_path = workspace.log(name);
        let scratch = workspace.scratch(name);
        if scratch.exists() {
            fs::remove_dir_all(&scratch)
                .with_context(|| format!("cannot empty {}", scratch.display()))?;
        }
        for folder in [&scratch, &workspace.output.join("logs")] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let log = File::create(&log_path)
            .with_context(|| format!("cannot write {}", log_path.display()))?;
        Ok(Session {
            workspace,
            deadline,
            log,
            log_path,
            scratch,
        })
    }

    /// The folder that the step may write to.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Where the output of the step is kept.
    pub(crate) fn log_path(&self) -> &Path {
        &self.log_path
    }

    /// What the step has logged so far.
    ///
    /// # Errors
    ///
    /// If the log cannot be read.
    pub(crate) fn log_text(&self) -> Result<String> {
        read_lossy(&self.log_path)
    }

    /// Adds `text` to the log, on lines of its own.
    ///
    /// # Errors
    ///
    /// If the log cannot be written.
    pub(crate) fn note(&self, text: &str) -> Result<()> {
        let newline = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        (&self.log)
            .write_all(format!("{text}{newline}").as_bytes())
            .with_context(|| format!("cannot write {}", self.log_path.display()))
    }

    /// Runs `command` in the workspace's folder with all its output in the log.
    ///
    /// # Errors
    ///
    /// If it cannot be started, does not end by the deadline, or ends with anything but 0.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let line = process::command_line(command);
        let status = self.start(command)?.wait(self.deadline)?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }

    /// Starts `command` in the workspace's folder with all its output in the log.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(crate) fn start(&self, command: &mut Command) -> Result<Process> {
        self.announce(command)?;
        command.stdout(self.log.try_clone().context("cannot share the log")?);
        command.stderr(self.log.try_clone().context("cannot share the log")?);
        Process::spawn(command.current_dir(&self.workspace.root))
    }

    /// Runs `command` as [`run`](Self::run) does and hands back its output, which is in the log
    /// as well; how it ended is for the caller to judge.
    ///
    /// # Errors
    ///
    /// If it cannot be started or does not end by the deadline.
    pub(crate) fn capture(&self, command: &mut Command) -> Result<Captured> {
        self.announce(command)?;
        let (stdout, stderr) = (self.scratch.join("stdout"), self.scratch.join("stderr"));
        command.stdout(create(&stdout)?).stderr(create(&stderr)?);
        let status = self.finish(command);
        let (stdout, stderr) = (read_lossy(&stdout)?, read_lossy(&stderr)?);
        self.note(&stdout)?;
        self.note(&stderr)?;
        let status = status?;
        self.note(&format!("-> {status}"))?;
        Ok(Captured {
            status,
            stdout,
            stderr,
        })
    }

    /// Runs `command` and hands back its standard output, which is meant for programs and stays
    /// out of the log; standard error is logged.
    ///
    /// # Errors
    ///
    /// If it cannot be started, does not end by the deadline, or ends with anything but 0.
    pub(crate) fn query(&self, command: &mut Command) -> Result<String> {
        let line = self.announce(command)?;
        let stdout = self.scratch.join("stdout");
        command.stdout(create(&stdout)?);
        command.stderr(self.log.try_clone().context("cannot share the log")?);
        let status = self.finish(command)?;
        ensure!(status.success(), "`{line}` ended with {status}");
        read_lossy(&stdout)
    }

    fn announce(&self, command: &Command) -> Result<String> {
        let line = process::command_line(command);
        self.note(&format!("$ {line}"))?;
        Ok(line)
    }

    fn finish(&self, command: &mut Command) -> Result<ExitStatus> {
        command.current_dir(&self.workspace.root);
        Process::spawn(command)?.wait(self.deadline)
    }
}

/// An empty file at `path`.
///
/// # Errors
///
/// If it cannot be created.
pub(crate) fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// The text of the file at `path`, with what is not UTF-8 replaced.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn read_lossy(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
