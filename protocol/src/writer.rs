//! Appends the fields of one PDU to a buffer that may hold others before it.

use crate::drep::DataRepresentation;
use crate::types::SyntaxId;

/// Writes a PDU from front to back, in the byte order of its data representation.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    big_endian: bool,
}

impl<'a> Writer<'a> {
    /// A PDU that starts at the end of `out`.
    pub(crate) fn new(out: &'a mut Vec<u8>, drep: DataRepresentation) -> Self {
        let start = out.len();
        Writer {
            out,
            start,
            big_endian: drep.is_big_endian(),
        }
    }

    /// Bytes of this PDU so far.
    pub(crate) fn len(&self) -> usize {
        self.out.len() - self.start
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    }

    pub(crate) fn uuid(&mut self, uuid: uuid::Uuid) {
        self.bytes(&if self.big_endian {
            uuid.into_bytes()
        } else {
            uuid.to_bytes_le()
        });
    }

    pub(crate) fn syntax(&mut self, syntax: &SyntaxId) {
        self.uuid(syntax.uuid);
        self.u32(syntax.version());
    }

    /// Pads with zeros to the next multiple of `alignment`, counted from the start of the PDU.
    pub(crate) fn align(&mut self, alignment: usize) {
        let len = self.len().next_multiple_of(alignment);
        self.out.resize(self.start + len, 0);
    }

    /// Writes a 16-bit number over bytes that were written before.
    pub(crate) fn patch_u16(&mut self, at: usize, value: u16) {
        let bytes = if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        let at = self.start + at;
        self.out[at..at + 2].copy_from_slice(&bytes);
    }

    /// Writes a 32-bit number over bytes that were written before.
    pub(crate) fn patch_u32(&mut self, at: usize, value: u32) {
        let bytes = if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        let at = self.start + at;
        self.out[at..at + 4].copy_from_slice(&bytes);
    }
}
