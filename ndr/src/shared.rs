//! Encoding large arrays by reference: what the kernel is to gather is not copied first.
//!
//! Parameters whose fields are [`Bytes`] or [`SharedNumbers`] go so by themselves, as requests and as
//! replies, through each of the engine's ways to send one. Such types are written by hand, or made
//! from an interface definition by a compiler that is told to share arrays. Whoever keeps an array
//! keeps it as that type, too, and clones it into the parameters, which copies nothing.
//!
//! A send outlives the call that asks for it, so what it gathers must be owned by it until its
//! last completion. That is why the arrays are shared by count, [`Bytes`] and
//! [`SharedNumbers`], and not borrowed.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use zerocopy::IntoBytes;

use crate::array::{
    Conformant, ConformantVarying, Varying, encode_size, encode_variance, maximum_count, room_for,
};
use crate::correlation::{Bounds, Counted};
use crate::error::{DecodeError, EncodeError};
use crate::params::EncodeParams;
use crate::reader::{ByteOrder, Reader};
use crate::scalar::Number;
use crate::simd;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Direct, Encode, Wire};
use crate::writer::Writer;

/// Arrays with fewer bytes are copied: gathering them costs more than that. (A fuzzer's inputs are
/// short, so it has a shorter one.)
pub const SHARED_LEN_MIN: usize = if cfg!(fuzzing) { 16 } else { 16 << 10 };

/// Bytes of the stub that are not among the written ones: how many written bytes stand in front
/// of them, counted from the beginning of the buffer, and the bytes.
pub type SharedPart = (usize, Bytes);

/// Appends the stub data of `params` in two parts: [`Bytes`] and [`SharedNumbers`] of at least
/// [`SHARED_LEN_MIN`] bytes go to `shared` by reference, with their places in `out`; all else is
/// written to `out`, whose end is the start of the stub.
///
/// # Errors
/// Which field cannot be written, and why; `out` and `shared` are then as long as before.
#[inline]
pub fn encode_shared<S: Syntax, T: EncodeParams + ?Sized>(
    params: &T,
    out: &mut Vec<u8>,
    shared: &mut Vec<SharedPart>,
) -> Result<(), EncodeError> {
    let (start, shared_start) = (out.len(), shared.len());
    let result = params.encode_params(None, &mut Writer::<S>::sharing(out, shared));
    if result.is_err() {
        out.truncate(start);
        shared.truncate(shared_start);
    }
    result
}

/// An array of numbers that can be sent without a copy, and cloned without one.
///
/// ```
/// use annulus_ndr::{Ndr, NdrParams, SharedNumbers, encode_shared};
///
/// #[derive(NdrParams)]
/// struct Samples {
///     #[ndr(conformant)]
///     values: SharedNumbers<u32>,
/// }
///
/// let values = SharedNumbers::from(vec![7; 10_000]);
/// let (mut written, mut shared) = (Vec::new(), Vec::new());
/// encode_shared::<Ndr, _>(&Samples { values }, &mut written, &mut shared)?;
/// assert_eq!(written, 10_000_u32.to_le_bytes(), "the count alone");
/// assert_eq!((shared[0].0, shared[0].1.len()), (4, 40_000));
/// # Ok::<(), annulus_ndr::EncodeError>(())
/// ```
#[derive(Clone)]
pub struct SharedNumbers<N> {
    /// Little-endian.
    wire: Bytes,
    number: PhantomData<N>,
}

/// A vector whose bytes [`Bytes`] may keep.
struct Owner<N>(Vec<N>);

impl<N: Number> AsRef<[u8]> for Owner<N> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<N: Number + Send + Sync> From<Vec<N>> for SharedNumbers<N> {
    /// Takes the vector as it is, where the machine is little-endian.
    fn from(numbers: Vec<N>) -> Self {
        let numbers = match ByteOrder::NATIVE {
            ByteOrder::Little => numbers,
            ByteOrder::Big => simd::collect(numbers.as_bytes(), ByteOrder::Little),
        };
        SharedNumbers {
            wire: Bytes::from_owner(Owner(numbers)),
            number: PhantomData,
        }
    }
}

