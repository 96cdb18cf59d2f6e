//! The listening sockets of a ring.

use std::time::Duration;

use annulus_protocol::Time;

use crate::kernel::Generation;
use crate::listen::ListenSocket;
use crate::ring::ListenerId;

/// How long accepting pauses after something ran out.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether a failed accept says nothing of the listener: the connection was given up before it
/// was accepted, or a signal came.
pub(crate) fn is_accept_to_be_retried(errno: i32) -> bool {
    matches!(errno, libc::ECONNABORTED | libc::EINTR | libc::EPROTO)
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: ListenSocket,
    pub(crate) accepting: Accepting,
    /// The owner wants it gone.
    pub(crate) closing: bool,
}

/// Where the accepting of a listener stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepting {
    /// Going on.
    Armed,
    /// Goes on at this time: something ran out.
    PausedUntil(Time),
}

/// All listeners of a ring; there are few.
#[derive(Debug, Default)]
pub(crate) struct ListenerTable {
    entries: Vec<(Generation, Option<Listener>)>,
}

impl ListenerTable {
    /// Takes a listener in.
    pub(crate) fn insert(&mut self, listener: Listener) -> (ListenerId, Generation) {
        let free = self
            .entries
            .iter()
            .position(|(_, listener)| listener.is_none());
        let index = free.unwrap_or_else(|| {
            self.entries.push((Generation::FIRST, None));
            self.entries.len() - 1
        });
        let (generation, entry) = &mut self.entries[index];
        *entry = Some(listener);
        (ListenerId(index as u32), *generation)
    }

    /// Lets go of a listener; its socket closes.
    pub(crate) fn remove(&mut self, id: ListenerId) {
        let (generation, listener) = &mut self.entries[id.0 as usize];
        *listener = None;
        *generation = generation.next();
    }

    /// A listener that is open or closing, with its generation.
    pub(crate) fn get_mut(&mut self, id: ListenerId) -> Option<(&mut Listener, Generation)> {
        let (generation, listener) = self.entries.get_mut(id.0 as usize)?;
        listener.as_mut().map(|listener| (listener, *generation))
    }

    /// The listener of a completion, unless its place has another owner by now.
    pub(crate) fn find(&mut self, id: ListenerId, of: Generation) -> Option<&mut Listener> {
        let (listener, generation) = self.get_mut(id)?;
        (generation == of).then_some(listener)
    }

    /// Listeners that are open or closing.
    pub(crate) fn len(&self) -> usize {
        self.entries
            .iter()
            .filter(|(_, listener)| listener.is_some())
            .count()
    }

    /// A listener whose pause is over at `now`.
    pub(crate) fn first_due(&self, now: Time) -> Option<ListenerId> {
        let due = self.pauses().find(|(_, until)| *until <= now);
        due.map(|(id, _)| id)
    }

    /// When the first pause is over.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.pauses().map(|(_, until)| until).min()
    }

    fn pauses(&self) -> impl Iterator<Item = (ListenerId, Time)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(
                |(index, (_, listener))| match listener.as_ref()?.accepting {
                    Accepting::PausedUntil(until) => Some((ListenerId(index as u32), until)),
                    Accepting::Armed => None,
                },
            )
    }
}
