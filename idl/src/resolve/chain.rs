//! From a declarator and its attributes to a type: which pointer and which array is of which kind.

use super::attributes::Owner;
use super::{Resolver, Scope, TagEntry, TypedefEntry, pointer_kind};
use crate::ast::{
    Attribute, AttributeValue, Attributes, BaseType, Declared, DeclaredLevel, LevelKind, TypeKind,
    TypeSpecifier,
};
use crate::diagnostic::Report;
use crate::model::{
    Array, ArrayShape, Count, CountOperator, Definition, DefinitionKind, PointerKind, Scalar, Text,
    Type, TypeId,
};
use crate::source::Span;

/// The most pointers and arrays of one type, those of its typedefs included.
const LEVELS_MAX: usize = 32;
/// The most elements of an array of a fixed number.
const FIXED_MAX: i128 = 1 << 28;

/// A type as a name is declared: what the name itself is comes first, what it is all made of last.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    levels: Vec<Level>,
    pub(super) leaf: Leaf,
    pub(super) range: Option<(i128, i128)>,
}

#[derive(Clone, Debug)]
struct Level {
    shape: LevelShape,
    /// What the pointer is if nothing says it.
    pointer_default: PointerKind,
    size: Option<Count>,
    length: Option<Count>,
    is_string: bool,
    span: Span,
}

#[derive(Clone, Copy, Debug)]
enum LevelShape {
    Pointer(Option<PointerKind>),
    /// `None`: as many elements as an attribute says.
    Array(Option<u32>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Void,
    Scalar(Scalar),
    /// A character of 16 bits, which is a number unless it is in a string.
    WideChar,
    Defined(TypeId),
    /// `handle_t`, which is not on the wire.
    Binding,
    Pipe,
}

/// Where a declaration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Parameter,
    Result,
    Member,
}

impl Chain {
    fn of(leaf: Leaf) -> Self {
        Chain {
            levels: Vec::new(),
            leaf,
            range: None,
        }
    }

    pub(super) fn has_levels(&self) -> bool {
        !self.levels.is_empty()
    }

    /// The kind that an attribute gives the outermost pointer.
    pub(super) fn outermost_kind(&self) -> Option<PointerKind> {
        match self.levels.first()?.shape {
            LevelShape::Pointer(kind) => kind,
            LevelShape::Array(_) => None,
        }
    }

    /// The scalar that it is, if it is no more.
    pub(super) fn plain_scalar(&self) -> Option<Scalar> {
        match self.leaf {
            Leaf::Scalar(scalar) if self.levels.is_empty() => Some(scalar),
            Leaf::WideChar if self.levels.is_empty() => Some(WIDE_CHAR),
            _ => None,
        }
    }
}

const WIDE_CHAR: Scalar = Scalar::Integer {
    bits: 16,
    signed: false,
};

/// Types with a name that Rust has itself, unless the definition defines them.
fn builtin(name: &str) -> Option<Leaf> {
    match name {
        "GUID" | "UUID" | "uuid_t" => Some(Leaf::Scalar(Scalar::Uuid)),
        "policy_handle" => Some(Leaf::Scalar(Scalar::ContextHandle)),
        _ => None,
    }
}

impl<'a> Resolver<'a> {
    /// The chain of something declared, without the attributes.
    pub(super) fn declared_chain(&mut self, declared: &'a Declared) -> Option<Chain> {
        let levels = &declared.declarator.levels;
        self.chain(&declared.specifier, levels, None)
    }

