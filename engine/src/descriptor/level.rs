//! Making something follow a condition that threads change at any time.
//!
//! Built on `super::sync` alone: the loom tests put other types there.

use super::sync::{AtomicU32, Ordering, fence};

/// Nothing follows yet.
const ABSENT: u32 = 0;
const LOW: u32 = 1;
const HIGH: u32 = 2;
/// One thread is making it follow, and looks again when it has.
const SETTLING: u32 = 3;

/// Whether what follows is high or low.
///
/// Threads that make it follow at once leave the work to one of them. Whoever finds it as it
/// should be does nothing.
#[derive(Debug)]
pub(super) struct Level(AtomicU32);

impl Level {
    /// Nothing follows before [`begin`](Level::begin).
    pub(super) fn absent() -> Self {
        Level(AtomicU32::new(ABSENT))
    }

    /// From now on something follows. It is low now.
    pub(super) fn begin(&self) {
        self.change(ABSENT, LOW);
    }

    /// Sequentially consistent together with [`begin`](Level::begin).
    pub(super) fn is_absent(&self) -> bool {
        self.0.load(Ordering::SeqCst) == ABSENT
    }

    /// Calls `apply` until what follows is high if the condition `holds`, low if not.
    pub(super) fn follow(&self, holds: impl Fn() -> bool, apply: impl Fn(bool)) {
        loop {
            // A thread that changes the condition does that first and reads the level then. A
            // thread that has settled the level writes that first and reads the condition then.
            // With a fence in between at least one of the two sees the other.
            fence(Ordering::SeqCst);
            let settled = self.0.load(Ordering::Acquire);
            if settled == ABSENT || settled == SETTLING || (settled == HIGH) == holds() {
                return;
            }
            if self.change(settled, SETTLING) {
                let high = settled == LOW;
                apply(high);
                // Release: pairs with the next change to `SETTLING`, whose `apply` comes later.
                self.0
                    .store(if high { HIGH } else { LOW }, Ordering::Release);
            }
        }
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }
}
