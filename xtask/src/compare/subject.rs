//! What is compared.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::Run;
use crate::cargo;
use crate::packages;
use crate::session::Session;

/// A load: connections, calls under way on each, bytes of payload each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) connections: u32,
    pub(crate) outstanding: u32,
    pub(crate) payload: u32,
}

const fn workload(
    name: &'static str,
    connections: u32,
    outstanding: u32,
    payload: u32,
) -> Workload {
    Workload {
        name,
        connections,
        outstanding,
        payload,
    }
}

/// W1 to W5.
pub(crate) const WORKLOADS: [Workload; 5] = [
    workload("W1", 1, 1, 32),
    workload("W2", 1, 32, 32),
    workload("W3", 64, 1, 32),
    workload("W4", 64, 16, 32),
    workload("W5", 1, 4, 65_536),
];

/// Why something is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is what is being measured; these are what it cannot beat.
    Annulus { limit: &'static [&'static str] },
    /// It moves the same bytes and does nothing else.
    Limit,
    /// It is for the same purpose.
    Peer,
}

/// One of the things that are compared.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) program: Program,
}

/// A program that measures itself, and how it is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<&'static str>,
}

impl Program {
    /// The command that puts `load` on it, on two cores.
    pub(crate) fn command(&self, load: &Workload, run: &Run) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .args(["--connections", &load.connections.to_string()])
            .args(["--outstanding", &load.outstanding.to_string()])
            .args(["--payload", &load.payload.to_string()])
            .args(["--duration", &run.seconds.to_string()])
            .args(["--warmup", &run.warm_up.to_string()])
            .args(["--server-core", "0", "--client-core", "1"]);
        command
    }
}

impl Subject {
    /// One of that name, for tests.
    #[cfg(test)]
    pub(crate) fn named(name: &'static str, role: Role) -> Self {
        Subject {
            name,
            role,
            program: Program::default(),
        }
    }
}

/// Where the programs that measure annulus are.
pub(crate) const ECHO_PACKAGE: &str = "annulus-bench-echo";

pub(crate) const RAW_URING: &str = "raw TCP, io_uring, spinning";
pub(crate) const RAW_URING_BLOCKING: &str = "raw TCP, io_uring, blocking";
const RAW_EPOLL: &str = "raw TCP, epoll, spinning";
pub(crate) const RAW_UNIX: &str = "raw Unix socket, io_uring, spinning";

/// What spins over TCP is measured by the best of three: where many connections take turns, who
/// sleeps finds more of them ready at once.
const SPINNING: &[&str] = &[RAW_URING, RAW_URING_BLOCKING, RAW_EPOLL];

/// Annulus: name, limit, arguments.
const ANNULUS: [(&str, &[&str], &[&str]); 4] = [
    ("annulus TCP, adaptive", SPINNING, &["--idle", "adaptive"]),
    ("annulus TCP, spinning", SPINNING, &["--idle", "spin"]),
    (
        "annulus TCP, blocking",
        &[RAW_URING_BLOCKING],
        &["--idle", "block"],
    ),
    (
        "annulus Unix socket, adaptive",
        &[RAW_UNIX],
        &["--socket", "unix", "--idle", "adaptive"],
    ),
];

const RAW: [(&str, &[&str]); 4] = [
    (RAW_URING, &["--interface", "uring", "--idle", "spin"]),
    (
        RAW_URING_BLOCKING,
        &["--interface", "uring", "--idle", "block"],
    ),
    (RAW_EPOLL, &["--interface", "epoll", "--idle", "spin"]),
    (
        RAW_UNIX,
        &["--interface", "uring", "--socket", "unix", "--idle", "spin"],
    ),
];

/// The peers: name, package.
const PEERS: [(&str, &str); 4] = [
    ("volo", "peer-volo"),
    ("tarpc", "peer-tarpc"),
    ("capnp-rpc", "peer-capnp"),
    ("tonic", "peer-tonic"),
];

/// Builds everything that is compared. The second value says what is missing, and why.
///
/// # Errors
///
/// If annulus or the raw echo does not build.
pub(crate) fn build(
    session: &Session<'_>,
    with_peers: bool,
) -> Result<(Vec<Subject>, Vec<String>)> {
    let echo = build_echo(session)?;
    let raw = build_raw(session)?;
    let mut subjects = Vec::new();
    let mut add = |name, role, path: &PathBuf, arguments: &[&'static str]| {
        let program = Program {
            path: path.clone(),
            arguments: arguments.to_vec(),
        };
        subjects.push(Subject {
            name,
            role,
            program,
        });
    };
    for (name, limit, arguments) in ANNULUS {
        add(name, Role::Annulus { limit }, &echo, arguments);
    }
    for (name, arguments) in RAW {
        add(name, Role::Limit, &raw, arguments);
    }
    let mut missing = Vec::new();
    for (name, package) in PEERS {
        match build_peer(session, package, with_peers) {
            Ok(program) => add(name, Role::Peer, &program, &[]),
            Err(error) => missing.push(format!("{name}: {error:#}")),
        }
    }
    Ok((subjects, missing))
}

/// Builds annulus as it is compared.
///
/// # Errors
///
/// If it does not build.
pub(crate) fn build_echo(session: &Session<'_>) -> Result<PathBuf> {
    cargo::build_program(session, ECHO_PACKAGE, "annulus-echo")
}

/// Builds the raw echo, likewise.
///
/// # Errors
///
/// If it does not build.
pub(crate) fn build_raw(session: &Session<'_>) -> Result<PathBuf> {
    cargo::build_program(session, "annulus-bench-raw", "raw")
}

fn build_peer(session: &Session<'_>, package: &str, with_peers: bool) -> Result<PathBuf> {
    anyhow::ensure!(with_peers, "left out by --without-peers");
    if package == "peer-capnp" {
        packages::require_programs(session, &["capnp"])?;
    }
    cargo::build_peer(session, package, &PEERS.map(|(_, package)| package))
}
