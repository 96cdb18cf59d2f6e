//! Completion ports: a queue of completions, and the threads that work on them.

mod port;
mod sync;
mod waiters;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::ptr;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

pub use self::port::PortError;
use self::port::{Packets, Port};
use self::sync::Deadline;
use self::waiters::Waiters;
use crate::descriptor::Descriptor;
use crate::notification::Notification;
use crate::queue::Queue;

/// Packets that a port takes before it allocates.
const QUEUE_LEN: usize = 4_096;

/// A queue of completions that any number of threads work on: the counterpart of a Windows I/O
/// completion port.
///
/// Clones name the same port. Packets come out in the order in which each thread, and each core,
/// put them in. Posting makes no system call unless a thread has to be woken, getting none while
/// there are packets.
///
/// ```
/// use annulus::{CompletionPacket, CompletionPort, PortError};
/// use std::time::Duration;
///
/// let port = CompletionPort::new(1);
/// port.post(CompletionPacket::new(512, 1, 0xfeed))?;
///
/// let packet = port.get(None)?;
/// assert_eq!((packet.bytes, packet.key, packet.overlapped), (512, 1, 0xfeed));
/// assert_eq!(port.get(Some(Duration::ZERO)), Err(PortError::TimedOut));
/// # Ok::<(), PortError>(())
/// ```
///
/// # Concurrency
///
/// At most as many threads as the port's concurrency value *run*. A thread runs from a get that
/// gave it a packet until it asks for the next one, [leaves](CompletionPort::leave), gets from
/// another port, or ends. While all run that may, packets wait for one of them, even if other
/// threads wait for packets; so a port with more threads than cores does not switch between
/// them. Unlike Windows, a port does not see that a running thread blocks: such a thread leaves
/// before it does.
///
/// Of the threads that wait, the one that came last is woken first: its caches are the warmest.
/// A wait that ends without a packet leaves its place to the next one that begins.
///
/// # Closing
///
/// A port that is closed takes no more packets. Threads that wait go on; they and all others get
/// what is still there, whatever the concurrency value, then [`PortError::Closed`]. A call that
/// completes later still has its status: see
/// [`AsyncHandle::status`](crate::AsyncHandle::status).
#[derive(Clone)]
pub struct CompletionPort {
    shared: Arc<Shared>,
}

struct Shared {
    port: Port<Queue<CompletionPacket>>,
    descriptor: Descriptor,
}

/// What a completion port delivers: the numbers that were given with the call or the post,
/// unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompletionPacket {
    /// The number of bytes.
    pub bytes: u32,
    /// The completion key.
    pub key: u64,
    /// The overlapped value, of the caller's own choosing: often an index or an address.
    pub overlapped: u64,
    /// The call, and what has happened to it; none if the packet was posted by hand.
    pub notification: Option<Notification>,
}

impl CompletionPacket {
    /// A packet to be posted by hand.
    #[must_use]
    pub fn new(bytes: u32, key: u64, overlapped: u64) -> Self {
        CompletionPacket {
            bytes,
            key,
            overlapped,
            notification: None,
        }
    }
}

impl CompletionPort {
    /// A port with a concurrency value; zero stands for the number of cores that this process
    /// may use. Values above 65,535 count as that.
    #[must_use]
    pub fn new(concurrency: usize) -> Self {
        CompletionPort::with_capacity(concurrency, QUEUE_LEN)
    }

    /// As [`new`](CompletionPort::new), with room made for `packets` packets; `new` makes it for
    /// 4,096, which takes 256 KiB. A port takes more than that, but allocates for them.
    #[must_use]
    pub fn with_capacity(concurrency: usize, packets: usize) -> Self {
        let permits = match concurrency {
            0 => thread::available_parallelism().map_or(1, usize::from),
            concurrency => concurrency,
        };
        let permits = permits.min(Waiters::PERMITS_MAX as usize) as u32;
        CompletionPort {
            shared: Arc::new(Shared {
                port: Port::new(Queue::new(packets), permits),
                descriptor: Descriptor::new(),
            }),
        }
    }

