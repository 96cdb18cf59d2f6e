//! The generics of the implementations.

use proc_macro2::{Span, TokenStream};
use syn::{
    DeriveInput, Error, GenericParam, Generics, Lifetime, LifetimeParam, Result, parse_quote,
};

/// The generics of a type with `bound` added to each of its type parameters.
pub(crate) fn bounded(input: &DeriveInput, bound: &TokenStream) -> Generics {
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#bound));
    }
    generics
}

/// The lifetime of the stub: the type's own, or one that the implementation adds.
pub(crate) fn stub_lifetime(input: &DeriveInput) -> Result<Lifetime> {
    let mut lifetimes = input.generics.lifetimes();
    let first = lifetimes.next();
    if let Some(second) = lifetimes.next() {
        return Err(Error::new_spanned(
            second,
            "a decoded type borrows from one stub, so it has at most one lifetime",
        ));
    }
    Ok(match first {
        Some(parameter) => parameter.lifetime.clone(),
        None => Lifetime::new("'__stub", Span::call_site()),
    })
}

/// `generics` with the stub's lifetime, if it is not among them.
pub(crate) fn with_lifetime(mut generics: Generics, lifetime: &Lifetime) -> Generics {
    if generics.lifetimes().next().is_none() {
        let parameter = GenericParam::Lifetime(LifetimeParam::new(lifetime.clone()));
        generics.params.insert(0, parameter);
    }
    generics
}
