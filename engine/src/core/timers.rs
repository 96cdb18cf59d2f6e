//! What a core does later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use annulus_protocol::Time;
use annulus_transports::SocketId;

/// What a timer does when its time has come.
pub(crate) enum Timer {
    /// Looks at a connection's deadlines. The serial number tells a later connection of the
    /// same socket id apart.
    Connection { socket: SocketId, serial: u64 },
    /// Runs a closure of a manager routine.
    Run(Box<dyn FnOnce() + Send>),
    /// Ends the draining of a core that shuts down.
    DrainEnds,
}

/// The timers of one core, soonest first.
///
/// A binary heap: it stays allocated, and only rare things are in it (connections that are in
/// the middle of something, delayed replies), never one entry a call.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    serial: u64,
}

struct Entry {
    due: Time,
    /// Makes timers that are due at the same time run in the order in which they were set.
    serial: u64,
    timer: Timer,
}

impl Timers {
    pub(crate) fn add(&mut self, due: Time, timer: Timer) {
        self.serial += 1;
        self.heap.push(Reverse(Entry {
            due,
            serial: self.serial,
            timer,
        }));
    }

    pub(crate) fn add_after(&mut self, now: Time, delay: Duration, timer: Timer) {
        self.add(now + delay, timer);
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
        let mut timers = Timers::default();
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
}
