//! The fault PDU.

use super::{Header, MalformedPdu, PduFlags, PduType, SecurityTrailer};
use crate::fault::FaultStatus;
use crate::reader::Truncated;
use crate::types::{CallId, ContextId};
use crate::writer::Writer;

/// A fault (C706 12.6.4.7, MS-RPCE 2.2.2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultPdu<'a> {
    /// The presentation context of the call, zero where there is none.
    pub context: ContextId,
    /// Why the call failed.
    pub status: FaultStatus,
    /// Whether the call certainly did not execute.
    pub did_not_execute: bool,
    /// Extended error information, for people: an encoded `ExtendedErrorInfoPtr` of MS-EERR.
    /// Empty: there is none.
    pub extended: &'a [u8],
}

/// In the byte behind the cancel count: extended error information follows.
const EXTENDED: u8 = 0x01;

impl<'a> FaultPdu<'a> {
    /// Length of the PDU in bytes, without extended error information: where that begins.
    pub const LEN: usize = 32;

    /// Reads a fault. Extended error information that does not fit into the PDU is left out, for
    /// it must not hide the fault.
    ///
    /// # Errors
    ///
    /// The status lies outside of the PDU.
    pub fn parse(header: &Header, pdu: &'a [u8]) -> Result<Self, MalformedPdu> {
        let mut reader = header.body(pdu);
        let mut read = || -> Result<_, Truncated> {
            let alloc_hint = reader.u32()?;
            let context = ContextId(reader.u16()?);
            reader.u8()?;
            let is_extended = reader.u8()? & EXTENDED != 0;
            let status = FaultStatus(reader.u32()?);
            let extended = is_extended.then(|| extended(header, pdu, alloc_hint));
            Ok(FaultPdu {
                context,
                status,
                did_not_execute: header.flags.contains(PduFlags::DID_NOT_EXECUTE),
                extended: extended.flatten().unwrap_or_default(),
            })
        };
        read().map_err(MalformedPdu::truncated(PduType::Fault))
    }

    /// Appends a fault: allocation hint not zero, cancel count 0, no security trailer. The
    /// allocation hint says where the extended error information ends.
    pub fn write(&self, call: CallId, out: &mut Vec<u8>) {
        let len = Self::LEN + self.extended.len();
        let mut header = Header::new(PduType::Fault, call);
        header.flags = PduFlags::WHOLE | PduFlags::DID_NOT_EXECUTE.when(self.did_not_execute);
        header.fragment_len = len as u16;
        let mut writer = Writer::new(out, header.drep);
        header.write_into(&mut writer);
        writer.u32(len as u32);
        writer.u16(self.context.0);
        writer.bytes(&[
            0,
            if self.extended.is_empty() {
                0
            } else {
                EXTENDED
            },
        ]);
        writer.u32(self.status.0);
        writer.u32(0);
        writer.bytes(self.extended);
    }
}

/// The extended error information of a fault that has some: it ends where the allocation hint
/// says, before any security trailer.
fn extended<'a>(header: &Header, pdu: &'a [u8], alloc_hint: u32) -> Option<&'a [u8]> {
    let token_len = usize::from(header.authentication_len);
    let trailer_len = if token_len > 0 {
        SecurityTrailer::LEN + token_len
    } else {
        0
    };
    let body_len = pdu.len().checked_sub(trailer_len)?;
    let end = usize::try_from(alloc_hint).ok()?;
    pdu.get(..body_len)?.get(FaultPdu::LEN..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pdu: &[u8]) -> FaultPdu<'_> {
        FaultPdu::parse(&Header::parse(pdu.first_chunk().unwrap()), pdu).unwrap()
    }

    fn fault(extended: &[u8]) -> Vec<u8> {
        let mut pdu = Vec::new();
        FaultPdu {
            context: ContextId(3),
            status: FaultStatus::ACCESS_DENIED,
            did_not_execute: true,
            extended,
        }
        .write(CallId(7), &mut pdu);
        pdu
    }

    #[test]
    fn extended_error_information_lies_behind_the_fault() {
        let pdu = fault(b"why, at length");
        assert_eq!((pdu[16], pdu[23], pdu.len()), (46, 1, 46));
        assert_eq!(parse(&pdu).extended, b"why, at length");
        assert_eq!(parse(&fault(b"")).extended, b"");
    }

    #[test]
    fn rule_53_what_is_wrong_with_extended_error_information_does_not_hide_the_fault() {
        let good = fault(b"why, at length");
        for hint in [0, 1, 31, 32, 47, u32::MAX] {
            let mut pdu = good.clone();
            pdu[16..20].copy_from_slice(&hint.to_le_bytes());
            let parsed = parse(&pdu);
            assert_eq!(parsed.status, FaultStatus::ACCESS_DENIED, "hint {hint}");
            assert_eq!(parsed.extended, b"", "hint {hint}");
        }
        // A security trailer is no part of it, however long it claims to be.
        for token_len in [1, 100] {
            let mut pdu = good.clone();
            pdu[10] = token_len;
            assert_eq!(parse(&pdu).extended, b"", "token of {token_len}");
        }
        // Without the flag, bytes behind the fault are of no meaning.
        let mut pdu = good;
        pdu[23] = 0xfe;
        assert_eq!(parse(&pdu).extended, b"");
    }
}
