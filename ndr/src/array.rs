//! Arrays: fixed, conformant, varying, conformant-varying; owned and borrowed.

use crate::correlation::{Bounds, check_decode_count, check_encode_count};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::numbers::Numbers;
use crate::reader::Reader;
use crate::scalar::{Number, number_bytes};
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Direct, Encode, Natural, Shape, Wire};
use crate::writer::Writer;

/// The shape of a conformant array, `[size_is(n)]`: its maximum count is hoisted in front, all
/// elements are there.
#[derive(Debug)]
pub struct Conformant<H = Natural>(H);

/// The shape of a conformant and varying array, `[size_is(n), length_is(m)]`: the maximum
/// count is hoisted, then come offset (here always zero), actual count and so many elements.
#[derive(Debug)]
pub struct ConformantVarying<H = Natural>(H);

/// The shape of a varying array with room for `MAX` elements, `T a[MAX]` with `[length_is(m)]`:
/// offset (here always zero), actual count and so many elements.
#[derive(Debug)]
pub struct Varying<const MAX: usize, H = Natural>(H);

impl<H: Shape> Shape for Conformant<H> {
    type Args = Bounds;
}

impl<H: Shape> Shape for ConformantVarying<H> {
    type Args = Bounds;
}

impl<const MAX: usize, H: Shape> Shape for Varying<MAX, H> {
    type Args = Bounds;
}

impl<H: Shape> Direct for Conformant<H> {}
impl<H: Shape> Direct for ConformantVarying<H> {}
impl<const MAX: usize, H: Shape> Direct for Varying<MAX, H> {}

/// What a conformant array adds to the layout of a structure: its alignment, and no byte that
/// must be there.
const fn conformant(element: Layout) -> Layout {
    element.repeated(0)
}

/// The same for an array with an offset and an actual count in its inline part.
const fn varying(element: Layout) -> Layout {
    Layout::structure(&[Layout::COUNT, Layout::COUNT, element.repeated(0)])
}

impl<T: Wire<H>, H: Shape> Wire<Conformant<H>> for [T] {
    const LAYOUT: Layout = conformant(T::LAYOUT);
    const CONFORMANT: bool = true;
}

impl<T: Wire<H>, H: Shape> Wire<ConformantVarying<H>> for [T] {
    const LAYOUT: Layout = varying(T::LAYOUT);
    const CONFORMANT: bool = true;
}

impl<T: Wire<H>, const MAX: usize, H: Shape> Wire<Varying<MAX, H>> for [T] {
    const LAYOUT: Layout = varying(T::LAYOUT);
}

/// Checks a varying array that starts at its first element.
#[inline]
pub(crate) fn check_decode_variance(
    bounds: Bounds,
    actual: usize,
    offset: usize,
) -> Result<(), DecodeError> {
    check_decode_count(bounds.length, actual, offset)?;
    match bounds.first {
        Some(declared) if declared != 0 => Err(DecodeError::new(
            DecodeErrorKind::FirstMismatch { declared, found: 0 },
            offset,
        )),
        _ => Ok(()),
    }
}

/// The bounds of an array whose room is part of its type.
pub(crate) const fn room_for(elements: usize) -> Bounds {
    Bounds {
        size: Some(elements as i128),
        length: None,
        first: None,
    }
}

/// Writes the maximum count of an array that has all its elements.
// Always inlined: mostly the bounds are known where this is called, and they are 96 bytes.
#[inline(always)]
pub(crate) fn encode_size<S: Syntax>(
    bounds: Bounds,
    len: usize,
    writer: &mut Writer<'_, S>,
) -> Result<(), EncodeError> {
    check_encode_count(bounds.size, len, writer.offset())?;
    writer.count(len)
}

