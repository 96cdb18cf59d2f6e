//! The client's side of calls: what it sends, and what it makes of what a server sends.

use std::time::Duration;

use annulus_protocol::{
    CallError, CallId, ClientEvent, CloseReason, ContextId, FaultStatus, Limits, Opnum, Time,
    Violation,
};

use crate::support::client::*;
use crate::support::*;

#[test]
fn a_request_byte_by_byte() {
    let mut client = Client::new().bound(MULTIPLEXING);
    assert_eq!(client.call(5, b"abcd"), CallId(2));
    let request = hex("
        05 00 00 03 10 00 00 00 1c 00 00 00 02 00 00 00  # request, 28 bytes, call 2
        04 00 00 00 00 00 03 00                          # 4 bytes, context 0, opnum 3
        61 62 63 64                                      # stub data
    ");
    assert_eq!(client.take_pdu(), Wire(request));
}

#[test]
fn calls_before_the_bind_is_answered_are_refused() {
    let mut client = Client::new();
    client.bind(&NDR_ONLY);
    let error = client
        .connection
        .begin_request(ContextId(0), None, &mut client.out)
        .unwrap_err();
    assert_eq!(error, CallError::NotBound);
    assert!(client.out.is_empty());
}

#[test]
fn without_multiplexing_there_is_one_call_at_a_time() {
    let mut client = Client::new().bound(0);
    client.call(1, &[]);
    let begin = |client: &mut Client| {
        client
            .connection
            .begin_request(ContextId(0), None, &mut client.out)
            .map(drop)
    };
    assert_eq!(begin(&mut client), Err(CallError::Busy));
    client.event(&response(2, WHOLE, &[]));
    client.call(2, &[]);
}

#[test]
fn outstanding_calls_have_their_limit() {
    let limits = Limits {
        calls_per_connection_max: 2,
        ..Limits::DEFAULT
    };
    let mut client = Client::with_limits(limits).bound(MULTIPLEXING);
    client.call(1, &[]);
    client.call(2, &[]);
    let error = client
        .connection
        .begin_request(ContextId(0), None, &mut client.out)
        .unwrap_err();
    assert_eq!(error, CallError::TooManyCalls(2));
}

#[test]
fn answers_find_their_calls_in_any_order() {
    let mut client = Client::new().bound(MULTIPLEXING);
    let calls: Vec<CallId> = (0..50).map(|key| client.call(key, &[])).collect();
    for (key, call) in (0_u32..50).zip(&calls).rev() {
        let bytes = if key % 3 == 0 {
            fault(call.0, FaultStatus::NCA_S_FAULT_UNSPEC, DID_NOT_EXECUTE)
        } else {
            response(call.0, WHOLE, &[key as u8])
        };
        match client.event(&bytes) {
            Some(ClientEvent::Response {
                key: found, stub, ..
            }) => {
                assert_eq!((found, &stub[..]), (key.into(), &[key as u8][..]));
            }
            Some(ClientEvent::Fault {
                key: found,
                did_not_execute: true,
                ..
            }) => {
                assert_eq!(found, u64::from(key));
            }
            other => panic!("an answer expected, not {other:?}"),
        }
    }
    assert_eq!(client.connection.outstanding_calls(), 0);
}

#[test]
fn a_response_in_fragments_is_put_together() {
    let mut client = Client::new().bound(MULTIPLEXING);
    client.call(7, &[]);
    assert!(client.event(&response(2, FIRST, b"ab")).is_none());
    assert!(client.event(&response(2, 0, b"cd")).is_none());
    match client.event(&response(2, LAST, b"e")) {
        Some(ClientEvent::Response { key: 7, stub, .. }) => assert_eq!(&stub[..], b"abcde"),
        other => panic!("a response expected, not {other:?}"),
    }
}

#[test]
fn a_fault_may_end_a_response_that_has_begun() {
    let mut client = Client::new().bound(MULTIPLEXING);
    client.call(7, &[]);
    client.event(&response(2, FIRST, b"ab"));
    let event = client.event(&fault(2, FaultStatus::NCA_S_FAULT_PIPE_COMM_ERROR, 0));
    assert!(matches!(
        event,
        Some(ClientEvent::Fault {
            key: 7,
            did_not_execute: false,
            ..
        })
    ));
    assert_eq!(client.connection.next_deadline(), None);
}

#[test]
fn attack_responses_out_of_order_end_the_connection() {
    let sequences: [&[(u32, u8)]; 4] = [
        &[(2, 0)],
        &[(2, LAST)],
        &[(2, FIRST), (2, FIRST)],
        &[(2, FIRST), (3, WHOLE)],
    ];
    for sequence in sequences {
        let mut client = Client::new().bound(MULTIPLEXING);
        client.call(1, &[]);
        client.call(2, &[]);
        let (last, before) = sequence.split_last().expect("not empty");
        for (call, flags) in before {
            assert!(client.event(&response(*call, *flags, &[1])).is_none());
        }
        let reason = client.close_reason(&response(last.0, last.1, &[1]));
        assert_eq!(
            reason,
            Violation::FragmentOrder {
                call: CallId(last.0)
            }
            .into()
        );
        assert_eq!(
            client.connection.call_keys().count(),
            2,
            "both calls are to be failed"
        );
    }
}

#[test]
fn attack_the_data_representation_changes_between_the_fragments_of_a_response() {
    let mut client = Client::new().bound(MULTIPLEXING);
    client.call(1, &[]);
    assert!(client.event(&response(2, FIRST, b"ab")).is_none());
    let mut last = response(2, LAST, b"cd");
    last[4] = 0x11;
    assert_eq!(
        client.close_reason(&last),
        Violation::RepresentationChanged { call: CallId(2) }.into()
    );
}

#[test]
fn attack_a_response_above_the_limit_ends_the_connection() {
    let limits = Limits {
        response_len_max: 10,
        ..Limits::DEFAULT
    };
    let mut client = Client::with_limits(limits).bound(MULTIPLEXING);
    client.call(1, &[]);
    client.event(&response(2, FIRST, &[0; 8]));
    let reason = client.close_reason(&response(2, LAST, &[0; 3]));
    assert_eq!(
        reason,
        CloseReason::ResponseTooLong {
            call: CallId(2),
            limit: 10
        }
    );
}

#[test]
fn attack_an_answer_to_a_call_that_was_never_made() {
    let mut client = Client::new().bound(MULTIPLEXING);
    client.call(1, &[]);
    let reason = client.close_reason(&response(3, WHOLE, &[]));
    assert_eq!(reason, Violation::UnknownCall { call: CallId(3) }.into());
}

#[test]
fn a_cancelled_call_is_still_answered() {
    let mut client = Client::new().bound(MULTIPLEXING);
    let call = client.call(4, &[]);
    client.take_pdu();
    client.connection.cancel(call, &mut client.out);
    assert_eq!(client.take_pdu(), Wire(pdu(CO_CANCEL, WHOLE, call.0, &[])));
    let event = client.event(&fault(call.0, FaultStatus::NCA_S_FAULT_CANCEL, 0));
    assert!(matches!(event, Some(ClientEvent::Fault { key: 4, .. })));
    client.connection.cancel(call, &mut client.out);
    assert!(client.out.is_empty(), "there is nothing to cancel any more");
}

#[test]
fn what_comes_late_for_an_orphaned_call_is_dropped() {
    let mut client = Client::new().bound(MULTIPLEXING);
    let (orphan, other) = (client.call(4, &[]), client.call(5, &[]));
    client.out.clear();
    assert!(client.event(&response(orphan.0, FIRST, &[0; 8])).is_none());
    assert_eq!(client.connection.orphan(orphan, &mut client.out), Some(4));
    assert_eq!(client.take_pdu(), Wire(pdu(ORPHANED, WHOLE, orphan.0, &[])));
    assert_eq!(client.connection.orphan(orphan, &mut client.out), None);
    assert!(client.event(&response(orphan.0, 0, &[0; 8])).is_none());
    assert!(client.event(&response(orphan.0, LAST, &[0; 8])).is_none());
    assert!(
        client
            .event(&fault(orphan.0, FaultStatus::NCA_S_FAULT_CANCEL, 0))
            .is_none()
    );
    let event = client.event(&response(other.0, WHOLE, &[]));
    assert!(matches!(event, Some(ClientEvent::Response { key: 5, .. })));
}

#[test]
fn a_maybe_call_is_not_outstanding() {
    let mut client = Client::new().bound(0);
    let start = client
        .connection
        .begin_request(ContextId(0), None, &mut client.out)
        .expect("a call");
    client
        .connection
        .finish_maybe(start, Opnum(1), &mut client.out);
    assert_eq!(client.take_pdu().flags(), WHOLE | MAYBE);
    assert_eq!(client.connection.outstanding_calls(), 0);
    client.call(1, &[]);
}

#[test]
fn a_request_can_be_taken_back() {
    let mut client = Client::new().bound(0);
    let start = client
        .connection
        .begin_request(ContextId(0), None, &mut client.out)
        .expect("a call");
    client.out.extend_from_slice(b"half a request");
    client.connection.cancel_request(start, &mut client.out);
    assert!(client.out.is_empty());
    assert_eq!(client.call(1, &[]), CallId(2), "no call id is lost");
}

#[test]
fn rule_15_a_long_request_leaves_in_fragments_with_what_remains() {
    let mut client = Client::new().bound(0);
    client.call(1, &[3; 12_000]);
    let pdus = split(&client.out);
    let seen: Vec<(u8, u32)> = pdus
        .iter()
        .map(|pdu| (pdu.flags(), pdu.alloc_hint()))
        .collect();
    assert_eq!(
        seen,
        [(FIRST, 12_000), (0, 12_000 - 5816), (LAST, 12_000 - 11_632)]
    );
}

#[test]
fn a_server_that_asks_to_close_is_obeyed() {
    let mut client = Client::new().bound(0);
    client.call(9, &[]);
    assert_eq!(
        client.close_reason(&pdu(SHUTDOWN, WHOLE, 0, &[])),
        CloseReason::Shutdown
    );
    assert_eq!(client.connection.call_keys().collect::<Vec<_>>(), [9]);
}

#[test]
fn attack_a_response_that_makes_no_progress_ends_the_connection() {
    let mut client = Client::new().bound(MULTIPLEXING);
    client.call(1, &[]);
    assert_eq!(
        client.connection.next_deadline(),
        None,
        "a call may take any time"
    );
    client.event(&response(2, FIRST, &[0; 8]));
    let deadline = Time::ZERO + Limits::DEFAULT.progress_timeout;
    assert_eq!(client.connection.next_deadline(), Some(deadline));
    let event = client.connection.handle_deadline(deadline, &mut client.out);
    assert!(matches!(
        event,
        Some(ClientEvent::Close(CloseReason::ProgressTimeout))
    ));
}

#[test]
fn attack_a_pdu_that_makes_no_progress_ends_the_connection() {
    let mut client = Client::new().bound(MULTIPLEXING);
    client.call(1, &[]);
    client.now = Time::ZERO + Duration::from_secs(7);
    client.event(&response(2, WHOLE, &[0; 8])[..20]);
    let deadline = Some(client.now + Limits::DEFAULT.progress_timeout);
    assert_eq!(client.connection.next_deadline(), deadline);
    client.now = client.now + Duration::from_secs(59);
    client.event(&[]);
    assert_eq!(client.connection.next_deadline(), deadline);
}

#[test]
fn attack_other_answers_do_not_keep_a_response_alive() {
    let mut client = Client::new().bound(MULTIPLEXING);
    client.call(1, &[]);
    client.call(2, &[]);
    client.event(&response(2, FIRST, &[0; 8]));
    let deadline = client.connection.next_deadline();
    client.now = Time::ZERO + Duration::from_secs(59);
    client.event(&fault(3, FaultStatus::NCA_S_FAULT_CANCEL, 0));
    assert_eq!(client.connection.next_deadline(), deadline);
    client.event(&response(2, 0, &[0; 8]));
    let later = client.now + Limits::DEFAULT.progress_timeout;
    assert_eq!(client.connection.next_deadline(), Some(later));
}

#[test]
fn a_trimmed_client_keeps_nothing_for_re_use() {
    let mut client = Client::new().bound(MULTIPLEXING);
    let calls: Vec<CallId> = (0..1000).map(|key| client.call(key, &[])).collect();
    let (last, others) = calls.split_last().expect("calls");
    for call in others {
        client.event(&response(call.0, WHOLE, &[]));
    }
    assert!(client.connection.kept_len() > 10_000);
    client.connection.trim();
    assert_eq!(client.connection.kept_len(), 0);
    let event = client.event(&response(last.0, WHOLE, &[]));
    assert!(matches!(
        event,
        Some(ClientEvent::Response { key: 999, .. })
    ));
}

#[test]
fn rule_24_a_big_endian_server_is_understood() {
    let mut client = Client::new().bound(0);
    client.call(6, &[]);
    let bytes = hex("
        05 00 02 03 00 00 00 00 00 1a 00 00 00 00 00 02  # response, 26 bytes, call 2
        00 00 00 02 00 00 00 00 61 62
    ");
    match client.event(&bytes) {
        Some(ClientEvent::Response {
            key: 6, drep, stub, ..
        }) => {
            assert!(drep.is_big_endian());
            assert_eq!(&stub[..], b"ab");
        }
        other => panic!("a response expected, not {other:?}"),
    }
}
