//! Fixed arrays, `T a[N]`: elements one after another, nothing else.

use std::array;

use crate::error::{DecodeError, EncodeError, EncodeErrorKind};
use crate::numbers::Numbers;
use crate::reader::Reader;
use crate::scalar::{Number, fixed_number_bytes};
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Direct, Encode, Natural, Shape, Wire};
use crate::writer::Writer;

/// The shape of a fixed array `[T; N]` whose elements have the shape `H`, such as strings.
#[derive(Debug)]
pub struct Elements<H>(H);

impl<H: Shape> Shape for Elements<H> {
    type Args = ();
}

/// All traits of `[T; N]` for one shape, with elements of another.
macro_rules! fixed_array {
    ([$($generics:tt)*] $shape:ty, $element:ty) => {
        impl<T: Wire<$element>, $($generics)* const N: usize> Wire<$shape> for [T; N] {
            const LAYOUT: Layout = T::LAYOUT.repeated(N);
        }

        impl<T: Encode<$element>, $($generics)* const N: usize> Encode<$shape> for [T; N] {
            #[inline]
            fn encode_inline<S: Syntax>(
                &self,
                (): (),
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                const { assert!(!T::CONFORMANT, "an array element cannot be conformant") };
                T::encode_elements(self, writer)
            }

            #[inline]
            fn encode_deferred<S: Syntax>(
                &self,
                (): (),
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                T::encode_deferred_elements(self, writer)
            }
        }

        impl<'a, T: Decode<'a, $element>, $($generics)* const N: usize> Decode<'a, $shape>
            for [T; N]
        {
            type Conformance = ();
            type Inline = [T::Inline; N];

            #[inline]
            fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
                Ok(())
            }

            #[inline]
            fn decode_inline<S: Syntax>(
                (): (),
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Inline, DecodeError> {
                T::decode_array(reader)
            }

            #[inline]
            fn decode_deferred<S: Syntax>(
                inline: Self::Inline,
                (): (),
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                T::decode_deferred_array(inline, reader)
            }
        }
    };
}

fixed_array!([] Natural, Natural);
fixed_array!([H: Shape,] Elements<H>, H);

/// Bytes of a fixed array, borrowed from the stub.
impl<'a, const N: usize> Decode<'a> for &'a [u8; N] {
    type Conformance = ();
    type Inline = Self;

    #[inline]
    fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        reader.array_ref()
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        inline: Self,
        (): (),
        _: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        Ok(inline)
    }
}

/// The shape of a fixed array of `N` elements, `T a[N]`, in a type that does not say how many it
/// has: [`Numbers`], which borrows them, or `Vec`, which has them on the heap.
#[derive(Debug)]
pub enum Fixed<const N: usize> {}

impl<const N: usize> Shape for Fixed<N> {
    type Args = ();
}

impl<const N: usize> Direct for Fixed<N> {}

impl<T: Wire, const N: usize> Wire<Fixed<N>> for [T] {
    const LAYOUT: Layout = T::LAYOUT.repeated(N);
}

/// Checks that a fixed array of `declared` elements has them all.
fn check_fixed(declared: usize, found: usize) -> Result<(), EncodeErrorKind> {
    if declared == found {
        return Ok(());
    }
    Err(EncodeErrorKind::CountMismatch {
        declared: declared as i128,
        found: found as u64,
    })
}

impl<T: Encode, const N: usize> Encode<Fixed<N>> for [T] {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        const { assert!(!T::CONFORMANT, "an array element cannot be conformant") };
        check_fixed(N, self.len()).map_err(|kind| writer.error(kind))?;
        T::encode_elements(self, writer)
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        T::encode_deferred_elements(self, writer)
    }
}

impl<T: Number, const N: usize> Encode<Fixed<N>> for Numbers<'_, T> {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        check_fixed(N, self.len()).map_err(|kind| writer.error(kind))?;
        self.encode_elements(writer)
    }
}

impl<'a, T: Decode<'a>, const N: usize> Decode<'a, Fixed<N>> for Vec<T> {
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
        if const { N != 0 && T::LAYOUT.is_scalar() } {
            reader.align(const { T::LAYOUT.align::<S>() });
        }
        reader.check_remaining(const { T::LAYOUT.repeated(N).min_len::<S>() })?;
        T::decode_elements(N, reader)
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        elements: Self::Inline,
        (): (),
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        T::decode_deferred_elements(elements, reader)
    }
}

impl<'a, T: Number, const N: usize> Decode<'a, Fixed<N>> for Numbers<'a, T> {
    type Conformance = ();
    type Inline = Self;

    #[inline]
    fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        let bytes = fixed_number_bytes::<T, S>(N, reader)?;
        Ok(Numbers::on_wire(bytes, reader.order()))
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        numbers: Self,
        (): (),
        _: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        Ok(numbers)
    }
}

/// Calls `next` for each element, until one fails.
#[inline]
pub(crate) fn collect_array<T, E, const N: usize>(
    mut next: impl FnMut() -> Result<T, E>,
) -> Result<[T; N], E> {
    let mut failure = None;
    let elements: [Option<T>; N] = array::from_fn(|_| {
        if failure.is_some() {
            return None;
        }
        next().map_err(|error| failure = Some(error)).ok()
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(elements.map(|element| element.expect("no element failed"))),
    }
}
