//! What a core does later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use annulus_protocol::Time;
use annulus_transports::SocketId;

use crate::foreign::Contained;
use crate::status::Status;
use crate::table::Key;

/// What a timer does when its time has come.
pub(crate) enum Timer {
    /// Looks at a connection's deadlines. The serial number tells a later connection of the
    /// same socket id apart.
    Connection { socket: SocketId, serial: u64 },
    /// Looks at when a client call is to end.
    Call(Key),
    /// Looks at the deadlines of an association.
    Association(Key),
    /// Runs a closure of a manager routine; for a deferred call, if that is still open.
    Run {
        call: Option<Key>,
        run: Contained<Box<dyn FnOnce() + Send>>,
    },
    /// Looks whether other cores have less to do.
    Balance,
    /// Ends the draining of a core that shuts down.
    DrainEnds,
}

/// The timers of one core, soonest first.
///
/// Three binary heaps: they stay allocated, and a call has an entry only if it has a time limit
/// or its reply is delayed. What has lost its meaning, because its connection or its call is gone,
/// is cleared out once that is a good part of a heap, so clearing costs little for each thing that
/// went.
pub(crate) struct Timers {
    own: Heap,
    /// The time limits of client calls.
    calls: Heap,
    closures: Heap,
    closures_max: usize,
    serial: u64,
}

#[derive(Default)]
struct Heap {
    entries: BinaryHeap<Reverse<Entry>>,
    /// How many connections, or calls, had gone when the heap was last cleared out.
    cleared_at: u64,
}

/// Heaps smaller than this are not worth clearing out, unless they are full.
const CLEAR_MIN: usize = 1024;

struct Entry {
    due: Time,
    /// Makes timers that are due at the same time run in the order in which they were set.
    serial: u64,
    timer: Timer,
}

impl Heap {
    /// Drops the entries without meaning, if `gone` things have gone since the last time and
    /// that is a good part of the heap.
    fn clear_out(&mut self, gone: u64, len_min: usize, has_meaning: impl Fn(&Timer) -> bool) {
        let worth = (self.entries.len() / 4).max(1) as u64;
        if self.entries.len() >= len_min && gone.wrapping_sub(self.cleared_at) >= worth {
            self.cleared_at = gone;
            self.entries
                .retain(|Reverse(entry)| has_meaning(&entry.timer));
        }
    }

    fn next_due(&self) -> Option<Time> {
        self.entries.peek().map(|Reverse(entry)| entry.due)
    }
}

impl Timers {
    /// Closures are refused beyond `closures_max`; a core's own timers never are.
    pub(crate) fn new(closures_max: usize) -> Self {
        Timers {
            own: Heap::default(),
            calls: Heap::default(),
            closures: Heap::default(),
            closures_max,
            serial: 0,
        }
    }

    /// Adds a timer of the core's own. `has_meaning` tells whether what a timer is for is still
    /// there, and `gone` counts the connections that went.
    pub(crate) fn add(
        &mut self,
        due: Time,
        timer: Timer,
        gone: u64,
        has_meaning: impl Fn(&Timer) -> bool,
    ) {
        self.own.clear_out(gone, CLEAR_MIN, has_meaning);
        self.serial += 1;
        self.own.entries.push(Reverse(Entry {
            due,
            serial: self.serial,
            timer,
        }));
    }

    /// Adds a timer for the time limit of a client call. `is_open` tells whether such a call still
    /// is, and `gone` counts those that ended.
    pub(crate) fn add_call(
        &mut self,
        due: Time,
        call: Key,
        gone: u64,
        is_open: impl Fn(Key) -> bool,
    ) {
        self.calls.clear_out(gone, CLEAR_MIN, |timer| match timer {
            Timer::Call(call) => is_open(*call),
            _ => true,
        });
        self.serial += 1;
        self.calls.entries.push(Reverse(Entry {
            due,
            serial: self.serial,
            timer: Timer::Call(call),
        }));
    }

    /// Adds a closure, perhaps for a deferred call. `is_open` tells whether such a call still is,
    /// and `gone` counts those that ended.
    pub(crate) fn add_closure(
        &mut self,
        due: Time,
        call: Option<Key>,
        run: Box<dyn FnOnce() + Send>,
        gone: u64,
        is_open: impl Fn(Key) -> bool,
    ) -> Result<(), Status> {
        self.closures.clear_out(
            gone,
            CLEAR_MIN.min(self.closures_max),
            |timer| match timer {
                Timer::Run {
                    call: Some(call), ..
                } => is_open(*call),
                _ => true,
            },
        );
        if self.closures.entries.len() >= self.closures_max {
            return Err(Status::ServerTooBusy);
        }
        self.serial += 1;
        let run = Contained::new(run);
        let timer = Timer::Run { call, run };
        self.closures.entries.push(Reverse(Entry {
            due,
            serial: self.serial,
            timer,
        }));
        Ok(())
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        let heaps = [&self.own, &self.calls, &self.closures];
        heaps.into_iter().filter_map(Heap::next_due).min()
    }

    /// The next timer whose time has come.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        let heaps = [&mut self.own, &mut self.calls, &mut self.closures];
        let (_, heap) = heaps
            .into_iter()
            .filter_map(|heap| Some((heap.next_due().filter(|due| *due <= now)?, heap)))
            .min_by_key(|(due, _)| *due)?;
        heap.entries.pop().map(|Reverse(entry)| entry.timer)
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

    fn connection(socket: u32) -> Timer {
        Timer::Connection {
            socket: SocketId(socket),
            serial: 0,
        }
    }

    fn call() -> Option<Key> {
        Some(Key::from_bits(1))
    }

    #[test]
    fn timers_run_when_they_are_due_and_in_order() {
        let mut timers = Timers::new(10);
        for (due, socket) in [(20, 3), (10, 1), (10, 2)] {
            timers.add(Time::from_nanos(due), connection(socket), 0, |_| true);
        }
        timers
            .add_closure(Time::from_nanos(15), None, Box::new(|| {}), 0, |_| true)
            .unwrap();
        assert_eq!(timers.next_due(), Some(Time::from_nanos(10)));
        assert!(timers.pop_due(Time::from_nanos(9)).is_none());
        let mut order = Vec::new();
        while let Some(timer) = timers.pop_due(Time::from_nanos(20)) {
            order.push(match timer {
                Timer::Connection { socket, .. } => socket.0,
                _ => 0,
            });
        }
        assert_eq!(order, [1, 2, 0, 3]);
    }

    #[test]
    fn what_has_lost_its_meaning_does_not_pile_up() {
        let mut timers = Timers::new(usize::MAX);
        for gone in 0..20_000 {
            timers.add(Time::ZERO, connection(0), gone, |_| false);
            timers
                .add_closure(Time::ZERO, call(), Box::new(|| {}), gone, |_| false)
                .unwrap();
            assert!(
                timers.own.entries.len() <= CLEAR_MIN && timers.closures.entries.len() <= CLEAR_MIN
            );
        }
    }

    #[test]
    fn closures_beyond_the_limit_are_refused_whatever_connections_do() {
        let mut timers = Timers::new(3);
        for socket in 0..100 {
            timers.add(Time::ZERO, connection(socket), 0, |_| true);
        }
        let mut add = |gone, is_open| {
            timers.add_closure(Time::ZERO, call(), Box::new(|| {}), gone, |_| is_open)
        };
        assert_eq!([add(0, true), add(0, true), add(0, true)], [Ok(()); 3]);
        assert_eq!(add(0, true), Err(Status::ServerTooBusy));
        assert_eq!(add(1, false), Ok(()), "calls that have ended make room");
    }
}
