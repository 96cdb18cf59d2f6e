//! Instruction counts of the paths of a call, under valgrind, against a committed reference; and
//! which of these instructions lock, against the same.
//!
//! A count says what was executed, whatever else runs on the machine, so it can gate where a clock
//! cannot. It depends on the compiler, on the C library (which copies memory and allocates), and on
//! the processor that valgrind imitates; the reference names all three. Elsewhere the counts are
//! not comparable, and the check says so instead of passing.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cargo;
use crate::locked::{self, Locked, LockedByOperation};
use crate::packages::{self, Unavailable};
use crate::session::Session;

/// The reference counts, from the root of the checkout.
const REFERENCE: &str = "bench/instructions/reference.json";

/// The function whose inclusive instructions are counted; see `bench/instructions/src/count.rs`.
const COUNTED: &str = "--toggle-collect=instructions::count::counted*";

/// The operations that are whole calls over the kernel's ring, and of how many.
const WHOLE_CALLS: [(&str, u64); 2] = [("kernel/1x1", 1), ("kernel/16x16", 256)];

/// What an operation may cost more than in the reference, in percent.
const TOLERANCE_PERCENT: u64 = 2;

/// Instructions that never count as a change: where an operation has few, the compiler's choice of
/// a register is more than [`TOLERANCE_PERCENT`].
const TOLERANCE_MIN: u64 = 2;

/// Instructions per operation, by the operation's name.
type Counts = BTreeMap<String, u64>;

/// What was counted of all operations.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    instructions: Counts,
    /// Those that lock, of all operations of a run together; nothing of what has none.
    locked: LockedByOperation,
}

