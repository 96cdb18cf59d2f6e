//! The network: its time, its events, and what they do.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annulus_protocol::{Limits, Time};

use crate::address::Address;
use crate::error::TransportError;
use crate::ring::{Completion, ListenerId, ReceiveLease, SocketId};
use crate::sim::connection::{Connections, EndId, Owner, StreamEnd};
use crate::sim::random::Random;
use crate::sim::ring::SimRing;
use crate::sim::socket::{RingState, Stage, Submission};
use crate::sim::{SimConfig, SimStream};

/// How long accepting pauses after a listener ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The first port that is given to those who ask for none.
const FIRST_PORT: u16 = 49_152;

/// A simulated network; see the [module](crate::sim). Clones are handles of the same network.
#[derive(Clone)]
pub struct SimNet {
    net: SharedNet,
}

/// The network as rings and streams hold it. One thread uses it; the lock is there because a
/// stream must be able to travel.
pub(super) type SharedNet = Arc<Mutex<NetState>>;

impl SimNet {
    /// An empty network at time zero. The same seed, configuration and calls give the same run.
    #[must_use]
    pub fn new(seed: u64, config: SimConfig) -> Self {
        SimNet {
            net: Arc::new(Mutex::new(NetState::new(seed, config))),
        }
    }

    /// Adds a ring. `connections_per_core_max`, `receive_buffers` and `receive_buffer_len` of
    /// the limits apply.
    #[must_use]
    pub fn ring(&self, limits: &Limits) -> SimRing {
        let mut net = NetState::lock(&self.net);
        net.rings.push(RingState::new(limits));
        SimRing::new(self.net.clone(), net.rings.len() - 1)
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Time {
        NetState::lock(&self.net).now
    }

    /// When something will happen next, as far as it is known now; `None` if nothing will
    /// unless a ring submits something.
    #[must_use]
    pub fn next_event_at(&self) -> Option<Time> {
        NetState::lock(&self.net)
            .events
            .peek()
            .map(|Reverse(next)| next.at)
    }

    /// Lets time pass until something happens, and makes it happen. Returns false if nothing
    /// will.
    pub fn advance_to_next(&self) -> bool {
        let mut net = NetState::lock(&self.net);
        let next = net.events.peek().map(|Reverse(next)| next.at);
        if let Some(at) = next {
            net.advance_to(at);
        }
        next.is_some()
    }

    /// Lets this much time pass, with all that happens in it.
    pub fn advance(&self, duration: Duration) {
        let mut net = NetState::lock(&self.net);
        let until = net.now + duration;
        net.advance_to(until);
    }

    /// How many connections exist, half-closed ones included.
    #[must_use]
    pub fn connections(&self) -> usize {
        NetState::lock(&self.net).connections.len()
    }
}

/// Something that will happen.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scheduled {
    at: Time,
    /// Breaks ties in the order of scheduling.
    sequence: u64,
    event: Event,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A connect reaches the listener's side.
    ConnectArrives {
        ring: usize,
        socket: SocketId,
        generation: u32,
        address: Address,
    },
    /// The answer to a connect is back: an error number, or 0.
    ConnectEnds {
        ring: usize,
        socket: SocketId,
        generation: u32,
        errno: i32,
        address: Address,
    },
    /// The next piece of a send goes on its way.
    Transmit(EndId),
    /// Bytes arrive at an end.
    Arrive(EndId, usize),
    /// The end of the stream arrives.
    StreamEnds(EndId),
    /// The answer to bytes for an end that is gone.
    ResetArrives(EndId),
    /// A socket is closed at last.
    SocketCloses {
        ring: usize,
        socket: SocketId,
        generation: u32,
    },
}

/// Everything that the rings of a network share.
#[derive(Debug)]
pub(super) struct NetState {
    pub(super) now: Time,
    random: Random,
    config: SimConfig,
    events: BinaryHeap<Reverse<Scheduled>>,
    sequence: u64,
    listeners: BTreeMap<SocketAddr, (usize, ListenerId)>,
    next_port: u16,
    pub(super) rings: Vec<RingState>,
    connections: Connections,
}

impl NetState {
    fn new(seed: u64, config: SimConfig) -> Self {
        NetState {
            now: Time::ZERO,
            random: Random::new(seed),
            config,
            events: BinaryHeap::new(),
            sequence: 0,
            listeners: BTreeMap::new(),
            next_port: FIRST_PORT,
            rings: Vec::new(),
            connections: Connections::default(),
        }
    }

