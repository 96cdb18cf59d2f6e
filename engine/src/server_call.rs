//! A call whose reply comes later.

use std::marker::PhantomData;
use std::sync::Arc;

use annulus_ndr::{EncodeParams, Params, WithGiven};
use annulus_protocol::{Pieces, ReplyTo, SendBuffer, ServerConnection, TransferSyntax};

use crate::call_watch::CallWatch;
use crate::cancelled::Cancelled;
use crate::core_shared::{Command, CoreShared};
use crate::dispatch::{encode_params, encode_tail};
use crate::extended_error::ExtendedError;
use crate::foreign::Contained;
use crate::notification::{HandleRef, Notification, NotificationEvent};
use crate::notify::Notify;
use crate::pipe::{PipeLink, PipeNotify};
use crate::status::Status;
use crate::table::Key;

/// A call that a manager routine has taken and will complete: from any thread, once.
///
/// Completing on the core that dispatched the call crosses no thread. A handle that is dropped
/// without being completed sends a fault ([`Status::CallFailed`]), so no client waits for ever.
///
/// If the client cancels the call, or is gone, [`test_cancel`](ServerCall::test_cancel) says so;
/// the call is to be completed or aborted nevertheless.
///
/// Completing takes the handle, so nothing of a call can be touched behind its end:
///
/// ```compile_fail,E0382
/// # fn rule_32(call: annulus::ServerCall<()>) {
/// call.complete(&());
/// call.complete(&()); // the call has ended, and with it the handle
/// # }
/// ```
#[must_use = "dropping the call sends a fault"]
pub struct ServerCall<O: Params> {
    call: OpenCall,
    /// What the request tells about the out-parameters.
    given: Option<O::Given>,
    outputs: PhantomData<fn(O)>,
}

impl<O: EncodeParams> ServerCall<O> {
    pub(crate) fn new(call: OpenCall) -> Self {
        ServerCall {
            call,
            given: None,
            outputs: PhantomData,
        }
    }

    /// Has the out-parameters checked against what the request tells about them, as
    /// [`complete`](ServerCall::complete) sends them: what generated stubs do.
    pub fn with_given(mut self, given: O::Given) -> Self {
        self.given = Some(given);
        self
    }

    /// Sends the reply. Needed for an operation without out-parameters too.
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`] if the parameters contradict each other, or the request; the client
    /// then gets a fault with this status.
    /// [`Status::PipeDisciplineError`] if a pipe was not pulled, or pushed, to its end; likewise.
    pub fn complete(mut self, outputs: &O) -> Result<(), Status> {
        let mut stub = Pieces::from(self.call.reply_buffer());
        let outputs = WithGiven {
            params: outputs,
            given: self.given,
        };
        let result = self.call.encode(&outputs, &mut stub);
        self.call.end(match result {
            Ok(()) => CallEnd::Reply(stub.into()),
            Err(status) => CallEnd::Fault(status),
        });
        result
    }

    /// Ends the call with a fault that carries `status`.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidArg`] for status zero, which is no failure; the client then gets
    /// [`Status::CallFailed`].
    pub fn abort(self, status: Status) -> Result<(), Status> {
        self.fail(status, Vec::new())
    }

    /// Ends the call with a fault that carries `status`, and what people may want to know beside
    /// it. If that is longer than
    /// [`Limits::extended_error_len_max`](crate::Limits::extended_error_len_max) or does not fit
    /// into one PDU, it is left out.
    ///
    /// # Errors
    ///
    /// As [`abort`](ServerCall::abort).
    pub fn abort_with(self, status: Status, extended: &ExtendedError) -> Result<(), Status> {
        // What cannot be encoded is left out, too: the status is what counts.
        self.fail(status, extended.encode().unwrap_or_default())
    }

    fn fail(mut self, status: Status, extended: Vec<u8>) -> Result<(), Status> {
        if status.code() == 0 {
            return Err(Status::InvalidArg);
        }
        self.call.end(CallEnd::failure(status, extended));
        Ok(())
    }
}

impl<O: Params> ServerCall<O> {
    /// Whether the client has cancelled the call: [`Status::Ok`] if it has, or is gone, and
    /// [`Status::CallInProgress`] if it still waits. Changes nothing.
    ///
    /// Any thread may ask as often as it likes: the answer is one read of memory.
    #[must_use]
    pub fn test_cancel(&self) -> Status {
        self.call.test_cancel()
    }

