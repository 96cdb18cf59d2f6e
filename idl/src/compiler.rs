//! The compiler as a program uses it.

use std::path::{Path, PathBuf};

use crate::definitions::Definitions;
use crate::diagnostic::{CompileError, Diagnostic, Reports};
use crate::load::{self, Files};
use crate::model::Model;
use crate::{emit, resolve};

/// Compiles `path` in a build script: writes `$OUT_DIR/NAME.rs` for
/// `annulus::include_interface!("NAME")`, where NAME is the file's, and tells cargo when to run the
/// build script again. The file NAME.acf beside it is used if it is there; imported files are
/// looked for beside the file that imports them.
///
/// Warnings become cargo's.
///
/// # Errors
///
/// What is wrong with the definition, or a file that cannot be read or written.
pub fn compile(path: impl AsRef<Path>) -> Result<(), CompileError> {
    Compiler::new().compile(path).map(|_| ())
}

/// [`compile`] with options.
///
/// ```
/// let generated = annulus_idl::Compiler::new()
///     .source("sum.idl", "
///         [uuid(6a1b2c3d-0000-4000-8000-000000000001), version(1.0)]
///         interface sum { long add([in] long a, [in] long b); }
///     ")
///     .server(false)
///     .generate("sum.idl")?;
/// assert!(generated.code().contains("pub fn add(&self, a: i32, b: i32) -> Result<i32, Status>"));
/// # Ok::<(), annulus_idl::CompileError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Compiler {
    files: Files,
    acf: Option<PathBuf>,
    out_dir: Option<PathBuf>,
    options: emit::Options,
}

impl Default for Compiler {
    fn default() -> Self {
        Compiler {
            files: Files::default(),
            acf: None,
            out_dir: None,
            options: emit::Options {
                client: true,
                server: true,
                async_managers: false,
                shared_arrays: false,
                derives: Vec::new(),
            },
        }
    }
}

impl Compiler {
    /// A compiler that generates both stubs.
    pub fn new() -> Self {
        Compiler::default()
    }

    /// The ACF file, if it is not the one beside the IDL file.
    pub fn acf(mut self, path: impl Into<PathBuf>) -> Self {
        self.acf = Some(path.into());
        self
    }

    /// Adds a folder in which imported files are looked for.
    pub fn include(mut self, folder: impl Into<PathBuf>) -> Self {
        self.files.include.push(folder.into());
        self
    }

    /// Adds a type that every file knows, as `typedef` would: `.builtin("HRESULT", "long")`. A
    /// definition may still define the name itself.
    pub fn builtin(mut self, name: impl Into<String>, ty: impl Into<String>) -> Self {
        self.files.builtins.push((name.into(), ty.into()));
        self
    }

    /// Adds a derive to every generated type, by its path: `.derive("serde::Serialize")`.
    pub fn derive(mut self, path: impl Into<String>) -> Self {
        self.options.derives.push(path.into());
        self
    }

    /// Whether clients are generated. Default: yes.
    pub fn client(mut self, client: bool) -> Self {
        self.options.client = client;
        self
    }

    /// Whether the traits and dispatchers of servers are generated. Default: yes.
    pub fn server(mut self, server: bool) -> Self {
        self.options.server = server;
        self
    }

    /// Whether a server may also be a trait of `async fn`s, which `interface_async` makes an
    /// interface. Default: no, as it is a second trait for the same operations.
    pub fn async_managers(mut self, async_managers: bool) -> Self {
        self.options.async_managers = async_managers;
        self
    }

    /// Whether arrays of bytes and of numbers in structures and out-parameters are `Bytes` and
    /// `SharedNumbers<T>`, which are cloned and sent without a copy, instead of `Vec<T>`; arrays of
    /// numbers in in-parameters too. What decodes them copies, as for a `Vec`. Default: no.
    pub fn shared_arrays(mut self, shared_arrays: bool) -> Self {
        self.options.shared_arrays = shared_arrays;
        self
    }

    /// Where [`compile`](Compiler::compile) writes to, if not `$OUT_DIR`.
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// The text of a file that is not to be read from disk.
    pub fn source(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.files.in_memory.insert(path.into(), text.into());
        self
    }