/// Compares the counts of this checkout with the reference.
///
/// # Errors
///
/// [`Unavailable`] if valgrind is missing or the counts are not comparable here; any other error if
/// an operation became dearer, or has no reference.
pub(crate) fn check(session: &Session<'_>) -> Result<String> {
    packages::require_programs(session, &["valgrind"])?;
    let path = session.workspace.root.join(REFERENCE);
    let reference = Reference::read(&path)?;
    let here = Circumstances::here(session)?;
    if let Some(difference) = reference.circumstances.difference(&here) {
        return Err(Unavailable {
            what: format!("the reference counts are of another toolchain: {difference}"),
            remedy: "cargo xtask bench-check --accept on the commit before the change, then \
                     cargo xtask bench-check on the change"
                .to_owned(),
        }
        .into());
    }
    let counted = measure(session)?;
    let dearness = verdict(&reference.counted.instructions, &counted.instructions);
    let locking = locked::verdict(&reference.counted.locked, &counted.locked);
    match (dearness, locking) {
        (Ok(dearness), Ok(locking)) => Ok(format!("{}; {locking}", dearness.trim_end())),
        (Err(dearness), Err(locking)) => bail!("{dearness:#}\n    {locking:#}"),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// Locked instructions per call of both sides over the kernel's ring: the most of [`WHOLE_CALLS`].
///
/// # Errors
///
/// [`Unavailable`] if valgrind is missing; any other error if they cannot be counted.
pub(crate) fn locked_per_call(session: &Session<'_>) -> Result<f64> {
    packages::require_programs(session, &["valgrind"])?;
    let instructions = Instructions::build(session)?;
    let per_call = |&(name, calls): &(&str, u64)| {
        let counted = instructions.count(session, name)?;
        let locked: u64 = counted.locked.values().sum();
        Ok(locked as f64 / (instructions.operations * calls) as f64)
    };
    let all: Vec<f64> = WHOLE_CALLS.iter().map(per_call).collect::<Result<_>>()?;
    Ok(all.into_iter().fold(0.0, f64::max))
}

/// Makes the counts of this checkout the reference.
///
/// # Errors
///
/// If they cannot be taken or written.
pub(crate) fn accept(session: &Session<'_>) -> Result<String> {
    packages::require_programs(session, &["valgrind"])?;
    let path = session.workspace.root.join(REFERENCE);
    let before = Reference::read(&path).map(|reference| reference.counted.instructions);
    let reference = Reference {
        circumstances: Circumstances::here(session)?,
        counted: measure(session)?,
    };
    fs::write(&path, reference.to_json()?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let counts = &reference.counted.instructions;
    let table = Changes::between(&before.unwrap_or_default(), counts).to_string();
    Ok(format!("{} counts in {REFERENCE}{table}", counts.len()))
}

/// What counts depend on beside the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Circumstances {
    rustc: String,
    libc: String,
    valgrind: String,
    /// Whether valgrind imitates a processor with AVX2: it does where it runs on one.
    avx2: bool,
}

impl Circumstances {
    fn here(session: &Session<'_>) -> Result<Self> {
        let line = |program: &str, arguments: &[&str]| -> Result<String> {
            let said = session.query(Command::new(program).args(arguments))?;
            Ok(said.lines().next().unwrap_or_default().trim().to_owned())
        };
        let processor = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
        Ok(Circumstances {
            rustc: line("rustc", &["--version"])?,
            libc: line("getconf", &["GNU_LIBC_VERSION"])?,
            valgrind: line("valgrind", &["--version"])?,
            avx2: processor.split_whitespace().any(|flag| flag == "avx2"),
        })
    }

    /// What makes counts taken here and there incomparable, if anything.
    fn difference(&self, here: &Self) -> Option<String> {
        let told = |avx2| if avx2 { "with AVX2" } else { "without AVX2" };
        [
            (self.rustc.as_str(), here.rustc.as_str()),
            (&self.libc, &here.libc),
            (&self.valgrind, &here.valgrind),
            (told(self.avx2), told(here.avx2)),
        ]
        .into_iter()
        .find(|(then, now)| then != now)
        .map(|(then, now)| format!("they were taken with {then}, here is {now}"))
    }
}

/// The committed counts.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    circumstances: Circumstances,
    counted: Counted,
}

impl Reference {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!(
                "there is no {}; `cargo xtask bench-check --accept` makes it",
                path.display()
            )
        })?;
        Reference::parse(&text).with_context(|| format!("cannot make sense of {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let with = &value["taken_with"];
        let word = |name: &str| {
            let word = with[name].as_str().map(str::to_owned);
            word.with_context(|| format!("there is no text `taken_with.{name}`"))
        };
        let object = |name: &str| {
            let object = value.get(name).cloned();
            object.with_context(|| format!("there is no object `{name}`"))
        };
        Ok(Reference {
            circumstances: Circumstances {
                rustc: word("rustc")?,
                libc: word("libc")?,
                valgrind: word("valgrind")?,
                avx2: with["avx2"].as_bool().context("`taken_with.avx2`")?,
            },
            counted: Counted {
                instructions: serde_json::from_value(object("instructions")?)?,
                locked: serde_json::from_value(object("locked")?)?,
            },
        })
    }

    fn to_json(&self) -> Result<String> {
        let Circumstances {
            rustc,
            libc,
            valgrind,
            avx2,
        } = &self.circumstances;
        let value = json!({
            "taken_with": { "rustc": rustc, "libc": libc, "valgrind": valgrind, "avx2": avx2 },
            "instructions": self.counted.instructions,
            "locked": self.counted.locked,
        });
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }
}

/// Counts every operation.
fn measure(session: &Session<'_>) -> Result<Counted> {
    let instructions = Instructions::build(session)?;
    let mut counted = Counted::default();
    for name in &instructions.names {
        let run = instructions.count(session, name)?;
        if !locked::is_over_kernel(name) {
            let each = run.instructions / instructions.operations;
            counted.instructions.insert(name.clone(), each);
        }
        if !run.locked.is_empty() {
            counted.locked.insert(name.clone(), run.locked);
        }
    }
    Ok(counted)
}

/// The program that does the operations.
struct Instructions {
    program: PathBuf,
    names: Vec<String>,
    /// How many operations of a name each run counts.
    operations: u64,
}

/// What one run of an operation executed.
struct Executed {
    instructions: u64,
    locked: Locked,
}

