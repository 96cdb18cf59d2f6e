//! Makes stub data of JSON: the decoder's way, back.
//!
//! What a pointer points to comes behind the outermost structure, so pointees are noted and written
//! when that is complete. Counts come from the JSON alone; what other fields say of them is looked at by
//! the decoder, which reads what was made.

mod arrays;
mod referents;

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use self::referents::Referents;
use super::checks;
use super::encode_error::{EncodeError, EncodeErrorKind};
use super::json::{CASE, POINTEE, SAME_AS, is_boxed};
use super::scalars::{self, kind_of};
use super::writer::Writer;
use super::{ByteOrder, DEPTH_MAX, StubErrorKind, Target, decode, values};
use crate::layout::Listed;
use crate::model::{
    ArrayShape, Count, DefinitionKind, Extent, Field, Model, PointerKind, Scalar, Type, TypeId,
    Union,
};
use crate::wire::{Metrics, TransferSyntax, scalar_extent};

/// Makes a stub.
pub(crate) fn encode(
    model: &Model,
    target: &Target<'_>,
    json: &Json,
    syntax: TransferSyntax,
) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder {
        model,
        metrics: Metrics::new(model, syntax),
        writer: Writer::new(syntax),
        referents: Referents::default(),
        path: String::new(),
        depth: 0,
    };
    encoder.target(target, json)?;
    encoder.referents.check()?;
    let stub = encoder.writer.finish();
    let decoded = decode(model, target, &stub, syntax, ByteOrder::Little);
    match decoded.error() {
        // It shows fewer values than can be sent.
        Some(error) if !matches!(error.kind(), StubErrorKind::TooMany { .. }) => Err(
            EncodeError::new("", EncodeErrorKind::Contradiction(error.clone())),
        ),
        _ => Ok(stub),
    }
}

/// The numbers that the fields of a structure or parameter list have; null counts as zero.
type Told<'m> = HashMap<&'m str, i128>;

/// A pointer that was written, and whose pointee is not.
struct Pending<'e> {
    path: String,
    pointee: &'e Type,
    json: &'e Json,
    told: Rc<Told<'e>>,
}

/// A value that is about to be written, with those next to it.
struct Place<'e, 'p> {
    json: &'e Json,
    told: Rc<Told<'e>>,
    switch_is: Option<&'e Count>,
    pending: &'p mut Vec<Pending<'e>>,
}

struct Encoder<'e> {
    model: &'e Model,
    metrics: Metrics,
    writer: Writer,
    referents: Referents,
    /// Of the value that is being written.
    path: String,
    depth: u32,
}

impl<'e> Encoder<'e> {
    fn target(&mut self, target: &'e Target<'_>, json: &'e Json) -> Result<(), EncodeError> {
        if let ([Listed { name, ty, .. }], true) = (&target.list[..], target.is_type) {
            self.path.push_str(name);
            return self.whole(ty, json, Rc::default(), None);
        }
        let object = self.object(json, "an object of parameters by their names")?;
        let names = target.list.iter().map(|listed| listed.name);
        self.refuse_unknown(object, names)?;
        let fields = target.list.iter();
        let told = fields.map(|listed| (listed.name, listed.ty));
        let told = Rc::new(self.told(told, object));
        for Listed { name, ty, field } in &target.list {
            let switch_is = field.and_then(|field| field.switch_is.as_ref());
            self.path.push_str(name);
            let json = object
                .get(*name)
                .ok_or_else(|| self.error(EncodeErrorKind::Missing))?;
            self.whole(ty, json, Rc::clone(&told), switch_is)?;
            self.path.clear();
        }
        Ok(())
    }

    fn error(&self, kind: EncodeErrorKind) -> EncodeError {
        EncodeError::new(self.path.as_str(), kind)
    }

    fn wrong_type(&self, expected: impl Into<String>, found: &Json) -> EncodeError {
        self.error(EncodeErrorKind::WrongType {
            expected: expected.into(),
            found: kind_of(found),
        })
    }

