//! A server that runs, as its program sees it.

use std::sync::Arc;

use annulus_transports::StringBinding;

use super::counters::CoreCounters;
use super::running::RunningServer;
use crate::epmapper::Endpoint;
use crate::status::Status;

/// A server that runs: where it listens, and what it has done so far.
#[derive(Clone)]
pub struct Serving {
    pub(crate) server: Arc<RunningServer>,
}

impl Serving {
    /// The string bindings under which the server can be reached, with their real ports.
    #[must_use]
    pub fn bindings(&self) -> &[StringBinding] {
        self.server.bindings()
    }

    /// Stops listening, as `RpcMgmtStopServerListening`: no call begins any more, except on
    /// interfaces that are [auto-listen](crate::Registration::auto_listen); callers get
    /// [`Status::ServerTooBusy`], not executed. Calls that run go on, and connections stay.
    ///
    /// # Errors
    ///
    /// [`Status::NotListening`]
    pub fn stop_listening(&self) -> Result<(), Status> {
        let is_change = self.server.set_listening(false);
        is_change.then_some(()).ok_or(Status::NotListening)
    }

    /// Listens again, as `RpcServerListen`. A server listens from its start.
    ///
    /// # Errors
    ///
    /// [`Status::AlreadyListening`]
    pub fn listen(&self) -> Result<(), Status> {
        let is_change = self.server.set_listening(true);
        is_change.then_some(()).ok_or(Status::AlreadyListening)
    }

    /// What there is to register in an endpoint map: each interface at each endpoint, but for mgmt.
    /// For the mapper of another process; see
    /// [`EndpointMapperClient::register`](crate::epmapper::EndpointMapperClient::register).
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.server.mapped_endpoints()
    }

    /// Takes the server's endpoints out of the endpoint maps in which it has registered them
    /// ([`Server::register_endpoints`](crate::Server::register_endpoints)), as `RpcEpUnregister`. They
    /// stay open.
    pub fn unregister_endpoints(&self) {
        self.server.unregister_endpoints();
    }

    /// What the server has done since it started.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.server.statistics()
    }

    /// How many connections each core of the runtime has at the moment. One that is on its way
    /// from core to core is on none.
    #[must_use]
    pub fn connections_per_core(&self) -> Vec<u64> {
        self.server.per_core(CoreCounters::connections)
    }

    /// How many connections each core of the runtime has got from the listening one so far.
    #[must_use]
    pub fn accepted_per_core(&self) -> Vec<u64> {
        self.server.per_core(|counters| counters.accepted.get())
    }

    /// How many calls each core of the runtime has received so far.
    #[must_use]
    pub fn calls_per_core(&self) -> Vec<u64> {
        self.server.per_core(|counters| counters.calls_in.get())
    }

    /// How many times a core has handed a connection over to another one
    /// ([`BalancePolicy`](crate::BalancePolicy)).
    #[must_use]
    pub fn handovers(&self) -> u64 {
        self.server
            .per_core(|counters| counters.arrived.get())
            .iter()
            .sum()
    }
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving")
            .field("bindings", &self.bindings())
            .finish_non_exhaustive()
    }
}

/// What a server has done, summed over its cores: the four numbers of `rpc_mgmt_inq_stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Calls received.
    pub calls_in: u64,
    /// Calls that the runtime of the server has made as a client.
    pub calls_out: u64,
    /// PDUs received.
    pub packets_in: u64,
    /// PDUs sent.
    pub packets_out: u64,
}
