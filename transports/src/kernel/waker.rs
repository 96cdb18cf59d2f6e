//! Waking a ring from other threads.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::event::EventfdFlags;

use crate::error::TransportError;
use crate::ring::RingWaker;

/// The ring runs; a wake-up only leaves its mark.
const AWAKE: u8 = 0;
/// The ring waits in the kernel, or is about to; a wake-up must signal the eventfd.
const WAITING: u8 = 1;
/// A wake-up is pending; more of them change nothing.
const NOTIFIED: u8 = 2;

/// Wakes a ring over the kernel from any thread.
///
/// While the ring's thread runs, a wake-up is one atomic exchange; the system call is made only
/// when the thread waits in the kernel, and only by the first of several wakers.
#[derive(Clone, Debug)]
pub struct KernelWaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: AtomicU8,
    eventfd: OwnedFd,
}

impl KernelWaker {
    pub(crate) fn new() -> Result<Self, TransportError> {
        let eventfd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| TransportError::Socket(errno.into()))?;
        Ok(KernelWaker {
            shared: Arc::new(Shared {
                state: AtomicU8::new(AWAKE),
                eventfd,
            }),
        })
    }

    /// The descriptor that becomes readable by a wake-up. Nobody reads it: it is polled for
    /// edges, and its counter would take 2⁶⁴ wake-ups to fill.
    pub(crate) fn eventfd(&self) -> BorrowedFd<'_> {
        self.shared.eventfd.as_fd()
    }

    /// The ring is about to wait. Returns false if a wake-up is pending; it is then consumed,
    /// and the ring must not wait.
    ///
    /// All transitions are read-modify-writes of one variable, so either the waker's exchange
    /// comes first and this sees `NOTIFIED`, or this comes first and the waker sees `WAITING`
    /// and signals. Acquire pairs with the release of [`wake`](RingWaker::wake): what the waker
    /// did before (pushed into an inbox) is visible after.
    pub(crate) fn begin_wait(&self) -> bool {
        let waits =
            self.shared
                .state
                .compare_exchange(AWAKE, WAITING, Ordering::AcqRel, Ordering::Acquire);
        if waits.is_err() {
            self.shared.state.swap(AWAKE, Ordering::AcqRel);
        }
        waits.is_ok()
    }

    /// The ring no longer waits. Returns whether it was woken; the wake-up is consumed. Acquire
    /// as in [`begin_wait`](KernelWaker::begin_wait).
    pub(crate) fn end_wait(&self) -> bool {
        self.shared.state.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }
}

impl RingWaker for KernelWaker {
    fn wake(&self) {
        // Release pairs with the acquires of `begin_wait` and `end_wait`.
        if self.shared.state.swap(NOTIFIED, Ordering::AcqRel) == WAITING {
            // The only failure of a non-blocking eventfd is a full counter, and then it is
            // readable already.
            let _ = rustix::io::write(self.shared.eventfd.as_fd(), &1_u64.to_ne_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(waker: &KernelWaker) -> u64 {
        let mut bytes = [0; 8];
        match rustix::io::read(waker.shared.eventfd.as_fd(), &mut bytes) {
            Ok(_) => u64::from_ne_bytes(bytes),
            Err(_) => 0,
        }
    }

    #[test]
    fn a_running_ring_costs_its_waker_no_system_call() {
        let waker = KernelWaker::new().unwrap();
        waker.wake();
        waker.wake();
        assert_eq!(signals(&waker), 0);
        assert!(
            !waker.begin_wait(),
            "the pending wake-up must stop the wait"
        );
        assert!(waker.begin_wait(), "and is consumed by that");
    }

    #[test]
    fn a_waiting_ring_is_signalled_once() {
        let waker = KernelWaker::new().unwrap();
        assert!(waker.begin_wait());
        waker.wake();
        waker.wake();
        assert_eq!(signals(&waker), 1);
        assert!(waker.end_wait());
        assert!(!waker.end_wait());
    }
}
