//! A parameter or member as a field: its type in Rust and what its `#[ndr(…)]` says.

use std::collections::HashMap;

use proc_macro2::{Ident, Literal, Punct, Spacing, TokenStream};
use quote::{ToTokens, quote};

use super::Generator;
use crate::diagnostic::Report;
use crate::model::{
    Array, ArrayShape, Count, CountOperator, DefinitionKind, Dimension, Extent, Field, PointerKind,
    Scalar, Text, Type, TypeId,
};

/// Where a field stands.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    /// Of in-parameters, which may borrow.
    Request,
    /// Of out-parameters.
    Response,
    Structure(TypeId),
    Arm(TypeId),
}

impl Owner {
    fn is_parameters(self) -> bool {
        matches!(self, Owner::Request | Owner::Response)
    }

    fn definition(self) -> Option<TypeId> {
        match self {
            Owner::Structure(id) | Owner::Arm(id) => Some(id),
            Owner::Request | Owner::Response => None,
        }
    }
}

/// What may tell a count of a field, by its name in the IDL.
#[derive(Default)]
pub(super) struct Siblings {
    /// The fields of the same struct: their names in Rust.
    pub(super) fields: HashMap<String, Ident>,
    /// Of out-parameters: the in-parameters that only the request has.
    pub(super) given: HashMap<String, Ident>,
}

impl Siblings {
    /// How a count names what tells it.
    fn source(&self, name: &str) -> Option<String> {
        let field = self.fields.get(name).map(Ident::to_string);
        field.or_else(|| self.given.get(name).map(|ident| format!("given.{ident}")))
    }
}

/// What a field of a request borrows from the stub data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Borrow {
    Nothing,
    Bytes,
    Utf16,
}

/// A field that is ready to be written.
pub(super) struct FieldCode {
    pub(super) ident: Ident,
    /// With the lifetime `'a`, if it borrows.
    pub(super) ty: TokenStream,
    pub(super) borrow: Borrow,
    /// Of what borrows: it may be null.
    pub(super) is_optional: bool,
    /// A conformant array of bytes that is there: what a reply can borrow.
    pub(super) is_bytes: bool,
    pub(super) attributes: Vec<TokenStream>,
    /// The in-parameters that tell something about it, by their names in Rust.
    pub(super) given: Vec<Ident>,
    pub(super) docs: TokenStream,
}

