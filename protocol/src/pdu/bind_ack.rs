//! bind_ack and alter_context_resp: what a server accepts.

use std::fmt;

use super::{Header, MalformedPdu, SecurityTrailer};
use crate::extensions::Extensions;
use crate::reader::{Reader, Truncated};
use crate::types::{BindTimeFeatures, SyntaxId};
use crate::writer::Writer;

/// A bind_ack or an alter_context_resp (C706 12.6.4.4 and 12.6.4.2).
#[derive(Clone, Copy, Debug)]
pub struct BindAck<'a> {
    /// The largest PDU that the server wants to send.
    pub transmit_max: u16,
    /// The largest PDU that the server can receive.
    pub receive_max: u16,
    /// The association group.
    pub group: u32,
    /// The server's address for further connections, with its NUL.
    pub secondary_address: &'a [u8],
    /// One result for each context that was offered, in the same order.
    pub results: ResultList<'a>,
    /// The security trailer.
    pub trailer: Option<SecurityTrailer<'a>>,
}

impl<'a> BindAck<'a> {
    /// Reads a bind_ack or an alter_context_resp.
    ///
    /// # Errors
    ///
    /// A field lies outside of the PDU, or the trailer does not fit.
    pub fn parse(header: &Header, pdu: &'a [u8]) -> Result<Self, MalformedPdu> {
        let trailer = SecurityTrailer::parse(header, pdu, Header::LEN)?;
        let body = &pdu[..trailer.as_ref().map_or(pdu.len(), |trailer| trailer.offset)];
        Self::parse_body(header, body, trailer).map_err(MalformedPdu::truncated(header.kind))
    }

    fn parse_body(
        header: &Header,
        body: &'a [u8],
        trailer: Option<SecurityTrailer<'a>>,
    ) -> Result<Self, Truncated> {
        let mut reader = header.body(body);
        let (transmit_max, receive_max) = (reader.u16()?, reader.u16()?);
        let group = reader.u32()?;
        let address_len = reader.u16()?;
        let secondary_address = reader.take(usize::from(address_len))?;
        reader.align(4)?;
        let count = reader.u8()?;
        reader.take(3)?;
        let results = ResultList {
            reader,
            left: count,
        };
        reader.take(usize::from(count) * ContextResult::LEN)?;
        Ok(BindAck {
            transmit_max,
            receive_max,
            group,
            secondary_address,
            results,
            trailer,
        })
    }
}

/// The results of a [`BindAck`], read on the fly.
#[derive(Clone, Copy, Debug)]
pub struct ResultList<'a> {
    reader: Reader<'a>,
    left: u8,
}

impl Iterator for ResultList<'_> {
    type Item = ContextResult;

    fn next(&mut self) -> Option<ContextResult> {
        self.left = self.left.checked_sub(1)?;
        ContextResult::read(&mut self.reader).ok()
    }
}

/// What became of one presentation context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextResult {
    /// Accepted, with this transfer syntax.
    Accepted(SyntaxId),
    /// Refused.
    Refused(ProviderReason),
    /// The answer to bind-time feature negotiation: the features that both sides have.
    Features(BindTimeFeatures),
    /// The answer to an offer of [`Extensions`]: what is agreed on.
    Extensions(Extensions),
    /// Anything else; refused too.
    Other {
        /// The result code.
        result: u16,
        /// The reason code.
        reason: u16,
    },
}

impl ContextResult {
    const LEN: usize = 24;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let (result, reason, syntax) = (reader.u16()?, reader.u16()?, reader.syntax()?);
        Ok(match result {
            0 => ContextResult::Accepted(syntax),
            2 => ContextResult::Refused(ProviderReason::from_code(reason)),
            3 => match Extensions::from_syntax(&syntax) {
                Some(extensions) => ContextResult::Extensions(extensions),
                None => ContextResult::Features(BindTimeFeatures(reason)),
            },
            _ => ContextResult::Other { result, reason },
        })
    }

    fn write(self, writer: &mut Writer<'_>) {
        let (result, reason, syntax) = match self {
            ContextResult::Accepted(syntax) => (0, 0, syntax),
            ContextResult::Refused(reason) => (2, reason.code(), SyntaxId::ZERO),
            ContextResult::Features(features) => (3, features.0, SyntaxId::ZERO),
            ContextResult::Extensions(extensions) => (3, extensions.bits(), extensions.syntax()),
            ContextResult::Other { result, reason } => (result, reason, SyntaxId::ZERO),
        };
        writer.u16(result);
        writer.u16(reason);
        writer.syntax(&syntax);
    }
}

