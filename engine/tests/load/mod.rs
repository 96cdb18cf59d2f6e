//! The workloads W1 to W4 on the caller's own thread: some connections, on each some calls under
//! way, of 32 bytes of payload.

use annulus::rpcecho::{self, EchoDataRequest, EchoServer};
use annulus::{BindingOptions, Config, Cores, LocalBinding, LocalRuntime, Server, Serving};

/// Name, connections, calls under way on each.
pub(crate) const WORKLOADS: [(&str, usize, u64); 4] =
    [("W1", 1, 1), ("W2", 1, 32), ("W3", 64, 1), ("W4", 64, 16)];

pub(crate) struct Load {
    pub(crate) runtime: LocalRuntime,
    #[allow(
        dead_code,
        reason = "not every test that has loads makes further bindings"
    )]
    pub(crate) target: String,
    pub(crate) bindings: Vec<LocalBinding>,
    outstanding: u64,
    pub(crate) ended: u64,
}

/// A core on this thread, wherever it runs.
pub(crate) fn core() -> LocalRuntime {
    LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1))).unwrap()
}

/// Serves rpcecho on this thread, on a free port.
pub(crate) fn serve_echo(runtime: &mut LocalRuntime) -> Serving {
    let server = Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
        .unwrap()
        .interface(rpcecho::interface(EchoServer::default()));
    runtime.serve(server).unwrap()
}

impl Load {
    /// A load whose server is on the same core.
    #[allow(dead_code, reason = "not every test that has loads has this one")]
    pub(crate) fn alone(connections: usize, outstanding: u64) -> Self {
        let mut runtime = core();
        let target = serve_echo(&mut runtime).bindings()[0].to_string();
        Load::bound(runtime, target, connections, outstanding)
    }

    /// A load on the server of `target`, with all connections bound.
    #[allow(dead_code, reason = "not every test that has loads has this one")]
    pub(crate) fn on(target: String, connections: usize, outstanding: u64) -> Self {
        Load::bound(core(), target, connections, outstanding)
    }

    fn bound(
        mut runtime: LocalRuntime,
        target: String,
        connections: usize,
        outstanding: u64,
    ) -> Self {
        let bindings: Vec<_> = (0..connections)
            .map(|_| {
                let options = BindingOptions::new().unique_binding();
                let bound = runtime.bind_with(&target, rpcecho::INTERFACE, options);
                bound.unwrap()
            })
            .collect();
        while !bindings.iter().all(|&binding| runtime.is_ready(binding)) {
            runtime.turn(&mut |_| {}).unwrap();
        }
        Load {
            runtime,
            target,
            bindings,
            outstanding,
            ended: 0,
        }
    }

    /// Makes this many rounds of calls, `outstanding` on each connection, and waits for their ends.
    pub(crate) fn rounds(&mut self, count: u64) {
        let payload = [7; 32];
        let request = EchoDataRequest {
            len: 32,
            in_data: &payload,
        };
        for _ in 0..count {
            for &binding in &self.bindings {
                for token in 0..self.outstanding {
                    self.runtime
                        .call(binding, rpcecho::ECHO_DATA, token, &request)
                        .unwrap();
                }
            }
            let all = self.ended + self.outstanding * self.bindings.len() as u64;
            while self.ended < all {
                let ended = &mut self.ended;
                self.runtime
                    .turn(&mut |reply| {
                        assert!(reply.result.is_ok());
                        *ended += 1;
                    })
                    .unwrap();
            }
        }
    }
}
