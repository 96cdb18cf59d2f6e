//! Numbers, and what else Rust or `annulus` has a type for.

use proc_macro2::{Literal, Punct, Spacing, TokenStream};
use quote::quote;

use super::Generator;
use crate::model::Scalar;

impl Generator<'_> {
    /// A type that Rust or `annulus` has.
    pub(super) fn scalar(&self, scalar: Scalar) -> TokenStream {
        match scalar {
            Scalar::Boolean => quote!(bool),
            Scalar::Float => quote!(f32),
            Scalar::Double => quote!(f64),
            Scalar::Uuid => quote!(Uuid),
            Scalar::ContextHandle => quote!(ContextHandle),
            Scalar::Integer { bits, signed } => integer_type(bits, signed),
        }
    }
}

/// `u8` to `i64`.
pub(super) fn integer_type(bits: u8, signed: bool) -> TokenStream {
    match (bits, signed) {
        (8, false) => quote!(u8),
        (8, true) => quote!(i8),
        (16, false) => quote!(u16),
        (16, true) => quote!(i16),
        (32, false) => quote!(u32),
        (32, true) => quote!(i32),
        (_, false) => quote!(u64),
        (_, true) => quote!(i64),
    }
}

/// An integer literal, with its sign before it.
pub(super) fn integer(value: i128) -> TokenStream {
    let literal = Literal::u128_unsuffixed(value.unsigned_abs());
    if value < 0 {
        let minus = Punct::new('-', Spacing::Alone);
        quote!(#minus #literal)
    } else {
        quote!(#literal)
    }
}
