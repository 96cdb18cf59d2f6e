//! From what the files say to what it means.

mod apply;
mod attributes;
mod build;
mod chain;
mod conformance;
mod constants;
mod counts;
mod operations;
mod pipes;
mod types;

use std::collections::{HashMap, VecDeque};

use self::attributes::Owner;
use self::chain::Chain;
use self::constants::Value;
use crate::ast::{self, Attributes, Declaration, TypeKind, TypeSpecifier, Typedef};
use crate::diagnostic::{Report, Reports};
use crate::load::Program;
use crate::model::{self, Model, PointerKind, TypeId};
use crate::source::Span;

/// How deep definitions may contain each other.
const DEFINITION_DEPTH_MAX: u16 = 64;

/// Resolves the program; errors are reported, and then the model is of no use.
pub(crate) fn resolve(program: &Program, reports: &mut Reports) -> Model {
    let mut resolver = Resolver {
        reports,
        model: Model::default(),
        constants: HashMap::new(),
        typedefs: HashMap::new(),
        tags: HashMap::new(),
        resolved_typedefs: HashMap::new(),
        open_typedefs: Vec::new(),
        defined: HashMap::new(),
        bodies: VecDeque::new(),
        depth: 0,
        scope: Scope::default(),
    };
    let Some((main, imported)) = program.files.split_last() else {
        return resolver.model;
    };
    for file in imported {
        resolver.collect_file(file, false);
    }
    let scope = resolver.collect_file(main, true);
    resolver.main(main, scope, program.acf.as_ref());
    resolver.resolve_bodies();
    resolver.check();
    resolver.model
}

/// What holds for all that is declared in one interface, or in a file outside of its interfaces.
#[derive(Clone, Copy, Debug)]
struct Scope {
    pointer_default: PointerKind,
    /// Its unions are `[ms_union]`.
    has_ms_unions: bool,
    /// It is in the file that is compiled.
    is_main: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Scope {
            pointer_default: PointerKind::Unique,
            has_ms_unions: false,
            is_main: false,
        }
    }
}

/// A typedef's declarator and what stands before it.
#[derive(Clone, Copy)]
struct TypedefEntry<'a> {
    typedef: &'a Typedef,
    declarator: &'a ast::Declarator,
    scope: Scope,
}

/// A structure, union or enum that a tag names.
#[derive(Clone, Copy)]
struct TagEntry<'a> {
    specifier: &'a TypeSpecifier,
    attributes: &'a Attributes,
    docs: &'a [String],
    /// The name that a typedef gives it.
    name: Option<&'a str>,
    scope: Scope,
}

struct Resolver<'a> {
    reports: &'a mut Reports,
    model: Model,
    constants: HashMap<&'a str, Value>,
    typedefs: HashMap<&'a str, TypedefEntry<'a>>,
    /// C has one name space for all tags; pidl's bitmaps are in it too.
    tags: HashMap<&'a str, TagEntry<'a>>,
    /// Typedefs that are resolved; `None` while one is, or if it has an error.
    resolved_typedefs: HashMap<&'a str, Option<Chain>>,
    /// Typedefs that are being resolved, each needed by the one before it.
    open_typedefs: Vec<&'a str>,
    /// Definitions by the place of their source.
    defined: HashMap<Span, TypeId>,
    /// Definitions whose members are still to be resolved.
    bodies: VecDeque<(TypeId, TagEntry<'a>)>,
    depth: u16,
    scope: Scope,
}

impl<'a> Resolver<'a> {
    /// Enters what the file declares, evaluates its constants, and gives its outermost scope.
    fn collect_file(&mut self, file: &'a ast::File, is_main: bool) -> Scope {
        let scope = self.file_scope(file, is_main);
        for define in &file.defines {
            // Most defines are none of the definition's business.
            if let Ok(value) = self.value_of(&define.value) {
                self.constants.insert(&define.name.text, value);
            }
        }
        self.collect(&file.declarations, scope);
        scope
    }

