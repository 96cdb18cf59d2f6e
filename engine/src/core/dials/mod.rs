//! How a core connects to a server: its addresses are looked up if need be, and tried one after
//! the other, each with a head start before the next (RFC 8305). The first that answers is the
//! connection.

mod dial;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use annulus_protocol::{ClientConfig, ClientConnection, Time};
use annulus_transports::{Address, Ring, SocketId, SocketOptions};

use self::dial::Step;
pub(super) use self::dial::{Dial, DialFrom};
use super::associations::ClientLink;
use super::connection::{Connection, Life, Role};
use super::lifecycle::Phase;
use super::{Core, LocalReplies};
use crate::resolver::{Answer, Job, NotFound, Target};
use crate::status::Status;
use crate::table::Key;

impl<R: Ring> Core<R> {
    /// Begins to make a connection for a binding, or adds what the binding wants to the one that
    /// is being made.
    pub(super) fn dial(&mut self, binding: Key, from: DialFrom, replies: LocalReplies<'_>) {
        let Some(entry) = self.bindings.table.get(binding) else {
            return;
        };
        let (key, shared) = (entry.association, Arc::clone(&entry.shared));
        let timeout = shared.options.connect_timeout;
        let deadline = self.now + timeout.unwrap_or(self.limits.connect_timeout);
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        if let Some(dial) = &mut association.dial {
            dial.want(&shared, &self.limits);
            dial.deadline = dial.deadline.or(Some(deadline));
            return self.watch_association(key);
        }
        if self.phase != Phase::Running {
            return self.link_failed(key, Status::CallFailedDne, replies);
        }
        let mut dial = Dial {
            offers: Vec::new(),
            step: Step::Resolving(Arc::default()),
            deadline: Some(deadline),
            may_multiplex: !shared.options.multiplexes_not,
            socket: shared.options.socket,
        };
        dial.want(&shared, &self.limits);
        association.dial = Some(Box::new(dial));
        match from {
            DialFrom::Index(first) => self.try_from(key, first, replies),
            DialFrom::Anew => self.locate(key, replies),
        }
        self.watch_association(key);
    }

    /// Finds out where the server of an association is now.
    fn locate(&mut self, key: Key, replies: LocalReplies<'_>) {
        let known = self.associations.reached_beside(key);
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let (addresses, first) = match (known, association.target(), &association.dial) {
            (Some(known), ..) => known,
            (None, Target::Addresses(addresses), _) => (Arc::clone(addresses), 0),
            (None, Target::Named(query), Some(dial)) => {
                return self.siblings.resolver.ask(Job {
                    query: Arc::clone(query),
                    core: Arc::clone(&self.shared),
                    association: key,
                    asker: dial.asker(),
                });
            }
            (None, Target::Named(_), None) => return,
        };
        association.addresses = addresses;
        self.try_from(key, first, replies);
    }

    /// The resolver has answered.
    pub(super) fn resolved(&mut self, key: Key, answer: Answer, replies: LocalReplies<'_>) {
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let Some(dial) = &association.dial else {
            return;
        };
        if !dial.is_awaited() {
            association.dial = None;
            return;
        }
        match answer {
            Ok(addresses) => {
                association.addresses = addresses;
                self.try_from(key, 0, replies);
                self.watch_association(key);
            }
            Err(failure) => self.dial_failed(key, failure, replies),
        }
    }

    fn try_from(&mut self, key: Key, first: usize, replies: LocalReplies<'_>) {
        let association = self.associations.table.get_mut(key);
        if let Some(dial) = association.and_then(|association| association.dial.as_mut()) {
            dial.step = Step::trying(first);
        }
        self.try_next(key, replies);
    }

    /// Tries the next address of a dial beside those that are being tried. If there is none, it
    /// has failed with the last of those.
    fn try_next(&mut self, key: Key, replies: LocalReplies<'_>) {
        while let Some((index, address, options)) = self.next_address(key) {
            let status = if self.phase != Phase::Running {
                Status::CallFailedDne
            } else if !self.shared.has_room() {
                tracing::warn!(
                    limit = self.shared.connections_max(),
                    "no connection is made: Limits::connections_per_core_max or the limit of open files is reached"
                );
                Status::OutOfMemory
            } else {
                match self.ring.connect_with(address.clone(), &options) {
                    Ok(socket) => return self.begin_attempt(key, index, socket),
                    Err(error) => {
                        tracing::warn!(%error, %address, "cannot connect");
                        continue;
                    }
                }
            };
            return self.end_trying(key, status, replies);
        }
        self.end_trying(key, Status::ServerUnavailable, replies);
    }

    /// The next address of a dial, its index, and what the socket is to be like.
    fn next_address(&mut self, key: Key) -> Option<(usize, Address, SocketOptions)> {
        let association = self.associations.table.get_mut(key)?;
        let dial = association.dial.as_mut()?;
        let Step::Trying { next, next_at, .. } = &mut dial.step else {
            return None;
        };
        *next_at = None;
        let index = *next;
        let address = association.addresses.get(index)?.clone();
        *next += 1;
        Some((index, address, dial.socket))
    }

