//! The listening sockets of a ring.

use annulus_protocol::Time;

use crate::listen::ListenSocket;
use crate::ring::ListenerId;
use crate::uring::operation::Generation;

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: ListenSocket,
    /// Where the accept stands.
    pub(super) accepting: Accepting,
    /// The owner wants it gone.
    pub(super) closing: bool,
}

/// Where a listener's multishot accept stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepting {
    /// In flight.
    Armed,
    /// Not in flight before this time: something ran out.
    PausedUntil(Time),
}

/// All listeners of a ring; there are few.
#[derive(Debug, Default)]
pub(super) struct ListenerTable {
    entries: Vec<(Generation, Option<Listener>)>,
}

impl ListenerTable {
    /// Takes a listener in.
    pub(super) fn insert(&mut self, listener: Listener) -> (ListenerId, Generation) {
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
    pub(super) fn remove(&mut self, id: ListenerId) {
        let (generation, listener) = &mut self.entries[id.0 as usize];
        *listener = None;
        *generation = generation.next();
    }

    /// A listener that is open or closing, with its generation.
    pub(super) fn get_mut(&mut self, id: ListenerId) -> Option<(&mut Listener, Generation)> {
        let (generation, listener) = self.entries.get_mut(id.0 as usize)?;
        listener.as_mut().map(|listener| (listener, *generation))
    }

    /// The listener of a completion, unless its place has another owner by now.
    pub(super) fn find(&mut self, id: ListenerId, of: Generation) -> Option<&mut Listener> {
        let (listener, generation) = self.get_mut(id)?;
        (generation == of).then_some(listener)
    }

    /// Listeners that are open or closing.
    pub(super) fn len(&self) -> usize {
        self.entries
            .iter()
            .filter(|(_, listener)| listener.is_some())
            .count()
    }

    /// A listener whose pause is over at `now`.
    pub(super) fn first_due(&self, now: Time) -> Option<ListenerId> {
        let due = self.pauses().find(|(_, until)| *until <= now);
        due.map(|(id, _)| id)
    }

    /// When the first pause is over.
    pub(super) fn next_due(&self) -> Option<Time> {
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
