//! `idlc`: compiles an interface definition to Rust, shows its layouts, reads stub data by it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annulus_idl::{ByteOrder, CompileError, Compiler, Definitions, TransferSyntax};
use clap::{Args, Parser, Subcommand};

/// The longest file of stub data that is read, in bytes.
const STUB_LEN_MAX: u64 = 64 << 20;

/// Compiles an interface definition (IDL, with its ACF) to Rust for annulus.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The IDL file.
    #[arg(required = true)]
    file: Option<PathBuf>,
    #[command(flatten)]
    environment: Environment,
    /// Where to write to; default: standard output.
    #[arg(short = 'o', value_name = "OUT")]
    out: Option<PathBuf>,
    /// Write nothing, only say what is wrong.
    #[arg(long)]
    check: bool,
    /// Write how these types and operations lie on the wire, in NDR and NDR64; without a name, all.
    #[arg(long, value_name = "TYPE", num_args = 0.., conflicts_with = "check")]
    dump_layout: Option<Vec<String>>,
    /// Leave the client out.
    #[arg(long)]
    no_client: bool,
    /// Leave the server out.
    #[arg(long)]
    no_server: bool,
    /// Write a trait of async manager routines, too.
    #[arg(long, conflicts_with = "no_server")]
    async_managers: bool,
    /// Have arrays of bytes and numbers share their content, to be sent without a copy.
    #[arg(long)]
    shared_arrays: bool,
    /// A further derive of every type, such as serde::Serialize.
    #[arg(long, value_name = "PATH")]
    derive: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows stub data as a definition reads it: offset, bytes, path and value of each field.
    Decode(Decode),
}

#[derive(Debug, Args)]
struct Decode {
    /// The IDL file.
    file: PathBuf,
    /// A type, or the parameters of an operation: Interface.Operation.in or .out.
    #[arg(long = "type", value_name = "TYPE")]
    target: String,
    /// A file of stub data, or the bytes themselves in hexadecimal.
    stub: String,
    /// The transfer syntax is NDR64, not NDR.
    #[arg(long)]
    ndr64: bool,
    /// The most significant byte comes first.
    #[arg(long)]
    big_endian: bool,
    #[command(flatten)]
    environment: Environment,
}

/// What a definition needs besides its file.
#[derive(Debug, Args)]
struct Environment {
    /// The ACF file; default: the one beside the IDL file, if there is one.
    #[arg(long)]
    acf: Option<PathBuf>,
    /// A folder in which imported files are looked for.
    #[arg(short = 'I', value_name = "DIR")]
    include: Vec<PathBuf>,
    /// A further type that every file knows, such as HRESULT=long.
    #[arg(long, value_name = "NAME=TYPE", value_parser = builtin)]
    builtin: Vec<(String, String)>,
}

impl Environment {
    fn compiler(&self) -> Compiler {
        let mut compiler = Compiler::new();
        if let Some(acf) = &self.acf {
            compiler = compiler.acf(acf);
        }
        for folder in &self.include {
            compiler = compiler.include(folder);
        }
        for (name, ty) in &self.builtin {
            compiler = compiler.builtin(name, ty);
        }
        compiler
    }
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
    match (&arguments.command, &arguments.file) {
        (Some(Command::Decode(arguments)), _) => decode(arguments),
        (None, Some(file)) if arguments.dump_layout.is_some() => dump_layout(arguments, file),
        (None, Some(file)) => compile(arguments, file),
        (None, None) => Err(Failure::Other("no IDL file is named".to_owned())),
    }
}

fn compile(arguments: &Arguments, file: &Path) -> Result<(), Failure> {
    let mut compiler = arguments
        .environment
        .compiler()
        .client(!arguments.no_client)
        .server(!arguments.no_server)
        .async_managers(arguments.async_managers)
        .shared_arrays(arguments.shared_arrays);
    for path in &arguments.derive {
        compiler = compiler.derive(path);
    }
    let generated = compiler.generate(file).map_err(Failure::Definition)?;
    for warning in generated.warnings() {
        eprintln!("{warning}");
    }
    if arguments.check {
        return Ok(());
    }
    write(arguments.out.as_deref(), generated.file())
}

fn dump_layout(arguments: &Arguments, file: &Path) -> Result<(), Failure> {
    let definitions = definitions(&arguments.environment, file)?;
    let names = arguments.dump_layout.iter().flatten();
    let names: Vec<&str> = names.map(String::as_str).collect();
    let text = definitions
        .layout(&names)
        .map_err(|error| Failure::Other(error.to_string()))?;
    write(arguments.out.as_deref(), text)
}

fn decode(arguments: &Decode) -> Result<(), Failure> {
    let definitions = definitions(&arguments.environment, &arguments.file)?;
    let stub = stub(&arguments.stub).map_err(Failure::Other)?;
    let syntax = match arguments.ndr64 {
        true => TransferSyntax::Ndr64,
        false => TransferSyntax::Ndr,
    };
    let order = match arguments.big_endian {
        true => ByteOrder::Big,
        false => ByteOrder::Little,
    };
    let decoded = definitions
        .decode(&arguments.target, &stub, syntax, order)
        .map_err(|error| Failure::Other(error.to_string()))?;
    write(None, &decoded)?;
    match decoded.error() {
        Some(_) => Err(Failure::Shown),
        None => Ok(()),
    }
}

fn definitions(environment: &Environment, file: &Path) -> Result<Definitions, Failure> {
    let definitions = environment
        .compiler()
        .definitions(file)
        .map_err(Failure::Definition)?;
    for warning in definitions.warnings() {
        eprintln!("{warning}");
    }
    Ok(definitions)
}

/// The bytes that an argument is: hexadecimal digits, perhaps with blanks between, or else a file.
fn stub(argument: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = argument
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).ok_or(()))
        .collect::<Result<_, ()>>()
        .unwrap_or_default();
    let is_hex = !digits.is_empty() && digits.len().is_multiple_of(2);
    let path = Path::new(argument);
    if is_hex && !path.exists() {
        let byte = |pair: &[u32]| {
            pair.iter()
                .fold(0u8, |byte, digit| byte << 4 | *digit as u8)
        };
        return Ok(digits.chunks(2).map(byte).collect());
    }
    let error = |error: std::io::Error| {
        format!("{argument} is not hexadecimal, and as a file it cannot be read: {error}")
    };
    let len = std::fs::metadata(path).map_err(error)?.len();
    if len > STUB_LEN_MAX {
        return Err(format!(
            "{argument} has {len} bytes; at most {STUB_LEN_MAX} are read"
        ));
    }
    std::fs::read(path).map_err(error)
}

fn write(out: Option<&Path>, text: impl std::fmt::Display) -> Result<(), Failure> {
    let written = match out {
        Some(path) => std::fs::write(path, text.to_string())
            .map_err(|error| format!("{} cannot be written: {error}", path.display())),
        None => {
            let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
            write!(stdout, "{text}")
                .and_then(|()| stdout.flush())
                .map_err(|error| format!("the text cannot be written: {error}"))
        }
    };
    written.map_err(Failure::Other)
}

/// Why the program ends with exit code 1.
enum Failure {
    Definition(CompileError),
    Other(String),
    /// Standard output says it.
    Shown,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Definition(error) => write!(f, "{error}"),
            Failure::Other(message) => writeln!(f, "error: {message}"),
            Failure::Shown => Ok(()),
        }
    }
}
