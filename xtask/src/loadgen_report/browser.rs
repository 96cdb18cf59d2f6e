//! Debian's Chromium without a window, and without a network.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use super::layout::Layout;
use crate::packages;
use crate::session::Session;

/// How wide the window is, in pixels; a page of a report is narrower.
const WIDTH: u32 = 1100;

/// A window is at least so high.
const HEIGHT_MIN: u32 = 600;

/// Of the page's own time, until it is taken as it is.
const PAGE_TIME_MS: u32 = 2000;

pub(super) struct Browser<'s> {
    session: &'s Session<'s>,
}

impl<'s> Browser<'s> {
    pub(super) fn require(session: &'s Session<'s>) -> Result<Self> {
        packages::require_programs(session, &["chromium"])?;
        Ok(Browser { session })
    }

    /// The document as the browser has it once its scripts have run.
    ///
    /// # Errors
    ///
    /// If the browser fails, or the page writes anything to the console.
    pub(super) fn document(&self, page: &Path) -> Result<String> {
        let mut command = self.command(HEIGHT_MIN);
        command.arg("--dump-dom").arg(url(page));
        let said = self.session.capture(&mut command)?;
        ensure!(said.status.success(), "chromium ended with {}", said.status);
        let console = said.stderr.lines().find(|line| line.contains("CONSOLE"));
        if let Some(line) = console {
            bail!("the page complains: {line}");
        }
        Ok(said.stdout)
    }

    /// Makes a picture of a whole page with this layout.
    ///
    /// # Errors
    ///
    /// If the browser fails.
    pub(super) fn picture(&self, page: &Path, layout: &Layout) -> Result<PathBuf> {
        let picture = page.with_extension("png");
        let mut command = self.command(layout.height.max(HEIGHT_MIN));
        command
            .arg(format!("--screenshot={}", picture.display()))
            .arg(url(page));
        self.session.run(&mut command)?;
        ensure!(picture.exists(), "chromium made no picture");
        Ok(picture)
    }

    fn command(&self, height: u32) -> Command {
        let profile = self.session.scratch().join("profile");
        let mut command = Command::new("chromium");
        command
            .args(["--headless", "--disable-gpu", "--hide-scrollbars"])
            .args(["--no-first-run", "--disable-dev-shm-usage"])
            // Root has no sandbox, and whatever is asked of a network fails.
            .args(["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--virtual-time-budget={PAGE_TIME_MS}"))
            .arg(format!("--window-size={WIDTH},{height}"))
            .args(["--force-device-scale-factor=1", "--enable-logging=stderr"]);
        command
    }
}

fn url(page: &Path) -> String {
    format!("file://{}", page.display())
}
