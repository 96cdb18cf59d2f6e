//! Rules 10 to 18 and 24: requests, fragments, cancels and answers on the server.

use std::time::Duration;

use annulus_protocol::{
    CallId, CloseReason, FaultStatus, InterfaceKey, Limits, Opnum, Time, TransferSyntax, Uuid,
    Violation,
};

use crate::support::*;

const PROTO_ERROR: FaultStatus = FaultStatus::NCA_S_PROTO_ERROR;

#[test]
fn a_request_and_its_response_byte_by_byte() {
    let mut server = Server::bound(0);
    let request = server.request(&hex("
        05 00 00 03 10 00 00 00 1c 00 00 00 02 00 00 00  # request, 28 bytes, call 2
        04 00 00 00 01 00 03 00                          # allocation hint, context 1, opnum 3
        61 62 63 64                                      # stub data
    "));
    assert_eq!(
        (request.interface, request.opnum),
        (InterfaceKey(0), Opnum(3))
    );
    assert_eq!(
        (request.transfer, &request.stub[..]),
        (TransferSyntax::Ndr, &b"abcd"[..])
    );
    server.answer(&request.reply, b"xyz");
    let response = hex("
        05 00 02 03 10 00 00 00 1b 00 00 00 02 00 00 00  # response, 27 bytes, call 2
        03 00 00 00 01 00 00 00                          # 3 bytes, context 1, no cancel
        78 79 7a                                         # stub data
    ");
    assert_eq!(server.take_pdu(), Wire(response));
}

#[test]
fn rule_10_an_opnum_out_of_range_leaves_the_connection_open() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(1).opnum(5).build());
    let fault = server.take_pdu();
    fault.assert_fault(1, 1, FaultStatus::NCA_S_OP_RNG_ERROR, DID_NOT_EXECUTE);
    server.request(&Call::new(2).opnum(4).build());
}

#[test]
fn rule_10_bad_stub_data_is_a_fault_without_a_claim_that_nothing_executed() {
    let mut server = Server::bound(0);
    let request = server.request(&Call::new(1).build());
    server.fault(&request.reply, FaultStatus::BAD_STUB_DATA);
    server
        .take_pdu()
        .assert_fault(1, 1, FaultStatus::BAD_STUB_DATA, 0);
    assert_eq!(server.connection.active_calls(), 0);
}

#[test]
fn rule_10_a_fragmented_request_that_nobody_serves_is_answered_once_and_skipped() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(1).flags(FIRST).opnum(99).stub(&[1; 8]).build());
    let fault = server.take_pdu();
    fault.assert_fault(1, 1, FaultStatus::NCA_S_OP_RNG_ERROR, DID_NOT_EXECUTE);
    server.receive(&Call::new(1).flags(0).opnum(99).stub(&[1; 8]).build());
    server.receive(&Call::new(1).flags(LAST).opnum(99).stub(&[1; 8]).build());
    assert!(server.out.is_empty());
    server.request(&Call::new(2).build());
}

#[test]
fn rule_12_without_multiplexing_a_second_first_fragment_faults_the_first_call() {
    for second in [50, 51] {
        let mut server = Server::bound(0);
        assert_eq!(server.receive(&Call::new(50).flags(FIRST).build()), []);
        let (reason, fault) = server.close_reason(&Call::new(second).flags(FIRST).build());
        fault.assert_fault(50, 1, PROTO_ERROR, 0);
        assert_eq!(
            reason,
            Violation::FragmentOrder {
                call: CallId(second)
            }
            .into()
        );
    }
}

#[test]
fn rule_12_with_multiplexing_a_second_fragmented_request_is_refused() {
    let mut server = Server::bound(MULTIPLEXING);
    server.receive(&Call::new(50).flags(FIRST).build());
    let (_, fault) = server.close_reason(&Call::new(51).flags(FIRST).build());
    fault.assert_fault(51, 0, PROTO_ERROR, 0);
}