impl FieldCode {
    /// `#[ndr(…)]`, if there is something to say.
    pub(super) fn ndr_attribute(&self) -> Option<TokenStream> {
        let items = &self.attributes;
        (!items.is_empty()).then(|| quote!(#[ndr(#(#items),*)]))
    }

    pub(super) fn definition(&self) -> TokenStream {
        let FieldCode {
            ident, ty, docs, ..
        } = self;
        let attribute = self.ndr_attribute();
        quote!(#docs #attribute pub #ident: #ty)
    }
}

/// What a type becomes, and what has to be said about it.
struct Lowering<'g, 'm> {
    generator: &'g mut Generator<'m>,
    owner: Owner,
    siblings: &'g Siblings,
    field: &'g Field,
    attributes: Vec<TokenStream>,
    given: Vec<Ident>,
    borrow: Borrow,
}

impl Generator<'_> {
    /// A field of `owner`.
    pub(super) fn field(
        &mut self,
        field: &Field,
        owner: Owner,
        siblings: &Siblings,
        ident: Ident,
    ) -> FieldCode {
        let mut lowering = Lowering {
            generator: self,
            owner,
            siblings,
            field,
            attributes: Vec::new(),
            given: Vec::new(),
            borrow: Borrow::Nothing,
        };
        let ty = lowering.outermost();
        lowering.switch();
        lowering.range();
        let Lowering {
            attributes,
            given,
            borrow,
            ..
        } = lowering;
        let name = ident.to_string();
        FieldCode {
            ty,
            borrow,
            is_optional: matches!(field.ty, Type::Pointer(PointerKind::Unique, _)),
            is_bytes: is_bytes(&field.ty),
            attributes,
            given,
            docs: super::docs::of(&field.docs, &field.name, &name),
            ident,
        }
    }
}

/// Whether it is a conformant array of bytes, perhaps behind reference pointers.
fn is_bytes(ty: &Type) -> bool {
    match ty {
        Type::Pointer(PointerKind::Ref, to) => is_bytes(to),
        Type::Array(array) => {
            matches!(array.shape, ArrayShape::Conformant { first: None, .. })
                && matches!(array.element, Type::Scalar(Scalar::BYTE))
        }
        _ => false,
    }
}

impl Lowering<'_, '_> {
    fn outermost(&mut self) -> TokenStream {
        let ty = &self.field.ty;
        let under_ref = match ty {
            Type::Pointer(PointerKind::Ref, to) => to,
            ty => ty,
        };
        if super::shapes::is_beyond_attributes(under_ref) {
            // A reference pointer at the top of a parameter has nothing on the wire.
            let on_wire = if self.owner.is_parameters() {
                under_ref
            } else {
                ty
            };
            return self.written_out(on_wire);
        }
        match ty {
            Type::Pointer(PointerKind::Ref, to) => {
                if !self.owner.is_parameters() {
                    self.attributes.push(quote!(ref));
                }
                match &**to {
                    Type::Defined(id) => self.boxed(*id),
                    to => self.inner(to, true),
                }
            }
            ty => self.inner(ty, true),
        }
    }

    /// What lies under the outermost reference pointer. `may_borrow`: nothing but pointers is
    /// around it.
    fn inner(&mut self, ty: &Type, may_borrow: bool) -> TokenStream {
        match ty {
            Type::Pointer(PointerKind::Unique, to) => {
                let is_first = std::ptr::eq(ty, &self.field.ty);
                let content = match &**to {
                    Type::Defined(id) => self.boxed(*id),
                    to => self.inner(to, may_borrow && is_first),
                };
                quote!(Option<#content>)
            }
            Type::Pointer(PointerKind::Full, to) => {
                let content = self.inner(to, false);
                quote!(Full<#content>)
            }
            Type::Pointer(PointerKind::Ref, _) => {
                unreachable!("its shape is written out")
            }
            Type::Array(array) => self.array(array, may_borrow),
            Type::Text(text) => self.text(text, may_borrow),
            Type::Pipe(_) => self.unsupported("a pipe is"),
            Type::Scalar(scalar) => self.generator.scalar(*scalar),
            Type::Defined(id) => self.generator.definition_ident(*id).to_token_stream(),
        }
    }

    /// A type whose shape is written out; of its counts, those of the outermost array or string are
    /// checked.
    fn written_out(&mut self, ty: &Type) -> TokenStream {
        let shape = super::shapes::shape(ty, self.field.switch_is.is_some());
        self.attributes.push(quote!(shape = #shape));
        match ty.pointee() {
            Type::Array(array) => {
                self.counts_of(&array.shape);
                self.warn_of_counts_in(&array.element);
            }
            Type::Text(text) => {
                self.push_count("size_is", text.size.as_ref());
                self.push_count("length_is", text.length.as_ref());
            }
            Type::Scalar(_) | Type::Defined(_) | Type::Pointer(..) | Type::Pipe(_) => {}
        }
        self.plain(ty)
    }

    /// What is told about an array whose shape is written out.
    fn counts_of(&mut self, shape: &ArrayShape) {
        match shape {
            ArrayShape::Several(dimensions) => self.dimensions(dimensions),
            ArrayShape::Fixed(_) => {}
            ArrayShape::Varying { first, length, .. } => {
                self.push_count("first_is", first.as_ref());
                self.push_count("length_is", Some(length));
            }
            ArrayShape::Conformant {
                size,
                first,
                length,
            } => {
                self.push_count("size_is", Some(size));
                self.push_count("first_is", first.as_ref());
                self.push_count("length_is", length.as_ref());
            }
        }
    }

    /// `attribute = "…"`, if there is a count and what tells it is here.
    fn push_count(&mut self, attribute: &str, count: Option<&Count>) {
        if let Some(count) = count.and_then(|count| self.count(count)) {
            let attribute = super::names::ident(attribute);
            self.attributes.push(quote!(#attribute = #count));
        }
    }

    /// Nothing speaks of what is in each element of an array.
    fn warn_of_counts_in(&mut self, element: &Type) {
        let is_counted = match element {
            Type::Pointer(_, to) => return self.warn_of_counts_in(to),
            Type::Array(array) if matches!(array.shape, ArrayShape::Fixed(_)) => {
                return self.warn_of_counts_in(&array.element);
            }
            Type::Array(_) => true,
            Type::Text(text) => text.size.is_some() || text.length.is_some(),
            Type::Scalar(_) | Type::Defined(_) | Type::Pipe(_) => false,
        };
        if is_counted {
            self.generator.reports.add(
                Report::warning(
                    self.field.span,
                    "counts of arrays and strings in an array are not checked",
                    "what is on the wire holds",
                )
                .help("make a structure of an element and its count"),
            );
        }
    }

    /// What is told about each dimension of an array of several.
    fn dimensions(&mut self, dimensions: &[Dimension]) {
        let extent = |dimension: &Dimension| match &dimension.extent {
            Extent::Fixed(room) => Count::Number(i128::from(*room)),
            Extent::Counted(size) => size.clone(),
        };
        let sizes: Vec<_> = dimensions.iter().map(extent).collect();
        if matches!(dimensions[0].extent, Extent::Fixed(_)) {
            let rooms = dimensions.iter().map(|dimension| match dimension.extent {
                Extent::Fixed(room) => Literal::u32_unsuffixed(room),
                Extent::Counted(_) => unreachable!("if one dimension is fixed, all are"),
            });
            self.attributes.push(quote!(varying = (#(#rooms),*)));
        } else {
            self.push_counts("size_is", &sizes);
        }
        if dimensions
            .iter()
            .all(|dimension| dimension.length.is_none())
        {
            return;
        }
        let first = |dimension: &Dimension| dimension.first.clone().unwrap_or(Count::Number(0));
        let length = |dimension: &Dimension| {
            let length = dimension.length.clone();
            length.unwrap_or_else(|| extent(dimension))
        };
        let firsts: Vec<_> = dimensions.iter().map(first).collect();
        self.push_counts("first_is", &firsts);
        let lengths: Vec<_> = dimensions.iter().map(length).collect();
        self.push_counts("length_is", &lengths);
    }

    /// `attribute = "(…)"`, a count for each dimension, `_` where what tells it is not here.
    fn push_counts(&mut self, attribute: &str, counts: &[Count]) {
        let counts: Vec<_> = counts.iter().map(|count| self.count(count)).collect();
        if counts.iter().all(Option::is_none) {
            return;
        }
        let counts = counts
            .into_iter()
            .map(|count| count.unwrap_or_else(|| "_".to_owned()));
        let counts = format!("({})", counts.collect::<Vec<_>>().join(", "));
        let attribute = super::names::ident(attribute);
        self.attributes.push(quote!(#attribute = #counts));
    }

    /// The Rust type of what has its shape written out.
    fn plain(&mut self, ty: &Type) -> TokenStream {
        match ty {
            Type::Pointer(kind, to) => {
                let content = match &**to {
                    Type::Defined(id) if *kind != PointerKind::Full => self.boxed(*id),
                    to => self.plain(to),
                };
                match kind {
                    PointerKind::Ref => content,
                    PointerKind::Unique => quote!(Option<#content>),
                    PointerKind::Full => quote!(Full<#content>),
                }
            }
            Type::Array(array) => {
                let element = self.plain(&array.element);
                match &array.shape {
                    ArrayShape::Fixed(count) => {
                        let count = Literal::u32_unsuffixed(*count);
                        quote!([#element; #count])
                    }
                    ArrayShape::Varying { first: Some(_), .. }
                    | ArrayShape::Conformant { first: Some(_), .. } => {
                        quote!(ArraySection<#element>)
                    }
                    ArrayShape::Several(dimensions) => {
                        let count = Literal::usize_unsuffixed(dimensions.len());
                        quote!(ArraySection<#element, #count>)
                    }
                    _ => quote!(Vec<#element>),
                }
            }
            Type::Text(text) => text_type(text),
            Type::Pipe(_) => self.unsupported("a pipe is"),
            Type::Scalar(scalar) => self.generator.scalar(*scalar),
            Type::Defined(id) => self.generator.definition_ident(*id).to_token_stream(),
        }
    }

    /// What a pointer points to; in a `Box` where a definition would contain itself.
    fn boxed(&mut self, id: TypeId) -> TokenStream {
        let ident = self.generator.definition_ident(id);
        if self
            .generator
            .graph
            .is_circular(self.owner.definition(), id)
        {
            quote!(Box<#ident>)
        } else {
            ident.to_token_stream()
        }
    }

    /// Reports it. What is returned stands in for the type in code that nobody will see.
    fn unsupported(&mut self, what: &str) -> TokenStream {
        let report = Report::unsupported(self.field.span, what);
        self.generator.reports.add(report);
        quote!(())
    }

    fn array(&mut self, array: &Array, may_borrow: bool) -> TokenStream {
        match &array.shape {
            ArrayShape::Fixed(count) => {
                let element = self.element(&array.element);
                let count = Literal::u32_unsuffixed(*count);
                quote!([#element; #count])
            }
            ArrayShape::Varying {
                room,
                first,
                length,
            } => {
                let room = Literal::u32_unsuffixed(*room);
                self.attributes.push(quote!(varying = #room));
                self.push_count("length_is", Some(length));
                self.section_or_vector(array, first.as_ref(), may_borrow)
            }
            ArrayShape::Conformant {
                size,
                first,
                length,
            } => {
                let size = self.count(size);
                self.attributes.push(match size {
                    Some(size) => quote!(size_is = #size),
                    None => quote!(conformant),
                });
                if let Some(length) = length {
                    let length = self.count(length);
                    self.attributes.push(match length {
                        Some(length) => quote!(length_is = #length),
                        None => quote!(varying),
                    });
                }
                self.section_or_vector(array, first.as_ref(), may_borrow)
            }
            ArrayShape::Several(_) => unreachable!("its shape is written out"),
        }
    }

    /// An array whose first element may have any index is a section of one.
    fn section_or_vector(
        &mut self,
        array: &Array,
        first: Option<&Count>,
        may_borrow: bool,
    ) -> TokenStream {
        if first.is_none() {
            return self.vector(array, may_borrow);
        }
        self.push_count("first_is", first);
        let element = self.element(&array.element);
        quote!(ArraySection<#element>)
    }

    fn vector(&mut self, array: &Array, may_borrow: bool) -> TokenStream {
        let is_bytes = matches!(array.element, Type::Scalar(Scalar::BYTE));
        if matches!(self.owner, Owner::Request) && may_borrow && is_bytes {
            self.borrow = Borrow::Bytes;
            return quote!(&'a [u8]);
        }
        let shared = self.generator.shared_array(&array.element);
        shared.unwrap_or_else(|| {
            let element = self.element(&array.element);
            quote!(Vec<#element>)
        })
    }

    /// An element of an array.
    fn element(&mut self, ty: &Type) -> TokenStream {
        match ty {
            Type::Pointer(PointerKind::Unique, to) => {
                let content = match &**to {
                    Type::Defined(id) => self.boxed(*id),
                    to => self.element(to),
                };
                quote!(Option<#content>)
            }
            Type::Pointer(PointerKind::Full, to) => {
                let content = self.element(to);
                quote!(Full<#content>)
            }
            Type::Array(array) => {
                let element = self.element(&array.element);
                match array.shape {
                    ArrayShape::Fixed(count) => {
                        let count = Literal::u32_unsuffixed(count);
                        quote!([#element; #count])
                    }
                    _ => unreachable!("its shape is written out"),
                }
            }
            Type::Pointer(PointerKind::Ref, _) => unreachable!("its shape is written out"),
            Type::Text(text) => {
                self.attributes.push(quote!(string));
                text_type(text)
            }
            Type::Pipe(_) => self.unsupported("an array of pipes is"),
            Type::Scalar(scalar) => self.generator.scalar(*scalar),
            Type::Defined(id) => self.generator.definition_ident(*id).to_token_stream(),
        }
    }

    fn text(&mut self, text: &Text, may_borrow: bool) -> TokenStream {
        self.attributes.push(quote!(string));
        if let Some(room) = text.room {
            let room = Literal::u32_unsuffixed(room);
            self.attributes.push(quote!(varying = #room));
        }
        self.push_count("size_is", text.size.as_ref());
        self.push_count("length_is", text.length.as_ref());
        if !may_borrow || !matches!(self.owner, Owner::Request) {
            return text_type(text);
        }
        if text.is_wide {
            self.borrow = Borrow::Utf16;
            quote!(Utf16Str<'a>)
        } else {
            self.borrow = Borrow::Bytes;
            quote!(&'a [u8])
        }
    }

    fn switch(&mut self) {
        let Some(switch) = &self.field.switch_is else {
            return;
        };
        let is_union = match self.field.ty.pointee() {
            Type::Defined(id) => matches!(
                self.generator.model.definition(*id).kind,
                DefinitionKind::Union(_)
            ),
            _ => false,
        };
        if !is_union {
            self.generator.reports.add(Report::error(
                self.field.span,
                "switch_is is for a union, or a pointer to one",
                "this is none",
            ));
            return;
        }
        self.push_count("switch_is", Some(switch));
    }

    fn range(&mut self) {
        let Some((min, max)) = self.field.range else {
            return;
        };
        let ty = match &self.field.ty {
            Type::Pointer(PointerKind::Ref, to) => to,
            ty => ty,
        };
        let is_number = match ty {
            Type::Scalar(Scalar::Integer { .. }) => true,
            Type::Defined(id) => matches!(
                self.generator.model.definition(*id).kind,
                DefinitionKind::Enumeration { .. }
            ),
            _ => false,
        };
        if is_number && !matches!(self.owner, Owner::Arm(_)) {
            let (min, max) = (integer(min), integer(max));
            self.attributes.push(quote!(range(#min, #max)));
        } else {
            self.generator.reports.add(Report::warning(
                self.field.span,
                "[range] is checked on integers and enums that are not in a union",
                "not checked",
            ));
        }
    }

    /// A count as the derive macro takes it; `None` if it is not looked at, or, with a warning, if
    /// what tells it is not here.
    fn count(&mut self, count: &Count) -> Option<String> {
        if matches!(count, Count::Unchecked) {
            return None;
        }
        let expression = expression(count, self.siblings);
        if expression.is_none() {
            self.generator.reports.add(Report::warning(
                self.field.span,
                "what tells this count or discriminant is not there when it is read; it is not checked",
                "what is on the wire holds",
            ));
        }
        count.sources(&mut |name| {
            if !self.siblings.fields.contains_key(name) {
                self.given.extend(self.siblings.given.get(name).cloned());
            }
        });
        expression
    }
}

/// The count over the fields' names in Rust; `None` if what tells it is not here.
fn expression(count: &Count, siblings: &Siblings) -> Option<String> {
    Some(match count {
        Count::Number(number) => number.to_string(),
        Count::Source(name) => siblings.source(name)?,
        Count::Unchecked => return None,
        Count::Binary(operator, left, right) => {
            let operator = match operator {
                CountOperator::Add => "+",
                CountOperator::Subtract => "-",
                CountOperator::Multiply => "*",
                CountOperator::Divide => "/",
            };
            let side = |count: &Count| {
                let text = expression(count, siblings)?;
                Some(match count {
                    Count::Binary(..) => format!("({text})"),
                    _ => text,
                })
            };
            format!("{} {operator} {}", side(left)?, side(right)?)
        }
    })
}

fn text_type(text: &Text) -> TokenStream {
    if text.is_wide {
        quote!(String)
    } else {
        quote!(Vec<u8>)
    }
}

/// An integer literal, with its sign before it.
pub(super) fn integer(value: i128) -> TokenStream {
    let literal = Literal::u128_unsuffixed(value.unsigned_abs());
    if value < 0 {
        let minus = Punct::new('-', Spacing::Alone);
        quote!(#minus #literal)
    } else {
        quote!(#literal)
    }
}

impl Generator<'_> {
    /// The array of such elements that shares its content, if arrays are to, and there is one.
    fn shared_array(&self, element: &Type) -> Option<TokenStream> {
        match element {
            _ if !self.options.shared_arrays => None,
            Type::Scalar(Scalar::BYTE) => Some(quote!(::annulus::ndr::Bytes)),
            Type::Scalar(number @ (Scalar::Integer { .. } | Scalar::Float | Scalar::Double)) => {
                let number = self.scalar(*number);
                Some(quote!(::annulus::ndr::SharedNumbers<#number>))
            }
            _ => None,
        }
    }

    /// A type that Rust or `annulus` has.
    pub(super) fn scalar(&self, scalar: Scalar) -> TokenStream {
        match scalar {
            Scalar::Boolean => quote!(bool),
            Scalar::Float => quote!(f32),
            Scalar::Double => quote!(f64),
            Scalar::Uuid => quote!(Uuid),
            Scalar::ContextHandle => quote!(ContextHandle),
            Scalar::Integer { bits, signed } => integer_type(bits, signed),
        }
    }
}

/// `u8` to `i64`.
pub(super) fn integer_type(bits: u8, signed: bool) -> TokenStream {
    match (bits, signed) {
        (8, false) => quote!(u8),
        (8, true) => quote!(i8),
        (16, false) => quote!(u16),
        (16, true) => quote!(i16),
        (32, false) => quote!(u32),
        (32, true) => quote!(i32),
        (_, false) => quote!(u64),
        (_, true) => quote!(i64),
    }
}
