//! The arms of a union and its discriminant, as they stand in the source.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Error, Expr, Fields, Result, Type, Variant};

use crate::attributes::{FieldAttributes, VariantAttributes};
use crate::correlation;
use crate::shape;

/// One variant.
pub(super) struct Arm {
    pub(super) index: usize,
    pub(super) ident: Ident,
    pub(super) label: String,
    /// `None`: the default arm, whose first field is the discriminant.
    pub(super) case: Option<Expr>,
    /// What the arm holds; `None` for an empty arm.
    pub(super) body: Option<Body>,
}

/// What an arm holds.
pub(super) struct Body {
    pub(super) ty: Type,
    pub(super) shape: TokenStream,
    /// What constants say about it.
    pub(super) args: TokenStream,
}

impl Arm {
    pub(super) fn parse(krate: &TokenStream, index: usize, variant: &Variant) -> Result<Arm> {
        let (own, on_variant) = VariantAttributes::parse(&variant.attrs)?;
        let case = match (own.case, own.default) {
            (Some(case), None) => Some(case),
            (None, Some(_)) => None,
            (Some(_), Some(span)) => {
                return Err(Error::new(
                    span,
                    "an arm has either a case or is the default",
                ));
            }
            (None, None) => {
                return Err(Error::new_spanned(
                    &variant.ident,
                    "an arm has #[ndr(case = N)] or #[ndr(default)]",
                ));
            }
        };
        let mut fields = match &variant.fields {
            Fields::Unit => Vec::new(),
            Fields::Unnamed(fields) => fields.unnamed.iter().collect(),
            Fields::Named(fields) => {
                return Err(Error::new(
                    fields.span(),
                    "an arm holds one unnamed field; make a structure of several",
                ));
            }
        };
        if case.is_none() && !fields.is_empty() {
            fields.remove(0);
        } else if case.is_none() {
            return Err(Error::new_spanned(
                &variant.ident,
                "the default arm keeps the discriminant in its first field",
            ));
        }
        let body = match fields.as_slice() {
            [] => None,
            [field] => {
                let on_field = FieldAttributes::parse(&field.attrs)?;
                let attributes = if field.attrs.is_empty() {
                    on_variant
                } else {
                    on_field
                };
                attributes.check_arm(krate)?;
                let shape = shape::of_field(krate, &field.ty, &attributes, true);
                let lower = |expression: &Expr| correlation::constant(krate, expression);
                Some(Body {
                    ty: field.ty.clone(),
                    shape: shape.tokens,
                    args: attributes.args(krate, &lower, &|_| true),
                })
            }
            [_, second, ..] => {
                return Err(Error::new_spanned(
                    second,
                    "an arm holds one field; make a structure of several",
                ));
            }
        };
        Ok(Arm {
            index,
            ident: variant.ident.clone(),
            label: variant.ident.to_string(),
            case,
            body,
        })
    }

    /// The constant that holds the arm's discriminant.
    pub(super) fn constant(&self) -> Ident {
        format_ident!("__NDR_CASE_{}", self.index)
    }

    /// A pattern that binds `tag` in the default arm, and `body` if `with_body` and there is
    /// one.
    pub(super) fn pattern(&self, path: &TokenStream, with_body: bool) -> TokenStream {
        let ident = &self.ident;
        let tag = self.case.is_none().then(|| quote!(tag,));
        let body = self
            .body
            .is_some()
            .then(|| if with_body { quote!(body) } else { quote!(_) });
        if tag.is_none() && body.is_none() {
            return quote!(#path::#ident);
        }
        quote!(#path::#ident(#tag #body))
    }
}

/// The discriminant's type in Rust, and how it crosses the wire.
pub(super) struct Discriminant {
    pub(super) number: TokenStream,
    pub(super) layout: TokenStream,
    pub(super) write: TokenStream,
    pub(super) read: TokenStream,
}

impl Discriminant {
    pub(super) fn parse(krate: &TokenStream, switch: &Ident) -> Result<Discriminant> {
        let name = switch.to_string();
        match name.as_str() {
            "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" => Ok(Discriminant {
                number: quote!(#switch),
                layout: quote!(<#switch as #krate::Wire>::LAYOUT),
                write: quote!(<#switch as #krate::Encode>::encode_inline(&tag, (), writer)?),
                read: quote!(<#switch as #krate::Decode>::decode_inline((), reader)?),
            }),
            "enum16" => Ok(Discriminant {
                number: quote!(u16),
                layout: quote!(#krate::Layout::ENUM16),
                write: quote!(writer.enum16(tag)),
                read: quote! {{
                    let found = reader.enum16()?;
                    u16::try_from(found).map_err(|_| {
                        reader.error(#krate::DecodeErrorKind::UnknownDiscriminant {
                            found: i128::from(found),
                        })
                    })?
                }},
            }),
            "v1_enum" => Ok(Discriminant {
                number: quote!(u32),
                layout: quote!(<u32 as #krate::Wire>::LAYOUT),
                write: quote!(writer.u32(tag)),
                read: quote!(reader.u32()?),
            }),
            _ => Err(Error::new(
                switch.span(),
                "allowed: u8, u16, u32, u64, i8, i16, i32, i64, enum16, v1_enum",
            )),
        }
    }
}