/// Why a server refuses a presentation context (C706 12.6.3, `p_provider_reason_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderReason {
    /// 0: no reason given.
    NotSpecified,
    /// 1: no such interface here.
    AbstractSyntaxNotSupported,
    /// 2: none of the transfer syntaxes on offer.
    TransferSyntaxesNotSupported,
    /// 3: a limit of the server.
    LocalLimitExceeded,
    /// Any other code.
    Other(u16),
}

impl ProviderReason {
    /// The reason of this code.
    #[must_use]
    pub const fn from_code(code: u16) -> Self {
        match code {
            0 => ProviderReason::NotSpecified,
            1 => ProviderReason::AbstractSyntaxNotSupported,
            2 => ProviderReason::TransferSyntaxesNotSupported,
            3 => ProviderReason::LocalLimitExceeded,
            other => ProviderReason::Other(other),
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            ProviderReason::NotSpecified => 0,
            ProviderReason::AbstractSyntaxNotSupported => 1,
            ProviderReason::TransferSyntaxesNotSupported => 2,
            ProviderReason::LocalLimitExceeded => 3,
            ProviderReason::Other(code) => code,
        }
    }
}

impl fmt::Display for ProviderReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProviderReason::NotSpecified => "no reason given",
            ProviderReason::AbstractSyntaxNotSupported => "the interface is not registered",
            ProviderReason::TransferSyntaxesNotSupported => "no transfer syntax in common",
            ProviderReason::LocalLimitExceeded => "a local limit is exceeded",
            ProviderReason::Other(code) => return write!(f, "reason {code}"),
        })
    }
}

/// Appends a bind_ack or an alter_context_resp, one result after the other.
#[derive(Debug)]
pub struct BindAckWriter<'a> {
    writer: Writer<'a>,
}

impl<'a> BindAckWriter<'a> {
    /// Writes all that comes before the results. `header` gives type, flags, call and byte
    /// order; its lengths are computed. A secondary address that is not empty gets its NUL here.
    /// `count` results must follow.
    #[must_use]
    pub fn begin(
        header: &Header,
        (transmit_max, receive_max): (u16, u16),
        group: u32,
        secondary_address: &str,
        count: u8,
        out: &'a mut Vec<u8>,
    ) -> Self {
        let mut writer = Writer::new(out, header.drep);
        header.write_into(&mut writer);
        writer.u16(transmit_max);
        writer.u16(receive_max);
        writer.u32(group);
        if secondary_address.is_empty() {
            writer.u16(0);
        } else {
            writer.u16(secondary_address.len() as u16 + 1);
            writer.bytes(secondary_address.as_bytes());
            writer.u8(0);
        }
        writer.align(4);
        writer.bytes(&[count, 0, 0, 0]);
        BindAckWriter { writer }
    }

    /// Writes the next result.
    pub fn result(&mut self, result: ContextResult) {
        result.write(&mut self.writer);
    }

    /// Writes over the association group, which is known last.
    pub fn patch_group(&mut self, group: u32) {
        self.writer.patch_u32(20, group);
    }

    /// Writes the security trailer, if there is one, and the lengths.
    pub fn finish(mut self, trailer: Option<&SecurityTrailer<'_>>) {
        let token_len = trailer.map_or(0, |trailer| trailer.append(&mut self.writer));
        let len = self.writer.len() as u16;
        self.writer.patch_u16(8, len);
        self.writer.patch_u16(10, token_len as u16);
    }
}
