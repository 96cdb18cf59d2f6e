//! Stub data as Samba's codec writes them, decoded and encoded again: the same bytes.
//!
//! ```text
//! cargo test -p annulus-ndr-oracle --test samba -- --nocapture
//! ANNULUS_ORACLE_SEED=SEED ANNULUS_ORACLE_ROUNDS=N cargo test …     replays, widens
//! ```
//!
//! Samba's Python bindings must be there (Debian: `apt-get install python3-samba`). Where they are
//! not, only the committed vectors are checked, and under `CI=true` that is a failure.

mod exceptions;
mod judge;
mod vectors;

use std::env;

use judge::Judgement;
use vectors::Value;

/// The seed of the run that is the same each time.
const FIXED_SEED: &str = "annulus";
/// How many values of each kind a run draws, unless `ANNULUS_ORACLE_ROUNDS` says it.
const ROUNDS: u32 = 8;

/// What the project promises to compare at least.
const STRUCTURES_MIN: usize = 40;
const OPERATIONS_MIN: usize = 25;
const PROTOCOLS_MIN: usize = 5;

fn rounds() -> u32 {
    match env::var("ANNULUS_ORACLE_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("ANNULUS_ORACLE_ROUNDS is a number"),
        Err(_) => ROUNDS,
    }
}

/// Judges what Samba makes of `seed`; `None` if Samba is not there and need not be.
fn against_samba(seed: &str) -> Option<Judgement> {
    let rounds = rounds();
    println!("seed {seed}, {rounds} rounds; replay with ANNULUS_ORACLE_SEED={seed}");
    match vectors::from_samba(seed, rounds) {
        Ok(values) => Some(judge_all(&values)),
        Err(reason) => {
            let remedy = "to have it run: apt-get install -y python3-samba";
            assert!(
                env::var_os("CI").is_none_or(|ci| ci != "true"),
                "Samba's codec cannot be asked: {reason}; {remedy}"
            );
            println!("SKIPPED: Samba's codec cannot be asked: {reason}; {remedy}");
            None
        }
    }
}

fn judge_all(values: &[Value]) -> Judgement {
    let mut judgement = Judgement::default();
    for value in values {
        judgement.add(value);
    }
    println!("{judgement}");
    judgement
}

#[test]
fn the_fixed_seed_gives_samba_s_bytes() {
    let Some(judgement) = against_samba(FIXED_SEED) else {
        return;
    };
    judgement.assert_clean();
    judgement.assert_exceptions_are_needed();
    assert!(judgement.structures.len() >= STRUCTURES_MIN);
    assert!(judgement.operations.len() >= OPERATIONS_MIN);
    assert!(judgement.protocols().len() >= PROTOCOLS_MIN);
}

#[test]
fn a_fresh_seed_gives_samba_s_bytes() {
    let seed = env::var("ANNULUS_ORACLE_SEED").unwrap_or_else(|_| vectors::fresh_seed());
    if let Some(judgement) = against_samba(&seed) {
        judgement.assert_clean();
    }
}

#[test]
fn the_committed_vectors_give_samba_s_bytes() {
    let judgement = judge_all(&vectors::committed());
    judgement.assert_clean();
    assert!(judgement.operations.len() >= OPERATIONS_MIN);
    assert!(judgement.protocols().len() >= PROTOCOLS_MIN);
}

#[test]
fn every_operation_of_the_table_is_drawn() {
    let drawn: std::collections::BTreeSet<_> =
        vectors::committed().into_iter().map(|v| v.name).collect();
    for operation in annulus_ndr_oracle::OPERATIONS {
        assert!(drawn.contains(operation.name), "{}", operation.name);
    }
}
