//! What a core does for the connections of its servers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use annulus_protocol::{Input, Limits, ReplyTo, Request, ServerConnection, ServerEvent, Time};
use annulus_transports::{ReceiveLease, Ring, SocketId};

use super::buffers::BufferPool;
use super::connection::{Connection, Inbound, Life, Role, ServerLink};
use super::deferred::{DeferredCalls, Origin};
use super::lifecycle::Phase;
use super::tasks::Tasks;
use super::timers::Timers;
use super::{Core, LocalReplies};
use crate::blocking_call::{Answer, BlockingCall};
use crate::call_watch::CallWatch;
use crate::core_shared::CoreShared;
use crate::dispatch::{CallContext, CallFacts, Clock, Dispatch, OnCore, Place, byte_order};
use crate::registration::{Applicant, CallPermit};
use crate::server::EndpointView;
use crate::server_call::{CallEnd, OpenCall};
use crate::status::Status;
use crate::table::Key;

/// Runs foreign code; a panic ends that code and nothing else. The panic hook has reported it.
pub(crate) fn contain_panic<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// All that serving one connection needs, borrowed apart from the ring, so that requests can
/// be read where they were received.
pub(super) struct ServerWork<'w> {
    socket: SocketId,
    connection: &'w mut Connection,
    deferred: &'w mut DeferredCalls,
    timers: &'w mut Timers,
    tasks: &'w Rc<Tasks>,
    core: &'w Arc<CoreShared>,
    core_index: usize,
    limits: &'w Limits,
    buffers: &'w mut BufferPool,
    assembling_len: &'w mut usize,
    /// No new call begins.
    is_draining: bool,
    now: Time,
    clock: &'w dyn Clock,
}

impl<R: Ring> Core<R> {
    /// Takes a connection of a server onto this core.
    pub(super) fn adopt(&mut self, stream: R::Stream, inbound: Inbound) {
        if self.connections.len() >= self.limits.connections_per_core_max
            || self.phase != Phase::Running
        {
            tracing::warn!(
                limit = self.limits.connections_per_core_max,
                "a connection is refused: Limits::connections_per_core_max is reached, or the core is stopping"
            );
            self.shared.connections.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let socket = match self.ring.adopt(stream) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection is refused");
                self.shared.connections.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        };
        let server = &inbound.server;
        server.counters(self.siblings.index).connections.add(1);
        let serial = self.connections.next_serial();
        let mut protocol = ServerConnection::new(Arc::clone(&server.limits), self.now);
        if let Some(seed) = self.seed {
            protocol = protocol.with_seed(seed.wrapping_add(serial));
        }
        let role = Role::Server(ServerLink::new(protocol, inbound));
        self.connections
            .insert(socket, Connection::new(serial, role, self.now));
        self.arm_timer(socket);
    }

    /// Borrows what is needed to serve `socket`, and the ring beside it.
    fn server_work(&mut self, socket: SocketId) -> Option<(ServerWork<'_>, &R)> {
        let work = ServerWork {
            socket,
            connection: self.connections.get_mut(socket)?,
            deferred: &mut self.deferred,
            timers: &mut self.timers,
            tasks: &self.tasks,
            core: &self.shared,
            core_index: self.siblings.index,
            limits: &self.limits,
            buffers: &mut self.buffers,
            assembling_len: &mut self.assembling_len,
            is_draining: self.phase != Phase::Running,
            now: self.now,
            clock: &self.ring,
        };
        Some((work, &self.ring))
    }

    /// Serves what was received, where the kernel put it.
    pub(super) fn server_received(&mut self, socket: SocketId, lease: &ReceiveLease) {
        if let Some((mut work, ring)) = self.server_work(socket) {
            work.serve(ring.received(lease));
        }
    }

    /// Serves what was received while the peer was held back.
    pub(super) fn resume_stalled(&mut self, socket: SocketId, stalled: &[u8]) {
        if let Some((mut work, _)) = self.server_work(socket) {
            work.serve(stalled);
        }
    }

