//! What the calls of one connection have received and nobody has pulled, all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::core_shared::CoreShared;

/// Bytes that were received for the in-pipes of a server connection's calls and are not pulled yet.
///
/// One request at a time arrives in pieces, and while nobody pulls it, the connection waits. But
/// requests that are shorter than a pipe may hold come whole, one behind the other, so what is
/// unpulled of all of them is bounded by refusing further ones. Holding the connection back
/// instead might wait for ever: behind such a request may come what a manager waits for before it
/// pulls, and the cancel that would end it.
///
/// A core that is full takes the next piece of a pipe when all before it has been pulled, and a
/// call of a connection that has nothing unpulled. So whoever pulls gets on, and the sums go beyond
/// their limits: that of a connection by what one pipe may hold, that of a core by a piece for each
/// connection.
pub(crate) struct Unpulled {
    core: Arc<CoreShared>,
    len: AtomicUsize,
}

impl Unpulled {
    pub(crate) fn new(core: &Arc<CoreShared>) -> Arc<Self> {
        Arc::new(Unpulled {
            core: Arc::clone(core),
            len: AtomicUsize::new(0),
        })
    }

    /// Whether one more call with in-pipes may begin.
    pub(crate) fn has_room(&self) -> bool {
        let len = self.len.load(Ordering::Relaxed);
        len == 0 || (len < self.core.limits().unpulled_len_max && !self.is_core_full())
    }

    pub(super) fn is_core_full(&self) -> bool {
        let len = self.core.unpulled_len.load(Ordering::Relaxed);
        len >= self.core.limits().unpulled_len_per_core_max
    }

    /// What counted for `before` bytes counts for `after` from now on.
    pub(super) fn change(&self, before: usize, after: usize) {
        // Both sums wrap around and back where it is less.
        let growth = after.wrapping_sub(before);
        self.len.fetch_add(growth, Ordering::Relaxed);
        self.core.unpulled_len.fetch_add(growth, Ordering::Relaxed);
    }
}
