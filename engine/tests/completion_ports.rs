//! Completion ports: what they deliver, to which threads, and when.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use annulus::{CompletionPacket, CompletionPort, Event, PortError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const FOREVER: Option<Duration> = Some(Duration::from_secs(20));

/// Runs `races`, in which no wait is as long as that unless a wake-up was lost.
fn without_losing_a_wake_up(races: impl FnOnce()) {
    let began = Instant::now();
    races();
    assert!(began.elapsed() < FOREVER.unwrap(), "a wake-up was lost");
}

fn packet(key: u64) -> CompletionPacket {
    CompletionPacket::new(0, key, 0)
}

#[test]
fn rule_13_numbers_are_delivered_unchanged_and_in_order() {
    let port = CompletionPort::with_capacity(1, 2);
    let packets: Vec<_> = [(0, 0, 0), (u32::MAX, u64::MAX, u64::MAX), (1, 2, 3)]
        .map(|(bytes, key, overlapped)| CompletionPacket::new(bytes, key, overlapped))
        .into();
    packets
        .iter()
        .for_each(|packet| port.post(packet.clone()).unwrap());
    let got: Vec<_> = packets.iter().map(|_| port.get(None).unwrap()).collect();
    assert_eq!(got, packets);
}

#[test]
fn rule_13_a_timeout_of_zero_polls_and_a_batch_takes_what_is_there() {
    let port = CompletionPort::new(1);
    assert_eq!(port.try_get(), Err(PortError::TimedOut));
    assert_eq!(
        port.get(Some(Duration::from_millis(2))),
        Err(PortError::TimedOut)
    );
    (0..5).for_each(|key| port.post(packet(key)).unwrap());
    let mut packets = vec![packet(99)];
    assert_eq!(port.get_batch(&mut packets, 3, None), Ok(3));
    assert_eq!(port.get_batch(&mut packets, 3, None), Ok(2));
    let keys: Vec<_> = packets.iter().map(|packet| packet.key).collect();
    assert_eq!(keys, [99, 0, 1, 2, 3, 4]);
    assert_eq!(
        port.get_batch(&mut packets, 3, Some(Duration::ZERO)),
        Err(PortError::TimedOut)
    );
}

#[test]
fn rule_13_every_thread_sees_the_packets_of_a_producer_in_order() {
    const PRODUCERS: u64 = 3;
    const EACH: u64 = 20_000;
    // So small that packets overflow all the time.
    let port = CompletionPort::with_capacity(2, 4);
    let left = AtomicU32::new((PRODUCERS * EACH) as u32);
    without_losing_a_wake_up(|| {
        thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let port = &port;
                scope.spawn(move || {
                    (0..EACH).for_each(|key| {
                        port.post(CompletionPacket::new(producer as u32, key, 0))
                            .unwrap();
                    });
                });
            }
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = [None; PRODUCERS as usize];
                    loop {
                        let packet = match port.get(FOREVER) {
                            Ok(packet) => packet,
                            Err(PortError::Closed) => return,
                            Err(error) => panic!("{error}"),
                        };
                        assert!(last[packet.bytes as usize].replace(packet.key) < Some(packet.key));
                        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                            port.close();
                        }
                    }
                });
            }
        });
    });
    assert_eq!(left.into_inner(), 0);
}

#[test]
fn no_more_threads_run_than_the_concurrency_value_says() {
    const PACKETS: u32 = 3_000;
    let port = CompletionPort::new(2);
    let (running, most, left) = (
        AtomicU32::new(0),
        AtomicU32::new(0),
        AtomicU32::new(PACKETS),
    );
    without_losing_a_wake_up(|| {
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    while port.get(FOREVER).is_ok() {
                        most.fetch_max(
                            running.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                            port.close();
                        }
                    }
                });
            }
            (0..PACKETS).for_each(|key| port.post(packet(key.into())).unwrap());
        });
    });
    assert_eq!(left.into_inner(), 0);
    // Those who run to the port's end after it was closed need no permit, but find no packet.
    assert!(most.into_inner() <= 2);
}

