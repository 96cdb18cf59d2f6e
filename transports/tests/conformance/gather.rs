//! Sends in pieces: the shared parts reach the peer where they lie, and are given back.

use annulus_protocol::{Pieces, SendBuffer};
use annulus_transports::{Ring, TransportError};
use bytes::Bytes;

use crate::pair::{Pair, pattern};
use crate::world::World;

/// A stream of `parts` shared parts with a head in front of each and a tail at the end, and all
/// its bytes.
fn stream(parts: &[Bytes]) -> (Pieces, Vec<u8>) {
    let mut pieces = Pieces::default();
    for (number, part) in parts.iter().enumerate() {
        pieces.written().extend(pattern(24, number as u8));
        pieces.share(part.clone());
    }
    pieces.written().extend(b"tail");
    let bytes = pieces.clone().into_whole();
    (pieces, bytes)
}

/// `count` parts of `len` bytes, all of them of one allocation.
fn parts(count: usize, len: usize) -> (Bytes, Vec<Bytes>) {
    let all = Bytes::from(pattern(count * len, 3));
    let parts = (0..count).map(|at| all.slice(at * len..(at + 1) * len));
    (all.clone(), parts.collect())
}

pub(crate) fn pieces_arrive_as_one_stream(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    for (count, len) in [(1, 1), (1, 64 << 10), (7, 5_816), (40, 65_504)] {
        let (all, parts) = parts(count, len);
        let (pieces, bytes) = stream(&parts);
        let at = pair.server.record(server).received.len();
        pair.client.ring.send(client, pieces);
        pair.until(|pair| {
            pair.server.record(server).received.len() == at + bytes.len()
                && !pair.client.record(client).sent.is_empty()
        });
        assert!(
            pair.server.record(server).received[at..] == bytes,
            "bytes were lost or exchanged"
        );
        let sent = pair.client.take_sent(client);
        let SendBuffer::Pieces(sent) = sent else {
            panic!("{sent:?}");
        };
        let second = sent.iter().nth(1).unwrap();
        assert_eq!(second.as_ptr(), all.as_ptr(), "what was shared was copied");
    }
    pair.finish();
}

/// One system call takes 1024 pieces.
pub(crate) fn more_pieces_than_one_system_call_takes(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    let (_, parts) = parts(2_500, 97);
    let (pieces, bytes) = stream(&parts);
    assert!(pieces.iter().count() > 4 * 1024);
    pair.client.ring.send(client, pieces);
    pair.until(|pair| {
        pair.server.record(server).received.len() == bytes.len()
            && pair.client.record(client).sent.len() == 1
    });
    assert!(
        pair.server.record(server).received == bytes,
        "bytes were lost or exchanged"
    );
    pair.finish();
}

/// The kernel takes such a send in many parts, which end anywhere.
pub(crate) fn pieces_wait_for_a_receiver_that_does_not_read(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.server.ring.pause_receive(server);
    pair.settle();
    let len = more_than_fits(&pair) / 1_000;
    let (all, parts) = parts(1_001, len);
    let (pieces, bytes) = stream(&parts);
    drop(parts);
    pair.client.ring.send(client, pieces);
    pair.settle();
    assert!(
        pair.client.record(client).sent.is_empty(),
        "the send ended although nobody reads"
    );
    assert!(!all.is_unique(), "the send holds what it shares");
    pair.server.ring.resume_receive(server);
    pair.until(|pair| {
        pair.server.record(server).received.len() == bytes.len()
            && pair.client.record(client).sent.len() == 1
    });
    assert!(
        pair.server.record(server).received == bytes,
        "bytes were lost or exchanged"
    );
    drop(pair.client.take_sent(client));
    assert!(all.is_unique(), "the ring keeps what was sent");
    pair.finish();
}

pub(crate) fn a_close_gives_the_shared_parts_of_a_send_back(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.server.ring.pause_receive(server);
    pair.settle();
    let len = more_than_fits(&pair) / 100;
    let (all, parts) = parts(101, len);
    let (pieces, bytes) = stream(&parts);
    drop(parts);
    pair.client.ring.send(client, pieces);
    pair.settle();
    pair.client.ring.close(client);
    pair.until(|pair| !pair.client.record(client).send_failed.is_empty());
    let (buffer, error) = pair.client.take_send_failed(client);
    assert!(matches!(error, TransportError::ClosedLocally), "{error}");
    assert!(
        buffer.into_whole() == bytes,
        "the pieces come back as they were"
    );
    assert!(all.is_unique(), "the ring keeps what it no longer sends");
    pair.server.ring.resume_receive(server);
    pair.until(|pair| pair.server.record(server).ended.is_some());
    let received = &pair.server.record(server).received;
    assert!(received.len() < bytes.len() && bytes.starts_with(received));
    pair.finish();
}

pub(crate) fn a_send_in_pieces_and_one_of_a_buffer_take_turns(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    let mut expected = Vec::new();
    for round in 0..20 {
        let (_, parts) = parts(1 + round % 3, 20_000);
        let (pieces, bytes) = stream(&parts);
        expected.extend(bytes);
        let small = pattern(56, round as u8);
        expected.extend(&small);
        for buffer in [SendBuffer::from(pieces), SendBuffer::from(small)] {
            let ended = pair.client.record(client).sent.len();
            pair.client.ring.send(client, buffer);
            pair.until(|pair| pair.client.record(client).sent.len() > ended);
        }
    }
    pair.until(|pair| pair.server.record(server).received.len() == expected.len());
    assert!(
        pair.server.record(server).received == expected,
        "bytes were lost or exchanged"
    );
    pair.finish();
}

fn more_than_fits<W: World>(_: &Pair<W>) -> usize {
    W::MORE_THAN_FITS
}
