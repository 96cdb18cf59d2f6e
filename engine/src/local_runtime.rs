//! A core on the caller's own thread.

use std::future::Future;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use annulus_ndr::EncodeParams;
use annulus_protocol::{Pieces, SyntaxId, Time};
use annulus_transports::{KernelRing, PollableRing, Ring, RingUsage, Wait};

use crate::binding::BindingShared;
use crate::binding_options::BindingOptions;
use crate::config::{Config, Cores};
use crate::core::{Core, LocalReplies, Siblings, share};
use crate::core_shared::{CancelKind, Command, CoreShared};
use crate::dispatch::encode_params;
use crate::endpoint;
use crate::error::Error;
use crate::idle::Idler;
use crate::opening::Opening;
use crate::resolver::Resolver;
use crate::runtime::{CoreHandle, Host, ThreadGuard, new_ring, pin};
use crate::server::{Server, Serving};
use crate::status::Status;
use crate::table::Key;
use crate::worker_pool::Workers;

/// A core that runs on the thread that made it, while that thread lets it: no hop at all.
///
/// Calls are made with [`call`](LocalRuntime::call) and come back, in place, to the closure
/// of [`turn`](LocalRuntime::turn); nothing is copied and, once warm, nothing is allocated. Or
/// `.await` calls of a [`Binding`](crate::Binding) inside [`block_on`](LocalRuntime::block_on).
/// A server can live here too.
pub struct LocalRuntime<R: Ring = KernelRing> {
    core: Core<R>,
    idler: Idler,
    _guard: ThreadGuard,
    /// After the core: its last blocking calls have ended or will not be answered.
    workers: Workers,
    /// The core belongs to this thread.
    not_send: PhantomData<*const ()>,
}

/// A binding of a [`LocalRuntime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalBinding(Key);

/// A call that a [`LocalRuntime`] made, to [cancel](LocalRuntime::cancel) it. Once the call has ended it
/// stands for nothing, and never for a later call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalCall(Key);

impl LocalRuntime<KernelRing> {
    /// A runtime on this thread. If [`Config::cores`] names one core, the thread is pinned to
    /// it.
    ///
    /// # Errors
    ///
    /// The core cannot be used, or the kernel refuses what the ring needs.
    pub fn new(config: &Config) -> Result<Self, Error> {
        // Before the thread is pinned: the workers need not share its core.
        let workers = Workers::new(&config.limits);
        if let Cores::List(list) = &config.cores
            && let [core] = list[..]
        {
            pin(core)?;
        }
        Ok(LocalRuntime::assemble(new_ring(config)?, config, workers))
    }
}