#[test]
fn rule_12_with_multiplexing_a_whole_request_between_fragments_is_refused() {
    let mut server = Server::bound(MULTIPLEXING);
    server.receive(&Call::new(1).flags(FIRST).build());
    server.receive(&pdu(ORPHANED, WHOLE, 1, &[]));
    let (_, fault) = server.close_reason(&Call::new(2).context(0).build());
    fault.assert_fault(2, 0, PROTO_ERROR, 0);
}

#[test]
fn rule_12_with_multiplexing_the_same_call_cannot_begin_twice() {
    let mut server = Server::bound(MULTIPLEXING);
    server.receive(&Call::new(3).flags(FIRST).build());
    let (_, fault) = server.close_reason(&Call::new(3).flags(FIRST).context(111).build());
    fault.assert_fault(3, 1, PROTO_ERROR, 0);
}

#[test]
fn rule_12_a_fragment_of_another_call_is_out_of_order() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(3).flags(FIRST).build());
    let (_, fault) = server.close_reason(&Call::new(4).flags(LAST).build());
    fault.assert_fault(3, 1, PROTO_ERROR, 0);
    let mut server = Server::bound(MULTIPLEXING);
    server.receive(&Call::new(3).flags(FIRST).build());
    let (_, fault) = server.close_reason(&Call::new(4).flags(LAST).build());
    fault.assert_fault(4, 0, PROTO_ERROR, 0);
}

#[test]
fn rule_12_a_call_begins_with_its_first_fragment() {
    for flags in [0, LAST] {
        let (_, fault) = Server::bound(0).close_reason(&Call::new(2).flags(flags).build());
        fault.assert_fault(2, 0, PROTO_ERROR, 0);
    }
}

#[test]
fn rule_12_the_data_representation_must_not_change_between_fragments() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(2).flags(FIRST).stub(&[1]).build());
    let mut last = Call::new(2).flags(LAST).stub(&[2]).build();
    last[4] = 0x11;
    let (reason, fault) = server.close_reason(&last);
    fault.assert_fault(2, 1, PROTO_ERROR, 0);
    assert_eq!(
        reason,
        Violation::RepresentationChanged { call: CallId(2) }.into()
    );
}

#[test]
fn rule_12_a_first_fragment_with_a_pending_cancel_ends_the_connection() {
    for flags in [FIRST, WHOLE] {
        let request = Call::new(2).flags(flags | PENDING_CANCEL);
        let (_, fault) = Server::bound(0).close_reason(&request.build());
        fault.assert_fault(2, 0, FaultStatus::NO_CALL_ACTIVE, DID_NOT_EXECUTE);
    }
}

#[test]
fn rule_12_a_pending_cancel_in_a_later_fragment_is_ignored() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(2).flags(FIRST).stub(b"ab").build());
    server.receive(&Call::new(2).flags(PENDING_CANCEL).stub(b"cd").build());
    let last = Call::new(2).flags(LAST | PENDING_CANCEL).stub(b"ef");
    assert_eq!(server.request(&last.build()).stub, b"abcdef");
}

#[test]
fn rule_12_context_and_opnum_of_later_fragments_count_for_nothing() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(2).flags(FIRST).opnum(3).stub(b"ab").build());
    let last = Call::new(2)
        .flags(LAST)
        .context(111)
        .opnum(111)
        .stub(b"cd")
        .build();
    let request = server.request(&last);
    assert_eq!((request.opnum, &request.stub[..]), (Opnum(3), &b"abcd"[..]));
}

fn tiny_limits() -> Limits {
    Limits {
        request_len_max: 100,
        ..Limits::DEFAULT
    }
}