    fn object(&self, json: &'e Json, expected: &str) -> Result<&'e Map<String, Json>, EncodeError> {
        json.as_object()
            .ok_or_else(|| self.wrong_type(expected, json))
    }

    fn refuse_unknown<'n>(
        &self,
        object: &Map<String, Json>,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<(), EncodeError> {
        for name in object.keys() {
            if !known.clone().any(|known| known == name) {
                return Err(self.error(EncodeErrorKind::Unknown {
                    name: name.clone(),
                    known: known.map(str::to_owned).collect(),
                }));
            }
        }
        Ok(())
    }

    /// Goes on with a part of the value.
    fn within<T>(
        &mut self,
        part: std::fmt::Arguments<'_>,
        write: impl FnOnce(&mut Self) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        use std::fmt::Write;

        if self.depth >= DEPTH_MAX {
            return Err(self.error(EncodeErrorKind::TooDeep { max: DEPTH_MAX }));
        }
        let len = self.path.len();
        // A string takes all that is written to it.
        let _ = self.path.write_fmt(part);
        self.depth += 1;
        let value = write(self)?;
        self.depth -= 1;
        self.path.truncate(len);
        Ok(value)
    }

    /// What fields tell that others may ask for.
    fn told(
        &self,
        fields: impl Iterator<Item = (&'e str, &'e Type)>,
        object: &Map<String, Json>,
    ) -> Told<'e> {
        fields
            .filter_map(|(name, ty)| Some((name, self.number_of(ty, object.get(name)?)?)))
            .collect()
    }

