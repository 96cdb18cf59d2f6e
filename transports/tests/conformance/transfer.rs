//! Bytes cross.

use annulus_protocol::Limits;
use annulus_transports::{Ring, TransportError};

use crate::pair::{Pair, Record, pattern};
use crate::world::World;

pub(crate) fn bytes_come_back_from_an_echo(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    for round in 0..20 {
        let message = pattern(56 + round, round as u8);
        let before = pair.client.record(client).received.len();
        let at_server = pair.server.record(server).received.len();
        pair.client.ring.send(client, message.clone());
        pair.until(|pair| {
            pair.server.record(server).received.len() == at_server + message.len()
                && pair.client.record(client).sent.len() == round + 1
        });
        let echo = pair.server.record(server).received[at_server..].to_vec();
        pair.server.ring.send(server, echo);
        pair.until(|pair| {
            pair.client.record(client).received.len() == before + message.len()
                && pair.server.record(server).sent.len() == round + 1
        });
        assert_eq!(pair.client.record(client).received[before..], message);
    }
    pair.finish();
}

pub(crate) fn a_send_gives_its_buffer_back_unchanged(world: impl World) {
    let mut pair = Pair::new(world);
    let (_, client) = pair.connection();
    let mut message = Vec::with_capacity(1000);
    message.extend_from_slice(b"content and capacity");
    let address = message.as_ptr();
    pair.client.ring.send(client, message);
    pair.until(|pair| !pair.client.record(client).sent.is_empty());
    let buffer = &pair.client.record(client).sent[0];
    let piece = buffer.pieces().next().unwrap();
    assert_eq!(piece, b"content and capacity");
    assert_eq!(piece.as_ptr(), address, "the same allocation");
    assert_eq!(pair.client.ring.usage().sends, 0);
    pair.finish();
}

pub(crate) fn an_empty_send_ends_like_any_other(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.client.ring.send(client, Vec::new());
    pair.until(|pair| pair.client.record(client).sent.len() == 1);
    pair.client.ring.send(client, b"after it".to_vec());
    pair.until(|pair| pair.server.record(server).received == b"after it");
    pair.finish();
}

/// Whether the ring does so at once or leaves it to the next enter.
pub(crate) fn what_is_submitted_crosses_once_and_ends_once(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    for round in 1..=20 {
        pair.client.ring.send(client, vec![round; 100]);
        for _ in 0..round {
            pair.client.ring.submit().unwrap();
        }
        pair.until(|pair| {
            pair.client.record(client).sent.len() == usize::from(round)
                && pair.server.record(server).received.len() == usize::from(round) * 100
        });
        assert_eq!(pair.server.record(server).received.last(), Some(&round));
        assert_eq!(pair.client.ring.usage().sends, 0);
    }
    pair.finish();
}

pub(crate) fn megabytes_cross_both_ways_at_once(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    let (there, back) = (pattern(2 << 20, 1), pattern(3 << 20, 2));
    pair.client.ring.send(client, there.clone());
    pair.server.ring.send(server, back.clone());
    pair.until(|pair| {
        pair.server.record(server).received.len() == there.len()
            && pair.client.record(client).received.len() == back.len()
            && pair.server.record(server).sent.len() + pair.client.record(client).sent.len() == 2
    });
    assert!(
        pair.server.record(server).received == there,
        "bytes were lost or exchanged"
    );
    assert!(
        pair.client.record(client).received == back,
        "bytes were lost or exchanged"
    );
    pair.finish();
}

pub(crate) fn a_receiver_that_does_not_read_holds_the_sender_back(world: impl World) {
    fn more_than_fits<W: World>(_: &Pair<W>) -> usize {
        W::MORE_THAN_FITS
    }
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.server.ring.pause_receive(server);
    pair.settle();
    let message = pattern(more_than_fits(&pair), 3);
    pair.client.ring.send(client, message.clone());
    pair.settle();
    assert!(
        pair.client.record(client).sent.is_empty(),
        "the send ended although nobody reads"
    );
    assert_eq!(pair.client.ring.usage().sends, 1);
    pair.server.ring.resume_receive(server);
    pair.until(|pair| pair.server.record(server).received.len() == message.len());
    pair.until(|pair| pair.client.record(client).sent.len() == 1);
    assert!(
        pair.server.record(server).received == message,
        "bytes were lost or exchanged"
    );
    pair.finish();
}

