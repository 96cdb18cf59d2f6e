//! What shells and manuals know of the command line.

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::{Cli, ManArgs};
use crate::exit::Exit;
use crate::output::print;

/// Writes the completions of a shell to standard output.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "loadgen", &mut script);
    print(String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}

/// Writes a manual page for the program and one for each command into a directory.
pub(crate) fn pages(args: &ManArgs) -> anyhow::Result<Exit> {
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
        .with_context(|| format!("{} cannot be written", directory.display()))?;
    Ok(Exit::Ok)
}
