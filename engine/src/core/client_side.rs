//! What a core does for the calls of its clients.

use std::sync::Arc;

use annulus_protocol::{CallError, Opnum, Pieces, SyntaxId, TransferSyntax};
use annulus_transports::Ring;

use super::associations::{ClientLink, Reach};
use super::bindings::{Lane, Route, Sink, WaitingCall};
use super::connection::{Connection, Life, Role};
use super::lifecycle::Phase;
use super::{Core, LocalReplies};
use crate::binding::BindingShared;
use crate::core_shared::{MaybeCall, OutgoingCall};
use crate::resolver::NotFound;
use crate::status::Status;
use crate::table::Key;

impl<R: Ring> Core<R> {
    /// Makes a call that another thread asked for.
    pub(super) fn make_call(&mut self, call: OutgoingCall, replies: LocalReplies<'_>) {
        let mut binding = self.enter(&call.binding);
        if call.pipes.is_some() {
            binding = self.enter_apart(binding);
        }
        let lane = call.binding.lane_of(call.lane);
        let state = Arc::clone(&call.state);
        let sink = Sink::Shared {
            state: call.state,
            serial: call.serial,
            notify: call.notify,
        };
        match self.bindings.begin_call(binding, lane, self.now, sink) {
            Ok(key) => {
                state.set_slot(key.to_bits());
                if let Some(pipes) = call.pipes {
                    self.begin_pipes(key, pipes);
                }
                if call.deadline.is_some() || call.binding.options.call_timeout.is_some() {
                    self.limit_call(key, call.deadline);
                }
                let waiting = WaitingCall {
                    key,
                    opnum: call.opnum,
                    object: call.object,
                    stub: call.stub,
                    is_maybe: false,
                };
                self.place_or_wait(binding, waiting, replies);
            }
            Err(sink) => {
                self.shared.stub_buffers.put(call.stub);
                if let Some(pipes) = call.pipes {
                    pipes.finish(Status::OutOfMemory);
                }
                sink.deliver(
                    Err(Status::OutOfMemory),
                    &[],
                    &self.shared,
                    self.now,
                    replies,
                );
            }
        }
    }

    /// Makes a call of another thread's that nobody answers. What keeps it from being sent is told
    /// to nobody either.
    pub(super) fn make_maybe_call(&mut self, call: MaybeCall, replies: LocalReplies<'_>) {
        let binding = self.enter(&call.binding);
        let lane = call.binding.lane_of(call.lane);
        let begun = self
            .bindings
            .begin_call(binding, lane, self.now, Sink::Nobody);
        let Ok(key) = begun else {
            return self.shared.stub_buffers.put(call.stub);
        };
        let waiting = WaitingCall {
            key,
            opnum: call.opnum,
            object: call.object,
            stub: call.stub,
            is_maybe: true,
        };
        self.place_or_wait(binding, waiting, replies);
    }

    /// Makes a call for the thread that runs this core. `encode` appends the stub data, right
    /// into the send buffer where the connection is ready.
    pub(crate) fn make_local_call(
        &mut self,
        binding: Key,
        opnum: u16,
        token: u64,
        encode: impl FnOnce(&mut Pieces) -> Result<(), Status>,
    ) -> Result<Key, Status> {
        if self.phase != Phase::Running {
            return Err(Status::CallFailedDne);
        }
        let entry = self
            .bindings
            .table
            .get_mut(binding)
            .filter(|entry| !entry.is_released())
            .ok_or(Status::InvalidBinding)?;
        let has_limit = entry.has_time_limit();
        let lane = entry.own_lane();
        if let Some(route) = entry.route
            && entry.waiting.is_empty()
            && let Some(connection) = self.connections.get_mut(route.socket)
            && connection.serial == route.serial
            && connection.life == Life::Open
            && let Role::Client(ClientLink {
                protocol, is_used, ..
            }) = &mut connection.role
        {
            let out = connection.outgoing.writable_pieces(&mut self.buffers);
            let object = entry.shared.object;
            if let Ok(start) = protocol.begin_request(route.context, object, out.written()) {
                let begun = match encode(out) {
                    Ok(()) => self
                        .bindings
                        .begin_local_call(binding, lane, self.now, token)
                        .ok_or(Status::OutOfMemory),
                    Err(status) => Err(status),
                };
                let (key, call) = match begun {
                    Ok(begun) => begun,
                    Err(status) => {
                        protocol.cancel_request(start, out);
                        return Err(status);
                    }
                };
                let id = protocol.finish_request(start, Opnum(opnum), key.to_bits(), out);
                call.placed = Some((route.socket, id));
                *is_used = true;
                self.shared.calls_out.add(1);
                connection.outgoing.queue(route.socket, &mut self.dirty);
                if has_limit {
                    self.limit_own_call(binding, key);
                }
                return Ok(key);
            }
        }
        self.make_waiting_call(binding, opnum, token, encode)
    }

