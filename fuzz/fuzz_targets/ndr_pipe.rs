//! A pipe that is cut anywhere: see `annulus_ndr_checks::pipe`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| annulus_ndr_checks::pipe(input));
