//! What is wrong with an interface definition, shown at its place.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::source::{Location, SourceMap, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// No code is generated.
    Error,
    /// Code is generated; something in the definition has no effect in it.
    Warning,
}

/// One thing that is wrong, with its place. Its `Display` shows the source line and a caret.
///
/// ```
/// let error = annulus_idl::Compiler::new()
///     .source("echo.idl", "typedef struct { short x; lang y; } s;")
///     .generate("echo.idl")
///     .unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "error: there is no type `lang`
///  --> echo.idl:1:27
///   |
/// 1 | typedef struct { short x; lang y; } s;
///   |                           ^^^^ unknown
///   = help: define it, import the file that does, or name it with Compiler::builtin
/// "
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    message: String,
    label: String,
    help: Option<String>,
    location: Option<Location>,
}

impl Diagnostic {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, in one sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The file, if it is about a place in one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        Some(&self.location.as_ref()?.path)
    }

    /// Line and column (in characters), both from 1.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        let location = self.location.as_ref()?;
        Some((location.line, location.column))
    }

    /// An error about a file as a whole.
    pub(crate) fn of_file(path: &Path, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            message: format!("{}: {}", path.display(), message.into()),
            label: String::new(),
            help: None,
            location: None,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}: {}", self.message)?;
        let mut margin = 1;
        if let Some(location) = &self.location {
            let number = location.line.to_string();
            margin = number.len();
            let path = location.path.display();
            let (line, column, indent) = (location.line, location.column, location.indent);
            // A tab would put the caret at another place than in the line above.
            let text = location.text.replace('\t', " ");
            writeln!(f, "{:margin$}--> {path}:{line}:{column}", "")?;
            writeln!(f, "{:margin$} |", "")?;
            writeln!(f, "{number} | {text}")?;
            let caret = "^".repeat(location.width);
            let caret_line = format!(
                "{:margin$} | {:indent$}{caret} {label}",
                "",
                "",
                label = self.label
            );
            writeln!(f, "{}", caret_line.trim_end())?;
        }
        if let Some(help) = &self.help {
            writeln!(f, "{:margin$} = help: {help}", "")?;
        }
        Ok(())
    }
}

/// Why nothing was generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    diagnostics: Vec<Diagnostic>,
}

impl CompileError {
    pub(crate) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        CompileError { diagnostics }
    }

    pub(crate) fn of_file(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        CompileError::new(vec![Diagnostic::of_file(&path.into(), message)])
    }

    /// All that was found, in the order of the source; at least one is an error.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

/// All diagnostics, with an empty line between them.
impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CompileError {}

/// One diagnostic while it is being written.
#[derive(Debug)]
pub(crate) struct Report {
    severity: Severity,
    message: String,
    label: String,
    help: Option<String>,
    span: Span,
}

impl Report {
    /// An error at `span`; `label` stands behind the caret.
    pub(crate) fn error(span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Report {
            severity: Severity::Error,
            message: message.into(),
            label: label.into(),
            help: None,
            span,
        }
    }

    pub(crate) fn warning(
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Report {
            severity: Severity::Warning,
            ..Report::error(span, message, label)
        }
    }

    /// Something that other compilers take and this one does not yet.
    pub(crate) fn unsupported(span: Span, what: impl fmt::Display) -> Self {
        Report::error(
            span,
            format!("{what} not supported yet"),
            "cannot be generated",
        )
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Report {
            help: Some(help.into()),
            ..self
        }
    }
}

/// Diagnostics are kept up to this number; what comes then is rarely worth reading.
const REPORTS_MAX: usize = 50;

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    reports: Vec<Report>,
    errors: usize,
}

impl Reports {
    pub(crate) fn add(&mut self, report: Report) {
        if report.severity == Severity::Error {
            self.errors += 1;
        }
        let place = |report: &Report| (report.span, report.message.clone());
        let is_new = self
            .reports
            .iter()
            .all(|known| place(known) != place(&report));
        if is_new && self.reports.len() < REPORTS_MAX {
            self.reports.push(report);
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The diagnostics with their places; those of one file in the order of its lines.
    pub(crate) fn finish(mut self, sources: &SourceMap) -> Vec<Diagnostic> {
        let order = |span: Span| {
            let file = sources
                .paths()
                .position(|path| path == sources.path(span.file));
            (file, span.start)
        };
        self.reports.sort_by_key(|report| order(report.span));
        let located = self.reports.into_iter().map(|report| Diagnostic {
            severity: report.severity,
            message: report.message,
            label: report.label,
            help: report.help,
            location: Some(sources.locate(report.span)),
        });
        located.collect()
    }
}
