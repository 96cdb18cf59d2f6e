//! The shape of a field, from its type and its attributes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{GenericArgument, PathArguments, Type};

use crate::attributes::FieldAttributes;

/// Whether the outermost thing on the wire is a pointer, and the shape as a type.
pub(crate) struct FieldShape {
    pub(crate) is_pointer: bool,
    pub(crate) tokens: TokenStream,
}

/// The shape of a field. `embedded` is false at the top level of a parameter list, where a
/// reference pointer has nothing on the wire.
pub(crate) fn of_field(
    krate: &TokenStream,
    ty: &Type,
    attributes: &FieldAttributes,
    embedded: bool,
) -> FieldShape {
    if let Some(shape) = &attributes.shape {
        return FieldShape {
            is_pointer: is_pointer_shape(shape),
            tokens: quote!(#shape),
        };
    }
    if let Some(wire) = &attributes.represent_as {
        let FieldShape { is_pointer, tokens } = of_wire(krate, wire, attributes, embedded);
        return FieldShape {
            is_pointer,
            tokens: quote!(#krate::As<#wire, #tokens>),
        };
    }
    of_wire(krate, ty, attributes, embedded)
}

/// The shape of a field whose type is that of the wire.
fn of_wire(
    krate: &TokenStream,
    ty: &Type,
    attributes: &FieldAttributes,
    embedded: bool,
) -> FieldShape {
    let inner = of_type(krate, ty, attributes);
    if attributes.reference.is_some() && embedded {
        return FieldShape {
            is_pointer: true,
            tokens: quote!(#krate::Ref<#inner>),
        };
    }
    let is_pointer = pointer_content(krate, strip_holders(ty)).is_some();
    if attributes.unique.is_some() && !is_pointer {
        return FieldShape {
            is_pointer: true,
            tokens: quote!(#krate::Unique<#inner>),
        };
    }
    FieldShape {
        is_pointer,
        tokens: inner,
    }
}

fn of_type(krate: &TokenStream, ty: &Type, attributes: &FieldAttributes) -> TokenStream {
    let natural =
        !attributes.is_array() && attributes.string.is_none() && attributes.switch_is.is_none();
    if natural {
        return quote!(#krate::Natural);
    }
    let ty = strip_holders(ty);
    if let Some((pointer, content)) = pointer_content(krate, ty) {
        let inner = of_type(krate, content, attributes);
        return quote!(#pointer<#inner>);
    }
    if attributes.switch_is.is_some() {
        return quote!(#krate::Switch);
    }
    if attributes.string.is_none() {
        return of_array(krate, attributes, &quote!(#krate::Natural));
    }
    match element(ty) {
        Some(element) if attributes.is_array() && !is_character(element) => {
            let string = FieldAttributes {
                string: attributes.string,
                ..Default::default()
            };
            let element = of_type(krate, element, &string);
            of_array(krate, attributes, &element)
        }
        _ => match &attributes.varying {
            Some((_, Some(room))) => quote!(#krate::VaryingText<{ #room }>),
            _ => quote!(#krate::Text),
        },
    }
}

fn of_array(
    krate: &TokenStream,
    attributes: &FieldAttributes,
    element: &TokenStream,
) -> TokenStream {
    if let Some(dimensions) = attributes.dimensions() {
        return match &attributes.varying {
            Some((_, Some(_))) => quote!(#krate::MultiVarying<#dimensions, #element>),
            None if attributes.is_whole() => quote!(#krate::MultiConformant<#dimensions, #element>),
            _ => quote!(#krate::MultiConformantVarying<#dimensions, #element>),
        };
    }
    if let Some(count) = &attributes.fixed {
        return quote!(#krate::Fixed<{ #count }>);
    }
    match &attributes.varying {
        Some((_, Some(room))) => quote!(#krate::Varying<{ #room }, #element>),
        None if attributes.is_whole() => quote!(#krate::Conformant<#element>),
        _ => quote!(#krate::ConformantVarying<#element>),
    }
}

/// Whether a shape that is written out is a pointer's.
fn is_pointer_shape(shape: &Type) -> bool {
    let Type::Path(path) = shape else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|last| {
        ["Unique", "Ref", "Ptr"]
            .iter()
            .any(|name| last.ident == name)
    })
}

/// What is under references and boxes, which are not there on the wire.
fn strip_holders(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => strip_holders(&reference.elem),
        Type::Paren(paren) => strip_holders(&paren.elem),
        Type::Group(group) => strip_holders(&group.elem),
        _ => generic_argument(ty, "Box").map_or(ty, strip_holders),
    }
}

/// The shape of the pointer that a type is by itself, and the pointee's type.
fn pointer_content<'t>(krate: &TokenStream, ty: &'t Type) -> Option<(TokenStream, &'t Type)> {
    let unique = generic_argument(ty, "Option").map(|content| (quote!(#krate::Unique), content));
    unique.or_else(|| generic_argument(ty, "Full").map(|content| (quote!(#krate::Ptr), content)))
}

fn element(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Slice(slice) => Some(&slice.elem),
        Type::Array(array) => Some(&array.elem),
        _ => generic_argument(ty, "Vec"),
    }
}

fn is_character(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("u8") || path.path.is_ident("u16"))
}

/// `T` of `Name<T>`, whatever path leads to `Name`.
fn generic_argument<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(argument)) if segment.ident == name => Some(argument),
        _ => None,
    }
}
