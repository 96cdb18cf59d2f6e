//! One socket of a ring.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::EventFlags;

use crate::epoll::gather::Outbound;
use crate::kernel::{ConnectTarget, Destination, Generation, Singles};
use crate::ring::SocketId;

/// Where a socket is in its life.
///
/// ```text
///            adopt ────────────▶ Open ──┐ close
///  Free ◀─┐                       ▲     ▼
///         │  connect ─▶ Connecting┘  Closing ─▶ Lingering ─▶ Closed
///         │                 └───────────▲ close, failure       │
///         └────────────── the owner was told ──────────────────┘
///
///  Open ─▶ Detached ─▶ Free; but ─▶ Closing, if that is asked for before the owner was told
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody's.
    Free,
    /// Its connect was asked for, or is under way.
    Connecting,
    /// In use.
    Open,
    /// Has left the ring; awaits that its owner takes the news.
    Detached,
    /// Closed by its owner; the next turn ends what it was doing.
    Closing,
    /// Half-closed; reads away what the peer still sends, so that the kernel does not answer it
    /// with a reset that would overtake the last reply.
    Lingering,
    /// Gone; awaits that its owner takes the news.
    Closed,
}

/// What is known of a direction of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// The last try found nothing to do; an event will tell.
    Awaited,
    /// The next try may succeed.
    Likely,
}

/// One socket. Small, because there are thousands of idle ones: buffers come from the ring, and
/// only while there is something in them.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) generation: Generation,
    pub(super) stage: Stage,
    /// `None` before the first and after the last stage.
    pub(super) fd: Option<OwnedFd>,
    /// It is a Unix socket.
    pub(super) is_unix: bool,
    /// The events that epoll was asked for; empty before the socket is registered.
    pub(super) interest: EventFlags,
    /// In the ring's queue of sockets with something to do.
    pub(super) queued: bool,
    /// Bytes, the end of the stream, or a failure.
    pub(super) reading: Readiness,
    /// There is more behind a short read: the end of the stream, a failure, or urgent data,
    /// which a read stops at.
    pub(super) more_behind: bool,
    /// How long a pass reads but once.
    pub(super) singles: Singles,
    /// The owner's buffer that the next read is to fill.
    pub(super) destination: Option<Destination>,
    /// The owner holds the peer back.
    pub(super) paused: bool,
    /// Waits for a receive buffer, in the ring's queue of such sockets.
    pub(super) starved: bool,
    /// The peer sends no more, or receiving failed.
    pub(super) receive_ended: bool,
    /// `outbound` is being sent.
    pub(super) sending: bool,
    /// Room for what is being sent, or the end of a connect.
    pub(super) writing: Readiness,
    /// Something was sent, at any time: its bytes may still be on their way. No receive clears
    /// this, because a peer may send without having read.
    pub(super) has_sent: bool,
    /// Unwanted bytes read so far.
    pub(super) discarded: u32,
    /// Bytes of `outbound` that were sent.
    pub(super) sent: usize,
    /// What is being sent; empty and unallocated otherwise.
    pub(super) outbound: Outbound,
    /// What is being connected to.
    pub(super) target: Option<Box<ConnectTarget>>,
}

impl Slot {
    /// The socket's descriptor.
    ///
    /// # Panics
    ///
    /// It has none: it is free, or closed.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        let fd = self.fd.as_ref().expect("a socket in use has a descriptor");
        fd.as_fd()
    }

    /// Whether the owner wants what comes in.
    pub(super) fn wants_to_receive(&self) -> bool {
        self.stage == Stage::Open && !self.paused && !self.receive_ended
    }

    /// Whether a read is to be tried when there is something to read.
    pub(super) fn may_read(&self) -> bool {
        (self.wants_to_receive() && !self.starved) || self.stage == Stage::Lingering
    }

    /// Whether a turn would find something to do.
    pub(super) fn has_work(&self) -> bool {
        let reads = self.reading == Readiness::Likely && self.may_read();
        let writes =
            self.writing == Readiness::Likely && (self.sending || self.stage == Stage::Connecting);
        reads || writes || self.stage == Stage::Closing
    }

    /// Whether something waits for room, or for the end of a connect.
    pub(super) fn awaits_room(&self) -> bool {
        self.writing == Readiness::Awaited && (self.sending || self.stage == Stage::Connecting)
    }

    /// The events that epoll is to tell of; failures it tells of in any case.
    pub(super) fn wanted_interest(&self) -> EventFlags {
        let mut wanted = EventFlags::ET;
        if self.may_read() {
            wanted |= EventFlags::IN | EventFlags::RDHUP | EventFlags::PRI;
        }
        if self.awaits_room() {
            wanted |= EventFlags::OUT;
        }
        wanted
    }
}

impl crate::kernel::Slot for Slot {
    type Stage = Stage;

    fn free(generation: Generation) -> Self {
        Slot {
            generation,
            stage: Stage::Free,
            fd: None,
            is_unix: false,
            interest: EventFlags::empty(),
            queued: false,
            reading: Readiness::Awaited,
            more_behind: false,
            singles: Singles::NONE,
            destination: None,
            paused: false,
            starved: false,
            receive_ended: false,
            sending: false,
            writing: Readiness::Likely,
            has_sent: false,
            discarded: 0,
            sent: 0,
            outbound: Outbound::Whole(Vec::new()),
            target: None,
        }
    }

    fn generation(&self) -> Generation {
        self.generation
    }

    fn is_free(&self) -> bool {
        self.stage == Stage::Free
    }

    fn is_heard(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Detached)
    }

    fn begin(&mut self, stage: Stage) {
        self.stage = stage;
    }

    fn assert_ended(&self, socket: SocketId) {
        assert!(!self.sending, "{socket:?} is freed in mid-send");
        assert!(self.fd.is_none(), "{socket:?} is freed but not closed");
        assert!(self.target.is_none(), "{socket:?} is freed in mid-connect");
        assert!(
            self.destination.is_none(),
            "{socket:?} is freed with a buffer to fill"
        );
    }
}

/// All sockets of a ring.
pub(super) type SlotTable = crate::kernel::SlotTable<Slot>;
