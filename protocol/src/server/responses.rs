//! Answers: responses, whole or in parts, and faults.

use super::established::Established;
use super::{ReplyTo, ServerConnection, State};
use crate::fault::FaultStatus;
use crate::fragments;
use crate::pdu::{FaultPdu, ResponseHead};
use crate::pieces::Output;
use crate::types::{CallId, ContextId};

/// A response that has begun, or a further part of one: its stub data is to be appended to the
/// buffer, then it is to be finished or cancelled.
#[derive(Debug)]
#[must_use = "a response that has begun must be finished or cancelled"]
pub struct ResponseStart {
    at: usize,
}

impl ResponseStart {
    /// Where the stub data begins in the buffer.
    #[must_use]
    pub fn stub_at(&self) -> usize {
        self.at + ResponseHead::LEN
    }
}

/// The response whose first part was sent, and not its last.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamedResponse {
    call: CallId,
    context: ContextId,
}

impl ServerConnection {
    /// Begins an answer, or the next part of one: reserves the room of its header in `out`. The
    /// caller appends the stub data, then calls `finish_response` or `finish_response_part`.
    #[inline]
    pub fn begin_response(&mut self, reply: &ReplyTo, out: &mut Vec<u8>) -> ResponseStart {
        let at = out.len();
        let context = ContextId(reply.context.0 & 0xff);
        ResponseHead {
            alloc_hint: 0,
            context,
            cancel_count: 0,
        }
        .write(reply.call, out);
        ResponseStart { at }
    }

    /// Finishes an answer. What is longer than a fragment is split in place; what is
    /// [shared](crate::Pieces) of it stays shared, unless it is protected.
    ///
    /// Nothing is left in `out` of the answer to a call that is `maybe` or orphaned, or whose
    /// connection is closing. The same happens where [`can_answer`](Self::can_answer) says no,
    /// which is a mistake of the caller: debug builds panic, and the call stays active.
    #[inline(always)]
    pub fn finish_response<O: Output>(
        &mut self,
        start: ResponseStart,
        reply: &ReplyTo,
        out: &mut O,
    ) {
        match self.end_call(reply) {
            Some(established) => established.send_response(start.at, reply, true, out),
            None => out.take_back(start.at),
        }
    }

    /// Sends what was appended as a part of a response that goes on: an out-pipe. The call stays
    /// active, and no other one can be answered, until `finish_response` or a fault ends it.
    ///
    /// The allocation hint of such a part is zero, "not known"; peers do without it.
    ///
    /// Nothing is left in `out` under the same conditions as of `finish_response`.
    ///
    /// # Panics
    ///
    /// The part has no stub data. It should have a multiple of 8 bytes, as real peers send and
    /// expect of each fragment but the last.
    pub fn finish_response_part(
        &mut self,
        start: ResponseStart,
        reply: &ReplyTo,
        out: &mut Vec<u8>,
    ) {
        fragments::check_part(out.len() - start.stub_at());
        let is_closing = self.is_closing;
        match self.answering(reply) {
            Some(established) if established.is_wanted(reply) && !is_closing => {
                established.send_response(start.at, reply, false, out);
            }
            _ => out.truncate(start.at),
        }
    }

    /// Takes a begun answer, or its begun part, back; the call stays active.
    pub fn cancel_response<O: Output>(&mut self, start: ResponseStart, out: &mut O) {
        out.take_back(start.at);
    }

    /// Answers a call with a fault, under the same conditions as `finish_response`. It also ends
    /// a response whose first parts were sent.
    pub fn fault(
        &mut self,
        reply: &ReplyTo,
        status: FaultStatus,
        did_not_execute: bool,
        out: &mut Vec<u8>,
    ) {
        self.fault_with(reply, status, did_not_execute, &[], out);
    }

