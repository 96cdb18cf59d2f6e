//! The client's side of a connection.

mod call_ids;
mod config;
mod negotiation;
mod offers;
mod outstanding;
mod requests;
mod responses;
mod security;

use self::call_ids::CallIds;
pub use self::config::ClientConfig;
use self::negotiation::Negotiation;
use self::offers::{Contexts, Offer};
use self::outstanding::{OutstandingCall, OutstandingCalls};
use self::requests::SendingCall;
pub use self::requests::{RequestPartStart, RequestStart};
use self::responses::ArrivingResponse;
pub use self::responses::PlainResponse;
use self::security::ClientSecurity;
use crate::drep::DataRepresentation;
use crate::error::{CloseReason, OfferError};
use crate::extensions::Extensions;
use crate::fault::FaultStatus;
use crate::framing::{Frame, Framer};
use crate::input::{AssembledStub, BufferPool, Input, Stub};
use crate::pdu::{BindNakReason, PduType, ProviderReason, write_bare};
use crate::security::{AuthenticationLevel, ClientMechanism};
use crate::time::Time;
use crate::types::{
    BindTimeFeatures, CallId, ContextId, GroupId, MaxFragment, SyntaxId, TransferSyntax,
};

/// The client's side of one connection, without I/O: bytes and a time go in, PDUs and events
/// come out.
///
/// ```text
///  ┌─────────┐ bind()  ┌─────────┐ bind_ack, all legs  ┌───────┐ ◂─┐ add_interface(),
///  │ Unbound │ ──────▸ │ Binding │ ──────────────────▸ │ Bound │ ──┘ calls
///  └─────────┘         └────┬────┘                     └───┬───┘
///                           │ bind_nak                     │ a violation, a timeout, shutdown
///                           ▾                              ▾
///                         closing: no further byte is looked at
/// ```
///
/// # Order of calls
///
/// First [`bind`](Self::bind). After each receive, call [`next_event`](Self::next_event) until
/// it returns `None`. After [`ClientEvent::Bound`] calls may be made in the context that it
/// names: `begin_request`, append the stub data to the buffer, `finish_request`, with nothing
/// else written to that buffer in between. A request may also be sent in parts, with
/// `finish_request_part` and then `begin_request_part` again and again; other calls are made
/// when it has ended. All bytes written to `out` are to be sent in their
/// order. Each call that was finished ends in one `Response`, last `ResponseData` or `Fault`, or
/// by `orphan`, or with the connection: then its key is in [`call_keys`](Self::call_keys).
///
/// The time that is passed in never goes backwards.
pub struct ClientConnection {
    config: ClientConfig,
    phase: Phase,
    /// The last event was given out; no byte is looked at or written any more.
    is_closing: bool,
    /// This side does not receive.
    is_paused: bool,
    framer: Framer,
    pool: BufferPool,
    own_max: MaxFragment,
    fragment_max: MaxFragment,
    contexts: Contexts,
    /// The bind or alter_context that waits for its answer.
    negotiation: Option<Negotiation>,
    security: Option<ClientSecurity>,
    calls: OutstandingCalls,
    call_ids: CallIds,
    /// The one call whose request has begun and is not sent to its end.
    sending: Option<SendingCall>,
    /// The one response whose fragments are arriving.
    arriving: Option<ArrivingResponse>,
    is_multiplexed: bool,
    features: BindTimeFeatures,
    extensions: Option<Extensions>,
    group: Option<GroupId>,
    /// When the PDU or the response that has begun went on last.
    progress: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unbound,
    Binding,
    Bound,
}

/// What has happened on a client's connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent<'b> {
    /// The server accepts an interface, in a bind or in an alter_context.
    Bound {
        /// The interface as it was offered.
        abstract_syntax: SyntaxId,
        /// What calls to the interface are made in.
        context: ContextId,
        /// How their stub data is encoded.
        transfer: TransferSyntax,
        /// The association group of the connection.
        group: GroupId,
    },
    /// The server does not accept an interface. The connection stays, and others may be added.
    InterfaceRefused {
        /// The interface as it was offered.
        abstract_syntax: SyntaxId,
        /// Why.
        reason: ProviderReason,
    },
    /// The server refuses the association. The connection is over.
    BindRefused(BindNakReason),
    /// A call's out-parameters.
    Response {
        /// The caller's name of the call.
        key: u64,
        /// The call.
        call: CallId,
        /// How the stub data is encoded.
        transfer: TransferSyntax,
        /// Byte order and character set of the stub data.
        drep: DataRepresentation,
        /// The out-parameters.
        stub: Stub<'b>,
    },
    /// The next fragment of the response to a call that
    /// [`stream_response`](ClientConnection::stream_response) named.
    ResponseData {
        /// The caller's name of the call.
        key: u64,
        /// The call.
        call: CallId,
        /// How the stub data is encoded.
        transfer: TransferSyntax,
        /// Byte order and character set of the stub data.
        drep: DataRepresentation,
        /// The next piece of the out-parameters; of any length, also none.
        stub: Stub<'b>,
        /// Whether the response, and with it the call, ends here.
        is_last: bool,
    },
    /// A call failed on the server.
    Fault {
        /// The caller's name of the call.
        key: u64,
        /// The call.
        call: CallId,
        /// Why.
        status: FaultStatus,
        /// Whether it certainly did not execute.
        did_not_execute: bool,
        /// Extended error information, as [`ServerConnection::fault_with`] describes it, not
        /// looked at; not longer than `Limits::extended_error_len_max`. It is never protected.
        ///
        /// [`ServerConnection::fault_with`]: crate::ServerConnection::fault_with
        extended: Option<Stub<'b>>,
    },
    /// The connection is over; the transport is to be closed.
    Close(CloseReason),
}