pub(crate) fn a_pause_holds_and_a_resume_goes_on(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.client.ring.send(client, b"one".to_vec());
    pair.until(|pair| pair.server.record(server).received == b"one");
    pair.server.ring.pause_receive(server);
    pair.server.ring.pause_receive(server);
    pair.settle();
    pair.until(|pair| pair.client.record(client).sent.len() == 1);
    pair.client.ring.send(client, b"two".to_vec());
    pair.settle();
    assert_eq!(
        pair.server.record(server).received,
        b"one",
        "paused, and still received"
    );
    pair.server.ring.resume_receive(server);
    pair.server.ring.resume_receive(server);
    pair.until(|pair| pair.server.record(server).received == b"onetwo");
    pair.finish();
}

pub(crate) fn a_pause_that_is_taken_back_at_once_loses_nothing(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    let message = pattern(64 << 10, 4);
    pair.client.ring.send(client, message.clone());
    let mut rounds = 0;
    pair.until(|pair| {
        rounds += 1;
        if !pair.server.record(server).closed {
            pair.server.ring.pause_receive(server);
            if rounds % 3 == 0 {
                pair.server.turn();
            }
            pair.server.ring.resume_receive(server);
        }
        pair.server.record(server).received.len() == message.len()
    });
    assert!(
        pair.server.record(server).received == message,
        "bytes were lost or exchanged"
    );
    pair.finish();
}

fn few_buffers() -> Limits {
    Limits {
        receive_buffers: 2,
        receive_buffer_len: 64,
        ..Limits::DEFAULT
    }
}

pub(crate) fn sockets_share_too_few_buffers_without_loss(world: impl World) {
    let mut pair = Pair::with_limits(world, &few_buffers());
    let sockets: Vec<_> = (0..20).map(|_| pair.connection()).collect();
    let message = pattern(3_000, 5);
    for (_, client) in &sockets {
        pair.client.ring.send(*client, message.clone());
    }
    pair.until(|pair| {
        sockets
            .iter()
            .all(|(server, _)| pair.server.record(*server).received.len() == message.len())
    });
    for (server, _) in &sockets {
        assert!(pair.server.record(*server).received == message);
        assert!(pair.server.record(*server).pieces >= 3_000 / 64);
    }
    pair.finish();
}

pub(crate) fn held_buffers_stop_only_what_needs_one(world: impl World) {
    let mut pair = Pair::with_limits(world, &few_buffers());
    let (server, client) = pair.connection();
    let (other_server, other_client) = pair.connection();
    pair.server.hold = true;
    let message = pattern(128, 6);
    pair.client.ring.send(client, message.clone());
    pair.until(|pair| pair.server.held.len() == 2);
    assert_eq!(pair.server.ring.usage().leases, 2);

    pair.client.ring.send(other_client, b"no room".to_vec());
    pair.settle();
    assert!(pair.server.record(other_server).received.is_empty());
    // Sending needs no receive buffer.
    pair.server
        .ring
        .send(other_server, b"but this goes".to_vec());
    pair.until(|pair| pair.client.record(other_client).received == b"but this goes");

    pair.server.hold = false;
    pair.server.release_held();
    pair.until(|pair| {
        pair.server.record(server).received.len() == message.len()
            && pair.server.record(other_server).received == b"no room"
    });
    pair.finish();
}

