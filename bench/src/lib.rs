//! What the benchmarks of annulus measure: the two sides of the protocol joined by two buffers,
//! and whole engines joined by a simulated network. Neither knows a clock or a socket, so the same
//! work is done each time: criterion times it, `bench/instructions` counts its instructions.
#![forbid(unsafe_code)]

mod pair;
mod simulated;

pub use pair::Pair;
pub use simulated::Simulated;
