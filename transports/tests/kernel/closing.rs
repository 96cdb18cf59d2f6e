//! How sockets end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use annulus_protocol::Limits;
use annulus_transports::{
    Completion, ListenOptions, Ring, RingChoice, RingUsage, TransportError, Wait,
};

use crate::peers::{
    PATIENCE, any_address, connection, next, received, ring, ring_that_lingers, ring_within,
    until_closed,
};

pub(crate) fn a_half_closed_peer_still_gets_its_reply(choice: RingChoice) {
    let mut ring = ring(choice);
    let (socket, mut peer) = connection(&mut ring);
    peer.write_all(b"request").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let completion = next(&mut ring);
    assert_eq!(received(&mut ring, completion), b"request");
    let completion = next(&mut ring);
    assert!(
        matches!(completion, Completion::ReceiveEnded { error: None, .. }),
        "{completion:?}"
    );
    ring.send(socket, b"reply".to_vec());
    assert!(matches!(next(&mut ring), Completion::Sent { .. }));
    ring.close(socket);
    until_closed(&mut ring, socket);
    let mut reply = Vec::new();
    peer.read_to_end(&mut reply).unwrap();
    assert_eq!(reply, b"reply");
    assert_eq!(ring.usage(), RingUsage::default());
}

/// The peer has sent more than was read, and is slow to read: a reset would destroy what still
/// waits on this side to be sent.
pub(crate) fn a_slow_peer_gets_all_bytes_of_a_finished_send_after_a_close(choice: RingChoice) {
    const REPLY_LEN: usize = 1 << 20;
    let mut ring = ring(choice);
    let (socket, mut peer) = connection(&mut ring);
    ring.pause_receive(socket);
    ring.enter(Wait::No).unwrap();
    peer.write_all(&[1; 10_000]).unwrap();
    ring.send(socket, vec![2; REPLY_LEN]);
    let completion = next(&mut ring);
    assert!(
        matches!(completion, Completion::Sent { .. }),
        "{completion:?}"
    );
    ring.close(socket);
    until_closed(&mut ring, socket);
    let mut reply = Vec::new();
    peer.read_to_end(&mut reply).unwrap();
    assert_eq!(reply.len(), REPLY_LEN);
}

/// The peer sends on without having read: a reset would destroy what it was sent before.
pub(crate) fn a_pipelining_peer_gets_all_bytes_of_a_finished_send_after_a_close(
    choice: RingChoice,
) {
    const REPLY_LEN: usize = 1 << 20;
    let mut ring = ring_that_lingers(choice);
    let (socket, mut peer) = connection(&mut ring);
    ring.send(socket, vec![2; REPLY_LEN]);
    assert!(matches!(next(&mut ring), Completion::Sent { .. }));
    peer.write_all(b"received after the send").unwrap();
    let completion = next(&mut ring);
    received(&mut ring, completion);
    ring.close(socket);
    ring.enter(Wait::No).unwrap();
    let client = thread::spawn(move || {
        for _ in 0..3 {
            peer.write_all(b"sent after the close").unwrap();
        }
        let mut reply = Vec::new();
        peer.read_to_end(&mut reply).map(|_| reply.len())
    });
    until_closed(&mut ring, socket);
    assert_eq!(client.join().unwrap().unwrap(), REPLY_LEN);
}

/// The peer has sent what nobody reads, was sent nothing, and does not close.
pub(crate) fn a_peer_that_was_sent_nothing_delays_no_close(choice: RingChoice) {
    let mut ring = ring_that_lingers(choice);
    let (socket, mut peer) = connection(&mut ring);
    ring.pause_receive(socket);
    ring.enter(Wait::No).unwrap();
    peer.write_all(&[1; 10_000]).unwrap();
    ring.close(socket);
    until_closed(&mut ring, socket);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0, "no reset, either");
}

