//! `types.idl`, compiled by annulus-idl. Do not edit.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::enum_variant_names,
    clippy::large_enum_variant,
    clippy::should_implement_trait,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = "names and shapes are those of the IDL, and a program may use a part of it"
)]

use ::annulus::ndr::Ndr;

/// `IMPORTED`.
pub const IMPORTED: i32 = 3;

/// A pair.
///
/// `PAIR` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Pair {
    /// `first`.
    pub first: i32,
    /// `second`.
    pub second: i16,
}

/// Used by nobody, so it is not generated.
///
/// `UNUSED` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Unused {
    /// `unused`.
    pub unused: i32,
}
