//! Any text is a definition or is refused: see the check, whose seeds a test of `idl` replays.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../idl/tests/seeds/check.rs"]
mod check;

fuzz_target!(|input: &[u8]| check::idl(input));
