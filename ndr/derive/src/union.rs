//! Unions.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{DataEnum, DeriveInput, Error, Expr, Fields, Result, Type, Variant};

use crate::attributes::{ContainerAttributes, FieldAttributes, VariantAttributes};
use crate::generics::{bounded, stub_lifetime, with_lifetime};
use crate::shape;

/// One variant.
struct Arm {
    index: usize,
    ident: Ident,
    label: String,
    /// `None`: the default arm, whose first field is the discriminant.
    case: Option<Expr>,
    /// Type and shape of what the arm holds; `None` for an empty arm.
    body: Option<(Type, TokenStream)>,
}

/// The discriminant's type in Rust, and how it crosses the wire.
struct Discriminant {
    number: TokenStream,
    layout: TokenStream,
    write: TokenStream,
    read: TokenStream,
}

struct Union<'i> {
    input: &'i DeriveInput,
    krate: TokenStream,
    discriminant: Discriminant,
    arms: Vec<Arm>,
    encapsulated: bool,
}

pub(crate) fn expand(
    input: &DeriveInput,
    attributes: &ContainerAttributes,
    data: &DataEnum,
) -> Result<TokenStream> {
    let krate = attributes.crate_path();
    let Some(switch) = &attributes.switch else {
        return Err(Error::new_spanned(
            &input.ident,
            "a union has #[ndr(switch = T)]",
        ));
    };
    if let Some(span) = attributes.v1_enum {
        return Err(Error::new(
            span,
            "v1_enum is for enums; write switch = v1_enum",
        ));
    }
    let discriminant = Discriminant::parse(&krate, switch)?;
    let arms = data
        .variants
        .iter()
        .enumerate()
        .map(|(index, variant)| Arm::parse(&krate, index, variant))
        .collect::<Result<Vec<_>>>()?;
    if let Some(second) = arms.iter().filter(|arm| arm.case.is_none()).nth(1) {
        return Err(Error::new_spanned(
            &second.ident,
            "a union has at most one default arm",
        ));
    }
    let encapsulated = attributes.encapsulated.is_some();
    let union = Union {
        input,
        krate,
        discriminant,
        arms,
        encapsulated,
    };

    let cases = union.cases();
    let wire = union.wire();
    let encode = attributes.encodes().then(|| union.encode());
    let decode = attributes.decodes().then(|| union.decode()).transpose()?;
    Ok(quote! {
        const _: () = {
            #cases
            #wire
            #encode
            #decode
        };
    })
}

