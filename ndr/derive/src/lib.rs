//! The derive macros of `annulus-ndr`.
//!
//! Use them through that crate, which re-exports them.
#![forbid(unsafe_code)]

mod attributes;
mod correlation;
mod enum_value;
mod enumeration;
mod fields;
mod generics;
mod open_enumeration;
mod params;
mod shape;
mod structure;
#[cfg(test)]
mod tests;
mod union;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Error, Result, parse_macro_input};

use crate::attributes::ContainerAttributes;

/// Implements `Wire`, `Encode` and `Decode` for a structure, an enum or a union of the IDL.
///
/// A `struct` is a structure; a tuple struct with one field lies on the wire as that field. An
/// `enum` without data is an enum, which also gets `Correlated` and takes no other value than its
/// own. A tuple struct with `enum16` or `v1_enum` is an enum that takes any value, as peers may send
/// one that the IDL does not name. An `enum` with `#[ndr(switch = …)]` is a union.
///
/// On the type:
///
/// | attribute | meaning |
/// |---|---|
/// | `v1_enum` | an enum of 32 bits |
/// | `enum16` | an enum of 16 bits, in NDR64 32; the default for an `enum` |
/// | `switch = T` | a union whose discriminant is `u8`, `u16`, `u32`, `u64`, `i8` … `i64`, `enum16` or `v1_enum` |
/// | `encapsulated` | the union is an encapsulated one, aligned as a structure before its discriminant |
/// | `ms_union` | an arm of the union, which is not encapsulated, is aligned as the most aligned of them, and so is an element of an array of such unions before its discriminant (MS-RPCE 2.2.4.5); in NDR64 they are anyway |
/// | `crate = path` | where `annulus_ndr` is found, if not at the root |
/// | `encode_only`, `decode_only` | implement one direction only |
///
/// On a variant of a union, which is a unit or holds one field:
///
/// | attribute | meaning |
/// |---|---|
/// | `case = N` | the discriminant of this arm, any constant |
/// | `default` | the arm for all other discriminants; its first field keeps the discriminant, its second, if any, is the arm |
///
/// On a field of a structure, an arm or a parameter list:
///
/// | attribute | meaning |
/// |---|---|
/// | `size_is = "n"` | a conformant array (or, with `string`, its maximum count) of as many elements as field `n` says |
/// | `length_is = "n"` | a varying array of as many elements as field `n` says |
/// | `first_is = "n"` | of a varying array, what is sent starts at the index that field `n` says; see `ArraySection` |
/// | `conformant` | a conformant array whose count no field of this type tells |
/// | `varying` | with `size_is` or `conformant`: also varying |
/// | `varying = N` | a varying array with room for `N` elements |
/// | `string, varying = N` | a string in a fixed array of `N` characters |
/// | `fixed = N` | a fixed array of `N` elements, for `Numbers`, `Vec` and slices; `[T; N]` needs nothing |
/// | `string` | a string: UTF-16 for `String`, `&str`, `Utf16Str`; bytes for `Vec<u8>`, `&[u8]` |
/// | `switch_is = "n"` | a union whose discriminant is what field `n` says |
/// | `unique` | a unique pointer; an `Option` is one anyway |
/// | `ref` | an embedded reference pointer; at the top level of a parameter list it changes nothing |
/// | `represent_as = T` | the field's type crosses the wire as `T`, to and from which `Represent` takes it |
/// | `shape = H` | the shape of the field, where the attributes above do not say it: `Conformant<Ref>`; the counts and `switch_is` may stand with it |
/// | `range(a, b)` | a number from `a` to `b`, both included |
///
/// `n` may also be computed: `*n`, whole numbers, `+`, `-`, `*`, `/` by a number, parentheses. The
/// field may come later than what it tells about; see `CheckLate`. An arm has no fields next to it, so
/// only numbers count it.
/// For an `ArraySection` of several dimensions, `size_is`, `first_is`, `length_is` and `varying`
/// are told for each of them, `_` where nothing tells it: `size_is = "(rows, _)"`.
/// A conformant array that is not behind a pointer can only be the last field.
#[proc_macro_derive(Ndr, attributes(ndr))]
pub fn derive_ndr(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand_type(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

/// Implements `EncodeParams` and `DecodeParams` for a struct: the parameters of one operation
/// in one direction, in the order of the IDL, the result last.
///
/// The attributes are those of the fields of [`macro@Ndr`]. On the struct there may be
/// `given = T`: the counts and discriminants of its fields may then use what the request tells, the
/// fields of `T`, as `given.n`. See `Params`.
#[proc_macro_derive(NdrParams, attributes(ndr))]
pub fn derive_ndr_params(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand_params(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand_type(input: &DeriveInput) -> Result<proc_macro2::TokenStream> {
    let attributes = ContainerAttributes::parse(&input.attrs)?;
    attributes.refuse_given()?;
    match &input.data {
        Data::Struct(data) => {
            attributes.refuse_for_structs()?;
            if attributes.v1_enum.or(attributes.enum16).is_some() {
                return open_enumeration::expand(input, &attributes, data);
            }
            structure::expand(input, &attributes, &data.fields)
        }
        Data::Enum(data) if attributes.switch.is_some() => union::expand(input, &attributes, data),
        Data::Enum(data) => enumeration::expand(input, &attributes, data),
        Data::Union(data) => Err(Error::new(
            data.union_token.span,
            "a union of the IDL is a Rust enum with #[ndr(switch = …)]",
        )),
    }
}

fn expand_params(input: &DeriveInput) -> Result<proc_macro2::TokenStream> {
    let attributes = ContainerAttributes::parse(&input.attrs)?;
    attributes.refuse_for_params()?;
    match &input.data {
        Data::Struct(data) => params::expand(input, &attributes, &data.fields),
        _ => Err(Error::new_spanned(
            &input.ident,
            "the parameters of an operation are a struct",
        )),
    }
}
