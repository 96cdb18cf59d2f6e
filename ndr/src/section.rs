//! Arrays of several dimensions, and arrays of which a part is sent that starts anywhere.

use crate::array::{Conformant, ConformantVarying, Varying};
use crate::correlation::Bounds;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Direct, Encode, Natural, Shape, Wire};
use crate::writer::Writer;

/// A box of elements out of an array of `D` dimensions: the array's extents, where the box
/// starts, how long it is in each dimension, and its elements, the last index running fastest.
///
/// One dimension is for arrays with `first_is`, which `Vec` and `&[T]` cannot have since they
/// start at 0. Arrays of which all dimensions are fixed are arrays of arrays, `[[T; N]; M]`,
/// and one of which the first dimension alone is conformant can also be a `Vec<[T; N]>`.
///
/// ```
/// use annulus_ndr::ArraySection;
///
/// let matrix = ArraySection::whole([2, 3], vec![1, 2, 3, 4, 5, 6]);
/// assert_eq!(matrix.get([1, 0]), Some(&4));
/// let column = ArraySection::part([2, 3], [0, 2], [2, 1], vec![3, 6]);
/// assert_eq!(column.get([1, 2]), Some(&6));
/// assert_eq!(column.get([1, 1]), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArraySection<T, const D: usize = 1> {
    extents: [usize; D],
    first: [usize; D],
    lengths: [usize; D],
    elements: Vec<T>,
}

impl<T, const D: usize> ArraySection<T, D> {
    /// All of an array.
    ///
    /// # Panics
    /// If the number of elements is not the product of the extents.
    #[must_use]
    pub fn whole(extents: [usize; D], elements: Vec<T>) -> Self {
        Self::part(extents, [0; D], extents, elements)
    }

    /// The part of an array with these extents that starts at `first` and is as long as
    /// `lengths` says.
    ///
    /// # Panics
    /// If the part reaches out of the array, or the number of elements is not the product of
    /// the lengths.
    #[must_use]
    pub fn part(
        extents: [usize; D],
        first: [usize; D],
        lengths: [usize; D],
        elements: Vec<T>,
    ) -> Self {
        for d in 0..D {
            let end = first[d].checked_add(lengths[d]);
            assert!(
                end.is_some_and(|end| end <= extents[d]),
                "dimension {d}: {} elements from {} on do not fit into {}",
                lengths[d],
                first[d],
                extents[d],
            );
        }
        assert_eq!(
            product(lengths),
            Some(elements.len()),
            "as many elements as a box of {lengths:?} has"
        );
        ArraySection {
            extents,
            first,
            lengths,
            elements,
        }
    }

    /// How many elements the array has in each dimension, sent or not.
    #[must_use]
    pub fn extents(&self) -> [usize; D] {
        self.extents
    }

    /// The index of the first element that is here.
    #[must_use]
    pub fn first(&self) -> [usize; D] {
        self.first
    }

    /// How many elements are here in each dimension.
    #[must_use]
    pub fn lengths(&self) -> [usize; D] {
        self.lengths
    }

    /// The elements, the last index running fastest.
    #[must_use]
    pub fn elements(&self) -> &[T] {
        &self.elements
    }

    /// The elements, the last index running fastest.
    #[must_use]
    pub fn into_elements(self) -> Vec<T> {
        self.elements
    }

    /// The element at an index of the array, if it is here.
    #[must_use]
    pub fn get(&self, index: [usize; D]) -> Option<&T> {
        let mut at = 0;
        for (d, index) in index.into_iter().enumerate() {
            let within = index.checked_sub(self.first[d])?;
            if within >= self.lengths[d] {
                return None;
            }
            at = at * self.lengths[d] + within;
        }
        self.elements.get(at)
    }
}

/// The number of elements of a box, if it can be counted.
fn product<const D: usize>(lengths: [usize; D]) -> Option<usize> {
    lengths.into_iter().try_fold(1, usize::checked_mul)
}

/// What `size_is`, `first_is` and `length_is` say about each of the `D` dimensions of an array; `None`
/// where no field tells it. Numbers that no array has are kept as in [`Bounds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiBounds<const D: usize> {
    /// The extents.
    pub size: [Option<i128>; D],
    /// The index of the first element.
    pub first: [Option<i128>; D],
    /// The lengths.
    pub length: [Option<i128>; D],
}

