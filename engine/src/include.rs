//! The macro that brings a compiled interface definition into a program.

/// Makes the module that `annulus_idl::compile` wrote for an interface definition: for
/// `idl/echo.idl`, compiled in `build.rs` with `annulus_idl::compile("idl/echo.idl")?`,
///
/// ```text
/// annulus::include_interface!("echo");
/// ```
///
/// makes `mod echo`.
#[macro_export]
macro_rules! include_interface {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}