    /// Ends a deferred call, if its client is still there.
    pub(super) fn end_call(
        &mut self,
        call: Key,
        watch: Arc<CallWatch>,
        end: CallEnd,
        replies: LocalReplies<'_>,
    ) {
        match end {
            CallEnd::Reply(stub) => {
                self.answer_deferred(call, replies, |protocol, reply, out| {
                    let start = protocol.begin_response(reply, out);
                    out.extend_from_slice(&stub);
                    protocol.finish_response(start, reply, out);
                });
                self.shared.stub_buffers.put(stub);
            }
            CallEnd::Fault(status) => {
                self.answer_deferred(call, replies, |protocol, reply, out| {
                    protocol.fault(reply, status.to_fault(), false, out);
                });
            }
        }
        self.deferred.recycle(watch);
    }

    fn answer_deferred(
        &mut self,
        call: Key,
        replies: LocalReplies<'_>,
        answer: impl FnOnce(&mut ServerConnection, &ReplyTo, &mut Vec<u8>),
    ) {
        let Some(origin) = self.deferred.end(call) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(origin.socket) else {
            return;
        };
        let Role::Server(link) = &mut connection.role else {
            return;
        };
        if connection.serial != origin.serial || connection.life != Life::Open {
            return;
        }
        let out = connection.outgoing.writable(&mut self.buffers);
        answer(&mut link.protocol, &origin.reply, out);
        self.settle(origin.socket, replies);
    }
}

