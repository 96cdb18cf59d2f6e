//! A call as a future, and as a wait.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::Thread;

use crate::binding::Outputs;
use crate::call_state::CallState;
use crate::core_shared::{CancelKind, Command, CoreShared};
use crate::extended_error::{ExplainedFailure, ExtendedError};
use crate::status::Status;

/// A call that was made; `.await` it in any executor.
///
/// Dropping it before it is ready gives the call up: the server is told, and the late reply is
/// discarded.
#[must_use = "a call that is dropped is given up"]
pub struct Call<O: Outputs> {
    state: CallProgress,
    /// What the request tells about the out-parameters.
    given: Option<O::Given>,
    outputs: PhantomData<fn() -> O>,
}

enum CallProgress {
    /// The call could not be made.
    Refused(Status),
    InFlight {
        core: Arc<CoreShared>,
        state: Arc<CallState>,
    },
    Done,
}

impl<O: Outputs> Call<O> {
    pub(crate) fn refused(status: Status) -> Self {
        Call {
            state: CallProgress::Refused(status),
            given: None,
            outputs: PhantomData,
        }
    }

    pub(crate) fn in_flight(core: Arc<CoreShared>, state: Arc<CallState>, given: O::Given) -> Self {
        Call {
            state: CallProgress::InFlight { core, state },
            given: Some(given),
            outputs: PhantomData,
        }
    }

    /// Blocks the calling thread until the call has ended.
    ///
    /// # Errors
    ///
    /// The status with which the call ended. [`Status::CannotSupport`] on the thread that runs
    /// the call's own core: it would wait for itself, so the call is given up. It may have been
    /// executed; [`Binding::call_blocking`](crate::Binding::call_blocking) finds out first.
    pub fn wait(self) -> Result<O, Status> {
        if self.waits_for_this_thread() {
            return Err(Status::CannotSupport);
        }
        block_on(self)
    }

    /// The same; if the call fails, with what the server said beside the status.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Call::wait), and the call's extended error information.
    pub fn wait_explained(self) -> Result<O, ExplainedFailure> {
        if self.waits_for_this_thread() {
            return Err(Status::CannotSupport.into());
        }
        block_on(self.explained())
    }

    /// Whether a wait on this thread would be one for itself.
    fn waits_for_this_thread(&self) -> bool {
        matches!(&self.state, CallProgress::InFlight { core, .. } if core.is_current())
    }

    /// Awaits the call; if it fails, with what the server said beside the status.
    ///
    /// # Errors
    ///
    /// The status with which the call ended, and its extended error information.
    pub async fn explained(mut self) -> Result<O, ExplainedFailure> {
        let mut extended = None;
        if let CallProgress::InFlight { state, .. } = &self.state {
            poll_fn(|cx| state.poll_ended(cx)).await;
            extended = state.take_extended();
        }
        (&mut self).await.map_err(|status| ExplainedFailure {
            status,
            extended: extended.and_then(|bytes| ExtendedError::decode(&bytes)),
        })
    }
}

impl<O: Outputs> Future for Call<O> {
    type Output = Result<O, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let CallProgress::InFlight { state, .. } = &self.state {
            ready!(state.poll_ended(cx));
        }
        match std::mem::replace(&mut self.state, CallProgress::Done) {
            CallProgress::Refused(status) => Poll::Ready(Err(status)),
            CallProgress::InFlight { core, state } => {
                let result = state.take().and_then(|reply| {
                    let outputs = reply.decode(self.given);
                    core.stub_buffers.put(reply.stub);
                    outputs
                });
                core.put_call_state(state);
                Poll::Ready(result)
            }
            CallProgress::Done => panic!("a call was polled after it had ended"),
        }
    }
}

impl<O: Outputs> Drop for Call<O> {
    fn drop(&mut self) {
        if let CallProgress::InFlight { core, state } = &self.state {
            let serial = state.serial();
            core.submit(Command::Cancel {
                state: Arc::clone(state),
                serial,
                kind: CancelKind::Abortive,
            });
        }
    }
}

/// Runs a future on the calling thread, which sleeps in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    thread_local! {
        static WAKER: Waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    }

    let mut future = pin!(future);
    WAKER.with(|waker| {
        let mut context = Context::from_waker(waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            std::thread::park();
        }
    })
}