    /// The same where the connection is not ready, or busy.
    #[inline(never)]
    fn make_waiting_call(
        &mut self,
        binding: Key,
        opnum: u16,
        token: u64,
        encode: impl FnOnce(&mut Pieces) -> Result<(), Status>,
    ) -> Result<Key, Status> {
        let entry = self.bindings.table.get(binding);
        let entry = entry.ok_or(Status::InvalidBinding)?;
        let (object, lane) = (entry.shared.object, entry.own_lane());
        let has_limit = entry.has_time_limit();
        // It may take a connection, and the last turn may have been long ago.
        self.now = self.ring.now();
        let mut stub = Pieces::from(self.shared.stub_buffers.take());
        if let Err(status) = encode(&mut stub) {
            self.shared.stub_buffers.put(stub);
            return Err(status);
        }
        let (key, _) = self
            .bindings
            .begin_local_call(binding, lane, self.now, token)
            .ok_or(Status::OutOfMemory)?;
        if has_limit {
            self.limit_own_call(binding, key);
        }
        let mut early = Vec::new();
        let call = WaitingCall {
            key,
            opnum,
            object,
            stub: stub.into(),
            is_maybe: false,
        };
        self.place_or_wait(binding, call, &mut |reply| early.extend(reply.failure()));
        self.early_failures.append(&mut early);
        Ok(key)
    }

    /// Enters a binding of the thread that runs this core; connecting begins.
    pub(crate) fn open_local_binding(&mut self, shared: &Arc<BindingShared>) -> Key {
        self.now = self.ring.now();
        let binding = self.enter(shared);
        // No call waits yet that could fail.
        self.seek(binding, &mut |_| {});
        binding
    }

    /// Enters a binding to a further interface of the server of another one, over its association.
    pub(crate) fn open_further_binding(
        &mut self,
        binding: Key,
        interface: SyntaxId,
    ) -> Result<Key, Status> {
        let entry = self.bindings.table.get(binding);
        let entry = entry.filter(|entry| !entry.is_released());
        let entry = entry.ok_or(Status::InvalidBinding)?;
        let (association, shared) = (entry.association, entry.shared.with_interface(interface));
        self.now = self.ring.now();
        // That a connection stays open is said of the binding that was there first.
        let keeps_connection = false;
        self.associations.join_this(association, keeps_connection);
        let further = self.bindings.enter(&shared, association, keeps_connection);
        self.seek(further, &mut |_| {});
        Ok(further)
    }

    /// Nobody on this thread uses a binding any more.
    pub(crate) fn release_binding(&mut self, binding: Key) {
        self.bindings.release(binding);
        self.retire_bindings();
    }

    /// Whether a binding's interface is bound.
    pub(crate) fn is_ready(&self, binding: Key) -> bool {
        self.bindings.table.get(binding).is_some_and(|entry| {
            let mut links = self.open_links(entry.association);
            links.any(|(_, link)| matches!(link.reach(&entry.shared), Reach::Bound(_)))
        })
    }

    /// What the calls of a binding are encoded in.
    pub(crate) fn transfer_syntax(&self, binding: Key) -> Result<TransferSyntax, Status> {
        let entry = self.bindings.table.get(binding);
        entry
            .map(|entry| entry.shared.transfer)
            .ok_or(Status::InvalidBinding)
    }