#[test]
fn rule_13_a_request_above_the_limit_ends_the_connection() {
    let mut server = Server::bound_with(tiny_limits(), 0);
    server.receive(&Call::new(1).flags(FIRST).stub(&[1; 60]).build());
    let (reason, fault) = server.close_reason(&Call::new(1).flags(0).stub(&[1; 41]).build());
    fault.assert_fault(1, 1, FaultStatus::ACCESS_DENIED, 0);
    assert_eq!(
        reason,
        CloseReason::RequestTooLong {
            call: CallId(1),
            limit: 100
        }
    );
}

#[test]
fn rule_13_a_request_of_just_the_limit_is_served() {
    let mut server = Server::bound_with(tiny_limits(), 0);
    server.receive(&Call::new(1).flags(FIRST).stub(&[1; 60]).build());
    let request = server.request(&Call::new(1).flags(LAST).stub(&[1; 40]).build());
    assert_eq!(request.stub, [1; 100]);
}

#[test]
fn rule_13_an_unfragmented_request_has_the_same_limit() {
    let mut server = Server::bound_with(tiny_limits(), 0);
    let request = server.request(&Call::new(1).stub(&[1; 100]).build());
    server.answer(&request.reply, &[]);
    server.take_pdu();
    let (reason, fault) = server.close_reason(&Call::new(2).stub(&[1; 101]).build());
    fault.assert_fault(2, 1, FaultStatus::ACCESS_DENIED, 0);
    assert_eq!(
        reason,
        CloseReason::RequestTooLong {
            call: CallId(2),
            limit: 100
        }
    );
}

#[test]
fn rule_13_any_allocation_hint_works_on_a_small_call_in_fragments() {
    let mut server = Server::bound_with(tiny_limits(), 0);
    for hint in [0, 1, 0xffff_ffff] {
        let fragment = |flags| Call::new(1).flags(flags).alloc_hint(hint).stub(&[5; 8]);
        assert_eq!(server.receive(&fragment(FIRST).build()), []);
        let request = server.request(&fragment(LAST).build());
        assert_eq!(request.stub, [5; 16]);
        server.answer(&request.reply, &[]);
    }
}

#[test]
fn rule_13_attack_endless_fragments_of_a_request_that_was_refused() {
    let mut server = Server::bound_with(tiny_limits(), 0);
    let unknown = |flags| Call::new(1).flags(flags).context(77).stub(&[0; 50]);
    server.receive(&unknown(FIRST).build());
    server.take_pdu();
    assert_eq!(server.receive(&unknown(0).build()), []);
    let (_, fault) = server.close_reason(&unknown(0).build());
    fault.assert_fault(1, 77, FaultStatus::ACCESS_DENIED, 0);
}

#[test]
fn rule_13_any_allocation_hint_works_on_a_small_call() {
    let mut server = Server::bound(0);
    for hint in [0, 1, 0xffff_ffff] {
        let request = server.request(&Call::new(1).alloc_hint(hint).stub(&[5; 8]).build());
        assert_eq!(request.stub, [5; 8]);
        server.answer(&request.reply, &[]);
    }
}

#[test]
fn rule_14_fragments_of_one_byte_of_stub_data_and_of_none() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(1).flags(FIRST).build());
    for byte in b"abcdefg" {
        assert_eq!(
            server.receive(&Call::new(1).flags(0).stub(&[*byte]).build()),
            []
        );
    }
    let request = server.request(&Call::new(1).flags(LAST).build());
    assert_eq!(request.stub, b"abcdefg");
}

#[test]
fn rule_14_several_requests_in_one_piece_are_answered_in_turn() {
    let mut server = Server::bound(MULTIPLEXING);
    let stream: Vec<u8> = (1..=20).flat_map(|call| Call::new(call).build()).collect();
    let seen = server.receive(&stream);
    assert_eq!(seen.len(), 20);
    assert_eq!(server.connection.active_calls(), 20);
}

