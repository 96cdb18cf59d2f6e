//! The data representation label of a PDU.

use std::fmt;

/// How a PDU's integers, characters and floating-point numbers are encoded (C706 chapter 14).
///
/// Each PDU carries its own label, and the label rules that PDU alone: a big-endian client may
/// get a little-endian reply.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataRepresentation([u8; 4]);

impl DataRepresentation {
    /// Little-endian integers, ASCII characters, IEEE floating point. All that this side writes.
    pub const LITTLE_ENDIAN: DataRepresentation = DataRepresentation([0x10, 0, 0, 0]);
    /// Big-endian integers, ASCII characters, IEEE floating point.
    pub const BIG_ENDIAN: DataRepresentation = DataRepresentation([0, 0, 0, 0]);

    /// The label as it stands in a PDU header.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        DataRepresentation(bytes)
    }

    /// The four bytes of the label.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0
    }

    /// Whether integers are big-endian. Only the value 1 of the label's first four bits means
    /// little-endian.
    #[must_use]
    pub const fn is_big_endian(self) -> bool {
        self.0[0] & 0xf0 != 0x10
    }
}

impl fmt::Debug for DataRepresentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "DataRepresentation({a:02x} {b:02x} {c:02x} {d:02x})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_nibble_is_the_byte_order() {
        assert!(!DataRepresentation::LITTLE_ENDIAN.is_big_endian());
        assert!(DataRepresentation::BIG_ENDIAN.is_big_endian());
        // EBCDIC characters and VAX floats do not change the integers.
        assert!(!DataRepresentation::from_bytes([0x11, 1, 0, 0]).is_big_endian());
    }
}
