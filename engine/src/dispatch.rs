//! From a request to a manager routine, and back.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use annulus_ndr::{
    ByteOrder, ContextHandle, DecodeError, DecodeErrorKind, DecodeParams, EncodeParams, Ndr, Ndr64,
    Reader, Syntax, Writer,
};
use annulus_protocol::{
    DataRepresentation, InterfaceKey, Pieces, ReplyTo, SyntaxId, Time, TransferSyntax, Uuid,
};
use annulus_transports::Address;

use crate::async_context::AsyncContext;
use crate::call::block_on;
use crate::call_watch::CallWatch;
use crate::context_handle::{
    ContextUser, ExclusiveContext, GroupContexts, SharedContext, without_waiting,
};
use crate::core::tasks::Tasks;
use crate::core_shared::CoreShared;
use crate::executor::Executor;
use crate::extended_error::ExtendedError;
use crate::pipe::{PipeBacklog, PipeLink, PipeShape, Pipes, Unpulled};
use crate::registration::CallPermit;
use crate::served_client::ServedClient;
use crate::server::RunningServer;
use crate::server_call::{OpenCall, ServerCall};
use crate::status::Status;
use crate::table::Key;

/// An interface that a server offers: what stubs implement.
///
/// Generated and hand-written stubs turn a typed server trait into this; see
/// [`rpcecho`](crate::rpcecho) for the shape.
pub trait Interface: Send + Sync + 'static {
    /// The interface's UUID and version.
    fn syntax(&self) -> SyntaxId;

    /// How many operations it has; they are numbered from zero. Asked once, as is what is said of
    /// each of them below.
    fn operation_count(&self) -> u16;

    /// Whether stub data of this transfer syntax is understood.
    fn supports(&self, transfer: TransferSyntax) -> bool {
        matches!(transfer, TransferSyntax::Ndr | TransferSyntax::Ndr64)
    }

    /// Whether the context handles of this interface are its own (`[strict_context_handle]`):
    /// no other interface's calls can use them, nor its calls those of others.
    fn has_strict_context_handles(&self) -> bool {
        false
    }

    /// How many pipes an operation has. Default: none.
    fn pipes(&self, opnum: u16) -> PipeShape {
        let _ = opnum;
        PipeShape::default()
    }

    /// Whether the manager routine of an operation blocks, as that of a synchronous operation with
    /// pipes does. It runs on the worker pool then, whatever the
    /// [`Registration`](crate::Registration) says. Default: none does.
    fn blocks(&self, opnum: u16) -> bool {
        let _ = opnum;
        false
    }

    /// Runs one operation: decodes the request, calls the manager routine, and either
    /// [replies](Dispatch::reply) or [defers](Dispatch::defer) the reply. The operation number
    /// is below [`operation_count`](Interface::operation_count).
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn dispatch(&self, dispatch: Dispatch<'_, '_>) -> Result<(), Status>;
}

/// One request on its way through a stub.
pub struct Dispatch<'d, 'c> {
    pub(crate) opnum: u16,
    pub(crate) stub: &'d [u8],
    pub(crate) out: &'d mut Pieces,
    pub(crate) context: &'d mut CallContext<'c>,
}

impl<'d, 'c> Dispatch<'d, 'c> {
    /// The operation's number.
    #[must_use]
    pub fn opnum(&self) -> u16 {
        self.opnum
    }

