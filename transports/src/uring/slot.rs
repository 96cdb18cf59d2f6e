//! One socket of a ring.

use crate::kernel::{ConnectTarget, Destination, Generation, Singles};
use crate::ring::SocketId;
use crate::uring::gather::Outbound;

/// Where a socket is in its life.
///
/// ```text
///            adopt ────────────▶ Open ──┐ close
///  Free ◀─┐                       ▲     ▼
///         │  connect ─▶ Connecting┘  Draining ─▶ Lingering ─▶ Closing ─▶ Closed
///         │                 └───────────▲ close, failure                   │
///         └────────────────────────── the owner was told ──────────────────┘
///
///  Open ─▶ Detaching ─▶ Detached ─▶ Free; but a close leads to Draining, also from Detached, of
///  which the owner was not told yet; and a failure back to Open
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody's.
    Free,
    /// Awaits the end of its connect.
    Connecting,
    /// In use.
    Open,
    /// Is to leave the ring; awaits the end of its receive, then its descriptor.
    Detaching,
    /// Has left the ring; awaits that its owner takes the news.
    Detached,
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

/// One socket. Small, because there are thousands of idle ones: buffers come from the ring, and
/// only while there is something in them.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) generation: Generation,
    pub(super) stage: Stage,
    /// It is a Unix socket.
    pub(super) is_unix: bool,
    /// A receive is in flight; the kernel writes to `destination`, if there is one.
    pub(super) receiving: bool,
    /// How long receives are no multishot.
    pub(super) singles: Singles,
    /// The owner's buffer that the next receive is to fill.
    pub(super) destination: Option<Destination>,
    /// The owner holds the peer back.
    pub(super) paused: bool,
    /// Waits for a receive buffer, in the ring's queue of such sockets.
    pub(super) starved: bool,
    /// The peer sends no more, or receiving failed.
    pub(super) receive_ended: bool,
    /// A send is in flight; the kernel reads `outbound`.
    pub(super) sending: bool,
    /// Something was sent, at any time and by any ring: its bytes may still be on their way. No
    /// receive clears this, because a peer may send without having read.
    pub(super) has_sent: bool,
    /// A connect is in flight; the kernel reads `target`.
    pub(super) connecting: bool,
    /// The installing of its descriptor is in flight.
    pub(super) installing: bool,
    /// A read of unwanted bytes is in flight.
    pub(super) discarding: bool,
    /// A half-close is in flight.
    pub(super) shutting_down: bool,
    /// Unwanted bytes read so far.
    pub(super) discarded: u32,
    /// Bytes of `outbound` that were sent.
    pub(super) sent: usize,
    /// What is being sent; empty and unallocated otherwise.
    pub(super) outbound: Outbound,
    /// What is being connected to; the kernel reads `raw` while the connect is in flight.
    pub(super) target: Option<Box<ConnectTarget>>,
}

impl Slot {
    const EMPTY: Slot = Slot {
        generation: Generation::FIRST,
        stage: Stage::Free,
        is_unix: false,
        receiving: false,
        singles: Singles::NONE,
        destination: None,
        paused: false,
        starved: false,
        receive_ended: false,
        sending: false,
        has_sent: false,
        connecting: false,
        installing: false,
        discarding: false,
        shutting_down: false,
        discarded: 0,
        sent: 0,
        outbound: Outbound::NONE,
        target: None,
    };

    /// Whether a receive should be in flight.
    pub(super) fn wants_to_receive(&self) -> bool {
        self.stage == Stage::Open && !self.paused && !self.receive_ended
    }

    /// Whether an operation is in flight that the owner asked for.
    pub(super) fn is_draining(&self) -> bool {
        self.receiving || self.sending || self.connecting || self.installing
    }
}

impl crate::kernel::Slot for Slot {
    type Stage = Stage;

    fn free(generation: Generation) -> Self {
        Slot {
            generation,
            ..Slot::EMPTY
        }
    }

    fn generation(&self) -> Generation {
        self.generation
    }

    fn is_free(&self) -> bool {
        self.stage == Stage::Free
    }

    fn is_heard(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Detaching | Stage::Detached)
    }

    fn begin(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// With an operation in flight the kernel may still use the slot's memory, or would use the
    /// place of its next owner. The proofs of `transfer` and `connect` rest on this.
    fn assert_ended(&self, socket: SocketId) {
        assert!(!self.sending, "{socket:?} is freed in mid-send");
        assert!(!self.connecting, "{socket:?} is freed in mid-connect");
        assert!(!self.receiving, "{socket:?} is freed in mid-receive");
        assert!(
            self.destination.is_none(),
            "{socket:?} is freed with a buffer to fill"
        );
        assert!(!self.installing, "{socket:?} is freed in mid-detach");
        assert!(!self.discarding, "{socket:?} is freed in mid-discard");
        assert!(!self.shutting_down, "{socket:?} is freed in mid-shutdown");
    }
}

/// All sockets of a ring; an index is also the place in the kernel's table.
pub(super) type SlotTable = crate::kernel::SlotTable<Slot>;

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
        let in_flight: [fn(&mut Slot); 4] = [
            |slot| slot.receiving = true,
            |slot| slot.sending = true,
            |slot| slot.connecting = true,
            |slot| slot.installing = true,
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
