//! Makes a long call, shows how it goes on, and cancels it: first by asking the server, then, if
//! that does not answer in time, without it.
//!
//!     cargo run --release --example async_cancel -- 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The argument names a server such as `async_rpc_server`; without one it starts one itself. The
//! server's manager routine looks for a cancel with `test_cancel` while it works.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use annulus::async_rpc::DEFAULT_ASYNC_DELAY;
use annulus::{AsyncHandle, CancelKind, Event, Notify, Status};
use support::{Failure, Sample};

mod support;

/// When the user loses patience.
const CANCEL_AFTER: Duration = Duration::from_secs(1);
/// How long the server may take to answer the cancel.
const SERVER_PATIENCE: Duration = Duration::from_secs(5);

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let sample = Sample::find(arguments)?;
        let event = Event::manual_reset();
        let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
        sample
            .client
            .async_func_async(&mut handle, DEFAULT_ASYNC_DELAY)?;
        show_progress(&event, CANCEL_AFTER)?;

        let asked = Instant::now();
        handle.cancel(CancelKind::NonAbortive)?;
        let by = if event.wait_timeout(SERVER_PATIENCE) {
            "the server, which was asked to"
        } else {
            handle.cancel(CancelKind::Abortive)?;
            event.wait();
            "this client alone"
        };
        match handle.complete() {
            Err(status @ Status::CallCancelled) => {
                println!(
                    "cancel: AsyncFunc ended by {by}, after {} ms: {status}",
                    asked.elapsed().as_millis()
                );
                Ok(())
            }
            Ok(()) => Err("AsyncFunc completed in spite of the cancel".into()),
            Err(status) => Err(Failure::from(status)),
        }
    })
}

/// Shows a line of dots for so long, or until the call completes.
fn show_progress(event: &Event, duration: Duration) -> io::Result<()> {
    let start = Instant::now();
    print!("working ");
    while start.elapsed() < duration && !event.wait_timeout(Duration::from_millis(100)) {
        print!(".");
        io::stdout().flush()?;
    }
    println!(" enough");
    Ok(())
}
