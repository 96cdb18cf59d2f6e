//! Requests that a server hands out fragment by fragment.

use std::time::Duration;

use annulus_protocol::{CallId, CloseReason, FaultStatus, Limits, Opnum, Violation};

use crate::support::*;

/// The operation of ECHO that ends in a pipe.
const PIPE: u16 = 4;

/// A server whose operation `PIPE` is streamed.
fn server(flags: u8) -> Server {
    server_with(Limits::DEFAULT, flags)
}

fn server_with(limits: Limits, flags: u8) -> Server {
    let mut server = Server::bound_with(limits, flags);
    server.endpoint.streamed = Some(Opnum(PIPE));
    server
}

fn fragment(call: u32, flags: u8, stub: &[u8]) -> Vec<u8> {
    Call::new(call).opnum(PIPE).flags(flags).stub(stub).build()
}

fn data(call: u32, stub: &[u8], is_last: bool) -> Seen {
    Seen::Data(CallId(call), Some(7), stub.to_vec(), is_last)
}

/// Begins a stream, call 1 with key 7.
fn begun(server: &mut Server) -> SeenRequest {
    let request = server.request(&fragment(1, FIRST, b"head"));
    assert!(!request.is_last);
    server.connection.set_call_key(CallId(1), 7);
    request
}

#[test]
fn a_stream_is_handed_out_fragment_by_fragment() {
    let mut server = server(0);
    let request = begun(&mut server);
    assert_eq!(
        (request.opnum, &request.stub[..]),
        (Opnum(PIPE), &b"head"[..])
    );
    let further = [
        fragment(1, 0, b"ab"),
        fragment(1, 0, b""),
        fragment(1, LAST, b"c"),
    ]
    .concat();
    assert_eq!(
        server.receive(&further),
        [
            data(1, b"ab", false),
            data(1, b"", false),
            data(1, b"c", true)
        ]
    );
    server.answer(&request.reply, b"done");
    assert_eq!(server.take_pdu().stub(), b"done");
    assert!(server.request(&fragment(2, WHOLE, b"short")).is_last);
}

#[test]
fn a_stream_that_fits_in_one_fragment_is_a_request_like_others() {
    let request = server(0).request(&fragment(1, WHOLE, b"all of it"));
    assert!(request.is_last);
    assert_eq!(request.stub, b"all of it");
}

#[test]
fn operations_without_a_pipe_are_handed_out_whole() {
    let mut server = server(0);
    assert_eq!(server.receive(&Call::new(1).flags(FIRST).build()), []);
    let request = server.request(&Call::new(1).flags(LAST).stub(b"ab").build());
    assert!(request.is_last);
}

/// Nobody waits for its answer, so the server could not tell when it ends.
#[test]
fn a_maybe_call_is_handed_out_whole() {
    let mut server = server(0);
    assert_eq!(server.receive(&fragment(1, FIRST | MAYBE, b"ab")), []);
    let request = server.request(&fragment(1, LAST | MAYBE, b"cd"));
    assert!(request.maybe && request.is_last);
    assert_eq!(request.stub, b"abcd");
}

#[test]
fn rule_13_a_stream_has_no_limit_and_keeps_nothing() {
    let limits = Limits {
        request_len_max: 100,
        ..Limits::DEFAULT
    };
    let mut server = server_with(limits, 0);
    server.endpoint.assembling_max = Some(0);
    begun(&mut server);
    let piece = vec![3; 5000];
    for _ in 0..210 {
        assert_eq!(
            server.receive(&fragment(1, 0, &piece)),
            [data(1, &piece, false)]
        );
        assert!(server.connection.kept_len() < 1000);
    }
}

#[test]
fn a_stream_may_pause_between_its_fragments_but_not_within_one() {
    let mut server = server(0);
    begun(&mut server);
    assert_eq!(server.connection.next_deadline(), None);
    server.now = server.now + Duration::from_secs(1_000_000);
    let further = fragment(1, LAST, b"ab");
    assert_eq!(server.receive(&further[..20]), []);
    let deadline = server.now + Limits::DEFAULT.progress_timeout;
    assert_eq!(server.connection.next_deadline(), Some(deadline));
    assert!(
        server
            .connection
            .handle_deadline(deadline, &mut server.out)
            .is_some()
    );
}

#[test]
fn no_client_is_blamed_for_a_pause_of_the_server() {
    let mut server = server(0);
    begun(&mut server);
    let further = fragment(1, LAST, b"ab");
    assert_eq!(server.receive(&further[..20]), []);
    server.connection.pause();
    assert_eq!(server.connection.next_deadline(), None);
    server.now = server.now + Duration::from_secs(1_000_000);
    let expired = server
        .connection
        .handle_deadline(server.now, &mut server.out);
    assert!(expired.is_none());
    server.connection.resume(server.now);
    let deadline = server.now + Limits::DEFAULT.progress_timeout;
    assert_eq!(server.connection.next_deadline(), Some(deadline));
    assert_eq!(server.receive(&further[20..]), [data(1, b"ab", true)]);
}

#[test]
fn what_follows_an_early_answer_is_skipped_to_the_last_fragment() {
    for ends_in_fault in [false, true] {
        let mut server = server(0);
        let request = begun(&mut server);
        if ends_in_fault {
            server.fault(&request.reply, FaultStatus::NCA_S_FAULT_PIPE_DISCIPLINE);
        } else {
            server.answer(&request.reply, b"enough");
        }
        server.take_pdu();
        let rest = [fragment(1, 0, &[1; 5000]), fragment(1, LAST, b"end")].concat();
        assert_eq!(server.receive(&rest), []);
        assert!(server.out.is_empty());
        server.request(&Call::new(2).build());
    }
}

