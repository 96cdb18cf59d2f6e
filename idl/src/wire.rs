//! Where the parts of a type lie on the wire, in both transfer syntaxes.

use crate::model::{
    Array, ArrayShape, Definition, DefinitionKind, Discriminant, EnumWidth, Field, Model,
    PointerKind, Scalar, Text, Type, TypeId, Union,
};

/// No type is aligned to more bytes.
const ALIGN_MAX: usize = 8;

/// A transfer syntax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferSyntax {
    /// NDR 2.0, of C706 chapter 14.
    #[default]
    Ndr,
    /// NDR64, of MS-RPCE.
    Ndr64,
}

impl TransferSyntax {
    /// Bytes of a referent id, a maximum count, an offset or an actual count.
    pub(crate) fn word_len(self) -> u64 {
        match self {
            TransferSyntax::Ndr => 4,
            TransferSyntax::Ndr64 => 8,
        }
    }

    pub(crate) fn enum16_len(self) -> u64 {
        self.word_len() / 2
    }

    pub(crate) fn enum_len(self, width: EnumWidth) -> u64 {
        match width {
            EnumWidth::Enum16 => self.enum16_len(),
            EnumWidth::V1 => 4,
            EnumWidth::Enum8 => 1,
        }
    }

    pub(crate) fn discriminant_len(self, discriminant: Discriminant) -> u64 {
        match discriminant {
            Discriminant::Integer { bits, .. } => u64::from(bits / 8),
            Discriminant::Enum16 => self.enum16_len(),
            Discriminant::V1Enum => 4,
        }
    }

    /// Bytes of a pipe without elements.
    pub(crate) fn pipe_end_len(self) -> u64 {
        match self {
            TransferSyntax::Ndr => self.word_len(),
            TransferSyntax::Ndr64 => 2 * self.word_len(),
        }
    }

    /// Whether a union is aligned as its largest arm before its discriminant.
    pub(crate) fn aligns_union(self, union: &Union) -> bool {
        union.is_encapsulated || self == TransferSyntax::Ndr64
    }
}

/// Length and alignment of a scalar, in bytes.
pub(crate) fn scalar_extent(scalar: Scalar) -> (u64, u64) {
    match scalar {
        Scalar::Integer { bits, .. } => (u64::from(bits / 8), u64::from(bits / 8)),
        Scalar::Boolean => (1, 1),
        Scalar::Float => (4, 4),
        Scalar::Double => (8, 8),
        Scalar::Uuid => (16, 4),
        Scalar::ContextHandle => (20, 4),
    }
}

/// An offset, exact unless something of variable length lies before it; then it is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) min: u64,
    pub(crate) is_exact: bool,
}

impl Position {
    pub(crate) const START: Position = Position {
        min: 0,
        is_exact: true,
    };

    pub(crate) fn aligned(self, align: u64) -> Self {
        Position {
            min: self.min.checked_next_multiple_of(align).unwrap_or(u64::MAX),
            ..self
        }
    }

    pub(crate) fn plus(self, len: u64) -> Self {
        Position {
            min: self.min.saturating_add(len),
            ..self
        }
    }

    pub(crate) fn inexact(self) -> Self {
        Position {
            is_exact: false,
            ..self
        }
    }
}

/// What every definition takes inline, in one transfer syntax.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) syntax: TransferSyntax,
    extents: Vec<Extent>,
}

#[derive(Clone, Copy, Debug)]
struct Extent {
    align: u64,
    /// Where it ends, by the offset modulo 8 from which on it is put. Gaps count, so the length of
    /// a union depends on where it starts.
    ends: [Position; ALIGN_MAX],
    /// It, or what it contains, has a pointer.
    has_pointers: bool,
    /// Of an `[ms_union]`: what it is aligned to as an element of an array.
    element_gap: u64,
}

impl Extent {
    const NOTHING: Extent = Extent {
        align: 1,
        ends: [Position::START; ALIGN_MAX],
        has_pointers: false,
        element_gap: 1,
    };
}

impl Metrics {
    pub(crate) fn new(model: &Model, syntax: TransferSyntax) -> Self {
        let mut metrics = Metrics {
            syntax,
            extents: vec![Extent::NOTHING; model.definitions.len()],
        };
        for index in containment_order(model) {
            metrics.extents[index] = metrics.extent(&model.definitions[index]);
        }
        metrics
    }

