//! Which PDU has a place in which state: the whole matrix, as a table to read.

use std::fmt::Write;

use annulus_protocol::{ClientConfig, ClientConnection, ClientEvent, Input, Time, TransferSyntax};

use crate::support::*;

const KINDS: [(u8, &str); 13] = [
    (REQUEST, "request"),
    (RESPONSE, "response"),
    (FAULT, "fault"),
    (BIND, "bind"),
    (BIND_ACK, "bind_ack"),
    (BIND_NAK, "bind_nak"),
    (ALTER, "alter_context"),
    (ALTER_RESP, "alter_context_resp"),
    (AUTH3, "auth3"),
    (SHUTDOWN, "shutdown"),
    (CO_CANCEL, "co_cancel"),
    (ORPHANED, "orphaned"),
    (4, "PDU type 4"),
];

/// A PDU that would be good in its place; answers are those of call 1.
fn good_pdu(kind: u8) -> Vec<u8> {
    match kind {
        REQUEST => Call::new(1).build(),
        BIND => Offer::bind(1).context(1, ECHO, &[NDR]).build(),
        ALTER => Offer::alter(1).context(1, ECHO, &[NDR]).build(),
        RESPONSE => pdu(kind, WHOLE, 1, &[0; 8]),
        FAULT => pdu(kind, WHOLE, 1, &[0; 16]),
        BIND_NAK => pdu(kind, WHOLE, 1, &[0, 0, 1, 5, 0, 0, 0, 0]),
        BIND_ACK | ALTER_RESP => {
            let mut body = hex("d0 16 d0 16 01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00");
            body.extend_from_slice(&NDR.uuid.to_bytes_le());
            body.extend_from_slice(&[2, 0, 0, 0]);
            body.extend_from_slice(&[3, 0, 3, 0]);
            body.extend_from_slice(&[0; 20]);
            pdu(kind, WHOLE, 1, &body)
        }
        AUTH3 => pdu(kind, WHOLE, 1, &[0; 4]),
        _ => pdu(kind, WHOLE, 1, &[]),
    }
}

/// What a server does with a PDU, in two words.
fn server_reaction(mut server: Server, kind: u8) -> String {
    let seen = server.receive(&good_pdu(kind));
    let event = match &seen[..] {
        [] => "-",
        [Seen::Request(_)] => "request",
        [Seen::Cancel(..)] => "cancel",
        [Seen::Orphaned(..)] => "orphaned",
        [Seen::Close(_)] => "close",
        _ => "several events",
    };
    let answer = match &server.take_pdus()[..] {
        [] => "-".to_owned(),
        [one] if one.kind() == FAULT => format!("fault {:x}", one.u32(24)),
        [one] if one.kind() == BIND_NAK => format!("bind_nak {}", one.u16(16)),
        [one] => KINDS
            .iter()
            .find(|(kind, _)| *kind == one.kind())
            .expect("known")
            .1
            .to_owned(),
        _ => "several PDUs".to_owned(),
    };
    format!("{event}, {answer}")
}

fn assembling() -> Server {
    let mut server = Server::bound(0);
    server.receive(&Call::new(1).flags(FIRST).build());
    server
}

fn calling() -> Server {
    let mut server = Server::bound(MULTIPLEXING);
    server.request(&Call::new(1).build());
    server
}

