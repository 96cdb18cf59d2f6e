//! Streams from a client to a server and back, and what a client makes of a server that misbehaves.

use std::sync::Arc;
use std::time::Duration;

use annulus_protocol::{
    AuthenticationLevel, CallError, CallId, ClientConfig, ClientConnection, ClientEvent,
    CloseReason, ContextId, FaultStatus, Input, Limits, Opnum, Stub, Time, TransferSyntax, Uuid,
    Violation,
};

use crate::support::client::{Client, fault, owned, response};
use crate::support::toy::Toy;
use crate::support::*;

/// The operation of ECHO whose request is streamed.
const PIPE: Opnum = Opnum(4);

/// A client that is bound to ECHO on a server, in context 0.
struct Link {
    client: ClientConnection,
    server: Server,
}

impl Link {
    fn new() -> Self {
        Link::at_level(AuthenticationLevel::None)
    }

    fn at_level(level: AuthenticationLevel) -> Self {
        let limits = Limits {
            request_len_max: 10_000,
            response_len_max: 10_000,
            ..Limits::DEFAULT
        };
        let mut server = Server::with_limits(limits.clone());
        server.endpoint.streamed = Some(PIPE);
        let mut client = ClientConnection::new(ClientConfig::new(Arc::new(limits)));
        if level != AuthenticationLevel::None {
            client = client.with_security(Box::new(Toy::client(2)), level);
        }
        let mut link = Link { client, server };
        let mut out = Vec::new();
        link.client
            .bind(Time::ZERO, ECHO, &[TransferSyntax::Ndr], None, &mut out)
            .expect("an offer");
        assert_eq!(link.server.receive(&out), []);
        let (events, out) = link.deliver();
        assert!(matches!(events[..], [ClientEvent::Bound { .. }]));
        assert!(out.is_empty());
        link
    }

    /// Hands the client what the server wrote; the events, and what the client answers.
    fn deliver(&mut self) -> (Vec<ClientEvent<'static>>, Vec<u8>) {
        let bytes = std::mem::take(&mut self.server.out);
        let (mut input, mut out) = (Input::new(&bytes), Vec::new());
        let mut events = Vec::new();
        while let Some(event) = self.client.next_event(Time::ZERO, &mut input, &mut out) {
            events.push(owned(event));
        }
        (events, out)
    }

    /// Begins a request of call 77 that goes on.
    fn begin(&mut self, stub: &[u8], object: Option<Uuid>) -> (CallId, Vec<u8>) {
        let mut out = Vec::new();
        let start = self
            .client
            .begin_request(ContextId(0), object, &mut out)
            .expect("a call");
        out.extend_from_slice(stub);
        let call = self.client.finish_request_part(start, PIPE, 77, &mut out);
        (call, out)
    }

    /// The next part of a request, or its last one.
    fn part(&mut self, call: CallId, stub: &[u8], is_last: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let start = self
            .client
            .begin_request_part(call, &mut out)
            .expect("the request goes on");
        out.extend_from_slice(stub);
        if is_last {
            self.client.end_request(start, &mut out);
        } else {
            self.client.continue_request(start, &mut out);
        }
        out
    }

    /// Makes a whole call and answers it.
    #[track_caller]
    fn assert_usable(&mut self) {
        let mut out = Vec::new();
        let start = self
            .client
            .begin_request(ContextId(0), None, &mut out)
            .expect("a call");
        out.extend_from_slice(b"next");
        self.client.finish_request(start, Opnum(1), 78, &mut out);
        let request = self.server.request(&out);
        self.server.answer(&request.reply, &request.stub);
        let (events, _) = self.deliver();
        assert!(
            matches!(&events[..], [ClientEvent::Response { key: 78, stub, .. }] if **stub == *b"next"),
            "{events:?}"
        );
    }
}

const LEVELS: [AuthenticationLevel; 5] = [
    AuthenticationLevel::None,
    AuthenticationLevel::Connect,
    AuthenticationLevel::Packet,
    AuthenticationLevel::Integrity,
    AuthenticationLevel::Privacy,
];