    fn extent(&self, definition: &Definition) -> Extent {
        let kind = &definition.kind;
        let align = match kind {
            DefinitionKind::Structure(fields) => self.align_of_fields(fields.iter()),
            DefinitionKind::Union(union) => {
                let bodies = union.arms.iter().filter_map(|arm| arm.body.as_ref());
                let discriminant = self.syntax.discriminant_len(union.discriminant);
                self.align_of_fields(bodies).max(discriminant)
            }
            DefinitionKind::Enumeration { width, .. } => self.syntax.enum_len(*width),
            DefinitionKind::Bitmap { bits, .. } => u64::from(bits / 8),
            DefinitionKind::ContextHandle => scalar_extent(Scalar::ContextHandle).1,
            DefinitionKind::Undefined => 1,
        };
        let mut ends = [Position::START; ALIGN_MAX];
        for (start, end) in (0u64..).zip(&mut ends) {
            let start = Position::START.plus(start);
            *end = match kind {
                DefinitionKind::Structure(fields) => self.after_structure(fields, align, start),
                DefinitionKind::Union(union) => self.after_union(union, align, start),
                DefinitionKind::ContextHandle => start
                    .aligned(align)
                    .plus(scalar_extent(Scalar::ContextHandle).0),
                DefinitionKind::Undefined => start,
                // A number is as long as it is aligned.
                DefinitionKind::Enumeration { .. } | DefinitionKind::Bitmap { .. } => {
                    start.aligned(align).plus(align)
                }
            };
        }
        let has_pointers = definition
            .fields()
            .any(|field| self.has_pointers(&field.ty));
        Extent {
            align,
            ends,
            has_pointers,
            element_gap: match kind {
                DefinitionKind::Union(union) => self.ms_union_align(union),
                _ => 1,
            },
        }
    }

    /// Whether pointees may follow what contains a `ty`.
    pub(crate) fn has_pointers(&self, ty: &Type) -> bool {
        match ty {
            Type::Pointer(..) => true,
            Type::Defined(id) => self.extents[id.0].has_pointers,
            Type::Array(array) => self.has_pointers(&array.element),
            Type::Scalar(_) | Type::Text(_) | Type::Pipe(_) => false,
        }
    }