#[test]
fn rule_18_the_server_knows_what_to_do_with_each_pdu_in_each_state() {
    let mut table = String::new();
    for (kind, name) in KINDS {
        let reactions = [Server::new(), Server::bound(0), assembling(), calling()]
            .map(|server| server_reaction(server, kind));
        let [fresh, bound, assembling, calling] = reactions;
        writeln!(
            table,
            "{name:18} │ {fresh:21} │ {bound:25} │ {assembling:25} │ {calling}"
        )
        .expect("a string");
    }
    let expected = "\
request            │ close, fault 1c01000b │ request, -                │ close, fault 1c01000b     │ close, fault 1c01000b
response           │ close, fault 1c01000b │ close, fault 1c01000b     │ close, fault 1c01000b     │ close, fault 1c01000b
fault              │ close, fault 1c01000b │ close, fault 1c01000b     │ close, fault 1c01000b     │ close, fault 1c01000b
bind               │ -, bind_ack           │ close, bind_nak 0         │ close, bind_nak 0         │ close, bind_nak 0
bind_ack           │ close, fault 1c01000b │ close, fault 1c01000b     │ close, fault 1c01000b     │ close, fault 1c01000b
bind_nak           │ close, fault 1c01000b │ close, fault 1c01000b     │ close, fault 1c01000b     │ close, fault 1c01000b
alter_context      │ close, fault 1c01000b │ -, alter_context_resp     │ -, alter_context_resp     │ -, alter_context_resp
alter_context_resp │ close, fault 1c01000b │ close, fault 1c01000b     │ close, fault 1c01000b     │ close, fault 1c01000b
auth3              │ close, fault 1c01000b │ close, fault 1c01000b     │ close, fault 1c01000b     │ close, fault 1c01000b
shutdown           │ close, fault 1c01000b │ close, fault 1c01000b     │ close, fault 1c01000b     │ close, fault 1c01000b
co_cancel          │ close, fault 1c01000b │ -, -                      │ -, -                      │ cancel, -
orphaned           │ close, fault 1c01000b │ -, -                      │ -, -                      │ orphaned, -
PDU type 4         │ close, fault 1c01000b │ close, fault 1c01000b     │ close, fault 1c01000b     │ close, fault 1c01000b
";
    assert!(table == expected, "the matrix is now\n{table}");
}

/// What a client does with a PDU, in one word.
fn client_reaction(mut client: ClientConnection, kind: u8) -> &'static str {
    let bytes = good_pdu(kind);
    match client.next_event(Time::ZERO, &mut Input::new(&bytes), &mut Vec::new()) {
        None => "-",
        Some(ClientEvent::Bound { .. }) => "bound",
        Some(ClientEvent::InterfaceRefused { .. }) => "refused",
        Some(ClientEvent::BindRefused(_)) => "bind refused",
        Some(ClientEvent::Response { .. }) => "response",
        Some(ClientEvent::Fault { .. }) => "fault",
        Some(ClientEvent::Close(_)) => "close",
        Some(_) => "another event",
    }
}

fn unbound() -> ClientConnection {
    ClientConnection::new(ClientConfig::default())
}

fn binding() -> ClientConnection {
    let mut client = unbound();
    let mut out = Vec::new();
    client
        .bind(Time::ZERO, ECHO, &[TransferSyntax::Ndr], None, &mut out)
        .expect("an offer");
    client
}

fn bound() -> ClientConnection {
    let mut client = binding();
    let ack = good_pdu(BIND_ACK);
    let event = client.next_event(Time::ZERO, &mut Input::new(&ack), &mut Vec::new());
    assert!(
        matches!(event, Some(ClientEvent::Bound { .. })),
        "{event:?}"
    );
    client
}

#[test]
fn the_client_knows_what_to_do_with_each_pdu_in_each_state() {
    let mut table = String::new();
    for (kind, name) in KINDS {
        let [fresh, binding, bound] =
            [unbound(), binding(), bound()].map(|client| client_reaction(client, kind));
        writeln!(table, "{name:18} │ {fresh:7} │ {binding:12} │ {bound}").expect("a string");
    }
    // Answers to call 1 are late ones when bound: call 1 was the bind.
    let expected = "\
request            │ close   │ close        │ close
response           │ close   │ close        │ -
fault              │ close   │ close        │ -
bind               │ close   │ close        │ close
bind_ack           │ close   │ bound        │ close
bind_nak           │ close   │ bind refused │ close
alter_context      │ close   │ close        │ close
alter_context_resp │ close   │ close        │ close
auth3              │ close   │ close        │ close
shutdown           │ close   │ close        │ close
co_cancel          │ close   │ close        │ close
orphaned           │ close   │ close        │ close
PDU type 4         │ close   │ close        │ close
";
    assert!(table == expected, "the matrix is now\n{table}");
}
