//! The one place that takes bytes out of a stub.

use std::marker::PhantomData;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::full::MetReferents;
use crate::syntax::{Layout, Syntax};

/// How deep pointees may nest; more is refused, so that a peer cannot exhaust the stack.
///
/// A linked list counts one level a node.
pub const DEPTH_MAX: u32 = 128;

/// What the elements of arrays may take in memory, for each byte of the stub and in any case. An element
/// may be far longer in memory than on the wire: a null pointer whose pointee is held by value, the empty
/// arm of a union whose other arms are large.
const MEMORY_PER_BYTE: usize = 64;
const MEMORY_MIN: usize = 16 << 20;

/// The byte order of integers and floats, from a PDU's data representation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first; what this crate writes.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// The order of this machine.
    pub const NATIVE: ByteOrder = if cfg!(target_endian = "little") {
        ByteOrder::Little
    } else {
        ByteOrder::Big
    };
}

/// Reads stub data from its start; offsets and alignment count from there.
///
/// It never panics: whatever the bytes are, a read gives a value or a [`DecodeError`].
#[derive(Clone, Debug)]
pub struct Reader<'a, S> {
    /// What has come of the stub.
    stub: &'a [u8],
    /// Bytes of the stub in front of that.
    base: usize,
    /// From the start of the whole. May lie beyond the end after an alignment gap; then any read of at least a byte fails.
    offset: usize,
    depth: u32,
    /// Bytes of memory that elements of arrays have taken.
    memory: usize,
    order: ByteOrder,
    /// Boxed and absent: few interfaces have full pointers.
    met: Option<Box<MetReferents>>,
    syntax: PhantomData<S>,
}

impl<'a, S: Syntax> Reader<'a, S> {
    /// A reader at the start of `stub`, whose numbers are in `order`.
    #[inline]
    #[must_use]
    pub fn new(stub: &'a [u8], order: ByteOrder) -> Self {
        Reader::continuing(stub, 0, order)
    }

    /// A reader of `rest`, which is `base` bytes from the start of the stub, wherever that start
    /// is.
    #[inline]
    #[must_use]
    pub(crate) fn continuing(rest: &'a [u8], base: usize, order: ByteOrder) -> Self {
        Reader {
            stub: rest,
            base,
            offset: base,
            depth: 0,
            memory: 0,
            order,
            met: None,
            syntax: PhantomData,
        }
    }

    /// Bytes from the start of the stub to the next read.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes of what has come, up to the next read.
    #[inline]
    fn taken(&self) -> usize {
        self.offset - self.base
    }

