//! The expressions of `size_is`, `length_is` and `switch_is`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use syn::{BinOp, Error, Expr, ExprBinary, ExprField, Lit, Result, UnOp};

/// Turns an expression over fields into Rust that yields an `i128` and cannot panic, whatever
/// the fields hold. `access` gives a reference to a field, or an error if there is none.
pub(crate) fn lower(
    krate: &TokenStream,
    expression: &Expr,
    access: &mut dyn FnMut(&Ident) -> Result<TokenStream>,
) -> Result<TokenStream> {
    match expression {
        Expr::Path(path) => {
            let field = access(
                path.path
                    .get_ident()
                    .ok_or_else(|| not_allowed(expression))?,
            )?;
            Ok(quote!(#krate::Correlated::correlated(#field)))
        }
        Expr::Field(field) if is_given(field) => {
            let member = &field.member;
            Ok(quote!(#krate::Correlated::correlated(&given.#member)))
        }
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(int) => {
                let value = Literal::i128_suffixed(int.base10_parse()?);
                Ok(quote!(#value))
            }
            _ => Err(not_allowed(expression)),
        },
        // A pointer's `correlated` is its pointee's.
        Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => {
            lower(krate, &unary.expr, access)
        }
        Expr::Paren(inner) => lower(krate, &inner.expr, access),
        Expr::Group(inner) => lower(krate, &inner.expr, access),
        Expr::Binary(binary) => lower_binary(krate, binary, access),
        _ => Err(not_allowed(expression)),
    }
}

/// The same of an expression over numbers alone, where there are no fields.
pub(crate) fn constant(krate: &TokenStream, expression: &Expr) -> Result<TokenStream> {
    let refuse = || {
        Error::new_spanned(
            expression,
            "an arm has no fields next to it: make a structure, or write a number or `conformant`",
        )
    };
    if needs_given(expression) {
        return Err(refuse());
    }
    lower(krate, expression, &mut |_| Err(refuse()))
}

/// Whether the expression needs what the request tells: `given.n`.
pub(crate) fn needs_given(expression: &Expr) -> bool {
    match expression {
        Expr::Field(field) => is_given(field),
        Expr::Unary(unary) => needs_given(&unary.expr),
        Expr::Paren(inner) => needs_given(&inner.expr),
        Expr::Group(inner) => needs_given(&inner.expr),
        Expr::Binary(binary) => needs_given(&binary.left) || needs_given(&binary.right),
        Expr::Tuple(tuple) => tuple.elems.iter().any(needs_given),
        _ => false,
    }
}

fn is_given(field: &ExprField) -> bool {
    matches!(&*field.base, Expr::Path(base) if base.path.is_ident("given"))
}

fn lower_binary(
    krate: &TokenStream,
    binary: &ExprBinary,
    access: &mut dyn FnMut(&Ident) -> Result<TokenStream>,
) -> Result<TokenStream> {
    let left = lower(krate, &binary.left, access)?;
    let right = lower(krate, &binary.right, access)?;
    match binary.op {
        BinOp::Add(_) => Ok(quote!(i128::saturating_add(#left, #right))),
        BinOp::Sub(_) => Ok(quote!(i128::saturating_sub(#left, #right))),
        BinOp::Mul(_) => Ok(quote!(i128::saturating_mul(#left, #right))),
        BinOp::Div(_) if is_positive_literal(&binary.right) => {
            Ok(quote!(i128::saturating_div(#left, #right)))
        }
        BinOp::Div(_) => Err(Error::new_spanned(
            &binary.right,
            "the divisor must be a number above zero",
        )),
        _ => Err(Error::new_spanned(binary.op, "allowed operators: + - * /")),
    }
}

fn is_positive_literal(expression: &Expr) -> bool {
    let Expr::Lit(literal) = expression else {
        return false;
    };
    let Lit::Int(int) = &literal.lit else {
        return false;
    };
    int.base10_parse::<u64>().is_ok_and(|value| value > 0)
}

fn not_allowed(expression: &Expr) -> Error {
    Error::new_spanned(
        expression,
        "allowed: the name of a field, *field, given.n, whole numbers, + - * / and parentheses",
    )
}
