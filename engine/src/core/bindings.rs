//! The clients of a core: its bindings, and the calls that they have in flight.

use std::collections::VecDeque;
use std::sync::Arc;

use annulus_ndr::{ByteOrder, DecodeParams};
use annulus_protocol::{CallId, ContextId, Limits, Time, TransferSyntax, Uuid};
use annulus_transports::SocketId;

use super::LocalReplies;
use crate::binding::BindingShared;
use crate::call_state::{CallState, Reply};
use crate::core_shared::CoreShared;
use crate::dispatch::decode_params;
use crate::notify::Notify;
use crate::status::Status;
use crate::table::{Key, Table};

/// The bindings and client calls of one core.
pub(super) struct Bindings {
    pub(super) table: Table<ClientBinding>,
    calls: Table<ClientCall>,
}

/// A binding: where its connection is, and the calls that wait for it.
pub(super) struct ClientBinding {
    pub(super) shared: Arc<BindingShared>,
    pub(super) link: Link,
    pub(super) waiting: VecDeque<WaitingCall>,
    /// Calls of this binding that have not ended.
    open_calls: usize,
    /// Nobody uses the binding any more.
    pub(super) released: bool,
}

/// How far a binding's connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// There is none.
    Idle,
    /// It is being made to the address with this index.
    Opening { socket: SocketId, address: usize },
    /// The interface is bound.
    Ready {
        socket: SocketId,
        context: ContextId,
        address: usize,
    },
}

/// A call that cannot be sent yet.
pub(super) struct WaitingCall {
    pub(super) key: Key,
    pub(super) opnum: u16,
    pub(super) object: Option<Uuid>,
    pub(super) stub: Vec<u8>,
}

/// A call that has not ended.
pub(super) struct ClientCall {
    pub(super) binding: Key,
    /// Where it was sent.
    pub(super) placed: Option<(SocketId, CallId)>,
    pub(super) sink: Sink,
}

/// Who learns of a call's end.
pub(super) enum Sink {
    /// A caller in any thread.
    Shared {
        state: Arc<CallState>,
        serial: u32,
        notify: Notify,
    },
    /// The thread that runs this core, by a token of its choice.
    Local(u64),
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
}

impl LocalReply<'_> {
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
}

impl<'r> StubData<'r> {
    /// Decodes the out-parameters. What they borrow lives where the response was received.
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`] and its like.
    pub fn decode<O: DecodeParams<'r>>(&self) -> Result<O, Status> {
        decode_params(self.bytes, self.order, self.transfer)
    }
}

impl Bindings {
    pub(super) fn new(limits: &Limits) -> Self {
        Bindings {
            table: Table::new(u32::MAX as usize),
            calls: Table::new(limits.calls_per_core_max),
        }
    }

    pub(super) fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    /// The key of a binding, which is entered with its first use.
    pub(super) fn enter(&mut self, shared: &Arc<BindingShared>) -> Key {
        if let Some(key) = shared.key() {
            return Key::from_bits(key);
        }
        let binding = ClientBinding {
            shared: Arc::clone(shared),
            link: Link::Idle,
            waiting: VecDeque::new(),
            open_calls: 0,
            released: false,
        };
        let Ok(key) = self.table.insert(binding) else {
            unreachable!("more bindings than memory can hold");
        };
        shared.set_key(key.to_bits());
        key
    }

    /// Enters a call; gives its sink back if there are too many.
    pub(super) fn begin_call(&mut self, binding: Key, sink: Sink) -> Result<Key, Sink> {
        let key = self
            .calls
            .insert(ClientCall {
                binding,
                placed: None,
                sink,
            })
            .map_err(|call| call.sink)?;
        if let Some(binding) = self.table.get_mut(binding) {
            binding.open_calls += 1;
        }
        Ok(key)
    }

    pub(super) fn call_mut(&mut self, key: Key) -> Option<&mut ClientCall> {
        self.calls.get_mut(key)
    }

    /// Ends a call, if it has not ended already: tells its caller.
    pub(super) fn end_call(
        &mut self,
        key: Key,
        result: Result<StubData<'_>, Status>,
        core: &Arc<CoreShared>,
        now: Time,
        replies: LocalReplies<'_>,
    ) {
        let Some(call) = self.calls.remove(key) else {
            return;
        };
        if let Some(binding) = self.table.get_mut(call.binding) {
            binding.open_calls -= 1;
        }
        call.sink.deliver(result, core, now, replies);
    }

    /// Ends all calls that other threads wait for.
    pub(super) fn end_all_calls(&mut self, status: Status, core: &Arc<CoreShared>) {
        for call in self.calls.drain() {
            call.sink
                .deliver(Err(status), core, Time::ZERO, &mut |_| {});
        }
    }

    /// The next call of a binding that waits, if any.
    pub(super) fn next_waiting(&mut self, binding: Key) -> Option<WaitingCall> {
        self.table.get_mut(binding)?.waiting.pop_front()
    }

    /// Removes a binding that nobody uses and that has no call left; its connection can go.
    pub(super) fn retire(&mut self, key: Key) -> Option<ClientBinding> {
        let binding = self.table.get_mut(key)?;
        if binding.released && binding.open_calls == 0 {
            self.table.remove(key)
        } else {
            None
        }
    }
}

impl Sink {
    pub(super) fn deliver(
        self,
        result: Result<StubData<'_>, Status>,
        core: &Arc<CoreShared>,
        now: Time,
        replies: LocalReplies<'_>,
    ) {
        match self {
            Sink::Local(token) => replies(LocalReply {
                token,
                at: now,
                result,
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
                    }
                });
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
