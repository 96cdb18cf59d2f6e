//! A queue for any number of threads that does not allocate while it is short.

use std::sync::{Mutex, PoisonError};

use crossbeam_queue::{ArrayQueue, SegQueue};

/// A queue with any number of producers and consumers, of any length.
///
/// Pushing never blocks and never fails, and does not allocate while the preallocated part has
/// room; beyond that a segmented queue takes over. The order of each producer is kept.
/// Both sides are lock-free, except that consumers take turns at what did not fit into the
/// preallocated part.
pub(crate) struct Queue<T> {
    ring: ArrayQueue<T>,
    overflow: SegQueue<T>,
    /// Held by the consumer that takes from the overflow.
    overflow_turn: Mutex<()>,
}

impl<T> Queue<T> {
    /// `len` entries are preallocated.
    pub(crate) fn new(len: usize) -> Self {
        Queue {
            ring: ArrayQueue::new(len.max(1)),
            overflow: SegQueue::new(),
            overflow_turn: Mutex::new(()),
        }
    }

    /// Puts a value in.
    pub(crate) fn push(&self, value: T) {
        // A producer whose earlier value overflowed must not overtake it, so it stays with the
        // overflow until the consumers have emptied that.
        if !self.overflow.is_empty() {
            self.overflow.push(value);
        } else if let Err(value) = self.ring.push(value) {
            self.overflow.push(value);
        }
    }

    /// The next value.
    pub(crate) fn pop(&self) -> Option<T> {
        match self.ring.pop() {
            Some(value) => Some(value),
            None if self.overflow.is_empty() => None,
            None => self.pop_overflow(),
        }
    }

    /// The next value, where the ring was empty and the overflow was not.
    #[cold]
    fn pop_overflow(&self) -> Option<T> {
        let _turn = self
            .overflow_turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.overflow.is_empty() {
            return self.ring.pop();
        }
        // What stands first in the overflow stays there while this thread has the turn. Its
        // producer put it there after everything of its own that went into the ring, so it is
        // next once the ring is seen empty.
        self.ring.pop().or_else(|| self.overflow.pop())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.overflow.is_empty()
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
