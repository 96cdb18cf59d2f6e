//! Responses that a server sends in parts, and faults with extended error information.

use annulus_protocol::{CallId, FaultStatus, Limits, ReplyTo};

use crate::support::*;

/// A server with one active call, number 1.
fn answering() -> (Server, ReplyTo) {
    let mut server = Server::bound(MULTIPLEXING);
    let reply = server.request(&Call::new(1).build()).reply;
    (server, reply)
}

fn orphaned(server: &mut Server, call: u32) {
    let seen = server.receive(&pdu(ORPHANED, WHOLE, call, &[]));
    assert_eq!(seen, [Seen::Orphaned(CallId(call), None)]);
}

#[test]
fn rule_15_a_response_leaves_in_parts() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 8]);
    assert_eq!(server.connection.streamed_response(), Some(CallId(1)));
    server.answer_part(&reply, &[2; 16]);
    server.answer(&reply, b"end");
    assert_eq!(server.connection.streamed_response(), None);
    assert_eq!(server.connection.active_calls(), 0);
    let seen: Vec<_> = server
        .take_pdus()
        .iter()
        .map(|pdu| (pdu.flags(), pdu.alloc_hint(), pdu.stub().to_vec()))
        .collect();
    assert_eq!(
        seen,
        [
            (FIRST, 0, vec![1; 8]),
            (0, 0, vec![2; 16]),
            (LAST, 3, b"end".to_vec())
        ]
    );
}

#[test]
fn rule_15_a_long_part_is_split_and_only_the_ends_of_the_response_are_flagged() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 12_000]);
    server.answer_part(&reply, &[2; 12_000]);
    server.answer(&reply, &[3; 6001]);
    let pdus = server.take_pdus();
    let seen: Vec<_> = pdus
        .iter()
        .map(|pdu| (pdu.flags(), pdu.alloc_hint(), pdu.stub().len()))
        .collect();
    assert_eq!(
        seen,
        [
            (FIRST, 0, 5816),
            (0, 0, 5816),
            (0, 0, 368),
            (0, 0, 5816),
            (0, 0, 5816),
            (0, 0, 368),
            (0, 6001, 5816),
            (LAST, 185, 185),
        ]
    );
}

#[test]
fn the_last_part_of_a_response_may_be_empty() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 8]);
    server.answer(&reply, b"");
    let last = server.take_pdus().pop().expect("a last part");
    assert_eq!((last.flags(), last.stub()), (LAST, &b""[..]));
}

#[test]
fn a_part_that_is_taken_back_leaves_the_parts_before_it() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 8]);
    let start = server.connection.begin_response(&reply, &mut server.out);
    server.out.extend_from_slice(b"not this");
    server.connection.cancel_response(start, &mut server.out);
    assert_eq!(server.connection.streamed_response(), Some(CallId(1)));
    assert_eq!(server.take_pdu().flags(), FIRST);
    server.answer(&reply, b"ab");
    assert_eq!(server.take_pdu().flags(), LAST);
}

#[test]
fn a_fault_ends_a_response_that_has_begun() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 8]);
    server.out.clear();
    server.fault(&reply, FaultStatus::NCA_S_FAULT_PIPE_MEMORY);
    let status = FaultStatus::NCA_S_FAULT_PIPE_MEMORY;
    server.take_pdu().assert_fault(1, 1, status, 0);
    assert_eq!(server.connection.streamed_response(), None);
    let other = server.request(&Call::new(2).build()).reply;
    server.answer(&other, b"ab");
    assert_eq!(server.take_pdu().flags(), WHOLE);
}

/// Data that comes slowly is not kept back for the sake of a multiple of 8 bytes.
#[test]
fn a_part_of_any_length_goes_out_as_it_is() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 3]);
    let part = server.take_pdu();
    assert_eq!((part.flags(), part.stub()), (FIRST, &[1; 3][..]));
    server.answer_part(&reply, &[2]);
    let part = server.take_pdu();
    assert_eq!((part.flags(), part.stub()), (0, &[2][..]));
}

#[test]
#[should_panic(expected = "a part of stub data before the last one is empty")]
fn a_part_is_not_empty() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[]);
}

#[test]
fn rule_15_nothing_else_is_answered_within_a_response() {
    let (mut server, reply) = answering();
    let other = server.request(&Call::new(2).build()).reply;
    let maybe = server.request(&Call::new(3).flags(WHOLE | MAYBE).build());
    assert!(server.connection.can_answer(&other));
    server.answer_part(&reply, &[1; 8]);
    assert!(server.connection.can_answer(&reply));
    assert!(!server.connection.can_answer(&other));
    // Of these nothing is sent.
    assert!(server.connection.can_answer(&maybe.reply));
    orphaned(&mut server, 2);
    assert!(server.connection.can_answer(&other));
    server.answer(&other, b"nobody waits for this");
    server.answer(&reply, b"ab");
    assert_eq!(server.take_pdus().len(), 2);
}

#[test]
#[should_panic(expected = "call 2 is answered within the response of another one")]
#[cfg(debug_assertions)]
fn rule_15_an_answer_within_a_response_is_a_mistake() {
    let (mut server, reply) = answering();
    let other = server.request(&Call::new(2).build()).reply;
    server.answer_part(&reply, &[1; 8]);
    server.answer(&other, b"");
}