    /// What the manager routine may know and do.
    pub fn context(&mut self) -> &mut CallContext<'c> {
        self.context
    }

    /// Decodes the in-parameters. What they borrow lives in the received bytes.
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`], or [`Status::NullRefPointer`].
    pub fn decode<T: DecodeParams<'d>>(&self) -> Result<T, Status> {
        decode_params(
            None,
            self.stub,
            self.context.facts.order,
            self.context.facts.transfer,
        )
    }

    /// Decodes the in-parameters in front of the pipes, and gives this side's ends of the pipes:
    /// what the stub of a routine needs that [blocks](Interface::blocks) while it pulls and pushes.
    ///
    /// The error is to be passed on, as that of [`defer_with_pipes`](Dispatch::defer_with_pipes).
    ///
    /// # Errors
    ///
    /// As for [`decode`](Dispatch::decode). [`Status::CannotSupport`] on a core, which must not
    /// block.
    pub fn decode_with_pipes<T: DecodeParams<'d>>(&mut self) -> Result<(T, Pipes), Status> {
        let Place::Worker(call) = &self.context.place else {
            return Err(Status::CannotSupport);
        };
        let call = call.as_ref().ok_or(Status::NoCallActive)?;
        let link = call.pipes().cloned().ok_or(Status::InvalidPipeObject)?;
        let stub: &'d [u8] = self.stub;
        let (params, offset) = self.context.decode_head(stub)?;
        link.start(offset, &stub[offset..], self.context.facts.order);
        Ok((params, Pipes::new(link)))
    }

    /// Encodes the out-parameters into the send buffer, behind the call's pipes if there are any;
    /// the call is complete. Large arrays of types that share their bytes
    /// ([`Bytes`](crate::ndr::Bytes), [`SharedNumbers`](crate::ndr::SharedNumbers)) are not copied: see
    /// [`SHARED_LEN_MIN`](crate::ndr::SHARED_LEN_MIN).
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`] if the parameters contradict each other, such as a length that
    /// is not the array's. [`Status::PipeDisciplineError`] if a pipe was not pulled, or pushed, to
    /// its end.
    pub fn reply<T: EncodeParams>(&mut self, outputs: &T) -> Result<(), Status> {
        match &self.context.place {
            Place::Worker(Some(call)) => call.encode(outputs, self.out),
            _ => encode_params(outputs, self.context.facts.transfer, self.out),
        }
    }

    /// Takes the call out of the dispatch: it stays open until the returned handle completes
    /// or aborts it, from any thread.
    ///
    /// # Errors
    ///
    /// [`Status::ServerTooBusy`] if the core has too many open calls already.
    /// [`Status::CannotSupport`] for a `[maybe]` call, which has no answer that could come later.
    pub fn defer<O: EncodeParams>(&mut self) -> Result<ServerCall<O>, Status> {
        self.context.defer()
    }

    /// Takes a call with pipes out of the dispatch: decodes the in-parameters in front of the
    /// pipes, and gives the handle that completes the call and this side's ends of the pipes.
    ///
    /// The error is to be passed on: it may mean that the other in-parameters have not all come
    /// yet, and that the operation is to be dispatched again when more has.
    ///
    /// # Errors
    ///
    /// As for [`decode`](Dispatch::decode) and [`defer`](Dispatch::defer);
    /// [`Status::InvalidPipeObject`] if the operation [has no pipes](Interface::pipes).
    pub fn defer_with_pipes<T, O>(&mut self) -> Result<(T, ServerCall<O>, Pipes), Status>
    where
        T: DecodeParams<'d>,
        O: EncodeParams,
    {
        let stub: &'d [u8] = self.stub;
        let (params, offset) = self.context.decode_head(stub)?;
        let (call, link) = self.context.defer_with_pipes()?;
        link.start(offset, &stub[offset..], self.context.facts.order);
        Ok((params, call, Pipes::new(link)))
    }

    /// Takes a call with pipes out of the dispatch and has a future complete it: as
    /// [`spawn`](Dispatch::spawn) and [`defer_with_pipes`](Dispatch::defer_with_pipes). What the
    /// in-parameters borrow is gone when the future runs.
    ///
    /// # Errors
    ///
    /// As for these.
    pub fn spawn_with_pipes<T, O, F>(
        &mut self,
        run: impl FnOnce(T, AsyncContext, Pipes) -> F,
    ) -> Result<(), Status>
    where
        T: DecodeParams<'d>,
        O: EncodeParams + 'static,
        F: Future<Output = Result<O, Status>> + 'static,
    {
        let executor = self.context.executor_with_room()?;
        let (params, call, pipes) = self.defer_with_pipes::<T, O>()?;
        let context = self.context.async_context(Some(&call), &executor);
        let future = run(params, context, pipes);
        self.context.run_future(&executor, Some(call), future)
    }

    /// Whether decoding what is in front of the pipes has failed because it has not all come: the
    /// operation is dispatched again when more has.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        let pipes = &self.context.pipes;
        pipes.as_ref().is_some_and(|pipes| pipes.lacking.is_some())
    }

    /// Whether the manager routine runs on a thread of the worker pool, where it may block.
    #[must_use]
    pub fn may_block(&self) -> bool {
        matches!(self.context.place, Place::Worker(_))
    }

    /// Takes the call out of the dispatch and has a future complete it: what the stub of an
    /// `async fn` needs. `run` makes the future, which runs on this core and need not be `Send`;
    /// its result is the reply or the fault.
    ///
    /// ```
    /// # use annulus::{Dispatch, Status};
    /// # use std::time::Duration;
    /// # fn stub(mut call: Dispatch<'_, '_>) -> Result<(), Status> {
    /// call.spawn(async |context| {
    ///     context.executor().sleep(Duration::from_millis(1)).await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// The future of a `[maybe]` call runs too; its result goes nowhere.
    ///
    /// # Errors
    ///
    /// [`Status::ServerTooBusy`] if the core has too many open calls or futures already.
    /// [`Status::CannotSupport`] on the worker pool.
    pub fn spawn<O, F>(&mut self, run: impl FnOnce(AsyncContext) -> F) -> Result<(), Status>
    where
        O: EncodeParams + 'static,
        F: Future<Output = Result<O, Status>> + 'static,
    {
        self.context.spawn_call(run)
    }
}

