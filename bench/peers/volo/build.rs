//! Makes the stubs of `echo.thrift`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=echo.thrift");
    volo_build::Builder::thrift()
        .add_service("echo.thrift")
        .write()?;
    Ok(())
}