    /// Has somebody told when the client cancels the call
    /// ([`NotificationEvent::ClientCancel`]), or is gone
    /// ([`NotificationEvent::ClientDisconnect`]): once, by the core that dispatched it, or at once
    /// if it has happened already. The notification carries `user_info`.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidArg`] for other events, and for a second subscription to the same.
    pub fn subscribe(
        &self,
        event: NotificationEvent,
        notify: Notify,
        user_info: u64,
    ) -> Result<(), Status> {
        match &self.call.link {
            Some(link) => link
                .watch
                .subscribe(self.call.serial, event, notify, user_info),
            None => Err(Status::NoCallActive),
        }
    }

    /// Takes a subscription back, which the end of the call does by itself. Returns how many
    /// notices were given: one, which may still be on its way, or none.
    ///
    /// # Errors
    ///
    /// [`Status::EntryNotFound`] if there is no such subscription.
    pub fn unsubscribe(&self, event: NotificationEvent) -> Result<u32, Status> {
        match &self.call.link {
            Some(link) => link.watch.unsubscribe(event),
            None => Err(Status::NoCallActive),
        }
    }

    /// Has somebody told of what happens to the call's pipes, the counterpart of
    /// `RpcAsyncRegisterHandle`: [`NotificationEvent::ReceiveComplete`] when a pull that found
    /// nothing can be tried again, [`NotificationEvent::SendComplete`] when a push that was refused
    /// can, and, if `on_send_complete`, each time that all which was pushed has been sent. The
    /// notifications carry `user_info`.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidPipeObject`] if the call has no pipes, [`Status::InvalidArg`] the second
    /// time.
    pub fn notify_of_pipes(
        &self,
        notify: Notify,
        user_info: u64,
        on_send_complete: bool,
    ) -> Result<(), Status> {
        let pipes = self.call.pipes().ok_or(Status::InvalidPipeObject)?;
        let notify = Contained::new(notify);
        pipes.set_notify(PipeNotify {
            notify: Arc::new(move |event| {
                notify.notify(|| Notification {
                    handle: HandleRef::none(),
                    user_info,
                    event,
                });
            }),
            on_send_complete,
        })
    }

    /// Names the call, for those who are to know of a cancel and do not complete it.
    #[must_use]
    pub fn call_ref(&self) -> ServerCallRef {
        self.call.call_ref()
    }
}

impl<O: Params> std::fmt::Debug for ServerCall<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCall")
            .field("key", &self.call.key)
            .finish_non_exhaustive()
    }
}

/// Names one call of a server, also after that has ended.
///
/// The default names no call.
#[derive(Clone, Default)]
pub struct ServerCallRef {
    call: Option<(Arc<CallWatch>, u32)>,
}

impl ServerCallRef {
    /// Whether the client has cancelled the call: as [`ServerCall::test_cancel`], and
    /// [`Status::NoCallActive`] if the call is over, [`Status::InvalidBinding`] if this names
    /// none.
    #[must_use]
    pub fn test_cancel(&self) -> Status {
        match &self.call {
            Some((watch, serial)) => watch.test_cancel(*serial),
            None => Status::InvalidBinding,
        }
    }

    /// Waits until the client cancels the call, or is gone: [`Status::Ok`]. If the call ends
    /// first, [`Status::NoCallActive`]. Where there is no call to cancel, it waits for ever, as the
    /// other side of a `select!` wants it.
    ///
    /// Beside the subscriptions of [`ServerCall::subscribe`], and by as many as like to.
    pub fn cancelled(&self) -> Cancelled {
        Cancelled::new(self.call.clone())
    }

    pub(crate) fn explain(&self, extended: &ExtendedError) {
        if let Some((watch, serial)) = &self.call {
            watch.explain(*serial, extended.encode().unwrap_or_default());
        }
    }
}

impl std::fmt::Debug for ServerCallRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCallRef")
            .field("test_cancel", &self.test_cancel())
            .finish()
    }
}

/// How a deferred call ends.
pub(crate) enum CallEnd {
    /// With this stub data.
    Reply(SendBuffer),
    /// With a fault.
    Fault(Status),
    /// With a fault that carries extended error information.
    Explained { status: Status, extended: Vec<u8> },
    /// With a fault that says that the call was not executed.
    Refusal(Status),
}

impl CallEnd {
    /// With a fault, and extended error information, if that is not empty.
    pub(crate) fn failure(status: Status, extended: Vec<u8>) -> Self {
        if extended.is_empty() {
            CallEnd::Fault(status)
        } else {
            CallEnd::Explained { status, extended }
        }
    }