/// Writes offset and actual count.
#[inline(always)]
pub(crate) fn encode_variance<S: Syntax>(
    bounds: Bounds,
    len: usize,
    writer: &mut Writer<'_, S>,
) -> Result<(), EncodeError> {
    check_encode_count(bounds.length, len, writer.offset())?;
    if let Some(declared) = bounds.first
        && declared != 0
    {
        return Err(writer.error(EncodeErrorKind::FirstMismatch { declared, found: 0 }));
    }
    writer.count(0)?;
    writer.count(len)
}

/// The maximum count to announce for `len` elements.
#[inline]
pub(crate) fn maximum_count(
    bounds: Bounds,
    len: usize,
    offset: usize,
) -> Result<usize, EncodeError> {
    let Some(declared) = bounds.size else {
        return Ok(len);
    };
    match usize::try_from(declared) {
        Ok(maximum) if maximum >= len => Ok(maximum),
        _ => Err(EncodeError::new(
            EncodeErrorKind::BeyondMaximum {
                found: len as u64,
                maximum: declared,
            },
            offset,
        )),
    }
}

impl<T: Encode<H>, H: Shape> Encode<Conformant<H>> for [T] {
    #[inline(always)]
    fn encode_conformance<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        const { assert!(!T::CONFORMANT, "an array element cannot be conformant") };
        encode_size(bounds, self.len(), writer)
    }

    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        _: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        T::encode_elements(self, writer)
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        _: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        T::encode_deferred_elements(self, writer)
    }
}

impl<T: Encode<H>, H: Shape> Encode<ConformantVarying<H>> for [T] {
    #[inline]
    fn encode_conformance<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        const { assert!(!T::CONFORMANT, "an array element cannot be conformant") };
        writer.count(maximum_count(bounds, self.len(), writer.offset())?)
    }

    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        encode_variance(bounds, self.len(), writer)?;
        T::encode_elements(self, writer)
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        _: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        T::encode_deferred_elements(self, writer)
    }
}

impl<T: Encode<H>, const MAX: usize, H: Shape> Encode<Varying<MAX, H>> for [T] {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        const { assert!(!T::CONFORMANT, "an array element cannot be conformant") };
        maximum_count(room_for(MAX), self.len(), writer.offset())?;
        encode_variance(bounds, self.len(), writer)?;
        T::encode_elements(self, writer)
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        _: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        T::encode_deferred_elements(self, writer)
    }
}

impl<'a, T: Decode<'a, H>, H: Shape> Decode<'a, Conformant<H>> for Vec<T> {
    type Conformance = usize;
    type Inline = Vec<T::Inline>;

    #[inline]
    fn decode_conformance<S: Syntax>(reader: &mut Reader<'a, S>) -> Result<usize, DecodeError> {
        reader.count()
    }

    #[inline]
    fn decode_inline<S: Syntax>(
        count: usize,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Inline, DecodeError> {
        T::decode_elements(count, reader)
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        elements: Self::Inline,
        bounds: Bounds,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        check_decode_count(bounds.size, elements.len(), reader.offset())?;
        T::decode_deferred_elements(elements, reader)
    }
}

impl<'a, T: Decode<'a, H>, H: Shape> Decode<'a, ConformantVarying<H>> for Vec<T> {
    type Conformance = usize;
    /// The maximum count and the elements.
    type Inline = (usize, Vec<T::Inline>);

    #[inline]
    fn decode_conformance<S: Syntax>(reader: &mut Reader<'a, S>) -> Result<usize, DecodeError> {
        reader.count()
    }

    #[inline]
    fn decode_inline<S: Syntax>(
        maximum: usize,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Inline, DecodeError> {
        let actual = reader.variance(maximum)?;
        Ok((maximum, T::decode_elements(actual, reader)?))
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        (maximum, elements): Self::Inline,
        bounds: Bounds,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        check_decode_count(bounds.size, maximum, reader.offset())?;
        check_decode_variance(bounds, elements.len(), reader.offset())?;
        T::decode_deferred_elements(elements, reader)
    }
}

