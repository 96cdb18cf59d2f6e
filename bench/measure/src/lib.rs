//! How whatever is measured is measured: annulus' limit and its peers load their servers in the same
//! way, on the same cores, with the same clocks, and report in the same words.
//!
//! Client and server are two threads of one process, each pinned to a core. A fixed number of calls
//! is under way; each answer triggers the next call (closed loop).
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "an allocator is")]
mod allocations;
mod meter;
mod plan;
mod report;
mod side;

pub use meter::{Meter, SystemCalls};
pub use plan::Plan;
pub use report::Report;
pub use side::Side;
