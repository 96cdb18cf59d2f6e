//! Compiles every interface definition of the tests.

use annulus_idl::Compiler;

fn main() -> Result<(), annulus_idl::CompileError> {
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
    Ok(())
}
