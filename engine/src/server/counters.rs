//! What the cores count of a server.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one core, on cache lines of their own. Only that core writes.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct CoreCounters {
    pub(crate) calls_in: Counter,
    pub(crate) packets_in: Counter,
    pub(crate) packets_out: Counter,
    /// Connections that came from the listening core.
    pub(crate) accepted: Counter,
    /// Connections that came from another core, later.
    pub(crate) arrived: Counter,
    /// Connections that have gone to another core.
    pub(crate) left: Counter,
    /// Connections that have ended here.
    pub(crate) closed: Counter,
}

impl CoreCounters {
    /// Connections at the moment; a reader of another thread may see one end before it sees it
    /// begin.
    pub(super) fn connections(&self) -> u64 {
        let gone = self.left.get() + self.closed.get();
        (self.accepted.get() + self.arrived.get()).saturating_sub(gone)
    }
}

/// A count with one writer and many readers.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds without a locked instruction, as only one thread writes.
    pub(crate) fn add(&self, count: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(count),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
