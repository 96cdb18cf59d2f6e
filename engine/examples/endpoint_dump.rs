//! Lists what an endpoint mapper knows, one line an endpoint.
//!
//!     cargo run --release --example endpoint_dump -- 'ncacn_ip_tcp:HOST'
//!
//! Without an endpoint in the string binding, the mapper is at the well-known one: port 135.

use annulus::epmapper::{Endpoint, EndpointMapperClient, Inquiry};
use annulus::{Config, Cores, Runtime};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let [mapper] = &arguments[..] else {
            return Err("usage: endpoint_dump ncacn_ip_tcp:HOST[PORT]".into());
        };
        let runtime = Runtime::start(Config::default().cores(Cores::Count(1)))?;
        let client = EndpointMapperClient::new(&runtime, mapper)?;
        let endpoints = client.endpoints_blocking(Inquiry::ALL)?;
        for endpoint in &endpoints {
            println!("{}", line(endpoint));
        }
        println!("{} endpoints", endpoints.len());
        Ok::<_, support::Failure>(())
    })
}

fn line(endpoint: &Endpoint) -> String {
    let Endpoint {
        object,
        tower,
        annotation,
    } = endpoint;
    let interface = tower
        .interface()
        .map_or_else(|| "no interface".to_owned(), |syntax| syntax.to_string());
    let object = match object.is_nil() {
        true => String::new(),
        false => format!(" object {object}"),
    };
    format!("{interface}{object} at {tower}: {annotation}")
}
