//! Samba's configuration files, for its clients and its servers.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The name of the folder of local endpoints.
const NCALRPC: &str = "ncalrpc";

/// Writes an smb.conf that keeps everything Samba writes inside `scratch`, has it use
/// `interfaces` alone, and has `settings` besides.
pub(crate) fn write(
    scratch: &Path,
    interfaces: &str,
    settings: &[(&str, &str)],
) -> Result<PathBuf> {
    let mut text = format!(
        "[global]\n  interfaces = {interfaces}\n  bind interfaces only = yes\n  log file = {}\n",
        scratch.join("samba.log").display()
    );
    for (setting, folder) in [
        ("private dir", "private"),
        ("lock directory", "lock"),
        ("state directory", "state"),
        ("cache directory", "cache"),
        ("pid directory", "pid"),
        ("ncalrpc dir", NCALRPC),
    ] {
        let folder = make(scratch, folder)?;
        writeln!(text, "  {setting} = {}", folder.display())?;
    }
    for (setting, value) in settings {
        writeln!(text, "  {setting} = {value}")?;
    }
    let path = scratch.join("smb.conf");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The folder of the local endpoints of the configurations in `scratch`, for servers that are to
/// be reached by Samba's clients and the other way round.
pub(crate) fn ncalrpc_directory(scratch: &Path) -> Result<PathBuf> {
    let folder = make(scratch, NCALRPC)?;
    // Servers refuse one in which others may put sockets, whatever this process's mask says.
    fs::set_permissions(&folder, Permissions::from_mode(0o755))
        .with_context(|| format!("cannot change the mode of {}", folder.display()))?;
    Ok(folder)
}

fn make(scratch: &Path, folder: &str) -> Result<PathBuf> {
    let folder = scratch.join("samba").join(folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}
