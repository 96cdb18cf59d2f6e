//! Compiles every interface definition of the tests.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the test of the grid, which uses another part of it"
)]
mod grid;

use std::path::PathBuf;

use annulus_idl::Compiler;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let with_async = Compiler::new().async_managers(true);
    for name in [
        "mgmt",
        "async_rpc",
        "epmapper",
        "samr",
        "everything",
        "collisions",
        "two",
        "shapes",
        "dimensions",
    ] {
        annulus_idl::compile(format!("../idl/{name}.idl"))?;
    }
    for name in ["rpcecho", "rules", "pipes", "sessions", "counts"] {
        with_async.compile(format!("../idl/{name}.idl"))?;
    }
    let shared = Compiler::new().shared_arrays(true);
    shared.compile("../idl/recordings.idl")?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=grid.rs");
    let grid = PathBuf::from(std::env::var("OUT_DIR")?).join("grid.rs");
    std::fs::write(grid, grid::modules())?;
    Ok(())
}
