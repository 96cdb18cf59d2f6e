//! Numbers, booleans, UUIDs and context handles: types with one shape, all of it inline.

use uuid::Uuid;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::error::{DecodeError, EncodeError};
use crate::reader::{ByteOrder, Reader};
use crate::simd;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Encode, Natural, Wire};
use crate::writer::Writer;

mod sealed {
    pub trait Sealed {}
}

/// A base number: an integer or an IEEE float, aligned to its own length.
pub trait Number:
    Copy + Encode + FromBytes + IntoBytes + Immutable + sealed::Sealed + 'static
{
    /// Its length on the wire, in bytes.
    const LEN: usize;

    /// Reads one from the first [`LEN`](Number::LEN) bytes.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    fn from_wire(bytes: &[u8], order: ByteOrder) -> Self;
}

macro_rules! numbers {
    ($($number:ident)*) => {$(
        impl sealed::Sealed for $number {}

        impl Number for $number {
            const LEN: usize = size_of::<$number>();

            #[inline]
            fn from_wire(bytes: &[u8], order: ByteOrder) -> Self {
                let bytes = *bytes.first_chunk().expect("a number has all its bytes");
                match order {
                    ByteOrder::Little => $number::from_le_bytes(bytes),
                    ByteOrder::Big => $number::from_be_bytes(bytes),
                }
            }
        }

        impl Wire for $number {
            const LAYOUT: Layout = Layout::scalar(size_of::<$number>());
        }

        impl Encode for $number {
            #[inline]
            fn encode_inline<S: Syntax>(
                &self,
                (): (),
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                writer.align(size_of::<$number>());
                writer.bytes(&self.to_le_bytes());
                Ok(())
            }

            #[inline]
            fn encode_elements<S: Syntax>(
                elements: &[Self],
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                if elements.is_empty() {
                    return Ok(());
                }
                writer.align(Self::LEN);
                if cfg!(target_endian = "little") {
                    writer.bytes(elements.as_bytes());
                    return Ok(());
                }
                let wire = writer.zeros(size_of_val(elements)).chunks_exact_mut(Self::LEN);
                for (bytes, number) in wire.zip(elements) {
                    bytes.copy_from_slice(&number.to_le_bytes());
                }
                Ok(())
            }

            #[inline]
            fn encode_deferred_elements<S: Syntax>(
                _: &[Self],
                _: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                Ok(())
            }
        }

        impl<'a> Decode<'a> for $number {
            inline_only!('a);

            #[inline]
            fn decode_inline<S: Syntax>(
                (): (),
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                reader.align(size_of::<$number>());
                let bytes = reader.array()?;
                Ok(match reader.order() {
                    ByteOrder::Little => $number::from_le_bytes(bytes),
                    ByteOrder::Big => $number::from_be_bytes(bytes),
                })
            }

            #[inline]
            fn decode_elements<S: Syntax>(
                count: usize,
                reader: &mut Reader<'a, S>,
            ) -> Result<Vec<Self>, DecodeError> {
                let wire = number_bytes::<$number, S>(count, reader)?;
                Ok(simd::collect(wire, reader.order()))
            }

            #[inline]
            fn decode_array<const N: usize, S: Syntax>(
                reader: &mut Reader<'a, S>,
            ) -> Result<[Self; N], DecodeError> {
                let wire = fixed_number_bytes::<$number, S>(N, reader)?;
                Ok(simd::read_array(wire, reader.order()))
            }

            complete_elements!('a);
        }
    )*};
}

/// The parts of `Decode` for a type that is complete after its inline phase.
macro_rules! inline_only {
    ($lifetime:lifetime) => {
        type Conformance = ();
        type Inline = Self;

        #[inline]
        fn decode_conformance<S: Syntax>(_: &mut Reader<$lifetime, S>) -> Result<(), DecodeError> {
            Ok(())
        }

        #[inline]
        fn decode_deferred<S: Syntax>(
            inline: Self,
            (): (),
            _: &mut Reader<$lifetime, S>,
        ) -> Result<Self, DecodeError> {
            Ok(inline)
        }
    };
}

/// The parts of `Decode` for arrays of a type that is complete after its inline phase.
macro_rules! complete_elements {
    ($lifetime:lifetime) => {
        #[inline]
        fn decode_deferred_elements<S: Syntax>(
            elements: Vec<Self>,
            _: &mut Reader<$lifetime, S>,
        ) -> Result<Vec<Self>, DecodeError> {
            Ok(elements)
        }

        #[inline]
        fn decode_deferred_array<const N: usize, S: Syntax>(
            elements: [Self; N],
            _: &mut Reader<$lifetime, S>,
        ) -> Result<[Self; N], DecodeError> {
            Ok(elements)
        }
    };
}

numbers!(u16 i16 u32 i32 u64 i64 i8 f32 f64);

/// Takes the bytes of as many numbers as a count of the stub says, none of which may lie beyond
/// its end.
#[inline]
pub(crate) fn number_bytes<'a, N: Number, S: Syntax>(
    count: usize,
    reader: &mut Reader<'a, S>,
) -> Result<&'a [u8], DecodeError> {
    if count == 0 {
        return Ok(&[]);
    }
    reader.align(N::LEN);
    reader.elements(count, N::LEN)
}