#[test]
fn a_thread_that_leaves_or_ends_or_goes_to_another_port_lets_the_next_one_run() {
    let (port, other) = (CompletionPort::new(1), CompletionPort::new(1));
    type Leave = fn(&CompletionPort, &CompletionPort);
    let ways: [Leave; 3] = [
        |port, _| port.leave(),
        |_, other| assert_eq!(other.try_get(), Err(PortError::TimedOut)),
        |_, _| {},
    ];
    for leave in ways {
        port.post(packet(1)).unwrap();
        port.post(packet(2)).unwrap();
        let got = Event::auto_reset();
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                assert_eq!(port.get(FOREVER).unwrap().key, 1);
                // Another thread may not run now, though there is a packet.
                thread::scope(|scope| {
                    let second = scope.spawn(|| port.try_get());
                    assert_eq!(second.join().unwrap(), Err(PortError::TimedOut));
                });
                leave(&port, &other);
            });
            // Joined by name: a scope alone does not wait for thread-local values.
            first.join().unwrap();
            scope.spawn(|| {
                assert_eq!(port.get(FOREVER).unwrap().key, 2);
                got.set();
            });
            assert!(got.wait_timeout(FOREVER.unwrap()));
        });
    }
}

#[test]
fn a_port_that_is_closed_gives_what_it_has_and_lets_all_go() {
    let port = CompletionPort::new(1);
    port.post(packet(1)).unwrap();
    port.post(packet(2)).unwrap();
    assert_eq!(port.get(None).unwrap().key, 1);
    // This thread runs, so these wait in spite of the packet.
    let begin = Barrier::new(3);
    let got: Vec<_> = thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                begin.wait();
                port.get(FOREVER)
            })
        });
        begin.wait();
        port.close();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(got.contains(&Ok(packet(2))) && got.contains(&Err(PortError::Closed)));
    assert!(port.is_closed());
    assert_eq!(port.post(packet(3)), Err(PortError::Closed));
    assert_eq!(port.get(None), Err(PortError::Closed));
}

#[test]
fn the_descriptor_is_readable_while_there_are_packets() {
    let port = CompletionPort::new(1);
    port.post(packet(1)).unwrap();
    let descriptor = port.descriptor().unwrap();
    let is_readable = || {
        let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())).unwrap() == 1
    };
    assert!(is_readable());
    port.try_get().unwrap();
    assert!(!is_readable());
    port.post(packet(2)).unwrap();
    port.post(packet(3)).unwrap();
    port.try_get().unwrap();
    assert!(is_readable(), "one is left");
    port.try_get().unwrap();
    assert!(!is_readable());
    port.close();
    assert!(is_readable());
}

#[test]
fn a_foreign_loop_and_posting_threads_do_not_miss_each_other() {
    const PRODUCERS: u64 = 2;
    const EACH: u64 = 5_000;
    let port = CompletionPort::new(1);
    let descriptor = port.descriptor().unwrap();
    let second = Timespec::try_from(FOREVER.unwrap()).unwrap();
    without_losing_a_wake_up(|| {
        thread::scope(|scope| {
            for _ in 0..PRODUCERS {
                scope.spawn(|| (0..EACH).for_each(|key| port.post(packet(key)).unwrap()));
            }
            let mut left = PRODUCERS * EACH;
            while left > 0 {
                let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
                assert_eq!(
                    poll(&mut polled, Some(&second)),
                    Ok(1),
                    "a wake-up was lost"
                );
                while port.try_get().is_ok() {
                    left -= 1;
                }
            }
        });
    });
}

#[test]
fn waits_that_end_just_as_a_packet_comes_lose_nothing() {
    const PACKETS: u32 = 5_000;
    let port = Arc::new(CompletionPort::new(2));
    let left = AtomicU32::new(PACKETS);
    let taken = Event::auto_reset();
    without_losing_a_wake_up(|| {
        thread::scope(|scope| {
            for thread in 0..4 {
                let (port, left, taken) = (&port, &left, &taken);
                let timeout = (thread > 0).then_some(Duration::from_micros(20 * thread));
                scope.spawn(move || {
                    loop {
                        match port.get(timeout) {
                            Ok(_) => {
                                left.fetch_sub(1, Ordering::SeqCst);
                                taken.set();
                            }
                            Err(PortError::Closed) => return,
                            Err(_) => {}
                        }
                    }
                });
            }
            for key in 0..PACKETS {
                port.post(packet(key.into())).unwrap();
                assert!(taken.wait_timeout(FOREVER.unwrap()), "a wake-up was lost");
            }
            port.close();
        });
    });
    assert_eq!(left.into_inner(), 0);
}
