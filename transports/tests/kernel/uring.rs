//! What only the ring over io_uring promises: queues and system calls.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use annulus_protocol::Limits;
use annulus_transports::{
    Completion, ListenOptions, Ring, RingUsage, TransportError, UringConfig, UringRing, Wait,
};

use crate::peers::{any_address, connection, next};

fn ring() -> UringRing {
    UringRing::new(UringConfig::new(&Limits::DEFAULT)).expect("this machine offers io_uring")
}

#[test]
fn spinning_without_work_makes_no_system_call() {
    let mut ring = ring();
    let (_socket, _peer) = connection(&mut ring);
    for _ in 0..10 {
        ring.enter(Wait::No).unwrap();
    }
    let before = ring.enter_count();
    for _ in 0..10_000 {
        ring.enter(Wait::No).unwrap();
    }
    assert_eq!(ring.enter_count(), before);
}

#[test]
fn the_submissions_of_a_turn_are_one_system_call() {
    let mut ring = ring();
    let connections: Vec<_> = (0..32).map(|_| connection(&mut ring)).collect();
    ring.enter(Wait::No).unwrap();
    let before = ring.enter_count();
    for (socket, _) in &connections {
        ring.send(*socket, vec![0; 56]);
    }
    ring.enter(Wait::No).unwrap();
    assert_eq!(ring.enter_count(), before + 1);
}

/// A queue of two submissions and eight completions, and far more of both.
#[test]
fn queues_that_are_too_small_lose_nothing() {
    const CONNECTIONS: usize = 100;
    let limits = Limits::DEFAULT;
    let mut config = UringConfig::new(&limits);
    config.entries = 2;
    let mut ring = UringRing::new(config).unwrap();
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| connection(&mut ring)).collect();
    for (at, (socket, peer)) in connections.iter_mut().enumerate() {
        peer.write_all(&[at as u8; 10]).unwrap();
        ring.send(*socket, vec![at as u8; 20]);
    }
    let (mut sent, mut bytes) = (0, vec![Vec::new(); CONNECTIONS]);
    while sent < CONNECTIONS || bytes.iter().any(|bytes| bytes.len() < 10) {
        match next(&mut ring) {
            Completion::Sent { .. } => sent += 1,
            Completion::Received { socket, lease } => {
                let at = connections
                    .iter()
                    .position(|(other, _)| *other == socket)
                    .unwrap();
                bytes[at].extend_from_slice(ring.received(&lease));
                ring.release(lease);
            }
            other => panic!("{other:?}"),
        }
    }
    for (at, (socket, peer)) in connections.iter_mut().enumerate() {
        assert_eq!(bytes[at], [at as u8; 10]);
        let mut echo = [0; 20];
        peer.read_exact(&mut echo).unwrap();
        assert_eq!(echo, [at as u8; 20]);
        ring.close(*socket);
    }
    connections
        .iter_mut()
        .for_each(|(_, peer)| peer.shutdown(Shutdown::Both).unwrap());
    let mut closed = 0;
    while closed < CONNECTIONS {
        closed += usize::from(matches!(next(&mut ring), Completion::Closed { .. }));
    }
    assert_eq!(ring.usage(), RingUsage::default());
}

/// A queue of eight completions, and 64 at a time.
#[test]
fn completions_beyond_the_queue_are_taken_in_the_same_turn() {
    let limits = Limits::DEFAULT;
    let mut config = UringConfig::new(&limits);
    config.entries = 2;
    let mut ring = UringRing::new(config).unwrap();
    let connections: Vec<_> = (0..64).map(|_| connection(&mut ring)).collect();
    for (socket, _) in &connections {
        ring.send(*socket, vec![0; 20]);
    }
    ring.enter(Wait::No).unwrap();
    let sent = std::iter::from_fn(|| ring.next_completion())
        .filter(|completion| matches!(completion, Completion::Sent { .. }));
    assert_eq!(sent.count(), 64);
}

/// A socket's want of buffers is told while the queue, full of other submissions, is handed
/// over; the buffers are back before the ring waits.
#[test]
fn a_socket_without_a_buffer_does_not_wait_for_a_wake_up() {
    let limits = Limits {
        receive_buffers: 1,
        receive_buffer_len: 64,
        ..Limits::DEFAULT
    };
    let mut config = UringConfig::new(&limits);
    config.entries = 2;
    let mut ring = UringRing::new(config).unwrap();
    let (first, mut first_peer) = connection(&mut ring);
    let (second, mut second_peer) = connection(&mut ring);
    let (busy, _busy_peer) = connection(&mut ring);
    first_peer.write_all(b"a").unwrap();
    let Completion::Received { socket, lease } = next(&mut ring) else {
        panic!("the first socket receives")
    };
    assert_eq!(socket, first);
    second_peer.write_all(b"b").unwrap();
    for _ in 0..20 {
        ring.pause_receive(busy);
        ring.resume_receive(busy);
    }
    ring.release(lease);
    match next(&mut ring) {
        Completion::Received { socket, .. } => assert_eq!(socket, second),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_queue_of_no_or_too_many_entries_is_refused_by_its_name() {
    let limits = Limits::DEFAULT;
    for entries in [0, 32_769] {
        let mut config = UringConfig::new(&limits);
        config.entries = entries;
        match UringRing::new(config).err().unwrap() {
            TransportError::Setting { name, value, .. } => {
                assert_eq!((name, value), ("UringConfig::entries", entries.into()));
            }
            other => panic!("{other}"),
        }
    }
}

/// The kernel has told of a connection while submissions were made, but the ring goes down before
/// it takes the news.
#[test]
fn a_dropped_ring_closes_what_was_accepted_at_the_last_moment() {
    let limits = Limits::DEFAULT;
    let mut config = UringConfig::new(&limits);
    config.entries = 2;
    let mut ring = UringRing::new(config).unwrap();
    let (busy, _busy_peer) = connection(&mut ring);
    let (_, address) = ring
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    ring.enter(Wait::No).unwrap();
    let mut peer = TcpStream::connect(address.as_tcp().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    for _ in 0..20 {
        ring.pause_receive(busy);
        ring.resume_receive(busy);
    }
    drop(ring);
    match peer.read(&mut [0; 8]) {
        Ok(len) => assert_eq!(len, 0),
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET), "{error}"),
    }
}
