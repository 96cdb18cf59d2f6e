//! What the benchmarks of annulus measure: the two sides of the protocol joined by two buffers, and
//! whole engines joined by a simulated network or by loopback. The first two know neither a clock
//! nor a socket, so the same work is done each time: criterion times it, `bench/instructions`
//! counts its instructions.
#![forbid(unsafe_code)]

mod client;
mod loopback;
mod over_kernel;
mod pair;
mod simulated;

pub use loopback::{Loopback, LoopbackClient};
pub use over_kernel::OverKernel;
pub use pair::Pair;
pub use simulated::Simulated;
