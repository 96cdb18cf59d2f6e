//! Makes several asynchronous calls that all complete through one completion port.
//!
//!     cargo run --release --example async_completion_port -- 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The argument names a server such as `async_rpc_server`; without one it starts one itself.

use std::time::Duration;

use annulus::{AsyncHandle, CompletionPacket, CompletionPort, Notify};
use support::{Failure, Sample};

mod support;

/// Tells the packets of calls from those that are posted by hand.
const CALL_KEY: u64 = 1;
const QUIT_KEY: u64 = 2;
/// The longest call goes first: they complete in another order than they are made.
const DELAYS_MS: [u32; 3] = [Sample::DELAY_MS, Sample::DELAY_MS / 2, 1];

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let sample = Sample::find(arguments)?;
        let port = CompletionPort::new(1);
        let mut handles = Vec::new();
        for (delay_ms, index) in DELAYS_MS.into_iter().zip(0..) {
            let mut handle = AsyncHandle::new(Notify::CompletionPort {
                port: port.clone(),
                bytes: 0,
                key: CALL_KEY,
                overlapped: index,
            });
            sample.client.async_func_async(&mut handle, delay_ms)?;
            handles.push(handle);
        }

        let mut completed = 0;
        loop {
            let packet = port.get(Some(Duration::from_secs(60)))?;
            if packet.key == QUIT_KEY {
                break;
            }
            let index = usize::try_from(packet.overlapped)?;
            handles[index].complete()?;
            println!("call {index}, of {} ms, completed", DELAYS_MS[index]);
            completed += 1;
            if completed == handles.len() {
                port.post(CompletionPacket::new(0, QUIT_KEY, 0))?;
            }
        }
        println!("completion port: {completed} calls of AsyncFunc completed");
        Ok::<_, Failure>(())
    })
}