/// Takes the bytes of as many numbers as the type says: if there are fewer, it is the stub that
/// is too short, not a count that is too large.
#[inline]
pub(crate) fn fixed_number_bytes<'a, N: Number, S: Syntax>(
    count: usize,
    reader: &mut Reader<'a, S>,
) -> Result<&'a [u8], DecodeError> {
    if count == 0 {
        return Ok(&[]);
    }
    reader.align(N::LEN);
    reader.bytes(count.saturating_mul(N::LEN))
}

impl sealed::Sealed for u8 {}

impl Number for u8 {
    const LEN: usize = 1;

    #[inline]
    fn from_wire(bytes: &[u8], _: ByteOrder) -> Self {
        bytes[0]
    }
}

impl Wire for u8 {
    const LAYOUT: Layout = Layout::scalar(1);
}

impl Encode for u8 {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        writer.bytes(&[*self]);
        Ok(())
    }

    #[inline]
    fn encode_elements<S: Syntax>(
        elements: &[Self],
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        writer.bytes(elements);
        Ok(())
    }

    #[inline]
    fn encode_deferred_elements<S: Syntax>(
        _: &[Self],
        _: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<'a> Decode<'a> for u8 {
    inline_only!('a);

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        let [byte] = reader.array()?;
        Ok(byte)
    }

    #[inline]
    fn decode_elements<S: Syntax>(
        count: usize,
        reader: &mut Reader<'a, S>,
    ) -> Result<Vec<Self>, DecodeError> {
        let wire = number_bytes::<u8, S>(count, reader)?;
        Ok(simd::collect(wire, reader.order()))
    }

    #[inline]
    fn decode_array<const N: usize, S: Syntax>(
        reader: &mut Reader<'a, S>,
    ) -> Result<[Self; N], DecodeError> {
        reader.array()
    }

    complete_elements!('a);
}

impl Wire for bool {
    const LAYOUT: Layout = Layout::scalar(1);
}

/// IDL's `boolean`: one byte. (A Win32 `BOOL` is an `i32`.)
impl Encode for bool {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        writer.bytes(&[u8::from(*self)]);
        Ok(())
    }
}

/// Any byte but zero is true.
impl<'a> Decode<'a> for bool {
    inline_only!('a);

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        let [byte] = reader.array()?;
        Ok(byte != 0)
    }
}

impl Wire for Uuid {
    const LAYOUT: Layout = Layout::structure(&[
        <u32 as Wire>::LAYOUT,
        <u16 as Wire>::LAYOUT,
        <u16 as Wire>::LAYOUT,
        <u8 as Wire>::LAYOUT.repeated(8),
    ]);
}

/// The structure `{u32, u16, u16, u8[8]}`: the first three fields follow the byte order.
impl Encode for Uuid {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        writer.align(4);
        writer.bytes(&self.to_bytes_le());
        Ok(())
    }
}

impl<'a> Decode<'a> for Uuid {
    inline_only!('a);

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        reader.align(4);
        let bytes = reader.array()?;
        Ok(match reader.order() {
            ByteOrder::Little => Uuid::from_bytes_le(bytes),
            ByteOrder::Big => Uuid::from_bytes(bytes),
        })
    }
}

/// A context handle as it crosses the wire: 20 bytes, all zero when null (C706 chapter 14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContextHandle {
    /// Zero; reserved.
    pub attributes: u32,
    /// What the server knows the context by.
    pub uuid: Uuid,
}

impl ContextHandle {
    /// No context; what a closed handle becomes.
    pub const NULL: ContextHandle = ContextHandle {
        attributes: 0,
        uuid: Uuid::nil(),
    };

    /// Whether it stands for no context.
    #[inline]
    #[must_use]
    pub fn is_null(&self) -> bool {
        *self == ContextHandle::NULL
    }
}

impl Wire for ContextHandle {
    const LAYOUT: Layout = Layout::structure(&[<u32 as Wire>::LAYOUT, <Uuid as Wire>::LAYOUT]);
}

impl Encode for ContextHandle {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        writer.u32(self.attributes);
        Encode::<Natural>::encode_inline(&self.uuid, (), writer)
    }
}

impl<'a> Decode<'a> for ContextHandle {
    inline_only!('a);

    #[inline]
    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        let attributes = reader.u32()?;
        let uuid = <Uuid as Decode>::decode_inline((), reader)?;
        Ok(ContextHandle { attributes, uuid })
    }
}
