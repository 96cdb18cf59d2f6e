//! A writer of PDUs that owes nothing to the crate under test.

use annulus_protocol::{SyntaxId, Uuid};

use super::{ALTER, BIND, OBJECT, REQUEST, WHOLE};

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
