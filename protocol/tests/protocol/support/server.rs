//! A server connection that is fed bytes, and what it tells.

use std::sync::Arc;

use annulus_protocol::{
    AuthenticationLevel, CallId, CloseReason, DataRepresentation, FaultStatus, Input, InterfaceKey,
    Limits, Opnum, ReplyTo, ServerConnection, ServerEvent, Time, TransferSyntax, Uuid,
};

use super::{BIND_ACK, ECHO, Endpoint, NDR, Offer, WHOLE, Wire, split};

/// A server connection that is fed bytes.
pub(crate) struct Server {
    pub(crate) connection: ServerConnection,
    pub(crate) endpoint: Endpoint,
    pub(crate) now: Time,
    /// What was written and not taken.
    pub(crate) out: Vec<u8>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Server::with_limits(Limits::DEFAULT)
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Server {
            connection: ServerConnection::new(Arc::new(limits), Time::ZERO),
            endpoint: Endpoint::with_legs(2),
            now: Time::ZERO,
            out: Vec::new(),
        }
    }

    /// A server that has accepted context 1, ECHO in NDR, with these bind flags.
    pub(crate) fn bound(flags: u8) -> Self {
        Server::bound_with(Limits::DEFAULT, flags)
    }

    pub(crate) fn bound_with(limits: Limits, flags: u8) -> Self {
        let mut server = Server::with_limits(limits);
        let bind = Offer::bind(0)
            .flags(flags | WHOLE)
            .context(1, ECHO, &[NDR])
            .build();
        assert_eq!(server.receive(&bind), []);
        assert_eq!(server.take_pdus()[0].kind(), BIND_ACK);
        server
    }

    /// Feeds bytes in one piece; what has happened.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<Seen> {
        let mut input = Input::new(bytes);
        let seen = std::iter::from_fn(|| self.next(&mut input)).collect();
        assert!(input.is_empty(), "all input is consumed");
        seen
    }

    /// The next event of an input.
    pub(crate) fn next(&mut self, input: &mut Input<'_>) -> Option<Seen> {
        let connection = &mut self.connection;
        let event = connection.next_event(self.now, input, &mut self.endpoint, &mut self.out)?;
        Some(match event {
            ServerEvent::Request(request) => {
                let owned = SeenRequest {
                    reply: request.reply,
                    interface: request.interface,
                    transfer: request.transfer,
                    opnum: request.opnum,
                    object: request.object,
                    drep: request.drep,
                    maybe: request.maybe,
                    authentication: request.authentication,
                    stub: request.stub.to_vec(),
                    is_last: request.is_last,
                };
                if let Some(stub) = request.stub.into_assembled() {
                    connection.recycle(stub);
                }
                Seen::Request(owned)
            }
            ServerEvent::RequestData {
                call,
                key,
                stub,
                is_last,
            } => {
                let seen = Seen::Data(call, key, stub.to_vec(), is_last);
                if let Some(stub) = stub.into_assembled() {
                    connection.recycle(stub);
                }
                seen
            }
            ServerEvent::Cancel { call, key } => Seen::Cancel(call, key),
            ServerEvent::Orphaned { call, key } => Seen::Orphaned(call, key),
            ServerEvent::Close(reason) => Seen::Close(reason),
            other => panic!("unknown event {other:?}"),
        })
    }

    /// Feeds bytes that are one request; the request.
    pub(crate) fn request(&mut self, bytes: &[u8]) -> SeenRequest {
        match &self.receive(bytes)[..] {
            [Seen::Request(request)] => request.clone(),
            other => panic!(
                "one request expected, not {other:?}; out: {:?}",
                self.take_pdus()
            ),
        }
    }

    /// Feeds bytes that end the connection; why, and the one PDU that was answered.
    pub(crate) fn close_reason(&mut self, bytes: &[u8]) -> (CloseReason, Wire) {
        let reason = match &self.receive(bytes)[..] {
            [Seen::Close(reason)] => reason.clone(),
            other => panic!("the end expected, not {other:?}"),
        };
        assert!(self.connection.is_closing());
        let mut pdus = self.take_pdus();
        assert_eq!(pdus.len(), 1, "one last answer");
        (reason, pdus.remove(0))
    }

    pub(crate) fn answer(&mut self, reply: &ReplyTo, stub: &[u8]) {
        let start = self.connection.begin_response(reply, &mut self.out);
        assert_eq!(start.stub_at(), self.out.len());
        self.out.extend_from_slice(stub);
        self.connection.finish_response(start, reply, &mut self.out);
    }

    /// Sends a part of an answer that is not the last.
    pub(crate) fn answer_part(&mut self, reply: &ReplyTo, stub: &[u8]) {
        let start = self.connection.begin_response(reply, &mut self.out);
        self.out.extend_from_slice(stub);
        self.connection
            .finish_response_part(start, reply, &mut self.out);
    }

    pub(crate) fn fault(&mut self, reply: &ReplyTo, status: FaultStatus) {
        self.connection.fault(reply, status, false, &mut self.out);
    }

    /// What was written, cut into PDUs.
    pub(crate) fn take_pdus(&mut self) -> Vec<Wire> {
        split(&std::mem::take(&mut self.out))
    }

    /// The only PDU that was written.
    pub(crate) fn take_pdu(&mut self) -> Wire {
        let mut pdus = self.take_pdus();
        assert_eq!(pdus.len(), 1, "one PDU expected, not {pdus:?}");
        pdus.remove(0)
    }
}

/// An event without its lifetime.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Request(SeenRequest),
    Data(CallId, Option<u64>, Vec<u8>, bool),
    Cancel(CallId, Option<u64>),
    Orphaned(CallId, Option<u64>),
    Close(CloseReason),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeenRequest {
    pub(crate) reply: ReplyTo,
    pub(crate) interface: InterfaceKey,
    pub(crate) transfer: TransferSyntax,
    pub(crate) opnum: Opnum,
    pub(crate) object: Option<Uuid>,
    pub(crate) drep: DataRepresentation,
    pub(crate) maybe: bool,
    pub(crate) authentication: AuthenticationLevel,
    pub(crate) stub: Vec<u8>,
    pub(crate) is_last: bool,
}
