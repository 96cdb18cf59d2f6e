//! Enums as numbers: a tuple struct whose field is the value, for peers that may send any.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataStruct, DeriveInput, Error, Fields, Result, Type};

use crate::attributes::ContainerAttributes;
use crate::enum_value::EnumValue;

pub(crate) fn expand(
    input: &DeriveInput,
    attributes: &ContainerAttributes,
    data: &DataStruct,
) -> Result<TokenStream> {
    let value = EnumValue::new(attributes.crate_path(), attributes.v1_enum.is_some());
    let number = value.number();
    check_field(input, data, &number.to_string())?;
    let name = &input.ident;
    let wire = value.wire(name, &quote!(i128::from(self.0)));
    let encode = attributes
        .encodes()
        .then(|| value.encode(name, &quote!(self.0)));
    let decode = attributes.decodes().then(|| {
        // NDR64 gives every enum 32 bits; more than 16 of them are no value of this one.
        value.decode(name, &quote!(#number::try_from(found).ok().map(#name)))
    });
    Ok(quote! {
        #wire
        #encode
        #decode
    })
}

/// The one field holds the value, in as many bits as the enum has.
fn check_field(input: &DeriveInput, data: &DataStruct, number: &str) -> Result<()> {
    if let Fields::Unnamed(fields) = &data.fields
        && fields.unnamed.len() == 1
        && let Some(field) = fields.unnamed.first()
        && let Type::Path(path) = &field.ty
        && path.path.is_ident(number)
    {
        return Ok(());
    }
    let expected = format!(
        "an enum as a struct holds its value alone: struct {}({number})",
        input.ident
    );
    Err(Error::new_spanned(&input.ident, expected))
}
