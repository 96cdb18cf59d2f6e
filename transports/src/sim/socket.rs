//! One ring's part of the network: its sockets, listeners, and what is ready for it.

use std::collections::VecDeque;
use std::time::Duration;

use annulus_protocol::{Limits, SendBuffer};

use crate::address::Address;
use crate::error::TransportError;
use crate::kernel::Singles;
use crate::ring::{Completion, ListenerId, SocketId};
use crate::sim::connection::EndId;
use crate::sim::random::Random;

/// What a ring asked for, not yet handed over.
#[derive(Debug)]
pub(super) enum Submission {
    Connect(SocketId, Address),
    StartReceiving(SocketId),
    Send(SocketId, SendBuffer),
    Pause(SocketId),
    Resume(SocketId),
    Detach(SocketId),
    ReceiveInto(SocketId),
    Close(SocketId),
}

/// Where a socket is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Free,
    Connecting,
    Open,
    /// Has left the ring; its owner takes what was received, then the news.
    Detached,
    /// Closed by its owner, or its connect failed; `Closed` comes.
    Closing,
}

/// A socket of a ring.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) stage: Stage,
    /// How often the id was given out.
    pub(super) generation: u32,
    /// Its end of a connection; none before there is one.
    pub(super) end: Option<EndId>,
    /// Its owner asked for a close, which is not yet handed over.
    pub(super) close_submitted: bool,
    /// Its owner asked for a detach, which has not ended.
    pub(super) detaching: bool,
    /// A send was submitted and has not ended.
    pub(super) sending: bool,
    /// Receiving has been handed over.
    pub(super) receiving: bool,
    pub(super) paused: bool,
    /// How long completions of received bytes come one after the other.
    pub(super) singles: Singles,
    /// The owner's buffer that the next bytes fill.
    pub(super) destination: Option<Vec<u8>>,
    /// Waits for a receive buffer.
    pub(super) starved: bool,
}

impl Socket {
    const FREE: Socket = Socket {
        stage: Stage::Free,
        generation: 0,
        end: None,
        close_submitted: false,
        detaching: false,
        sending: false,
        receiving: false,
        paused: false,
        singles: Singles::NONE,
        destination: None,
        starved: false,
    };
}

/// One ring's part of the network.
#[derive(Debug)]
pub(super) struct RingState {
    pub(super) sockets: Vec<Socket>,
    free_sockets: Vec<u32>,
    socket_capacity: usize,
    /// Where each listener listens; none after it was closed.
    pub(super) listeners: Vec<Option<Address>>,
    pub(super) submissions: Vec<Submission>,
    /// What has ended; a stream is still an end without owner here.
    pub(super) ready: VecDeque<Completion<EndId>>,
    pub(super) starved: VecDeque<SocketId>,
    /// Sockets that wait until their owner has taken what they have received.
    pub(super) singles: Vec<SocketId>,
    pub(super) buffers: usize,
    pub(super) buffers_free: usize,
    pub(super) buffer_len: usize,
    pub(super) sends: usize,
    /// How long, and for how many bytes, a socket lingers that is closed.
    pub(super) linger_timeout: Duration,
    pub(super) linger_len_max: usize,
}

impl RingState {
    pub(super) fn new(limits: &Limits) -> Self {
        RingState {
            sockets: Vec::new(),
            free_sockets: Vec::new(),
            socket_capacity: limits
                .connections_per_core_max
                .saturating_add(limits.closing_sockets_per_core_max),
            listeners: Vec::new(),
            submissions: Vec::new(),
            ready: VecDeque::new(),
            starved: VecDeque::new(),
            singles: Vec::new(),
            buffers: limits.receive_buffers.into(),
            buffers_free: limits.receive_buffers.into(),
            buffer_len: limits.receive_buffer_len as usize,
            sends: 0,
            linger_timeout: limits.linger_timeout,
            linger_len_max: limits.linger_len_max,
        }
    }

    pub(super) fn socket_capacity(&self) -> usize {
        self.socket_capacity
    }

