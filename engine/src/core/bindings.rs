//! The clients of a core: its bindings, and the calls that they have in flight.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annulus_ndr::{ByteOrder, DecodeParams};
use annulus_protocol::{CallId, ContextId, Limits, SendBuffer, Time, TransferSyntax, Uuid};
use annulus_transports::SocketId;

use super::LocalReplies;
use crate::binding::BindingShared;
use crate::call_state::{CallState, Reply};
use crate::core::buffers::SharedBufferPool;
use crate::core_shared::CoreShared;
use crate::dispatch::decode_params;
use crate::extended_error::ExtendedError;
use crate::foreign::Contained;
use crate::notify::Notify;
use crate::pipe::PipeLink;
use crate::status::Status;
use crate::table::{Key, Table};

/// The bindings and client calls of one core.
pub(super) struct Bindings {
    pub(super) table: Table<ClientBinding>,
    calls: Table<ClientCall>,
    /// Bindings that were released and have no call left.
    retirees: Vec<Key>,
}

/// A binding: whose connections it uses, and the calls that wait for one.
pub(super) struct ClientBinding {
    pub(super) shared: Arc<BindingShared>,
    pub(super) association: Key,
    /// It wants one connection of the association to stay open.
    pub(super) keeps_connection: bool,
    /// The multiplexed connection that takes all calls of this binding, in their order.
    pub(super) route: Option<Route>,
    pub(super) waiting: WaitingCalls,
    /// Its association knows that calls wait.
    pub(super) is_listed: bool,
    /// The bindings that its calls with pipes are made on, each with connections of its own.
    apart: Vec<Key>,
    /// Calls of this binding that have not ended.
    open_calls: usize,
    /// Nobody uses the binding any more.
    released: bool,
}

/// Where a call is sent. The serial number tells a later connection of the same socket id apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) socket: SocketId,
    pub(super) serial: u64,
    pub(super) context: ContextId,
}

/// Calls that wait for a connection, in the order in which they were made. Some of them may have
/// ended meanwhile.
#[derive(Default)]
pub(super) struct WaitingCalls {
    calls: VecDeque<WaitingCall>,
    /// How many have ended.
    ended: usize,
}

/// A call that cannot be sent yet.
pub(super) struct WaitingCall {
    pub(super) key: Key,
    pub(super) opnum: u16,
    pub(super) object: Option<Uuid>,
    pub(super) stub: SendBuffer,
    /// Nobody answers it.
    pub(super) is_maybe: bool,
}

/// The order that a call has to keep: calls of one lane and binding are dispatched in the order
/// in which they were made. A lane is a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane(u64);

impl Lane {
    /// No order at all.
    pub(crate) const NONE: Lane = Lane(0);

    /// The thread that runs the core, where it makes calls itself.
    pub(super) const OWN: Lane = Lane(1);

    /// The calling thread.
    pub(crate) fn of_this_thread() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(Lane::OWN.0 + 1);
        thread_local! {
            static LANE: Lane = Lane(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        LANE.with(|lane| *lane)
    }
}

/// A call that has not ended.
pub(super) struct ClientCall {
    pub(super) binding: Key,
    pub(super) lane: Lane,
    /// Where it was sent.
    pub(super) placed: Option<(SocketId, CallId)>,
    /// It is not sent another time if its connection breaks before it was sent.
    pub(super) is_retried: bool,
    pub(super) sink: Sink,
    /// When it was made, or a fragment of its response came last.
    pub(super) progress: Time,
    /// When it ends at the latest.
    pub(super) deadline: Time,
    pub(super) pipes: Option<Arc<PipeLink>>,
}

/// The deadline of a call that has none.
pub(super) const NEVER: Time = Time::from_nanos(u64::MAX);

/// Who learns of a call's end.
pub(super) enum Sink {
    /// A caller in any thread.
    Shared {
        state: Arc<CallState>,
        serial: u32,
        notify: Contained<Notify>,
    },
    /// The thread that runs this core, by a token of its choice.
    Local(u64),
    /// Nobody, as of a call that is not answered.
    Nobody,
}

/// The end of a call that the thread of a core made itself.
#[derive(Debug)]
pub struct LocalReply<'r> {
    /// The token that the call was given.
    pub token: u64,
    /// The time of the turn in which the call ended.
    pub at: Time,
    /// The response, where the kernel put it, or how the call failed.
    pub result: Result<StubData<'r>, Status>,
    /// What a fault said beside its status.
    pub(super) extended: &'r [u8],
}

