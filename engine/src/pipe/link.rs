//! What the core of a call and the two ends of its pipes share.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;

use annulus_ndr::ByteOrder;
use annulus_protocol::TransferSyntax;

use super::backlog::PipeBacklog;
use super::inbound::{Inbound, NoPiece, Tail, Wanted};
use super::outbound::{OutPiece, Outbound};
use super::unpulled::Unpulled;
use crate::call::block_on;
use crate::core_shared::{Command, CoreShared};
use crate::lock::lock;
use crate::notification::NotificationEvent;
use crate::status::Status;

/// How many pipes an operation has in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PipeShape {
    /// Pipes among the in-parameters.
    pub in_count: usize,
    /// Pipes among the out-parameters.
    pub out_count: usize,
}

/// Which side of a call this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PipeSide {
    Client,
    Server,
}

/// What a thread of the worker pool does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum WorkerPart {
    Nothing = 0,
    /// It runs the routine, which may wait for what is pulled, or is to run it.
    Runs = 1,
    /// It waits for what is in front of the pipes of a request.
    AwaitsHead = 2,
}

/// Tells whoever waits for a pipe; set by the side that wants notifications.
pub(crate) struct PipeNotify {
    pub(crate) notify: Arc<Routine>,
    /// Each time that all which was pushed has been sent, too.
    pub(crate) on_send_complete: bool,
}

/// What is told of a pipe.
type Routine = dyn Fn(NotificationEvent) + Send + Sync;

/// A [`PipeNotify`] that was set.
struct Told {
    /// Until the end of the call: it may hold what holds the pipes.
    routine: Mutex<Option<Arc<Routine>>>,
    on_send_complete: bool,
}

impl Told {
    /// Changes the routine, or looks at it; foreign code does not run meanwhile.
    fn with<T>(&self, look: impl FnOnce(&mut Option<Arc<Routine>>) -> T) -> T {
        look(&mut lock(&self.routine))
    }
}

/// The pipes of one call: what was received and not pulled, what was pushed and not sent.
pub(crate) struct PipeLink {
    core: Arc<CoreShared>,
    side: PipeSide,
    shape: PipeShape,
    /// The longest stub data in front of a request's pipes, or behind a response's.
    rest_len_max: usize,
    /// The call's key on its core, once it has one.
    call: AtomicU64,
    /// How the call ended, if it has.
    end: AtomicU32,
    /// What the worker of a blocking routine does with the call, as a [`WorkerPart`].
    worker: AtomicU8,
    /// What was pushed waits for the end of another call's response. The core's own note.
    waits_for_response: AtomicBool,
    inbound: Inbound,
    outbound: Outbound,
    notify: OnceLock<Told>,
}

/// The call has not ended.
const OPEN: u32 = u32::MAX;
const NO_CALL: u64 = u64::MAX;

impl PipeLink {
    /// The pipes of a call that this side makes.
    pub(crate) fn of_client(
        core: &Arc<CoreShared>,
        transfer: TransferSyntax,
        shape: PipeShape,
    ) -> Arc<Self> {
        let len_max = core.limits().pipe_len_max;
        let outbound = Outbound::new(transfer, shape.in_count, len_max, None);
        let inbound = Inbound::new(transfer, shape.out_count, len_max, None);
        PipeLink::new(core, PipeSide::Client, shape, inbound, outbound)
    }

    /// The pipes of a call that this side serves; where they start in the request is told by
    /// [`start`](PipeLink::start). The pipes that it pushes share `backlog`, and those that it pulls
    /// `unpulled`, with those of the connection's other calls.
    pub(crate) fn of_server(
        core: &Arc<CoreShared>,
        transfer: TransferSyntax,
        shape: PipeShape,
        backlog: Option<Arc<PipeBacklog>>,
        unpulled: Option<Arc<Unpulled>>,
    ) -> Arc<Self> {
        let len_max = core.limits().pipe_len_max;
        let outbound = Outbound::new(transfer, shape.out_count, len_max, backlog);
        let inbound = Inbound::new(transfer, shape.in_count, len_max, unpulled);
        PipeLink::new(core, PipeSide::Server, shape, inbound, outbound)
    }

    fn new(
        core: &Arc<CoreShared>,
        side: PipeSide,
        shape: PipeShape,
        inbound: Inbound,
        outbound: Outbound,
    ) -> Arc<Self> {
        let limits = core.limits();
        Arc::new(PipeLink {
            core: Arc::clone(core),
            side,
            shape,
            rest_len_max: match side {
                PipeSide::Client => limits.response_len_max,
                PipeSide::Server => limits.request_len_max,
            },
            call: AtomicU64::new(NO_CALL),
            end: AtomicU32::new(OPEN),
            worker: AtomicU8::new(WorkerPart::Nothing as u8),
            waits_for_response: AtomicBool::new(false),
            inbound,
            outbound,
            notify: OnceLock::new(),
        })
    }

