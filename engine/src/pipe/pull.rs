//! The end of a pipe that pulls.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use annulus_ndr::Decode;

use super::inbound::{Intake, NoPiece, Step, Wanted};
use super::link::PipeLink;
use crate::call::block_on;
use crate::status::Status;

/// The end of a pipe that data comes out of: an `[out]` pipe on the client, an `[in]` pipe on
/// the server.
///
/// To be pulled until [`pull`](PullPipe::pull) gives no elements. A server drains its `[in]`
/// pipes before it pushes into its `[out]` pipes, and a client pushes its `[in]` pipes to their
/// ends before it pulls; several pipes of one direction go in the order of the parameters.
///
/// Data that nobody pulls stays with the peer: a core receives no more than
/// [`Limits::pipe_len_max`](crate::Limits::pipe_len_max) bytes ahead. Of all calls of a connection
/// together a server keeps [`Limits::unpulled_len_max`](crate::Limits::unpulled_len_max) bytes and
/// refuses further calls with `[in]` pipes, so a manager that pulls one call's pipe when another
/// call has come may wait in vain. A client that drops this before the end gives the call up.
#[derive(Debug)]
pub struct PullPipe<T> {
    link: Arc<PipeLink>,
    index: usize,
    is_ended: bool,
    elements: PhantomData<fn() -> T>,
}

impl<T> PullPipe<T> {
    pub(super) fn new(link: Arc<PipeLink>, index: usize) -> Self {
        PullPipe {
            link,
            index,
            is_ended: false,
            elements: PhantomData,
        }
    }

    /// Whether the end of the pipe was pulled.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }
}

impl<T: for<'a> Decode<'a>> PullPipe<T> {
    /// Appends what has come, `count_max` elements at most, to `elements`, and says how many
    /// that were; zero at the end of the pipe.
    ///
    /// # Errors
    ///
    /// [`Status::AsyncCallPending`]: nothing has come yet. A notification
    /// [`ReceiveComplete`](crate::NotificationEvent::ReceiveComplete) follows when it has, or, on
    /// a client, the one of the call's end.
    ///
    /// [`Status::WrongPipeOrder`] if another pipe comes first, [`Status::PipeEmpty`] behind the
    /// end, [`Status::PipeClosed`] if this side has ended the call without this pipe,
    /// [`Status::BadStubData`] if the data is no pipe of such elements, [`Status::InvalidArg`] for
    /// no elements at most. Otherwise how the call failed; data that had come and was not pulled
    /// is lost then.
    pub fn pull(&mut self, elements: &mut Vec<T>, count_max: usize) -> Result<usize, Status> {
        self.pull_or_want(elements, count_max, Wanted::Notification)
    }

    /// The same, as a future that waits for data.
    pub fn pull_future<'p>(
        &'p mut self,
        elements: &'p mut Vec<T>,
        count_max: usize,
    ) -> Pull<'p, T> {
        Pull {
            pipe: self,
            elements,
            count_max,
        }
    }

    /// The same, blocking the calling thread until there is data.
    ///
    /// # Errors
    ///
    /// As for [`pull`](PullPipe::pull), but never `AsyncCallPending`. [`Status::CannotSupport`]
    /// on the thread that runs the call's core, which would wait for itself.
    pub fn pull_blocking(
        &mut self,
        elements: &mut Vec<T>,
        count_max: usize,
    ) -> Result<usize, Status> {
        if self.link.core().is_current() {
            return Err(Status::CannotSupport);
        }
        block_on(self.pull_future(elements, count_max))
    }

    fn pull_or_want(
        &mut self,
        elements: &mut Vec<T>,
        count_max: usize,
        wanted: Wanted,
    ) -> Result<usize, Status> {
        if self.is_ended {
            return Err(Status::PipeEmpty);
        }
        if count_max == 0 {
            return Err(Status::InvalidArg);
        }
        if let Some(failure) = self.link.failure() {
            // The end of the call may have met a pull that was under way.
            self.link.discard_received();
            return Err(failure);
        }
        self.link.check_pull()?;
        let link = Arc::clone(&self.link);
        let mut intake = link.inbound().intake();
        intake.check_turn(self.index)?;
        let before = elements.len();
        loop {
            let taken = elements.len() - before;
            if taken == count_max {
                return Ok(taken);
            }
            match intake.read(elements, count_max - taken)? {
                Step::Elements => continue,
                Step::End => {
                    if taken == 0 {
                        self.end(&mut intake);
                    }
                    return Ok(taken);
                }
                Step::Hungry => {}
            }
            match link.inbound().refill(&mut intake) {
                Ok(spare) => {
                    link.core().stub_buffers.put(spare);
                    link.go_on();
                }
                Err(_) if taken > 0 => return Ok(taken),
                // The end of a call that fails takes what is queued.
                Err(NoPiece::Whole) => {
                    return Err(self.link.failure().unwrap_or(Status::BadStubData));
                }
                Err(NoPiece::Yet) => self.wait(wanted)?,
            }
        }
    }

    /// Nothing is there: wants to hear of more, unless something has come in the meantime.
    fn wait(&self, wanted: Wanted) -> Result<(), Status> {
        let inbound = self.link.inbound();
        match self.link.end() {
            // What had come before the end is there now, if it was not a moment ago.
            Some(Status::Ok) if inbound.has_more() => Ok(()),
            Some(Status::Ok) => Err(Status::PipeClosed),
            Some(failure) => Err(failure),
            None if inbound.want(wanted, || self.link.end().is_some()) => {
                Err(Status::AsyncCallPending)
            }
            None => Ok(()),
        }
    }

    fn end(&mut self, intake: &mut Intake) {
        self.is_ended = true;
        let spare = self.link.inbound().end_pipe(intake);
        self.link.core().stub_buffers.put(spare);
        if self.index + 1 == self.link.pull_count() {
            self.link.drained();
        }
    }
}

impl<T> Drop for PullPipe<T> {
    fn drop(&mut self) {
        if !self.is_ended {
            self.link.abandon();
        }
    }
}

/// A pull that waits for data.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Pull<'p, T> {
    pipe: &'p mut PullPipe<T>,
    elements: &'p mut Vec<T>,
    count_max: usize,
}

impl<T: for<'a> Decode<'a>> Future for Pull<'_, T> {
    type Output = Result<usize, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.pipe.link.inbound().register(cx.waker());
        match this
            .pipe
            .pull_or_want(this.elements, this.count_max, Wanted::Wake)
        {
            Err(Status::AsyncCallPending) => Poll::Pending,
            result => Poll::Ready(result),
        }
    }
}