    /// A panic of a test while the lock is held must not hide behind a second one.
    pub(super) fn lock(net: &SharedNet) -> MutexGuard<'_, NetState> {
        net.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance_to(&mut self, until: Time) {
        while let Some(Scheduled { at, event, .. }) = self.pop_due(until) {
            self.now = at;
            self.happen(event);
        }
        self.now = self.now.max(until);
    }

    fn pop_due(&mut self, until: Time) -> Option<Scheduled> {
        let next = self.events.peek_mut()?;
        (next.0.at <= until).then(|| PeekMut::pop(next).0)
    }

    fn schedule(&mut self, at: Time, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse(Scheduled {
            at,
            sequence: self.sequence,
            event,
        }));
    }

    /// A time after a seeded latency from now.
    fn later(&mut self) -> Time {
        let latency = self
            .random
            .duration(self.config.latency_min, self.config.latency_max);
        self.now + latency
    }

    /// Schedules what arrives at an end, behind everything that was sent there before.
    fn schedule_arrival(&mut self, end: EndId, event: Event) {
        let at = self.later();
        let Some(target) = self.connections.get(end) else {
            return;
        };
        let at = at.max(target.last_arrival);
        target.last_arrival = at;
        self.schedule(at, event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ConnectArrives {
                ring,
                socket,
                generation,
                address,
            } => {
                self.on_connect_arrives(ring, socket, generation, address);
            }
            Event::ConnectEnds {
                ring,
                socket,
                generation,
                errno,
                address,
            } => {
                self.on_connect_ends(ring, socket, generation, errno, address);
            }
            Event::Transmit(end) => self.on_transmit(end),
            Event::Arrive(end, len) => self.on_arrive(end, len),
            Event::StreamEnds(end) => self.on_stream_end(end, StreamEnd::Closed),
            Event::ResetArrives(end) => self.on_stream_end(end, StreamEnd::Reset),
            Event::SocketCloses {
                ring,
                socket,
                generation,
            } => {
                if self.rings[ring].socket(socket).generation == generation {
                    self.post(ring, Completion::Closed { socket });
                }
            }
        }
    }

    fn post(&mut self, ring: usize, completion: Completion<EndId>) {
        self.rings[ring].post(completion, &mut self.random, self.config.reorder);
    }

    // Listening and connecting.

    pub(super) fn listen(
        &mut self,
        ring: usize,
        address: &Address,
    ) -> Result<(ListenerId, Address), TransportError> {
        let Address::Tcp(mut tcp) = *address;
        if tcp.port() == 0 {
            let host = tcp.ip();
            tcp = self.unused_address(host);
        }
        if self.listeners.contains_key(&tcp) {
            let address = address.clone();
            return Err(TransportError::AddressInUse {
                address,
                waited: Duration::ZERO,
            });
        }
        let listeners = &mut self.rings[ring].listeners;
        let id = ListenerId(listeners.len() as u32);
        listeners.push(Some(Address::Tcp(tcp)));
        self.listeners.insert(tcp, (ring, id));
        Ok((id, Address::Tcp(tcp)))
    }

    pub(super) fn close_listener(&mut self, ring: usize, id: ListenerId) {
        let listener = self.rings[ring].listeners.get_mut(id.0 as usize);
        if let Some(Address::Tcp(tcp)) = listener.and_then(Option::take) {
            self.listeners.remove(&tcp);
        }
    }

    fn unused_address(&mut self, host: IpAddr) -> SocketAddr {
        loop {
            let address = SocketAddr::new(host, self.next_port);
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.listeners.contains_key(&address) {
                return address;
            }
        }
    }

    fn listener_of(&self, address: SocketAddr) -> Option<(usize, ListenerId)> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let any = SocketAddr::new(any, address.port());
        self.listeners
            .get(&address)
            .or_else(|| self.listeners.get(&any))
            .copied()
    }

    /// The socket still awaits its connect.
    fn is_connecting(&mut self, ring: usize, socket: SocketId, generation: u32) -> bool {
        let socket = self.rings[ring].socket(socket);
        socket.generation == generation && socket.stage == Stage::Connecting
    }

    fn on_connect_arrives(
        &mut self,
        ring: usize,
        socket: SocketId,
        generation: u32,
        address: Address,
    ) {
        if !self.is_connecting(ring, socket, generation) {
            return;
        }
        let Address::Tcp(tcp) = address;
        let mut errno = 0;
        match self.listener_of(tcp) {
            None => errno = libc::ECONNREFUSED,
            Some(_) if self.random.chance(self.config.connect_failure) => errno = libc::ETIMEDOUT,
            Some((owner, listener)) if self.random.chance(self.config.accept_pause) => {
                let error = TransportError::Accept(io::Error::from_raw_os_error(libc::EMFILE));
                self.post(owner, Completion::AcceptPaused { listener, error });
                let event = Event::ConnectArrives {
                    ring,
                    socket,
                    generation,
                    address,
                };
                return self.schedule(self.now + ACCEPT_PAUSE, event);
            }
            Some((owner, listener)) => {
                let client = self.connections.insert(Owner { ring, socket });
                self.rings[ring].socket(socket).end = Some(client);
                let peer = Address::Tcp(self.unused_address(tcp.ip()));
                let stream = client.other();
                self.post(
                    owner,
                    Completion::Accepted {
                        listener,
                        stream,
                        peer,
                    },
                );
            }
        }
        let at = self.later();
        self.schedule(
            at,
            Event::ConnectEnds {
                ring,
                socket,
                generation,
                errno,
                address,
            },
        );
    }

    fn on_connect_ends(
        &mut self,
        ring: usize,
        socket: SocketId,
        generation: u32,
        errno: i32,
        address: Address,
    ) {
        if !self.is_connecting(ring, socket, generation) {
            return;
        }
        if errno == 0 {
            let state = self.rings[ring].socket(socket);
            state.stage = Stage::Open;
            state.receiving = true;
            self.post(ring, Completion::Connected { socket });
            return self.pump(ring, socket);
        }
        let source = io::Error::from_raw_os_error(errno);
        let error = TransportError::Connect { address, source };
        self.fail_connect(ring, socket, error);
    }

    fn fail_connect(&mut self, ring: usize, socket: SocketId, error: TransportError) {
        self.post(ring, Completion::ConnectFailed { socket, error });
        self.finish_close(ring, socket);
    }

    // Submissions.

    /// Makes what a ring has submitted take effect.
    pub(super) fn hand_over(&mut self, ring: usize) {
        let mut submissions = std::mem::take(&mut self.rings[ring].submissions);
        for submission in submissions.drain(..) {
            self.hand_over_one(ring, submission);
        }
        self.rings[ring].submissions = submissions;
        self.feed_starved(ring);
    }

    fn hand_over_one(&mut self, ring: usize, submission: Submission) {
        match submission {
            Submission::Connect(socket, address) => {
                let generation = self.rings[ring].socket(socket).generation;
                let at = self.later();
                self.schedule(
                    at,
                    Event::ConnectArrives {
                        ring,
                        socket,
                        generation,
                        address,
                    },
                );
            }
            Submission::StartReceiving(socket) => {
                self.rings[ring].socket(socket).receiving = true;
                self.pump(ring, socket);
            }
            Submission::Send(socket, buffer) => self.start_sending(ring, socket, buffer),
            Submission::Pause(socket) => self.rings[ring].socket(socket).paused = true,
            Submission::Resume(socket) => {
                self.rings[ring].socket(socket).paused = false;
                self.pump(ring, socket);
            }
            Submission::Close(socket) => self.close_socket(ring, socket),
        }
    }

    // Sending.

    fn start_sending(&mut self, ring: usize, socket: SocketId, buffer: Vec<u8>) {
        let id = self.rings[ring]
            .socket(socket)
            .end
            .expect("an open socket has an end");
        let end = self
            .connections
            .get(id)
            .expect("an open socket's connection exists");
        end.sending = Some((buffer, 0));
        end.blocked = false;
        // Most sends end within their system call, some later.
        if self.random.chance(0.5) {
            self.on_transmit(id);
        } else {
            let at = self.later();
            self.schedule(at, Event::Transmit(id));
        }
    }

    fn on_transmit(&mut self, id: EndId) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        if end.blocked || end.closed || end.sending.is_none() {
            return;
        }
        if end.stream_end == StreamEnd::Reset {
            return self.fail_send(id, libc::EPIPE);
        }
        if self.random.chance(self.config.reset) {
            return self.reset(id);
        }
        self.transmit_piece(id);
    }

    fn transmit_piece(&mut self, id: EndId) {
        let Some((buffer, start)) = self.connections.get(id).and_then(|end| end.sending.take())
        else {
            return;
        };
        let Some(peer) = self.connections.get(id.other()) else {
            return;
        };
        let room = self.config.window_len.saturating_sub(peer.inbound.len());
        let piece = self
            .random
            .piece(room.min(buffer.len() - start), self.config.tear);
        let sent = start + piece;
        peer.inbound.extend(&buffer[start..sent]);
        if piece > 0 {
            self.schedule_arrival(id.other(), Event::Arrive(id.other(), piece));
        }
        if sent == buffer.len() {
            return self.end_send(id, |socket| Completion::Sent { socket, buffer });
        }
        let Some(end) = self.connections.get(id) else {
            return;
        };
        end.sending = Some((buffer, sent));
        end.blocked = piece == room;
        if !end.blocked {
            let at = self.later();
            self.schedule(at, Event::Transmit(id));
        }
    }

    fn fail_send(&mut self, id: EndId, errno: i32) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        let Some((buffer, _)) = end.sending.take() else {
            return;
        };
        let source = io::Error::from_raw_os_error(errno);
        let error = TransportError::Io {
            action: "send",
            source,
        };
        self.end_send(id, |socket| Completion::SendFailed {
            socket,
            buffer,
            error,
        });
    }

    fn end_send(&mut self, id: EndId, completion: impl FnOnce(SocketId) -> Completion<EndId>) {
        let Some(owner) = self.connections.get(id).and_then(|end| end.owner) else {
            return;
        };
        let ring = &mut self.rings[owner.ring];
        ring.socket(owner.socket).sending = false;
        ring.sends -= 1;
        self.post(owner.ring, completion(owner.socket));
    }

    /// The peer of `id` took bytes: a send of `id` that waited for that goes on.
    fn unblock(&mut self, id: EndId) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        if std::mem::take(&mut end.blocked) {
            let at = self.later();
            self.schedule(at, Event::Transmit(id));
        }
    }

    // Receiving.

    fn on_arrive(&mut self, id: EndId, len: usize) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        // Bytes that were lost by a reset do not arrive.
        let on_their_way = end.inbound.len() - end.completed - end.arrived;
        end.arrived += len.min(on_their_way);
        if end.closed {
            end.discard_arrived();
            self.unblock(id.other());
            // Nobody is there any more.
            return self.schedule_arrival(id.other(), Event::ResetArrives(id.other()));
        }
        self.pump_end(id);
    }

    fn on_stream_end(&mut self, id: EndId, stream_end: StreamEnd) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        if end.closed || end.stream_end == StreamEnd::Reset {
            return;
        }
        end.stream_end = stream_end;
        if stream_end == StreamEnd::Reset {
            self.fail_send(id, libc::ECONNRESET);
        }
        self.pump_end(id);
    }

    fn pump_end(&mut self, id: EndId) {
        if let Some(owner) = self.connections.get(id).and_then(|end| end.owner) {
            self.pump(owner.ring, owner.socket);
        }
    }

    /// Turns bytes that have arrived into completions, as far as there are buffers.
    fn pump(&mut self, ring: usize, socket: SocketId) {
        let state = self.rings[ring].socket(socket);
        if state.stage != Stage::Open || !state.receiving || state.paused || state.starved {
            return;
        }
        let Some(id) = state.end else { return };
        while let Some(end) = self.connections.get(id) {
            let ring_state = &mut self.rings[ring];
            if end.arrived == 0 {
                if end.stream_end != StreamEnd::None && !end.end_told {
                    end.end_told = true;
                    let error = (end.stream_end == StreamEnd::Reset).then(|| TransportError::Io {
                        action: "receive",
                        source: io::Error::from_raw_os_error(libc::ECONNRESET),
                    });
                    self.post(ring, Completion::ReceiveEnded { socket, error });
                }
                return;
            }
            if ring_state.buffers_free == 0 {
                ring_state.socket(socket).starved = true;
                return ring_state.starved.push_back(socket);
            }
            let len = self
                .random
                .piece(end.arrived.min(ring_state.buffer_len), self.config.tear);
            end.arrived -= len;
            end.completed += len;
            ring_state.buffers_free -= 1;
            // The buffer is chosen when the ring hands the completion out.
            let lease = ReceiveLease {
                buffer: u32::MAX,
                len: len as u32,
            };
            self.post(ring, Completion::Received { socket, lease });
        }
    }

    fn feed_starved(&mut self, ring: usize) {
        let state = &mut self.rings[ring];
        for _ in 0..state.buffers_free.min(state.starved.len()) {
            let Some(socket) = self.rings[ring].starved.pop_front() else {
                return;
            };
            self.rings[ring].socket(socket).starved = false;
            self.pump(ring, socket);
        }
    }

    /// Moves the bytes of the socket's next completion into `buffer`.
    pub(super) fn take_bytes(
        &mut self,
        ring: usize,
        socket: SocketId,
        len: usize,
        buffer: &mut Vec<u8>,
    ) {
        let Some(id) = self.rings[ring].socket(socket).end else {
            return;
        };
        let Some(end) = self.connections.get(id) else {
            return;
        };
        buffer.extend(end.inbound.drain(..len));
        end.completed -= len;
        self.unblock(id.other());
    }

    /// A receive buffer came back.
    pub(super) fn release_buffer(&mut self, ring: usize) {
        self.rings[ring].buffers_free += 1;
    }

    // Closing.

    /// Gives an end without owner to a socket.
    pub(super) fn adopt(&mut self, ring: usize, id: EndId) -> Result<SocketId, TransportError> {
        let socket = match self.rings[ring].allocate(Stage::Open) {
            Ok(socket) => socket,
            Err(error) => {
                self.close_end(id);
                return Err(error);
            }
        };
        self.rings[ring].socket(socket).end = Some(id);
        if let Some(end) = self.connections.get(id) {
            end.owner = Some(Owner { ring, socket });
        }
        Ok(socket)
    }

    fn close_socket(&mut self, ring: usize, socket: SocketId) {
        match self.rings[ring].socket(socket).stage {
            Stage::Connecting => {
                self.fail_connect(ring, socket, TransportError::ClosedLocally);
            }
            Stage::Open => self.finish_close(ring, socket),
            Stage::Free | Stage::Closing => {}
        }
    }

    fn finish_close(&mut self, ring: usize, socket: SocketId) {
        let state = self.rings[ring].socket(socket);
        state.stage = Stage::Closing;
        let (end, generation) = (state.end, state.generation);
        if let Some(end) = end {
            self.close_end(end);
        }
        let at = self.later();
        self.schedule(
            at,
            Event::SocketCloses {
                ring,
                socket,
                generation,
            },
        );
    }

    /// Closes an end: what was sent before still arrives, a send that has not ended fails.
    pub(super) fn close_end(&mut self, id: EndId) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        if end.closed {
            return;
        }
        if let Some((buffer, _)) = end.sending.take() {
            let error = TransportError::ClosedLocally;
            self.end_send(id, |socket| Completion::SendFailed {
                socket,
                buffer,
                error,
            });
        }
        let Some(end) = self.connections.get(id) else {
            return;
        };
        end.closed = true;
        end.owner = None;
        end.discard_arrived();
        self.unblock(id.other());
        self.schedule_arrival(id.other(), Event::StreamEnds(id.other()));
        self.connections.remove_if_closed(id);
    }

    /// Breaks a connection as a failing network does: both sides see a reset at once, and bytes
    /// on their way are lost.
    pub(super) fn reset(&mut self, id: EndId) {
        for id in [id, id.other()] {
            if let Some(end) = self.connections.get(id) {
                end.lose_bytes_on_their_way();
            }
            self.on_stream_end(id, StreamEnd::Reset);
        }
    }

    /// A ring is gone, with all that it had.
    pub(super) fn remove_ring(&mut self, ring: usize) {
        for listener in 0..self.rings[ring].listeners.len() {
            self.close_listener(ring, ListenerId(listener as u32));
        }
        let ends: Vec<EndId> = self.rings[ring]
            .sockets
            .iter()
            .filter_map(|s| s.end)
            .collect();
        for end in ends {
            if let Some(end) = self.connections.get(end) {
                end.owner = None;
            }
            self.reset(end);
            self.close_end(end);
        }
        let waiting = std::mem::take(&mut self.rings[ring].ready);
        for completion in waiting {
            if let Completion::Accepted { stream, .. } = completion {
                self.close_end(stream);
            }
        }
    }

    /// Turns an end without owner into a stream that can travel.
    pub(super) fn stream(net: &SharedNet, end: EndId) -> SimStream {
        SimStream::new(net.clone(), end)
    }
}
