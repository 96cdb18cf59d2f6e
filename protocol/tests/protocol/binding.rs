//! Rules 1 to 9: bind and alter_context on the server.

use annulus_protocol::{
    BindNakReason, BindTimeFeatures, CallId, CloseReason, ContextId, Extensions, FaultStatus,
    Limits, MaxFragment, ServerEndpoint, SyntaxId, Violation,
};

use crate::support::*;

fn features(bits: u16) -> SyntaxId {
    SyntaxId::bind_time_features(BindTimeFeatures(bits))
}

fn bind_ack(offer: &Offer) -> Wire {
    let mut server = Server::new();
    assert_eq!(server.receive(&offer.build()), []);
    server.take_pdu()
}

#[test]
fn a_bind_and_its_answer_byte_by_byte() {
    let mut server = Server::new();
    let bind = hex("
        05 00 0b 03 10 00 00 00 48 00 00 00 01 00 00 00  # bind, 72 bytes, call 1
        d0 16 d0 16 00 00 00 00 01 00 00 00              # 5840, 5840, no group, one context
        00 00 01 00                                      # context 0, one transfer syntax
        c5 5e a1 60 e8 4d d7 11 a6 37 00 50 56 a2 01 82  # rpcecho
        01 00 00 00                                      # v1.0
        04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60  # NDR
        02 00 00 00                                      # v2.0
    ");
    assert_eq!(server.receive(&bind), []);
    let ack = hex("
        05 00 0c 03 10 00 00 00 3c 00 00 00 01 00 00 00  # bind_ack, 60 bytes, call 1
        d0 16 d0 16 01 00 00 00                          # 5840, 5840, group 1
        04 00 31 33 35 00 00 00                          # '135' and NUL, padding
        01 00 00 00 00 00 00 00                          # one result: accepted
        04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60  # NDR
        02 00 00 00                                      # v2.0
    ");
    assert_eq!(server.take_pdu(), Wire(ack));
}

#[test]
fn rule_01_both_sizes_are_the_smaller_offer_and_alter_ignores_its_own() {
    let mut server = Server::new();
    server.receive(
        &Offer::bind(0)
            .sizes(3199, 0xffff)
            .context(1, ECHO, &[NDR])
            .build(),
    );
    let ack = server.take_pdu();
    assert_eq!((ack.u16(16), ack.u16(18)), (3192, 3192));
    server.receive(&Offer::alter(1).sizes(0, 0).context(1, ECHO, &[NDR]).build());
    let resp = server.take_pdu();
    assert_eq!((resp.u16(16), resp.u16(18)), (3192, 3192));
}

#[test]
fn rule_01_the_own_maximum_is_a_setting_up_to_65528() {
    let limits = Limits {
        fragment_len_max: 65535,
        ..Limits::DEFAULT
    };
    let mut server = Server::with_limits(limits);
    server.receive(
        &Offer::bind(0)
            .sizes(65535, 65535)
            .context(1, ECHO, &[NDR])
            .build(),
    );
    assert_eq!(server.take_pdu().u16(16), 65528);
    let large = Call::new(1).stub(&[7; 65504]).build();
    assert_eq!(server.request(&large).stub.len(), 65504);
}

#[test]
fn rule_01_5840_bytes_are_legal_whatever_was_negotiated_and_one_more_is_not() {
    let mut server = Server::new();
    server.receive(
        &Offer::bind(0)
            .sizes(2048, 2048)
            .context(1, ECHO, &[NDR])
            .build(),
    );
    assert_eq!(server.take_pdu().u16(16), 2048);
    let legal = server.request(&Call::new(2).stub(&[0; 5840 - 24]).build());
    server.answer(&legal.reply, &[]);
    server.take_pdu();
    let (reason, fault) = server.close_reason(&Call::new(3).stub(&[0; 5841 - 24]).build());
    fault.assert_fault(3, 0, FaultStatus::NCA_S_PROTO_ERROR, 0);
    assert!(matches!(
        reason,
        CloseReason::Violation(Violation::FragmentLength {
            len: 5841,
            legal_len: 5840,
            ..
        })
    ));
}

#[test]
fn rule_01_a_larger_own_maximum_is_not_legal_where_less_was_negotiated() {
    let limits = Limits {
        fragment_len_max: 65_528,
        ..Limits::DEFAULT
    };
    let mut server = Server::bound_with(limits, 0);
    let legal = server.request(&Call::new(1).stub(&[0; 5840 - 24]).build());
    server.answer(&legal.reply, &[]);
    server.take_pdu();
    let (reason, _) = server.close_reason(&Call::new(2).stub(&[0; 6000]).build());
    assert!(
        matches!(
            reason,
            CloseReason::Violation(Violation::FragmentLength {
                len: 6024,
                legal_len: 5840,
                ..
            })
        ),
        "{reason}"
    );
}

#[test]
fn rule_02_a_second_bind_is_refused() {
    let mut server = Server::bound(0);
    let (_, nak) = server.close_reason(&Offer::bind(1).context(2, ECHO, &[NDR]).build());
    nak.assert_nak(1, 0);
}

#[test]
fn rule_02_anything_before_the_bind_is_refused() {
    let (reason, fault) = Server::new().close_reason(&Call::new(1).build());
    fault.assert_fault(1, 0, FaultStatus::NCA_S_PROTO_ERROR, 0);
    assert!(matches!(
        reason,
        CloseReason::Violation(Violation::UnexpectedPdu { .. })
    ));
}

#[test]
fn rule_03_a_bind_without_contexts_gets_reason_0() {
    let (reason, nak) = Server::new().close_reason(&Offer::bind(7).build());
    nak.assert_nak(7, 0);
    assert!(matches!(
        reason,
        CloseReason::Violation(Violation::EmptyOffer { .. })
    ));
}

#[test]
fn rule_03_an_empty_list_may_come_without_its_padding() {
    let mut bind = Offer::bind(7).build();
    bind.truncate(25);
    bind[8] = 25;
    Server::new().close_reason(&bind).1.assert_nak(7, 0);
}

#[test]
fn rule_03_a_context_without_transfer_syntax_gets_reason_0() {
    let offer = Offer::bind(7).context(1, ECHO, &[]);
    Server::new()
        .close_reason(&offer.build())
        .1
        .assert_nak(7, 0);
}

#[test]
fn rule_03_a_bind_whose_trailer_does_not_fit_gets_reason_4() {
    let mut bind = Offer::bind(7).build();
    bind[10] = 8;
    Server::new().close_reason(&bind).1.assert_nak(7, 4);
}

#[test]
fn rule_03_another_version_of_the_protocol_gets_reason_4() {
    let mut bind = Offer::bind(7).context(1, ECHO, &[NDR]).build();
    bind[0] = 4;
    let (reason, nak) = Server::new().close_reason(&bind);
    nak.assert_nak(7, 4);
    assert_eq!(reason, Violation::Version { major: 4, minor: 0 }.into());
    bind[..2].copy_from_slice(&[5, 1]);
    assert_eq!(Server::new().receive(&bind), [], "5.1 is as good as 5.0");
}

#[test]
fn rule_04_features_are_acknowledged_bit_by_bit() {
    for bits in [0, 1, 2, 3] {
        let ack = bind_ack(&Offer::bind(0).context(1, ZERO, &[features(bits)]));
        assert_eq!(ack.results(), [(3, bits, ZERO)]);
    }
    let unknown_bits = bind_ack(&Offer::bind(0).context(1, ZERO, &[features(0xff)]));
    assert_eq!(unknown_bits.results(), [(3, 3, ZERO)]);
}

#[test]
fn rule_04_only_the_first_transfer_syntax_of_a_context_negotiates_features() {
    let first = [features(0), features(3), ZERO];
    let ack = bind_ack(&Offer::bind(0).context(1, NDR64, &first));
    assert_eq!(
        ack.results(),
        [(3, 0, ZERO)],
        "the abstract syntax is ignored"
    );
    let second = [ZERO, features(1), features(2)];
    let ack = bind_ack(&Offer::bind(0).context(1, ZERO, &second));
    assert_eq!(ack.results(), [(2, 1, ZERO)]);
}

#[test]
fn rule_04_an_alter_negotiates_no_features() {
    let mut server = Server::bound(0);
    server.receive(&Offer::alter(1).context(2, ECHO, &[features(3)]).build());
    assert_eq!(server.take_pdu().results(), [(2, 2, ZERO)]);
    assert_eq!(server.connection.features(), BindTimeFeatures::NONE);
}

#[test]
fn rule_04_features_twice_are_refused() {
    let offer = Offer::bind(3)
        .context(1, ZERO, &[features(2)])
        .context(2, ZERO, &[features(1)]);
    let (reason, nak) = Server::new().close_reason(&offer.build());
    nak.assert_nak(3, 0);
    assert_eq!(reason, Violation::FeaturesTwice.into());
}

#[test]
fn rule_04_features_do_not_use_up_the_one_context() {
    let offer = Offer::bind(0)
        .context(0, ECHO, &[features(2)])
        .context(1, ECHO, &[NDR]);
    let mut server = Server::new();
    server.receive(&offer.build());
    assert_eq!(server.take_pdu().results(), [(3, 2, ZERO), (0, 0, NDR)]);
    assert_eq!(
        server.connection.features(),
        BindTimeFeatures::KEEP_CONNECTION_ON_ORPHAN
    );
}

#[test]
fn extensions_are_agreed_on_with_who_knows_them_alone() {
    let extensions = |setting| Extensions {
        fragment_max: MaxFragment::own(setting),
    };
    let large = Call::new(1).stub(&[7; 30_000]).build();
    let offer = Offer::bind(0).context(1, ECHO, &[NDR]);

    let mut stranger = Server::new();
    stranger.receive(&offer.clone().build());
    stranger.take_pdu();
    assert_eq!(
        stranger.connection.fragment_max(),
        Some(MaxFragment::DEFAULT)
    );
    stranger.close_reason(&large);

    let mut peer = Server::new();
    let offer = offer.context(2, ZERO, &[extensions(32_768).syntax()]);
    peer.receive(&offer.clone().build());
    let ack = peer.take_pdu();
    assert_eq!(
        (ack.u16(16), ack.u16(18)),
        (5840, 5840),
        "as the standard has it"
    );
    let agreed = extensions(32_768);
    assert_eq!(ack.results(), [(0, 0, NDR), (3, 1, agreed.syntax())]);
    assert_eq!(peer.connection.fragment_max(), Some(agreed.fragment_max));
    assert_eq!(peer.request(&large).stub.len(), 30_000);

    let own = Limits {
        extended_fragment_len_max: 16_384,
        ..Limits::DEFAULT
    };
    let mut smaller = Server::with_limits(own);
    smaller.receive(&offer.clone().build());
    let results = smaller.take_pdu().results();
    assert_eq!(results[1], (3, 1, extensions(16_384).syntax()));

    let off = Limits {
        extended_fragment_len_max: 0,
        ..Limits::DEFAULT
    };
    let mut without = Server::with_limits(off);
    without.receive(&offer.build());
    assert_eq!(without.take_pdu().results()[1], (2, 2, ZERO));
}

#[test]
fn an_alter_agrees_on_no_extensions() {
    let extensions = Extensions {
        fragment_max: MaxFragment::MAX,
    };
    let mut server = Server::bound(0);
    let alter = Offer::alter(1).context(2, ECHO, &[extensions.syntax()]);
    server.receive(&alter.build());
    assert_eq!(server.take_pdu().results(), [(2, 2, ZERO)]);
    assert_eq!(server.connection.fragment_max(), Some(MaxFragment::DEFAULT));
}

#[test]
fn rule_05_one_new_context_per_bind() {
    let offer = Offer::bind(0)
        .context(1, ECHO, &[NDR64])
        .context(2, ECHO, &[NDR]);
    assert_eq!(bind_ack(&offer).results(), [(0, 0, NDR64), (2, 2, ZERO)]);
}

#[test]
fn rule_05_one_context_per_alter_even_where_another_is_bound() {
    let mut server = Server::bound(0);
    for contexts in [[3, 4], [4, 3], [4, 4]] {
        let offer = contexts.iter().fold(Offer::alter(5), |offer, id| {
            offer.context(*id, ECHO, &[NDR])
        });
        assert_eq!(server.receive(&offer.build()), []);
        assert_eq!(server.take_pdu().results(), [(0, 0, NDR), (2, 2, ZERO)]);
    }
}

#[test]
fn rule_05_what_is_not_known_is_refused_and_the_connection_stays() {
    let ack = bind_ack(&Offer::bind(0).context(1, UNKNOWN, &[NDR]));
    assert_eq!(ack.results(), [(2, 1, ZERO)]);
    let ack = bind_ack(&Offer::bind(0).context(1, ECHO, &[ZERO, UNKNOWN]));
    assert_eq!(ack.results(), [(2, 2, ZERO)]);
    let ack = bind_ack(&Offer::bind(0).context(1, OLD, &[NDR64]));
    assert_eq!(
        ack.results(),
        [(2, 2, ZERO)],
        "known, but not by this interface"
    );
    let ack = bind_ack(&Offer::bind(0).context(1, ECHO, &[ZERO, NDR, NDR]));
    assert_eq!(ack.results(), [(0, 0, NDR)], "unknown ones are skipped");
}

#[test]
fn rule_05_a_refused_context_leaves_the_place_to_the_next() {
    let offer = Offer::bind(0)
        .context(1, UNKNOWN, &[NDR])
        .context(2, ECHO, &[NDR]);
    assert_eq!(bind_ack(&offer).results(), [(2, 1, ZERO), (0, 0, NDR)]);
}

#[test]
fn an_interface_serves_lower_minor_versions_only() {
    for (minor, result) in [(0, 0), (2, 0), (3, 2)] {
        let ack = bind_ack(&Offer::bind(0).context(1, SyntaxId { minor, ..OLD }, &[NDR]));
        assert_eq!(ack.results()[0].0, result, "minor version {minor}");
    }
}

#[test]
fn rule_06_a_context_can_be_offered_again_unchanged() {
    let mut server = Server::bound(0);
    server.receive(&Offer::alter(1).context(1, ECHO, &[NDR64, NDR]).build());
    assert_eq!(server.take_pdu().results(), [(0, 0, NDR)]);
}

#[test]
fn rule_06_a_context_must_not_change_its_transfer_syntax() {
    let mut server = Server::bound(0);
    let offer = Offer::alter(1).context(1, ECHO, &[ZERO, UNKNOWN, NDR64]);
    let (reason, fault) = server.close_reason(&offer.build());
    fault.assert_fault(1, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
    assert_eq!(
        reason,
        Violation::ContextChanged {
            context: ContextId(1)
        }
        .into()
    );
}

#[test]
fn rule_06_a_context_must_not_change_its_interface() {
    let mut server = Server::bound(0);
    let (_, fault) = server.close_reason(&Offer::alter(1).context(1, OLD, &[NDR]).build());
    fault.assert_fault(1, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
}

#[test]
fn rule_06_a_bound_context_survives_a_rejected_alter() {
    let mut server = Server::bound(0);
    server.receive(&Offer::alter(1).context(1, ECHO, &[ZERO, UNKNOWN]).build());
    assert_eq!(server.take_pdu().results(), [(2, 2, ZERO)]);
    server.request(&Call::new(2).build());
}

#[test]
fn rule_06_context_ids_have_16_bits_in_requests_and_8_in_responses() {
    let mut server = Server::new();
    server.receive(&Offer::bind(0).context(0xfffe, ECHO, &[NDR]).build());
    server.take_pdu();
    let request = server.request(&Call::new(1).context(0xfffe).build());
    server.answer(&request.reply, &[1]);
    assert_eq!(server.take_pdu().context(), 0xfe);
    server.receive(&Call::new(1).context(0xfe).build());
    server
        .take_pdu()
        .assert_fault(1, 0, FaultStatus::NCA_S_UNK_IF, DID_NOT_EXECUTE);
}

#[test]
fn rule_07_the_secondary_address_counts_its_nul_and_is_empty_in_alter() {
    let ack = bind_ack(&Offer::bind(0).context(1, ECHO, &[NDR]));
    assert_eq!((ack.u16(24), &ack.0[26..30]), (4, &b"135\0"[..]));
    let mut server = Server::bound(0);
    server.receive(&Offer::alter(1).context(1, ECHO, &[NDR]).build());
    let resp = server.take_pdu();
    assert_eq!((resp.kind(), resp.u16(24)), (ALTER_RESP, 0));
    assert_eq!(resp.results().len(), 1);
}

#[test]
fn rule_08_group_0_is_a_new_one_and_an_unknown_one_is_refused() {
    let mut server = Server::new();
    let (reason, nak) =
        server.close_reason(&Offer::bind(0).group(77).context(1, ECHO, &[NDR]).build());
    nak.assert_nak(0, 0);
    assert_eq!(
        reason,
        CloseReason::RefusedBind(BindNakReason::NotSpecified)
    );
}

#[test]
fn rule_08_the_answer_to_an_alter_names_the_group_of_the_bind() {
    let mut server = Server::new();
    server.endpoint.join_group(None);
    server.receive(&Offer::bind(0).context(1, ECHO, &[NDR]).build());
    assert_eq!(server.take_pdu().u32(20), 2);
    server.receive(&Offer::alter(1).context(2, OLD, &[NDR]).build());
    assert_eq!(server.take_pdu().u32(20), 2);
}

#[test]
fn rule_08_a_group_ends_with_its_last_connection() {
    let mut first = Server::bound(0);
    let group = first.connection.group().expect("a group").0.get();
    let mut second = Server::new();
    std::mem::swap(&mut first.endpoint, &mut second.endpoint);
    second.receive(&Offer::bind(0).group(group).context(1, ECHO, &[NDR]).build());
    assert_eq!(second.take_pdu().u32(20), group);
    assert_eq!(second.endpoint.groups[&group], 2);
    second.connection.close(&mut second.endpoint);
    second.connection.close(&mut second.endpoint);
    assert_eq!(second.endpoint.groups[&group], 1, "left once");
    first.connection.close(&mut second.endpoint);
    assert!(second.endpoint.groups.is_empty());
}

#[test]
fn rule_08_a_refused_bind_makes_no_group() {
    let mut server = Server::new();
    server.close_reason(&Offer::bind(0).context(1, ECHO, &[]).build());
    server.connection.close(&mut server.endpoint);
    assert!(server.endpoint.groups.is_empty());
}

#[test]
fn rule_09_multiplexing_and_header_signing_are_echoed_and_no_other_flag() {
    for flags in 0..=255 {
        let ack = bind_ack(&Offer::bind(0).flags(flags).context(1, ECHO, &[NDR]));
        assert_eq!(ack.flags(), WHOLE | flags & (MULTIPLEXING | HEADER_SIGNING));
        let mut server = Server::bound(0);
        server.receive(
            &Offer::alter(1)
                .flags(flags)
                .context(1, ECHO, &[NDR])
                .build(),
        );
        assert_eq!(server.take_pdu().flags(), WHOLE | flags & HEADER_SIGNING);
    }
}

#[test]
fn an_alter_without_contexts_ends_the_connection() {
    let (_, fault) = Server::bound(0).close_reason(&Offer::alter(4).build());
    fault.assert_fault(4, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
    let offer = Offer::alter(4).context(1, ECHO, &[]);
    let (_, fault) = Server::bound(0).close_reason(&offer.build());
    fault.assert_fault(4, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
}

#[test]
fn attack_more_contexts_than_the_limit_are_refused_with_reason_3() {
    let limits = Limits {
        contexts_per_connection_max: 2,
        ..Limits::DEFAULT
    };
    let mut server = Server::bound_with(limits, 0);
    for (id, expected) in [(2, (0, 0, NDR)), (3, (2, 3, ZERO)), (1, (0, 0, NDR))] {
        server.receive(&Offer::alter(1).context(id, ECHO, &[NDR]).build());
        assert_eq!(server.take_pdu().results(), [expected]);
    }
}

#[test]
fn rule_10_a_request_in_an_unknown_context_leaves_the_connection_open() {
    let mut server = Server::bound(0);
    server.receive(&Call::new(9).context(12345).build());
    server
        .take_pdu()
        .assert_fault(9, 0, FaultStatus::NCA_S_UNK_IF, DID_NOT_EXECUTE);
    assert_eq!(
        server.request(&Call::new(10).build()).reply.call(),
        CallId(10)
    );
}
