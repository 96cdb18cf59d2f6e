//! One connection as its core sees it.

use std::sync::Arc;
use std::time::Duration;

use annulus_protocol::{InterfaceKey, Limits, Pieces, SendBuffer, ServerConnection, Time};
use annulus_transports::SocketId;

use super::associations::ClientLink;
use super::buffers::BufferPool;
use super::held::HeldAnswers;
use super::pipes::Incoming;
use crate::core_shared::CoreShared;
use crate::dispatch::PipeDispatch;
use crate::pipe::{PipeBacklog, PipeLink, PipeShape, Unpulled};
use crate::served_client::ServedClient;
use crate::server::EndpointView;

/// What a core keeps of a connection from accept, or connect, to close.
pub(crate) struct Connection {
    /// Tells this connection from a later one of the same socket id.
    pub(crate) serial: u64,
    pub(crate) role: Role,
    pub(crate) outgoing: Outgoing,
    /// When bytes came in last.
    pub(crate) active_at: Time,
    /// The peer sends no more.
    pub(crate) input_ended: bool,
    /// Received bytes that wait until the peer has read what it was sent.
    pub(crate) stalled: Vec<u8>,
    pub(crate) life: Life,
    pub(crate) alarm: Alarm,
    /// What is left must be sent by this time.
    pub(crate) flush_deadline: Option<Time>,
    /// The pipe whose data is arriving takes no more until it has been pulled.
    pub(crate) pipe_is_full: bool,
    /// Receiving is paused because of that.
    pub(crate) waits_for_pipe: bool,
}

/// Which side of the protocol this is.
pub(crate) enum Role {
    Server(ServerLink),
    Client(ClientLink),
}

/// A connection of a server.
pub(crate) struct ServerLink {
    pub(crate) protocol: ServerConnection,
    /// PDUs that are in the server's statistics already.
    counted_pdus: u64,
    pub(crate) client: ServedClient,
    pub(crate) endpoint: usize,
    /// The interfaces that their security callbacks have let this connection call.
    pub(crate) cleared: Vec<InterfaceKey>,
    /// It came from another core, and is not to go on to a third one before this time.
    pub(super) rests_until: Time,
    /// The request that arrives piece by piece, because a pipe is in it.
    pub(super) incoming: Option<Incoming>,
    pub(super) pipe_use: PipeUse,
}

/// What the calls of one connection have in pipes.
#[derive(Default)]
pub(crate) struct PipeUse {
    /// What they have pushed; from the first such call on.
    pushed: Option<Arc<PipeBacklog>>,
    /// What they have not pulled; from the first such call on.
    unpulled: Option<Arc<Unpulled>>,
}

impl PipeUse {
    /// What one more call, whose pipes have this shape, counts its data with.
    pub(super) fn counted(
        &mut self,
        shape: PipeShape,
        core: &Arc<CoreShared>,
    ) -> (Option<Arc<PipeBacklog>>, Option<Arc<Unpulled>>) {
        let pushed = (shape.out_count > 0)
            .then(|| Arc::clone(self.pushed.get_or_insert_with(|| PipeBacklog::new(core))));
        let unpulled = (shape.in_count > 0)
            .then(|| Arc::clone(self.unpulled.get_or_insert_with(|| Unpulled::new(core))));
        (pushed, unpulled)
    }

    /// The same, with what the dispatch of that call knows besides.
    #[inline(never)]
    pub(super) fn for_dispatch(
        &mut self,
        shape: PipeShape,
        is_partial: bool,
        core: &Arc<CoreShared>,
    ) -> PipeDispatch {
        let (backlog, unpulled) = self.counted(shape, core);
        PipeDispatch {
            shape,
            backlog,
            unpulled,
            is_partial,
            ..PipeDispatch::default()
        }
    }

    /// Whether one more call with in-pipes may begin.
    pub(super) fn has_room_for_in_pipes(&self) -> bool {
        self.unpulled.as_ref().is_none_or(|it| it.has_room())
    }
}

/// A connection that was accepted: whose it is, and from where.
pub(crate) struct Inbound {
    pub(crate) client: ServedClient,
    pub(crate) endpoint: usize,
}

impl ServerLink {
    pub(crate) fn new(protocol: ServerConnection, inbound: Inbound) -> Self {
        ServerLink {
            protocol,
            counted_pdus: 0,
            client: inbound.client,
            endpoint: inbound.endpoint,
            cleared: Vec::new(),
            rests_until: Time::ZERO,
            incoming: None,
            pipe_use: PipeUse::default(),
        }
    }

