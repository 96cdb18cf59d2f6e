//! A server endpoint, a server that is fed bytes, and a writer of PDUs that owes nothing to the
//! crate under test.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use annulus_protocol::pdu::Header;
use annulus_protocol::{
    AuthenticationLevel, AuthenticationType, CallId, CloseReason, DataRepresentation, FaultStatus,
    GroupId, Input, InterfaceKey, Limits, Opnum, ReplyTo, ServerConnection, ServerEndpoint,
    ServerEvent, ServerMechanism, SyntaxId, Time, TransferSyntax, Uuid,
};

use crate::secured::Toy;

/// An interface with 5 operations, NDR and NDR64.
pub(crate) const ECHO: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x60a15ec5_4de8_11d7_a637_005056a20182),
    1,
    0,
);
/// An interface with 2 operations, NDR only.
pub(crate) const OLD: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xafa8bd80_7d8a_11c9_bef4_08002b102989),
    1,
    2,
);
/// An interface that the endpoint does not have.
pub(crate) const UNKNOWN: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xe1af8308_5d1f_11c9_91a4_08002b14a0fa),
    3,
    0,
);

pub(crate) const NDR: SyntaxId = SyntaxId::NDR20;
pub(crate) const NDR64: SyntaxId = SyntaxId::NDR64;
pub(crate) const ZERO: SyntaxId = SyntaxId::ZERO;

pub(crate) const FIRST: u8 = 0x01;
pub(crate) const LAST: u8 = 0x02;
pub(crate) const WHOLE: u8 = 0x03;
pub(crate) const PENDING_CANCEL: u8 = 0x04;
pub(crate) const HEADER_SIGNING: u8 = 0x04;
pub(crate) const MULTIPLEXING: u8 = 0x10;
pub(crate) const DID_NOT_EXECUTE: u8 = 0x20;
pub(crate) const MAYBE: u8 = 0x40;
pub(crate) const OBJECT: u8 = 0x80;

pub(crate) const REQUEST: u8 = 0;
pub(crate) const RESPONSE: u8 = 2;
pub(crate) const FAULT: u8 = 3;
pub(crate) const BIND: u8 = 11;
pub(crate) const BIND_ACK: u8 = 12;
pub(crate) const BIND_NAK: u8 = 13;
pub(crate) const ALTER: u8 = 14;
pub(crate) const ALTER_RESP: u8 = 15;
pub(crate) const AUTH3: u8 = 16;
pub(crate) const SHUTDOWN: u8 = 17;
pub(crate) const CO_CANCEL: u8 = 18;
pub(crate) const ORPHANED: u8 = 19;

/// Association groups and interfaces of a server.
#[derive(Default)]
pub(crate) struct Endpoint {
    /// Connections of each group.
    pub(crate) groups: BTreeMap<u32, usize>,
    last_group: u32,
    /// The mechanism of type 200 has this many legs.
    pub(crate) legs: usize,
    /// Bytes of unfinished requests, and how many there may be.
    pub(crate) assembling: usize,
    pub(crate) assembling_max: Option<usize>,
    /// The operation of ECHO whose request is streamed.
    pub(crate) streamed: Option<Opnum>,
}

impl ServerEndpoint for Endpoint {
    fn find_interface(&self, wanted: &SyntaxId) -> Option<InterfaceKey> {
        let serves = |own: &SyntaxId| {
            own.uuid == wanted.uuid && own.major == wanted.major && own.minor >= wanted.minor
        };
        [ECHO, OLD]
            .iter()
            .position(serves)
            .map(|index| InterfaceKey(index as u32))
    }

    fn supports(&self, interface: InterfaceKey, transfer: TransferSyntax) -> bool {
        interface == InterfaceKey(0) || transfer == TransferSyntax::Ndr
    }

    fn operation_count(&self, interface: InterfaceKey) -> u16 {
        [5, 2][interface.0 as usize]
    }

    fn streams(&self, interface: InterfaceKey, opnum: Opnum) -> bool {
        interface == InterfaceKey(0) && self.streamed == Some(opnum)
    }

    fn join_group(&mut self, requested: Option<GroupId>) -> Option<GroupId> {
        let Some(group) = requested else {
            self.last_group += 1;
            self.groups.insert(self.last_group, 1);
            return NonZeroU32::new(self.last_group).map(GroupId);
        };
        *self.groups.get_mut(&group.0.get())? += 1;
        Some(group)
    }

    fn leave_group(&mut self, group: GroupId) {
        let left = self
            .groups
            .get_mut(&group.0.get())
            .expect("the group exists");
        *left -= 1;
        if *left == 0 {
            self.groups.remove(&group.0.get());
        }
    }

