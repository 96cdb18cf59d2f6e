//! The client's side: what it sends, and what it makes of what a server sends.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use annulus_protocol::{
    BindNakReason, BindTimeFeatures, CallError, CallId, ClientConfig, ClientConnection,
    ClientEvent, CloseReason, ContextId, Extensions, FaultStatus, GroupId, Input, Limits,
    MaxFragment, OfferError, Opnum, ProviderReason, Stub, SyntaxId, Time, TransferSyntax,
    Violation,
};

use crate::support::*;

const NDR_ONLY: [TransferSyntax; 1] = [TransferSyntax::Ndr];

/// A client connection that is fed bytes.
pub(crate) struct Client {
    pub(crate) connection: ClientConnection,
    pub(crate) now: Time,
    pub(crate) out: Vec<u8>,
}

impl Client {
    pub(crate) fn new() -> Self {
        Client::with(ClientConfig::default())
    }

    fn with(config: ClientConfig) -> Self {
        Client {
            connection: ClientConnection::new(config),
            now: Time::ZERO,
            out: Vec::new(),
        }
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Client::with(ClientConfig::new(Arc::new(limits)))
    }

    fn bind(&mut self, transfers: &[TransferSyntax]) -> Wire {
        self.connection
            .bind(Time::ZERO, ECHO, transfers, None, &mut self.out)
            .expect("an offer");
        self.take_pdu()
    }

    /// Binds ECHO in context 0; the server echoes these flags.
    pub(crate) fn bound(mut self, ack_flags: u8) -> Self {
        self.bind(&NDR_ONLY);
        match self.event(&ack(BIND_ACK, ack_flags, 1, &[ACCEPTED, (3, 3, ZERO)])) {
            Some(ClientEvent::Bound {
                context: ContextId(0),
                ..
            }) => self,
            other => panic!("bound expected, not {other:?}"),
        }
    }

    /// Feeds bytes that lead to one event at most.
    pub(crate) fn event(&mut self, bytes: &[u8]) -> Option<ClientEvent<'static>> {
        let mut input = Input::new(bytes);
        let event = self
            .connection
            .next_event(self.now, &mut input, &mut self.out);
        assert!(input.is_empty());
        event.map(owned)
    }

    #[track_caller]
    pub(crate) fn close_reason(&mut self, bytes: &[u8]) -> CloseReason {
        let reason = match self.event(bytes) {
            Some(ClientEvent::Close(reason)) => reason,
            other => panic!("the end expected, not {other:?}"),
        };
        assert!(self.connection.is_closing());
        reason
    }

    pub(crate) fn call(&mut self, key: u64, stub: &[u8]) -> CallId {
        let start = self
            .connection
            .begin_request(ContextId(0), None, &mut self.out)
            .expect("a call");
        self.out.extend_from_slice(stub);
        self.connection
            .finish_request(start, Opnum(3), key, &mut self.out)
    }

    pub(crate) fn take_pdu(&mut self) -> Wire {
        let mut pdus = split(&std::mem::take(&mut self.out));
        assert_eq!(pdus.len(), 1);
        pdus.remove(0)
    }
}

