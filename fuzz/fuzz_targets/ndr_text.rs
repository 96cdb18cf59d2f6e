//! Strings against the standard library: see `annulus_ndr_checks::text`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| annulus_ndr_checks::text(input));
