//! The names of frames: without what changes from build to build, and with the functions that the
//! compiler has inlined.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use anyhow::{Result, anyhow};
use object::{Object, ObjectSegment};

/// The name of a frame that nobody knows.
pub(crate) const UNKNOWN: &str = "[unknown]";

/// The name of a function as it is shown, from the symbol that a profiler gives: demangled, without
/// the hashes of the compiler and without offsets.
pub(crate) fn name(symbol: &str) -> String {
    let symbol = match symbol.rsplit_once('+') {
        Some((symbol, offset)) if is_number(offset) => symbol,
        _ => symbol,
    };
    let symbol = symbol.split(".llvm.").next().unwrap_or(symbol);
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && is_hex(hash) => name,
        _ => &name,
    };
    // The one divides frames, the other lines.
    name.replace([';', '\n'], ":")
}

/// The frames of a chain of calls, whose innermost comes first, the other way round, from the first
/// one of annulus' own on: what is outside of it starts threads, or times. All of them where none
/// is annulus' own.
pub(crate) fn of_interest(chain: &[String]) -> impl Iterator<Item = &str> {
    let is_ours = |name: &String| name.trim_start_matches('<').starts_with("annulus");
    let outermost = chain.iter().rposition(is_ours);
    let inner = &chain[..outermost.map_or(chain.len(), |place| place + 1)];
    inner.iter().rev().map(String::as_str)
}

fn is_number(text: &str) -> bool {
    match text.strip_prefix("0x") {
        Some(digits) => is_hex(digits),
        None => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What is inlined where in a program, by its debug information.
pub(crate) struct Inlined {
    program: PathBuf,
    loader: Loader,
    /// Which bytes of the file are put at which address.
    segments: Vec<(Range<u64>, u64)>,
    /// Only functions whose source is below this folder are told; what they inline of libraries
    /// counts as theirs.
    sources: PathBuf,
    known: HashMap<u64, Vec<String>>,
}

impl Inlined {
    /// Reads the debug information of `program`.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(crate) fn open(program: &Path, sources: &Path) -> Result<Inlined> {
        let broken = |error| anyhow!("{} has no debug information: {error}", program.display());
        let data = fs::read(program)?;
        let file = object::File::parse(&*data)?;
        let segments = file.segments().map(|segment| {
            let (offset, len) = segment.file_range();
            (offset..offset + len, segment.address())
        });
        Ok(Inlined {
            program: program.to_owned(),
            loader: Loader::new(program).map_err(broken)?,
            segments: segments.collect(),
            sources: sources.to_owned(),
            known: HashMap::new(),
        })
    }

    /// The functions that are inlined where `offset` of `file` is, the innermost first, without
    /// the one that they all are inlined in. None where `file` is another one than the program.
    pub(crate) fn at(&mut self, file: &str, offset: u64) -> Vec<String> {
        if self.program.as_os_str() != file {
            return Vec::new();
        }
        if let Some(names) = self.known.get(&offset) {
            return names.clone();
        }
        let names = self.look_up(offset).unwrap_or_default();
        self.known.insert(offset, names.clone());
        names
    }

    /// Nothing where the debug information has nothing.
    fn look_up(&self, offset: u64) -> Option<Vec<String>> {
        let (bytes, address) = self
            .segments
            .iter()
            .find(|(bytes, _)| bytes.contains(&offset))?;
        let mut frames = self
            .loader
            .find_frames(offset - bytes.start + address)
            .ok()?;
        let mut names = Vec::new();
        let mut is_ours = false;
        while let Some(frame) = frames.next().ok()? {
            let function = frame.function?;
            let file = frame.location.and_then(|location| location.file);
            is_ours = file.is_some_and(|file| Path::new(file).starts_with(&self.sources));
            if is_ours {
                names.push(name(&function.raw_name().ok()?));
            }
        }
        // The last one is the function itself, which the profiler names.
        if is_ours {
            names.pop();
        }
        Some(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_changes_from_build_to_build() {
        for (symbol, shown) in [
            (
                "_ZN7annulus4core13Core$LT$R$GT$4turn17h9df07e513c514e65E",
                "annulus::core::Core<R>::turn",
            ),
            (
                "annulus::core::turn::h9df07e513c514e65",
                "annulus::core::turn",
            ),
            ("do_syscall_64+0x71", "do_syscall_64"),
            ("io_cqring_wait+1679", "io_cqring_wait"),
            ("thread_start.llvm.3643936799275306673", "thread_start"),
            ("<A as Add+B>::hold", "<A as Add+B>::hold"),
            ("[u8; 4]", "[u8: 4]"),
        ] {
            assert_eq!(name(symbol), shown);
        }
    }

    #[test]
    fn what_starts_annulus_is_left_out() {
        for (chain, shown) in [
            (
                "send <annulus::Core>::turn annulus_echo::run main",
                "annulus_echo::run <annulus::Core>::turn send",
            ),
            ("send main", "main send"),
        ] {
            let chain: Vec<_> = chain.split(' ').map(str::to_owned).collect();
            let frames: Vec<_> = of_interest(&chain).collect();
            assert_eq!(frames.join(" "), shown);
        }
    }
}
