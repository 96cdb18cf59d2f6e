//! What a caller is told, and about which call.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::call_state::CallState;
use crate::core_shared::{CancelKind, Command, CoreShared};
use crate::status::Status;

/// What has happened to a call.
///
/// The numbers are those of `RPC_ASYNC_EVENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum NotificationEvent {
    /// The call is complete.
    CallComplete = 0,
    /// What was pushed into a pipe has been sent.
    SendComplete = 1,
    /// A pipe has data to pull.
    ReceiveComplete = 2,
    /// The client of a call is gone.
    ClientDisconnect = 3,
    /// The client of a call cancels it.
    ClientCancel = 4,
}

/// One notification: of which call, and what has happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// The call, as it was when this notification was made. What is told of a call of a server
    /// names none: there `user_info` does.
    pub handle: HandleRef,
    /// The datum that its caller attached to the handle, or to the subscription.
    pub user_info: u64,
    /// What has happened.
    pub event: NotificationEvent,
}

/// Names one call of an [`AsyncHandle`](crate::AsyncHandle), also after the handle has gone on
/// to its next call: then it is stale, and answers [`Status::InvalidAsyncHandle`].
///
/// Cloning it allocates nothing.
#[derive(Clone)]
pub struct HandleRef {
    pub(crate) state: Arc<CallState>,
    pub(crate) serial: u32,
    /// The core that carries the call, if there is or was one.
    pub(crate) core: Option<Arc<CoreShared>>,
}

impl HandleRef {
    /// Names no call.
    pub(crate) fn none() -> Self {
        static NO_CALL: LazyLock<Arc<CallState>> = LazyLock::new(|| Arc::new(CallState::new()));
        HandleRef {
            state: Arc::clone(&NO_CALL),
            serial: 0,
            core: None,
        }
    }

    /// How the call stands. [`Status::InvalidAsyncHandle`] if it was completed.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status_of(self.serial)
    }

    /// Asks for the call to end early. It still completes, with one notification; a call that is
    /// complete already stays as it is.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidAsyncHandle`] if the handle has no such call any more.
    pub fn cancel(&self, kind: CancelKind) -> Result<(), Status> {
        match (self.status(), &self.core) {
            (Status::AsyncCallPending, Some(core)) => {
                core.submit(Command::Cancel {
                    state: Arc::clone(&self.state),
                    serial: self.serial,
                    kind,
                });
                Ok(())
            }
            _ if self.state.serial() == self.serial && !self.state.has_no_call() => Ok(()),
            _ => Err(Status::InvalidAsyncHandle),
        }
    }
}

impl PartialEq for HandleRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state) && self.serial == other.serial
    }
}

impl Eq for HandleRef {}

impl fmt::Debug for HandleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandleRef")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