    /// Declarations outside of interfaces take the pointers of the file's only interface.
    fn file_scope(&mut self, file: &ast::File, is_main: bool) -> Scope {
        let mut interfaces = file.declarations.iter().filter_map(|declaration| {
            if let Declaration::Interface(interface) = declaration {
                Some(interface)
            } else {
                None
            }
        });
        match (interfaces.next(), interfaces.next()) {
            (Some(only), None) => self.interface_scope(only, is_main),
            _ => Scope {
                is_main,
                ..Scope::default()
            },
        }
    }

    fn interface_scope(&mut self, interface: &ast::Interface, is_main: bool) -> Scope {
        let scope = Scope {
            has_ms_unions: interface.attributes.has("ms_union"),
            is_main,
            ..Scope::default()
        };
        let Some(attribute) = interface.attributes.get("pointer_default") else {
            return scope;
        };
        let kind = attribute
            .expressions()
            .next()
            .and_then(|kind| match &kind.kind {
                ast::ExpressionKind::Name(name) => pointer_kind(name),
                _ => None,
            });
        if kind.is_none() {
            self.reports.add(Report::error(
                attribute.name.span,
                "expected pointer_default(ref), (unique) or (ptr)",
                "no kind of pointer",
            ));
        }
        Scope {
            pointer_default: kind.unwrap_or(PointerKind::Unique),
            ..scope
        }
    }

    fn collect(&mut self, declarations: &'a [Declaration], scope: Scope) {
        for declaration in declarations {
            match declaration {
                Declaration::Interface(interface) => {
                    let scope = self.interface_scope(interface, scope.is_main);
                    self.collect(&interface.declarations, scope);
                }
                Declaration::Constant(constant) => self.collect_constant(constant),
                Declaration::Typedef(typedef) => {
                    let entry = TagEntry {
                        specifier: &typedef.specifier,
                        attributes: &typedef.attributes,
                        docs: &typedef.docs,
                        name: plain_name(typedef),
                        scope,
                    };
                    self.collect_specifier(entry);
                    self.collect_typedef(typedef, scope);
                }
                Declaration::Type(specifier) => self.collect_plain(specifier, scope),
                Declaration::Operation(operation) => {
                    for parameter in &operation.parameters {
                        self.collect_plain(&parameter.specifier, scope);
                    }
                }
            }
        }
    }

    fn collect_constant(&mut self, constant: &'a ast::Constant) {
        if let Some(value) = self.evaluate(&constant.value) {
            self.enter_constant(&constant.name, value);
        }
    }

    fn enter_constant(&mut self, name: &'a ast::Name, value: Value) {
        if let Some(known) = self.constants.get(name.text.as_str())
            && *known != value
        {
            self.reports.add(Report::error(
                name.span,
                format!("the constant `{}` has another value already", name.text),
                "defined twice",
            ));
        }
        self.constants.insert(&name.text, value);
    }

    fn collect_typedef(&mut self, typedef: &'a Typedef, scope: Scope) {
        for declarator in &typedef.declarators {
            let entry = TypedefEntry {
                typedef,
                declarator,
                scope,
            };
            let known = self.typedefs.insert(&declarator.name.text, entry);
            // What the prelude has may be defined by anyone.
            let known = known.filter(|known| !known.declarator.name.span.file.is_first());
            if known.is_some_and(|known| !is_same_typedef(&known, &entry)) {
                self.reports.add(Report::error(
                    declarator.name.span,
                    format!("`{}` is defined already", declarator.name.text),
                    "defined twice",
                ));
            }
        }
    }

    fn collect_plain(&mut self, specifier: &'a TypeSpecifier, scope: Scope) {
        static NO_ATTRIBUTES: Attributes = Attributes { items: Vec::new() };
        self.collect_specifier(TagEntry {
            specifier,
            attributes: &NO_ATTRIBUTES,
            docs: &[],
            name: None,
            scope,
        });
    }

