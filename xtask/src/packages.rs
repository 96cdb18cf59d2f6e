//! The programs of others that the interoperability steps run, and how to come by them.

use std::path::Path;
use std::process::Command;
use std::{env, fmt};

use anyhow::{Result, ensure};

use crate::process::is_installed;
use crate::session::Session;

/// The Debian packages that hold every foreign program the steps use.
pub(crate) const PACKAGES: &[&str] = &[
    "capnproto",
    "chromium",
    "samba",
    "samba-testsuite",
    "python3-samba",
    "python3-venv",
    "smbclient",
    "tshark",
    "valgrind",
];

/// Something this machine lacks and xtask may not or cannot install.
///
/// A step that ends with it counts as skipped, except on CI, where it counts as failed.
#[derive(Debug)]
pub(crate) struct Unavailable {
    /// What is missing and why it was not installed.
    pub(crate) what: String,
    /// The command to type in order to have the step run.
    pub(crate) remedy: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; to have it run: {}", self.what, self.remedy)
    }
}

impl std::error::Error for Unavailable {}

/// Sees to it that `programs` can be started, with the system's package manager if need be.
///
/// # Errors
///
/// Those of [`require`].
pub(crate) fn require_programs(session: &Session<'_>, programs: &[&str]) -> Result<()> {
    for program in programs {
        require(session, program, || is_installed(program, "--version"))?;
    }
    Ok(())
}

/// Sees to it that `what` is there, as `is_there` finds, with the system's package manager if
/// need be.
///
/// # Errors
///
/// [`Unavailable`] if it is missing and xtask does not run as root on Debian; any other error if
/// installing the packages did not help.
pub(crate) fn require(
    session: &Session<'_>,
    what: &str,
    is_there: impl Fn() -> bool,
) -> Result<()> {
    require_from(session, PACKAGES, what, is_there)
}

/// As [`require`], from other Debian packages than those of the steps.
///
/// # Errors
///
/// As there.
pub(crate) fn require_from(
    session: &Session<'_>,
    packages: &[&str],
    what: &str,
    is_there: impl Fn() -> bool,
) -> Result<()> {
    if is_there() {
        return Ok(());
    }
    if let Some(obstacle) = obstacle() {
        return Err(Unavailable {
            what: format!("{what} is not installed and xtask {obstacle}"),
            remedy: format!(
                "apt-get update && apt-get install -y {}",
                packages.join(" ")
            ),
        }
        .into());
    }
    install(session, packages)?;
    ensure!(
        is_there(),
        "{what} is not to be had from the packages {packages:?}"
    );
    Ok(())
}

/// Why xtask does not install packages here.
fn obstacle() -> Option<&'static str> {
    if !Path::new("/etc/debian_version").exists() {
        Some("installs packages on Debian only")
    } else if !rustix::process::geteuid().is_root() {
        Some("does not run as root")
    } else {
        None
    }
}

fn install(session: &Session<'_>, packages: &[&str]) -> Result<()> {
    session.run(&mut apt_get(&["update"]))?;
    session.run(apt_get(&["install", "--yes", "--no-install-recommends"]).args(packages))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-o", "DPkg::Lock::Timeout=120"])
        .args(arguments);
    command
}

/// Whether this run decides about a change, so that nothing may be left out.
pub(crate) fn on_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}
