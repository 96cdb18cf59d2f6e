//! Two rings that talk to each other, and a record of what they tell.

use std::collections::BTreeMap;

use annulus_protocol::{Limits, SendBuffer};
use annulus_transports::{
    Address, Completion, ListenOptions, ListenerId, ReceiveLease, Ring, RingUsage, SocketId,
    TransportError, Wait,
};

use crate::world::{Bound, World};

/// A ring with a record of its completions.
pub(crate) struct Side<R: Ring> {
    pub(crate) ring: R,
    /// Accepted, not yet taken by the test.
    pub(crate) streams: Vec<(ListenerId, R::Stream, Address)>,
    /// Detached, not yet taken by the test.
    pub(crate) detached: Vec<R::Stream>,
    pub(crate) records: BTreeMap<SocketId, Record>,
    /// Keeps received buffers instead of giving them back.
    pub(crate) hold: bool,
    pub(crate) held: Vec<ReceiveLease>,
    pub(crate) accept_pauses: usize,
    /// Gives the ring a buffer with so much room, for what comes next, whenever it takes one.
    pub(crate) room: Option<usize>,
}

/// What was told of one socket, since its id was given out.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) connected: bool,
    pub(crate) connect_failed: Option<TransportError>,
    pub(crate) received: Vec<u8>,
    pub(crate) pieces: usize,
    /// Where the buffer lies that the ring is to fill.
    pub(crate) filling: Option<*const u8>,
    /// Buffers that came back, with the bytes that were received behind [`BEGUN`].
    pub(crate) filled: Vec<usize>,
    pub(crate) ended: Option<Option<TransportError>>,
    pub(crate) sent: Vec<SendBuffer>,
    pub(crate) send_failed: Vec<(SendBuffer, TransportError)>,
    /// Its `Closed` or its `Detached` has come.
    pub(crate) closed: bool,
}

impl<R: Ring> Side<R> {
    pub(crate) fn new(ring: R) -> Self {
        Side {
            ring,
            streams: Vec::new(),
            detached: Vec::new(),
            records: BTreeMap::new(),
            hold: false,
            held: Vec::new(),
            accept_pauses: 0,
            room: None,
        }
    }

    /// Notes that an id was given out.
    pub(crate) fn begin(&mut self, socket: SocketId) -> SocketId {
        let former = self.records.insert(socket, Record::default());
        assert!(
            former.is_none_or(|former| former.closed),
            "{socket:?} was given out again before its Closed"
        );
        socket
    }

    pub(crate) fn connect(&mut self, address: &Address) -> SocketId {
        let socket = self
            .ring
            .connect(address.clone())
            .expect("a socket can be made");
        self.begin(socket)
    }

    pub(crate) fn adopt(&mut self) -> SocketId {
        let (_, stream, _) = self.streams.pop().expect("a stream was accepted");
        let socket = self.ring.adopt(stream).expect("the table has room");
        self.begin(socket)
    }

    /// Takes a stream that another side has let go of.
    pub(crate) fn adopt_from(&mut self, other: &mut Side<R>) -> SocketId {
        let stream = other.detached.pop().expect("a stream was detached");
        let socket = self.ring.adopt(stream).expect("the table has room");
        self.begin(socket)
    }

    pub(crate) fn record(&self, socket: SocketId) -> &Record {
        &self.records[&socket]
    }

    /// Sends what was handed in, takes what has ended; returns whether anything had.
    pub(crate) fn turn(&mut self) -> bool {
        self.ring.enter(Wait::No).expect("the ring works");
        let mut progress = false;
        while let Some(completion) = self.ring.next_completion() {
            progress = true;
            self.note(completion);
        }
        progress
    }

    fn note(&mut self, completion: Completion<R::Stream>) {
        match completion {
            Completion::Accepted {
                listener,
                stream,
                peer,
            } => {
                self.streams.push((listener, stream, peer));
            }
            Completion::AcceptPaused { .. } => self.accept_pauses += 1,
            Completion::Connected { socket } => self.open(socket).connected = true,
            Completion::ConnectFailed { socket, error } => {
                self.open(socket).connect_failed = Some(error);
            }
            Completion::Received { socket, lease } => self.note_received(socket, lease),
            Completion::ReceivedInto { socket, buffer } => self.note_filled(socket, &buffer),
            Completion::ReceiveEnded { socket, error } => {
                let record = self.open(socket);
                assert!(
                    record.ended.is_none(),
                    "the end of {socket:?} was told twice"
                );
                record.ended = Some(error);
            }
            Completion::Sent { socket, buffer } => self.open(socket).sent.push(buffer),
            Completion::SendFailed {
                socket,
                buffer,
                error,
            } => {
                self.open(socket).send_failed.push((buffer, error));
            }
            Completion::Detached { socket, stream } => {
                self.open(socket).closed = true;
                self.detached.push(stream);
            }
            Completion::Closed { socket } => self.open(socket).closed = true,
            _ => panic!("a completion that the suite does not know"),
        }
    }

    fn note_received(&mut self, socket: SocketId, lease: ReceiveLease) {
        let bytes = self.ring.received(&lease);
        assert!(!bytes.is_empty() && bytes.len() == lease.len());
        let record = self
            .records
            .get_mut(&socket)
            .expect("a socket that was given out");
        assert!(
            !record.closed && record.ended.is_none(),
            "bytes of {socket:?} after its end"
        );
        record.received.extend_from_slice(bytes);
        record.pieces += 1;
        if self.hold {
            self.held.push(lease);
        } else {
            self.ring.release(lease);
        }
        if let Some(room) = self.room {
            self.offer(socket, room);
        }
    }

