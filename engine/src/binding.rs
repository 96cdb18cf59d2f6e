//! The client's side of a connection: where the server is, and how it is called.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use annulus_ndr::{ByteOrder, DecodeParams, EncodeParams, Gives, Params};
use annulus_protocol::{Pieces, SendBuffer, SyntaxId, TransferSyntax, Uuid};
use annulus_transports::StringBinding;

use crate::async_handle::{AsyncHandle, Begun};
use crate::binding_options::BindingOptions;
use crate::call::Call;
use crate::core::Lane;
use crate::core_shared::{Command, CoreShared, MaybeCall, OutgoingCall, Start};
use crate::dispatch::{self, encode_params};
use crate::endpoint;
use crate::error::Error;
use crate::executor::Executor;
use crate::extended_error::ExplainedFailure;
use crate::foreign::{Contained, WakerCell};
use crate::notify::Notify;
use crate::pipe::{PipeLink, PipeNotify, PipeShape, Pipes};
use crate::resolver::Target;
use crate::runtime::Host;
use crate::status::Status;

/// A server that is to be called: its address, one of its interfaces, and the core that does
/// the work.
///
/// `Send + Sync`. The connection is made with the first call and made again after it broke.
///
/// # Connections
///
/// Bindings of one core to the same server share an association, unless
/// [`BindingOptions::unique_binding`] says otherwise: its connections carry the calls to all their
/// interfaces. Where the server multiplexes, one connection is enough for any number of calls.
/// Otherwise a connection carries one call at a time; a call takes a free one, a further one (up
/// to [`Limits::connections_per_association_max`](crate::Limits::connections_per_association_max)),
/// or waits.
///
/// # Order
///
/// The asynchronous calls that one thread makes on one binding are dispatched by the server in the
/// order in which they were made, unless [`BindingOptions::non_causal`] lifts that. Calls of
/// different threads, and calls that wait for their reply
/// ([`call_blocking`](Binding::call_blocking)), do not wait for each other.
#[derive(Clone)]
pub struct Binding {
    handle: Arc<BindingHandle>,
    /// How long a call may take at most.
    deadline: Option<Duration>,
}

/// Tells the core when the last clone of a binding is gone.
struct BindingHandle {
    core: Arc<CoreShared>,
    shared: Arc<BindingShared>,
}

/// What the core needs to know of a binding.
pub(crate) struct BindingShared {
    pub(crate) target: Target,
    pub(crate) interface: SyntaxId,
    /// The one transfer syntax that is offered: parameters are encoded before a connection
    /// exists.
    pub(crate) transfer: TransferSyntax,
    pub(crate) object: Option<Uuid>,
    pub(crate) options: BindingOptions,
    /// One connection stays open however idle it is.
    keeps_connection: AtomicBool,
    /// The binding's key in its core's table, for the core alone.
    key: AtomicU64,
    /// How many connections the core has lost that were of this binding, and of those further to it, alone.
    losses: AtomicU64,
    /// Who waits for the next one.
    loss_waker: WakerCell,
}

const NO_KEY: u64 = u64::MAX;

impl BindingShared {
    pub(crate) fn new(
        core: &CoreShared,
        binding: &StringBinding,
        interface: SyntaxId,
        options: BindingOptions,
    ) -> Result<Arc<Self>, Error> {
        let target = endpoint::target(binding, interface, core.ncalrpc_directory())?;
        let transfer = endpoint::transfer_syntax(binding);
        let shared = BindingShared::to(target, interface, transfer, options);
        Ok(Arc::new(BindingShared {
            object: binding.object(),
            ..shared
        }))
    }

    /// What a core is to know of a binding to an interface, in a transfer syntax, at `target`.
    pub(crate) fn to(
        target: Target,
        interface: SyntaxId,
        transfer: TransferSyntax,
        options: BindingOptions,
    ) -> Self {
        BindingShared {
            target,
            interface,
            transfer,
            object: None,
            options,
            keeps_connection: AtomicBool::new(false),
            key: AtomicU64::new(NO_KEY),
            losses: AtomicU64::new(0),
            loss_waker: WakerCell::new(),
        }
    }

    /// A connection of this binding alone is gone.
    pub(crate) fn note_loss(&self) {
        // Release pairs with the acquire in `Binding::lost_since`.
        self.losses.fetch_add(1, Ordering::Release);
        self.loss_waker.wake();
    }

    /// The same binding with connections of its own.
    pub(crate) fn apart(&self) -> Arc<Self> {
        let options = self.options.unique_binding().dont_linger();
        let target = self.target.clone();
        Arc::new(BindingShared {
            object: self.object,
            ..BindingShared::to(target, self.interface, self.transfer, options)
        })
    }

