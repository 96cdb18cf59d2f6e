//! The lock-free way into a core from other threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use crate::queue::Queue;

/// A multi-producer queue with one consumer that may sleep.
///
/// Pushing never blocks, never fails, and does not allocate while the preallocated part of the
/// [`Queue`] has room. The order of each producer is kept.
///
/// # The wake-up
///
/// The consumer announces that it is about to sleep ([`prepare_sleep`](Inbox::prepare_sleep)),
/// then looks once more at the queue. A producer pushes, then looks for that announcement. Both
/// put a sequentially consistent fence between their write and their read, so at least one of
/// the two sees the other: no command is left behind by a sleeping core, and an awake core is
/// never disturbed by a system call.
pub(crate) struct Inbox<T> {
    queue: Queue<T>,
    asleep: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
    wake_count: AtomicU64,
}

impl<T> Inbox<T> {
    /// `len` entries are preallocated; `wake` makes the sleeping consumer look.
    pub(crate) fn new(len: usize, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Inbox {
            queue: Queue::new(len),
            asleep: AtomicBool::new(false),
            wake,
            wake_count: AtomicU64::new(0),
        }
    }

    /// Puts a value in and wakes the consumer if it sleeps.
    pub(crate) fn push(&self, value: T) {
        self.queue.push(value);
        self.wake();
    }

    /// Wakes the consumer if it announced that it sleeps.
    pub(crate) fn wake(&self) {
        // Pairs with the fence in `prepare_sleep`.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel) {
            self.wake_count.fetch_add(1, Ordering::Relaxed);
            (self.wake)();
        }
    }

    /// The next value. Only the consumer calls this.
    pub(crate) fn pop(&self) -> Option<T> {
        // To look costs three loads, to take from an empty queue a fence: a core that spins does so
        // all the time.
        if self.queue.is_empty() {
            return None;
        }
        self.queue.pop()
    }

    /// Announces that the consumer is about to sleep; false if there is something to do first.
    pub(crate) fn prepare_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `wake`.
        fence(Ordering::SeqCst);
        if self.queue.is_empty() {
            return true;
        }
        self.end_sleep();
        false
    }

    /// The consumer is awake again.
    pub(crate) fn end_sleep(&self) {
        self.asleep.store(false, Ordering::Release);
    }

    /// How often a producer had to wake the consumer.
    pub(crate) fn wake_count(&self) -> u64 {
        self.wake_count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn inbox(len: usize) -> Inbox<u32> {
        Inbox::new(len, Box::new(|| {}))
    }

    #[test]
    fn an_awake_consumer_is_not_woken() {
        let inbox = inbox(4);
        inbox.push(1);
        assert_eq!(inbox.wake_count(), 0);
        assert!(!inbox.prepare_sleep(), "there is something to do");
        inbox.pop();
        assert!(inbox.prepare_sleep());
        inbox.push(2);
        inbox.push(3);
        assert_eq!(inbox.wake_count(), 1, "one wake-up serves both");
    }

    #[test]
    fn no_value_is_left_behind_by_a_sleeping_consumer() {
        const PRODUCERS: u32 = 4;
        const EACH: u32 = 20_000;
        let (bell, ring) = mpsc::sync_channel(1);
        let inbox = Arc::new(Inbox::new(
            64,
            Box::new(move || {
                let _ = bell.try_send(());
            }),
        ));
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let inbox = Arc::clone(&inbox);
                std::thread::spawn(move || {
                    (0..EACH).for_each(|value| inbox.push(producer << 24 | value));
                })
            })
            .collect();
        let mut next = [0; PRODUCERS as usize];
        let mut received = 0;
        while received < PRODUCERS * EACH {
            while let Some(value) = inbox.pop() {
                let producer = (value >> 24) as usize;
                assert_eq!(value & 0xff_ffff, next[producer]);
                next[producer] += 1;
                received += 1;
            }
            if received < PRODUCERS * EACH && inbox.prepare_sleep() {
                ring.recv_timeout(Duration::from_secs(20))
                    .expect("a wake-up was lost");
                inbox.end_sleep();
            }
        }
        producers
            .into_iter()
            .for_each(|producer| producer.join().unwrap());
    }
}
