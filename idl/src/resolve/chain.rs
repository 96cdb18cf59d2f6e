//! From a declarator and its attributes to a type: which pointer and which array is of which kind.

use super::attributes::Owner;
use super::{Resolver, Scope, TagEntry, TypedefEntry};
use crate::ast::{
    Attributes, BaseType, Declared, DeclaredLevel, LevelKind, TypeKind, TypeSpecifier,
};
use crate::diagnostic::Report;
use crate::model::{Count, Definition, DefinitionKind, PointerKind, Scalar, TypeId};
use crate::source::Span;

/// The most pointers and arrays of one type, those of its typedefs included.
const LEVELS_MAX: usize = 32;
/// The most elements of an array of a fixed number.
const FIXED_MAX: i128 = 1 << 28;

/// A type as a name is declared: what the name itself is comes first, what it is all made of last.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) levels: Vec<Level>,
    pub(super) leaf: Leaf,
    pub(super) range: Option<(i128, i128)>,
}

/// One pointer or array of a chain, and what attributes say about it.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) shape: LevelShape,
    /// What the pointer is if nothing says it.
    pub(super) pointer_default: PointerKind,
    pub(super) size: Option<Count>,
    pub(super) first: Option<Count>,
    pub(super) length: Option<Count>,
    pub(super) last: Option<Count>,
    pub(super) is_string: bool,
    pub(super) span: Span,
}

impl Level {
    /// A level about which nothing is said yet.
    pub(super) fn new(shape: LevelShape, pointer_default: PointerKind, span: Span) -> Self {
        Level {
            shape,
            pointer_default,
            size: None,
            first: None,
            length: None,
            last: None,
            is_string: false,
            span,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum LevelShape {
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
    Pipe(PipeElement),
}

/// What a pipe is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PipeElement {
    Scalar(Scalar),
    Defined(TypeId),
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

pub(super) const WIDE_CHAR: Scalar = Scalar::Integer {
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
            own.push(Level::new(shape, self.scope.pointer_default, level.span));
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
                let name = name.map(|name| format!("{name}_element"));
                let chain = self.specifier(element, name)?;
                Leaf::Pipe(self.pipe_element(&chain, element.span)?)
            }
        };
        Some(Chain::of(leaf))
    }

    /// What a pipe of `chain` is made of. What is in structures is looked at when all is resolved.
    fn pipe_element(&mut self, chain: &Chain, span: Span) -> Option<PipeElement> {
        match chain.leaf {
            _ if chain.has_levels() => {}
            Leaf::Scalar(scalar) if scalar != Scalar::ContextHandle => {
                return Some(PipeElement::Scalar(scalar));
            }
            Leaf::WideChar => return Some(PipeElement::Scalar(WIDE_CHAR)),
            Leaf::Defined(id) => return Some(PipeElement::Defined(id)),
            _ => {}
        }
        self.reports.add(super::pipes::unfit_element(span));
        None
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
        // For the element of a pipe.
        let name = Some(declarator.name.text.clone());
        let mut chain = self.chain(&typedef.specifier, &declarator.levels, name)?;
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

    /// The scope in which what is resolved now stands.
    pub(super) fn within<T>(&mut self, scope: Scope, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.scope, scope);
        let result = run(self);
        self.scope = outer;
        result
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