/// A call as its manager routine sees it.
pub struct CallContext<'c> {
    pub(crate) facts: &'c CallFacts,
    pub(crate) client: &'c ServedClient,
    pub(crate) now: Time,
    pub(crate) core: &'c Arc<CoreShared>,
    pub(crate) place: Place<'c>,
    /// Extended error information for the fault, should there be one.
    pub(crate) extended: Vec<u8>,
    pub(crate) deferred: Option<Key>,
    /// The call was refused before its manager routine saw it.
    pub(crate) not_executed: bool,
    /// Nothing for an operation without pipes.
    pub(crate) pipes: Option<&'c mut PipeDispatch>,
}

/// What a dispatch knows of a call's pipes.
#[derive(Default)]
pub(crate) struct PipeDispatch {
    pub(crate) shape: PipeShape,
    /// What the calls of the connection have pushed into pipes, if this one may.
    pub(crate) backlog: Option<Arc<PipeBacklog>>,
    /// What they have not pulled out of pipes, if this one will.
    pub(crate) unpulled: Option<Arc<Unpulled>>,
    /// More stub data of the request may come.
    pub(crate) is_partial: bool,
    /// How many bytes are missing at least, if that is all that is wrong.
    pub(crate) lacking: Option<usize>,
    /// The pipes, once they have been taken.
    pub(crate) link: Option<Arc<PipeLink>>,
}

/// What a request says of its call.
#[derive(Clone, Copy)]
pub(crate) struct CallFacts {
    pub(crate) interface: InterfaceKey,
    pub(crate) order: ByteOrder,
    pub(crate) transfer: TransferSyntax,
    pub(crate) object: Option<Uuid>,
    /// The caller wants no answer, so there is nothing to defer.
    pub(crate) maybe: bool,
}