    /// The same binding to another interface.
    pub(crate) fn with_interface(&self, interface: SyntaxId) -> Arc<Self> {
        let target = self.target.clone();
        Arc::new(BindingShared {
            object: self.object,
            ..BindingShared::to(target, interface, self.transfer, self.options)
        })
    }

    pub(crate) fn keeps_connection(&self) -> bool {
        self.keeps_connection.load(Ordering::Relaxed)
    }

    /// The lane of calls that were made in the lane of a thread.
    pub(crate) fn lane_of(&self, thread: Lane) -> Lane {
        if self.options.is_non_causal {
            Lane::NONE
        } else {
            thread
        }
    }

    pub(crate) fn key(&self) -> Option<u64> {
        Some(self.key.load(Ordering::Relaxed)).filter(|key| *key != NO_KEY)
    }

    pub(crate) fn set_key(&self, key: u64) {
        self.key.store(key, Ordering::Relaxed);
    }
}

impl Binding {
    /// A binding to the server that `string_binding` names, such as
    /// `ncacn_ip_tcp:host[port]` or, on this machine, `ncalrpc:[name]`. Nothing is sent yet. When
    /// the first call needs a connection, a host name is looked up, and without an endpoint the
    /// endpoint mapper of the host is asked where the interface is: off the core, whose other calls
    /// go on. A call to a host that is not found ends with [`Status::ServerUnavailable`], one to an
    /// interface that its mapper does not know with [`Status::EptNotRegistered`].
    ///
    /// The option `ndr64` (`ncacn_ip_tcp:host[port,ndr64]`) chooses that transfer syntax instead of
    /// NDR, and the option `mapper` the endpoint of the mapper
    /// (`ncacn_ip_tcp:host[,mapper=1135]`) instead of 135, or of `EPMAPPER` for `ncalrpc`.
    ///
    /// # Errors
    ///
    /// The string is not a binding, the name of a local endpoint is none, or the host is an IPv6
    /// address in the zone of a network interface that does not exist.
    pub fn new(host: &impl Host, string_binding: &str, interface: SyntaxId) -> Result<Self, Error> {
        Binding::with_options(host, string_binding, interface, BindingOptions::new())
    }

    /// The same as [`new`](Binding::new), with options.
    ///
    /// # Errors
    ///
    /// As [`new`](Binding::new).
    pub fn with_options(
        host: &impl Host,
        string_binding: &str,
        interface: SyntaxId,
        options: BindingOptions,
    ) -> Result<Self, Error> {
        let core = host.choose_core().0;
        let binding = endpoint::parse(string_binding)?;
        let shared = BindingShared::new(&core, &binding, interface, options)?;
        Ok(Binding::of_shared(core, shared))
    }

    /// A binding to a server with these addresses.
    #[cfg(test)]
    pub(crate) fn to_addresses(
        host: &impl Host,
        addresses: Vec<annulus_transports::Address>,
        interface: SyntaxId,
        options: BindingOptions,
    ) -> Self {
        let (target, transfer) = (Target::Addresses(addresses.into()), TransferSyntax::Ndr);
        let shared = BindingShared::to(target, interface, transfer, options);
        Binding::of_shared(host.choose_core().0, Arc::new(shared))
    }

    /// The same binding with connections of its own.
    pub(crate) fn apart(&self) -> Self {
        let (core, shared) = (Arc::clone(&self.handle.core), self.handle.shared.apart());
        Binding {
            deadline: self.deadline,
            ..Binding::of_shared(core, shared)
        }
    }

    /// How many connections were lost that this binding, and those further to it, alone have had.
    pub(crate) fn losses(&self) -> u64 {
        self.handle.shared.losses.load(Ordering::Acquire)
    }

    /// Waits until there are more than `losses`. For one task at a time.
    pub(crate) async fn lost_since(&self, losses: u64) {
        poll_fn(|context| {
            self.handle.shared.loss_waker.register(context.waker());
            match self.losses() == losses {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        })
        .await;
    }

    /// Runs `start` on the core of this binding. If that has ended, `start` is dropped.
    pub(crate) fn run_on_core(&self, start: impl FnOnce(&Executor) + Send + 'static) {
        let start = Contained::new(Box::new(start) as Start);
        self.handle.core.submit(Command::Start(start));
    }

    fn of_shared(core: Arc<CoreShared>, shared: Arc<BindingShared>) -> Self {
        let deadline = shared.options.call_deadline;
        Binding {
            handle: Arc::new(BindingHandle { core, shared }),
            deadline,
        }
    }

    /// The same binding, for calls that are to end after this time at the latest; in place of
    /// [`BindingOptions::call_deadline`].
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Binding {
            handle: Arc::clone(&self.handle),
            deadline: Some(deadline),
        }
    }

