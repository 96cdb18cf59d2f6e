//! Whole engines over a simulated network.

use std::time::Duration;

use annulus::rpcecho::{self, EchoServer};
use annulus::transports::{SimConfig, SimNet, SimRing};
use annulus::{Config, LocalRuntime, Server};

use crate::client::Client;

/// Turns of both sides after which calls that have not ended count as hanging.
const TURNS_MAX: u32 = 100_000;

const TARGET: &str = "ncacn_ip_tcp:127.0.0.1[4711]";

/// The only time that anything takes: what is sent arrives, whole and in order, this much later.
const LATENCY: Duration = Duration::from_micros(5);

/// A client and a server, each a core of the engine on this thread, whose network is in memory.
pub struct Simulated {
    net: SimNet,
    client: Client<SimRing>,
    server: LocalRuntime<SimRing>,
}

impl Simulated {
    /// The workload `connections` × `outstanding`, each connection bound, with this much payload
    /// (in bytes) each way.
    ///
    /// # Panics
    ///
    /// The connections cannot be made.
    #[must_use]
    pub fn new(connections: usize, outstanding: u64, payload: usize) -> Self {
        let network = SimConfig {
            latency_min: LATENCY,
            latency_max: LATENCY,
            window_len: 1 << 20,
            tear: 0.0,
            reorder: 0.0,
            ..SimConfig::default()
        };
        let net = SimNet::new(1, network);
        let config = Config::default().seed(1);
        let client = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        let mut server = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        let echo = Server::new()
            .endpoint(TARGET)
            .expect("the endpoint is well formed")
            .interface(rpcecho::interface(EchoServer::default()));
        server.serve(echo).expect("the port is free");
        let client = Client::new(client, TARGET, connections, outstanding, payload);
        let mut simulated = Simulated {
            net,
            client,
            server,
        };
        simulated.call();
        simulated
    }

    /// Makes the outstanding calls of each connection, and returns when all are answered.
    ///
    /// # Panics
    ///
    /// A call fails, or none ends any more.
    pub fn call(&mut self) {
        self.client.begin_calls();
        for _ in 0..TURNS_MAX {
            let client = self.client.poll();
            let server = self.server.poll(&mut |_| {}).expect("the ring is whole");
            if self.client.is_done() {
                return;
            }
            if !(client | server) {
                assert!(self.net.advance_to_next(), "nothing will ever happen");
            }
        }
        panic!("calls have not ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_end_alone_in_numbers_and_with_large_parameters() {
        for (connections, outstanding, payload) in [(1, 1, 32), (16, 16, 32), (1, 4, 65_536)] {
            let mut simulated = Simulated::new(connections, outstanding, payload);
            simulated.call();
        }
    }
}
