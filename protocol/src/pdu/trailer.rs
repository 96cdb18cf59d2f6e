//! The security trailer: the end of a PDU that carries authentication.

use std::ops::Range;

use super::{Header, MalformedPdu};
use crate::reader::Reader;
use crate::security::AuthenticationType;
use crate::types::CallId;
use crate::writer::Writer;

/// The security trailer with its token (MS-RPCE 2.2.2.11).
///
/// ```text
/// … body │ pad │ type 1 │ level 1 │ pad length 1 │ reserved 1 │ context id 4 │ token …
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityTrailer<'a> {
    /// The mechanism.
    pub kind: AuthenticationType,
    /// The level as it was sent; anything.
    pub level: u8,
    /// Bytes of padding between the body and the trailer.
    pub pad_len: u8,
    /// Which security context of the connection.
    pub context: u32,
    /// What the mechanism exchanges: a negotiation token or a signature.
    pub token: &'a [u8],
    /// Offset of the trailer in its PDU.
    pub offset: usize,
}

impl<'a> SecurityTrailer<'a> {
    /// Length of a trailer in bytes, without its token.
    pub const LEN: usize = 8;

    /// Reads the trailer of a PDU whose body starts at `body_start`; `None` without one.
    ///
    /// # Errors
    ///
    /// The trailer, or the padding that it claims, does not fit behind `body_start`.
    pub fn parse(
        header: &Header,
        pdu: &'a [u8],
        body_start: usize,
    ) -> Result<Option<Self>, MalformedPdu> {
        let token_len = usize::from(header.authentication_len);
        if token_len == 0 {
            return Ok(None);
        }
        let malformed = |what| MalformedPdu::new(header.kind, what);
        let offset = pdu
            .len()
            .checked_sub(token_len + Self::LEN)
            .filter(|&offset| offset >= body_start)
            .ok_or(malformed("the security trailer is longer than the PDU"))?;
        let mut reader = Reader::new(pdu, offset, header.drep);
        let mut read = || {
            let (kind, level, pad_len) = (reader.u8()?, reader.u8()?, reader.u8()?);
            reader.u8()?;
            Ok((kind, level, pad_len, reader.u32()?, reader.rest()))
        };
        let (kind, level, pad_len, context, token) =
            read().map_err(MalformedPdu::truncated(header.kind))?;
        if usize::from(pad_len) > offset - body_start {
            return Err(malformed("the security padding is longer than the body"));
        }
        Ok(Some(SecurityTrailer {
            kind: AuthenticationType(kind),
            level,
            pad_len,
            context,
            token,
            offset,
        }))
    }

    /// Where the body ends: before the padding.
    #[must_use]
    pub fn body_end(&self) -> usize {
        self.offset - usize::from(self.pad_len)
    }

    /// Where the trailer lies in its PDU, without its token.
    pub(crate) fn place(&self) -> Range<usize> {
        self.offset..self.offset + Self::LEN
    }

    /// The eight bytes of a little-endian trailer.
    pub(crate) fn encode(kind: AuthenticationType, level: u8, pad: u8, context: u32) -> [u8; 8] {
        let [c0, c1, c2, c3] = context.to_le_bytes();
        [kind.0, level, pad, 0, c0, c1, c2, c3]
    }

    /// Appends padding to a multiple of 4, the trailer and the token to a PDU of the bind
    /// family; the token's length.
    pub(crate) fn append(&self, writer: &mut Writer<'_>) -> usize {
        let body_len = writer.len();
        writer.align(4);
        let pad = (writer.len() - body_len) as u8;
        writer.bytes(&[self.kind.0, self.level, pad, 0]);
        writer.u32(self.context);
        writer.bytes(self.token);
        self.token.len()
    }
}

/// Appends an auth3 PDU: header, four bytes of nothing, trailer and token.
pub fn write_auth3(call: CallId, trailer: &SecurityTrailer<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let header = Header::new(super::PduType::Auth3, call);
    header.write(out);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&SecurityTrailer::encode(
        trailer.kind,
        trailer.level,
        0,
        trailer.context,
    ));
    out.extend_from_slice(trailer.token);
    let len = out.len() - start;
    Header::patch_lengths(out, start, len, trailer.token.len());
}
