//! Structures, unions and enums.

use super::attributes::{self, Owner};
use super::chain::{Chain, Leaf, Place};
use super::{Resolver, TagEntry, fits};
use crate::ast::{self, Attributes, Declared, TypeKind};
use crate::diagnostic::Report;
use crate::model::{
    Arm, Case, Count, Definition, DefinitionKind, Discriminant, EnumWidth, Field, NamedValue,
    Scalar, Type, TypeId, Union,
};
use crate::source::Span;

impl<'a> Resolver<'a> {
    /// The definition that `entry` describes; its members are resolved later, so that definitions
    /// may point at each other. `name` is for one that has no name of its own.
    pub(super) fn define(&mut self, entry: TagEntry<'a>, name: Option<String>) -> TypeId {
        let span = entry.specifier.span;
        if let Some(id) = self.defined.get(&span) {
            return *id;
        }
        let id = TypeId(self.model.definitions.len());
        self.defined.insert(span, id);
        let tag = match &entry.specifier.kind {
            TypeKind::Structure(structure) => &structure.tag,
            TypeKind::Union(union) => &union.tag,
            TypeKind::Enumeration(enumeration) => &enumeration.tag,
            _ => &None,
        };
        let own_name = entry.name.or(tag.as_ref().map(|tag| tag.text.as_str()));
        let kind = match &entry.specifier.kind {
            TypeKind::Enumeration(enumeration) => self.enumeration(enumeration, entry.attributes),
            _ => {
                self.bodies.push_back((id, entry));
                DefinitionKind::Undefined
            }
        };
        self.model.definitions.push(Definition {
            name: own_name.map_or_else(|| name.unwrap_or_default(), str::to_owned),
            docs: entry.docs.to_vec(),
            kind,
            is_wanted: entry.scope.is_main,
            span,
        });
        id
    }

    /// Defines what stands inside of a declaration, with the attributes of the declaration:
    /// `[switch_type(long), switch_is(n)] union { … } u;`
    fn define_with(
        &mut self,
        specifier: &'a ast::TypeSpecifier,
        attributes: &'a Attributes,
        name: String,
    ) {
        let tag = match &specifier.kind {
            TypeKind::Structure(structure) => &structure.tag,
            TypeKind::Union(union) => &union.tag,
            TypeKind::Enumeration(enumeration) => &enumeration.tag,
            _ => return,
        };
        let entry = TagEntry {
            specifier,
            attributes,
            docs: &[],
            name: tag.as_ref().map(|tag| tag.text.as_str()),
            scope: self.scope,
        };
        self.define(entry, Some(name));
    }

    /// Resolves the members of all definitions that are needed.
    pub(super) fn resolve_bodies(&mut self) {
        while let Some((id, entry)) = self.bodies.pop_front() {
            let name = self.model.definition(id).name.clone();
            let kind = self.within(entry.scope, |resolver| match &entry.specifier.kind {
                TypeKind::Structure(structure) => resolver.structure(structure, &name),
                TypeKind::Union(union) => resolver.union(union, entry.attributes, &name),
                _ => DefinitionKind::Undefined,
            });
            self.model.definitions[id.0].kind = kind;
        }
    }

    fn structure(&mut self, structure: &'a ast::Structure, name: &str) -> DefinitionKind {
        let members = &structure.members;
        let mut fields = Vec::with_capacity(members.len());
        for member in members {
            attributes::check(&member.attributes, Owner::Member, self.reports);
            fields.extend(self.field(member, members, Place::Member, name));
        }
        self.check_field_names(&fields);
        DefinitionKind::Structure(fields)
    }

    fn check_field_names(&mut self, fields: &[Field]) {
        let mut seen = std::collections::HashSet::new();
        for field in fields {
            if !seen.insert(field.name.as_str()) {
                self.reports.add(Report::error(
                    field.span,
                    format!("there is a `{}` already", field.name),
                    "defined twice",
                ));
            }
        }
    }

    /// A member, arm or parameter whose attributes may name its `siblings`. `owner` names what is
    /// defined in it without a name.
    pub(super) fn field(
        &mut self,
        declared: &'a Declared,
        siblings: &'a [Declared],
        place: Place,
        owner: &str,
    ) -> Option<Field> {
        let chain = self.field_chain(declared, siblings, place, owner)?;
        self.finish_field(declared, siblings, &chain, place)
    }

    pub(super) fn field_chain(
        &mut self,
        declared: &'a Declared,
        siblings: &'a [Declared],
        place: Place,
        owner: &str,
    ) -> Option<Chain> {
        let name = format!("{owner}_{}", declared.declarator.name.text);
        self.define_with(&declared.specifier, &declared.attributes, name.clone());
        let levels = &declared.declarator.levels;
        let mut chain = self.chain(&declared.specifier, levels, Some(name))?;
        self.apply(&mut chain, &declared.attributes, siblings, Some(place));
        Some(chain)
    }

