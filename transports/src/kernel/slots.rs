//! The sockets of a ring: one small slot each, its index the socket's id.

use std::io;

use socket2::SockAddr;

use crate::address::Address;
use crate::error::TransportError;
use crate::kernel::Generation;
use crate::ring::SocketId;

/// What a connecting socket connects to.
#[derive(Debug)]
pub(crate) struct ConnectTarget {
    pub(crate) address: Address,
    /// The address as the kernel reads it.
    pub(crate) raw: SockAddr,
}

/// One socket of a ring, as the table of all of them sees it.
pub(crate) trait Slot {
    /// Where a socket is in its life.
    type Stage;

    /// Nobody's.
    fn free(generation: Generation) -> Self;

    /// How often the slot was given out.
    fn generation(&self) -> Generation;

    /// Whether it is nobody's.
    fn is_free(&self) -> bool;

    /// Whether its owner takes what is received.
    fn is_heard(&self) -> bool;

    /// Begins a life.
    fn begin(&mut self, stage: Self::Stage);

    /// Panics if anything is still under way, so that the slot cannot be freed.
    fn assert_ended(&self, socket: SocketId);
}

/// All slots of a ring. Grows with use up to its capacity.
#[derive(Debug)]
pub(crate) struct SlotTable<S> {
    slots: Vec<S>,
    /// Free slots below `slots.len()`, the one that was freed last on top: it is warm.
    free: Vec<u32>,
    capacity: usize,
}

impl<S: Slot> SlotTable<S> {
    /// A table of at most `capacity` sockets.
    pub(crate) fn new(capacity: u32) -> Self {
        SlotTable {
            slots: Vec::new(),
            free: Vec::new(),
            capacity: capacity as usize,
        }
    }

    /// Most sockets that it can hold.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Sockets that were given out.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Gives a slot out to a socket that `install` brings into the ring.
    ///
    /// # Errors
    ///
    /// All are taken, or the socket cannot come in; then nothing is left of it.
    pub(crate) fn admit(
        &mut self,
        stage: S::Stage,
        install: impl FnOnce(SocketId, &mut S) -> io::Result<()>,
    ) -> Result<SocketId, TransportError> {
        let capacity = self.capacity;
        let socket = self
            .allocate(stage)
            .ok_or(TransportError::SocketTableFull { capacity })?;
        if let Err(error) = install(socket, self.get_mut(socket)) {
            self.free(socket);
            return Err(TransportError::Socket(error));
        }
        Ok(socket)
    }

    /// Gives a slot out, in the stage of its new life; `None` if all are taken.
    pub(crate) fn allocate(&mut self, stage: S::Stage) -> Option<SocketId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() < self.capacity => {
                self.slots.push(S::free(Generation::FIRST));
                (self.slots.len() - 1) as u32
            }
            None => return None,
        };
        self.slots[index as usize].begin(stage);
        Some(SocketId(index))
    }

    /// Takes a slot back, and frees its memory.
    ///
    /// # Panics
    ///
    /// Something of it is still under way ([`Slot::assert_ended`]).
    pub(crate) fn free(&mut self, socket: SocketId) {
        let slot = &mut self.slots[socket.0 as usize];
        slot.assert_ended(socket);
        *slot = S::free(slot.generation().next());
        self.free.push(socket.0);
    }

    /// The slot of a socket.
    ///
    /// # Panics
    ///
    /// This ring never gave out such a socket.
    pub(crate) fn get(&self, socket: SocketId) -> &S {
        &self.slots[socket.0 as usize]
    }

    /// As [`get`](SlotTable::get), to change it.
    pub(crate) fn get_mut(&mut self, socket: SocketId) -> &mut S {
        &mut self.slots[socket.0 as usize]
    }

    /// The slot that late news is about, unless it has another owner by now.
    pub(crate) fn find(&mut self, socket: SocketId, generation: Generation) -> Option<&mut S> {
        let slot = self.slots.get_mut(socket.0 as usize)?;
        (slot.generation() == generation && !slot.is_free()).then_some(slot)
    }

    /// Forgets all slots without freeing what the kernel may still read.
    pub(crate) fn leak(&mut self) {
        std::mem::forget(std::mem::take(&mut self.slots));
    }
}
