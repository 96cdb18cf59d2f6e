//! A call as an async manager routine sees it.

use std::fmt;
use std::sync::Arc;

use annulus_ndr::ContextHandle;
use annulus_protocol::Uuid;
use annulus_transports::Address;

use crate::cancelled::Cancelled;
use crate::context_handle::{ContextUser, ExclusiveContext, GroupContexts, SharedContext};
use crate::executor::Executor;
use crate::extended_error::ExtendedError;
use crate::server_call::ServerCallRef;
use crate::status::Status;

/// What an `async fn` of a manager knows of its call, and the [`Executor`] that runs it.
///
/// The future stays on the core that dispatched the call. If the call's client disconnects, or
/// the core shuts down, the future is dropped at the await where it stands; a cancel alone does
/// not end it: it can await that by [`cancelled`](AsyncContext::cancelled), or look for it by
/// [`test_cancel`](AsyncContext::test_cancel).
#[derive(Clone)]
pub struct AsyncContext {
    pub(crate) object: Option<Uuid>,
    pub(crate) peer: Address,
    pub(crate) call: ServerCallRef,
    pub(crate) executor: Executor,
    pub(crate) contexts: Option<Arc<GroupContexts>>,
    pub(crate) context_user: ContextUser,
}

impl AsyncContext {
    /// The object UUID of the call, if it has one.
    #[must_use]
    pub fn object(&self) -> Option<Uuid> {
        self.object
    }

    /// Where the client is; over `ncalrpc`, who it is
    /// ([`Address::credentials`](crate::transports::Address::credentials)).
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.peer
    }

    /// Whether the client has cancelled the call, as
    /// [`ServerCall::test_cancel`](crate::ServerCall::test_cancel). [`Status::InvalidBinding`]
    /// for a `[maybe]` call, which nobody can cancel.
    #[must_use]
    pub fn test_cancel(&self) -> Status {
        self.call.test_cancel()
    }

    /// Waits until the client cancels the call, as
    /// [`ServerCallRef::cancelled`](crate::ServerCallRef::cancelled); for ever if it does not. A
    /// `[maybe]` call nobody can cancel.
    ///
    /// ```
    /// use annulus::{AsyncContext, Status};
    /// use std::future::poll_fn;
    /// use std::pin::pin;
    /// use std::task::Poll;
    ///
    /// /// The work of a manager routine, unless its client cancels first.
    /// async fn work_or_cancel<T>(
    ///     context: &AsyncContext,
    ///     work: impl Future<Output = Result<T, Status>>,
    /// ) -> Result<T, Status> {
    ///     let (mut cancelled, mut work) = (pin!(context.cancelled()), pin!(work));
    ///     poll_fn(|task| {
    ///         if cancelled.as_mut().poll(task).is_ready() {
    ///             return Poll::Ready(Err(Status::CallCancelled));
    ///         }
    ///         work.as_mut().poll(task)
    ///     })
    ///     .await
    /// }
    /// ```
    pub fn cancelled(&self) -> Cancelled {
        self.call.cancelled()
    }

    /// Says what people may want to know of a failure: if the future ends with an error, its fault
    /// carries this. Under the conditions of
    /// [`ServerCall::abort_with`](crate::ServerCall::abort_with).
    pub fn explain(&self, extended: &ExtendedError) {
        self.call.explain(extended);
    }

    /// Names the call.
    #[must_use]
    pub fn call_ref(&self) -> ServerCallRef {
        self.call.clone()
    }

    /// As [`CallContext::open_context`](crate::CallContext::open_context).
    ///
    /// # Errors
    ///
    /// [`Status::ServerOutOfMemory`] if the client has too many contexts already.
    pub fn open_context<T: Send + Sync + 'static>(
        &self,
        value: T,
    ) -> Result<ContextHandle, Status> {
        self.contexts()?.open(self.context_user, value)
    }

    /// The context of a handle, for this call alone; waits while another call has it.
    ///
    /// # Errors
    ///
    /// As [`CallContext::exclusive_context`](crate::CallContext::exclusive_context).
    pub async fn exclusive_context<T: Send + Sync + 'static>(
        &self,
        handle: &ContextHandle,
    ) -> Result<ExclusiveContext<T>, Status> {
        let contexts = self.contexts()?;
        contexts.exclusive(self.context_user, handle).await
    }

    /// The context of a handle, which other calls may share; waits while another call has it
    /// alone.
    ///
    /// # Errors
    ///
    /// As [`CallContext::exclusive_context`](crate::CallContext::exclusive_context).
    pub async fn shared_context<T: Send + Sync + 'static>(
        &self,
        handle: &ContextHandle,
    ) -> Result<SharedContext<T>, Status> {
        self.contexts()?.shared(self.context_user, handle).await
    }

    /// Takes the context of a handle out; waits while another call has it.
    ///
    /// # Errors
    ///
    /// As [`CallContext::exclusive_context`](crate::CallContext::exclusive_context).
    pub async fn close_context<T: Send + Sync + 'static>(
        &self,
        handle: &ContextHandle,
    ) -> Result<T, Status> {
        self.contexts()?.close(self.context_user, handle).await
    }

    fn contexts(&self) -> Result<&GroupContexts, Status> {
        self.contexts.as_deref().ok_or(Status::ContextMismatch)
    }

    /// What runs this future.
    #[must_use]
    pub fn executor(&self) -> &Executor {
        &self.executor
    }
}

impl fmt::Debug for AsyncContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncContext")
            .field("object", &self.object)
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
