//! What happens on connections: bytes in, bytes out, time that passes, the end.

use std::sync::atomic::Ordering;

use annulus_protocol::Time;
use annulus_transports::{ReceiveLease, Ring, SocketId};

use super::connection::{Connection, Life, Role};
use super::deferred::DeferredCalls;
use super::tasks::Tasks;
use super::timers::Timer;
use super::{Core, LocalReplies};
use crate::foreign::contain_panic;
use crate::table::Key;

/// What a lost connection of a client leaves behind.
pub(super) struct Abandoned {
    pub(super) association: Key,
    /// The calls that were not answered.
    pub(super) calls: Vec<u64>,
    /// What was still to be sent, if there are such calls.
    pub(super) unsent: Vec<u8>,
    /// The index of the address that it was connected to.
    pub(super) address: usize,
    /// Whether any call was sent at all.
    pub(super) was_used: bool,
}

/// Where received bytes lie.
pub(super) enum Arrived<'b> {
    /// In a buffer of the ring.
    Leased(&'b ReceiveLease),
    /// Beside the ring.
    Copied(&'b [u8]),
}

impl<'b> Arrived<'b> {
    pub(super) fn bytes<R: Ring>(&self, ring: &'b R) -> &'b [u8] {
        match self {
            Arrived::Leased(lease) => ring.received(lease),
            Arrived::Copied(bytes) => bytes,
        }
    }
}

impl<R: Ring> Core<R> {
    pub(super) fn received(
        &mut self,
        socket: SocketId,
        lease: &ReceiveLease,
        replies: LocalReplies<'_>,
    ) {
        let now = self.now;
        let Core {
            ring, connections, ..
        } = self;
        let Some(connection) = connections.get_mut(socket) else {
            return;
        };
        let is_leaving = match connection.life {
            Life::Open => false,
            Life::Leaving { .. } | Life::Detaching { .. } => true,
            Life::Flushing | Life::Closing => return,
        };
        connection.active_at = now;
        if is_leaving || !connection.stalled.is_empty() {
            connection.stalled.extend_from_slice(ring.received(lease));
            return;
        }
        self.take_in(socket, &Arrived::Leased(lease), replies);
    }

    /// A long PDU has come, or more of it, right to its place.
    pub(super) fn received_into(
        &mut self,
        socket: SocketId,
        buffer: Vec<u8>,
        replies: LocalReplies<'_>,
    ) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let mut ahead = std::mem::take(&mut self.ahead);
        connection.active_at = now;
        connection.take_back(now, buffer, &mut ahead);
        match connection.life {
            Life::Open => self.take_in(socket, &Arrived::Copied(&ahead), replies),
            // Nobody leaves in the middle of a PDU.
            Life::Leaving { .. } | Life::Detaching { .. } | Life::Flushing | Life::Closing => {}
        }
        ahead.clear();
        self.ahead = ahead;
    }

    fn take_in(&mut self, socket: SocketId, arrived: &Arrived<'_>, replies: LocalReplies<'_>) {
        match self.connections.get(socket).map(|it| &it.role) {
            Some(Role::Server(_)) => self.server_received(socket, arrived),
            Some(Role::Client(_)) => self.client_received(socket, arrived, replies),
            None => {}
        }
        self.receive_rest(socket);
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        // What was not sent when a connection ends may be sent elsewhere, so it must not go out here;
        // and what waits for the peer must be known to wait before the peer has read.
        if connection.life != Life::Open || connection.has_unserved() {
            return self.settle(socket, replies);
        }
        connection.outgoing.queue(socket, &mut self.dirty);
        if self.unsettled.last() != Some(&socket) {
            self.unsettled.push(socket);
        }
    }

    /// Settles the connections on which something has come in.
    pub(super) fn settle_all(&mut self, replies: LocalReplies<'_>) {
        for index in 0..self.unsettled.len() {
            self.settle(self.unsettled[index], replies);
        }
        self.unsettled.clear();
    }

    /// If a long PDU has begun, has its rest received right to its place.
    fn receive_rest(&mut self, socket: SocketId) {
        let now = self.now;
        if let Some(connection) = self.connections.get_mut(socket)
            && let Some(buffer) = connection.lend_partial()
            && let Err(buffer) = self.ring.receive_into(socket, buffer)
        {
            connection.take_back(now, buffer, &mut self.ahead);
        }
    }

    /// The peer sends no more. The answers that there are already still go out; calls that are
    /// open end, as a client that has gone cannot be told from one that still listens.
    pub(super) fn receive_ended(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        if let Some(connection) = self.connections.get_mut(socket) {
            connection.input_ended = true;
        }
        self.settle(socket, replies);
    }

    /// A send has ended well: the next one, more input, or the end of the connection.
    pub(super) fn sent(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        connection.outgoing.end_send();
        self.settle(socket, replies);
    }

    pub(super) fn send_failed(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        if let Some(connection) = self.connections.get_mut(socket) {
            connection.outgoing.end_send();
        }
        self.connection_lost(socket, replies);
        self.close(socket);
    }

    /// A peer that was held back may have read something, or nothing may be left of what waited
    /// for it: its waiting input goes on, and when none of that is left, receiving does.
    fn continue_held_back(&mut self, socket: SocketId) {
        let half = self.limits.send_backlog_max / 2;
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let is_held_back = connection.life == Life::Open && connection.outgoing.held_back;
        if !is_held_back || connection.outgoing.backlog() > half {
            return;
        }
        if connection.has_unserved() {
            let stalled = std::mem::take(&mut connection.stalled);
            self.resume_stalled(socket, &stalled);
        }
        let is_core_full = self.backlog > self.limits.send_backlog_per_core_max;
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let backlog = connection.outgoing.backlog();
        if !connection.has_unserved() && backlog <= half && (backlog == 0 || !is_core_full) {
            connection.outgoing.held_back = false;
            if !connection.pipe_is_full {
                self.ring.resume_receive(socket);
            }
        }
    }

    /// After a connection has been worked on: queues its output, holds its peer back, arms its
    /// timer, and closes it when all has been said.
    pub(super) fn settle(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let deadline = self.now + self.limits.flush_timeout;
        self.continue_held_back(socket);
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        connection.outgoing.queue(socket, &mut self.dirty);
        connection.outgoing.give_back(&mut self.buffers);
        if connection.input_ended && !connection.has_unserved() {
            connection.begin_flush(deadline);
        }
        match connection.life {
            Life::Open => {
                self.hold_back(socket);
                self.follow_pipe(socket);
                self.arm_timer(socket);
            }
            Life::Leaving { .. } | Life::Detaching { .. } => {
                self.arm_timer(socket);
                self.continue_leaving(socket);
            }
            Life::Flushing => {
                self.connection_lost(socket, replies);
                let connection = self.connections.get(socket);
                if connection.is_some_and(|connection| connection.outgoing.backlog() == 0) {
                    self.close(socket);
                } else {
                    self.arm_timer(socket);
                }
            }
            Life::Closing => {}
        }
    }

    /// Stops receiving from a peer that does not read. Only a server does: a client that stopped
    /// reading because the server does not would wait for a server that waits for it.
    fn hold_back(&mut self, socket: SocketId) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        if !matches!(connection.role, Role::Server(_)) {
            return;
        }
        let (backlog, change) = connection.outgoing.account();
        self.backlog = self.backlog.wrapping_add_signed(change);
        let too_much = backlog > self.limits.send_backlog_max
            || (backlog > 0 && self.backlog > self.limits.send_backlog_per_core_max);
        if too_much && !connection.outgoing.held_back {
            connection.outgoing.held_back = true;
            self.ring.pause_receive(socket);
        }
    }

    /// Sees to it that a timer looks at the connection when its next deadline comes. Deadlines
    /// mostly move into the future, so a timer that comes early looks again later. While bytes
    /// come in, one looks as often as the soonest deadline could ask for: then most of what happens
    /// on the connection needs no thought about deadlines.
    #[inline]
    pub(super) fn arm_timer(&mut self, socket: SocketId) {
        let by = self.now + self.deadline_min;
        let connection = self.connections.get(socket);
        if connection.is_some_and(|it| !it.alarm.is_before(by)) {
            self.renew_timer(socket, by);
        }
    }

    /// The same where no timer comes by then.
    fn renew_timer(&mut self, socket: SocketId, by: Time) {
        let Some(connection) = self.connections.get(socket) else {
            return;
        };
        let is_busy = connection.active_at + self.deadline_min > self.now;
        let looks_by = is_busy.then_some(by);
        let deadline = connection.next_deadline(&self.limits);
        if let Some(due) = deadline.into_iter().chain(looks_by).min() {
            self.arm_timer_by(socket, due);
        }
    }

    /// The same for a deadline that has just come up, where the others are seen to.
    pub(super) fn arm_timer_by(&mut self, socket: SocketId, due: Time) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        if connection.alarm.is_before(due) {
            return;
        }
        connection.alarm.set(due);
        let timer = Timer::Connection {
            socket,
            serial: connection.serial,
        };
        self.add_timer(due, timer);
    }

    /// Sets a timer of the core's own.
    pub(super) fn add_timer(&mut self, due: Time, timer: Timer) {
        let (connections, associations) = (&self.connections, &self.associations.table);
        let has_meaning = |timer: &Timer| match timer {
            Timer::Connection { socket, serial } => connections.has(*socket, *serial),
            Timer::Association(key) => associations.contains(*key),
            _ => true,
        };
        self.timers
            .add(due, timer, connections.removals(), has_meaning);
    }

    pub(super) fn run_timers(&mut self, replies: LocalReplies<'_>) -> bool {
        let mut worked = false;
        while let Some(timer) = self.timers.pop_due(self.now) {
            worked = true;
            match timer {
                Timer::Connection { socket, serial } => {
                    self.connection_timer(socket, serial, replies);
                }
                Timer::Run { call, run } => {
                    let is_wanted = call.is_none_or(|call| self.deferred.is_wanted(call));
                    // Foreign code also where it is only dropped.
                    contain_panic(|| {
                        if is_wanted {
                            run.into_inner()();
                        }
                    });
                }
                Timer::Call(call) => self.call_timer(call, replies),
                Timer::Balance => self.balance(replies),
                Timer::Association(key) => self.association_timer(key, replies),
                Timer::DrainEnds => self.end_drain(replies),
            }
        }
        worked
    }

    /// Polls the futures that can go on. True if there was one.
    pub(super) fn run_tasks(&mut self) -> bool {
        let woke = self.tasks.wake_sleepers(self.now);
        woke | self.tasks.run(|| self.ring.now())
    }

    fn connection_timer(&mut self, socket: SocketId, serial: u64, replies: LocalReplies<'_>) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        if connection.serial != serial || !connection.alarm.ring(now) {
            return;
        }
        if connection
            .transport_deadline(&self.limits)
            .is_some_and(|due| due <= now)
        {
            tracing::debug!(socket = socket.0, "a peer does not read");
            self.connection_lost(socket, replies);
            return self.close(socket);
        }
        connection.trim(now);
        connection.free_worker(now, &self.limits);
        if connection.life == Life::Open
            && connection
                .idle_until(&self.limits)
                .is_some_and(|due| due <= now)
        {
            return self.end_idle_link(socket, replies);
        }
        self.protocol_deadline(socket);
        self.settle(socket, replies);
    }

    fn protocol_deadline(&mut self, socket: SocketId) {
        let (now, flush_timeout) = (self.now, self.limits.flush_timeout);
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let out = connection.outgoing.pieces.written();
        let is_expired = match &mut connection.role {
            Role::Server(link) => link.protocol.handle_deadline(now, out).is_some(),
            Role::Client(link) => link.protocol.handle_deadline(now, out).is_some(),
        };
        if is_expired {
            tracing::debug!(socket = socket.0, "a peer took too long");
            connection.begin_flush(now + flush_timeout);
        }
    }

    /// The peer of a connection is gone, or is to be: its calls end. Idempotent.
    pub(super) fn connection_lost(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        if let Some(abandoned) = abandon(
            connection,
            &mut self.deferred,
            &self.tasks,
            &mut self.assembling_len,
        ) {
            self.client_lost(socket, abandoned, replies);
        }
    }

    pub(super) fn close(&mut self, socket: SocketId) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        if connection.life != Life::Closing {
            let life = std::mem::replace(&mut connection.life, Life::Closing);
            self.give_up_place(life);
            self.ring.close(socket);
        }
    }

    /// The socket is gone. Its id may be given out again by whatever this leads to, so the
    /// connection leaves the table first.
    pub(super) fn closed(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(mut connection) = self.connections.remove(socket) else {
            return;
        };
        let abandoned = abandon(
            &mut connection,
            &mut self.deferred,
            &self.tasks,
            &mut self.assembling_len,
        );
        match &connection.role {
            Role::Server(link) => {
                self.shared.connections.fetch_sub(1, Ordering::Relaxed);
                let counters = link.client.server.counters(self.siblings.index);
                counters.closed.add(1);
                self.expect_imbalance();
                self.backlog = self.backlog.saturating_sub(connection.outgoing.accounted());
            }
            Role::Client(_) => {
                self.shared.dialed.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.buffers
            .put(std::mem::take(&mut connection.outgoing.pieces));
        if let Some(abandoned) = abandoned {
            self.client_lost(socket, abandoned, replies);
        }
    }
}

/// Takes a connection's calls from it: the open calls of a server have nobody to answer to any
/// more, those of a client are to be failed by the caller.
fn abandon(
    connection: &mut Connection,
    deferred: &mut DeferredCalls,
    tasks: &Tasks,
    assembling_len: &mut usize,
) -> Option<Abandoned> {
    match &mut connection.role {
        Role::Server(link) => {
            for key in link.protocol.active_call_keys() {
                if let Some(task) = deferred.disconnect(Key::from_bits(key)) {
                    tasks.cancel(task);
                }
            }
            link.drop_incoming(assembling_len);
            link.close_protocol(assembling_len);
            None
        }
        Role::Client(link) => {
            let calls: Vec<u64> = link.protocol.call_keys().collect();
            let unsent = if calls.is_empty() {
                Vec::new()
            } else {
                // These calls may be made again elsewhere, so they must not go out here.
                connection.outgoing.withdraw().into_whole()
            };
            Some(Abandoned {
                association: link.association,
                calls,
                unsent,
                address: link.address,
                was_used: link.is_used,
            })
        }
    }
}

impl Connection {
    /// Nothing that comes in counts any more; what is left is sent by `deadline`.
    pub(super) fn begin_flush(&mut self, deadline: Time) {
        if self.life == Life::Open {
            self.life = Life::Flushing;
            self.stalled = Vec::new();
            self.outgoing.drop_held();
            self.flush_deadline = Some(deadline);
        }
    }
}
