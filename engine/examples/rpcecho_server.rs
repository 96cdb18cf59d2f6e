//! Serves rpcecho until SIGINT or SIGTERM.
//!
//!     cargo run --release --example rpcecho_server -- 'ncacn_ip_tcp:127.0.0.1[0]'
//!
//! Arguments are string bindings; without one it listens on a free loopback port.

use annulus::rpcecho::{self, EchoServer};
use annulus::{Config, Error, Runtime, Server};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, signals| {
        let mut server = Server::new().interface(rpcecho::interface(EchoServer::default()));
        for binding in support::or_default(arguments, "ncacn_ip_tcp:127.0.0.1[0]") {
            server = server.endpoint(&binding)?;
        }
        let runtime = Runtime::start(Config::default())?;
        let serving = runtime.serve(server)?;
        for binding in serving.bindings() {
            println!("listening on {binding}");
        }
        signals.wait();
        runtime.shutdown();
        Ok::<_, Error>(())
    })
}
