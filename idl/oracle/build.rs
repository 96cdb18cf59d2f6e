//! Compiles the interface definitions.

fn main() -> Result<(), annulus_idl::CompileError> {
    for name in ["samr", "lsa", "winreg", "svcctl", "srvsvc"] {
        annulus_idl::compile(format!("idl/{name}.idl"))?;
    }
    annulus_idl::compile("../../engine/idl/epmapper.idl")
}
