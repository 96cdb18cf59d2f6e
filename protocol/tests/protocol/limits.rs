//! What a connection keeps and for how long: unfinished requests, buffers, the room of calls.

use std::sync::Arc;
use std::time::Duration;

use annulus_protocol::{
    CallId, CloseReason, Extensions, FaultStatus, Input, Limits, MaxFragment, ServerConnection,
    Time, Violation,
};

use crate::support::*;

/// A server whose core keeps at most 100 bytes of unfinished requests.
fn small_core() -> Server {
    let mut server = Server::bound(MULTIPLEXING);
    server.endpoint.assembling_max = Some(100);
    server
}

fn fragment(flags: u8, len: usize) -> Vec<u8> {
    Call::new(1).flags(flags).stub(&vec![1; len]).build()
}

#[test]
fn the_core_hears_of_each_byte_of_an_unfinished_request() {
    let mut server = small_core();
    server.receive(&fragment(FIRST, 60));
    assert_eq!(server.endpoint.assembling, 60);
    server.receive(&fragment(0, 30));
    assert_eq!(server.endpoint.assembling, 90);
    let request = server.request(&fragment(LAST, 10));
    assert_eq!(request.stub, [1; 100]);
    assert_eq!(server.endpoint.assembling, 0, "it is finished");
    server.answer(&request.reply, &[]);
    server.request(&Call::new(1).stub(&[1; 200]).build());
    assert_eq!(server.endpoint.assembling, 0, "it was never unfinished");
}

#[test]
fn attack_unfinished_requests_beyond_the_room_of_the_core() {
    for (first, further) in [(101, None), (60, Some(41))] {
        let mut server = small_core();
        let pieces = [
            Some(fragment(FIRST, first)),
            further.map(|len| fragment(0, len)),
        ];
        let (reason, fault) =
            server.close_reason(&pieces.into_iter().flatten().flatten().collect::<Vec<u8>>());
        fault.assert_fault(1, 1, FaultStatus::NCA_S_SERVER_TOO_BUSY, DID_NOT_EXECUTE);
        assert_eq!(reason, CloseReason::TooMuchAssembling { call: CallId(1) });
        assert_eq!(server.endpoint.assembling, 0);
    }
}

#[test]
fn a_request_that_is_only_skipped_takes_no_room() {
    let mut server = small_core();
    server.receive(&Call::new(1).flags(FIRST).opnum(99).stub(&[1; 200]).build());
    server.receive(&fragment(LAST, 200));
    assert_eq!(server.endpoint.assembling, 0);
    server.request(&Call::new(2).build());
}

#[test]
fn the_room_of_an_unfinished_request_comes_back_with_the_end_of_its_connection() {
    let mut violated = small_core();
    violated.receive(&fragment(FIRST, 60));
    let (reason, _) = violated.close_reason(&Call::new(2).build());
    assert_eq!(reason, Violation::FragmentOrder { call: CallId(2) }.into());
    assert_eq!(violated.endpoint.assembling, 0);
    let mut closed = small_core();
    closed.receive(&fragment(FIRST, 60));
    for _ in 0..2 {
        closed.connection.close(&mut closed.endpoint);
        assert_eq!(closed.endpoint.assembling, 0);
    }
}

#[test]
fn attack_other_pdus_do_not_keep_a_fragmented_request_alive() {
    let cancel = pdu(CO_CANCEL, WHOLE, 99, &[]);
    for pieces in [vec![&cancel[..]], cancel.chunks(1).collect()] {
        let mut server = Server::bound(0);
        server.receive(&fragment(FIRST, 60));
        let deadline = Time::ZERO + Limits::DEFAULT.progress_timeout;
        server.now = Time::ZERO + Duration::from_secs(59);
        for piece in pieces {
            server.receive(piece);
            assert_eq!(server.connection.next_deadline(), Some(deadline));
        }
        let end = server.connection.handle_deadline(deadline, &mut server.out);
        assert!(end.is_some());
    }
}

#[test]
fn a_fragment_and_a_part_of_one_keep_a_fragmented_request_alive() {
    let mut server = Server::bound(0);
    server.receive(&fragment(FIRST, 60));
    let further = fragment(0, 60);
    for piece in [&further[..20], &further[20..30], &further[30..], &further] {
        server.now = server.now + Duration::from_secs(59);
        server.receive(piece);
        let deadline = server.now + Limits::DEFAULT.progress_timeout;
        assert_eq!(server.connection.next_deadline(), Some(deadline));
    }
}