/// Where a manager routine runs.
pub(crate) enum Place<'c> {
    Core {
        workplace: &'c mut dyn Workplace,
        reply: &'c ReplyTo,
        permit: &'c mut CallPermit,
    },
    /// A thread of the worker pool. The call has been deferred; unless it is `[maybe]`, and
    /// until the manager routine takes it.
    Worker(&'c mut Option<OpenCall>),
}

/// What a manager routine on a core may use of it.
// A trait, as what a core lends has lifetimes of its own, which `CallContext` need not name.
pub(crate) trait Workplace {
    /// The futures of the core.
    fn tasks(&self) -> &Rc<Tasks>;

    /// Enters a call that is deferred, with a watch that is still to begin; `None` if there are too
    /// many.
    fn begin(
        &mut self,
        reply: &ReplyTo,
        permit: CallPermit,
        pipes: Option<Arc<PipeLink>>,
    ) -> Option<(Key, Arc<CallWatch>)>;

    /// Notes the future that will end a deferred call.
    fn set_task(&mut self, call: Key, task: Key);

    /// Runs a closure `delay` from now, unless the deferred call that it is for has gone by then.
    ///
    /// # Errors
    ///
    /// [`Status::ServerTooBusy`] if too many closures wait already.
    fn run_after(
        &mut self,
        delay: Duration,
        call: Option<Key>,
        run: Box<dyn FnOnce() + Send>,
    ) -> Result<(), Status>;
}

