//! How a type lies on the wire: its layout, its encoding, its decoding.
//!
//! A value of constructed type is written in three phases. Its *conformance* (the maximum
//! counts of a conformant array at its end) comes first, hoisted in front of the outermost
//! structure. Then its *inline* part. Then what its pointers point to, *deferred* behind the
//! outermost structure, in the order of the pointers (C706 chapter 14). A type says each phase
//! for itself; whoever contains it decides when the phase has come.

use crate::error::{DecodeError, EncodeError};
use crate::fixed::collect_array;
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::writer::Writer;

/// One way in which a type may lie on the wire. `&[u8]` alone is an array, or a string, or
/// another kind of array; the shape says which.
///
/// A shape is a type without values: [`Natural`], [`Conformant`](crate::Conformant),
/// [`ConformantVarying`](crate::ConformantVarying), [`Varying`](crate::Varying),
/// [`Text`](crate::Text), [`Switch`](crate::Switch), [`Unique`](crate::Unique),
/// [`Ref`](crate::Ref). The derive macro chooses it from the field's type and attributes.
pub trait Shape: 'static {
    /// What the fields next to a value of this shape say about it, such as `size_is`. The
    /// default says nothing.
    type Args: Copy + Default;
}

/// The shape of a type that has only one.
#[derive(Debug)]
pub enum Natural {}

impl Shape for Natural {
    type Args = ();
}

/// A shape in which a `Box`, a reference, a `Vec` or a `String` lies on the wire as its content
/// does. [`Ref`](crate::Ref) and [`Switch`](crate::Switch), which holders have themselves, are
/// not of this kind.
pub trait Direct: Shape {}

impl Direct for Natural {}

/// What is known of a type's wire form at compile time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no wire form of the shape `{H}`",
    note = "an array needs #[ndr(size_is = \"…\")], `conformant` or `varying = N`; a string needs \
            `string`; other types need #[derive(Ndr)]"
)]
pub trait Wire<H: Shape = Natural> {
    /// Alignment and least length of the inline part.
    const LAYOUT: Layout;
    /// Whether there is a conformance to hoist. Such a type can only be the last member of a
    /// structure, a pointee, or a parameter.
    const CONFORMANT: bool = false;
    /// What each element of an array is aligned to before its inline part begins: of a union
    /// with `ms_union` its arms (MS-RPCE 2.2.4.5), of others nothing.
    const ELEMENT_GAP: Layout = Layout::EMPTY;
}

/// A value that can be written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no wire form of the shape `{H}`",
    note = "an array needs #[ndr(size_is = \"…\")], `conformant` or `varying = N`; a string needs \
            `string`; other types need #[derive(Ndr)]"
)]
pub trait Encode<H: Shape = Natural>: Wire<H> {
    /// Writes the conformance, where there is one.
    ///
    /// # Errors
    /// What the value is that cannot be written; the same in the other phases.
    #[inline]
    fn encode_conformance<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        let _ = (args, writer);
        Ok(())
    }

    /// Writes the inline part.
    ///
    /// # Errors
    /// As for the conformance.
    fn encode_inline<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError>;

    /// Writes what the pointers in the inline part point to.
    ///
    /// # Errors
    /// As for the conformance.
    #[inline]
    fn encode_deferred<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        let _ = (args, writer);
        Ok(())
    }

    /// Writes the inline parts of the elements of an array; numbers do it in bulk.
    ///
    /// # Errors
    /// As for one element.
    #[inline]
    fn encode_elements<S: Syntax>(
        elements: &[Self],
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError>
    where
        Self: Sized,
    {
        elements.iter().try_for_each(|element| {
            writer.align(const { Self::ELEMENT_GAP.align::<S>() });
            element.encode_inline(H::Args::default(), writer)
        })
    }

    /// Writes the pointees of the elements of an array; numbers have none.
    ///
    /// # Errors
    /// As for one element.
    #[inline]
    fn encode_deferred_elements<S: Syntax>(
        elements: &[Self],
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError>
    where
        Self: Sized,
    {
        elements
            .iter()
            .try_for_each(|e| e.encode_deferred(H::Args::default(), writer))
    }

    /// Writes all phases at once: what becomes of a parameter and of a pointee.
    ///
    /// # Errors
    /// As for the phases.
    // Always inlined: then the writer of a stub of few parameters lives in registers.
    #[inline(always)]
    fn encode_whole<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        self.encode_conformance(args, writer)?;
        self.encode_inline(args, writer)?;
        self.encode_deferred(args, writer)
    }
}

