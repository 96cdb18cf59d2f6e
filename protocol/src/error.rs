//! Why a connection ends, and who is to blame.

use crate::fault::FaultStatus;
use crate::pdu::{BindNakReason, MalformedPdu, PduType};
use crate::security::SecurityError;
use crate::types::{CallId, ContextId};

/// Why a connection is to be closed.
///
/// The text names the guilty party: "the peer" is the other side of the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Violation(#[from] Violation),
    /// The peer could not authenticate, or its protection of a PDU does not hold.
    #[error("the peer's authentication failed: {0}")]
    Security(#[from] SecurityError),
    /// This side refused the peer's bind.
    #[error("this side refused the peer's bind: {0}")]
    RefusedBind(BindNakReason),
    /// The peer refused this side's bind.
    #[error("the peer refused the bind: {0}")]
    BindRefused(BindNakReason),
    /// The peer answered a bind or an alter_context with a fault.
    #[error("the peer refused to negotiate an interface: {0}")]
    NegotiationRefused(FaultStatus),
    /// The peer's request is longer than `Limits::request_len_max`.
    #[error("the peer's request {call} is longer than the limit of {limit} bytes")]
    RequestTooLong {
        /// The call.
        call: CallId,
        /// The limit in bytes.
        limit: usize,
    },
    /// The core keeps too many bytes of requests whose end has not arrived.
    #[error(
        "call {call} was refused: the unfinished requests of this core have reached \
         Limits::assembling_len_per_core_max"
    )]
    TooMuchAssembling {
        /// The call that wanted more.
        call: CallId,
    },
    /// The peer's response is longer than `Limits::response_len_max`.
    #[error("the peer's response to call {call} is longer than the limit of {limit} bytes")]
    ResponseTooLong {
        /// The call.
        call: CallId,
        /// The limit in bytes.
        limit: usize,
    },
    /// The bind was not finished in time.
    #[error("the peer did not finish the bind in time")]
    BindTimeout,
    /// A PDU or a fragmented call made no progress.
    #[error("the peer did not finish a PDU or a fragmented call in time")]
    ProgressTimeout,
    /// The server asked the client to close the connection.
    #[error("the peer asked to close the connection")]
    Shutdown,
}

/// What a peer did that the protocol forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The version of a PDU is not 5.0 or 5.1.
    #[error("a PDU of version {major}.{minor}")]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// The length of a PDU is shorter than its header or longer than what is legal here.
    #[error("{kind} of {len} bytes, legal are 16 to {legal_len}")]
    FragmentLength {
        /// What PDU.
        kind: PduType,
        /// The length that it claims.
        len: usize,
        /// The longest legal one.
        legal_len: usize,
    },
    /// The fields of a PDU do not fit.
    #[error(transparent)]
    Malformed(#[from] MalformedPdu),
    /// A PDU that has no place here at this time.
    #[error("an unexpected {kind} while {state}")]
    UnexpectedPdu {
        /// The PDU.
        kind: PduType,
        /// What was going on.
        state: &'static str,
    },
    /// A fragment that begins, continues or interrupts a call out of order.
    #[error("a fragment of call {call} out of order")]
    FragmentOrder {
        /// The call of the fragment.
        call: CallId,
    },
    /// The byte order changed in the middle of a call.
    #[error("the data representation of call {call} changed between fragments")]
    RepresentationChanged {
        /// The call.
        call: CallId,
    },
    /// The first fragment of a request says that a cancel is pending.
    #[error("call {call} begins with a pending cancel")]
    CancelBeforeCall {
        /// The call.
        call: CallId,
    },
    /// The call id of a new request belongs to a call that has not ended.
    #[error("call id {call} is used by two calls at a time")]
    CallIdInUse {
        /// The id.
        call: CallId,
    },
    /// An answer to a call that was never made.
    #[error("an answer to call {call}, which was never made")]
    UnknownCall {
        /// The id.
        call: CallId,
    },
    /// A bind or alter_context without a context, or a context without a transfer syntax.
    #[error("{kind} with an empty list of contexts or of transfer syntaxes")]
    EmptyOffer {
        /// The PDU.
        kind: PduType,
    },
    /// Feature negotiation twice in one bind.
    #[error("bind-time feature negotiation twice in one bind")]
    FeaturesTwice,
    /// A context id that is bound was offered with another interface or transfer syntax.
    #[error("presentation context {context} was offered again with another syntax")]
    ContextChanged {
        /// The context.
        context: ContextId,
    },
    /// An answer accepts what was not on offer.
    #[error("{kind} that does not fit the offer")]
    WrongAnswer {
        /// The PDU.
        kind: PduType,
    },
    /// A security exchange went on with another mechanism or level, or began where it must not.
    #[error("the security of context {context} is inconsistent: {what}")]
    Security {
        /// The security context id.
        context: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// The verification trailer of a request contradicts what arrived: somebody changed it.
    #[error("the verification trailer of call {call} does not hold: {what}")]
    Verification {
        /// The call.
        call: CallId,
        /// What differs.
        what: &'static str,
    },
    /// More security contexts than `Limits::security_contexts_per_connection_max`.
    #[error("more than {limit} security contexts")]
    TooManySecurityContexts {
        /// The limit.
        limit: usize,
    },
}

impl From<MalformedPdu> for CloseReason {
    fn from(malformed: MalformedPdu) -> Self {
        CloseReason::Violation(malformed.into())
    }
}

/// Why a client cannot begin a call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The bind is not finished, was refused, or the connection is closing.
    #[error("the connection is not bound")]
    NotBound,
    /// No presentation context of this id was accepted.
    #[error("presentation context {0} is not bound")]
    UnknownContext(ContextId),
    /// The request of a call is still being sent; or a call is outstanding, and the peer does not
    /// do concurrent calls on one connection.
    #[error("the connection is busy with another call, or with the rest of its request")]
    Busy,
    /// `Limits::calls_per_connection_max` calls are outstanding.
    #[error("{0} calls are outstanding on the connection")]
    TooManyCalls(usize),
}

/// Why a client cannot offer an interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// `bind` was called a second time.
    #[error("the bind was already sent")]
    AlreadyBound,
    /// `add_interface` was called before `bind`, or the connection is closing.
    #[error("the connection is not bound")]
    NotBound,
    /// The offer has no transfer syntax.
    #[error("no transfer syntax is offered")]
    NoTransferSyntax,
    /// `Limits::contexts_per_connection_max` contexts are in use.
    #[error("the connection has {0} presentation contexts, its limit")]
    TooManyContexts(usize),
    /// The security mechanism could not start.
    #[error("security could not start: {0}")]
    Security(#[from] SecurityError),
}
