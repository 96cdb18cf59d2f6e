//! The end of a pipe that pushes.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use annulus_ndr::Encode;

use super::inbound::Wanted;
use super::link::PipeLink;
use super::outbound::{OutPiece, Outbound};
use crate::call::block_on;
use crate::status::Status;

/// The end of a pipe that data goes into: an `[in]` pipe on the client, an `[out]` pipe on the
/// server.
///
/// After a push the elements are the caller's again. A push of no elements ends the pipe, and
/// must come in the end. What was pushed and not sent is bounded by
/// [`Limits::pipe_len_max`](crate::Limits::pipe_len_max) bytes (and one push), on a server also by
/// what may wait for the client in all: a peer that does not pull makes pushes wait. A client that drops this before the end gives the call up.
///
/// Fragments end at multiples of eight bytes, so up to seven of those pushed last wait for the
/// next push, the end, or [`flush`](PushPipe::flush).
#[derive(Debug)]
pub struct PushPipe<T> {
    link: Arc<PipeLink>,
    index: usize,
    is_ended: bool,
    elements: PhantomData<fn(T)>,
}

/// Bytes of elements that the waiting forms of a push hand over at a time.
const PART_LEN: usize = 64 << 10;

impl<T> PushPipe<T> {
    pub(super) fn new(link: Arc<PipeLink>, index: usize) -> Self {
        PushPipe {
            link,
            index,
            is_ended: false,
            elements: PhantomData,
        }
    }

    /// Whether the end of the pipe was pushed.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// How many bytes were pushed into the call's pipes and are not sent yet.
    #[must_use]
    pub fn unsent_len(&self) -> usize {
        self.link.outbound().unsent_len()
    }

    /// Sends the last few bytes that wait for more, in a fragment that ends at no multiple of
    /// eight bytes. For data that comes slowly; not every foreign peer may take it.
    ///
    /// # Errors
    ///
    /// As for [`push`](PushPipe::push).
    pub fn flush(&mut self) -> Result<(), Status> {
        let mut output = self.checked()?.output();
        output.check_turn(self.index)?;
        let mut stub = self.link.core().stub_buffers.take();
        output.take_carry(&mut stub);
        self.submit(stub, false);
        Ok(())
    }

    fn checked(&self) -> Result<&Outbound, Status> {
        if self.is_ended {
            return Err(Status::PipeClosed);
        }
        match self.link.end() {
            Some(Status::Ok) => return Err(Status::PipeClosed),
            Some(failure) => return Err(failure),
            None => {}
        }
        self.link.check_push()?;
        Ok(self.link.outbound())
    }

    fn submit(&self, stub: Vec<u8>, is_last: bool) {
        let buffers = &self.link.core().stub_buffers;
        if stub.is_empty() && !is_last && !self.link.notifies_of_sends() {
            return buffers.put(stub);
        }
        let piece = OutPiece {
            stub,
            is_last,
            is_alone: false,
        };
        if self.link.outbound().add(piece, buffers) {
            self.link.call_core();
        }
    }

    /// Ends the pipe: a push of no elements.
    ///
    /// # Errors
    ///
    /// As for [`push`](PushPipe::push), but never `SendIncomplete`.
    pub fn finish(&mut self) -> Result<(), Status> {
        let mut output = self.checked()?.output();
        output.check_turn(self.index)?;
        let mut stub = self.link.core().stub_buffers.take();
        output.end_pipe(&mut stub);
        let is_last = output.is_ended() && self.link.ends_with_pipes();
        if is_last {
            output.take_carry(&mut stub);
        }
        self.submit(stub, is_last);
        drop(output);
        self.is_ended = true;
        Ok(())
    }
}

impl<T: Encode> PushPipe<T> {
    /// Hands elements over to be sent; none at all end the pipe.
    ///
    /// # Errors
    ///
    /// [`Status::SendIncomplete`]: too much was pushed and is not sent yet; nothing was taken. A
    /// notification [`SendComplete`](crate::NotificationEvent::SendComplete) follows when there
    /// is room, or, on a server, when the call has ended.
    ///
    /// [`Status::WrongPipeOrder`] if another pipe comes first, [`Status::PipeClosed`] behind the
    /// end or if the call has ended without this pipe, [`Status::BadStubData`] if an element
    /// cannot be encoded. Otherwise how the call failed.
    pub fn push(&mut self, elements: &[T]) -> Result<(), Status> {
        self.push_or_want(elements, Wanted::Notification)
    }

    /// The same, as a future that waits for room, and hands many elements over in parts.
    pub fn push_future<'p>(&'p mut self, elements: &'p [T]) -> Push<'p, T> {
        Push {
            pipe: self,
            elements,
            is_end: elements.is_empty(),
        }
    }

    /// The same, blocking the calling thread until there is room.
    ///
    /// # Errors
    ///
    /// As for [`push`](PushPipe::push), but never `SendIncomplete`. [`Status::CannotSupport`] on
    /// the thread that runs the call's core, which would wait for itself.
    pub fn push_blocking(&mut self, elements: &[T]) -> Result<(), Status> {
        if self.link.core().is_current() {
            return Err(Status::CannotSupport);
        }
        block_on(self.push_future(elements))
    }

    fn push_or_want(&mut self, elements: &[T], wanted: Wanted) -> Result<(), Status> {
        if elements.is_empty() {
            return self.finish();
        }
        let outbound = self.checked()?;
        while !outbound.has_room() {
            if self.link.waits_for_room(wanted) {
                return Err(Status::SendIncomplete);
            }
            self.checked()?;
        }
        let mut output = outbound.output();
        output.check_turn(self.index)?;
        let mut stub = self.link.core().stub_buffers.take();
        output.chunk(elements, &mut stub)?;
        self.submit(stub, false);
        Ok(())
    }
}

impl<T> Drop for PushPipe<T> {
    fn drop(&mut self) {
        if !self.is_ended {
            self.link.abandon();
        }
    }
}

/// A push that waits for room.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Push<'p, T> {
    pipe: &'p mut PushPipe<T>,
    /// What is still to be handed over.
    elements: &'p [T],
    is_end: bool,
}

impl<T: Encode> Future for Push<'_, T> {
    type Output = Result<(), Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.is_end {
            return Poll::Ready(this.pipe.finish());
        }
        let part_count = (PART_LEN / size_of::<T>().max(1)).max(1);
        this.pipe.link.outbound().register(cx.waker());
        while !this.elements.is_empty() {
            let (part, rest) = this.elements.split_at(part_count.min(this.elements.len()));
            match this.pipe.push_or_want(part, Wanted::Wake) {
                Ok(()) => this.elements = rest,
                Err(Status::SendIncomplete) => return Poll::Pending,
                Err(status) => return Poll::Ready(Err(status)),
            }
        }
        Poll::Ready(Ok(()))
    }
}
