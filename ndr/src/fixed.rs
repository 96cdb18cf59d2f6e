//! Fixed arrays, `T a[N]`: elements one after another, nothing else.

use std::array;

use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Encode, Wire};
use crate::writer::Writer;

impl<T: Wire, const N: usize> Wire for [T; N] {
    const LAYOUT: Layout = T::LAYOUT.repeated(N);
}

impl<T: Encode, const N: usize> Encode for [T; N] {
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

impl<'a, T: Decode<'a>, const N: usize> Decode<'a> for [T; N] {
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
