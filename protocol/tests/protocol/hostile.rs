//! Bytes of an enemy: nothing panics, and little is kept.

use std::sync::Arc;

use annulus_protocol::{
    ClientConfig, ClientConnection, Input, Limits, ServerConnection, Time, TransferSyntax,
};
use proptest::prelude::*;

use crate::support::*;

#[test]
fn rule_14_attack_a_fragment_shorter_than_its_header() {
    for len in 0..16_u16 {
        let mut request = Call::new(1).build();
        request[8..10].copy_from_slice(&len.to_le_bytes());
        let (_, fault) = Server::bound(0).close_reason(&request);
        assert_eq!(fault.kind(), FAULT);
    }
}

#[test]
fn rule_14_attack_a_request_shorter_than_its_fixed_part() {
    for len in 16..24 {
        let mut request = Call::new(1).build();
        request.truncate(len);
        request[8..10].copy_from_slice(&(len as u16).to_le_bytes());
        let (_, fault) = Server::bound(0).close_reason(&request);
        assert_eq!(fault.u32(24), 0x1c01_000b);
    }
}

#[test]
fn rule_17_attack_an_object_uuid_that_does_not_fit() {
    let request = Call::new(1).flags(WHOLE | OBJECT).stub(&[0; 15]).build();
    let (_, fault) = Server::bound(0).close_reason(&request);
    assert_eq!(fault.u32(24), 0x1c01_000b);
}

#[test]
fn rule_14_attack_a_token_longer_than_the_pdu() {
    for token_len in [1_u16, 8, 16, 24, 0x7fff, 0xffff] {
        let mut request = Call::new(1).build();
        request[10..12].copy_from_slice(&token_len.to_le_bytes());
        Server::bound(0).close_reason(&request);
        let mut bind = Offer::bind(1).build();
        bind[10..12].copy_from_slice(&token_len.to_le_bytes());
        Server::new().close_reason(&bind).1.assert_nak(1, 4);
    }
}

#[test]
fn attack_a_bind_that_promises_more_contexts_than_it_has() {
    let mut bind = Offer::bind(1).context(1, ECHO, &[NDR]).build();
    bind[24] = 255;
    Server::new().close_reason(&bind).1.assert_nak(1, 4);
}

#[test]
fn attack_a_context_that_promises_more_transfer_syntaxes_than_it_has() {
    let mut bind = Offer::bind(1).context(1, ECHO, &[NDR]).build();
    bind[30] = 255;
    Server::new().close_reason(&bind).1.assert_nak(1, 4);
}

#[test]
fn attack_255_contexts_of_255_transfer_syntaxes_are_answered_in_a_legal_pdu() {
    let limits = Limits {
        fragment_len_max: 65528,
        ..Limits::DEFAULT
    };
    let mut server = Server::with_limits(limits);
    let offer = (0..255).fold(Offer::bind(0), |offer, id| {
        offer.context(id, ECHO, &[NDR; 11])
    });
    assert!(offer.build().len() < 65528);
    assert_eq!(server.receive(&offer.build()), []);
    assert_eq!(server.take_pdu().results().len(), 255);
}

#[test]
fn attack_an_allocation_hint_of_4_gib_reserves_nothing() {
    let limits = Limits {
        request_len_max: usize::MAX,
        ..Limits::DEFAULT
    };
    let mut server = Server::bound_with(limits, 0);
    let first = Call::new(1)
        .flags(FIRST)
        .alloc_hint(u32::MAX)
        .stub(&[1; 8])
        .build();
    assert_eq!(server.receive(&first), []);
    // Reserving 4 GiB here would be seen: the test machine's memory is limited.
    let last = Call::new(1)
        .flags(LAST)
        .alloc_hint(u32::MAX)
        .stub(&[1; 8])
        .build();
    assert_eq!(server.request(&last).stub, [1; 16]);
}

