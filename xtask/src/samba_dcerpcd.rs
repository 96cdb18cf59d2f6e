//! Samba's server of endpoint mapper and management interface, called by this project's client.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::packages::{self, Unavailable};
use crate::process::{self, Process};
use crate::session::Session;
use crate::{cargo, samba_config};

/// Where Debian puts the server.
const PROGRAM: &str = "/usr/libexec/samba/samba-dcerpcd";
/// The endpoint mapper's well-known port.
pub(crate) const PORT: u16 = 135;
/// How long the server may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often it is tried while it starts.
const START_POLL: Duration = Duration::from_millis(20);

/// Starts the server on a loopback address of its own and runs the example
/// `six_notifications` against it, over TCP and over its Unix socket.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    let client = cargo::build_example(session, "six_notifications")?;
    let address = free_address()?;
    let _server = start(session, address)?;
    let local = samba_config::ncalrpc_directory(session.scratch())?;
    let mut seen = Vec::new();
    for target in [
        format!("ncacn_ip_tcp:{address}[{PORT}]"),
        "ncalrpc:[EPMAPPER]".to_owned(),
    ] {
        let mut client = Command::new(&client);
        client.arg(&target).env("ANNULUS_NCALRPC_DIR", &local);
        let said = session.capture(&mut client)?;
        let (status, last) = (said.status, said.stdout.lines().last());
        ensure!(
            status.success(),
            "the client of {target} ended with {status}"
        );
        let last = last.context("the client said nothing")?;
        seen.push(last.to_owned());
    }
    seen.dedup();
    Ok(seen.join("; "))
}

/// A loopback address on which the well-known port is free.
///
/// # Errors
///
/// [`Unavailable`] if there is none.
pub(crate) fn free_address() -> Result<Ipv4Addr> {
    (1..255)
        .map(|last| Ipv4Addr::new(127, 77, 1, last))
        .find(|address| TcpListener::bind((*address, PORT)).is_ok())
        .ok_or_else(|| {
            let what = format!("Samba's endpoint mapper wants port {PORT}, and it cannot be bound");
            let remedy =
                format!("run it as root, or sysctl net.ipv4.ip_unprivileged_port_start={PORT}");
            Unavailable { what, remedy }.into()
        })
}

/// Starts the server and waits until it listens.
///
/// # Errors
///
/// [`Unavailable`] if it is not to be had; others if it does not listen.
pub(crate) fn start(session: &Session<'_>, address: Ipv4Addr) -> Result<Process> {
    packages::require(session, "samba-dcerpcd", || Path::new(PROGRAM).exists())?;
    let configuration = samba_config::write(
        session.scratch(),
        &format!("{address}/8"),
        // Otherwise only smbd may start it.
        &[("rpc start on demand helpers", "no")],
    )?;
    let output = session.scratch().join("samba-dcerpcd");
    let file = File::create(&output).context("cannot write the server's output")?;
    let mut command = Command::new(PROGRAM);
    command
        .args(["--libexec-rpcds", "-F", "--no-process-group", "-s"])
        .arg(configuration)
        .stdout(file.try_clone().context("cannot share a file")?)
        .stderr(file);
    session.note(&format!("$ {} &", process::command_line(&command)))?;
    let server = Process::spawn(&mut command)?;
    let deadline = Instant::now() + START_LIMIT;
    while TcpStream::connect((address, PORT)).is_err() {
        ensure!(!server.has_ended()?, "samba-dcerpcd ended at once");
        ensure!(
            Instant::now() < deadline,
            "samba-dcerpcd does not listen on {address}:{PORT}"
        );
        if process::interrupted() {
            bail!("interrupted");
        }
        thread::sleep(START_POLL);
    }
    Ok(server)
}
