//! How a caller learns that its call is complete.

use crate::event::Event;

/// What is to happen when an asynchronous call completes.
///
/// Each call that was issued successfully notifies exactly once.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Notify {
    /// Nothing: the caller polls [`AsyncHandle::status`](crate::AsyncHandle::status).
    #[default]
    None,
    /// The event is set.
    Event(Event),
}

impl Notify {
    pub(crate) fn call_complete(&self) {
        match self {
            Notify::None => {}
            Notify::Event(event) => event.set(),
        }
    }
}
