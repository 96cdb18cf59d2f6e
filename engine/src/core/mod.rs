//! A core: one ring, the connections that live on it, and its tables of calls.
//!
//! One turn of a core takes the commands of other threads, hands the sends that have gathered
//! to the ring (one per connection), enters the kernel, reaps all completions, runs what they
//! caused, and hands over at once what that led to. Nothing on this way takes a lock or, once warm,
//! allocates.

mod answers;
mod associations;
mod balance;
mod bindings;
pub(crate) mod buffers;
mod cancel;
mod client_side;
pub(crate) mod connection;
mod deferred;
mod dials;
pub(crate) mod handover;
mod held;
mod lifecycle;
mod links;
mod pipes;
mod rest;
mod server_side;
#[cfg(test)]
mod simulation;
mod sleeps;
pub(crate) mod tasks;
mod timers;
mod traffic;
mod unsent;
mod workplace;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use annulus_protocol::{Limits, Time, pdu};
use annulus_transports::{Completion, Ring, RingWaker, SocketId, TransportError, Wait};

use self::associations::Associations;
use self::bindings::Bindings;
pub(crate) use self::bindings::Lane;
pub use self::bindings::{LocalReply, StubData};
use self::buffers::BufferPool;
use self::connection::{Connections, Life, Role};
use self::deferred::DeferredCalls;
use self::handover::Balancer;
use self::lifecycle::{Listener, Phase};
use self::tasks::Tasks;
use self::timers::Timers;
use crate::config::Config;
use crate::core_shared::{Command, CoreShared};
use crate::executor::Executor;
use crate::local_runtime::Usage;
use crate::resolver::Resolver;
use crate::status::Status;

