//! A client connection that is fed bytes, and what a server would send it.

use std::sync::Arc;

use annulus_protocol::{
    CallId, ClientConfig, ClientConnection, ClientEvent, CloseReason, ContextId, FaultStatus,
    Input, Limits, Opnum, Stub, SyntaxId, Time, TransferSyntax,
};

use super::{BIND_ACK, ECHO, FAULT, NDR, RESPONSE, WHOLE, Wire, ZERO, hex, pdu, split};

pub(crate) const NDR_ONLY: [TransferSyntax; 1] = [TransferSyntax::Ndr];

pub(crate) const ACCEPTED: (u16, u16, SyntaxId) = (0, 0, NDR);

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

    pub(crate) fn with(config: ClientConfig) -> Self {
        Client {
            connection: ClientConnection::new(config),
            now: Time::ZERO,
            out: Vec::new(),
        }
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Client::with(ClientConfig::new(Arc::new(limits)))
    }

    pub(crate) fn bind(&mut self, transfers: &[TransferSyntax]) -> Wire {
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

/// A bind_ack or alter_context_resp of group 9 without an address.
pub(crate) fn ack(kind: u8, flags: u8, call: u32, results: &[(u16, u16, SyntaxId)]) -> Vec<u8> {
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