#[test]
fn a_megabyte_goes_there_and_back_and_nothing_is_kept() {
    for level in LEVELS {
        let mut link = Link::at_level(level);
        let object = Some(Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff));
        let (call, out) = link.begin(&[1; 8], object);
        assert!(link.client.stream_response(call));
        let request = link.server.request(&out);
        assert!(!request.is_last);
        assert_eq!((request.object, request.authentication), (object, level));
        link.server.connection.set_call_key(call, 5);

        let (mut sent, mut received) = (request.stub.clone(), request.stub);
        let mut is_whole = false;
        while !is_whole {
            is_whole = sent.len() > 1 << 20;
            let len = if is_whole {
                13
            } else {
                8 + sent.len() % 9000 / 8 * 8
            };
            let piece = vec![sent.len() as u8; len];
            let out = link.part(call, &piece, is_whole);
            sent.extend_from_slice(&piece);
            let mut ended = false;
            for seen in link.server.receive(&out) {
                let Seen::Data(of, Some(5), stub, is_last) = seen else {
                    panic!("data expected, not {seen:?}");
                };
                assert_eq!(of, call);
                received.extend_from_slice(&stub);
                ended = is_last;
            }
            assert_eq!(ended, is_whole);
            assert!(link.server.connection.kept_len() < 20_000);
        }
        assert!(received == sent, "{level:?}");

        let mut returned = Vec::new();
        for piece in received.chunks(8 * 700) {
            if piece.len() < 8 * 700 {
                link.server.answer(&request.reply, piece);
            } else {
                link.server.answer_part(&request.reply, piece);
            }
            for event in link.deliver().0 {
                let ClientEvent::ResponseData {
                    key: 77,
                    stub,
                    is_last,
                    ..
                } = event
                else {
                    panic!("data expected, not {event:?}");
                };
                returned.extend_from_slice(&stub);
                assert_eq!(is_last, returned.len() == sent.len());
            }
            assert!(link.client.kept_len() < 20_000);
        }
        assert!(returned == sent, "{level:?}");
        assert_eq!(link.client.outstanding_calls(), 0);
        link.assert_usable();
    }
}

#[test]
fn a_request_in_parts_is_flagged_at_its_ends_and_repeats_its_head() {
    let mut link = Link::new();
    let object = Uuid::from_u128(7);
    let (call, first) = link.begin(&[1; 8], Some(object));
    let pdus = [
        first,
        link.part(call, &[2; 8], false),
        link.part(call, b"", true),
    ]
    .concat();
    let seen: Vec<_> = split(&pdus)
        .iter()
        .map(|pdu| (pdu.flags() & !OBJECT, pdu.alloc_hint(), pdu.0.len() - 40))
        .collect();
    assert_eq!(seen, [(FIRST, 0, 8), (0, 0, 8), (LAST, 0, 0)]);
    for pdu in split(&pdus) {
        assert_eq!((pdu.call(), pdu.context(), pdu.u16(22)), (call.0, 0, 4));
        assert_eq!(pdu.0[24..40], object.to_bytes_le());
    }
}

#[test]
fn no_other_call_is_made_before_a_request_has_ended() {
    let mut link = Link::new();
    let (call, _) = link.begin(&[1; 8], None);
    assert_eq!(link.client.sending_call(), Some(call));
    let mut out = Vec::new();
    let busy = link.client.begin_request(ContextId(0), None, &mut out);
    assert_eq!(busy.err(), Some(CallError::Busy));
    let other = CallId(call.0 + 1);
    assert!(link.client.begin_request_part(other, &mut out).is_none());
    assert!(out.is_empty());
    link.part(call, b"end", true);
    assert_eq!(link.client.sending_call(), None);
    assert!(link.client.begin_request_part(call, &mut out).is_none());
    assert!(
        link.client
            .begin_request(ContextId(0), None, &mut out)
            .is_ok()
    );
}

#[test]
fn a_part_that_is_taken_back_leaves_the_request_going_on() {
    let mut link = Link::new();
    let (call, mut out) = link.begin(&[1; 8], None);
    let start = link
        .client
        .begin_request_part(call, &mut out)
        .expect("a part");
    out.extend_from_slice(b"not this");
    link.client.cancel_request_part(start, &mut out);
    assert_eq!(split(&out).len(), 1);
    assert_eq!(link.client.sending_call(), Some(call));
}

