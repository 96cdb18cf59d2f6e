//! Strings that are counted, not terminated: arrays of UTF-16 units with `size_is` or
//! `length_is`, as in `UNICODE_STRING`. They may hold a NUL.

use crate::array::{
    Conformant, ConformantVarying, Varying, check_decode_variance, encode_size, encode_variance,
    maximum_count, room_for,
};
use crate::correlation::{Bounds, check_decode_count};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::text::Utf16Str;
use crate::traits::{Decode, Encode, Wire};
use crate::writer::Writer;

/// `Wire` and `Encode` for a type of string, which `$view` turns into a [`Utf16Str`].
macro_rules! encode_counted {
    ($text:ty, $view:expr) => {
        impl Wire<Conformant> for $text {
            const LAYOUT: Layout = <[u16] as Wire<Conformant>>::LAYOUT;
            const CONFORMANT: bool = true;
        }

        impl Wire<ConformantVarying> for $text {
            const LAYOUT: Layout = <[u16] as Wire<ConformantVarying>>::LAYOUT;
            const CONFORMANT: bool = true;
        }

        impl<const MAX: usize> Wire<Varying<MAX>> for $text {
            const LAYOUT: Layout = <[u16] as Wire<Varying<MAX>>>::LAYOUT;
        }

        impl Encode<Conformant> for $text {
            fn encode_conformance<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                encode_size(bounds, $view(self).unit_count(), writer)
            }

            fn encode_inline<S: Syntax>(
                &self,
                _: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                $view(self).encode_characters(writer)
            }
        }

        impl Encode<ConformantVarying> for $text {
            fn encode_conformance<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                let count = $view(self).unit_count();
                writer.count(maximum_count(bounds, count, writer.offset())?)
            }

            fn encode_inline<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                encode_variance(bounds, $view(self).unit_count(), writer)?;
                $view(self).encode_characters(writer)
            }
        }

        impl<const MAX: usize> Encode<Varying<MAX>> for $text {
            fn encode_inline<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                maximum_count(room_for(MAX), $view(self).unit_count(), writer.offset())?;
                Encode::<ConformantVarying>::encode_inline(self, bounds, writer)
            }
        }
    };
}

encode_counted!(str, Utf16Str::from);
encode_counted!(Utf16Str<'_>, Utf16Str::clone);

/// `Decode` for a type of string, from how it is made of a [`Utf16Str`].
macro_rules! decode_counted {
    ($text:ty, $finish:expr) => {
        impl<'a> Decode<'a, Conformant> for $text {
            type Conformance = usize;
            type Inline = Utf16Str<'a>;

            fn decode_conformance<S: Syntax>(
                reader: &mut Reader<'a, S>,
            ) -> Result<usize, DecodeError> {
                reader.count()
            }

            fn decode_inline<S: Syntax>(
                count: usize,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Inline, DecodeError> {
                Utf16Str::take(count, reader)
            }

            fn decode_deferred<S: Syntax>(
                text: Self::Inline,
                bounds: Bounds,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                check_decode_count(bounds.size, text.unit_count(), reader.offset())?;
                $finish(text, reader)
            }
        }

        impl<'a> Decode<'a, ConformantVarying> for $text {
            type Conformance = usize;
            /// The maximum count and the characters.
            type Inline = (usize, Utf16Str<'a>);

            fn decode_conformance<S: Syntax>(
                reader: &mut Reader<'a, S>,
            ) -> Result<usize, DecodeError> {
                reader.count()
            }

            fn decode_inline<S: Syntax>(
                maximum: usize,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Inline, DecodeError> {
                let actual = reader.variance(maximum)?;
                Ok((maximum, Utf16Str::take(actual, reader)?))
            }

            fn decode_deferred<S: Syntax>(
                (maximum, text): Self::Inline,
                bounds: Bounds,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                check_decode_count(bounds.size, maximum, reader.offset())?;
                check_decode_variance(bounds, text.unit_count(), reader.offset())?;
                $finish(text, reader)
            }
        }

        impl<'a, const MAX: usize> Decode<'a, Varying<MAX>> for $text {
            type Conformance = ();
            type Inline = Utf16Str<'a>;

            fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
                Ok(())
            }

            fn decode_inline<S: Syntax>(
                (): (),
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Inline, DecodeError> {
                let actual = reader.variance(MAX)?;
                Utf16Str::take(actual, reader)
            }

            fn decode_deferred<S: Syntax>(
                text: Self::Inline,
                bounds: Bounds,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                check_decode_variance(bounds, text.unit_count(), reader.offset())?;
                $finish(text, reader)
            }
        }
    };
}

decode_counted!(Utf16Str<'a>, |text, _: &mut Reader<'a, S>| Ok(text));
decode_counted!(String, |text: Utf16Str<'a>, reader: &mut Reader<'a, S>| {
    let text = text.to_utf8();
    text.map(std::borrow::Cow::into_owned)
        .ok_or_else(|| reader.error(DecodeErrorKind::InvalidUtf16))
});
