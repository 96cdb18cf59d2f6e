//! Samba's Python client over a Unix socket, driven by `interop/samba_ncalrpc.py`.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::raw_protocol::PYTHON;
use crate::server::Server;
use crate::session::Session;
use crate::{samba_config, samba_ndr};

/// The checks that the script makes; each must report that it passed.
const CHECKS: usize = 6;

/// Runs the script against a server of its own.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    samba_ndr::require(session)?;
    let server = Server::start_local(session, "echo")?;
    let configuration = samba_config::write(session.scratch(), "lo", &[])?;
    let said = session.capture(
        Command::new(PYTHON)
            .arg("interop/samba_ncalrpc.py")
            .arg(configuration)
            .arg("ncalrpc:[echo]"),
    )?;
    server.stop()?;
    let last = said
        .stdout
        .lines()
        .last()
        .context("the script said nothing")?;
    ensure!(
        said.status.success() && last == format!("{CHECKS} passed, 0 failed"),
        "the script ended with {}: {last}",
        said.status
    );
    Ok(format!("{CHECKS} of {CHECKS} checks"))
}
