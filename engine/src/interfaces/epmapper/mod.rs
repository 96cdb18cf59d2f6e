//! The endpoint mapper (C706 appendix O), which tells the endpoints of a machine's interfaces.
//!
//! [`EndpointMapperClient`] asks one, and [`EptClient`] makes single calls; [`Ept`] is what a server
//! implements, and [`EndpointMapper`] is an implementation, which tells what is in an
//! [`EndpointMap`].

mod ask;
mod client;
mod elements;
mod endpoint_map;
mod keeper;
mod manager;
mod owner;
mod search;
#[rustfmt::skip]
mod stub;
#[cfg(test)]
mod tests;
mod tower;
mod wire;

use annulus_transports::{ProtocolSequence, StringBinding, StringBindingError};

pub(crate) use self::ask::find_endpoint;
pub use self::client::EndpointMapperClient;
pub use self::endpoint_map::{Endpoint, EndpointMap, RegisterError, Registered};
pub use self::keeper::KeptEndpoints;
pub use self::manager::EndpointMapper;
pub use self::search::{Inquiry, Versions};
pub use self::stub::*;
pub use self::tower::{Floor, Tower, TowerError};
use crate::status::Status;

/// `ept_s_cant_perform_op`: the mapper cannot make sense of the inquiry.
pub const EPT_S_CANT_PERFORM_OP: u32 = 0x16c9_a0cd;
/// `ept_s_no_memory`: the map has no room for more.
pub const EPT_S_NO_MEMORY: u32 = 0x16c9_a0ce;
/// `ept_s_invalid_entry`: what is to be registered is no endpoint.
pub const EPT_S_INVALID_ENTRY: u32 = 0x16c9_a0d3;
/// `ept_s_not_registered`: the map has nothing of the kind (MS-RPCE 2.2.1.2.5).
pub const EPT_S_NOT_REGISTERED: u32 = 0x16c9_a0d6;

/// The mapper's well-known endpoint on a host.
const WELL_KNOWN_PORT: &str = "135";
/// The mapper's well-known endpoint within a machine.
const WELL_KNOWN_NAME: &str = "EPMAPPER";

/// What a status of the mapper is for callers.
fn to_status(result: u32) -> Status {
    match result {
        EPT_S_CANT_PERFORM_OP => Status::EptCantPerformOp,
        EPT_S_NO_MEMORY => Status::ServerOutOfMemory,
        EPT_S_INVALID_ENTRY => Status::EptInvalidEntry,
        EPT_S_NOT_REGISTERED => Status::EptNotRegistered,
        other => Status::from_code(other),
    }
}

/// The mapper of the host that a string binding names: at its endpoint, if it has one, or at that of
/// its option `mapper`, or at the well-known one.
pub(crate) fn mapper_of(binding: &StringBinding) -> Result<StringBinding, StringBindingError> {
    let well_known = match binding.sequence() {
        ProtocolSequence::Ncalrpc => WELL_KNOWN_NAME,
        _ => WELL_KNOWN_PORT,
    };
    let endpoint = binding.endpoint().filter(|endpoint| *endpoint != "0");
    let option = binding.option("mapper").flatten();
    let endpoint = endpoint.or(option).unwrap_or(well_known).to_owned();
    binding.clone().with_endpoint(&endpoint)
}