impl<R: Ring + 'static> LocalRuntime<R> {
    /// A runtime on this thread and on a ring of the caller's choice, such as the simulation.
    #[must_use]
    pub fn with_ring(ring: R, config: &Config) -> Self {
        LocalRuntime::assemble(ring, config, Workers::new(&config.limits))
    }

    /// The cores of one runtime, all on this thread, one for each ring: connections of a server
    /// that one of them [serves](LocalRuntime::serve) are dealt out to all, as in a
    /// [`Runtime`](crate::Runtime). For the simulation; all must take turns.
    #[must_use]
    pub fn with_rings(rings: Vec<R>, config: &Config) -> Vec<Self> {
        let all: Arc<[_]> = rings.iter().map(|ring| share(ring, config)).collect();
        let cores = rings.into_iter().enumerate().map(|(index, ring)| {
            let workers = Workers::new(&config.limits);
            LocalRuntime::on_core(ring, Arc::clone(&all), index, config, workers)
        });
        cores.collect()
    }

    fn assemble(ring: R, config: &Config, workers: Workers) -> Self {
        let all = Arc::from([share(&ring, config)]);
        LocalRuntime::on_core(ring, all, 0, config, workers)
    }

    fn on_core(
        ring: R,
        all: Arc<[Arc<CoreShared>]>,
        index: usize,
        config: &Config,
        workers: Workers,
    ) -> Self {
        let guard = ThreadGuard::new(&all[index]);
        let siblings = Siblings {
            all,
            index,
            resolver: Resolver::new(&config.limits, workers.places()),
        };
        LocalRuntime {
            core: Core::new(ring, siblings, config).with_rests(),
            idler: Idler::new(config.idle),
            _guard: guard,
            workers,
            not_send: PhantomData,
        }
    }

    /// Starts a server on this thread. Host names in its endpoints are looked up on this thread, and
    /// a port that is still in use is waited for (half a second at most), while nothing else
    /// happens on it: [`serve_async`](LocalRuntime::serve_async) leaves both to others.
    ///
    /// # Errors
    ///
    /// An endpoint cannot be opened (the others are closed again), or there is none.
    pub fn serve(&mut self, server: Server) -> Result<Serving, Error> {
        let workers = server.worker_pool(&self.workers)?;
        let directory = self.core.shared().ncalrpc_directory();
        server.resolve(workers, directory)?.serve_with(|server| {
            // A listener that was closed by the try before is gone only then.
            self.core.advance_ring()?;
            self.core.serve(server)
        })
    }

    /// Starts a server on this thread, between its turns: host names are looked up, and ports that
    /// are still in use are waited for, by the threads that do so for bindings
    /// ([`Limits::resolver_threads_max`](crate::Limits::resolver_threads_max)). To be awaited in
    /// [`block_on`](LocalRuntime::block_on), or while turns are taken.
    ///
    /// # Errors
    ///
    /// The future's, as for [`serve`](LocalRuntime::serve).
    pub fn serve_async(&self, server: Server) -> Opening {
        let workers = match server.worker_pool(&self.workers) {
            Ok(workers) => workers,
            Err(error) => return Opening::failed(error),
        };
        let (opening, opener) = Opening::begin();
        let core = Arc::clone(self.core.shared());
        self.core.resolver().run(Box::new(move || {
            let resolved = server.resolve(workers, core.ncalrpc_directory());
            opener.tell(resolved.and_then(|server| server.serve_on(&core)));
        }));
        opening
    }

    /// A binding to the server that `string_binding` names, as [`Binding::new`] has it; connecting
    /// begins.
    ///
    /// # Errors
    ///
    /// As [`Binding::new`].
    ///
    /// [`Binding::new`]: crate::Binding::new
    pub fn bind(
        &mut self,
        string_binding: &str,
        interface: SyntaxId,
    ) -> Result<LocalBinding, Error> {
        self.bind_with(string_binding, interface, BindingOptions::new())
    }

    /// The same as [`bind`](LocalRuntime::bind), with options.
    ///
    /// # Errors
    ///
    /// As [`bind`](LocalRuntime::bind).
    pub fn bind_with(
        &mut self,
        string_binding: &str,
        interface: SyntaxId,
        options: BindingOptions,
    ) -> Result<LocalBinding, Error> {
        let shared = BindingShared::new(
            self.core.shared(),
            &endpoint::parse(string_binding)?,
            interface,
            options,
        )?;
        Ok(LocalBinding(self.core.open_local_binding(&shared)))
    }

    /// A binding to a further interface of the server of another binding, over the association of that one, also if
    /// it is [unique](BindingOptions::unique_binding): a connection carries the calls of both, and has a presentation
    /// context for either interface. It is offered at once, or, where the connection is busy and carries one call at a
    /// time, with the first call: [`is_ready`](LocalRuntime::is_ready) need not come true before that. There a call uses
    /// a further connection while the others are busy, up to
    /// [`Limits::connections_per_association_max`](crate::Limits::connections_per_association_max), or waits. Calls of
    /// the two bindings keep no order among each other. Object, transfer syntax, options, and, if the endpoint mapper
    /// was to be asked, the interface that it is asked for, are those of the other binding.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidBinding`] if the other binding was released.
    pub fn bind_further(
        &mut self,
        binding: LocalBinding,
        interface: SyntaxId,
    ) -> Result<LocalBinding, Status> {
        let further = self.core.open_further_binding(binding.0, interface)?;
        Ok(LocalBinding(further))
    }

    /// Ends the use of a binding: further calls answer [`Status::InvalidBinding`], those in flight
    /// end as they would have.
    pub fn release(&mut self, binding: LocalBinding) {
        self.core.release_binding(binding.0);
    }

    /// Whether the interface of a binding is bound, so that calls are sent at once.
    pub fn is_ready(&self, binding: LocalBinding) -> bool {
        self.core.is_ready(binding.0)
    }

    /// Makes a call. Its end comes to the closure of a later [`turn`](LocalRuntime::turn), with
    /// `token`.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidBinding`], [`Status::OutOfMemory`] if there are too many calls, or
    /// [`Status::BadStubData`] if the parameters contradict each other. Then there is no call.
    pub fn call<I: EncodeParams>(
        &mut self,
        binding: LocalBinding,
        opnum: u16,
        token: u64,
        inputs: &I,
    ) -> Result<LocalCall, Status> {
        let transfer = self.core.transfer_syntax(binding.0)?;
        let encode = |out: &mut Pieces| encode_params(inputs, transfer, out);
        let call = self.core.make_local_call(binding.0, opnum, token, encode)?;
        Ok(LocalCall(call))
    }

    /// Cancels a call: abortive, it ends with [`Status::CallCancelled`] whatever the server does, and the
    /// server is told; non-abortive, the server is told, and ends the call as it likes. Either way its one
    /// end comes to the closure of a later [`turn`](LocalRuntime::turn). On a connection that carries one
    /// call at a time an abortive cancel closes the connection.
    ///
    /// False if the call had ended already; its end was handed out, or will be, as it was.
    pub fn cancel(&mut self, call: LocalCall, kind: CancelKind) -> bool {
        self.core.cancel_local_call(call.0, kind)
    }

    /// One turn: takes what has come in, hands what ended to `replies`, and sends what there
    /// is to send. Waits as the idle policy says. True if there was something to do.
    ///
    /// # Errors
    ///
    /// The ring itself broke.
    pub fn turn(&mut self, replies: LocalReplies<'_>) -> Result<bool, Error> {
        Ok(self.idler.turn(&mut self.core, None, replies)?)
    }

    /// One turn that does not wait.
    ///
    /// # Errors
    ///
    /// The ring itself broke.
    pub fn poll(&mut self, replies: LocalReplies<'_>) -> Result<bool, Error> {
        Ok(self.core.turn(Wait::No, replies)?)
    }

    /// The same as [`turn`](LocalRuntime::turn), but a wait ends at `deadline`.
    ///
    /// # Errors
    ///
    /// The ring itself broke.
    pub fn turn_before(
        &mut self,
        deadline: Time,
        replies: LocalReplies<'_>,
    ) -> Result<bool, Error> {
        Ok(self.idler.turn(&mut self.core, Some(deadline), replies)?)
    }

    /// Runs a future on this thread, with the core's turns in between.
    ///
    /// # Errors
    ///
    /// The ring itself broke.
    pub fn block_on<F: Future>(&mut self, future: F) -> Result<F::Output, Error> {
        let wake = Arc::new(WakeCore {
            woken: AtomicBool::new(true),
            core: Arc::clone(self.core.shared()),
        });
        let waker = Waker::from(Arc::clone(&wake));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if wake.woken.swap(false, Ordering::AcqRel)
                && let Poll::Ready(output) = future.as_mut().poll(&mut context)
            {
                return Ok(output);
            }
            while !wake.woken.load(Ordering::Acquire) {
                self.idler.turn(&mut self.core, None, &mut |_| {})?;
            }
        }
    }

    /// Stops accepting, lets running calls end (for five seconds at most), and closes
    /// everything.
    ///
    /// # Errors
    ///
    /// The ring itself broke.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.begin_shutdown();
        while !self.is_finished() {
            self.core.sleep(None, &mut |_| {})?;
        }
        Ok(())
    }

    /// Begins what [`shutdown`](LocalRuntime::shutdown) does; further turns carry it on.
    pub fn begin_shutdown(&mut self) {
        self.core.begin_shutdown();
    }

    /// Whether a shutdown has come to its end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.core.is_finished()
    }

    /// The ring's time at the start of the last turn.
    #[must_use]
    pub fn now(&self) -> Time {
        self.core.now()
    }

    /// The ring's time at this moment, which costs a reading of its clock.
    #[must_use]
    pub fn clock(&self) -> Time {
        self.core.ring().now()
    }

    /// When the next timer of this core is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.core.next_due()
    }

    /// Calls that were made and have not ended.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.core.calls_in_flight()
    }

    /// What the core and its ring hold at the moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.core.usage()
    }

    /// The ring's name: `io_uring`, `epoll`, `simulation`.
    #[must_use]
    pub fn ring_name(&self) -> &'static str {
        self.core.ring().name()
    }

    /// How many system calls the ring has made to hand over and to wait.
    #[must_use]
    pub fn enter_count(&self) -> u64 {
        self.core.ring().enter_count()
    }
}