#[test]
#[cfg(not(debug_assertions))]
fn rule_15_an_answer_within_a_response_is_not_sent_and_can_be_given_again() {
    let (mut server, reply) = answering();
    let other = server.request(&Call::new(2).build()).reply;
    server.answer_part(&reply, &[1; 8]);
    server.answer(&other, b"too early");
    server.fault(&other, FaultStatus::ACCESS_DENIED);
    server.answer(&reply, b"ab");
    server.answer(&other, b"cd");
    let calls: Vec<u32> = server.take_pdus().iter().map(Wire::call).collect();
    assert_eq!(calls, [1, 1, 2]);
}

/// The client may read on to the end of what has begun before it takes another response.
#[test]
fn a_response_whose_call_is_orphaned_is_ended_by_a_fault() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 8]);
    server.out.clear();
    orphaned(&mut server, 1);
    let status = FaultStatus::NCA_S_FAULT_CANCEL;
    server.take_pdu().assert_fault(1, 1, status, 0);
    assert_eq!(server.connection.streamed_response(), None);
    server.answer_part(&reply, &[2; 8]);
    let other = server.request(&Call::new(2).build()).reply;
    server.answer(&other, b"ab");
    server.answer_part(&reply, &[3; 8]);
    server.answer(&reply, b"nobody waits for this");
    assert_eq!(server.take_pdu().call(), 2);
    assert_eq!(server.connection.active_calls(), 0);
}

#[test]
fn a_call_that_is_orphaned_before_its_response_begins_gets_none() {
    let (mut server, reply) = answering();
    orphaned(&mut server, 1);
    server.answer_part(&reply, &[1; 8]);
    assert_eq!(server.connection.streamed_response(), None);
    server.answer(&reply, b"ab");
    assert!(server.out.is_empty());
}

#[test]
fn a_cancel_within_a_response_is_heard_and_the_response_goes_on() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 8]);
    let seen = server.receive(&pdu(CO_CANCEL, WHOLE, 1, &[]));
    assert_eq!(seen, [Seen::Cancel(CallId(1), None)]);
    server.answer(&reply, b"ab");
    assert_eq!(server.take_pdus().len(), 2);
}

#[test]
fn requests_are_refused_between_the_parts_of_a_response() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 8]);
    assert_eq!(server.receive(&Call::new(2).opnum(99).build()), []);
    server.answer(&reply, b"ab");
    let kinds: Vec<u8> = server.take_pdus().iter().map(Wire::kind).collect();
    assert_eq!(kinds, [RESPONSE, FAULT, RESPONSE], "a fault is one PDU");
}

#[test]
fn a_connection_that_closes_in_a_response_drops_the_rest_of_it() {
    let (mut server, reply) = answering();
    server.answer_part(&reply, &[1; 8]);
    server.out.clear();
    server.connection.close(&mut server.endpoint);
    server.answer_part(&reply, &[2; 8]);
    server.answer(&reply, b"ab");
    assert!(server.out.is_empty());
    assert_eq!(server.connection.active_calls(), 0);
}

#[test]
fn parts_of_a_maybe_call_are_dropped() {
    let mut server = Server::bound(0);
    let request = server.request(&Call::new(1).flags(WHOLE | MAYBE).build());
    server.answer_part(&request.reply, &[1; 8]);
    server.answer(&request.reply, b"ab");
    assert!(server.out.is_empty());
    assert_eq!(server.connection.streamed_response(), None);
}

fn fault_with(server: &mut Server, reply: &ReplyTo, extended: &[u8]) -> Wire {
    server.connection.fault_with(
        reply,
        FaultStatus::ACCESS_DENIED,
        true,
        extended,
        &mut server.out,
    );
    server.take_pdu()
}

#[test]
fn rule_53_a_fault_with_extended_error_information_byte_by_byte() {
    let (mut server, reply) = answering();
    let expected = hex("
        05 00 03 23 10 00 00 00 23 00 00 00 01 00 00 00  # fault, 35 bytes, call 1
        23 00 00 00 01 00 00 01                          # 35 bytes, context 1, more follows
        05 00 00 00 00 00 00 00                          # the status
        77 68 79
    ");
    assert_eq!(fault_with(&mut server, &reply, b"why"), Wire(expected));
}

#[test]
fn rule_53_extended_error_information_that_is_too_long_is_left_out() {
    let limits = Limits {
        extended_error_len_max: 10,
        ..Limits::DEFAULT
    };
    let mut server = Server::bound_with(limits, 0);
    let reply = server.request(&Call::new(1).build()).reply;
    let fault = fault_with(&mut server, &reply, &[7; 11]);
    fault.assert_fault(1, 1, FaultStatus::ACCESS_DENIED, DID_NOT_EXECUTE);
    let reply = server.request(&Call::new(2).build()).reply;
    assert_eq!(fault_with(&mut server, &reply, &[7; 10]).0.len(), 42);

    // The same where it does not fit into a PDU.
    let limits = Limits {
        extended_error_len_max: 100_000,
        ..Limits::DEFAULT
    };
    let mut server = Server::bound_with(limits, 0);
    let reply = server.request(&Call::new(1).build()).reply;
    assert_eq!(fault_with(&mut server, &reply, &[7; 5809]).0.len(), 32);
    let reply = server.request(&Call::new(2).build()).reply;
    assert_eq!(fault_with(&mut server, &reply, &[7; 5808]).0.len(), 5840);
}
