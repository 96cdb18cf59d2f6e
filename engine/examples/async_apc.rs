//! Makes an asynchronous call whose completion queues an APC to this thread, and lets it run in
//! alertable waits.
//!
//!     cargo run --release --example async_apc -- 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The argument names a server such as `async_rpc_server`; without one it starts one itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use annulus::{AsyncHandle, Notify, WaitResult, sleep_ex};
use support::{Failure, Sample};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let sample = Sample::find(arguments)?;
        let caller = thread::current().id();
        let is_complete = Arc::new(AtomicBool::new(false));
        let completed = Arc::clone(&is_complete);
        let mut handle = AsyncHandle::new(Notify::apc(move |notification| {
            assert_eq!(thread::current().id(), caller, "an APC runs on its thread");
            println!(
                "in the APC: {:?} for the call with datum {}",
                notification.event, notification.user_info
            );
            completed.store(true, Ordering::Relaxed);
        }));
        handle.set_user_info(4711);
        sample
            .client
            .async_func_async(&mut handle, Sample::DELAY_MS)?;

        let mut waits = 1;
        while sleep_ex(Duration::from_millis(200), true) == WaitResult::TimedOut {
            println!("no APC in alertable wait {waits}");
            waits += 1;
        }
        if !is_complete.load(Ordering::Relaxed) {
            return Err("another APC ran than that of the call".into());
        }
        handle.complete()?;
        println!("APC: AsyncFunc completed, told in alertable wait {waits}");
        Ok::<_, Failure>(())
    })
}
