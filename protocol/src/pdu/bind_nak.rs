//! bind_nak: a server refuses the association.

use std::fmt;

use super::{Header, MalformedPdu, PduType};
use crate::types::CallId;
use crate::writer::Writer;

/// A bind_nak (C706 12.6.4.5). Always says that version 5.0 is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindNak {
    /// Why.
    pub reason: BindNakReason,
}

impl BindNak {
    /// Reads a bind_nak. The versions that the server speaks are of no use and skipped.
    ///
    /// # Errors
    ///
    /// The reason lies outside of the PDU.
    pub fn parse(header: &Header, pdu: &[u8]) -> Result<Self, MalformedPdu> {
        let code = header
            .body(pdu)
            .u16()
            .map_err(MalformedPdu::truncated(header.kind))?;
        Ok(BindNak {
            reason: BindNakReason::from_code(code),
        })
    }

    /// Appends a bind_nak: reason, one version, 5.0, padding.
    pub fn write(&self, call: CallId, out: &mut Vec<u8>) {
        let mut header = Header::new(PduType::BindNak, call);
        header.fragment_len = 24;
        let mut writer = Writer::new(out, header.drep);
        header.write_into(&mut writer);
        writer.u16(self.reason.code());
        writer.bytes(&[1, 5, 0, 0, 0, 0]);
    }
}

/// Why a server refuses an association (C706 12.6.3, MS-RPCE 2.2.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindNakReason {
    /// 0: no reason given.
    NotSpecified,
    /// 1: the server is congested.
    TemporaryCongestion,
    /// 2: a limit of the server.
    LocalLimitExceeded,
    /// 4: the version of the protocol, or a PDU that makes no sense.
    ProtocolVersionNotSupported,
    /// 8: the type of authentication.
    AuthenticationTypeNotRecognized,
    /// 9: authentication failed.
    InvalidChecksum,
    /// Any other code.
    Other(u16),
}

impl BindNakReason {
    /// The reason of this code.
    #[must_use]
    pub const fn from_code(code: u16) -> Self {
        match code {
            0 => BindNakReason::NotSpecified,
            1 => BindNakReason::TemporaryCongestion,
            2 => BindNakReason::LocalLimitExceeded,
            4 => BindNakReason::ProtocolVersionNotSupported,
            8 => BindNakReason::AuthenticationTypeNotRecognized,
            9 => BindNakReason::InvalidChecksum,
            other => BindNakReason::Other(other),
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            BindNakReason::NotSpecified => 0,
            BindNakReason::TemporaryCongestion => 1,
            BindNakReason::LocalLimitExceeded => 2,
            BindNakReason::ProtocolVersionNotSupported => 4,
            BindNakReason::AuthenticationTypeNotRecognized => 8,
            BindNakReason::InvalidChecksum => 9,
            BindNakReason::Other(code) => code,
        }
    }
}

impl fmt::Display for BindNakReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BindNakReason::NotSpecified => "no reason given",
            BindNakReason::TemporaryCongestion => "temporary congestion",
            BindNakReason::LocalLimitExceeded => "a local limit is exceeded",
            BindNakReason::ProtocolVersionNotSupported => "the protocol version is not supported",
            BindNakReason::AuthenticationTypeNotRecognized => {
                "the authentication type is not recognized"
            }
            BindNakReason::InvalidChecksum => "authentication failed",
            BindNakReason::Other(code) => return write!(f, "reason {code}"),
        })
    }
}