/// The event free of its input.
pub(crate) fn owned(event: ClientEvent<'_>) -> ClientEvent<'static> {
    match event {
        ClientEvent::Response {
            key,
            call,
            transfer,
            drep,
            stub,
        } => {
            let stub = Stub::Assembled(stub.into_owned());
            ClientEvent::Response {
                key,
                call,
                transfer,
                drep,
                stub,
            }
        }
        ClientEvent::Bound {
            abstract_syntax,
            context,
            transfer,
            group,
        } => ClientEvent::Bound {
            abstract_syntax,
            context,
            transfer,
            group,
        },
        ClientEvent::InterfaceRefused {
            abstract_syntax,
            reason,
        } => ClientEvent::InterfaceRefused {
            abstract_syntax,
            reason,
        },
        ClientEvent::BindRefused(reason) => ClientEvent::BindRefused(reason),
        ClientEvent::Fault {
            key,
            call,
            status,
            did_not_execute,
            extended,
        } => ClientEvent::Fault {
            key,
            call,
            status,
            did_not_execute,
            extended: extended.map(|bytes| Stub::Assembled(bytes.into_owned())),
        },
        ClientEvent::ResponseData {
            key,
            call,
            transfer,
            drep,
            stub,
            is_last,
        } => ClientEvent::ResponseData {
            key,
            call,
            transfer,
            drep,
            stub: Stub::Assembled(stub.into_owned()),
            is_last,
        },
        ClientEvent::Close(reason) => ClientEvent::Close(reason),
        other => panic!("unknown event {other:?}"),
    }
}

const ACCEPTED: (u16, u16, SyntaxId) = (0, 0, NDR);

/// A bind_ack or alter_context_resp of group 9 without an address.
fn ack(kind: u8, flags: u8, call: u32, results: &[(u16, u16, SyntaxId)]) -> Vec<u8> {
    let mut body = hex("d0 16 d0 16 09 00 00 00 00 00 00 00");
    body.extend_from_slice(&[results.len() as u8, 0, 0, 0]);
    for (result, reason, syntax) in results {
        body.extend_from_slice(&result.to_le_bytes());
        body.extend_from_slice(&reason.to_le_bytes());
        body.extend_from_slice(&syntax.uuid.to_bytes_le());
        body.extend_from_slice(&syntax.major.to_le_bytes());
        body.extend_from_slice(&syntax.minor.to_le_bytes());
    }
    pdu(kind, flags | WHOLE, call, &body)
}

pub(crate) fn response(call: u32, flags: u8, stub: &[u8]) -> Vec<u8> {
    pdu(RESPONSE, flags, call, &[&[0; 8], stub].concat())
}

pub(crate) fn fault(call: u32, status: FaultStatus, flags: u8) -> Vec<u8> {
    let mut body = vec![32, 0, 0, 0, 0, 0, 0, 0];
    body.extend_from_slice(&status.0.to_le_bytes());
    body.extend_from_slice(&[0; 4]);
    pdu(FAULT, WHOLE | flags, call, &body)
}

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
fn rule_05_each_transfer_syntax_is_a_context_of_its_own_and_features_come_last() {
    let mut client = Client::new();
    let bind = client.bind(&[TransferSyntax::Ndr64, TransferSyntax::Ndr]);
    let features = SyntaxId::bind_time_features(BindTimeFeatures::ALL);
    let expected = Offer::bind(1)
        .flags(WHOLE | MULTIPLEXING)
        .context(0, ECHO, &[NDR64])
        .context(1, ECHO, &[NDR])
        .context(2, ECHO, &[features])
        .context(3, ECHO, &[EXTENSIONS.syntax()]);
    assert_eq!(bind, Wire(expected.build()));
}

const EXTENSIONS: Extensions = Extensions {
    fragment_max: MaxFragment::MAX,
};

#[test]
fn a_server_that_knows_the_extensions_gets_large_fragments() {
    let mut client = Client::new();
    client.bind(&NDR_ONLY);
    let agreed = Extensions {
        fragment_max: MaxFragment::own(32_768),
    };
    let bind_ack = ack(
        BIND_ACK,
        MULTIPLEXING,
        1,
        &[ACCEPTED, (3, 3, ZERO), (3, 1, agreed.syntax())],
    );
    assert!(client.event(&bind_ack).is_some());
    assert_eq!(client.connection.extensions(), Some(agreed));
    assert_eq!(client.connection.features(), BindTimeFeatures::ALL);
    client.call(1, &[7; 40_000]);
    let lengths: Vec<_> = split(&std::mem::take(&mut client.out))
        .iter()
        .map(|pdu| pdu.0.len())
        .collect();
    assert_eq!(lengths, [32_768, 24 + 40_000 - (32_768 - 24)]);
}

#[test]
fn a_server_that_does_not_know_the_extensions_gets_what_it_always_got() {
    for others in [vec![], vec![(2, 2, ZERO)], vec![(3, 0, ZERO)]] {
        let mut client = Client::new();
        client.bind(&NDR_ONLY);
        let results: Vec<_> = [ACCEPTED, (3, 3, ZERO)].into_iter().chain(others).collect();
        assert!(client.event(&ack(BIND_ACK, 0, 1, &results)).is_some());
        assert_eq!(client.connection.extensions(), None);
        client.call(1, &[7; 10_000]);
        let pdus = split(&std::mem::take(&mut client.out));
        assert!(pdus.iter().all(|pdu| pdu.0.len() <= 5840));
    }
}

#[test]
fn the_first_context_that_is_accepted_counts() {
    let mut client = Client::new();
    client.bind(&[TransferSyntax::Ndr64, TransferSyntax::Ndr]);
    let results = [(2, 2, ZERO), ACCEPTED, (3, 2, ZERO)];
    match client.event(&ack(BIND_ACK, MULTIPLEXING, 1, &results)) {
        Some(ClientEvent::Bound {
            abstract_syntax,
            context,
            transfer,
            group,
        }) => {
            assert_eq!((abstract_syntax, context), (ECHO, ContextId(1)));
            assert_eq!(transfer, TransferSyntax::Ndr);
            assert_eq!(Some(group), NonZeroU32::new(9).map(GroupId));
        }
        other => panic!("bound expected, not {other:?}"),
    }
    assert!(client.connection.is_multiplexed());
    assert_eq!(
        client.connection.features(),
        BindTimeFeatures::KEEP_CONNECTION_ON_ORPHAN
    );
    assert_eq!(
        client.connection.fragment_max().map(MaxFragment::get),
        Some(5840)
    );
}

#[test]
fn a_peer_without_features_and_multiplexing_is_taken_as_it_is() {
    let mut client = Client::new();
    client.bind(&NDR_ONLY);
    let event = client.event(&ack(BIND_ACK, 0, 1, &[ACCEPTED, (2, 2, ZERO)]));
    assert!(matches!(event, Some(ClientEvent::Bound { .. })));
    assert!(!client.connection.is_multiplexed());
    assert_eq!(client.connection.features(), BindTimeFeatures::NONE);
}

#[test]
fn a_refused_interface_leaves_the_connection_bound() {
    let mut client = Client::new();
    client.bind(&NDR_ONLY);
    match client.event(&ack(BIND_ACK, 0, 1, &[(2, 1, ZERO), (3, 3, ZERO)])) {
        Some(ClientEvent::InterfaceRefused {
            abstract_syntax: ECHO,
            reason,
        }) => {
            assert_eq!(reason, ProviderReason::AbstractSyntaxNotSupported);
        }
        other => panic!("refused expected, not {other:?}"),
    }
    assert!(client.connection.is_bound());
    let error = client
        .connection
        .begin_request(ContextId(0), None, &mut client.out)
        .unwrap_err();
    assert_eq!(error, CallError::UnknownContext(ContextId(0)));
}

#[test]
fn a_refused_bind_is_the_end() {
    let mut client = Client::new();
    client.bind(&NDR_ONLY);
    let event = client.event(&pdu(BIND_NAK, WHOLE, 1, &[2, 0, 1, 5, 0, 0, 0, 0]));
    assert!(matches!(
        event,
        Some(ClientEvent::BindRefused(BindNakReason::LocalLimitExceeded))
    ));
    assert!(client.connection.is_closing());
    assert_eq!(client.connection.next_deadline(), None);
}

#[test]
fn a_fault_in_answer_to_the_bind_is_the_end() {
    let mut client = Client::new();
    client.bind(&NDR_ONLY);
    let reason = client.close_reason(&fault(1, FaultStatus::ACCESS_DENIED, 0));
    assert_eq!(
        reason,
        CloseReason::NegotiationRefused(FaultStatus::ACCESS_DENIED)
    );
}

#[test]
fn offers_wait_for_each_other_and_do_not_disturb_calls() {
    let mut client = Client::new();
    client.bind(&NDR_ONLY);
    for interface in [OLD, UNKNOWN] {
        let connection = &mut client.connection;
        connection
            .add_interface(Time::ZERO, interface, &NDR_ONLY, &mut client.out)
            .expect("room");
    }
    assert!(client.out.is_empty(), "the bind is not answered");
    client.event(&ack(BIND_ACK, MULTIPLEXING, 1, &[ACCEPTED, (3, 3, ZERO)]));
    let alter = client.take_pdu();
    let expected = Offer::alter(2).group(9).context(3, OLD, &[NDR]).build();
    assert_eq!(alter, Wire(expected), "one offer at a time");
    assert_eq!(client.call(1, &[]), CallId(3));
    client.take_pdu();
    match client.event(&ack(ALTER_RESP, 0, 2, &[ACCEPTED])) {
        Some(ClientEvent::Bound {
            abstract_syntax: OLD,
            context: ContextId(3),
            ..
        }) => {}
        other => panic!("bound expected, not {other:?}"),
    }
    assert_eq!(
        client.take_pdu(),
        Wire(Offer::alter(4).group(9).context(4, UNKNOWN, &[NDR]).build())
    );
    let event = client.event(&response(3, WHOLE, &[]));
    assert!(matches!(event, Some(ClientEvent::Response { key: 1, .. })));
    let event = client.event(&ack(ALTER_RESP, 0, 4, &[(2, 1, ZERO)]));
    assert!(matches!(
        event,
        Some(ClientEvent::InterfaceRefused {
            abstract_syntax: UNKNOWN,
            ..
        })
    ));
}

#[test]
fn an_alter_that_is_answered_by_a_fault_is_the_end() {
    let mut client = Client::new().bound(0);
    let connection = &mut client.connection;
    connection
        .add_interface(Time::ZERO, OLD, &NDR_ONLY, &mut client.out)
        .expect("room");
    let reason = client.close_reason(&fault(2, FaultStatus::NCA_S_PROTO_ERROR, 0));
    assert_eq!(
        reason,
        CloseReason::NegotiationRefused(FaultStatus::NCA_S_PROTO_ERROR)
    );
}

#[test]
fn offers_have_their_limits() {
    let limits = Limits {
        contexts_per_connection_max: 2,
        ..Limits::DEFAULT
    };
    let mut client = Client::with_limits(limits);
    let mut bind = |transfers: &[_]| {
        client
            .connection
            .bind(Time::ZERO, ECHO, transfers, None, &mut client.out)
    };
    assert_eq!(bind(&[]), Err(OfferError::NoTransferSyntax));
    assert_eq!(
        bind(&[TransferSyntax::Ndr; 3]),
        Err(OfferError::TooManyContexts(2))
    );
    assert_eq!(bind(&NDR_ONLY), Ok(()));
    assert_eq!(bind(&NDR_ONLY), Err(OfferError::AlreadyBound));
    let mut fresh = Client::new();
    let error = fresh
        .connection
        .add_interface(Time::ZERO, OLD, &NDR_ONLY, &mut fresh.out);
    assert_eq!(error, Err(OfferError::NotBound));
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
fn attack_an_ack_that_does_not_fit_the_offer() {
    let wrong: [Vec<u8>; 4] = [
        ack(BIND_ACK, 0, 1, &[]),
        ack(BIND_ACK, 0, 1, &[(0, 0, NDR64)]),
        {
            let mut small = ack(BIND_ACK, 0, 1, &[ACCEPTED]);
            small[18..20].copy_from_slice(&1431_u16.to_le_bytes());
            small
        },
        {
            let mut no_group = ack(BIND_ACK, 0, 1, &[ACCEPTED]);
            no_group[20..24].fill(0);
            no_group
        },
    ];
    for bytes in wrong {
        let mut client = Client::new();
        client.bind(&NDR_ONLY);
        let reason = client.close_reason(&bytes);
        assert!(matches!(
            reason,
            CloseReason::Violation(Violation::WrongAnswer { .. })
        ));
    }
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
fn a_bind_has_its_time() {
    let mut client = Client::new();
    assert_eq!(client.connection.next_deadline(), None);
    client.bind(&NDR_ONLY);
    let deadline = Time::ZERO + Limits::DEFAULT.bind_timeout;
    assert_eq!(client.connection.next_deadline(), Some(deadline));
    let early = Time::from_nanos(deadline.as_nanos() - 1);
    assert!(
        client
            .connection
            .handle_deadline(early, &mut client.out)
            .is_none()
    );
    let event = client.connection.handle_deadline(deadline, &mut client.out);
    assert!(matches!(
        event,
        Some(ClientEvent::Close(CloseReason::BindTimeout))
    ));
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
