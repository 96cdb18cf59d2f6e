//! Bytes go right into buffers of the owner's.

use annulus_transports::{Ring, SocketId};

use crate::pair::{Pair, pattern};
use crate::world::World;

/// A connection whose server is about to receive into a buffer of its own with this much room.
fn about_to_fill<W: World>(pair: &mut Pair<W>, room: usize) -> (SocketId, SocketId) {
    let (server, client) = pair.connection();
    pair.server.room = Some(room);
    pair.until(|pair| {
        let is_idle = pair.client.ring.usage().sends == 0;
        let is_filling = pair.server.record(server).filling.is_some();
        if is_idle && !is_filling {
            pair.client.ring.send(client, b"?".to_vec());
        }
        is_idle && is_filling
    });
    pair.settle();
    pair.server.room = None;
    (server, client)
}

pub(crate) fn bytes_go_right_behind_what_is_there(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = about_to_fill(&mut pair, 300_000);
    let before = pair.server.record(server).received.len();
    let filled = pair.server.record(server).filled.len();
    pair.server.room = Some(300_000);
    let message = pattern(200_000, 1);
    pair.client.ring.send(client, message.clone());
    pair.until(|pair| pair.server.record(server).received.len() == before + message.len());
    let record = pair.server.record(server);
    assert!(
        record.received[before..] == message,
        "bytes were lost or exchanged"
    );
    let in_place: usize = record.filled[filled..].iter().sum();
    assert_eq!(in_place, message.len(), "nothing took another way");
    pair.finish();
}

pub(crate) fn buffers_of_all_sizes_and_those_of_the_ring_lose_nothing(world: impl World) {
    let mut pair = Pair::new(world);
    for room in [10, 1000, 5000, 70_000] {
        let (server, client) = about_to_fill(&mut pair, room);
        pair.client.room = Some(room + 1);
        let len = (room * 300).clamp(40_000, 1 << 20);
        let (there, back) = (pattern(len, 1), pattern(len + 7, 2));
        let before = pair.server.record(server).received.len();
        let filled = pair.server.record(server).filled.len();
        pair.client.ring.send(client, there.clone());
        pair.server.ring.send(server, back.clone());
        let mut turns = 0;
        pair.until(|pair| {
            turns += 1;
            // Now and then its owner expects nothing long.
            pair.server.room = (turns % 5 > 0).then_some(room);
            pair.server.record(server).received.len() == before + there.len()
                && pair.client.record(client).received.len() == back.len()
        });
        assert!(
            pair.server.record(server).received[before..] == there
                && pair.client.record(client).received == back,
            "bytes were lost or exchanged with room for {room}"
        );
        let filled = &pair.server.record(server).filled[filled..];
        assert!(!filled.is_empty(), "no buffer was filled");
        assert!(filled.iter().all(|&len| len <= room), "{filled:?}");
    }
    pair.finish();
}

pub(crate) fn byte_by_byte_something_long_gets_whole(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = about_to_fill(&mut pair, 100);
    let before = pair.server.record(server).received.len();
    pair.server.room = Some(100);
    let message = pattern(30, 3);
    for (index, byte) in message.iter().enumerate() {
        pair.client.ring.send(client, vec![*byte]);
        pair.until(|pair| pair.server.record(server).received.len() == before + index + 1);
        pair.until(|pair| pair.client.ring.usage().sends == 0);
    }
    assert_eq!(pair.server.record(server).received[before..], message);
    assert!(pair.server.record(server).filled.len() >= message.len());
    pair.finish();
}

pub(crate) fn small_things_come_as_before_once_nothing_long_does(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = about_to_fill(&mut pair, 100);
    let mut expected = pair.server.record(server).received.clone();
    for round in 0..40 {
        let message = pattern(100, round);
        pair.client.ring.send(client, message.clone());
        expected.extend_from_slice(&message);
        pair.until(|pair| {
            pair.server.record(server).received == expected && pair.client.ring.usage().sends == 0
        });
    }
    pair.finish();
}

pub(crate) fn a_buffer_waits_through_a_pause(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = about_to_fill(&mut pair, 1000);
    let before = pair.server.record(server).received.clone();
    pair.server.ring.pause_receive(server);
    pair.settle();
    pair.client.ring.send(client, b"late".to_vec());
    pair.settle();
    assert_eq!(
        pair.server.record(server).received,
        before,
        "paused, and still received"
    );
    assert_eq!(pair.server.ring.usage().receives_into, 1);
    pair.server.ring.resume_receive(server);
    let expected = [&before[..], b"late"].concat();
    pair.until(|pair| pair.server.record(server).received == expected);
    assert!(pair.server.record(server).filled.last() > Some(&0));
    pair.finish();
}

pub(crate) fn a_close_gives_no_buffer_back_and_leaves_none(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = about_to_fill(&mut pair, 1000);
    let filled = pair.server.record(server).filled.len();
    pair.client.ring.send(client, b"unwanted".to_vec());
    pair.server.ring.close(server);
    pair.until(|pair| pair.server.record(server).closed);
    assert_eq!(pair.server.record(server).filled.len(), filled);
    assert_eq!(pair.server.ring.usage().receives_into, 0);
    pair.finish();
}

pub(crate) fn the_end_of_the_stream_comes_after_the_buffer(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = about_to_fill(&mut pair, 1000);
    pair.client.ring.close(client);
    pair.until(|pair| pair.server.record(server).ended.is_some());
    let record = pair.server.record(server);
    assert_eq!((record.filling, record.filled.last()), (None, Some(&0)));
    pair.finish();
}

pub(crate) fn a_detach_gives_the_buffer_back(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = about_to_fill(&mut pair, 1000);
    assert!(pair.server.ring.can_detach());
    pair.server.ring.detach(server);
    pair.until(|pair| pair.server.record(server).closed);
    let record = pair.server.record(server);
    assert_eq!((record.filling, record.filled.last()), (None, Some(&0)));
    let stream = pair.server.detached.pop().unwrap();
    let moved = pair.server.ring.adopt(stream).unwrap();
    pair.server.begin(moved);
    pair.client.ring.send(client, b"to the same one".to_vec());
    pair.until(|pair| pair.server.record(moved).received == b"to the same one");
    pair.finish();
}
