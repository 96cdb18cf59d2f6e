//! Arrays, strings and pipes: counts, then elements.

use std::rc::Rc;

use serde_json::Value as Json;

use super::{Encoder, Pending, Place, Told};
use crate::model::{Array, ArrayShape, Count, Dimension, Extent, Scalar, Text, Type};
use crate::stub::checks;
use crate::stub::encode_error::{EncodeError, EncodeErrorKind};
use crate::stub::scalars;
use crate::wire::{TransferSyntax, is_varying};

/// One dimension of an array.
#[derive(Clone, Copy)]
pub(super) struct Section {
    pub(super) maximum: u64,
    first: u64,
    actual: u64,
}

impl<'e> Encoder<'e> {
    /// What `count` comes to, where the JSON has what it asks for.
    fn declared(count: Option<&Count>, told: &Told<'_>) -> Option<u64> {
        let declared = checks::value(count?, told)?;
        u64::try_from(declared).ok()
    }

    /// Counts and units of a string.
    pub(super) fn section(
        &self,
        text: &Text,
        json: &Json,
        told: &Told<'_>,
    ) -> Result<(Section, Vec<u16>), EncodeError> {
        let units = scalars::units(text.is_wide, json).map_err(|kind| self.error(kind))?;
        let actual = units.len() as u64;
        let declared = Self::declared(text.size.as_ref(), told);
        let room = text.room.map(u64::from);
        if let Some(room) = room.filter(|room| *room < actual) {
            let found = actual;
            return Err(self.error(EncodeErrorKind::TooLong { found, room }));
        }
        let section = Section {
            maximum: declared.unwrap_or(actual).max(actual),
            first: 0,
            actual,
        };
        Ok((section, units))
    }

    pub(super) fn text(&mut self, text: &Text, place: &Place<'e, '_>) -> Result<(), EncodeError> {
        let (section, units) = self.section(text, place.json, &place.told)?;
        self.variance(section);
        let len = if text.is_wide { 2 } else { 1 };
        for unit in units {
            self.writer.number(unit.into(), len);
        }
        Ok(())
    }

    fn variance(&mut self, section: Section) {
        self.writer.word(section.first);
        self.writer.word(section.actual);
    }

    /// How many elements an array has, in each dimension.
    pub(super) fn sections(
        &mut self,
        array: &'e Array,
        json: &'e Json,
        told: &Told<'e>,
    ) -> Result<Vec<Section>, EncodeError> {
        let one = |encoder: &Self, size: Option<u64>, first: Option<&Count>, is_varying| {
            let actual = encoder.len(&array.element, json)?;
            let first = Self::declared(first, told).unwrap_or(0);
            let maximum = match is_varying {
                true => size.unwrap_or(0).max(first.saturating_add(actual)),
                false => actual,
            };
            Ok(vec![Section {
                maximum,
                first,
                actual,
            }])
        };
        match &array.shape {
            ArrayShape::Fixed(_) => Ok(Vec::new()),
            ArrayShape::Varying { room, first, .. } => {
                let sections = one(self, None, first.as_ref(), true)?;
                self.within_room(sections[0], u64::from(*room))?;
                Ok(sections)
            }
            ArrayShape::Conformant {
                size,
                first,
                length,
            } => {
                let size = Self::declared(Some(size), told);
                one(self, size, first.as_ref(), length.is_some())
            }
            ArrayShape::Several(dimensions) => {
                let mut sections = Vec::new();
                let is_varying = is_varying(array);
                self.several(
                    dimensions,
                    &array.element,
                    json,
                    told,
                    is_varying,
                    &mut sections,
                )?;
                Ok(sections)
            }
        }
    }

    fn within_room(&self, section: Section, room: u64) -> Result<(), EncodeError> {
        match section.first.saturating_add(section.actual) {
            found if found > room => Err(self.error(EncodeErrorKind::TooLong { found, room })),
            _ => Ok(()),
        }
    }

    /// The dimensions of an array that has several, by its first elements.
    fn several(
        &mut self,
        dimensions: &'e [Dimension],
        element: &'e Type,
        json: &'e Json,
        told: &Told<'e>,
        is_varying: bool,
        sections: &mut Vec<Section>,
    ) -> Result<(), EncodeError> {
        let [dimension, rest @ ..] = dimensions else {
            return Ok(());
        };
        let is_last = rest.is_empty();
        let actual = match is_last {
            true => self.len(element, json)?,
            false => self.list(json)?.len() as u64,
        };
        sections.push(self.section_of(dimension, actual, told, is_varying)?);
        match json.get(0) {
            Some(first) if !is_last => self.within(format_args!("[0]"), |encoder| {
                encoder.several(rest, element, first, told, is_varying, sections)
            }),
            _ => {
                let empty = |dimension| Self::section_of_nothing(dimension, told, is_varying);
                sections.extend(rest.iter().map(empty));
                Ok(())
            }
        }
    }