    /// The number that a field holds, or points to.
    fn number_of(&self, ty: &Type, json: &Json) -> Option<i128> {
        match ty {
            Type::Pointer(_, _) if json.is_null() => Some(0),
            Type::Pointer(_, to) => self.number_of(to, json),
            Type::Scalar(Scalar::Integer { .. }) => scalars::integer(json),
            Type::Scalar(Scalar::Boolean) => match json {
                Json::Bool(value) => Some(i128::from(*value)),
                other => Some(i128::from(scalars::integer(other)? != 0)),
            },
            Type::Defined(id) => match &self.model.definition(*id).kind {
                DefinitionKind::Enumeration { width, values } => {
                    let len = self.metrics.syntax.enum_len(*width);
                    let bits = scalars::enumeration(values, len, json).ok()?;
                    Some(i128::from(bits))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A parameter or a pointee, with all that belongs to it.
    fn whole(
        &mut self,
        ty: &'e Type,
        json: &'e Json,
        told: Rc<Told<'e>>,
        switch_is: Option<&'e Count>,
    ) -> Result<(), EncodeError> {
        for maximum in self.maxima(ty, json, &told)? {
            self.writer.word(maximum);
        }
        let mut pending = Vec::new();
        let place = Place {
            json,
            told,
            switch_is,
            pending: &mut pending,
        };
        self.within(format_args!(""), |encoder| encoder.inline(ty, place))?;
        for pointer in pending {
            let path = std::mem::replace(&mut self.path, pointer.path);
            let Pending {
                pointee,
                json,
                told,
                ..
            } = pointer;
            self.within(format_args!(""), |encoder| {
                encoder.whole(pointee, json, told, None)
            })?;
            self.path = path;
        }
        Ok(())
    }

    /// The maximum counts that are hoisted for what `ty` ends in.
    fn maxima(
        &mut self,
        ty: &'e Type,
        json: &'e Json,
        told: &Rc<Told<'e>>,
    ) -> Result<Vec<u64>, EncodeError> {
        match ty {
            Type::Text(text) if text.room.is_none() => {
                Ok(vec![self.section(text, json, told)?.0.maximum])
            }
            Type::Array(array) => {
                let counted = array.shape.maximum_count_len() > 0;
                let sections = if counted {
                    self.sections(array, json, told)?
                } else {
                    Vec::new()
                };
                let several = match &array.shape {
                    ArrayShape::Several(dimensions) => &dimensions[..],
                    _ => &[],
                };
                let is_counted = |index: usize| {
                    let dimension = several.get(index);
                    dimension.is_none_or(|d| matches!(d.extent, Extent::Counted(_)))
                };
                let sections = sections.iter().enumerate();
                Ok(sections
                    .filter(|(index, _)| is_counted(*index))
                    .map(|(_, section)| section.maximum)
                    .collect())
            }
            Type::Defined(id) => {
                let DefinitionKind::Structure(fields) = &self.model.definition(*id).kind else {
                    return Ok(Vec::new());
                };
                // What is wrong with the structure itself is said when it is written.
                let (Some(last), Some(object)) = (fields.last(), json.as_object()) else {
                    return Ok(Vec::new());
                };
                let Some(json) = object.get(&last.name) else {
                    return Ok(Vec::new());
                };
                let told = Rc::new(self.told_of(fields, object));
                self.within(format_args!(".{}", last.name), |encoder| {
                    encoder.maxima(&last.ty, json, &told)
                })
            }
            _ => Ok(Vec::new()),
        }
    }

    fn told_of(&self, fields: &'e [Field], object: &Map<String, Json>) -> Told<'e> {
        let fields = fields.iter();
        self.told(fields.map(|field| (field.name.as_str(), &field.ty)), object)
    }

    fn inline(&mut self, ty: &'e Type, place: Place<'e, '_>) -> Result<(), EncodeError> {
        match ty {
            Type::Scalar(scalar) => self.scalar(*scalar, place.json),
            Type::Pointer(kind, to) => self.pointer(*kind, to, place),
            Type::Text(text) => self.text(text, &place),
            Type::Array(array) => self.array(array, place),
            Type::Pipe(element) => self.pipe(element, place),
            Type::Defined(id) => self.defined(*id, place),
        }
    }

    fn scalar(&mut self, scalar: Scalar, json: &Json) -> Result<(), EncodeError> {
        let (len, align) = scalar_extent(scalar);
        match scalar {
            Scalar::Uuid | Scalar::ContextHandle => {
                let bytes = match scalar {
                    Scalar::Uuid => scalars::uuid(json),
                    _ => scalars::context_handle(json),
                };
                let bytes = bytes.map_err(|kind| self.error(kind))?;
                self.writer.align(align);
                self.writer.bytes(&bytes);
            }
            _ => {
                let bits = scalars::scalar(scalar, json).map_err(|kind| self.error(kind))?;
                self.writer.number(bits, len);
            }
        }
        Ok(())
    }

    fn pointer(
        &mut self,
        kind: PointerKind,
        pointee: &'e Type,
        place: Place<'e, '_>,
    ) -> Result<(), EncodeError> {
        let mut json = place.json;
        if json.is_null() && kind != PointerKind::Ref {
            self.writer.word(0);
            return Ok(());
        }
        if let (Some(path), PointerKind::Full) = (json.get(SAME_AS).and_then(Json::as_str), kind) {
            let id = self.referents.again(path);
            self.writer.word(id);
            return Ok(());
        }
        if is_boxed(self.model, kind, pointee) {
            let pointee = json.get(POINTEE);
            json = pointee.ok_or_else(|| {
                let expected = format!("null, or an object of what it points to, as `{POINTEE}`");
                self.wrong_type(expected, json)
            })?;
        }
        let id = match kind {
            PointerKind::Full => self.referents.first(&self.path),
            _ => self.referents.next(),
        };
        self.writer.word(id);
        place.pending.push(Pending {
            path: self.path.clone(),
            pointee,
            json,
            told: place.told,
        });
        Ok(())
    }

    fn defined(&mut self, id: TypeId, place: Place<'e, '_>) -> Result<(), EncodeError> {
        let definition = self.model.definition(id);
        match &definition.kind {
            DefinitionKind::Structure(fields) => self.structure(id, fields, place),
            DefinitionKind::Union(union) => self.union(id, union, place),
            DefinitionKind::Enumeration { width, values } => {
                let len = self.metrics.syntax.enum_len(*width);
                let bits = scalars::enumeration(values, len, place.json);
                let bits = bits.map_err(|kind| self.error(kind))?;
                self.writer.number(bits, len);
                Ok(())
            }
            DefinitionKind::Bitmap { bits, .. } => {
                let (bits, signed) = (*bits, false);
                self.scalar(Scalar::Integer { bits, signed }, place.json)
            }
            DefinitionKind::ContextHandle => self.scalar(Scalar::ContextHandle, place.json),
            DefinitionKind::Undefined => {
                let name = definition.name.clone();
                Err(self.error(EncodeErrorKind::Undefined { name }))
            }
        }
    }

    fn structure(
        &mut self,
        id: TypeId,
        fields: &'e [Field],
        place: Place<'e, '_>,
    ) -> Result<(), EncodeError> {
        let align = self.metrics.align_of_definition(id);
        self.writer.align(align);
        let object = self.object(place.json, "an object of members by their names")?;
        self.refuse_unknown(object, fields.iter().map(|field| field.name.as_str()))?;
        let told = Rc::new(self.told_of(fields, object));
        for field in fields {
            let told = Rc::clone(&told);
            let pending = &mut *place.pending;
            self.within(format_args!(".{}", field.name), |encoder| {
                let json = object.get(&field.name);
                let json = json.ok_or_else(|| encoder.error(EncodeErrorKind::Missing))?;
                let place = Place {
                    json,
                    told,
                    switch_is: field.switch_is.as_ref(),
                    pending,
                };
                encoder.inline(&field.ty, place)
            })?;
        }
        if self.metrics.syntax == TransferSyntax::Ndr64 {
            self.writer.align(align);
        }
        Ok(())
    }

    fn union(
        &mut self,
        id: TypeId,
        union: &'e Union,
        place: Place<'e, '_>,
    ) -> Result<(), EncodeError> {
        let syntax = self.metrics.syntax;
        let align = self.metrics.align_of_definition(id);
        let len = syntax.discriminant_len(union.discriminant);
        let object = self.object(place.json, "an object of `case` and an arm by its name")?;
        let bodies = union.arms.iter().filter_map(|arm| arm.body.as_ref());
        let names = bodies.map(|body| body.name.as_str());
        self.refuse_unknown(object, names.chain([CASE]))?;
        let told = place
            .switch_is
            .and_then(|count| checks::value(count, &place.told));
        let case = scalars::case(union, object, told).map_err(|kind| self.error(kind))?;
        let bits = scalars::discriminant(union.discriminant, len, case);
        let bits = bits.map_err(|kind| self.error(kind))?;
        let Some(arm) = values::arm(union, bits, len) else {
            let known = scalars::case_names(union);
            return Err(self.error(EncodeErrorKind::NoArm { case, known }));
        };
        let found = object.keys().find(|name| {
            let expected = arm.body.as_ref().map(|body| &body.name);
            *name != CASE && Some(*name) != expected
        });
        let expected = arm.body.as_ref().map(|body| body.name.clone());
        let json = expected.as_ref().and_then(|name| object.get(name));
        if found.is_some() || json.is_none() && expected.is_some() {
            let found = found.cloned();
            return Err(self.error(EncodeErrorKind::WrongArm {
                case,
                expected,
                found,
            }));
        }
        self.writer.align(match syntax.aligns_union(union) {
            true => align,
            false => len,
        });
        self.writer.number(bits, len);
        self.writer.align(match syntax {
            TransferSyntax::Ndr => self.metrics.ms_union_align(union),
            TransferSyntax::Ndr64 => align,
        });
        let (Some(body), Some(json)) = (&arm.body, json) else {
            return Ok(());
        };
        // Numbers may count it; no field is next to it that could.
        let place = Place {
            json,
            told: Rc::default(),
            switch_is: None,
            pending: place.pending,
        };
        self.within(format_args!(".{}", body.name), |encoder| {
            encoder.inline(&body.ty, place)
        })
    }
}