/// The in-parameters in front of a pipe end where they end, at whatever level.
#[test]
fn a_part_of_a_request_of_any_length_arrives_as_it_is() {
    for level in [AuthenticationLevel::None, AuthenticationLevel::Privacy] {
        let mut link = Link::at_level(level);
        let (call, out) = link.begin(b"abc", None);
        let request = link.server.request(&out);
        assert_eq!((&request.stub[..], request.is_last), (&b"abc"[..], false));
        let next = link.part(call, b"d", false);
        let data = Seen::Data(call, None, b"d".to_vec(), false);
        assert_eq!(link.server.receive(&next), [data]);
    }
}

#[test]
#[should_panic(expected = "a part of stub data before the last one is empty")]
fn a_part_of_a_request_behind_the_first_is_not_empty() {
    let mut link = Link::new();
    let (call, _) = link.begin(b"", None);
    link.part(call, b"", false);
}

/// The server has answered, or failed, before it had all of the request.
#[test]
fn an_answer_to_a_request_that_is_being_sent_ends_the_sending() {
    for is_fault in [false, true] {
        let mut link = Link::new();
        let (call, out) = link.begin(&[1; 8], None);
        let request = link.server.request(&out);
        if is_fault {
            link.server
                .fault(&request.reply, FaultStatus::NCA_S_FAULT_PIPE_DISCIPLINE);
        } else {
            link.server.answer(&request.reply, b"enough");
        }
        // On its way while the answer is.
        assert_eq!(link.server.connection.active_calls(), 0);
        let crossing = link.part(call, &[2; 8], false);
        assert_eq!(link.server.receive(&crossing), []);
        let (events, out) = link.deliver();
        assert!(
            matches!(
                events[..],
                [ClientEvent::Response { key: 77, .. } | ClientEvent::Fault { key: 77, .. }]
            ),
            "{events:?}"
        );
        assert_eq!(link.client.sending_call(), None);
        assert!(
            link.client
                .begin_request_part(call, &mut Vec::new())
                .is_none()
        );
        assert_eq!(split(&out), [Wire(pdu(ORPHANED, WHOLE, call.0, &[]))]);
        assert_eq!(link.server.receive(&out), []);
        link.assert_usable();
    }
}

#[test]
fn a_server_that_does_not_know_the_operation_ends_the_sending_too() {
    let mut link = Link::new();
    let mut out = Vec::new();
    let start = link
        .client
        .begin_request(ContextId(0), None, &mut out)
        .expect("a call");
    out.extend_from_slice(&[1; 8]);
    link.client
        .finish_request_part(start, Opnum(99), 77, &mut out);
    assert_eq!(link.server.receive(&out), []);
    let (events, out) = link.deliver();
    assert!(matches!(
        events[..],
        [ClientEvent::Fault {
            key: 77,
            status: FaultStatus::NCA_S_OP_RNG_ERROR,
            did_not_execute: true,
            ..
        }]
    ));
    assert_eq!(link.server.receive(&out), []);
    link.assert_usable();
}

#[test]
fn a_call_can_be_orphaned_while_its_request_is_sent() {
    let mut link = Link::new();
    let (call, mut out) = link.begin(&[1; 8], None);
    assert_eq!(link.client.orphan(call, &mut out), Some(77));
    assert_eq!(link.client.sending_call(), None);
    let seen = link.server.receive(&out);
    assert!(matches!(&seen[..], [Seen::Request(_), Seen::Orphaned(..)]));
    link.assert_usable();
}

#[test]
fn a_call_can_be_orphaned_while_its_response_arrives() {
    for is_streamed in [false, true] {
        let mut link = Link::new();
        let (call, mut out) = link.begin(&[1; 8], None);
        assert_eq!(
            link.client.stream_response(call) && is_streamed,
            is_streamed
        );
        out.extend(link.part(call, b"", true));
        let Seen::Request(request) = link.server.receive(&out).remove(0) else {
            panic!("a request expected");
        };
        link.server.answer_part(&request.reply, &[1; 8]);
        assert_eq!(link.deliver().0.len(), 1);
        let mut out = Vec::new();
        assert_eq!(link.client.orphan(call, &mut out), Some(77));
        // On its way while the orphaned PDU is.
        link.server.answer_part(&request.reply, &[2; 8]);
        assert_eq!(link.deliver().0.len(), 0);
        assert!(matches!(
            link.server.receive(&out)[..],
            [Seen::Orphaned(..)]
        ));
        link.server.answer_part(&request.reply, &[3; 8]);
        link.server.answer(&request.reply, b"end");
        assert_eq!(link.deliver().0.len(), 0);
        link.assert_usable();
    }
}

