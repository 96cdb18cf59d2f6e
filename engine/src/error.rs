//! What can go wrong before a call is made.

use annulus_transports::{StringBindingError, TransportError};

use crate::epmapper::RegisterError;
use crate::status::Status;

/// A failure to set something up: a runtime, a server, a binding. It says what failed, on
/// what, and what to do about it.
///
/// What can go wrong with a call is a [`Status`](crate::Status).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A string binding cannot be parsed.
    #[error(transparent)]
    StringBinding(#[from] StringBindingError),
    /// The endpoint mapper does not tell where the server of a string binding without an endpoint
    /// is.
    #[error(
        "{binding}: no endpoint is written, and the endpoint mapper at {mapper} does not tell one: {status}; start the mapper, or write the endpoint ({binding}[ENDPOINT]) or that of another mapper ({binding}[,mapper=ENDPOINT])"
    )]
    EndpointMapper {
        /// The string binding.
        binding: String,
        /// The mapper that was asked.
        mapper: String,
        /// What came of it.
        status: Status,
    },
    /// An address cannot be used, or the ring cannot be set up.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A server without an endpoint.
    #[error("the server has no endpoint; add one with Server::endpoint")]
    NoEndpoint,
    /// The endpoints of a server cannot be registered in an endpoint map.
    #[error("the server's endpoints cannot be registered: {0}")]
    Register(#[from] RegisterError),
    /// A core that this process may not run on, or that the machine does not have.
    #[error(
        "core {core} cannot be used: this process may run on {available:?}; choose from these, or widen its affinity (taskset, cpuset)"
    )]
    NoSuchCore {
        /// The core that was asked for.
        core: usize,
        /// The cores that can be used.
        available: Vec<usize>,
    },
    /// A runtime without a core.
    #[error("a runtime needs at least one core")]
    NoCore,
    /// A thread cannot be started.
    #[error(
        "cannot start the thread of core {core}: {source}; look at `ulimit -u` and the memory that is free"
    )]
    Thread {
        /// Which thread of the runtime.
        core: usize,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread of the worker pool cannot be started.
    #[error(
        "cannot start a worker thread: {source}; look at `ulimit -u` and the memory that is free"
    )]
    WorkerThread {
        /// What the system said.
        source: std::io::Error,
    },
    /// The ring's descriptor cannot be given to the event loop that is to wait for it.
    #[error("the event loop cannot wait for the ring's descriptor: {0}")]
    Descriptor(std::io::Error),
    /// A runtime was asked by what its own core has called, such as a manager routine, for something
    /// that this core would have to do meanwhile.
    #[error(
        "the runtime is in the middle of a turn; let another thread, or a task of its event loop, do \
         this, not a manager routine or a callback"
    )]
    WithinTurn,
    /// The runtime has been shut down.
    #[error("the runtime has been shut down")]
    ShutDown,
}
