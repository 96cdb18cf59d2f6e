//! Annulus under the load that `raw` and the peers get: `EchoData` of rpcecho, client and server
//! each a core on a thread of its own, over the kernel's ring.
//!
//! It measures as they do and nothing more; `loadgen` is the tool for other questions.
#![forbid(unsafe_code)]

mod tuning;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use annulus::ndr::{Bytes, NdrParams};
use annulus::rpcecho::{self, EchoDataRequest, EchoServer};
use annulus::{LocalBinding, LocalRuntime, Server, Time};
use annulus_bench_measure::{Meter, Plan, Report, Side, SystemCalls};
use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

use crate::tuning::Tuning;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Socket {
    /// TCP over loopback
    Tcp,
    /// Unix stream sockets
    Unix,
}

/// Calls an annulus server, and measures that.
#[derive(Clone, Debug, Parser)]
#[command(name = "annulus-echo")]
struct Args {
    #[arg(long, value_enum, default_value_t = Socket::Tcp)]
    socket: Socket,

    #[command(flatten)]
    tuning: Tuning,

    #[command(flatten)]
    plan: Plan,
}

/// The same parameters as [`EchoDataRequest`], with bytes that are sent from where they lie if they
/// are many.
#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct SharedRequest {
    len: u32,
    #[ndr(size_is = "len")]
    in_data: Bytes,
}

/// From so many bytes on, a reference costs less than a copy.
const SHARED_LEN_MIN: usize = 16 << 10;

/// What comes back, read where it was received.
#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct EchoReply<'a> {
    #[ndr(conformant)]
    out_data: &'a [u8],
}

fn main() -> Result<()> {
    let args = Args::parse();
    run(&args)?.print();
    Ok(())
}

fn run(args: &Args) -> Result<Report> {
    let server_calls = Arc::new(AtomicU64::new(0));
    let (listening, target) = mpsc::channel();
    let endpoint = match args.socket {
        Socket::Tcp => "ncacn_ip_tcp:127.0.0.1[0]",
        Socket::Unix => "ncalrpc:",
    };
    let (of_server, counted) = (args.clone(), Arc::clone(&server_calls));
    // It serves until the process ends.
    thread::spawn(move || serve(&of_server, endpoint, &listening, &counted));
    let target: String = target.recv().context("the server does not start")??;
    let mut client = Client::connect(args, &target, server_calls)?;
    client.load()?;
    let subject = format!("annulus {:?} {:?}", args.socket, args.tuning.idle);
    Ok(client.meter.report(&subject.to_lowercase()))
}

/// Serves for ever, and tells where and with how many system calls.
fn serve(
    args: &Args,
    endpoint: &str,
    listening: &mpsc::Sender<Result<String>>,
    system_calls: &AtomicU64,
) {
    let started = || -> Result<_> {
        Side::Server.name_thread()?;
        let config = args.tuning.config(&args.plan, args.plan.server_core);
        let mut runtime = LocalRuntime::new(&config)?;
        let server = Server::new()
            .endpoint(endpoint)?
            .listen_options(args.tuning.listen_options())
            .interface(rpcecho::interface(EchoServer::default()));
        let serving = runtime.serve(server)?;
        Ok((serving.bindings()[0].to_string(), runtime, serving))
    };
    let (target, mut runtime, _serving) = match started() {
        Ok(started) => started,
        Err(error) => return drop(listening.send(Err(error))),
    };
    // Nobody waits for a target any more if the client is gone.
    let _ = listening.send(Ok(target));
    while runtime.turn(&mut |_| {}).is_ok() {
        // Relaxed: the number publishes nothing but itself.
        system_calls.store(runtime.enter_count(), Ordering::Relaxed);
    }
}

struct Client {
    runtime: LocalRuntime,
    /// The connection of each call that may be under way.
    places: Vec<LocalBinding>,
    /// When the call of each place was sent.
    sent: Vec<Time>,
    payload: SharedRequest,
    meter: Meter,
    server_calls: Arc<AtomicU64>,
}

impl Client {
    fn connect(args: &Args, target: &str, server_calls: Arc<AtomicU64>) -> Result<Self> {
        let plan = &args.plan;
        let mut runtime = LocalRuntime::new(&args.tuning.config(plan, plan.client_core))?;
        let mut bindings = Vec::new();
        for _ in 0..plan.connections {
            let options = args.tuning.binding_options();
            bindings.push(runtime.bind_with(target, rpcecho::INTERFACE, options)?);
        }
        while !bindings.iter().all(|&binding| runtime.is_ready(binding)) {
            runtime.turn(&mut |_| {})?;
        }
        let outstanding = plan.outstanding as usize;
        let places = bindings.repeat(outstanding);
        runtime.poll(&mut |_| {})?;
        Ok(Client {
            meter: Meter::new(plan, since_start(runtime.now())),
            sent: vec![runtime.now(); places.len()],
            places,
            payload: SharedRequest {
                len: plan.payload,
                in_data: vec![7; plan.payload as usize].into(),
            },
            runtime,
            server_calls,
        })
    }

    /// Keeps the calls under way until the time is over.
    fn load(&mut self) -> Result<()> {
        Side::Client.name_thread()?;
        let mut free: Vec<_> = (0..self.places.len()).collect();
        while self.goes_on() {
            for place in free.drain(..) {
                self.call(place)?;
            }
            self.turn(&mut free)?;
        }
        Ok(())
    }

    fn goes_on(&mut self) -> bool {
        let (runtime, server_calls) = (&self.runtime, &self.server_calls);
        self.meter.goes_on(since_start(runtime.now()), || {
            Some(SystemCalls {
                client: runtime.enter_count(),
                server: server_calls.load(Ordering::Relaxed),
            })
        })
    }

    fn call(&mut self, place: usize) -> Result<()> {
        self.sent[place] = self.runtime.now();
        let (binding, token) = (self.places[place], place as u64);
        let SharedRequest { len, in_data } = &self.payload;
        let called = if in_data.len() < SHARED_LEN_MIN {
            let request = EchoDataRequest { len: *len, in_data };
            self.runtime
                .call(binding, rpcecho::ECHO_DATA, token, &request)
        } else {
            self.runtime
                .call(binding, rpcecho::ECHO_DATA, token, &self.payload)
        };
        called.context("a call cannot be made")?;
        Ok(())
    }

    /// Waits for calls to end; their places are free.
    fn turn(&mut self, free: &mut Vec<usize>) -> Result<()> {
        let (meter, sent, len) = (&mut self.meter, &self.sent, self.payload.in_data.len());
        let mut failure = None;
        self.runtime.turn(&mut |reply| {
            #[expect(clippy::cast_possible_truncation, reason = "tokens are places")]
            let place = reply.token as usize;
            let answer = reply.result.and_then(|data| data.decode::<EchoReply<'_>>());
            match answer {
                Ok(answer) if answer.out_data.len() == len => {
                    meter.end_call(since_start(sent[place]), since_start(reply.at));
                    free.push(place);
                }
                Ok(answer) => failure = Some(format!("{} bytes", answer.out_data.len())),
                Err(status) => failure = Some(status.to_string()),
            }
        })?;
        match failure {
            None => Ok(()),
            Some(failure) => bail!("a call was answered with {failure}"),
        }
    }
}

fn since_start(time: Time) -> Duration {
    time - Time::ZERO
}