#[test]
fn a_call_can_be_cancelled_while_its_request_is_sent() {
    let mut link = Link::new();
    let (call, mut out) = link.begin(&[1; 8], None);
    link.client.cancel(call, &mut out);
    out.extend(link.part(call, b"end", true));
    let seen = link.server.receive(&out);
    assert!(matches!(
        &seen[..],
        [
            Seen::Request(_),
            Seen::Cancel(..),
            Seen::Data(_, _, _, true)
        ]
    ));
}

#[test]
fn a_fault_in_the_middle_of_a_response_ends_it() {
    for is_streamed in [false, true] {
        let mut client = Client::new().bound(MULTIPLEXING);
        let call = client.call(7, b"");
        if is_streamed {
            assert!(client.connection.stream_response(call));
        }
        let first = client.event(&response(call.0, FIRST, &[1; 8]));
        assert_eq!(first.is_some(), is_streamed);
        let event = client.event(&fault(call.0, FaultStatus::NCA_S_FAULT_PIPE_MEMORY, 0));
        assert!(matches!(event, Some(ClientEvent::Fault { key: 7, .. })));
        let other = client.call(8, b"");
        let event = client.event(&response(other.0, WHOLE, b"ab"));
        assert!(matches!(event, Some(ClientEvent::Response { key: 8, .. })));
    }
}

#[test]
fn a_streamed_response_of_one_fragment_is_handed_out_as_its_last() {
    let mut client = Client::new().bound(0);
    let call = client.call(7, b"");
    assert!(client.connection.stream_response(call));
    match client.event(&response(call.0, WHOLE, b"ab")) {
        Some(ClientEvent::ResponseData {
            key: 7,
            stub,
            is_last: true,
            ..
        }) => assert_eq!(&stub[..], b"ab"),
        other => panic!("data expected, not {other:?}"),
    }
    assert_eq!(client.connection.outstanding_calls(), 0);
}

#[test]
fn a_response_that_is_being_assembled_comes_as_a_whole() {
    let mut client = Client::new().bound(0);
    let call = client.call(7, b"");
    assert!(client.event(&response(call.0, FIRST, &[1; 8])).is_none());
    assert!(!client.connection.stream_response(call));
    let event = client.event(&response(call.0, LAST, b""));
    assert!(matches!(event, Some(ClientEvent::Response { key: 7, .. })));
    assert!(!client.connection.stream_response(call), "it has ended");
}

#[test]
fn a_streamed_response_may_pause_between_its_fragments_but_not_within_one() {
    let mut client = Client::new().bound(0);
    let call = client.call(7, b"");
    client.connection.stream_response(call);
    client.event(&response(call.0, FIRST, &[1; 8]));
    assert_eq!(client.connection.next_deadline(), None);
    client.now = client.now + Duration::from_secs(1_000_000);
    client.event(&response(call.0, LAST, b"ab")[..20]);
    let deadline = client.now + Limits::DEFAULT.progress_timeout;
    assert_eq!(client.connection.next_deadline(), Some(deadline));

    client.connection.pause();
    assert_eq!(client.connection.next_deadline(), None);
    client.now = client.now + Duration::from_secs(1_000_000);
    let expired = client
        .connection
        .handle_deadline(client.now, &mut client.out);
    assert!(expired.is_none(), "no server is blamed for a pause");
    client.connection.resume(client.now);
    let deadline = client.now + Limits::DEFAULT.progress_timeout;
    assert_eq!(client.connection.next_deadline(), Some(deadline));
    let event = client.event(&response(call.0, LAST, b"ab")[20..]);
    assert!(matches!(
        event,
        Some(ClientEvent::ResponseData { is_last: true, .. })
    ));
}