    /// Enters the tag and the enumerators of a definition and of those in it.
    fn collect_specifier(&mut self, entry: TagEntry<'a>) {
        let (tag, members) = match &entry.specifier.kind {
            TypeKind::Structure(structure) => (&structure.tag, structure.members.as_slice()),
            TypeKind::Union(union) => {
                for body in union.arms.iter().filter_map(|arm| arm.body.as_ref()) {
                    self.collect_plain(&body.specifier, entry.scope);
                }
                (&union.tag, [].as_slice())
            }
            TypeKind::Enumeration(enumeration) => {
                self.collect_enumerators(enumeration);
                (&enumeration.tag, [].as_slice())
            }
            TypeKind::Pipe(element) => {
                self.collect_plain(element, entry.scope);
                return;
            }
            _ => return,
        };
        if let Some(tag) = tag {
            let is_other = |known: &TagEntry<'_>| known.specifier.span != entry.specifier.span;
            let known = self.tags.insert(&tag.text, entry);
            if known.is_some_and(|known| is_other(&known)) {
                self.reports.add(Report::error(
                    tag.span,
                    format!("`{}` is defined already", tag.text),
                    "defined twice",
                ));
            }
        }
        for member in members {
            self.collect_plain(&member.specifier, entry.scope);
        }
    }

    fn collect_enumerators(&mut self, enumeration: &'a ast::Enumeration) {
        let mut next = Some(0i128);
        for enumerator in &enumeration.values {
            let value = match &enumerator.value {
                Some(expression) => self.integer(expression),
                None => next,
            };
            if let Some(value) = value {
                self.enter_constant(&enumerator.name, Value::Integer(value));
            }
            next = value.map(|value| value + 1);
        }
    }

    /// Resolves the file that is compiled, all of it.
    fn main(&mut self, file: &'a ast::File, scope: Scope, acf: Option<&'a ast::Acf>) {
        self.check_acf_names(file, acf);
        self.declarations(&file.declarations, scope);
        for declaration in &file.declarations {
            match declaration {
                Declaration::Interface(interface) => {
                    let scope = self.interface_scope(interface, true);
                    attributes::check(&interface.attributes, Owner::Interface, self.reports);
                    self.declarations(&interface.declarations, scope);
                    let acf = acf.and_then(|acf| {
                        let named = |acf: &&ast::AcfInterface| acf.name.text == interface.name.text;
                        acf.interfaces.iter().find(named)
                    });
                    self.interface(interface, acf);
                }
                Declaration::Operation(operation) => self.reports.add(Report::error(
                    operation.name.span,
                    "an operation belongs into an interface",
                    "outside of any",
                )),
                _ => {}
            }
        }
    }

    /// An ACF that speaks of what is not there has a typing error.
    fn check_acf_names(&mut self, file: &ast::File, acf: Option<&ast::Acf>) {
        for configured in acf.into_iter().flat_map(|acf| &acf.interfaces) {
            let is_there = file.declarations.iter().any(|declaration| {
                matches!(declaration, Declaration::Interface(interface)
                    if interface.name.text == configured.name.text)
            });
            if !is_there {
                self.reports.add(Report::error(
                    configured.name.span,
                    format!("the IDL file has no interface `{}`", configured.name.text),
                    "unknown",
                ));
            }
        }
    }

    /// Resolves types and constants that stand here, but not interfaces and operations.
    fn declarations(&mut self, declarations: &'a [Declaration], scope: Scope) {
        self.scope = scope;
        for declaration in declarations {
            match declaration {
                Declaration::Constant(constant) => self.constant(constant),
                Declaration::Typedef(typedef) => {
                    for declarator in &typedef.declarators {
                        self.typedef(&declarator.name.text, declarator.name.span);
                    }
                }
                Declaration::Type(specifier) => {
                    self.specifier(specifier, None);
                }
                Declaration::Interface(_) | Declaration::Operation(_) => {}
            }
        }
    }