    /// Answers the call, and gives the buffer back.
    pub(crate) fn write(
        self,
        protocol: &mut ServerConnection,
        reply: &ReplyTo,
        out: &mut Pieces,
        core: &CoreShared,
    ) {
        let (status, did_not_execute, extended) = match self {
            CallEnd::Reply(stub) => {
                let start = protocol.begin_response(reply, out.written());
                core.stub_buffers.send(stub, out);
                return protocol.finish_response(start, reply, out);
            }
            CallEnd::Fault(status) => (status, false, Vec::new()),
            CallEnd::Explained { status, extended } => (status, false, extended),
            CallEnd::Refusal(status) => (status, true, Vec::new()),
        };
        protocol.fault_with(
            reply,
            status.to_fault(),
            did_not_execute,
            &extended,
            out.written(),
        );
    }

    /// Gives the buffer back.
    pub(crate) fn recycle(self, core: &CoreShared) {
        if let CallEnd::Reply(stub) = self {
            core.stub_buffers.put(stub);
        }
    }

    /// Bytes that it holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            CallEnd::Reply(stub) => stub.len(),
            CallEnd::Explained { extended, .. } => extended.len(),
            CallEnd::Fault(_) | CallEnd::Refusal(_) => 0,
        }
    }
}

/// A call that is to be ended, by whoever holds this; without regard to its out-parameters.
pub(crate) struct OpenCall {
    /// Taken when the call ends.
    link: Option<Link>,
    pub(crate) key: Key,
    pub(crate) transfer: TransferSyntax,
    serial: u32,
    pipes: Option<Arc<PipeLink>>,
}

struct Link {
    core: Arc<CoreShared>,
    watch: Arc<CallWatch>,
}

impl OpenCall {
    /// Begins a call that is entered in its core's table under `key`.
    pub(crate) fn begin(
        core: &Arc<CoreShared>,
        watch: Arc<CallWatch>,
        key: Key,
        transfer: TransferSyntax,
        pipes: Option<Arc<PipeLink>>,
    ) -> Self {
        let serial = watch.begin();
        if let Some(link) = &pipes {
            link.set_call(key.to_bits());
        }
        OpenCall {
            link: Some(Link {
                core: Arc::clone(core),
                watch,
            }),
            key,
            transfer,
            serial,
            pipes,
        }
    }

    /// An empty buffer for the reply's stub data.
    pub(crate) fn reply_buffer(&self) -> Vec<u8> {
        let link = self.link.as_ref();
        link.map_or_else(Vec::new, |link| link.core.stub_buffers.take())
    }

    /// The call's pipes, if it has any.
    pub(crate) fn pipes(&self) -> Option<&Arc<PipeLink>> {
        self.pipes.as_ref()
    }

    /// Encodes the out-parameters, behind the pipes if there are any.
    pub(crate) fn encode<O: EncodeParams>(
        &self,
        outputs: &O,
        stub: &mut Pieces,
    ) -> Result<(), Status> {
        match &self.pipes {
            None => encode_params(outputs, self.transfer, stub),
            Some(link) => {
                let stub = stub.written();
                let offset = link.begin_tail(stub)?;
                encode_tail(outputs, self.transfer, offset, stub)
            }
        }
    }

    /// Ends the call, once; later ends are none.
    pub(crate) fn end(&mut self, end: CallEnd) {
        if let Some(Link { core, watch }) = self.link.take() {
            let end = match end {
                CallEnd::Fault(status) => CallEnd::failure(status, watch.take_explanation()),
                end => end,
            };
            core.submit(Command::EndCall {
                call: self.key,
                watch,
                end,
            });
        }
    }

    pub(crate) fn test_cancel(&self) -> Status {
        let link = self.link.as_ref();
        link.map_or(Status::NoCallActive, |link| {
            link.watch.test_cancel(self.serial)
        })
    }

    /// Whether nobody waits for the answer, as the client is gone.
    pub(crate) fn is_disconnected(&self) -> bool {
        let link = self.link.as_ref();
        link.is_some_and(|link| link.watch.is_disconnected(self.serial))
    }

    pub(crate) fn call_ref(&self) -> ServerCallRef {
        let link = self.link.as_ref();
        ServerCallRef {
            call: link.map(|link| (Arc::clone(&link.watch), self.serial)),
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.end(CallEnd::Fault(Status::CallFailed));
    }
}
