//! The listening sockets of a ring.

use std::time::Duration;

use annulus_protocol::Time;

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
///
/// An id is not given out twice: connections of a listener that is gone may still be on their way
/// to the ring's owner, and must not be taken for those of the next one.
#[derive(Debug, Default)]
pub(crate) struct ListenerTable {
    entries: Vec<(ListenerId, Listener)>,
    next: u32,
}

impl ListenerTable {
    /// Takes a listener in.
    pub(crate) fn insert(&mut self, listener: Listener) -> ListenerId {
        let id = ListenerId(self.next);
        self.next = self.next.wrapping_add(1);
        self.entries.push((id, listener));
        id
    }

    /// Lets go of a listener; its socket closes.
    pub(crate) fn remove(&mut self, id: ListenerId) {
        self.entries.retain(|(other, _)| *other != id);
    }

    /// A listener that is open or closing.
    pub(crate) fn get_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        let mut entries = self.entries.iter_mut();
        let found = entries.find(|(other, _)| *other == id);
        found.map(|(_, listener)| listener)
    }

    /// Listeners that are open or closing.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
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
        let entries = self.entries.iter();
        entries.filter_map(|(id, listener)| match listener.accepting {
            Accepting::PausedUntil(until) => Some((*id, until)),
            Accepting::Armed => None,
        })
    }
}