/// What a core holds: all zero once everything has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Sockets, buffers and sends of the ring.
    pub ring: RingUsage,
    /// Connections.
    pub connections: usize,
    /// Calls of clients that have not ended.
    pub client_calls: usize,
    /// Calls of servers that were deferred and not yet answered.
    pub server_calls: usize,
    /// Futures that run on the core.
    pub tasks: usize,
    /// Bytes of requests whose last fragment has not arrived.
    pub assembling_len: usize,
    /// Bytes of replies that clients have not read.
    pub backlog: usize,
}

/// For those whose thread waits in an event loop of its own; see
/// [`EmbeddedRuntime`](crate::EmbeddedRuntime).
impl<R: PollableRing> LocalRuntime<R> {
    /// The descriptor that is readable while there may be something to do.
    pub(crate) fn descriptor(&mut self) -> Result<BorrowedFd<'_>, Error> {
        Ok(self.core.descriptor()?)
    }

    /// After a turn that found nothing to do: gets ready for a wait for the descriptor. `None`
    /// if there is something to do first; otherwise how long the wait may be.
    pub(crate) fn begin_rest(&mut self) -> Result<Option<Wait>, Error> {
        Ok(self.core.begin_rest()?)
    }

    /// The wait has ended, for whatever reason.
    pub(crate) fn end_rest(&mut self) {
        self.core.end_rest();
    }
}

impl<R: Ring> Host for LocalRuntime<R> {
    fn choose_core(&self) -> CoreHandle {
        CoreHandle(Arc::clone(self.core.shared()))
    }
}

impl<R: Ring> std::fmt::Debug for LocalRuntime<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalRuntime")
            .field("usage", &self.core.usage())
            .finish_non_exhaustive()
    }
}

/// Wakes a future that runs in [`LocalRuntime::block_on`].
struct WakeCore {
    woken: AtomicBool,
    core: Arc<CoreShared>,
}

impl Wake for WakeCore {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A command in the inbox, as a sleeping core looks for nothing else.
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.core.submit(Command::Wake);
        }
    }
}
