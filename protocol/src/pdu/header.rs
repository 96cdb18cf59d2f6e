//! The 16 bytes that every PDU begins with.

use std::fmt;
use std::ops::BitOr;

use crate::drep::DataRepresentation;
use crate::reader::Reader;
use crate::types::CallId;
use crate::writer::Writer;

/// The common header of connection-oriented PDUs (C706 12.6.3).
///
/// ```text
///  0 major version   1 minor version   2 type   3 flags
///  4 data representation, 4 bytes
///  8 fragment length, 2 bytes         10 authentication length, 2 bytes
/// 12 call id, 4 bytes
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Major and minor version; this is 5.0 and 5.1.
    pub version: (u8, u8),
    /// What PDU this is.
    pub kind: PduType,
    /// First and last fragment, and more.
    pub flags: PduFlags,
    /// How the rest of the PDU is encoded.
    pub drep: DataRepresentation,
    /// Length of the whole PDU in bytes.
    pub fragment_len: u16,
    /// Length of the token at the end of the PDU in bytes; zero without a security trailer.
    pub authentication_len: u16,
    /// The call that the PDU belongs to.
    pub call: CallId,
}

impl Header {
    /// Length of the header in bytes.
    pub const LEN: usize = 16;

    /// A header of version 5.0 in little-endian, first and last fragment, lengths zero.
    #[must_use]
    pub const fn new(kind: PduType, call: CallId) -> Self {
        Header {
            version: (5, 0),
            kind,
            flags: PduFlags::WHOLE,
            drep: DataRepresentation::LITTLE_ENDIAN,
            fragment_len: 0,
            authentication_len: 0,
            call,
        }
    }

    /// Reads a header; any 16 bytes are one.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8; Header::LEN]) -> Self {
        let [
            major,
            minor,
            kind,
            flags,
            d0,
            d1,
            d2,
            d3,
            f0,
            f1,
            a0,
            a1,
            c0,
            c1,
            c2,
            c3,
        ] = *bytes;
        let drep = DataRepresentation::from_bytes([d0, d1, d2, d3]);
        let big = drep.is_big_endian();
        let u16_of = |b| {
            if big {
                u16::from_be_bytes(b)
            } else {
                u16::from_le_bytes(b)
            }
        };
        let call = [c0, c1, c2, c3];
        Header {
            version: (major, minor),
            kind: PduType::from_code(kind),
            flags: PduFlags(flags),
            drep,
            fragment_len: u16_of([f0, f1]),
            authentication_len: u16_of([a0, a1]),
            call: CallId(if big {
                u32::from_be_bytes(call)
            } else {
                u32::from_le_bytes(call)
            }),
        }
    }

    /// Whether the version is one that is spoken here: 5.0 or 5.1.
    #[must_use]
    pub const fn is_known_version(&self) -> bool {
        matches!(self.version, (5, 0 | 1))
    }

    /// Appends the header.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_into(&mut Writer::new(out, self.drep));
    }

    pub(crate) fn write_into(&self, writer: &mut Writer<'_>) {
        writer.bytes(&[
            self.version.0,
            self.version.1,
            self.kind.code(),
            self.flags.0,
        ]);
        writer.bytes(&self.drep.to_bytes());
        writer.u16(self.fragment_len);
        writer.u16(self.authentication_len);
        writer.u32(self.call.0);
    }

    /// Reads the body that follows this header in `pdu`.
    pub(crate) fn body<'a>(&self, pdu: &'a [u8]) -> Reader<'a> {
        Reader::new(pdu, Header::LEN, self.drep)
    }

    /// Writes over the lengths of a header that was written at `at`.
    pub(crate) fn patch_lengths(out: &mut [u8], at: usize, fragment: usize, token: usize) {
        debug_assert!(fragment <= usize::from(u16::MAX) && token <= usize::from(u16::MAX));
        let header = &mut out[at..at + Header::LEN];
        header[8..10].copy_from_slice(&(fragment as u16).to_le_bytes());
        header[10..12].copy_from_slice(&(token as u16).to_le_bytes());
    }
}