    /// Keeps one connection open however idle it is: the server's context handles run down with the
    /// last connection. To be asked for before the binding's first call; afterwards it changes
    /// nothing. Generated clients of interfaces with context handles ask for this as they are made.
    pub fn keep_connected(&self) {
        let keeps = &self.handle.shared.keeps_connection;
        keeps.store(true, Ordering::Relaxed);
    }

    /// Makes a call; `.await` it, or [`wait`](Call::wait) for it.
    pub fn call<I: EncodeParams + Gives<O::Given>, O: Outputs>(
        &self,
        opnum: u16,
        inputs: &I,
    ) -> Call<O> {
        self.call_in(Lane::of_this_thread(), opnum, inputs)
    }

    fn call_in<I: EncodeParams + Gives<O::Given>, O: Outputs>(
        &self,
        lane: Lane,
        opnum: u16,
        inputs: &I,
    ) -> Call<O> {
        let core = &self.handle.core;
        let state = core.take_call_state();
        let begun = Begun::new(&state, Notify::None);
        match self.submit(lane, opnum, inputs, begun) {
            Ok(()) => Call::in_flight(Arc::clone(core), state, inputs.given()),
            Err(status) => {
                core.put_call_state(state);
                Call::refused(status)
            }
        }
    }

    /// Makes a call and waits for it.
    ///
    /// # Errors
    ///
    /// The status with which the call ended. [`Status::CannotSupport`] on the thread that runs
    /// this binding's own core, which would wait for itself; then no call was made.
    pub fn call_blocking<I: EncodeParams + Gives<O::Given>, O: Outputs>(
        &self,
        opnum: u16,
        inputs: &I,
    ) -> Result<O, Status> {
        self.call_waited_for(opnum, inputs)?.wait()
    }

    /// Makes a call and waits for it; if it fails, with what the server said beside the status.
    ///
    /// # Errors
    ///
    /// As [`call_blocking`](Binding::call_blocking), and the call's extended error information.
    pub fn call_blocking_explained<I: EncodeParams + Gives<O::Given>, O: Outputs>(
        &self,
        opnum: u16,
        inputs: &I,
    ) -> Result<O, ExplainedFailure> {
        self.call_waited_for(opnum, inputs)?.wait_explained()
    }

    /// Makes a call that this thread may wait for, outside of its order.
    fn call_waited_for<I: EncodeParams + Gives<O::Given>, O: Outputs>(
        &self,
        opnum: u16,
        inputs: &I,
    ) -> Result<Call<O>, Status> {
        if self.handle.core.is_current() {
            return Err(Status::CannotSupport);
        }
        Ok(self.call_in(Lane::NONE, opnum, inputs))
    }

    /// Makes a call whose outcome `handle` receives. If this fails there is no call, and no
    /// notification will come.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidAsyncCall`] if the handle has a call already;
    /// [`Status::BadStubData`] if the parameters contradict each other.
    pub fn call_async<I: EncodeParams + Gives<O::Given>, O: Outputs>(
        &self,
        handle: &mut AsyncHandle<O>,
        opnum: u16,
        inputs: &I,
    ) -> Result<(), Status> {
        let begun = handle.begin(&self.handle.core, inputs.given())?;
        self.submit(Lane::of_this_thread(), opnum, inputs, begun)
    }

