//! A server: endpoints, interfaces, and what all its cores share.

mod counters;
mod endpoint_view;
mod groups;
mod resolved;
mod running;
mod serving;

use std::sync::Arc;

use annulus_transports::{ListenOptions, NcalrpcDirectory, StringBinding};

pub(crate) use self::counters::Counter;
pub(crate) use self::endpoint_view::EndpointView;
pub(crate) use self::resolved::{BoundEndpoint, ResolvedServer};
pub(crate) use self::running::RunningServer;
pub use self::serving::{Serving, Statistics};
use crate::endpoint;
use crate::epmapper::EndpointMap;
use crate::error::Error;
use crate::registration::Registration;
use crate::worker_pool::{WorkerPool, Workers};

/// What is to be served, and where. Hand it to [`Runtime::serve`](crate::Runtime::serve).
///
/// The management interface (mgmt, C706 appendix Q) is on every endpoint by itself.
#[derive(Default)]
#[must_use]
pub struct Server {
    pub(crate) endpoints: Vec<StringBinding>,
    interfaces: Vec<Registration>,
    maps: Vec<EndpointMap>,
    listen: ListenOptions,
}

impl Server {
    /// A server without endpoints and interfaces.
    pub fn new() -> Self {
        Server::default()
    }

    /// Adds an endpoint, such as `ncacn_ip_tcp:127.0.0.1[4711]`. Without a port, or with port
    /// 0, one is chosen; [`Serving::bindings`] tells it. There may be any number of endpoints.
    ///
    /// `0.0.0.0` stands for all IPv4 addresses of this machine and `::` for all IPv6 ones: for
    /// both, add both. A host name is looked up, and each of its addresses is listened on.
    ///
    /// `ncalrpc:[name]` is reached from this machine alone, by a Unix socket in
    /// [`Config::ncalrpc_directory`](crate::Config::ncalrpc_directory). Every user may connect:
    /// who may call, [`Registration::security_callback`] can decide by the credentials of the
    /// peer. Without a name, one is chosen.
    ///
    /// # Errors
    ///
    /// The string is not a binding.
    pub fn endpoint(mut self, string_binding: &str) -> Result<Self, Error> {
        self.endpoints.push(endpoint::parse(string_binding)?);
        Ok(self)
    }

    /// Adds an interface to all endpoints: alone, or in a [`Registration`] with conditions.
    pub fn interface(mut self, interface: impl Into<Registration>) -> Self {
        self.interfaces.push(interface.into());
        self
    }

    /// Sets how the endpoints listen, and what the sockets of their connections are like.
    pub fn listen_options(mut self, options: ListenOptions) -> Self {
        self.listen = options;
        self
    }

    /// Registers all interfaces at all endpoints in an endpoint map of this process, from which an
    /// [`EndpointMapper`](crate::epmapper::EndpointMapper) tells them: until the server's runtime
    /// shuts down, or [`Serving::unregister_endpoints`].
    pub fn register_endpoints(mut self, map: &EndpointMap) -> Self {
        self.maps.push(map.clone());
        self
    }
}

impl Server {
    /// Where its calls run that block, if there are any.
    pub(crate) fn worker_pool(&self, workers: &Workers) -> Result<Option<Arc<WorkerPool>>, Error> {
        let is_blocking = self.interfaces.iter().any(Registration::has_blocking);
        is_blocking.then(|| workers.pool()).transpose()
    }

    /// Looks the addresses of the endpoints up; may block. `workers` are its own
    /// [`worker_pool`](Server::worker_pool).
    pub(crate) fn resolve(
        self,
        workers: Option<Arc<WorkerPool>>,
        local: &NcalrpcDirectory,
    ) -> Result<Arc<ResolvedServer>, Error> {
        let mut endpoints = Vec::new();
        for binding in self.endpoints {
            for address in endpoint::resolve_local(&binding, local)? {
                endpoints.push(BoundEndpoint {
                    binding: binding.clone(),
                    address,
                });
            }
        }
        if endpoints.is_empty() {
            return Err(Error::NoEndpoint);
        }
        Ok(Arc::new(ResolvedServer {
            endpoints,
            interfaces: self.interfaces.into_iter().map(Arc::new).collect(),
            workers,
            maps: self.maps,
            listen: self.listen,
        }))
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let interfaces: Vec<_> = self.interfaces.iter().map(Registration::syntax).collect();
        f.debug_struct("Server")
            .field("endpoints", &self.endpoints)
            .field("interfaces", &interfaces)
            .finish()
    }
}
