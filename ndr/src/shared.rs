//! Encoding large arrays by reference: what the kernel is to gather is not copied first.
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

/// Arrays with fewer bytes are copied: gathering them costs more than that.
pub const SHARED_LEN_MIN: usize = 1024;

/// Stub data in pieces, to be gathered: some written, some shared with the value.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    written: Vec<u8>,
    shared: Vec<Shared>,
}

/// Bytes of the stub that are not among the written ones.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    /// Written bytes in front of them.
    at: usize,
    bytes: Bytes,
}

impl Shared {
    pub(crate) fn new(at: usize, bytes: Bytes) -> Self {
        Shared { at, bytes }
    }
}

impl Segments {
    /// The pieces in the order of the stub, none of them empty.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let pairs = self.shared.iter().flat_map(move |shared| {
            let written = &self.written[from..shared.at];
            from = shared.at;
            [written, &shared.bytes[..]]
        });
        let last = self.shared.last().map_or(0, |shared| shared.at);
        pairs
            .chain([&self.written[last..]])
            .filter(|piece| !piece.is_empty())
    }

    /// Bytes of the stub.
    #[must_use]
    pub fn len(&self) -> usize {
        let shared: usize = self.shared.iter().map(|shared| shared.bytes.len()).sum();
        self.written.len() + shared
    }

    /// Whether the stub has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.shared.is_empty()
    }

    /// Bytes that are shared with the value, not copied.
    #[must_use]
    pub fn shared_len(&self) -> usize {
        self.shared.iter().map(|shared| shared.bytes.len()).sum()
    }

    /// The pieces as handles that keep them alive, in the order of the stub.
    #[must_use]
    pub fn into_bytes(self) -> Vec<Bytes> {
        let written = Bytes::from(self.written);
        let mut pieces = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut from = 0;
        for Shared { at, bytes } in self.shared {
            pieces.extend([written.slice(from..at), bytes]);
            from = at;
        }
        pieces.push(written.slice(from..));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

/// Writes the stub data of `params` in pieces: [`Bytes`] and [`SharedNumbers`] of at least
/// [`SHARED_LEN_MIN`] bytes are shared, all else is written. For small parameters
/// [`encode`](crate::encode) is the faster way.
///
/// # Errors
/// Which field cannot be written, and why.
pub fn encode_segments<S: Syntax, T: EncodeParams + ?Sized>(
    params: &T,
) -> Result<Segments, EncodeError> {
    let mut segments = Segments::default();
    let mut writer = Writer::<S>::sharing(&mut segments.written, &mut segments.shared);
    params.encode_params(None, &mut writer)?;
    Ok(segments)
}

/// An array of numbers that can be sent without a copy, and cloned without one.
///
/// ```
/// use annulus_ndr::{Ndr, NdrParams, SharedNumbers, encode_segments};
///
/// #[derive(NdrParams)]
/// struct Samples {
///     #[ndr(conformant)]
///     values: SharedNumbers<u32>,
/// }
///
/// let values = SharedNumbers::from(vec![7; 1000]);
/// let segments = encode_segments::<Ndr, _>(&Samples { values })?;
/// assert_eq!((segments.len(), segments.shared_len()), (4004, 4000));
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
                encode_shared::<$number, S>($wire(self), writer);
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
                encode_shared::<$number, S>($wire(self), writer);
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
fn encode_shared<N: Number, S: Syntax>(wire: Bytes, writer: &mut Writer<'_, S>) {
    if !wire.is_empty() {
        writer.align(N::LEN);
        writer.share(wire);
    }
}
