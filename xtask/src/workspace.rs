//! Where the project lies and where a run leaves its files.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders of one checkout.
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`; every child process runs in it.
    pub(crate) root: PathBuf,
    /// What xtask itself writes: logs, scratch folders, the Python environment.
    pub(crate) output: PathBuf,
}

impl Workspace {
    /// Finds the checkout that this xtask was started from, and its target folder.
    ///
    /// # Errors
    ///
    /// If the current folder cannot be read, which a relative `CARGO_TARGET_DIR` needs.
    pub(crate) fn locate() -> Result<Workspace> {
        // `cargo run` says at run time which checkout it serves; what was compiled in belongs to
        // whoever built the binary first, when several checkouts share a target folder.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .parent()
            .context("the folder of the xtask package has no parent")?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => env::current_dir()
                .context("cannot read the current folder")?
                .join(folder),
            None => root.join("target"),
        };
        Ok(Workspace {
            root,
            output: target.join("xtask"),
        })
    }

    /// The file that keeps the output of the step `name`.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.output.join("logs").join(format!("{name}.log"))
    }

    /// The folder that belongs to the step `name` alone and is emptied when it starts.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.output.join("scratch").join(name)
    }

    /// `path` as a person in the workspace's folder would type it.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_the_checkout_is_shown_relative_to_it() {
        let workspace = Workspace {
            root: PathBuf::from("/somewhere/annulus"),
            output: PathBuf::from("/somewhere/annulus/target/xtask"),
        };
        let log = workspace.log("unit");
        assert_eq!(
            workspace.shown(&log).to_string(),
            "target/xtask/logs/unit.log"
        );
        let outside = Path::new("/elsewhere/x");
        assert_eq!(workspace.shown(outside).to_string(), "/elsewhere/x");
    }
}