#[test]
fn the_buffers_of_fragments_that_came_in_pieces_are_kept_for_the_next() {
    let mut server = Server::bound(0);
    let first = fragment(FIRST, 1000);
    server.receive(&first[..500]);
    server.receive(&first[500..]);
    assert_eq!(server.connection.kept_len(), 0, "the others join it");
    for _ in 0..2 {
        let bytes = fragment(0, 1000);
        server.receive(&bytes[..500]);
        assert_eq!(server.connection.kept_len(), 0, "it is in use");
        server.receive(&bytes[500..]);
        assert!(server.connection.kept_len() >= bytes.len());
    }
}

#[test]
fn a_large_pdu_that_comes_in_pieces_is_counted_until_it_is_whole() {
    let extensions = Extensions {
        fragment_max: MaxFragment::MAX,
    };
    let mut server = Server::new();
    let offer = Offer::bind(0)
        .context(1, ECHO, &[NDR])
        .context(2, ECHO, &[extensions.syntax()]);
    server.receive(&offer.build());
    server.take_pdu();
    let call = |id: u32, len: usize| Call::new(id).stub(&vec![7; len]).build();
    server.endpoint.assembling_max = Some(65_528);
    let small = call(1, 5840 - 24);
    server.receive(&small[..100]);
    assert_eq!(server.endpoint.assembling, 0, "as everywhere");
    server.request(&small[100..]);

    let large = call(2, 60_000);
    server.receive(&large[..15]);
    assert_eq!(server.endpoint.assembling, 0, "its length is not known");
    server.receive(&large[15..16]);
    server.receive(&large[16..1000]);
    assert_eq!(server.endpoint.assembling, large.len());
    server.request(&large[1000..]);
    assert_eq!(server.endpoint.assembling, 0);

    server.endpoint.assembling_max = Some(60_000);
    let (reason, fault) = server.close_reason(&call(3, 60_000)[..1000]);
    assert_eq!(reason, CloseReason::TooMuchAssembling { call: CallId(3) });
    fault.assert_fault(3, 0, FaultStatus::NCA_S_SERVER_TOO_BUSY, DID_NOT_EXECUTE);
    assert_eq!(server.endpoint.assembling, 0);

    let mut left = Server::new();
    left.receive(&offer.build());
    left.receive(&large[..1000]);
    assert_eq!(left.endpoint.assembling, large.len());
    left.connection.close(&mut left.endpoint);
    assert_eq!(left.endpoint.assembling, 0);
}

#[test]
fn a_connection_keeps_as_many_buffers_as_its_limits_say() {
    for (count, len_max, expected) in [(0, 4096, 0..1), (1, 4096, 1..4097), (1, 100, 0..1)] {
        let limits = Limits {
            kept_buffers_per_connection_max: count,
            kept_buffer_len_max: len_max,
            ..Limits::DEFAULT
        };
        let mut server = Server::bound_with(limits, 0);
        let bytes = Call::new(1).stub(&[1; 1000]).build();
        server.receive(&bytes[..500]);
        server.request(&bytes[500..]);
        assert!(expected.contains(&server.connection.kept_len()));
    }
}

#[test]
fn a_trimmed_connection_keeps_nothing_for_re_use() {
    let mut server = Server::bound(MULTIPLEXING);
    let requests: Vec<SeenRequest> = (1..=1000)
        .map(|call| server.request(&Call::new(call).build()))
        .collect();
    let (last, others) = requests.split_last().expect("requests");
    for request in others {
        server.answer(&request.reply, &[]);
    }
    assert!(server.connection.kept_len() > 10_000, "the room of calls");
    server.connection.trim();
    assert_eq!(server.connection.kept_len(), 0);
    server.out.clear();
    server.answer(&last.reply, &[]);
    assert_eq!(server.take_pdu().call(), 1000, "it is still known");
}

/// The keys of 100 active calls, in the order of the connection.
fn order(mut connection: ServerConnection) -> Vec<u64> {
    let mut server = Server::new();
    let mut bytes = Offer::bind(0)
        .flags(WHOLE | MULTIPLEXING)
        .context(1, ECHO, &[NDR])
        .build();
    (1..=100).for_each(|call| bytes.extend(Call::new(call).build()));
    let mut input = Input::new(&bytes);
    let mut next = 1;
    while connection
        .next_event(
            Time::ZERO,
            &mut input,
            &mut server.endpoint,
            &mut server.out,
        )
        .is_some()
    {
        connection.set_call_key(CallId(next), next.into());
        next += 1;
    }
    connection.active_call_keys().collect()
}

#[test]
fn attack_nobody_foretells_where_calls_are_kept_who_does_not_know_the_seed() {
    let connection = || ServerConnection::new(Arc::new(Limits::DEFAULT), Time::ZERO);
    assert_eq!(order(connection()).len(), 100);
    assert_ne!(order(connection()), order(connection()));
    let seeded = |seed| order(connection().with_seed(seed));
    assert_eq!(seeded(7), seeded(7), "a run can be repeated");
    assert_ne!(seeded(7), seeded(8));
}