    /// Bytes that are left.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.stub.len().saturating_sub(self.taken())
    }

    /// The byte order of the stub.
    #[inline]
    #[must_use]
    pub fn order(&self) -> ByteOrder {
        self.order
    }

    /// Skips the gap in front of something aligned to `align`, a power of two. What the gap
    /// contains does not matter.
    #[inline]
    pub fn align(&mut self, align: usize) {
        debug_assert!(align.is_power_of_two());
        self.offset = (self.offset + align - 1) & !(align - 1);
    }

    /// Takes `len` bytes, unaligned.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated) if the stub has fewer.
    #[inline]
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self
            .stub
            .get(self.taken()..)
            .and_then(|rest| rest.get(..len))
        {
            Some(bytes) => {
                self.offset += len;
                Ok(bytes)
            }
            None => Err(self.truncated(len)),
        }
    }

    /// Takes `count` elements of `element_len` bytes, unaligned.
    ///
    /// # Errors
    /// [`CountTooLarge`](DecodeErrorKind::CountTooLarge) if the stub has fewer bytes.
    #[inline]
    pub fn elements(&mut self, count: usize, element_len: usize) -> Result<&'a [u8], DecodeError> {
        let rest = self.stub.get(self.taken()..).unwrap_or_default();
        match count
            .checked_mul(element_len)
            .and_then(|len| rest.get(..len))
        {
            Some(bytes) => {
                self.offset += bytes.len();
                Ok(bytes)
            }
            None => Err(self.count_too_large(count as u64)),
        }
    }

    /// Takes `N` bytes, unaligned.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated) if the stub has fewer.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.array_ref().copied()
    }

    /// Takes `N` bytes, unaligned and where they lie.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated) if the stub has fewer.
    #[inline]
    pub fn array_ref<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        match self
            .stub
            .get(self.taken()..)
            .and_then(<[u8]>::first_chunk::<N>)
        {
            Some(bytes) => {
                self.offset += N;
                Ok(bytes)
            }
            None => Err(self.truncated(N)),
        }
    }

    /// Takes a number that is aligned to its own length.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated).
    #[inline]
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.align(2);
        let bytes = self.array()?;
        Ok(match self.order {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        })
    }

    /// Takes a number that is aligned to its own length.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated).
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.align(4);
        let bytes = self.array()?;
        Ok(match self.order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        })
    }

    /// Takes a number that is aligned to its own length.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated).
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.align(8);
        let bytes = self.array()?;
        Ok(match self.order {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        })
    }

    /// Takes the value of an enum that is not a `v1_enum`.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated).
    #[inline]
    pub fn enum16(&mut self) -> Result<u32, DecodeError> {
        if S::ENUM16_LEN == 2 {
            self.u16().map(u32::from)
        } else {
            self.u32()
        }
    }

    /// Takes a maximum count, an offset or an actual count.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated), or
    /// [`CountTooLarge`](DecodeErrorKind::CountTooLarge) for one that no memory could hold.
    #[inline]
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        let count = if S::COUNT_LEN == 4 {
            u64::from(self.u32()?)
        } else {
            self.u64()?
        };
        usize::try_from(count).map_err(|_| self.count_too_large(count))
    }

    /// Takes a referent id, 0 for null.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated).
    #[inline]
    pub fn referent_id(&mut self) -> Result<u64, DecodeError> {
        if S::POINTER_LEN == 4 {
            self.u32().map(u64::from)
        } else {
            self.u64()
        }
    }

    /// Takes a referent id, and says whether there is a pointee.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated).
    #[inline]
    pub fn referent(&mut self) -> Result<bool, DecodeError> {
        Ok(self.referent_id()? != 0)
    }

    /// The pointees of full pointers so far.
    pub(crate) fn met_referents(&mut self) -> &mut MetReferents {
        self.met.get_or_insert_default()
    }

    /// Whether the last gap ended beyond the end of the stub.
    pub(crate) fn is_beyond_end(&self) -> bool {
        self.taken() > self.stub.len()
    }

    /// Takes the offset and the actual count of a varying array with room for `maximum`
    /// elements, and gives the actual count.
    ///
    /// # Errors
    /// [`BeyondMaximum`](DecodeErrorKind::BeyondMaximum),
    /// [`OffsetNotZero`](DecodeErrorKind::OffsetNotZero),
    /// [`Truncated`](DecodeErrorKind::Truncated).
    #[inline]
    pub fn variance(&mut self, maximum: usize) -> Result<usize, DecodeError> {
        match self.section(maximum)? {
            (0, actual) => Ok(actual),
            (offset, _) => Err(self.error(DecodeErrorKind::OffsetNotZero {
                offset: offset as u64,
            })),
        }
    }

    /// Takes the offset and the actual count of a varying array with room for `maximum`
    /// elements; their sum is within it.
    ///
    /// # Errors
    /// [`BeyondMaximum`](DecodeErrorKind::BeyondMaximum),
    /// [`Truncated`](DecodeErrorKind::Truncated).
    #[inline]
    pub fn section(&mut self, maximum: usize) -> Result<(usize, usize), DecodeError> {
        let offset = self.count()?;
        let actual = self.count()?;
        if offset.checked_add(actual).is_none_or(|end| end > maximum) {
            return Err(self.error(DecodeErrorKind::BeyondMaximum {
                offset: offset as u64,
                actual: actual as u64,
                maximum: maximum as i128,
            }));
        }
        Ok((offset, actual))
    }

    /// Checks that `count` elements of `element`'s layout can be in what is left, before
    /// anything is allocated for them.
    ///
    /// # Errors
    /// [`CountTooLarge`](DecodeErrorKind::CountTooLarge). An element that may take no byte at
    /// all counts as one byte.
    #[inline]
    pub fn check_count(&self, count: usize, element: Layout) -> Result<(), DecodeError> {
        let element_len = element.min_len::<S>().max(1);
        if count > self.remaining() / element_len {
            return Err(self.count_too_large(count as u64));
        }
        Ok(())
    }

    /// Notes that `count` elements are to take `len` bytes of memory each.
    ///
    /// # Errors
    /// [`TooMuchMemory`](DecodeErrorKind::TooMuchMemory) if that is out of proportion to the stub.
    #[inline]
    pub(crate) fn take_memory(&mut self, count: usize, len: usize) -> Result<(), DecodeError> {
        self.memory = self.memory.saturating_add(count.saturating_mul(len));
        let max = MEMORY_MIN.saturating_add(self.stub.len().saturating_mul(MEMORY_PER_BYTE));
        if self.memory > max {
            return Err(self.error(DecodeErrorKind::TooMuchMemory {
                needed: self.memory,
                max,
            }));
        }
        Ok(())
    }

    /// Checks that at least `len` bytes are left.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated) if the stub has fewer.
    #[inline]
    pub(crate) fn check_remaining(&self, len: usize) -> Result<(), DecodeError> {
        if len > self.remaining() {
            return Err(self.truncated(len));
        }
        Ok(())
    }

    /// Runs `read` one level of pointees deeper.
    ///
    /// # Errors
    /// [`TooDeep`](DecodeErrorKind::TooDeep), or the error of `read`.
    #[inline]
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth == DEPTH_MAX {
            return Err(self.error(DecodeErrorKind::TooDeep { max: DEPTH_MAX }));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// An error of this kind at the current offset.
    #[cold]
    #[must_use]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(kind, self.offset)
    }

    #[cold]
    fn truncated(&self, needed: usize) -> DecodeError {
        self.error(DecodeErrorKind::Truncated {
            needed,
            remaining: self.remaining(),
        })
    }

    #[cold]
    fn count_too_large(&self, count: u64) -> DecodeError {
        self.error(DecodeErrorKind::CountTooLarge {
            count,
            remaining: self.remaining(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ndr, Ndr64};

    #[test]
    fn rule_24_numbers_follow_the_byte_order_of_the_pdu() {
        let stub = [1, 2, 3, 4, 5, 6, 7, 8];
        let mut little = Reader::<Ndr>::new(&stub, ByteOrder::Little);
        assert_eq!(little.u16().unwrap(), 0x0201);
        assert_eq!(little.u32().unwrap(), 0x0807_0605);
        let mut big = Reader::<Ndr>::new(&stub, ByteOrder::Big);
        assert_eq!(big.u16().unwrap(), 0x0102);
        assert_eq!(big.u32().unwrap(), 0x0506_0708);
        assert_eq!(
            Reader::<Ndr>::new(&stub, ByteOrder::Big).u64().unwrap(),
            0x0102_0304_0506_0708
        );
    }

    #[test]
    fn a_gap_beyond_the_end_is_an_error_only_for_the_next_read() {
        let mut reader = Reader::<Ndr>::new(&[7], ByteOrder::Little);
        reader.bytes(1).unwrap();
        reader.align(8);
        assert_eq!(reader.remaining(), 0);
        let error = reader.u32().unwrap_err();
        assert_eq!(
            *error.kind(),
            DecodeErrorKind::Truncated {
                needed: 4,
                remaining: 0
            }
        );
        assert_eq!(error.offset(), 8);
    }

    #[test]
    fn an_offset_and_a_count_that_overflow_together_are_beyond_the_maximum() {
        let stub = [0xff; 16];
        let mut reader = Reader::<Ndr64>::new(&stub, ByteOrder::Little);
        let error = reader.variance(usize::MAX).unwrap_err();
        assert!(
            matches!(error.kind(), DecodeErrorKind::BeyondMaximum { .. }),
            "{error}"
        );
    }

    #[test]
    fn a_count_is_measured_against_the_bytes_that_are_left() {
        let reader = Reader::<Ndr>::new(&[0; 9], ByteOrder::Little);
        assert!(reader.check_count(2, Layout::scalar(4)).is_ok());
        assert!(reader.check_count(3, Layout::scalar(4)).is_err());
        assert!(reader.check_count(usize::MAX, Layout::EMPTY).is_err());
    }
}
