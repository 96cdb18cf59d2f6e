//! The one way to read a peer's bytes: never past the end, never a panic.

use uuid::Uuid;

use crate::drep::DataRepresentation;
use crate::types::SyntaxId;

/// The PDU ended before the value that was to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truncated;

/// Reads a PDU from front to back in the PDU's own byte order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from offset `at`. An offset past the end reads as truncated.
    pub(crate) fn new(bytes: &'a [u8], at: usize, drep: DataRepresentation) -> Self {
        Reader {
            bytes,
            at,
            big_endian: drep.is_big_endian(),
        }
    }

    /// The offset of the next byte, counted from the start of the PDU.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Truncated> {
        let end = self.at.checked_add(len).ok_or(Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Truncated)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        self.take(N)?.try_into().map_err(|_| Truncated)
    }

    /// Skips to the next multiple of `alignment`, counted from the start of the PDU.
    pub(crate) fn align(&mut self, alignment: usize) -> Result<(), Truncated> {
        self.take(self.at.next_multiple_of(alignment) - self.at)
            .map(drop)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Truncated> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Truncated> {
        let bytes = self.array()?;
        Ok(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Truncated> {
        let bytes = self.array()?;
        Ok(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, Truncated> {
        let bytes = self.array()?;
        Ok(if self.big_endian {
            Uuid::from_bytes(bytes)
        } else {
            Uuid::from_bytes_le(bytes)
        })
    }

    pub(crate) fn syntax(&mut self) -> Result<SyntaxId, Truncated> {
        Ok(SyntaxId::from_wire(self.uuid()?, self.u32()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_byte_orders() {
        let bytes = [1, 2, 3, 4, 5, 6];
        let mut little = Reader::new(&bytes, 0, DataRepresentation::LITTLE_ENDIAN);
        assert_eq!((little.u16(), little.u32()), (Ok(0x0201), Ok(0x0605_0403)));
        let mut big = Reader::new(&bytes, 0, DataRepresentation::BIG_ENDIAN);
        assert_eq!((big.u16(), big.u32()), (Ok(0x0102), Ok(0x0304_0506)));
        assert_eq!(big.u8(), Err(Truncated));
    }

    #[test]
    fn a_start_past_the_end_is_truncated_and_not_a_panic() {
        let mut reader = Reader::new(&[0; 4], 9, DataRepresentation::LITTLE_ENDIAN);
        assert_eq!(reader.u8(), Err(Truncated));
        assert_eq!(reader.align(4), Err(Truncated));
        assert!(reader.rest().is_empty());
        assert_eq!(reader.take(usize::MAX), Err(Truncated));
    }
}
