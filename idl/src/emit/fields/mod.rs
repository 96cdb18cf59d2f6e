//! A parameter or member as a field: its type in Rust and what its `#[ndr(…)]` says.

mod counts;
mod types;

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::Generator;
use super::scalars::integer;
use crate::diagnostic::Report;
use crate::model::{ArrayShape, DefinitionKind, Field, PointerKind, Scalar, Type, TypeId};

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

impl Lowering<'_, '_> {
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
