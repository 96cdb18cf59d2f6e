//! Rules 17 and 19 to 23: security, with a toy mechanism that protects against nobody.

use annulus_protocol::pdu::PduFlags;
use annulus_protocol::{
    AuthenticationLevel, AuthenticationType, CallId, ClientConfig, ClientConnection, ClientEvent,
    ClientMechanism, CloseReason, Extent, FaultStatus, Input, Limits, MessageProtection, Opnum,
    SecurityError, ServerMechanism, Step, Time, TransferSyntax, Uuid, Violation,
};

use crate::support::*;

/// A mechanism whose tokens are numbers, whose signature is a checksum with a sequence number,
/// and whose cipher is XOR.
#[derive(Clone)]
pub(crate) struct Toy {
    is_client: bool,
    /// Messages of the exchange, of both sides together.
    legs: usize,
    /// The next message.
    leg: usize,
    sent: u32,
    received: u32,
}

impl Toy {
    pub(crate) const KIND: AuthenticationType = AuthenticationType(200);
    const SIGNATURE_LEN: usize = 16;

    pub(crate) fn client(legs: usize) -> Self {
        Toy {
            is_client: true,
            legs,
            leg: 1,
            sent: 0,
            received: 0,
        }
    }

    pub(crate) fn server(legs: usize) -> Self {
        Toy {
            is_client: false,
            ..Toy::client(legs)
        }
    }

    /// The token of a leg.
    pub(crate) fn token(leg: usize) -> Vec<u8> {
        vec![leg as u8, b't', b'o', b'y']
    }

    fn exchange(&mut self, token: &[u8], out: &mut Vec<u8>) -> Result<Step, SecurityError> {
        let expects_token = !(self.is_client && self.leg == 1);
        if expects_token {
            if token != Toy::token(self.leg) {
                return Err(SecurityError::new("not the token of this leg"));
            }
            self.leg += 1;
        }
        if self.leg <= self.legs {
            out.extend_from_slice(&Toy::token(self.leg));
            self.leg += 1;
        }
        Ok(if self.leg > self.legs {
            Step::Done
        } else {
            Step::Continue
        })
    }

    /// A signature: sequence number, sender, FNV-1a of what is covered.
    fn checksum(signed: &[u8], sequence: u32, by_client: bool) -> [u8; Toy::SIGNATURE_LEN] {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in signed {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut signature = [0; Toy::SIGNATURE_LEN];
        signature[..4].copy_from_slice(&sequence.to_le_bytes());
        signature[4] = u8::from(by_client);
        signature[8..].copy_from_slice(&hash.to_le_bytes());
        signature
    }

    fn cipher(body: &mut [u8], sequence: u32) {
        for (index, byte) in body.iter_mut().enumerate() {
            *byte ^= (index as u8) ^ (sequence as u8) ^ 0x5a;
        }
    }
}

impl MessageProtection for Toy {
    fn signature_len(&self, _level: AuthenticationLevel) -> usize {
        Toy::SIGNATURE_LEN
    }

    fn sign(&mut self, pdu: &[u8], extent: &Extent, signature: &mut [u8]) {
        signature.copy_from_slice(&Toy::checksum(
            extent.signed(pdu),
            self.sent,
            self.is_client,
        ));
        self.sent += 1;
    }

    fn verify(
        &mut self,
        pdu: &[u8],
        extent: &Extent,
        signature: &[u8],
    ) -> Result<(), SecurityError> {
        let expected = Toy::checksum(extent.signed(pdu), self.received, !self.is_client);
        self.received += 1;
        if signature == expected {
            Ok(())
        } else {
            Err(SecurityError::new("a wrong signature"))
        }
    }

    fn seal(&mut self, pdu: &mut [u8], extent: &Extent, signature: &mut [u8]) {
        let sequence = self.sent;
        self.sign(pdu, extent, signature);
        Toy::cipher(&mut pdu[extent.body.clone()], sequence);
    }

