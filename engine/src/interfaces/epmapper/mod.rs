//! The endpoint mapper (C706 appendix O), which tells the endpoints of a machine's interfaces.
//!
//! [`EptClient`] calls it, for instance on port 135; [`Ept`] is what a server implements, and
//! [`EndpointMapper`] is an implementation, which tells what is in an [`EndpointMap`].

mod endpoint_map;
mod manager;
#[rustfmt::skip]
mod stub;
mod tower;

pub use self::endpoint_map::{Endpoint, EndpointMap, RegisterError, Registered, Versions};
pub use self::manager::EndpointMapper;
pub use self::stub::*;
pub use self::tower::{Floor, Tower, TowerError};

/// `ept_s_cant_perform_op`: the mapper cannot make sense of the inquiry.
pub const EPT_S_CANT_PERFORM_OP: u32 = 0x16c9_a0cd;
/// `ept_s_no_memory`: the map has no room for more.
pub const EPT_S_NO_MEMORY: u32 = 0x16c9_a0ce;
/// `ept_s_invalid_entry`: what is to be registered is no endpoint.
pub const EPT_S_INVALID_ENTRY: u32 = 0x16c9_a0d3;
/// `ept_s_not_registered`: the map has nothing of the kind (MS-RPCE 2.2.1.2.5).
pub const EPT_S_NOT_REGISTERED: u32 = 0x16c9_a0d6;