/// A value that can be read, possibly borrowing from the stub.
///
/// The inline phase yields a shell, the deferred phase turns the shell into the value, so
/// nothing needs a placeholder for what was not read yet.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no wire form of the shape `{H}`",
    note = "an array needs #[ndr(size_is = \"…\")], `conformant` or `varying = N`; a string needs \
            `string`; other types need #[derive(Ndr)]"
)]
pub trait Decode<'a, H: Shape = Natural>: Sized + Wire<H> {
    /// The hoisted maximum counts; `()` where there are none. Its default is used where a
    /// type that is not conformant has its place only.
    type Conformance: Copy + Default;
    /// The shell: the inline part, with pointees still to come.
    type Inline;

    /// Reads the conformance.
    ///
    /// # Errors
    /// What is wrong with the stub data; the same in the other phases.
    fn decode_conformance<S: Syntax>(
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Conformance, DecodeError>;

    /// Reads the inline part.
    ///
    /// # Errors
    /// As for the conformance.
    fn decode_inline<S: Syntax>(
        conformance: Self::Conformance,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self::Inline, DecodeError>;

    /// Reads the pointees and completes the value, checking it against `args`.
    ///
    /// # Errors
    /// As for the conformance.
    fn decode_deferred<S: Syntax>(
        inline: Self::Inline,
        args: H::Args,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError>;

    /// Reads the inline parts of the elements of an array, having checked that the stub can
    /// hold so many; numbers do it in bulk.
    ///
    /// # Errors
    /// As for one element.
    fn decode_elements<S: Syntax>(
        count: usize,
        reader: &mut Reader<'a, S>,
    ) -> Result<Vec<Self::Inline>, DecodeError> {
        const { assert!(!Self::CONFORMANT, "an array element cannot be conformant") };
        reader.check_count(count, Self::LAYOUT)?;
        reader.take_memory(count, size_of::<Self::Inline>())?;
        let mut elements = Vec::with_capacity(reserved::<Self::Inline>(count));
        for _ in 0..count {
            elements.push(Self::decode_element(reader)?);
        }
        Ok(elements)
    }

    /// Completes the elements of an array; numbers are complete already.
    ///
    /// # Errors
    /// As for one element.
    fn decode_deferred_elements<S: Syntax>(
        elements: Vec<Self::Inline>,
        reader: &mut Reader<'a, S>,
    ) -> Result<Vec<Self>, DecodeError> {
        reader.take_memory(elements.len(), size_of::<Self>())?;
        let mut completed = Vec::with_capacity(elements.len());
        for element in elements {
            completed.push(Self::decode_deferred(element, H::Args::default(), reader)?);
        }
        Ok(completed)
    }

    /// Reads the inline parts of the elements of a fixed array; numbers do it in bulk.
    ///
    /// # Errors
    /// As for one element.
    #[inline]
    fn decode_array<const N: usize, S: Syntax>(
        reader: &mut Reader<'a, S>,
    ) -> Result<[Self::Inline; N], DecodeError> {
        const { assert!(!Self::CONFORMANT, "an array element cannot be conformant") };
        collect_array(|| Self::decode_element(reader))
    }

    /// Reads the inline part of one element of an array.
    ///
    /// # Errors
    /// As for the inline part.
    #[inline]
    fn decode_element<S: Syntax>(reader: &mut Reader<'a, S>) -> Result<Self::Inline, DecodeError> {
        reader.align(const { Self::ELEMENT_GAP.align::<S>() });
        Self::decode_inline(Self::Conformance::default(), reader)
    }

    /// Completes the elements of a fixed array; numbers are complete already.
    ///
    /// # Errors
    /// As for one element.
    #[inline]
    fn decode_deferred_array<const N: usize, S: Syntax>(
        elements: [Self::Inline; N],
        reader: &mut Reader<'a, S>,
    ) -> Result<[Self; N], DecodeError> {
        let mut shells = elements.into_iter();
        collect_array(|| {
            let shell = shells.next().expect("there are as many shells as elements");
            Self::decode_deferred(shell, H::Args::default(), reader)
        })
    }

    /// Reads all phases at once: what becomes of a parameter and of a pointee.
    ///
    /// # Errors
    /// As for the phases.
    #[inline]
    fn decode_whole<S: Syntax>(
        args: H::Args,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        let conformance = Self::decode_conformance(reader)?;
        let inline = Self::decode_inline(conformance, reader)?;
        Self::decode_deferred(inline, args, reader)
    }
}

/// The most bytes that are reserved for elements before one of them has been read.
const RESERVED_LEN_MAX: usize = 1 << 20;

/// For how many of `count` elements there is room at once. An element may be far longer in memory
/// than on the wire, such as the empty arm of a union whose other arms are large; room for more than
/// some of those grows with what is really there.
fn reserved<T>(count: usize) -> usize {
    count.min(RESERVED_LEN_MAX / size_of::<T>().max(1))
}
