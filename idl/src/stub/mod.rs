//! Reads stub data by a definition: an interpreter over the model, for any bytes.
//!
//! What a pointer points to comes behind the outermost structure, so a pointer is noted when it is
//! met and followed when the structure is complete. Everything that is read becomes an entry of a
//! flat list at once; so what was read before an error can be shown.

mod checks;
mod encode;
mod encode_error;
mod error;
mod json;
mod reader;
mod scalars;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod writer;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use self::checks::{Checks, FieldAt};
pub(crate) use self::encode::encode;
pub use self::encode_error::{EncodeError, EncodeErrorKind};
pub use self::error::{StubError, StubErrorKind};
use self::json::Content;
pub use self::reader::ByteOrder;
use self::reader::Reader;
use self::tree::{Entry, Tree};
use crate::layout::Listed;
use crate::model::{
    Array, ArrayShape, Count, DefinitionKind, Dimension, Extent, Field, Model, PointerKind, Scalar,
    Text, Type, TypeId, Union,
};
use crate::wire::{
    Metrics, TransferSyntax, conformance, describe, dimension_name, flattened, is_varying,
    pointer_name, scalar_extent, scalar_name,
};

/// How deep pointees, structures, unions and arrays may lie in each other.
const DEPTH_MAX: u32 = 384;
/// The most values that are shown; an array of numbers is one.
const ENTRIES_MAX: usize = 1 << 17;

/// Stub data as it was read. Its `Display` has a line for each value: offset, bytes, path, value;
/// then what is wrong, if something is, or how many bytes are left.
#[derive(Clone, Debug)]
pub struct Decoded {
    tree: Tree,
    stub: Vec<u8>,
    order: ByteOrder,
    is_type: bool,
    end: usize,
    error: Option<StubError>,
}

impl Decoded {
    /// What is wrong with the stub data, if something is.
    #[must_use]
    pub fn error(&self) -> Option<&StubError> {
        self.error.as_ref()
    }

    /// What was read as JSON: the value of a type, or an object of parameters by their names, with the
    /// return value as `result`. [`Definitions::encode`](crate::Definitions::encode) takes the same, and
    /// says how each type looks in it.
    ///
    /// Values behind an [error](Decoded::error) are missing.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut values = json::Builder::new(&self.tree, &self.stub, self.order).outermost();
        match self.is_type {
            true => {
                let name = values.keys().next().cloned();
                name.and_then(|name| values.remove(&name))
                    .unwrap_or_default()
            }
            false => serde_json::Value::Object(values),
        }
    }

    /// Bytes behind the last value. Peers may send some, and servers ignore them.
    #[must_use]
    pub fn leftover(&self) -> usize {
        self.stub.len().saturating_sub(self.end)
    }
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.write(&self.stub, f)?;
        match (&self.error, self.leftover()) {
            (Some(error), _) => writeln!(f, "error: {error}"),
            (None, 0) => Ok(()),
            (None, 1) => writeln!(f, "1 byte is left, at offset {}", self.end),
            (None, left) => writeln!(f, "{left} bytes are left, from offset {} on", self.end),
        }
    }
}

/// What a stub holds: values, each whole, one after another.
pub(crate) struct Target<'t> {
    pub(crate) list: Vec<Listed<'t>>,
    /// It is the one value of a type, and not parameters.
    pub(crate) is_type: bool,
}

/// Reads a target.
pub(crate) fn decode(
    model: &Model,
    target: &Target<'_>,
    stub: &[u8],
    syntax: TransferSyntax,
    order: ByteOrder,
) -> Decoded {
    let mut decoder = Decoder {
        model,
        metrics: Metrics::new(model, syntax),
        reader: Reader::new(stub, syntax, order),
        tree: Tree::default(),
        met: HashMap::new(),
        checks: Checks::default(),
        depth: 0,
    };
    let mut error = None;
    let scope = decoder.checks.scope();
    for Listed { name, ty, field } in &target.list {
        let field = field.map(|field| FieldAt {
            scope,
            field,
            is_arm: false,
        });
        if let Err(failure) = decoder.whole(ty, None, (*name).to_owned(), field) {
            let (at, kind) = *failure;
            error = Some(StubError {
                offset: decoder.reader.offset(),
                path: decoder.tree.path(at).unwrap_or_else(|| (*name).to_owned()),
                kind,
            });
            break;
        }
    }
    let error = error.or_else(|| decoder.mismatch());
    Decoded {
        end: decoder.reader.offset(),
        tree: decoder.tree,
        stub: stub.to_vec(),
        order,
        is_type: target.is_type,
        error,
    }
}