impl LocalReply<'_> {
    /// The end of a call about which the server has said nothing more.
    pub(super) fn failed(token: u64, at: Time, status: Status) -> Self {
        LocalReply {
            token,
            at,
            result: Err(status),
            extended: &[],
        }
    }

    /// Why the call failed, as far as its server said: extended error information (MS-EERR).
    #[must_use]
    pub fn extended_error(&self) -> Option<ExtendedError> {
        // No chain of records is empty.
        ExtendedError::decode(self.extended)
    }

    pub(super) fn failure(&self) -> Option<(u64, Status)> {
        self.result
            .as_ref()
            .err()
            .map(|status| (self.token, *status))
    }
}

/// The stub data of a response.
#[derive(Clone, Copy, Debug)]
pub struct StubData<'r> {
    /// The bytes.
    pub bytes: &'r [u8],
    pub(super) order: ByteOrder,
    pub(super) transfer: TransferSyntax,
    /// The out-parameters stand behind these, and not in `bytes`.
    pub(super) pipes: Option<&'r Arc<PipeLink>>,
}

impl<'r> StubData<'r> {
    /// The byte order of its numbers.
    #[must_use]
    pub fn order(&self) -> ByteOrder {
        self.order
    }

    /// What it is encoded in.
    #[must_use]
    pub fn transfer_syntax(&self) -> TransferSyntax {
        self.transfer
    }

