//! Moves data through pipes: the client pushes, the server adds up what it pulls, and pushes as
//! much back. However much that is, the memory that it takes stays the same.
//!
//!     cargo run --release --example pipe_transfer -- [none|'ncacn_ip_tcp:HOST[PORT]' [BYTES]]
//!     cargo run --release --example pipe_transfer -- serve 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The first argument names a server, which the second form is; with `none`, the example starts
//! one itself. `transfer.idl` is the interface, and `cargo xtask generate` makes `stub.rs` of it.

use std::fs;
use std::thread;
use std::time::Instant;

use annulus::{
    AsyncHandle, Binding, CallContext, Config, Cores, Error, Event, Notify, PullPipe, PushPipe,
    Runtime, Server, ServerCall, Status,
};
use stub::{ExchangeResponse, Transfer, TransferClient};
use support::{EndSignals, Failure};

#[rustfmt::skip]
mod stub;
#[path = "../support/mod.rs"]
mod support;

/// How much goes each way where nothing else is said: little, so that the example ends soon.
const DEFAULT_LEN: u64 = 4 << 20;
/// How much is pushed and pulled at a time.
const PART_LEN: usize = 64 << 10;

fn main() -> std::process::ExitCode {
    support::run(|arguments, signals| {
        let mut arguments = arguments.into_iter();
        let first = arguments.next().unwrap_or_else(|| "none".to_owned());
        let second = arguments.next();
        if first == "serve" {
            return serve(&second.ok_or("serve where?")?, signals);
        }
        let len = second.map_or(Ok(DEFAULT_LEN), |text| text.parse())?;
        let server_runtime = start_one_core()?;
        let target = match first.as_str() {
            "none" => offer(&server_runtime, "ncacn_ip_tcp:127.0.0.1[0]")?,
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
fn offer(runtime: &Runtime, endpoint: &str) -> Result<String, Error> {
    let server = Server::new()
        .endpoint(endpoint)?
        .interface(stub::interface(Exchanger));
    Ok(runtime.serve(server)?.bindings()[0].to_string())
}

fn serve(endpoint: &str, signals: EndSignals) -> Result<(), Failure> {
    let runtime = start_one_core()?;
    println!("listening on {}", offer(&runtime, endpoint)?);
    signals.wait();
    Ok(())
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

/// Pushes so many bytes and the end; their sum. A push that is refused is tried again when the
/// event says that there is room.
fn push_all(pipe: &mut PushPipe<u8>, len: u64, event: &Event) -> Result<i64, Status> {
    let part = part();
    let mut left = len;
    let mut total = 0;
    while left > 0 {
        let next = &part[..PART_LEN.min(usize::try_from(left).unwrap_or(PART_LEN))];
        match pipe.push(next) {
            Ok(()) => {
                total += sum(next);
                left -= next.len() as u64;
            }
            Err(Status::SendIncomplete) => event.wait(),
            Err(status) => return Err(status),
        }
    }
    pipe.push(&[])?;
    Ok(total)
}

/// Pulls to the end; the sum of what came. Where nothing has come yet, the event says when
/// something has.
fn pull_all(pipe: &mut PullPipe<u8>, event: &Event) -> Result<i64, Status> {
    let mut bytes = Vec::with_capacity(PART_LEN);
    let mut total = 0;
    loop {
        bytes.clear();
        match pipe.pull(&mut bytes, PART_LEN) {
            Ok(0) => return Ok(total),
            Ok(_) => total += sum(&bytes),
            Err(Status::AsyncCallPending) => event.wait(),
            Err(status) => return Err(status),
        }
    }
}

/// The server's manager routine.
struct Exchanger;

impl Transfer for Exchanger {
    fn exchange(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<ExchangeResponse>,
        count: i64,
        mut up: PullPipe<u8>,
        mut down: PushPipe<u8>,
    ) -> Result<(), Status> {
        let event = Event::auto_reset();
        call.notify_of_pipes(Notify::Event(event.clone()), 0, false)?;
        let count = u64::try_from(count).map_err(|_| Status::InvalidArg)?;
        thread::spawn(move || {
            let exchanged = pull_all(&mut up, &event)
                .and_then(|result| push_all(&mut down, count, &event).map(|_| result));
            // The client may be gone by now, which is no concern of the server's.
            let _ = match exchanged {
                Ok(result) => call.complete(&ExchangeResponse { result }),
                Err(status) => call.abort(status),
            };
        });
        Ok(())
    }
}

/// What is sent, again and again.
fn part() -> Vec<u8> {
    (0..PART_LEN).map(|index| (index % 251) as u8).collect()
}

fn sum(bytes: &[u8]) -> i64 {
    bytes.iter().map(|byte| i64::from(*byte)).sum()
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