/// The type of a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PduType {
    /// 0: a call's in-parameters, or a part of them.
    Request,
    /// 2: a call's out-parameters, or a part of them.
    Response,
    /// 3: a call failed.
    Fault,
    /// 11: opens an association.
    Bind,
    /// 12: the server accepts the bind.
    BindAck,
    /// 13: the server refuses the bind.
    BindNak,
    /// 14: asks for more presentation contexts, or continues authentication.
    AlterContext,
    /// 15: answers alter_context.
    AlterContextResp,
    /// 16: the third leg of authentication.
    Auth3,
    /// 17: the server asks the client to close.
    Shutdown,
    /// 18: the client cancels a call and waits for its answer.
    CoCancel,
    /// 19: the client has no interest in a call any more.
    Orphaned,
    /// Any other code.
    Other(u8),
}

impl PduType {
    /// The type of this code on the wire.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => PduType::Request,
            2 => PduType::Response,
            3 => PduType::Fault,
            11 => PduType::Bind,
            12 => PduType::BindAck,
            13 => PduType::BindNak,
            14 => PduType::AlterContext,
            15 => PduType::AlterContextResp,
            16 => PduType::Auth3,
            17 => PduType::Shutdown,
            18 => PduType::CoCancel,
            19 => PduType::Orphaned,
            other => PduType::Other(other),
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            PduType::Request => 0,
            PduType::Response => 2,
            PduType::Fault => 3,
            PduType::Bind => 11,
            PduType::BindAck => 12,
            PduType::BindNak => 13,
            PduType::AlterContext => 14,
            PduType::AlterContextResp => 15,
            PduType::Auth3 => 16,
            PduType::Shutdown => 17,
            PduType::CoCancel => 18,
            PduType::Orphaned => 19,
            PduType::Other(code) => code,
        }
    }
}

impl fmt::Display for PduType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PduType::Request => "request",
            PduType::Response => "response",
            PduType::Fault => "fault",
            PduType::Bind => "bind",
            PduType::BindAck => "bind_ack",
            PduType::BindNak => "bind_nak",
            PduType::AlterContext => "alter_context",
            PduType::AlterContextResp => "alter_context_resp",
            PduType::Auth3 => "auth3",
            PduType::Shutdown => "shutdown",
            PduType::CoCancel => "co_cancel",
            PduType::Orphaned => "orphaned",
            PduType::Other(code) => return write!(f, "PDU type {code}"),
        })
    }
}

/// The flags of a PDU (C706 12.6.3, MS-RPCE 2.2.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PduFlags(pub u8);

impl PduFlags {
    /// No flag.
    pub const NONE: PduFlags = PduFlags(0);
    /// First fragment.
    pub const FIRST: PduFlags = PduFlags(0x01);
    /// Last fragment.
    pub const LAST: PduFlags = PduFlags(0x02);
    /// First and last fragment.
    pub const WHOLE: PduFlags = PduFlags(0x03);
    /// In a request: a cancel was pending when it was sent.
    pub const PENDING_CANCEL: PduFlags = PduFlags(0x04);
    /// In bind and alter_context and their answers: headers are signed.
    pub const HEADER_SIGNING: PduFlags = PduFlags(0x04);
    /// Concurrent calls on one connection.
    pub const MULTIPLEXING: PduFlags = PduFlags(0x10);
    /// In a fault: the call did certainly not execute.
    pub const DID_NOT_EXECUTE: PduFlags = PduFlags(0x20);
    /// The client wants no answer.
    pub const MAYBE: PduFlags = PduFlags(0x40);
    /// An object UUID follows the fixed part of the request.
    pub const OBJECT_UUID: PduFlags = PduFlags(0x80);

    /// Whether all of `other` is set.
    #[must_use]
    pub const fn contains(self, other: PduFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is set in both.
    #[must_use]
    pub const fn intersection(self, other: PduFlags) -> PduFlags {
        PduFlags(self.0 & other.0)
    }

    /// These flags where `condition` holds, none elsewhere.
    #[must_use]
    pub const fn when(self, condition: bool) -> PduFlags {
        if condition { self } else { PduFlags::NONE }
    }
}

impl BitOr for PduFlags {
    type Output = PduFlags;

    fn bitor(self, other: PduFlags) -> PduFlags {
        PduFlags(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parse_undoes_write(bytes: [u8; 16]) {
            let mut written = Vec::new();
            Header::parse(&bytes).write(&mut written);
            prop_assert_eq!(&written[..], &bytes[..]);
        }
    }
}