/// What failed, in which entry.
type Failure = Box<(Option<usize>, StubErrorKind)>;

struct Decoder<'m, 'a> {
    model: &'m Model,
    metrics: Metrics,
    reader: Reader<'a>,
    tree: Tree,
    /// The entries of the pointees of full pointers, by referent id.
    met: HashMap<u64, usize>,
    checks: Checks<'m>,
    depth: u32,
}

/// A pointer that is still to be followed.
struct Pending<'m> {
    pointer: usize,
    pointee: &'m Type,
    /// Of a full pointer.
    id: Option<u64>,
    field: Option<FieldAt<'m>>,
}

/// A maximum count that was hoisted, and its entry.
#[derive(Clone, Copy)]
struct Maximum {
    at: usize,
    count: u64,
}

/// An entry that is about to be read.
struct Place<'p, 'm> {
    parent: Option<usize>,
    name: String,
    /// The maximum counts that were hoisted for what it ends in.
    maxima: Vec<Maximum>,
    /// None of an element of an array: nothing speaks of those.
    field: Option<FieldAt<'m>>,
    pending: &'p mut Vec<Pending<'m>>,
}

impl<'m, 'a> Decoder<'m, 'a> {
    /// A parameter or a pointee, with all that belongs to it.
    fn whole(
        &mut self,
        ty: &'m Type,
        parent: Option<usize>,
        name: String,
        field: Option<FieldAt<'m>>,
    ) -> Result<(), Failure> {
        let mut maxima = Vec::new();
        if let Some((path, counts)) = conformance(self.model, ty) {
            let of: String = path.iter().flat_map(|member| [".", member]).collect();
            for dimension in 0..counts {
                let dimension = dimension_name(dimension, counts);
                let name = format!("{name}{of}.(maximum count{dimension})");
                let count = self.word(parent, name)?;
                let at = self.tree.len() - 1;
                maxima.push(Maximum { at, count });
            }
        }
        let mut pending = Vec::new();
        let place = Place {
            parent,
            name,
            maxima,
            field,
            pending: &mut pending,
        };
        self.nested(parent, |decoder| decoder.inline(ty, place))?;
        for Pending {
            pointer,
            pointee,
            id,
            field,
        } in pending
        {
            if let Some(id) = id {
                if let Some(&first) = self.met.get(&id) {
                    let path = self.tree.path(Some(first)).unwrap_or_default();
                    self.tree
                        .append(pointer, &format!(", the same as of {path}"));
                    let path = path.replace("(*", "").replace(')', "");
                    self.tree.set_content(pointer, Content::SameAs(path));
                    continue;
                }
                self.met.insert(id, pointer);
            }
            self.nested(Some(pointer), |decoder| {
                decoder.whole(pointee, Some(pointer), "*".to_owned(), field)
            })?;
        }
        Ok(())
    }