impl CallContext<'_> {
    /// The object UUID of the call, if it has one.
    #[must_use]
    pub fn object(&self) -> Option<Uuid> {
        self.facts.object
    }

    /// Where the client is; over `ncalrpc`, who it is
    /// ([`Address::credentials`](crate::transports::Address::credentials)).
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.client.peer
    }

    /// Where the client has reached this server: of an endpoint of all addresses, the one that it
    /// used.
    #[must_use]
    pub fn local_address(&self) -> &Address {
        &self.client.local
    }

    /// The core's time at the start of the turn that received the call.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Whether the client has cancelled the call, as
    /// [`ServerCall::test_cancel`](crate::ServerCall::test_cancel). A core hears of that only
    /// between two dispatches, so this is for routines on the worker pool;
    /// [`Status::InvalidBinding`] for a `[maybe]` call.
    #[must_use]
    pub fn test_cancel(&self) -> Status {
        match &self.place {
            Place::Core { .. } => Status::CallInProgress,
            Place::Worker(Some(call)) => call.test_cancel(),
            Place::Worker(None) => Status::InvalidBinding,
        }
    }

    /// Says what people may want to know of a failure: if the manager routine returns an error
    /// next, its fault carries this. Under the conditions of
    /// [`ServerCall::abort_with`](crate::ServerCall::abort_with).
    pub fn explain(&mut self, extended: &ExtendedError) {
        self.extended = extended.encode().unwrap_or_default();
    }

    /// Runs a closure on this core `delay` from now. It must be short, as it holds the core up. If
    /// the call was deferred before, the closure goes when the call does, such as with its
    /// connection.
    ///
    /// # Errors
    ///
    /// [`Status::ServerTooBusy`] if too many closures wait already. [`Status::CannotSupport`] on
    /// the worker pool, where a routine may just wait.
    pub fn after(
        &mut self,
        delay: Duration,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), Status> {
        match &mut self.place {
            Place::Core { workplace, .. } => {
                workplace.run_after(delay, self.deferred, Box::new(run))
            }
            Place::Worker(_) => Err(Status::CannotSupport),
        }
    }

    /// Runs futures on this core, whatever becomes of the call.
    ///
    /// # Errors
    ///
    /// [`Status::CannotSupport`] on the worker pool.
    pub fn executor(&self) -> Result<Executor, Status> {
        match &self.place {
            Place::Core { workplace, .. } => Ok(Executor {
                tasks: Rc::clone(workplace.tasks()),
            }),
            Place::Worker(_) => Err(Status::CannotSupport),
        }
    }

    /// Keeps a value for the client between its calls; the handle names it, for this client alone.
    /// It is kept until it is [closed](CallContext::close_context), or until the last
    /// connection of the client's association group is gone and no call uses it any more: then
    /// it is dropped, which is its rundown.
    ///
    /// # Errors
    ///
    /// [`Status::ServerOutOfMemory`] if the client has
    /// [`Limits::context_handles_per_group_max`](crate::Limits::context_handles_per_group_max)
    /// contexts already.
    pub fn open_context<T: Send + Sync + 'static>(
        &self,
        value: T,
    ) -> Result<ContextHandle, Status> {
        self.contexts()?.open(self.context_user(), value)
    }

    /// The context of a handle, for this call alone, until the value returned is dropped. It can
    /// go with a deferred call to another thread.
    ///
    /// # Errors
    ///
    /// [`Status::InNullContext`] for a null handle. [`Status::ContextMismatch`] if there is no
    /// such context of this client, of this type and, where an interface is
    /// [strict](Interface::has_strict_context_handles), of this interface.
    /// [`Status::ServerTooBusy`] if another call has it, and this is a core, which cannot wait;
    /// on the worker pool it waits.
    pub fn exclusive_context<T: Send + Sync + 'static>(
        &self,
        handle: &ContextHandle,
    ) -> Result<ExclusiveContext<T>, Status> {
        self.wait(self.contexts()?.exclusive(self.context_user(), handle))
    }

    /// The context of a handle, which other calls may share.
    ///
    /// # Errors
    ///
    /// As [`exclusive_context`](CallContext::exclusive_context).
    pub fn shared_context<T: Send + Sync + 'static>(
        &self,
        handle: &ContextHandle,
    ) -> Result<SharedContext<T>, Status> {
        self.wait(self.contexts()?.shared(self.context_user(), handle))
    }

    /// Takes the context of a handle out. The client's handle is to become
    /// [`ContextHandle::NULL`].
    ///
    /// # Errors
    ///
    /// As [`exclusive_context`](CallContext::exclusive_context).
    pub fn close_context<T: Send + Sync + 'static>(
        &self,
        handle: &ContextHandle,
    ) -> Result<T, Status> {
        self.wait(self.contexts()?.close(self.context_user(), handle))
    }

    fn wait<T>(&self, context: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        match self.place {
            Place::Core { .. } => without_waiting(context),
            Place::Worker(_) => block_on(context),
        }
    }

    fn contexts(&self) -> Result<&GroupContexts, Status> {
        let contexts = self.client.contexts.as_deref();
        contexts.ok_or(Status::ContextMismatch)
    }

    fn context_user(&self) -> ContextUser {
        let interface = self.facts.interface;
        let registered = self.client.server.registered(interface);
        ContextUser {
            interface,
            is_strict: registered.interface().has_strict_context_handles(),
        }
    }

    pub(crate) fn server(&self) -> &RunningServer {
        &self.client.server
    }

    fn spawn_call<O, F>(&mut self, run: impl FnOnce(AsyncContext) -> F) -> Result<(), Status>
    where
        O: EncodeParams + 'static,
        F: Future<Output = Result<O, Status>> + 'static,
    {
        let executor = self.executor_with_room()?;
        let call = if self.facts.maybe {
            None
        } else {
            Some(self.defer::<O>()?)
        };
        let future = run(self.async_context(call.as_ref(), &executor));
        self.run_future(&executor, call, future)
    }

    fn executor_with_room(&mut self) -> Result<Executor, Status> {
        let executor = self.executor()?;
        if executor.tasks.is_full() {
            self.not_executed = true;
            return Err(Status::ServerTooBusy);
        }
        Ok(executor)
    }

    fn async_context<O: EncodeParams>(
        &self,
        call: Option<&ServerCall<O>>,
        executor: &Executor,
    ) -> AsyncContext {
        AsyncContext {
            object: self.facts.object,
            peer: self.client.peer.clone(),
            call: call.map(ServerCall::call_ref).unwrap_or_default(),
            executor: executor.clone(),
            contexts: self.client.contexts.clone(),
            context_user: self.context_user(),
        }
    }

    /// Has a future complete the call.
    fn run_future<O, F>(
        &mut self,
        executor: &Executor,
        call: Option<ServerCall<O>>,
        future: F,
    ) -> Result<(), Status>
    where
        O: EncodeParams + 'static,
        F: Future<Output = Result<O, Status>> + 'static,
    {
        let task = executor.tasks.spawn(async move {
            let result = future.await;
            let Some(call) = call else { return };
            // What cannot be encoded, or is no failure, has become a fault; the client knows.
            let _ = match result {
                Ok(outputs) => call.complete(&outputs),
                Err(status) => call.abort(status),
            };
        });
        let task = task.map_err(|_| Status::ServerTooBusy)?;
        if let (Some(call), Place::Core { workplace, .. }) = (self.deferred, &mut self.place) {
            workplace.set_task(call, task);
        }
        Ok(())
    }

    fn defer<O: EncodeParams>(&mut self) -> Result<ServerCall<O>, Status> {
        Ok(ServerCall::new(self.take_call(None)?))
    }

    fn take_call(&mut self, pipes: Option<&Arc<PipeLink>>) -> Result<OpenCall, Status> {
        debug_assert!(self.deferred.is_none(), "a call is deferred once");
        if self.facts.maybe {
            return Err(Status::CannotSupport);
        }
        let begun = match &mut self.place {
            Place::Core {
                workplace,
                reply,
                permit,
            } => workplace.begin(reply, std::mem::take(permit), pipes.cloned()),
            Place::Worker(call) => return call.take().ok_or(Status::NoCallActive),
        };
        let Some((key, watch)) = begun else {
            self.not_executed = true;
            return Err(Status::ServerTooBusy);
        };
        self.deferred = Some(key);
        let transfer = self.facts.transfer;
        Ok(OpenCall::begin(
            self.core,
            watch,
            key,
            transfer,
            pipes.cloned(),
        ))
    }

    /// Takes the call with its pipes. On a worker they are there already.
    fn defer_with_pipes<O: EncodeParams>(
        &mut self,
    ) -> Result<(ServerCall<O>, Arc<PipeLink>), Status> {
        if let Place::Worker(_) = self.place {
            let call = self.take_call(None)?;
            let link = call.pipes().cloned().ok_or(Status::InvalidPipeObject)?;
            return Ok((ServerCall::new(call), link));
        }
        let pipes = self.pipes.as_mut().ok_or(Status::InvalidPipeObject)?;
        let (backlog, unpulled) = (pipes.backlog.take(), pipes.unpulled.take());
        let transfer = self.facts.transfer;
        let link = PipeLink::of_server(self.core, transfer, pipes.shape, backlog, unpulled);
        let call = self.take_call(Some(&link))?;
        if let Some(pipes) = &mut self.pipes {
            if !pipes.is_partial {
                link.received(Vec::new(), true, self.facts.order);
            }
            pipes.link = Some(Arc::clone(&link));
        }
        Ok((ServerCall::new(call), link))
    }

    /// Decodes what is in front of a call's pipes, and the offset behind it.
    fn decode_head<'d, T: DecodeParams<'d>>(
        &mut self,
        stub: &'d [u8],
    ) -> Result<(T, usize), Status> {
        let order = self.facts.order;
        let result = match self.facts.transfer {
            TransferSyntax::Ndr => annulus_ndr::decode_prefix::<Ndr, T>(None, stub, order),
            TransferSyntax::Ndr64 => annulus_ndr::decode_prefix::<Ndr64, T>(None, stub, order),
        };
        result.map_err(|error| {
            if let Some(pipes) = &mut self.pipes
                && pipes.is_partial
            {
                pipes.lacking = lacking(error.kind());
            }
            refused(&error)
        })
    }
}

