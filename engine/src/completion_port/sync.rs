//! What the port is built from. The loom tests put other types in its place: see
//! `tests/completion_port_races.rs`.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

pub(super) use crate::futex::Deadline;

/// A word that threads wait for.
#[derive(Debug, Default)]
pub(super) struct Word(AtomicU32);

impl Word {
    pub(super) fn load(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn store(&self, value: u32) {
        self.0.store(value, Ordering::SeqCst);
    }

    pub(super) fn change(&self, from: u32, to: u32) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// Waits while the word holds `expected`; may also return early.
    pub(super) fn park(&self, expected: u32, deadline: Deadline) {
        crate::futex::wait(&self.0, expected, deadline);
    }

    pub(super) fn unpark(&self) {
        crate::futex::wake(&self.0, 1);
    }
}

/// Rounds of spinning, each twice as long as the one before.
const SPIN_ROUNDS: u32 = 6;
/// Further rounds, in which other threads may run.
const YIELD_ROUNDS: u32 = 4;

/// Looks for a short while whether `found`, so that a thread need not park and be woken.
pub(super) fn spin(found: impl Fn() -> bool) -> bool {
    let spinning = (0..SPIN_ROUNDS).any(|round| {
        (0..1 << round).for_each(|_| std::hint::spin_loop());
        found()
    });
    spinning
        || (0..YIELD_ROUNDS).any(|_| {
            std::thread::yield_now();
            found()
        })
}

const FIRST_CHUNK_LEN: usize = 16;
const CHUNKS: usize = 12;

/// A table that grows while threads use it, and never moves what is in it.
///
/// The chunks double in length, so an index leads to its place without a search.
pub(super) struct Slots<T> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T: Default> Slots<T> {
    /// One more than the largest index.
    pub(super) const LEN_MAX: u32 = (FIRST_CHUNK_LEN * ((1 << CHUNKS) - 1)) as u32;

    pub(super) fn new() -> Self {
        Slots {
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }

    /// The entry at `index`, made if need be together with its neighbours.
    pub(super) fn get(&self, index: u32) -> &T {
        let index = index as usize + FIRST_CHUNK_LEN;
        let chunk = (index / FIRST_CHUNK_LEN).ilog2() as usize;
        let first = FIRST_CHUNK_LEN << chunk;
        let entries = self.chunks[chunk].get_or_init(|| (0..first).map(|_| T::default()).collect());
        &entries[index - first]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_has_a_place_of_its_own() {
        let slots = Slots::<AtomicU32>::new();
        for index in 0..1_000 {
            slots.get(index).store(index, Ordering::Relaxed);
        }
        for index in 0..1_000 {
            assert_eq!(slots.get(index).load(Ordering::Relaxed), index);
        }
        slots.get(Slots::<AtomicU32>::LEN_MAX - 1);
    }
}
