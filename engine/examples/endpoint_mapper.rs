//! An endpoint mapper, and an rpcecho server that registers with it, until SIGINT or SIGTERM.
//!
//!     cargo run --release --example endpoint_mapper -- 'ncacn_ip_tcp:127.0.0.1[135]'
//!
//! Arguments are the string bindings of the mapper; without one it listens on a free loopback port.
//! rpcecho is on a port of its own that nobody needs to know.

use annulus::epmapper::{self, EndpointMap, EndpointMapper};
use annulus::rpcecho::{self, EchoServer};
use annulus::{Config, Error, Registration, Runtime, Server};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, signals| {
        let map = EndpointMap::default();
        let mut mapper = Server::new()
            .interface(
                Registration::new(epmapper::interface(EndpointMapper::new(map.clone())))
                    .annotation("endpoint mapper"),
            )
            .register_endpoints(&map);
        let mut echo = Server::new()
            .interface(
                Registration::new(rpcecho::interface(EchoServer::default())).annotation("rpcecho"),
            )
            .register_endpoints(&map);
        for binding in support::or_default(arguments, "ncacn_ip_tcp:127.0.0.1[0]") {
            mapper = mapper.endpoint(&binding)?;
            echo = echo.endpoint(&on_a_free_port(&binding))?;
        }
        let runtime = Runtime::start(Config::default())?;
        let mapper = runtime.serve(mapper)?;
        runtime.serve(echo)?;
        for binding in mapper.bindings() {
            println!("listening on {binding}");
        }
        for endpoint in map.endpoints() {
            println!("{}: {}", endpoint.annotation, endpoint.tower);
        }
        signals.wait();
        runtime.shutdown();
        Ok::<_, Error>(())
    })
}

/// The string binding without its endpoint.
fn on_a_free_port(binding: &str) -> String {
    binding.split('[').next().unwrap_or_default().to_owned()
}