/// What a PDU leads to: an event, nothing to tell, or the end.
type Outcome<'b> = Result<Option<ClientEvent<'b>>, CloseReason>;

impl ClientConnection {
    /// A connection whose transport is, or will be, connected.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let own_max = MaxFragment::own(config.fragment_len_max);
        let pool = BufferPool::new(&config.limits);
        ClientConnection {
            config,
            phase: Phase::Unbound,
            is_closing: false,
            is_paused: false,
            framer: Framer::default(),
            pool,
            own_max,
            fragment_max: MaxFragment::MIN,
            contexts: Contexts::default(),
            negotiation: None,
            security: None,
            calls: OutstandingCalls::default(),
            call_ids: CallIds::default(),
            sending: None,
            arriving: None,
            is_multiplexed: false,
            features: BindTimeFeatures::NONE,
            extensions: None,
            group: None,
            progress: Time::ZERO,
        }
    }

    /// The same connection, authenticated by `mechanism` in its bind and protected at `level`.
    #[must_use]
    pub fn with_security(
        mut self,
        mechanism: Box<dyn ClientMechanism>,
        level: AuthenticationLevel,
    ) -> Self {
        self.security = Some(ClientSecurity::new(mechanism, level));
        self
    }

    /// Offers an interface with transfer syntaxes in the order of preference, and opens the
    /// association, in the group of another connection or in a new one. Ends in
    /// [`ClientEvent::Bound`], `InterfaceRefused`, `BindRefused` or `Close`.
    ///
    /// Each transfer syntax is a presentation context of its own, because servers accept one
    /// context per bind.
    ///
    /// # Errors
    ///
    /// The bind was sent before, the offer is empty or too large, or security cannot start.
    pub fn bind(
        &mut self,
        now: Time,
        abstract_syntax: SyntaxId,
        transfers: &[TransferSyntax],
        group: Option<GroupId>,
        out: &mut Vec<u8>,
    ) -> Result<(), OfferError> {
        if self.phase != Phase::Unbound || self.is_closing {
            return Err(OfferError::AlreadyBound);
        }
        let offer = self.offer(abstract_syntax, transfers)?;
        self.send_bind(now, offer, group, out)?;
        self.phase = Phase::Binding;
        Ok(())
    }

    /// Offers a further interface, also while calls are outstanding. Several offers wait for
    /// each other. Ends in [`ClientEvent::Bound`], `InterfaceRefused` or `Close`.
    ///
    /// # Errors
    ///
    /// `bind` was not called, the connection is closing, or the offer is empty or too large.
    pub fn add_interface(
        &mut self,
        now: Time,
        abstract_syntax: SyntaxId,
        transfers: &[TransferSyntax],
        out: &mut Vec<u8>,
    ) -> Result<(), OfferError> {
        if self.phase == Phase::Unbound || self.is_closing {
            return Err(OfferError::NotBound);
        }
        let offer = self.offer(abstract_syntax, transfers)?;
        self.contexts.enqueue(offer);
        self.send_next_offer(now, out);
        Ok(())
    }

    fn offer(
        &mut self,
        abstract_syntax: SyntaxId,
        transfers: &[TransferSyntax],
    ) -> Result<Offer, OfferError> {
        let limit = self.config.limits.contexts_per_connection_max;
        self.contexts.offer(abstract_syntax, transfers, limit)
    }

    /// Tells the server that the client would like a call to end soon. Its answer still comes.
    pub fn cancel(&mut self, call: CallId, out: &mut Vec<u8>) {
        if !self.is_closing && self.calls.get(call).is_some() {
            write_bare(PduType::CoCancel, call, out);
        }
    }

    /// Forgets a call and tells the server so; what still comes of its answer is dropped. The
    /// key of the call, if it was outstanding.
    ///
    /// Where its request was still being [sent in parts](Self::finish_request_part), sending
    /// ends. A server that takes an orphaned PDU as the end of the request, as C706 12.6.4.8
    /// means it and this crate does, then serves other calls of this connection; one that
    /// ignores it closes the connection at the next call.
    pub fn orphan(&mut self, call: CallId, out: &mut Vec<u8>) -> Option<u64> {
        let orphaned = self.calls.remove(call)?;
        self.sending.take_if(|sending| sending.call() == call);
        self.forget_response(call);
        if !self.is_closing {
            write_bare(PduType::Orphaned, call, out);
        }
        Some(orphaned.key)
    }

    /// Consumes input until there is an event, or all input is used up. PDUs that follow by
    /// themselves are appended to `out`. The event borrows the input, not the connection.
    #[inline]
    pub fn next_event<'b>(
        &mut self,
        now: Time,
        input: &mut Input<'b>,
        out: &mut Vec<u8>,
    ) -> Option<ClientEvent<'b>> {
        match self.next_plain_response(now, input) {
            Some(response) => Some(response.into()),
            None => self.next_other(now, input, out),
        }
    }

    // Not inlined, so that what seldom happens takes no registers from what mostly does.
    #[inline(never)]
    fn next_other<'b>(
        &mut self,
        now: Time,
        input: &mut Input<'b>,
        out: &mut Vec<u8>,
    ) -> Option<ClientEvent<'b>> {
        if self.is_closing {
            input.discard();
            return None;
        }
        loop {
            let is_growing = !input.is_empty();
            let legal_len = self.own_max.legal_to_receive();
            let outcome = match self.framer.next(input, legal_len, &mut self.pool) {
                Ok(None) => {
                    if is_growing
                        && self.is_progress(self.framer.partial_header().map(|header| header.kind))
                    {
                        self.progress = now;
                    }
                    return None;
                }
                Ok(Some(frame)) => self.handle(now, frame, out),
                Err(error) => Err(error.violation.into()),
            };
            let event = match outcome {
                Ok(None) => continue,
                Ok(Some(event)) => event,
                Err(reason) => ClientEvent::Close(reason),
            };
            if matches!(event, ClientEvent::Close(_) | ClientEvent::BindRefused(_)) {
                input.discard();
                self.is_closing = true;
            }
            return Some(event);
        }
    }

    fn handle<'b>(&mut self, now: Time, frame: Frame<'b>, out: &mut Vec<u8>) -> Outcome<'b> {
        if self.is_progress(Some(frame.header.kind)) {
            self.progress = now;
        }
        match frame.header.kind {
            PduType::Response if self.phase == Phase::Bound => {
                return self.response(now, frame, out);
            }
            PduType::Fault => return self.fault(frame, out),
            _ => {}
        }
        let Frame { header, bytes } = frame;
        let pdu = bytes.as_slice();
        let outcome = match header.kind {
            PduType::BindAck | PduType::AlterContextResp => {
                self.acknowledged(now, &header, pdu, out)
            }
            PduType::BindNak => self.refused(&header, pdu),
            PduType::Shutdown => Err(CloseReason::Shutdown),
            _ => Err(self.unexpected(&header)),
        };
        bytes.recycle(&mut self.pool);
        outcome
    }

    /// Lends the beginning of a long PDU, in a buffer with room for the rest: so that this can be
    /// received right to its place. Until [`take_back`](Self::take_back) no other input may come.
    /// `None`: nothing long has begun.
    #[inline]
    pub fn lend_partial(&mut self) -> Option<Vec<u8>> {
        if self.is_closing {
            return None;
        }
        self.framer.lend_partial()
    }

    /// Takes the beginning of a PDU back, with what was received behind it; the bytes that come
    /// behind the PDU are appended to `ahead`, which is the next input, even if it is empty.
    pub fn take_back(&mut self, now: Time, buffer: Vec<u8>, ahead: &mut Vec<u8>) {
        let has_grown = self.framer.take_back(buffer, ahead);
        let begun = self.framer.partial_header();
        if has_grown && self.is_progress(begun.map(|header| header.kind)) {
            self.progress = now;
        }
    }

    /// The next call id that belongs neither to a call nor to a negotiation.
    #[inline]
    fn new_call_id(&mut self) -> CallId {
        let negotiating = self.negotiation.as_ref().map(|sent| sent.call);
        let calls = &self.calls;
        self.call_ids
            .next(|call| negotiating == Some(call) || !calls.is_free(call))
    }

    /// Gives the buffer of a stub back for another response.
    pub fn recycle(&mut self, stub: AssembledStub) {
        self.pool.put(stub.into_buffer());
    }

    /// Frees what is kept for re-use: buffers, and the room of calls that were outstanding at a
    /// time. For a connection that has been idle for a while; the next long or many calls
    /// allocate again.
    pub fn trim(&mut self) {
        self.pool.trim();
        self.calls.trim();
    }

    /// Bytes that are kept for re-use: what [`trim`](Self::trim) would free.
    #[must_use]
    pub fn kept_len(&self) -> usize {
        self.pool.kept_len() + self.calls.spare_len()
    }

    /// When [`handle_deadline`](Self::handle_deadline) is to be called, if nothing comes in
    /// before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let limits = &self.config.limits;
        let bind = self
            .negotiating_since()
            .map(|since| since + limits.bind_timeout);
        let progress = self
            .is_mid_way()
            .then(|| self.progress + limits.progress_timeout);
        bind.into_iter().chain(progress).min()
    }

    /// Ends the connection if a deadline has passed: the answer to a bind or alter_context, or
    /// the rest of a PDU or response, took too long. `out` stays as it is.
    pub fn handle_deadline(
        &mut self,
        now: Time,
        _out: &mut Vec<u8>,
    ) -> Option<ClientEvent<'static>> {
        let limits = &self.config.limits;
        let reason = if self
            .negotiating_since()
            .is_some_and(|at| now >= at + limits.bind_timeout)
        {
            CloseReason::BindTimeout
        } else if self.is_mid_way() && now >= self.progress + limits.progress_timeout {
            CloseReason::ProgressTimeout
        } else {
            return None;
        };
        self.is_closing = true;
        Some(ClientEvent::Close(reason))
    }

    fn negotiating_since(&self) -> Option<Time> {
        let negotiation = self.negotiation.as_ref().filter(|_| !self.is_closing)?;
        Some(negotiation.since)
    }

    /// Whether a PDU or an assembled response has begun, and waits for the server alone.
    fn is_mid_way(&self) -> bool {
        !self.is_closing && !self.is_paused && (self.framer.is_mid_pdu() || self.is_assembling())
    }

    fn is_assembling(&self) -> bool {
        self.arriving
            .as_ref()
            .is_some_and(|begun| !begun.is_streamed())
    }

    /// Whether a PDU of this type, or a part of it, lets what has begun go on: while a response
    /// is assembled, only responses do.
    fn is_progress(&self, kind: Option<PduType>) -> bool {
        kind == Some(PduType::Response) || !self.is_assembling()
    }

    /// Whether a whole PDU lies here that [`next_event`](Self::next_event) would take without
    /// further input.
    #[inline]
    #[must_use]
    pub fn has_whole_pdu(&self) -> bool {
        !self.is_closing && self.framer.has_whole()
    }

    /// This side receives nothing until [`resume`](Self::resume): no PDU can go on meanwhile, and
    /// no server is to blame for it.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// This side receives again: what has begun has its time anew.
    pub fn resume(&mut self, now: Time) {
        if std::mem::take(&mut self.is_paused) {
            self.progress = now;
        }
    }

    /// Calls that wait for their answer.
    #[must_use]
    pub fn outstanding_calls(&self) -> usize {
        self.calls.len()
    }

    /// The keys of the outstanding calls; what is to be failed when the connection breaks.
    pub fn call_keys(&self) -> impl Iterator<Item = u64> {
        self.calls.iter().map(|(_, call)| call.key)
    }

    /// The key of the call whose response is arriving in fragments, and when the last one came.
    #[must_use]
    pub fn arriving_response(&self) -> Option<(u64, Time)> {
        let arriving = self.arriving.as_ref()?;
        let call = self.calls.get(arriving.call)?;
        Some((call.key, arriving.progress))
    }

    /// Whether the connection is bound.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.phase == Phase::Bound && !self.is_closing
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Whether several calls may be outstanding at a time.
    #[must_use]
    pub fn is_multiplexed(&self) -> bool {
        self.is_multiplexed
    }

    /// What both sides can do.
    #[must_use]
    pub fn features(&self) -> BindTimeFeatures {
        self.features
    }

    /// What was agreed on with a server of this implementation.
    #[must_use]
    pub fn extensions(&self) -> Option<Extensions> {
        self.extensions
    }

    /// The association group, once bound.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        self.group
    }

    /// The largest PDU that this side sends, once bound.
    #[must_use]
    pub fn fragment_max(&self) -> Option<MaxFragment> {
        (self.phase == Phase::Bound).then_some(self.fragment_max)
    }
}
