//! What a core does for the connections of its clients.

use std::sync::Arc;

use annulus_protocol::{
    CallError, ClientConfig, ClientConnection, ClientEvent, Input, Opnum, ProviderReason,
    TransferSyntax,
};
use annulus_transports::{ReceiveLease, Ring, SocketId};

use super::bindings::{Link, Sink, StubData, WaitingCall};
use super::connection::{ClientLink, Connection, Life, Role};
use super::lifecycle::Phase;
use super::traffic::Abandoned;
use super::{Core, LocalReplies};
use crate::binding::BindingShared;
use crate::call_state::CallState;
use crate::core_shared::{CancelKind, OutgoingCall};
use crate::dispatch::byte_order;
use crate::status::Status;
use crate::table::Key;

impl<R: Ring> Core<R> {
    /// Makes a call that another thread asked for.
    pub(super) fn make_call(&mut self, call: OutgoingCall, replies: LocalReplies<'_>) {
        let binding = self.bindings.enter(&call.binding);
        let state = Arc::clone(&call.state);
        let sink = Sink::Shared {
            state: call.state,
            serial: call.serial,
            notify: call.notify,
        };
        match self.bindings.begin_call(binding, sink) {
            Ok(key) => {
                state.set_slot(key.to_bits());
                let waiting = WaitingCall {
                    key,
                    opnum: call.opnum,
                    object: call.object,
                    stub: call.stub,
                };
                self.place_or_wait(binding, waiting, replies);
            }
            Err(sink) => {
                self.shared.stub_buffers.put(call.stub);
                sink.deliver(Err(Status::OutOfMemory), &self.shared, self.now, replies);
            }
        }
    }

