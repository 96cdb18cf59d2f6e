//! The stubs of the engine's own interfaces, which `annulus-idl` makes of `engine/idl`, and those of
//! its examples and of the load generator. They are committed, so that building the engine needs no compiler of interfaces.

use std::fs;
use std::path::{Path, PathBuf};

use annulus_idl::Compiler;
use anyhow::{Context, Result, bail, ensure};

use crate::session::Session;
use crate::workspace::Workspace;

/// Where the definitions are, in the checkout.
const DEFINITIONS: &str = "engine/idl";
/// Where each stub goes: `NAME/stub.rs` here.
const INTERFACES: &str = "engine/src/interfaces";
/// Where the examples are: the stub of a definition in the folder of one goes beside it.
const EXAMPLES: &str = "engine/examples";

/// The definition that the load generator calls and serves as well, and where its stub goes.
const TRANSFER: (&str, &str) = (
    "engine/examples/pipe_transfer/transfer.idl",
    "loadgen/src/transfer",
);

/// A stub as it should be.
struct Stub {
    path: PathBuf,
    code: String,
}

/// Writes every stub that is not as it should be, and tells which.
///
/// # Errors
///
/// If a definition is wrong, or a file cannot be read or written.
pub(crate) fn write(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let stale = stale(&workspace.root)?;
    for stub in &stale {
        fs::write(&stub.path, &stub.code)
            .with_context(|| format!("cannot write {}", stub.path.display()))?;
    }
    Ok(stale.into_iter().map(|stub| stub.path).collect())
}

/// Checks that every stub is what its definition makes.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    let workspace = session.workspace;
    let stale = stale(&workspace.root)?;
    for stub in &stale {
        session.note(&format!("{} is stale", stub.path.display()))?;
    }
    if let Some(first) = stale.first() {
        bail!(
            "{} stubs are not what their definitions make, {} first: run `cargo xtask generate`",
            stale.len(),
            workspace.shown(&first.path)
        );
    }
    Ok("current".to_owned())
}

/// The stubs whose files are something else, or are not there.
fn stale(root: &Path) -> Result<Vec<Stub>> {
    let mut stubs = Vec::new();
    for definition in definitions(&root.join(DEFINITIONS))? {
        let name = definition.file_stem().context("a file has a name")?;
        let folder = root.join(INTERFACES).join(name);
        stubs.push(stub(root, &definition, &folder)?);
    }
    ensure!(!stubs.is_empty(), "{DEFINITIONS} is empty");
    for example in entries(&root.join(EXAMPLES))? {
        if example.is_dir() {
            for definition in definitions(&example)? {
                stubs.push(stub(root, &definition, &example)?);
            }
        }
    }
    let (definition, folder) = TRANSFER;
    stubs.push(stub(root, &root.join(definition), &root.join(folder))?);
    stubs.retain(|stub| fs::read_to_string(&stub.path).ok().as_ref() != Some(&stub.code));
    Ok(stubs)
}

/// The definitions in a folder.
fn definitions(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "idl"));
    Ok(paths)
}

/// What is in a folder, in order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        paths.push(entry.with_context(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// What a definition makes, for a folder.
fn stub(root: &Path, definition: &Path, folder: &Path) -> Result<Stub> {
    let generated = Compiler::new()
        .generate(definition)
        .with_context(|| format!("{} cannot be compiled", definition.display()))?;
    if let Some(warning) = generated.warnings().first() {
        bail!("a definition of the project warns\n{warning}");
    }
    let source = definition.parent().unwrap_or(root);
    let source = source.strip_prefix(root).unwrap_or(source).display();
    Ok(Stub {
        path: folder.join("stub.rs"),
        code: format!(
            "// Made by `cargo xtask generate` from {source}.\n{}",
            generated.file()
        ),
    })
}
