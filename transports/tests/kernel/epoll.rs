//! What only the ring over epoll promises: how much it does in one turn.

use std::io::Write;
use std::net::TcpStream;

use annulus_protocol::Limits;
use annulus_transports::{Completion, EpollRing, ListenOptions, Ring, Wait};

use crate::peers::{any_address, connection, received};

fn ring() -> EpollRing {
    EpollRing::new(&Limits::DEFAULT).expect("every machine offers epoll")
}

/// Turns without waiting until something is ready, and takes all that is.
fn first_completions(ring: &mut EpollRing) -> Vec<Completion<annulus_transports::KernelStream>> {
    loop {
        ring.enter(Wait::No).unwrap();
        let completions: Vec<_> = std::iter::from_fn(|| ring.next_completion()).collect();
        if !completions.is_empty() {
            return completions;
        }
    }
}

#[test]
fn a_turn_reads_only_so_much_of_one_socket() {
    let mut ring = ring();
    let (socket, mut peer) = connection(&mut ring);
    ring.pause_receive(socket);
    peer.write_all(&[7; 300_000]).unwrap();
    ring.resume_receive(socket);
    let first = first_completions(&mut ring);
    // Two passes of four reads.
    assert!((1..=8).contains(&first.len()), "{} pieces", first.len());
    let mut len = 0;
    let mut completions = first;
    while len < 300_000 {
        for completion in completions {
            let Completion::Received { lease, .. } = completion else {
                panic!("{completion:?}")
            };
            len += lease.len();
            ring.release(lease);
        }
        completions = if len < 300_000 {
            first_completions(&mut ring)
        } else {
            Vec::new()
        };
    }
    assert_eq!(len, 300_000);
}

#[test]
fn a_turn_accepts_only_so_many_connections_of_one_listener() {
    const CONNECTIONS: usize = 300;
    let mut ring = ring();
    let (_, address) = ring
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    let _clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(address.as_tcp().unwrap()).unwrap())
        .collect();
    let mut accepted = 0;
    while accepted < CONNECTIONS {
        let turn = first_completions(&mut ring);
        // Two passes of 64.
        assert!(turn.len() <= 128, "{} at once", turn.len());
        for completion in &turn {
            assert!(matches!(completion, Completion::Accepted { .. }));
        }
        accepted += turn.len();
    }
    assert_eq!(accepted, CONNECTIONS);
}

/// Small sends that fit cost one call each, and a turn without an event one.
#[test]
fn a_send_that_fits_is_one_system_call() {
    let mut ring = ring();
    let connections: Vec<_> = (0..32).map(|_| connection(&mut ring)).collect();
    ring.enter(Wait::No).unwrap();
    let before = ring.enter_count();
    for (socket, _) in &connections {
        ring.send(*socket, vec![0; 56]);
    }
    ring.enter(Wait::No).unwrap();
    assert_eq!(ring.enter_count() - before, 32 + 1);
    let sent = std::iter::from_fn(|| ring.next_completion());
    assert_eq!(sent.count(), 32);
}

/// One that waits, and one that reads: a short read needs no second one that finds nothing.
#[test]
fn a_piece_that_comes_in_is_two_system_calls() {
    let mut ring = ring();
    let (_socket, mut peer) = connection(&mut ring);
    for _ in 0..3 {
        let before = ring.enter_count();
        peer.write_all(b"a piece").unwrap();
        ring.enter(Wait::Forever).unwrap();
        assert_eq!(ring.enter_count() - before, 2);
        let completion = ring.next_completion().unwrap();
        assert_eq!(received(&mut ring, completion), b"a piece");
    }
}