    /// The chain of a specifier in `levels`; `name` is for a definition that has none.
    pub(super) fn chain(
        &mut self,
        specifier: &'a TypeSpecifier,
        levels: &'a [DeclaredLevel],
        name: Option<String>,
    ) -> Option<Chain> {
        let mut chain = self.specifier(specifier, name)?;
        let mut own = Vec::with_capacity(levels.len() + chain.levels.len());
        for level in levels {
            let shape = match &level.kind {
                LevelKind::Pointer => LevelShape::Pointer(None),
                LevelKind::Array(None) => LevelShape::Array(None),
                LevelKind::Array(Some(count)) => {
                    let count_value = self.integer(count)?;
                    let fixed = u32::try_from(count_value)
                        .ok()
                        .filter(|_| (1..=FIXED_MAX).contains(&count_value));
                    if fixed.is_none() {
                        self.reports.add(Report::error(
                            count.span,
                            format!("an array has from 1 to {FIXED_MAX} elements"),
                            format!("{count_value} elements"),
                        ));
                    }
                    LevelShape::Array(Some(fixed?))
                }
            };
            own.push(Level {
                shape,
                pointer_default: self.scope.pointer_default,
                size: None,
                length: None,
                is_string: false,
                span: level.span,
            });
        }
        own.append(&mut chain.levels);
        if own.len() > LEVELS_MAX {
            self.reports.add(Report::error(
                specifier.span,
                format!("a type has at most {LEVELS_MAX} pointers and arrays"),
                "too many",
            ));
            return None;
        }
        Some(Chain {
            levels: own,
            ..chain
        })
    }

    pub(super) fn specifier(
        &mut self,
        specifier: &'a TypeSpecifier,
        name: Option<String>,
    ) -> Option<Chain> {
        let leaf = match &specifier.kind {
            TypeKind::Base(base) => base_leaf(*base),
            TypeKind::Named(named) => return self.named(named, specifier.span),
            TypeKind::Tag(tag) => match self.tags.get(tag.text.as_str()) {
                Some(entry) => Leaf::Defined(self.define(*entry, None)),
                None => {
                    self.reports.add(Report::error(
                        tag.span,
                        format!("`{}` is not defined", tag.text),
                        "without members",
                    ));
                    return None;
                }
            },
            TypeKind::Structure(_) | TypeKind::Union(_) | TypeKind::Enumeration(_) => {
                Leaf::Defined(self.define_inline(specifier, name))
            }
            TypeKind::Pipe(element) => {
                self.specifier(element, None)?;
                Leaf::Pipe
            }
        };
        Some(Chain::of(leaf))
    }

    fn named(&mut self, name: &'a str, span: Span) -> Option<Chain> {
        if self.typedefs.contains_key(name) {
            return self.typedef(name, span);
        }
        if let Some(entry) = self.tags.get(name) {
            let leaf = Leaf::Defined(self.define(*entry, None));
            return Some(Chain::of(leaf));
        }
        if let Some(leaf) = builtin(name) {
            return Some(Chain::of(leaf));
        }
        self.reports.add(
            Report::error(span, format!("there is no type `{name}`"), "unknown")
                .help("define it, import the file that does, or name it with Compiler::builtin"),
        );
        None
    }

    /// A definition where it stands: a tag or a typedef may have entered it.
    fn define_inline(&mut self, specifier: &'a TypeSpecifier, name: Option<String>) -> TypeId {
        let tag = match &specifier.kind {
            TypeKind::Structure(structure) => structure.tag.as_ref(),
            TypeKind::Union(union) => union.tag.as_ref(),
            TypeKind::Enumeration(enumeration) => enumeration.tag.as_ref(),
            _ => None,
        };
        let entered = tag.and_then(|tag| self.tags.get(tag.text.as_str()));
        let entry = match entered {
            Some(entry) if entry.specifier.span == specifier.span => *entry,
            _ => {
                static NO_ATTRIBUTES: Attributes = Attributes { items: Vec::new() };
                TagEntry {
                    specifier,
                    attributes: &NO_ATTRIBUTES,
                    docs: &[],
                    name: None,
                    scope: self.scope,
                }
            }
        };
        self.define(entry, name)
    }

