//! The endpoint mapper (C706 appendix O), which tells the endpoints of a machine's interfaces.
//!
//! [`EptClient`] calls it, for instance on port 135; [`Ept`] is what a server implements.

#[rustfmt::skip]
mod stub;

pub use self::stub::*;
