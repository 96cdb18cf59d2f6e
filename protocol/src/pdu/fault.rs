//! The fault PDU.

use super::{Header, MalformedPdu, PduFlags, PduType};
use crate::fault::FaultStatus;
use crate::reader::Truncated;
use crate::types::{CallId, ContextId};
use crate::writer::Writer;

/// A fault (C706 12.6.4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultPdu {
    /// The presentation context of the call, zero where there is none.
    pub context: ContextId,
    /// Why the call failed.
    pub status: FaultStatus,
    /// Whether the call certainly did not execute.
    pub did_not_execute: bool,
}

impl FaultPdu {
    /// Length of the PDU in bytes.
    pub const LEN: usize = 32;

    /// Reads a fault.
    ///
    /// # Errors
    ///
    /// The status lies outside of the PDU.
    pub fn parse(header: &Header, pdu: &[u8]) -> Result<Self, MalformedPdu> {
        let mut reader = header.body(pdu);
        let mut read = || -> Result<_, Truncated> {
            reader.u32()?;
            let context = ContextId(reader.u16()?);
            reader.u16()?;
            let status = FaultStatus(reader.u32()?);
            let did_not_execute = header.flags.contains(PduFlags::DID_NOT_EXECUTE);
            Ok(FaultPdu {
                context,
                status,
                did_not_execute,
            })
        };
        read().map_err(MalformedPdu::truncated(PduType::Fault))
    }

    /// Appends a fault: allocation hint not zero, cancel count 0, no security trailer.
    pub fn write(&self, call: CallId, out: &mut Vec<u8>) {
        let mut header = Header::new(PduType::Fault, call);
        header.flags = PduFlags::WHOLE | PduFlags::DID_NOT_EXECUTE.when(self.did_not_execute);
        header.fragment_len = Self::LEN as u16;
        let mut writer = Writer::new(out, header.drep);
        header.write_into(&mut writer);
        writer.u32(Self::LEN as u32);
        writer.u16(self.context.0);
        writer.u16(0);
        writer.u32(self.status.0);
        writer.u32(0);
    }
}