    pub(super) fn finish_field(
        &mut self,
        declared: &'a Declared,
        siblings: &'a [Declared],
        chain: &Chain,
        place: Place,
    ) -> Option<Field> {
        let span = declared.declarator.name.span;
        let ty = self.build(chain, place, span)?;
        let switch = declared.attributes.get("switch_is");
        let switch_is = switch
            .and_then(|attribute| attribute.expressions().next())
            .map(|expression| self.count(expression, siblings));
        Some(Field {
            name: declared.declarator.name.text.clone(),
            docs: declared.docs.clone(),
            ty,
            switch_is,
            range: chain.range,
            span,
        })
    }

    fn enumeration(
        &mut self,
        enumeration: &'a ast::Enumeration,
        attributes: &Attributes,
    ) -> DefinitionKind {
        let values: Vec<_> = enumeration
            .values
            .iter()
            .filter_map(|value| {
                let number = match self.constants.get(value.name.text.as_str())? {
                    super::Value::Integer(number) => *number,
                    super::Value::String(_) => return None,
                };
                Some(NamedValue {
                    name: value.name.text.clone(),
                    value: number,
                    docs: value.docs.clone(),
                })
            })
            .collect();
        let bits = if enumeration.is_bitmap {
            let named = |bits: &u8| attributes.has(&format!("bitmap{bits}bit"));
            [8, 16, 64].into_iter().find(named).unwrap_or(32)
        } else if attributes.has("v1_enum") {
            32
        } else if attributes.has("enum8bit") {
            8
        } else {
            16
        };
        for (value, source) in values.iter().zip(&enumeration.values) {
            let may_be_negative = bits == 32;
            let is_in = fits(value.value, bits, false)
                || (may_be_negative && fits(value.value, bits, true));
            if !is_in {
                self.reports.add(
                    Report::error(
                        source.name.span,
                        format!("{} does not fit into the enum's {bits} bits", value.value),
                        "too large",
                    )
                    .help("[v1_enum] makes them 32"),
                );
            }
        }
        let width = match bits {
            _ if enumeration.is_bitmap => return DefinitionKind::Bitmap { bits, values },
            8 => EnumWidth::Enum8,
            16 => EnumWidth::Enum16,
            _ => EnumWidth::V1,
        };
        DefinitionKind::Enumeration { width, values }
    }

    fn union(
        &mut self,
        union: &'a ast::Union,
        attributes: &'a Attributes,
        name: &str,
    ) -> DefinitionKind {
        let switch_type = attributes.get("switch_type");
        let specifier = match (&union.switch, switch_type) {
            (Some(switch), _) => Some(&**switch),
            (None, Some(attribute)) => match &attribute.value {
                ast::AttributeValue::Type(ty) => Some(&**ty),
                _ => None,
            },
            (None, None) => None,
        };
        let discriminant = match specifier {
            Some(specifier) => {
                let chain = self.specifier(specifier, None);
                chain.and_then(|chain| self.discriminant(&chain, specifier.span))
            }
            // What MIDL takes where nothing says it.
            None => Some(Discriminant::Integer {
                bits: 32,
                signed: true,
            }),
        };
        let mut arms = Vec::with_capacity(union.arms.len());
        for arm in &union.arms {
            arms.push(self.arm(arm, discriminant, name));
        }
        self.check_cases(&arms, &union.arms);
        let Some(discriminant) = discriminant else {
            return DefinitionKind::Undefined;
        };
        DefinitionKind::Union(Union {
            discriminant,
            is_encapsulated: union.switch.is_some(),
            is_ms: union.switch.is_none()
                && (attributes.has("ms_union") || self.scope.has_ms_unions),
            arms,
        })
    }

    fn discriminant(&mut self, chain: &Chain, span: Span) -> Option<Discriminant> {
        let discriminant = match (chain.plain_scalar(), chain.leaf) {
            (Some(Scalar::Integer { bits, signed }), _) => {
                Some(Discriminant::Integer { bits, signed })
            }
            (Some(Scalar::Boolean), _) => Some(Discriminant::Integer {
                bits: 8,
                signed: false,
            }),
            (None, Leaf::Defined(id)) if !chain.has_levels() => {
                match &self.model.definition(id).kind {
                    DefinitionKind::Enumeration { width, .. } => Some(match width {
                        EnumWidth::Enum16 => Discriminant::Enum16,
                        EnumWidth::V1 => Discriminant::V1Enum,
                        EnumWidth::Enum8 => Discriminant::Integer {
                            bits: 8,
                            signed: false,
                        },
                    }),
                    _ => None,
                }
            }
            _ => None,
        };
        if discriminant.is_none() {
            self.reports.add(Report::error(
                span,
                "a discriminant is an integer, a character, a boolean or an enum",
                "of another type",
            ));
        }
        discriminant
    }

