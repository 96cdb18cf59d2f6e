//! Sockets move from ring to ring.

use annulus_protocol::Limits;
use annulus_transports::{Ring, RingUsage, SocketId};

use crate::pair::{Pair, Side, pattern};
use crate::world::World;

/// A pair, and a second ring for the server's sockets.
struct Trio<W: World> {
    pair: Pair<W>,
    other: Side<W::Ring>,
}

impl<W: World> Trio<W> {
    fn new(world: W) -> Self {
        Self::with_limits(world, &Limits::DEFAULT)
    }

    fn with_limits(world: W, limits: &Limits) -> Self {
        let other = Side::new(world.ring(limits));
        let pair = Pair::with_limits(world, limits);
        assert!(pair.server.ring.can_detach(), "this machine can detach");
        Trio { pair, other }
    }

    fn until(&mut self, mut done: impl FnMut(&mut Pair<W>, &mut Side<W::Ring>) -> bool) {
        let other = &mut self.other;
        self.pair.until(|pair| {
            // The pair does not know that this is progress.
            while other.turn() {}
            done(pair, other)
        });
    }

    /// Moves a socket of the server to the other ring.
    fn move_over(&mut self, server: SocketId) -> SocketId {
        self.pair.server.ring.detach(server);
        self.until(|pair, _| !pair.server.detached.is_empty());
        self.other.adopt_from(&mut self.pair.server)
    }

    fn finish(mut self) {
        self.other.release_held();
        self.other.close_all();
        // What a socket of the other ring sends last may need its peer to close.
        self.pair.client.close_all();
        self.until(|_, other| other.records.values().all(|record| record.closed));
        assert_eq!(self.other.ring.usage(), RingUsage::default());
        self.pair.finish();
    }
}

/// A client sends without a pause while its peer moves to and fro, each time after another number
/// of turns.
pub(crate) fn bytes_before_during_and_after_a_detach_arrive_once_and_in_order(world: impl World) {
    const MOVES: usize = 24;
    let mut trio = Trio::new(world);
    let (mut server, client) = trio.pair.connection();
    let (mut sent, mut received) = (0, 0);
    let mut moves = 0;
    let mut turns = 0;
    let mut is_leaving = false;
    trio.until(|pair, other| {
        turns += 1;
        if pair.client.record(client).sent.len() == sent && (moves < MOVES || is_leaving) {
            pair.client.ring.send(client, pattern(1_000, sent as u8));
            sent += 1;
        }
        if !is_leaving && moves < MOVES && turns % (moves + 2) == 0 {
            pair.server.ring.detach(server);
            is_leaving = true;
        }
        if is_leaving && !pair.server.detached.is_empty() {
            // The two change places, so that each is the one that gives and the one that takes.
            received += check(&pair.server.record(server).received, received);
            server = other.adopt_from(&mut pair.server);
            std::mem::swap(&mut pair.server, other);
            is_leaving = false;
            moves += 1;
        }
        moves == MOVES && received + pair.server.record(server).received.len() == sent * 1_000
    });
    check(&trio.pair.server.record(server).received, received);
    // The listener is where it was at first.
    assert_eq!(MOVES % 2, 0);
    trio.finish();
}

/// Checks the bytes from `at` on of a stream of numbered messages; returns how many they are.
fn check(bytes: &[u8], at: usize) -> usize {
    let message = |number: usize| pattern(1_000, number as u8);
    let expected = (at / 1_000..).flat_map(message).skip(at % 1_000);
    assert!(
        bytes.iter().copied().eq(expected.take(bytes.len())),
        "bytes were lost, doubled or exchanged behind {at}"
    );
    bytes.len()
}