/// A server that refuses a broken PDU sends a fault and closes, while the client's further
/// input is unread. TCP would answer that input with a reset, which destroys the fault.
pub(crate) fn the_last_reply_survives_a_close_with_unread_input(world: impl World) {
    let mut pair = Pair::new(world);
    for round in 0..20 {
        let (server, client) = pair.connection();
        pair.client.ring.send(client, b"broken".to_vec());
        pair.until(|pair| pair.server.record(server).received == b"broken");
        pair.server.ring.pause_receive(server);
        pair.until(|pair| pair.client.record(client).sent.len() == 1);
        pair.client.ring.send(client, pattern(20_000, round));
        pair.until(|pair| pair.client.record(client).sent.len() == 2);

        let fault = pattern(5_840, round ^ 0xff);
        pair.server.ring.send(server, fault.clone());
        pair.until(|pair| pair.server.record(server).sent.len() == 1);
        pair.server.ring.close(server);
        pair.server.turn();
        // More input, after the close: a reset answers that, too, if it comes too late.
        pair.client.ring.send(client, pattern(3_000, round));
        pair.until(|pair| pair.client.record(client).ended.is_some());
        assert!(
            pair.client.record(client).received == fault,
            "round {round}: the fault is lost"
        );
        let Record {
            ended, send_failed, ..
        } = pair.client.record(client);
        assert!(matches!(ended, Some(None)), "round {round}: {ended:?}");
        assert!(
            send_failed.is_empty(),
            "round {round}: {:?}",
            send_failed[0].1
        );
        pair.client.ring.close(client);
        pair.until_closed();
    }
    pair.finish();
}

pub(crate) fn a_close_cuts_off_the_send_in_flight(world: impl World) {
    fn more_than_fits<W: World>(_: &Pair<W>) -> usize {
        W::MORE_THAN_FITS
    }
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.server.ring.pause_receive(server);
    pair.settle();
    let message = pattern(more_than_fits(&pair), 7);
    pair.client.ring.send(client, message.clone());
    pair.settle();
    pair.client.ring.close(client);
    pair.until(|pair| !pair.client.record(client).send_failed.is_empty());
    let record = pair.client.record(client);
    assert!(
        record.send_failed[0].0.clone().into_whole() == message,
        "the buffer comes back as it was"
    );
    assert!(matches!(
        record.send_failed[0].1,
        TransportError::ClosedLocally
    ));
    assert!(record.sent.is_empty());
    pair.server.ring.resume_receive(server);
    pair.until(|pair| pair.server.record(server).ended.is_some());
    let received = &pair.server.record(server).received;
    assert!(received.len() < message.len());
    assert!(message.starts_with(received));
    pair.finish();
}

pub(crate) fn nothing_is_received_after_a_close(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.client.ring.send(client, pattern(50_000, 8));
    pair.until(|pair| pair.server.record(server).pieces > 0);
    // Some bytes are on their way, some may be ready.
    pair.server
        .ring
        .enter(annulus_transports::Wait::No)
        .unwrap();
    let pieces = pair.server.record(server).pieces;
    pair.server.ring.close(server);
    pair.until(|pair| pair.server.record(server).closed);
    assert_eq!(pair.server.record(server).pieces, pieces);
    assert_eq!(pair.server.ring.usage().leases, 0);
    pair.finish();
}

pub(crate) fn the_end_of_the_stream_comes_after_its_bytes(world: impl World) {
    let mut pair = Pair::new(world);
    for len in [1, 5_840, 300_000] {
        let (server, client) = pair.connection();
        let message = pattern(len, 9);
        pair.client.ring.send(client, message.clone());
        pair.until(|pair| pair.client.record(client).sent.len() == 1);
        pair.client.ring.close(client);
        pair.until(|pair| pair.server.record(server).ended.is_some());
        assert!(
            pair.server.record(server).received == message,
            "the last bytes are lost"
        );
        assert!(matches!(pair.server.record(server).ended, Some(None)));
        // The other half is still open: a send may end either way, but it ends.
        pair.server.ring.send(server, b"goodbye".to_vec());
        pair.until(|pair| {
            let record = pair.server.record(server);
            record.sent.len() + record.send_failed.len() == 1
        });
        pair.server.ring.close(server);
        pair.until_closed();
    }
    pair.finish();
}

pub(crate) fn sending_to_a_peer_that_is_gone_fails_in_the_end(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.client.ring.close(client);
    pair.until(|pair| {
        pair.client.record(client).closed || pair.server.record(server).ended.is_some()
    });
    let mut sends = 0;
    pair.until(|pair| {
        let record = pair.server.record(server);
        if record.send_failed.is_empty() && record.sent.len() == sends {
            pair.server.ring.send(server, pattern(100_000, 10));
            sends += 1;
        }
        !pair.server.record(server).send_failed.is_empty()
    });
    let error = &pair.server.record(server).send_failed[0].1;
    assert!(
        matches!(error, TransportError::Io { action: "send", .. }),
        "{error}"
    );
    pair.finish();
}
