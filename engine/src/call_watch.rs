//! What the two sides of a deferred call share: whether it is open, and whether its client still
//! wants it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::status::Status;

/// The call is open: neither completed nor aborted.
const OPEN: u64 = 1;
/// Its client has cancelled it, in whichever way.
const CANCELLED: u64 = 2;
/// Its client is gone.
const DISCONNECTED: u64 = 4;
const FLAGS: u64 = u32::MAX as u64;

/// Shared by the core that answers a deferred call and by whoever completes it; used again for
/// call after call.
///
/// The core writes what it hears of the client; any thread reads.
pub(crate) struct CallWatch {
    /// Flags in the low half; in the high half the number of the call, which tells it from those
    /// that used this watch before.
    word: AtomicU64,
}

impl CallWatch {
    pub(crate) fn new() -> Self {
        CallWatch {
            word: AtomicU64::new(0),
        }
    }

    /// Begins the next call; returns its number.
    pub(crate) fn begin(&self) -> u32 {
        let serial = ((self.word.load(Ordering::Relaxed) >> 32) as u32).wrapping_add(1);
        let word = u64::from(serial) << 32 | OPEN;
        self.word.store(word, Ordering::Release);
        serial
    }

    /// The call is over.
    pub(crate) fn end(&self) {
        self.word.fetch_and(!FLAGS, Ordering::Release);
    }

    /// The client cancels the call.
    pub(crate) fn cancel(&self) {
        self.word.fetch_or(CANCELLED, Ordering::Release);
    }

    /// The client is gone.
    pub(crate) fn disconnect(&self) {
        self.word.fetch_or(DISCONNECTED, Ordering::Release);
    }

    /// How the call of this number stands, in the words of rule 25: cancelled is
    /// [`Status::Ok`].
    pub(crate) fn test_cancel(&self, serial: u32) -> Status {
        // Acquire: what its client did before it cancelled is visible to whoever learns of it.
        let word = self.word.load(Ordering::Acquire);
        if word >> 32 != u64::from(serial) || word & OPEN == 0 {
            Status::NoCallActive
        } else if word & (CANCELLED | DISCONNECTED) != 0 {
            Status::Ok
        } else {
            Status::CallInProgress
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_25_test_cancel_tells_cancelled_running_and_over_apart() {
        let watch = CallWatch::new();
        let first = watch.begin();
        assert_eq!(watch.test_cancel(first), Status::CallInProgress);
        watch.cancel();
        assert_eq!(watch.test_cancel(first), Status::Ok);
        watch.end();
        assert_eq!(watch.test_cancel(first), Status::NoCallActive);
        let second = watch.begin();
        assert_eq!(watch.test_cancel(second), Status::CallInProgress);
        assert_eq!(watch.test_cancel(first), Status::NoCallActive, "stale");
        watch.disconnect();
        assert_eq!(watch.test_cancel(second), Status::Ok, "nobody waits for it");
    }
}