    fn nested<T>(
        &mut self,
        at: Option<usize>,
        read: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.depth >= DEPTH_MAX {
            return Err(Box::new((at, StubErrorKind::TooDeep { max: DEPTH_MAX })));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Adds an entry that has begun at `start` and has ended.
    fn entry(
        &mut self,
        parent: Option<usize>,
        name: String,
        start: usize,
        (value, content): (String, Content),
    ) -> Result<usize, Failure> {
        if self.tree.len() >= ENTRIES_MAX {
            return Err(Box::new((
                parent,
                StubErrorKind::TooMany { max: ENTRIES_MAX },
            )));
        }
        Ok(self.tree.push(Entry {
            parent,
            name,
            start,
            end: self.reader.offset(),
            value,
            content,
        }))
    }

    /// Reads a count and makes it an entry.
    fn word(&mut self, parent: Option<usize>, name: String) -> Result<u64, Failure> {
        self.reader.align(self.metrics.syntax.word_len());
        let start = self.reader.offset();
        let value = self
            .reader
            .word()
            .map_err(|kind| Box::new((parent, kind)))?;
        self.entry(parent, name, start, (value.to_string(), Content::Hidden))?;
        Ok(value)
    }

    /// Reads `len` bytes as an aligned number and makes it an entry.
    fn number(
        &mut self,
        parent: Option<usize>,
        name: String,
        len: u64,
        show: impl FnOnce(u64) -> (String, Content),
    ) -> Result<u64, Failure> {
        self.reader.align(len);
        let start = self.reader.offset();
        let value = self.reader.number(len).map_err(|kind| {
            let at = self.tree.push(Entry::unread(parent, name.clone(), start));
            Box::new((Some(at), kind))
        })?;
        self.entry(parent, name, start, show(value))?;
        Ok(value)
    }

    fn inline(&mut self, ty: &'m Type, place: Place<'_, 'm>) -> Result<(), Failure> {
        match ty {
            Type::Scalar(scalar) => self.scalar(*scalar, place),
            Type::Pointer(kind, to) => self.pointer(*kind, to, place),
            Type::Text(text) => self.text(text, place),
            Type::Array(array) => self.array(array, place),
            Type::Pipe(element) => self.pipe(element, place),
            Type::Defined(id) => self.defined(*id, place),
        }
    }

    fn scalar(&mut self, scalar: Scalar, place: Place<'_, 'm>) -> Result<(), Failure> {
        let (len, align) = scalar_extent(scalar);
        if let Scalar::Uuid | Scalar::ContextHandle = scalar {
            self.reader.align(align);
            let start = self.reader.offset();
            let bytes = self.reader.take(1, len).map_err(|kind| {
                let at = Entry::unread(place.parent, place.name.clone(), start);
                Box::new((Some(self.tree.push(at)), kind))
            })?;
            let order = self.reader.order();
            let content = Content::Leaf(json::handle_or_uuid(bytes, order));
            let value = (values::handle_or_uuid(bytes, order), content);
            return self.entry(place.parent, place.name, start, value).map(drop);
        }
        let show = |value| {
            let text = format!("{}  {}", values::scalar(scalar, value), scalar_name(scalar));
            (text, Content::Leaf(json::scalar(scalar, value)))
        };
        let bits = self.number(place.parent, place.name, len, show)?;
        match scalar {
            Scalar::Integer {
                bits: width,
                signed,
            } => self.tell(place.field, values::number(bits, width, signed)),
            Scalar::Boolean => self.tell(place.field, i128::from(bits != 0)),
            _ => Ok(()),
        }
    }

    fn pointer(
        &mut self,
        kind: PointerKind,
        pointee: &'m Type,
        place: Place<'_, 'm>,
    ) -> Result<(), Failure> {
        let is_boxed = json::is_boxed(self.model, kind, pointee);
        let show = |id| {
            let text = match (id, kind) {
                (0, PointerKind::Ref) => "null, which a ref pointer must not be".to_owned(),
                (0, _) => format!("null  {} pointer", pointer_name(kind)),
                (id, _) => format!("referent {id:#x}  {} pointer", pointer_name(kind)),
            };
            (text, Content::Pointer { is_boxed })
        };
        let len = self.metrics.syntax.word_len();
        let id = self.number(place.parent, place.name, len, show)?;
        if id != 0 {
            place.pending.push(Pending {
                pointer: self.tree.len() - 1,
                pointee,
                id: (kind == PointerKind::Full).then_some(id),
                field: place.field,
            });
        } else if let Some(field) = place.field {
            self.checks.tell_null(field);
        }
        Ok(())
    }

    /// Notes the number of a field.
    fn tell(&mut self, field: Option<FieldAt<'m>>, number: i128) -> Result<(), Failure> {
        let wrong = field.and_then(|field| self.checks.tell(field, number));
        wrong.map_or(Ok(()), |kind| {
            Err(Box::new((Some(self.tree.len() - 1), kind)))
        })
    }

    /// What fields say of each other, and is not so.
    fn mismatch(&self) -> Option<StubError> {
        let (at, kind) = self.checks.first_mismatch()?;
        Some(StubError {
            offset: self.tree.start(at),
            path: self.tree.path(Some(at)).unwrap_or_default(),
            kind,
        })
    }

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

    fn text(&mut self, text: &'m Text, place: Place<'_, 'm>) -> Result<(), Failure> {
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

    fn array(&mut self, array: &'m Array, place: Place<'_, 'm>) -> Result<(), Failure> {
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
    fn pipe(&mut self, element: &'m Type, place: Place<'_, 'm>) -> Result<(), Failure> {
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

    fn defined(&mut self, id: TypeId, place: Place<'_, 'm>) -> Result<(), Failure> {
        let definition = self.model.definition(id);
        match &definition.kind {
            DefinitionKind::Structure(fields) => self.structure(id, fields, place),
            DefinitionKind::Union(union) => self.union(id, union, place),
            DefinitionKind::Enumeration { width, values } => {
                let len = self.metrics.syntax.enum_len(*width);
                let show = |value| {
                    let content = Content::Leaf(json::enumeration(values, value, len));
                    let text = values::enumeration(values, value, len, &definition.name);
                    (text, content)
                };
                let value = self.number(place.parent, place.name, len, show)?;
                self.tell(place.field, i128::from(value))
            }
            DefinitionKind::Bitmap { bits, values } => {
                let show = |value| {
                    let text = values::bitmap(values, value, &definition.name);
                    (text, Content::Leaf(value.into()))
                };
                let len = u64::from(bits / 8);
                self.number(place.parent, place.name, len, show).map(drop)
            }
            DefinitionKind::ContextHandle => self.scalar(Scalar::ContextHandle, place),
            DefinitionKind::Undefined => Ok(()),
        }
    }

    fn structure(
        &mut self,
        id: TypeId,
        fields: &'m [Field],
        place: Place<'_, 'm>,
    ) -> Result<(), Failure> {
        let align = self.metrics.align_of_definition(id);
        self.reader.align(align);
        let start = self.reader.offset();
        let value = (describe(self.model, &Type::Defined(id)), Content::Structure);
        let at = self.entry(place.parent, place.name, start, value)?;
        let scope = self.checks.scope();
        let mut maxima = place.maxima;
        for (index, field) in fields.iter().enumerate() {
            let place = Place {
                parent: Some(at),
                name: format!(".{}", field.name),
                maxima: match index + 1 == fields.len() {
                    true => std::mem::take(&mut maxima),
                    false => Vec::new(),
                },
                field: Some(FieldAt {
                    scope,
                    field,
                    is_arm: false,
                }),
                pending: &mut *place.pending,
            };
            self.nested(Some(at), |decoder| decoder.inline(&field.ty, place))?;
        }
        if self.metrics.syntax == TransferSyntax::Ndr64 {
            self.reader.align(align);
        }
        self.tree.end(at, self.reader.offset());
        Ok(())
    }

    fn union(&mut self, id: TypeId, union: &'m Union, place: Place<'_, 'm>) -> Result<(), Failure> {
        let align = self.metrics.align_of_definition(id);
        let len = self.metrics.syntax.discriminant_len(union.discriminant);
        self.reader
            .align(match self.metrics.syntax.aligns_union(union) {
                true => align,
                false => len,
            });
        let start = self.reader.offset();
        let value = (describe(self.model, &Type::Defined(id)), Content::Hidden);
        let at = self.entry(place.parent, place.name, start, value)?;
        let name = ".(discriminant)".to_owned();
        let show = |value: u64| (value.to_string(), Content::Hidden);
        let found = self.number(Some(at), name, len, show)?;
        let switch_is = place.field.and_then(|at| at.field.switch_is.as_ref());
        let switch_is = switch_is.map(Cow::Borrowed);
        let number = values::discriminant(union.discriminant, found);
        let shown = (self.tree.len() - 1, number);
        self.checks.note(place.field, "switch_is", switch_is, shown);
        self.reader.align(match self.metrics.syntax {
            TransferSyntax::Ndr => self.metrics.ms_union_align(union),
            TransferSyntax::Ndr64 => align,
        });
        let Some(arm) = values::arm(union, found, len) else {
            let kind = StubErrorKind::UnknownDiscriminant { found };
            return Err(Box::new((Some(at), kind)));
        };
        let case = json::case(union.discriminant, arm, found, len);
        self.tree.set_content(at, Content::Union { case });
        if let Some(body) = &arm.body {
            // Numbers may count it; no field is next to it that could.
            let field = FieldAt {
                scope: self.checks.scope(),
                field: body,
                is_arm: true,
            };
            let place = Place {
                parent: Some(at),
                name: format!(".{}", body.name),
                maxima: Vec::new(),
                field: Some(field),
                pending: place.pending,
            };
            self.nested(Some(at), |decoder| decoder.inline(&body.ty, place))?;
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