    /// A dimension with so many elements.
    fn section_of(
        &self,
        dimension: &Dimension,
        actual: u64,
        told: &Told<'_>,
        is_varying: bool,
    ) -> Result<Section, EncodeError> {
        let first = Self::declared(dimension.first.as_ref(), told).unwrap_or(0);
        let maximum = match &dimension.extent {
            Extent::Fixed(room) => u64::from(*room),
            Extent::Counted(_) if !is_varying => actual,
            Extent::Counted(count) => Self::declared(Some(count), told)
                .unwrap_or(0)
                .max(first.saturating_add(actual)),
        };
        let section = Section {
            maximum,
            first,
            actual,
        };
        match (&dimension.extent, is_varying) {
            (Extent::Fixed(_), true) => self.within_room(section, maximum)?,
            (Extent::Fixed(_), false) => self.of_length(actual, maximum)?,
            (Extent::Counted(_), _) => {}
        }
        Ok(section)
    }

    /// A dimension of nothing: what is said of it, if something is.
    fn section_of_nothing(dimension: &Dimension, told: &Told<'_>, is_varying: bool) -> Section {
        let maximum = match &dimension.extent {
            Extent::Fixed(room) => u64::from(*room),
            Extent::Counted(count) => Self::declared(Some(count), told).unwrap_or(0),
        };
        Section {
            maximum,
            first: 0,
            actual: if is_varying { 0 } else { maximum },
        }
    }

    fn of_length(&self, found: u64, expected: u64) -> Result<(), EncodeError> {
        match found == expected {
            true => Ok(()),
            false => Err(self.error(EncodeErrorKind::WrongLength { found, expected })),
        }
    }

    fn list(&self, json: &'e Json) -> Result<&'e [Json], EncodeError> {
        match json.as_array() {
            Some(list) => Ok(list),
            None => Err(self.wrong_type("a list", json)),
        }
    }

    /// How many elements a list has.
    fn len(&self, element: &Type, json: &'e Json) -> Result<u64, EncodeError> {
        match (element, json) {
            (Type::Scalar(Scalar::BYTE), Json::String(_)) => {
                let bytes = scalars::bytes(json).map_err(|kind| self.error(kind))?;
                Ok(bytes.len() as u64)
            }
            (Type::Scalar(Scalar::BYTE), Json::Array(list)) => Ok(list.len() as u64),
            (Type::Scalar(Scalar::BYTE), _) => {
                Err(self.wrong_type("hexadecimal digits, or a list of bytes", json))
            }
            _ => Ok(self.list(json)?.len() as u64),
        }
    }

    pub(super) fn array(
        &mut self,
        array: &'e Array,
        place: Place<'e, '_>,
    ) -> Result<(), EncodeError> {
        let Place {
            json,
            told,
            pending,
            ..
        } = place;
        if let ArrayShape::Fixed(count) = array.shape {
            let found = self.len(&array.element, json)?;
            self.of_length(found, u64::from(count))?;
            return self.elements(&array.element, json, pending);
        }
        let sections = self.sections(array, json, &told)?;
        if is_varying(array) {
            for section in &sections {
                self.variance(*section);
            }
        }
        self.rows(&sections, &array.element, json, pending)
    }

    /// The elements of an array of so many dimensions.
    fn rows(
        &mut self,
        sections: &[Section],
        element: &'e Type,
        json: &'e Json,
        pending: &mut Vec<Pending<'e>>,
    ) -> Result<(), EncodeError> {
        let [section, rest @ ..] = sections else {
            return Ok(());
        };
        let found = match rest.is_empty() {
            true => self.len(element, json)?,
            false => self.list(json)?.len() as u64,
        };
        self.of_length(found, section.actual)?;
        if rest.is_empty() {
            return self.elements(element, json, pending);
        }
        for (index, row) in self.list(json)?.iter().enumerate() {
            self.within(format_args!("[{index}]"), |encoder| {
                encoder.rows(rest, element, row, pending)
            })?;
        }
        Ok(())
    }

    fn elements(
        &mut self,
        element: &'e Type,
        json: &'e Json,
        pending: &mut Vec<Pending<'e>>,
    ) -> Result<(), EncodeError> {
        if let (Type::Scalar(Scalar::BYTE), Json::String(_)) = (element, json) {
            let bytes = scalars::bytes(json).map_err(|kind| self.error(kind))?;
            self.writer.bytes(&bytes);
            return Ok(());
        }
        for (index, json) in self.list(json)?.iter().enumerate() {
            self.writer.align(self.metrics.element_gap(element));
            let place = Place {
                json,
                told: Rc::default(),
                switch_is: None,
                pending: &mut *pending,
            };
            self.within(format_args!("[{index}]"), |encoder| {
                encoder.inline(element, place)
            })?;
        }
        Ok(())
    }

    /// All elements as one chunk, and the one without elements that ends it.
    pub(super) fn pipe(
        &mut self,
        element: &'e Type,
        place: Place<'e, '_>,
    ) -> Result<(), EncodeError> {
        let count = self.len(element, place.json)?;
        let has_trailer = self.metrics.syntax == TransferSyntax::Ndr64;
        if count > 0 {
            self.writer.word(count);
            self.elements(element, place.json, place.pending)?;
            if has_trailer {
                self.writer.word(count.wrapping_neg());
            }
        }
        self.writer.word(0);
        if has_trailer {
            self.writer.word(0);
        }
        Ok(())
    }
}