impl Instructions {
    fn build(session: &Session<'_>) -> Result<Self> {
        let program = cargo::build_program(session, "annulus-bench-instructions", "instructions")?;
        let listed = session.query(Command::new(&program).arg("list"))?;
        let mut lines = listed.lines();
        Ok(Instructions {
            operations: lines
                .next()
                .and_then(|line| line.parse().ok())
                .context("`instructions list` does not begin with a number")?,
            names: lines.map(str::to_owned).collect(),
            program,
        })
    }

    /// One run of the operation `name`.
    fn count(&self, session: &Session<'_>, name: &str) -> Result<Executed> {
        let out = session.scratch().join("callgrind.out");
        let mut command = Command::new("valgrind");
        command
            .args(["--tool=callgrind", COUNTED])
            .args(locked::CALLGRIND_OPTIONS)
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(&self.program)
            .args(["run", name])
            // Symbols that are looked up at their first use are looked up before anything is
            // counted.
            .env("LD_BIND_NOW", "1");
        session.run(&mut command)?;
        let written = fs::read_to_string(&out).context("valgrind has written no counts")?;
        let counted = || format!("valgrind counted nothing of {name}");
        Ok(Executed {
            instructions: total(&written).with_context(counted)?,
            locked: locked::count(&written).with_context(counted)?,
        })
    }
}

/// The total of what callgrind wrote; `None` if that is nothing.
fn total(written: &str) -> Option<u64> {
    let line = |key| written.lines().find_map(|line| line.strip_prefix(key));
    let total: u64 = line("totals:")
        .or_else(|| line("summary:"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    (total > 0).then_some(total)
}

/// What was seen; an error if an operation became dearer or comes from nowhere.
fn verdict(reference: &Counts, counts: &Counts) -> Result<String> {
    ensure!(!counts.is_empty(), "nothing was counted");
    let unknown: Vec<_> = counts
        .keys()
        .filter(|name| !reference.contains_key(*name))
        .chain(reference.keys().filter(|name| !counts.contains_key(*name)))
        .map(String::as_str)
        .collect();
    ensure!(
        unknown.is_empty(),
        "the reference and the operations differ in {}; `cargo xtask bench-check --accept` and \
         commit {REFERENCE}",
        unknown.join(", ")
    );
    let changes = Changes::between(reference, counts);
    let dearer = changes.dearer();
    if !dearer.0.is_empty() {
        bail!(
            "{} of {} operations became dearer:{dearer}\n    if that is worth it: \
             `cargo xtask bench-check --accept`, and say why in the commit",
            dearer.0.len(),
            counts.len()
        );
    }
    let hint = match changes.cheaper().0.len() {
        0 => String::new(),
        cheaper => format!(
            "    {cheaper} became cheaper by more than {TOLERANCE_PERCENT} %: with the reference as it \
             is, they may become as dear as before unnoticed; `cargo xtask bench-check --accept`\n"
        ),
    };
    Ok(match changes.0.len() {
        0 => format!("{} operations, none changed", counts.len()),
        changed => format!(
            "{} operations, {changed} changed:{changes}{hint}",
            counts.len()
        ),
    })
}

/// What an operation of so many instructions may cost more or less.
fn tolerance(count: u64) -> u64 {
    (count * TOLERANCE_PERCENT / 100).max(TOLERANCE_MIN)
}

/// Operations whose count differs: name, before, after.
struct Changes<'a>(Vec<(&'a str, u64, u64)>);

impl<'a> Changes<'a> {
    fn between(before: &Counts, after: &'a Counts) -> Self {
        let change = |(name, &now): (&'a String, &u64)| {
            let then = *before.get(name)?;
            (then != now).then_some((name.as_str(), then, now))
        };
        Changes(after.iter().filter_map(change).collect())
    }

    /// Those that cost more than is tolerated.
    fn dearer(&self) -> Changes<'a> {
        self.filtered(|then, now| now > then + tolerance(then))
    }

    /// Those that cost less than before by more than the tolerance.
    fn cheaper(&self) -> Changes<'a> {
        self.filtered(|then, now| now + tolerance(then) < then)
    }

    fn filtered(&self, is_wanted: impl Fn(u64, u64) -> bool) -> Changes<'a> {
        let wanted = |&&(_, then, now): &&(_, u64, u64)| is_wanted(then, now);
        Changes(self.0.iter().filter(wanted).copied().collect())
    }
}

