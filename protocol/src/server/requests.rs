//! Requests: whole ones, and the fragments of larger ones.

use std::ops::Range;

use super::established::Established;
use super::fragmented::FragmentedCall;
use super::presentation::PresentationContext;
use super::refusal::Refusal;
use super::security::{SecurityIndex, SelectError};
use super::{Env, Outcome, ReplyTo, Request, ServerEndpoint, ServerEvent};
use crate::drep::DataRepresentation;
use crate::error::{CloseReason, Violation};
use crate::fault::FaultStatus;
use crate::framing::{Frame, FrameBytes};
use crate::input::Stub;
use crate::limits::Limits;
use crate::pdu::{FaultPdu, Header, PduFlags, RequestHead, SecurityTrailer};
use crate::security::SecurityError;
use crate::types::{CallId, ContextId, InterfaceKey, TransferSyntax};
use crate::verification::{self, StubEnd};

/// What the first fragment of a request says of the whole call.
#[derive(Clone, Copy)]
pub(super) struct CallHead {
    pub(super) call: CallId,
    pub(super) drep: DataRepresentation,
    pub(super) fixed: RequestHead,
    pub(super) security: Option<SecurityIndex>,
    pub(super) maybe: bool,
}

impl CallHead {
    /// That of a little-endian request without anything special.
    #[inline]
    pub(super) fn plain(call: CallId, fixed: RequestHead) -> Self {
        CallHead {
            call,
            drep: DataRepresentation::LITTLE_ENDIAN,
            fixed,
            security: None,
            maybe: false,
        }
    }
}

/// A call that cannot be dispatched. It did not execute.
#[derive(Clone, Copy)]
pub(super) enum Unservable {
    /// Its id belongs to another call, which ends the connection.
    IdInUse,
    /// It is answered with a fault, and the connection stays.
    Rejected {
        status: FaultStatus,
        context: ContextId,
    },
}

impl Established {
    /// Makes a call of a request that is one little-endian PDU without anything special: its
    /// callee. `None` changes nothing and says nothing: [`request`](Self::request) then says what is
    /// wrong, or special after all.
    #[inline(always)]
    pub(super) fn begin_plain(
        &mut self,
        head: &CallHead,
        stub_len: usize,
        limits: &Limits,
    ) -> Option<(InterfaceKey, TransferSyntax)> {
        let is_special = self.fragmented.is_some() || self.security.has_contexts();
        if is_special || stub_len > limits.request_len_max {
            return None;
        }
        let target = self.presentation.find(head.fixed.context)?;
        let is_servable = head.fixed.opnum.0 < target.operation_count
            && self.calls.len() < limits.calls_per_connection_max
            && !self.calls.contains(head.call);
        is_servable.then(|| {
            self.calls.begin(head.call);
            (target.interface, target.transfer)
        })
    }

