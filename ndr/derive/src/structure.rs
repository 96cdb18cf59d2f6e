//! Structures.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Fields, Ident, Result};

use crate::attributes::ContainerAttributes;
use crate::fields::{self, Field, Told};
use crate::generics::{bounded, stub_lifetime, with_lifetime};

pub(crate) fn expand(
    input: &DeriveInput,
    attributes: &ContainerAttributes,
    fields: &Fields,
) -> Result<TokenStream> {
    let krate = &attributes.crate_path();
    let fields = &fields::collect(krate, fields, true)?;
    let mut tokens = wire(input, krate, fields);
    if attributes.encodes() {
        tokens.extend(encode(input, krate, fields));
    }
    if attributes.decodes() {
        tokens.extend(decode(input, krate, fields)?);
    }
    Ok(tokens)
}

fn wire(input: &DeriveInput, krate: &TokenStream, fields: &[Field]) -> TokenStream {
    let name = &input.ident;
    let generics = bounded(input, &quote!(#krate::Wire));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let wires: Vec<_> = fields
        .iter()
        .map(|field| field.as_trait(krate, "Wire"))
        .collect();
    let conformant = match wires.last() {
        Some(last) => quote!(#last::CONFORMANT),
        None => quote!(false),
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Wire for #name #ty_generics #where_clause {
            const LAYOUT: #krate::Layout = #krate::Layout::structure(&[#(#wires::LAYOUT),*]);
            const CONFORMANT: bool = #conformant;
        }
    }
}

/// Compile-time checks that only the last field is conformant, also where an attribute of this
/// very type does not show it.
fn conformance_checks(krate: &TokenStream, fields: &[Field]) -> TokenStream {
    let (_, inner) = fields
        .split_last()
        .map_or((None, fields), |(last, rest)| (Some(last), rest));
    let checks = inner.iter().map(|field| {
        let wire = field.as_trait(krate, "Wire");
        let message = format!(
            "`{}` is conformant, so it can only be the last field",
            field.name
        );
        quote!(const { ::core::assert!(!#wire::CONFORMANT, #message) };)
    });
    quote!(#(#checks)*)
}

fn encode(input: &DeriveInput, krate: &TokenStream, fields: &[Field]) -> TokenStream {
    let name = &input.ident;
    let owner = name.to_string();
    let generics = bounded(input, &quote!(#krate::Encode));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let phase = |field: &Field, phase: &str| {
        let encode = field.as_trait(krate, "Encode");
        let phase = Ident::new(phase, proc_macro2::Span::call_site());
        let (member, label) = (&field.member, &field.name);
        let args = field.args(krate, fields, Told::All, |source| {
            let member = &source.member;
            quote!(&self.#member)
        });
        quote! {
            #encode::#phase(&self.#member, #args, writer)
                .map_err(|error| error.within(#owner, #label))?;
        }
    };
    let conformance = fields.last().map(|last| phase(last, "encode_conformance"));
    let inline = fields.iter().map(|field| {
        let range = encode_range(krate, field, &owner);
        let inline = phase(field, "encode_inline");
        quote!(#range #inline)
    });
    let deferred = fields.iter().map(|field| phase(field, "encode_deferred"));
    let checks = conformance_checks(krate, fields);
    let signature = quote! {
        <__S: #krate::Syntax>(&self, _: (), writer: &mut #krate::Writer<'_, __S>)
            -> ::core::result::Result<(), #krate::EncodeError>
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Encode for #name #ty_generics #where_clause {
            #[inline]
            fn encode_conformance #signature {
                let _ = &writer;
                #conformance
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn encode_inline #signature {
                #checks
                let __align = <Self as #krate::Wire>::LAYOUT.align::<__S>();
                writer.align(__align);
                #(#inline)*
                if __S::PADS_STRUCTURE_TAIL {
                    writer.align(__align);
                }
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn encode_deferred #signature {
                let _ = &writer;
                #(#deferred)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// The check of a field's `range` before it is written.
pub(crate) fn encode_range(krate: &TokenStream, field: &Field, owner: &str) -> Option<TokenStream> {
    let (range, member, label) = (field.range()?, &field.member, &field.name);
    Some(quote! {
        #krate::check_encode_range(&self.#member, #range, writer.offset())
            .map_err(|error| error.within(#owner, #label))?;
    })
}

/// The check of a field's `range` after it was read into its variable.
pub(crate) fn decode_range(krate: &TokenStream, field: &Field, owner: &str) -> Option<TokenStream> {
    let (range, variable, label) = (field.range()?, field.variable(), &field.name);
    Some(quote! {
        #krate::check_decode_range(&#variable, #range, reader.offset())
            .map_err(|error| error.within(#owner, #label))?;
    })
}

/// The order in which to complete the fields: as they stand, but plain ones that tell a count or a
/// discriminant of an earlier field before it. Completing those reads nothing.
fn completion_order(krate: &TokenStream, fields: &[Field]) -> Vec<usize> {
    let mut order = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        for &source in field.sources() {
            let is_early = source > index && fields[source].is_plain(krate);
            if is_early && !order.contains(&source) {
                order.push(source);
            }
        }
        if !order.contains(&index) {
            order.push(index);
        }
    }
    order
}

fn decode(input: &DeriveInput, krate: &TokenStream, fields: &[Field]) -> Result<TokenStream> {
    let name = &input.ident;
    let owner = name.to_string();
    let lifetime = &stub_lifetime(input)?;
    let generics = bounded(input, &quote!(#krate::Decode<#lifetime>));
    let generics = with_lifetime(generics, lifetime);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = input.generics.split_for_impl();

    let decodes: Vec<_> = fields
        .iter()
        .map(|f| f.as_decode(krate, lifetime))
        .collect();
    let variables: Vec<_> = fields.iter().map(Field::variable).collect();
    let members: Vec<_> = fields.iter().map(|field| &field.member).collect();
    let labels: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let (conformance, decode_conformance) = match (decodes.last(), labels.last()) {
        (Some(last), Some(label)) => (
            quote!(#last::Conformance),
            quote! {
                #last::decode_conformance(reader).map_err(|error| error.within(#owner, #label))
            },
        ),
        _ => (quote!(()), quote!(::core::result::Result::Ok(()))),
    };
    let conformances = (0..fields.len()).map(|index| {
        if index + 1 == fields.len() {
            quote!(conformance)
        } else {
            quote!(::core::default::Default::default())
        }
    });
    let order = completion_order(krate, fields);
    let complete = order.iter().enumerate().map(|(place, &index)| {
        let (decode, variable, label) = (&decodes[index], &variables[index], labels[index]);
        let told = Told::Only(&order[..place]);
        let args = fields[index].args(krate, fields, told, Field::reference);
        let range = decode_range(krate, &fields[index], &owner);
        quote! {
            let #variable = #decode::decode_deferred(#variable, #args, reader)
                .map_err(|error| error.within(#owner, #label))?;
            #range
        }
    });
    let late_checks = order.iter().enumerate().filter_map(|(place, &index)| {
        fields[index].late_check(krate, fields, &order[..place], &owner)
    });
    let checks = conformance_checks(krate, fields);
    let reader = quote!(reader: &mut #krate::Reader<#lifetime, __S>);
    let result = |ok: TokenStream| quote!(::core::result::Result<#ok, #krate::DecodeError>);
    let (conformance_result, inline_result, deferred_result) = (
        result(quote!(Self::Conformance)),
        result(quote!(Self::Inline)),
        result(quote!(Self)),
    );
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Decode<#lifetime> for #name #ty_generics #where_clause {
            type Conformance = #conformance;
            type Inline = (#(#decodes::Inline,)*);

            #[inline]
            fn decode_conformance<__S: #krate::Syntax>(#reader) -> #conformance_result {
                let _ = &reader;
                #decode_conformance
            }

            #[inline]
            fn decode_inline<__S: #krate::Syntax>(
                conformance: Self::Conformance,
                #reader,
            ) -> #inline_result {
                #checks
                let _ = conformance;
                let __align = <Self as #krate::Wire>::LAYOUT.align::<__S>();
                reader.align(__align);
                #(
                    let #variables = #decodes::decode_inline(#conformances, reader)
                        .map_err(|error| error.within(#owner, #labels))?;
                )*
                if __S::PADS_STRUCTURE_TAIL {
                    reader.align(__align);
                }
                ::core::result::Result::Ok((#(#variables,)*))
            }

            #[inline]
            fn decode_deferred<__S: #krate::Syntax>(
                (#(#variables,)*): Self::Inline,
                _: (),
                #reader,
            ) -> #deferred_result {
                let _ = &reader;
                #(#complete)*
                #(#late_checks)*
                ::core::result::Result::Ok(Self { #(#members: #variables),* })
            }
        }
    })
}