    fn mechanism(&mut self, kind: AuthenticationType) -> Option<Box<dyn ServerMechanism>> {
        (kind == Toy::KIND).then(|| Box::new(Toy::server(self.legs)) as Box<dyn ServerMechanism>)
    }

    fn grow_assembly(&mut self, len: usize) -> bool {
        let fits = self
            .assembling_max
            .is_none_or(|max| self.assembling + len <= max);
        self.assembling += if fits { len } else { 0 };
        fits
    }

    fn shrink_assembly(&mut self, len: usize) {
        self.assembling = self
            .assembling
            .checked_sub(len)
            .expect("no more is given back than was granted");
    }

    fn secondary_address(&self) -> &str {
        "135"
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
            endpoint: Endpoint {
                legs: 2,
                ..Endpoint::default()
            },
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

/// The bytes of one little-endian PDU, with their fields by offset.
#[derive(Clone, PartialEq)]
pub(crate) struct Wire(pub(crate) Vec<u8>);

impl Wire {
    pub(crate) fn kind(&self) -> u8 {
        self.0[2]
    }

    pub(crate) fn flags(&self) -> u8 {
        self.0[3]
    }

    pub(crate) fn call(&self) -> u32 {
        self.u32(12)
    }

    pub(crate) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }

    pub(crate) fn alloc_hint(&self) -> u32 {
        self.u32(16)
    }

    /// Context id of a request, response or fault.
    pub(crate) fn context(&self) -> u16 {
        self.u16(20)
    }

    /// Stub data of a response without security.
    pub(crate) fn stub(&self) -> &[u8] {
        assert_eq!(self.kind(), RESPONSE);
        &self.0[24..]
    }

    /// Checks that this is a fault as rule 10 wants it.
    #[track_caller]
    pub(crate) fn assert_fault(
        &self,
        call: u32,
        context: u16,
        status: FaultStatus,
        extra_flags: u8,
    ) {
        assert_eq!(self.kind(), FAULT);
        assert_eq!(FaultStatus(self.u32(24)), status);
        assert_eq!(
            (self.call(), self.context()),
            (call, context),
            "call and context"
        );
        assert_eq!(self.flags(), WHOLE | extra_flags, "flags");
        assert_ne!(
            self.alloc_hint(),
            0,
            "the allocation hint of a fault is not zero"
        );
        assert_eq!((self.0[22], self.u16(10), self.0.len()), (0, 0, 32));
    }

    /// Checks that this is a bind_nak as rule 3 wants it.
    #[track_caller]
    pub(crate) fn assert_nak(&self, call: u32, reason: u16) {
        assert_eq!((self.kind(), self.call()), (BIND_NAK, call));
        assert_eq!(self.u16(16), reason, "the reason of the bind_nak");
        assert_eq!(
            self.0[18..],
            [1, 5, 0, 0, 0, 0],
            "one version, 5.0, three zero bytes"
        );
    }

    /// The results of a bind_ack or alter_context_resp: result, reason, transfer syntax.
    pub(crate) fn results(&self) -> Vec<(u16, u16, SyntaxId)> {
        assert!([BIND_ACK, ALTER_RESP].contains(&self.kind()), "{self:?}");
        let address_len = usize::from(self.u16(24));
        let at = (26 + address_len).next_multiple_of(4);
        let item = |at: usize| {
            let uuid = Uuid::from_slice_le(&self.0[at + 4..at + 20]).expect("16 bytes");
            let syntax = SyntaxId::new(uuid, self.u16(at + 20), self.u16(at + 22));
            (self.u16(at), self.u16(at + 2), syntax)
        };
        (0..usize::from(self.0[at]))
            .map(|index| item(at + 4 + index * 24))
            .collect()
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Cuts bytes that this side wrote into PDUs.
pub(crate) fn split(mut bytes: &[u8]) -> Vec<Wire> {
    let mut pdus = Vec::new();
    while !bytes.is_empty() {
        let header = Header::parse(bytes.first_chunk().expect("a whole header"));
        let (pdu, rest) = bytes.split_at(header.fragment_len.into());
        pdus.push(Wire(pdu.to_vec()));
        bytes = rest;
    }
    pdus
}

/// Bytes from spaced hex, with `#` comments to the end of the line.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let words = text.lines().flat_map(|line| {
        line.split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace()
    });
    words
        .map(|word| u8::from_str_radix(word, 16).expect("two hex digits"))
        .collect()
}

