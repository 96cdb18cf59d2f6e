//! Locked instructions on the way of a call: what atomic operations cost a core, and locks with
//! them, whoever else wants them.
//!
//! callgrind tells the address of each instruction that was executed. The bytes there say whether
//! it locks: it has the prefix `lock`, or is an exchange with memory, which locks without one
//! (Intel SDM, volume 2, `LOCK` and `XCHG`). Full fences are counted with them: compilers write
//! them as a locked instruction.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};
use object::{Architecture, Object, ObjectSegment};

use crate::flamegraph::frames;

/// What callgrind is told, so that it writes what [`executed`] reads.
pub(crate) const CALLGRIND_OPTIONS: [&str; 3] = [
    "--dump-instr=yes",
    "--compress-strings=no",
    "--compress-pos=no",
];

/// Where the simulated network is, which two threads may share, so it locks. What it executes is
/// not counted: over the kernel's network nothing stands in its place.
const SIMULATION: &str = "annulus_transports::sim::";

/// The functions that may lock in any operation, and why they do. How often each does so in which
/// operation is in the reference.
const MAY_LOCK: [(&str, &str); 4] = [
    (
        "crossbeam_queue::array_queue::ArrayQueue<T>::pop",
        "a value is taken from a queue that threads share",
    ),
    (
        "crossbeam_queue::array_queue::ArrayQueue<T>::push_or_else",
        "a value is put into a queue that threads share",
    ),
    (
        "annulus::completion_port::CompletionPort::post",
        "a fence stands between the packet and the look for a thread that waits",
    ),
    (
        "instructions::queues::inbox::{{closure}}",
        "a fence stands between the command and the look for a core that sleeps (`Inbox::push`)",
    ),
];

/// What the names of operations over the kernel's ring begin with.
const OVER_KERNEL: &str = "kernel/";

/// Whether no two runs of an operation need execute the same.
pub(crate) fn is_over_kernel(operation: &str) -> bool {
    operation.starts_with(OVER_KERNEL)
}

/// How often locked instructions were executed, by the function that they are in.
pub(crate) type Locked = BTreeMap<String, u64>;

/// The same, by operation.
pub(crate) type LockedByOperation = BTreeMap<String, Locked>;

/// What locks in what callgrind has written of a run.
///
/// # Errors
///
/// If that cannot be made sense of, or is of a processor other than x86-64.
pub(crate) fn count(profile: &str) -> Result<Locked> {
    let mut programs = BTreeMap::new();
    let mut locked = Locked::new();
    for Executed {
        program,
        function,
        address,
        times,
    } in executed(profile)?
    {
        if function.contains(SIMULATION) {
            continue;
        }
        let code = match programs.entry(program) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Code::read(program)?),
        };
        if is_locked(code.at(address).with_context(|| {
            format!("{program} has no code at {address:#x}, where {function} was executed")
        })?) {
            *locked.entry(frames::name(function)).or_default() += times;
        }
    }
    Ok(locked)
}

/// What locks as it did in the reference; an error if anything locks more often, or something else
/// does.
pub(crate) fn verdict(reference: &LockedByOperation, now: &LockedByOperation) -> Result<String> {
    let (mut more, mut fewer) = (String::new(), false);
    for (operation, locked) in now {
        let before = reference.get(operation);
        for (function, &times) in locked {
            let then = before.and_then(|before| before.get(function)).copied();
            let then = then.unwrap_or_default();
            let is_explained = MAY_LOCK.iter().any(|(known, _)| known == function);
            if times > then || !is_explained {
                write!(more, "\n    {operation}: {function}: {then} -> {times}")?;
            }
            if !is_explained {
                more.push_str(", and MAY_LOCK in xtask/src/locked.rs does not say why");
            }
            fewer |= times < then;
        }
    }
    ensure!(
        more.is_empty(),
        "there is more that locks than the reference says (in all operations of a run):{more}\n    \
         if no call can do without: `cargo xtask bench-check --accept`, and say why in the commit"
    );
    let functions = |of: &LockedByOperation| of.values().map(Locked::len).sum::<usize>();
    fewer |= functions(now) < functions(reference);
    Ok(if fewer {
        "less locks than in the reference: `cargo xtask bench-check --accept` keeps it so"
            .to_owned()
    } else {
        "nothing locks that did not before".to_owned()
    })
}

