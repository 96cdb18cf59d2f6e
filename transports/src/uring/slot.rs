//! The sockets of a ring: one small slot each, its index the socket's id and its place in the
//! kernel's table.

use socket2::SockAddr;

use crate::address::Address;
use crate::ring::SocketId;
use crate::uring::operation::Generation;

/// Where a socket is in its life.
///
/// ```text
///            adopt ────────────▶ Open ──┐ close
///  Free ◀─┐                       ▲     ▼
///         │  connect ─▶ Connecting┘  Draining ─▶ Lingering ─▶ Closing ─▶ Closed
///         │                 └───────────▲ close, failure                   │
///         └────────────────────────── the owner was told ──────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody's.
    Free,
    /// Awaits the end of its connect.
    Connecting,
    /// In use.
    Open,
    /// Closed by its owner; awaits the last completions of cancelled operations.
    Draining,
    /// Half-closed; reads away what the peer still sends, so that the kernel does not answer it
    /// with a reset that would overtake the last reply.
    Lingering,
    /// Awaits the closing of its descriptor.
    Closing,
    /// Gone; awaits that its owner takes the news.
    Closed,
}

/// What a connecting socket connects to; the kernel reads `raw` while the connect is in flight.
#[derive(Debug)]
pub(super) struct ConnectTarget {
    pub(super) address: Address,
    pub(super) raw: SockAddr,
}

/// One socket. Small, because there are thousands of idle ones: buffers come from the ring, and
/// only while there is something in them.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) generation: Generation,
    pub(super) stage: Stage,
    /// It is a Unix socket.
    pub(super) is_unix: bool,
    /// A multishot receive is in flight.
    pub(super) receiving: bool,
    /// The owner holds the peer back.
    pub(super) paused: bool,
    /// Waits for a receive buffer, in the ring's queue of such sockets.
    pub(super) starved: bool,
    /// The peer sends no more, or receiving failed.
    pub(super) receive_ended: bool,
    /// A send is in flight; the kernel reads `buffer`.
    pub(super) sending: bool,
    /// Something was sent, at any time: its bytes may still be on their way. No receive clears
    /// this, because a peer may send without having read.
    pub(super) has_sent: bool,
    /// A connect is in flight; the kernel reads `target`.
    pub(super) connecting: bool,
    /// A read of unwanted bytes is in flight.
    pub(super) discarding: bool,
    /// A half-close is in flight.
    pub(super) shutting_down: bool,
    /// Unwanted bytes read so far.
    pub(super) discarded: u32,
    /// Bytes of `buffer` that were sent.
    pub(super) sent: usize,
    /// What is being sent; empty and unallocated otherwise.
    pub(super) buffer: Vec<u8>,
    /// What is being connected to.
    pub(super) target: Option<Box<ConnectTarget>>,
}

impl Slot {
    const EMPTY: Slot = Slot {
        generation: Generation::FIRST,
        stage: Stage::Free,
        is_unix: false,
        receiving: false,
        paused: false,
        starved: false,
        receive_ended: false,
        sending: false,
        has_sent: false,
        connecting: false,
        discarding: false,
        shutting_down: false,
        discarded: 0,
        sent: 0,
        buffer: Vec::new(),
        target: None,
    };

    /// Whether a receive should be in flight.
    pub(super) fn wants_to_receive(&self) -> bool {
        self.stage == Stage::Open && !self.paused && !self.receive_ended
    }

    /// Whether an operation is in flight that the owner asked for.
    pub(super) fn is_draining(&self) -> bool {
        self.receiving || self.sending || self.connecting
    }
}

/// All slots of a ring. Grows with use up to its capacity.
#[derive(Debug)]
pub(super) struct SlotTable {
    slots: Vec<Slot>,
    /// Free slots below `slots.len()`, the one that was freed last on top: it is warm.
    free: Vec<u32>,
    capacity: usize,
}

impl SlotTable {
    /// A table of at most `capacity` sockets.
    pub(super) fn new(capacity: u32) -> Self {
        SlotTable {
            slots: Vec::new(),
            free: Vec::new(),
            capacity: capacity as usize,
        }
    }

