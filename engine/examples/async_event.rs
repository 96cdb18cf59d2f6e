//! Makes an asynchronous call whose completion sets an event, and works on in between.
//!
//!     cargo run --release --example async_event -- 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The argument names a server such as `async_rpc_server`; without one it starts one itself.

use std::time::Duration;

use annulus::{AsyncHandle, Event, Notify};
use support::{Failure, Sample};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let sample = Sample::find(arguments)?;
        let event = Event::auto_reset();
        let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
        sample
            .client
            .async_func_async(&mut handle, Sample::DELAY_MS)?;

        let mut pieces = 0;
        while !event.wait_timeout(Duration::from_millis(100)) {
            pieces += 1;
            println!("the event is not set; doing something else, piece {pieces}");
        }
        handle.complete()?;
        println!("event: AsyncFunc completed, and {pieces} pieces of other work were done");
        Ok::<_, Failure>(())
    })
}
