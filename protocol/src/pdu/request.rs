//! The fixed part of a request.

use uuid::Uuid;

use super::{Header, MalformedPdu, PduFlags, PduType};
use crate::reader::Truncated;
use crate::types::{CallId, ContextId, Opnum};

/// What stands before the stub data of a request (C706 12.6.4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The client's guess of the length of all stub data. Never trusted.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context: ContextId,
    /// The operation.
    pub opnum: Opnum,
    /// The object that the call is for.
    pub object: Option<Uuid>,
}

impl RequestHead {
    /// Length in bytes, common header included, without an object UUID.
    pub const LEN: usize = 24;
    /// Length in bytes with an object UUID.
    pub const LEN_WITH_OBJECT: usize = 40;

    /// Reads the fixed part of a request; the second value is the offset of the stub data.
    ///
    /// # Errors
    ///
    /// The PDU is shorter than its fixed part.
    #[inline]
    pub fn parse(header: &Header, pdu: &[u8]) -> Result<(Self, usize), MalformedPdu> {
        let mut reader = header.body(pdu);
        let mut read = || -> Result<_, Truncated> {
            let head = RequestHead {
                alloc_hint: reader.u32()?,
                context: ContextId(reader.u16()?),
                opnum: Opnum(reader.u16()?),
                object: None,
            };
            Ok(if header.flags.contains(PduFlags::OBJECT_UUID) {
                RequestHead {
                    object: Some(reader.uuid()?),
                    ..head
                }
            } else {
                head
            })
        };
        let head = read().map_err(MalformedPdu::truncated(PduType::Request))?;
        Ok((head, reader.position()))
    }

    /// Reads the fixed part of a little-endian request without an object UUID, and the stub data
    /// behind it. `None`: the PDU is shorter.
    #[inline]
    pub(crate) fn parse_plain(pdu: &[u8]) -> Option<(Self, &[u8])> {
        let (head, stub) = pdu.split_first_chunk::<{ Self::LEN }>()?;
        let [.., h0, h1, h2, h3, p0, p1, o0, o1] = *head;
        let head = RequestHead {
            alloc_hint: u32::from_le_bytes([h0, h1, h2, h3]),
            context: ContextId(u16::from_le_bytes([p0, p1])),
            opnum: Opnum(u16::from_le_bytes([o0, o1])),
            object: None,
        };
        Some((head, stub))
    }

    /// How many bytes stand before the stub data.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        if self.object.is_some() {
            Self::LEN_WITH_OBJECT
        } else {
            Self::LEN
        }
    }

    /// Appends the fixed part of a little-endian, unfragmented request whose length is not
    /// known yet.
    #[inline]
    pub fn write(&self, call: CallId, flags: PduFlags, out: &mut Vec<u8>) {
        let flags = flags | PduFlags::OBJECT_UUID.when(self.object.is_some());
        let [c0, c1, c2, c3] = call.0.to_le_bytes();
        let [h0, h1, h2, h3] = self.alloc_hint.to_le_bytes();
        let [p0, p1] = self.context.0.to_le_bytes();
        let [o0, o1] = self.opnum.0.to_le_bytes();
        #[rustfmt::skip]
        let head: [u8; Self::LEN] = [
            5, 0, 0, flags.0, 0x10, 0, 0, 0, // version, type, flags, little-endian
            0, 0, 0, 0, c0, c1, c2, c3,      // lengths, call id
            h0, h1, h2, h3, p0, p1, o0, o1,
        ];
        out.extend_from_slice(&head);
        if let Some(object) = self.object {
            out.extend_from_slice(&object.to_bytes_le());
        }
    }
}
