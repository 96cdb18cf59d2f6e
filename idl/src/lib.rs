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
//! ```ignore
//! annulus::include_interface!("echo");
//! ```
//!
//! The module has the types of the definition with `derive(Ndr)`, one struct for the parameters of
//! each operation and direction, a client with three forms of each operation, a trait of manager
//! routines, and `interface`, which makes an implementation of the trait what a server can offer.
//! `docs/IDL.md` says what is accepted and what becomes of it. The program `idlc` does the same
//! from a command line.
//!
//! What is wrong with a definition is shown at its place ([`Diagnostic`]).
#![forbid(unsafe_code)]

mod ast;
mod compiler;
mod diagnostic;
mod emit;
mod lexer;
mod load;
mod model;
mod parser;
mod resolve;
mod source;
mod token;

pub use self::compiler::{Compiler, Generated, compile};
pub use self::diagnostic::{CompileError, Diagnostic, Severity};