/// Bytes that look like PDUs in their first fields, so that they reach further than noise does.
fn almost_pdus() -> impl Strategy<Value = Vec<u8>> {
    let one = (
        prop::sample::select(vec![0_u8, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19, 77]),
        any::<(u8, bool, u16)>(),
        0_u32..4,
        prop::collection::vec(prop_oneof![3 => 0_u8..4, 1 => any::<u8>()], 0..120),
    )
        .prop_map(|(kind, (flags, is_big, token), call, body)| {
            let mut pdu = pdu(kind, flags, call, &body);
            if token % 3 == 0 {
                pdu[10..12].copy_from_slice(&(token % 64).to_le_bytes());
            }
            if is_big {
                pdu[4] = 0;
                pdu[8..10].reverse();
                pdu[10..12].reverse();
            }
            pdu
        });
    prop::collection::vec(one, 0..20).prop_map(|pdus| pdus.concat())
}

fn feed_server(bytes: &[u8], bound: bool, multiplexing: bool) {
    let flags = MULTIPLEXING * u8::from(multiplexing);
    let mut server = if bound {
        Server::bound(flags)
    } else {
        Server::new()
    };
    for piece in bytes.chunks(50) {
        for seen in server.receive(piece) {
            if let Seen::Request(request) = seen
                && request.reply.call().0 % 2 == 0
            {
                server.answer(&request.reply, &[1; 9000]);
            }
        }
    }
    let _ = split(&server.out);
}

fn feed_client(bytes: &[u8], is_binding: bool) {
    let mut client = ClientConnection::new(ClientConfig::default());
    let mut out = Vec::new();
    if is_binding {
        client
            .bind(Time::ZERO, ECHO, &[TransferSyntax::Ndr], None, &mut out)
            .expect("an offer");
    }
    for piece in bytes.chunks(50) {
        let mut input = Input::new(piece);
        while client
            .next_event(Time::ZERO, &mut input, &mut out)
            .is_some()
        {}
        assert!(input.is_empty());
    }
}

proptest! {
    #[test]
    fn attack_noise_is_survived(
        noise in prop::collection::vec(any::<u8>(), 0..2000),
        bound: bool,
    ) {
        feed_server(&noise, bound, true);
        feed_client(&noise, bound);
    }

    #[test]
    fn attack_noise_in_the_shape_of_pdus_is_survived(
        bytes in almost_pdus(),
        bound: bool,
        multiplexing: bool,
    ) {
        feed_server(&bytes, bound, multiplexing);
        feed_client(&bytes, bound);
    }

    #[test]
    fn attack_one_changed_byte_anywhere_is_survived(
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut stream = Offer::bind(0).flags(WHOLE | MULTIPLEXING).context(1, ECHO, &[NDR]).build();
        stream.extend(Call::new(1).flags(FIRST).stub(&[1; 40]).build());
        stream.extend(Call::new(1).flags(LAST).stub(&[1; 40]).build());
        stream.extend(pdu(CO_CANCEL, WHOLE, 1, &[]));
        stream.extend(Offer::alter(2).context(2, ECHO, &[NDR64]).build());
        stream.extend(Call::new(3).context(2).stub(&[1; 40]).build());
        let at = at.index(stream.len());
        stream[at] = byte;
        feed_server(&stream, false, false);
    }
}

#[test]
fn attack_a_million_bytes_of_nothing_are_refused_at_the_first_sixteen() {
    let mut connection = ServerConnection::new(Arc::new(Limits::DEFAULT), Time::ZERO);
    let zeros = vec![0; 1 << 20];
    let mut input = Input::new(&zeros);
    let mut endpoint = Endpoint::default();
    let mut out = Vec::new();
    assert!(
        connection
            .next_event(Time::ZERO, &mut input, &mut endpoint, &mut out)
            .is_some()
    );
    assert!(input.is_empty() && connection.is_closing());
    assert!(out.len() <= 32);
}

#[test]
fn attack_a_bad_header_in_pieces_ends_the_connection_once() {
    let mut server = Server::bound(0);
    assert_eq!(server.receive(&[0; 10]), []);
    assert!(matches!(&server.receive(&[0; 10])[..], [Seen::Close(_)]));
    assert_eq!(server.receive(&[0; 10]), []);
    assert_eq!(server.receive(&[]), []);
    assert_eq!(server.take_pdus().len(), 1);
}
