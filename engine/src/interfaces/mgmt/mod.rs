//! The management interface (C706 appendix Q), which every endpoint offers by itself.
//!
//! [`MgmtClient`] asks any server about itself.

mod manager;
#[rustfmt::skip]
mod stub;

pub(crate) use self::manager::Management;
pub use self::stub::*;
