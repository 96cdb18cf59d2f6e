//! What a client is told when its connection cannot go on.

use crate::error::{CloseReason, Violation};
use crate::fault::FaultStatus;
use crate::pdu::{BindNak, BindNakReason, FaultPdu, Header, PduType};
use crate::types::{CallId, ContextId};

/// A fatal error: one last answer, then the connection closes.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) call: CallId,
    pub(super) answer: Answer,
    pub(super) reason: CloseReason,
}

/// The last answer.
#[derive(Debug)]
pub(super) enum Answer {
    Nak(BindNakReason),
    Fault {
        context: ContextId,
        status: FaultStatus,
        did_not_execute: bool,
    },
}

impl Refusal {
    /// A bind_nak.
    pub(super) fn nak(call: CallId, reason: BindNakReason) -> Self {
        Refusal {
            call,
            answer: Answer::Nak(reason),
            reason: CloseReason::RefusedBind(reason),
        }
    }

    /// A fault of any status, without context and without a claim that nothing executed.
    pub(super) fn fault(call: CallId, status: FaultStatus, reason: impl Into<CloseReason>) -> Self {
        let answer = Answer::Fault {
            context: ContextId(0),
            status,
            did_not_execute: false,
        };
        Refusal {
            call,
            answer,
            reason: reason.into(),
        }
    }

    /// The answer to a client that breaks the protocol.
    pub(super) fn proto_error(call: CallId, violation: impl Into<Violation>) -> Self {
        Refusal::fault(call, FaultStatus::NCA_S_PROTO_ERROR, violation.into())
    }

    /// The same refusal with the context of the call that it ends.
    pub(super) fn in_context(mut self, in_context: ContextId) -> Self {
        if let Answer::Fault { context, .. } = &mut self.answer {
            *context = in_context;
        }
        self
    }

    /// The same refusal, saying that nothing executed.
    pub(super) fn not_executed(mut self) -> Self {
        if let Answer::Fault {
            did_not_execute, ..
        } = &mut self.answer
        {
            *did_not_execute = true;
        }
        self
    }

    /// The answer to a header that makes no sense. What was to be a bind gets a bind_nak.
    pub(super) fn bad_frame(header: &Header, violation: Violation) -> Self {
        if header.kind == PduType::Bind {
            Refusal {
                answer: Answer::Nak(BindNakReason::ProtocolVersionNotSupported),
                ..Refusal::proto_error(header.call, violation)
            }
        } else {
            Refusal::proto_error(header.call, violation)
        }
    }

    /// Appends the answer; why the connection closes.
    pub(super) fn write(self, out: &mut Vec<u8>) -> CloseReason {
        match self.answer {
            Answer::Nak(reason) => BindNak { reason }.write(self.call, out),
            Answer::Fault {
                context,
                status,
                did_not_execute,
            } => {
                FaultPdu {
                    context,
                    status,
                    did_not_execute,
                    extended: &[],
                }
                .write(self.call, out);
            }
        }
        self.reason
    }
}
