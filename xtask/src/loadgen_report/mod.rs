//! The load generator's reports, looked at in a browser without a network.
//!
//! A script at the end of a copy of each report writes down where the browser put its plots, lines, points and
//! labels; the report itself is then made a picture of, and the lines are looked for in it.

mod browser;
mod layout;
mod picture;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use self::browser::Browser;
use self::layout::Layout;
use self::picture::Picture;
use crate::cargo;
use crate::session::Session;

/// A report, and what it is to have.
struct Report {
    name: &'static str,
    /// What follows `loadgen`, up to the file.
    arguments: &'static str,
    plots: usize,
    has_bars: bool,
}

/// The server's metrics are those of the process itself, in which an embedded server is busy: `exec` keeps the
/// shell's number.
const RUN: &str = "exec \"$0\" \"$@\" --server-metrics $$";

/// Makes a report of a run and one of a curve, and looks at both.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    let program = cargo::build_program(session, "annulus-loadgen", "loadgen")?;
    let browser = Browser::require(session)?;
    let mut seen = Vec::new();
    for report in reports() {
        let page = make(session, &program, &report)?;
        let (plots, labels) = look_at(&browser, &page, &report)
            .with_context(|| format!("the report of a {} ({})", report.name, page.display()))?;
        seen.push(format!("{}: {plots} plots, {labels} labels", report.name));
    }
    Ok(seen.join("; "))
}

fn reports() -> [Report; 2] {
    [
        Report {
            name: "run",
            // Percentiles, response time, rate; CPU, two of switches, RSS, files, threads.
            arguments: "run --rate 2k --duration 2 --warmup 0.2 --quiet --accept-invalid",
            plots: 9,
            has_bars: false,
        },
        Report {
            name: "curve",
            // Response time; the same six.
            arguments: "curve --rates 500..2500/500 --repeat 2 --duration 0.6 --warmup 0.1 --quiet \
                        --accept-invalid",
            plots: 7,
            has_bars: true,
        },
    ]
}

fn make(session: &Session<'_>, program: &Path, report: &Report) -> Result<PathBuf> {
    let page = session.scratch().join(format!("{}.html", report.name));
    let mut command = Command::new("sh");
    command.args(["-c", RUN]).arg(program);
    command.args(report.arguments.split_whitespace());
    command.arg("--html").arg(&page);
    session.run(&mut command)?;
    Ok(page)
}

/// The plots and their labels.
fn look_at(browser: &Browser<'_>, page: &Path, report: &Report) -> Result<(usize, usize)> {
    let html = fs::read_to_string(page)?;
    for outside in ["src=", "href=", "@import", "url(", "<script", "http-equiv"] {
        ensure!(!html.contains(outside), "it refers to something: {outside}");
    }
    let probed = page.with_extension("probed.html");
    let script = concat!("<script>", include_str!("probe.js"), "</script></body>");
    fs::write(&probed, html.replacen("</body>", script, 1))?;
    let layout = Layout::parse(&browser.document(&probed)?)?;
    ensure!(
        layout.plots.len() == report.plots,
        "it has {} plots, not {}",
        layout.plots.len(),
        report.plots
    );
    let has_bars = layout.plots.iter().any(|plot| plot.bars > 0);
    ensure!(
        has_bars == report.has_bars,
        "bars of ranges: {has_bars}, not {}",
        report.has_bars
    );
    layout.check()?;
    let picture = Picture::read(&browser.picture(page, &layout)?)?;
    for (index, plot) in layout.plots.iter().enumerate() {
        picture
            .check(plot)
            .with_context(|| format!("the picture of plot {index}"))?;
    }
    let labels = layout.plots.iter().map(|plot| plot.texts.len()).sum();
    Ok((layout.plots.len(), labels))
}