    pub(crate) fn side(&self) -> PipeSide {
        self.side
    }

    pub(crate) fn shape(&self) -> PipeShape {
        self.shape
    }

    /// The stub data in front of the pipes that this side pushes: a fragment of its own, so that
    /// the call is dispatched before anything is pushed.
    pub(crate) fn push_head(&self, stub: Vec<u8>) {
        self.outbound.output().start(stub.len());
        let head = OutPiece {
            stub,
            is_last: false,
            is_alone: true,
        };
        self.outbound.add(head, &self.core.stub_buffers);
    }

    /// Pipes that this side pulls.
    pub(super) fn pull_count(&self) -> usize {
        match self.side {
            PipeSide::Client => self.shape.out_count,
            PipeSide::Server => self.shape.in_count,
        }
    }

    /// Pipes that this side pushes.
    pub(super) fn push_count(&self) -> usize {
        match self.side {
            PipeSide::Client => self.shape.in_count,
            PipeSide::Server => self.shape.out_count,
        }
    }

    pub(super) fn core(&self) -> &Arc<CoreShared> {
        &self.core
    }

    pub(super) fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    pub(super) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Whether this side sends nothing behind its pipes: a request ends with them, a response
    /// goes on with the other out-parameters.
    pub(super) fn ends_with_pipes(&self) -> bool {
        self.side == PipeSide::Client
    }

    /// The pipes start `offset` bytes into the request; `rest` is what of them has come and is not
    /// queued.
    pub(crate) fn start(&self, offset: usize, rest: &[u8], order: ByteOrder) {
        self.inbound.start(offset, rest, order);
    }

    /// A worker is to run the call, or is done with it.
    pub(crate) fn set_worker(&self, part: WorkerPart) {
        self.worker.store(part as u8, Ordering::Relaxed);
    }

    /// A worker begins to wait for what is in front of the pipes, or has it. The core gives the
    /// client its time from then on.
    pub(crate) fn await_head(self: &Arc<Self>, awaits: bool) {
        self.set_worker(match awaits {
            true => WorkerPart::AwaitsHead,
            false => WorkerPart::Runs,
        });
        self.call_core();
    }

    /// Whether a worker waits for what is in front of the pipes.
    pub(crate) fn awaits_head(&self) -> bool {
        self.worker.load(Ordering::Relaxed) == WorkerPart::AwaitsHead as u8
    }

    /// Whether a worker runs the routine, or is to run it.
    pub(crate) fn runs_on_worker(&self) -> bool {
        self.worker.load(Ordering::Relaxed) == WorkerPart::Runs as u8
    }

    /// Whether a pull waits for more to come.
    pub(crate) fn is_pull_waiting(&self) -> bool {
        self.inbound.is_wanted()
    }

    /// The longest stub data that may be in front of the pipes.
    pub(crate) fn head_len_max(&self) -> usize {
        self.rest_len_max
    }

    /// Takes what has come next out of the queue, as it is; blocks the calling thread until
    /// something has.
    ///
    /// # Errors
    ///
    /// How the call ended, or [`Status::BadStubData`] if nothing more comes.
    pub(crate) fn wait_for_piece(self: &Arc<Self>) -> Result<Vec<u8>, Status> {
        block_on(poll_fn(|cx| {
            self.inbound.register(cx.waker());
            loop {
                match self.inbound.take_piece() {
                    Ok(piece) => {
                        self.go_on();
                        return Poll::Ready(Ok(piece));
                    }
                    // The end of a call that fails takes what is queued.
                    Err(NoPiece::Whole) => {
                        let failure = self.failure().unwrap_or(Status::BadStubData);
                        return Poll::Ready(Err(failure));
                    }
                    Err(NoPiece::Yet) => {}
                }
                if let Some(status) = self.end() {
                    return Poll::Ready(Err(status));
                }
                if self.inbound.want(Wanted::Wake, || self.end().is_some()) {
                    return Poll::Pending;
                }
            }
        }))
    }

    /// Sets who is told of a pipe's events. Once a call.
    pub(crate) fn set_notify(&self, notify: PipeNotify) -> Result<(), Status> {
        let told = Told {
            routine: Mutex::new(Some(notify.notify)),
            on_send_complete: notify.on_send_complete,
        };
        self.notify.set(told).map_err(|_| Status::InvalidArg)?;
        // Pairs with the fence in `finish`: either that finds the routine, or this sees the end.
        fence(Ordering::SeqCst);
        if self.end().is_some() {
            self.forget_notify();
        }
        Ok(())
    }

