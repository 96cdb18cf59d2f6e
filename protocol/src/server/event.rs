//! What a server's connection tells: calls, and what becomes of them.

use uuid::Uuid;

use super::security::SecurityIndex;
use crate::drep::DataRepresentation;
use crate::error::CloseReason;
use crate::input::Stub;
use crate::security::AuthenticationLevel;
use crate::types::{CallId, ContextId, InterfaceKey, Opnum, TransferSyntax};

/// What has happened on a server's connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent<'b> {
    /// A call to dispatch, and to answer unless it is `maybe`.
    Request(Request<'b>),
    /// The next fragment of a request that is handed out piece by piece, for as long as its call
    /// is not answered. No `Request` comes before the last one, nor before `Orphaned` of this
    /// call, which means that no further one comes.
    RequestData {
        /// The call.
        call: CallId,
        /// What [`set_call_key`](super::ServerConnection::set_call_key) noted.
        key: Option<u64>,
        /// The next piece of the in-parameters; of any length, also none.
        stub: Stub<'b>,
        /// Whether the request ends here.
        is_last: bool,
    },
    /// The client cancels a call that is not answered yet, and waits for its answer. At most
    /// once per call.
    Cancel {
        /// The call.
        call: CallId,
        /// What [`set_call_key`](super::ServerConnection::set_call_key) noted.
        key: Option<u64>,
    },
    /// The client has no interest in a call any more. It is still to be answered, which ends it;
    /// the answer is not sent. At most once per call.
    Orphaned {
        /// The call.
        call: CallId,
        /// What [`set_call_key`](super::ServerConnection::set_call_key) noted.
        key: Option<u64>,
    },
    /// The connection is over. What has been written is to be sent, then the transport closed.
    Close(CloseReason),
}

/// A call of a client: all of it, or the beginning of one that is
/// [streamed](super::ServerEndpoint::streams).
#[derive(Debug)]
#[non_exhaustive]
pub struct Request<'b> {
    /// What is needed to answer it.
    pub reply: ReplyTo,
    /// The interface.
    pub interface: InterfaceKey,
    /// How stub data is encoded, also that of the answer.
    pub transfer: TransferSyntax,
    /// The operation; within the interface's range.
    pub opnum: Opnum,
    /// The object that the call is for.
    pub object: Option<Uuid>,
    /// Byte order and character set of the stub data. The answer is little-endian.
    pub drep: DataRepresentation,
    /// The client wants no answer, not even a fault.
    pub maybe: bool,
    /// How much of the call is protected.
    pub authentication: AuthenticationLevel,
    /// The in-parameters: all of them, or those of the first fragment.
    pub stub: Stub<'b>,
    /// Whether the request ends here. False only where the endpoint
    /// [streams](super::ServerEndpoint::streams) it; the rest comes as
    /// [`ServerEvent::RequestData`].
    pub is_last: bool,
}

/// What is needed to answer a call, any time later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    pub(super) call: CallId,
    pub(super) context: ContextId,
    pub(super) security: Option<SecurityIndex>,
    pub(super) maybe: bool,
}

impl ReplyTo {
    /// The call's id: unique among the active calls of its connection.
    #[must_use]
    pub fn call(&self) -> CallId {
        self.call
    }

    /// The presentation context.
    #[must_use]
    pub fn context(&self) -> ContextId {
        self.context
    }
}
