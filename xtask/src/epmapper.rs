//! The endpoint mapper: ours, asked by foreign clients, and Samba's, asked by our client.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::samba_dcerpcd::{self, PORT};
use crate::server::Server;
use crate::session::Session;
use crate::{cargo, impacket, packages, smbtorture};

/// The tests of smbtorture's suite `rpc.epmapper`. Samba's own server passes three of them: it takes
/// no endpoints from a client that has not authenticated itself.
const TESTS: &[&str] = &[
    "epmapper.Map_simple",
    "epmapper.Map_full",
    "epmapper.Lookup_simple",
    "epmapper.Lookup_terminate_search",
    "epmapper.Insert_noreplace",
];

/// The checks that `interop/impacket_epmapper.py` makes.
const CHECKS: &[&str] = &[
    "Map",
    "MapUnknown",
    "Lookup",
    "LookupInPieces",
    "LookupByInterface",
    "LookupHandleFree",
    "InquireObject",
    "Call",
];

/// smbtorture calls rpcecho without knowing its port.
pub(crate) fn echo(session: &Session<'_>) -> Result<String> {
    packages::require_programs(session, &["smbtorture"])?;
    with_mapper(session, |target| smbtorture::run_echo(session, target))
}

/// smbtorture's own tests of endpoint mappers.
pub(crate) fn torture(session: &Session<'_>) -> Result<String> {
    packages::require_programs(session, &["smbtorture"])?;
    with_mapper(session, |target| {
        smbtorture::run_suite(session, target, "rpc.epmapper", TESTS)
    })
}

/// impacket maps and looks up, also with handles.
pub(crate) fn impacket(session: &Session<'_>) -> Result<String> {
    let python = impacket::require(session)?;
    with_mapper(session, |target| ask_with(session, &python, target))
}

fn ask_with(session: &Session<'_>, python: &Path, target: &str) -> Result<String> {
    let host = target.trim_start_matches("ncacn_ip_tcp:");
    let said = session.capture(
        Command::new(python)
            .arg("interop/impacket_epmapper.py")
            .arg(host),
    )?;
    impacket::verdict(&said.stdout, CHECKS)
}

/// Starts the example `endpoint_mapper` on a loopback address of its own, where it has the
/// well-known port, and tries it with a string binding that names the address alone.
fn with_mapper(
    session: &Session<'_>,
    attempt: impl FnOnce(&str) -> Result<String>,
) -> Result<String> {
    let target = format!("ncacn_ip_tcp:{}", samba_dcerpcd::free_address()?);
    let mapper = format!("{target}[{PORT}]");
    let server = Server::start_example(session, "endpoint_mapper", &mapper)?;
    let seen = attempt(&target)?;
    server.stop()?;
    Ok(seen)
}

/// Our client finds a service by Samba's mapper and calls it, and lists all that the mapper knows.
pub(crate) fn samba(session: &Session<'_>) -> Result<String> {
    let time = cargo::build_example(session, "remote_time")?;
    let dump = cargo::build_example(session, "endpoint_dump")?;
    let address = samba_dcerpcd::free_address()?;
    let _server = samba_dcerpcd::start(session, address)?;
    let target = format!("ncacn_ip_tcp:{address}");
    let told = session.capture(Command::new(time).arg(&target))?;
    ensure!(
        told.status.success() && told.stdout.starts_with("it is 20"),
        "the example remote_time ended with {} and said {:?}",
        told.status,
        told.stdout
    );
    let listed = session.capture(Command::new(dump).arg(&target))?;
    ensure!(
        listed.status.success(),
        "the example endpoint_dump ended with {}",
        listed.status
    );
    let has = |line: &str| listed.stdout.lines().any(|it| it == line);
    let mapper = "e1af8308-5d1f-11c9-91a4-08002b14a0fa/v3.0 at";
    ensure!(
        has(&format!("{mapper} {target}[{PORT}]: epmapper"))
            && has(&format!("{mapper} ncalrpc:[EPMAPPER]: epmapper")),
        "the mapper is not in its own list"
    );
    let count = listed.stdout.lines().last();
    Ok(format!(
        "a call without a port, and {}",
        count.context("the client said nothing")?
    ))
}
