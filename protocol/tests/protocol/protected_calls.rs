//! Rules 21 to 23: requests with a security trailer on the server.

use annulus_protocol::{AuthenticationLevel, CallId, CloseReason, FaultStatus, Opnum, Violation};

use crate::support::toy::*;
use crate::support::*;

#[test]
fn rule_21_a_connect_level_verifier_is_not_looked_at_and_not_answered() {
    let mut server = established(CONNECT);
    let bare = server.request(&Call::new(1).stub(b"abcd").build());
    assert_eq!(bare.authentication, AuthenticationLevel::Connect);
    server.answer(&bare.reply, b"x");
    assert_eq!(server.take_pdu().u16(10), 0);
    let request = with_trailer(
        Call::new(2).stub(b"abcd").build(),
        (TOY, CONNECT, 2),
        12,
        &[1; 16],
    );
    let with_verifier = server.request(&request);
    assert_eq!(
        with_verifier.stub, b"abcd",
        "padding and verifier are cut off"
    );
    server.answer(&with_verifier.reply, b"x");
    assert_eq!(server.take_pdu().u16(10), 0);
    let bare = server.request(&Call::new(3).build());
    assert_eq!(
        bare.authentication,
        AuthenticationLevel::None,
        "after a use by name"
    );
}

#[test]
fn rule_21_a_wrong_level_or_an_unknown_context_is_denied() {
    for security in [(TOY, CONNECT, 2), (TOY, INTEGRITY, 3), (16, INTEGRITY, 2)] {
        let mut server = established(INTEGRITY);
        let request = with_trailer(Call::new(3).build(), security, 0, &[1; 16]);
        let (reason, fault) = server.close_reason(&request);
        fault.assert_fault(3, 1, FaultStatus::ACCESS_DENIED, 0);
        assert!(matches!(
            reason,
            CloseReason::Violation(Violation::Security { .. })
        ));
    }
}

#[test]
fn rule_21_several_contexts_on_one_connection_each_with_its_own_level() {
    let mut server = Server::bound(0);
    server.endpoint.legs = 2;
    for (context, level) in [(5, INTEGRITY), (6, CONNECT), (7, INTEGRITY)] {
        let alter = with_trailer(
            offer(Offer::alter(context)),
            (TOY, level, context),
            0,
            &Toy::token(1),
        );
        assert_eq!(server.receive(&alter), []);
        assert_eq!(server.take_pdu().kind(), ALTER_RESP);
    }
    let bare = server.request(&Call::new(1).build());
    assert_eq!(
        bare.authentication,
        AuthenticationLevel::Connect,
        "the only one of its level"
    );
    server.answer(&bare.reply, &[]);
    let (mut five, mut seven) = (Toy::client(2), Toy::client(2));
    for round in 0..3 {
        for (toy, context) in [(&mut five, 5), (&mut seven, 7)] {
            let call = Call::new(10 + round).stub(b"abc");
            let request = server.request(&signed(toy, call, (TOY, INTEGRITY, context)));
            assert_eq!(request.authentication, AuthenticationLevel::Integrity);
            server.answer(&request.reply, &[]);
            let response = server.out.split_off(0);
            let trailer = &response[response.len() - 24..];
            assert_eq!(
                trailer[4], context as u8,
                "the answer is protected as the call was"
            );
        }
    }
}

#[test]
fn rule_21_later_fragments_are_checked_as_those_of_the_call_whatever_they_say() {
    let mut server = established(INTEGRITY);
    let mut toy = Toy::client(3);
    let first = Call::new(3).flags(FIRST).stub(&[1; 16]);
    assert_eq!(
        server.receive(&signed(&mut toy, first, (TOY, INTEGRITY, 2))),
        []
    );
    let last = Call::new(3)
        .flags(LAST)
        .context(111)
        .opnum(111)
        .stub(&[2; 9]);
    let request = server.request(&signed(&mut toy, last, (111, 111, 111)));
    assert_eq!(request.stub, [&[1; 16][..], &[2; 9]].concat());
}

#[test]
fn rule_21_attack_a_later_fragment_without_protection() {
    let mut server = established(INTEGRITY);
    let mut toy = Toy::client(3);
    let first = Call::new(3).flags(FIRST).stub(&[1; 16]);
    server.receive(&signed(&mut toy, first, (TOY, INTEGRITY, 2)));
    let (_, fault) = server.close_reason(&Call::new(3).flags(LAST).stub(&[2; 16]).build());
    fault.assert_fault(3, 1, FaultStatus::NCA_S_PROTO_ERROR, 0);
}

#[test]
fn rule_21_attack_a_later_fragment_protected_by_another_context() {
    let mut server = established(INTEGRITY);
    let first = Call::new(3).flags(FIRST).stub(&[1; 16]);
    server.receive(&signed(&mut Toy::client(3), first, (TOY, INTEGRITY, 2)));
    let last = Call::new(3).flags(LAST).stub(&[2; 16]);
    // The sequence number of a context that has sent nothing.
    let (_, fault) = server.close_reason(&signed(&mut Toy::client(3), last, (TOY, INTEGRITY, 3)));
    fault.assert_fault(3, 1, FaultStatus::SEC_PKG_ERROR, 0);
}

#[test]
fn attack_a_signed_request_sent_twice_is_refused() {
    let mut server = established(INTEGRITY);
    let request = signed(&mut Toy::client(3), Call::new(3), (TOY, INTEGRITY, 2));
    let seen = server.request(&request);
    server.answer(&seen.reply, &[]);
    server.take_pdu();
    let (_, fault) = server.close_reason(&request);
    fault.assert_fault(3, 1, FaultStatus::SEC_PKG_ERROR, 0);
}

