//! Whole engines over the kernel's ring, both on this thread.

use std::time::{Duration, Instant};

use annulus::rpcecho::{self, EchoServer};
use annulus::transports::KernelRing;
use annulus::{Config, Cores, LocalRuntime, Server};

use crate::client::Client;

/// After so long, calls that have not ended count as hanging.
const TIME_MAX: Duration = Duration::from_secs(60);

/// So many turns of both sides are taken between two looks at the clock.
const LOOK_TURNS: u32 = 1024;

/// A client and a server, each a core of the engine on this thread, over loopback TCP.
///
/// How many turns they take hangs on when the kernel delivers, so no two runs do the same work.
pub struct OverKernel {
    client: Client<KernelRing>,
    server: LocalRuntime,
}

impl OverKernel {
    /// The workload `connections` × `outstanding`, each connection bound, with this much payload
    /// (in bytes) each way.
    ///
    /// # Panics
    ///
    /// There is no ring or no port, or the connections cannot be made.
    #[must_use]
    pub fn new(connections: usize, outstanding: u64, payload: usize) -> Self {
        let config = Config::default().cores(Cores::Unpinned(1));
        let core = || LocalRuntime::new(&config).expect("the kernel has a ring");
        let mut server = core();
        let echo = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .expect("the endpoint is well formed")
            .interface(rpcecho::interface(EchoServer::default()));
        let serving = server.serve(echo).expect("there is a free port");
        let target = serving.bindings()[0].to_string();
        let client = Client::new(core(), &target, connections, outstanding, payload);
        let mut pair = OverKernel { client, server };
        pair.call();
        pair
    }

    /// The kind of ring that this machine allows, which is that of both sides: `io_uring` or
    /// `epoll`.
    #[must_use]
    pub fn ring_name(&self) -> &'static str {
        self.server.ring_name()
    }

    /// Makes the outstanding calls of each connection, and returns when all are answered.
    ///
    /// # Panics
    ///
    /// A call fails, or none ends any more.
    pub fn call(&mut self) {
        self.client.begin_calls();
        let begun = Instant::now();
        while begun.elapsed() < TIME_MAX {
            for _ in 0..LOOK_TURNS {
                self.client.poll();
                self.server.poll(&mut |_| {}).expect("the ring is whole");
                if self.client.is_done() {
                    return;
                }
            }
        }
        panic!(
            "calls over {} have not ended after {TIME_MAX:?}",
            self.ring_name()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_end_alone_and_in_numbers() {
        for (connections, outstanding) in [(1, 1), (16, 16)] {
            OverKernel::new(connections, outstanding, 32).call();
        }
    }
}