/// Takes the replies of the calls that this thread itself made on its core.
pub(crate) type LocalReplies<'r> = &'r mut dyn FnMut(LocalReply<'_>);

/// The cores of one runtime, which of them this is, and what they have together.
#[derive(Clone)]
pub(crate) struct Siblings {
    pub(crate) all: Arc<[Arc<CoreShared>]>,
    pub(crate) index: usize,
    pub(crate) resolver: Arc<Resolver>,
}

pub(crate) struct Core<R: Ring> {
    ring: R,
    shared: Arc<CoreShared>,
    siblings: Siblings,
    limits: Arc<Limits>,
    seed: Option<u64>,
    now: Time,
    /// Its thread does other things between its turns, so that the time of the last one may be
    /// long ago.
    may_rest: bool,
    connections: Connections,
    listeners: Vec<Listener>,
    /// Server calls that were taken out of their dispatch.
    deferred: DeferredCalls,
    bindings: Bindings,
    associations: Associations,
    timers: Timers,
    tasks: Rc<Tasks>,
    buffers: BufferPool,
    /// What came behind a long PDU that was received right to its place; empty in between.
    ahead: Vec<u8>,
    balancer: Balancer,
    /// Connections with something to send.
    dirty: Vec<SocketId>,
    /// Connections on which something has come in, to be settled in this turn.
    unsettled: Vec<SocketId>,
    /// No deadline of a connection comes sooner than this.
    deadline_min: Duration,
    /// Bytes that the peers of all server connections have not taken yet.
    backlog: usize,
    /// Bytes of requests that are being reassembled.
    assembling_len: usize,
    /// Calls of this thread that failed before its next turn.
    early_failures: Vec<(u64, Status)>,
    phase: Phase,
}

/// A core's shared part, made before the ring is put to use.
pub(crate) fn share<R: Ring>(ring: &R, config: &Config) -> Arc<CoreShared> {
    let waker = ring.waker();
    let shared = CoreShared::new(config, Box::new(move || waker.wake()));
    Arc::new(shared.with_socket_capacity(ring.socket_capacity()))
}

impl<R: Ring> Core<R> {
    pub(crate) fn new(ring: R, siblings: Siblings, config: &Config) -> Self {
        let limits = Arc::clone(&config.limits);
        let shared = Arc::clone(&siblings.all[siblings.index]);
        let balancer = Balancer::new(config.balance, &siblings, &ring);
        Core {
            now: ring.now(),
            may_rest: false,
            ring,
            siblings,
            connections: Connections::default(),
            listeners: Vec::new(),
            deferred: DeferredCalls::new(limits.calls_per_core_max),
            bindings: Bindings::new(&limits),
            associations: Associations::new(),
            timers: Timers::new(limits.timers_per_core_max),
            tasks: Rc::new(Tasks::new(Arc::clone(&shared), limits.tasks_per_core_max)),
            buffers: BufferPool::new(limits.spare_buffers_len_max),
            ahead: Vec::new(),
            balancer,
            shared,
            deadline_min: connection::deadline_min(&limits),
            limits,
            seed: config.seed,
            dirty: Vec::new(),
            unsettled: Vec::new(),
            backlog: 0,
            assembling_len: 0,
            early_failures: Vec::new(),
            phase: Phase::Running,
        }
    }

    /// The same core, for a thread that does other things between its turns.
    pub(crate) fn with_rests(mut self) -> Self {
        self.may_rest = true;
        self
    }

    pub(crate) fn ring(&self) -> &R {
        &self.ring
    }

    pub(crate) fn shared(&self) -> &Arc<CoreShared> {
        &self.shared
    }

    pub(crate) fn resolver(&self) -> &Resolver {
        &self.siblings.resolver
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
            tasks: self.tasks.len(),
            assembling_len: self.assembling_len,
            backlog: self.backlog,
        }
    }

    /// When a timer is due next.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let (timer, sleep) = (self.timers.next_due(), self.tasks.next_due());
        timer.into_iter().chain(sleep).min()
    }

    /// One turn, as the module describes it. `wait` is how long the ring may wait for a
    /// completion. True if there was something to do.
    pub(crate) fn turn(
        &mut self,
        wait: Wait,
        replies: LocalReplies<'_>,
    ) -> Result<bool, TransportError> {
        let mut worked =
            self.take_commands(replies) | !self.early_failures.is_empty() | self.is_drained();
        for (token, status) in self.early_failures.drain(..) {
            replies(LocalReply::failed(token, self.now, status));
        }
        self.flush();
        // A command can be all that there was to wait for, such as the last step of a shutdown.
        let wait = if worked {
            Wait::No
        } else {
            self.begin_wait(wait)?
        };
        self.ring.enter(wait)?;
        // Before anything runs that may use the inbox: this core is awake now.
        self.shared.inbox().end_sleep();
        self.now = self.ring.now();
        self.time_sends();
        while let Some(completion) = self.ring.next_completion() {
            worked = true;
            self.complete(completion, replies);
        }
        self.hurry()?;
        self.settle_all(replies);
        worked |= self.run_timers(replies);
        worked |= self.run_tasks();
        self.retire_bindings();
        if self.phase != Phase::Running {
            self.continue_shutdown(replies);
        }
        Ok(worked)
    }

    /// Before a wait: the time of what was just flushed runs meanwhile, and may end it.
    fn begin_wait(&mut self, wait: Wait) -> Result<Wait, TransportError> {
        if wait == Wait::No || self.dirty.is_empty() {
            return Ok(wait);
        }
        self.ring.submit()?;
        // The last turn may have been long ago.
        self.now = self.ring.now();
        self.time_sends();
        Ok(wait.min(Wait::until(self.next_due())))
    }

    /// A turn that waits until there is something to do, or until `deadline`, if there is one.
    pub(crate) fn sleep(
        &mut self,
        deadline: Option<Time>,
        replies: LocalReplies<'_>,
    ) -> Result<bool, TransportError> {
        let awake = self.tasks.has_ready() | !self.shared.inbox().prepare_sleep();
        let due = self.next_due().into_iter().chain(deadline).min();
        let wait = match due {
            _ if awake => Wait::No,
            Some(due) => Wait::Until(due),
            None => Wait::Forever,
        };
        self.turn(wait, replies)
    }

    fn take_commands(&mut self, replies: LocalReplies<'_>) -> bool {
        let mut worked = false;
        // Bounded, so that busy producers cannot keep the core from its ring.
        for _ in 0..self.limits.inbox_len {
            let Some(command) = self.shared.inbox().pop() else {
                break;
            };
            if self.may_rest && !worked {
                self.now = self.ring.now();
            }
            worked = true;
            self.obey(command, replies);
        }
        worked
    }

    fn obey(&mut self, command: Command, replies: LocalReplies<'_>) {
        match command {
            Command::Call(call) => self.make_call(call, replies),
            Command::CallMaybe(call) => self.make_maybe_call(call, replies),
            Command::Cancel {
                state,
                serial,
                kind,
            } => self.cancel_call(&state, serial, kind, replies),
            Command::Pipe(link) => self.serve_pipe(&link, replies),
            Command::AbandonPipe(link) => self.abandon_pipe(&link, replies),
            Command::CloseBinding(binding) => self.close_binding(&binding),
            Command::EndCall { call, watch, end } => self.end_call(call, watch, end, replies),
            Command::Adopt { stream, inbound } => match stream.downcast::<R::Stream>() {
                Ok(stream) => self.adopt(*stream, inbound),
                Err(_) => unreachable!("all cores of a runtime have rings of one type"),
            },
            Command::TakeOver(handover) => self.take_over(*handover, replies),
            Command::Balance => self.expect_imbalance(),
            Command::Serve { server, answer } => {
                // Whoever asked may have gone away.
                let _ = answer.send(self.serve(&server));
            }
            Command::Resolved {
                association,
                answer,
            } => self.resolved(association, answer, replies),
            Command::Start(start) => start.into_inner()(&Executor {
                tasks: Rc::clone(&self.tasks),
            }),
            Command::RunTask(task) => self.tasks.make_ready(task),
            Command::Wake => {}
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
                let buffer = connection.outgoing.begin_send();
                if let Role::Server(link) = &connection.role {
                    let counters = link.client.server.counters(self.siblings.index);
                    counters.packets_out.add(pdu::count(buffer.pieces()));
                }
                self.ring.send(socket, buffer);
            }
        }
    }

    /// What was flushed is on its way since now. After the fact, so that it leaves the sooner.
    fn time_sends(&mut self) {
        for index in 0..self.dirty.len() {
            let socket = self.dirty[index];
            if let Some(connection) = self.connections.get_mut(socket)
                && connection.outgoing.is_sending()
            {
                connection.outgoing.sending_since = self.now;
                self.arm_timer_by(socket, self.now + self.limits.send_timeout);
            }
        }
        self.dirty.clear();
    }

    /// Sends what completions have led to before anything else is done: somebody waits for it.
    /// Unless tasks can go on, whose replies may go into the same sends.
    fn hurry(&mut self) -> Result<(), TransportError> {
        if !self.dirty.is_empty() && !self.tasks.has_ready() {
            self.flush();
            self.ring.submit()?;
            self.time_sends();
        }
        Ok(())
    }

    fn complete(&mut self, completion: Completion<R::Stream>, replies: LocalReplies<'_>) {
        match completion {
            Completion::Accepted {
                listener,
                stream,
                peer,
            } => self.accept(listener, stream, peer),
            Completion::AcceptPaused { error, .. } => {
                tracing::warn!(%error, "accepting pauses; it resumes by itself");
            }
            Completion::Connected { socket } => self.connected(socket),
            Completion::ConnectFailed { socket, error } => {
                tracing::debug!(%error, "connecting failed");
                self.attempt_failed(socket, replies);
            }
            Completion::Received { socket, lease } => {
                self.received(socket, &lease, replies);
                self.ring.release(lease);
            }
            Completion::ReceivedInto { socket, buffer } => {
                self.received_into(socket, buffer, replies);
            }
            Completion::ReceiveEnded {
                socket,
                error: None,
            } => self.receive_ended(socket, replies),
            Completion::ReceiveEnded {
                socket,
                error: Some(error),
            } => {
                tracing::debug!(%error, "a connection broke");
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
                tracing::debug!(%error, "a send failed");
                self.buffers.put(buffer);
                self.send_failed(socket, replies);
            }
            Completion::Detached { socket, stream } => self.detached(socket, stream),
            Completion::DetachFailed { socket, error } => {
                self.detach_failed(socket, &error, replies);
            }
            Completion::Closed { socket } => self.closed(socket, replies),
            _ => unreachable!("a completion that this engine does not know"),
        }
    }
}

impl<R: Ring> Drop for Core<R> {
    /// Whoever still waits for a call learns that it will not end well.
    fn drop(&mut self) {
        self.tasks.cancel_all();
        self.bindings
            .end_all_calls(Status::CallFailed, &self.shared);
        self.deferred.disconnect_all();
    }
}
