//! Handing packets to threads: what a completion port does, whatever a packet is.
//!
//! Built on `super::sync` and `super::waiters` alone: the loom tests put other types there.

use super::sync::{AtomicBool, Deadline, Ordering, fence, spin};
use super::waiters::{Waiters, Woken};

/// A queue that any number of threads put into and take from.
pub(super) trait Packets {
    type Packet;

    fn push(&self, packet: Self::Packet);
    fn pop(&self) -> Option<Self::Packet>;
    fn is_empty(&self) -> bool;
}

/// A completion port had no packet, or took none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// There was no packet in time, or as many threads run as may (`WAIT_TIMEOUT`).
    #[error("no packet came to the completion port in time")]
    TimedOut,
    /// The port is closed (`ERROR_ABANDONED_WAIT_0`).
    #[error("the completion port is closed")]
    Closed,
}

/// # The wake-up
///
/// At rest it never holds that there is a packet, a thread that waits, and a permit for it. Three
/// things can bring this about: a packet is posted, a thread begins to wait, a permit comes back.
/// Whoever does one of these looks at the rest afterwards, with a sequentially consistent fence
/// in between, so the last one to come sees it all, and wakes a thread.
///
/// A thread that is woken has a permit. It finds a packet, or finds that another thread was
/// faster; then it waits again, which gives the permit back and looks. A thread whose time is
/// over just as it is woken does the same and does not wait: no wake-up is lost with it.
pub(super) struct Port<Q> {
    packets: Q,
    waiters: Waiters,
    closed: AtomicBool,
}

impl<Q: Packets> Port<Q> {
    pub(super) fn new(packets: Q, permits: u32) -> Self {
        Port {
            packets,
            waiters: Waiters::new(permits),
            closed: AtomicBool::new(false),
        }
    }

    /// Puts a packet in and wakes a thread for it, if one waits that may run.
    pub(super) fn post(&self, packet: Q::Packet) -> Result<(), PortError> {
        if self.is_closed() {
            return Err(PortError::Closed);
        }
        self.packets.push(packet);
        fence(Ordering::SeqCst);
        self.waiters.wake_one();
        Ok(())
    }

    /// The next packet. `running` says whether the calling thread has a permit, before and after.
    pub(super) fn get(
        &self,
        running: &mut bool,
        deadline: Deadline,
    ) -> Result<Q::Packet, PortError> {
        loop {
            if let Some(packet) = self.try_get(running) {
                return Ok(packet);
            }
            if self.is_closed() {
                // All are let go, so nobody waits for a permit.
                return self.packets.pop().ok_or(PortError::Closed);
            }
            if deadline.has_passed() {
                self.leave(running);
                return Err(PortError::TimedOut);
            }
            if !(*running && spin(|| !self.packets.is_empty())) {
                *running = self.wait(*running, deadline);
            }
        }
    }

    /// Takes a packet that is there, if the thread has a permit or can have one.
    fn try_get(&self, running: &mut bool) -> Option<Q::Packet> {
        if !*running {
            *running = !self.packets.is_empty() && self.waiters.try_enter();
        }
        if *running { self.take() } else { None }
    }

    /// Takes a packet that is there, for a thread that has a permit.
    pub(super) fn take(&self) -> Option<Q::Packet> {
        self.packets.pop()
    }

    /// Gives the permit back, if the thread is running, and waits for a reason to look again;
    /// returns whether that came with a permit.
    fn wait(&self, running: bool, deadline: Deadline) -> bool {
        let place = self.waiters.begin(running);
        // What is there may be for another thread that waits, or for this one.
        self.look();
        if self.is_closed() && self.waiters.give_up(place) {
            return false;
        }
        self.waiters.wait(place, deadline) == Woken::Permitted
    }

    /// Gives the permit back, if the thread has one.
    pub(super) fn leave(&self, running: &mut bool) {
        if *running {
            *running = false;
            self.waiters.leave();
            self.look();
        }
    }

    /// Wakes a thread if there is something for it. To be called after one has begun to wait, and
    /// after a permit came back.
    fn look(&self) {
        fence(Ordering::SeqCst);
        if !self.packets.is_empty() {
            self.waiters.wake_one();
        }
    }

    /// Takes no more packets, and lets all threads go that wait.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // Pairs with the fence in `look`: a thread that does not see the port closed after that
        // is among those that wait.
        fence(Ordering::SeqCst);
        self.waiters.dismiss_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn has_packets(&self) -> bool {
        !self.packets.is_empty()
    }
}
