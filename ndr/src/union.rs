//! Unions whose arm another field selects.

use crate::correlation::{Correlated, Selector};
use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Encode, Shape, Wire};
use crate::writer::Writer;

/// The shape of a non-encapsulated union with `switch_is`: as on its own, discriminant first,
/// and the discriminant must be what the selecting field says.
#[derive(Debug)]
pub enum Switch {}

impl Shape for Switch {
    type Args = Selector;
}

impl<T: Wire> Wire<Switch> for T {
    const LAYOUT: Layout = T::LAYOUT;
    const CONFORMANT: bool = T::CONFORMANT;
}

impl<T: Encode + Correlated> Encode<Switch> for T {
    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        selector: Selector,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        selector
            .check_encode(self.correlated())
            .map_err(|kind| writer.error(kind))?;
        <T as Encode>::encode_inline(self, (), writer)
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        _: Selector,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        <T as Encode>::encode_deferred(self, (), writer)
    }
}

impl<'a, T: Decode<'a> + Correlated> Decode<'a, Switch> for T {
    type Conformance = T::Conformance;
    type Inline = T::Inline;

    #[inline]
    fn decode_conformance<S: Syntax>(
        reader: &mut Reader<'a, S>,
    ) -> Result<T::Conformance, DecodeError> {
        <T as Decode>::decode_conformance(reader)
    }

    #[inline]
    fn decode_inline<S: Syntax>(
        conformance: T::Conformance,
        reader: &mut Reader<'a, S>,
    ) -> Result<T::Inline, DecodeError> {
        <T as Decode>::decode_inline(conformance, reader)
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        inline: T::Inline,
        selector: Selector,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        let union = <T as Decode>::decode_deferred(inline, (), reader)?;
        selector
            .check_decode(union.correlated())
            .map_err(|kind| reader.error(kind))?;
        Ok(union)
    }
}
