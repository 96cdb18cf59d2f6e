//! Puts a workload on a peer: its server on a thread of its own, its client on this one, each with
//! a tokio runtime of one thread, pinned to a core as `loadgen` pins annulus.
//!
//! The clock is read twice a call, as a caller would; with 10 µs and more a call, that is noise.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use annulus_bench_measure::{Meter, Plan};
use anyhow::{Context, Result, ensure};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

/// Loads a server of this peer, and prints what was measured as JSON.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    plan: Plan,
}

/// One connection of a peer's client, or a way to it; clones share the connection.
pub trait Caller: Clone + 'static {
    /// Calls the server with this payload, which it sends back; the length of the answer's.
    ///
    /// # Errors
    ///
    /// Those of the peer.
    fn echo(&mut self, payload: &[u8]) -> impl Future<Output = Result<usize>>;
}

/// What `main` of each peer does: `serve` runs its server, `connect` makes a connection to it.
///
/// # Errors
///
/// A call fails or brings another payload, or one side cannot be started.
pub fn run<C, Serve, Served, Connect, Connected>(
    subject: &str,
    serve: Serve,
    connect: Connect,
) -> Result<()>
where
    C: Caller,
    Serve: FnOnce(TcpListener) -> Served + Send + 'static,
    Served: Future<Output = Result<()>>,
    Connect: Fn(SocketAddr) -> Connected,
    Connected: Future<Output = Result<C>>,
{
    let Args { plan } = Args::parse();
    let (listening, address) = mpsc::channel();
    let of_server = plan.clone();
    // It serves until the process ends.
    thread::spawn(move || -> Result<()> {
        let pinned = of_server.pin_server();
        pinned.context("the server's core is not to be had")?;
        LocalSet::new().block_on(&runtime()?, async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            listening.send(listener.local_addr()?)?;
            serve(listener).await
        })
    });
    let pinned = plan.pin_client();
    pinned.context("the client's core is not to be had")?;
    let address = address.recv().context("the server does not start")?;
    let load = load(&plan, address, connect);
    let meter = LocalSet::new().block_on(&runtime()?, load)?;
    meter.report(subject).print();
    Ok(())
}

fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.context("tokio does not start")
}

/// Keeps the calls under way until the time is over.
async fn load<C: Caller, Connected: Future<Output = Result<C>>>(
    plan: &Plan,
    address: SocketAddr,
    connect: impl Fn(SocketAddr) -> Connected,
) -> Result<Meter> {
    let mut callers = Vec::new();
    for _ in 0..plan.connections {
        callers.push(connect(address).await.context("cannot connect")?);
    }
    let payload: Rc<[u8]> = (0..plan.payload).map(|index| index as u8).collect();
    let began = Instant::now();
    let meter = Rc::new(RefCell::new(Meter::new(plan, Duration::ZERO)));
    let calls: Vec<_> = (0..plan.outstanding)
        .flat_map(|_| &callers)
        .map(|caller| {
            let (caller, payload) = (caller.clone(), Rc::clone(&payload));
            tokio::task::spawn_local(call(caller, payload, began, Rc::clone(&meter)))
        })
        .collect();
    for call in calls {
        call.await??;
    }
    let meter = Rc::into_inner(meter).context("a call is still under way")?;
    Ok(meter.into_inner())
}

/// One call after the other.
async fn call(
    mut caller: impl Caller,
    payload: Rc<[u8]>,
    began: Instant,
    meter: Rc<RefCell<Meter>>,
) -> Result<()> {
    loop {
        let sent = began.elapsed();
        let answered = caller.echo(&payload).await.context("a call failed")?;
        ensure!(answered == payload.len(), "an answer of {answered} bytes");
        let now = began.elapsed();
        let mut meter = meter.borrow_mut();
        meter.end_call(sent, now);
        if !meter.goes_on(now, || None) {
            return Ok(());
        }
    }
}
