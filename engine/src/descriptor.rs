//! A file descriptor that is readable while something holds.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::sync::{Arc, OnceLock};

use rustix::event::{EventfdFlags, eventfd};

/// Nobody has asked for the descriptor.
const ABSENT: u32 = 0;
const UNREADABLE: u32 = 1;
const READABLE: u32 = 2;
/// One thread is making the descriptor follow.
const SETTLING: u32 = 3;
/// So it is, and must look once more.
const SETTLING_AGAIN: u32 = 4;

/// An eventfd that follows a condition of its owner; made when it is first asked for.
///
/// After each change of the condition its owner calls [`follow`](Descriptor::follow). Threads
/// that do so at once leave the work to one of them, which looks again for as long as others
/// come. Whoever finds the descriptor as it should be makes no system call.
#[derive(Debug)]
pub(crate) struct Descriptor {
    level: AtomicU32,
    eventfd: OnceLock<Arc<OwnedFd>>,
}

impl Descriptor {
    pub(crate) const fn new() -> Self {
        Descriptor {
            level: AtomicU32::new(ABSENT),
            eventfd: OnceLock::new(),
        }
    }

    /// The descriptor, made if need be, and brought in line with `holds`.
    pub(crate) fn get(&self, holds: impl Fn() -> bool) -> io::Result<Arc<OwnedFd>> {
        if self.eventfd.get().is_none() {
            let made = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
            // Another thread may have been faster; then its descriptor is the one.
            let _ = self.eventfd.set(Arc::new(made));
            let _ = self.level.compare_exchange(
                ABSENT,
                UNREADABLE,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
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
        if self.level.load(Ordering::SeqCst) != ABSENT {
            self.follow_present(holds);
        }
    }

    #[cold]
    fn follow_present(&self, holds: impl Fn() -> bool) {
        loop {
            // A thread that changes the condition does that first and reads the level then. A
            // thread that settles the level writes that first and reads the condition then.
            // With a fence in between at least one of the two sees the other.
            fence(Ordering::SeqCst);
            match self.level.load(Ordering::Acquire) {
                SETTLING_AGAIN => return,
                SETTLING => {
                    if self.change(SETTLING, SETTLING_AGAIN) {
                        return;
                    }
                }
                settled => {
                    if (settled == READABLE) == holds() {
                        return;
                    }
                    if self.change(settled, SETTLING) {
                        self.settle(&holds);
                    }
                }
            }
        }
    }

    fn settle(&self, holds: impl Fn() -> bool) {
        loop {
            // As in `follow`: a thread that did not see `SETTLING` is seen here.
            fence(Ordering::SeqCst);
            let readable = holds();
            if readable {
                // The counter is far from its end: it is raised once for each time that it is
                // emptied, and then by those that look again.
                let _ = rustix::io::write(&**self.eventfd(), &1_u64.to_ne_bytes());
            } else {
                // Fails if it is empty already.
                let _ = rustix::io::read(&**self.eventfd(), &mut [0; 8]);
            }
            if self.change(SETTLING, if readable { READABLE } else { UNREADABLE }) {
                return;
            }
            self.level.store(SETTLING, Ordering::Relaxed);
        }
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.level
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }

    fn eventfd(&self) -> &Arc<OwnedFd> {
        self.eventfd
            .get()
            .expect("the level is present only with the descriptor")
    }
}
