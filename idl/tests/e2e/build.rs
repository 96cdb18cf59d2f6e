//! Compiles every interface definition of the tests.

fn main() -> Result<(), annulus_idl::CompileError> {
    for name in [
        "rpcecho",
        "mgmt",
        "async_rpc",
        "epmapper",
        "samr",
        "everything",
        "collisions",
        "two",
        "rules",
        "shapes",
    ] {
        annulus_idl::compile(format!("../idl/{name}.idl"))?;
    }
    Ok(())
}