    /// Whether each push is to be told of when it was sent.
    pub(super) fn notifies_of_sends(&self) -> bool {
        self.notify
            .get()
            .is_some_and(|notify| notify.on_send_complete)
    }

    /// How the call ended, if it has.
    pub(crate) fn end(&self) -> Option<Status> {
        match self.end.load(Ordering::Acquire) {
            OPEN => None,
            code => Some(Status::from_code(code)),
        }
    }

    /// How the call failed, if it has. One that ended well still has its data to be pulled.
    pub(super) fn failure(&self) -> Option<Status> {
        self.end().filter(|status| *status != Status::Ok)
    }

    /// Asks the core to look at this link.
    pub(super) fn call_core(self: &Arc<Self>) {
        self.core.submit(Command::Pipe(Arc::clone(self)));
    }

    /// All that is pulled has been. What is behind it in a response may come at once; a request
    /// has nothing there.
    pub(super) fn drained(self: &Arc<Self>) {
        if self.side == PipeSide::Client && self.inbound.release() {
            self.call_core();
        }
    }

    /// Lets the core receive again, if it had stopped and there is room.
    pub(super) fn go_on(self: &Arc<Self>) {
        if self.inbound.has_made_room() {
            self.call_core();
        }
    }

    /// Whether the pusher, who found no room, is to wait until it hears of some.
    pub(super) fn waits_for_room(self: &Arc<Self>, wanted: Wanted) -> bool {
        let this = || Arc::downgrade(self);
        self.outbound.want(wanted, this, || self.end().is_some())
    }

    /// Whether in-parameters' pipes come before what is to be done with an out-parameter's.
    pub(super) fn check_pull(&self) -> Result<(), Status> {
        match self.side {
            PipeSide::Client if !self.outbound.output().is_ended() => Err(Status::WrongPipeOrder),
            _ => Ok(()),
        }
    }

    /// The same for pushing.
    pub(super) fn check_push(&self) -> Result<(), Status> {
        match self.side {
            PipeSide::Server if !self.inbound.is_drained() => Err(Status::WrongPipeOrder),
            _ => Ok(()),
        }
    }

    /// An end of a pipe goes away before the pipe's end: on the client the call cannot end well
    /// any more.
    pub(super) fn abandon(self: &Arc<Self>) {
        if self.side == PipeSide::Client && self.end().is_none() {
            self.core.submit(Command::AbandonPipe(Arc::clone(self)));
        }
    }
}

/// For the core.
impl PipeLink {
    pub(crate) fn set_call(&self, call: u64) {
        self.call.store(call, Ordering::Relaxed);
    }

    pub(crate) fn call(&self) -> Option<u64> {
        Some(self.call.load(Ordering::Relaxed)).filter(|call| *call != NO_CALL)
    }

    /// Hands received stub data on. True if the core must receive nothing more until a
    /// [`Command::Pipe`] says so.
    pub(crate) fn received(&self, piece: Vec<u8>, is_last: bool, order: ByteOrder) -> bool {
        let must_stop = self.inbound.add(piece, is_last, order);
        if self.inbound.announce() {
            self.notify(NotificationEvent::ReceiveComplete);
        }
        // Behind a fence in `announce`, which pairs with the one in `finish`: either this sees the
        // end, or that finds the piece.
        if self.failure().is_some() {
            self.discard_received();
            return false;
        }
        must_stop
    }

    /// Whether more has come behind a response's pipes than may.
    pub(crate) fn is_tail_too_long(&self) -> bool {
        self.inbound.is_tail_over(self.rest_len_max)
    }

    /// Whether the core is to receive nothing more for now.
    pub(crate) fn is_held_back(&self) -> bool {
        self.inbound.is_held_back()
    }

    /// Received stub data that nobody has pulled.
    #[cfg(test)]
    pub(crate) fn unpulled_len(&self) -> usize {
        self.inbound.queued_len()
    }

    /// Notes whether what was pushed waits for the end of another call's response; whether it did
    /// so before.
    pub(crate) fn set_waits_for_response(&self, waits: bool) -> bool {
        self.waits_for_response.swap(waits, Ordering::Relaxed)
    }

    /// The call has ended: what is still pushed is wanted by nobody, unless it was pushed before the
    /// end and waits for another call's.
    pub(crate) fn discard(&self) {
        if self.waits_for_response.load(Ordering::Relaxed) {
            return;
        }
        self.begin_take();
        while let Some(OutPiece { stub, .. }) = self.take() {
            self.sent(stub.len());
            self.core.stub_buffers.put(stub);
        }
    }

