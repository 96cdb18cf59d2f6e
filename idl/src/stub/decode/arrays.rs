//! Arrays, strings and pipes: counts, then elements.

use std::borrow::Cow;

use super::{Decoder, Failure, Maximum, Place};
use crate::model::{Array, ArrayShape, Count, Dimension, Extent, Scalar, Text, Type};
use crate::stub::StubErrorKind;
use crate::stub::json::Content;
use crate::stub::tree::Entry;
use crate::stub::values;
use crate::wire::{TransferSyntax, describe, dimension_name, flattened, is_varying, scalar_extent};

impl<'m, 'a> Decoder<'m, 'a> {
    /// Reads offset and actual count. Gives the actual count.
    fn variance(
        &mut self,
        place: &Place<'_, 'm>,
        dimension: &str,
        maximum: u64,
        (first, length): (Option<&'m Count>, Option<Cow<'m, Count>>),
    ) -> Result<u64, Failure> {
        let (name, field) = (&place.name, place.field);
        let offset = self.word(place.parent, format!("{name}.(offset{dimension})"))?;
        let shown = (self.tree.len() - 1, i128::from(offset));
        self.checks.note_first(field, first, shown);
        let actual = self.word(place.parent, format!("{name}.(actual count{dimension})"))?;
        let shown = (self.tree.len() - 1, i128::from(actual));
        self.checks.note(field, "length_is", length, shown);
        if offset.checked_add(actual).is_none_or(|end| end > maximum) {
            let kind = StubErrorKind::BeyondMaximum {
                offset,
                actual,
                maximum,
            };
            return Err(Box::new((Some(self.tree.len() - 1), kind)));
        }
        Ok(actual)
    }

    /// The first maximum count, which `size` says if it is there.
    fn maximum(&mut self, place: &Place<'_, 'm>, dimension: usize, size: Option<&'m Count>) -> u64 {
        let Some(&Maximum { at, count }) = place.maxima.get(dimension) else {
            return 0;
        };
        let (shown, size) = ((at, i128::from(count)), size.map(Cow::Borrowed));
        self.checks.note(place.field, "size_is", size, shown);
        count
    }

    pub(super) fn text(&mut self, text: &'m Text, place: Place<'_, 'm>) -> Result<(), Failure> {
        let room = match text.room {
            Some(room) => u64::from(room),
            None => self.maximum(&place, 0, text.size.as_ref()),
        };
        let length = text.length.as_ref().map(Cow::Borrowed);
        let actual = self.variance(&place, "", room, (None, length))?;
        let len = if text.is_wide { 2 } else { 1 };
        let (start, bytes) = self.elements(actual, len, &place)?;
        let units = bytes.chunks(len as usize);
        let units: Vec<u16> = units
            .take(values::UNITS_MAX + 1)
            .map(|unit| self.reader.value(unit) as u16)
            .collect();
        let has_nul = bytes.len() >= len as usize
            && bytes[bytes.len() - len as usize..]
                .iter()
                .all(|byte| *byte == 0);
        let is_wide = text.is_wide;
        let value = (
            values::text(&units, has_nul, is_wide),
            Content::Text { is_wide },
        );
        self.entry(place.parent, place.name, start, value).map(drop)
    }

    /// Takes `count` numbers of `len` bytes, with the offset at which they begin.
    fn elements(
        &mut self,
        count: u64,
        len: u64,
        place: &Place<'_, 'm>,
    ) -> Result<(usize, &'a [u8]), Failure> {
        if count > 0 {
            self.reader.align(len);
        }
        let start = self.reader.offset();
        let bytes = self.reader.take(count, len).map_err(|kind| {
            let at = Entry::unread(place.parent, place.name.clone(), start);
            Box::new((Some(self.tree.push(at)), kind))
        })?;
        Ok((start, bytes))
    }

    pub(super) fn array(&mut self, array: &'m Array, place: Place<'_, 'm>) -> Result<(), Failure> {
        let (element, fixed) = flattened(array);
        let mut dimensions = Vec::new();
        let count = match &array.shape {
            ArrayShape::Fixed(_) => {
                dimensions = fixed_dimensions(array);
                fixed
            }
            ArrayShape::Varying {
                room,
                first,
                length,
            } => {
                let tells = (first.as_ref(), Some(Cow::Borrowed(length)));
                self.variance(&place, "", u64::from(*room), tells)?
            }
            ArrayShape::Conformant {
                size,
                first,
                length,
            } => {
                let maximum = self.maximum(&place, 0, Some(size));
                match length {
                    Some(_) => {
                        let tells = (first.as_ref(), length.as_ref().map(Cow::Borrowed));
                        self.variance(&place, "", maximum, tells)?
                    }
                    None => maximum,
                }
            }
            ArrayShape::Several(several) => {
                dimensions = self.several(array, several, &place)?;
                // So many elements no stub has.
                dimensions.iter().copied().fold(1, u64::saturating_mul)
            }
        };
        self.values(element, count, dimensions, place)
    }

