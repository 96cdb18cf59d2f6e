//! Parameter lists.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Fields, Result};

use crate::attributes::ContainerAttributes;
use crate::fields::{self, Field, Told};
use crate::generics::{bounded, stub_lifetime, with_lifetime};
use crate::structure::{decode_range, encode_range};

pub(crate) fn expand(
    input: &DeriveInput,
    attributes: &ContainerAttributes,
    fields: &Fields,
) -> Result<TokenStream> {
    let krate = &attributes.crate_path();
    let fields = &fields::collect(krate, fields, false)?;
    check_given(attributes, fields)?;
    let mut tokens = params(input, attributes);
    if attributes.encodes() {
        tokens.extend(encode(input, krate, fields));
    }
    if attributes.decodes() {
        tokens.extend(decode(input, krate, fields)?);
    }
    Ok(tokens)
}

/// What fields use of the request, the struct must be given.
fn check_given(attributes: &ContainerAttributes, fields: &[Field]) -> Result<()> {
    match fields.iter().find_map(Field::needs_given) {
        Some(expression) if attributes.given.is_none() => Err(Error::new_spanned(
            expression,
            "these parameters are given nothing: add #[ndr(given = T)] to the struct",
        )),
        _ => Ok(()),
    }
}

fn params(input: &DeriveInput, attributes: &ContainerAttributes) -> TokenStream {
    let (krate, name) = (attributes.crate_path(), &input.ident);
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let given = match &attributes.given {
        Some(given) => quote!(#given),
        None => quote!(()),
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Params for #name #ty_generics #where_clause {
            type Given = #given;
        }
    }
}

fn encode(input: &DeriveInput, krate: &TokenStream, fields: &[Field]) -> TokenStream {
    let name = &input.ident;
    let owner = name.to_string();
    let generics = bounded(input, &quote!(#krate::Encode));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let parameters = fields.iter().map(|field| {
        let encode = field.as_trait(krate, "Encode");
        let (member, label) = (&field.member, &field.name);
        let range = encode_range(krate, field, &owner);
        let args = field.args(krate, fields, Told::All, |source| {
            let member = &source.member;
            quote!(&self.#member)
        });
        quote! {
            #range
            #encode::encode_whole(&self.#member, #args, writer)
                .map_err(|error| error.within(#owner, #label))?;
        }
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::EncodeParams for #name #ty_generics #where_clause {
            // Into `encode` and `decode` alone, where all offsets up to the first array are known.
            #[inline(always)]
            fn encode_params<__S: #krate::Syntax>(
                &self,
                given: ::core::option::Option<<Self as #krate::Params>::Given>,
                writer: &mut #krate::Writer<'_, __S>,
            ) -> ::core::result::Result<(), #krate::EncodeError> {
                let _ = (given, &writer);
                #(#parameters)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

fn decode(input: &DeriveInput, krate: &TokenStream, fields: &[Field]) -> Result<TokenStream> {
    let name = &input.ident;
    let owner = name.to_string();
    let lifetime = &stub_lifetime(input)?;
    let generics = bounded(input, &quote!(#krate::Decode<#lifetime>));
    let generics = with_lifetime(generics, lifetime);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = input.generics.split_for_impl();

    let read: Vec<usize> = (0..fields.len()).collect();
    let parameters = fields.iter().enumerate().map(|(index, field)| {
        let decode = field.as_decode(krate, lifetime);
        let (variable, label) = (field.variable(), &field.name);
        let range = decode_range(krate, field, &owner);
        let told = Told::Only(&read[..index]);
        let args = field.args(krate, fields, told, Field::reference);
        quote! {
            let #variable = #decode::decode_whole(#args, reader)
                .map_err(|error| error.within(#owner, #label))?;
            #range
        }
    });
    let late_checks = fields
        .iter()
        .enumerate()
        .filter_map(|(index, field)| field.late_check(krate, fields, &read[..index], &owner));
    let members = fields.iter().map(|field| &field.member);
    let variables = fields.iter().map(Field::variable);
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::DecodeParams<#lifetime> for #name #ty_generics #where_clause {
            // Into `encode` and `decode` alone, where all offsets up to the first array are known.
            #[inline(always)]
            fn decode_params<__S: #krate::Syntax>(
                given: ::core::option::Option<<Self as #krate::Params>::Given>,
                reader: &mut #krate::Reader<#lifetime, __S>,
            ) -> ::core::result::Result<Self, #krate::DecodeError> {
                let _ = (given, &reader);
                #(#parameters)*
                #(#late_checks)*
                ::core::result::Result::Ok(Self { #(#members: #variables),* })
            }
        }
    })
}