    /// Whether something was pushed that the core has not taken.
    pub(crate) fn has_pieces(&self) -> bool {
        self.outbound.has_pieces()
    }

    /// The core begins to take what was pushed.
    pub(crate) fn begin_take(&self) {
        self.outbound.begin_take();
    }

    /// The next piece to send.
    pub(crate) fn take(&self) -> Option<OutPiece> {
        self.outbound.take()
    }

    /// So many bytes of what was pushed have been sent. Behind the end of the call that is no
    /// news.
    pub(crate) fn sent(&self, len: usize) {
        if self.outbound.sent(len, self.notifies_of_sends()) && self.end().is_none() {
            self.notify(NotificationEvent::SendComplete);
        }
        self.feed();
    }

    /// Tells the connection's other calls if there is room for what they are to push.
    pub(crate) fn feed(&self) {
        if let Some(backlog) = self.outbound.backlog() {
            backlog.feed();
        }
    }

    /// The response with what was pushed begins to go out.
    pub(crate) fn go_out(&self) {
        self.outbound.go_out();
    }

    /// The connection's other calls may have left room for what is to be pushed.
    pub(super) fn offer_room(&self) {
        if self.outbound.offer_room() && self.end().is_none() {
            self.notify(NotificationEvent::SendComplete);
        }
    }

    /// The call has ended. Its caller is told of that by the call's own notification, its
    /// manager by that of a pipe, if it waits for one and did not end the call itself. Of several
    /// ends the first counts.
    pub(crate) fn finish(&self, status: Status) {
        let _ =
            self.end
                .compare_exchange(OPEN, status.code(), Ordering::Release, Ordering::Relaxed);
        // Pairs with the fences in `set_notify` and `Inbound::announce`.
        fence(Ordering::SeqCst);
        if self.failure().is_some() {
            self.discard_received();
        }
        let is_send_awaited = self.outbound.end(self.notifies_of_sends());
        let is_receive_awaited = self.inbound.announce();
        if self.side == PipeSide::Server && status != Status::Ok {
            if is_receive_awaited {
                self.notify(NotificationEvent::ReceiveComplete);
            }
            if is_send_awaited {
                self.notify(NotificationEvent::SendComplete);
            }
        }
        self.forget_notify();
    }

    /// From a call that has failed nothing more is pulled: what has come makes room for other calls
    /// now, however long the manager keeps its pipe.
    pub(super) fn discard_received(&self) {
        self.inbound.discard(&self.core.stub_buffers);
    }

    fn notify(&self, event: NotificationEvent) {
        let routine = self
            .notify
            .get()
            .and_then(|told| told.with(|it| it.clone()));
        if let Some(routine) = routine {
            routine(event);
        }
    }

    /// Nothing is told any more. What the routine holds may hold the pipes, and so the routine:
    /// none of them would ever go.
    fn forget_notify(&self) {
        let routine = self.notify.get().and_then(|told| told.with(Option::take));
        drop(routine);
    }
}

/// For whoever completes the call.
impl PipeLink {
    /// The other out-parameters, behind the pipes.
    ///
    /// # Errors
    ///
    /// [`Status::PipeDisciplineError`] if a pipe was not pulled to its end.
    pub(crate) fn take_tail(&self) -> Result<Tail, Status> {
        self.inbound.take_tail().ok_or(Status::PipeDisciplineError)
    }

    /// Whether a manager may complete the call: all pipes were drained, and filled to their
    /// ends. Then what is left of them goes into `stub`, an empty buffer; the offset behind it.
    ///
    /// # Errors
    ///
    /// [`Status::PipeDisciplineError`] if not.
    pub(crate) fn begin_tail(&self, stub: &mut Vec<u8>) -> Result<usize, Status> {
        let mut output = self.outbound.output();
        if !self.inbound.is_drained() || !output.is_ended() {
            return Err(Status::PipeDisciplineError);
        }
        Ok(output.take_carry(stub))
    }
}

impl Drop for PipeLink {
    /// What was pushed and never sent makes room for the connection's other calls.
    fn drop(&mut self) {
        if let Some(backlog) = self.outbound.backlog() {
            backlog.remove(self.outbound.unsent_len());
            if self.outbound.is_starved() {
                backlog.forget_starved();
            }
            backlog.ask_to_feed();
        }
    }
}

impl std::fmt::Debug for PipeLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipeLink")
            .field("side", &self.side)
            .field("shape", &self.shape)
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}
