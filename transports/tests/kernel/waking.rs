//! Rings that wait, and those that wake them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use annulus_transports::{Ring, RingChoice, RingWaker, Wait};

use crate::peers::{PATIENCE, ring};

pub(crate) fn a_wake_up_from_another_thread_ends_a_wait(choice: RingChoice) {
    let mut ring = ring(choice);
    let waker = ring.waker();
    let woken = Arc::new(AtomicBool::new(false));
    let wakes = Arc::clone(&woken);
    let waking = thread::spawn(move || {
        wakes.store(true, Ordering::Release);
        waker.wake();
    });
    ring.enter(Wait::Forever).unwrap();
    assert!(woken.load(Ordering::Acquire), "woken by nothing");
    assert!(ring.next_completion().is_none());
    waking.join().unwrap();
}

pub(crate) fn no_wake_up_is_lost(choice: RingChoice) {
    const MESSAGES: u64 = 20_000;
    let mut ring = ring(choice);
    let inbox = Arc::new(AtomicU64::new(0));
    let wakers: Vec<_> = (0..2)
        .map(|_| {
            let (waker, inbox) = (ring.waker(), Arc::clone(&inbox));
            thread::spawn(move || {
                for message in 0..MESSAGES {
                    inbox.fetch_add(1, Ordering::Relaxed);
                    waker.wake();
                    if message % 64 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let end = ring.now() + PATIENCE;
    while inbox.load(Ordering::Relaxed) < 2 * MESSAGES {
        ring.enter(Wait::Until(end)).unwrap();
        assert!(ring.now() < end, "a wake-up was lost");
    }
    for waking in wakers {
        waking.join().unwrap();
    }
}

pub(crate) fn a_stale_wake_up_does_not_end_later_waits(choice: RingChoice) {
    let mut ring = ring(choice);
    let waker = ring.waker();
    for _ in 0..3 {
        let waker = waker.clone();
        let waking = thread::spawn(move || waker.wake());
        ring.enter(Wait::Forever).unwrap();
        waking.join().unwrap();
    }
    // A wake-up that raced with the end of a wait may leave one more.
    ring.enter(Wait::Until(ring.now() + Duration::from_millis(1)))
        .unwrap();
    let start = Instant::now();
    ring.enter(Wait::Until(ring.now() + Duration::from_millis(50)))
        .unwrap();
    assert!(
        start.elapsed() >= Duration::from_millis(50),
        "{:?}",
        start.elapsed()
    );
}