    /// Takes a request, or a fragment of one.
    #[inline]
    pub(super) fn request<'b, E: ServerEndpoint>(
        &mut self,
        frame: Frame<'b>,
        env: &mut Env<'_, E>,
    ) -> Outcome<'b> {
        let Frame { header, bytes } = frame;
        let (head, stub_at) = RequestHead::parse(&header, bytes.as_slice())
            .map_err(|malformed| Refusal::proto_error(header.call, malformed))?;
        let is_first = header.flags.contains(PduFlags::FIRST);
        self.check_order(&header, &head, is_first)?;
        if !is_first {
            return self.further_fragment(&header, bytes, stub_at, env);
        }
        if header.flags.contains(PduFlags::PENDING_CANCEL) {
            let violation = Violation::CancelBeforeCall { call: header.call };
            let status = FaultStatus::NO_CALL_ACTIVE;
            return Err(Refusal::fault(header.call, status, violation).not_executed());
        }
        let (bytes, stub, security) = self.open_first(&header, &head, bytes, stub_at, env)?;
        let head = CallHead {
            call: header.call,
            drep: header.drep,
            fixed: head,
            security,
            maybe: header.flags.contains(PduFlags::MAYBE),
        };
        if header.flags.contains(PduFlags::LAST) {
            let limit = env.limits.request_len_max;
            if stub.len() > limit {
                return Err(too_long(&head, limit));
            }
            return self.dispatch(head, bytes.into_stub(stub), env);
        }
        self.first_fragment(head, bytes, stub, env)
    }

    /// Only one request at a time arrives in fragments, and in order.
    #[inline]
    fn check_order(
        &self,
        header: &Header,
        fixed: &RequestHead,
        is_first: bool,
    ) -> Result<(), Refusal> {
        let call = header.call;
        let begun = self.fragmented.as_ref().map(FragmentedCall::head);
        let (guilty, context) = match begun {
            None if is_first => return Ok(()),
            None if self.is_multiplexed => (call, fixed.context),
            None => (call, ContextId(0)),
            Some(begun) if !is_first && begun.call == call => return Ok(()),
            // With multiplexing the newcomer is refused, without it the call that has begun.
            Some(begun) if self.is_multiplexed && begun.call != call => (call, ContextId(0)),
            Some(begun) => (begun.call, begun.fixed.context),
        };
        let violation = Violation::FragmentOrder { call };
        Err(Refusal::proto_error(guilty, violation).in_context(context))
    }

    /// Finds what protects a call, and checks the protection of its first fragment. The second
    /// value is where the stub data lies.
    #[inline]
    fn open_first<'b, E>(
        &mut self,
        header: &Header,
        head: &RequestHead,
        bytes: FrameBytes<'b>,
        stub_at: usize,
        env: &mut Env<'_, E>,
    ) -> Result<(FrameBytes<'b>, Range<usize>, Option<SecurityIndex>), Refusal> {
        let trailer = SecurityTrailer::parse(header, bytes.as_slice(), stub_at)
            .map_err(|malformed| Refusal::proto_error(header.call, malformed))?;
        let security = self
            .security
            .select(trailer.as_ref())
            .map_err(|error| security_refusal(header.call, head.context, error))?;
        let end = trailer
            .as_ref()
            .map_or(bytes.as_slice().len(), SecurityTrailer::body_end);
        // A protected context is only selected by a trailer.
        let trailer = trailer.map(|trailer| trailer.place());
        let (Some(trailer), Some(mut protection)) = (trailer, self.security.protection(security))
        else {
            return Ok((bytes, stub_at..end, security));
        };
        let (bytes, stub) = protection
            .open(bytes, stub_at, trailer, end, env.pool)
            .map_err(|error| bad_signature(header.call, head.context, error))?;
        Ok((bytes, stub, security))
    }

    /// Checks the protection of a further fragment; where its stub data lies.
    pub(super) fn open_further<'b, E>(
        &mut self,
        head: &CallHead,
        header: &Header,
        bytes: FrameBytes<'b>,
        stub_at: usize,
        env: &mut Env<'_, E>,
    ) -> Result<(FrameBytes<'b>, Range<usize>), Refusal> {
        let context = head.fixed.context;
        let refuse = |violation| Refusal::proto_error(head.call, violation).in_context(context);
        if header.drep != head.drep {
            return Err(refuse(Violation::RepresentationChanged { call: head.call }));
        }
        let trailer = SecurityTrailer::parse(header, bytes.as_slice(), stub_at)
            .map_err(|malformed| refuse(malformed.into()))?;
        let end = trailer
            .as_ref()
            .map_or(bytes.as_slice().len(), SecurityTrailer::body_end);
        let trailer = trailer.map(|trailer| trailer.place());
        match (trailer, self.security.protection(head.security)) {
            (Some(trailer), Some(mut protection)) => protection
                .open(bytes, stub_at, trailer, end, env.pool)
                .map_err(|error| bad_signature(head.call, context, error)),
            (None, Some(protection)) => {
                let what = "a fragment has no security trailer";
                Err(refuse(Violation::Security {
                    context: protection.context,
                    what,
                }))
            }
            (Some(_), None) if head.security.is_none() => {
                let error = SelectError::Mismatch(0);
                Err(security_refusal(head.call, context, error))
            }
            (_, None) => Ok((bytes, stub_at..end)),
        }
    }

    /// Whether a call can be dispatched, and to what.
    #[inline]
    pub(super) fn judge(
        &self,
        head: &CallHead,
        limits: &Limits,
    ) -> Result<&PresentationContext, Unservable> {
        let context = head.fixed.context;
        let reject = |status, context| Err(Unservable::Rejected { status, context });
        if !head.maybe && self.calls.contains(head.call) {
            return Err(Unservable::IdInUse);
        }
        let Some(target) = self.presentation.find(context) else {
            return reject(FaultStatus::NCA_S_UNK_IF, ContextId(0));
        };
        if head.fixed.opnum.0 >= target.operation_count {
            return reject(FaultStatus::NCA_S_OP_RNG_ERROR, context);
        }
        if self.calls.len() >= limits.calls_per_connection_max {
            return reject(FaultStatus::NCA_S_SERVER_TOO_BUSY, context);
        }
        Ok(target)
    }

    /// Hands a whole call to the engine, or answers it where there is nothing to call.
    #[inline]
    pub(super) fn dispatch<'b, E>(
        &mut self,
        head: CallHead,
        stub: Stub<'b>,
        env: &mut Env<'_, E>,
    ) -> Outcome<'b> {
        let target = match self.judge(&head, env.limits) {
            Ok(target) => target,
            Err(unservable) => {
                unservable.answer(&head, env.out)?;
                if let Some(stub) = stub.into_assembled() {
                    env.pool.put(stub.into_buffer());
                }
                return Ok(None);
            }
        };
        let callee = (target.interface, target.transfer);
        if head.security.is_some() {
            self.verify(&head, target, StubEnd::of(&stub))?;
        }
        let request = self.hand_out(&head, callee, stub, true);
        Ok(Some(ServerEvent::Request(request)))
    }

    /// Makes a call active, unless nobody waits for its answer.
    #[inline]
    pub(super) fn hand_out<'b>(
        &mut self,
        head: &CallHead,
        (interface, transfer): (InterfaceKey, TransferSyntax),
        stub: Stub<'b>,
        is_last: bool,
    ) -> Request<'b> {
        let &CallHead {
            call,
            drep,
            fixed,
            security,
            maybe,
        } = head;
        if !maybe {
            self.calls.begin(call);
        }
        Request {
            reply: ReplyTo {
                call,
                context: fixed.context,
                security,
                maybe,
            },
            interface,
            transfer,
            opnum: fixed.opnum,
            object: fixed.object,
            drep,
            maybe,
            authentication: self.security.level(security),
            stub,
            is_last,
        }
    }

    /// Checks the verification trailer of an authenticated call.
    pub(super) fn verify(
        &self,
        head: &CallHead,
        target: &PresentationContext,
        end: StubEnd<'_>,
    ) -> Result<(), Refusal> {
        let received = verification::Received {
            call: head.call,
            context: head.fixed.context,
            opnum: head.fixed.opnum,
            drep: head.drep,
            abstract_syntax: target.abstract_syntax,
            transfer_syntax: target.transfer.syntax(),
            header_signing: self.security.header_signing,
        };
        received.check(end).map_err(|what| {
            let violation = Violation::Verification {
                call: head.call,
                what,
            };
            Refusal::fault(head.call, FaultStatus::ACCESS_DENIED, violation)
                .in_context(head.fixed.context)
        })
    }
}