pub(crate) fn byte_order(drep: DataRepresentation) -> ByteOrder {
    if drep.is_big_endian() {
        ByteOrder::Big
    } else {
        ByteOrder::Little
    }
}

pub(crate) fn decode_params<'a, T: DecodeParams<'a>>(
    given: Option<T::Given>,
    stub: &'a [u8],
    order: ByteOrder,
    transfer: TransferSyntax,
) -> Result<T, Status> {
    let result = match transfer {
        TransferSyntax::Ndr => annulus_ndr::decode_given::<Ndr, T>(given, stub, order),
        TransferSyntax::Ndr64 => annulus_ndr::decode_given::<Ndr64, T>(given, stub, order),
    };
    result.map_err(|error| refused(&error))
}

fn refused(error: &DecodeError) -> Status {
    tracing::debug!(%error, "stub data refused");
    if *error.kind() == DecodeErrorKind::NullRefPointer {
        Status::NullRefPointer
    } else {
        Status::BadStubData
    }
}

/// How many bytes are missing at least, if that is all that is wrong.
fn lacking(error: &DecodeErrorKind) -> Option<usize> {
    match *error {
        DecodeErrorKind::Truncated { needed, remaining } => Some(needed.saturating_sub(remaining)),
        DecodeErrorKind::CountTooLarge { count, remaining } => {
            Some(usize::try_from(count).map_or(usize::MAX, |count| count.saturating_sub(remaining)))
        }
        _ => None,
    }
}

