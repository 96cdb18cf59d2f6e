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
    /// The fields of the same struct: their names in Rust and their places.
    pub(super) fields: HashMap<String, (Ident, usize)>,
    /// Of out-parameters: the in-parameters that only the request has.
    pub(super) given: HashMap<String, Ident>,
}

impl Siblings {
    /// How a count names what tells it.
    fn source(&self, name: &str) -> Option<String> {
        let field = self.fields.get(name).map(|(ident, _)| ident.to_string());
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
    index: usize,
    field: &'g Field,
    attributes: Vec<TokenStream>,
    given: Vec<Ident>,
    borrow: Borrow,
}

impl Generator<'_> {
    /// The field number `index` of `owner`.
    pub(super) fn field(
        &mut self,
        field: &Field,
        owner: Owner,
        siblings: &Siblings,
        index: usize,
        ident: Ident,
    ) -> FieldCode {
        let mut lowering = Lowering {
            generator: self,
            owner,
            siblings,
            index,
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

    /// A type whose shape is written out; of its counts, those of the outermost array are checked.
    fn written_out(&mut self, ty: &Type) -> TokenStream {
        let shape = super::shapes::shape(ty);
        self.attributes.push(quote!(shape = #shape));
        let mut content = ty;
        while let Type::Pointer(_, to) = content {
            content = to;
        }
        if let Type::Array(array) = content {
            let (size, length) = match &array.shape {
                ArrayShape::Several(dimensions) => {
                    self.dimensions(dimensions);
                    (None, None)
                }
                ArrayShape::Fixed(_) => (None, None),
                ArrayShape::Varying { length, .. } => (None, Some(length)),
                ArrayShape::Conformant { size, length, .. } => (Some(size), length.as_ref()),
            };
            let size = size.and_then(|size| self.count(size));
            self.attributes.extend(size.map(|n| quote!(size_is = #n)));
            let length = length.and_then(|length| self.count(length));
            self.attributes
                .extend(length.map(|n| quote!(length_is = #n)));
        }
        self.plain(ty)
    }

    /// What is told about each dimension of an array of several.
    fn dimensions(&mut self, dimensions: &[Dimension]) {
        let tells = dimensions.iter().flat_map(|dimension| {
            let size = match &dimension.extent {
                Extent::Counted(size) => Some(size),
                Extent::Fixed(_) => None,
            };
            size.into_iter()
                .chain(&dimension.first)
                .chain(&dimension.length)
        });
        let mut comes_later = self.owner.is_parameters();
        comes_later &= tells.into_iter().any(|count| self.comes_later(count));
        if comes_later {
            self.unsupported("several dimensions by a parameter that comes later are");
            return;
        }
        let extent = |dimension: &Dimension| match &dimension.extent {
            Extent::Fixed(room) => Count::Number(i128::from(*room)),
            Extent::Counted(size) => size.clone(),
        };
        let sizes = dimensions.iter().map(extent).collect();
        let is_fixed = matches!(dimensions[0].extent, Extent::Fixed(_));
        if let Some(sizes) = self.tuple(sizes) {
            let rooms = sizes.parse::<TokenStream>().ok().filter(|_| is_fixed);
            self.attributes.push(match rooms {
                Some(rooms) => quote!(varying = #rooms),
                None => quote!(size_is = #sizes),
            });
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
        let firsts = self.tuple(dimensions.iter().map(first).collect());
        self.attributes
            .extend(firsts.map(|firsts| quote!(first_is = #firsts)));
        let lengths = self.tuple(dimensions.iter().map(length).collect());
        self.attributes
            .extend(lengths.map(|lengths| quote!(length_is = #lengths)));
    }

    /// A count for each dimension, if all of them are here.
    fn tuple(&mut self, counts: Vec<Count>) -> Option<String> {
        let counts: Option<Vec<_>> = counts.iter().map(|count| self.count(count)).collect();
        Some(format!("({})", counts?.join(", ")))
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
                        self.unsupported("first_is in or on such an array is")
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
                let length = self.count(length);
                self.attributes
                    .extend(length.map(|n| quote!(length_is = #n)));
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
        let Some(first) = first else {
            return self.vector(array, may_borrow);
        };
        if self.owner.is_parameters() && self.comes_later(first) {
            return self.unsupported("first_is by a parameter that comes later is");
        }
        let Some(first) = self.count(first) else {
            return self.unsupported("first_is by what is not here is");
        };
        self.attributes.push(quote!(first_is = #first));
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
        let size = text.size.as_ref().and_then(|size| self.count(size));
        self.attributes
            .extend(size.map(|size| quote!(size_is = #size)));
        let length = text.length.as_ref().and_then(|length| self.count(length));
        self.attributes
            .extend(length.map(|length| quote!(length_is = #length)));
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
        // A parameter that comes later cannot be checked when the union is read.
        if self.comes_later(switch) && self.owner.is_parameters() {
            return;
        }
        let switch = self.count(switch);
        self.attributes
            .extend(switch.map(|switch| quote!(switch_is = #switch)));
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

    /// Whether it is told by a field behind this one.
    fn comes_later(&self, count: &Count) -> bool {
        let mut comes_later = false;
        count.sources(&mut |name| {
            let place = self.siblings.fields.get(name);
            comes_later |= place.is_some_and(|(_, place)| *place > self.index);
        });
        comes_later
    }

    /// A count as the derive macro takes it; `None` if a field that tells it is not here.
    fn count(&mut self, count: &Count) -> Option<String> {
        if matches!(self.owner, Owner::Arm(_)) {
            return None;
        }
        let expression = expression(count, self.siblings)?;
        count.sources(&mut |name| {
            if !self.siblings.fields.contains_key(name) {
                self.given.extend(self.siblings.given.get(name).cloned());
            }
        });
        Some(expression)
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
