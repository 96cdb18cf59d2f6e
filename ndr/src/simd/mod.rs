//! Vector code: copying and swapping the bytes of arrays of numbers, and UTF-16 to and from UTF-8.
//!
//! The only module of this crate with `unsafe` in it. What the processor can do beyond the
//! baseline of its architecture is asked at run time. Every function has a twin in plain Rust,
//! which runs where there are no such instructions and is the oracle of the tests.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod copy;
mod numbers;
mod utf16;

pub(crate) use copy::append;
pub(crate) use numbers::{collect, read_array};
pub(crate) use utf16::{has_nul, to_utf8, to_utf16, utf16_len};
