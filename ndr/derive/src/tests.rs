//! What the macros refuse: where each error points, and what it says is allowed.

use quote::ToTokens;
use syn::{DeriveInput, Error, parse_quote};

use crate::{expand_params, expand_type};

fn type_error(input: &DeriveInput) -> Error {
    expand_type(input).expect_err("the definition is wrong")
}

fn assert_type_error(input: DeriveInput, message: &str) {
    let error = type_error(&input).to_string();
    assert!(
        error.contains(message),
        "{error}\nfor {}",
        input.to_token_stream()
    );
}

#[test]
fn an_unknown_attribute_of_a_field_is_answered_with_those_that_exist() {
    assert_type_error(
        parse_quote! { struct S { #[ndr(sized_by = "n")] a: Vec<u8> } },
        "allowed: size_is = \"n\", length_is",
    );
}

#[test]
fn an_unknown_attribute_of_a_type_is_answered_with_those_that_exist() {
    assert_type_error(
        parse_quote! { #[ndr(union)] enum E { A } },
        "allowed: switch = T, encapsulated",
    );
}

#[test]
fn size_is_must_name_a_field() {
    assert_type_error(
        parse_quote! { struct S { len: u32, n: u8, #[ndr(size_is = "length")] a: Vec<u8> } },
        "no such field; there are: len, n, a",
    );
}

#[test]
fn an_error_points_into_the_attribute() {
    let source = "struct S { len: u32, #[ndr(size_is = \"len % 2\")] a: Vec<u8> }";
    let input: DeriveInput = syn::parse_str(source).expect("the source parses");
    let start = type_error(&input).span().start();
    let pointed = &source[start.column..];
    assert!(pointed.starts_with("\"len % 2\""), "points at {pointed}");
}

#[test]
fn size_is_computes_with_fields_and_numbers_only() {
    assert_type_error(
        parse_quote! { struct S { len: u32, #[ndr(size_is = "len.max(2)")] a: Vec<u8> } },
        "allowed: the name of a field",
    );
    assert_type_error(
        parse_quote! { struct S { len: u32, #[ndr(size_is = "2 / len")] a: Vec<u8> } },
        "the divisor must be a number above zero",
    );
}

#[test]
fn a_conformant_array_before_the_last_field_needs_a_pointer() {
    assert_type_error(
        parse_quote! { struct S { len: u32, #[ndr(size_is = "len")] a: Vec<u8>, b: u8 } },
        "can only be the last field",
    );
    let behind_pointers: DeriveInput = parse_quote! {
        struct S {
            len: u32,
            #[ndr(size_is = "len")] a: Option<Vec<u8>>,
            #[ndr(ref, size_is = "len")] b: Vec<u8>,
            c: u8,
        }
    };
    expand_type(&behind_pointers).expect("behind pointers it can stand anywhere");
}

#[test]
fn a_parameter_list_may_have_arrays_anywhere() {
    let input: DeriveInput = parse_quote! {
        struct P { #[ndr(conformant)] a: Vec<u8>, #[ndr(string)] b: String, c: u8 }
    };
    expand_params(&input).expect("parameters are not members of a structure");
}

#[test]
fn length_is_needs_room() {
    assert_type_error(
        parse_quote! { struct S { n: u32, #[ndr(length_is = "n")] a: Vec<u8> } },
        "add size_is, conformant or varying = N",
    );
}

#[test]
fn only_parameters_are_given_what_the_request_tells() {
    assert_type_error(
        parse_quote! { struct S { #[ndr(size_is = "given.n")] a: Vec<u8> } },
        "a structure is given nothing",
    );
    assert_type_error(
        parse_quote! { #[ndr(given = G)] struct S { a: u8 } },
        "derive NdrParams",
    );
    let given_nothing: DeriveInput = parse_quote! {
        struct P { #[ndr(size_is = "2 * given.n")] a: Vec<u8> }
    };
    let error = expand_params(&given_nothing).expect_err("nothing is given");
    assert!(
        error.to_string().contains("add #[ndr(given = T)]"),
        "{error}"
    );
}

#[test]
fn dimensions_are_as_many_everywhere() {
    assert_type_error(
        parse_quote! {
            struct S { n: u32, #[ndr(size_is = "(n, n)", length_is = "n")] a: ArraySection<u8, 2> }
        },
        "the array has 2 dimensions here, and others elsewhere",
    );
}

#[test]
fn a_fixed_array_has_all_its_elements() {
    assert_type_error(
        parse_quote! { struct S { n: u32, #[ndr(fixed = 4, length_is = "n")] a: Vec<u8> } },
        "a fixed array has all its elements",
    );
}

#[test]
fn an_attribute_given_twice_is_refused() {
    assert_type_error(
        parse_quote! { struct S { #[ndr(string)] #[ndr(string)] a: String } },
        "given twice",
    );
}

#[test]
fn an_enum_with_data_needs_a_switch() {
    assert_type_error(parse_quote! { enum E { A(u8) } }, "add #[ndr(switch = T)]");
}

#[test]
fn a_switch_has_a_type_of_the_wire() {
    assert_type_error(
        parse_quote! { #[ndr(switch = usize)] enum E { #[ndr(case = 1)] A(u8) } },
        "allowed: u8, u16, u32, u64",
    );
}

#[test]
fn an_encapsulated_union_is_no_ms_union() {
    assert_type_error(
        parse_quote! {
            #[ndr(switch = u16, encapsulated, ms_union)]
            enum E { #[ndr(case = 1)] A(u8) }
        },
        "ms_union changes nothing about an encapsulated union",
    );
    assert_type_error(
        parse_quote! { #[ndr(ms_union)] struct S { a: u8 } },
        "this attribute is for enums",
    );
    assert_type_error(
        parse_quote! { #[ndr(ms_union)] enum E { A } },
        "ms_union is for unions",
    );
}

#[test]
fn an_arm_needs_a_case() {
    assert_type_error(
        parse_quote! { #[ndr(switch = u16)] enum E { A(u8) } },
        "#[ndr(case = N)] or #[ndr(default)]",
    );
}

#[test]
fn an_arm_has_no_neighbours_to_count_its_elements() {
    assert_type_error(
        parse_quote! {
            #[ndr(switch = u16)]
            enum E { #[ndr(case = 1, size_is = "n")] A(Option<Vec<u8>>) }
        },
        "an arm has no fields next to it",
    );
}

#[test]
fn the_default_arm_keeps_its_discriminant() {
    assert_type_error(
        parse_quote! { #[ndr(switch = u16)] enum E { #[ndr(default)] Other } },
        "keeps the discriminant in its first field",
    );
}

#[test]
fn a_second_lifetime_is_refused() {
    assert_type_error(
        parse_quote! { struct S<'a, 'b> { a: Inner<'a>, b: Inner<'b> } },
        "at most one lifetime",
    );
}
