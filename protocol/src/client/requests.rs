//! Requests: whole, or in parts.

use uuid::Uuid;

use super::security::ClientSecurity;
use super::{ClientConnection, OutstandingCall, Phase};
use crate::error::CallError;
use crate::fragments;
use crate::pdu::{Header, PduFlags, PduType, RequestHead, write_bare};
use crate::pieces::Output;
use crate::types::{CallId, ContextId, Opnum, TransferSyntax};

/// A request that has begun: its stub data is to be appended to the buffer, then it is to be
/// finished or cancelled.
#[derive(Debug)]
#[must_use = "a request that has begun must be finished or cancelled"]
pub struct RequestStart {
    at: usize,
    /// Whether an object UUID stands in the head.
    has_object: bool,
    transfer: TransferSyntax,
}

impl RequestStart {
    /// How the stub data is to be encoded.
    #[must_use]
    pub fn transfer(&self) -> TransferSyntax {
        self.transfer
    }

    /// Where the stub data begins in the buffer.
    #[must_use]
    pub fn stub_at(&self) -> usize {
        self.at + self.head_len()
    }

    fn head_len(&self) -> usize {
        if self.has_object {
            RequestHead::LEN_WITH_OBJECT
        } else {
            RequestHead::LEN
        }
    }

    /// The head as it was written, with the operation that is known since.
    fn written_head(&self, opnum: Opnum, out: &[u8]) -> RequestHead {
        let pdu = &out[self.at..];
        let head = pdu
            .first_chunk()
            .and_then(|header| RequestHead::parse(&Header::parse(header), pdu).ok());
        let Some((head, _)) = head else {
            unreachable!("the head was written when the request began");
        };
        RequestHead { opnum, ..head }
    }
}

/// A further part of a request: its stub data is to be appended to the buffer, then it is to be
/// finished, as the last one or not, or cancelled.
#[derive(Debug)]
#[must_use = "a part that has begun must be finished or cancelled"]
pub struct RequestPartStart {
    at: usize,
    head_len: usize,
}

impl RequestPartStart {
    /// Where the stub data begins in the buffer.
    #[must_use]
    pub fn stub_at(&self) -> usize {
        self.at + self.head_len
    }
}

/// A call whose request has begun and is not sent to its end. Each part repeats the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendingCall {
    call: CallId,
    head: RequestHead,
}

impl SendingCall {
    /// The call.
    pub(super) fn call(&self) -> CallId {
        self.call
    }
}

impl ClientConnection {
    /// Begins a call: reserves the room of its header in `out`. The caller appends the stub
    /// data, then calls `finish_request`.
    ///
    /// # Errors
    ///
    /// The context is not bound, or no further call can be made now.
    // Nearly all of it is looking whether something is in the way.
    #[inline(always)]
    pub fn begin_request(
        &mut self,
        context: ContextId,
        object: Option<Uuid>,
        out: &mut Vec<u8>,
    ) -> Result<RequestStart, CallError> {
        if self.phase != Phase::Bound || self.is_closing {
            return Err(CallError::NotBound);
        }
        let transfer = self
            .contexts
            .find(context)
            .ok_or(CallError::UnknownContext(context))?;
        if self.sending.is_some() || (!self.calls.is_empty() && !self.is_multiplexed) {
            return Err(CallError::Busy);
        }
        if self.calls.len() >= self.config.limits.calls_per_connection_max {
            return Err(CallError::TooManyCalls(self.calls.len()));
        }
        let head = RequestHead {
            alloc_hint: 0,
            context,
            opnum: Opnum(0),
            object,
        };
        let at = out.len();
        head.write(CallId(0), PduFlags::WHOLE, out);
        Ok(RequestStart {
            at,
            has_object: object.is_some(),
            transfer,
        })
    }

    /// Finishes a call that will be answered; `key` is the caller's name of it. What is longer
    /// than a fragment is split in place; what is [shared](crate::Pieces) of it stays shared,
    /// unless it is protected.
    #[inline(always)]
    pub fn finish_request<O: Output>(
        &mut self,
        start: RequestStart,
        opnum: Opnum,
        key: u64,
        out: &mut O,
    ) -> CallId {
        let call = self.new_call(&start, key);
        self.send_request(&start, call, opnum, out);
        call
    }

    /// Finishes a call that nobody answers, and of whose fate nothing will be known.
    pub fn finish_maybe<O: Output>(
        &mut self,
        start: RequestStart,
        opnum: Opnum,
        out: &mut O,
    ) -> CallId {
        let call = self.new_call_id();
        out.buffer()[start.at + 3] |= PduFlags::MAYBE.0;
        self.send_request(&start, call, opnum, out);
        call
    }

