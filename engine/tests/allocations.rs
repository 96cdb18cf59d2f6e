//! Once warm, a call allocates nothing, on either side: client and server share one thread and
//! the real ring, so the count is of both.

use annulus::rpcecho::{self, EchoDataRequest, EchoServer};
use annulus::{Config, Cores, LocalBinding, LocalRuntime, Server};

struct Load {
    runtime: LocalRuntime,
    bindings: Vec<LocalBinding>,
    outstanding: u64,
    ended: u64,
}

impl Load {
    fn new(connections: usize, outstanding: u64) -> Self {
        let mut runtime = LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1))).unwrap();
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(rpcecho::interface(EchoServer::default()));
        let target = runtime.serve(server).unwrap().bindings()[0].to_string();
        let bindings: Vec<_> = (0..connections)
            .map(|_| runtime.bind(&target, rpcecho::INTERFACE).unwrap())
            .collect();
        let mut load = Load {
            runtime,
            bindings,
            outstanding,
            ended: 0,
        };
        while !load
            .bindings
            .iter()
            .all(|&binding| load.runtime.is_ready(binding))
        {
            load.runtime.turn(&mut |_| {}).unwrap();
        }
        load
    }

    /// Makes this many rounds of calls, `outstanding` on each connection, and waits for their ends.
    fn rounds(&mut self, count: u64) {
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

#[test]
fn calls_allocate_nothing_once_warm() {
    for (workload, connections, outstanding) in
        [("W1", 1, 1), ("W2", 1, 32), ("W3", 64, 1), ("W4", 64, 16)]
    {
        let mut load = Load::new(connections, outstanding);
        load.rounds(50);
        let before = load.ended;
        let count = allocation_counter::measure(|| load.rounds(100)).count_total;
        let calls = load.ended - before;
        assert_eq!(count, 0, "{workload}: {count} allocations in {calls} calls");
    }
}
