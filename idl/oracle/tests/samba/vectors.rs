//! Values in their four forms, as `samba_vectors.py` prints them.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::Command;

use annulus_ndr_oracle::Form;
use serde::Deserialize;

/// Debian's own Python, the one that python3-samba is for.
const PYTHON: &str = "/usr/bin/python3";
const COMMITTED: &str = include_str!("../vectors.jsonl");

/// One value of the parameters of an operation in one direction.
#[derive(Debug)]
pub(crate) struct Value {
    /// Samba's name of the operation.
    pub(crate) name: String,
    /// Which of the operation's variants: most often the arm of a union.
    pub(crate) variant: String,
    /// Whether these are the in-parameters.
    pub(crate) is_request: bool,
    /// Samba's names of the structures in it.
    pub(crate) structures: Vec<String>,
    /// The stub data, by [`Form::ALL`].
    pub(crate) stubs: [Vec<u8>; 4],
    /// Of out-parameters: the in-parameters that they answer, in little-endian NDR.
    pub(crate) request: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Line {
    id: u64,
    name: String,
    variant: String,
    direction: String,
    ndr64: bool,
    bigendian: bool,
    hex: String,
    #[serde(default)]
    structures: Vec<String>,
}

/// What Samba makes of a seed.
///
/// # Errors
///
/// Why its codec cannot be asked.
///
/// # Panics
///
/// If it is there and the script fails all the same.
pub(crate) fn from_samba(seed: &str, rounds: u32) -> Result<Vec<Value>, String> {
    let python = |arguments: &[&str]| Command::new(PYTHON).args(arguments).output();
    let probe = python(&["-c", "import samba.ndr, samba.dcerpc.samr"])
        .map_err(|error| format!("{PYTHON}: {error}"))?;
    if !probe.status.success() {
        let said = String::from_utf8_lossy(&probe.stderr);
        return Err(said.lines().last().unwrap_or_default().to_owned());
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/samba_vectors.py");
    assert!(Path::new(script).is_file(), "{script} is missing");
    let output = python(&[script, "--seed", seed, "--rounds", &rounds.to_string()])
        .unwrap_or_else(|error| panic!("{script}: {error}"));
    assert!(
        output.status.success(),
        "{script} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// A few values that Samba 4.17 made, which are checked wherever the tests run.
pub(crate) fn committed() -> Vec<Value> {
    parse(COMMITTED)
}

/// A seed that no run has had.
pub(crate) fn fresh_seed() -> String {
    // Each RandomState has keys of its own, from the system.
    format!("{:016x}", RandomState::new().hash_one(0))
}

fn parse(lines: &str) -> Vec<Value> {
    let mut values: BTreeMap<u64, Value> = BTreeMap::new();
    for line in lines.lines() {
        let line: Line = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        let value = values.entry(line.id).or_insert_with(|| Value {
            name: line.name,
            variant: line.variant,
            is_request: line.direction == "in",
            structures: line.structures,
            stubs: Default::default(),
            request: None,
        });
        let form = Form::new(line.ndr64, line.bigendian);
        let index = Form::ALL.iter().position(|one| *one == form);
        value.stubs[index.expect("ALL has every form")] = unhex(&line.hex);
    }
    let mut values: Vec<_> = values.into_values().collect();
    // The in-parameters come before the out-parameters that answer them.
    for at in 1..values.len() {
        let (before, after) = values.split_at_mut(at);
        let (request, reply) = (&before[at - 1], &mut after[0]);
        if request.is_request && !reply.is_request {
            assert_eq!(request.name, reply.name, "a request and its reply");
            reply.request = Some(request.stubs[0].clone());
        }
    }
    values
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("hex digits are ASCII");
        u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("{pair} is not a byte in hex"))
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}
