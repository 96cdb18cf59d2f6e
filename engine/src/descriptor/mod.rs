//! A file descriptor that is readable while something holds.

mod level;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use rustix::event::{EventfdFlags, eventfd};

use self::level::Level;

/// What the level is built from. The loom tests put other types in its place: see
/// `tests/descriptor_races.rs`.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU32, Ordering, fence};
}

/// An eventfd that follows a condition of its owner; made when it is first asked for.
///
/// After each change of the condition its owner calls [`follow`](Descriptor::follow).
#[derive(Debug)]
pub(crate) struct Descriptor {
    level: Level,
    eventfd: OnceLock<Arc<OwnedFd>>,
}

impl Descriptor {
    pub(crate) fn new() -> Self {
        Descriptor {
            level: Level::absent(),
            eventfd: OnceLock::new(),
        }
    }

    /// The descriptor, made if need be, and brought in line with `holds`.
    pub(crate) fn get(&self, holds: impl Fn() -> bool) -> io::Result<Arc<OwnedFd>> {
        if self.eventfd.get().is_none() {
            let made = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
            // Another thread may have been faster; then its descriptor is the one.
            let _ = self.eventfd.set(Arc::new(made));
            self.level.begin();
        }
        self.follow(holds);
        Ok(Arc::clone(self.eventfd()))
    }

    /// Makes the descriptor readable if `holds`, unreadable if not.
    ///
    /// The change itself must be sequentially consistent, or followed by such a fence. A change
    /// to "does not hold" need not be: then the descriptor may stay readable, until the one who
    /// finds it so comes to look.
    pub(crate) fn follow(&self, holds: impl Fn() -> bool) {
        if !self.level.is_absent() {
            self.follow_present(holds);
        }
    }

    #[cold]
    fn follow_present(&self, holds: impl Fn() -> bool) {
        self.level.follow(holds, |readable| {
            if readable {
                // The counter is far from its end: it is zero.
                let _ = rustix::io::write(&**self.eventfd(), &1_u64.to_ne_bytes());
            } else {
                // Cannot fail: the counter is one.
                let _ = rustix::io::read(&**self.eventfd(), &mut [0; 8]);
            }
        });
    }

    fn eventfd(&self) -> &Arc<OwnedFd> {
        self.eventfd
            .get()
            .expect("the level is present only with the descriptor")
    }
}
