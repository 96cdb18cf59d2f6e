//! Sockets and listeners come and go.

use std::time::Duration;

use annulus_protocol::Limits;
use annulus_transports::{
    Address, ListenOptions, NotAdopted, Ring, RingWaker, TransportError, Wait,
};

use crate::pair::{Pair, Side};
use crate::world::World;

pub(crate) fn a_connection_is_accepted_adopted_and_closed(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    assert_eq!(pair.server.ring.usage().sockets, 1);
    assert_eq!(pair.server.ring.usage().listeners, 1);
    assert_eq!(pair.client.ring.usage().sockets, 1);

    pair.client.ring.close(client);
    pair.until(|pair| pair.server.record(server).ended.is_some());
    assert!(
        matches!(pair.server.record(server).ended, Some(None)),
        "the peer closed cleanly"
    );
    assert!(
        !pair.server.record(server).closed,
        "the owner decides when it closes"
    );
    pair.server.ring.close(server);
    pair.server.ring.close(server);
    pair.until_closed();
    pair.finish();
}

pub(crate) fn a_refused_connect_fails_and_closes(world: impl World) {
    let mut pair = Pair::new(world);
    pair.server.ring.close_listener(pair.listener);
    pair.until(|pair| pair.server.ring.usage().listeners == 0);
    let socket = pair.client.connect(&pair.address.clone());
    pair.until(|pair| pair.client.record(socket).closed);
    let failure = &pair.client.record(socket).connect_failed;
    assert!(
        matches!(failure, Some(TransportError::Connect { address, .. }) if *address == pair.address),
        "{failure:?}"
    );
    assert!(!pair.client.record(socket).connected);
    pair.finish();
}

pub(crate) fn a_connect_can_be_closed_before_it_ends(world: impl World) {
    let mut pair = Pair::new(world);
    for turns in 0..3 {
        let socket = pair.client.connect(&pair.address.clone());
        for _ in 0..turns {
            pair.client.turn();
        }
        pair.client.ring.close(socket);
        pair.until(|pair| pair.client.record(socket).closed);
        let record = pair.client.record(socket);
        assert!(
            record.connected ^ record.connect_failed.is_some(),
            "a connect ends in one way"
        );
    }
    pair.finish();
}

pub(crate) fn a_stream_that_nobody_adopts_is_closed(world: impl World) {
    let mut pair = Pair::new(world);
    let client = pair.client.connect(&pair.address.clone());
    pair.until(|pair| !pair.server.streams.is_empty());
    pair.server.streams.clear();
    pair.until(|pair| pair.client.record(client).ended.is_some());
    assert_eq!(pair.server.ring.usage().sockets, 0);
    pair.finish();
}

pub(crate) fn a_closed_listener_refuses_and_its_connections_stay(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.server.ring.close_listener(pair.listener);
    pair.server.ring.close_listener(pair.listener);
    pair.until(|pair| pair.server.ring.usage().listeners == 0);

    let late = pair.client.connect(&pair.address.clone());
    pair.until(|pair| pair.client.record(late).connect_failed.is_some());
    pair.client.ring.send(client, b"still here".to_vec());
    pair.until(|pair| pair.server.record(server).received == b"still here");
    pair.finish();
}

pub(crate) fn two_listeners_are_told_apart(world: impl World) {
    let any = world.any_address();
    let mut pair = Pair::new(world);
    let (second, address) = pair
        .server
        .ring
        .listen(any, &ListenOptions::default())
        .unwrap();
    assert_ne!(second, pair.listener);
    assert_ne!(address, pair.address);
    pair.client.connect(&address);
    pair.until(|pair| !pair.server.streams.is_empty());
    let (listener, _, peer) = &pair.server.streams[0];
    assert_eq!(*listener, second);
    assert_ne!(*peer, address);
    match peer {
        Address::Tcp(peer) => assert_ne!(peer.port(), 0),
        Address::Process(peer) => assert!(peer.pid.is_some()),
        _ => panic!("{peer} is no peer"),
    }
    pair.server.ring.close_listener(second);
    pair.finish();
}

/// A connection that nobody has taken yet, of a listener that is gone.
pub(crate) fn late_connections_of_a_listener_are_not_those_of_the_next_one(world: impl World) {
    let any = world.any_address();
    let mut pair = Pair::new(world);
    let client = pair.client.connect(&pair.address.clone());
    for _ in 0..20 {
        pair.client.turn();
        pair.server_goes_on_unheard();
    }
    let first = pair.listener;
    pair.server.ring.close_listener(first);
    while pair.server.ring.usage().listeners > 0 {
        pair.server_goes_on_unheard();
    }
    let next = pair.server.ring.listen(any, &ListenOptions::default());
    pair.listener = next.unwrap().0;
    assert_ne!(pair.listener, first);
    pair.until(|pair| !pair.server.streams.is_empty());
    assert_eq!(pair.server.streams[0].0, first);
    pair.server.streams.clear();
    pair.until(|pair| pair.client.record(client).ended.is_some());
    pair.finish();
}

pub(crate) fn an_address_cannot_be_listened_on_twice(world: impl World) {
    let mut pair = Pair::new(world);
    let options = ListenOptions {
        retry_in_use: Duration::ZERO,
        ..ListenOptions::default()
    };
    let error = pair
        .server
        .ring
        .listen(pair.address.clone(), &options)
        .unwrap_err();
    assert!(
        matches!(&error, TransportError::AddressInUse { address, .. } if *address == pair.address),
        "{error}"
    );
    pair.finish();
}