    /// Ends the protocol's side of the connection, which leaves its group. Idempotent.
    pub(super) fn close_protocol(&mut self, assembling_len: &mut usize) {
        self.protocol.close(&mut EndpointView {
            client: &mut self.client,
            endpoint: self.endpoint,
            assembling_len,
        });
    }

    /// Carries the count of received PDUs over into the server's statistics.
    pub(crate) fn count_received(&mut self, core: usize) {
        let received = self.protocol.received_pdus();
        self.client
            .server
            .counters(core)
            .packets_in
            .add(received - self.counted_pdus);
        self.counted_pdus = received;
    }
}

/// How far a connection's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// In use.
    Open,
    /// Is to go to another core: what it has to send is sent, what comes in waits.
    Leaving {
        /// The other core's index.
        to: usize,
    },
    /// The ring gives its socket up.
    Detaching {
        /// The other core's index.
        to: usize,
    },
    /// What is left is sent, then the socket is closed. Nothing that comes in counts.
    Flushing,
    /// The ring closes the socket.
    Closing,
}

/// What is on its way to the peer.
#[derive(Default)]
pub(crate) struct Outgoing {
    /// Gathers what this turn produces: all of it in one buffer, but for large shared parts. Has
    /// no room while there is nothing.
    pub(crate) pieces: Pieces,
    /// Bytes that the ring is sending.
    in_flight: usize,
    /// When that send began.
    pub(super) sending_since: Time,
    /// Noted for the next flush.
    queued: bool,
    /// The backlog as it is in the core's sum.
    accounted: usize,
    /// Receiving is paused until the peer has read.
    pub(crate) held_back: bool,
    /// Answers that wait while the response to another call goes out in parts.
    pub(crate) held: HeldAnswers,
    /// Whose pipe data is in the buffer, and how much of it.
    shares: Vec<(Arc<PipeLink>, usize)>,
    /// The same of the bytes that the ring is sending.
    shares_in_flight: Vec<(Arc<PipeLink>, usize)>,
}

impl Outgoing {
    pub(crate) fn is_sending(&self) -> bool {
        self.in_flight > 0
    }

    /// Bytes that the peer has not taken yet.
    pub(crate) fn backlog(&self) -> usize {
        self.pieces.len() + self.in_flight + self.held.len()
    }

    /// What waits is not wanted any more.
    pub(crate) fn drop_held(&mut self) {
        self.held = HeldAnswers::default();
    }

    /// Notes whose pipe data was written to the buffer.
    pub(crate) fn share(&mut self, link: &Arc<PipeLink>, len: usize) {
        self.shares.push((Arc::clone(link), len));
    }

    /// The backlog, and by how much it has changed since the last time.
    #[expect(
        clippy::cast_possible_wrap,
        reason = "a difference of lengths in memory"
    )]
    pub(crate) fn account(&mut self) -> (usize, isize) {
        let backlog = self.backlog();
        let change = backlog as isize - self.accounted as isize;
        self.accounted = backlog;
        (backlog, change)
    }

    /// What is in the core's sum.
    pub(crate) fn accounted(&self) -> usize {
        self.accounted
    }

    /// The buffer, with room to write.
    pub(crate) fn writable(&mut self, pool: &mut BufferPool) -> &mut Vec<u8> {
        self.writable_pieces(pool).written()
    }

    /// The same, for what may share parts.
    pub(crate) fn writable_pieces(&mut self, pool: &mut BufferPool) -> &mut Pieces {
        let buffer = self.pieces.written();
        if buffer.capacity() == 0 {
            *buffer = pool.take();
        }
        &mut self.pieces
    }

    /// Gives the buffer back if nothing was written to it.
    #[inline]
    pub(crate) fn give_back(&mut self, pool: &mut BufferPool) {
        if self.pieces.is_empty() && self.pieces.written().capacity() > 0 {
            pool.put(std::mem::take(self.pieces.written()));
        }
    }

    /// Notes the connection for the next flush, once.
    pub(crate) fn queue(&mut self, socket: SocketId, dirty: &mut Vec<SocketId>) {
        if !self.queued && !self.is_sending() && !self.pieces.is_empty() {
            self.queued = true;
            dirty.push(socket);
        }
    }

    /// Takes the gathered bytes back: they are not to be sent.
    pub(crate) fn withdraw(&mut self) -> Pieces {
        self.queued = false;
        std::mem::take(&mut self.pieces)
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }

    /// Takes the gathered bytes for a send.
    pub(crate) fn begin_send(&mut self) -> SendBuffer {
        debug_assert!(self.queued && !self.is_sending());
        self.queued = false;
        self.in_flight = self.pieces.len();
        std::mem::swap(&mut self.shares, &mut self.shares_in_flight);
        std::mem::take(&mut self.pieces).into()
    }

    pub(crate) fn end_send(&mut self) {
        self.in_flight = 0;
        for (link, len) in self.shares_in_flight.drain(..) {
            link.sent(len);
        }
    }
}

