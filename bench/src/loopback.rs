//! Whole engines over the kernel's ring and loopback TCP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use annulus::rpcecho::{self, EchoServer};
use annulus::transports::KernelRing;
use annulus::{Config, Cores, IdlePolicy, LocalRuntime, Server};

use crate::client::Client;

/// A server on the first core, on a thread of its own, until it is dropped.
pub struct Loopback {
    target: String,
    idle: IdlePolicy,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A client of it, on the last core, which is this thread's from now on.
pub struct LoopbackClient(Client<KernelRing>);

impl Loopback {
    /// Starts the server; clients are as idle as it is.
    ///
    /// # Panics
    ///
    /// The core or a port is not to be had.
    #[must_use]
    pub fn serve(idle: IdlePolicy) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let (listening, target) = mpsc::channel();
        let thread = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || {
                let mut runtime = core(0, idle);
                let echo = rpcecho::interface(EchoServer::default());
                let server = Server::new()
                    .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
                    .expect("the endpoint is well formed")
                    .interface(echo);
                let serving = runtime.serve(server).expect("there is a free port");
                let target = serving.bindings()[0].to_string();
                listening.send(target).expect("who started it waits");
                while !is_over.load(Ordering::Relaxed) {
                    runtime.turn(&mut |_| {}).expect("the ring is whole");
                }
            }
        });
        Loopback {
            target: target.recv().expect("the server starts"),
            idle,
            is_over,
            thread: Some(thread),
        }
    }

    /// A client with all its connections bound.
    ///
    /// # Panics
    ///
    /// The core is not to be had, or the connections cannot be made.
    #[must_use]
    pub fn client(&self, connections: usize, outstanding: u64, payload: usize) -> LoopbackClient {
        let last = thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
        let runtime = core(last, self.idle);
        let client = Client::new(runtime, &self.target, connections, outstanding, payload);
        let mut client = LoopbackClient(client);
        client.call();
        client
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        let client = self.client(1, 1, 0);
        self.is_over.store(true, Ordering::Relaxed);
        // The end of its connection makes the server look, should it sleep.
        drop(client);
        if let Some(thread) = self.thread.take() {
            // If it panicked, the client's calls have failed before.
            let _ = thread.join();
        }
    }
}

impl LoopbackClient {
    /// Makes the outstanding calls of each connection, and returns when all are answered.
    ///
    /// # Panics
    ///
    /// A call fails.
    pub fn call(&mut self) {
        self.0.begin_calls();
        while !self.0.is_done() {
            self.0.turn();
        }
    }
}

fn core(index: usize, idle: IdlePolicy) -> LocalRuntime {
    let config = Config::default().cores(Cores::List(vec![index])).idle(idle);
    LocalRuntime::new(&config).expect("the core is to be had")
}