    /// What lies in front of the elements of an array of several dimensions. Gives the number of each.
    fn several(
        &mut self,
        array: &'m Array,
        dimensions: &'m [Dimension],
        place: &Place<'_, 'm>,
    ) -> Result<Vec<u64>, Failure> {
        let mut lengths = Vec::new();
        for (index, dimension) in dimensions.iter().enumerate() {
            let (room, size) = match &dimension.extent {
                Extent::Fixed(room) => {
                    let count = Count::Number(i128::from(*room));
                    (u64::from(*room), Cow::Owned(count))
                }
                Extent::Counted(size) => {
                    let room = self.maximum(place, index, Some(size));
                    (room, Cow::Borrowed(size))
                }
            };
            let length = match is_varying(array) {
                true => {
                    let name = dimension_name(index, dimensions.len());
                    // All of a dimension without a length is sent.
                    let length = dimension.length.as_ref().map_or(size, Cow::Borrowed);
                    let tells = (dimension.first.as_ref(), Some(length));
                    self.variance(place, &name, room, tells)?
                }
                false => room,
            };
            lengths.push(length);
        }
        Ok(lengths)
    }

    /// So many elements, of an array or of a chunk of a pipe.
    fn values(
        &mut self,
        element: &'m Type,
        count: u64,
        dimensions: Vec<u64>,
        place: Place<'_, 'm>,
    ) -> Result<(), Failure> {
        if let Type::Scalar(scalar @ Scalar::Integer { .. }) = element {
            let (len, _) = scalar_extent(*scalar);
            let (start, bytes) = self.elements(count, len, &place)?;
            let numbers = bytes
                .chunks(len as usize)
                .take(values::NUMBERS_MAX)
                .map(|number| self.reader.value(number));
            let of = *scalar;
            let value = values::numbers(of, numbers, count);
            let value = (value, Content::Numbers { of, dimensions });
            return self.entry(place.parent, place.name, start, value).map(drop);
        }
        let title = format!("{count} × {}", describe(self.model, element));
        let start = self.reader.offset();
        let value = (title, Content::List { dimensions });
        let at = self.entry(place.parent, place.name, start, value)?;
        for index in 0..count {
            let place = Place {
                parent: Some(at),
                name: format!("[{index}]"),
                maxima: Vec::new(),
                field: None,
                pending: &mut *place.pending,
            };
            self.reader.align(self.metrics.element_gap(element));
            self.nested(Some(at), |decoder| decoder.inline(element, place))?;
        }
        self.tree.end(at, self.reader.offset());
        Ok(())
    }

    /// Chunk by chunk, until one has no elements.
    pub(super) fn pipe(&mut self, element: &'m Type, place: Place<'_, 'm>) -> Result<(), Failure> {
        let start = self.reader.offset();
        let title = format!("pipe of {}", describe(self.model, element));
        let of_bytes = matches!(element, Type::Scalar(Scalar::BYTE));
        let value = (title, Content::Pipe { of_bytes });
        let at = self.entry(place.parent, place.name, start, value)?;
        for index in 0u64.. {
            let name = format!(".(chunk {index})");
            let count = self.word(Some(at), format!("{name}.(count)"))?;
            let chunk = Place {
                parent: Some(at),
                name: name.clone(),
                maxima: Vec::new(),
                field: None,
                pending: &mut *place.pending,
            };
            if count > 0 {
                self.values(element, count, Vec::new(), chunk)?;
            }
            if self.metrics.syntax == TransferSyntax::Ndr64 {
                let negated = self.word(Some(at), format!("{name}.(negated count)"))?;
                if negated != count.wrapping_neg() {
                    let kind = StubErrorKind::ChunkTrailer { count, negated };
                    return Err(Box::new((Some(self.tree.len() - 1), kind)));
                }
            }
            if count == 0 {
                break;
            }
        }
        self.tree.end(at, self.reader.offset());
        Ok(())
    }
}

/// How many elements a fixed array has in each dimension, if it has several.
fn fixed_dimensions(array: &Array) -> Vec<u64> {
    let (mut array, mut dimensions) = (array, Vec::new());
    while let ArrayShape::Fixed(count) = array.shape {
        dimensions.push(u64::from(count));
        match &array.element {
            Type::Array(inner) => array = inner,
            _ => break,
        }
    }
    dimensions
}
