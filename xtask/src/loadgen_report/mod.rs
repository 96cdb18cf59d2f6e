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
    arguments: Vec<String>,
    plots: usize,
}

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
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let this = std::process::id();
    [
        Report {
            name: "run",
            // Percentiles, response time, rate; CPU, two of switches, RSS, files, threads.
            arguments: words(&format!(
                "run --rate 2k --duration 2 --warmup 0.2 --server-metrics {this} --quiet --accept-invalid"
            )),
            plots: 9,
        },
        Report {
            name: "curve",
            arguments: words(
                "curve --rates 500..2500/500 --duration 1 --warmup 0.1 --quiet --accept-invalid",
            ),
            plots: 1,
        },
    ]
}

fn make(session: &Session<'_>, program: &Path, report: &Report) -> Result<PathBuf> {
    let page = session.scratch().join(format!("{}.html", report.name));
    let mut command = Command::new(program);
    command.args(&report.arguments).arg("--html").arg(&page);
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