pub(crate) fn an_idle_socket_moves_and_goes_on(world: impl World) {
    let mut trio = Trio::new(world);
    let (server, client) = trio.pair.connection();
    trio.pair.client.ring.send(client, b"question".to_vec());
    trio.until(|pair, _| pair.server.record(server).received == b"question");
    let moved = trio.move_over(server);
    assert_eq!(trio.pair.server.ring.usage().sockets, 0);
    assert_eq!(trio.other.ring.usage().sockets, 1);
    trio.other.ring.send(moved, b"answer".to_vec());
    trio.until(|pair, _| pair.client.record(client).received == b"answer");
    trio.until(|pair, _| pair.client.record(client).sent.len() == 1);
    trio.pair.client.ring.send(client, b"next".to_vec());
    trio.until(|_, other| other.record(moved).received == b"next");
    trio.finish();
}

pub(crate) fn a_socket_that_starves_moves_with_its_bytes(world: impl World) {
    let limits = Limits {
        receive_buffers: 1,
        receive_buffer_len: 64,
        ..Limits::DEFAULT
    };
    let mut trio = Trio::with_limits(world, &limits);
    let (server, client) = trio.pair.connection();
    trio.pair.server.hold = true;
    let message = pattern(5_000, 3);
    trio.pair.client.ring.send(client, message.clone());
    trio.until(|pair, _| !pair.server.held.is_empty());
    let moved = trio.move_over(server);
    let before = trio.pair.server.record(server).received.clone();
    assert!(!before.is_empty() && before.len() < message.len());
    trio.until(|_, other| other.record(moved).received.len() == message.len() - before.len());
    assert!(
        [before, trio.other.record(moved).received.clone()].concat() == message,
        "bytes were lost or exchanged"
    );
    trio.pair.server.hold = false;
    trio.pair.server.release_held();
    // The buffer that came back serves the next socket.
    let (server, client) = trio.pair.connection();
    trio.pair.client.ring.send(client, b"next".to_vec());
    trio.until(|pair, _| pair.server.record(server).received == b"next");
    trio.finish();
}

pub(crate) fn a_paused_socket_receives_where_it_arrives(world: impl World) {
    let mut trio = Trio::new(world);
    let (server, client) = trio.pair.connection();
    trio.pair.server.ring.pause_receive(server);
    trio.pair.settle();
    trio.pair.client.ring.send(client, b"held back".to_vec());
    trio.until(|pair, _| pair.client.record(client).sent.len() == 1);
    let moved = trio.move_over(server);
    trio.until(|_, other| other.record(moved).received == b"held back");
    trio.finish();
}

pub(crate) fn the_end_of_the_stream_is_told_where_it_arrives(world: impl World) {
    let mut trio = Trio::new(world);
    for is_told_before in [true, false] {
        let (server, client) = trio.pair.connection();
        trio.pair.client.ring.close(client);
        if is_told_before {
            trio.until(|pair, _| pair.server.record(server).ended.is_some());
        }
        let moved = trio.move_over(server);
        trio.until(|_, other| matches!(other.record(moved).ended, Some(None)));
    }
    trio.finish();
}

/// Whether the close meets the socket on its way out, or behind the door.
pub(crate) fn a_close_that_follows_a_detach_ends_in_one_way(world: impl World) {
    let mut trio = Trio::new(world);
    for turns in 0..6 {
        let (server, client) = trio.pair.connection();
        trio.pair.client.ring.send(client, pattern(100, turns));
        trio.pair.server.ring.detach(server);
        // The ring goes on, but nobody takes what it tells.
        for _ in 0..turns {
            let ring = &mut trio.pair.server.ring;
            ring.enter(annulus_transports::Wait::No).unwrap();
            trio.pair.client.turn();
        }
        trio.pair.server.ring.close(server);
        trio.until(|pair, _| pair.server.record(server).closed);
        assert!(trio.pair.server.detached.is_empty(), "after {turns} turns");
        trio.until(|pair, _| pair.client.record(client).ended.is_some());
        trio.pair.client.ring.close(client);
    }
    trio.finish();
}