pub(crate) fn a_full_table_refuses_and_closes_the_stream(world: impl World) {
    let limits = Limits {
        connections_per_core_max: 0,
        ..Limits::DEFAULT
    };
    let mut full = Side::new(world.ring(&limits));
    let mut pair = Pair::new(world);
    // A ring may have a few places in reserve.
    let mut refused = false;
    for _ in 0..600 {
        let client = pair.client.connect(&pair.address.clone());
        pair.until(|pair| !pair.server.streams.is_empty() && pair.client.record(client).connected);
        let (_, stream, _) = pair.server.streams.pop().unwrap();
        match full.ring.adopt(stream) {
            Ok(socket) => {
                full.begin(socket);
            }
            Err(NotAdopted { stream, error }) => {
                assert!(
                    matches!(error, TransportError::SocketTableFull { .. }),
                    "{error}"
                );
                refused = true;
                // It can still go elsewhere.
                let kept = pair.server.ring.adopt(stream).expect("there is room");
                pair.server.begin(kept);
                pair.client.ring.send(client, b"still there".to_vec());
                pair.until(|pair| pair.server.record(kept).received == b"still there");
                pair.server.ring.close(kept);
                pair.until(|pair| pair.client.record(client).ended.is_some());
                break;
            }
        }
    }
    assert!(refused, "the limit of connections is no limit");
    full.close_all();
    pair.client.close_all();
    pair.until(|_| {
        full.turn();
        full.records.values().all(|record| record.closed)
    });
    assert_eq!(full.ring.usage().sockets, 0);
    pair.finish();
}

/// `Side::begin` asserts it; this drives many ids through few places.
pub(crate) fn an_id_is_not_given_out_again_before_its_closed(world: impl World) {
    let mut pair = Pair::new(world);
    for round in 0..40 {
        let (server, client) = pair.connection();
        // One that is closing, one that was closed but not yet taken, and a new one.
        pair.server.ring.close(server);
        pair.server.ring.enter(Wait::No).unwrap();
        if round % 2 == 0 {
            pair.server.ring.enter(Wait::No).unwrap();
        }
        pair.client.ring.close(client);
        pair.connection();
    }
    pair.finish();
}

pub(crate) fn thousands_of_sockets_come_and_go(world: impl World) {
    fn many<W: World>(_: &Pair<W>) -> usize {
        W::MANY
    }
    let mut pair = Pair::new(world);
    let mut opened = 0;
    while opened < many(&pair) {
        let clients: Vec<_> = (0..50)
            .map(|_| pair.client.connect(&pair.address.clone()))
            .collect();
        pair.until(|pair| {
            clients
                .iter()
                .all(|client| pair.client.record(*client).connected)
                && pair.server.streams.len() == clients.len()
        });
        let servers: Vec<_> = clients.iter().map(|_| pair.server.adopt()).collect();
        for (at, (server, client)) in servers.iter().zip(&clients).enumerate() {
            pair.client.ring.send(*client, vec![at as u8; 24]);
            if at % 3 == 0 {
                pair.server.ring.close(*server);
            }
        }
        pair.until(|pair| {
            clients.iter().all(|client| {
                let record = pair.client.record(*client);
                record.sent.len() + record.send_failed.len() == 1
            })
        });
        pair.client.close_all();
        pair.server.close_all();
        pair.until_closed();
        opened += clients.len();
    }
    pair.finish();
}

pub(crate) fn both_sides_may_close_at_once(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.client.ring.send(client, vec![1; 100]);
    pair.server.ring.send(server, vec![2; 100]);
    pair.client.turn();
    pair.client.ring.close(client);
    pair.server.ring.close(server);
    pair.until_closed();
    pair.finish();
}

pub(crate) fn a_ring_may_be_dropped_in_full_swing(world: impl World) {
    let mut pair = Pair::new(world);
    let (server, client) = pair.connection();
    pair.client.ring.send(client, vec![7; 8 << 20]);
    pair.server.hold = true;
    pair.until(|pair| pair.server.record(server).pieces > 2);
    let waker = pair.server.ring.waker();
    let Pair {
        server: Side { ring, .. },
        mut client,
        ..
    } = pair;
    drop(ring);
    waker.wake();
    client.turn();
}

pub(crate) fn a_pending_wake_up_ends_a_wait(world: impl World) {
    let mut side = Side::new(world.ring(&Limits::DEFAULT));
    let waker = side.ring.waker();
    waker.wake();
    waker.clone().wake();
    side.ring.enter(Wait::Forever).unwrap();
    assert!(
        side.ring.next_completion().is_none(),
        "a wake-up is no completion"
    );
    let late = side.ring.now() + Duration::from_millis(20);
    side.ring.enter(Wait::Until(late)).unwrap();
}

pub(crate) fn a_wait_ends_at_its_deadline(world: impl World) {
    let mut side = Side::new(world.ring(&Limits::DEFAULT));
    let start = side.ring.now();
    let patience = Duration::from_millis(30);
    side.ring.enter(Wait::Until(start + patience)).unwrap();
    assert!(side.ring.next_completion().is_none());
    let waited = side.ring.now() - start;
    if side.ring.name() == "simulation" {
        assert_eq!(waited, Duration::ZERO, "the driver alone lets time pass");
    } else {
        assert!(waited >= patience, "came back after {waited:?}");
    }
    side.ring.enter(Wait::Until(start)).unwrap();
}
