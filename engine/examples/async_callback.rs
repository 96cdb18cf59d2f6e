//! Makes an asynchronous call whose completion runs a routine on the core that owns the
//! connection. The routine is short: it passes on what it is told, and another thread completes.
//!
//!     cargo run --release --example async_callback -- 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The argument names a server such as `async_rpc_server`; without one it starts one itself.

use std::sync::mpsc;
use std::thread;

use annulus::{AsyncHandle, Notify};
use support::{Failure, Sample};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let sample = Sample::find(arguments)?;
        let (tell, told) = mpsc::channel();
        let mut handle = AsyncHandle::new(Notify::callback(move |notification| {
            // If the receiver is gone, nobody wants to know.
            let _ = tell.send((notification, thread::current().id()));
        }));
        sample
            .client
            .async_func_async(&mut handle, Sample::DELAY_MS)?;
        println!("the call is made; waiting for its callback");

        let (notification, thread) = told.recv()?;
        println!(
            "{:?} on {thread:?}, this is {:?}",
            notification.event,
            thread::current().id()
        );
        assert_eq!(notification.handle, handle.reference());
        handle.complete()?;
        println!("callback: AsyncFunc completed");
        Ok::<_, Failure>(())
    })
}