    fn unseal(
        &mut self,
        pdu: &mut [u8],
        extent: &Extent,
        signature: &[u8],
    ) -> Result<(), SecurityError> {
        Toy::cipher(&mut pdu[extent.body.clone()], self.received);
        self.verify(pdu, extent, signature)
    }
}

impl ServerMechanism for Toy {
    fn accept(&mut self, token: &[u8], out: &mut Vec<u8>) -> Result<Step, SecurityError> {
        self.exchange(token, out)
    }

    fn principal(&self) -> Option<&str> {
        (self.leg > self.legs).then_some("toy@EXAMPLE")
    }
}

impl ClientMechanism for Toy {
    fn kind(&self) -> AuthenticationType {
        Toy::KIND
    }

    fn step(&mut self, token: &[u8], out: &mut Vec<u8>) -> Result<Step, SecurityError> {
        self.exchange(token, out)
    }
}

const LEVELS: [AuthenticationLevel; 4] = [
    AuthenticationLevel::Connect,
    AuthenticationLevel::Packet,
    AuthenticationLevel::Integrity,
    AuthenticationLevel::Privacy,
];

/// A client and a server that authenticate each other in so many legs.
struct Secured {
    client: ClientConnection,
    server: Server,
    legs: usize,
}

impl Secured {
    fn new(level: AuthenticationLevel, legs: usize, header_signing: bool) -> Self {
        let mut config = ClientConfig::default();
        config.header_signing = header_signing;
        config.extended_fragment_len_max = 0;
        let client =
            ClientConnection::new(config).with_security(Box::new(Toy::client(legs)), level);
        let mut server = Server::new();
        server.endpoint.legs = legs;
        Secured {
            client,
            server,
            legs,
        }
    }

    /// Binds ECHO in NDR; the kinds of PDUs that it took.
    fn bind(&mut self) -> Vec<u8> {
        let mut to_server = Vec::new();
        self.client
            .bind(
                Time::ZERO,
                ECHO,
                &[TransferSyntax::Ndr],
                None,
                &mut to_server,
            )
            .expect("an offer");
        let mut kinds = Vec::new();
        let mut is_bound = false;
        while !to_server.is_empty() {
            kinds.extend(split(&to_server).iter().map(Wire::kind));
            assert_eq!(self.server.receive(&to_server), []);
            let to_client = std::mem::take(&mut self.server.out);
            kinds.extend(split(&to_client).iter().map(Wire::kind));
            to_server.clear();
            let mut input = Input::new(&to_client);
            while let Some(event) = self
                .client
                .next_event(Time::ZERO, &mut input, &mut to_server)
            {
                assert!(matches!(event, ClientEvent::Bound { .. }), "{event:?}");
                is_bound = true;
            }
        }
        assert!(is_bound, "bound in {} legs", self.legs);
        kinds
    }

    fn send(&mut self, stub: &[u8], object: Option<Uuid>) -> Vec<u8> {
        let mut out = Vec::new();
        let context = annulus_protocol::ContextId(0);
        let start = self
            .client
            .begin_request(context, object, &mut out)
            .expect("a call");
        out.extend_from_slice(stub);
        self.client.finish_request(start, Opnum(1), 77, &mut out);
        out
    }

