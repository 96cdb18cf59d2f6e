//! The one place that puts bytes into a stub.

use std::marker::PhantomData;

use bytes::Bytes;

use crate::error::{EncodeError, EncodeErrorKind};
use crate::full::SentReferents;
use crate::reader::DEPTH_MAX;
use crate::shared::{SHARED_LEN_MIN, SharedPart};
use crate::simd;
use crate::syntax::Syntax;

const FIRST_REFERENT: u32 = 0x0002_0000;
const REFERENT_STEP: u32 = 4;

/// Appends stub data, little-endian, to a buffer that may already hold other things.
///
/// Offsets and alignment count from where the buffer ended when the writer was made.
#[derive(Debug)]
pub struct Writer<'w, S> {
    out: &'w mut Vec<u8>,
    /// Bytes from the start of the stub to the end of `out`; a field of its own, so that the
    /// compiler knows it where the layout is fixed.
    offset: usize,
    next_referent: u32,
    depth: u32,
    sent: Sent,
    /// Where shared bytes go; `None` if they are to be copied.
    shared: Option<&'w mut Vec<SharedPart>>,
    syntax: PhantomData<S>,
}

/// The pointees of full pointers so far. Boxed and absent, as few interfaces have full pointers; and
/// where there are none, each writer's end looks at no more than that.
#[derive(Debug, Default)]
struct Sent(Option<Box<SentReferents>>);

impl Drop for Sent {
    #[inline]
    fn drop(&mut self) {
        #[cold]
        fn forget(sent: Box<SentReferents>) {
            drop(sent);
        }
        if let Some(sent) = self.0.take() {
            forget(sent);
        }
    }
}

impl<'w, S: Syntax> Writer<'w, S> {
    /// A writer whose stub starts at the end of `out`.
    #[inline]
    #[must_use]
    pub fn new(out: &'w mut Vec<u8>) -> Self {
        Writer::continuing(out, 0)
    }

    /// A writer that goes on at the end of `out`, which is `offset` bytes from the start of the
    /// stub, wherever that start is.
    #[inline]
    #[must_use]
    pub fn continuing(out: &'w mut Vec<u8>, offset: usize) -> Self {
        Writer {
            out,
            offset,
            next_referent: FIRST_REFERENT,
            depth: 0,
            sent: Sent::default(),
            shared: None,
            syntax: PhantomData,
        }
    }

    /// A writer that appends large shared arrays to `shared`, by reference.
    #[inline]
    pub(crate) fn sharing(out: &'w mut Vec<u8>, shared: &'w mut Vec<SharedPart>) -> Self {
        Writer {
            shared: Some(shared),
            ..Writer::new(out)
        }
    }

    /// Bytes from the start of the stub to the next write.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Fills the gap in front of something aligned to `align`, a power of two, with zeros.
    #[inline]
    pub fn align(&mut self, align: usize) {
        debug_assert!(align.is_power_of_two());
        let gap = self.offset.wrapping_neg() & (align - 1);
        if gap != 0 {
            const ZEROS: [u8; 8] = [0; 8];
            match ZEROS.get(..gap) {
                Some(zeros) => self.bytes(zeros),
                None => _ = self.zeros(gap),
            }
        }
    }