impl fmt::Display for Changes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &(name, then, now) in &self.0 {
            let percent = (now as f64 / then as f64 - 1.0) * 100.0;
            write!(f, "\n    {name:<32} {then:>9} -> {now:>9}  {percent:+.1} %")?;
        }
        f.write_char(if self.0.is_empty() { ' ' } else { '\n' })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts<const N: usize>(counts: [(&str, u64); N]) -> Counts {
        counts.map(|(name, count)| (name.to_owned(), count)).into()
    }

    fn circumstances() -> Circumstances {
        Circumstances {
            rustc: "rustc 1.95.0".to_owned(),
            libc: "glibc 2.36".to_owned(),
            valgrind: "valgrind-3.19.0".to_owned(),
            avx2: true,
        }
    }

    #[test]
    fn an_operation_that_became_dearer_fails_and_is_named_with_both_counts() {
        let reference = counts([("a", 1000), ("b", 1000), ("c", 20)]);
        let error = verdict(&reference, &counts([("a", 1021), ("b", 1020), ("c", 22)]));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("1 of 3 operations"), "{error}");
        assert!(error.contains("1000 ->      1021  +2.1 %"), "{error}");
        assert!(!error.contains("1020"), "{error}");
    }

    #[test]
    fn one_that_became_cheaper_or_stayed_passes_and_is_shown() {
        let reference = counts([("a", 1000), ("b", 7)]);
        assert_eq!(
            verdict(&reference, &reference).unwrap(),
            "2 operations, none changed"
        );
        let seen = verdict(&reference, &counts([("a", 500), ("b", 7)])).unwrap();
        assert!(
            seen.contains("1 changed") && seen.contains("-50.0 %"),
            "{seen}"
        );
    }

    #[test]
    fn what_became_much_cheaper_asks_for_a_new_reference() {
        let reference = counts([("a", 1000), ("b", 1000), ("c", 20)]);
        let hint = "--accept";
        let seen = verdict(&reference, &counts([("a", 979), ("b", 980), ("c", 17)])).unwrap();
        assert!(
            seen.contains("2 became cheaper") && seen.contains(hint),
            "{seen}"
        );
        let seen = verdict(&reference, &counts([("a", 980), ("b", 980), ("c", 18)])).unwrap();
        assert!(!seen.contains(hint), "{seen}");
    }

    #[test]
    fn operations_without_a_reference_and_references_without_an_operation_fail() {
        let reference = counts([("old", 1)]);
        let error = verdict(&reference, &counts([("new", 1)])).unwrap_err();
        assert!(error.to_string().contains("new, old"), "{error}");
        assert!(verdict(&reference, &Counts::new()).is_err());
    }

    #[test]
    fn the_reference_survives_its_file() {
        let reference = Reference {
            circumstances: circumstances(),
            counted: Counted {
                instructions: counts([("ndr/encode", 12), ("engine/1x1", 3456)]),
                locked: [("engine/1x1".to_owned(), counts([("pop", 16)]))].into(),
            },
        };
        let text = reference.to_json().unwrap();
        assert_eq!(Reference::parse(&text).unwrap(), reference);
    }

    #[test]
    fn counts_of_another_toolchain_are_not_compared() {
        let here = circumstances();
        assert_eq!(here.difference(&here), None);
        let mut there = here.clone();
        there.rustc = "rustc 1.94.0".to_owned();
        let told = there.difference(&here).unwrap();
        assert!(told.contains("1.94.0") && told.contains("1.95.0"), "{told}");
        let mut there = here.clone();
        there.avx2 = false;
        assert!(there.difference(&here).unwrap().contains("without AVX2"));
    }

    #[test]
    fn the_total_is_read_where_callgrind_writes_it() {
        assert_eq!(
            total("version: 1\nsummary: 4711\nfn=(1) x\ntotals: 4711\n"),
            Some(4711)
        );
        assert_eq!(total("summary: 0\ntotals: 0\n"), None);
        assert_eq!(total("version: 1\n"), None);
    }
}