    /// Compiles `path`, writes nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with the definition, or a file that cannot be read.
    pub fn generate(&self, path: impl AsRef<Path>) -> Result<Generated, CompileError> {
        let path = path.as_ref();
        for derive in &self.options.derives {
            if syn::parse_str::<syn::Path>(derive).is_err() {
                let message = format!("`{derive}` is no path, so it is no derive");
                return Err(CompileError::of_file(path, message));
            }
        }
        let Analysis {
            program,
            model,
            mut reports,
        } = self.analyse(path)?;
        let items = emit::generate(&model, &self.options, &mut reports);
        let has_errors = reports.has_errors();
        let diagnostics = reports.finish(&program.sources);
        if has_errors {
            return Err(CompileError::new(diagnostics));
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let code = emit::format(items).map_err(|error| {
            let message = format!("the generated code is not Rust, a defect: {error}");
            CompileError::of_file(path, message)
        })?;
        // The prelude is no file.
        let inputs = program.sources.paths().skip(1).map(Path::to_owned);
        Ok(Generated {
            code,
            name: stem.unwrap_or("interface").to_owned(),
            source: path.file_name().map_or_else(String::new, |name| {
                name.to_string_lossy().replace(char::is_control, " ")
            }),
            warnings: diagnostics,
            inputs: inputs.collect(),
        })
    }

    /// What `path` defines, to ask how it lies on the wire. No code is generated, so what
    /// [`generate`](Compiler::generate) has no Rust for is taken here.
    ///
    /// # Errors
    ///
    /// What is wrong with the definition, or a file that cannot be read.
    pub fn definitions(&self, path: impl AsRef<Path>) -> Result<Definitions, CompileError> {
        let analysis = self.analyse(path.as_ref())?;
        let warnings = analysis.reports.finish(&analysis.program.sources);
        Ok(Definitions::new(analysis.model, warnings))
    }

    fn analyse(&self, path: &Path) -> Result<Analysis, CompileError> {
        let mut reports = Reports::default();
        let program = load::load(&self.files, path, self.acf.as_deref(), &mut reports)?;
        let model = resolve::resolve(&program, &mut reports);
        if reports.has_errors() {
            return Err(CompileError::new(reports.finish(&program.sources)));
        }
        Ok(Analysis {
            program,
            model,
            reports,
        })
    }

    /// Compiles `path` in a build script, as [`compile`] does. Gives the file that was written.
    ///
    /// # Errors
    ///
    /// What is wrong with the definition, or a file that cannot be read or written.
    pub fn compile(&self, path: impl AsRef<Path>) -> Result<PathBuf, CompileError> {
        let path = path.as_ref();
        // First, so that a corrected definition is compiled again.
        println!("cargo::rerun-if-changed={}", path.display());
        let acf = path.with_extension("acf");
        println!("cargo::rerun-if-changed={}", acf.display());
        let generated = self.generate(path)?;
        for input in generated.inputs() {
            println!("cargo::rerun-if-changed={}", input.display());
        }
        for warning in generated.warnings() {
            for line in warning.to_string().lines() {
                println!("cargo::warning={line}");
            }
        }
        let folder = match &self.out_dir {
            Some(folder) => folder.clone(),
            None => std::env::var_os("OUT_DIR")
                .map(PathBuf::from)
                .ok_or_else(|| {
                    CompileError::of_file(
                        path,
                        "cargo sets OUT_DIR for build scripts; elsewhere call Compiler::out_dir",
                    )
                })?,
        };
        let out = folder.join(format!("{}.rs", generated.name));
        std::fs::write(&out, generated.module())
            .map_err(|error| CompileError::of_file(&out, error.to_string()))?;
        Ok(out)
    }
}

/// A definition without an error.
struct Analysis {
    program: load::Program,
    model: Model,
    /// Warnings.
    reports: Reports,
}

/// What became of a definition.
#[derive(Clone, Debug)]
pub struct Generated {
    code: String,
    name: String,
    source: String,
    warnings: Vec<Diagnostic>,
    inputs: Vec<PathBuf>,
}

/// Lints that the names and the shapes of a definition may offend, and why they are not heard.
const ALLOWED: &str = "dead_code,
    unreachable_pub,
    clippy::enum_variant_names,
    clippy::large_enum_variant,
    clippy::should_implement_trait,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = \"names and shapes are those of the IDL, and a program may use a part of it\"";

impl Generated {
    /// The items alone.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The items as a file of a crate, such as `src/echo.rs`.
    #[must_use]
    pub fn file(&self) -> String {
        format!(
            "//! {source}, compiled by annulus-idl. Do not edit.\n#![allow(\n    {ALLOWED}\n)]\n\n{code}",
            source = escape(&self.source),
            code = self.code
        )
    }

    /// The items in a module that is named after the file, for `annulus::include_interface!`.
    #[must_use]
    pub fn module(&self) -> String {
        let name = emit::module_name(&self.name);
        let name = if syn::parse_str::<syn::Ident>(&name).is_ok() {
            name
        } else {
            format!("{name}_")
        };
        let mut body = String::with_capacity(self.code.len() * 9 / 8);
        for line in self.code.lines() {
            if !line.is_empty() {
                body.push_str("    ");
                body.push_str(line);
            }
            body.push('\n');
        }
        format!(
            "/// {source}, compiled by annulus-idl.\n#[allow(\n    {ALLOWED}\n)]\npub mod {name} {{\n{body}}}\n",
            source = escape(&self.source),
        )
    }

    /// What has no effect in the code.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Every file that was read.
    #[must_use]
    pub fn inputs(&self) -> &[PathBuf] {
        &self.inputs
    }
}

/// A file's name in a comment.
fn escape(name: &str) -> String {
    format!("`{}`", name.replace('`', "'"))
}
