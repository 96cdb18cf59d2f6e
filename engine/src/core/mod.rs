//! A core: one ring, the connections that live on it, and its tables of calls.
//!
//! One turn of a core takes the commands of other threads, hands the sends that have gathered
//! to the ring (one per connection), enters the kernel once, reaps all completions and runs
//! what they caused. Nothing on this way takes a lock or, once warm, allocates.

mod bindings;
pub(crate) mod buffers;
mod client_side;
mod connection;
mod server_side;
pub(crate) mod timers;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use annulus_protocol::{Limits, Time, pdu};
use annulus_transports::{
    Completion, ListenOptions, ListenerId, Ring, RingWaker, SocketId, TransportError, Wait,
};

use self::bindings::Bindings;
pub use self::bindings::{LocalReply, StubData};
use self::buffers::BufferPool;
use self::connection::{Connection, Connections, Life, Role};
use self::timers::{Timer, Timers};
use crate::core_shared::{Command, CoreShared};
use crate::dispatch::DeferredCall;
use crate::endpoint;
use crate::error::Error;
use crate::local_runtime::Usage;
use crate::server::{RunningServer, Server, Serving};
use crate::status::Status;
use crate::table::Table;

/// Spare send buffers that a core keeps.
const SPARE_BUFFERS_MAX: usize = 256;

/// Takes the replies of the calls that this thread itself made on its core.
pub(crate) type LocalReplies<'r> = &'r mut dyn FnMut(LocalReply<'_>);

/// The cores of one runtime, and which of them this is.
#[derive(Clone)]
pub(crate) struct Siblings {
    pub(crate) all: Arc<[Arc<CoreShared>]>,
    pub(crate) index: usize,
}

pub(crate) struct Core<R: Ring> {
    ring: R,
    shared: Arc<CoreShared>,
    siblings: Siblings,
    limits: Arc<Limits>,
    now: Time,
    connections: Connections,
    listeners: Vec<Listener>,
    /// Server calls that were taken out of their dispatch.
    deferred: Table<DeferredCall>,
    bindings: Bindings,
    timers: Timers,
    buffers: BufferPool,
    /// Connections with something to send.
    dirty: Vec<SocketId>,
    /// Calls of this thread that failed before its next turn.
    early_failures: Vec<(u64, Status)>,
    phase: Phase,
}

struct Listener {
    id: ListenerId,
    server: Arc<RunningServer>,
    endpoint: usize,
}

/// How far a core's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Running calls end, no new ones begin.
    Draining,
    /// All sockets are closing.
    Closing,
}

/// A core's shared part, made before the ring is put to use.
pub(crate) fn share<R: Ring>(ring: &R, limits: &Limits) -> Arc<CoreShared> {
    let waker = ring.waker();
    Arc::new(CoreShared::new(limits, Box::new(move || waker.wake())))
}

impl<R: Ring> Core<R> {
    pub(crate) fn new(ring: R, siblings: Siblings, limits: Arc<Limits>) -> Self {
        let shared = Arc::clone(&siblings.all[siblings.index]);
        Core {
            now: ring.now(),
            ring,
            shared,
            siblings,
            connections: Connections::default(),
            listeners: Vec::new(),
            deferred: Table::new(limits.calls_per_core_max),
            bindings: Bindings::new(&limits),
            limits,
            timers: Timers::default(),
            buffers: BufferPool::new(SPARE_BUFFERS_MAX),
            dirty: Vec::new(),
            early_failures: Vec::new(),
            phase: Phase::Running,
        }
    }

    pub(crate) fn ring(&self) -> &R {
        &self.ring
    }

    pub(crate) fn shared(&self) -> &Arc<CoreShared> {
        &self.shared
    }