    /// Puts a packet in.
    ///
    /// # Errors
    ///
    /// [`PortError::Closed`] if the port is closed; the packet is dropped. A packet that is
    /// posted just as the port is closed may be taken and never delivered.
    pub fn post(&self, packet: CompletionPacket) -> Result<(), PortError> {
        let posted = self.shared.port.post(packet);
        self.shared.follow();
        posted
    }

    /// The next packet, waiting for at most `timeout`; without one, for ever. With
    /// [`Duration::ZERO`] it does not wait.
    ///
    /// # Errors
    ///
    /// [`PortError::TimedOut`] if there is none in time. [`PortError::Closed`] if the port is
    /// closed and no packet is left.
    ///
    /// # Panics
    ///
    /// If 65,520 threads wait for the port already.
    pub fn get(&self, timeout: Option<Duration>) -> Result<CompletionPacket, PortError> {
        // A thread that runs already just takes what is there. The packet is moved no more often
        // than need be: that is a good part of what a get costs.
        if self.is_running()
            && let Some(packet) = self.shared.take()
        {
            return Ok(packet);
        }
        let packet = self.wait_for_packet(timeout);
        self.shared.follow();
        packet
    }

    /// The next packet, if there is one and this thread may run.
    ///
    /// # Errors
    ///
    /// As [`get`](CompletionPort::get).
    pub fn try_get(&self) -> Result<CompletionPacket, PortError> {
        self.get(Some(Duration::ZERO))
    }

    /// Appends the next packets to `packets`: at most `max`, and at least one, for which it waits
    /// as [`get`](CompletionPort::get) does. Returns how many.
    ///
    /// # Errors
    ///
    /// As [`get`](CompletionPort::get).
    ///
    /// # Panics
    ///
    /// If `max` is zero, and as [`get`](CompletionPort::get).
    pub fn get_batch(
        &self,
        packets: &mut Vec<CompletionPacket>,
        max: usize,
        timeout: Option<Duration>,
    ) -> Result<usize, PortError> {
        assert_ne!(max, 0, "a batch has room for a packet");
        packets.push(self.get(timeout)?);
        let len = packets.len();
        packets.extend((1..max).map_while(|_| self.shared.take()));
        Ok(1 + packets.len() - len)
    }

    /// Says that this thread does not work on the port's packets for now, for one because it is
    /// about to block: another may run in its place, until its next get.
    pub fn leave(&self) {
        if self.is_running() {
            // A thread that is ending has left already.
            let _ = RUNNING.try_with(|thread| thread.borrow_mut().leave());
        }
    }

    /// Takes no more packets and wakes all threads that wait.
    pub fn close(&self) {
        self.shared.port.close();
        self.shared.follow();
    }

    /// Whether the port was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.port.is_closed()
    }

    /// A file descriptor that is readable while there are packets, and for ever once the port is
    /// closed, for foreign event loops (epoll, tokio's `AsyncFd`, glib). It is made when first
    /// asked for; all clones of the port share it.
    ///
    /// Poll it, but never read from it or write to it. A loop that finds it readable gets
    /// packets with [`try_get`](CompletionPort::try_get) or
    /// [`get_batch`](CompletionPort::get_batch). A level-triggered loop may take as few of them
    /// as it likes; an edge-triggered one goes on until [`PortError::TimedOut`]. It may find
    /// none: another thread was faster, or as many threads run as may. A loop that polls shares
    /// the port with no other threads best, or has a concurrency value that counts it in.
    ///
    /// # Errors
    ///
    /// What the kernel answers when it cannot make an eventfd, for one when the process has too
    /// many descriptors open.
    pub fn descriptor(&self) -> io::Result<Arc<OwnedFd>> {
        self.shared.descriptor.get(|| self.shared.is_readable())
    }

    fn is_running(&self) -> bool {
        RUNS_IN.get() == Arc::as_ptr(&self.shared)
    }

    /// Gets a packet and keeps whether the thread runs since.
    fn wait_for_packet(&self, timeout: Option<Duration>) -> Result<CompletionPacket, PortError> {
        let deadline = Deadline::after(timeout);
        let port = &self.shared.port;
        let packet = RUNNING.try_with(|thread| {
            let mut thread = thread.borrow_mut();
            let was_running = self.is_running();
            if !was_running {
                thread.leave();
            }
            let mut running = was_running;
            let packet = port.get(&mut running, deadline);
            if running != was_running {
                thread.set(if running {
                    Arc::downgrade(&self.shared)
                } else {
                    Weak::new()
                });
            }
            packet
        });
        packet.unwrap_or_else(|_| {
            // The thread is ending, and would not leave later.
            let mut running = false;
            let packet = port.get(&mut running, deadline);
            port.leave(&mut running);
            packet
        })
    }
}

