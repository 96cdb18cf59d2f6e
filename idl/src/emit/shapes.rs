//! Types whose wire form the attributes of a field do not say: reference pointers behind pointers
//! and in arrays, counted arrays behind the elements of others, fixed arrays of strings. Their shape
//! is written out.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::model::{Array, ArrayShape, PointerKind, Type};

/// Whether the shape of a field has to be written out. `ty` stands under the reference pointer that
/// is not on the wire, or that an attribute says.
pub(super) fn is_beyond_attributes(ty: &Type) -> bool {
    match ty {
        Type::Pointer(PointerKind::Ref, _) => true,
        Type::Pointer(_, to) => is_beyond_attributes(to),
        Type::Array(array) => {
            matches!(array.shape, ArrayShape::Several(_))
                || is_element_beyond(&array.element, array)
        }
        Type::Scalar(_) | Type::Defined(_) | Type::Text(_) | Type::Pipe(_) => false,
    }
}

/// The same of an element of `array`, or of what it points to.
fn is_element_beyond(ty: &Type, array: &Array) -> bool {
    let is_fixed = matches!(array.shape, ArrayShape::Fixed(_));
    match ty {
        Type::Pointer(PointerKind::Ref, _) => true,
        Type::Pointer(_, to) => is_element_beyond(to, array),
        Type::Array(inner) => {
            !matches!(inner.shape, ArrayShape::Fixed(_)) || is_element_beyond(&inner.element, inner)
        }
        Type::Text(text) => {
            is_fixed || text.room.is_some() || text.size.is_some() || text.length.is_some()
        }
        Type::Scalar(_) | Type::Defined(_) | Type::Pipe(_) => false,
    }
}

/// The shape as a type of `annulus::ndr`. `is_switched`: what is behind all pointers is a union whose
/// arm another field selects.
pub(super) fn shape(ty: &Type, is_switched: bool) -> TokenStream {
    match ty {
        Type::Pointer(kind, to) if is_switched => {
            let (pointer, union) = (pointer(*kind), shape(to, true));
            quote!(#pointer<#union>)
        }
        Type::Defined(_) if is_switched => path("Switch"),
        ty => shape_of(ty),
    }
}

fn shape_of(ty: &Type) -> TokenStream {
    match ty {
        Type::Scalar(_) | Type::Defined(_) | Type::Pipe(_) => path("Natural"),
        Type::Pointer(kind, to) => of(&pointer(*kind), to),
        Type::Array(array) => array_shape(array),
        Type::Text(text) => match text.room {
            Some(room) => {
                let (text, room) = (path("VaryingText"), Literal::u32_unsuffixed(room));
                quote!(#text<#room>)
            }
            None => path("Text"),
        },
    }
}

fn array_shape(array: &Array) -> TokenStream {
    let element = &array.element;
    match &array.shape {
        ArrayShape::Fixed(_) if is_natural(element) => path("Natural"),
        ArrayShape::Fixed(_) => of(&path("Elements"), element),
        ArrayShape::Varying { room, .. } => {
            let (varying, room) = (path("Varying"), Literal::u32_unsuffixed(*room));
            let element = shape_of(element);
            quote!(#varying<#room, #element>)
        }
        ArrayShape::Conformant { length: None, .. } => of(&path("Conformant"), element),
        ArrayShape::Conformant { .. } => of(&path("ConformantVarying"), element),
        ArrayShape::Several(dimensions) => {
            let several = path(
                match (array.shape.maximum_count_len(), array.shape.variance_len()) {
                    (0, _) => "MultiVarying",
                    (_, 0) => "MultiConformant",
                    _ => "MultiConformantVarying",
                },
            );
            let count = Literal::usize_unsuffixed(dimensions.len());
            match is_natural(element) {
                true => quote!(#several<#count>),
                false => {
                    let element = shape_of(element);
                    quote!(#several<#count, #element>)
                }
            }
        }
    }
}

/// Whether the Rust type alone says the shape.
fn is_natural(ty: &Type) -> bool {
    match ty {
        Type::Scalar(_) | Type::Defined(_) => true,
        Type::Pointer(PointerKind::Ref, _) | Type::Text(_) | Type::Pipe(_) => false,
        Type::Pointer(_, to) => is_natural(to),
        Type::Array(array) => {
            matches!(array.shape, ArrayShape::Fixed(_)) && is_natural(&array.element)
        }
    }
}

/// `outer<shape of content>`; the natural shape is what every `outer` has by itself.
fn of(outer: &TokenStream, content: &Type) -> TokenStream {
    if is_natural(content) && !matches!(content, Type::Pointer(..) | Type::Array(_)) {
        return outer.clone();
    }
    let content = match is_natural(content) {
        true => path("Natural"),
        false => shape_of(content),
    };
    quote!(#outer<#content>)
}

fn pointer(kind: PointerKind) -> TokenStream {
    path(match kind {
        PointerKind::Ref => "Ref",
        PointerKind::Unique => "Unique",
        PointerKind::Full => "Ptr",
    })
}

fn path(name: &str) -> TokenStream {
    let name = super::names::ident(name);
    quote!(::annulus::ndr::#name)
}
