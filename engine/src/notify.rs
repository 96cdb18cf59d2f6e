//! How a caller learns that its call is complete.

use std::fmt;
use std::sync::Arc;

use crate::apc::{Apc, ApcThread};
use crate::completion_port::{CompletionPacket, CompletionPort};
use crate::event::Event;
use crate::foreign::contain_panic;
use crate::notification::Notification;
use crate::window::{Message, MessageQueue};

/// What is to happen when an asynchronous call completes.
///
/// Each call that was issued successfully notifies exactly once.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Notify {
    /// Nothing: the caller polls [`AsyncHandle::status`](crate::AsyncHandle::status).
    #[default]
    None,
    /// The event is set.
    Event(Event),
    /// The routine is queued to the thread, and runs there in an alertable wait
    /// ([`sleep_ex`](crate::sleep_ex), [`wait_ex`](crate::wait_ex)). A thread that has ended runs
    /// nothing; the completion can still be seen at the handle.
    Apc {
        /// Where it is to run.
        thread: ApcThread,
        /// What is to run.
        routine: Arc<dyn Fn(Notification) + Send + Sync>,
    },
    /// A packet is posted to the port, with the caller's numbers unchanged. A port that was closed
    /// takes none; the completion can still be seen at the handle.
    CompletionPort {
        /// Where it is to be posted.
        port: CompletionPort,
        /// The number of bytes that the packet is to name.
        bytes: u32,
        /// The completion key that it is to have.
        key: u64,
        /// The overlapped value that it is to have.
        overlapped: u64,
    },
    /// A message is posted to a queue of the application's own. What it does not take is lost; the
    /// completion can still be seen at the handle.
    Window {
        /// Where it is to be posted.
        queue: Arc<dyn MessageQueue>,
        /// The number that the message is to have.
        message: u32,
    },
    /// The routine is run by the core that owns the connection. It must be short and must not
    /// block: until it returns, that core does nothing else. A panic ends the routine alone.
    ///
    /// A call that finds its runtime shut down notifies on the thread that issued it.
    Callback(Arc<dyn Fn(Notification) + Send + Sync>),
}

impl Notify {
    /// A [`Notify::Apc`] of this routine, for the calling thread.
    pub fn apc(routine: impl Fn(Notification) + Send + Sync + 'static) -> Self {
        Notify::Apc {
            thread: ApcThread::current(),
            routine: Arc::new(routine),
        }
    }

    /// A [`Notify::Callback`] of this routine.
    pub fn callback(routine: impl Fn(Notification) + Send + Sync + 'static) -> Self {
        Notify::Callback(Arc::new(routine))
    }

    /// Notifies; `notification` makes what is told where something is.
    pub(crate) fn notify(&self, notification: impl FnOnce() -> Notification) {
        match self {
            Notify::None => {}
            Notify::Event(event) => event.set(),
            Notify::Apc { thread, routine } => {
                let apc = Apc::notification(Arc::clone(routine), notification());
                if let Err(error) = thread.queue(apc) {
                    tracing::debug!(%error, "an APC is dropped");
                }
            }
            Notify::CompletionPort {
                port,
                bytes,
                key,
                overlapped,
            } => {
                let packet = CompletionPacket {
                    notification: Some(notification()),
                    ..CompletionPacket::new(*bytes, *key, *overlapped)
                };
                if let Err(error) = port.post(packet) {
                    tracing::debug!(%error, "a packet is dropped");
                }
            }
            Notify::Window { queue, message } => {
                let message = Message {
                    number: *message,
                    notification: notification(),
                };
                // The queue may be foreign code.
                let posted = contain_panic(|| queue.post(message));
                if let Some(Err(error)) = posted {
                    tracing::warn!(%error, "a message is dropped");
                }
            }
            Notify::Callback(routine) => {
                contain_panic(|| routine(notification()));
            }
        }
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notify::None => f.write_str("None"),
            Notify::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Notify::Apc { thread, .. } => f
                .debug_struct("Apc")
                .field("thread", thread)
                .finish_non_exhaustive(),
            Notify::CompletionPort {
                bytes,
                key,
                overlapped,
                ..
            } => f
                .debug_struct("CompletionPort")
                .field("bytes", bytes)
                .field("key", key)
                .field("overlapped", overlapped)
                .finish_non_exhaustive(),
            Notify::Window { message, .. } => f
                .debug_struct("Window")
                .field("message", message)
                .finish_non_exhaustive(),
            Notify::Callback(_) => f.write_str("Callback"),
        }
    }
}
