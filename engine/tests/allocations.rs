//! Once warm, a call allocates nothing, on either side: client and server share one thread and
//! the real ring, so the count is of both.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use annulus::rpcecho::RpcEchoClient;
use annulus::rpcecho::{self, EchoDataRequest, EchoServer};
use annulus::{
    AsyncHandle, Binding, BindingOptions, CompletionPort, Config, Cores, Event, LocalBinding,
    LocalRuntime, Message, Notification, Notify, Server, Status, WaitResult, sleep_ex,
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
fn calls_with_a_handle_allocate_nothing_once_warm_however_they_notify() {
    let mut load = Load::new(1, 1);
    let binding = Binding::new(&load.runtime, &load.target, rpcecho::INTERFACE).unwrap();
    let echo = RpcEchoClient::new(binding);
    let port = CompletionPort::new(1);
    let (queue, messages) = mpsc::sync_channel::<Message>(4);
    let told = Arc::new(AtomicU32::new(0));
    let routine = || {
        let told = Arc::clone(&told);
        move |_: Notification| {
            told.fetch_add(1, Ordering::Relaxed);
        }
    };
    let event = Event::auto_reset();
    let kinds = [
        Notify::None,
        Notify::Event(event.clone()),
        Notify::apc(routine()),
        Notify::CompletionPort {
            port: port.clone(),
            bytes: 0,
            key: 0,
            overlapped: 0,
        },
        Notify::Window {
            queue: Arc::new(queue),
            message: 0,
        },
        Notify::callback(routine()),
    ];
    for notify in kinds {
        let name = format!("{notify:?}");
        let mut handle = AsyncHandle::new(notify.clone());
        let mut rounds = |count: u32| {
            for number in 0..count {
                let before = told.load(Ordering::Relaxed);
                echo.add_one_async(&mut handle, number).unwrap();
                while handle.status() == Status::AsyncCallPending {
                    load.runtime.poll(&mut |_| {}).unwrap();
                }
                let is_told = match &notify {
                    Notify::None => true,
                    Notify::Event(event) => event.wait_timeout(Duration::ZERO),
                    Notify::CompletionPort { port, .. } => port.try_get().is_ok(),
                    Notify::Window { .. } => messages.try_recv().is_ok(),
                    Notify::Apc { .. } => {
                        sleep_ex(Duration::ZERO, true) == WaitResult::ApcsDelivered
                            && told.load(Ordering::Relaxed) == before + 1
                    }
                    _ => told.load(Ordering::Relaxed) == before + 1,
                };
                assert!(is_told, "{name} tells once");
                assert_eq!(handle.complete().unwrap().out_data, number + 1);
            }
        };
        rounds(100);
        let count = allocation_counter::measure(|| rounds(1000)).count_total;
        assert_eq!(count, 0, "{name}: {count} allocations in 1000 calls");
    }
}

#[test]
fn calls_with_a_time_limit_allocate_nothing_once_warm() {
    let mut load = Load::new(1, 1);
    let options = BindingOptions::new()
        .call_timeout(Duration::from_secs(60))
        .call_deadline(Duration::from_secs(90));
    let bound = load
        .runtime
        .bind_with(&load.target, rpcecho::INTERFACE, options);
    load.bindings = vec![bound.unwrap()];
    load.rounds(3000);
    let count = allocation_counter::measure(|| load.rounds(1000)).count_total;
    assert_eq!(count, 0);
}
