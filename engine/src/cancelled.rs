//! A wait for the client to give its call up.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::call_watch::{CallWatch, Waiter};
use crate::status::Status;

/// A wait for a call's client to cancel it; of [`ServerCallRef::cancelled`] and
/// [`AsyncContext::cancelled`].
///
/// Ends with what [`ServerCallRef::test_cancel`] then says. May be awaited on any thread, by
/// as many as like to; dropping it ends that wait alone.
///
/// [`ServerCallRef::cancelled`]: crate::ServerCallRef::cancelled
/// [`ServerCallRef::test_cancel`]: crate::ServerCallRef::test_cancel
/// [`AsyncContext::cancelled`]: crate::AsyncContext::cancelled
#[must_use = "it waits only while it is awaited"]
pub struct Cancelled {
    /// `None`: there is no call that anybody could cancel.
    call: Option<(Arc<CallWatch>, u32)>,
    /// `None` until the first poll that finds nothing.
    waiter: Option<Waiter>,
}

impl Cancelled {
    pub(crate) fn new(call: Option<(Arc<CallWatch>, u32)>) -> Self {
        Cancelled { call, waiter: None }
    }
}

impl Future for Cancelled {
    type Output = Status;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Status> {
        let Cancelled { call, waiter } = self.get_mut();
        match call {
            Some((watch, serial)) => watch.poll_cancelled(*serial, waiter, context.waker()),
            None => Poll::Pending,
        }
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        if let (Some((watch, _)), Some(waiter)) = (&self.call, self.waiter.take()) {
            watch.end_wait(waiter);
        }
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled").finish_non_exhaustive()
    }
}