/// The timers that are set for a connection or an association: one, or two if a nearer deadline came up later.
#[derive(Default)]
pub(crate) struct Alarm {
    due: Option<Time>,
    /// One that was set before and is still to come.
    later: Option<Time>,
}

impl Alarm {
    /// Whether a timer comes by `due` already.
    pub(crate) fn is_before(&self, due: Time) -> bool {
        self.due.is_some_and(|set| set <= due)
    }

    pub(crate) fn set(&mut self, due: Time) {
        self.later = self.due.replace(due).or(self.later);
    }

    /// A timer has come; false if it is one that was forgotten.
    pub(crate) fn ring(&mut self, now: Time) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        self.due = self.later.take();
        true
    }
}

/// After so long without a byte a connection gives its spare buffers back.
const TRIM_AFTER: Duration = Duration::from_secs(1);

/// No deadline of a connection comes sooner than this after what it is counted from. One that is
/// counted from a moment before it came up may be noticed so much too late.
pub(super) fn deadline_min(limits: &Limits) -> Duration {
    let Limits {
        bind_timeout,
        progress_timeout,
        worker_pipe_timeout,
        send_timeout,
        flush_timeout,
        idle_connection_timeout,
        ..
    } = *limits;
    TRIM_AFTER
        .min(bind_timeout)
        .min(progress_timeout)
        .min(worker_pipe_timeout)
        .min(send_timeout)
        .min(flush_timeout)
        .min(idle_connection_timeout)
}

impl Connection {
    pub(crate) fn new(serial: u64, role: Role, now: Time) -> Box<Self> {
        Box::new(Connection {
            serial,
            role,
            outgoing: Outgoing::default(),
            active_at: now,
            input_ended: false,
            stalled: Vec::new(),
            life: Life::Open,
            alarm: Alarm::default(),
            flush_deadline: None,
            pipe_is_full: false,
            waits_for_pipe: false,
        })
    }

    /// When this connection next needs attention by itself.
    pub(crate) fn next_deadline(&self, limits: &Limits) -> Option<Time> {
        let transport = self.transport_deadline(limits);
        if self.life != Life::Open {
            return transport;
        }
        let (protocol, worker) = match &self.role {
            Role::Server(link) => {
                let incoming = link.incoming.as_ref();
                let worker = incoming.and_then(|it| it.worker_deadline(limits));
                (link.protocol.next_deadline(), worker)
            }
            Role::Client(link) => (link.protocol.next_deadline(), None),
        };
        let idle = self.idle_until(limits);
        [transport, protocol, worker, self.trim_at(), idle]
            .into_iter()
            .flatten()
            .min()
    }

    /// Frees the worker that has waited too long for what comes of a request's pipes.
    pub(crate) fn free_worker(&mut self, now: Time, limits: &Limits) {
        if let Role::Server(link) = &mut self.role
            && let Some(incoming) = &mut link.incoming
        {
            incoming.free_worker(now, limits);
        }
    }

    /// When the peer will have taken too long to read, or to let go.
    pub(crate) fn transport_deadline(&self, limits: &Limits) -> Option<Time> {
        let sending = self
            .outgoing
            .is_sending()
            .then(|| self.outgoing.sending_since + limits.send_timeout);
        let incoming = match &self.role {
            Role::Server(link) => {
                let incoming = link.incoming.as_ref();
                incoming.and_then(|it| it.deadline(limits))
            }
            Role::Client(_) => None,
        };
        [sending, self.flush_deadline, incoming]
            .into_iter()
            .flatten()
            .min()
    }

    /// When a client closes the connection, if no call comes.
    pub(crate) fn idle_until(&self, limits: &Limits) -> Option<Time> {
        match &self.role {
            Role::Client(link) if link.protocol.is_bound() => (link.protocol.outstanding_calls()
                == 0)
                .then(|| self.active_at + limits.idle_connection_timeout),
            _ => None,
        }
    }

    fn trim_at(&self) -> Option<Time> {
        let kept_len = match &self.role {
            Role::Server(link) => link.protocol.kept_len(),
            Role::Client(link) => link.protocol.kept_len(),
        };
        (kept_len > 0).then(|| self.active_at + TRIM_AFTER)
    }

    /// Whether there is input that could be served without receiving more.
    pub(super) fn has_unserved(&self) -> bool {
        let has_whole_pdu = match &self.role {
            Role::Server(link) => link.protocol.has_whole_pdu(),
            Role::Client(_) => false,
        };
        has_whole_pdu || !self.stalled.is_empty()
    }

