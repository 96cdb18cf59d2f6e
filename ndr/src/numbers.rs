//! Borrowed arrays of numbers.

use std::fmt;
use std::marker::PhantomData;
use std::slice::{self, ChunksExact};

use crate::error::{DecodeError, EncodeError};
use crate::reader::{ByteOrder, Reader};
use crate::scalar::{Number, number_bytes};
use crate::simd;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Direct, Wire};
use crate::writer::Writer;

/// An array of numbers, read from the stub where it lies, at any alignment and in any byte
/// order, when it is asked for.
///
/// ```
/// use annulus_ndr::{ByteOrder, Ndr, NdrParams, Numbers, decode};
///
/// #[derive(NdrParams)]
/// struct Samples<'a> {
///     #[ndr(conformant)]
///     values: Numbers<'a, u16>,
/// }
///
/// let stub = [2, 0, 0, 0, 0x10, 0, 0x20, 0];
/// let samples: Samples<'_> = decode::<Ndr, _>(&stub, ByteOrder::Little)?;
/// assert_eq!(samples.values.iter().collect::<Vec<u16>>(), [0x10, 0x20]);
/// # Ok::<(), annulus_ndr::DecodeError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Numbers<'a, N> {
    source: Source<'a, N>,
}

#[derive(Clone, Copy)]
enum Source<'a, N> {
    Native(&'a [N]),
    Wire {
        bytes: &'a [u8],
        order: ByteOrder,
        number: PhantomData<N>,
    },
}

impl<'a, N: Number> Numbers<'a, N> {
    /// Takes `count` numbers from the stub, unread.
    #[inline]
    pub(crate) fn take<S: Syntax>(
        count: usize,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        let bytes = number_bytes::<N, S>(count, reader)?;
        Ok(Numbers::on_wire(bytes, reader.order()))
    }

    /// The numbers whose wire form is `bytes`.
    #[inline]
    pub(crate) fn on_wire(bytes: &'a [u8], order: ByteOrder) -> Self {
        Numbers {
            source: Source::Wire {
                bytes,
                order,
                number: PhantomData,
            },
        }
    }

    /// Writes the numbers, aligned, without a count.
    #[inline]
    pub(crate) fn encode_elements<S: Syntax>(
        &self,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        match self.source {
            Source::Native(numbers) => N::encode_elements(numbers, writer),
            Source::Wire {
                bytes,
                order: ByteOrder::Little,
                ..
            } => {
                if !bytes.is_empty() {
                    writer.align(N::LEN);
                    writer.bytes(bytes);
                }
                Ok(())
            }
            Source::Wire {
                order: ByteOrder::Big,
                ..
            } => N::encode_elements(&self.to_vec(), writer),
        }
    }

    /// How many numbers there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match self.source {
            Source::Native(numbers) => numbers.len(),
            Source::Wire { bytes, .. } => bytes.len() / N::LEN,
        }
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at `index`, or `None` beyond the end.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<N> {
        match self.source {
            Source::Native(numbers) => numbers.get(index).copied(),
            Source::Wire { bytes, order, .. } => {
                let start = index.checked_mul(N::LEN)?;
                let bytes = bytes.get(start..)?.get(..N::LEN)?;
                Some(N::from_wire(bytes, order))
            }
        }
    }

    /// The numbers, first to last.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> NumbersIter<'a, N> {
        match self.source {
            Source::Native(numbers) => NumbersIter::Native(numbers.iter()),
            Source::Wire { bytes, order, .. } => {
                NumbersIter::Wire(bytes.chunks_exact(N::LEN), order)
            }
        }
    }

    /// The numbers in a vector; the fast way to take them all.
    #[must_use]
    pub fn to_vec(&self) -> Vec<N> {
        match self.source {
            Source::Native(numbers) => numbers.to_vec(),
            Source::Wire { bytes, order, .. } => simd::collect(bytes, order),
        }
    }
}

/// The numbers of a [`Numbers`], converted one by one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NumbersIter<'a, N> {
    /// From a slice.
    Native(slice::Iter<'a, N>),
    /// From a stub in this byte order.
    Wire(ChunksExact<'a, u8>, ByteOrder),
}

impl<N: Number> Iterator for NumbersIter<'_, N> {
    type Item = N;

    #[inline]
    fn next(&mut self) -> Option<N> {
        match self {
            NumbersIter::Native(numbers) => numbers.next().copied(),
            NumbersIter::Wire(chunks, order) => {
                chunks.next().map(|bytes| N::from_wire(bytes, *order))
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            NumbersIter::Native(numbers) => numbers.size_hint(),
            NumbersIter::Wire(chunks, _) => chunks.size_hint(),
        }
    }

    /// Decides on source and byte order once, not for each number.
    #[inline]
    fn fold<B, F: FnMut(B, N) -> B>(self, init: B, mut f: F) -> B {
        match self {
            NumbersIter::Native(numbers) => numbers.copied().fold(init, f),
            NumbersIter::Wire(chunks, ByteOrder::Little) => chunks.fold(init, |sum, bytes| {
                f(sum, N::from_wire(bytes, ByteOrder::Little))
            }),
            NumbersIter::Wire(chunks, ByteOrder::Big) => chunks.fold(init, |sum, bytes| {
                f(sum, N::from_wire(bytes, ByteOrder::Big))
            }),
        }
    }
}

impl<N: Number> ExactSizeIterator for NumbersIter<'_, N> {}

impl<'a, N> From<&'a [N]> for Numbers<'a, N> {
    #[inline]
    fn from(numbers: &'a [N]) -> Self {
        Numbers {
            source: Source::Native(numbers),
        }
    }
}

impl<N: Number + PartialEq> PartialEq for Numbers<'_, N> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<N: Number + fmt::Debug> fmt::Debug for Numbers<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<N, H: Direct> Wire<H> for Numbers<'_, N>
where
    [N]: Wire<H>,
{
    const LAYOUT: Layout = <[N] as Wire<H>>::LAYOUT;
    const CONFORMANT: bool = <[N] as Wire<H>>::CONFORMANT;
}
