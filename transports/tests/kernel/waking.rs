//! Rings that wait, and those that wake them.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use annulus_transports::{Completion, KernelRing, PollableRing, Ring, RingChoice, RingWaker, Wait};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::peers::{PATIENCE, connection, received, ring};

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

/// For those who wait elsewhere: what was told and seen does not end their next wait.
pub(crate) fn the_descriptor_tells_of_bytes_and_wake_ups_and_of_each_once(choice: RingChoice) {
    let mut ring = ring(choice);
    let descriptor = ring.descriptor().unwrap().try_clone_to_owned().unwrap();
    let (_socket, mut peer) = connection(&mut ring);
    let is_readable = |within: Duration| {
        let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
        let within = Timespec::try_from(within).unwrap();
        rustix::event::poll(&mut fds, Some(&within)).unwrap() > 0
    };
    let rest = |ring: &mut KernelRing| {
        while ring.begin_wait().unwrap().is_none() {
            ring.end_wait();
            ring.enter(Wait::No).unwrap();
            while let Some(completion) = ring.next_completion() {
                received(ring, completion);
            }
        }
    };
    // The kernel may tell late of what was seen already.
    let comes_to_rest = |ring: &mut KernelRing| {
        (0..10).any(|_| {
            rest(ring);
            !is_readable(Duration::ZERO)
        })
    };
    for _ in 0..3 {
        assert!(comes_to_rest(&mut ring), "there is nothing to do");
        peer.write_all(b"bytes").unwrap();
        assert!(is_readable(PATIENCE), "bytes came");
        ring.end_wait();

        assert!(comes_to_rest(&mut ring), "there is nothing more to do");
        let waker = ring.waker();
        thread::spawn(move || waker.wake()).join().unwrap();
        assert!(is_readable(PATIENCE), "a wake-up came");
        ring.end_wait();
    }
}

/// More than a turn hands to the kernel, which has room for more: nothing tells of that.
pub(crate) fn a_long_send_comes_to_its_end_in_a_foreign_loop(choice: RingChoice) {
    const LEN: usize = 32 << 20;
    let mut ring = ring(choice);
    let descriptor = ring.descriptor().unwrap().try_clone_to_owned().unwrap();
    let (socket, mut peer) = connection(&mut ring);
    let reader = thread::spawn(move || {
        peer.read_exact(&mut vec![0; LEN]).unwrap();
        peer
    });
    ring.send(socket, vec![1; LEN]);
    let patience = Timespec::try_from(PATIENCE).unwrap();
    loop {
        if ring.begin_wait().unwrap().is_some() {
            let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
            let told = rustix::event::poll(&mut fds, Some(&patience)).unwrap();
            assert!(told > 0, "it waits for nothing");
        }
        ring.end_wait();
        ring.enter(Wait::No).unwrap();
        if let Some(completion) = ring.next_completion() {
            assert!(
                matches!(completion, Completion::Sent { .. }),
                "{completion:?}"
            );
            break;
        }
    }
    reader.join().unwrap();
}