    /// Makes a call with pipes; `.await` it, or [`wait`](Call::wait) for it, while its pipes are
    /// pushed and pulled. If this fails there is no call.
    ///
    /// The call has a connection of its own while it runs.
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`] if the parameters contradict each other.
    pub fn call_with_pipes<I: EncodeParams + Gives<O::Given>, O: Outputs>(
        &self,
        opnum: u16,
        inputs: &I,
        shape: PipeShape,
    ) -> Result<(Call<O>, Pipes), Status> {
        let core = &self.handle.core;
        let state = core.take_call_state();
        let begun = Begun::new(&state, Notify::None);
        match self.submit_with_pipes(opnum, inputs, shape, begun, None) {
            Ok(pipes) => {
                let call = Call::in_flight(Arc::clone(core), state, inputs.given());
                Ok((call, pipes))
            }
            Err(status) => {
                core.put_call_state(state);
                Err(status)
            }
        }
    }

    /// Makes a call with pipes whose outcome `handle` receives, and with it the notifications of
    /// its pipes. If this fails there is no call, and no notification will come.
    ///
    /// The call has a connection of its own while it runs.
    ///
    /// # Errors
    ///
    /// As for [`call_async`](Binding::call_async).
    pub fn call_async_with_pipes<I: EncodeParams + Gives<O::Given>, O: Outputs>(
        &self,
        handle: &mut AsyncHandle<O>,
        opnum: u16,
        inputs: &I,
        shape: PipeShape,
    ) -> Result<Pipes, Status> {
        let begun = handle.begin(&self.handle.core, inputs.given())?;
        let notify = handle.pipe_notify();
        self.submit_with_pipes(opnum, inputs, shape, begun, Some(notify))
    }

    fn submit_with_pipes<I: EncodeParams>(
        &self,
        opnum: u16,
        inputs: &I,
        shape: PipeShape,
        begun: Begun,
        notify: Option<PipeNotify>,
    ) -> Result<Pipes, Status> {
        let mut stub = self
            .encode(inputs)
            .inspect_err(|_| begun.state.withdraw())?;
        let core = &self.handle.core;
        let link = PipeLink::of_client(core, self.handle.shared.transfer, shape);
        if let Some(notify) = notify {
            link.set_notify(notify)?;
        }
        if shape.in_count > 0 {
            link.push_head(std::mem::take(&mut stub).into_whole());
        }
        core.submit(Command::Call(OutgoingCall {
            stub,
            pipes: Some(Arc::clone(&link)),
            ..self.outgoing(Lane::NONE, opnum, begun)
        }));
        Ok(Pipes::new(link))
    }

    /// A call without its stub data.
    fn outgoing(&self, lane: Lane, opnum: u16, begun: Begun) -> OutgoingCall {
        OutgoingCall {
            binding: Arc::clone(&self.handle.shared),
            state: begun.state,
            serial: begun.serial,
            notify: begun.notify,
            lane,
            deadline: self.deadline,
            opnum,
            object: self.handle.shared.object,
            stub: SendBuffer::default(),
            pipes: None,
        }
    }

    /// Makes a call that the server does not answer, as those of `[maybe]` operations: it is sent
    /// when there is a connection, and whether it arrived is not told.
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`] if the parameters contradict each other; then there is no call.
    pub fn call_maybe<I: EncodeParams>(&self, opnum: u16, inputs: &I) -> Result<(), Status> {
        let stub = self.encode(inputs)?;
        self.handle.core.submit(Command::CallMaybe(MaybeCall {
            binding: Arc::clone(&self.handle.shared),
            lane: Lane::of_this_thread(),
            opnum,
            object: self.handle.shared.object,
            stub,
        }));
        Ok(())
    }

    /// The stub data of a request, in a buffer of the core's.
    fn encode<I: EncodeParams>(&self, inputs: &I) -> Result<SendBuffer, Status> {
        let buffers = &self.handle.core.stub_buffers;
        let mut stub = Pieces::from(buffers.take());
        match encode_params(inputs, self.handle.shared.transfer, &mut stub) {
            Ok(()) => Ok(stub.into()),
            Err(_) => {
                buffers.put(stub);
                Err(Status::BadStubData)
            }
        }
    }

    fn submit<I: EncodeParams>(
        &self,
        lane: Lane,
        opnum: u16,
        inputs: &I,
        begun: Begun,
    ) -> Result<(), Status> {
        let stub = self
            .encode(inputs)
            .inspect_err(|_| begun.state.withdraw())?;
        self.handle.core.submit(Command::Call(OutgoingCall {
            stub,
            ..self.outgoing(lane, opnum, begun)
        }));
        Ok(())
    }
}

impl Drop for BindingHandle {
    fn drop(&mut self) {
        self.core
            .submit(Command::CloseBinding(Arc::clone(&self.shared)));
    }
}

impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shared = &self.handle.shared;
        f.debug_struct("Binding")
            .field("target", &shared.target)
            .field("interface", &shared.interface)
            .finish_non_exhaustive()
    }
}

/// The out-parameters of an operation, decoded from a response into values of the caller's own.
pub trait Outputs: Params + Sized {
    /// Decodes the stub data of a response, checked against what its request tells, if that is
    /// known.
    ///
    /// # Errors
    ///
    /// [`Status::BadStubData`] and its like, if the stub data is not what the operation returns.
    fn decode(
        given: Option<Self::Given>,
        stub: &[u8],
        order: ByteOrder,
        transfer: TransferSyntax,
    ) -> Result<Self, Status>;

    /// The same where they start `start` bytes into `stub`, behind the operation's pipes.
    ///
    /// # Errors
    ///
    /// As for [`decode`](Outputs::decode).
    fn decode_behind(
        given: Option<Self::Given>,
        start: usize,
        stub: &[u8],
        order: ByteOrder,
        transfer: TransferSyntax,
    ) -> Result<Self, Status>;
}

impl<T> Outputs for T
where
    T: for<'a> DecodeParams<'a>,
{
    fn decode(
        given: Option<T::Given>,
        stub: &[u8],
        order: ByteOrder,
        transfer: TransferSyntax,
    ) -> Result<Self, Status> {
        dispatch::decode_params(given, stub, order, transfer)
    }

    fn decode_behind(
        given: Option<Self::Given>,
        start: usize,
        stub: &[u8],
        order: ByteOrder,
        transfer: TransferSyntax,
    ) -> Result<Self, Status> {
        dispatch::decode_behind(given, start, stub, order, transfer)
    }
}