    /// The ring's time at the start of the last turn.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            ring: self.ring.usage(),
            connections: self.connections.len(),
            client_calls: self.bindings.calls_in_flight(),
            server_calls: self.deferred.len(),
        }
    }

    /// When a timer is due next.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// Whether the core has been shut down and everything it held is back.
    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Closing && self.connections.len() == 0 && self.listeners.is_empty()
    }

    /// One turn, as the module describes it. `wait` is how long the ring may wait for a
    /// completion. True if there was something to do.
    pub(crate) fn turn(
        &mut self,
        wait: Wait,
        replies: LocalReplies<'_>,
    ) -> Result<bool, TransportError> {
        let mut worked = self.take_commands(replies) | !self.early_failures.is_empty();
        for (token, status) in self.early_failures.drain(..) {
            replies(LocalReply {
                token,
                at: self.now,
                result: Err(status),
            });
        }
        self.flush();
        // A command can be all that there was to wait for, such as the last step of a shutdown.
        self.ring.enter(if worked { Wait::No } else { wait })?;
        self.now = self.ring.now();
        while let Some(completion) = self.ring.next_completion() {
            worked = true;
            self.complete(completion, replies);
        }
        worked |= self.run_timers(replies);
        if self.phase != Phase::Running {
            self.continue_shutdown();
        }
        Ok(worked)
    }

    /// A turn that waits until there is something to do, or until `deadline`, if there is one.
    pub(crate) fn sleep(
        &mut self,
        deadline: Option<Time>,
        replies: LocalReplies<'_>,
    ) -> Result<bool, TransportError> {
        let awake = !self.shared.inbox().prepare_sleep();
        let due = self.next_due().into_iter().chain(deadline).min();
        let wait = match due {
            _ if awake => Wait::No,
            Some(due) => Wait::Until(due),
            None => Wait::Forever,
        };
        let worked = self.turn(wait, replies);
        self.shared.inbox().end_sleep();
        worked
    }

    fn take_commands(&mut self, replies: LocalReplies<'_>) -> bool {
        let mut worked = false;
        // Bounded, so that busy producers cannot keep the core from its ring.
        for _ in 0..self.limits.inbox_len {
            let Some(command) = self.shared.inbox().pop() else {
                break;
            };
            worked = true;
            self.obey(command, replies);
        }
        worked
    }

    fn obey(&mut self, command: Command, replies: LocalReplies<'_>) {
        match command {
            Command::Call(call) => self.make_call(call, replies),
            Command::Cancel {
                state,
                serial,
                kind,
            } => self.cancel_call(&state, serial, kind, replies),
            Command::CloseBinding(binding) => self.close_binding(&binding),
            Command::Complete { call, stub } => self.complete_deferred(call, stub, replies),
            Command::Abort { call, status } => self.abort_deferred(call, status, replies),
            Command::Adopt {
                stream,
                server,
                endpoint,
            } => match stream.downcast::<R::Stream>() {
                Ok(stream) => self.adopt(*stream, server, endpoint),
                Err(_) => unreachable!("all cores of a runtime have rings of one type"),
            },
            Command::Serve { server, answer } => {
                // Whoever asked may have gone away.
                let _ = answer.send(self.serve(server));
            }
            Command::Shutdown => self.begin_shutdown(),
        }
    }

    /// Hands what has gathered to the ring: one send per connection.
    fn flush(&mut self) {
        for index in 0..self.dirty.len() {
            let socket = self.dirty[index];
            // A connection can be gone, or its socket closing, between the note and the flush.
            if let Some(connection) = self.connections.get_mut(socket)
                && connection.life != Life::Closing
                && connection.outgoing.is_queued()
            {
                let buffer = connection.outgoing.begin_send(self.buffers.take());
                if let Role::Server(link) = &connection.role {
                    let counters = link.server.counters(self.siblings.index);
                    counters.packets_out.add(pdu::count(&buffer));
                }
                self.ring.send(socket, buffer);
            }
        }
        self.dirty.clear();
    }

    fn complete(&mut self, completion: Completion<R::Stream>, replies: LocalReplies<'_>) {
        match completion {
            Completion::Accepted {
                listener, stream, ..
            } => self.accept(listener, stream),
            Completion::AcceptPaused { error, .. } => {
                tracing::warn!(%error, "accepting pauses; it resumes by itself");
            }
            Completion::Connected { socket } => self.connected(socket),
            Completion::ConnectFailed { socket, error } => {
                tracing::debug!(%error, "connecting failed");
                self.connection_lost(socket, replies);
            }
            Completion::Received { socket, lease } => {
                self.received(socket, &lease, replies);
                self.ring.release(lease);
            }
            Completion::ReceiveEnded { socket, error } => {
                tracing::trace!(?error, socket = socket.0, "the peer sends no more");
                self.connection_lost(socket, replies);
                self.close(socket);
            }
            Completion::Sent { socket, buffer } => {
                self.buffers.put(buffer);
                self.sent(socket, replies);
            }
            Completion::SendFailed {
                socket,
                buffer,
                error,
            } => {
                tracing::trace!(%error, socket = socket.0, "a send failed");
                self.buffers.put(buffer);
                if let Some(connection) = self.connections.get_mut(socket) {
                    connection.outgoing.end_send();
                }
                self.connection_lost(socket, replies);
                self.close(socket);
            }
            Completion::Closed { socket } => self.closed(socket, replies),
            _ => unreachable!("a completion that this engine does not know"),
        }
    }

    fn received(
        &mut self,
        socket: SocketId,
        lease: &annulus_transports::ReceiveLease,
        replies: LocalReplies<'_>,
    ) {
        let Core {
            ring, connections, ..
        } = self;
        let Some(connection) = connections.get_mut(socket) else {
            return;
        };
        if connection.life != Life::Open {
            return;
        }
        if !connection.stalled.is_empty() {
            connection.stalled.extend_from_slice(ring.received(lease));
            return;
        }
        match connection.role {
            Role::Server(_) => self.server_received(socket, lease),
            Role::Client(_) => self.client_received(socket, lease, replies),
        }
        self.settle(socket, replies);
    }

    /// A send has ended well: the next one, more input, or the end of the connection.
    fn sent(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        connection.outgoing.end_send();
        let drained = connection.outgoing.backlog() <= self.limits.send_backlog_max / 2;
        if connection.life == Life::Open && connection.outgoing.held_back && drained {
            connection.outgoing.held_back = false;
            let stalled = std::mem::take(&mut connection.stalled);
            if !stalled.is_empty() {
                self.resume_stalled(socket, &stalled);
            }
            if let Some(connection) = self.connections.get_mut(socket)
                && !connection.outgoing.held_back
            {
                self.ring.resume_receive(socket);
            }
        }
        self.settle(socket, replies);
    }

    /// After a connection has been worked on: queues its output, arms its timer, and closes it
    /// when all has been said.
    fn settle(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        connection.outgoing.queue(socket, &mut self.dirty);
        match connection.life {
            Life::Open => {
                // Only a server holds its peer back: a client that stopped reading because the
                // server does not would wait for a server that waits for it.
                let is_server = matches!(connection.role, Role::Server(_));
                let too_much = connection.outgoing.backlog() > self.limits.send_backlog_max;
                if is_server && too_much && !connection.outgoing.held_back {
                    connection.outgoing.held_back = true;
                    self.ring.pause_receive(socket);
                }
                self.arm_timer(socket);
            }
            Life::Flushing if connection.outgoing.backlog() == 0 => self.close(socket),
            Life::Flushing => {
                self.connection_lost(socket, replies);
                self.arm_timer(socket);
            }
            Life::Closing => {}
        }
    }

    /// Sees to it that a timer looks at the connection when its next deadline comes. Deadlines
    /// mostly move into the future, so a timer that comes early looks again later.
    fn arm_timer(&mut self, socket: SocketId) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let Some(due) = connection.next_deadline() else {
            return;
        };
        if connection.timer_due.is_none_or(|armed| due < armed) {
            connection.timer_due = Some(due);
            self.timers.add(
                due,
                Timer::Connection {
                    socket,
                    serial: connection.serial,
                },
            );
        }
    }

    fn run_timers(&mut self, replies: LocalReplies<'_>) -> bool {
        let mut worked = false;
        while let Some(timer) = self.timers.pop_due(self.now) {
            worked = true;
            match timer {
                Timer::Connection { socket, serial } => {
                    self.connection_timer(socket, serial, replies);
                }
                Timer::Run(run) => drop(server_side::contain_panic(run)),
                Timer::DrainEnds => self.close_all(),
            }
        }
        worked
    }

    fn connection_timer(&mut self, socket: SocketId, serial: u64, replies: LocalReplies<'_>) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        if connection.serial != serial || connection.timer_due.is_none_or(|due| due > now) {
            return;
        }
        connection.timer_due = None;
        if connection.next_deadline().is_some_and(|due| due <= now) {
            if connection.life == Life::Flushing || connection.is_connecting() {
                self.connection_lost(socket, replies);
                self.close(socket);
                return;
            }
            self.protocol_deadline(socket, replies);
        }
        self.settle(socket, replies);
    }

    fn protocol_deadline(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let (now, flush_timeout) = (self.now, self.limits.flush_timeout);
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let out = &mut connection.outgoing.buffer;
        let expired = match &mut connection.role {
            Role::Server(link) => link.protocol.handle_deadline(now, out).is_some(),
            Role::Client(link) => link.protocol.handle_deadline(now, out).is_some(),
        };
        if expired {
            tracing::debug!(socket = socket.0, "a peer took too long");
            connection.begin_flush(now + flush_timeout);
            self.connection_lost(socket, replies);
        }
    }

    /// The peer of a connection is gone, or is to be: its calls end.
    fn connection_lost(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        match connection.role {
            Role::Server(_) => self.server_lost(socket),
            Role::Client(_) => self.client_lost(socket, replies),
        }
    }

    fn close(&mut self, socket: SocketId) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        if connection.life != Life::Closing {
            connection.life = Life::Closing;
            self.ring.close(socket);
        }
    }

    fn closed(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        self.connection_lost(socket, replies);
        if let Some(connection) = self.connections.remove(socket) {
            self.buffers.put(connection.outgoing.buffer);
            if let Role::Server(_) = connection.role {
                self.shared.connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Opens the endpoints of a server on this core.
    pub(crate) fn serve(&mut self, server: Server) -> Result<Serving, Error> {
        if self.phase != Phase::Running {
            return Err(Error::ShutDown);
        }
        if server.endpoints.is_empty() {
            return Err(Error::NoEndpoint);
        }
        let endpoints = server.endpoints.clone();
        let running = RunningServer::new(server, Arc::clone(&self.limits), self.siblings.all.len());
        let first = self.listeners.len();
        match self.listen(&endpoints, &running) {
            Ok(bound) => running.set_bound(bound),
            Err(error) => {
                for listener in self.listeners.drain(first..) {
                    self.ring.close_listener(listener.id);
                }
                return Err(error);
            }
        }
        Ok(Serving { server: running })
    }

    fn listen(
        &mut self,
        endpoints: &[annulus_transports::StringBinding],
        server: &Arc<RunningServer>,
    ) -> Result<
        Vec<(
            annulus_transports::StringBinding,
            annulus_transports::Address,
        )>,
        Error,
    > {
        let mut bound = Vec::new();
        for binding in endpoints {
            for address in endpoint::resolve_local(binding)? {
                let (id, address) = self.ring.listen(address, &ListenOptions::default())?;
                self.listeners.push(Listener {
                    id,
                    server: Arc::clone(server),
                    endpoint: bound.len(),
                });
                bound.push((binding.clone().with_address(&address), address));
            }
        }
        Ok(bound)
    }

    /// Deals a new connection to the core that has the fewest.
    fn accept(&mut self, id: ListenerId, stream: R::Stream) {
        let Some(listener) = self.listeners.iter().find(|listener| listener.id == id) else {
            return;
        };
        if self.phase != Phase::Running {
            return;
        }
        let server = Arc::clone(&listener.server);
        let endpoint = listener.endpoint;
        let fewest = self
            .siblings
            .all
            .iter()
            .min_by_key(|core| core.connections.load(Ordering::Relaxed))
            .expect("a runtime has at least one core");
        fewest.connections.fetch_add(1, Ordering::Relaxed);
        if Arc::ptr_eq(fewest, &self.shared) {
            self.adopt(stream, server, endpoint);
        } else {
            fewest.submit(Command::Adopt {
                stream: Box::new(stream),
                server,
                endpoint,
            });
        }
    }

    pub(crate) fn begin_shutdown(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        self.phase = Phase::Draining;
        for listener in self.listeners.drain(..) {
            listener.server.stop_listening();
            self.ring.close_listener(listener.id);
        }
        self.timers
            .add_after(self.now, self.limits.drain_timeout, Timer::DrainEnds);
        self.continue_shutdown();
    }

    fn continue_shutdown(&mut self) {
        if self.phase == Phase::Draining
            && self.deferred.len() == 0
            && self.bindings.calls_in_flight() == 0
        {
            self.phase = Phase::Closing;
            for socket in self.connections.sockets() {
                let Some(connection) = self.connections.get_mut(socket) else {
                    continue;
                };
                connection.begin_flush(self.now + self.limits.flush_timeout);
                if connection.outgoing.backlog() == 0 {
                    self.close(socket);
                } else {
                    connection.outgoing.queue(socket, &mut self.dirty);
                    self.arm_timer(socket);
                }
            }
        }
    }

    fn close_all(&mut self) {
        if self.phase == Phase::Running {
            return;
        }
        self.phase = Phase::Closing;
        for socket in self.connections.sockets() {
            self.close(socket);
        }
    }
}

impl<R: Ring> Drop for Core<R> {
    /// Whoever still waits for a call learns that it will not end well.
    fn drop(&mut self) {
        self.bindings
            .end_all_calls(Status::CallFailed, &self.shared);
    }
}

impl Connection {
    /// Nothing that comes in counts any more; what is left is sent by `deadline`.
    fn begin_flush(&mut self, deadline: Time) {
        if self.life == Life::Open {
            self.life = Life::Flushing;
            self.connect_deadline = None;
            self.stalled = Vec::new();
            self.flush_deadline = Some(deadline);
        }
    }
}