    pub(super) fn allocate(&mut self, stage: Stage) -> Result<SocketId, TransportError> {
        let capacity = self.socket_capacity;
        if self.socket_count() >= capacity {
            return Err(TransportError::SocketTableFull { capacity });
        }
        let index = self.free_sockets.pop().unwrap_or_else(|| {
            self.sockets.push(Socket::FREE);
            (self.sockets.len() - 1) as u32
        });
        self.sockets[index as usize].stage = stage;
        Ok(SocketId(index))
    }

    pub(super) fn free(&mut self, socket: SocketId) {
        let slot = &mut self.sockets[socket.0 as usize];
        *slot = Socket {
            generation: slot.generation.wrapping_add(1),
            ..Socket::FREE
        };
        self.free_sockets.push(socket.0);
    }

    pub(super) fn socket_count(&self) -> usize {
        self.sockets.len() - self.free_sockets.len()
    }

    /// The socket.
    ///
    /// # Panics
    ///
    /// This ring never gave out such a socket.
    pub(super) fn socket(&mut self, socket: SocketId) -> &mut Socket {
        &mut self.sockets[socket.0 as usize]
    }

    /// Whether received bytes of this socket wait for its owner.
    pub(super) fn has_received(&self, receiver: SocketId) -> bool {
        self.ready.iter().any(|completion| match completion {
            Completion::Received { socket, .. } | Completion::ReceivedInto { socket, .. } => {
                *socket == receiver
            }
            _ => false,
        })
    }

    /// Queues a completion. It may overtake those of other sockets, never one of its own.
    pub(super) fn post(
        &mut self,
        completion: Completion<EndId>,
        random: &mut Random,
        reorder: f64,
    ) {
        let subject = subject(&completion);
        self.ready.push_back(completion);
        let mut place = self.ready.len() - 1;
        while place > 0
            && subject != self::subject(&self.ready[place - 1])
            && random.chance(reorder)
        {
            self.ready.swap(place, place - 1);
            place -= 1;
        }
    }
}

/// What a completion is about: completions of one subject keep their order.
#[derive(PartialEq, Eq)]
enum Subject {
    Listener(ListenerId),
    Socket(SocketId),
}

fn subject<S>(completion: &Completion<S>) -> Subject {
    match completion {
        Completion::Accepted { listener, .. } | Completion::AcceptPaused { listener, .. } => {
            Subject::Listener(*listener)
        }
        Completion::Connected { socket }
        | Completion::ConnectFailed { socket, .. }
        | Completion::Received { socket, .. }
        | Completion::ReceivedInto { socket, .. }
        | Completion::ReceiveEnded { socket, .. }
        | Completion::Sent { socket, .. }
        | Completion::SendFailed { socket, .. }
        | Completion::Detached { socket, .. }
        | Completion::DetachFailed { socket, .. }
        | Completion::Closed { socket } => Subject::Socket(*socket),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_of_one_socket_keep_their_order() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut ring = RingState::new(&Limits::DEFAULT);
            for round in 0..8 {
                for socket in 0..3 {
                    let buffer = vec![round].into();
                    let completion = Completion::Sent {
                        socket: SocketId(socket),
                        buffer,
                    };
                    ring.post(completion, &mut random, 0.7);
                }
            }
            let mut next = [0; 3];
            for completion in ring.ready {
                let Completion::Sent { socket, buffer } = completion else {
                    unreachable!()
                };
                assert_eq!(
                    buffer.into_whole()[0],
                    next[socket.0 as usize],
                    "seed {seed}"
                );
                next[socket.0 as usize] += 1;
            }
        }
    }

    #[test]
    fn a_full_ring_gives_no_socket_out() {
        let limits = Limits {
            connections_per_core_max: 1,
            closing_sockets_per_core_max: 0,
            ..Limits::DEFAULT
        };
        let mut ring = RingState::new(&limits);
        let socket = ring.allocate(Stage::Open).unwrap();
        let error = ring.allocate(Stage::Open).unwrap_err();
        assert!(
            matches!(error, TransportError::SocketTableFull { capacity: 1 }),
            "{error}"
        );
        ring.free(socket);
        assert_eq!(ring.allocate(Stage::Open).unwrap(), socket);
    }
}