impl<const D: usize> Default for MultiBounds<D> {
    fn default() -> Self {
        MultiBounds::NONE
    }
}

impl<const D: usize> MultiBounds<D> {
    /// Nothing known.
    pub const NONE: Self = MultiBounds {
        size: [None; D],
        first: [None; D],
        length: [None; D],
    };

    /// With the extents that `size_is` gives.
    #[must_use]
    pub fn with_size(self, size: [Option<i128>; D]) -> Self {
        MultiBounds { size, ..self }
    }

    /// With the index of the first element that `first_is` gives.
    #[must_use]
    pub fn with_first(self, first: [Option<i128>; D]) -> Self {
        MultiBounds { first, ..self }
    }

    /// With the lengths that `length_is` gives.
    #[must_use]
    pub fn with_length(self, length: [Option<i128>; D]) -> Self {
        MultiBounds { length, ..self }
    }
}

impl From<Bounds> for MultiBounds<1> {
    fn from(bounds: Bounds) -> Self {
        MultiBounds {
            size: [bounds.size],
            first: [bounds.first],
            length: [bounds.length],
        }
    }
}

/// A contradiction between what fields say and what the array is, of the same form in both
/// directions: (declared, found).
pub(crate) enum Mismatch {
    Count(i128, u64),
    First(i128, u64),
}

impl<const D: usize> MultiBounds<D> {
    pub(crate) fn check<T>(self, section: &ArraySection<T, D>) -> Result<(), Mismatch> {
        if let Some((declared, found)) = differing(self.size, section.extents)
            .or_else(|| differing(self.length, section.lengths))
        {
            return Err(Mismatch::Count(declared, found));
        }
        match differing(self.first, section.first) {
            Some((declared, found)) => Err(Mismatch::First(declared, found)),
            None => Ok(()),
        }
    }
}

/// The first of `declared` that is told and is not what was found, with that.
fn differing<const D: usize>(
    declared: [Option<i128>; D],
    found: [usize; D],
) -> Option<(i128, u64)> {
    declared
        .into_iter()
        .zip(found)
        .filter_map(|(declared, found)| Some((declared?, found)))
        .find(|(declared, found)| *declared != *found as i128)
        .map(|(declared, found)| (declared, found as u64))
}

impl From<Mismatch> for EncodeErrorKind {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::Count(declared, found) => EncodeErrorKind::CountMismatch { declared, found },
            Mismatch::First(declared, found) => EncodeErrorKind::FirstMismatch { declared, found },
        }
    }
}

impl From<Mismatch> for DecodeErrorKind {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::Count(declared, found) => DecodeErrorKind::CountMismatch { declared, found },
            Mismatch::First(declared, found) => DecodeErrorKind::FirstMismatch { declared, found },
        }
    }
}

/// The shape of a conformant array of `D` dimensions: the extents of all dimensions are hoisted
/// in front, also those that are fixed, and all elements are there.
#[derive(Debug)]
pub struct MultiConformant<const D: usize, H = Natural>(H);

/// The shape of a conformant and varying array of `D` dimensions: the extents are hoisted, then
/// come first index and length of each dimension, and so many elements.
#[derive(Debug)]
pub struct MultiConformantVarying<const D: usize, H = Natural>(H);

/// The shape of a varying array of `D` fixed dimensions: first index and length of each, and so
/// many elements. The extents are what `varying = (…)` says.
#[derive(Debug)]
pub struct MultiVarying<const D: usize, H = Natural>(H);

/// What is on the wire in front of the elements.
#[derive(Clone, Copy)]
struct Form {
    has_extents: bool,
    has_variance: bool,
    /// The extent of each dimension, where the shape alone says it.
    room: Option<usize>,
}

const CONFORMANT: Form = Form {
    has_extents: true,
    has_variance: false,
    room: None,
};
const CONFORMANT_VARYING: Form = Form {
    has_extents: true,
    has_variance: true,
    room: None,
};
const VARYING: Form = Form {
    has_extents: false,
    has_variance: true,
    room: None,
};

