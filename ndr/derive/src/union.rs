//! Unions.

mod arm;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{DataEnum, DeriveInput, Error, Lifetime, Result};

use crate::attributes::ContainerAttributes;
use crate::generics::{bounded, stub_lifetime, with_lifetime};

use self::arm::{Arm, Body, Discriminant};

struct Union<'i> {
    input: &'i DeriveInput,
    krate: TokenStream,
    discriminant: Discriminant,
    arms: Vec<Arm>,
    alignment: Alignment,
}

/// What an aligned union is aligned as.
#[derive(Clone, Copy)]
enum Alignment {
    /// In NDR the discriminant and the arm are each aligned by themselves.
    Members,
    /// In NDR the arm is aligned as the most aligned of all arms, and so is an element of an
    /// array before its discriminant.
    Arms,
    /// As a structure, before the discriminant.
    Structure,
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
    let alignment = match (attributes.encapsulated, attributes.ms_union) {
        (Some(_), _) => Alignment::Structure,
        (None, Some(_)) => Alignment::Arms,
        (None, None) => Alignment::Members,
    };
    let union = Union {
        input,
        krate,
        discriminant,
        arms,
        alignment,
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

impl Union<'_> {
    fn cases(&self) -> TokenStream {
        let number = &self.discriminant.number;
        let constants = self.arms.iter().filter_map(|arm| {
            let (case, constant) = (arm.case.as_ref()?, arm.constant());
            Some(quote!(const #constant: #number = #case;))
        });
        quote!(#(#constants)*)
    }

    fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.arms.iter().filter_map(|arm| arm.body.as_ref())
    }

    fn wire(&self) -> TokenStream {
        let (krate, name) = (&self.krate, &self.input.ident);
        let generics = bounded(self.input, &quote!(#krate::Wire));
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let arms = self.arm_layouts();
        let element_gap = matches!(self.alignment, Alignment::Arms).then(
            || quote!(const ELEMENT_GAP: #krate::Layout = #krate::Layout::gap_before(#arms);),
        );
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
                    #krate::Layout::union(#discriminant, #arms);
                #element_gap
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

    /// The layouts of the arms that hold something, as a slice.
    fn arm_layouts(&self) -> TokenStream {
        let krate = &self.krate;
        let layouts = self
            .bodies()
            .map(|Body { ty, shape, .. }| quote!(<#ty as #krate::Wire<#shape>>::LAYOUT));
        quote!(&[#(#layouts),*])
    }

    /// The gaps before and after the discriminant. `stream` is a reader or a writer.
    fn gaps(&self, stream: &TokenStream) -> (TokenStream, TokenStream) {
        let krate = &self.krate;
        let align = quote!(#stream.align(<Self as #krate::Wire>::LAYOUT.align::<__S>()););
        let in_ndr64 = quote!(if __S::ALIGNS_UNION { #align });
        match self.alignment {
            Alignment::Members => (in_ndr64.clone(), in_ndr64),
            Alignment::Structure => (align, in_ndr64),
            Alignment::Arms => {
                let gap = quote! {
                    #stream.align(<Self as #krate::Wire>::ELEMENT_GAP.align::<__S>());
                };
                (in_ndr64.clone(), quote!(#in_ndr64 #gap))
            }
        }
    }

    fn checks(&self) -> TokenStream {
        let krate = &self.krate;
        let checks = self.bodies().map(|Body { ty, shape, .. }| {
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
        let generics = bounded(self.input, &quote!(#krate::Encode));
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let (number, write) = (&self.discriminant.number, &self.discriminant.write);
        let tag = self.encode_tag();
        let inline = self.encode_phase(&quote!(encode_inline));
        let deferred = self.encode_phase(&quote!(encode_deferred));
        let (before, after) = self.gaps(&quote!(writer));
        let checks = self.checks();
        let signature = quote! {
            <__S: #krate::Syntax>(&self, _: (), writer: &mut #krate::Writer<'_, __S>)
                -> ::core::result::Result<(), #krate::EncodeError>
        };
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Encode for #name #ty_generics #where_clause {
                #[inline]
                fn encode_inline #signature {
                    #checks
                    let tag: #number = #tag;
                    #before
                    #write;
                    #after
                    #inline
                }

                #[inline]
                fn encode_deferred #signature {
                    let _ = &writer;
                    #deferred
                }
            }
        }
    }

    /// An expression for the discriminant; returns early from a default arm that holds the
    /// discriminant of another arm.
    fn encode_tag(&self) -> TokenStream {
        let krate = &self.krate;
        let constants: Vec<_> = self
            .arms
            .iter()
            .filter(|arm| arm.case.is_some())
            .map(Arm::constant)
            .collect();
        let arms = self.arms.iter().map(|arm| {
            let pattern = arm.pattern(&quote!(Self), false);
            match arm.case {
                Some(_) => {
                    let constant = arm.constant();
                    quote!(#pattern => #constant)
                }
                None => quote! {
                    #pattern => match *tag {
                        #(#constants => return ::core::result::Result::Err(writer.error(
                            #krate::EncodeErrorKind::DiscriminantTaken { found: i128::from(*tag) },
                        )),)*
                        tag => tag,
                    }
                },
            }
        });
        quote!(match self { #(#arms),* })
    }

    /// An expression that runs one phase of the arm that is held.
    fn encode_phase(&self, phase: &TokenStream) -> TokenStream {
        let krate = &self.krate;
        let owner = self.input.ident.to_string();
        let arms = self.arms.iter().map(|arm| {
            let (ident, label) = (&arm.ident, &arm.label);
            let Some(Body { ty, shape, args }) = &arm.body else {
                return quote!(Self::#ident { .. } => ::core::result::Result::Ok(()),);
            };
            let tag = arm.case.is_none().then(|| quote!(_,));
            quote! {
                Self::#ident(#tag body) => <#ty as #krate::Encode<#shape>>::#phase(
                    body,
                    #args,
                    writer,
                )
                .map_err(|error| error.within(#owner, #label)),
            }
        });
        quote!(match self { #(#arms)* })
    }

    /// The shell: the union with each arm's inline part in the arm's place, as an enum that is
    /// generic over those, since their types may hold the lifetime of the stub.
    fn shell(&self) -> TokenStream {
        let (shell, number) = (shell_ident(), &self.discriminant.number);
        let parameters = self
            .arms
            .iter()
            .filter(|arm| arm.body.is_some())
            .map(|arm| &arm.ident);
        let arms = self.arms.iter().map(|arm| {
            let ident = &arm.ident;
            let tag = arm.case.is_none().then(|| quote!(#number,));
            let body = arm.body.is_some().then(|| quote!(#ident));
            match (&tag, &body) {
                (None, None) => quote!(#ident),
                _ => quote!(#ident(#tag #body)),
            }
        });
        quote! {
            #[doc(hidden)]
            #[allow(
                non_camel_case_types,
                unreachable_pub,
                reason = "each arm's parameter is named after it; nobody names the shell"
            )]
            pub enum #shell<#(#parameters),*> { #(#arms),* }
        }
    }

    fn decode(&self) -> Result<TokenStream> {
        let (krate, name) = (&self.krate, &self.input.ident);
        let lifetime = &stub_lifetime(self.input)?;
        let generics = bounded(self.input, &quote!(#krate::Decode<#lifetime>));
        let generics = with_lifetime(generics, lifetime);
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let (_, ty_generics, _) = self.input.generics.split_for_impl();
        let (number, read) = (&self.discriminant.number, &self.discriminant.read);
        let (shell, shell_ident) = (self.shell(), shell_ident());
        let bodies = self.bodies().map(
            |Body { ty, shape, .. }| quote!(<#ty as #krate::Decode<#lifetime, #shape>>::Inline),
        );
        let (inline, deferred) = (self.decode_inline(lifetime), self.decode_deferred(lifetime));
        let (before, after) = self.gaps(&quote!(reader));
        let checks = self.checks();
        let reader = quote!(reader: &mut #krate::Reader<#lifetime, __S>);
        let error = quote!(#krate::DecodeError);
        Ok(quote! {
            #shell

            #[automatically_derived]
            impl #impl_generics #krate::Decode<#lifetime> for #name #ty_generics #where_clause {
                type Conformance = ();
                type Inline = #shell_ident<#(#bodies),*>;

                #[inline]
                fn decode_conformance<__S: #krate::Syntax>(
                    _: &mut #krate::Reader<#lifetime, __S>,
                ) -> ::core::result::Result<(), #error> {
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn decode_inline<__S: #krate::Syntax>(
                    _: (),
                    #reader,
                ) -> ::core::result::Result<Self::Inline, #error> {
                    #checks
                    #before
                    let tag: #number = #read;
                    #after
                    ::core::result::Result::Ok(#inline)
                }

                #[inline]
                fn decode_deferred<__S: #krate::Syntax>(
                    inline: Self::Inline,
                    _: (),
                    #reader,
                ) -> ::core::result::Result<Self, #error> {
                    let _ = &reader;
                    ::core::result::Result::Ok(#deferred)
                }
            }
        })
    }

    /// An expression that reads the arm that `tag` selects into the shell.
    fn decode_inline(&self, lifetime: &Lifetime) -> TokenStream {
        let krate = &self.krate;
        let (owner, shell) = (self.input.ident.to_string(), shell_ident());
        let read = |arm: &Arm| {
            let (ident, label) = (&arm.ident, &arm.label);
            let tag = arm.case.is_none().then(|| quote!(tag,));
            let body = arm.body.as_ref().map(|Body { ty, shape, .. }| {
                quote! {
                    <#ty as #krate::Decode<#lifetime, #shape>>::decode_inline(
                        ::core::default::Default::default(),
                        reader,
                    )
                    .map_err(|error| error.within(#owner, #label))?
                }
            });
            match (&tag, &body) {
                (None, None) => quote!(#shell::#ident),
                _ => quote!(#shell::#ident(#tag #body)),
            }
        };
        let cases = self
            .arms
            .iter()
            .filter(|arm| arm.case.is_some())
            .map(|arm| {
                let (constant, value) = (arm.constant(), read(arm));
                quote!(#constant => #value,)
            });
        let default = match self.arms.iter().find(|arm| arm.case.is_none()) {
            Some(arm) => read(arm),
            None => quote! {
                return ::core::result::Result::Err(reader.error(
                    #krate::DecodeErrorKind::UnknownDiscriminant { found: i128::from(tag) },
                ))
            },
        };
        quote!(match tag { #(#cases)* _ => #default })
    }

    /// An expression that completes the shell `inline`.
    fn decode_deferred(&self, lifetime: &Lifetime) -> TokenStream {
        let krate = &self.krate;
        let (owner, shell) = (self.input.ident.to_string(), shell_ident());
        let arms = self.arms.iter().map(|arm| {
            let label = &arm.label;
            let shell = arm.pattern(&quote!(#shell), true);
            let value = arm.pattern(&quote!(Self), true);
            let complete = arm.body.as_ref().map(|Body { ty, shape, args }| {
                quote! {
                    let body = <#ty as #krate::Decode<#lifetime, #shape>>::decode_deferred(
                        body,
                        #args,
                        reader,
                    )
                    .map_err(|error| error.within(#owner, #label))?;
                }
            });
            quote!(#shell => { #complete #value })
        });
        quote!(match inline { #(#arms),* })
    }
}

/// The name of the shell, which no type of the program has.
fn shell_ident() -> Ident {
    format_ident!("__NdrInline")
}
