//! Strings: conformant and varying, terminated by NUL.
//!
//! The Rust type says what a character is. `str`, `String` and [`Utf16Str`] are UTF-16
//! (`[string] wchar_t *`); `[u8]` and `Vec<u8>` are bytes in a character set that only the
//! interface knows (`[string] char *`). In Rust the terminator is never part of the value.

use std::borrow::Cow;
use std::char::{REPLACEMENT_CHARACTER, decode_utf16};
use std::fmt;

use crate::array::{maximum_count, room_for};
use crate::correlation::{Bounds, Counted, check_decode_count, check_encode_count};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::reader::{ByteOrder, Reader};
use crate::scalar::{Number, number_bytes};
use crate::simd;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Direct, Encode, Shape, Wire};
use crate::writer::Writer;

/// The shape of a `[string]`: maximum count, offset (zero), actual count, characters, NUL. The
/// counts include the NUL. What stands behind a first NUL is not seen, as in C.
#[derive(Debug)]
pub enum Text {}

/// The shape of a `[string]` in a fixed array of `MAX` characters, NUL included: offset (zero),
/// actual count, characters, NUL.
#[derive(Debug)]
pub enum VaryingText<const MAX: usize> {}

impl Shape for Text {
    type Args = Bounds;
}

impl<const MAX: usize> Shape for VaryingText<MAX> {
    type Args = Bounds;
}

impl Direct for Text {}
impl<const MAX: usize> Direct for VaryingText<MAX> {}

const fn layout(character_len: usize) -> Layout {
    Layout::structure(&[Layout::COUNT, Layout::COUNT, Layout::scalar(character_len)])
}

macro_rules! text {
    ($($text:ty, $character_len:literal;)*) => {$(
        impl Wire<Text> for $text {
            const LAYOUT: Layout = layout($character_len);
            const CONFORMANT: bool = true;
        }

        impl<const MAX: usize> Wire<VaryingText<MAX>> for $text {
            const LAYOUT: Layout = layout($character_len);
        }

        impl<const MAX: usize> Encode<VaryingText<MAX>> for $text {
            #[inline]
            fn encode_inline<S: Syntax>(
                &self,
                bounds: Bounds,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                let count = self.counted().map_or(1, |characters| characters + 1);
                maximum_count(room_for(MAX), count, writer.offset())?;
                Encode::<Text>::encode_inline(self, bounds, writer)
            }
        }
    )*};
}

text! {
    [u8], 1;
    str, 2;
    Utf16Str<'_>, 2;
}

/// Writes the maximum count of a string of `len` characters and a NUL.
#[inline]
fn encode_maximum<S: Syntax>(
    bounds: Bounds,
    len: usize,
    writer: &mut Writer<'_, S>,
) -> Result<(), EncodeError> {
    writer.count(maximum_count(bounds, len + 1, writer.offset())?)
}

/// Writes offset and actual count of a string of `len` characters and a NUL, the first NUL of
/// which, if any, is at `nul`.
#[inline]
fn encode_variance<S: Syntax>(
    bounds: Bounds,
    len: usize,
    nul: Option<usize>,
    writer: &mut Writer<'_, S>,
) -> Result<(), EncodeError> {
    if let Some(position) = nul {
        return Err(writer.error(EncodeErrorKind::NulInString { position }));
    }
    check_encode_count(bounds.length, len + 1, writer.offset())?;
    writer.count(0)?;
    writer.count(len + 1)
}

impl Encode<Text> for [u8] {
    #[inline]
    fn encode_conformance<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        encode_maximum(bounds, self.len(), writer)
    }

    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        let nul = self.iter().position(|&byte| byte == 0);
        encode_variance(bounds, self.len(), nul, writer)?;
        writer.bytes(self);
        writer.bytes(&[0]);
        Ok(())
    }
}

impl Encode<Text> for str {
    #[inline]
    fn encode_conformance<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        encode_maximum(bounds, simd::utf16_len(self), writer)
    }

    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        let nul = (self.as_bytes().contains(&0))
            .then(|| self.encode_utf16().position(|unit| unit == 0))
            .flatten();
        encode_variance(bounds, simd::utf16_len(self), nul, writer)?;
        writer.utf16(self);
        writer.bytes(&[0, 0]);
        Ok(())
    }
}

impl Encode<Text> for Utf16Str<'_> {
    #[inline]
    fn encode_conformance<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        match self.source {
            Source::Native(text) => Encode::<Text>::encode_conformance(text, bounds, writer),
            Source::Wire { units, .. } => encode_maximum(bounds, units.len() / 2, writer),
        }
    }

    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        bounds: Bounds,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        match self.source {
            Source::Native(text) => Encode::<Text>::encode_inline(text, bounds, writer),
            Source::Wire { units, order } => {
                encode_variance(bounds, units.len() / 2, None, writer)?;
                encode_units(units, order, writer)?;
                writer.u16(0);
                Ok(())
            }
        }
    }
}