/// An instruction that was executed.
struct Executed<'a> {
    /// The file that it is in.
    program: &'a str,
    function: &'a str,
    /// Where the file wants it in memory.
    address: u64,
    times: u64,
}

/// What was executed, as callgrind writes it with [`CALLGRIND_OPTIONS`]: the lines `ob=` and `fn=`
/// hold for all that follow, each of which has an address, a line of source and a count. The one
/// after `calls=` has the cost of what was called, which is told by its own lines too.
fn executed(profile: &str) -> Result<Vec<Executed<'_>>> {
    let (mut program, mut function) = ("", "");
    let mut all = Vec::new();
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("ob=") {
            program = name;
        } else if let Some(name) = line.strip_prefix("fn=") {
            function = name;
        } else if line.starts_with("calls=") {
            lines.next();
        } else if let Some(cost) = line.strip_prefix("0x") {
            let broken = || format!("callgrind is not understood: {line:?}");
            let words: Vec<_> = cost.split_whitespace().collect();
            let [address, _line, times] = words[..] else {
                anyhow::bail!(broken());
            };
            all.push(Executed {
                program,
                function,
                address: u64::from_str_radix(address, 16).with_context(broken)?,
                times: times.parse().with_context(broken)?,
            });
        }
    }
    ensure!(!all.is_empty(), "callgrind tells no instruction");
    Ok(all)
}

/// What a file puts at which address.
struct Code(Vec<(u64, Vec<u8>)>);

impl Code {
    fn read(program: &str) -> Result<Self> {
        let data = fs::read(program).with_context(|| format!("cannot read {program:?}"))?;
        let file = object::File::parse(&*data).with_context(|| program.to_owned())?;
        ensure!(
            file.architecture() == Architecture::X86_64,
            "{program} is for {:?}, and only instructions of x86-64 are told apart here",
            file.architecture()
        );
        let segments = file.segments();
        let code = segments.map(|segment| Ok((segment.address(), segment.data()?.to_vec())));
        Ok(Code(code.collect::<Result<_>>()?))
    }

    /// What begins at `address`.
    fn at(&self, address: u64) -> Option<&[u8]> {
        self.0.iter().find_map(|(start, bytes)| {
            let offset = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(offset..).filter(|code| !code.is_empty())
        })
    }
}

