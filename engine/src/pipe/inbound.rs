//! What a core has received for a call's pipes, and how far it has been pulled.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use annulus_ndr::{ByteOrder, Decode};
use annulus_protocol::TransferSyntax;
use crossbeam_queue::SegQueue;

use super::codec::Reader;
use super::unpulled::Unpulled;
use crate::core::buffers::SharedBufferPool;
use crate::foreign::WakerCell;
use crate::lock::{lock, try_lock};
use crate::status::Status;

/// Stub data on its way from the core to whoever pulls.
///
/// The core adds pieces as they arrive, and stops receiving while more is queued than there is
/// room for. The puller takes them out and sees to it that receiving goes on.
pub(super) struct Inbound {
    pieces: SegQueue<Vec<u8>>,
    queued_len: AtomicUsize,
    /// What is unpulled of all calls of the connection; on a server.
    unpulled: Option<Arc<Unpulled>>,
    /// How much may be queued; [`UNBOUNDED`] once all pipes were pulled.
    room: AtomicUsize,
    /// No piece comes behind those that are queued.
    is_whole: AtomicBool,
    /// The core receives nothing until there is room.
    is_held_back: AtomicBool,
    is_big_endian: AtomicBool,
    /// What the puller waits for, as a [`Wanted`].
    wanted: AtomicU8,
    waker: WakerCell,
    intake: Mutex<Intake>,
}

/// The core need not wait for a puller any more.
const UNBOUNDED: usize = usize::MAX;

/// How a puller that found nothing wants to hear of more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Wanted {
    Nothing = 0,
    /// By a ReceiveComplete notification.
    Notification = 1,
    /// By its waker.
    Wake = 2,
}

/// How far the stub data has been pulled.
pub(super) struct Intake {
    transfer: TransferSyntax,
    /// Reads the pipe that comes next; there is none before the first byte has come.
    reader: Option<Reader>,
    /// Bytes that were taken out of the queue.
    held: Vec<u8>,
    /// How many of these are done with.
    done: usize,
    /// Where `held[done]` is in the stub.
    offset: usize,
    /// The pipe that comes next.
    index: usize,
    count: usize,
}

/// Stub data behind the last pipe of a response: the other out-parameters.
pub(crate) struct Tail {
    /// The last bytes of the stub, from a multiple of eight on, so that alignment holds.
    pub(crate) bytes: Vec<u8>,
    /// Where the parameters start in these.
    pub(crate) start: usize,
    pub(crate) order: ByteOrder,
}

impl Inbound {
    /// For `count` pipes, which start the stub unless [`start`](Inbound::start) says otherwise.
    pub(super) fn new(
        transfer: TransferSyntax,
        count: usize,
        room: usize,
        unpulled: Option<Arc<Unpulled>>,
    ) -> Self {
        Inbound {
            pieces: SegQueue::new(),
            queued_len: AtomicUsize::new(0),
            unpulled,
            room: AtomicUsize::new(room),
            is_whole: AtomicBool::new(false),
            is_held_back: AtomicBool::new(false),
            is_big_endian: AtomicBool::new(false),
            wanted: AtomicU8::new(Wanted::Nothing as u8),
            waker: WakerCell::new(),
            intake: Mutex::new(Intake {
                transfer,
                reader: None,
                held: Vec::new(),
                done: 0,
                offset: 0,
                index: 0,
                count,
            }),
        }
    }

    /// The pipes start `offset` bytes into the stub, with `rest`.
    pub(super) fn start(&self, offset: usize, rest: &[u8], order: ByteOrder) {
        let mut intake = self.intake();
        intake.offset = offset;
        intake.held.extend_from_slice(rest);
        self.count(0, weight(&intake.held));
        intake.reader = Some(Reader::new(intake.transfer, offset, order));
    }

    /// The core adds what has come. True if it must stop receiving.
    pub(super) fn add(&self, piece: Vec<u8>, is_last: bool, order: ByteOrder) -> bool {
        self.is_big_endian
            .store(order == ByteOrder::Big, Ordering::Relaxed);
        let weight = weight(&piece);
        let queued = self.queued_len.fetch_add(weight, Ordering::Relaxed) + weight;
        self.count(0, weight);
        // The queue's own synchronisation publishes what was stored before.
        self.pieces.push(piece);
        if is_last {
            self.is_whole.store(true, Ordering::Release);
            return false;
        }
        queued > self.room() && self.hold_back()
    }

    /// How much may be queued at this moment: where much is unpulled on the whole core, nothing.
    fn room(&self) -> usize {
        match &self.unpulled {
            Some(unpulled) if unpulled.is_core_full() => 0,
            _ => self.room.load(Ordering::Relaxed),
        }
    }

