//! The server's side of a connection.

mod association;
mod calls;
mod endpoint;
mod established;
mod event;
mod expect_bind;
mod fragmented;
mod presentation;
mod refusal;
mod requests;
mod responses;
mod security;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

pub use self::endpoint::ServerEndpoint;
use self::established::Established;
pub use self::event::{ReplyTo, Request, ServerEvent};
use self::expect_bind::ExpectBind;
use self::refusal::Refusal;
use self::requests::CallHead;
pub use self::responses::ResponseStart;
use crate::error::{CloseReason, Violation};
use crate::framing::{Frame, Framer};
use crate::input::{AssembledStub, BufferPool, Input, Stub};
use crate::limits::Limits;
use crate::pdu::{Header, PduType, RequestHead};
use crate::security::AuthenticationLevel;
use crate::time::Time;
use crate::types::{BindTimeFeatures, CallId, GroupId, MaxFragment};

/// The server's side of one connection, without I/O: bytes and a time go in, answers and events
/// come out.
///
/// ```text
///              bind               request, alter_context, auth3,
///                                     co_cancel, orphaned
///  ┌────────────┐        ┌─────────────┐ ◂──┐
///  │ ExpectBind │ ─────▸ │ Established │ ───┘
///  └─────┬──────┘        └──────┬──────┘
///        │ anything else        │ a violation, a timeout
///        ▾                      ▾
///      closing: the last answer is written, no further byte is looked at
/// ```
///
/// # Order of calls
///
/// After each receive, call [`next_event`](Self::next_event) until it returns `None`. Between
/// two of these calls any answers may be begun and finished; each `begin_response` is followed by
/// its `finish_response` or `cancel_response` before anything else is written to the same
/// buffer. All bytes written to `out` are to be sent in their order. After
/// [`ServerEvent::Close`] no input is looked at and answers are dropped, but the active calls are
/// still known. [`close`](Self::close) is to be called in the end, whatever the end was.
///
/// # Streams
///
/// What a pipe carries has no limit, so neither side keeps it. A request for an operation that
/// [`streams`](ServerEndpoint::streams) comes as one [`ServerEvent::Request`], then as
/// [`ServerEvent::RequestData`], until its last fragment or its answer, whichever is first; what
/// follows an answer is skipped. A response may leave in parts, by
/// [`finish_response_part`](Self::finish_response_part), and then holds back the other answers of
/// the connection: ask [`can_answer`](Self::can_answer). Who cannot take more data does not
/// receive more, and says so by [`pause`](Self::pause).
///
/// The verification trailer of an authenticated request comes at its end, so a streamed call is
/// handed out before it is checked. If it does not hold, the connection closes in the place of
/// the last fragment: a manager that must be sure of it does nothing final before that.
///
/// The time that is passed in never goes backwards.
pub struct ServerConnection {
    limits: Arc<Limits>,
    state: State,
    /// The last event was given out; no byte is looked at or written any more.
    is_closing: bool,
    /// This side does not receive.
    is_paused: bool,
    framer: Framer,
    pool: BufferPool,
    /// The longest PDU that is legal to receive.
    legal_len: usize,
    /// The length of the PDU that has begun, if the endpoint was told of it.
    announced_pdu: usize,
    created: Time,
    /// When the PDU or the fragmented request that has begun went on last.
    progress: Time,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all of the time it is the large one"
)]
enum State {
    ExpectBind(ExpectBind),
    Established(Established),
}

/// What the handlers of all states work with.
struct Env<'a, E> {
    now: Time,
    limits: &'a Limits,
    pool: &'a mut BufferPool,
    endpoint: &'a mut E,
    out: &'a mut Vec<u8>,
}

/// What a PDU leads to: an event, nothing to tell, or the end.
type Outcome<'b> = Result<Option<ServerEvent<'b>>, Refusal>;

