//! Calls that nobody waits for: the server answers none of its own accord, and the client cancels
//! each as soon as it has been sent, every second one abortively, the others by asking the server.
//!
//! For profiles of what a cancel costs; nothing else can be loaded so, so it is no comparison. A
//! call's latency ends where the client is told of its end.
#![forbid(unsafe_code)]

mod tuning;

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use annulus::rpcecho::EchoDataRequest;
use annulus::{
    AsyncHandle, Binding, CancelKind, Dispatch, Interface, LocalRuntime, Notify, Server, Status,
    SyntaxId, Time, Uuid,
};
use annulus_bench_measure::{Meter, Plan, Report, Side};
use anyhow::{Context, Result, ensure};
use clap::Parser;

use tuning::Tuning;

/// Calls an annulus server, cancels all calls, and measures that.
#[derive(Clone, Debug, Parser)]
#[command(name = "annulus-cancel-storm")]
struct Args {
    #[command(flatten)]
    tuning: Tuning,

    #[command(flatten)]
    plan: Plan,
}

/// An interface whose one operation ends only when its client gives it up.
struct Stubborn;

impl Stubborn {
    const SYNTAX: SyntaxId = SyntaxId::new(Uuid::from_u128(0x5c0e_0001), 1, 0);
    const WAIT: u16 = 0;
}

impl Interface for Stubborn {
    fn syntax(&self) -> SyntaxId {
        Stubborn::SYNTAX
    }

    fn operation_count(&self) -> u16 {
        1
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let _: EchoDataRequest<'_> = call.decode()?;
        call.spawn(|context| async move {
            context.cancelled().await;
            Err::<(), _>(Status::CallCancelled)
        })
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    run(&args)?.print();
    Ok(())
}

fn run(args: &Args) -> Result<Report> {
    let (listening, target) = mpsc::channel();
    let of_server = args.clone();
    // It serves until the process ends.
    thread::spawn(move || serve(&of_server, &listening));
    let target: String = target.recv().context("the server does not start")??;
    let mut client = Client::connect(args, &target)?;
    client.load()?;
    Ok(client.meter.report("annulus cancel storm"))
}

fn serve(args: &Args, listening: &mpsc::Sender<Result<String>>) {
    let started = || -> Result<_> {
        Side::Server.name_thread()?;
        let config = args.tuning.config(&args.plan, args.plan.server_core);
        let mut runtime = LocalRuntime::new(&config)?;
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")?
            .listen_options(args.tuning.listen_options())
            .interface(Stubborn);
        let serving = runtime.serve(server)?;
        Ok((serving.bindings()[0].to_string(), runtime, serving))
    };
    let (target, mut runtime, _serving) = match started() {
        Ok(started) => started,
        Err(error) => return drop(listening.send(Err(error))),
    };
    // Nobody waits for a target any more if the client is gone.
    let _ = listening.send(Ok(target));
    while runtime.turn(&mut |_| {}).is_ok() {}
}

/// Room for one call after the other.
struct Place {
    binding: Binding,
    handle: AsyncHandle<()>,
    sent: Time,
    cancel: CancelKind,
}

struct Client {
    runtime: LocalRuntime,
    places: Vec<Place>,
    /// The places whose calls have ended.
    ended: Arc<Mutex<Vec<usize>>>,
    payload: Vec<u8>,
    meter: Meter,
}

impl Client {
    fn connect(args: &Args, target: &str) -> Result<Self> {
        let Args { tuning, plan } = args;
        let runtime = LocalRuntime::new(&tuning.config(plan, plan.client_core))?;
        let ended = Arc::<Mutex<Vec<usize>>>::default();
        let mut places = Vec::new();
        for _ in 0..plan.connections {
            let options = tuning.binding_options().non_causal();
            let binding = Binding::with_options(&runtime, target, Stubborn::SYNTAX, options)?;
            for _ in 0..plan.outstanding {
                places.push(Place::new(places.len(), &binding, &ended));
            }
        }
        Ok(Client {
            meter: Meter::new(plan, since_start(runtime.now())),
            places,
            ended,
            payload: vec![7; plan.payload as usize],
            runtime,
        })
    }

    /// Begins and cancels calls until the time is over.
    fn load(&mut self) -> Result<()> {
        Side::Client.name_thread()?;
        let mut free: Vec<_> = (0..self.places.len()).collect();
        while self.meter.goes_on(since_start(self.runtime.now()), || None) {
            for &place in &free {
                self.call(place)?;
            }
            // What was not sent would be taken back without a word to the server.
            self.runtime.poll(&mut |_| {})?;
            for place in free.drain(..) {
                let Place { handle, cancel, .. } = &self.places[place];
                handle
                    .cancel(*cancel)
                    .context("a call cannot be cancelled")?;
            }
            self.runtime.turn(&mut |_| {})?;
            self.take_ended(&mut free)?;
        }
        Ok(())
    }

    fn call(&mut self, place: usize) -> Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "it came from a u32")]
        let request = EchoDataRequest {
            len: self.payload.len() as u32,
            in_data: &self.payload,
        };
        let place = &mut self.places[place];
        place.sent = self.runtime.now();
        place
            .binding
            .call_async(&mut place.handle, Stubborn::WAIT, &request)
            .context("a call cannot be made")
    }

    /// Completes the calls that have ended; their places are free.
    fn take_ended(&mut self, free: &mut Vec<usize>) -> Result<()> {
        let now = since_start(self.runtime.now());
        let mut ended = self.ended.lock().expect("no routine panics");
        for place in ended.drain(..) {
            let Place { handle, sent, .. } = &mut self.places[place];
            let result = handle.complete();
            // The server may still hold so many cancelled calls that it takes no further one.
            ensure!(
                matches!(result, Err(Status::CallCancelled | Status::ServerTooBusy)),
                "a cancelled call ended with {result:?}"
            );
            self.meter.end_call(since_start(*sent), now);
            free.push(place);
        }
        Ok(())
    }
}

impl Place {
    fn new(index: usize, binding: &Binding, ended: &Arc<Mutex<Vec<usize>>>) -> Self {
        let ended = Arc::clone(ended);
        let routine = move |_| ended.lock().expect("no routine panics").push(index);
        Place {
            binding: binding.clone(),
            handle: AsyncHandle::new(Notify::Callback(Arc::new(routine))),
            sent: Time::ZERO,
            cancel: match index % 2 {
                0 => CancelKind::Abortive,
                _ => CancelKind::NonAbortive,
            },
        }
    }
}

fn since_start(time: Time) -> Duration {
    time - Time::ZERO
}
