//! Holders: `&T`, `Box<T>`, `Vec<T>` and `String` lie on the wire as what they hold.

use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Direct, Encode, Wire};
use crate::writer::Writer;

macro_rules! holder {
    ([$($generics:tt)*] $holder:ty => $held:ty) => {
        impl<$($generics)* H: Direct> Wire<H> for $holder
        where
            $held: Wire<H>,
        {
            const LAYOUT: Layout = <$held as Wire<H>>::LAYOUT;
            const CONFORMANT: bool = <$held as Wire<H>>::CONFORMANT;
            const ELEMENT_GAP: Layout = <$held as Wire<H>>::ELEMENT_GAP;
        }

        impl<$($generics)* H: Direct> Encode<H> for $holder
        where
            $held: Encode<H>,
        {
            #[inline]
            fn encode_conformance<S: Syntax>(
                &self,
                args: H::Args,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                <$held as Encode<H>>::encode_conformance(self, args, writer)
            }

            #[inline]
            fn encode_inline<S: Syntax>(
                &self,
                args: H::Args,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                <$held as Encode<H>>::encode_inline(self, args, writer)
            }

            #[inline]
            fn encode_deferred<S: Syntax>(
                &self,
                args: H::Args,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                <$held as Encode<H>>::encode_deferred(self, args, writer)
            }
        }
    };
}

holder!([T: ?Sized,] &T => T);
holder!([T: ?Sized,] Box<T> => T);
holder!([T,] Vec<T> => [T]);
holder!([] String => str);

impl<'a, T: Decode<'a, H>, H: Direct> Decode<'a, H> for Box<T> {
    type Conformance = T::Conformance;
    type Inline = T::Inline;

    #[inline]
    fn decode_conformance<S: Syntax>(
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Conformance, DecodeError> {
        T::decode_conformance(reader)
    }

    #[inline]
    fn decode_inline<S: Syntax>(
        conformance: Self::Conformance,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Inline, DecodeError> {
        T::decode_inline(conformance, reader)
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        inline: Self::Inline,
        args: H::Args,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        T::decode_deferred(inline, args, reader).map(Box::new)
    }
}
