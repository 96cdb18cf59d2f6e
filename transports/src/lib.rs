//! Completion-based rings for DCE/RPC transports: io_uring and a seeded simulation.

mod address;
mod error;
mod listen;
mod ring;
pub mod sim;
mod string_binding;
pub mod uring;

pub use address::Address;
pub use error::TransportError;
pub use ring::{
    Completion, ListenOptions, ListenerId, ReceiveLease, Ring, RingUsage, RingWaker, SocketId, Wait,
};
pub use sim::{SimConfig, SimNet, SimRing};
pub use string_binding::{ProtocolSequence, StringBinding, StringBindingError};
pub use uring::{UringConfig, UringRing};