    pub(crate) fn calls_in_flight(&self) -> usize {
        self.bindings.calls_in_flight()
    }

    /// Sends a call if there is a connection for it; otherwise it waits, in order.
    fn place_or_wait(&mut self, binding: Key, call: WaitingCall, replies: LocalReplies<'_>) {
        if self.phase != Phase::Running {
            return self.fail_waiting_call(call, Status::CallFailedDne, replies);
        }
        let Some(entry) = self.bindings.table.get(binding) else {
            return;
        };
        let must_wait = !entry.waiting.is_empty();
        let lane = self.lane(call.key);
        let call = match self.route(binding, lane) {
            Some(route) if !must_wait || lane == Lane::NONE => self.place(route, call, replies),
            _ => Some(call),
        };
        if let Some(call) = call {
            self.bindings.wait(binding, call);
            self.list(binding);
            if must_wait {
                self.place_waiting_of(binding, replies);
            }
            self.seek(binding, replies);
        }
    }

    fn lane(&self, call: Key) -> Lane {
        let call = self.bindings.call(call);
        call.map_or(Lane::NONE, |call| call.lane)
    }

    /// The connection that takes a call of this binding and lane now.
    fn route(&mut self, binding: Key, lane: Lane) -> Option<Route> {
        let entry = self.bindings.table.get(binding)?;
        if let Some(route) = entry.route
            && let Some(connection) = self.connections.get(route.socket)
            && connection.serial == route.serial
            && connection.life == Life::Open
        {
            return Some(route);
        }
        let mut found = None;
        for (socket, link) in self.open_links(entry.association) {
            let Reach::Bound(context) = link.reach(&entry.shared) else {
                continue;
            };
            let is_multiplexed = link.protocol.is_multiplexed();
            if is_multiplexed || (found.is_none() && link.protocol.outstanding_calls() == 0) {
                found = Some((socket, context, is_multiplexed));
            }
        }
        let (socket, context, is_multiplexed) = found?;
        if !is_multiplexed && !self.is_lane_free(binding, entry.association, lane) {
            return None;
        }
        let route = Route {
            socket,
            serial: self.connections.get(socket)?.serial,
            context,
        };
        if is_multiplexed {
            self.bindings.table.get_mut(binding)?.route = Some(route);
        }
        Some(route)
    }

    /// Whether no earlier call of this binding and lane is under way on connections that keep no
    /// order among each other.
    fn is_lane_free(&self, binding: Key, association: Key, lane: Lane) -> bool {
        let is_earlier = |key| {
            let call = self.bindings.call(Key::from_bits(key));
            call.is_some_and(|call| (call.binding, call.lane) == (binding, lane))
        };
        let mut links = self.open_links(association);
        lane == Lane::NONE || !links.any(|(_, link)| link.protocol.call_keys().any(is_earlier))
    }

    /// Sends a call; gives it back if the connection cannot take it now.
    fn place(
        &mut self,
        route: Route,
        call: WaitingCall,
        replies: LocalReplies<'_>,
    ) -> Option<WaitingCall> {
        let Some(connection) = self.connections.get_mut(route.socket) else {
            return Some(call);
        };
        let Connection { role, outgoing, .. } = connection;
        let Role::Client(link) = role else {
            return Some(call);
        };
        if self.bindings.has_pipes(call.key) {
            return self.place_with_pipes(route, call, replies);
        }
        let out = outgoing.writable_pieces(&mut self.buffers);
        let begun = link
            .protocol
            .begin_request(route.context, call.object, out.written());
        match begun {
            Ok(start) => {
                self.shared.stub_buffers.send(call.stub, out);
                let opnum = Opnum(call.opnum);
                if call.is_maybe {
                    link.protocol.finish_maybe(start, opnum, out);
                    self.bindings.end_maybe_call(call.key);
                } else {
                    let key = call.key.to_bits();
                    let id = link.protocol.finish_request(start, opnum, key, out);
                    if let Some(entry) = self.bindings.call_mut(call.key) {
                        entry.placed = Some((route.socket, id));
                    }
                }
                link.is_used = true;
                self.shared.calls_out.add(1);
                outgoing.queue(route.socket, &mut self.dirty);
                None
            }
            Err(CallError::Busy | CallError::TooManyCalls(_)) => Some(call),
            Err(error) => {
                tracing::debug!(%error, "a call cannot be sent");
                self.fail_waiting_call(call, Status::CallFailedDne, replies);
                None
            }
        }
    }