    /// Sends what was appended as the first part of a request that goes on: an in-pipe. The call
    /// is outstanding; its further parts are begun by
    /// [`begin_request_part`](Self::begin_request_part). Until the last one no other call can be
    /// made ([`CallError::Busy`]).
    ///
    /// A response or fault that comes before that ends the call all the same. No further part can
    /// be begun then, and an orphaned PDU has been written, which tells the server that the rest
    /// does not come: see [`orphan`](Self::orphan).
    pub fn finish_request_part(
        &mut self,
        start: RequestStart,
        opnum: Opnum,
        key: u64,
        out: &mut Vec<u8>,
    ) -> CallId {
        let call = self.new_call(&start, key);
        let head = start.written_head(opnum, out);
        self.sending = Some(SendingCall { call, head });
        fragments::set_extent(out, start.at, true, false);
        self.send_request(&start, call, opnum, out);
        call
    }

    /// The call whose request has begun and is not sent to its end.
    #[must_use]
    pub fn sending_call(&self) -> Option<CallId> {
        let sending = self.sending.filter(|_| !self.is_closing)?;
        Some(sending.call)
    }

    /// Begins the next part of a request: reserves the room of its header in `out`. The caller
    /// appends the stub data, then calls `continue_request` or `end_request`.
    /// `None`: the request of this call is not being sent, for the call has ended or the
    /// connection closes.
    pub fn begin_request_part(
        &mut self,
        call: CallId,
        out: &mut Vec<u8>,
    ) -> Option<RequestPartStart> {
        let sending = self.sending.filter(|_| !self.is_closing)?;
        if sending.call != call {
            return None;
        }
        let at = out.len();
        sending.head.write(call, PduFlags::NONE, out);
        Some(RequestPartStart {
            at,
            head_len: sending.head.encoded_len(),
        })
    }

    /// Sends what was appended as a part of the request that goes on.
    ///
    /// # Panics
    ///
    /// The part has no stub data.
    pub fn continue_request(&mut self, start: RequestPartStart, out: &mut Vec<u8>) {
        fragments::check_part(out.len() - start.stub_at());
        self.send_fragments(start.at, start.head_len, out);
    }

    /// Sends what was appended, which may be nothing, as the last part of the request.
    pub fn end_request(&mut self, start: RequestPartStart, out: &mut Vec<u8>) {
        fragments::set_extent(out, start.at, false, true);
        self.sending = None;
        self.send_fragments(start.at, start.head_len, out);
    }

    /// Takes a begun part back; the request still goes on.
    pub fn cancel_request_part(&mut self, start: RequestPartStart, out: &mut Vec<u8>) {
        out.truncate(start.at);
    }

    /// Takes a begun call back.
    pub fn cancel_request<O: Output>(&mut self, start: RequestStart, out: &mut O) {
        out.take_back(start.at);
    }

    /// A call has ended. If its request was still being sent, the server is told that the rest
    /// does not come, so that it can take another one.
    pub(super) fn end_sending(&mut self, call: CallId, out: &mut Vec<u8>) {
        if self
            .sending
            .take_if(|sending| sending.call == call)
            .is_some()
        {
            write_bare(PduType::Orphaned, call, out);
        }
    }

    #[inline(always)]
    fn new_call(&mut self, start: &RequestStart, key: u64) -> CallId {
        self.calls.make_room();
        let call = self.new_call_id();
        self.calls.insert(
            call,
            OutstandingCall {
                key,
                transfer: start.transfer,
                is_streamed: false,
            },
        );
        call
    }

    #[inline(always)]
    fn send_request<O: Output>(
        &mut self,
        start: &RequestStart,
        call: CallId,
        opnum: Opnum,
        out: &mut O,
    ) {
        if let Some(head) = out.buffer()[start.at..].first_chunk_mut::<{ RequestHead::LEN }>() {
            head[12..16].copy_from_slice(&call.0.to_le_bytes());
            head[22..24].copy_from_slice(&opnum.0.to_le_bytes());
        }
        self.send_fragments(start.at, start.head_len(), out);
    }

    #[inline(always)]
    fn send_fragments<O: Output>(&mut self, at: usize, head_len: usize, out: &mut O) {
        let protection = self.security.as_mut().and_then(ClientSecurity::protection);
        fragments::finish(out, at, head_len, self.fragment_max, protection);
    }
}
