//! Who waits for a time to come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;
use std::time::Duration;

use annulus_protocol::Time;

use crate::table::{Key, Table};

/// The futures of one core that wait for time to pass.
///
/// A future that is dropped takes its entry out of the table at once; what that leaves in the heap
/// is cleared out when it is most of it.
pub(crate) struct Sleeps {
    sleepers: Table<Sleeper>,
    /// Due time, order of arming, sleeper.
    due: BinaryHeap<Reverse<(Time, u64, u64)>>,
    /// Not armed yet: their time counts from the end of the poll in which they began.
    fresh: Vec<(Key, Duration)>,
    serial: u64,
}

struct Sleeper {
    /// `None` once its time has come.
    waker: Option<Waker>,
}

/// Heaps smaller than this are not worth clearing out.
const CLEAR_MIN: usize = 64;

impl Sleeps {
    pub(crate) fn new() -> Self {
        Sleeps {
            sleepers: Table::new(u32::MAX as usize),
            due: BinaryHeap::new(),
            fresh: Vec::new(),
            serial: 0,
        }
    }

    /// Begins a sleep. It is armed by the next [`arm`](Sleeps::arm).
    pub(crate) fn begin(&mut self, delay: Duration, waker: Waker) -> Key {
        let sleeper = Sleeper { waker: Some(waker) };
        let Ok(key) = self.sleepers.insert(sleeper) else {
            unreachable!("more sleepers than memory can hold");
        };
        self.fresh.push((key, delay));
        key
    }

    /// Whether there are sleeps to arm.
    pub(crate) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Gives new sleeps their time, from `now` on.
    pub(crate) fn arm(&mut self, now: Time) {
        for (key, delay) in self.fresh.drain(..) {
            self.serial += 1;
            self.due
                .push(Reverse((now + delay, self.serial, key.to_bits())));
        }
        if self.due.len() >= CLEAR_MIN && self.due.len() / 2 > self.sleepers.len() {
            let sleepers = &self.sleepers;
            self.due
                .retain(|Reverse((_, _, key))| sleepers.contains(Key::from_bits(*key)));
        }
    }

    /// Whether a sleep is over; otherwise `waker` is woken when it is.
    pub(crate) fn poll(&mut self, key: Key, waker: &Waker) -> bool {
        match self.sleepers.get_mut(key) {
            Some(Sleeper { waker: Some(old) }) => {
                old.clone_from(waker);
                false
            }
            _ => true,
        }
    }

    /// Takes a sleep out, whether its time has come or not. The waker may be foreign code to
    /// drop.
    #[must_use]
    pub(crate) fn end(&mut self, key: Key) -> Option<Waker> {
        self.sleepers.remove(key)?.waker
    }

    /// Takes everything out.
    #[must_use]
    pub(crate) fn end_all(&mut self) -> Vec<Waker> {
        self.due.clear();
        self.fresh.clear();
        self.sleepers
            .drain()
            .filter_map(|sleeper| sleeper.waker)
            .collect()
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.due.peek().map(|Reverse((due, _, _))| *due)
    }

    /// The waker of the next sleep whose time has come.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Waker> {
        while self.next_due().is_some_and(|due| due <= now) {
            let Reverse((_, _, key)) = self.due.pop()?;
            if let Some(sleeper) = self.sleepers.get_mut(Key::from_bits(key))
                && let Some(waker) = sleeper.waker.take()
            {
                return Some(waker);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    #[test]
    fn sleeps_are_over_when_their_time_has_come_and_not_before() {
        let mut sleeps = Sleeps::new();
        let long = sleeps.begin(Duration::from_nanos(20), Waker::noop().clone());
        let short = sleeps.begin(Duration::from_nanos(10), Waker::noop().clone());
        assert_eq!(sleeps.next_due(), None, "not armed yet");
        sleeps.arm(at(100));
        assert_eq!(sleeps.next_due(), Some(at(110)));
        assert!(sleeps.pop_due(at(109)).is_none());
        assert!(sleeps.pop_due(at(110)).is_some());
        assert!(sleeps.poll(short, Waker::noop()) && !sleeps.poll(long, Waker::noop()));
        assert!(sleeps.end(long).is_some() && sleeps.end(short).is_none());
        assert!(sleeps.pop_due(at(120)).is_none(), "nobody waits any more");
    }

    #[test]
    fn sleeps_that_were_given_up_do_not_pile_up() {
        let mut sleeps = Sleeps::new();
        for _ in 0..10_000 {
            let key = sleeps.begin(Duration::from_secs(1), Waker::noop().clone());
            sleeps.arm(Time::ZERO);
            drop(sleeps.end(key));
            assert!(sleeps.due.len() <= CLEAR_MIN);
        }
    }
}
