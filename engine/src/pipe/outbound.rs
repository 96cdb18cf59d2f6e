//! What is pushed into a call's pipes, on its way to the core.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Waker;

use annulus_ndr::Encode;
use annulus_protocol::TransferSyntax;

use super::backlog::PipeBacklog;
use super::codec::{write_chunk, write_end};
use super::inbound::Wanted;
use super::link::PipeLink;
use crate::core::buffers::SharedBufferPool;
use crate::foreign::WakerCell;
use crate::lock::{lock, try_lock};
use crate::status::Status;

/// Fragments end at multiples of so many bytes of the stub, but for the one that ends with the
/// in-parameters, which a peer may want to read before anything else comes, and the last.
const FRAGMENT_UNIT: usize = 8;

/// What is pushed joins the piece before it, while the core has not taken that, up to so many
/// bytes. So two pieces in a row are more than this together, and small pushes do not hold a
/// buffer each.
const GATHERED_LEN_MAX: usize = 16 << 10;

/// Stub data on its way from whoever pushes to the core.
pub(super) struct Outbound {
    /// Whoever pushes locks this to append and does nothing else meanwhile. The core never waits
    /// for it.
    pieces: Mutex<VecDeque<OutPiece>>,
    /// Bytes that were pushed and not sent yet.
    unsent_len: AtomicUsize,
    /// No more is pushed while so many bytes are unsent.
    unsent_len_max: usize,
    /// What is unsent of all calls of the connection; on a server.
    backlog: Option<Arc<PipeBacklog>>,
    /// The response has begun to go out, so the others of the connection wait for its end.
    goes_out: AtomicBool,
    /// The backlog will tell of room.
    is_starved: AtomicBool,
    /// The core will look at the queue anyway.
    is_announced: AtomicBool,
    /// What the pusher waits for, as a [`Wanted`].
    wanted: AtomicU8,
    waker: WakerCell,
    output: Mutex<Output>,
}

/// A piece of stub data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutPiece {
    pub(crate) stub: Vec<u8>,
    /// Nothing comes behind it.
    pub(crate) is_last: bool,
    /// It goes out by itself, without what is pushed behind it.
    pub(crate) is_alone: bool,
}

/// How far the pipes have been pushed.
pub(super) struct Output {
    transfer: TransferSyntax,
    /// The last bytes that were pushed, too few for the next fragment.
    carry: Vec<u8>,
    /// Bytes of the stub so far, with those that are carried.
    offset: usize,
    /// The pipe that comes next.
    index: usize,
    count: usize,
}

impl Outbound {
    /// For `count` pipes.
    pub(super) fn new(
        transfer: TransferSyntax,
        count: usize,
        unsent_len_max: usize,
        backlog: Option<Arc<PipeBacklog>>,
    ) -> Self {
        Outbound {
            pieces: Mutex::default(),
            unsent_len: AtomicUsize::new(0),
            unsent_len_max,
            backlog,
            goes_out: AtomicBool::new(false),
            is_starved: AtomicBool::new(false),
            is_announced: AtomicBool::new(false),
            wanted: AtomicU8::new(Wanted::Nothing as u8),
            waker: WakerCell::new(),
            output: Mutex::new(Output {
                transfer,
                carry: Vec::new(),
                offset: 0,
                index: 0,
                count,
            }),
        }
    }