    /// Answers a call with a fault that carries extended error information, if there is any and
    /// it is not longer than `Limits::extended_error_len_max` and fits into one PDU; otherwise
    /// it is left out.
    ///
    /// `extended` is the first of a chain of `ExtendedErrorInfo` records of MS-EERR 2.2.1.8,
    /// encoded as MS-EERR 2.2.2.1 says: type serialization version 1 (MS-RPCE 2.2.6) of an
    /// `ExtendedErrorInfoPtr`, which is NDR whatever the transfer syntax of the call. That is the
    /// common header of 8 bytes (`01 10 08 00 cc cc cc cc` for little-endian), the private header
    /// of 8 bytes (length of what follows, a multiple of 8, and four bytes of nothing), then the
    /// unique pointer to the first record, alignment counted from its referent id.
    ///
    /// A fault is not protected, at whatever level the call is: who listens can read it, and who
    /// sits between can change it.
    pub fn fault_with(
        &mut self,
        reply: &ReplyTo,
        status: FaultStatus,
        did_not_execute: bool,
        extended: &[u8],
        out: &mut Vec<u8>,
    ) {
        let limit = self.limits.extended_error_len_max;
        let Some(established) = self.end_call(reply) else {
            return;
        };
        established.streamed_response = None;
        let room = usize::from(established.fragment_max.get()) - FaultPdu::LEN;
        let is_sent = extended.len() <= limit.min(room);
        FaultPdu {
            context: reply.context,
            status,
            did_not_execute,
            extended: if is_sent { extended } else { &[] },
        }
        .write(reply.call, out);
    }

    /// The call whose response has begun and not ended. Until then nothing else is answered:
    /// fragments of two responses never interleave.
    #[must_use]
    pub fn streamed_response(&self) -> Option<CallId> {
        Some(self.established()?.streamed_response?.call)
    }

    /// Whether a call can be answered now: no response of another call has begun, or nobody wants
    /// this answer. To be asked where responses go out in parts; otherwise always true.
    #[must_use]
    pub fn can_answer(&self, reply: &ReplyTo) -> bool {
        self.established()
            .is_none_or(|established| established.can_answer(reply))
    }

    /// Ends a call; the state, if its answer is to be sent.
    #[inline(always)]
    fn end_call(&mut self, reply: &ReplyTo) -> Option<&mut Established> {
        let is_closing = self.is_closing;
        let established = self.answering(reply)?;
        (established.end_call(reply) && !is_closing).then_some(established)
    }

    /// The state, if a call can be answered.
    #[inline(always)]
    fn answering(&mut self, reply: &ReplyTo) -> Option<&mut Established> {
        let State::Established(established) = &mut self.state else {
            return None;
        };
        let can_answer = established.can_answer(reply);
        debug_assert!(
            can_answer,
            "call {} is answered within the response of another one",
            reply.call
        );
        can_answer.then_some(established)
    }
}

impl Established {
    /// Whether no response of another call has begun, or this answer is not sent anyway.
    #[inline(always)]
    fn can_answer(&self, reply: &ReplyTo) -> bool {
        self.streamed_response
            .is_none_or(|begun| begun.call == reply.call || !self.is_wanted(reply))
    }

    /// Whether the client waits for an answer.
    fn is_wanted(&self, reply: &ReplyTo) -> bool {
        !reply.maybe && self.calls.is_wanted(reply.call)
    }

    /// Removes a call that is answered; whether the answer is to be sent.
    #[inline(always)]
    fn end_call(&mut self, reply: &ReplyTo) -> bool {
        !reply.maybe && self.calls.end(reply.call)
    }

    /// Sends what was appended to the head that begins at `at`.
    #[inline(always)]
    fn send_response<O: Output>(&mut self, at: usize, reply: &ReplyTo, is_last: bool, out: &mut O) {
        let is_first = self.streamed_response.is_none();
        if !(is_first && is_last) {
            fragments::set_extent(out.buffer(), at, is_first, is_last);
            self.streamed_response = (!is_last).then_some(StreamedResponse {
                call: reply.call,
                context: reply.context,
            });
        }
        let protection = self.security.protection(reply.security);
        fragments::finish(out, at, ResponseHead::LEN, self.fragment_max, protection);
    }

    /// The client has lost interest in a call whose response may have begun. Its further parts
    /// will be dropped, so it is ended here: a client that reads on to its end finds one, and the
    /// connection can carry another response.
    pub(super) fn end_orphaned_response(&mut self, call: CallId, out: &mut Vec<u8>) {
        if let Some(begun) = self.streamed_response.take_if(|begun| begun.call == call) {
            FaultPdu {
                context: begun.context,
                status: FaultStatus::NCA_S_FAULT_CANCEL,
                did_not_execute: false,
                extended: &[],
            }
            .write(call, out);
        }
    }
}