    /// Sends what waits at an association, as far as its connections take it; each of its
    /// bindings has its turn.
    pub(super) fn place_waiting(&mut self, association: Key, replies: LocalReplies<'_>) {
        let entry = self.associations.table.get(association);
        let count = entry.map_or(0, |entry| entry.waiting.len());
        for _ in 0..count {
            let entry = self.associations.table.get_mut(association);
            let Some(binding) = entry.and_then(|entry| entry.waiting.pop_front()) else {
                return;
            };
            self.place_waiting_of(binding, replies);
            let Some(entry) = self.bindings.table.get_mut(binding) else {
                continue;
            };
            entry.is_listed = false;
            if !entry.waiting.is_empty() {
                self.list(binding);
                self.seek(binding, replies);
            }
        }
    }

    pub(super) fn place_waiting_of(&mut self, binding: Key, replies: LocalReplies<'_>) {
        while let Some(place) = self.next_waiting(binding) {
            let Some(call) = self.bindings.take_waiting_at(binding, place) else {
                return;
            };
            let left = match self.route(binding, self.lane(call.key)) {
                Some(route) => self.place(route, call, replies),
                None => Some(call),
            };
            if let Some(call) = left {
                return self.bindings.wait_again(binding, place, call);
            }
        }
    }

    /// The place of the first waiting call that no earlier call of its lane holds back. Where
    /// calls are multiplexed, none does.
    pub(super) fn next_waiting(&mut self, binding: Key) -> Option<usize> {
        self.bindings.drop_ended(binding, &self.shared.stub_buffers);
        let entry = self.bindings.table.get(binding)?;
        let is_ordered = entry.route.is_some();
        let waiting = entry.waiting.iter().enumerate();
        waiting
            .filter_map(|(place, waiting)| Some((place, self.bindings.call(waiting.key)?.lane)))
            .take(LOOK_AHEAD)
            .find(|(_, lane)| is_ordered || self.is_lane_free(binding, entry.association, *lane))
            .map(|(place, _)| place)
    }

    /// Notes at its association that calls of a binding wait.
    pub(super) fn list(&mut self, binding: Key) {
        if let Some(entry) = self.bindings.table.get_mut(binding)
            && !entry.is_listed
            && let Some(association) = self.associations.table.get_mut(entry.association)
        {
            entry.is_listed = true;
            association.waiting.push_back(binding);
        }
    }

    /// Ends a call that was not sent.
    pub(super) fn fail_waiting_call(
        &mut self,
        call: WaitingCall,
        status: Status,
        replies: LocalReplies<'_>,
    ) {
        self.fail_unplaced_call(call, &status.into(), replies);
    }

    /// The same of one whose server is not found.
    pub(super) fn fail_unplaced_call(
        &mut self,
        call: WaitingCall,
        failure: &NotFound,
        replies: LocalReplies<'_>,
    ) {
        self.shared.stub_buffers.put(call.stub);
        let (result, explained) = (Err(failure.status), &failure.explained);
        self.bindings
            .end_call(call.key, result, explained, &self.shared, self.now, replies);
    }

    /// Ends a call without a response.
    pub(super) fn fail_call(&mut self, call: Key, status: Status, replies: LocalReplies<'_>) {
        self.bindings
            .end_call(call, Err(status), &[], &self.shared, self.now, replies);
    }
}

/// Of the calls that wait at a binding so many are looked at for one that may go before those
/// that wait for an earlier call of their own lane.
const LOOK_AHEAD: usize = 64;
