//! Telling of completions to those who wait elsewhere.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use super::queue::Queue;
use crate::kernel::KernelWaker;

/// A descriptor that is readable once there is something to do for a ring over io_uring.
///
/// The ring's own descriptor would not do: as completions are posted by `enter` alone, it tells of
/// none. A registered eventfd tells of those that are to be posted, but not of those that another
/// eventfd causes, as the wake-ups of the ring are: the kernel does not let one eventfd signal
/// another at once. So this is an epoll instance that watches both, for edges: nobody reads them.
pub(super) struct Signal {
    either: OwnedFd,
    /// The ring signals it as long as it is open.
    _completions: OwnedFd,
}

impl Signal {
    pub(super) fn new(queue: &Queue, waker: &KernelWaker) -> io::Result<Self> {
        let completions = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let either = epoll::create(CreateFlags::CLOEXEC)?;
        for fd in [completions.as_fd(), waker.eventfd()] {
            let interest = EventFlags::IN | EventFlags::ET;
            epoll::add(&either, fd, EventData::new_u64(0), interest)?;
        }
        // Last, because a ring takes only one.
        queue.signal(completions.as_fd())?;
        Ok(Signal {
            either,
            _completions: completions,
        })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.either.as_fd()
    }

    /// Takes back what was told so far; it is to be looked for after this.
    pub(super) fn clear(&self) {
        const NO_WAIT: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let nothing = Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        // Were it to fail, the next wait would end at once.
        let _ = epoll::wait(&self.either, &mut [nothing; 2], Some(&NO_WAIT));
    }
}