    /// Most sockets that it can hold.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Sockets that were given out.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Gives a slot out, in the stage of its new life; `None` if all are taken.
    pub(super) fn allocate(&mut self, stage: Stage) -> Option<SocketId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() < self.capacity => {
                self.slots.push(Slot::EMPTY);
                (self.slots.len() - 1) as u32
            }
            None => return None,
        };
        self.slots[index as usize].stage = stage;
        Some(SocketId(index))
    }

    /// Takes a slot back, and frees its memory.
    ///
    /// # Panics
    ///
    /// An operation of it is in flight, so that the kernel may still use its memory, or would
    /// use the place of its next owner. The proofs of `transfer` and `connect` rest on this.
    pub(super) fn free(&mut self, socket: SocketId) {
        let slot = &mut self.slots[socket.0 as usize];
        assert!(!slot.sending, "{socket:?} is freed in mid-send");
        assert!(!slot.connecting, "{socket:?} is freed in mid-connect");
        assert!(!slot.receiving, "{socket:?} is freed in mid-receive");
        assert!(!slot.discarding, "{socket:?} is freed in mid-discard");
        assert!(!slot.shutting_down, "{socket:?} is freed in mid-shutdown");
        *slot = Slot {
            generation: slot.generation.next(),
            ..Slot::EMPTY
        };
        self.free.push(socket.0);
    }

    /// The slot of a socket.
    ///
    /// # Panics
    ///
    /// This ring never gave out such a socket.
    pub(super) fn get(&self, socket: SocketId) -> &Slot {
        &self.slots[socket.0 as usize]
    }

    /// As [`get`](SlotTable::get), to change it.
    pub(super) fn get_mut(&mut self, socket: SocketId) -> &mut Slot {
        &mut self.slots[socket.0 as usize]
    }

    /// The slot of a completion, unless the slot has another owner by now.
    pub(super) fn find(&mut self, socket: SocketId, generation: Generation) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(socket.0 as usize)?;
        (slot.generation == generation && slot.stage != Stage::Free).then_some(slot)
    }

    /// Forgets all slots without freeing what the kernel may still read.
    pub(super) fn leak(&mut self) {
        std::mem::forget(std::mem::take(&mut self.slots));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_socket_is_small() {
        assert!(size_of::<Slot>() <= 64, "{}", size_of::<Slot>());
    }

    #[test]
    fn a_slot_comes_back_with_another_generation() {
        let mut table = SlotTable::new(2);
        let first = table.allocate(Stage::Open).unwrap();
        let generation = table.get(first).generation;
        assert!(table.find(first, generation).is_some());
        table.free(first);
        assert!(table.find(first, generation).is_none());
        let second = table.allocate(Stage::Open).unwrap();
        assert_eq!(first, second);
        assert!(table.find(second, generation).is_none());
    }

    /// Until each one's last completion, the kernel may use the slot's memory.
    #[test]
    fn a_close_awaits_every_operation_of_the_owner() {
        let in_flight: [fn(&mut Slot); 3] = [
            |slot| slot.receiving = true,
            |slot| slot.sending = true,
            |slot| slot.connecting = true,
        ];
        assert!(!Slot::EMPTY.is_draining());
        for begin in in_flight {
            let mut slot = Slot::EMPTY;
            begin(&mut slot);
            assert!(slot.is_draining(), "{slot:?}");
        }
    }

    #[test]
    #[should_panic(expected = "freed in mid-send")]
    fn a_slot_whose_buffer_the_kernel_reads_is_not_freed() {
        let mut table = SlotTable::new(1);
        let socket = table.allocate(Stage::Open).unwrap();
        table.get_mut(socket).sending = true;
        table.free(socket);
    }

    #[test]
    #[should_panic(expected = "freed in mid-connect")]
    fn a_slot_whose_address_the_kernel_reads_is_not_freed() {
        let mut table = SlotTable::new(1);
        let socket = table.allocate(Stage::Connecting).unwrap();
        table.get_mut(socket).connecting = true;
        table.free(socket);
    }

    #[test]
    fn a_full_table_gives_nothing_out() {
        let mut table = SlotTable::new(1);
        let socket = table.allocate(Stage::Open).unwrap();
        assert_eq!(table.allocate(Stage::Open), None);
        assert_eq!(table.len(), 1);
        table.free(socket);
        assert!(table.allocate(Stage::Open).is_some());
    }
}