/// Decodes parameters that start `start` bytes into `stub`, behind a call's pipes.
pub(crate) fn decode_behind<'a, T: DecodeParams<'a>>(
    given: Option<T::Given>,
    start: usize,
    stub: &'a [u8],
    order: ByteOrder,
    transfer: TransferSyntax,
) -> Result<T, Status> {
    fn decode<'a, S: Syntax, T: DecodeParams<'a>>(
        given: Option<T::Given>,
        start: usize,
        stub: &'a [u8],
        order: ByteOrder,
    ) -> Result<T, DecodeError> {
        let mut reader = Reader::<S>::new(stub, order);
        reader.bytes(start)?;
        T::decode_params(given, &mut reader)
    }
    let result = match transfer {
        TransferSyntax::Ndr => decode::<Ndr, T>(given, start, stub, order),
        TransferSyntax::Ndr64 => decode::<Ndr64, T>(given, start, stub, order),
    };
    result.map_err(|error| refused(&error))
}

/// Encodes out-parameters that stand behind a call's pipes, `offset` bytes into the stub.
pub(crate) fn encode_tail<T: EncodeParams>(
    params: &T,
    transfer: TransferSyntax,
    offset: usize,
    out: &mut Vec<u8>,
) -> Result<(), Status> {
    let result = match transfer {
        TransferSyntax::Ndr => {
            params.encode_params(None, &mut Writer::<Ndr>::continuing(out, offset))
        }
        TransferSyntax::Ndr64 => {
            params.encode_params(None, &mut Writer::<Ndr64>::continuing(out, offset))
        }
    };
    result.map_err(|error| {
        tracing::debug!(%error, "parameters refused");
        Status::BadStubData
    })
}

/// Encodes parameters; large arrays that are shared by count are not copied.
pub(crate) fn encode_params<T: EncodeParams>(
    params: &T,
    transfer: TransferSyntax,
    out: &mut Pieces,
) -> Result<(), Status> {
    let result = out.append_with(|out, shared| match transfer {
        TransferSyntax::Ndr => annulus_ndr::encode_shared::<Ndr, T>(params, out, shared),
        TransferSyntax::Ndr64 => annulus_ndr::encode_shared::<Ndr64, T>(params, out, shared),
    });
    result.map_err(|error| {
        tracing::debug!(%error, "parameters refused");
        Status::BadStubData
    })
}