impl ServerConnection {
    /// A connection that was just accepted.
    ///
    /// Call ids, which are the client's choice, are hashed under a secret of this process, so
    /// that no client can aim at collisions.
    #[must_use]
    pub fn new(limits: Arc<Limits>, now: Time) -> Self {
        let own_max = MaxFragment::own(limits.fragment_len_max);
        let pool = BufferPool::new(&limits);
        ServerConnection {
            limits,
            state: State::ExpectBind(ExpectBind {
                own_max,
                seed: RandomState::new().hash_one(now.as_nanos()),
            }),
            is_closing: false,
            is_paused: false,
            framer: Framer::default(),
            pool,
            legal_len: own_max.legal_to_receive(),
            announced_pdu: 0,
            created: now,
            progress: now,
        }
    }

    /// The same new connection, its calls hashed by this seed, so that a run can be repeated:
    /// only the order of [`active_call_keys`](Self::active_call_keys) depends on it. The peer
    /// must not know the seed.
    ///
    /// # Panics
    ///
    /// The connection is bound already.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        match &mut self.state {
            State::ExpectBind(expect_bind) => expect_bind.seed = seed,
            State::Established(_) => panic!("a connection is seeded before its bind"),
        }
        self
    }

    /// Consumes input until there is an event, or all input is used up. Answers that need no
    /// engine are appended to `out`. The event borrows the input, not the connection.
    #[inline]
    pub fn next_event<'b, E: ServerEndpoint>(
        &mut self,
        now: Time,
        input: &mut Input<'b>,
        endpoint: &mut E,
        out: &mut Vec<u8>,
    ) -> Option<ServerEvent<'b>> {
        match self.next_plain_request(now, input) {
            Some(request) => Some(ServerEvent::Request(request)),
            None => self.next_other(now, input, endpoint, out),
        }
    }

    /// The short way of [`next_event`](Self::next_event) for what nearly all PDUs are: a whole
    /// little-endian request without object, security or flags, for a call that can be
    /// dispatched. `None` takes nothing and says nothing: ask `next_event`.
    // To move a whole `Request` would cost more than all else here, and callers use a part of it.
    #[inline(always)]
    pub fn next_plain_request<'b>(
        &mut self,
        now: Time,
        input: &mut Input<'b>,
    ) -> Option<Request<'b>> {
        let State::Established(established) = &mut self.state else {
            return None;
        };
        if self.is_closing {
            return None;
        }
        let (kind, legal_len) = (PduType::Request, self.legal_len);
        let (call, pdu) = self
            .framer
            .peek_plain(input, kind, RequestHead::LEN, legal_len)?;
        let (fixed, stub) = RequestHead::parse_plain(pdu)?;
        let head = CallHead::plain(call, fixed);
        let (interface, transfer) = established.begin_plain(&head, stub.len(), &self.limits)?;
        self.framer.take_plain(input, pdu);
        self.progress = now;
        Some(Request {
            reply: ReplyTo {
                call,
                context: fixed.context,
                security: None,
                maybe: false,
            },
            interface,
            transfer,
            opnum: fixed.opnum,
            object: None,
            drep: head.drep,
            maybe: false,
            authentication: AuthenticationLevel::None,
            stub: Stub::InPlace(stub),
            is_last: true,
        })
    }

    // Not inlined, so that what seldom happens takes no registers from what mostly does.
    #[inline(never)]
    fn next_other<'b, E: ServerEndpoint>(
        &mut self,
        now: Time,
        input: &mut Input<'b>,
        endpoint: &mut E,
        out: &mut Vec<u8>,
    ) -> Option<ServerEvent<'b>> {
        if self.is_closing {
            input.discard();
            return None;
        }
        loop {
            let is_growing = !input.is_empty();
            let outcome = match self.framer.next(input, self.legal_len, &mut self.pool) {
                Ok(None) => {
                    let begun = self.framer.partial_header();
                    if is_growing && self.is_progress(begun.map(|header| header.kind)) {
                        self.progress = now;
                    }
                    match begun.map(|header| self.announce_pdu(&header, endpoint)) {
                        Some(Err(refusal)) => Err(refusal),
                        _ => return None,
                    }
                }
                Ok(Some(frame)) => {
                    self.forget_pdu(endpoint);
                    self.handle(now, frame, endpoint, out)
                }
                Err(error) => Err(Refusal::bad_frame(&error.header, error.violation)),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(event)) => return Some(event),
                Err(refusal) => {
                    input.discard();
                    self.is_closing = true;
                    if let State::Established(established) = &mut self.state {
                        established.end_assembly(endpoint, &mut self.pool);
                    }
                    return Some(ServerEvent::Close(refusal.write(out)));
                }
            }
        }
    }

    /// Tells the endpoint of a PDU that has begun, if it is of those that only extensions allow:
    /// many of them would be much.
    fn announce_pdu<E: ServerEndpoint>(
        &mut self,
        begun: &Header,
        endpoint: &mut E,
    ) -> Result<(), Refusal> {
        let len = usize::from(begun.fragment_len);
        if self.announced_pdu > 0 || len <= MaxFragment::DEFAULT.legal_to_receive() {
            return Ok(());
        }
        if !endpoint.grow_assembly(len) {
            return Err(requests::too_busy(begun.call));
        }
        self.announced_pdu = len;
        Ok(())
    }

    /// No PDU has begun any more.
    fn forget_pdu<E: ServerEndpoint>(&mut self, endpoint: &mut E) {
        if self.announced_pdu > 0 {
            endpoint.shrink_assembly(std::mem::take(&mut self.announced_pdu));
        }
    }

    fn handle<'b, E: ServerEndpoint>(
        &mut self,
        now: Time,
        frame: Frame<'b>,
        endpoint: &mut E,
        out: &mut Vec<u8>,
    ) -> Outcome<'b> {
        if self.is_progress(Some(frame.header.kind)) {
            self.progress = now;
        }
        let mut env = Env {
            now,
            limits: &self.limits,
            pool: &mut self.pool,
            endpoint,
            out,
        };
        match &mut self.state {
            State::Established(established) => established.handle(frame, &mut env),
            State::ExpectBind(expect_bind) => {
                let established = expect_bind.handle(frame, &mut env)?;
                self.legal_len = established.fragment_max.legal_to_receive();
                self.state = State::Established(established);
                Ok(None)
            }
        }
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

    /// Whether a whole PDU lies here that [`next_event`](Self::next_event) would take without
    /// further input.
    #[inline]
    #[must_use]
    pub fn has_whole_pdu(&self) -> bool {
        !self.is_closing && self.framer.has_whole()
    }

    /// Notes the engine's own name of a call that will be answered later. Cancel and orphan
    /// events carry it.
    ///
    /// The call must be active: handed out, not `maybe`, and not answered.
    pub fn set_call_key(&mut self, call: CallId, key: u64) {
        if let State::Established(established) = &mut self.state {
            established.calls.set_key(call, key);
        }
    }

    /// Gives the buffer of a stub back for another call.
    pub fn recycle(&mut self, stub: AssembledStub) {
        self.pool.put(stub.into_buffer());
    }

    /// Frees what is kept for re-use: buffers, and the room of calls that were active at a time.
    /// For a connection that has been idle for a while; the next long or many calls allocate
    /// again.
    pub fn trim(&mut self) {
        self.pool.trim();
        if let State::Established(established) = &mut self.state {
            established.calls.trim();
        }
    }

    /// Bytes that are kept for re-use: what [`trim`](Self::trim) would free.
    #[must_use]
    pub fn kept_len(&self) -> usize {
        let calls = self
            .established()
            .map_or(0, |established| established.calls.spare_len());
        self.pool.kept_len() + calls
    }

    /// Calls that were handed out and are not answered yet.
    #[must_use]
    pub fn active_calls(&self) -> usize {
        self.established()
            .map_or(0, |established| established.calls.len())
    }

    /// Whether nothing is under way: the connection is bound, each call is answered, and no PDU,
    /// request or exchange of security tokens has begun. It owes nothing to its endpoint then but
    /// the place in its group, and may go on in another place.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let has_begun = self.is_closing || self.is_paused || self.framer.is_mid_pdu();
        !has_begun && self.established().is_some_and(Established::is_idle)
    }

    /// The keys of all active calls that have one.
    pub fn active_call_keys(&self) -> impl Iterator<Item = u64> {
        self.established()
            .into_iter()
            .flat_map(|established| established.calls.keys())
    }

    /// The association group: once bound, until `close`.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        self.established()?.group
    }

    /// What both sides can do, once bound.
    #[must_use]
    pub fn features(&self) -> BindTimeFeatures {
        self.established()
            .map(|established| established.features)
            .unwrap_or_default()
    }

    /// How many whole PDUs came in so far.
    #[must_use]
    pub fn received_pdus(&self) -> u64 {
        self.framer.count()
    }

    /// Whether several calls may be outstanding at a time.
    #[must_use]
    pub fn is_multiplexed(&self) -> bool {
        self.established()
            .is_some_and(|established| established.is_multiplexed)
    }

    /// The largest PDU that this side sends, once bound.
    #[must_use]
    pub fn fragment_max(&self) -> Option<MaxFragment> {
        self.established()
            .map(|established| established.fragment_max)
    }

    /// Who the client of a call is, where its security context knows.
    #[must_use]
    pub fn principal(&self, reply: &ReplyTo) -> Option<&str> {
        self.established()?.security.principal(reply.security?)
    }

    /// When [`handle_deadline`](Self::handle_deadline) is to be called, if nothing comes in
    /// before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let bind = self
            .bind_began()
            .map(|began| began + self.limits.bind_timeout);
        let progress = self
            .is_mid_way()
            .then(|| self.progress + self.limits.progress_timeout);
        bind.into_iter().chain(progress).min()
    }

    /// Ends the connection if a deadline has passed: a bind or a PDU took too long.
    ///
    /// `out` stays as it is: the protocol has no word for this, the connection just closes.
    pub fn handle_deadline(
        &mut self,
        now: Time,
        _out: &mut Vec<u8>,
    ) -> Option<ServerEvent<'static>> {
        let limits = &self.limits;
        let reason = if self
            .bind_began()
            .is_some_and(|began| now >= began + limits.bind_timeout)
        {
            CloseReason::BindTimeout
        } else if self.is_mid_way() && now >= self.progress + limits.progress_timeout {
            CloseReason::ProgressTimeout
        } else {
            return None;
        };
        self.is_closing = true;
        Some(ServerEvent::Close(reason))
    }

    /// This side receives nothing until [`resume`](Self::resume): no PDU can go on meanwhile, and
    /// no client is to blame for it.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// This side receives again: what has begun has its time anew.
    pub fn resume(&mut self, now: Time) {
        if std::mem::take(&mut self.is_paused) {
            self.progress = now;
        }
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// The transport is gone: leaves the association group. The active calls are still known
    /// afterwards, and can be answered, into nothing. Idempotent.
    pub fn close<E: ServerEndpoint>(&mut self, endpoint: &mut E) {
        self.is_closing = true;
        self.forget_pdu(endpoint);
        if let State::Established(established) = &mut self.state {
            established.end_assembly(endpoint, &mut self.pool);
            if let Some(group) = established.group.take() {
                endpoint.leave_group(group);
            }
        }
    }

    fn established(&self) -> Option<&Established> {
        match &self.state {
            State::Established(established) => Some(established),
            State::ExpectBind(_) => None,
        }
    }

    /// When the bind began that is not finished, with all its security legs.
    fn bind_began(&self) -> Option<Time> {
        match &self.state {
            _ if self.is_closing => None,
            State::ExpectBind(_) => Some(self.created),
            State::Established(established) => established.security.exchanging_since(),
        }
    }

    /// Whether a PDU or an assembled request has begun, and waits for the client alone.
    fn is_mid_way(&self) -> bool {
        !self.is_closing && !self.is_paused && (self.framer.is_mid_pdu() || self.is_assembling())
    }

    fn is_assembling(&self) -> bool {
        self.established().is_some_and(Established::is_assembling)
    }

    /// Whether a PDU of this type, or a part of it, lets what has begun go on. While a fragmented
    /// request has begun, each request is a fragment of it or an error, and nothing else counts.
    fn is_progress(&self, kind: Option<PduType>) -> bool {
        kind == Some(PduType::Request) || !self.is_assembling()
    }
}

/// The answer to a PDU that has no place in a state.
fn unexpected(header: &Header, state: &'static str) -> Refusal {
    Refusal::proto_error(
        header.call,
        Violation::UnexpectedPdu {
            kind: header.kind,
            state,
        },
    )
}