    /// Resolves a typedef; an error in it is reported once.
    pub(super) fn typedef(&mut self, name: &'a str, span: Span) -> Option<Chain> {
        let entry = *self.typedefs.get(name)?;
        let key = entry.declarator.name.text.as_str();
        if let Some(resolved) = self.resolved_typedefs.get(key) {
            if resolved.is_none() && self.open_typedefs.contains(&key) {
                self.reports.add(Report::error(
                    span,
                    format!("`{name}` is defined by itself"),
                    "a circle",
                ));
            }
            return resolved.clone();
        }
        self.resolved_typedefs.insert(key, None);
        self.open_typedefs.push(key);
        let outer = std::mem::replace(&mut self.scope, entry.scope);
        let chain = self.nested(span, |resolver| resolver.typedef_chain(entry));
        self.scope = outer;
        self.open_typedefs.pop();
        self.resolved_typedefs.insert(key, chain.clone());
        chain
    }

    fn typedef_chain(&mut self, entry: TypedefEntry<'a>) -> Option<Chain> {
        let TypedefEntry {
            typedef,
            declarator,
            scope,
        } = entry;
        if scope.is_main {
            super::attributes::check(&typedef.attributes, Owner::Type, self.reports);
        }
        if typedef.attributes.has("context_handle") {
            return Some(Chain::of(Leaf::Defined(self.context_handle(entry))));
        }
        let is_definition = matches!(
            typedef.specifier.kind,
            TypeKind::Structure(_) | TypeKind::Union(_) | TypeKind::Enumeration(_)
        );
        if is_definition {
            // With its attributes, before it is found by its place.
            self.define(
                TagEntry {
                    specifier: &typedef.specifier,
                    attributes: &typedef.attributes,
                    docs: &typedef.docs,
                    name: super::plain_name(typedef),
                    scope,
                },
                Some(declarator.name.text.clone()),
            );
        }
        let mut chain = self.chain(&typedef.specifier, &declarator.levels, None)?;
        self.apply(&mut chain, &typedef.attributes, &[], None);
        Some(chain)
    }

    /// A context handle type; it is a type of its own in Rust only by its name.
    fn context_handle(&mut self, entry: TypedefEntry<'a>) -> TypeId {
        let span = entry.declarator.name.span;
        if let Some(id) = self.defined.get(&span) {
            return *id;
        }
        let id = TypeId(self.model.definitions.len());
        self.model.definitions.push(Definition {
            name: entry.declarator.name.text.clone(),
            docs: entry.typedef.docs.clone(),
            kind: DefinitionKind::ContextHandle,
            is_wanted: entry.scope.is_main,
            span,
        });
        self.defined.insert(span, id);
        id
    }

    /// Applies attributes to the pointers and arrays of a chain. `place` is `None` for a typedef.
    pub(super) fn apply(
        &mut self,
        chain: &mut Chain,
        attributes: &Attributes,
        siblings: &[Declared],
        place: Option<Place>,
    ) {
        if attributes.has("context_handle") {
            // `void *` itself is the handle.
            chain.levels.pop();
            chain.leaf = Leaf::Scalar(Scalar::ContextHandle);
        }
        for attribute in &attributes.items {
            match attribute.name.text.as_str() {
                "size_is" | "max_is" | "length_is" | "last_is" => {
                    self.apply_counts(chain, attribute, siblings, place);
                }
                "first_is" => self.check_first(attribute),
                "string" => self.apply_string(chain, attribute, place),
                "range" => self.apply_range(chain, attribute),
                _ => {}
            }
        }
        for attribute in &attributes.items {
            if let Some(kind) = pointer_kind(&attribute.name.text) {
                self.apply_pointer(chain, attribute, kind, place);
            }
        }
    }

    fn apply_counts(
        &mut self,
        chain: &mut Chain,
        attribute: &Attribute,
        siblings: &[Declared],
        place: Option<Place>,
    ) {
        let name = attribute.name.text.as_str();
        let AttributeValue::Expressions(counts) = &attribute.value else {
            self.needs_argument(attribute);
            return;
        };
        for (index, expression) in counts.iter().enumerate() {
            let Some(expression) = expression else {
                continue;
            };
            let mut count = self.count(expression, siblings);
            if matches!(name, "max_is" | "last_is") {
                count = plus_one(count);
            }
            match chain.levels.get_mut(index) {
                Some(level) if matches!(name, "size_is" | "max_is") => level.size = Some(count),
                Some(level) => level.length = Some(count),
                // A typedef may name a pointer and what it points to; it is meant for the pointer.
                None if place.is_none() => {}
                None => self.reports.add(Report::error(
                    expression.span,
                    format!("there is no pointer and no array for this {name}"),
                    "of what?",
                )),
            }
        }
    }

