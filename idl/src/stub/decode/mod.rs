//! Reads stub data by a definition: an interpreter over the model, for any bytes.
//!
//! What a pointer points to comes behind the outermost structure, so a pointer is noted when it is
//! met and followed when the structure is complete. Everything that is read becomes an entry of a
//! flat list at once; so what was read before an error can be shown.

mod arrays;

use std::borrow::Cow;
use std::collections::HashMap;

use super::checks::{Checks, FieldAt};
use super::json::{self, Content};
use super::reader::{ByteOrder, Reader};
use super::tree::{Entry, Tree};
use super::{DEPTH_MAX, Decoded, StubError, StubErrorKind, Target, values};
use crate::layout::Listed;
use crate::model::{DefinitionKind, Field, Model, PointerKind, Scalar, Type, TypeId, Union};
use crate::wire::{
    Metrics, TransferSyntax, conformance, describe, dimension_name, pointer_name, scalar_extent,
    scalar_name,
};

/// The most values that are shown; an array of numbers is one.
const ENTRIES_MAX: usize = 1 << 17;

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
