//! How a caller learns that its call is complete.

use std::fmt;
use std::sync::Arc;

use crate::core::contain_panic;
use crate::event::Event;
use crate::notification::Notification;

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
    /// The routine is run by the core that owns the connection. It must be short and must not
    /// block: until it returns, that core does nothing else. A panic ends the routine alone.
    ///
    /// A call that finds its runtime shut down notifies on the thread that issued it.
    Callback(Arc<dyn Fn(Notification) + Send + Sync>),
}

impl Notify {
    /// A [`Notify::Callback`] of this routine.
    pub fn callback(routine: impl Fn(Notification) + Send + Sync + 'static) -> Self {
        Notify::Callback(Arc::new(routine))
    }

    /// Notifies; `notification` makes what is told where something is.
    pub(crate) fn notify(&self, notification: impl FnOnce() -> Notification) {
        match self {
            Notify::None => {}
            Notify::Event(event) => event.set(),
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
            Notify::Callback(_) => f.write_str("Callback"),
        }
    }
}