    /// Appends `bytes`, unaligned.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        simd::append(bytes, self.out);
        self.offset += bytes.len();
    }

    /// Appends `bytes`, unaligned; by reference, if large arrays are to be shared and these
    /// are many.
    pub fn share(&mut self, bytes: Bytes) {
        match &mut self.shared {
            Some(shared) if bytes.len() >= SHARED_LEN_MIN => {
                self.offset += bytes.len();
                shared.push((self.out.len(), bytes));
            }
            _ => self.bytes(&bytes),
        }
    }

    /// Appends `text` as UTF-16, aligned, without a NUL.
    #[inline]
    pub fn utf16(&mut self, text: &str) {
        self.align(2);
        let from = self.out.len();
        simd::to_utf16(text, self.out);
        self.offset += self.out.len() - from;
    }

    /// Appends `len` zero bytes, unaligned, and gives them to be filled in.
    #[inline]
    pub fn zeros(&mut self, len: usize) -> &mut [u8] {
        let from = self.out.len();
        self.out.resize(from + len, 0);
        self.offset += len;
        &mut self.out[from..]
    }

    /// Makes room for `len` bytes, so that appending them does not move the buffer.
    #[inline]
    pub fn reserve(&mut self, len: usize) {
        self.out.reserve(len);
    }

    /// Appends a number, aligned to its own length.
    #[inline]
    pub fn u16(&mut self, value: u16) {
        self.align(2);
        self.bytes(&value.to_le_bytes());
    }

    /// Appends a number, aligned to its own length.
    #[inline]
    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes(&value.to_le_bytes());
    }

    /// Appends a number, aligned to its own length.
    #[inline]
    pub fn u64(&mut self, value: u64) {
        self.align(8);
        self.bytes(&value.to_le_bytes());
    }

    /// Appends the value of an enum that is not a `v1_enum`.
    #[inline]
    pub fn enum16(&mut self, value: u16) {
        if S::ENUM16_LEN == 2 {
            self.u16(value);
        } else {
            self.u32(u32::from(value));
        }
    }

    /// Appends a maximum count, an offset or an actual count.
    ///
    /// # Errors
    /// [`TooLong`](EncodeErrorKind::TooLong) if the syntax cannot count so far.
    #[inline]
    pub fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        let count = count as u64;
        if S::COUNT_LEN == 8 {
            self.u64(count);
            return Ok(());
        }
        let narrow =
            u32::try_from(count).map_err(|_| self.error(EncodeErrorKind::TooLong { count }))?;
        self.u32(narrow);
        Ok(())
    }

    /// Appends a count of zero.
    #[inline]
    pub fn null_count(&mut self) {
        if S::COUNT_LEN == 8 {
            self.u64(0);
        } else {
            self.u32(0);
        }
    }

    /// Appends the referent id of a pointer that is null.
    #[inline]
    pub fn null_referent(&mut self) {
        if S::POINTER_LEN == 8 {
            self.u64(0);
        } else {
            self.u32(0);
        }
    }

    /// Appends the referent id of a pointer that has a pointee: a new one each time.
    #[inline]
    pub fn new_referent(&mut self) {
        let id = self.take_referent();
        self.referent(id);
    }

    /// Appends the referent id of a full pointer: the one that its pointee, known by `address`,
    /// already has, or a new one.
    pub(crate) fn shared_referent(&mut self, address: usize) {
        let fresh = self.next_referent;
        let id = self.sent_referents().id(address, || fresh);
        if id == fresh {
            self.take_referent();
        }
        self.referent(id);
    }

    /// The pointees of full pointers so far.
    pub(crate) fn sent_referents(&mut self) -> &mut SentReferents {
        self.sent.0.get_or_insert_default()
    }

    fn take_referent(&mut self) -> u32 {
        let id = self.next_referent;
        // A stub with 2^30 pointers, 4 GiB of them, would start over.
        self.next_referent = id.checked_add(REFERENT_STEP).unwrap_or(FIRST_REFERENT);
        id
    }

    fn referent(&mut self, id: u32) {
        if S::POINTER_LEN == 8 {
            self.u64(u64::from(id));
        } else {
            self.u32(id);
        }
    }

    /// Runs `write` one level of pointees deeper.
    ///
    /// # Errors
    /// [`TooDeep`](EncodeErrorKind::TooDeep), or the error of `write`.
    #[inline]
    pub fn nested(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if self.depth == DEPTH_MAX {
            return Err(self.error(EncodeErrorKind::TooDeep { max: DEPTH_MAX }));
        }
        self.depth += 1;
        let result = write(self);
        self.depth -= 1;
        result
    }

    /// An error of this kind at the current offset.
    #[cold]
    #[must_use]
    pub fn error(&self, kind: EncodeErrorKind) -> EncodeError {
        EncodeError::new(kind, self.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ndr, Ndr64};

    #[test]
    fn alignment_counts_from_the_start_of_the_stub() {
        let mut out = vec![0xee; 3];
        let mut writer = Writer::<Ndr>::new(&mut out);
        writer.bytes(&[1]);
        writer.u32(2);
        assert_eq!(writer.offset(), 8);
        assert_eq!(out, [0xee, 0xee, 0xee, 1, 0, 0, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn referent_ids_rise_by_four_and_never_become_null() {
        let mut out = Vec::new();
        let mut writer = Writer::<Ndr>::new(&mut out);
        writer.new_referent();
        writer.null_referent();
        writer.new_referent();
        writer.next_referent = u32::MAX - 3;
        writer.new_referent();
        writer.new_referent();
        assert_eq!(
            out,
            [
                0, 0, 2, 0, 0, 0, 0, 0, 4, 0, 2, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 2, 0
            ]
        );
    }

    #[test]
    fn a_count_too_large_for_ndr_is_fine_for_ndr64() {
        let mut out = Vec::new();
        let error = Writer::<Ndr>::new(&mut out).count(1 << 32).unwrap_err();
        assert_eq!(*error.kind(), EncodeErrorKind::TooLong { count: 1 << 32 });
        Writer::<Ndr64>::new(&mut out).count(1 << 32).unwrap();
        assert_eq!(out, [0, 0, 0, 0, 1, 0, 0, 0]);
    }
}