/// A little-endian header with its length.
pub(crate) fn pdu(kind: u8, flags: u8, call: u32, body: &[u8]) -> Vec<u8> {
    let mut pdu = vec![5, 0, kind, flags, 0x10, 0, 0, 0];
    pdu.extend_from_slice(&(16 + body.len() as u16).to_le_bytes());
    pdu.extend_from_slice(&[0, 0]);
    pdu.extend_from_slice(&call.to_le_bytes());
    pdu.extend_from_slice(body);
    pdu
}

/// A request of ECHO's operation 0 in context 1, unless told otherwise.
#[derive(Clone)]
pub(crate) struct Call {
    call: u32,
    flags: u8,
    alloc_hint: u32,
    context: u16,
    opnum: u16,
    object: Option<Uuid>,
    stub: Vec<u8>,
}

impl Call {
    pub(crate) fn new(call: u32) -> Self {
        let stub = Vec::new();
        Call {
            call,
            flags: WHOLE,
            alloc_hint: 0,
            context: 1,
            opnum: 0,
            object: None,
            stub,
        }
    }

    pub(crate) fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    pub(crate) fn alloc_hint(mut self, alloc_hint: u32) -> Self {
        self.alloc_hint = alloc_hint;
        self
    }

    pub(crate) fn context(mut self, context: u16) -> Self {
        self.context = context;
        self
    }

    pub(crate) fn opnum(mut self, opnum: u16) -> Self {
        self.opnum = opnum;
        self
    }

    pub(crate) fn object(mut self, object: Uuid) -> Self {
        self.object = Some(object);
        self.flags |= OBJECT;
        self
    }

    pub(crate) fn stub(mut self, stub: &[u8]) -> Self {
        self.stub = stub.to_vec();
        self
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let mut body = self.alloc_hint.to_le_bytes().to_vec();
        body.extend_from_slice(&self.context.to_le_bytes());
        body.extend_from_slice(&self.opnum.to_le_bytes());
        if let Some(object) = self.object {
            body.extend_from_slice(&object.to_bytes_le());
        }
        body.extend_from_slice(&self.stub);
        pdu(REQUEST, self.flags, self.call, &body)
    }
}

/// A bind or alter_context.
#[derive(Clone)]
pub(crate) struct Offer {
    kind: u8,
    call: u32,
    flags: u8,
    sizes: (u16, u16),
    group: u32,
    contexts: Vec<(u16, SyntaxId, Vec<SyntaxId>)>,
}

impl Offer {
    pub(crate) fn bind(call: u32) -> Self {
        let contexts = Vec::new();
        Offer {
            kind: BIND,
            call,
            flags: WHOLE,
            sizes: (5840, 5840),
            group: 0,
            contexts,
        }
    }

    pub(crate) fn alter(call: u32) -> Self {
        Offer {
            kind: ALTER,
            ..Offer::bind(call)
        }
    }

    pub(crate) fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    pub(crate) fn sizes(mut self, transmit: u16, receive: u16) -> Self {
        self.sizes = (transmit, receive);
        self
    }

    pub(crate) fn group(mut self, group: u32) -> Self {
        self.group = group;
        self
    }

    pub(crate) fn context(mut self, id: u16, interface: SyntaxId, transfers: &[SyntaxId]) -> Self {
        self.contexts.push((id, interface, transfers.to_vec()));
        self
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend_from_slice(&self.sizes.0.to_le_bytes());
        body.extend_from_slice(&self.sizes.1.to_le_bytes());
        body.extend_from_slice(&self.group.to_le_bytes());
        body.extend_from_slice(&[self.contexts.len() as u8, 0, 0, 0]);
        for (id, interface, transfers) in &self.contexts {
            body.extend_from_slice(&id.to_le_bytes());
            body.extend_from_slice(&[transfers.len() as u8, 0]);
            for syntax in std::iter::once(interface).chain(transfers) {
                body.extend_from_slice(&syntax.uuid.to_bytes_le());
                body.extend_from_slice(&syntax.major.to_le_bytes());
                body.extend_from_slice(&syntax.minor.to_le_bytes());
            }
        }
        pdu(self.kind, self.flags, self.call, &body)
    }
}

/// Adds a security trailer to a PDU: padding, trailer, token, and the lengths.
pub(crate) fn with_trailer(
    mut pdu: Vec<u8>,
    (kind, level, context): (u8, u8, u32),
    pad: usize,
    token: &[u8],
) -> Vec<u8> {
    pdu.resize(pdu.len() + pad, 0xbb);
    pdu.extend_from_slice(&[kind, level, pad as u8, 0]);
    pdu.extend_from_slice(&context.to_le_bytes());
    pdu.extend_from_slice(token);
    let len = pdu.len() as u16;
    pdu[8..10].copy_from_slice(&len.to_le_bytes());
    pdu[10..12].copy_from_slice(&(token.len() as u16).to_le_bytes());
    pdu
}