    fn needs_argument(&mut self, attribute: &Attribute) {
        self.reports.add(Report::error(
            attribute.name.span,
            format!("{} needs an argument in parentheses", attribute.name.text),
            "without one",
        ));
    }

    fn check_first(&mut self, attribute: &Attribute) {
        for first in attribute.expressions() {
            if !matches!(self.value_of(first), Ok(super::Value::Integer(0))) {
                self.reports.add(
                    Report::unsupported(first.span, "first_is with anything but zero is")
                        .help("elements before the first one would have no value"),
                );
            }
        }
    }

    fn apply_string(&mut self, chain: &mut Chain, attribute: &Attribute, place: Option<Place>) {
        let Some(level) = chain.levels.last_mut() else {
            if place.is_some() {
                self.reports.add(Report::error(
                    attribute.name.span,
                    "[string] is for a pointer to characters or an array of them",
                    "on a single value",
                ));
            }
            return;
        };
        level.is_string = true;
    }

    fn apply_range(&mut self, chain: &mut Chain, attribute: &Attribute) {
        let bounds: Vec<_> = attribute.expressions().collect();
        let [least, greatest] = bounds[..] else {
            self.reports.add(Report::error(
                attribute.name.span,
                "range has two bounds",
                format!("{} given", bounds.len()),
            ));
            return;
        };
        if let (Some(min), Some(max)) = (self.integer(least), self.integer(greatest)) {
            chain.range = Some((min, max));
        }
    }

    fn apply_pointer(
        &mut self,
        chain: &mut Chain,
        attribute: &Attribute,
        kind: PointerKind,
        place: Option<Place>,
    ) {
        let starts_with_array = matches!(
            chain.levels.first(),
            Some(Level {
                shape: LevelShape::Array(_),
                ..
            })
        );
        if starts_with_array && place == Some(Place::Parameter) {
            if kind == PointerKind::Ref {
                return;
            }
            // In C an array parameter is a pointer; this one may be null.
            let first = chain.levels[0].clone();
            chain.levels.insert(
                0,
                Level {
                    shape: LevelShape::Pointer(Some(kind)),
                    size: None,
                    length: None,
                    is_string: false,
                    ..first
                },
            );
            return;
        }
        let pointer = chain
            .levels
            .iter_mut()
            .find_map(|level| match &mut level.shape {
                LevelShape::Pointer(own) => Some(own),
                LevelShape::Array(_) => None,
            });
        match pointer {
            Some(own) => *own = Some(kind),
            None if place.is_none() => {}
            None => self.reports.add(Report::error(
                attribute.name.span,
                format!("[{}] is for pointers", attribute.name.text),
                "this is none",
            )),
        }
    }

    /// The type of a chain that stands at `place`.
    pub(super) fn build(&mut self, chain: &Chain, place: Place, span: Span) -> Option<Type> {
        let mut ty = self.build_leaf(chain, span)?;
        let innermost = chain.levels.len().saturating_sub(1);
        for (index, level) in chain.levels.iter().enumerate().rev() {
            let content = if level.is_string {
                if index != innermost {
                    self.reports.add(Report::error(
                        level.span,
                        "[string] is for characters",
                        "not of characters",
                    ));
                    return None;
                }
                self.build_text(level, chain.leaf)?
            } else {
                self.build_array(level, ty)?
            };
            ty = match level.shape {
                LevelShape::Array(_) => content,
                LevelShape::Pointer(explicit) => {
                    let at_top = index == 0 && place == Place::Parameter;
                    let default = if at_top {
                        PointerKind::Ref
                    } else {
                        level.pointer_default
                    };
                    Type::Pointer(explicit.unwrap_or(default), Box::new(content))
                }
            };
        }
        Some(ty)
    }