    /// Lends the beginning of a long PDU whose rest is the next thing to be received.
    pub(super) fn lend_partial(&mut self) -> Option<Vec<u8>> {
        if self.life != Life::Open || !self.stalled.is_empty() {
            return None;
        }
        match &mut self.role {
            Role::Server(link) => link.protocol.lend_partial(),
            Role::Client(link) => link.protocol.lend_partial(),
        }
    }

    /// Takes it back; what came behind the PDU is appended to `ahead`.
    pub(super) fn take_back(&mut self, now: Time, buffer: Vec<u8>, ahead: &mut Vec<u8>) {
        match &mut self.role {
            Role::Server(link) => link.protocol.take_back(now, buffer, ahead),
            Role::Client(link) => link.protocol.take_back(now, buffer, ahead),
        }
    }

    /// How many whole PDUs a client has sent so far.
    pub(super) fn received_pdus(&self) -> u64 {
        match &self.role {
            Role::Server(link) => link.protocol.received_pdus(),
            Role::Client(_) => 0,
        }
    }

    /// Gives spare buffers back if the connection has been idle for long enough.
    pub(crate) fn trim(&mut self, now: Time) {
        if self.trim_at().is_some_and(|due| due <= now) {
            match &mut self.role {
                Role::Server(link) => link.protocol.trim(),
                Role::Client(link) => link.protocol.trim(),
            }
        }
    }
}

/// The connections of a core, by socket id.
#[derive(Default)]
pub(crate) struct Connections {
    slots: Vec<Option<Box<Connection>>>,
    len: usize,
    serial: u64,
    removals: u64,
}

impl Connections {
    /// How many connections were removed so far.
    pub(crate) fn removals(&self) -> u64 {
        self.removals
    }

    /// Whether this very connection is still there.
    pub(crate) fn has(&self, socket: SocketId, serial: u64) -> bool {
        let slot = self.slots.get(socket.0 as usize);
        slot.is_some_and(|slot| {
            slot.as_ref()
                .is_some_and(|connection| connection.serial == serial)
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(crate) fn insert(&mut self, socket: SocketId, connection: Box<Connection>) {
        let index = socket.0 as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        let before = self.slots[index].replace(connection);
        assert!(before.is_none(), "the ring gave a socket id out twice");
        self.len += 1;
    }

    pub(crate) fn get(&self, socket: SocketId) -> Option<&Connection> {
        self.slots.get(socket.0 as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, socket: SocketId) -> Option<&mut Connection> {
        self.slots.get_mut(socket.0 as usize)?.as_deref_mut()
    }

    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<Box<Connection>> {
        let connection = self.slots.get_mut(socket.0 as usize)?.take();
        self.len -= usize::from(connection.is_some());
        self.removals += u64::from(connection.is_some());
        connection
    }

    /// Those in at most `slots_max` places, from place `start` on (modulo their number).
    pub(super) fn some_from(
        &self,
        start: usize,
        slots_max: usize,
    ) -> impl Iterator<Item = (SocketId, &Connection)> {
        let len = self.slots.len();
        (0..len.min(slots_max)).filter_map(move |offset| {
            let index = (start % len + offset) % len;
            #[expect(clippy::cast_possible_truncation, reason = "indices are socket ids")]
            let socket = SocketId(index as u32);
            Some((socket, self.slots[index].as_deref()?))
        })
    }

    pub(crate) fn sockets(&self) -> Vec<SocketId> {
        let taken = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.is_some());
        #[expect(clippy::cast_possible_truncation, reason = "indices are socket ids")]
        taken.map(|(index, _)| SocketId(index as u32)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deadline that is left out would be noticed late.
    #[test]
    fn no_deadline_is_sooner_than_the_soonest() {
        const SOON: Duration = Duration::from_millis(1);
        assert_eq!(deadline_min(&Limits::DEFAULT), TRIM_AFTER);
        let shorten: [fn(&mut Limits); 6] = [
            |limits| limits.bind_timeout = SOON,
            |limits| limits.progress_timeout = SOON,
            |limits| limits.worker_pipe_timeout = SOON,
            |limits| limits.send_timeout = SOON,
            |limits| limits.flush_timeout = SOON,
            |limits| limits.idle_connection_timeout = SOON,
        ];
        for (index, shorten) in shorten.iter().enumerate() {
            let mut limits = Limits::DEFAULT;
            shorten(&mut limits);
            assert_eq!(deadline_min(&limits), SOON, "{index}");
        }
    }
}
