//! Completion-based rings for DCE/RPC transports: io_uring and a seeded simulation.

mod address;
mod error;
mod listen;
mod ring;
pub mod sim;
pub mod uring;

pub use address::Address;
pub use error::TransportError;
pub use ring::{
    Completion, ListenOptions, ListenerId, ReceiveLease, Ring, RingUsage, RingWaker, SocketId, Wait,
};
pub use sim::{SimConfig, SimNet, SimRing};
pub use uring::{UringConfig, UringRing};
