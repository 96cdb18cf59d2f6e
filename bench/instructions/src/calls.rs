//! Whole calls.

use annulus_bench::{OverKernel, Pair, Simulated};

use crate::Operation;
use crate::count::count;

pub(crate) const OPERATIONS: &[Operation] = &[
    ("protocol/one_call", || protocol(1, 40)),
    ("protocol/16_calls_in_one_piece", || protocol(16, 40)),
    ("protocol/one_call_of_64k", || protocol(1, 65_536)),
    ("engine/1x1", || engine(1, 1, 32)),
    ("engine/16x16", || engine(16, 16, 32)),
    ("engine/1x4_of_64k", || engine(1, 4, 65_536)),
    ("kernel/1x1", || kernel(1, 1)),
    ("kernel/16x16", || kernel(16, 16)),
];

/// Through both sides of the protocol, without an engine; `stub_len` bytes each way.
fn protocol(calls: u64, stub_len: usize) {
    let mut pair = Pair::new();
    let stub = vec![7; stub_len];
    count(|| pair.call(calls, &stub));
}

/// Through client and server, stubs included. What the simulated network does is counted too.
fn engine(connections: usize, outstanding: u64, payload: usize) {
    let mut simulated = Simulated::new(connections, outstanding, payload);
    count(|| simulated.call());
}

/// The same over the kernel's ring. How often each side looks for work hangs on the kernel, so only
/// what they may lock is compared, and not how much they do.
fn kernel(connections: usize, outstanding: u64) {
    let mut pair = OverKernel::new(connections, outstanding, 32);
    println!("client and server run over {}", pair.ring_name());
    count(|| pair.call());
}