/// The peer neither reads, nor writes, nor closes.
pub(crate) fn a_peer_that_never_closes_delays_a_close_as_the_limits_say(choice: RingChoice) {
    for millis in [50, 500] {
        let limits = Limits {
            linger_timeout: Duration::from_millis(millis),
            ..Limits::DEFAULT
        };
        let mut ring = ring_within(choice, &limits);
        let (socket, peer) = connection(&mut ring);
        ring.send(socket, b"reply".to_vec());
        assert!(matches!(next(&mut ring), Completion::Sent { .. }));
        let start = Instant::now();
        ring.close(socket);
        until_closed(&mut ring, socket);
        let elapsed = start.elapsed();
        assert!(elapsed >= limits.linger_timeout, "{elapsed:?}");
        drop(peer);
    }
}

/// The peer sends a little more than it may, and then waits.
pub(crate) fn a_closed_socket_takes_as_many_bytes_as_the_limits_say(choice: RingChoice) {
    let limits = Limits {
        linger_len_max: 100,
        linger_timeout: PATIENCE * 2,
        ..Limits::DEFAULT
    };
    let mut ring = ring_within(choice, &limits);
    let (socket, mut peer) = connection(&mut ring);
    ring.send(socket, b"reply".to_vec());
    assert!(matches!(next(&mut ring), Completion::Sent { .. }));
    ring.close(socket);
    peer.write_all(&[0; 60]).unwrap();
    ring.enter(Wait::Until(ring.now() + Duration::from_millis(50)))
        .unwrap();
    assert!(ring.next_completion().is_none(), "it lingers");
    peer.write_all(&[0; 60]).unwrap();
    until_closed(&mut ring, socket);
}

/// The peer sends without end, so that there is always something to read away.
pub(crate) fn a_peer_that_never_stops_sending_delays_a_close_for_a_bounded_time(
    choice: RingChoice,
) {
    let mut ring = ring(choice);
    let (socket, mut peer) = connection(&mut ring);
    let flood = thread::spawn(move || while peer.write_all(&[0; 4096]).is_ok() {});
    let completion = next(&mut ring);
    received(&mut ring, completion);
    ring.close(socket);
    until_closed(&mut ring, socket);
    flood.join().unwrap();
    assert_eq!(ring.usage(), RingUsage::default());
}

pub(crate) fn an_idle_peer_is_closed_at_once(choice: RingChoice) {
    let mut ring = ring_that_lingers(choice);
    let (socket, mut peer) = connection(&mut ring);
    peer.write_all(b"hello").unwrap();
    let completion = next(&mut ring);
    received(&mut ring, completion);
    ring.close(socket);
    until_closed(&mut ring, socket);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

/// The kernel reads the buffer until the send's completion, so that the socket, and with it the
/// buffer, goes only after that.
pub(crate) fn a_socket_is_closed_after_the_send_that_the_close_cuts_off(choice: RingChoice) {
    const LEN: usize = 64 << 20;
    let mut ring = ring(choice);
    let (socket, peer) = connection(&mut ring);
    ring.send(socket, vec![7; LEN]);
    ring.enter(Wait::No).unwrap();
    assert!(ring.next_completion().is_none(), "nobody reads");
    ring.close(socket);
    match next(&mut ring) {
        Completion::SendFailed { buffer, error, .. } => {
            assert_eq!(buffer.into_whole(), vec![7; LEN]);
            assert!(matches!(error, TransportError::ClosedLocally), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(ring.usage().sends, 0);
    drop(peer);
    match next(&mut ring) {
        Completion::Closed { socket: closed } => assert_eq!(closed, socket),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn a_dropped_ring_frees_its_port_and_its_peers(choice: RingChoice) {
    let mut ring = ring(choice);
    let (_, address) = ring
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    let (_socket, mut peer) = connection(&mut ring);
    drop(ring);
    TcpListener::bind(address.as_tcp().unwrap()).expect("the port is free");
    assert!(matches!(peer.read(&mut [0; 8]), Ok(0) | Err(_)));
}
