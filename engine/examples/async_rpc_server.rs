//! Serves the AsyncRPC sample of Microsoft's documentation, and the interface that `pipe_transfer`
//! calls, until a client calls Shutdown or a signal comes.
//!
//!     cargo run --release --example async_rpc_server -- 'ncacn_ip_tcp:127.0.0.1[8765]'

use std::sync::mpsc;
use std::thread;

use annulus::async_rpc::{self, SampleEvent, SampleServer};
use annulus::{Config, Cores, Error, Runtime, Server};

#[path = "pipe_transfer/exchanger.rs"]
mod exchanger;
mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, signals| {
        let (events, asked) = mpsc::channel();
        let signalled = events.clone();
        let sample = SampleServer::new(events);
        let default = format!("ncacn_ip_tcp:127.0.0.1[{}]", async_rpc::DEFAULT_ENDPOINT);
        let mut server = Server::new()
            .interface(async_rpc::interface(sample))
            .interface(exchanger::stub::interface(exchanger::Exchanger));
        for binding in support::or_default(arguments, &default) {
            server = server.endpoint(&binding)?;
        }
        let runtime = Runtime::start(Config::default().cores(Cores::Count(1)))?;
        for binding in runtime.serve(server)?.bindings() {
            println!("listening on {binding}");
        }
        thread::spawn(move || {
            signals.wait();
            // Whoever listens may have ended already.
            let _ = signalled.send(SampleEvent::Shutdown);
        });
        for event in asked {
            println!("{event:?}");
            if event == SampleEvent::Shutdown {
                break;
            }
        }
        runtime.shutdown();
        Ok::<_, Error>(())
    })
}
