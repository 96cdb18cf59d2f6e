//! The type of a field in Rust, with what has to be said about it on the way.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote};

use super::{Borrow, Lowering, Owner};
use crate::diagnostic::Report;
use crate::emit::{Generator, shapes};
use crate::model::{Array, ArrayShape, Count, PointerKind, Scalar, Text, Type, TypeId};

impl Lowering<'_, '_> {
    pub(super) fn outermost(&mut self) -> TokenStream {
        let ty = &self.field.ty;
        let under_ref = match ty {
            Type::Pointer(PointerKind::Ref, to) => to,
            ty => ty,
        };
        if shapes::is_beyond_attributes(under_ref) {
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
        let shape = shapes::shape(ty, self.field.switch_is.is_some());
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
}

fn text_type(text: &Text) -> TokenStream {
    if text.is_wide {
        quote!(String)
    } else {
        quote!(Vec<u8>)
    }
}
