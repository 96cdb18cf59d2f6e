//! What other threads know of a core.

use std::any::Any;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;
use std::time::Duration;

use annulus_protocol::{Limits, SendBuffer, Uuid};
use annulus_transports::NcalrpcDirectory;
use crossbeam_queue::ArrayQueue;

use crate::binding::BindingShared;
use crate::call_state::CallState;
use crate::call_watch::CallWatch;
use crate::config::Config;
use crate::core::Lane;
use crate::core::buffers::SharedBufferPool;
use crate::core::connection::Inbound;
use crate::core::handover::Handover;
use crate::error::Error;
use crate::executor::Executor;
use crate::foreign::Contained;
use crate::inbox::Inbox;
use crate::notify::Notify;
use crate::pipe::PipeLink;
use crate::resolver::Answer;
use crate::server::{Counter, ResolvedServer, Serving};
use crate::server_call::CallEnd;
use crate::status::Status;
use crate::table::Key;

/// Buffers and call states that wait to be used again, a core.
const SPARE_MAX: usize = 1024;

/// The largest buffer that is kept between threads and a core.
const SPARE_BUFFER_LEN_MAX: usize = 16 << 10;

/// The part of a core that other threads may touch: its inbox and a few counters.
pub(crate) struct CoreShared {
    limits: Arc<Limits>,
    ncalrpc_directory: NcalrpcDirectory,
    /// The thread that runs the core.
    thread: OnceLock<ThreadId>,
    inbox: Inbox<Command>,
    closed: AtomicBool,
    /// Connections of servers that live on this core or are on their way to it; by this the
    /// acceptor chooses.
    pub(crate) connections: Apart<AtomicUsize>,
    /// Connections of clients that live on this core, or are being made. Only the core writes.
    pub(crate) dialed: AtomicUsize,
    /// Most connections of both kinds: what the limits allow, and what the ring has room for.
    connections_max: usize,
    /// Bytes that were pushed into the pipes of its server calls and are not sent yet.
    pub(crate) pushed_len: Apart<AtomicUsize>,
    /// Calls that clients have made on this core. Only the core writes.
    pub(crate) calls_in: Counter,
    /// Bytes that were received for the pipes of its server calls and are not pulled yet.
    pub(crate) unpulled_len: Apart<AtomicUsize>,
    /// Calls that this core has sent. Only the core writes.
    pub(crate) calls_out: Counter,
    pub(crate) stub_buffers: SharedBufferPool,
    call_states: ArrayQueue<Arc<CallState>>,
}

/// What begins a task of a core.
pub(crate) type Start = Box<dyn FnOnce(&Executor) + Send>;

/// A count that the core and other threads write, on cache lines of its own: two, as processors
/// fetch them in pairs. Otherwise each write would cost the core what it reads beside it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What another thread asks of a core.
pub(crate) enum Command {
    /// Make a call.
    Call(OutgoingCall),
    /// Make a call that nobody answers.
    CallMaybe(MaybeCall),
    /// Cancel a call.
    Cancel {
        state: Arc<CallState>,
        serial: u32,
        kind: CancelKind,
    },
    /// Nobody uses this binding any more.
    CloseBinding(Arc<BindingShared>),
    /// A deferred call ends.
    EndCall {
        call: Key,
        watch: Arc<CallWatch>,
        end: CallEnd,
    },
    /// Something was pushed into a pipe, or a pipe that was full has room again.
    Pipe(Arc<PipeLink>),
    /// A client's end of a pipe is gone before the pipe's end: its call is given up.
    AbandonPipe(Arc<PipeLink>),
    /// A connection that another core accepted. The stream is of the ring's own type.
    Adopt {
        stream: Box<dyn Any + Send>,
        inbound: Inbound,
    },
    /// The resolver has answered for an association.
    Resolved { association: Key, answer: Answer },
    /// A connection of another core, which goes on here.
    TakeOver(Box<Handover>),
    /// Look whether another core has fewer connections.
    Balance,
    /// Open the endpoints of a server.
    Serve {
        server: Arc<ResolvedServer>,
        answer: Sender<Result<Serving, Error>>,
    },
    /// Begin something of this crate's own that goes on as a task.
    Start(Contained<Start>),
    /// Poll a task of this core.
    RunTask(Key),
    /// Look around: something outside of the inbox has changed.
    Wake,
    /// Stop accepting, let running calls end, close everything.
    Shutdown,
}

/// A call on its way to the core of its connection.
pub(crate) struct OutgoingCall {
    pub(crate) binding: Arc<BindingShared>,
    pub(crate) state: Arc<CallState>,
    pub(crate) serial: u32,
    pub(crate) notify: Contained<Notify>,
    pub(crate) lane: Lane,
    /// How long the call may take at most.
    pub(crate) deadline: Option<Duration>,
    pub(crate) opnum: u16,
    pub(crate) object: Option<Uuid>,
    pub(crate) stub: SendBuffer,
    pub(crate) pipes: Option<Arc<PipeLink>>,
}