    /// No further address is tried: a dial without attempts has failed.
    fn end_trying(&mut self, key: Key, status: Status, replies: LocalReplies<'_>) {
        let association = self.associations.table.get_mut(key);
        let Some(dial) = association.and_then(|association| association.dial.as_mut()) else {
            return;
        };
        if let Step::Trying { attempts, .. } = &dial.step
            && attempts.is_empty()
        {
            self.dial_failed(key, status, replies);
        }
    }

    fn begin_attempt(&mut self, key: Key, index: usize, socket: SocketId) {
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let count = association.addresses.len();
        let Some(dial) = &mut association.dial else {
            return;
        };
        if let Step::Trying {
            next,
            next_at,
            attempts,
        } = &mut dial.step
        {
            attempts.push(socket);
            *next_at = (*next < count).then(|| self.now + self.limits.connect_attempt_delay);
        }
        let mut config = ClientConfig::new(Arc::clone(&self.limits));
        config.multiplexing &= dial.may_multiplex;
        let link = ClientLink::new(ClientConnection::new(config), key, index);
        let serial = self.connections.next_serial();
        let connection = Connection::new(serial, Role::Client(link), self.now);
        self.connections.insert(socket, connection);
        self.shared.dialed.fetch_add(1, Ordering::Relaxed);
    }

    /// An address did not take a connection: the next one's turn comes at once.
    pub(super) fn attempt_failed(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(association) = self.association_of(socket) else {
            return;
        };
        self.close(socket);
        let entry = self.associations.table.get_mut(association);
        let dial = entry.and_then(|entry| entry.dial.as_mut());
        if dial.is_some_and(|dial| dial.remove(socket)) {
            self.try_next(association, replies);
            self.watch_association(association);
        }
    }

    /// An address took a connection: the others are not needed. Binds the interfaces that wait.
    pub(super) fn connected(&mut self, socket: SocketId) {
        let Some(key) = self.association_of(socket) else {
            return;
        };
        let group = self.associations.group(key);
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let Some(mut dial) = association.dial.take_if(|dial| dial.remove(socket)) else {
            // Another one was faster.
            return;
        };
        association.links.push(socket);
        let offers = std::mem::take(&mut dial.offers);
        if let Some(connection) = self.connections.get_mut(socket)
            && let Role::Client(link) = &mut connection.role
        {
            association.address = link.address;
            connection.active_at = self.now;
            let out = connection.outgoing.writable(&mut self.buffers);
            if let Err(error) = link.bind(self.now, offers, group, out) {
                unreachable!("the offers of a fresh connection cannot be refused here: {error}");
            }
            connection.outgoing.queue(socket, &mut self.dirty);
        }
        self.arm_timer(socket);
        self.close_all(dial.into_attempts());
    }

    fn association_of(&self, socket: SocketId) -> Option<Key> {
        let connection = self.connections.get(socket)?;
        match &connection.role {
            Role::Client(link) if connection.life == Life::Open => Some(link.association),
            _ => None,
        }
    }

    pub(super) fn close_all(&mut self, sockets: Vec<SocketId>) {
        for socket in sockets {
            self.close(socket);
        }
    }

    /// Looks at the time of an association's dial.
    pub(super) fn dial_timer(&mut self, key: Key, replies: LocalReplies<'_>) {
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let Some(dial) = &mut association.dial else {
            return;
        };
        let now = self.now;
        let is_due = |due: Option<Time>| due.is_some_and(|due| due <= now);
        match &dial.step {
            Step::Resolving(_) if is_due(dial.deadline) => {
                tracing::debug!("a server's addresses are not found in time");
                dial.deadline = None;
                self.link_failed(key, Status::ServerUnavailable, replies);
            }
            Step::Trying { .. } if is_due(dial.deadline) => {
                tracing::debug!("a server does not take a connection in time");
                self.dial_failed(key, Status::ServerUnavailable, replies);
            }
            Step::Trying { next_at, .. } if is_due(*next_at) => self.try_next(key, replies),
            _ => {}
        }
    }

    /// Gives a dial up, and the calls that can only wait for it.
    fn dial_failed(&mut self, key: Key, failure: impl Into<NotFound>, replies: LocalReplies<'_>) {
        let association = self.associations.table.get_mut(key);
        if let Some(dial) = association.and_then(|association| association.dial.take()) {
            self.close_all(dial.into_attempts());
        }
        self.link_failed(key, failure, replies);
    }

    /// Gives all dials up, as the core ends.
    pub(super) fn fail_dials(&mut self, replies: LocalReplies<'_>) {
        for key in self.associations.dialing() {
            self.dial_failed(key, Status::CallFailedDne, replies);
        }
    }
}