    /// Decodes the out-parameters. What they borrow lives where the response was received.
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`] and its like.
    pub fn decode<O: DecodeParams<'r>>(&self) -> Result<O, Status> {
        decode_params(None, self.bytes, self.order, self.transfer)
    }

    /// The same, checked against what the request tells.
    ///
    /// # Errors
    ///
    /// As for [`decode`](StubData::decode); and [`Status::BadStubData`] if they differ from it.
    pub fn decode_given<O: DecodeParams<'r>>(&self, given: O::Given) -> Result<O, Status> {
        decode_params(Some(given), self.bytes, self.order, self.transfer)
    }
}

impl Bindings {
    pub(super) fn new(limits: &Limits) -> Self {
        Bindings {
            table: Table::new(u32::MAX as usize),
            calls: Table::new(limits.calls_per_core_max),
            retirees: Vec::new(),
        }
    }

    pub(super) fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    /// Enters a binding that uses the connections of `association`.
    pub(super) fn enter(
        &mut self,
        shared: &Arc<BindingShared>,
        association: Key,
        keeps_connection: bool,
    ) -> Key {
        let binding = ClientBinding {
            shared: Arc::clone(shared),
            association,
            keeps_connection,
            route: None,
            waiting: WaitingCalls::default(),
            is_listed: false,
            apart: Vec::new(),
            open_calls: 0,
            released: false,
        };
        let Ok(key) = self.table.insert(binding) else {
            unreachable!("more bindings than memory can hold");
        };
        shared.set_key(key.to_bits());
        key
    }

    /// Enters a call of the thread that runs this core; `None` if there are too many.
    #[inline(always)]
    pub(super) fn begin_local_call(
        &mut self,
        binding: Key,
        lane: Lane,
        now: Time,
        token: u64,
    ) -> Option<(Key, &mut ClientCall)> {
        if self.calls.is_full() {
            return None;
        }
        Some(self.enter_call(binding, lane, now, || Sink::Local(token)))
    }

    /// Enters a call; gives its sink back if there are too many.
    pub(super) fn begin_call(
        &mut self,
        binding: Key,
        lane: Lane,
        now: Time,
        sink: Sink,
    ) -> Result<Key, Sink> {
        if self.calls.is_full() {
            return Err(sink);
        }
        Ok(self.enter_call(binding, lane, now, || sink).0)
    }

    #[inline(always)]
    fn enter_call(
        &mut self,
        binding: Key,
        lane: Lane,
        now: Time,
        make_sink: impl FnOnce() -> Sink,
    ) -> (Key, &mut ClientCall) {
        if let Some(binding) = self.table.get_mut(binding) {
            binding.open_calls += 1;
        }
        self.calls.insert_new(|| ClientCall {
            binding,
            lane,
            placed: None,
            is_retried: false,
            sink: make_sink(),
            progress: now,
            deadline: NEVER,
            pipes: None,
        })
    }

    /// Ends a call of the thread that runs this core, if it is one: its token. Of others nothing
    /// changes.
    #[inline(always)]
    pub(super) fn end_local_call(&mut self, key: Key) -> Option<u64> {
        let call = self.calls.get(key)?;
        let Sink::Local(token) = call.sink else {
            return None;
        };
        debug_assert!(call.pipes.is_none(), "only calls by handle have pipes");
        let binding = call.binding;
        self.calls.forget(key);
        self.leave(binding);
        Some(token)
    }

    pub(super) fn call(&self, key: Key) -> Option<&ClientCall> {
        self.calls.get(key)
    }

    pub(super) fn call_mut(&mut self, key: Key) -> Option<&mut ClientCall> {
        self.calls.get_mut(key)
    }

    /// Whether a call has pipes.
    pub(super) fn has_pipes(&self, key: Key) -> bool {
        self.calls.get(key).is_some_and(|call| call.pipes.is_some())
    }

    /// How many calls have ended so far.
    pub(super) fn ended_calls(&self) -> u64 {
        self.calls.removals()
    }

    /// Whether a call has not ended.
    pub(super) fn is_open(&self, call: Key) -> bool {
        self.calls.contains(call)
    }

    /// When a call ends, if nothing more comes of it.
    pub(super) fn call_due(&self, key: Key) -> Option<Time> {
        let call = self.calls.get(key)?;
        let binding = self.table.get(call.binding)?;
        let silence = binding.shared.options.call_timeout;
        let timeout = silence.map_or(NEVER, |timeout| call.progress + timeout);
        Some(timeout.min(call.deadline)).filter(|due| *due < NEVER)
    }

    /// Ends a call, if it has not ended already: tells its caller, and hands on what a fault
    /// `explained`.
    pub(super) fn end_call(
        &mut self,
        key: Key,
        result: Result<StubData<'_>, Status>,
        explained: &[u8],
        core: &Arc<CoreShared>,
        now: Time,
        replies: LocalReplies<'_>,
    ) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        if let Some(pipes) = &call.pipes {
            pipes.finish(result.as_ref().err().copied().unwrap_or(Status::Ok));
        }
        if let Some(token) = self.end_local_call(key) {
            replies(LocalReply {
                token,
                at: now,
                result,
                extended: explained,
            });
        } else if let Some(call) = self.remove_call(key) {
            call.sink.deliver(result, explained, core, now, replies);
        }
    }

    /// Ends a call that nobody answers.
    pub(super) fn end_maybe_call(&mut self, key: Key) {
        let call = self.remove_call(key);
        debug_assert!(call.is_some_and(|call| matches!(call.sink, Sink::Nobody)));
    }

    fn remove_call(&mut self, key: Key) -> Option<ClientCall> {
        let call = self.calls.remove(key)?;
        self.leave(call.binding);
        Some(call)
    }

    /// A call of a binding has ended.
    #[inline]
    fn leave(&mut self, key: Key) {
        if let Some(binding) = self.table.get_mut(key) {
            binding.open_calls -= 1;
            if binding.released && binding.open_calls == 0 {
                self.retirees.push(key);
            }
        }
    }

    /// Ends all calls that other threads wait for.
    pub(super) fn end_all_calls(&mut self, status: Status, core: &Arc<CoreShared>) {
        for call in self.calls.drain() {
            if let Some(pipes) = &call.pipes {
                pipes.finish(status);
            }
            call.sink
                .deliver(Err(status), &[], core, Time::ZERO, &mut |_| {});
        }
    }

    /// Lets a call wait, behind those of its binding that do.
    pub(super) fn wait(&mut self, binding: Key, call: WaitingCall) {
        if let Some(binding) = self.table.get_mut(binding) {
            binding.waiting.calls.push_back(call);
        }
    }

    /// Lets a call wait in the place that it had.
    pub(super) fn wait_again(&mut self, binding: Key, place: usize, call: WaitingCall) {
        if let Some(binding) = self.table.get_mut(binding) {
            binding.waiting.calls.insert(place, call);
        }
    }

    /// Takes a waiting call out of its place.
    pub(super) fn take_waiting_at(&mut self, binding: Key, place: usize) -> Option<WaitingCall> {
        self.table.get_mut(binding)?.waiting.calls.remove(place)
    }

    /// Drops the calls in front of those that wait which have ended.
    pub(super) fn drop_ended(&mut self, binding: Key, buffers: &SharedBufferPool) {
        let Some(binding) = self.table.get_mut(binding) else {
            return;
        };
        let waiting = &mut binding.waiting;
        while waiting.ended > 0
            && let Some(call) = waiting
                .calls
                .pop_front_if(|call| !self.calls.contains(call.key))
        {
            buffers.put(call.stub);
            waiting.ended -= 1;
        }
    }

    /// All calls of a binding that wait.
    pub(super) fn take_waiting(&mut self, binding: Key) -> VecDeque<WaitingCall> {
        let binding = self.table.get_mut(binding);
        binding
            .map(|binding| std::mem::take(&mut binding.waiting).calls)
            .unwrap_or_default()
    }

    /// A waiting call has ended. It is cleared out once that is worth it.
    pub(super) fn forget_waiting(&mut self, binding: Key, buffers: &SharedBufferPool) {
        let Some(binding) = self.table.get_mut(binding) else {
            return;
        };
        let waiting = &mut binding.waiting;
        waiting.ended += 1;
        if waiting.ended * 2 > waiting.calls.len() {
            let calls = &self.calls;
            waiting.calls.retain_mut(|call| {
                let is_open = calls.contains(call.key);
                if !is_open {
                    buffers.put(std::mem::take(&mut call.stub));
                }
                is_open
            });
            waiting.ended = 0;
        }
    }

    /// Nobody uses a binding any more. It goes when its last call has ended.
    pub(super) fn release(&mut self, key: Key) {
        if let Some(binding) = self.table.get_mut(key)
            && !binding.released
        {
            binding.released = true;
            if binding.open_calls == 0 {
                self.retirees.push(key);
            }
            for apart in std::mem::take(&mut binding.apart) {
                self.release(apart);
            }
        }
    }

    /// A binding beside `key` on which a call with pipes can be made at once, or after few others
    /// if there are `count_max` of them; `None`: there may be one more.
    pub(super) fn find_apart(&self, key: Key, count_max: usize) -> Option<Key> {
        let apart = &self.table.get(key)?.apart;
        let calls = |key: &Key| self.table.get(*key).map_or(0, |entry| entry.open_calls);
        let idlest = *apart.iter().min_by_key(|key| calls(key))?;
        (calls(&idlest) == 0 || apart.len() >= count_max).then_some(idlest)
    }

    /// Those beside `key` of which something is true.
    pub(super) fn find_all_apart(&self, key: Key, is_it: impl Fn(Key) -> bool) -> Vec<Key> {
        let apart = self.table.get(key).map_or(&[][..], |entry| &entry.apart);
        apart.iter().copied().filter(|key| is_it(*key)).collect()
    }

    /// No further call of `key` is made on `apart`.
    pub(super) fn remove_apart(&mut self, key: Key, apart: Key) {
        if let Some(binding) = self.table.get_mut(key) {
            binding.apart.retain(|it| *it != apart);
        }
        self.release(apart);
    }

    /// Notes a binding on which calls with pipes of `key` are made.
    pub(super) fn add_apart(&mut self, key: Key, apart: Key) {
        if let Some(binding) = self.table.get_mut(key) {
            binding.apart.push(apart);
        }
    }

    /// The next binding that was released and has no call left; it is removed.
    pub(super) fn next_retiree(&mut self) -> Option<ClientBinding> {
        let key = self.retirees.pop()?;
        self.table.remove(key)
    }
}

impl WaitingCalls {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &WaitingCall> {
        self.calls.iter()
    }
}

impl ClientBinding {
    pub(super) fn is_released(&self) -> bool {
        self.released
    }

    /// Whether its calls end after some time by themselves.
    pub(super) fn has_time_limit(&self) -> bool {
        let options = &self.shared.options;
        options.call_timeout.is_some() || options.call_deadline.is_some()
    }

    /// The lane of calls that the thread of the core makes.
    pub(super) fn own_lane(&self) -> Lane {
        self.shared.lane_of(Lane::OWN)
    }
}

impl Sink {
    pub(super) fn deliver(
        self,
        result: Result<StubData<'_>, Status>,
        extended: &[u8],
        core: &Arc<CoreShared>,
        now: Time,
        replies: LocalReplies<'_>,
    ) {
        match self {
            Sink::Nobody => {}
            Sink::Local(token) => replies(LocalReply {
                token,
                at: now,
                result,
                extended,
            }),
            Sink::Shared {
                state,
                serial,
                notify,
            } => {
                let result = result.map(|data| {
                    let mut stub = core.stub_buffers.take();
                    stub.extend_from_slice(data.bytes);
                    Reply {
                        stub,
                        order: data.order,
                        transfer: data.transfer,
                        pipes: data.pipes.cloned(),
                    }
                });
                if !extended.is_empty() {
                    state.explain(extended);
                }
                state.finish(serial, result, &notify, Some(core));
            }
        }
    }

    /// Whether this is the given call of the given state.
    pub(super) fn is(&self, wanted: &Arc<CallState>, wanted_serial: u32) -> bool {
        matches!(self, Sink::Shared { state, serial, .. }
            if Arc::ptr_eq(state, wanted) && *serial == wanted_serial)
    }
}
