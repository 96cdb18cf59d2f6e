//! What the examples share: logs, arguments, signals, errors that people can read, and a server to
//! call.
#![allow(dead_code, reason = "each example uses its own part")]

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::mpsc;

use annulus::async_rpc::{self, AsyncRpcClient, SampleServer};
use annulus::{Binding, Config, Cores, Error, Runtime, Server};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Waits for the signals that end a server.
pub(crate) struct EndSignals(Signals);

impl EndSignals {
    /// Returns at the first SIGINT or SIGTERM.
    pub(crate) fn wait(mut self) {
        self.0.forever().next();
    }
}

/// Runs an example: prints its error, if it has one, and turns it into the exit status.
pub(crate) fn run<E: Display>(
    example: impl FnOnce(Vec<String>, EndSignals) -> Result<(), E>,
) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => EndSignals(signals),
        Err(error) => {
            eprintln!("error: cannot watch for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    match example(std::env::args().skip(1).collect(), signals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments, or one that stands for none.
pub(crate) fn or_default(arguments: Vec<String>, default: &str) -> Vec<String> {
    if arguments.is_empty() {
        vec![default.to_owned()]
    } else {
        arguments
    }
}

/// What an example that calls a server fails with.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The AsyncRPC server that an example calls.
pub(crate) struct Sample {
    pub(crate) client: AsyncRpcClient,
    /// What runs the client and, if it is one of this program's own, the server.
    _runtimes: Vec<Runtime>,
}

impl Sample {
    /// For how long the examples have AsyncFunc work, in milliseconds.
    pub(crate) const DELAY_MS: u32 = 500;

    /// The server that the first argument names; without one, a server of this program's own on
    /// a free port of the loopback interface.
    pub(crate) fn find(arguments: Vec<String>) -> Result<Self, Error> {
        let mut runtimes = vec![start_one_core()?];
        let target = match arguments.into_iter().next() {
            Some(target) => target,
            None => {
                let runtime = start_one_core()?;
                let target = serve_sample(&runtime)?;
                runtimes.push(runtime);
                target
            }
        };
        println!("calling {target}");
        let binding = Binding::new(&runtimes[0], &target, async_rpc::INTERFACE)?;
        Ok(Sample {
            client: AsyncRpcClient::new(binding),
            _runtimes: runtimes,
        })
    }
}

fn start_one_core() -> Result<Runtime, Error> {
    Runtime::start(Config::default().cores(Cores::Unpinned(1)))
}

/// Serves AsyncRPC and says where.
fn serve_sample(runtime: &Runtime) -> Result<String, Error> {
    // Nobody wants to hear what the server is asked.
    let (events, _) = mpsc::channel();
    let server = Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")?
        .interface(async_rpc::interface(SampleServer::new(events)));
    let serving = runtime.serve(server)?;
    Ok(serving.bindings()[0].to_string())
}
