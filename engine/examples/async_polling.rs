//! Makes an asynchronous call without any notification, and asks now and then how it stands.
//!
//!     cargo run --release --example async_polling -- 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The argument names a server such as `async_rpc_server`; without one it starts one itself.

use std::thread;
use std::time::Duration;

use annulus::{AsyncHandle, Notify, Status};
use support::{Failure, Sample};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let sample = Sample::find(arguments)?;
        let mut handle = AsyncHandle::new(Notify::None);
        sample
            .client
            .async_func_async(&mut handle, Sample::DELAY_MS)?;
        // Too early: the call goes on.
        println!("completing at once: {:?}", handle.complete());

        let mut polls = 0;
        while handle.status() == Status::AsyncCallPending {
            polls += 1;
            thread::sleep(Duration::from_millis(20));
        }
        handle.complete()?;
        println!("polling: AsyncFunc completed after {polls} polls");
        Ok::<_, Failure>(())
    })
}