impl Discriminant {
    fn parse(krate: &TokenStream, switch: &Ident) -> Result<Discriminant> {
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

impl Arm {
    fn parse(krate: &TokenStream, index: usize, variant: &Variant) -> Result<Arm> {
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
                attributes.check_arm()?;
                let shape = shape::of_field(krate, &field.ty, &attributes, true);
                Some((field.ty.clone(), shape.tokens))
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
    fn constant(&self) -> Ident {
        format_ident!("CASE_{}", self.index)
    }

    /// A pattern that binds `tag` in the default arm, and `body` if `with_body` and there is
    /// one.
    fn pattern(&self, path: &TokenStream, with_body: bool) -> TokenStream {
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

impl Union<'_> {
    fn cases(&self) -> TokenStream {
        let number = &self.discriminant.number;
        let constants = self.arms.iter().filter_map(|arm| {
            let (case, constant) = (arm.case.as_ref()?, arm.constant());
            Some(quote!(const #constant: #number = #case;))
        });
        quote!(#(#constants)*)
    }

    fn bodies<'a>(&'a self) -> impl Iterator<Item = &'a (Type, TokenStream)> {
        self.arms.iter().filter_map(|arm| arm.body.as_ref())
    }

    fn wire(&self) -> TokenStream {
        let (krate, name) = (&self.krate, &self.input.ident);
        let generics = bounded(self.input, &quote!(#krate::Wire));
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let layouts = self
            .bodies()
            .map(|(ty, shape)| quote!(<#ty as #krate::Wire<#shape>>::LAYOUT));
        let discriminant = &self.discriminant.layout;
        let tags = self.arms.iter().map(|arm| {
            let pattern = arm.pattern(&quote!(Self), false);
            match arm.case {
                Some(_) => {
                    let constant = arm.constant();
                    quote!(#pattern => i128::from(#constant))
                }
                None => quote!(#pattern => i128::from(*tag)),
            }
        });
        let plain_generics = self.input.generics.split_for_impl();
        let (plain_impl, _, plain_where) = plain_generics;
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Wire for #name #ty_generics #where_clause {
                const LAYOUT: #krate::Layout =
                    #krate::Layout::union(#discriminant, &[#(#layouts),*]);
            }

            #[automatically_derived]
            impl #impl_generics #krate::Wire<#krate::Switch> for #name #ty_generics #where_clause {
                const LAYOUT: #krate::Layout = <Self as #krate::Wire>::LAYOUT;
            }

            #[automatically_derived]
            impl #plain_impl #krate::Correlated for #name #ty_generics #plain_where {
                #[inline]
                fn correlated(&self) -> i128 {
                    match self { #(#tags),* }
                }
            }
        }
    }

    /// Where the gaps before and after the discriminant are. `$stream` is a reader or a writer.
    fn gaps(&self, stream: &TokenStream) -> (TokenStream, TokenStream) {
        let krate = &self.krate;
        let align = quote!(#stream.align(<Self as #krate::Wire>::LAYOUT.align::<__S>()););
        let in_ndr64 = quote!(if __S::ALIGNS_UNION { #align });
        if self.encapsulated {
            (align, in_ndr64)
        } else {
            (in_ndr64.clone(), in_ndr64)
        }
    }

    fn checks(&self) -> TokenStream {
        let krate = &self.krate;
        let checks = self.bodies().map(|(ty, shape)| {
            quote! {
                const {
                    ::core::assert!(
                        !<#ty as #krate::Wire<#shape>>::CONFORMANT,
                        "an arm of a union cannot be conformant; put it behind a pointer",
                    )
                };
            }
        });
        quote!(#(#checks)*)
    }

    fn encode(&self) -> TokenStream {
        let (krate, name) = (&self.krate, &self.input.ident);
        let owner = name.to_string();
        let generics = bounded(self.input, &quote!(#krate::Encode));
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let (number, write) = (&self.discriminant.number, &self.discriminant.write);
        let constants: Vec<_> = self
            .arms
            .iter()
            .filter(|arm| arm.case.is_some())
            .map(Arm::constant)
            .collect();
        let tags = self.arms.iter().map(|arm| {
            let pattern = arm.pattern(&quote!(Self), false);
            let constant = arm.constant();
            match arm.case {
                Some(_) => quote!(#pattern => #constant),
                None => quote! {
                    #pattern => match *tag {
                        #(#constants)|* => return ::core::result::Result::Err(writer.error(
                            #krate::EncodeErrorKind::DiscriminantTaken { found: i128::from(*tag) },
                        )),
                        tag => tag,
                    }
                },
            }
        });
        let phase = |phase: &str| {
            let phase = Ident::new(phase, proc_macro2::Span::call_site());
            let arms = self.arms.iter().map(|arm| {
                let label = &arm.label;
                match &arm.body {
                    Some((ty, shape)) => {
                        let tag = arm.case.is_none().then(|| quote!(_,));
                        let ident = &arm.ident;
                        quote! {
                            Self::#ident(#tag body) => <#ty as #krate::Encode<#shape>>::#phase(
                                body,
                                ::core::default::Default::default(),
                                writer,
                            )
                            .map_err(|error| error.within(#owner, #label)),
                        }
                    }
                    None => {
                        let ident = &arm.ident;
                        quote!(Self::#ident { .. } => ::core::result::Result::Ok(()),)
                    }
                }
            });
            quote!(match self { #(#arms)* })
        };
        let (inline, deferred) = (phase("encode_inline"), phase("encode_deferred"));
        let (before, after) = self.gaps(&quote!(writer));
        let checks = self.checks();
        let result = quote!(::core::result::Result<(), #krate::EncodeError>);
        let writer = quote!(writer: &mut #krate::Writer<'_, __S>);
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Encode for #name #ty_generics #where_clause {
                #[inline]
                fn encode_inline<__S: #krate::Syntax>(&self, _: (), #writer) -> #result {
                    #checks
                    let tag: #number = match self { #(#tags),* };
                    #before
                    #write;
                    #after
                    #inline
                }

                #[inline]
                fn encode_deferred<__S: #krate::Syntax>(&self, _: (), #writer) -> #result {
                    let _ = &writer;
                    #deferred
                }
            }

            #[automatically_derived]
            impl #impl_generics #krate::Encode<#krate::Switch>
                for #name #ty_generics #where_clause
            {
                #[inline]
                fn encode_inline<__S: #krate::Syntax>(
                    &self,
                    selector: #krate::Selector,
                    #writer,
                ) -> #result {
                    selector
                        .check_encode(#krate::Correlated::correlated(self))
                        .map_err(|kind| writer.error(kind))?;
                    <Self as #krate::Encode>::encode_inline(self, (), writer)
                }

                #[inline]
                fn encode_deferred<__S: #krate::Syntax>(
                    &self,
                    _: #krate::Selector,
                    #writer,
                ) -> #result {
                    <Self as #krate::Encode>::encode_deferred(self, (), writer)
                }
            }
        }
    }

    fn decode(&self) -> Result<TokenStream> {
        let (krate, name) = (&self.krate, &self.input.ident);
        let owner = name.to_string();
        let lifetime = &stub_lifetime(self.input)?;
        let generics = bounded(self.input, &quote!(#krate::Decode<#lifetime>));
        let generics = with_lifetime(generics, lifetime);
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let (_, ty_generics, _) = self.input.generics.split_for_impl();
        let (number, read) = (&self.discriminant.number, &self.discriminant.read);

        let shell = format_ident!("{}Inline", name);
        let shell_parameters: Vec<_> = self
            .arms
            .iter()
            .filter(|arm| arm.body.is_some())
            .map(|arm| &arm.ident)
            .collect();
        let shell_arguments = self
            .bodies()
            .map(|(ty, shape)| quote!(<#ty as #krate::Decode<#lifetime, #shape>>::Inline));
        let shell_arms = self.arms.iter().map(|arm| {
            let ident = &arm.ident;
            let tag = arm.case.is_none().then(|| quote!(#number,));
            let body = arm.body.is_some().then(|| quote!(#ident));
            if tag.is_none() && body.is_none() {
                quote!(#ident)
            } else {
                quote!(#ident(#tag #body))
            }
        });
        let inline = self
            .arms
            .iter()
            .filter(|arm| arm.case.is_some())
            .map(|arm| {
                let (constant, value) =
                    (arm.constant(), self.read_arm(arm, &shell, lifetime, &owner));
                quote!(#constant => #value,)
            });
        let default = match self.arms.iter().find(|arm| arm.case.is_none()) {
            Some(arm) => self.read_arm(arm, &shell, lifetime, &owner),
            None => quote! {
                return ::core::result::Result::Err(reader.error(
                    #krate::DecodeErrorKind::UnknownDiscriminant { found: i128::from(tag) },
                ))
            },
        };
        let deferred = self.arms.iter().map(|arm| {
            let (pattern, value) = (
                arm.pattern(&quote!(#shell), true),
                arm.pattern(&quote!(Self), true),
            );
            let label = &arm.label;
            let complete = arm.body.as_ref().map(|(ty, shape)| {
                quote! {
                    let body = <#ty as #krate::Decode<#lifetime, #shape>>::decode_deferred(
                        body,
                        ::core::default::Default::default(),
                        reader,
                    )
                    .map_err(|error| error.within(#owner, #label))?;
                }
            });
            quote!(#pattern => { #complete #value })
        });
        let (before, after) = self.gaps(&quote!(reader));
        let checks = self.checks();
        let reader = quote!(reader: &mut #krate::Reader<#lifetime, __S>);
        let result = |ok: TokenStream| quote!(::core::result::Result<#ok, #krate::DecodeError>);
        let (unit_result, inline_result, self_result) = (
            result(quote!(())),
            result(quote!(Self::Inline)),
            result(quote!(Self)),
        );
        Ok(quote! {
            #[doc(hidden)]
            #[allow(
                non_camel_case_types,
                unreachable_pub,
                reason = "each arm's parameter is named after it; nobody names the shell"
            )]
            pub enum #shell<#(#shell_parameters),*> { #(#shell_arms),* }

            #[automatically_derived]
            impl #impl_generics #krate::Decode<#lifetime> for #name #ty_generics #where_clause {
                type Conformance = ();
                type Inline = #shell<#(#shell_arguments),*>;

                #[inline]
                fn decode_conformance<__S: #krate::Syntax>(
                    _: &mut #krate::Reader<#lifetime, __S>,
                ) -> #unit_result {
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn decode_inline<__S: #krate::Syntax>(_: (), #reader) -> #inline_result {
                    #checks
                    #before
                    let tag: #number = #read;
                    #after
                    ::core::result::Result::Ok(match tag { #(#inline)* _ => #default })
                }

                #[inline]
                fn decode_deferred<__S: #krate::Syntax>(
                    inline: Self::Inline,
                    _: (),
                    #reader,
                ) -> #self_result {
                    let _ = &reader;
                    ::core::result::Result::Ok(match inline { #(#deferred),* })
                }
            }

            #[automatically_derived]
            impl #impl_generics #krate::Decode<#lifetime, #krate::Switch>
                for #name #ty_generics #where_clause
            {
                type Conformance = ();
                type Inline = <Self as #krate::Decode<#lifetime>>::Inline;

                #[inline]
                fn decode_conformance<__S: #krate::Syntax>(
                    _: &mut #krate::Reader<#lifetime, __S>,
                ) -> #unit_result {
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn decode_inline<__S: #krate::Syntax>(_: (), #reader) -> #inline_result {
                    <Self as #krate::Decode<#lifetime>>::decode_inline((), reader)
                }

                #[inline]
                fn decode_deferred<__S: #krate::Syntax>(
                    inline: Self::Inline,
                    selector: #krate::Selector,
                    #reader,
                ) -> #self_result {
                    let value: Self =
                        <Self as #krate::Decode<#lifetime>>::decode_deferred(inline, (), reader)?;
                    selector
                        .check_decode(#krate::Correlated::correlated(&value))
                        .map_err(|kind| reader.error(kind))?;
                    ::core::result::Result::Ok(value)
                }
            }
        })
    }

    /// An expression that reads the inline part of an arm into the shell.
    fn read_arm(
        &self,
        arm: &Arm,
        shell: &Ident,
        lifetime: &syn::Lifetime,
        owner: &str,
    ) -> TokenStream {
        let (krate, ident, label) = (&self.krate, &arm.ident, &arm.label);
        let tag = arm.case.is_none().then(|| quote!(tag,));
        let body = arm.body.as_ref().map(|(ty, shape)| {
            quote! {
                <#ty as #krate::Decode<#lifetime, #shape>>::decode_inline(
                    ::core::default::Default::default(),
                    reader,
                )
                .map_err(|error| error.within(#owner, #label))?
            }
        });
        if tag.is_none() && body.is_none() {
            return quote!(#shell::#ident);
        }
        quote!(#shell::#ident(#tag #body))
    }
}
