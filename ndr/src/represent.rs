//! Types of the program's own in place of a type of the wire, as `represent_as` of an ACF asks.

use std::marker::PhantomData;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Encode, Natural, Shape, Wire};
use crate::writer::Writer;

/// A type that crosses the wire as `W`.
///
/// ```
/// use std::time::Duration;
/// use annulus_ndr::{ByteOrder, Ndr, NdrParams, Represent, decode, encode};
///
/// struct Timeout(Duration);
///
/// impl Represent<u32> for Timeout {
///     fn to_wire(&self) -> u32 {
///         u32::try_from(self.0.as_millis()).unwrap_or(u32::MAX)
///     }
///
///     fn from_wire(wire: u32) -> Result<Self, &'static str> {
///         Ok(Timeout(Duration::from_millis(wire.into())))
///     }
/// }
///
/// #[derive(NdrParams)]
/// struct Wait {
///     #[ndr(represent_as = u32)]
///     timeout: Timeout,
/// }
///
/// let mut stub = Vec::new();
/// encode::<Ndr, _>(&Wait { timeout: Timeout(Duration::from_secs(1)) }, &mut stub)?;
/// assert_eq!(stub, [0xe8, 3, 0, 0]);
/// let wait: Wait = decode::<Ndr, _>(&stub, ByteOrder::Little)?;
/// assert_eq!(wait.timeout.0, Duration::from_secs(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Represent<W>: Sized {
    /// What is sent. It is asked for once in each phase, so it must be the same each time.
    fn to_wire(&self) -> W;

    /// What becomes of what came.
    ///
    /// # Errors
    /// Why there is no such value; the peer is told that its stub data is bad.
    fn from_wire(wire: W) -> Result<Self, &'static str>;
}

/// The shape of a type that represents `W`, which has the shape `H`.
#[derive(Debug)]
pub struct As<W, H = Natural>(PhantomData<(W, H)>);

impl<W: 'static, H: Shape> Shape for As<W, H> {
    type Args = H::Args;
}

impl<T: Represent<W>, W: Wire<H> + 'static, H: Shape> Wire<As<W, H>> for T {
    const LAYOUT: Layout = W::LAYOUT;
    const CONFORMANT: bool = W::CONFORMANT;
    const ELEMENT_GAP: Layout = W::ELEMENT_GAP;
}

impl<T: Represent<W>, W: Encode<H> + 'static, H: Shape> Encode<As<W, H>> for T {
    #[inline]
    fn encode_conformance<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        W::encode_conformance(&self.to_wire(), args, writer)
    }

    #[inline]
    fn encode_inline<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        W::encode_inline(&self.to_wire(), args, writer)
    }

    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        W::encode_deferred(&self.to_wire(), args, writer)
    }
}

impl<'a, T, W, H> Decode<'a, As<W, H>> for T
where
    T: Represent<W>,
    W: Decode<'a, H> + 'static,
    H: Shape,
{
    type Conformance = W::Conformance;
    type Inline = W::Inline;

    #[inline]
    fn decode_conformance<S: Syntax>(
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Conformance, DecodeError> {
        W::decode_conformance(reader)
    }

    #[inline]
    fn decode_inline<S: Syntax>(
        conformance: Self::Conformance,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Inline, DecodeError> {
        W::decode_inline(conformance, reader)
    }

    #[inline]
    fn decode_deferred<S: Syntax>(
        inline: Self::Inline,
        args: H::Args,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        let wire = W::decode_deferred(inline, args, reader)?;
        T::from_wire(wire)
            .map_err(|reason| reader.error(DecodeErrorKind::NotRepresentable { reason }))
    }
}
