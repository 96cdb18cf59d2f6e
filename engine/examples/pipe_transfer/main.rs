//! Moves data through pipes: the client pushes, the server adds up what it pulls, and pushes as
//! much back. However much that is, the memory that it takes stays the same.
//!
//!     cargo run --release --example pipe_transfer -- [none|'ncacn_ip_tcp:HOST[PORT]' [BYTES]]
//!
//! The first argument names a server such as `async_rpc_server`; with `none`, the example starts one
//! itself. `transfer.idl` is the interface, `exchanger.rs` what a server does for it, and `cargo
//! xtask generate` makes `stub.rs` of it.

use std::fs;
use std::time::Instant;

use annulus::{AsyncHandle, Binding, Config, Cores, Error, Event, Notify, Runtime, Server, Status};
use exchanger::{Exchanger, pull_all, push_all, stub};
use stub::TransferClient;
use support::Failure;

mod exchanger;
#[path = "../support/mod.rs"]
mod support;

/// How much goes each way where nothing else is said: little, so that the example ends soon.
const DEFAULT_LEN: u64 = 4 << 20;

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let mut arguments = arguments.into_iter();
        let first = arguments.next().unwrap_or_else(|| "none".to_owned());
        let len = arguments
            .next()
            .map_or(Ok(DEFAULT_LEN), |text| text.parse())?;
        let server_runtime = start_one_core()?;
        let target = match first.as_str() {
            "none" => offer(&server_runtime)?,
            _ => first,
        };
        let runtime = start_one_core()?;
        let client = TransferClient::new(Binding::new(&runtime, &target, stub::INTERFACE)?);
        exchange(&client, len)?;
        println!(
            "pipes: {len} bytes each way, {} KiB of memory at most",
            peak_memory_kib()?
        );
        Ok::<_, Failure>(())
    })
}

fn start_one_core() -> Result<Runtime, Error> {
    Runtime::start(Config::default().cores(Cores::Unpinned(1)))
}

/// Offers the interface; where.
fn offer(runtime: &Runtime) -> Result<String, Error> {
    let server = Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")?
        .interface(stub::interface(Exchanger));
    Ok(runtime.serve(server)?.bindings()[0].to_string())
}

/// The client: makes the call, pushes, pulls, and completes.
fn exchange(client: &TransferClient, len: u64) -> Result<(), Failure> {
    let event = Event::auto_reset();
    let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
    let mut pipes = client.exchange_async(&mut handle, i64::try_from(len)?)?;

    let start = Instant::now();
    let pushed = push_all(&mut pipes.up, len, &event)?;
    report("up", len, start);

    let start = Instant::now();
    let pulled = pull_all(&mut pipes.down, &event)?;
    report("down", len, start);

    let answer = loop {
        match handle.complete() {
            Err(Status::AsyncCallPending) => event.wait(),
            result => break result?,
        }
    };
    if (answer.result, pulled) != (pushed, pushed) {
        return Err("what came out is not what went in".into());
    }
    Ok(())
}

fn report(way: &str, len: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let gib = len as f64 / f64::from(1 << 30);
    println!("{way}: {:.2} GiB/s", gib / seconds);
}

/// The most memory that this process has had.
fn peak_memory_kib() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|text| text.trim().strip_suffix(" kB"));
    Ok(peak
        .ok_or("/proc/self/status says nothing of VmHWM")?
        .trim()
        .parse()?)
}
