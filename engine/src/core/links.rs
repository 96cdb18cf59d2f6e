//! What a core does for the connections of its clients: offers interfaces on them, loses them,
//! and lets associations linger.

use std::sync::Arc;

use annulus_protocol::{SyntaxId, TransferSyntax};
use annulus_transports::{Ring, SocketId};

use super::associations::{Association, ClientLink, Reach};
use super::bindings::WaitingCall;
use super::connection::{Life, Role};
use super::dials::DialFrom;
use super::lifecycle::Phase;
use super::timers::Timer;
use super::traffic::Abandoned;
use super::unsent::{RequestParts, unsent_requests};
use super::{Core, LocalReplies};
use crate::binding::BindingShared;
use crate::resolver::NotFound;
use crate::status::Status;
use crate::table::Key;

impl<R: Ring> Core<R> {
    /// The key of a binding, which is entered with its first use.
    pub(super) fn enter(&mut self, shared: &Arc<BindingShared>) -> Key {
        if let Some(key) = shared.key() {
            return Key::from_bits(key);
        }
        // Asked once: it may change meanwhile.
        let keeps = shared.keeps_connection();
        let association = self.associations.join(shared, keeps, &self.limits);
        self.bindings.enter(shared, association, keeps)
    }

    /// The connections of an association that are in use, or will be.
    pub(super) fn open_links(
        &self,
        association: Key,
    ) -> impl Iterator<Item = (SocketId, &ClientLink)> {
        let association = self.associations.table.get(association);
        let links = association.map_or(&[][..], |association| &association.links);
        links.iter().filter_map(|&socket| {
            let connection = self.connections.get(socket)?;
            match &connection.role {
                Role::Client(link) if connection.life == Life::Open => Some((socket, link)),
                _ => None,
            }
        })
    }

    /// Sees to it that a connection for a binding's calls comes about: offers the interface on one
    /// that can take them, or makes a further one, unless something is under way already.
    pub(super) fn seek(&mut self, binding: Key, replies: LocalReplies<'_>) {
        let Some(entry) = self.bindings.table.get(binding) else {
            return;
        };
        let (association, shared) = (entry.association, Arc::clone(&entry.shared));
        let dial = self.associations.table.get(association);
        let dial = dial.and_then(|association| association.dial.as_ref());
        if dial.is_some_and(|dial| dial.is_awaited() && dial.wants(&shared)) {
            return;
        }
        let mut may_offer = None;
        for (socket, link) in self.open_links(association) {
            match link.reach(&shared) {
                Reach::Asked => return,
                Reach::Bound(_) if link.protocol.is_multiplexed() => return,
                Reach::Unknown if link.is_taker() => may_offer = may_offer.or(Some(socket)),
                Reach::Bound(_) | Reach::Unknown => {}
            }
        }
        if may_offer.is_some_and(|socket| self.offer(socket, &shared)) {
            return;
        }
        let Some(entry) = self.associations.table.get(association) else {
            return;
        };
        let (count, max, address) = (entry.links.len(), entry.links_max, entry.address);
        if count == 0 || entry.dial.is_some() {
            self.dial(binding, DialFrom::Anew, replies);
        } else if count < max && self.next_waiting(binding).is_some() {
            self.dial(binding, DialFrom::Index(address), replies);
        } else if may_offer.is_some() {
            tracing::warn!(
                limit = self.limits.contexts_per_connection_max,
                "an interface cannot be bound: Limits::contexts_per_connection_max and connections_per_association_max are reached"
            );
            self.fail_waiting_of(binding, Status::OutOfMemory, replies);
        }
    }

    /// Offers a binding's interface on a connection. False if that cannot have more.
    fn offer(&mut self, socket: SocketId, shared: &BindingShared) -> bool {
        let Some(connection) = self.connections.get_mut(socket) else {
            return false;
        };
        let Role::Client(link) = &mut connection.role else {
            return false;
        };
        let out = connection.outgoing.writable(&mut self.buffers);
        let is_offered = link.offer(self.now, shared, out);
        connection.outgoing.queue(socket, &mut self.dirty);
        self.arm_timer(socket);
        is_offered
    }

    /// No connection can be made. Where there are others, calls wait for those.
    pub(super) fn link_failed(
        &mut self,
        association: Key,
        failure: impl Into<NotFound>,
        replies: LocalReplies<'_>,
    ) {
        let Some(entry) = self.associations.table.get_mut(association) else {
            return;
        };
        if entry.links.is_empty() {
            self.fail_waiting(association, &failure.into(), replies);
        } else {
            entry.links_max = entry.links.len();
        }
    }

