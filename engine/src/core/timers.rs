//! What a core does later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use annulus_protocol::Time;
use annulus_transports::SocketId;

use crate::status::Status;
use crate::table::Key;

/// What a timer does when its time has come.
pub(crate) enum Timer {
    /// Looks at a connection's deadlines. The serial number tells a later connection of the
    /// same socket id apart.
    Connection { socket: SocketId, serial: u64 },
    /// Runs a closure of a manager routine; for a deferred call, if that is still open.
    Run {
        call: Option<Key>,
        run: Box<dyn FnOnce() + Send>,
    },
    /// Ends the draining of a core that shuts down.
    DrainEnds,
}

/// The timers of one core, soonest first.
///
/// A binary heap: it stays allocated, and only rare things are in it (connections that are in
/// the middle of something, delayed replies), never one entry a call.
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    serial: u64,
    /// Entries at which those of calls that are gone are cleared out.
    purge_at: usize,
    len_max: usize,
}

/// Fewer entries than this are not worth clearing out.
const PURGE_MIN: usize = 1024;

struct Entry {
    due: Time,
    /// Makes timers that are due at the same time run in the order in which they were set.
    serial: u64,
    timer: Timer,
}

impl Timers {
    /// Closures are refused beyond `len_max` timers; a core's own timers never are.
    pub(crate) fn new(len_max: usize) -> Self {
        Timers {
            heap: BinaryHeap::new(),
            serial: 0,
            purge_at: PURGE_MIN,
            len_max,
        }
    }

    pub(crate) fn add(&mut self, due: Time, timer: Timer) {
        self.serial += 1;
        self.heap.push(Reverse(Entry {
            due,
            serial: self.serial,
            timer,
        }));
    }

    /// Adds a closure. `is_open` tells whether a deferred call still is; the closures of those
    /// that are not are dropped from time to time, so that they cannot pile up.
    pub(crate) fn add_run(
        &mut self,
        due: Time,
        call: Option<Key>,
        run: Box<dyn FnOnce() + Send>,
        is_open: impl Fn(Key) -> bool,
    ) -> Result<(), Status> {
        if self.heap.len() >= self.purge_at {
            self.heap.retain(|Reverse(entry)| match entry.timer {
                Timer::Run {
                    call: Some(call), ..
                } => is_open(call),
                _ => true,
            });
            self.purge_at = (self.heap.len() * 2).clamp(PURGE_MIN, self.len_max.max(PURGE_MIN));
        }
        if self.heap.len() >= self.len_max {
            return Err(Status::ServerTooBusy);
        }
        self.add(due, Timer::Run { call, run });
        Ok(())
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(entry)| entry.due)
    }

    /// The next timer whose time has come.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.timer)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.serial) == (other.due, other.serial)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.serial).cmp(&(other.due, other.serial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_run_when_they_are_due_and_in_order() {
        let mut timers = Timers::new(10);
        let at = |socket| Timer::Connection {
            socket: SocketId(socket),
            serial: 0,
        };
        timers.add(Time::from_nanos(20), at(3));
        timers.add(Time::from_nanos(10), at(1));
        timers.add(Time::from_nanos(10), at(2));
        assert_eq!(timers.next_due(), Some(Time::from_nanos(10)));
        assert!(timers.pop_due(Time::from_nanos(9)).is_none());
        let mut order = Vec::new();
        while let Some(Timer::Connection { socket, .. }) = timers.pop_due(Time::from_nanos(20)) {
            order.push(socket.0);
        }
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn closures_of_calls_that_are_gone_make_room() {
        let mut timers = Timers::new(2 * PURGE_MIN);
        let call = Some(Key::from_bits(1));
        for _ in 0..20 * PURGE_MIN {
            timers
                .add_run(Time::ZERO, call, Box::new(|| {}), |_| false)
                .unwrap();
            assert!(timers.heap.len() <= PURGE_MIN + 1);
        }
    }

    #[test]
    fn closures_beyond_the_limit_are_refused() {
        let mut timers = Timers::new(3);
        let call = Some(Key::from_bits(1));
        let mut add = || timers.add_run(Time::ZERO, call, Box::new(|| {}), |_| true);
        assert_eq!([add(), add(), add()], [Ok(()); 3]);
        assert_eq!(add(), Err(Status::ServerTooBusy));
    }
}
