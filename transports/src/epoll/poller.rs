//! The epoll instance: who is ready.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::error::TransportError;
use crate::kernel::{KernelWait, Tag};

/// Events that one call takes; more wait in the kernel for the next one.
const EVENTS_MAX: usize = 256;

/// Waiting is in whole milliseconds from this on.
const MILLISECOND: Duration = Duration::from_millis(1);

/// Longest wait of one call, far below what its number of milliseconds can tell.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// An epoll instance, and the events that it told of last.
pub(super) struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
    system_calls: u64,
}

impl Poller {
    pub(super) fn new() -> Result<Self, TransportError> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)
            .map_err(|errno| TransportError::Socket(errno.into()))?;
        Ok(Poller {
            epoll,
            events: Vec::with_capacity(EVENTS_MAX),
            system_calls: 0,
        })
    }

    /// Begins to tell of a descriptor's events, until it is closed.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, tag: Tag, interest: EventFlags) -> io::Result<()> {
        let data = EventData::new_u64(tag.to_bits());
        Ok(epoll::add(&self.epoll, fd, data, interest)?)
    }

    /// Changes which events of a descriptor are told. Those that are there are told again.
    ///
    /// # Panics
    ///
    /// The descriptor was not added.
    pub(super) fn modify(&mut self, fd: BorrowedFd<'_>, tag: Tag, interest: EventFlags) {
        self.count_system_call();
        let data = EventData::new_u64(tag.to_bits());
        epoll::modify(&self.epoll, fd, data, interest)
            .expect("a registered descriptor takes another interest");
    }

    /// Tells no more events of a descriptor.
    ///
    /// # Errors
    ///
    /// The descriptor was not added.
    pub(super) fn remove(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.count_system_call();
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Takes the events that are there, and waits for one if told to.
    ///
    /// May return early, without an event: a wait is made of as many milliseconds as fit, which
    /// costs one call, and only if nothing came in that time of the rest, which costs two. So
    /// timers are as exact as the kernel's, and what comes before them is told by one call.
    pub(super) fn wait(&mut self, wait: KernelWait) -> Result<(), TransportError> {
        const NO: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match wait {
            KernelWait::No => self.take(Some(&NO)),
            KernelWait::Forever => self.take(None),
            KernelWait::For(duration) if duration < MILLISECOND => {
                self.await_any(timespec(duration))?;
                self.take(Some(&NO))
            }
            KernelWait::For(duration) => {
                let millis = duration.min(WAIT_MAX).as_millis() as u64;
                self.take(Some(&timespec(Duration::from_millis(millis))))
            }
        }
    }

    /// The descriptor that is readable while there are events.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// How many events [`wait`](Poller::wait) has taken.
    pub(super) fn event_count(&self) -> usize {
        self.events.len()
    }

    /// One of these events.
    pub(super) fn event(&self, index: usize) -> (Tag, EventFlags) {
        let Event { flags, data, .. } = self.events[index];
        (Tag::from_bits(data.u64()), flags)
    }

    /// Counts a system call that the ring makes on one of its sockets.
    pub(super) fn count_system_call(&mut self) {
        self.system_calls += 1;
    }

    /// System calls made so far, except for those of a socket's or listener's beginning and end.
    pub(super) fn system_calls(&self) -> u64 {
        self.system_calls
    }

    fn take(&mut self, timeout: Option<&Timespec>) -> Result<(), TransportError> {
        self.count_system_call();
        self.events.clear();
        let buffer = spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, buffer, timeout) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(broken("epoll_wait", errno)),
        }
    }

    /// Waits for any event, without taking it.
    fn await_any(&mut self, timeout: Timespec) -> Result<(), TransportError> {
        self.count_system_call();
        let mut fds = [PollFd::from_borrowed_fd(self.epoll.as_fd(), PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(broken("ppoll", errno)),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs() as i64,
        tv_nsec: duration.subsec_nanos().into(),
    }
}

fn broken(call: &'static str, errno: Errno) -> TransportError {
    TransportError::RingBroken {
        call,
        source: errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;
    use crate::kernel::Generation;

    const TAG: Tag = Tag {
        kind: 7,
        generation: Generation::FIRST,
        index: 8,
    };

    #[test]
    fn a_wait_is_as_long_as_its_nanoseconds_or_milliseconds_say() {
        let mut poller = Poller::new().unwrap();
        for (asked, least) in [
            (Duration::from_nanos(300_500), Duration::from_nanos(300_500)),
            (Duration::from_micros(2_900), Duration::from_millis(2)),
        ] {
            let start = Instant::now();
            poller.wait(KernelWait::For(asked)).unwrap();
            assert!(start.elapsed() >= least, "{asked:?}");
            assert_eq!(poller.event_count(), 0);
        }
        // The part in milliseconds leaves the rest to the next call, instead of a round number.
        assert_eq!(poller.system_calls(), 3);
    }

    #[test]
    fn an_event_ends_either_kind_of_wait() {
        let mut poller = Poller::new().unwrap();
        let fd = eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
        poller.add(fd.as_fd(), TAG, EventFlags::IN).unwrap();
        for wait in [
            KernelWait::No,
            KernelWait::For(Duration::from_micros(999)),
            KernelWait::For(Duration::from_secs(1 << 40)),
            KernelWait::Forever,
        ] {
            poller.wait(wait).unwrap();
            assert_eq!(poller.event_count(), 1);
            assert_eq!(poller.event(0), (TAG, EventFlags::IN));
        }
    }
}
