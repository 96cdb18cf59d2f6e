//! The network: its time, its events, and what they do.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annulus_protocol::{Limits, Time};

use crate::address::Address;
use crate::ring::{Completion, ListenerId, SocketId};
use crate::sim::connect::FIRST_PORT;
use crate::sim::connection::{Connections, EndId, StreamEnd};
use crate::sim::random::Random;
use crate::sim::ring::SimRing;
use crate::sim::socket::{RingState, Submission};
use crate::sim::{SimConfig, SimStream};

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

    /// Adds a ring. `connections_per_core_max`, `receive_buffers`, `receive_buffer_len` and those
    /// of lingering apply.
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

    /// Lets nothing that is sent to this address arrive, from now on: a connect to it hangs until
    /// it is given up, as with a host that is down. Connections that there are already stay.
    pub fn black_hole(&self, address: Address) {
        NetState::lock(&self.net).black_holes.insert(address);
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
pub(super) enum Event {
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
    /// A socket leaves its ring.
    SocketDetaches {
        ring: usize,
        socket: SocketId,
        generation: u32,
    },
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
    pub(super) random: Random,
    pub(super) config: SimConfig,
    events: BinaryHeap<Reverse<Scheduled>>,
    sequence: u64,
    pub(super) listeners: BTreeMap<Address, (usize, ListenerId)>,
    /// Addresses that nothing reaches.
    pub(super) black_holes: BTreeSet<Address>,
    pub(super) next_port: u16,
    pub(super) rings: Vec<RingState>,
    pub(super) connections: Connections,
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
            black_holes: BTreeSet::new(),
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

    pub(super) fn schedule(&mut self, at: Time, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse(Scheduled {
            at,
            sequence: self.sequence,
            event,
        }));
    }

    /// A time after a seeded latency from now.
    pub(super) fn later(&mut self) -> Time {
        let latency = self
            .random
            .duration(self.config.latency_min, self.config.latency_max);
        self.now + latency
    }

    /// Schedules what arrives at an end, behind everything that was sent there before.
    pub(super) fn schedule_arrival(&mut self, end: EndId, event: Event) {
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
            Event::SocketDetaches {
                ring,
                socket,
                generation,
            } => self.on_detach(ring, socket, generation),
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

    pub(super) fn post(&mut self, ring: usize, completion: Completion<EndId>) {
        self.rings[ring].post(completion, &mut self.random, self.config.reorder);
    }

    /// Makes what a ring has submitted take effect.
    pub(super) fn hand_over(&mut self, ring: usize) {
        let mut submissions = std::mem::take(&mut self.rings[ring].submissions);
        for submission in submissions.drain(..) {
            self.hand_over_one(ring, submission);
        }
        self.rings[ring].submissions = submissions;
        self.pump_singles(ring);
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
            Submission::ReceiveInto(socket) => self.pump(ring, socket),
            Submission::Detach(socket) => self.start_detaching(ring, socket),
            Submission::Close(socket) => self.close_socket(ring, socket),
        }
    }

    /// Turns an end without owner into a stream that can travel.
    pub(super) fn stream(net: &SharedNet, end: EndId) -> SimStream {
        SimStream::new(net.clone(), end)
    }
}