#[test]
fn rule_15_a_long_response_leaves_in_fragments_with_what_remains() {
    let mut server = Server::new();
    server.receive(
        &Offer::bind(0)
            .sizes(2048, 2048)
            .context(1, ECHO, &[NDR])
            .build(),
    );
    server.take_pdu();
    let request = server.request(&Call::new(6).build());
    let stub: Vec<u8> = (0..5000_u32).map(|index| index as u8).collect();
    server.answer(&request.reply, &stub);
    let pdus = server.take_pdus();
    let flags: Vec<u8> = pdus.iter().map(Wire::flags).collect();
    assert_eq!(flags, [FIRST, 0, LAST]);
    let hints: Vec<u32> = pdus.iter().map(Wire::alloc_hint).collect();
    assert_eq!(hints, [5000, 5000 - 2024, 5000 - 4048]);
    assert_eq!(
        pdus.iter()
            .flat_map(Wire::stub)
            .copied()
            .collect::<Vec<u8>>(),
        stub
    );
}

#[test]
fn rule_15_replies_leave_out_of_order_and_their_fragments_stay_together() {
    let mut server = Server::bound(MULTIPLEXING);
    let requests: Vec<SeenRequest> = (1..=3)
        .map(|call| server.request(&Call::new(call).build()))
        .collect();
    server.answer(&requests[2].reply, &[3; 9000]);
    server.answer(&requests[0].reply, &[1; 9000]);
    server.answer(&requests[1].reply, &[2; 8]);
    let order: Vec<(u32, u8)> = server
        .take_pdus()
        .iter()
        .map(|pdu| (pdu.call(), pdu.flags()))
        .collect();
    assert_eq!(
        order,
        [(3, FIRST), (3, LAST), (1, FIRST), (1, LAST), (2, WHOLE)]
    );
}

#[test]
fn rule_16_cancel_and_orphaned_of_no_call_are_ignored() {
    let mut server = Server::bound(0);
    for kind in [CO_CANCEL, ORPHANED] {
        assert_eq!(server.receive(&pdu(kind, WHOLE, 3, &[])), []);
    }
    assert!(server.out.is_empty());
    server.request(&Call::new(1).build());
}

#[test]
fn rule_16_cancel_and_orphaned_of_a_call_being_assembled_are_ignored() {
    for kind in [CO_CANCEL, ORPHANED] {
        let mut server = Server::bound(0);
        server.receive(&Call::new(1).flags(FIRST).build());
        assert_eq!(server.receive(&pdu(kind, WHOLE, 1, &[])), []);
        let request = server.request(&Call::new(1).flags(LAST).build());
        server.answer(&request.reply, &[1]);
        assert_eq!(server.take_pdu().kind(), RESPONSE);
    }
}

#[test]
fn a_cancel_of_an_active_call_is_told_once_with_its_key() {
    let mut server = Server::bound(MULTIPLEXING);
    let first = server.request(&Call::new(1).build());
    server.connection.set_call_key(CallId(1), 4711);
    server.request(&Call::new(2).build());
    let cancel = |call| pdu(CO_CANCEL, WHOLE, call, &[]);
    assert_eq!(
        server.receive(&cancel(1)),
        [Seen::Cancel(CallId(1), Some(4711))]
    );
    assert_eq!(server.receive(&cancel(1)), []);
    assert_eq!(server.receive(&cancel(2)), [Seen::Cancel(CallId(2), None)]);
    server.answer(&first.reply, &[1]);
    assert_eq!(
        server.take_pdu().call(),
        1,
        "a cancelled call is still answered"
    );
}

#[test]
fn the_answer_to_an_orphaned_call_is_not_sent() {
    let mut server = Server::bound(0);
    let request = server.request(&Call::new(1).build());
    server.connection.set_call_key(CallId(1), 7);
    let orphaned = pdu(ORPHANED, WHOLE, 1, &[]);
    assert_eq!(
        server.receive(&orphaned),
        [Seen::Orphaned(CallId(1), Some(7))]
    );
    assert_eq!(server.receive(&orphaned), []);
    assert_eq!(
        server.connection.active_calls(),
        1,
        "until the engine is done with it"
    );
    server.answer(&request.reply, &[1; 100]);
    assert_eq!((server.out.len(), server.connection.active_calls()), (0, 0));
}