    fn take_response(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut input = Input::new(bytes);
        match self
            .client
            .next_event(Time::ZERO, &mut input, &mut Vec::new())
        {
            Some(ClientEvent::Response { key: 77, stub, .. }) => stub.to_vec(),
            other => panic!("a response expected, not {other:?}"),
        }
    }
}

#[test]
fn rule_20_the_legs_of_an_exchange_travel_in_bind_alter_and_auth3() {
    let expected: [(usize, &[u8]); 5] = [
        (1, &[BIND, BIND_ACK]),
        (2, &[BIND, BIND_ACK]),
        (3, &[BIND, BIND_ACK, AUTH3]),
        (4, &[BIND, BIND_ACK, ALTER, ALTER_RESP]),
        (5, &[BIND, BIND_ACK, ALTER, ALTER_RESP, AUTH3]),
    ];
    for (legs, kinds) in expected {
        let mut pair = Secured::new(AuthenticationLevel::Integrity, legs, true);
        assert_eq!(pair.bind(), kinds, "{legs} legs");
    }
}

#[test]
fn calls_of_every_level_carry_their_stub_data_there_and_back() {
    for level in LEVELS {
        for legs in [2, 3] {
            for header_signing in [false, true] {
                for len in [0, 1, 15, 16, 17, 5000, 6000, 40_000] {
                    let mut pair = Secured::new(level, legs, header_signing);
                    pair.bind();
                    for round in 0..3_u8 {
                        let stub: Vec<u8> = (0..len)
                            .map(|index| (index as u8).wrapping_mul(7) ^ round)
                            .collect();
                        let request_bytes = pair.send(&stub, None);
                        let request = pair.server.request(&request_bytes);
                        assert_eq!(request.stub, stub, "{level:?} {legs} {len}");
                        // Without a verifier the only context of level CONNECT is meant.
                        assert_eq!(request.authentication, level);
                        let principal = pair.server.connection.principal(&request.reply);
                        assert_eq!(principal, Some("toy@EXAMPLE"));
                        pair.server.answer(&request.reply, &stub);
                        let response = std::mem::take(&mut pair.server.out);
                        assert_eq!(pair.take_response(&response), stub);
                    }
                }
            }
        }
    }
}

#[test]
fn protected_fragments_keep_to_the_size_and_are_padded_to_16() {
    let mut pair = Secured::new(AuthenticationLevel::Privacy, 2, true);
    pair.bind();
    let stub = vec![0x11; 20_001];
    let bytes = pair.send(&stub, None);
    let pdus = split(&bytes);
    assert_eq!(pdus.len(), 4);
    let mut remaining = stub.len() as u32;
    for (index, pdu) in pdus.iter().enumerate() {
        assert!(pdu.0.len() <= 5840);
        assert_eq!(pdu.u16(10), 16, "the signature's length");
        assert_eq!(pdu.alloc_hint(), remaining);
        let trailer = pdu.0.len() - 24;
        assert_eq!((trailer - 24) % 16, 0);
        let pad = u32::from(pdu.0[trailer + 2]);
        assert!(pad == 0 || index == 3, "only the last fragment is padded");
        remaining -= trailer as u32 - 24 - pad;
        assert!(
            !pdu.0[24..trailer]
                .windows(32)
                .any(|window| window == [0x11; 32]),
            "sealed"
        );
    }
    assert_eq!(remaining, 0);
    // Received a byte at a time, the result is the same.
    let seen: Vec<Seen> = bytes
        .chunks(1)
        .flat_map(|byte| pair.server.receive(byte))
        .collect();
    assert!(matches!(&seen[..], [Seen::Request(request)] if request.stub == stub));
}

#[test]
fn rule_17_a_signed_request_with_an_object_has_its_stub_at_byte_40() {
    let object = Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);
    for level in LEVELS {
        for len in [3, 9000] {
            let mut pair = Secured::new(level, 2, true);
            pair.bind();
            let bytes = pair.send(&vec![5; len], Some(object));
            for pdu in split(&bytes) {
                assert_eq!(&pdu.0[24..40], object.to_bytes_le(), "in every fragment");
            }
            let request = pair.server.request(&bytes);
            assert_eq!((request.object, request.stub), (Some(object), vec![5; len]));
        }
    }
}

#[test]
fn attack_one_changed_bit_of_a_signed_request_is_noticed() {
    for level in [AuthenticationLevel::Integrity, AuthenticationLevel::Privacy] {
        for at in [22, 24, 30, 50] {
            let mut pair = Secured::new(level, 2, true);
            pair.bind();
            let mut bytes = pair.send(&[9; 10], None);
            bytes[at] ^= 1;
            let (reason, fault) = pair.server.close_reason(&bytes);
            fault.assert_fault(fault.call(), 0, FaultStatus::SEC_PKG_ERROR, 0);
            assert!(matches!(reason, CloseReason::Security(_)), "byte {at}");
        }
    }
}