    pub(super) fn output(&self) -> MutexGuard<'_, Output> {
        lock(&self.output)
    }

    /// Whether more may be pushed.
    pub(super) fn has_room(&self) -> bool {
        self.unsent_len() < self.unsent_len_max && self.has_shared_room()
    }

    fn has_shared_room(&self) -> bool {
        let goes_out = self.goes_out.load(Ordering::Relaxed);
        self.backlog
            .as_ref()
            .is_none_or(|backlog| backlog.has_room(self.unsent_len(), goes_out))
    }

    /// The response begins to go out.
    pub(super) fn go_out(&self) {
        self.goes_out.store(true, Ordering::Relaxed);
    }

    pub(super) fn backlog(&self) -> Option<&Arc<PipeBacklog>> {
        self.backlog.as_ref()
    }

    pub(super) fn unsent_len(&self) -> usize {
        self.unsent_len.load(Ordering::Relaxed)
    }

    /// Queues a piece, or lets the last one that is queued grow by it. True if the core is to be
    /// told.
    pub(super) fn add(&self, piece: OutPiece, buffers: &SharedBufferPool) -> bool {
        let len = piece.stub.len();
        self.unsent_len.fetch_add(len, Ordering::Relaxed);
        if let Some(backlog) = &self.backlog {
            backlog.add(len);
        }
        if let Some(joined) = append(&mut self.pieces(), piece) {
            buffers.put(joined);
        }
        // Its release half pairs with the acquire in `begin_take`: a core that clears this sees
        // the piece.
        !self.is_announced.swap(true, Ordering::AcqRel)
    }

    fn pieces(&self) -> MutexGuard<'_, VecDeque<OutPiece>> {
        lock(&self.pieces)
    }

    /// The pieces, unless one is being added at this moment.
    fn try_pieces(&self) -> Option<MutexGuard<'_, VecDeque<OutPiece>>> {
        try_lock(&self.pieces)
    }

    /// The core is about to take what is queued.
    pub(super) fn begin_take(&self) {
        // A swap, for its acquire half: a piece whose announcement this clears is seen behind it,
        // and one that is added later is announced anew.
        self.is_announced.swap(false, Ordering::AcqRel);
    }

    /// Whether there is a piece for the core, or may be in a moment.
    pub(super) fn has_pieces(&self) -> bool {
        self.try_pieces().is_none_or(|pieces| !pieces.is_empty())
    }

    /// The next piece. If one is being added at this moment there may be none, but as the core
    /// has begun to take, that one is announced anew.
    pub(super) fn take(&self) -> Option<OutPiece> {
        self.try_pieces()?.pop_front()
    }

    /// The core has sent so many bytes. True if the pusher is to be notified: of these bytes
    /// being sent, all together, or of the room that there is.
    pub(super) fn sent(&self, len: usize, notifies_each: bool) -> bool {
        let before = self.unsent_len.fetch_sub(len, Ordering::Relaxed);
        if let Some(backlog) = &self.backlog {
            backlog.remove(len);
        }
        // Pairs with the fence in `want`.
        fence(Ordering::SeqCst);
        let wanted = if before - len <= self.unsent_len_max / 2 {
            self.take_wanted()
        } else {
            Wanted::Nothing as u8
        };
        let is_refused_push = wanted == Wanted::Notification as u8;
        (notifies_each && before == len) || is_refused_push
    }

    /// The call has ended: nobody waits any longer. True if the pusher waits for a notification.
    pub(super) fn end(&self, notifies_each: bool) -> bool {
        // Pairs with the fence in `want`.
        fence(Ordering::SeqCst);
        let is_refused_push = self.take_wanted() == Wanted::Notification as u8;
        is_refused_push || (notifies_each && self.unsent_len() > 0)
    }

    fn take_wanted(&self) -> u8 {
        if self.wanted.load(Ordering::Relaxed) == Wanted::Nothing as u8 {
            return Wanted::Nothing as u8;
        }
        let wanted = self.wanted.swap(Wanted::Nothing as u8, Ordering::AcqRel);
        if wanted == Wanted::Wake as u8 {
            self.waker.wake();
        }
        wanted
    }

    /// The connection's other calls have left room. True if the pusher waits for a notification.
    pub(super) fn offer_room(&self) -> bool {
        // Its acquire half pairs with the release in `starves`: who was starved before this is seen
        // to want, and who is starved behind it is noted anew.
        self.is_starved.swap(false, Ordering::AcqRel);
        self.take_wanted() == Wanted::Notification as u8
    }

    /// A pusher found no room and wants to hear of some. False if there is some now that it was
    /// not told of: it is to try again. `link` is the one that this belongs to.
    pub(super) fn want(
        &self,
        wanted: Wanted,
        link: impl FnOnce() -> Weak<PipeLink>,
        has_ended: impl FnOnce() -> bool,
    ) -> bool {
        self.wanted.store(wanted as u8, Ordering::Relaxed);
        // Pairs with the fences in `sent` and `end`.
        fence(Ordering::SeqCst);
        // Who has much unsent hears of that being sent, and looks at the rest then.
        let has_room = self.unsent_len() <= self.unsent_len_max / 2
            && (self.has_shared_room() || !self.starves(link));
        let is_news = has_room || has_ended();
        !is_news || self.wanted.swap(Wanted::Nothing as u8, Ordering::AcqRel) != wanted as u8
    }

    /// Whether the backlog has this noted.
    pub(super) fn is_starved(&self) -> bool {
        self.is_starved.load(Ordering::Relaxed)
    }

    /// Has the backlog tell of room; false if there is some by now.
    fn starves(&self, link: impl FnOnce() -> Weak<PipeLink>) -> bool {
        if let Some(backlog) = &self.backlog
            && !self.is_starved.swap(true, Ordering::AcqRel)
        {
            backlog.starve(link());
        }
        // Pairs with the fence in `PipeBacklog::feed`.
        fence(Ordering::SeqCst);
        !self.has_shared_room()
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}

