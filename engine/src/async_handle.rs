//! The handle of one asynchronous call.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::binding::Outputs;
use crate::call::block_on;
use crate::call_state::CallState;
use crate::core_shared::{CancelKind, Command, CoreShared};
use crate::extended_error::ExtendedError;
use crate::foreign::Contained;
use crate::notification::{HandleRef, Notification};
use crate::notify::Notify;
use crate::pipe::PipeNotify;
use crate::status::Status;

/// One outstanding call and, after it, the next one: the counterpart of `RPC_ASYNC_STATE`.
///
/// `O` is what the operation returns. A handle goes round from "no call" over "pending" to
/// "complete" and back; using it again allocates nothing. The out-values live in the runtime
/// until [`complete`](AsyncHandle::complete) hands them over, so nothing that the caller owns
/// can be touched too late.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use annulus::rpcecho::{self, EchoServer, RpcEchoClient};
/// use annulus::{AsyncHandle, Binding, Config, Cores, Event, Notify, Runtime, Server};
///
/// let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1)))?;
/// let serving = runtime.serve(
///     Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]")?.interface(rpcecho::interface(EchoServer::default())),
/// )?;
/// let echo = RpcEchoClient::new(Binding::new(&runtime, &serving.bindings()[0].to_string(), rpcecho::INTERFACE)?);
///
/// let event = Event::auto_reset();
/// let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
/// echo.add_one_async(&mut handle, 41)?;
/// event.wait();
/// assert_eq!(handle.complete()?.out_data, 42);
/// # Ok(()) }
/// ```
pub struct AsyncHandle<O: Outputs> {
    state: Arc<CallState>,
    notify: Notify,
    core: Option<Arc<CoreShared>>,
    /// What came with the fault of the last call.
    extended: Option<Vec<u8>>,
    notifies_of_sends: bool,
    /// What the request of the call tells about the out-parameters.
    given: Option<O::Given>,
    outputs: PhantomData<fn() -> O>,
}

impl<O: Outputs> AsyncHandle<O> {
    /// A handle without a call. Its calls will notify as `notify` says.
    #[must_use]
    pub fn new(notify: Notify) -> Self {
        AsyncHandle {
            state: Arc::new(CallState::new()),
            notify,
            core: None,
            extended: None,
            notifies_of_sends: false,
            given: None,
            outputs: PhantomData,
        }
    }

    /// The caller's own datum, carried untouched.
    #[must_use]
    pub fn user_info(&self) -> u64 {
        self.state.user_info()
    }

    /// Attaches a datum of the caller's own.
    pub fn set_user_info(&mut self, user_info: u64) {
        self.state.set_user_info(user_info);
    }

    /// Whether a notification [`SendComplete`](crate::NotificationEvent::SendComplete) comes each
    /// time that all which was pushed into the pipes of a call has been sent
    /// (`RPC_C_NOTIFY_ON_SEND_COMPLETE`). Counts for the next call. Without it one comes only
    /// where a push was refused because too much was unsent.
    pub fn notify_on_send_complete(&mut self, is_wanted: bool) {
        self.notifies_of_sends = is_wanted;
    }

    /// A name of the handle's call that can be kept beside the handle: to cancel the call from
    /// elsewhere, or to compare it with what a [`Notification`](crate::Notification) names.
    #[must_use]
    pub fn reference(&self) -> HandleRef {
        HandleRef {
            state: Arc::clone(&self.state),
            serial: self.state.serial(),
            core: self.core.clone(),
        }
    }

    /// How the call stands: [`Status::AsyncCallPending`], or how it ended. Without a call:
    /// [`Status::InvalidAsyncHandle`].
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// Blocks the calling thread until the call has completed, and takes its result.
    ///
    /// # Errors
    ///
    /// As [`complete`](AsyncHandle::complete). [`Status::CannotSupport`] on the thread that runs
    /// the call's own core, which would wait for itself; the call stays live.
    pub fn wait(&mut self) -> Result<O, Status> {
        if self.core.as_ref().is_some_and(|core| core.is_current()) && self.state.is_pending() {
            return Err(Status::CannotSupport);
        }
        block_on(poll_fn(|cx| self.state.poll_ended(cx)));
        self.complete()
    }

    /// Takes the result of a call that has completed; afterwards the handle has no call.
    ///
    /// # Errors
    ///
    /// [`Status::AsyncCallPending`] if the call has not completed; it stays live.
    /// [`Status::InvalidAsyncHandle`] if there is no call. [`Status::BadStubData`] if the
    /// response cannot be decoded. Otherwise the status with which the call ended.
    pub fn complete(&mut self) -> Result<O, Status> {
        if self.state.has_no_call() {
            return Err(Status::InvalidAsyncHandle);
        }
        if self.state.is_pending() {
            return Err(Status::AsyncCallPending);
        }
        let core = self.core.take();
        if self.state.status() != Status::Ok {
            self.extended = self.state.take_extended();
        }
        let reply = self.state.take()?;
        let outputs = reply.decode(self.given);
        if let Some(core) = core {
            core.stub_buffers.put(reply.stub);
        }
        outputs
    }

    /// What the server said beside the status of the last call, if that failed, was completed,
    /// and was explained: see [`ExtendedError`].
    #[must_use]
    pub fn extended_error(&self) -> Option<ExtendedError> {
        ExtendedError::decode(self.extended.as_deref()?)
    }

    /// Asks for the call to end early. The call still completes, with one notification.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidAsyncHandle`] if there is no call.
    pub fn cancel(&self, kind: CancelKind) -> Result<(), Status> {
        self.reference().cancel(kind)
    }

    /// Who is told of the pipes of the call that has begun.
    pub(crate) fn pipe_notify(&self) -> PipeNotify {
        let notify = Contained::new(self.notify.clone());
        let handle = self.reference();
        let user_info = self.user_info();
        PipeNotify {
            notify: Arc::new(move |event| {
                notify.notify(|| Notification {
                    handle: handle.clone(),
                    user_info,
                    event,
                });
            }),
            on_send_complete: self.notifies_of_sends,
        }
    }

    /// Begins a call on `core` whose request tells `given`; the handle must not have one.
    pub(crate) fn begin(
        &mut self,
        core: &Arc<CoreShared>,
        given: O::Given,
    ) -> Result<Begun, Status> {
        if !self.state.has_no_call() {
            return Err(Status::InvalidAsyncCall);
        }
        self.core = Some(Arc::clone(core));
        self.extended = None;
        self.given = Some(given);
        Ok(Begun::new(&self.state, self.notify.clone()))
    }
}

/// What the core needs to end a call that has begun.
pub(crate) struct Begun {
    pub(crate) state: Arc<CallState>,
    pub(crate) serial: u32,
    pub(crate) notify: Contained<Notify>,
}

impl Begun {
    /// Begins a call with a state that has none.
    pub(crate) fn new(state: &Arc<CallState>, notify: Notify) -> Self {
        Begun {
            serial: state.begin(),
            state: Arc::clone(state),
            notify: Contained::new(notify),
        }
    }
}

impl<O: Outputs> Drop for AsyncHandle<O> {
    /// Gives a pending call up: the server is told, the late reply is discarded.
    fn drop(&mut self) {
        if let Some(core) = self.core.take()
            && self.state.is_pending()
        {
            let serial = self.state.serial();
            core.submit(Command::Cancel {
                state: Arc::clone(&self.state),
                serial,
                kind: CancelKind::Abortive,
            });
        }
    }
}

impl<O: Outputs> std::fmt::Debug for AsyncHandle<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsyncHandle")
            .field("status", &self.state.status())
            .finish_non_exhaustive()
    }
}