    /// What counted for `before` bytes of the connection's unpulled ones counts for `after`.
    fn count(&self, before: usize, after: usize) {
        if let Some(unpulled) = &self.unpulled {
            unpulled.change(before, after);
        }
    }

    /// Notes that the core holds back, unless a puller has made room in the meantime.
    fn hold_back(&self) -> bool {
        if self.is_held_back.swap(true, Ordering::AcqRel) {
            // It held back already, and the puller has still to say that there is room: that note
            // must not be taken back here.
            return true;
        }
        // Pairs with the fences in `has_made_room` and `release`: either those see the note, or
        // this sees the room.
        fence(Ordering::SeqCst);
        self.queued_len.load(Ordering::Relaxed) > self.room()
            || !self.is_held_back.swap(false, Ordering::Relaxed)
    }

    /// Whether the core held back and has no reason to any more. True once each time.
    pub(super) fn has_made_room(&self) -> bool {
        // Pairs with the fence in `hold_back`.
        fence(Ordering::SeqCst);
        self.queued_len.load(Ordering::Relaxed) <= self.room() / 2
            && self.is_held_back.load(Ordering::Relaxed)
            && self.is_held_back.swap(false, Ordering::Relaxed)
    }

    /// Whether the core holds back and has not been told to go on.
    pub(super) fn is_held_back(&self) -> bool {
        self.is_held_back.load(Ordering::Relaxed)
    }

    /// Nothing is left to be pulled, so the core is not to wait for it. Whether it held back.
    pub(super) fn release(&self) -> bool {
        self.room.store(UNBOUNDED, Ordering::Relaxed);
        // Pairs with the fence in `hold_back`.
        fence(Ordering::SeqCst);
        self.is_held_back.swap(false, Ordering::Relaxed)
    }

    /// Whether more than `len_max` bytes have come behind the pipes.
    pub(super) fn is_tail_over(&self, len_max: usize) -> bool {
        self.room.load(Ordering::Relaxed) == UNBOUNDED
            && self.queued_len.load(Ordering::Relaxed) > len_max
    }

    pub(super) fn queued_len(&self) -> usize {
        self.queued_len.load(Ordering::Relaxed)
    }

    /// Something has changed that a puller may wait for. True if it is to be notified.
    pub(super) fn announce(&self) -> bool {
        // Pairs with the fence in `want`: either that sees the change, or this sees the want.
        fence(Ordering::SeqCst);
        if self.wanted.load(Ordering::Relaxed) == Wanted::Nothing as u8 {
            return false;
        }
        let wanted = self.wanted.swap(Wanted::Nothing as u8, Ordering::AcqRel);
        if wanted == Wanted::Wake as u8 {
            self.waker.wake();
        }
        wanted == Wanted::Notification as u8
    }

    /// Whether a puller waits for something to come.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) != Wanted::Nothing as u8
    }

    /// A puller has found nothing and wants to hear of more. False if something came in the
    /// meantime that it was not told of: it is to look again.
    pub(super) fn want(&self, wanted: Wanted, has_ended: impl FnOnce() -> bool) -> bool {
        self.wanted.store(wanted as u8, Ordering::Relaxed);
        // Pairs with the fence in `announce`.
        fence(Ordering::SeqCst);
        let is_news = self.has_more() || has_ended();
        // What was announced already will be heard of.
        !is_news || self.wanted.swap(Wanted::Nothing as u8, Ordering::AcqRel) != wanted as u8
    }

    /// Whether there is a piece, or will be none.
    pub(super) fn has_more(&self) -> bool {
        !self.pieces.is_empty() || self.is_whole.load(Ordering::Relaxed)
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(super) fn intake(&self) -> MutexGuard<'_, Intake> {
        lock(&self.intake)
    }

    /// Takes the next piece out, for somebody else to hold.
    pub(super) fn take_piece(&self) -> Result<Vec<u8>, NoPiece> {
        let piece = self.pop()?;
        self.count(weight(&piece), 0);
        Ok(piece)
    }

    fn pop(&self) -> Result<Vec<u8>, NoPiece> {
        // Looked at before the queue: what is whole now has all its pieces in the queue.
        let is_whole = self.is_whole.load(Ordering::Acquire);
        match self.pieces.pop() {
            Some(piece) => {
                self.queued_len.fetch_sub(weight(&piece), Ordering::Relaxed);
                Ok(piece)
            }
            None if is_whole => Err(NoPiece::Whole),
            None => Err(NoPiece::Yet),
        }
    }

    /// Moves the next piece into the intake; gives a buffer back that is not needed any more.
    /// `Err`: there is no piece.
    pub(super) fn refill(&self, intake: &mut Intake) -> Result<Vec<u8>, NoPiece> {
        let piece = self.pop()?;
        let before = weight(&intake.held) + weight(&piece);
        if intake.reader.is_none() {
            let reader = Reader::new(intake.transfer, intake.offset, self.order());
            intake.reader = Some(reader);
        }
        let spare = intake.take_in(piece);
        self.count(before, weight(&intake.held));
        Ok(spare)
    }

    /// Drops what has come and was not pulled, but for what somebody pulls at this moment.
    pub(super) fn discard(&self, buffers: &SharedBufferPool) {
        while let Ok(piece) = self.take_piece() {
            buffers.put(piece);
        }
        if let Some(mut intake) = try_lock(&self.intake) {
            intake.done = 0;
            let held = std::mem::take(&mut intake.held);
            self.count(weight(&held), 0);
            buffers.put(held);
        }
    }

    /// Whether all pipes have been pulled to their ends.
    pub(super) fn is_drained(&self) -> bool {
        self.intake().is_drained()
    }

    /// What is behind the pipes, once all of it has come. `None` if they were not drained.
    pub(super) fn take_tail(&self) -> Option<Tail> {
        let mut intake = self.intake();
        if !intake.is_drained() {
            return None;
        }
        let start = intake.offset % 8;
        let mut bytes = vec![0; start];
        bytes.extend_from_slice(&intake.held[intake.done..]);
        while let Ok(piece) = self.take_piece() {
            bytes.extend_from_slice(&piece);
        }
        intake.held = Vec::new();
        intake.done = 0;
        Some(Tail {
            bytes,
            start,
            order: self.order(),
        })
    }

    fn order(&self) -> ByteOrder {
        if self.is_big_endian.load(Ordering::Relaxed) {
            ByteOrder::Big
        } else {
            ByteOrder::Little
        }
    }
}