impl<'a, T: Decode<'a, H>, const MAX: usize, H: Shape> Decode<'a, Varying<MAX, H>> for Vec<T> {
    type Conformance = ();
    type Inline = Vec<T::Inline>;

    #[inline]
    fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn decode_inline<S: Syntax>(
        (): (),
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Inline, DecodeError> {
        let actual = reader.variance(MAX)?;
        T::decode_elements(actual, reader)
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        elements: Self::Inline,
        bounds: Bounds,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        check_decode_variance(bounds, elements.len(), reader.offset())?;
        T::decode_deferred_elements(elements, reader)
    }
}

/// The parts of `Decode` for a view into the stub, from how to take `count` elements of it.
macro_rules! decode_view {
    ([$($generics:tt)*] $view:ty, $take:expr) => {
        impl<'a, $($generics)*> Decode<'a, Conformant> for $view {
            type Conformance = usize;
            type Inline = Self;

            #[inline]
            fn decode_conformance<S: Syntax>(
                reader: &mut Reader<'a, S>,
            ) -> Result<usize, DecodeError> {
                reader.count()
            }

            #[inline]
            fn decode_inline<S: Syntax>(
                count: usize,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                $take(count, reader)
            }

            #[inline]
            fn decode_deferred<S: Syntax>(
                view: Self,
                bounds: Bounds,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                check_decode_count(bounds.size, view.len(), reader.offset())?;
                Ok(view)
            }
        }

        impl<'a, $($generics)*> Decode<'a, ConformantVarying> for $view {
            type Conformance = usize;
            /// The maximum count and the elements.
            type Inline = (usize, Self);

            #[inline]
            fn decode_conformance<S: Syntax>(
                reader: &mut Reader<'a, S>,
            ) -> Result<usize, DecodeError> {
                reader.count()
            }

            #[inline]
            fn decode_inline<S: Syntax>(
                maximum: usize,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Inline, DecodeError> {
                let actual = reader.variance(maximum)?;
                Ok((maximum, $take(actual, reader)?))
            }

            #[inline]
            fn decode_deferred<S: Syntax>(
                (maximum, view): Self::Inline,
                bounds: Bounds,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                check_decode_count(bounds.size, maximum, reader.offset())?;
                check_decode_variance(bounds, view.len(), reader.offset())?;
                Ok(view)
            }
        }

        impl<'a, const MAX: usize, $($generics)*> Decode<'a, Varying<MAX>> for $view {
            type Conformance = ();
            type Inline = Self;

            #[inline]
            fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
                Ok(())
            }

            #[inline]
            fn decode_inline<S: Syntax>(
                (): (),
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                let actual = reader.variance(MAX)?;
                $take(actual, reader)
            }

            #[inline]
            fn decode_deferred<S: Syntax>(
                view: Self,
                bounds: Bounds,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                check_decode_variance(bounds, view.len(), reader.offset())?;
                Ok(view)
            }
        }
    };
}

decode_view!([] &'a [u8], |count, reader: &mut Reader<'a, S>| number_bytes::<u8, S>(count, reader));
decode_view!([N: Number] Numbers<'a, N>, |count, reader: &mut Reader<'a, S>| {
    Numbers::take(count, reader)
});

impl<N: Number> Encode<Conformant> for Numbers<'_, N> {
    #[inline]
    fn encode_conformance<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        encode_size(bounds, self.len(), writer)
    }

    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        _: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        self.encode_elements(writer)
    }
}

impl<N: Number> Encode<ConformantVarying> for Numbers<'_, N> {
    #[inline]
    fn encode_conformance<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        writer.count(maximum_count(bounds, self.len(), writer.offset())?)
    }

    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        encode_variance(bounds, self.len(), writer)?;
        self.encode_elements(writer)
    }
}

impl<N: Number, const MAX: usize> Encode<Varying<MAX>> for Numbers<'_, N> {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        maximum_count(room_for(MAX), self.len(), writer.offset())?;
        encode_variance(bounds, self.len(), writer)?;
        self.encode_elements(writer)
    }
}
