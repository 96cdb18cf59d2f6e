//! Finding and reading files: the interface definition, what it imports, its ACF.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::ast::{Acf, File, Import};
use crate::diagnostic::{CompileError, Report, Reports};
use crate::parser;
use crate::source::SourceMap;

/// The longest file that is read, in bytes.
const FILE_LEN_MAX: u64 = 16 << 20;
/// The most files of one compilation.
const FILES_MAX: usize = 256;

/// Files of Windows whose types [the prelude](PRELUDE) has, so that importing them works without
/// them.
const SYSTEM_FILES: &[&str] = &[
    "unknwn.idl",
    "wtypes.idl",
    "wtypesbase.idl",
    "oaidl.idl",
    "objidl.idl",
    "ocidl.idl",
    "basetsd.h",
    "windef.h",
    "ms-dtyp.idl",
    "ms-dtyp.h",
    "nbase.idl",
];

/// The types that every definition knows.
const PRELUDE: &str = include_str!("prelude.idl");

/// Where files come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// Files that are not read from disk.
    pub(crate) in_memory: HashMap<PathBuf, String>,
    /// Where imported files are looked for, after the importing file's own folder.
    pub(crate) include: Vec<PathBuf>,
    /// Typedefs that are added to the prelude: name and type.
    pub(crate) builtins: Vec<(String, String)>,
}

impl Files {
    fn exists(&self, path: &Path) -> bool {
        self.in_memory.contains_key(path) || path.is_file()
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        if let Some(text) = self.in_memory.get(path) {
            return Ok(text.clone());
        }
        let error = |error: std::io::Error| error.to_string();
        let len = std::fs::metadata(path).map_err(error)?.len();
        if len > FILE_LEN_MAX {
            return Err(format!(
                "the file has {len} bytes; at most {FILE_LEN_MAX} are read"
            ));
        }
        // Comments in old definitions are often in some 8-bit character set.
        let bytes = std::fs::read(path).map_err(error)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn find(&self, importer: &Path, name: &str) -> Option<PathBuf> {
        let beside = importer.parent().map(Path::to_owned).unwrap_or_default();
        let folders = std::iter::once(&beside).chain(&self.include);
        folders
            .map(|folder| folder.join(name))
            .find(|path| self.exists(path))
    }
}

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) sources: SourceMap,
    /// An imported file comes before the one that imports it; the last is the one to compile.
    pub(crate) files: Vec<File>,
    pub(crate) acf: Option<Acf>,
}

/// Reads `path`, what it imports, and its ACF file: `acf`, or if that is `None`, the file beside it
/// with the extension `acf`, if there is one.
pub(crate) fn load(
    files: &Files,
    path: &Path,
    acf: Option<&Path>,
    reports: &mut Reports,
) -> Result<Program, CompileError> {
    let mut loader = Loader {
        files,
        reports,
        program: Program {
            sources: SourceMap::default(),
            files: Vec::new(),
            acf: None,
        },
        loaded: HashSet::new(),
        open: Vec::new(),
    };
    loader.prelude();
    let text = read(files, path)?;
    loader.idl(path, text);
    let beside = path.with_extension("acf");
    let acf = acf.or_else(|| files.exists(&beside).then_some(beside.as_path()));
    if let Some(acf) = acf {
        let text = read(files, acf)?;
        let id = loader.program.sources.add(acf, text.clone());
        loader.program.acf = Some(parser::parse_acf(id, &text, loader.reports));
    }
    Ok(loader.program)
}

fn read(files: &Files, path: &Path) -> Result<String, CompileError> {
    files
        .read(path)
        .map_err(|why| CompileError::of_file(path, why))
}

/// Whether the prelude has what a file of this name has.
fn is_system_file(path: &str) -> bool {
    let bare = path.rsplit(['/', '\\']).next().unwrap_or_default();
    SYSTEM_FILES.contains(&bare.to_ascii_lowercase().as_str())
}

