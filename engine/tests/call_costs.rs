//! What a call costs beside its instructions: system calls of each side, and wake-ups of other
//! threads. Client and server are cores on two threads.

mod load;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use annulus::rpcecho::{self, EchoServer};
use annulus::{Config, Cores, Runtime, Server};
use load::{Load, WORKLOADS};

/// Rounds of calls before anything is counted, and while it is.
const WARM_UP: u64 = 50;
const COUNTED: u64 = 100;

/// A core of a server, on a thread of its own until the process ends; it tells how often it enters
/// the kernel.
struct EchoCore {
    target: String,
    enters: Arc<AtomicU64>,
}

impl EchoCore {
    fn start() -> Self {
        let enters = Arc::<AtomicU64>::default();
        let (listening, target) = mpsc::channel();
        let told = Arc::clone(&enters);
        thread::spawn(move || {
            let mut runtime = load::core();
            let serving = load::serve_echo(&mut runtime);
            listening.send(serving.bindings()[0].to_string()).unwrap();
            while runtime.turn(&mut |_| {}).is_ok() {
                told.store(runtime.enter_count(), Ordering::Relaxed);
            }
        });
        EchoCore {
            target: target.recv().unwrap(),
            enters,
        }
    }

    fn enters(&self) -> u64 {
        self.enters.load(Ordering::Relaxed)
    }
}

/// A spinning ring with deferred task work enters the kernel once to send and once to receive.
/// Calls that are under way at the same time share that.
#[test]
fn sides_make_at_most_two_system_calls_a_call_and_share_them() {
    let server = EchoCore::start();
    for (workload, connections, outstanding) in WORKLOADS {
        let mut load = Load::on(server.target.clone(), connections, outstanding);
        if load.runtime.ring_name() != "io_uring" {
            eprintln!("only io_uring batches system calls, and it is not to be had here");
            return;
        }
        load.rounds(WARM_UP);
        let (before, client, serving) = (load.ended, load.runtime.enter_count(), server.enters());
        load.rounds(COUNTED);
        let calls = (load.ended - before) as f64;
        let client = (load.runtime.enter_count() - client) as f64 / calls;
        let serving = (server.enters() - serving) as f64 / calls;
        // The counts of the server are those of its last turn: one more or less.
        let most = match workload {
            "W4" => 0.1,
            _ => 2.0 + 2.0 / calls,
        };
        assert!(client <= most, "{workload}: {client} a call of the client");
        assert!(
            serving <= most,
            "{workload}: {serving} a call of the server"
        );
    }
}

/// Neither does the client's core wake another one, nor the server's.
#[test]
fn calls_of_a_core_s_own_thread_wake_no_other_thread() {
    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let echo = rpcecho::interface(EchoServer::default());
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let serving = runtime.serve(server.interface(echo)).unwrap();
    for (workload, connections, outstanding) in WORKLOADS {
        let target = serving.bindings()[0].to_string();
        let mut load = Load::on(target, connections, outstanding);
        load.rounds(WARM_UP);
        let before = runtime.wake_count();
        load.rounds(COUNTED);
        assert_eq!(runtime.wake_count() - before, 0, "{workload}");
    }
}