impl Shared {
    /// Takes a packet that is there, for a thread that runs.
    fn take(&self) -> Option<CompletionPacket> {
        let packet = self.port.take();
        self.follow();
        packet
    }

    fn follow(&self) {
        self.descriptor.follow(|| self.is_readable());
    }

    fn is_readable(&self) -> bool {
        self.port.has_packets() || self.port.is_closed()
    }
}

impl Packets for Queue<CompletionPacket> {
    type Packet = CompletionPacket;

    fn push(&self, packet: CompletionPacket) {
        Queue::push(self, packet);
    }

    fn pop(&self) -> Option<CompletionPacket> {
        Queue::pop(self)
    }

    fn is_empty(&self) -> bool {
        Queue::is_empty(self)
    }
}

impl PartialEq for CompletionPort {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for CompletionPort {}

impl fmt::Debug for CompletionPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionPort")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

thread_local! {
    static RUNNING: RefCell<Running> = const { RefCell::new(Running { port: Weak::new() }) };
    /// Where the port of `RUNNING` is, for a look at it that costs next to nothing; if there is none,
    /// where no port is. The reference there keeps the place from becoming another port's.
    static RUNS_IN: Cell<*const Shared> = const { Cell::new(ptr::null()) };
}

/// The port on whose packets a thread works.
struct Running {
    port: Weak<Shared>,
}

impl Running {
    fn set(&mut self, port: Weak<Shared>) -> Weak<Shared> {
        RUNS_IN.set(port.as_ptr());
        std::mem::replace(&mut self.port, port)
    }

    fn leave(&mut self) {
        if let Some(shared) = self.set(Weak::new()).upgrade() {
            shared.port.leave(&mut true);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::waiters::Woken;
    use super::*;

    /// Whether the wait at this place was ended, and how.
    fn wait(waiters: &Waiters, place: u32) -> Woken {
        waiters.wait(place, Deadline::Now)
    }

    #[test]
    fn the_thread_that_came_last_is_woken_first() {
        let waiters = Waiters::new(2);
        let [first, second, third] = [(); 3].map(|()| waiters.begin(false));
        waiters.wake_one();
        waiters.wake_one();
        // No permit is left.
        waiters.wake_one();
        assert_eq!(wait(&waiters, third), Woken::Permitted);
        assert_eq!(wait(&waiters, second), Woken::Permitted);
        assert!(!waiters.try_enter());
        // The second waits again and so gives its permit back.
        let second = waiters.begin(true);
        waiters.wake_one();
        assert_eq!(wait(&waiters, second), Woken::Permitted);
        assert_eq!(wait(&waiters, first), Woken::TimedOut);
    }

    #[test]
    fn a_place_that_was_left_wakes_nobody_and_is_used_again() {
        let waiters = Waiters::new(1);
        let [left, below] = [(); 2].map(|()| waiters.begin(false));
        assert!(waiters.give_up(left));
        assert_eq!(waiters.begin(false), left, "taken over");
        assert!(waiters.give_up(left));
        waiters.wake_one();
        assert_eq!(wait(&waiters, below), Woken::Permitted);
        waiters.leave();
        // Nobody waits: the permit that came with the place goes back.
        waiters.wake_one();
        assert!(waiters.try_enter());
        assert_eq!(waiters.begin(true), left);
        waiters.dismiss_all();
        assert_eq!(wait(&waiters, left), Woken::Dismissed);
    }
}
