//! Makes the stubs of `echo.capnp`; needs `capnp`, which Debian has as `capnproto`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=echo.capnp");
    capnpc::CompilerCommand::new().file("echo.capnp").run()?;
    Ok(())
}
