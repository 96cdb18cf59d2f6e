//! The stubs of the engine's own interfaces, which `annulus-idl` makes of `engine/idl`. They are
//! committed, so that building the engine needs no compiler of interfaces.

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
    let folder = root.join(DEFINITIONS);
    let unreadable = || format!("cannot read {}", folder.display());
    let mut definitions = Vec::new();
    for entry in fs::read_dir(&folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "idl") {
            definitions.push(path);
        }
    }
    ensure!(!definitions.is_empty(), "{} is empty", folder.display());
    definitions.sort();
    let mut stale = Vec::new();
    for definition in definitions {
        let stub = stub(root, &definition)?;
        if fs::read_to_string(&stub.path).ok().as_ref() != Some(&stub.code) {
            stale.push(stub);
        }
    }
    Ok(stale)
}

/// What a definition makes.
fn stub(root: &Path, definition: &Path) -> Result<Stub> {
    let generated = Compiler::new()
        .generate(definition)
        .with_context(|| format!("{} cannot be compiled", definition.display()))?;
    if let Some(warning) = generated.warnings().first() {
        bail!("a definition of the project warns\n{warning}");
    }
    let name = definition.file_stem().context("a file has a name")?;
    Ok(Stub {
        path: root.join(INTERFACES).join(name).join("stub.rs"),
        code: format!(
            "// Made by `cargo xtask generate` from {DEFINITIONS}.\n{}",
            generated.file()
        ),
    })
}