impl ServerWork<'_> {
    /// Serves all requests in `bytes`, or as many as the peer's reading keeps up with.
    pub(super) fn serve(&mut self, bytes: &[u8]) {
        let mut input = Input::new(bytes);
        loop {
            if self.connection.outgoing.backlog() > self.limits.send_backlog_max {
                let rest = &bytes[bytes.len() - input.remaining()..];
                self.connection.stalled.extend_from_slice(rest);
                break;
            }
            let Role::Server(link) = &mut self.connection.role else {
                break;
            };
            let mut endpoint = EndpointView {
                server: &link.server,
                endpoint: link.endpoint,
                assembling_len: self.assembling_len,
                contexts: &mut link.contexts,
            };
            let out = self.connection.outgoing.writable(self.buffers);
            match link
                .protocol
                .next_event(self.now, &mut input, &mut endpoint, out)
            {
                Some(ServerEvent::Request(request)) => {
                    // Before the call, so that a call that asks for statistics is in them.
                    link.count_received(self.core_index);
                    self.run(request);
                }
                Some(ServerEvent::Close(reason)) => {
                    tracing::debug!(%reason, "a connection ends");
                    self.connection
                        .begin_flush(self.now + self.limits.flush_timeout);
                    break;
                }
                // A call without a key is still in its dispatch, or was never deferred.
                Some(ServerEvent::Cancel { key, .. } | ServerEvent::Orphaned { key, .. }) => {
                    if let Some(key) = key {
                        self.deferred.cancel(Key::from_bits(key));
                    }
                }
                Some(_) => unreachable!("an event that this engine does not know"),
                None => break,
            }
        }
        if let Role::Server(link) = &mut self.connection.role {
            link.count_received(self.core_index);
        }
    }

    /// Runs one request through its interface, or has a worker do so, and answers it unless it was
    /// deferred.
    fn run(&mut self, request: Request<'_>) {
        match self.admit(&request) {
            Err(status) => self.refuse(&request.reply, status),
            Ok((Ground::Worker, permit)) => self.run_on_worker(&request, permit),
            Ok((Ground::Core, permit)) => self.run_here(&request, permit),
        }
        if let Role::Server(link) = &mut self.connection.role
            && let Some(assembled) = request.stub.into_assembled()
        {
            link.protocol.recycle(assembled);
        }
    }

    /// Whether a call may begin, and where; otherwise the status of its refusal.
    fn admit(&mut self, request: &Request<'_>) -> Result<(Ground, CallPermit), Status> {
        let Role::Server(link) = &mut self.connection.role else {
            unreachable!("a client's connection has no requests");
        };
        let server = &link.server;
        let interface = server.registered(request.interface);
        if self.is_draining {
            return Err(Status::ServerTooBusy);
        }
        let permit = interface.admit(Applicant {
            peer: &link.peer,
            opnum: request.opnum.0,
            object: request.object,
            request_len: request.stub.len(),
            is_listening: server.is_listening(),
            cleared: &mut link.cleared,
            interface: request.interface,
        })?;
        server.counters(self.core_index).calls_in.add(1);
        let ground = if interface.is_blocking(request.opnum.0) {
            Ground::Worker
        } else {
            Ground::Core
        };
        Ok((ground, permit))
    }

    /// Answers a call that does not begin.
    fn refuse(&mut self, reply: &ReplyTo, status: Status) {
        if let Role::Server(link) = &mut self.connection.role {
            let out = &mut self.connection.outgoing.buffer;
            link.protocol.fault(reply, status.to_fault(), true, out);
        }
    }

    fn run_here(&mut self, request: &Request<'_>, permit: CallPermit) {
        let origin = self.origin(request);
        let Connection { role, outgoing, .. } = &mut *self.connection;
        let Role::Server(link) = role else { return };
        let (protocol, out) = (&mut link.protocol, &mut outgoing.buffer);
        let start = protocol.begin_response(&request.reply, out);
        let mut context = CallContext {
            facts: facts(request),
            peer: &link.peer,
            now: self.now,
            server: &link.server,
            contexts: link.contexts.as_ref(),
            core: self.core,
            place: Place::Core(OnCore {
                clock: self.clock,
                timers: self.timers,
                tasks: self.tasks,
                calls: self.deferred,
                origin,
                permit,
            }),
            deferred: None,
            not_executed: false,
        };
        let result = contain_panic(|| {
            let interface = link.server.registered(request.interface);
            interface.interface().dispatch(Dispatch {
                opnum: request.opnum.0,
                stub: &request.stub,
                out,
                context: &mut context,
            })
        });
        let CallContext {
            deferred,
            not_executed,
            ..
        } = context;
        match result.unwrap_or(Err(Status::CallFailed)) {
            Ok(()) => match deferred {
                None => protocol.finish_response(start, &request.reply, out),
                Some(key) => {
                    protocol.cancel_response(start, out);
                    protocol.set_call_key(request.reply.call(), key.to_bits());
                }
            },
            Err(status) => {
                protocol.cancel_response(start, out);
                if let Some(key) = deferred {
                    self.deferred.end(key);
                }
                protocol.fault(&request.reply, status.to_fault(), not_executed, out);
            }
        }
    }

    /// Has a worker run a request, as a call that is deferred from the start.
    fn run_on_worker(&mut self, request: &Request<'_>, permit: CallPermit) {
        let origin = self.origin(request);
        let (answer, key) = if request.maybe {
            (Answer::Nobody(permit), None)
        } else {
            let Some((key, watch)) = self.deferred.begin(origin, permit) else {
                return self.refuse(&request.reply, Status::ServerTooBusy);
            };
            let call = OpenCall::begin(self.core, watch, key, request.transfer);
            (Answer::To(call), Some(key))
        };
        let Role::Server(link) = &mut self.connection.role else {
            return;
        };
        let mut stub = self.core.stub_buffers.take();
        stub.extend_from_slice(&request.stub);
        let call = BlockingCall {
            facts: facts(request),
            contexts: link.contexts.clone(),
            peer: link.peer.clone(),
            opnum: request.opnum.0,
            stub,
            server: Arc::clone(&link.server),
            core: Arc::clone(self.core),
            now: self.now,
            answer,
        };
        let is_taken = link.server.submit_to_worker(call);
        match key {
            Some(key) if is_taken => link
                .protocol
                .set_call_key(request.reply.call(), key.to_bits()),
            Some(key) => {
                self.deferred.end(key);
                self.refuse(&request.reply, Status::ServerTooBusy);
            }
            // A `[maybe]` call that is dropped is one that was lost on the way.
            None => {}
        }
    }

    fn origin(&self, request: &Request<'_>) -> Origin {
        Origin {
            socket: self.socket,
            serial: self.connection.serial,
            reply: request.reply,
        }
    }
}

/// Where a manager routine is to run.
enum Ground {
    Core,
    Worker,
}

fn facts(request: &Request<'_>) -> CallFacts {
    CallFacts {
        order: byte_order(request.drep),
        interface: request.interface,
        transfer: request.transfer,
        object: request.object,
        maybe: request.maybe,
    }
}
