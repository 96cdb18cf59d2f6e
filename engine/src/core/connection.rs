//! One connection as its core sees it.

use std::sync::Arc;

use annulus_protocol::{ClientConnection, ServerConnection, Time};
use annulus_transports::SocketId;

use crate::server::RunningServer;
use crate::table::Key;

/// What a core keeps of a connection from accept, or connect, to close.
pub(crate) struct Connection {
    /// Tells this connection from a later one of the same socket id.
    pub(crate) serial: u64,
    pub(crate) role: Role,
    pub(crate) outgoing: Outgoing,
    /// Received bytes that wait until the peer has read what it was sent.
    pub(crate) stalled: Vec<u8>,
    pub(crate) life: Life,
    /// The time for which a timer is set, if one is.
    pub(crate) timer_due: Option<Time>,
    /// A connection that is being made fails at this time.
    pub(crate) connect_deadline: Option<Time>,
    /// What is left must be sent by this time.
    pub(crate) flush_deadline: Option<Time>,
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
    pub(crate) server: Arc<RunningServer>,
    pub(crate) endpoint: usize,
}

impl ServerLink {
    pub(crate) fn new(
        protocol: ServerConnection,
        server: Arc<RunningServer>,
        endpoint: usize,
    ) -> Self {
        ServerLink {
            protocol,
            counted_pdus: 0,
            server,
            endpoint,
        }
    }

    /// Carries the count of received PDUs over into the server's statistics.
    pub(crate) fn count_received(&mut self, core: usize) {
        let received = self.protocol.received_pdus();
        self.server
            .counters(core)
            .packets_in
            .add(received - self.counted_pdus);
        self.counted_pdus = received;
    }
}

/// A connection of a binding.
pub(crate) struct ClientLink {
    pub(crate) protocol: ClientConnection,
    pub(crate) binding: Key,
}

/// How far a connection's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// In use.
    Open,
    /// What is left is sent, then the socket is closed. Nothing that comes in counts.
    Flushing,
    /// The ring closes the socket.
    Closing,
}

/// What is on its way to the peer.
#[derive(Default)]
pub(crate) struct Outgoing {
    /// Gathers what this turn produces.
    pub(crate) buffer: Vec<u8>,
    /// Bytes that the ring is sending.
    in_flight: usize,
    /// Noted for the next flush.
    queued: bool,
    /// Receiving is paused until the peer has read.
    pub(crate) held_back: bool,
}

impl Outgoing {
    pub(crate) fn is_sending(&self) -> bool {
        self.in_flight > 0
    }

    /// Bytes that the peer has not taken yet.
    pub(crate) fn backlog(&self) -> usize {
        self.buffer.len() + self.in_flight
    }

    /// Notes the connection for the next flush, once.
    pub(crate) fn queue(&mut self, socket: SocketId, dirty: &mut Vec<SocketId>) {
        if !self.queued && !self.is_sending() && !self.buffer.is_empty() {
            self.queued = true;
            dirty.push(socket);
        }
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }

    /// Takes the gathered bytes for a send; `spare` gathers what comes next.
    pub(crate) fn begin_send(&mut self, spare: Vec<u8>) -> Vec<u8> {
        debug_assert!(self.queued && !self.is_sending());
        self.queued = false;
        self.in_flight = self.buffer.len();
        std::mem::replace(&mut self.buffer, spare)
    }

    pub(crate) fn end_send(&mut self) {
        self.in_flight = 0;
    }
}

impl Connection {
    pub(crate) fn new(serial: u64, role: Role, buffer: Vec<u8>) -> Box<Self> {
        Box::new(Connection {
            serial,
            role,
            outgoing: Outgoing {
                buffer,
                ..Outgoing::default()
            },
            stalled: Vec::new(),
            life: Life::Open,
            timer_due: None,
            connect_deadline: None,
            flush_deadline: None,
        })
    }

    /// Whether the connection is still being made.
    pub(crate) fn is_connecting(&self) -> bool {
        self.connect_deadline.is_some()
    }

    /// When this connection next needs attention by itself.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        if self.life != Life::Open {
            return self.flush_deadline;
        }
        let protocol = match &self.role {
            Role::Server(link) => link.protocol.next_deadline(),
            Role::Client(link) => link.protocol.next_deadline(),
        };
        [protocol, self.connect_deadline]
            .into_iter()
            .flatten()
            .min()
    }
}

/// The connections of a core, by socket id.
#[derive(Default)]
pub(crate) struct Connections {
    slots: Vec<Option<Box<Connection>>>,
    len: usize,
    serial: u64,
}

impl Connections {
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

    pub(crate) fn get_mut(&mut self, socket: SocketId) -> Option<&mut Connection> {
        self.slots.get_mut(socket.0 as usize)?.as_deref_mut()
    }

    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<Box<Connection>> {
        let connection = self.slots.get_mut(socket.0 as usize)?.take();
        self.len -= usize::from(connection.is_some());
        connection
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
