//! The server that is measured when no target is given.

use annulus::rpcecho::{self, EchoServer};
use annulus::{Config, Cores, IdlePolicy, Limits, Runtime, Server};
use anyhow::Context;

use crate::transfer::{exchanger::Exchanger, stub};

/// A server of this process, with rpcecho and the interface of transfers through pipes.
pub(crate) struct EmbeddedServer {
    /// Kept for its threads.
    _runtime: Runtime,
    binding: String,
}

impl EmbeddedServer {
    /// Starts it at an endpoint, such as `ncacn_ip_tcp:127.0.0.1[0]` or `ncalrpc:`.
    pub(crate) fn start(
        endpoint: &str,
        cores: Vec<usize>,
        idle: IdlePolicy,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let config = Config::default()
            .cores(Cores::List(cores))
            .idle(idle)
            .limits(limits);
        let runtime = Runtime::start(config).context("the embedded server cannot start")?;
        let server = Server::new()
            .endpoint(endpoint)?
            .interface(rpcecho::interface(EchoServer::default()))
            .interface(stub::interface(Exchanger));
        let serving = runtime
            .serve(server)
            .context("the embedded server cannot listen")?;
        let binding = serving.bindings()[0].to_string();
        Ok(EmbeddedServer {
            _runtime: runtime,
            binding,
        })
    }

    pub(crate) fn binding(&self) -> &str {
        &self.binding
    }
}
