//! Sockets that were closed and still read away what their peers send.

use std::collections::VecDeque;
use std::time::Duration;

use annulus_protocol::{Limits, Time};

use crate::kernel::Generation;
use crate::ring::SocketId;

/// Most bytes that one discarding read may take.
const DISCARD_LEN_MAX: u32 = 1 << 30;

/// Sockets whose lingering has a bound, the first to end in front: all have the same time.
#[derive(Debug)]
pub(crate) struct Lingerers {
    queue: VecDeque<(Time, SocketId, Generation)>,
    /// How long a peer has to close its side too.
    timeout: Duration,
    /// How many bytes it may still send in that time.
    len_max: u32,
}

impl Lingerers {
    pub(crate) fn new(limits: &Limits) -> Self {
        let len_max = u32::try_from(limits.linger_len_max).unwrap_or(u32::MAX);
        Lingerers {
            queue: VecDeque::new(),
            timeout: limits.linger_timeout,
            len_max: len_max.min(DISCARD_LEN_MAX),
        }
    }

    /// How many bytes a peer may still send.
    pub(crate) fn len_max(&self) -> u32 {
        self.len_max
    }

    /// Bounds the lingering of a socket that begins to linger at `now`.
    pub(crate) fn push(&mut self, now: Time, socket: SocketId, generation: Generation) {
        let until = now + self.timeout;
        self.queue.push_back((until, socket, generation));
    }

    /// When the first of them must end.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.queue.front().map(|(until, ..)| *until)
    }

    /// Takes out one that must have ended by `now`.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(SocketId, Generation)> {
        let (_, socket, generation) = self.queue.pop_front_if(|(until, ..)| *until <= now)?;
        Some((socket, generation))
    }
}