    fn arm(&mut self, arm: &'a ast::Arm, discriminant: Option<Discriminant>, name: &str) -> Arm {
        let mut cases = Vec::new();
        for case in &arm.cases {
            let Some(value) = self.integer(case) else {
                continue;
            };
            let (bits, signed) = match discriminant {
                Some(Discriminant::Integer { bits, signed }) => (bits, signed),
                Some(Discriminant::Enum16) => (16, false),
                Some(Discriminant::V1Enum) | None => (32, false),
            };
            let wrapped = wrap(value, bits, signed);
            if wrapped.is_none() {
                self.reports.add(Report::error(
                    case.span,
                    format!("{value} does not fit into the discriminant's {bits} bits"),
                    "too large",
                ));
            }
            let name = match &case.kind {
                ast::ExpressionKind::Name(name) => Some(name.clone()),
                _ => None,
            };
            cases.extend(wrapped.map(|value| Case { value, name }));
        }
        let body = arm.body.as_ref().and_then(|body| {
            attributes::check(&body.attributes, Owner::Member, self.reports);
            self.field(body, &[], Place::Member, name)
        });
        if let Some(Field {
            switch_is: Some(_),
            span,
            ..
        }) = &body
        {
            let report = Report::unsupported(*span, "switch_is on an arm is");
            self.reports.add(report.help("make a structure of the arm"));
        }
        Arm {
            cases,
            is_default: arm.is_default,
            body,
            docs: arm.docs.clone(),
        }
    }

    fn check_cases(&mut self, arms: &[Arm], sources: &[ast::Arm]) {
        let mut seen = std::collections::HashSet::new();
        let mut has_default = false;
        for (arm, source) in arms.iter().zip(sources) {
            for case in &arm.cases {
                if !seen.insert(case.value) {
                    self.reports.add(Report::error(
                        source.span,
                        format!("{} has an arm already", case.value),
                        "the same case again",
                    ));
                }
            }
            if arm.is_default && std::mem::replace(&mut has_default, true) {
                self.reports.add(Report::error(
                    source.span,
                    "a union has at most one default arm",
                    "a second one",
                ));
            }
        }
    }

    /// Reports counts and discriminants that no integer tells.
    pub(super) fn check_sources<'f>(&mut self, fields: impl Iterator<Item = &'f Field> + Clone) {
        for field in fields.clone() {
            let mut names = Vec::new();
            for_each_count(field, &mut |count| {
                count.sources(&mut |name| names.push(name));
            });
            for name in names {
                let Some(source) = fields.clone().find(|source| source.name == name) else {
                    continue;
                };
                if !self.tells_a_number(source.ty.pointee()) {
                    self.reports.add(Report::error(
                        field.span,
                        format!("`{name}` is no integer, so it tells no count and no arm"),
                        "depends on it",
                    ));
                }
            }
        }
    }

    fn tells_a_number(&self, ty: &Type) -> bool {
        match ty {
            Type::Scalar(Scalar::Integer { .. } | Scalar::Boolean) => true,
            Type::Defined(id) => matches!(
                self.model.definition(*id).kind,
                DefinitionKind::Enumeration {
                    width: EnumWidth::Enum16 | EnumWidth::V1,
                    ..
                }
            ),
            _ => false,
        }
    }
}

/// `value` as an integer of so many bits; `0xFFFFFFFF` is the same as -1.
fn wrap(value: i128, bits: u8, signed: bool) -> Option<i128> {
    if fits(value, bits, signed) {
        Some(value)
    } else if fits(value, bits, !signed) {
        let modulus = 1i128 << bits;
        Some(if signed {
            value - modulus
        } else {
            value + modulus
        })
    } else {
        None
    }
}

/// Calls `visit` with each count that the field's type and attributes have.
pub(super) fn for_each_count<'f>(field: &'f Field, visit: &mut dyn FnMut(&'f Count)) {
    fn in_type<'f>(ty: &'f Type, visit: &mut dyn FnMut(&'f Count)) {
        match ty {
            Type::Pointer(_, to) => in_type(to, visit),
            Type::Text(text) => text.size.iter().chain(&text.length).for_each(visit),
            Type::Array(array) => {
                match &array.shape {
                    crate::model::ArrayShape::Fixed(_) => {}
                    crate::model::ArrayShape::Varying { first, length, .. } => {
                        visit(length);
                        first.iter().for_each(&mut *visit);
                    }
                    crate::model::ArrayShape::Conformant {
                        size,
                        first,
                        length,
                    } => {
                        visit(size);
                        first.iter().chain(length).for_each(&mut *visit);
                    }
                    crate::model::ArrayShape::Several(dimensions) => {
                        for dimension in dimensions {
                            if let crate::model::Extent::Counted(size) = &dimension.extent {
                                visit(size);
                            }
                            let (first, length) = (&dimension.first, &dimension.length);
                            first.iter().chain(length).for_each(&mut *visit);
                        }
                    }
                }
                in_type(&array.element, visit);
            }
            Type::Scalar(_) | Type::Defined(_) | Type::Pipe(_) => {}
        }
    }
    in_type(&field.ty, visit);
    field.switch_is.iter().for_each(visit);
}
