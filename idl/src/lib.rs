//! Compiles interface definitions (IDL and ACF, as MIDL and pidl users write them) to Rust for
//! `annulus`.
//!
//! In `build.rs`, one line:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! annulus_idl::compile("idl/echo.idl")?;
//! # Ok(()) }
//! ```
//!
//! In `lib.rs` or `main.rs`, one more; it makes the module `echo`:
//!
//! ```text
//! annulus::include_interface!("echo");
//! ```
//!
//! The module has the types of the definition with `derive(Ndr)`, one struct for the parameters of
//! each operation and direction, a client with three forms of each operation, a trait of manager
//! routines, and `interface`, which makes an implementation of the trait what a server can offer.
//! `docs/IDL.md` says what is accepted and what becomes of it. The program `idlc` does the same
//! from a command line. For those who look for a mistake, [`Definitions`] shows how types lie on the
//! wire, reads stub data, and makes it of JSON.
//!
//! What is wrong with a definition is shown at its place ([`Diagnostic`]).
#![forbid(unsafe_code)]

mod ast;
mod compiler;
mod definitions;
mod diagnostic;
mod emit;
mod layout;
mod lexer;
mod load;
mod model;
mod nearest;
mod parser;
mod resolve;
mod source;
mod stub;
mod token;
mod walk;
mod wire;

pub use self::compiler::{Compiler, Generated, compile};
pub use self::definitions::{Definitions, NotDefined, OperationFacts};
pub use self::diagnostic::{CompileError, Diagnostic, Severity};
pub use self::stub::{ByteOrder, Decoded, EncodeError, EncodeErrorKind, StubError, StubErrorKind};
pub use self::wire::TransferSyntax;
