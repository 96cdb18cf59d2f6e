//! The texts that a compilation reads, and places in them.

use std::path::{Path, PathBuf};

/// Which file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId(u32);

impl FileId {
    /// Whether it is the file that was added first, the prelude.
    pub(crate) fn is_first(self) -> bool {
        self.0 == 0
    }
}

/// A stretch of a file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) file: FileId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// From the start of this stretch to the end of `other`, which comes later in the same file.
    pub(crate) fn to(self, other: Span) -> Span {
        Span {
            end: other.end.max(self.start),
            ..self
        }
    }
}

/// Every file that was read.
#[derive(Debug, Default)]
pub(crate) struct SourceMap {
    files: Vec<SourceFile>,
}

#[derive(Debug)]
struct SourceFile {
    path: PathBuf,
    text: String,
}

/// Where a span begins, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) path: PathBuf,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// The line's text, without its end; of a long line, what is around the place.
    pub(crate) text: String,
    /// Where in that text the place is, in characters.
    pub(crate) indent: usize,
    /// How many characters of that text the span covers; at least one.
    pub(crate) width: usize,
}

/// How many characters of a line are shown.
const SHOWN_MAX: usize = 120;
/// How many of them stand before the place, if the line is longer.
const SHOWN_BEFORE: usize = 60;

impl SourceMap {
    /// Adds a file. Its text is cut at 4 GiB, far beyond what the caller lets in.
    pub(crate) fn add(&mut self, path: &Path, text: String) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile {
            path: path.to_owned(),
            text,
        });
        id
    }

    pub(crate) fn path(&self, file: FileId) -> &Path {
        &self.files[file.0 as usize].path
    }

    /// The paths of all files, in the order of reading.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    pub(crate) fn locate(&self, span: Span) -> Location {
        let file = &self.files[span.file.0 as usize];
        let text = file.text.as_str();
        let start = floor(text, span.start as usize);
        let end = floor(text, span.end as usize).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let before = text[line_start..start].chars().count();
        let covered = text[start..end.min(line_end).max(start)].chars().count();
        let line = text[line_start..line_end].trim_end();
        let cut = if line.chars().count() > SHOWN_MAX {
            before.saturating_sub(SHOWN_BEFORE)
        } else {
            0
        };
        let indent = before - cut;
        Location {
            path: file.path.clone(),
            line: text[..start].matches('\n').count() + 1,
            column: before + 1,
            text: line.chars().skip(cut).take(SHOWN_MAX).collect(),
            indent,
            width: covered.min(SHOWN_MAX.saturating_sub(indent)).max(1),
        }
    }
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_line_and_by_character() {
        let mut sources = SourceMap::default();
        let file = sources.add(Path::new("a.idl"), "long ä;\nshort b;\n".to_owned());
        let span = Span {
            file,
            start: 15,
            end: 16,
        };
        let location = sources.locate(span);
        assert_eq!((location.line, location.column), (2, 7));
        assert_eq!(location.text, "short b;");
        let umlaut = sources.locate(Span {
            file,
            start: 5,
            end: 8,
        });
        assert_eq!((umlaut.column, umlaut.width), (6, 2));
    }

    #[test]
    fn of_a_long_line_the_surroundings_are_shown() {
        let mut sources = SourceMap::default();
        let line = format!("{}x{}", "a".repeat(500), "b".repeat(500));
        let file = sources.add(Path::new("a.idl"), line);
        let location = sources.locate(Span {
            file,
            start: 500,
            end: 900,
        });
        assert_eq!((location.column, location.indent), (501, 60));
        assert_eq!(location.text.chars().nth(60), Some('x'));
        assert_eq!((location.text.len(), location.width), (120, 60));
    }

    #[test]
    fn a_span_behind_the_end_is_the_end() {
        let mut sources = SourceMap::default();
        let file = sources.add(Path::new("a.idl"), "x".to_owned());
        let span = Span {
            file,
            start: 9,
            end: 99,
        };
        assert_eq!(sources.locate(span).column, 2);
    }
}