#[test]
fn attack_one_changed_bit_of_a_signed_response_is_noticed() {
    let mut pair = Secured::new(AuthenticationLevel::Integrity, 2, true);
    pair.bind();
    let bytes = pair.send(&[9; 10], None);
    let request = pair.server.request(&bytes);
    pair.server.answer(&request.reply, &[8; 10]);
    let mut response = std::mem::take(&mut pair.server.out);
    response[25] ^= 0x80;
    let event = pair
        .client
        .next_event(Time::ZERO, &mut Input::new(&response), &mut Vec::new());
    assert!(
        matches!(event, Some(ClientEvent::Close(CloseReason::Security(_)))),
        "{event:?}"
    );
}

#[test]
fn attack_a_response_whose_protection_was_stripped_is_not_taken() {
    let mut pair = Secured::new(AuthenticationLevel::Integrity, 2, true);
    pair.bind();
    let bytes = pair.send(&[9; 10], None);
    let call = split(&bytes)[0].call();
    let bare = pdu(RESPONSE, WHOLE, call, &[0; 20]);
    let event = pair
        .client
        .next_event(Time::ZERO, &mut Input::new(&bare), &mut Vec::new());
    assert!(
        matches!(event, Some(ClientEvent::Close(CloseReason::Security(_)))),
        "{event:?}"
    );
}

const TOY: u8 = 200;
const CONNECT: u8 = 2;
const INTEGRITY: u8 = 5;
const PRIVACY: u8 = 6;

fn offer(offer: Offer) -> Vec<u8> {
    offer.context(1, ECHO, &[NDR]).build()
}

/// A server in the middle of an exchange of three legs, for security context 2.
fn mid_exchange(level: u8) -> Server {
    let mut server = Server::new();
    server.endpoint.legs = 3;
    let bind = with_trailer(offer(Offer::bind(0)), (TOY, level, 2), 0, &Toy::token(1));
    assert_eq!(server.receive(&bind), []);
    let ack = server.take_pdu();
    assert_eq!(
        (ack.kind(), ack.u16(10)),
        (BIND_ACK, 4),
        "the token's length"
    );
    let trailer = &ack.0[ack.0.len() - 12..];
    assert_eq!(trailer[..8], [TOY, level, 0, 0, 2, 0, 0, 0]);
    assert_eq!(trailer[8..], Toy::token(2));
    assert_eq!((ack.0.len() - 12) % 4, 0, "4-aligned");
    server
}

fn auth3(call: u32, security: (u8, u8, u32), pad: usize, token: &[u8]) -> Vec<u8> {
    with_trailer(pdu(AUTH3, WHOLE, call, &[0xcc; 4]), security, pad, token)
}

/// A server whose security context 2 is established.
fn established(level: u8) -> Server {
    let mut server = mid_exchange(level);
    assert_eq!(
        server.receive(&auth3(0, (TOY, level, 2), 0, &Toy::token(3))),
        []
    );
    assert!(server.out.is_empty(), "auth3 has no answer");
    server
}

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

/// A request signed as that of `toy`, padded to 16.
fn signed(toy: &mut Toy, call: Call, security: (u8, u8, u32)) -> Vec<u8> {
    let bare = call.build();
    let pad = (bare.len() - 24).next_multiple_of(16) - (bare.len() - 24);
    let mut pdu = with_trailer(bare, security, pad, &[0; 16]);
    let signature_at = pdu.len() - 16;
    let body = 24..signature_at - 8;
    let (covered, signature) = pdu.split_at_mut(signature_at);
    toy.sign(
        covered,
        &Extent {
            body,
            header_signing: false,
        },
        signature,
    );
    pdu
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

#[test]
fn header_signing_is_offered_with_security_and_used_when_echoed() {
    let mut pair = Secured::new(AuthenticationLevel::Integrity, 2, true);
    let mut out = Vec::new();
    pair.client
        .bind(Time::ZERO, ECHO, &[TransferSyntax::Ndr], None, &mut out)
        .expect("an offer");
    assert!(PduFlags(split(&out)[0].flags()).contains(PduFlags::HEADER_SIGNING));
    assert_eq!(pair.server.receive(&out), []);
    assert!(PduFlags(pair.server.take_pdu().flags()).contains(PduFlags::HEADER_SIGNING));
}
