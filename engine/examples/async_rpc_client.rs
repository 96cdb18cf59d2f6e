//! Calls the AsyncRPC sample: a message, an asynchronous call that is polled, and, with
//! `--shutdown`, the end of the server.
//!
//!     cargo run --release --example async_rpc_client -- 'ncacn_ip_tcp:127.0.0.1[8765]' [--delay MS] [--shutdown]

use std::time::Duration;

use annulus::async_rpc::{self, AsyncRpcClient};
use annulus::{AsyncHandle, Binding, Config, Cores, Notify, Runtime, Status};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let options = Options::parse(arguments)?;
        let runtime = Runtime::start(Config::default().cores(Cores::Count(1)))?;
        let client = AsyncRpcClient::new(Binding::new(
            &runtime,
            &options.target,
            async_rpc::INTERFACE,
        )?);
        client.non_async_func(b"Hello from the client")?;

        let mut handle = AsyncHandle::new(Notify::None);
        client.async_func_async(&mut handle, options.delay_ms)?;
        let mut polls = 0;
        while handle.status() == Status::AsyncCallPending {
            polls += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        handle.complete()?;
        println!(
            "AsyncFunc({} ms) completed after {polls} polls",
            options.delay_ms
        );

        if options.shutdown {
            client.shutdown()?;
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    })
}

struct Options {
    target: String,
    delay_ms: u32,
    shutdown: bool,
}

impl Options {
    fn parse(arguments: Vec<String>) -> Result<Self, String> {
        let mut options = Options {
            target: format!("ncacn_ip_tcp:127.0.0.1[{}]", async_rpc::DEFAULT_ENDPOINT),
            delay_ms: async_rpc::DEFAULT_ASYNC_DELAY,
            shutdown: false,
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--shutdown" => options.shutdown = true,
                "--delay" => {
                    let value = arguments.next().unwrap_or_default();
                    options.delay_ms = value
                        .parse()
                        .map_err(|_| format!("--delay needs milliseconds, not \"{value}\""))?;
                }
                _ => options.target = argument,
            }
        }
        Ok(options)
    }
}