/// Lets the last piece grow, if it may, or appends another one; the buffer that this leaves over.
fn append(pieces: &mut VecDeque<OutPiece>, piece: OutPiece) -> Option<Vec<u8>> {
    match pieces.back_mut() {
        Some(last) if !last.is_alone && last.stub.len() + piece.stub.len() <= GATHERED_LEN_MAX => {
            last.stub.extend_from_slice(&piece.stub);
            last.is_last = piece.is_last;
            Some(piece.stub)
        }
        _ => {
            pieces.push_back(piece);
            None
        }
    }
}

impl Output {
    /// So many bytes of stub data stand in front of the pipes.
    pub(super) fn start(&mut self, head_len: usize) {
        self.offset = head_len;
    }

    /// Whether the pipe with this number is the one to push now.
    pub(super) fn check_turn(&self, index: usize) -> Result<(), Status> {
        match index {
            _ if index == self.index => Ok(()),
            _ if index < self.index => Err(Status::PipeClosed),
            _ => Err(Status::WrongPipeOrder),
        }
    }

    /// Whether all pipes have been pushed to their ends.
    pub(super) fn is_ended(&self) -> bool {
        self.index == self.count
    }

    /// Encodes a chunk into `stub`, an empty buffer, behind what was carried.
    pub(super) fn chunk<T: Encode>(
        &mut self,
        elements: &[T],
        stub: &mut Vec<u8>,
    ) -> Result<(), Status> {
        stub.extend_from_slice(&self.carry);
        match write_chunk(self.transfer, self.offset, elements, stub) {
            Ok(offset) => self.offset = offset,
            Err(error) => {
                tracing::debug!(%error, "an element of a pipe is refused");
                stub.clear();
                return Err(Status::BadStubData);
            }
        }
        self.carry_rest(stub);
        Ok(())
    }

    /// Encodes the end of the present pipe into `stub`, an empty buffer, behind what was
    /// carried.
    pub(super) fn end_pipe(&mut self, stub: &mut Vec<u8>) {
        stub.extend_from_slice(&self.carry);
        self.offset = write_end(self.transfer, self.offset, stub);
        self.index += 1;
        self.carry_rest(stub);
    }

    /// Keeps what is behind the last whole unit of the stub for the next fragment.
    fn carry_rest(&mut self, stub: &mut Vec<u8>) {
        let whole = stub.len().saturating_sub(self.offset % FRAGMENT_UNIT);
        self.carry.clear();
        self.carry.extend_from_slice(&stub[whole..]);
        stub.truncate(whole);
    }

    /// Moves what is carried into `stub`, and gives the offset in the stub behind it.
    pub(super) fn take_carry(&mut self, stub: &mut Vec<u8>) -> usize {
        stub.append(&mut self.carry);
        self.offset
    }
}
