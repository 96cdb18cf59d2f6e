//! PDUs as they lie on the wire.

use annulus_protocol::pdu::Header;
use annulus_protocol::{FaultStatus, SyntaxId, Uuid};

use super::{ALTER_RESP, BIND_ACK, BIND_NAK, FAULT, RESPONSE, WHOLE};

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