#[test]
fn attack_the_data_representation_changes_within_a_streamed_response() {
    let mut client = Client::new().bound(0);
    let call = client.call(7, b"");
    client.connection.stream_response(call);
    client.event(&response(call.0, FIRST, &[1; 8]));
    let mut further = response(call.0, LAST, b"ab");
    further[5] = 1;
    assert_eq!(
        client.close_reason(&further),
        Violation::RepresentationChanged { call }.into()
    );
    assert_eq!(client.connection.call_keys().collect::<Vec<_>>(), [7]);
}

#[test]
fn rule_15_attack_another_response_within_a_streamed_one() {
    let mut client = Client::new().bound(MULTIPLEXING);
    let (call, other) = (client.call(7, b""), client.call(8, b""));
    client.connection.stream_response(call);
    client.event(&response(call.0, FIRST, &[1; 8]));
    assert_eq!(
        client.close_reason(&response(other.0, WHOLE, b"ab")),
        Violation::FragmentOrder { call: other }.into()
    );
}

#[test]
fn data_after_the_last_fragment_of_a_streamed_response_is_dropped() {
    let mut client = Client::new().bound(0);
    let call = client.call(7, b"");
    client.connection.stream_response(call);
    client.event(&response(call.0, FIRST, &[1; 8]));
    client.event(&response(call.0, LAST, b"ab"));
    assert!(client.event(&response(call.0, 0, b"more")).is_none());
    assert_eq!(client.connection.outstanding_calls(), 0);
}

#[test]
fn attack_a_streamed_response_that_does_not_begin() {
    let mut client = Client::new().bound(0);
    let call = client.call(7, b"");
    client.connection.stream_response(call);
    assert_eq!(
        client.close_reason(&response(call.0, LAST, b"ab")),
        Violation::FragmentOrder { call }.into()
    );
}

#[test]
fn a_connection_that_ends_while_a_request_is_sent_ends_the_sending() {
    let mut link = Link::new();
    let (call, _) = link.begin(&[1; 8], None);
    link.server.out = pdu(SHUTDOWN, WHOLE, 0, &[]);
    let (events, out) = link.deliver();
    assert!(matches!(
        events[..],
        [ClientEvent::Close(CloseReason::Shutdown)]
    ));
    assert!(out.is_empty());
    assert_eq!(link.client.sending_call(), None);
    assert!(
        link.client
            .begin_request_part(call, &mut Vec::new())
            .is_none()
    );
    assert_eq!(link.client.call_keys().collect::<Vec<_>>(), [77]);
}

#[test]
fn rule_53_extended_error_information_arrives_with_its_fault() {
    let mut link = Link::new();
    let (_, out) = link.begin(&[1; 8], None);
    let reply = link.server.request(&out).reply;
    let status = FaultStatus::ACCESS_DENIED;
    let connection = &mut link.server.connection;
    connection.fault_with(&reply, status, false, b"why", &mut link.server.out);
    match &link.deliver().0[..] {
        [
            ClientEvent::Fault {
                status: FaultStatus::ACCESS_DENIED,
                extended: Some(Stub::Assembled(extended)),
                ..
            },
        ] => assert_eq!(&extended[..], b"why"),
        other => panic!("a fault with its reason expected, not {other:?}"),
    }
}

#[test]
fn rule_53_attack_extended_error_information_above_the_limit_is_left_out() {
    let limits = Limits {
        extended_error_len_max: 2,
        ..Limits::DEFAULT
    };
    let mut client = Client::with_limits(limits).bound(0);
    for (extended, is_taken) in [(&b"ab"[..], true), (b"abc", false)] {
        let call = client.call(7, b"");
        let mut body = vec![
            32 + extended.len() as u8,
            0,
            0,
            0,
            0,
            0,
            0,
            1,
            5,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        body.extend_from_slice(extended);
        match client.event(&pdu(FAULT, WHOLE, call.0, &body)) {
            Some(ClientEvent::Fault {
                status, extended, ..
            }) => {
                assert_eq!(status, FaultStatus::ACCESS_DENIED);
                assert_eq!(extended.is_some(), is_taken);
            }
            other => panic!("a fault expected, not {other:?}"),
        }
    }
}
