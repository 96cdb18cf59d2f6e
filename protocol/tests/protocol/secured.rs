//! Rules 17 and 20: a client and a server that authenticate each other, at every level.

use annulus_protocol::pdu::PduFlags;
use annulus_protocol::{
    AuthenticationLevel, ClientConfig, ClientConnection, ClientEvent, CloseReason, FaultStatus,
    Input, Opnum, Time, TransferSyntax, Uuid,
};

use crate::support::toy::Toy;
use crate::support::*;

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