    /// The server does not serve an interface: the calls that wait for it fail. A connection that
    /// has no other goes.
    pub(super) fn interface_refused(
        &mut self,
        socket: SocketId,
        (interface, transfer): (SyntaxId, TransferSyntax),
        status: Status,
        replies: LocalReplies<'_>,
    ) {
        let Some(connection) = self.connections.get(socket) else {
            return;
        };
        let Role::Client(link) = &connection.role else {
            return;
        };
        let (association, is_useless) = (link.association, link.is_useless());
        for binding in self.waiting_bindings(association) {
            let entry = self.bindings.table.get(binding);
            if entry.is_some_and(|entry| {
                (entry.shared.interface, entry.shared.transfer) == (interface, transfer)
            }) {
                self.fail_waiting_of(binding, status, replies);
            }
        }
        if is_useless && let Some(entry) = self.associations.table.get_mut(association) {
            entry.unlink(socket, &self.limits);
            self.drop_link(socket, replies);
        }
    }

    /// The server refuses the connection. If it was to join a group, the server may have forgotten
    /// that, and the next one begins a new one.
    pub(super) fn bind_refused(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(connection) = self.connections.get(socket) else {
            return;
        };
        let Role::Client(link) = &connection.role else {
            return;
        };
        let (association, address) = (link.association, link.address);
        let joined = link.protocol.group();
        let Some(entry) = self.associations.table.get_mut(association) else {
            return;
        };
        entry.unlink(socket, &self.limits);
        entry.refused_group = joined;
        self.close(socket);
        if joined.is_some() {
            self.replace_link(association, address, replies);
        } else {
            self.link_failed(association, Status::ServerUnavailable, replies);
        }
    }

    /// Goes on without a connection that took no call: its calls wait for the others, or for one
    /// that is made to the addresses from `first` on.
    fn replace_link(&mut self, association: Key, first: usize, replies: LocalReplies<'_>) {
        let Some(entry) = self.associations.table.get_mut(association) else {
            return;
        };
        if !entry.links.is_empty() {
            entry.links_max = entry.links.len();
        } else if let Some(binding) = self.first_waiting(association) {
            self.dial(binding, DialFrom::Index(first), replies);
        }
        self.place_waiting(association, replies);
    }

    /// The binding whose turn it is, if calls wait.
    fn first_waiting(&mut self, association: Key) -> Option<Key> {
        let association = self.associations.table.get_mut(association)?;
        while let Some(&binding) = association.waiting.front() {
            match self.bindings.table.get_mut(binding) {
                Some(entry) if !entry.waiting.is_empty() => return Some(binding),
                Some(entry) => entry.is_listed = false,
                None => {}
            }
            association.waiting.pop_front();
        }
        None
    }

    fn waiting_bindings(&self, association: Key) -> Vec<Key> {
        let entry = self.associations.table.get(association);
        entry.map_or_else(Vec::new, |entry| entry.waiting.iter().copied().collect())
    }

    fn fail_waiting(&mut self, association: Key, failure: &NotFound, replies: LocalReplies<'_>) {
        for binding in self.waiting_bindings(association) {
            for call in self.bindings.take_waiting(binding) {
                self.fail_unplaced_call(call, failure, replies);
            }
        }
    }

    fn fail_waiting_of(&mut self, binding: Key, status: Status, replies: LocalReplies<'_>) {
        for call in self.bindings.take_waiting(binding) {
            self.fail_waiting_call(call, status, replies);
        }
    }

    /// Ends the use of a connection: what was written to it is sent, then it is closed.
    pub(super) fn drop_link(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let deadline = self.now + self.limits.flush_timeout;
        if let Some(connection) = self.connections.get_mut(socket) {
            connection.begin_flush(deadline);
        }
        self.settle(socket, replies);
    }

    /// A connection has been idle for long: it is closed, unless a server may keep something for as
    /// long as there is one.
    pub(super) fn end_idle_link(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let Role::Client(link) = &connection.role else {
            return;
        };
        let association = self.associations.table.get(link.association);
        if association.is_some_and(Association::needs_idle_link) {
            connection.active_at = now;
            self.settle(socket, replies);
        } else {
            self.drop_link(socket, replies);
        }
    }