    fn constant(&mut self, constant: &'a ast::Constant) {
        let Some(declared) = &constant.ty else { return };
        let Some(value) = self.constants.get(constant.name.text.as_str()).cloned() else {
            return;
        };
        let chain = self.declared_chain(declared);
        let value = match value {
            Value::String(text) => Some(model::ConstantValue::String(text)),
            Value::Integer(value) => self.integer_constant(constant, value, chain),
        };
        if let Some(value) = value {
            self.model.constants.push(model::Constant {
                name: constant.name.text.clone(),
                docs: constant.docs.clone(),
                value,
            });
        }
    }

    fn integer_constant(
        &mut self,
        constant: &ast::Constant,
        value: i128,
        chain: Option<Chain>,
    ) -> Option<model::ConstantValue> {
        let chain = chain?;
        let scalar = chain.plain_scalar();
        let (bits, signed) = match scalar {
            Some(model::Scalar::Integer { bits, signed }) => (bits, signed),
            Some(model::Scalar::Boolean) => {
                return Some(model::ConstantValue::Boolean(value != 0));
            }
            _ => {
                self.reports.add(Report::error(
                    constant.name.span,
                    "a constant is an integer, a character or a string",
                    "of another type",
                ));
                return None;
            }
        };
        if !fits(value, bits, signed) && !fits(value, bits, !signed) {
            self.reports.add(Report::error(
                constant.value.span,
                format!("{value} does not fit into {bits} bits"),
                "too large",
            ));
            return None;
        }
        // C lets 0xFFFFFFFF be a `long`; in Rust it keeps its value and loses the sign.
        let signed = if fits(value, bits, signed) {
            signed
        } else {
            !signed
        };
        Some(model::ConstantValue::Integer {
            value,
            ty: model::Scalar::Integer { bits, signed },
        })
    }

    /// Runs `resolve` one definition deeper, unless that is too deep.
    fn nested<T>(&mut self, span: Span, resolve: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= DEFINITION_DEPTH_MAX {
            self.reports.add(Report::error(
                span,
                format!("definitions lie more than {DEFINITION_DEPTH_MAX} deep in each other"),
                "nested too deeply",
            ));
            return None;
        }
        self.depth += 1;
        let resolved = resolve(self);
        self.depth -= 1;
        resolved
    }
}

/// Whether one of the typedefs says again what the other says: another name of a type, or a
/// pointer to one.
fn is_same_typedef(known: &TypedefEntry<'_>, entry: &TypedefEntry<'_>) -> bool {
    let is_pointer = |level: &ast::DeclaredLevel| matches!(level.kind, ast::LevelKind::Pointer);
    let levels = |entry: &TypedefEntry<'_>| {
        let levels = &entry.declarator.levels;
        levels.iter().all(is_pointer).then_some(levels.len())
    };
    let is_bare = |entry: &TypedefEntry<'_>| entry.typedef.attributes.items.is_empty();
    let is_same_type = match (&known.typedef.specifier.kind, &entry.typedef.specifier.kind) {
        (TypeKind::Base(known), TypeKind::Base(base)) => known == base,
        (TypeKind::Named(known), TypeKind::Named(name)) => known == name,
        (TypeKind::Tag(known), TypeKind::Tag(tag)) => known.text == tag.text,
        _ => false,
    };
    is_same_type
        && levels(known).is_some()
        && levels(known) == levels(entry)
        && is_bare(known)
        && is_bare(entry)
}

/// The first name of a typedef that is the type itself, not a pointer to it.
fn plain_name(typedef: &Typedef) -> Option<&str> {
    let plain = typedef
        .declarators
        .iter()
        .find(|declarator| declarator.levels.is_empty());
    plain.map(|declarator| declarator.name.text.as_str())
}

fn pointer_kind(name: &str) -> Option<PointerKind> {
    match name {
        "ref" => Some(PointerKind::Ref),
        "unique" => Some(PointerKind::Unique),
        "ptr" => Some(PointerKind::Full),
        _ => None,
    }
}

/// Whether an integer of so many bits can be `value`.
fn fits(value: i128, bits: u8, signed: bool) -> bool {
    let (least, greatest) = if signed {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    };
    (least..=greatest).contains(&value)
}