    fn align_of_fields<'f>(&self, fields: impl Iterator<Item = &'f Field>) -> u64 {
        fields
            .map(|field| self.align_of(&field.ty))
            .max()
            .unwrap_or(1)
    }

    fn after_structure(&self, fields: &[Field], align: u64, start: Position) -> Position {
        let members = fields
            .iter()
            .fold(start.aligned(align), |at, field| self.after(&field.ty, at));
        self.after_tail(members, align)
    }

    /// Behind the padding at the end of a structure.
    pub(crate) fn after_tail(&self, members: Position, align: u64) -> Position {
        match self.syntax {
            TransferSyntax::Ndr => members,
            TransferSyntax::Ndr64 => members.aligned(align),
        }
    }

    fn after_union(&self, union: &Union, align: u64, start: Position) -> Position {
        let (_, arms) = self.union_places(union, align, start);
        let mut ends = union.arms.iter().map(|arm| match &arm.body {
            Some(body) => self.after(&body.ty, arms),
            None => arms,
        });
        let first = ends.next().unwrap_or(arms);
        ends.fold(first, |all, end| Position {
            min: all.min.min(end.min),
            is_exact: all.is_exact && all == end,
        })
    }

    /// Where the discriminant of a union lies, and from where on its arm is put.
    pub(crate) fn union_places(
        &self,
        union: &Union,
        align: u64,
        start: Position,
    ) -> (Position, Position) {
        let len = self.syntax.discriminant_len(union.discriminant);
        let start = match self.syntax.aligns_union(union) {
            true => start.aligned(align),
            false => start.aligned(len),
        };
        let behind = start.plus(len);
        match self.syntax {
            TransferSyntax::Ndr => (start, behind.aligned(self.ms_union_align(union))),
            TransferSyntax::Ndr64 => (start, behind.aligned(align)),
        }
    }

    /// What an arm of an `[ms_union]` is aligned to before its own alignment in NDR; 1 of others.
    pub(crate) fn ms_union_align(&self, union: &Union) -> u64 {
        match self.syntax {
            TransferSyntax::Ndr if union.is_ms => {
                self.align_of_fields(union.arms.iter().filter_map(|arm| arm.body.as_ref()))
            }
            _ => 1,
        }
    }

    /// What each element of an array is aligned to before its own alignment.
    pub(crate) fn element_gap(&self, element: &Type) -> u64 {
        match element {
            Type::Defined(id) => self.extents[id.0].element_gap,
            _ => 1,
        }
    }

    pub(crate) fn align_of_definition(&self, id: TypeId) -> u64 {
        self.extents[id.0].align
    }

    /// The alignment of the inline part, in bytes.
    pub(crate) fn align_of(&self, ty: &Type) -> u64 {
        match ty {
            Type::Scalar(scalar) => scalar_extent(*scalar).1,
            Type::Defined(id) => self.align_of_definition(*id),
            Type::Pointer(..) => self.syntax.word_len(),
            Type::Text(_) | Type::Pipe(_) => self.syntax.word_len(),
            Type::Array(array) => {
                let element = self.align_of(&array.element);
                match is_varying(array) {
                    true => element.max(self.syntax.word_len()),
                    false => element,
                }
            }
        }
    }

    /// Where the inline part ends if it is put at `at` or behind the gap that it needs there.
    pub(crate) fn after(&self, ty: &Type, at: Position) -> Position {
        let word = self.syntax.word_len();
        match ty {
            Type::Scalar(scalar) => {
                let (len, align) = scalar_extent(*scalar);
                at.aligned(align).plus(len)
            }
            Type::Pointer(..) => at.aligned(word).plus(word),
            Type::Text(_) => at.aligned(word).plus(2 * word).inexact(),
            // At least the count that ends it, which NDR64 writes twice.
            Type::Pipe(_) => at.aligned(word).plus(self.syntax.pipe_end_len()).inexact(),
            Type::Defined(id) => {
                let residue = at.min % ALIGN_MAX as u64;
                let end = self.extents[id.0].ends[residue as usize];
                Position {
                    min: at.min.saturating_add(end.min.saturating_sub(residue)),
                    is_exact: at.is_exact && end.is_exact,
                }
            }
            Type::Array(array) if is_varying(array) => {
                let counts = 2 * array.shape.variance_len() as u64;
                at.aligned(word).plus(counts * word).inexact()
            }
            Type::Array(array) => match array.shape {
                ArrayShape::Fixed(_) => {
                    let (element, count) = flattened(array);
                    self.after_elements(element, count, at)
                }
                _ => at.inexact(),
            },
        }
    }

    /// Behind `count` elements. Gaps repeat after eight elements at the latest.
    pub(crate) fn after_elements(&self, element: &Type, count: u64, at: Position) -> Position {
        let gap = self.element_gap(element);
        let next = |at: Position| self.after(element, at.aligned(gap));
        let step = |at: Position, count: u64| (0..count).fold(at, |at, _| next(at));
        let period = ALIGN_MAX as u64;
        if count <= 2 * period {
            return step(at, count);
        }
        let first = step(at, period);
        let second = step(first, period);
        let more = count - 2 * period;
        let whole = (second.min - first.min).saturating_mul(more / period);
        step(second.plus(whole), more % period)
    }
}

/// Whether offset and actual count lie in front of the elements.
pub(crate) fn is_varying(array: &Array) -> bool {
    array.shape.variance_len() > 0
}

/// A fixed array of fixed arrays as one: what its elements are, and how many there are. Of another
/// array, its own elements, and nothing about their number.
pub(crate) fn flattened(array: &Array) -> (&Type, u64) {
    let ArrayShape::Fixed(outer) = array.shape else {
        return (&array.element, 1);
    };
    let (mut element, mut count) = (&array.element, u64::from(outer));
    while let Type::Array(inner) = element
        && let ArrayShape::Fixed(more) = inner.shape
    {
        count = count.saturating_mul(u64::from(more));
        element = &inner.element;
    }
    (element, count)
}

