//! What a server keeps for a client between its calls: contexts, and the handles that name them.

mod entry;
mod group;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use self::entry::Entry;
pub(crate) use self::group::{ContextUser, GroupContexts};
use crate::foreign::contain_panic;
use crate::status::Status;

/// A context that this call has to itself: no other call uses it until this is dropped.
///
/// If the client goes meanwhile, the context is dropped with this: that is its rundown.
pub struct ExclusiveContext<T: Send + Sync + 'static> {
    entry: Arc<Entry>,
    /// Taken when it is given back, or for good. Nobody else has a reference.
    value: Option<Arc<T>>,
}

/// A context that other calls may use at the same time, if they share it too.
pub struct SharedContext<T: Send + Sync + 'static> {
    entry: Arc<Entry>,
    /// Taken when it is given back.
    value: Option<Arc<T>>,
}

impl<T: Send + Sync + 'static> Deref for ExclusiveContext<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is given back once")
    }
}

impl<T: Send + Sync + 'static> DerefMut for ExclusiveContext<T> {
    fn deref_mut(&mut self) -> &mut T {
        let value = self.value.as_mut().and_then(Arc::get_mut);
        value.expect("nobody else has a reference")
    }
}

impl<T: Send + Sync + 'static> Drop for ExclusiveContext<T> {
    fn drop(&mut self) {
        let value = self.value.take();
        self.entry
            .give_back(value.map(|value| value as Arc<dyn Any + Send + Sync>));
    }
}

impl<T: Send + Sync + 'static> Deref for SharedContext<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is given back once")
    }
}

impl<T: Send + Sync + 'static> Drop for SharedContext<T> {
    fn drop(&mut self) {
        // Before it counts no more: whoever has the context alone next has the only reference.
        let value = self.value.take();
        contain_panic(|| drop(value));
        self.entry.end_share();
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for ExclusiveContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExclusiveContext").field(&**self).finish()
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for SharedContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedContext").field(&**self).finish()
    }
}

/// The outcome of a wait for a context, where there is no waiting: [`Status::ServerTooBusy`] if
/// another call has it.
pub(crate) fn without_waiting<T>(
    wait: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    match pin!(wait).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Status::ServerTooBusy),
    }
}
