//! The wire: connections with two ends and the bytes between them.

use std::collections::VecDeque;

use annulus_protocol::{SendBuffer, Time};

use crate::ring::SocketId;

/// One end of one connection. Ids of connections that are gone are recognised as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndId {
    index: u32,
    generation: u32,
    side: u8,
}

impl EndId {
    pub(super) fn other(self) -> Self {
        EndId {
            side: 1 - self.side,
            ..self
        }
    }
}

/// The ring and the socket that an end belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) ring: usize,
    pub(super) socket: SocketId,
}

/// How the stream that comes in at an end ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// Not yet.
    None,
    /// The peer closed, after all bytes.
    Closed,
    /// The connection was reset.
    Reset,
}

/// How an end that was closed takes bytes and forgets them, before it answers with a reset; so
/// does a kernel ring, for the sake of what it sent last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lingering {
    /// Until when.
    pub(super) until: Time,
    /// How many bytes it takes until then.
    pub(super) len_max: usize,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End {
    /// Nobody while a connection is on its way from the listener to the ring that adopts it.
    pub(super) owner: Option<Owner>,
    /// Bytes sent to this end and not taken by its owner, in this order: those whose completion
    /// is ready, those that have arrived, those on their way.
    pub(super) inbound: VecDeque<u8>,
    /// Bytes whose completion is ready.
    pub(super) completed: usize,
    /// Bytes that have arrived, after those.
    pub(super) arrived: usize,
    /// When the last thing that was sent to this end arrives: nothing overtakes it.
    pub(super) last_arrival: Time,
    /// What has arrived after the last byte.
    pub(super) stream_end: StreamEnd,
    /// The owner was told of the stream's end.
    pub(super) end_told: bool,
    /// What the owner sends, and how much of it is on its way.
    pub(super) sending: Option<(SendBuffer, usize)>,
    /// The send waits until the peer takes bytes.
    pub(super) blocked: bool,
    /// The owner has closed this end, which still takes bytes and forgets them.
    pub(super) closed: Option<Lingering>,
    /// Bytes that have arrived since then.
    pub(super) discarded: usize,
}

impl End {
    fn new(owner: Option<Owner>) -> Self {
        End {
            owner,
            inbound: VecDeque::new(),
            completed: 0,
            arrived: 0,
            last_arrival: Time::ZERO,
            stream_end: StreamEnd::None,
            end_told: false,
            sending: None,
            blocked: false,
            closed: None,
            discarded: 0,
        }
    }

    /// Moves the first `len` bytes that came in behind those in `buffer`.
    pub(super) fn take_inbound(&mut self, len: usize, buffer: &mut Vec<u8>) {
        let (front, back) = self.inbound.as_slices();
        let front = &front[..len.min(front.len())];
        buffer.extend_from_slice(front);
        buffer.extend_from_slice(&back[..len - front.len()]);
        self.inbound.drain(..len);
    }

    /// Forgets bytes that have arrived and that nobody wants.
    pub(super) fn discard_arrived(&mut self) {
        self.discarded += self.arrived;
        self.inbound.drain(..self.completed + self.arrived);
        self.completed = 0;
        self.arrived = 0;
    }

    /// The connection broke: all bytes on their way are lost, those that arrived stay.
    pub(super) fn lose_bytes_on_their_way(&mut self) {
        self.inbound.truncate(self.completed + self.arrived);
    }
}

/// All connections of a network.
#[derive(Debug, Default)]
pub(super) struct Connections {
    slots: Vec<(u32, Option<[End; 2]>)>,
    free: Vec<u32>,
}

impl Connections {
    /// Makes a connection and returns the client's end.
    pub(super) fn insert(&mut self, client: Owner) -> EndId {
        let ends = Some([End::new(Some(client)), End::new(None)]);
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index as usize].1 = ends;
                index
            }
            None => {
                self.slots.push((0, ends));
                (self.slots.len() - 1) as u32
            }
        };
        EndId {
            index,
            generation: self.slots[index as usize].0,
            side: 0,
        }
    }

    /// An end, unless its connection is gone.
    pub(super) fn get(&mut self, id: EndId) -> Option<&mut End> {
        let (generation, ends) = &mut self.slots[id.index as usize];
        let ends = ends.as_mut().filter(|_| *generation == id.generation)?;
        Some(&mut ends[usize::from(id.side)])
    }

    /// Removes a connection whose ends are both closed.
    pub(super) fn remove_if_closed(&mut self, id: EndId) {
        let (generation, ends) = &mut self.slots[id.index as usize];
        let closed = ends
            .as_ref()
            .is_some_and(|ends| ends.iter().all(|end| end.closed.is_some()));
        if *generation == id.generation && closed {
            *ends = None;
            *generation = generation.wrapping_add(1);
            self.free.push(id.index);
        }
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