#[test]
fn rule_22_a_verification_trailer_that_differs_is_denied() {
    let magic = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
    let header2 = |opnum: u8| {
        let mut stub = magic.to_vec();
        stub.extend_from_slice(&[3, 0x40, 16, 0, 0, 0, 0, 0, 0x10, 0, 0, 0]);
        stub.extend_from_slice(&[3, 0, 0, 0, 1, 0, opnum, 0]);
        stub
    };
    let mut toy = Toy::client(3);
    let mut server = established(INTEGRITY);
    let good = Call::new(3).opnum(4).stub(&header2(4));
    let request = server.request(&signed(&mut toy, good, (TOY, INTEGRITY, 2)));
    server.answer(&request.reply, &[]);
    server.take_pdu();
    let changed = Call::new(3).opnum(3).stub(&header2(4));
    let (reason, fault) = server.close_reason(&signed(&mut toy, changed, (TOY, INTEGRITY, 2)));
    fault.assert_fault(3, 1, FaultStatus::ACCESS_DENIED, 0);
    assert!(matches!(
        reason,
        CloseReason::Violation(Violation::Verification {
            call: CallId(3),
            ..
        })
    ));
}

/// A copy of the header of call 3 in context 1, behind as many bytes of parameters.
fn stub_with_trailer(params: usize, opnum: u8) -> Vec<u8> {
    let mut stub = vec![0xaa; params];
    stub.extend_from_slice(&[0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71]);
    stub.extend_from_slice(&[3, 0x40, 16, 0, 0, 0, 0, 0, 0x10, 0, 0, 0]);
    stub.extend_from_slice(&[3, 0, 0, 0, 1, 0, opnum, 0]);
    stub
}

/// Sends a streamed request of call 3, operation 4, in pieces that end at these places; all that
/// happens.
fn stream(stub: &[u8], ends: &[usize]) -> (Vec<Seen>, Vec<Wire>) {
    let mut toy = Toy::client(3);
    let mut server = established(INTEGRITY);
    server.endpoint.streamed = Some(Opnum(4));
    let mut seen = Vec::new();
    let mut from = 0;
    for (index, end) in ends.iter().chain([&stub.len()]).enumerate() {
        let flags = (FIRST * u8::from(index == 0)) | (LAST * u8::from(index == ends.len()));
        let piece = Call::new(3).opnum(4).flags(flags).stub(&stub[from..*end]);
        seen.extend(server.receive(&signed(&mut toy, piece, (TOY, INTEGRITY, 2))));
        from = *end;
    }
    (seen, server.take_pdus())
}

#[test]
fn rule_22_the_verification_trailer_of_a_stream_is_checked_with_its_last_fragment() {
    for params in [0, 4, 1000, 1020, 3000] {
        let good = stub_with_trailer(params, 4);
        let changed = stub_with_trailer(params, 3);
        // The trailer may lie across fragments.
        for len in [1, 4, 7, 20, good.len()] {
            let end = good.len() - len;
            let (seen, out) = stream(&good, &[end / 2, end]);
            assert!(
                matches!(seen.last(), Some(Seen::Data(.., true))),
                "{params} {len}"
            );
            assert_eq!(out, []);
            let (seen, out) = stream(&changed, &[end / 2, end]);
            assert_eq!(seen.len(), 3);
            assert!(matches!(
                seen[2],
                Seen::Close(CloseReason::Violation(Violation::Verification {
                    call: CallId(3),
                    ..
                }))
            ));
            out[0].assert_fault(3, 1, FaultStatus::ACCESS_DENIED, 0);
        }
    }
}

#[test]
fn attack_a_fragment_of_a_stream_that_is_not_signed() {
    let mut server = established(INTEGRITY);
    server.endpoint.streamed = Some(Opnum(4));
    let mut toy = Toy::client(3);
    let first = Call::new(3).opnum(4).flags(FIRST).stub(b"ab");
    server.request(&signed(&mut toy, first, (TOY, INTEGRITY, 2)));
    let bare = Call::new(3).opnum(4).flags(0).stub(b"cd").build();
    let (_, fault) = server.close_reason(&bare);
    fault.assert_fault(3, 1, FaultStatus::NCA_S_PROTO_ERROR, 0);
}

#[test]
fn attack_a_fragment_of_a_stream_is_changed_after_its_call_was_answered() {
    let mut server = established(INTEGRITY);
    server.endpoint.streamed = Some(Opnum(4));
    let mut toy = Toy::client(3);
    let first = Call::new(3).opnum(4).flags(FIRST).stub(b"ab");
    let request = server.request(&signed(&mut toy, first, (TOY, INTEGRITY, 2)));
    server.answer(&request.reply, b"");
    server.out.clear();
    let next = Call::new(3).opnum(4).flags(0).stub(b"cd");
    let mut changed = signed(&mut toy, next, (TOY, INTEGRITY, 2));
    changed[24] ^= 1;
    let (reason, _) = server.close_reason(&changed);
    assert!(matches!(reason, CloseReason::Security(_)));
}

#[test]
fn rule_23_a_trailer_on_a_connection_that_never_authenticated_is_denied() {
    for level in [1, 2, 3, 4, 5, 6] {
        let request = with_trailer(Call::new(3).build(), (0, level, 0), 0, b"none");
        let (_, fault) = Server::bound(0).close_reason(&request);
        fault.assert_fault(3, 1, FaultStatus::ACCESS_DENIED, 0);
    }
    let mut server = Server::bound(0);
    server.receive(&Call::new(3).flags(FIRST).build());
    let last = with_trailer(Call::new(3).flags(LAST).build(), (0, 1, 0), 0, b"none");
    let (_, fault) = server.close_reason(&last);
    fault.assert_fault(3, 1, FaultStatus::ACCESS_DENIED, 0);
}