    /// A connection is gone. What was sent on it may have been executed; what was still to be sent
    /// was not, and is sent on another one, once.
    pub(super) fn client_lost(
        &mut self,
        socket: SocketId,
        lost: Abandoned,
        replies: LocalReplies<'_>,
    ) {
        let Abandoned {
            association,
            calls,
            unsent,
            address,
            was_used,
        } = lost;
        let deadline = self.now + self.limits.flush_timeout;
        if let Some(connection) = self.connections.get_mut(socket) {
            // From here on no call finds it.
            connection.begin_flush(deadline);
        }
        let entry = self.associations.table.get_mut(association);
        let is_news = entry.is_some_and(|entry| entry.unlink(socket, &self.limits));
        let resent = self.take_unsent(socket, &calls, &unsent, replies);
        for key in calls.into_iter().map(Key::from_bits) {
            if self.was_placed_on(key, socket) {
                self.fail_call(key, Status::CallFailed, replies);
            }
        }
        self.buffers.put(unsent);
        for (binding, call) in resent.into_iter().rev() {
            self.bindings.wait_again(binding, 0, call);
            self.list(binding);
        }
        if !is_news || self.first_waiting(association).is_none() {
            return;
        }
        if was_used {
            self.place_waiting(association, replies);
        } else {
            // A server that binds and then does not take a single call is as good as none.
            self.replace_link(association, address + 1, replies);
        }
    }

    fn was_placed_on(&self, call: Key, socket: SocketId) -> bool {
        let placed = self.bindings.call(call).and_then(|call| call.placed);
        placed.is_some_and(|(on, _)| on == socket)
    }

    /// The calls of a lost connection that were not sent and may be made again, in their order.
    /// Those that were made again before end here.
    fn take_unsent(
        &mut self,
        socket: SocketId,
        calls: &[u64],
        unsent: &[u8],
        replies: LocalReplies<'_>,
    ) -> Vec<(Key, WaitingCall)> {
        let mut again = Vec::new();
        for request in unsent_requests(unsent) {
            let placed = Some((socket, request.call));
            let mut keys = calls.iter().map(|key| Key::from_bits(*key));
            let key = keys.find(|key| {
                let call = self.bindings.call(*key);
                call.is_some_and(|call| call.placed == placed)
            });
            let Some(key) = key else { continue };
            let (Some(call), Phase::Running) = (self.bindings.call_mut(key), self.phase) else {
                self.fail_call(key, Status::CallFailedDne, replies);
                continue;
            };
            match request.again {
                Some(RequestParts {
                    opnum,
                    object,
                    stub,
                }) if !call.is_retried => {
                    call.is_retried = true;
                    call.placed = None;
                    let call_again = WaitingCall {
                        key,
                        opnum,
                        object,
                        stub: stub.into(),
                        // That would have ended when it was sent.
                        is_maybe: false,
                    };
                    again.push((call.binding, call_again));
                }
                _ => self.fail_call(key, Status::CallFailedDne, replies),
            }
        }
        again
    }

    /// Nobody uses a binding any more.
    pub(super) fn close_binding(&mut self, shared: &BindingShared) {
        if let Some(key) = shared.key() {
            self.bindings.release(Key::from_bits(key));
        }
    }

    /// Removes the bindings that were released and have no call left. The last one of an
    /// association leaves it to linger, or ends it.
    pub(super) fn retire_bindings(&mut self) {
        while let Some(binding) = self.bindings.next_retiree() {
            let key = binding.association;
            let lingers = !binding.shared.options.lingers_not && self.phase == Phase::Running;
            let end = self.now + self.limits.association_linger;
            if !self.associations.leave(key, binding.keeps_connection, end) {
                continue;
            }
            let entry = self.associations.table.get_mut(key);
            if lingers && entry.is_some_and(|entry| !entry.links.is_empty()) {
                self.watch_association(key);
            } else {
                self.close_association(key);
            }
        }
    }

    /// Sees to it that a timer looks at an association when its next deadline comes.
    pub(super) fn watch_association(&mut self, key: Key) {
        let Some(entry) = self.associations.table.get_mut(key) else {
            return;
        };
        if let Some(due) = entry.next_deadline()
            && !entry.alarm.is_before(due)
        {
            entry.alarm.set(due);
            self.add_timer(due, Timer::Association(key));
        }
    }

    pub(super) fn association_timer(&mut self, key: Key, replies: LocalReplies<'_>) {
        let now = self.now;
        let Some(entry) = self.associations.table.get_mut(key) else {
            return;
        };
        if !entry.alarm.ring(now) {
            return;
        }
        if entry.lingers_until().is_some_and(|due| due <= now) {
            return self.close_association(key);
        }
        self.dial_timer(key, replies);
        self.watch_association(key);
    }

    /// Ends an association that no binding uses, and its connections, which carry no call.
    fn close_association(&mut self, key: Key) {
        let Some(Association { links, dial, .. }) = self.associations.remove(key) else {
            return;
        };
        if let Some(dial) = dial {
            self.close_all(dial.into_attempts());
        }
        for socket in links {
            let Some(connection) = self.connections.get_mut(socket) else {
                continue;
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
