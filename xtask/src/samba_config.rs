//! Samba's configuration files, for its clients and its servers.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

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
        ("ncalrpc dir", "ncalrpc"),
    ] {
        let folder = scratch.join("samba").join(folder);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        writeln!(text, "  {setting} = {}", folder.display())?;
    }
    for (setting, value) in settings {
        writeln!(text, "  {setting} = {value}")?;
    }
    let path = scratch.join("smb.conf");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