/// The path of members to the conformant array or string that `ty` ends in, and how many maximum
/// counts are hoisted for it; `None` if there is none.
pub(crate) fn conformance<'m>(model: &'m Model, ty: &'m Type) -> Option<(Vec<&'m str>, usize)> {
    let (mut ty, mut path) = (ty, Vec::new());
    loop {
        match ty {
            Type::Text(text) => return text.room.is_none().then_some((path, 1)),
            Type::Array(array) => {
                let counts = array.shape.maximum_count_len();
                return (counts > 0).then_some((path, counts));
            }
            Type::Defined(id) => {
                let DefinitionKind::Structure(fields) = &model.definition(*id).kind else {
                    return None;
                };
                let last = fields.last()?;
                path.push(last.name.as_str());
                ty = &last.ty;
            }
            Type::Scalar(_) | Type::Pointer(..) | Type::Pipe(_) => return None,
        }
    }
}

/// What follows the name of a count of `dimension`, if there are several.
pub(crate) fn dimension_name(dimension: usize, dimensions: usize) -> String {
    match dimensions {
        0 | 1 => String::new(),
        _ => format!(" of dimension {}", dimension + 1),
    }
}

/// All definitions, each behind those that it contains. A loop, as chains may have any length.
fn containment_order(model: &Model) -> Vec<usize> {
    let mut order = Vec::with_capacity(model.definitions.len());
    let mut is_met = vec![false; model.definitions.len()];
    for root in 0..model.definitions.len() {
        let mut open = vec![(root, false)];
        while let Some((index, is_complete)) = open.pop() {
            if is_complete {
                order.push(index);
                continue;
            }
            if std::mem::replace(&mut is_met[index], true) {
                continue;
            }
            open.push((index, true));
            for field in model.definitions[index].fields() {
                if let Some(id) = contained(&field.ty)
                    && !is_met[id.0]
                {
                    open.push((id.0, false));
                }
            }
        }
    }
    order
}

/// The definition that lies inline in `ty`.
fn contained(mut ty: &Type) -> Option<TypeId> {
    loop {
        match ty {
            Type::Defined(id) => return Some(*id),
            Type::Array(array) => ty = &array.element,
            Type::Scalar(_) | Type::Pointer(..) | Type::Text(_) | Type::Pipe(_) => return None,
        }
    }
}

/// A type as a person reads it in a dump.
pub(crate) fn describe(model: &Model, ty: &Type) -> String {
    match ty {
        Type::Scalar(scalar) => scalar_name(*scalar).to_owned(),
        Type::Pointer(kind, _) => format!("{} pointer", pointer_name(*kind)),
        Type::Text(text) => format!("string of {}", character_name(text)),
        Type::Pipe(element) => format!("pipe of {}", describe(model, element)),
        Type::Array(array) => {
            let (element, count) = flattened(array);
            let element = describe(model, element);
            match array.shape {
                ArrayShape::Fixed(_) => format!("{count} × {element}"),
                _ => format!("n × {element}"),
            }
        }
        Type::Defined(id) => {
            let definition = model.definition(*id);
            format!("{} {}", kind_name(&definition.kind), definition.name)
        }
    }
}

pub(crate) fn kind_name(kind: &DefinitionKind) -> &'static str {
    match kind {
        DefinitionKind::Structure(_) => "struct",
        DefinitionKind::Union(_) => "union",
        DefinitionKind::Enumeration { width, .. } => match width {
            EnumWidth::Enum16 => "enum",
            EnumWidth::V1 => "v1_enum",
            EnumWidth::Enum8 => "enum8bit",
        },
        DefinitionKind::Bitmap { .. } => "bitmap",
        DefinitionKind::ContextHandle => "context handle",
        DefinitionKind::Undefined => "undefined",
    }
}

pub(crate) fn pointer_name(kind: PointerKind) -> &'static str {
    match kind {
        PointerKind::Ref => "ref",
        PointerKind::Unique => "unique",
        PointerKind::Full => "full",
    }
}

pub(crate) fn character_name(text: &Text) -> &'static str {
    if text.is_wide { "wchar_t" } else { "char" }
}

pub(crate) fn scalar_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Integer { bits, signed } => match (bits, signed) {
            (8, true) => "small",
            (8, false) => "byte",
            (16, true) => "short",
            (16, false) => "unsigned short",
            (32, true) => "long",
            (32, false) => "unsigned long",
            (_, true) => "hyper",
            (_, false) => "unsigned hyper",
        },
        Scalar::Boolean => "boolean",
        Scalar::Float => "float",
        Scalar::Double => "double",
        Scalar::Uuid => "uuid",
        Scalar::ContextHandle => "context handle",
    }
}
