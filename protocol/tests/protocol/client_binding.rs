//! The client's side of bind and alter_context: what it offers, and what it makes of the answer.

use std::num::NonZeroU32;

use annulus_protocol::{
    BindNakReason, BindTimeFeatures, CallError, CallId, ClientEvent, CloseReason, ContextId,
    Extensions, FaultStatus, GroupId, Limits, MaxFragment, OfferError, ProviderReason, SyntaxId,
    Time, TransferSyntax, Violation,
};

use crate::support::client::*;
use crate::support::*;

const EXTENSIONS: Extensions = Extensions {
    fragment_max: MaxFragment::MAX,
};

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
