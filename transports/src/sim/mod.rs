//! The ring in memory: a seeded network with virtual time and faults.
//!
//! A [`SimNet`] joins any number of [`SimRing`]s, all driven by one thread. Nothing happens by
//! itself: a ring's submissions take effect at its [`enter`](crate::Ring::enter), which never
//! waits, and time passes only when the driver says so. All chance comes from one seed, so a
//! run is repeated by its seed.
//!
//! ```
//! use annulus_protocol::Limits;
//! use annulus_transports::sim::{SimConfig, SimNet};
//! use annulus_transports::{Completion, ListenOptions, Ring, Wait};
//!
//! let net = SimNet::new(42, SimConfig::default());
//! let (mut server, mut client) = (net.ring(&Limits::DEFAULT), net.ring(&Limits::DEFAULT));
//! let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into();
//! let (_, address) = server.listen(any, &ListenOptions::default()).unwrap();
//! client.connect(address).unwrap();
//! let accepted = loop {
//!     client.enter(Wait::No).unwrap();
//!     server.enter(Wait::No).unwrap();
//!     match server.next_completion() {
//!         Some(completion) => break completion,
//!         None => assert!(net.advance_to_next(), "nothing will ever happen"),
//!     }
//! };
//! assert!(matches!(accepted, Completion::Accepted { .. }));
//! ```

mod close;
mod connect;
mod connection;
mod detach;
mod net;
mod random;
mod ring;
mod socket;
mod stream;
mod transfer;

use std::time::Duration;

pub use net::SimNet;
pub use ring::{SimRing, SimWaker};
pub use stream::SimStream;

/// How a simulated network behaves. Probabilities are between 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct SimConfig {
    /// Shortest time that anything takes from one side to the other.
    pub latency_min: Duration,
    /// Longest such time. What is sent in one direction of a connection stays in order.
    pub latency_max: Duration,
    /// Bytes that one direction of a connection holds before the sender must wait for the
    /// receiver's owner to take some.
    pub window_len: usize,
    /// Probability that bytes move in pieces (down to one byte) where they could move together;
    /// drawn for each piece, on sending and on receiving.
    pub tear: f64,
    /// Probability that a completion overtakes the one before it, if that is of another socket;
    /// drawn again for each place.
    pub reorder: f64,
    /// Probability that a connect fails although somebody listens.
    pub connect_failure: f64,
    /// Probability that a connection is reset, drawn for each piece that is sent. Bytes on
    /// their way are lost.
    pub reset: f64,
    /// Probability that a listener runs out of descriptors, drawn for each connection; accepting
    /// then pauses for 100 ms.
    pub accept_pause: f64,
    /// Probability that a socket cannot leave its ring, drawn for each detach.
    pub detach_failure: f64,
}

impl SimConfig {
    /// A network with every fault, each often enough to show within a few hundred operations.
    #[must_use]
    pub fn hostile() -> Self {
        SimConfig {
            latency_min: Duration::ZERO,
            latency_max: Duration::from_millis(20),
            window_len: 4 << 10,
            tear: 0.7,
            reorder: 0.5,
            connect_failure: 0.1,
            reset: 0.005,
            accept_pause: 0.1,
            detach_failure: 0.1,
        }
    }
}

impl Default for SimConfig {
    /// A local network without failures, that tears and reorders all the same.
    fn default() -> Self {
        SimConfig {
            latency_min: Duration::from_micros(5),
            latency_max: Duration::from_micros(200),
            window_len: 64 << 10,
            tear: 0.3,
            reorder: 0.25,
            connect_failure: 0.0,
            reset: 0.0,
            accept_pause: 0.0,
            detach_failure: 0.0,
        }
    }
}