/// A call without an answer on its way to the core of its connection.
pub(crate) struct MaybeCall {
    pub(crate) binding: Arc<BindingShared>,
    pub(crate) lane: Lane,
    pub(crate) opnum: u16,
    pub(crate) object: Option<Uuid>,
    pub(crate) stub: SendBuffer,
}

/// The ways to cancel a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelKind {
    /// The server is told, and its answer is awaited. A call that was not sent yet ends at once.
    NonAbortive,
    /// The server is told, and the call ends at once with [`Status::CallCancelled`]. Dropping the
    /// handle or the future of a call does the same.
    Abortive,
    /// First non-abortive; then, if the server has not answered `after` this time, abortive.
    Escalating {
        /// How long the server's answer is awaited.
        after: Duration,
    },
}

impl CoreShared {
    pub(crate) fn new(config: &Config, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        CoreShared {
            thread: OnceLock::new(),
            inbox: Inbox::new(config.limits.inbox_len, wake),
            limits: Arc::clone(&config.limits),
            ncalrpc_directory: config.ncalrpc_directory.clone(),
            closed: AtomicBool::new(false),
            connections: Apart::default(),
            dialed: AtomicUsize::new(0),
            connections_max: config.limits.connections_per_core_max,
            pushed_len: Apart::default(),
            calls_in: Counter::default(),
            unpulled_len: Apart::default(),
            calls_out: Counter::default(),
            stub_buffers: SharedBufferPool::new(SPARE_MAX, SPARE_BUFFER_LEN_MAX),
            call_states: ArrayQueue::new(SPARE_MAX),
        }
    }

    /// The same for a core whose ring holds at most so many sockets, those that are closing
    /// included.
    pub(crate) fn with_socket_capacity(mut self, capacity: usize) -> Self {
        // Where there is less room than the limits ask for, both kinds share what there is.
        let closing = self.limits.closing_sockets_per_core_max.min(capacity / 2);
        self.connections_max = self.connections_max.min(capacity - closing);
        self
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Most connections that this core takes.
    pub(crate) fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// Whether this core takes one more connection.
    pub(crate) fn has_room(&self) -> bool {
        self.connection_count() < self.connections_max
    }

    /// Whether there are connections, some of them on their way here, that this core cannot take.
    pub(crate) fn is_overfull(&self) -> bool {
        self.connection_count() > self.connections_max
    }

    fn connection_count(&self) -> usize {
        let (connections, dialed) = (&self.connections, &self.dialed);
        connections.load(Ordering::Relaxed) + dialed.load(Ordering::Relaxed)
    }

    /// Where the sockets of `ncalrpc` are.
    pub(crate) fn ncalrpc_directory(&self) -> &NcalrpcDirectory {
        &self.ncalrpc_directory
    }

    /// Marks the calling thread as the one that runs this core.
    pub(crate) fn enter_thread(&self) {
        let first = self.thread.set(std::thread::current().id());
        assert!(first.is_ok(), "a core stays on its thread");
    }

    /// Whether the calling thread runs this core, so that it must not wait for it.
    pub(crate) fn is_current(&self) -> bool {
        self.thread.get() == Some(&std::thread::current().id())
    }

    /// Hands a command to the core. If the core has ended, the command fails at once.
    pub(crate) fn submit(&self, command: Command) {
        self.inbox.push(command);
        // Pairs with the fence in `close`: either the closing core sees this command, or this
        // thread sees that the core has closed.
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Relaxed) {
            self.fail_all();
        }
    }

    pub(crate) fn inbox(&self) -> &Inbox<Command> {
        &self.inbox
    }

    /// The core ends: whatever waits in its inbox, and whatever comes later, fails.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        // A state may still have the waker of a future on this core, which refers to the core.
        while self.call_states.pop().is_some() {}
        fence(Ordering::SeqCst);
        self.fail_all();
    }

    fn fail_all(&self) {
        while let Some(command) = self.inbox.pop() {
            match command {
                Command::Call(call) => {
                    if let Some(pipes) = &call.pipes {
                        pipes.finish(Status::CallFailedDne);
                    }
                    let failed = Err(Status::CallFailedDne);
                    call.state.finish(call.serial, failed, &call.notify, None);
                }
                Command::TakeOver(handover) => handover.abandon(),
                _ => {}
            }
        }
    }

    pub(crate) fn take_call_state(&self) -> Arc<CallState> {
        self.call_states
            .pop()
            .unwrap_or_else(|| Arc::new(CallState::new()))
    }

    pub(crate) fn put_call_state(&self, state: Arc<CallState>) {
        debug_assert!(state.has_no_call());
        if !self.closed.load(Ordering::Relaxed) {
            // A full pool frees the state.
            let _ = self.call_states.push(state);
        }
    }
}