#[test]
fn a_stream_that_is_refused_is_skipped_without_a_limit() {
    let limits = Limits {
        request_len_max: 100,
        calls_per_connection_max: 1,
        ..Limits::DEFAULT
    };
    let mut server = server_with(limits, MULTIPLEXING);
    server.request(&Call::new(1).build());
    assert_eq!(server.receive(&fragment(2, FIRST, b"ab")), []);
    let status = FaultStatus::NCA_S_SERVER_TOO_BUSY;
    server
        .take_pdu()
        .assert_fault(2, 1, status, DID_NOT_EXECUTE);
    assert_eq!(server.receive(&fragment(2, 0, &[0; 5000])), []);
    assert_eq!(server.connection.next_deadline(), None);
    assert_eq!(server.receive(&fragment(2, LAST, b"cd")), []);
    assert!(server.out.is_empty());
}

#[test]
fn orphaned_ends_a_stream_at_once() {
    let mut server = server(MULTIPLEXING);
    let request = begun(&mut server);
    let orphaned = pdu(ORPHANED, WHOLE, 1, &[]);
    assert_eq!(
        server.receive(&orphaned),
        [Seen::Orphaned(CallId(1), Some(7))]
    );
    server.request(&Call::new(2).build());
    server.answer(&request.reply, b"nobody waits for this");
    assert!(server.out.is_empty());
}

#[test]
fn orphaned_ends_what_is_skipped() {
    let mut server = server(0);
    let request = begun(&mut server);
    server.fault(&request.reply, FaultStatus::ACCESS_DENIED);
    server.take_pdu();
    assert_eq!(server.receive(&pdu(ORPHANED, WHOLE, 1, &[])), []);
    server.request(&Call::new(2).build());

    // The same where the call was refused.
    let unknown = Call::new(3).opnum(99);
    assert_eq!(server.receive(&unknown.clone().flags(FIRST).build()), []);
    server
        .take_pdu()
        .assert_fault(3, 1, FaultStatus::NCA_S_OP_RNG_ERROR, DID_NOT_EXECUTE);
    assert_eq!(server.receive(&pdu(ORPHANED, WHOLE, 3, &[])), []);
    server.request(&Call::new(4).build());
}

#[test]
fn rule_16_orphaned_of_another_call_does_not_end_a_stream() {
    let mut server = server(MULTIPLEXING);
    begun(&mut server);
    assert_eq!(server.receive(&pdu(ORPHANED, WHOLE, 2, &[])), []);
    assert_eq!(
        server.receive(&fragment(1, LAST, b"ab")),
        [data(1, b"ab", true)]
    );
}

#[test]
fn a_cancel_between_fragments_is_heard_and_the_stream_goes_on() {
    let mut server = server(0);
    begun(&mut server);
    let cancel = pdu(CO_CANCEL, WHOLE, 1, &[]);
    assert_eq!(server.receive(&cancel), [Seen::Cancel(CallId(1), Some(7))]);
    assert_eq!(
        server.receive(&fragment(1, LAST, b"ab")),
        [data(1, b"ab", true)]
    );
}

#[test]
fn rule_12_attack_a_second_request_within_a_stream() {
    let mut server = server(MULTIPLEXING);
    begun(&mut server);
    let (reason, answer) = server.close_reason(&Call::new(2).build());
    assert_eq!(reason, Violation::FragmentOrder { call: CallId(2) }.into());
    answer.assert_fault(2, 0, FaultStatus::NCA_S_PROTO_ERROR, 0);

    let mut server = crate::streamed_requests::server(0);
    begun(&mut server);
    let (_, answer) = server.close_reason(&Call::new(2).build());
    answer.assert_fault(1, 1, FaultStatus::NCA_S_PROTO_ERROR, 0);
}

#[test]
fn rule_12_attack_the_data_representation_changes_within_a_stream() {
    let mut server = server(0);
    begun(&mut server);
    let mut further = fragment(1, 0, b"ab");
    further[5] = 1;
    let (reason, _) = server.close_reason(&further);
    assert_eq!(
        reason,
        Violation::RepresentationChanged { call: CallId(1) }.into()
    );
}

#[test]
fn attack_data_after_the_last_fragment() {
    let mut server = server(MULTIPLEXING);
    begun(&mut server);
    assert_eq!(
        server.receive(&fragment(1, LAST, b"ab")),
        [data(1, b"ab", true)]
    );
    let (reason, _) = server.close_reason(&fragment(1, LAST, b"more"));
    assert_eq!(reason, Violation::FragmentOrder { call: CallId(1) }.into());
}

#[test]
fn attack_a_stream_takes_the_id_of_a_call_that_is_active() {
    let mut server = server(MULTIPLEXING);
    server.request(&Call::new(1).build());
    let (reason, _) = server.close_reason(&fragment(1, FIRST, b"ab"));
    assert_eq!(reason, Violation::CallIdInUse { call: CallId(1) }.into());
}

#[test]
fn a_connection_that_closes_in_a_stream_still_knows_its_call() {
    let mut server = server(0);
    let request = begun(&mut server);
    server.connection.close(&mut server.endpoint);
    assert_eq!(
        server.connection.active_call_keys().collect::<Vec<_>>(),
        [7]
    );
    server.answer(&request.reply, b"into nothing");
    assert!(server.out.is_empty());
    assert_eq!(server.connection.active_calls(), 0);
}

#[test]
fn a_violation_in_a_stream_names_its_end() {
    let mut server = server(0);
    begun(&mut server);
    let garbage = [0xff; 16];
    assert!(matches!(
        server.close_reason(&garbage),
        (CloseReason::Violation(Violation::Version { .. }), _)
    ));
    assert_eq!(server.connection.active_calls(), 1);
}
