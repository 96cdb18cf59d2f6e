//! The project's own servers, as foreign clients meet them.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::process::{self, Process};
use crate::session::{self, Session};
use crate::{cargo, samba_config};

/// How long the server may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How long it may take to end once it was told to.
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// How often its output is read while it starts.
const START_POLL: Duration = Duration::from_millis(10);

/// A running server on a port of the loopback interface.
///
/// Its output goes to the step's log when it is stopped or dropped.
pub(crate) struct Server<'a> {
    session: &'a Session<'a>,
    process: Process,
    output: PathBuf,
    port: u16,
}

impl<'a> Server<'a> {
    /// Builds the example `rpcecho_server` and starts it.
    ///
    /// # Errors
    ///
    /// If it does not build, ends at once, or does not say where it listens.
    pub(crate) fn start(session: &'a Session<'a>) -> Result<Server<'a>> {
        Server::start_on(session, 0)
    }

    /// The same on this port; 0 lets the kernel choose.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Server::start).
    pub(crate) fn start_on(session: &'a Session<'a>, port: u16) -> Result<Server<'a>> {
        let binding = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
        Server::start_example(session, "rpcecho_server", &binding)
    }

    /// The same at `ncalrpc:[name]`, in the directory that Samba's configuration names too.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Server::start).
    pub(crate) fn start_local(session: &'a Session<'a>, name: &str) -> Result<Server<'a>> {
        Server::start_example(session, "rpcecho_server", &format!("ncalrpc:[{name}]"))
    }

    /// Builds the example `name`, which serves, and starts it at `binding`.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Server::start).
    pub(crate) fn start_example(
        session: &'a Session<'a>,
        name: &str,
        binding: &str,
    ) -> Result<Server<'a>> {
        Server::launch(session, name, binding, None)
    }

    /// The same as [`start`](Server::start), over the ring of this name instead of the one that
    /// the machine allows.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Server::start).
    pub(crate) fn start_over(session: &'a Session<'a>, ring: &str) -> Result<Server<'a>> {
        let binding = "ncacn_ip_tcp:127.0.0.1[0]";
        Server::launch(session, "rpcecho_server", binding, Some(ring))
    }

    fn launch(
        session: &'a Session<'a>,
        name: &str,
        binding: &str,
        ring: Option<&str>,
    ) -> Result<Server<'a>> {
        let program = cargo::build_example(session, name)?;
        let output = session.scratch().join("server");
        let file = session::create(&output)?;
        let mut command = Command::new(program);
        command
            .arg(binding)
            .env(
                "ANNULUS_NCALRPC_DIR",
                samba_config::ncalrpc_directory(session.scratch())?,
            )
            .current_dir(&session.workspace.root)
            .stdout(file.try_clone().context("cannot share a file")?)
            .stderr(file)
            .envs(ring.map(|ring| (cargo::RING, ring)));
        session.note(&format!("$ {} &", process::command_line(&command)))?;
        let mut server = Server {
            session,
            process: Process::spawn(&mut command)?,
            output,
            port: 0,
        };
        server.port = server.wait_for_endpoint()?.unwrap_or(0);
        Ok(server)
    }

    /// The TCP port that the server listens on; 0 if it listens on none.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether the server has an io_uring.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub(crate) fn has_io_uring(&self) -> Result<bool> {
        self.process.has_io_uring()
    }

    /// Tells the server to end and checks that it does, in time, with exit code 0, and that no
    /// thread of it panicked meanwhile.
    ///
    /// # Errors
    ///
    /// If any of that is not so.
    pub(crate) fn stop(mut self) -> Result<()> {
        ensure!(
            !self.process.has_ended()?,
            "the server ended before it was told to"
        );
        self.process.send(Signal::TERM)?;
        let status = self
            .process
            .wait(Instant::now() + STOP_LIMIT)
            .context("the server was told to end")?;
        ensure!(
            status.success(),
            "the server was told to end and ended with {status}"
        );
        ensure!(
            !session::read_lossy(&self.output)?.contains("panicked at"),
            "a thread of the server panicked"
        );
        Ok(())
    }

    /// Waits until the server says where it listens, and returns its port if it has one.
    fn wait_for_endpoint(&self) -> Result<Option<u16>> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            // Asked first: what the server wrote before it ended is read afterwards.
            let ended = self.process.has_ended()?;
            if let Some(endpoint) = listening_endpoint(&session::read_lossy(&self.output)?) {
                return Ok(endpoint.parse().ok());
            }
            ensure!(!ended, "the server ended before it listened");
            ensure!(
                Instant::now() < deadline,
                "the server did not say where it listens"
            );
            if process::interrupted() {
                bail!("interrupted");
            }
            thread::sleep(START_POLL);
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let said = session::read_lossy(&self.output).unwrap_or_default();
        // The log is a help for people; a step does not fail because this part is missing.
        let _ = self.session.note(&format!("the server said:\n{said}"));
    }
}

/// The endpoint in the first whole line `listening on SEQUENCE:HOST[ENDPOINT]`.
fn listening_endpoint(output: &str) -> Option<&str> {
    output
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .filter_map(|line| line.trim_end().strip_prefix("listening on "))
        .find_map(|binding| {
            let (_, options) = binding.split_once('[')?;
            options.strip_suffix(']')?.split(',').next()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_read_from_the_line_of_the_server() {
        let output = "2 cores\nlistening on ncacn_ip_tcp:127.0.0.1[40123]\n";
        assert_eq!(listening_endpoint(output), Some("40123"));
        let output = "listening on ncalrpc:[echo]\n";
        assert_eq!(listening_endpoint(output), Some("echo"));
    }

    #[test]
    fn half_a_line_is_waited_for() {
        let half = "listening on ncacn_ip_tcp:127.0.0.1[401";
        assert_eq!(listening_endpoint(half), None);
        assert_eq!(listening_endpoint(""), None);
    }
}