impl Unservable {
    /// Tells the client, unless it wants no answer.
    #[cold]
    pub(super) fn answer(self, head: &CallHead, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let call = head.call;
        match self {
            Unservable::IdInUse => {
                let violation = Violation::CallIdInUse { call };
                Err(Refusal::proto_error(call, violation).in_context(head.fixed.context))
            }
            Unservable::Rejected { status, context } => {
                if !head.maybe {
                    FaultPdu {
                        context,
                        status,
                        did_not_execute: true,
                        extended: &[],
                    }
                    .write(call, out);
                }
                Ok(())
            }
        }
    }
}

#[cold]
pub(super) fn too_long(head: &CallHead, limit: usize) -> Refusal {
    let reason = CloseReason::RequestTooLong {
        call: head.call,
        limit,
    };
    Refusal::fault(head.call, FaultStatus::ACCESS_DENIED, reason).in_context(head.fixed.context)
}

#[cold]
pub(super) fn too_busy(call: CallId) -> Refusal {
    let reason = CloseReason::TooMuchAssembling { call };
    Refusal::fault(call, FaultStatus::NCA_S_SERVER_TOO_BUSY, reason).not_executed()
}

#[cold]
fn bad_signature(call: CallId, context: ContextId, error: SecurityError) -> Refusal {
    Refusal::fault(call, FaultStatus::SEC_PKG_ERROR, error).in_context(context)
}

#[cold]
fn security_refusal(call: CallId, context: ContextId, error: SelectError) -> Refusal {
    let violation = |context, what| Violation::Security { context, what };
    let denied = |reason: CloseReason| {
        Refusal::fault(call, FaultStatus::ACCESS_DENIED, reason).in_context(context)
    };
    match error {
        SelectError::ThirdLegFailed => {
            denied(SecurityError::new("the third leg of the exchange failed").into())
        }
        SelectError::Mismatch(id) => {
            denied(violation(id, "no such context of this mechanism and level").into())
        }
        SelectError::Unfinished(id) => {
            Refusal::proto_error(call, violation(id, "the exchange is not finished")).not_executed()
        }
    }
}
