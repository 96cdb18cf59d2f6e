//! Makes an asynchronous call from an event loop, which gets a message when it completes: the
//! counterpart of a window message.
//!
//!     cargo run --release --example async_message -- 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The argument names a server such as `async_rpc_server`; without one it starts one itself.

use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

use annulus::{AsyncHandle, Message, Notify};
use support::{Failure, Sample};

mod support;

/// The number of the message, of the application's own choosing.
const WM_ASYNC_DONE: u32 = 0x8001;

/// What this application's event loop handles.
enum AppEvent {
    /// Time for the next frame.
    Frame,
    /// A call is complete.
    Async(Message),
}

impl From<Message> for AppEvent {
    fn from(message: Message) -> Self {
        AppEvent::Async(message)
    }
}

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let sample = Sample::find(arguments)?;
        let (queue, events) = mpsc::sync_channel::<AppEvent>(16);
        let mut handle = AsyncHandle::new(Notify::Window {
            queue: Arc::new(queue.clone()),
            message: WM_ASYNC_DONE,
        });
        thread::spawn(move || draw_frames(&queue));

        sample
            .client
            .async_func_async(&mut handle, Sample::DELAY_MS)?;
        let mut frames = 0;
        for event in events {
            match event {
                AppEvent::Frame => frames += 1,
                AppEvent::Async(message) if message.notification.handle == handle.reference() => {
                    println!(
                        "message {:#x}: {:?}",
                        message.number, message.notification.event
                    );
                    handle.complete()?;
                    break;
                }
                AppEvent::Async(_) => return Err("a message of another call".into()),
            }
        }
        println!("message: AsyncFunc completed, and the loop drew {frames} frames meanwhile");
        Ok::<_, Failure>(())
    })
}

/// What else happens in the application, until it ends.
fn draw_frames(queue: &SyncSender<AppEvent>) {
    while queue.send(AppEvent::Frame).is_ok() {
        thread::sleep(Duration::from_millis(20));
    }
}
