//! Once warm, a call allocates nothing, on either side: client and server share one thread and
//! the real ring, so the count is of both.

use annulus::rpcecho::RpcEchoClient;
use annulus::rpcecho::{self, EchoDataRequest, EchoServer};
use annulus::{
    AsyncHandle, Binding, BindingOptions, Config, Cores, LocalBinding, LocalRuntime, Notify,
    Server, Status,
};

struct Load {
    runtime: LocalRuntime,
    target: String,
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
            .map(|_| {
                let options = BindingOptions::new().unique_binding();
                let bound = runtime.bind_with(&target, rpcecho::INTERFACE, options);
                bound.unwrap()
            })
            .collect();
        let mut load = Load {
            runtime,
            target,
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

#[test]
fn calls_with_a_handle_allocate_nothing_once_warm() {
    let mut load = Load::new(1, 1);
    let binding = Binding::new(&load.runtime, &load.target, rpcecho::INTERFACE).unwrap();
    let echo = RpcEchoClient::new(binding);
    let mut handle = AsyncHandle::new(Notify::None);
    let mut rounds = |count: u32| {
        for number in 0..count {
            echo.add_one_async(&mut handle, number).unwrap();
            while handle.status() == Status::AsyncCallPending {
                load.runtime.poll(&mut |_| {}).unwrap();
            }
            assert_eq!(handle.complete().unwrap().out_data, number + 1);
        }
    };
    rounds(100);
    assert_eq!(allocation_counter::measure(|| rounds(1000)).count_total, 0);
}
