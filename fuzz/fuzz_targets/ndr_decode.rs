//! Any bytes as any construct: see `annulus_ndr_checks::decode`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| annulus_ndr_checks::decode(input));