/// Writes UTF-16 that came in.
#[inline]
fn encode_units<S: Syntax>(
    units: &[u8],
    order: ByteOrder,
    writer: &mut Writer<'_, S>,
) -> Result<(), EncodeError> {
    match order {
        ByteOrder::Little => {
            writer.align(u16::LEN);
            writer.bytes(units);
            Ok(())
        }
        ByteOrder::Big => <u16 as Encode>::encode_elements(&simd::collect(units, order), writer),
    }
}

/// A string as it was read: what stands before its first NUL, still borrowed from the stub.
///
/// The shell of every string type; `maximum` and `actual` wait for the check against `size_is`
/// and `length_is`.
#[derive(Clone, Copy, Debug)]
pub struct RawText<'a> {
    maximum: usize,
    actual: usize,
    characters: &'a [u8],
}

impl<'a> RawText<'a> {
    /// Reads offset, actual count and characters of `N` bytes each.
    #[inline]
    fn decode<const N: usize, S: Syntax>(
        maximum: usize,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        let actual = reader.variance(maximum)?;
        let characters = match N {
            1 => number_bytes::<u8, S>(actual, reader)?,
            _ => number_bytes::<u16, S>(actual, reader)?,
        };
        let (characters, _) = characters.as_chunks::<N>();
        if characters.last() != Some(&[0; N]) {
            return Err(reader.error(DecodeErrorKind::MissingTerminator));
        }
        let before_nul = before_nul(characters);
        Ok(RawText {
            maximum,
            actual,
            characters: before_nul.as_flattened(),
        })
    }

    #[inline]
    fn check<S: Syntax>(
        self,
        bounds: Bounds,
        reader: &Reader<'a, S>,
    ) -> Result<&'a [u8], DecodeError> {
        check_decode_count(bounds.size, self.maximum, reader.offset())?;
        check_decode_count(bounds.length, self.actual, reader.offset())?;
        Ok(self.characters)
    }
}

/// What stands before the first NUL of characters of which the last one is NUL.
#[inline]
fn before_nul<const N: usize>(characters: &[[u8; N]]) -> &[[u8; N]] {
    let without_last = &characters[..characters.len() - 1];
    let bytes = without_last.as_flattened();
    let has_nul = match N {
        1 => bytes.contains(&0),
        _ => simd::has_nul(bytes.as_chunks().0),
    };
    if !has_nul {
        return without_last;
    }
    let nul = without_last
        .iter()
        .position(|character| *character == [0; N]);
    &without_last[..nul.unwrap_or(without_last.len())]
}

/// `Decode` for a type of string, from how the checked characters become a value.
macro_rules! decode_text {
    ([$($lifetime:lifetime)?] $text:ty, $character_len:literal, $finish:expr) => {
        impl<'a> Decode<'a, Text> for $text {
            type Conformance = usize;
            type Inline = RawText<'a>;

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
            ) -> Result<RawText<'a>, DecodeError> {
                RawText::decode::<$character_len, S>(maximum, reader)
            }

            #[inline]
            fn decode_deferred<S: Syntax>(
                raw: RawText<'a>,
                bounds: Bounds,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                let characters = raw.check(bounds, reader)?;
                $finish(characters, reader)
            }
        }

        impl<'a, const MAX: usize> Decode<'a, VaryingText<MAX>> for $text {
            type Conformance = ();
            type Inline = RawText<'a>;

            #[inline]
            fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
                Ok(())
            }

            #[inline]
            fn decode_inline<S: Syntax>(
                (): (),
                reader: &mut Reader<'a, S>,
            ) -> Result<RawText<'a>, DecodeError> {
                RawText::decode::<$character_len, S>(MAX, reader)
            }

            #[inline]
            fn decode_deferred<S: Syntax>(
                raw: RawText<'a>,
                bounds: Bounds,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                <Self as Decode<'a, Text>>::decode_deferred(raw, bounds, reader)
            }
        }
    };
}

