//! What a ring has to tell its owner.

use std::collections::VecDeque;

use crate::kernel::{KernelStream, Slot, SlotTable};
use crate::ring::{Completion, ReceiveLease, SocketId};

/// Completions that the owner has not taken yet, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Ready {
    completions: VecDeque<Completion<KernelStream>>,
    /// How many of them are received bytes, by socket.
    received: Vec<u32>,
}

impl Ready {
    /// An empty queue with room for so many.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Ready {
            completions: VecDeque::with_capacity(capacity),
            received: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.completions.is_empty()
    }

    pub(crate) fn push_back(&mut self, completion: Completion<KernelStream>) {
        if let Completion::Received { socket, .. } = completion {
            let index = socket.0 as usize;
            if index >= self.received.len() {
                self.received.resize(index + 1, 0);
            }
            self.received[index] += 1;
        }
        self.completions.push_back(completion);
    }

    /// The next completion that its owner still wants. What a closed socket received goes back by
    /// `release`, and a socket that is gone leaves the table.
    #[inline]
    pub(crate) fn next<S: Slot>(
        &mut self,
        slots: &mut SlotTable<S>,
        mut release: impl FnMut(ReceiveLease),
    ) -> Option<Completion<KernelStream>> {
        loop {
            match self.completions.pop_front()? {
                Completion::Received { socket, lease } => {
                    self.received[socket.0 as usize] -= 1;
                    if slots.get(socket).is_heard() {
                        return Some(Completion::Received { socket, lease });
                    }
                    release(lease);
                }
                Completion::ReceivedInto { socket, .. }
                | Completion::ReceiveEnded { socket, .. }
                | Completion::DetachFailed { socket, .. }
                    if !slots.get(socket).is_heard() => {}
                completion => {
                    if let Completion::Detached { socket, .. } | Completion::Closed { socket } =
                        &completion
                    {
                        slots.free(*socket);
                    }
                    return Some(completion);
                }
            }
        }
    }

    /// Whether there are received bytes of this socket.
    pub(crate) fn has_received(&self, receiver: SocketId) -> bool {
        self.received
            .get(receiver.0 as usize)
            .is_some_and(|&count| count > 0)
    }

    /// Takes back that a socket has left the ring, which its owner was not told yet.
    pub(crate) fn withdraw(&mut self, detached: SocketId) -> Option<KernelStream> {
        let position = self.completions.iter().position(|completion| {
            matches!(completion, Completion::Detached { socket, .. } if *socket == detached)
        })?;
        match self.completions.remove(position) {
            Some(Completion::Detached { stream, .. }) => Some(stream),
            _ => unreachable!("it was found there"),
        }
    }
}

/// Sockets that found no receive buffer, the longest wait first.
#[derive(Debug, Default)]
pub(crate) struct Starved(VecDeque<SocketId>);

impl Starved {
    pub(crate) fn push_back(&mut self, socket: SocketId) {
        self.0.push_back(socket);
    }

    pub(crate) fn pop_front(&mut self) -> Option<SocketId> {
        self.0.pop_front()
    }

    /// Whether one of them would find a buffer now, with so many free.
    pub(crate) fn is_fed_by(&self, free: usize) -> bool {
        free > 0 && !self.0.is_empty()
    }
}
