//! A queue for any number of threads that does not allocate while it is short.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_queue::{ArrayQueue, SegQueue};

use crate::lock::lock;

/// Values that a consumer moves from the overflow to the ring at once.
const REFILL_LEN: usize = 64;

/// A queue with any number of producers and consumers, of any length.
///
/// Pushing never blocks and never fails, and does not allocate while the preallocated ring has
/// room; beyond that a segmented queue takes over. The order of each producer is kept.
/// Both sides are lock-free, except that consumers take turns at moving what overflowed back
/// into the ring.
pub(crate) struct Queue<T> {
    ring: ArrayQueue<T>,
    overflow: SegQueue<T>,
    /// Values that are in the overflow, or on their way into it or out of it.
    overflow_len: AtomicUsize,
    /// The turn at taking from the overflow, and a value that was taken and found no room.
    taken: Mutex<Option<T>>,
}

impl<T> Queue<T> {
    /// `len` entries are preallocated.
    pub(crate) fn new(len: usize) -> Self {
        Queue {
            ring: ArrayQueue::new(len.max(1)),
            overflow: SegQueue::new(),
            overflow_len: AtomicUsize::new(0),
            taken: Mutex::new(None),
        }
    }

    /// Puts a value in.
    pub(crate) fn push(&self, value: T) {
        // A producer whose earlier value overflowed must not overtake it, so it stays with the
        // overflow until all of that is in the ring or out of it.
        if self.overflow_is_empty() {
            if let Err(value) = self.ring.push(value) {
                self.push_overflow(value);
            }
        } else {
            self.push_overflow(value);
        }
    }

    #[cold]
    fn push_overflow(&self, value: T) {
        self.overflow_len.fetch_add(1, Ordering::Relaxed);
        self.overflow.push(value);
    }

    /// The next value.
    pub(crate) fn pop(&self) -> Option<T> {
        let value = self.ring.pop();
        if value.is_some() || self.overflow_is_empty() {
            return value;
        }
        self.pop_overflow()
    }

    /// The next value, where the ring was empty and the overflow was not. Refills the ring.
    #[cold]
    fn pop_overflow(&self) -> Option<T> {
        let mut taken = lock(&self.taken);
        // Others may have refilled the ring before. What stands first in the overflow now stays
        // there while this thread has the turn, and its producer put everything earlier into the
        // ring, so it is next once the ring is seen empty.
        if let Some(value) = self.ring.pop() {
            return Some(value);
        }
        let first = taken.take().or_else(|| self.overflow.pop())?;
        self.overflow_left();
        for _ in 1..REFILL_LEN {
            let Some(value) = self.overflow.pop() else {
                break;
            };
            // There is room, unless producers that saw no overflow are just filling the ring.
            if let Err(value) = self.ring.push(value) {
                *taken = Some(value);
                break;
            }
            self.overflow_left();
        }
        Some(first)
    }

    /// A value from the overflow is in the ring, or out of it.
    fn overflow_left(&self) {
        // Release: pairs with the acquire in `overflow_is_empty`. Who sees the overflow empty
        // puts its values behind those that came from there.
        self.overflow_len.fetch_sub(1, Ordering::Release);
    }

    fn overflow_is_empty(&self) -> bool {
        self.overflow_len.load(Ordering::Acquire) == 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        // In this order: a value that leaves the overflow in between is in the ring.
        self.overflow_is_empty() && self.ring.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn the_order_of_a_producer_is_kept_across_the_overflow() {
        let queue = Queue::new(2);
        for value in 0..5 {
            queue.push(value);
        }
        assert_eq!(queue.pop(), Some(0));
        // Room in the preallocated part again, but 2, 3 and 4 still wait in the overflow.
        queue.push(5);
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, [1, 2, 3, 4, 5]);
        assert!(queue.is_empty());
    }

    #[test]
    fn every_consumer_sees_the_values_of_a_producer_in_order() {
        const PRODUCERS: usize = 3;
        const EACH: u32 = 20_000;
        // So short that the overflow comes and goes all the time.
        let queue = Queue::new(2);
        let received = AtomicU32::new(0);
        thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let queue = &queue;
                scope.spawn(move || (0..EACH).for_each(|value| queue.push((producer, value))));
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut last = [None; PRODUCERS];
                    while received.load(Ordering::Relaxed) < EACH * PRODUCERS as u32 {
                        let Some((producer, value)) = queue.pop() else {
                            thread::yield_now();
                            continue;
                        };
                        received.fetch_add(1, Ordering::Relaxed);
                        assert!(last[producer].replace(value) < Some(value));
                    }
                });
            }
        });
        assert!(queue.is_empty());
    }
}
