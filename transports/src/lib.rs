//! Completion-based rings for DCE/RPC transports: io_uring and a seeded simulation.

mod error;
mod ring;

pub use error::TransportError;
pub use ring::{
    Completion, ListenOptions, ListenerId, ReceiveLease, Ring, RingUsage, RingWaker, SocketId, Wait,
};