#[test]
fn a_cancel_of_an_orphaned_call_is_not_told() {
    let mut server = Server::bound(0);
    server.request(&Call::new(1).build());
    server.receive(&pdu(ORPHANED, WHOLE, 1, &[]));
    assert_eq!(server.receive(&pdu(CO_CANCEL, WHOLE, 1, &[])), []);
}

#[test]
fn a_maybe_call_is_not_answered_by_anybody() {
    let mut server = Server::bound(0);
    let request = server.request(&Call::new(1).flags(WHOLE | MAYBE).build());
    assert!(request.maybe);
    assert_eq!(server.connection.active_calls(), 0);
    server.answer(&request.reply, &[1; 100]);
    server.fault(&request.reply, FaultStatus::NCA_S_FAULT_UNSPEC);
    server.receive(&Call::new(2).flags(WHOLE | MAYBE).opnum(99).build());
    assert!(server.out.is_empty());
}

#[test]
fn rule_17_an_object_uuid_moves_the_stub_to_byte_40() {
    let object = Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);
    let bytes = Call::new(1).object(object).stub(b"stub").build();
    assert_eq!(&bytes[40..], b"stub");
    let request = Server::bound(0).request(&bytes);
    assert_eq!(
        (request.object, &request.stub[..]),
        (Some(object), &b"stub"[..])
    );
}