/// Whether the instruction at the start of `code` locks.
fn is_locked(code: &[u8]) -> bool {
    const LOCK: u8 = 0xf0;
    // Intel SDM, volume 2, 2.1.1: operand and address size, repetition, segments.
    let is_prefix = |byte: &&u8| {
        matches!(
            **byte,
            LOCK | 0x66 | 0x67 | 0xf2 | 0xf3 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65
        )
    };
    let prefixes = code.iter().take_while(is_prefix).count();
    if code[..prefixes].contains(&LOCK) {
        return true;
    }
    let is_rex = |byte: &u8| byte & 0xf0 == 0x40;
    let opcode = match &code[prefixes..] {
        [rex, rest @ ..] if is_rex(rex) => rest,
        rest => rest,
    };
    // XCHG, and the two bits of ModRM that say that both operands are registers.
    matches!(opcode, [0x86 | 0x87, modrm, ..] if modrm >> 6 != 0b11)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_locks_is_told_by_its_bytes() {
        for locked in [
            &[0xf0, 0x83, 0x4c, 0x24, 0xc0, 0x00][..], // lock or dword [rsp-64], 0
            &[0xf0, 0x41, 0x0f, 0xb1, 0x4f, 0x10],     // lock cmpxchg [r15+16], ecx
            &[0x66, 0xf0, 0x0f, 0xc1, 0x07],           // lock xadd [rdi], ax
            &[0xf0, 0x66, 0x0f, 0xc1, 0x07],           // the same
            &[0x87, 0x03],                             // xchg [rbx], eax
            &[0x86, 0x48, 0x10],                       // xchg [rax+16], cl
            &[0x64, 0x48, 0x87, 0x04, 0x25],           // xchg fs:[…], rax
        ] {
            assert!(is_locked(locked), "{locked:x?}");
        }
        for unlocked in [
            &[0x48, 0x87, 0xd8][..],         // xchg rax, rbx
            &[0x90],                         // nop
            &[0x0f, 0xb1, 0x0f],             // cmpxchg [rdi], ecx
            &[0x48, 0x8b, 0x05, 0xf0, 0x00], // mov rax, [rip+…]: the byte is no prefix
            &[0xf3, 0xa4],                   // rep movsb
            &[0xc5, 0xfe, 0x6f, 0x87, 0xf0], // vmovdqu ymm0, […]
            &[0x0f, 0x87, 0x01],             // ja
        ] {
            assert!(!is_locked(unlocked), "{unlocked:x?}");
        }
    }

    #[test]
    fn what_is_called_counts_where_it_is_executed() {
        let profile = "\
# callgrind format
summary: 20

ob=/bin/own
fl=???
fn=annulus::turn
0x1000 0 16
0x1004 0 16
cob=/lib/other
cfl=???
cfn=other
calls=16 0x10
0x1004 0 160

ob=/lib/other
fl=???
fn=other
0x10 7 160
totals: 20
";
        let executed = executed(profile).unwrap();
        let told: Vec<_> = executed
            .iter()
            .map(|it| (it.program, it.function, it.address, it.times))
            .collect();
        assert_eq!(
            told,
            [
                ("/bin/own", "annulus::turn", 0x1000, 16),
                ("/bin/own", "annulus::turn", 0x1004, 16),
                ("/lib/other", "other", 0x10, 160),
            ]
        );
        assert!(super::executed("summary: 0\n").is_err());
        assert!(super::executed("fn=x\n0x1000 0\n").is_err());
    }

    #[test]
    fn code_is_read_where_the_file_wants_it() {
        let code = Code(vec![(0x1000, vec![1, 2]), (0x3000, vec![3])]);
        assert_eq!(code.at(0x1001), Some(&[2][..]));
        assert_eq!(code.at(0x3000), Some(&[3][..]));
        for nowhere in [0xfff, 0x1002, 0x3001] {
            assert_eq!(code.at(nowhere), None);
        }
    }

    fn locked(operation: &str, function: &str, times: u64) -> LockedByOperation {
        let locked = Locked::from([(function.to_owned(), times)]);
        LockedByOperation::from([(operation.to_owned(), locked)])
    }

    #[test]
    fn these_may_lock_and_no_others() {
        let [(pop, _), (push, _), ..] = MAY_LOCK;
        let reference = locked("engine/1x1", pop, 16);
        let told = verdict(&reference, &reference).unwrap();
        assert_eq!(told, "nothing locks that did not before");
        for (operation, function, times, told) in [
            ("engine/1x1", pop, 17, "16 -> 17"),
            ("engine/1x1", push, 1, "0 -> 1"),
            ("pdu/parse", pop, 16, "0 -> 16"),
            ("engine/1x1", "annulus::Core::turn", 1, "MAY_LOCK"),
            ("kernel/1x1", pop, 1, "0 -> 1"),
        ] {
            let now = locked(operation, function, times);
            let error = verdict(&reference, &now).unwrap_err().to_string();
            assert!(
                error.contains(operation) && error.contains(function),
                "{error}"
            );
            assert!(error.contains(told), "{error}");
        }
        for now in [locked("engine/1x1", pop, 15), LockedByOperation::new()] {
            assert!(verdict(&reference, &now).unwrap().contains("--accept"));
        }
    }
}