struct Loader<'a> {
    files: &'a Files,
    reports: &'a mut Reports,
    program: Program,
    loaded: HashSet<PathBuf>,
    /// The files that are being read, each imported by the one before it.
    open: Vec<PathBuf>,
}

impl Loader<'_> {
    fn prelude(&mut self) {
        let mut text = PRELUDE.to_owned();
        for (name, ty) in &self.files.builtins {
            text.push_str(&format!("typedef {ty} {name};\n"));
        }
        let id = self
            .program
            .sources
            .add(Path::new("<prelude>"), text.clone());
        let file = parser::parse_idl(id, &text, self.reports);
        self.program.files.push(file);
    }

    fn idl(&mut self, path: &Path, text: String) {
        let id = self.program.sources.add(path, text.clone());
        let file = parser::parse_idl(id, &text, self.reports);
        self.add(path, file);
    }

    /// Adds a file behind those that it needs.
    fn add(&mut self, path: &Path, file: File) {
        self.open.push(path.to_owned());
        for include in &file.includes {
            self.include(path, include);
        }
        for import in &file.imports {
            self.import(path, import);
        }
        self.open.pop();
        self.loaded.insert(path.to_owned());
        self.program.files.push(file);
    }

    /// Reads a header as if it were imported, if it is one of IDL. Headers of C are for the C
    /// compiler.
    fn include(&mut self, includer: &Path, include: &Import) {
        let warning = |label: &str| {
            let message = format!("`{}` is not read", include.path);
            Report::warning(include.span, message, label)
        };
        let Some(path) = self.files.find(includer, &include.path) else {
            if !is_system_file(&include.path) {
                let report = warning("not found");
                self.reports
                    .add(report.help("name the folder that it is in with -I or Compiler::include"));
            }
            return;
        };
        // Headers guard themselves against being read twice.
        if self.loaded.contains(&path) || self.open.contains(&path) || !self.has_room(include) {
            return;
        }
        let text = match self.files.read(&path) {
            Ok(text) => text,
            Err(why) => return self.reports.add(warning(&why)),
        };
        let id = self.program.sources.add(&path, text.clone());
        let mut unheard = Reports::default();
        let file = parser::parse_idl(id, &text, &mut unheard);
        if unheard.has_errors() {
            self.reports.add(warning("it is no IDL"));
        } else {
            self.add(&path, file);
        }
    }

    /// Whether one more file may be read; else that is reported.
    fn has_room(&mut self, import: &Import) -> bool {
        let has_room = self.program.sources.paths().count() < FILES_MAX;
        if !has_room {
            self.reports.add(Report::error(
                import.span,
                format!("a compilation has at most {FILES_MAX} files"),
                "one too many",
            ));
        }
        has_room
    }

    fn import(&mut self, importer: &Path, import: &Import) {
        let Some(path) = self.files.find(importer, &import.path) else {
            if is_system_file(&import.path) {
                return;
            }
            self.reports.add(
                Report::error(
                    import.span,
                    format!("there is no file `{}`", import.path),
                    "not found",
                )
                .help("name the folder that it is in with -I or Compiler::include"),
            );
            return;
        };
        if self.loaded.contains(&path) {
            return;
        }
        if let Some(first) = self.open.iter().position(|open| *open == path) {
            let names: Vec<_> = self.open[first..]
                .iter()
                .chain(std::iter::once(&path))
                .map(|path| path.display().to_string())
                .collect();
            self.reports.add(Report::error(
                import.span,
                format!("files import each other: {}", names.join(" → ")),
                "closes the circle",
            ));
            return;
        }
        if !self.has_room(import) {
            return;
        }
        match self.files.read(&path) {
            Ok(text) => self.idl(&path, text),
            Err(why) => self.reports.add(Report::error(
                import.span,
                format!("{} cannot be read: {why}", path.display()),
                "imported here",
            )),
        }
    }
}
