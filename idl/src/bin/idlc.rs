//! `idlc`: compiles an interface definition to Rust.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use annulus_idl::{CompileError, Compiler};
use clap::Parser;

/// Compiles an interface definition (IDL, with its ACF) to Rust for annulus.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The IDL file.
    file: PathBuf,
    /// The ACF file; default: the one beside the IDL file, if there is one.
    #[arg(long)]
    acf: Option<PathBuf>,
    /// A folder in which imported files are looked for.
    #[arg(short = 'I', value_name = "DIR")]
    include: Vec<PathBuf>,
    /// Where to write to; default: standard output.
    #[arg(short = 'o', value_name = "OUT")]
    out: Option<PathBuf>,
    /// Write nothing, only say what is wrong.
    #[arg(long)]
    check: bool,
    /// Leave the client out.
    #[arg(long)]
    no_client: bool,
    /// Leave the server out.
    #[arg(long)]
    no_server: bool,
    /// A further derive of every type, such as serde::Serialize.
    #[arg(long, value_name = "PATH")]
    derive: Vec<String>,
    /// A further type that every file knows, such as HRESULT=long.
    #[arg(long, value_name = "NAME=TYPE", value_parser = builtin)]
    builtin: Vec<(String, String)>,
}

fn builtin(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, ty)) => Ok((name.trim().to_owned(), ty.trim().to_owned())),
        None => Err("expected NAME=TYPE".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprint!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut compiler = Compiler::new()
        .client(!arguments.no_client)
        .server(!arguments.no_server);
    if let Some(acf) = &arguments.acf {
        compiler = compiler.acf(acf);
    }
    for folder in &arguments.include {
        compiler = compiler.include(folder);
    }
    for path in &arguments.derive {
        compiler = compiler.derive(path);
    }
    for (name, ty) in &arguments.builtin {
        compiler = compiler.builtin(name, ty);
    }
    let generated = compiler
        .generate(&arguments.file)
        .map_err(Failure::Definition)?;
    for warning in generated.warnings() {
        eprintln!("{warning}");
    }
    if arguments.check {
        return Ok(());
    }
    let code = generated.file();
    let written = match &arguments.out {
        Some(path) => std::fs::write(path, code)
            .map_err(|error| format!("{} cannot be written: {error}", path.display())),
        None => std::io::stdout()
            .write_all(code.as_bytes())
            .map_err(|error| format!("the code cannot be written: {error}")),
    };
    written.map_err(Failure::Output)
}

/// Why the program ends with exit code 1.
enum Failure {
    Definition(CompileError),
    Output(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Definition(error) => write!(f, "{error}"),
            Failure::Output(message) => writeln!(f, "error: {message}"),
        }
    }
}
