//! A call whose reply comes later.

use std::marker::PhantomData;
use std::sync::Arc;

use annulus_ndr::EncodeParams;
use annulus_protocol::TransferSyntax;

use crate::core_shared::{Command, CoreShared};
use crate::dispatch::encode_params;
use crate::status::Status;
use crate::table::Key;

/// A call that a manager routine has taken and will complete: from any thread, once.
///
/// Completing on the core that dispatched the call crosses no thread. A handle that is dropped
/// without being completed sends a fault ([`Status::CallFailed`]), so no client waits for ever.
#[must_use = "dropping the call sends a fault"]
pub struct ServerCall<O> {
    /// Taken when the call ends.
    pub(crate) core: Option<Arc<CoreShared>>,
    pub(crate) key: Key,
    pub(crate) transfer: TransferSyntax,
    pub(crate) outputs: PhantomData<fn(O)>,
}

impl<O: EncodeParams> ServerCall<O> {
    /// Sends the reply. Needed for an operation without out-parameters too.
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`] if the parameters contradict each other; the client then gets a
    /// fault with this status.
    pub fn complete(mut self, outputs: &O) -> Result<(), Status> {
        let Some(core) = self.core.take() else {
            return Err(Status::NoCallActive);
        };
        let mut stub = core.stub_buffers.take();
        let result = encode_params(outputs, self.transfer, &mut stub);
        core.submit(match result {
            Ok(()) => Command::Complete {
                call: self.key,
                stub,
            },
            Err(status) => Command::Abort {
                call: self.key,
                status,
            },
        });
        result
    }

    /// Ends the call with a fault that carries `status`.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidArg`] for status zero, which is no failure; the client then gets
    /// [`Status::CallFailed`].
    pub fn abort(mut self, status: Status) -> Result<(), Status> {
        if status.code() == 0 {
            return Err(Status::InvalidArg);
        }
        self.fail(status);
        Ok(())
    }
}

impl<O> ServerCall<O> {
    fn fail(&mut self, status: Status) {
        if let Some(core) = self.core.take() {
            core.submit(Command::Abort {
                call: self.key,
                status,
            });
        }
    }
}

impl<O> Drop for ServerCall<O> {
    fn drop(&mut self) {
        self.fail(Status::CallFailed);
    }
}

impl<O> std::fmt::Debug for ServerCall<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCall")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
