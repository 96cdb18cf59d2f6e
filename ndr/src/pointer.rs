//! Pointers. A referent id lies inline, the pointee is deferred.

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Direct, Encode, Natural, Shape, Wire};
use crate::writer::Writer;

/// The shape of a unique pointer, `Option<T>`: null, or a pointee of shape `H` that nothing
/// else points to.
///
/// It is also the natural shape of `Option<T>`.
#[derive(Debug)]
pub struct Unique<H = Natural>(H);

/// The shape of an embedded reference pointer, any `T`: it has a referent id and is never null.
///
/// A reference pointer at the top level (a parameter) has nothing on the wire but its pointee,
/// so there the parameter is simply the pointee.
#[derive(Debug)]
pub struct Ref<H = Natural>(H);

impl<H: Shape> Shape for Unique<H> {
    type Args = H::Args;
}

impl<H: Shape> Direct for Unique<H> {}

impl<H: Shape> Shape for Ref<H> {
    type Args = H::Args;
}

impl<T, H: Shape> Wire<Unique<H>> for Option<T> {
    const LAYOUT: Layout = Layout::POINTER;
}

impl<T: Encode<H>, H: Shape> Encode<Unique<H>> for Option<T> {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        _: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        match self {
            Some(_) => writer.new_referent(),
            None => writer.null_referent(),
        }
        Ok(())
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        match self {
            Some(pointee) => writer.nested(|writer| pointee.encode_whole(args, writer)),
            None => Ok(()),
        }
    }
}

impl<'a, T: Decode<'a, H>, H: Shape> Decode<'a, Unique<H>> for Option<T> {
    type Conformance = ();
    /// Whether there is a pointee.
    type Inline = bool;

    #[inline]
    fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<bool, DecodeError> {
        reader.referent()
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        present: bool,
        args: H::Args,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        if !present {
            return Ok(None);
        }
        reader
            .nested(|reader| T::decode_whole(args, reader))
            .map(Some)
    }
}

impl<T> Wire for Option<T> {
    const LAYOUT: Layout = Layout::POINTER;
}

impl<T: Encode> Encode for Option<T> {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        Encode::<Unique>::encode_inline(self, (), writer)
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        Encode::<Unique>::encode_deferred(self, (), writer)
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Option<T> {
    type Conformance = ();
    /// Whether there is a pointee.
    type Inline = bool;

    #[inline]
    fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<bool, DecodeError> {
        <Self as Decode<'a, Unique>>::decode_inline((), reader)
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        present: bool,
        (): (),
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        <Self as Decode<'a, Unique>>::decode_deferred(present, (), reader)
    }
}

impl<T, H: Shape> Wire<Ref<H>> for T {
    const LAYOUT: Layout = Layout::POINTER;
}

impl<T: Encode<H>, H: Shape> Encode<Ref<H>> for T {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        _: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        writer.new_referent();
        Ok(())
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        writer.nested(|writer| Encode::<H>::encode_whole(self, args, writer))
    }
}

impl<'a, T: Decode<'a, H>, H: Shape> Decode<'a, Ref<H>> for T {
    type Conformance = ();
    type Inline = ();

    #[inline]
    fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        if reader.referent()? {
            return Ok(());
        }
        Err(reader.error(DecodeErrorKind::NullRefPointer))
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        (): (),
        args: H::Args,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        reader.nested(|reader| <T as Decode<'a, H>>::decode_whole(args, reader))
    }
}