impl<N: Number> SharedNumbers<N> {
    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wire.len() / N::LEN
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }

    /// The number at `index`, or `None` beyond the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<N> {
        let start = index.checked_mul(N::LEN)?;
        let bytes = self.wire.get(start..)?.get(..N::LEN)?;
        Some(N::from_wire(bytes, ByteOrder::Little))
    }

    /// The numbers in a vector.
    #[must_use]
    pub fn to_vec(&self) -> Vec<N> {
        simd::collect(&self.wire, ByteOrder::Little)
    }
}

impl<N: Number + PartialEq> PartialEq for SharedNumbers<N> {
    fn eq(&self, other: &Self) -> bool {
        self.to_vec() == other.to_vec()
    }
}

impl<N: Number + Eq> Eq for SharedNumbers<N> {}

impl<N: Number + fmt::Debug> fmt::Debug for SharedNumbers<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_vec().fmt(f)
    }
}

impl<N: Number> Counted for SharedNumbers<N> {
    fn counted(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl Counted for Bytes {
    fn counted(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<N: Number, H: Direct> Wire<H> for SharedNumbers<N>
where
    [N]: Wire<H>,
{
    const LAYOUT: Layout = <[N] as Wire<H>>::LAYOUT;
    const CONFORMANT: bool = <[N] as Wire<H>>::CONFORMANT;
}

impl<H: Direct> Wire<H> for Bytes
where
    [u8]: Wire<H>,
{
    const LAYOUT: Layout = <[u8] as Wire<H>>::LAYOUT;
    const CONFORMANT: bool = <[u8] as Wire<H>>::CONFORMANT;
}

/// `Encode` and `Decode` for a type of shared array: its number, the bytes that it shares, and
/// how it is made from a vector.
macro_rules! shared_array {
    ([$($generics:tt)*] $array:ty, $number:ty, $wire:expr, $from:expr) => {
        impl<$($generics)*> Encode<Conformant> for $array {
            fn encode_conformance<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                encode_size(bounds, self.len(), writer)
            }

            fn encode_inline<S: Syntax>(
                &self,
                _: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                encode_numbers::<$number, S>($wire(self), writer);
                Ok(())
            }
        }

        impl<$($generics)*> Encode<ConformantVarying> for $array {
            fn encode_conformance<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                writer.count(maximum_count(bounds, self.len(), writer.offset())?)
            }

            fn encode_inline<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                encode_variance(bounds, self.len(), writer)?;
                encode_numbers::<$number, S>($wire(self), writer);
                Ok(())
            }
        }

        impl<const MAX: usize, $($generics)*> Encode<Varying<MAX>> for $array {
            fn encode_inline<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                maximum_count(room_for(MAX), self.len(), writer.offset())?;
                Encode::<ConformantVarying>::encode_inline(self, bounds, writer)
            }
        }

        /// Decoding copies, as for a vector.
        impl<'a, H: Direct, $($generics)*> Decode<'a, H> for $array
        where
            [$number]: Wire<H>,
            Vec<$number>: Decode<'a, H>,
        {
            type Conformance = <Vec<$number> as Decode<'a, H>>::Conformance;
            type Inline = <Vec<$number> as Decode<'a, H>>::Inline;

            fn decode_conformance<S: Syntax>(
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Conformance, DecodeError> {
                Vec::<$number>::decode_conformance(reader)
            }

            fn decode_inline<S: Syntax>(
                conformance: Self::Conformance,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Inline, DecodeError> {
                Vec::<$number>::decode_inline(conformance, reader)
            }

            fn decode_deferred<S: Syntax>(
                inline: Self::Inline,
                args: H::Args,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                Vec::<$number>::decode_deferred(inline, args, reader).map($from)
            }
        }
    };
}

shared_array!([] Bytes, u8, |bytes: &Bytes| bytes.clone(), Bytes::from);
shared_array!(
    [N: Number + Send + Sync] SharedNumbers<N>,
    N,
    |numbers: &SharedNumbers<N>| numbers.wire.clone(),
    SharedNumbers::from
);

/// Writes numbers, or shares them, aligned and without a count.
fn encode_numbers<N: Number, S: Syntax>(wire: Bytes, writer: &mut Writer<'_, S>) {
    if !wire.is_empty() {
        writer.align(N::LEN);
        writer.share(wire);
    }
}