    fn note_filled(&mut self, socket: SocketId, buffer: &[u8]) {
        let record = self.open(socket);
        assert!(record.ended.is_none(), "bytes of {socket:?} after its end");
        assert_eq!(record.filling.take(), Some(buffer.as_ptr()), "its buffer");
        let bytes = buffer.strip_prefix(BEGUN).expect("what was there before");
        record.received.extend_from_slice(bytes);
        record.filled.push(bytes.len());
        if let Some(room) = self.room {
            self.offer(socket, room);
        }
    }

    /// Gives the ring a buffer with so much room for what comes next; whether it takes it.
    pub(crate) fn offer(&mut self, socket: SocketId, room: usize) -> bool {
        let mut buffer = Vec::with_capacity(BEGUN.len() + room);
        buffer.extend_from_slice(BEGUN);
        let address = buffer.as_ptr();
        match self.ring.receive_into(socket, buffer) {
            Ok(()) => {
                let former = self.open(socket).filling.replace(address);
                assert_eq!(former, None, "one buffer at a time");
                true
            }
            Err(buffer) => {
                assert_eq!((buffer.as_ptr(), &buffer[..]), (address, BEGUN));
                false
            }
        }
    }

    /// The buffer of a send that has ended well.
    pub(crate) fn take_sent(&mut self, socket: SocketId) -> SendBuffer {
        let record = self.records.get_mut(&socket);
        let sent = record.and_then(|record| record.sent.pop());
        sent.expect("a send has ended")
    }

    /// The buffer of a send that has failed, and why it has.
    pub(crate) fn take_send_failed(&mut self, socket: SocketId) -> (SendBuffer, TransportError) {
        let record = self.records.get_mut(&socket);
        let failed = record.and_then(|record| record.send_failed.pop());
        failed.expect("a send has failed")
    }

    pub(crate) fn release_held(&mut self) {
        for lease in self.held.drain(..) {
            self.ring.release(lease);
        }
    }

    fn open(&mut self, socket: SocketId) -> &mut Record {
        let record = self
            .records
            .get_mut(&socket)
            .expect("a socket that was given out");
        assert!(
            !record.closed,
            "a completion of {socket:?} after its Closed"
        );
        record
    }

    /// Closes all sockets that are open.
    pub(crate) fn close_all(&mut self) {
        self.streams.clear();
        self.detached.clear();
        for (socket, _) in self.records.iter().filter(|(_, record)| !record.closed) {
            self.ring.close(*socket);
        }
    }
}

/// A server and a client.
pub(crate) struct Pair<W: World> {
    world: W,
    bound: Bound,
    pub(crate) server: Side<W::Ring>,
    pub(crate) client: Side<W::Ring>,
    pub(crate) listener: ListenerId,
    pub(crate) address: Address,
}

impl<W: World> Pair<W> {
    pub(crate) fn new(world: W) -> Self {
        Self::with_limits(world, &Limits::DEFAULT)
    }

    pub(crate) fn with_limits(world: W, limits: &Limits) -> Self {
        let mut server = Side::new(world.ring(limits));
        let client = Side::new(world.ring(limits));
        let (listener, address) = server
            .ring
            .listen(world.any_address(), &ListenOptions::default())
            .unwrap();
        let bound = world.bound();
        Pair {
            world,
            bound,
            server,
            client,
            listener,
            address,
        }
    }

    /// Turns both rings until `done`.
    pub(crate) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        while !done(self) {
            self.bound.check();
            let progress = self.server.turn() | self.client.turn();
            // A test's condition may have side effects that need another turn.
            if !progress && !done(self) && !self.world.pass_time() {
                assert!(
                    self.server.turn() | self.client.turn() || done(self),
                    "nothing happens"
                );
            }
        }
    }

    /// Lets everything happen that will, for a while.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100 {
            if !(self.server.turn() | self.client.turn()) && !self.world.pass_time() {
                return;
            }
        }
    }

    /// The server's ring goes on, but nobody takes what it tells.
    pub(crate) fn server_goes_on_unheard(&mut self) {
        self.server.ring.enter(Wait::No).expect("the ring works");
        self.world.pass_time();
    }

    /// A connection: the server's socket and the client's.
    pub(crate) fn connection(&mut self) -> (SocketId, SocketId) {
        let client = self.client.connect(&self.address.clone());
        self.until(|pair| !pair.server.streams.is_empty() && pair.client.record(client).connected);
        (self.server.adopt(), client)
    }

    pub(crate) fn until_closed(&mut self) {
        self.until(|pair| {
            let mut records = pair
                .server
                .records
                .values()
                .chain(pair.client.records.values());
            records.all(|record| record.closed)
        });
    }

    /// Closes everything, and checks that nothing stays behind.
    pub(crate) fn finish(mut self) {
        self.server.ring.close_listener(self.listener);
        self.server.release_held();
        self.client.release_held();
        self.server.close_all();
        self.client.close_all();
        self.until_closed();
        self.until(|pair| {
            pair.server.streams.clear();
            pair.server.ring.usage().listeners == 0
        });
        assert_eq!(self.server.ring.usage(), RingUsage::default());
        assert_eq!(self.client.ring.usage(), RingUsage::default());
    }
}

/// What is in a buffer before the ring fills it.
pub(crate) const BEGUN: &[u8] = b"begun";

/// Bytes in which a loss or an exchange shows.
pub(crate) fn pattern(len: usize, salt: u8) -> Vec<u8> {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8 ^ salt)
        .collect()
}
