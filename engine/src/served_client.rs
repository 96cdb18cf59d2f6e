//! A client of a server.

use std::sync::Arc;

use annulus_transports::Address;

use crate::context_handle::GroupContexts;
use crate::server::RunningServer;

/// What all calls of one connection have in common: the server, and its client.
#[derive(Clone)]
pub(crate) struct ServedClient {
    /// Whose client it is.
    pub(crate) server: Arc<RunningServer>,
    /// Where the client is.
    pub(crate) peer: Address,
    /// Where the client has reached this side.
    pub(crate) local: Address,
    /// What the server keeps for the client; from the bind on.
    pub(crate) contexts: Option<Arc<GroupContexts>>,
}