#[test]
fn rule_24_a_big_endian_client_gets_a_little_endian_reply() {
    let mut server = Server::new();
    let bind = hex("
        05 00 0b 03 00 00 00 00 00 48 00 00 00 00 00 01  # bind, 72 bytes, call 1
        16 d0 16 d0 00 00 00 00 01 00 00 00              # 5840, 5840, no group, one context
        00 01 01 00                                      # context 1, one transfer syntax
        60 a1 5e c5 4d e8 11 d7 a6 37 00 50 56 a2 01 82  # rpcecho
        00 00 00 01                                      # v1.0
        8a 88 5d 04 1c eb 11 c9 9f e8 08 00 2b 10 48 60  # NDR
        00 00 00 02                                      # v2.0
    ");
    assert_eq!(server.receive(&bind), []);
    let ack = server.take_pdu();
    assert_eq!((ack.call(), ack.results()), (1, vec![(0, 0, NDR)]));
    let request = server.request(&hex("
        05 00 00 03 00 00 00 00 00 1c 00 00 00 00 00 02  # request, 28 bytes, call 2
        00 00 00 04 00 01 00 03                          # allocation hint, context 1, opnum 3
        61 62 63 64                                      # stub data
    "));
    assert!(request.drep.is_big_endian());
    assert_eq!((request.opnum, &request.stub[..]), (Opnum(3), &b"abcd"[..]));
    server.answer(&request.reply, b"x");
    let response = server.take_pdu();
    assert_eq!(
        (response.0[4], response.call(), response.stub()),
        (0x10, 2, &b"x"[..])
    );
}

#[test]
fn rule_24_each_pdu_has_its_own_byte_order() {
    let mut server = Server::bound(0);
    let big = hex("
        05 00 00 03 00 00 00 00 00 18 00 00 00 00 00 02  # request, 24 bytes, call 2
        00 00 00 00 00 01 00 03
    ");
    let request = server.request(&big);
    server.answer(&request.reply, &[]);
    server.request(&Call::new(3).build());
}

#[test]
fn a_call_id_belongs_to_one_active_call() {
    let mut server = Server::bound(MULTIPLEXING);
    let request = server.request(&Call::new(1).build());
    server.answer(&request.reply, &[]);
    server.request(&Call::new(1).build());
    server.take_pdu();
    let (reason, fault) = server.close_reason(&Call::new(1).build());
    fault.assert_fault(1, 1, PROTO_ERROR, 0);
    assert_eq!(reason, Violation::CallIdInUse { call: CallId(1) }.into());
}

#[test]
fn attack_more_active_calls_than_the_limit_are_refused_not_executed() {
    let limits = Limits {
        calls_per_connection_max: 2,
        ..Limits::DEFAULT
    };
    let mut server = Server::bound_with(limits, MULTIPLEXING);
    let first = server.request(&Call::new(1).build());
    server.request(&Call::new(2).build());
    server.receive(&Call::new(3).build());
    let fault = server.take_pdu();
    fault.assert_fault(3, 1, FaultStatus::NCA_S_SERVER_TOO_BUSY, DID_NOT_EXECUTE);
    server.answer(&first.reply, &[]);
    server.request(&Call::new(4).build());
}

#[test]
fn answers_after_the_end_are_dropped() {
    let mut server = Server::bound(MULTIPLEXING);
    let request = server.request(&Call::new(1).build());
    server.connection.set_call_key(CallId(1), 5);
    server.close_reason(&Call::new(2).flags(LAST).build());
    assert_eq!(
        server.connection.active_call_keys().collect::<Vec<_>>(),
        [5]
    );
    server.answer(&request.reply, &[1; 10]);
    assert!(server.out.is_empty());
    assert_eq!(
        server.receive(&Call::new(3).build()),
        [],
        "nothing is looked at"
    );
}

#[test]
fn a_response_can_be_taken_back() {
    let mut server = Server::bound(0);
    let request = server.request(&Call::new(1).build());
    let start = server
        .connection
        .begin_response(&request.reply, &mut server.out);
    server.out.extend_from_slice(b"half an answer");
    server.connection.cancel_response(start, &mut server.out);
    server.fault(&request.reply, FaultStatus::NCA_S_FAULT_UNSPEC);
    server
        .take_pdu()
        .assert_fault(1, 1, FaultStatus::NCA_S_FAULT_UNSPEC, 0);
}

#[test]
fn a_bind_has_its_time() {
    let limits = Limits::DEFAULT;
    let mut server = Server::new();
    let deadline = Time::ZERO + limits.bind_timeout;
    assert_eq!(server.connection.next_deadline(), Some(deadline));
    let early = Time::from_nanos(deadline.as_nanos() - 1);
    assert!(
        server
            .connection
            .handle_deadline(early, &mut server.out)
            .is_none()
    );
    assert!(
        server
            .connection
            .handle_deadline(deadline, &mut server.out)
            .is_some()
    );
    assert!(server.connection.is_closing());
    assert_eq!(Server::bound(0).connection.next_deadline(), None);
}

#[test]
fn attack_a_pdu_that_makes_no_progress_ends_the_connection() {
    let mut server = Server::bound(0);
    let request = Call::new(1).build();
    server.receive(&request[..10]);
    server.now = Time::ZERO + Duration::from_secs(59);
    server.receive(&request[10..20]);
    let deadline = server.now + Limits::DEFAULT.progress_timeout;
    assert_eq!(server.connection.next_deadline(), Some(deadline));
    server.now = server.now + Duration::from_secs(59);
    server.receive(&[]);
    assert_eq!(
        server.connection.next_deadline(),
        Some(deadline),
        "nothing is no progress"
    );
    assert!(
        server
            .connection
            .handle_deadline(deadline, &mut server.out)
            .is_some()
    );
}

#[test]
fn attack_a_fragmented_request_that_makes_no_progress_ends_the_connection() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(1).flags(FIRST).build());
    let deadline = Time::ZERO + Limits::DEFAULT.progress_timeout;
    assert_eq!(server.connection.next_deadline(), Some(deadline));
    server.request(&Call::new(1).flags(LAST).build());
    assert_eq!(server.connection.next_deadline(), None);
}