impl Form {
    const fn layout(self, element: Layout) -> Layout {
        if self.has_variance {
            Layout::structure(&[Layout::COUNT.repeated(2), element.repeated(0)])
        } else {
            element.repeated(0)
        }
    }

    fn encode_extents<T, const D: usize, S: Syntax>(
        self,
        section: &ArraySection<T, D>,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        if !self.has_extents {
            return Ok(());
        }
        section
            .extents
            .iter()
            .try_for_each(|&extent| writer.count(extent))
    }

    fn encode_inline<T: Encode<H>, H: Shape, const D: usize, S: Syntax>(
        self,
        section: &ArraySection<T, D>,
        bounds: MultiBounds<D>,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        const { assert!(!T::CONFORMANT, "an array element cannot be conformant") };
        bounds
            .check(section)
            .map_err(|mismatch| writer.error(mismatch.into()))?;
        self.check_room(section)
            .map_err(|kind| writer.error(kind))?;
        if self.has_variance {
            for (first, length) in section.first.iter().zip(&section.lengths) {
                writer.count(*first)?;
                writer.count(*length)?;
            }
        } else if section.lengths != section.extents {
            return Err(writer.error(EncodeErrorKind::CountMismatch {
                declared: product(section.extents).unwrap_or(usize::MAX) as i128,
                found: section.elements.len() as u64,
            }));
        }
        T::encode_elements(&section.elements, writer)
    }

    fn check_room<T, const D: usize>(
        self,
        section: &ArraySection<T, D>,
    ) -> Result<(), EncodeErrorKind> {
        let Some(maximum) = self.room else {
            return Ok(());
        };
        let ends = section
            .first
            .iter()
            .zip(&section.lengths)
            .map(|(first, length)| first + length);
        match ends.max() {
            Some(end) if end > maximum => Err(EncodeErrorKind::BeyondMaximum {
                found: end as u64,
                maximum: maximum as i128,
            }),
            _ => Ok(()),
        }
    }

    fn decode_extents<const D: usize, S: Syntax>(
        self,
        reader: &mut Reader<'_, S>,
    ) -> Result<Extents<D>, DecodeError> {
        let mut extents = Extents::default();
        if self.has_extents {
            for extent in &mut extents.0 {
                *extent = reader.count()?;
            }
        }
        Ok(extents)
    }

    fn decode_inline<'a, T: Decode<'a, H>, H: Shape, const D: usize, S: Syntax>(
        self,
        Extents(extents): Extents<D>,
        reader: &mut Reader<'a, S>,
    ) -> Result<ArraySection<T::Inline, D>, DecodeError> {
        let extents = self.room.map_or(extents, |room| [room; D]);
        let (mut first, mut lengths) = ([0; D], extents);
        if self.has_variance {
            for d in 0..D {
                (first[d], lengths[d]) = reader.section(extents[d])?;
            }
        }
        let Some(count) = product(lengths) else {
            return Err(reader.error(DecodeErrorKind::CountTooLarge {
                count: u64::MAX,
                remaining: reader.remaining(),
            }));
        };
        let elements = T::decode_elements(count, reader)?;
        Ok(ArraySection {
            extents,
            first,
            lengths,
            elements,
        })
    }
}

impl Form {
    /// Completes the elements and checks the whole.
    fn complete<'a, T: Decode<'a, H>, H: Shape, const D: usize, S: Syntax>(
        self,
        mut inline: ArraySection<T::Inline, D>,
        bounds: MultiBounds<D>,
        reader: &mut Reader<'a, S>,
    ) -> Result<ArraySection<T, D>, DecodeError> {
        if !self.has_extents && self.room.is_none() {
            inline
                .enclose(bounds.size)
                .map_err(|kind| reader.error(kind))?;
        }
        bounds
            .check(&inline)
            .map_err(|mismatch| reader.error(mismatch.into()))?;
        Ok(ArraySection {
            extents: inline.extents,
            first: inline.first,
            lengths: inline.lengths,
            elements: T::decode_deferred_elements(inline.elements, reader)?,
        })
    }
}