/// What was sent last must survive the close, though the socket is behind the door by then.
pub(crate) fn the_last_reply_survives_a_close_that_follows_a_detach(world: impl World) {
    let mut trio = Trio::new(world);
    for round in 0..10 {
        let (server, client) = trio.pair.connection();
        let reply = pattern(5_840, round);
        trio.pair.client.ring.pause_receive(client);
        trio.pair.settle();
        trio.pair.server.ring.send(server, reply.clone());
        trio.until(|pair, _| pair.server.record(server).sent.len() == 1);
        // Input that nobody reads, which a reset would answer.
        trio.pair.server.ring.pause_receive(server);
        trio.pair.client.ring.send(client, pattern(20_000, round));
        trio.until(|pair, _| pair.client.record(client).sent.len() == 1);
        trio.pair.server.ring.detach(server);
        for _ in 0..4 {
            trio.pair.server_goes_on_unheard();
        }
        trio.pair.server.ring.close(server);
        for _ in 0..4 {
            trio.pair.server_goes_on_unheard();
        }
        trio.pair.client.ring.resume_receive(client);
        trio.until(|pair, _| pair.client.record(client).ended.is_some());
        let record = trio.pair.client.record(client);
        assert!(record.received == reply, "round {round}: the reply is lost");
        assert!(
            matches!(record.ended, Some(None)),
            "round {round}: {record:?}"
        );
        trio.pair.client.ring.close(client);
        trio.until(|pair, _| pair.server.record(server).closed);
        assert!(trio.pair.server.detached.is_empty());
    }
    trio.finish();
}

/// `Side::begin` asserts that it does not before; this sees to it that it does after.
pub(crate) fn an_id_comes_back_after_its_detached(world: impl World) {
    let mut trio = Trio::new(world);
    for _ in 0..20 {
        let (server, client) = trio.pair.connection();
        assert_eq!(server, SocketId(0), "the only socket of its ring");
        let moved = trio.move_over(server);
        trio.pair.client.ring.close(client);
        trio.other.ring.close(moved);
        trio.until(|_, other| other.record(moved).closed);
    }
    trio.finish();
}

pub(crate) fn a_detached_stream_that_nobody_adopts_is_closed(world: impl World) {
    let mut trio = Trio::new(world);
    let (server, client) = trio.pair.connection();
    trio.pair.server.ring.detach(server);
    trio.until(|pair, _| !pair.server.detached.is_empty());
    trio.pair.server.detached.clear();
    trio.until(|pair, _| pair.client.record(client).ended.is_some());
    trio.finish();
}

/// What one ring has sent, another one's close must not destroy.
pub(crate) fn the_last_reply_survives_a_close_in_another_ring(world: impl World) {
    let mut trio = Trio::new(world);
    for round in 0..10 {
        let (server, client) = trio.pair.connection();
        let reply = pattern(5_840, round);
        // It reads when all has happened.
        trio.pair.client.ring.pause_receive(client);
        trio.pair.settle();
        trio.pair.server.ring.send(server, reply.clone());
        trio.until(|pair, _| pair.server.record(server).sent.len() == 1);
        let moved = trio.move_over(server);
        trio.other.ring.pause_receive(moved);
        trio.pair.client.ring.send(client, pattern(20_000, round));
        trio.until(|pair, _| pair.client.record(client).sent.len() == 1);
        trio.other.ring.close(moved);
        for _ in 0..4 {
            trio.other.turn();
        }
        // More input, after the close, which a reset would answer.
        trio.pair.client.ring.send(client, pattern(3_000, round));
        trio.until(|pair, _| {
            let record = pair.client.record(client);
            record.sent.len() + record.send_failed.len() == 2
        });
        trio.pair.client.ring.resume_receive(client);
        trio.until(|pair, _| pair.client.record(client).ended.is_some());
        let record = trio.pair.client.record(client);
        assert!(record.received == reply, "round {round}: the reply is lost");
        assert!(
            matches!(record.ended, Some(None)) && record.send_failed.is_empty(),
            "round {round}: {record:?}"
        );
        trio.pair.client.ring.close(client);
        trio.until(|_, other| other.record(moved).closed);
    }
    trio.finish();
}