    /// Makes a call for the thread that runs this core. `encode` appends the stub data, right
    /// into the send buffer where the connection is ready.
    pub(crate) fn make_local_call(
        &mut self,
        binding: Key,
        opnum: u16,
        token: u64,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), Status>,
    ) -> Result<(), Status> {
        if self.phase != Phase::Running {
            return Err(Status::CallFailedDne);
        }
        let entry = self
            .bindings
            .table
            .get_mut(binding)
            .ok_or(Status::InvalidBinding)?;
        let object = entry.shared.object;
        let link = entry.link;
        if let Link::Ready {
            socket, context, ..
        } = link
            && let Some(connection) = self.connections.get_mut(socket)
            && let Role::Client(ClientLink {
                protocol, is_used, ..
            }) = &mut connection.role
            && connection.life == Life::Open
        {
            let out = connection.outgoing.writable(&mut self.buffers);
            if let Ok(start) = protocol.begin_request(context, object, out) {
                let key = match encode(out) {
                    Ok(()) => self
                        .bindings
                        .begin_call(binding, Sink::Local(token))
                        .map_err(|_| Status::OutOfMemory),
                    Err(status) => Err(status),
                };
                let key = match key {
                    Ok(key) => key,
                    Err(status) => {
                        protocol.cancel_request(start, out);
                        return Err(status);
                    }
                };
                let call = protocol.finish_request(start, Opnum(opnum), key.to_bits(), out);
                if let Some(entry) = self.bindings.call_mut(key) {
                    entry.placed = Some((socket, call));
                }
                *is_used = true;
                connection.outgoing.queue(socket, &mut self.dirty);
                return Ok(());
            }
        }
        let mut stub = self.shared.stub_buffers.take();
        encode(&mut stub)?;
        let key = self
            .bindings
            .begin_call(binding, Sink::Local(token))
            .map_err(|_| Status::OutOfMemory)?;
        let mut early = Vec::new();
        let call = WaitingCall {
            key,
            opnum,
            object,
            stub,
        };
        self.place_or_wait(binding, call, &mut |reply| early.extend(reply.failure()));
        self.early_failures.append(&mut early);
        Ok(())
    }

    /// Enters a binding of the thread that runs this core.
    pub(crate) fn open_local_binding(&mut self, shared: &Arc<BindingShared>) -> Key {
        let binding = self.bindings.enter(shared);
        // No call waits yet that could fail.
        self.open_link(binding, 0, &mut |_| {});
        binding
    }

    /// Whether a binding's interface is bound.
    pub(crate) fn is_ready(&mut self, binding: Key) -> bool {
        self.bindings
            .table
            .get_mut(binding)
            .is_some_and(|entry| matches!(entry.link, Link::Ready { .. }))
    }

    /// What the calls of a binding are encoded in.
    pub(crate) fn transfer_syntax(&mut self, binding: Key) -> Result<TransferSyntax, Status> {
        let entry = self.bindings.table.get_mut(binding);
        entry
            .map(|entry| entry.shared.transfer)
            .ok_or(Status::InvalidBinding)
    }

    pub(crate) fn calls_in_flight(&self) -> usize {
        self.bindings.calls_in_flight()
    }

    /// Sends a call if its connection is ready; otherwise it waits, in order.
    fn place_or_wait(&mut self, binding: Key, call: WaitingCall, replies: LocalReplies<'_>) {
        let Some(entry) = self.bindings.table.get_mut(binding) else {
            return;
        };
        if self.phase != Phase::Running {
            self.bindings.end_call(
                call.key,
                Err(Status::CallFailedDne),
                &self.shared,
                self.now,
                replies,
            );
            return self.retire(binding);
        }
        let link = entry.link;
        let must_wait = !entry.waiting.is_empty();
        match link {
            Link::Ready { .. } if !must_wait => {
                if let Some(call) = self.place(binding, call, replies) {
                    self.wait_in_front(binding, call);
                }
            }
            Link::Idle => {
                entry.waiting.push_back(call);
                self.open_link(binding, 0, replies);
            }
            Link::Ready { .. } | Link::Opening { .. } => entry.waiting.push_back(call),
        }
    }

    fn wait_in_front(&mut self, binding: Key, call: WaitingCall) {
        if let Some(entry) = self.bindings.table.get_mut(binding) {
            entry.waiting.push_front(call);
        }
    }

    /// Sends a call; gives it back if the connection cannot take it now.
    fn place(
        &mut self,
        binding: Key,
        call: WaitingCall,
        replies: LocalReplies<'_>,
    ) -> Option<WaitingCall> {
        let link = self.bindings.table.get_mut(binding)?.link;
        let Link::Ready {
            socket, context, ..
        } = link
        else {
            return Some(call);
        };
        let Some(connection) = self.connections.get_mut(socket) else {
            return Some(call);
        };
        let Connection {
            role,
            outgoing,
            life,
            ..
        } = connection;
        let (Role::Client(link), Life::Open) = (role, *life) else {
            return Some(call);
        };
        let out = outgoing.writable(&mut self.buffers);
        match link.protocol.begin_request(context, call.object, out) {
            Ok(start) => {
                out.extend_from_slice(&call.stub);
                let id =
                    link.protocol
                        .finish_request(start, Opnum(call.opnum), call.key.to_bits(), out);
                if let Some(entry) = self.bindings.call_mut(call.key) {
                    entry.placed = Some((socket, id));
                }
                link.is_used = true;
                outgoing.queue(socket, &mut self.dirty);
                self.shared.stub_buffers.put(call.stub);
                None
            }
            Err(CallError::Busy) => Some(call),
            Err(error) => {
                tracing::debug!(%error, "a call cannot be sent");
                self.shared.stub_buffers.put(call.stub);
                self.bindings.end_call(
                    call.key,
                    Err(Status::CallFailedDne),
                    &self.shared,
                    self.now,
                    replies,
                );
                None
            }
        }
    }

    /// Sends what waits, as far as the connection takes it.
    fn place_waiting(&mut self, binding: Key, replies: LocalReplies<'_>) {
        while let Some(call) = self.bindings.next_waiting(binding) {
            if let Some(call) = self.place(binding, call, replies) {
                self.wait_in_front(binding, call);
                break;
            }
        }
    }

    /// Connects a binding to the first of its addresses from `first` on that can be tried.
    fn open_link(&mut self, binding: Key, first: usize, replies: LocalReplies<'_>) {
        let Some(entry) = self.bindings.table.get_mut(binding) else {
            return;
        };
        if entry.link != Link::Idle {
            return;
        }
        if self.phase != Phase::Running {
            return self.fail_waiting(binding, Status::CallFailedDne, replies);
        }
        if self.connections.len() >= self.limits.connections_per_core_max {
            tracing::warn!(
                limit = self.limits.connections_per_core_max,
                "no connection is made: Limits::connections_per_core_max is reached"
            );
            return self.fail_waiting(binding, Status::OutOfMemory, replies);
        }
        let shared = Arc::clone(&entry.shared);
        for (index, address) in shared.addresses.iter().enumerate().skip(first) {
            let result = self.ring.connect(address.clone());
            match result {
                Ok(socket) => {
                    self.begin_connection(socket, binding);
                    if let Some(entry) = self.bindings.table.get_mut(binding) {
                        entry.link = Link::Opening {
                            socket,
                            address: index,
                        };
                    }
                    return;
                }
                Err(error) => tracing::warn!(%error, %address, "cannot connect"),
            }
        }
        self.fail_waiting(binding, Status::ServerUnavailable, replies);
    }

    fn begin_connection(&mut self, socket: SocketId, binding: Key) {
        let protocol = ClientConnection::new(ClientConfig::new(Arc::clone(&self.limits)));
        let role = Role::Client(ClientLink {
            protocol,
            binding,
            is_used: false,
        });
        let serial = self.connections.next_serial();
        let mut connection = Connection::new(serial, role, self.now);
        connection.connect_deadline = Some(self.now + self.limits.bind_timeout);
        self.connections.insert(socket, connection);
        self.arm_timer(socket);
    }

    /// A connection is there: binds the interface.
    pub(super) fn connected(&mut self, socket: SocketId) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        connection.connect_deadline = None;
        let Role::Client(link) = &mut connection.role else {
            return;
        };
        let Some(entry) = self.bindings.table.get_mut(link.binding) else {
            return;
        };
        let out = connection.outgoing.writable(&mut self.buffers);
        if let Err(error) = link.protocol.bind(
            now,
            entry.shared.interface,
            &[entry.shared.transfer],
            None,
            out,
        ) {
            unreachable!("the first bind of a fresh connection cannot be refused here: {error}");
        }
        connection.outgoing.queue(socket, &mut self.dirty);
        self.arm_timer(socket);
    }

    /// Takes what a server sent.
    pub(super) fn client_received(
        &mut self,
        socket: SocketId,
        lease: &ReceiveLease,
        replies: LocalReplies<'_>,
    ) {
        let Core {
            ring,
            connections,
            bindings,
            shared,
            now,
            limits,
            buffers,
            ..
        } = self;
        let Some(connection) = connections.get_mut(socket) else {
            return;
        };
        let Role::Client(ClientLink {
            protocol, binding, ..
        }) = &mut connection.role
        else {
            return;
        };
        let binding = *binding;
        let mut input = Input::new(ring.received(lease));
        let mut refused = None;
        let out = connection.outgoing.writable(buffers);
        while let Some(event) = protocol.next_event(*now, &mut input, out) {
            match event {
                ClientEvent::Response {
                    key,
                    transfer,
                    drep,
                    stub,
                    ..
                } => {
                    let data = StubData {
                        bytes: &stub,
                        order: byte_order(drep),
                        transfer,
                    };
                    bindings.end_call(Key::from_bits(key), Ok(data), shared, *now, replies);
                    if let Some(assembled) = stub.into_assembled() {
                        protocol.recycle(assembled);
                    }
                }
                ClientEvent::Fault { key, status, .. } => {
                    let status = failure(Status::from_fault(status));
                    bindings.end_call(Key::from_bits(key), Err(status), shared, *now, replies);
                }
                ClientEvent::Bound { context, .. } => {
                    if let Some(entry) = bindings.table.get_mut(binding)
                        && let Link::Opening { address, .. } = entry.link
                    {
                        entry.link = Link::Ready {
                            socket,
                            context,
                            address,
                        };
                    }
                }
                ClientEvent::InterfaceRefused { reason, .. } => refused = Some(refusal(reason)),
                ClientEvent::BindRefused(reason) => {
                    tracing::debug!(%reason, "the server refuses the bind");
                    refused = Some(Status::ServerUnavailable);
                }
                ClientEvent::Close(reason) => {
                    tracing::debug!(%reason, "a connection ends");
                    connection.begin_flush(*now + limits.flush_timeout);
                    break;
                }
                _ => unreachable!("an event that this engine does not know"),
            }
        }
        if let Some(status) = refused {
            self.refuse_binding(socket, binding, status, replies);
        }
        self.place_waiting(binding, replies);
        self.retire(binding);
    }

    /// The server does not serve this binding: its waiting calls fail, the connection goes.
    fn refuse_binding(
        &mut self,
        socket: SocketId,
        binding: Key,
        status: Status,
        replies: LocalReplies<'_>,
    ) {
        if let Some(entry) = self.bindings.table.get_mut(binding) {
            entry.link = Link::Idle;
        }
        self.fail_waiting(binding, status, replies);
        self.close(socket);
    }

    fn fail_waiting(&mut self, binding: Key, status: Status, replies: LocalReplies<'_>) {
        while let Some(call) = self.bindings.next_waiting(binding) {
            self.shared.stub_buffers.put(call.stub);
            self.bindings
                .end_call(call.key, Err(status), &self.shared, self.now, replies);
        }
        self.retire(binding);
    }

    /// A connection is gone: what was sent on it may have been executed, what waits was not.
    pub(super) fn client_lost(
        &mut self,
        socket: SocketId,
        lost: Abandoned,
        replies: LocalReplies<'_>,
    ) {
        let Abandoned {
            binding,
            calls,
            was_used,
        } = lost;
        for key in calls {
            let failed = Err(Status::CallFailed);
            self.bindings
                .end_call(Key::from_bits(key), failed, &self.shared, self.now, replies);
        }
        let Some(entry) = self.bindings.table.get_mut(binding) else {
            return;
        };
        let next_address = match entry.link {
            Link::Opening {
                socket: opening,
                address,
            } if opening == socket => address + 1,
            // A server that binds and then does not take a single call is as good as none.
            Link::Ready {
                socket: ready,
                address,
                ..
            } if ready == socket && !was_used => address + 1,
            Link::Ready { socket: ready, .. } if ready == socket => 0,
            _ => return,
        };
        entry.link = Link::Idle;
        if entry.waiting.is_empty() {
            self.retire(binding);
        } else {
            self.open_link(binding, next_address, replies);
        }
    }

    pub(super) fn cancel_call(
        &mut self,
        state: &Arc<CallState>,
        serial: u32,
        kind: CancelKind,
        replies: LocalReplies<'_>,
    ) {
        let key = Key::from_bits(state.slot());
        let Some(call) = self
            .bindings
            .call_mut(key)
            .filter(|call| call.sink.is(state, serial))
        else {
            return;
        };
        let binding = call.binding;
        match call.placed {
            None => {
                let Some(entry) = self.bindings.table.get_mut(binding) else {
                    return;
                };
                entry.waiting.retain(|waiting| waiting.key != key);
                self.bindings.end_call(
                    key,
                    Err(Status::CallCancelled),
                    &self.shared,
                    self.now,
                    replies,
                );
            }
            Some((socket, id)) => {
                let Some(connection) = self.connections.get_mut(socket) else {
                    return;
                };
                let Role::Client(link) = &mut connection.role else {
                    return;
                };
                let out = connection.outgoing.writable(&mut self.buffers);
                match kind {
                    CancelKind::NonAbortive => link.protocol.cancel(id, out),
                    CancelKind::Abortive => {
                        link.protocol.orphan(id, out);
                        let is_multiplexed = link.protocol.is_multiplexed();
                        connection.outgoing.queue(socket, &mut self.dirty);
                        self.bindings.end_call(
                            key,
                            Err(Status::CallCancelled),
                            &self.shared,
                            self.now,
                            replies,
                        );
                        if !is_multiplexed {
                            self.replace_connection(socket, binding, replies);
                        }
                        return self.retire(binding);
                    }
                }
                connection.outgoing.queue(socket, &mut self.dirty);
            }
        }
        self.retire(binding);
    }

    /// Without multiplexing a connection carries one call at a time, also one that nobody waits
    /// for any more. The next call gets a connection of its own.
    fn replace_connection(&mut self, socket: SocketId, binding: Key, replies: LocalReplies<'_>) {
        let deadline = self.now + self.limits.flush_timeout;
        if let Some(entry) = self.bindings.table.get_mut(binding) {
            entry.link = Link::Idle;
            if !entry.waiting.is_empty() {
                self.open_link(binding, 0, replies);
            }
        }
        if let Some(connection) = self.connections.get_mut(socket) {
            connection.begin_flush(deadline);
        }
        self.settle(socket, replies);
    }

    pub(super) fn close_binding(&mut self, shared: &Arc<BindingShared>) {
        let Some(key) = shared.key().map(Key::from_bits) else {
            return;
        };
        if let Some(entry) = self.bindings.table.get_mut(key) {
            entry.released = true;
        }
        self.retire(key);
    }

    fn retire(&mut self, binding: Key) {
        if let Some(entry) = self.bindings.retire(binding)
            && let Link::Opening { socket, .. } | Link::Ready { socket, .. } = entry.link
        {
            let Some(connection) = self.connections.get_mut(socket) else {
                return;
            };
            if connection.outgoing.backlog() == 0 {
                self.close(socket);
            } else {
                connection.begin_flush(self.now + self.limits.flush_timeout);
                self.arm_timer(socket);
            }
        }
    }
}

/// A fault always is the failure of a call that has ended, whatever code it carries.
fn failure(status: Status) -> Status {
    match status {
        Status::Ok | Status::AsyncCallPending => Status::CallFailed,
        status => status,
    }
}

fn refusal(reason: ProviderReason) -> Status {
    match reason {
        ProviderReason::AbstractSyntaxNotSupported => Status::UnknownIf,
        ProviderReason::TransferSyntaxesNotSupported => Status::UnsupportedTransSyn,
        _ => Status::ServerUnavailable,
    }
}