/// What a piece counts for: its bytes, but a fair part of its buffer if that is nearly empty. So
/// a peer that sends byte by byte cannot make many buffers wait.
fn weight(piece: &Vec<u8>) -> usize {
    piece.len().max(piece.capacity() / 4)
}

/// Why there is no further piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPiece {
    /// It has not come yet.
    Yet,
    /// The stub data has ended.
    Whole,
}

/// How far one look at the held bytes has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Some elements, and there may be more.
    Elements,
    /// The pipe has ended.
    End,
    /// More bytes are needed.
    Hungry,
}

impl Intake {
    /// Whether the pipe with this number is the one to pull now.
    pub(super) fn check_turn(&self, index: usize) -> Result<(), Status> {
        match index {
            _ if index == self.index => Ok(()),
            _ if index < self.index => Err(Status::PipeEmpty),
            _ => Err(Status::WrongPipeOrder),
        }
    }

    fn is_drained(&self) -> bool {
        self.index == self.count
    }

    /// Decodes elements of the present pipe from what is held.
    pub(super) fn read<T: for<'a> Decode<'a>>(
        &mut self,
        elements: &mut Vec<T>,
        limit: usize,
    ) -> Result<Step, Status> {
        let Some(reader) = &mut self.reader else {
            return Ok(Step::Hungry);
        };
        let before = elements.len();
        let read = reader
            .read(&self.held[self.done..], limit, elements)
            .map_err(|error| {
                tracing::debug!(%error, "pipe data refused");
                Status::BadStubData
            })?;
        self.done += read;
        self.offset = reader.offset();
        Ok(if elements.len() > before {
            Step::Elements
        } else if reader.is_ended() {
            Step::End
        } else {
            Step::Hungry
        })
    }

    /// The present pipe has ended; the next one starts behind it.
    pub(super) fn end_pipe(&mut self, order: ByteOrder) {
        self.index += 1;
        self.reader = Some(Reader::new(self.transfer, self.offset, order));
    }

    /// Adds a piece behind what is held; gives back a buffer that is free now.
    fn take_in(&mut self, piece: Vec<u8>) -> Vec<u8> {
        let rest_len = self.held.len() - self.done;
        if rest_len == 0 {
            self.done = 0;
            return std::mem::replace(&mut self.held, piece);
        }
        self.held.copy_within(self.done.., 0);
        self.held.truncate(rest_len);
        self.done = 0;
        self.held.extend_from_slice(&piece);
        piece
    }
}

impl Inbound {
    /// Ends the present pipe, in the byte order of the stub. Gives back a buffer that is free now:
    /// behind the last pipe of a request comes nothing.
    pub(super) fn end_pipe(&self, intake: &mut Intake) -> Vec<u8> {
        intake.end_pipe(self.order());
        if self.unpulled.is_none() || !intake.is_drained() {
            return Vec::new();
        }
        self.count(weight(&intake.held), 0);
        intake.done = 0;
        std::mem::take(&mut intake.held)
    }
}

impl Drop for Inbound {
    /// What was never pulled makes room for the connection's other calls.
    fn drop(&mut self) {
        let unpulled_len = self.queued_len() + weight(&self.intake().held);
        self.count(unpulled_len, 0);
    }
}
