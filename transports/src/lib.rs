//! Completion-based rings for DCE/RPC transports: io_uring, epoll, and a seeded simulation.
//!
//! [`Ring`] is the one interface between an engine and whatever moves its bytes. [`UringRing`]
//! and [`EpollRing`] move them through the kernel, [`SimRing`] through a simulated network whose
//! every run can be repeated by its seed. All keep the same promises, checked by one conformance
//! suite. [`KernelRing`] is the one of the first two that the machine allows.
//! [`StringBinding`] reads where a server is, as users write it.
//!
//! ```
//! use annulus_protocol::Limits;
//! use annulus_transports::{Completion, Ring, StringBinding, UringConfig, UringRing, Wait};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let binding: StringBinding = "ncacn_ip_tcp:127.0.0.1[9]".parse()?;
//! let mut ring = UringRing::new(UringConfig::new(&Limits::DEFAULT))?;
//! let socket = ring.connect(binding.resolve(135)?[0].clone())?;
//! while ring.usage().sockets > 0 {
//!     ring.enter(Wait::Forever)?;
//!     while let Some(completion) = ring.next_completion() {
//!         match completion {
//!             Completion::Connected { .. } => ring.send(socket, b"hello".to_vec()),
//!             Completion::ConnectFailed { error, .. } => println!("{error}"),
//!             Completion::Received { lease, .. } => ring.release(lease),
//!             Completion::Sent { .. } => ring.close(socket),
//!             _ => {}
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod credentials;
pub mod epoll;
mod error;
mod host;
mod kernel;
mod listen;
mod ncalrpc;
mod protocol_sequence;
mod ring;
pub mod sim;
mod socket_directory;
mod socket_file;
mod socket_options;
mod string_binding;
pub mod uring;
mod wall_clock;

pub use address::Address;
pub use credentials::PeerCredentials;
pub use epoll::EpollRing;
pub use error::TransportError;
pub use host::{literal_host, resolve_host};
pub use kernel::{KernelRing, KernelStream, KernelWaker, RingChoice};
pub use ncalrpc::NcalrpcDirectory;
pub use protocol_sequence::ProtocolSequence;
pub use ring::{
    Completion, ListenOptions, ListenerId, NotAdopted, PollableRing, ReceiveLease, Ring, RingUsage,
    RingWaker, SocketId, Wait,
};
pub use sim::{SimConfig, SimNet, SimRing};
pub use socket_options::{Keepalive, SocketOptions};
pub use string_binding::{StringBinding, StringBindingError};
pub use uring::{UringConfig, UringRing};
pub use wall_clock::WallClockState;