decode_text!(['a] &'a [u8], 1, |bytes, _: &mut Reader<'a, S>| Ok(bytes));
decode_text!([] Vec<u8>, 1, |bytes: &'a [u8], _: &mut Reader<'a, S>| Ok(bytes.to_vec()));
decode_text!(['a] Utf16Str<'a>, 2, |units, reader: &mut Reader<'a, S>| {
    Ok(Utf16Str { source: Source::Wire { units, order: reader.order() } })
});
decode_text!([] String, 2, |units: &'a [u8], reader: &mut Reader<'a, S>| {
    simd::to_utf8(units.as_chunks().0, reader.order())
        .ok_or_else(|| reader.error(DecodeErrorKind::InvalidUtf16))
});

#[inline]
fn wire_units(units: &[u8], order: ByteOrder) -> impl Iterator<Item = u16> + Clone + '_ {
    let (units, _) = units.as_chunks::<2>();
    units.iter().map(move |unit| match order {
        ByteOrder::Little => u16::from_le_bytes(*unit),
        ByteOrder::Big => u16::from_be_bytes(*unit),
    })
}

/// A UTF-16 string borrowed from a stub and converted only when it is asked for; or a `str`
/// that is to become one.
///
/// ```
/// use annulus_ndr::Utf16Str;
///
/// let name = Utf16Str::from("annulus");
/// assert_eq!(name, "annulus");
/// assert_eq!(name.chars().count(), 7);
/// ```
#[derive(Clone, Copy)]
pub struct Utf16Str<'a> {
    source: Source<'a>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Native(&'a str),
    /// An even number of bytes, at any alignment.
    Wire {
        units: &'a [u8],
        order: ByteOrder,
    },
}

impl<'a> Utf16Str<'a> {
    /// Takes `count` units from the stub, whatever they are.
    #[inline]
    pub(crate) fn take<S: Syntax>(
        count: usize,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        Ok(Utf16Str {
            source: Source::Wire {
                units: number_bytes::<u16, S>(count, reader)?,
                order: reader.order(),
            },
        })
    }

    /// Writes the units, aligned, without a count and a NUL.
    #[inline]
    pub(crate) fn encode_characters<S: Syntax>(
        &self,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        match self.source {
            Source::Native("") => Ok(()),
            Source::Wire { units: [], .. } => Ok(()),
            Source::Native(text) => {
                writer.utf16(text);
                Ok(())
            }
            Source::Wire { units, order } => encode_units(units, order, writer),
        }
    }

    /// Whether it has no character.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.source {
            Source::Native(text) => text.is_empty(),
            Source::Wire { units, .. } => units.is_empty(),
        }
    }

    /// How many UTF-16 units it has.
    #[inline]
    #[must_use]
    pub fn unit_count(&self) -> usize {
        match self.source {
            Source::Native(text) => simd::utf16_len(text),
            Source::Wire { units, .. } => units.len() / 2,
        }
    }

    /// The characters; a surrogate without its twin becomes U+FFFD.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'a> {
        let (native, wire) = match self.source {
            Source::Native(text) => (text, None),
            Source::Wire { units, order } => ("", Some(wire_units(units, order))),
        };
        let wire = decode_utf16(wire.into_iter().flatten());
        native
            .chars()
            .chain(wire.map(|unit| unit.unwrap_or(REPLACEMENT_CHARACTER)))
    }

    /// The string, with U+FFFD for each surrogate without its twin.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'a, str> {
        match self.source {
            Source::Native(text) => Cow::Borrowed(text),
            Source::Wire { .. } => match self.to_utf8() {
                Some(text) => text,
                None => Cow::Owned(self.chars().collect()),
            },
        }
    }

    /// The string, or `None` if it has a surrogate without its twin.
    #[must_use]
    pub fn to_utf8(&self) -> Option<Cow<'a, str>> {
        match self.source {
            Source::Native(text) => Some(Cow::Borrowed(text)),
            Source::Wire { units, order } => {
                simd::to_utf8(units.as_chunks().0, order).map(Cow::Owned)
            }
        }
    }
}

impl<'a> From<&'a str> for Utf16Str<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Utf16Str {
            source: Source::Native(text),
        }
    }
}

impl PartialEq for Utf16Str<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.source, other.source) {
            (Source::Native(a), Source::Native(b)) => a == b,
            (Source::Native(text), Source::Wire { units, order })
            | (Source::Wire { units, order }, Source::Native(text)) => {
                text.encode_utf16().eq(wire_units(units, order))
            }
            (
                Source::Wire {
                    units: a,
                    order: a_order,
                },
                Source::Wire {
                    units: b,
                    order: b_order,
                },
            ) => wire_units(a, a_order).eq(wire_units(b, b_order)),
        }
    }
}

impl Eq for Utf16Str<'_> {}

impl PartialEq<str> for Utf16Str<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == Utf16Str::from(other)
    }
}

impl PartialEq<&str> for Utf16Str<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == Utf16Str::from(*other)
    }
}

impl fmt::Display for Utf16Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

impl fmt::Debug for Utf16Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.to_string_lossy(), f)
    }
}
