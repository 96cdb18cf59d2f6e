//! Rules 19, 20 and 23: how a server exchanges security tokens with its client.

use annulus_protocol::{CloseReason, FaultStatus, Limits, Time, Violation};

use crate::support::toy::*;
use crate::support::*;

#[test]
fn rule_19_any_padding_up_to_the_body_is_legal_and_its_bytes_are_arbitrary() {
    let bare = offer(Offer::bind(0));
    for extra in [0, 1, 3, 17] {
        let mut server = Server::new();
        let bind = with_trailer(bare.clone(), (TOY, CONNECT, 0), extra, &Toy::token(1));
        assert_eq!(server.receive(&bind), []);
        assert_eq!(server.take_pdu().kind(), BIND_ACK);
    }
    // The padding may even be said to cover what is not padding.
    let mut bind = with_trailer(bare.clone(), (TOY, CONNECT, 0), 0, &Toy::token(1));
    let pad_at = bare.len() + 2;
    bind[pad_at] = (bare.len() - 24) as u8;
    assert_eq!(Server::new().receive(&bind), []);
    bind[pad_at] += 1;
    Server::new().close_reason(&bind).1.assert_nak(0, 4);
}

#[test]
fn rule_19_padding_longer_than_an_alter_ends_the_connection() {
    let bare = offer(Offer::alter(1));
    let mut alter = with_trailer(bare.clone(), (TOY, CONNECT, 0), 0, &Toy::token(1));
    alter[bare.len() + 2] = (bare.len() - 23) as u8;
    let (_, fault) = Server::bound(0).close_reason(&alter);
    fault.assert_fault(1, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
}

#[test]
fn rule_19_auth3_has_no_room_for_padding() {
    let mut server = mid_exchange(CONNECT);
    let mut third = auth3(0, (TOY, CONNECT, 2), 0, &Toy::token(3));
    third[22] = 1;
    let (_, fault) = server.close_reason(&third);
    let status = FaultStatus::NCA_S_FAULT_REMOTE_NO_MEMORY;
    fault.assert_fault(0, 0, status, DID_NOT_EXECUTE);
}

#[test]
fn rule_20_a_third_leg_in_alter_context_is_answered() {
    let mut server = mid_exchange(INTEGRITY);
    let alter = with_trailer(
        offer(Offer::alter(0)),
        (TOY, INTEGRITY, 2),
        0,
        &Toy::token(3),
    );
    assert_eq!(server.receive(&alter), []);
    let resp = server.take_pdu();
    assert_eq!(
        (resp.kind(), resp.u16(10)),
        (ALTER_RESP, 0),
        "there is no fourth token"
    );
}

#[test]
fn rule_20_a_wrong_token_in_alter_context_ends_the_connection() {
    let mut server = mid_exchange(INTEGRITY);
    let alter = with_trailer(offer(Offer::alter(4)), (TOY, INTEGRITY, 2), 0, b"wrong");
    let (reason, fault) = server.close_reason(&alter);
    fault.assert_fault(4, 0, FaultStatus::ACCESS_DENIED, DID_NOT_EXECUTE);
    assert!(matches!(reason, CloseReason::Security(_)));
}

#[test]
fn rule_20_a_wrong_token_in_auth3_shows_on_the_next_request() {
    let mut server = mid_exchange(CONNECT);
    assert_eq!(
        server.receive(&auth3(0, (TOY, CONNECT, 2), 0, b"wrong")),
        []
    );
    let (_, fault) = server.close_reason(&Call::new(2).build());
    fault.assert_fault(2, 1, FaultStatus::ACCESS_DENIED, 0);
}

#[test]
fn rule_20_a_request_in_mid_exchange_ends_the_connection() {
    for trailer in [true, false] {
        let mut server = mid_exchange(CONNECT);
        let mut request = Call::new(1).build();
        if trailer {
            request = with_trailer(request, (TOY, CONNECT, 2), 0, &[1; 16]);
        }
        let (_, fault) = server.close_reason(&request);
        fault.assert_fault(1, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
    }
}

#[test]
fn rule_20_type_and_level_must_not_change_in_mid_exchange() {
    let changes = [
        ((TOY, PRIVACY, 2), FaultStatus::ACCESS_DENIED),
        ((16, INTEGRITY, 2), FaultStatus::SEC_PKG_ERROR),
        ((0, INTEGRITY, 2), FaultStatus::ACCESS_DENIED),
    ];
    for (security, status) in changes {
        let mut server = mid_exchange(INTEGRITY);
        let alter = with_trailer(offer(Offer::alter(0)), security, 0, &Toy::token(3));
        let (_, fault) = server.close_reason(&alter);
        fault.assert_fault(0, 0, status, DID_NOT_EXECUTE);
    }
}

#[test]
fn rule_20_contexts_are_judged_before_security() {
    let mut server = mid_exchange(INTEGRITY);
    let changed = Offer::alter(0).context(1, OLD, &[NDR]).build();
    let alter = with_trailer(changed, (TOY, PRIVACY, 2), 0, &Toy::token(3));
    let (_, fault) = server.close_reason(&alter);
    fault.assert_fault(0, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
}

#[test]
fn rule_20_an_exchange_that_is_over_does_not_begin_again() {
    let mut server = established(CONNECT);
    let alter = with_trailer(offer(Offer::alter(4)), (TOY, CONNECT, 2), 0, &Toy::token(1));
    let (_, fault) = server.close_reason(&alter);
    fault.assert_fault(4, 0, FaultStatus::ACCESS_DENIED, DID_NOT_EXECUTE);
    let mut server = established(CONNECT);
    let (_, fault) = server.close_reason(&auth3(4, (TOY, CONNECT, 2), 0, &Toy::token(1)));
    fault.assert_fault(4, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
}

#[test]
fn rule_20_an_auth3_without_a_trailer_or_an_exchange_ends_the_connection() {
    let (_, fault) = Server::bound(0).close_reason(&pdu(AUTH3, WHOLE, 3, &[0; 4]));
    fault.assert_fault(3, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
    let (_, fault) = Server::bound(0).close_reason(&auth3(3, (TOY, CONNECT, 0), 0, &Toy::token(3)));
    fault.assert_fault(3, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
}

#[test]
fn rule_23_levels_that_do_not_exist_are_refused_before_the_type_is_looked_at() {
    for kind in [0, TOY, 99] {
        for level in [0, 1, 7, 255] {
            let bind = with_trailer(offer(Offer::bind(0)), (kind, level, 0), 0, b"none");
            Server::new().close_reason(&bind).1.assert_nak(0, 0);
        }
    }
}

#[test]
fn rule_23_an_unknown_type_is_refused_with_reason_8() {
    for kind in [0, 1, 9, 10, 255] {
        for level in 2..=6 {
            let bind = with_trailer(offer(Offer::bind(0)), (kind, level, 0), 0, b"none");
            Server::new().close_reason(&bind).1.assert_nak(0, 8);
        }
    }
}

#[test]
fn a_wrong_first_token_and_the_level_call_are_refused_with_reason_9() {
    for (level, token) in [(INTEGRITY, &b"wrong"[..]), (3, &Toy::token(1))] {
        let bind = with_trailer(offer(Offer::bind(0)), (TOY, level, 0), 0, token);
        Server::new().close_reason(&bind).1.assert_nak(0, 9);
    }
}

#[test]
fn attack_more_security_contexts_than_the_limit() {
    let limits = Limits {
        security_contexts_per_connection_max: 2,
        ..Limits::DEFAULT
    };
    let mut server = Server::bound_with(limits, 0);
    let alter = |context| {
        with_trailer(
            offer(Offer::alter(context)),
            (TOY, INTEGRITY, context),
            0,
            &Toy::token(1),
        )
    };
    for context in [1, 2] {
        server.receive(&alter(context));
        assert_eq!(server.take_pdu().kind(), ALTER_RESP);
    }
    let (reason, fault) = server.close_reason(&alter(3));
    fault.assert_fault(3, 0, FaultStatus::NCA_S_PROTO_ERROR, DID_NOT_EXECUTE);
    assert_eq!(
        reason,
        Violation::TooManySecurityContexts { limit: 2 }.into()
    );
}

#[test]
fn attack_an_exchange_that_is_never_finished_ends_in_time() {
    let mut server = mid_exchange(CONNECT);
    let deadline = Time::ZERO + Limits::DEFAULT.bind_timeout;
    assert_eq!(server.connection.next_deadline(), Some(deadline));
    assert!(
        server
            .connection
            .handle_deadline(deadline, &mut server.out)
            .is_some()
    );
    assert_eq!(established(CONNECT).connection.next_deadline(), None);
}

#[test]
fn attack_an_exchange_that_is_never_finished_beside_one_that_is() {
    let mut server = mid_exchange(INTEGRITY);
    let other = (TOY, INTEGRITY, 7);
    let alter = with_trailer(offer(Offer::alter(1)), other, 0, &Toy::token(1));
    assert_eq!(server.receive(&alter), []);
    server.take_pdu();
    let deadline = Some(Time::ZERO + Limits::DEFAULT.bind_timeout);
    assert_eq!(server.receive(&auth3(1, other, 0, &Toy::token(3))), []);
    assert_eq!(server.connection.next_deadline(), deadline);
    let first = (TOY, INTEGRITY, 2);
    assert_eq!(server.receive(&auth3(0, first, 0, &Toy::token(3))), []);
    assert_eq!(server.connection.next_deadline(), None);
}