impl<T, const D: usize> ArraySection<T, D> {
    /// Sets the extents of an array that does not carry them: to what is declared, or else to
    /// where the section ends.
    fn enclose(&mut self, declared: [Option<i128>; D]) -> Result<(), DecodeErrorKind> {
        for (d, declared) in declared.into_iter().enumerate() {
            let end = self.first[d] + self.lengths[d];
            let maximum = declared.unwrap_or(end as i128);
            if end as i128 > maximum {
                return Err(DecodeErrorKind::BeyondMaximum {
                    offset: self.first[d] as u64,
                    actual: self.lengths[d] as u64,
                    maximum,
                });
            }
            self.extents[d] = usize::try_from(maximum).unwrap_or(usize::MAX);
        }
        Ok(())
    }
}

/// The extents of an array while it is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Extents<const D: usize>([usize; D]);

/// No limit; for a place where they are not on the wire.
impl<const D: usize> Default for Extents<D> {
    fn default() -> Self {
        Extents([usize::MAX; D])
    }
}

/// All traits for one shape.
macro_rules! section_shape {
    ([$($generics:tt)*] $shape:ty, $dimensions:tt, $form:expr, $args:ty) => {
        impl<T: Wire<H>, H: Shape, $($generics)*> Wire<$shape> for ArraySection<T, $dimensions> {
            const LAYOUT: Layout = $form.layout(T::LAYOUT);
            const CONFORMANT: bool = $form.has_extents;
        }

        impl<T: Encode<H>, H: Shape, $($generics)*> Encode<$shape>
            for ArraySection<T, $dimensions>
        {
            fn encode_conformance<S: Syntax>(
                &self,
                _: $args,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                $form.encode_extents(self, writer)
            }

            fn encode_inline<S: Syntax>(
                &self,
                bounds: $args,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                $form.encode_inline::<T, H, $dimensions, S>(self, bounds.into(), writer)
            }

            fn encode_deferred<S: Syntax>(
                &self,
                _: $args,
                writer: &mut Writer<'_, S>,
            ) -> Result<(), EncodeError> {
                T::encode_deferred_elements(&self.elements, writer)
            }
        }

        impl<'a, T: Decode<'a, H>, H: Shape, $($generics)*> Decode<'a, $shape>
            for ArraySection<T, $dimensions>
        {
            type Conformance = Extents<$dimensions>;
            type Inline = ArraySection<T::Inline, $dimensions>;

            fn decode_conformance<S: Syntax>(
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Conformance, DecodeError> {
                $form.decode_extents(reader)
            }

            fn decode_inline<S: Syntax>(
                extents: Self::Conformance,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self::Inline, DecodeError> {
                $form.decode_inline::<T, H, $dimensions, S>(extents, reader)
            }

            fn decode_deferred<S: Syntax>(
                inline: Self::Inline,
                bounds: $args,
                reader: &mut Reader<'a, S>,
            ) -> Result<Self, DecodeError> {
                $form.complete::<T, H, $dimensions, S>(inline, bounds.into(), reader)
            }
        }
    };
}

section_shape!([const D: usize] MultiConformant<D, H>, D, CONFORMANT, MultiBounds<D>);
section_shape!([const D: usize] MultiConformantVarying<D, H>, D, CONFORMANT_VARYING, MultiBounds<D>);
section_shape!([const D: usize] MultiVarying<D, H>, D, VARYING, MultiBounds<D>);
section_shape!([] Conformant<H>, 1, CONFORMANT, Bounds);
section_shape!([] ConformantVarying<H>, 1, CONFORMANT_VARYING, Bounds);
section_shape!([const MAX: usize] Varying<MAX, H>, 1, in_room(MAX), Bounds);

/// A varying array of one dimension with this extent.
const fn in_room(extent: usize) -> Form {
    Form {
        room: Some(extent),
        ..VARYING
    }
}

macro_rules! multi_shapes {
    ($($shape:ident)*) => {$(
        impl<const D: usize, H: Shape> Shape for $shape<D, H> {
            type Args = MultiBounds<D>;
        }

        impl<const D: usize, H: Shape> Direct for $shape<D, H> {}
    )*};
}

multi_shapes!(MultiConformant MultiConformantVarying MultiVarying);
