//! A call as an async manager routine sees it.

use std::fmt;

use annulus_protocol::Uuid;
use annulus_transports::Address;

use crate::executor::Executor;
use crate::server_call::ServerCallRef;
use crate::status::Status;

/// What an `async fn` of a manager knows of its call, and the [`Executor`] that runs it.
///
/// The future stays on the core that dispatched the call. If the call's client disconnects, or
/// the core shuts down, the future is dropped at its next await; a cancel alone does not end it,
/// and can be looked for by [`test_cancel`](AsyncContext::test_cancel).
#[derive(Clone)]
pub struct AsyncContext {
    pub(crate) object: Option<Uuid>,
    pub(crate) peer: Address,
    pub(crate) call: ServerCallRef,
    pub(crate) executor: Executor,
}

impl AsyncContext {
    /// The object UUID of the call, if it has one.
    #[must_use]
    pub fn object(&self) -> Option<Uuid> {
        self.object
    }

    /// Where the client is.
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

    /// Names the call.
    #[must_use]
    pub fn call_ref(&self) -> ServerCallRef {
        self.call.clone()
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
