//! The table in flamegraphs/README.md, which the scenarios make.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::scenario::{Graph, Scenario};
use super::stacks::{SAMPLES_MIN, Stacks};
use crate::marked;

/// Writes the table of `scenarios`, with the graphs of the latest release in `folder`, into the
/// README there.
///
/// # Errors
///
/// If it cannot be read or written, or has no place for the table.
pub(crate) fn write(scenarios: &[Scenario], folder: &Path) -> Result<()> {
    let path = folder.join("README.md");
    let page =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let page = marked::replace(&page, "flamegraph", &table(scenarios, folder)?)?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn table(scenarios: &[Scenario], folder: &Path) -> Result<String> {
    let release = latest_release(folder)?;
    let release_folder = folder.join(&release);
    let mut is_any_short = false;
    let mut text = format!(
        "Graphs of {release}:\n\n\
         | | what runs | graphs | what they show | what was changed because of it |\n\
         |---|---|---|---|---|\n"
    );
    for scenario in scenarios {
        let Scenario {
            name,
            runs,
            shows,
            changed,
            ..
        } = scenario;
        let mut graphs = Vec::new();
        for graph in scenario.graphs() {
            if graph.svg(&release_folder).exists() {
                let few = few_samples(&graph, &release_folder)?;
                is_any_short |= !few.is_empty();
                graphs.push(link(&graph, "", &release) + &few);
            }
            let off_cpu = graph.off_cpu();
            if off_cpu.svg(&release_folder).exists() {
                graphs.push(link(&off_cpu, ", off CPU", &release));
            }
        }
        let graphs = graphs.join("<br>");
        writeln!(text, "| {name} | {runs} | {graphs} | {shows} | {changed} |")
            .expect("a string takes all");
    }
    if is_any_short {
        writeln!(
            text,
            "\n**Few samples**: a graph marked so has fewer than {SAMPLES_MIN}, and the sentence \
             beside it is to be taken with care: of 250, a share of a half may as well be 44 or 56 %."
        )
        .expect("a string takes all");
    }
    Ok(text)
}

/// What is said of a graph with fewer samples than a sentence should be built on.
fn few_samples(graph: &Graph, release_folder: &Path) -> Result<String> {
    let samples = Stacks::read(&graph.folded(release_folder))?.total();
    Ok(if samples < SAMPLES_MIN {
        format!(" (**few samples**: {samples})")
    } else {
        String::new()
    })
}

fn link(graph: &Graph, kind: &str, release: &str) -> String {
    let label = graph.thread.as_deref().unwrap_or("all threads");
    format!("[{label}{kind}]({release}/{}.svg)", graph.file)
}

/// The folder of the highest version.
fn latest_release(folder: &Path) -> Result<String> {
    let mut releases = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        if entry.path().is_dir() {
            releases.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let version = |name: &String| -> Vec<u64> {
        name.split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    releases
        .into_iter()
        .max_by_key(|name| (version(name), name.clone()))
        .with_context(|| format!("{} has no release's folder", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_the_scenarios_as_they_are() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../flamegraphs"));
        let scenarios = Scenario::all(folder).unwrap();
        let page = fs::read_to_string(folder.join("README.md")).unwrap();
        let table = table(&scenarios, folder).unwrap();
        let whole = marked::replace(&page, "flamegraph", &table).unwrap();
        assert_eq!(page, whole, "mend it by `cargo xtask flamegraph readme`");
    }
}
