//! The fixed part of a response.

use super::{Header, MalformedPdu, PduType};
use crate::reader::Truncated;
use crate::types::{CallId, ContextId};

/// What stands before the stub data of a response (C706 12.6.4.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Bytes of stub data in this fragment and those that follow. Never trusted.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context: ContextId,
    /// How many cancels the server has seen.
    pub cancel_count: u8,
}

impl ResponseHead {
    /// Length in bytes, common header included: where the stub data begins.
    pub const LEN: usize = 24;

    /// Reads the fixed part of a response.
    ///
    /// # Errors
    ///
    /// The PDU is shorter than its fixed part.
    #[inline]
    pub fn parse(header: &Header, pdu: &[u8]) -> Result<Self, MalformedPdu> {
        let mut reader = header.body(pdu);
        let mut read = || -> Result<_, Truncated> {
            let head = ResponseHead {
                alloc_hint: reader.u32()?,
                context: ContextId(reader.u16()?),
                cancel_count: reader.u8()?,
            };
            reader.u8()?;
            Ok(head)
        };
        read().map_err(MalformedPdu::truncated(PduType::Response))
    }

    /// Appends the fixed part of a little-endian, unfragmented response whose length is not
    /// known yet.
    #[inline]
    pub fn write(&self, call: CallId, out: &mut Vec<u8>) {
        let [c0, c1, c2, c3] = call.0.to_le_bytes();
        let [h0, h1, h2, h3] = self.alloc_hint.to_le_bytes();
        let [p0, p1] = self.context.0.to_le_bytes();
        let head: [u8; Self::LEN] = [
            5,
            0,
            2,
            3,
            0x10,
            0,
            0,
            0, // version, type, first and last fragment, little-endian
            0,
            0,
            0,
            0,
            c0,
            c1,
            c2,
            c3, // lengths, call id
            h0,
            h1,
            h2,
            h3,
            p0,
            p1,
            self.cancel_count,
            0,
        ];
        out.extend_from_slice(&head);
    }
}
