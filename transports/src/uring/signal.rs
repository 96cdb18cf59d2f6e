//! Telling of completions to those who wait elsewhere.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};

use super::queue::Queue;
use crate::kernel::KernelWaker;

/// A descriptor that is readable once there is something to do for a ring over io_uring.
///
/// The ring's own descriptor would not do: as completions are posted by `enter` alone, it tells of
/// none. A registered eventfd tells of those that are to be posted, but not of those that another
/// eventfd causes, as the wake-ups of the ring are: the kernel does not let one eventfd signal
/// another at once. So this is an epoll instance that watches both.
pub(super) struct Signal {
    either: OwnedFd,
    completions: OwnedFd,
}

impl Signal {
    pub(super) fn new(queue: &Queue, waker: &KernelWaker) -> io::Result<Self> {
        let completions = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        queue.signal(completions.as_fd())?;
        let either = epoll::create(CreateFlags::CLOEXEC)?;
        for fd in [completions.as_fd(), waker.eventfd()] {
            epoll::add(&either, fd, EventData::new_u64(0), EventFlags::IN)?;
        }
        Ok(Signal {
            either,
            completions,
        })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.either.as_fd()
    }

    /// Takes back what was told so far.
    pub(super) fn clear(&self, waker: &KernelWaker) {
        for fd in [self.completions.as_fd(), waker.eventfd()] {
            // Fails if nothing was told.
            let _ = rustix::io::read(fd, &mut [0; 8]);
        }
    }
}