    fn build_leaf(&mut self, chain: &Chain, span: Span) -> Option<Type> {
        let report = match chain.leaf {
            Leaf::Scalar(scalar) => return Some(Type::Scalar(scalar)),
            Leaf::WideChar => return Some(Type::Scalar(WIDE_CHAR)),
            Leaf::Defined(id) => return Some(Type::Defined(id)),
            Leaf::Void => Report::error(span, "void has no value that could be sent", "void")
                .help("name the type, or write [context_handle]"),
            Leaf::Binding => Report::error(
                span,
                "a binding handle is not sent",
                "only as a parameter of its own",
            ),
            Leaf::Pipe => Report::unsupported(span, "a pipe is"),
        };
        self.reports.add(report);
        None
    }

    /// The string that a level holds.
    fn build_text(&mut self, level: &Level, leaf: Leaf) -> Option<Type> {
        let is_wide = match leaf {
            Leaf::WideChar => true,
            Leaf::Scalar(Scalar::Integer { bits: 8, .. }) => false,
            Leaf::Scalar(Scalar::Integer { bits: 16, .. }) => true,
            _ => {
                self.reports.add(Report::error(
                    level.span,
                    "[string] is for characters",
                    "not of characters",
                ));
                return None;
            }
        };
        let room = match level.shape {
            LevelShape::Array(room) => room,
            LevelShape::Pointer(_) => None,
        };
        Some(Type::Text(Box::new(Text {
            is_wide,
            room,
            size: level.size.clone(),
            length: level.length.clone(),
        })))
    }

    /// The array that a level is or points to; `element` itself if it is not one.
    fn build_array(&mut self, level: &Level, element: Type) -> Option<Type> {
        let (size, length) = (level.size.clone(), level.length.clone());
        let error = match (level.shape, size, length) {
            (LevelShape::Pointer(_), None, None) => return Some(element),
            (LevelShape::Array(Some(count)), None, None) => {
                return Some(array(element, ArrayShape::Fixed(count)));
            }
            (LevelShape::Array(Some(room)), None, Some(length)) => {
                return Some(array(element, ArrayShape::Varying { room, length }));
            }
            (LevelShape::Array(None) | LevelShape::Pointer(_), Some(size), length) => {
                let shape = ArrayShape::Conformant { size, length };
                return Some(array(element, shape));
            }
            (LevelShape::Array(Some(_)), Some(_), _) => Report::error(
                level.span,
                "size_is is for an array without a dimension",
                "has one",
            )
            .help("write `[]`, or leave size_is out"),
            (LevelShape::Array(None), None, _) => Report::error(
                level.span,
                "nothing says how many elements this array has",
                "without a size",
            )
            .help("write size_is, max_is or string before it"),
            (LevelShape::Pointer(_), None, Some(_)) => Report::error(
                level.span,
                "length_is needs to know how many elements there is room for",
                "without a size",
            )
            .help("write size_is or max_is as well"),
        };
        self.reports.add(error);
        None
    }

    /// The scope in which what is resolved now stands.
    pub(super) fn within<T>(&mut self, scope: Scope, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.scope, scope);
        let result = run(self);
        self.scope = outer;
        result
    }
}

fn array(element: Type, shape: ArrayShape) -> Type {
    Type::Array(Box::new(Array { element, shape }))
}

fn plus_one(count: Count) -> Count {
    match count {
        Count::Number(number) => Count::Number(number + 1),
        Count::Unchecked => Count::Unchecked,
        count => Count::Binary(
            CountOperator::Add,
            Box::new(count),
            Box::new(Count::Number(1)),
        ),
    }
}

fn base_leaf(base: BaseType) -> Leaf {
    Leaf::Scalar(match base {
        BaseType::Void => return Leaf::Void,
        BaseType::Handle => return Leaf::Binding,
        BaseType::WideChar => return Leaf::WideChar,
        BaseType::Boolean => Scalar::Boolean,
        BaseType::Byte | BaseType::Char => Scalar::BYTE,
        BaseType::Integer { bits, signed } => Scalar::Integer { bits, signed },
        BaseType::Float => Scalar::Float,
        BaseType::Double => Scalar::Double,
    })
}
