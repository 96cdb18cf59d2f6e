//! Parameter lists: what is sent in one direction of one operation.

use crate::error::{DecodeError, EncodeError};
use crate::reader::{ByteOrder, Reader};
use crate::syntax::Syntax;
use crate::writer::Writer;

/// The parameters of one operation in one direction.
///
/// The reply to `[in] n, [out, size_is(n)]` does not say itself how long its array must be; the
/// request does. Such a list is *given* what it needs of the request, where both are at hand: with
/// [`with_given`](Params::with_given) to be written, by [`decode_given`] to be read. Where nothing
/// is given, counts that the request tells are not checked, and a maximum count is the number of
/// elements.
pub trait Params {
    /// What the request tells about these parameters: `()`, or a struct of numbers.
    type Given: Copy + Send + Sync + Unpin + 'static;

    /// The parameters, to be written as the request that told `given` has them.
    fn with_given(self, given: Self::Given) -> WithGiven<Self>
    where
        Self: Sized,
    {
        WithGiven {
            params: self,
            given: Some(given),
        }
    }
}

/// A request that tells its reply's parameters what they are [given](Params::Given).
///
/// Every type gives `()`. Generated requests give more where their replies need more.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a request to which the reply is given `{G}`",
    note = "the request and the reply are those of one operation"
)]
pub trait Gives<G> {
    /// What it tells.
    fn given(&self) -> G;
}

impl<T: ?Sized> Gives<()> for T {
    #[inline]
    fn given(&self) {}
}

/// Parameters to be written, with what their request tells about them.
#[derive(Clone, Copy, Debug)]
pub struct WithGiven<P: Params> {
    /// The parameters.
    pub params: P,
    /// What the request tells, if that is known.
    pub given: Option<P::Given>,
}

impl<P: Params> Params for WithGiven<P> {
    type Given = ();
}

impl<P: EncodeParams> EncodeParams for WithGiven<P> {
    #[inline]
    fn encode_params<S: Syntax>(
        &self,
        _: Option<()>,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        self.params.encode_params(self.given, writer)
    }
}

/// The parameters of one operation in one direction, to be written.
///
/// Not a structure: each parameter is written whole, with its pointees, before the next, and
/// the list has no alignment of its own. Derive it with `#[derive(NdrParams)]`.
pub trait EncodeParams: Params {
    /// Writes the parameters, checked against what the request tells, if that is known.
    ///
    /// # Errors
    /// Which parameter cannot be written, and why.
    fn encode_params<S: Syntax>(
        &self,
        given: Option<Self::Given>,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError>;
}

/// The parameters of one operation in one direction, to be read. See [`EncodeParams`].
pub trait DecodeParams<'a>: Params + Sized {
    /// Reads the parameters, checked against what the request tells, if that is known.
    ///
    /// # Errors
    /// Which parameter is bad, and why.
    fn decode_params<S: Syntax>(
        given: Option<Self::Given>,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError>;
}

impl Params for () {
    type Given = ();
}

impl EncodeParams for () {
    #[inline]
    fn encode_params<S: Syntax>(
        &self,
        _: Option<()>,
        _: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<'a> DecodeParams<'a> for () {
    #[inline]
    fn decode_params<S: Syntax>(_: Option<()>, _: &mut Reader<'a, S>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

impl<T: Params + ?Sized> Params for &T {
    type Given = T::Given;
}

impl<T: EncodeParams + ?Sized> EncodeParams for &T {
    #[inline]
    fn encode_params<S: Syntax>(
        &self,
        given: Option<T::Given>,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        (**self).encode_params(given, writer)
    }
}

/// Appends the stub data of `params` to `out`, whose end is the start of the stub.
///
/// # Errors
/// Which field cannot be written, and why; `out` is then as long as it was before.
#[inline]
pub fn encode<S: Syntax, T: EncodeParams + ?Sized>(
    params: &T,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let result = params.encode_params(None, &mut Writer::<S>::new(out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Reads the parameters that `stub` starts with. Bytes behind them are ignored, as real peers
/// expect.
///
/// # Errors
/// What is wrong with the stub data, at which offset, in which field.
#[inline]
pub fn decode<'a, S: Syntax, T: DecodeParams<'a>>(
    stub: &'a [u8],
    order: ByteOrder,
) -> Result<T, DecodeError> {
    decode_given::<S, T>(None, stub, order)
}

/// The same for a reply, checked against what its request tells, if that is known.
///
/// # Errors
/// As for [`decode`]; and what the request tells differently.
#[inline]
pub fn decode_given<'a, S: Syntax, T: DecodeParams<'a>>(
    given: Option<T::Given>,
    stub: &'a [u8],
    order: ByteOrder,
) -> Result<T, DecodeError> {
    match order {
        ByteOrder::Little => {
            T::decode_params(given, &mut Reader::<S>::new(stub, ByteOrder::Little))
        }
        ByteOrder::Big => decode_big_endian::<S, T>(given, stub),
    }
}

/// Reads the parameters that `stub` starts with, and gives the offset behind them: where the
/// operation's pipes start.
///
/// # Errors
/// As for [`decode_given`].
pub fn decode_prefix<'a, S: Syntax, T: DecodeParams<'a>>(
    given: Option<T::Given>,
    stub: &'a [u8],
    order: ByteOrder,
) -> Result<(T, usize), DecodeError> {
    let mut reader = Reader::<S>::new(stub, order);
    let params = T::decode_params(given, &mut reader)?;
    Ok((params, reader.offset()))
}

/// Kept apart, so that the way of the many knows its byte order at compile time.
#[inline(never)]
fn decode_big_endian<'a, S: Syntax, T: DecodeParams<'a>>(
    given: Option<T::Given>,
    stub: &'a [u8],
) -> Result<T, DecodeError> {
    T::decode_params(given, &mut Reader::<S>::new(stub, ByteOrder::Big))
}
