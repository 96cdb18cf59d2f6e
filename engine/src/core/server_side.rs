//! What a core does for the connections of its servers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use annulus_protocol::{
    Input, Limits, Pieces, ReplyTo, Request, ServerConnection, ServerEvent, Stub, Time,
};
use annulus_transports::{NotAdopted, Ring, SocketId};

use super::buffers::BufferPool;
use super::connection::{Connection, Inbound, Life, Outgoing, Role, ServerLink};
use super::deferred::Origin;
use super::lifecycle::Phase;
use super::traffic::Arrived;
use super::workplace::ConnectionWorkplace;
use super::{Core, LocalReplies};
use crate::blocking_call::{Answer, BlockingCall};
use crate::call_watch::CallWatch;
use crate::core_shared::CoreShared;
use crate::dispatch::{CallContext, CallFacts, Dispatch, Place, byte_order};
use crate::foreign::contain_panic;
use crate::pipe::{PipeLink, PipeShape};
use crate::registration::{Applicant, CallPermit};
use crate::server::EndpointView;
use crate::server_call::{CallEnd, OpenCall};
use crate::status::Status;
use crate::table::Key;

/// All that serving one connection needs, borrowed apart from the ring, so that requests can
/// be read where they were received.
pub(super) struct ServerWork<'w> {
    pub(super) connection: &'w mut Connection,
    workplace: ConnectionWorkplace<'w>,
    pub(super) core: &'w Arc<CoreShared>,
    core_index: usize,
    pub(super) limits: &'w Limits,
    buffers: &'w mut BufferPool,
    pub(super) assembling_len: &'w mut usize,
    /// No new call begins.
    is_draining: bool,
    pub(super) now: Time,
}

/// What a request says beside its stub data.
#[derive(Clone, Copy)]
pub(super) struct CallHead {
    pub(super) reply: ReplyTo,
    pub(super) opnum: u16,
    pub(super) facts: CallFacts,
}

impl CallHead {
    #[inline]
    fn of(request: &Request<'_>) -> Self {
        CallHead {
            reply: request.reply,
            opnum: request.opnum.0,
            facts: CallFacts {
                order: byte_order(request.drep),
                interface: request.interface,
                transfer: request.transfer,
                object: request.object,
                maybe: request.maybe,
            },
        }
    }
}

/// What came of handing a request to its interface.
pub(super) enum Ran {
    /// The reply was appended.
    Replied,
    /// The call was taken out of the dispatch; with its pipes, if it has any.
    Deferred(Key, Option<Arc<PipeLink>>),
    Failed {
        end: CallEnd,
        /// How many bytes are missing at least, if that is all that is wrong.
        lacking: Option<usize>,
    },
}

impl<R: Ring> Core<R> {
    /// Takes a connection of a server onto this core.
    pub(super) fn adopt(&mut self, stream: R::Stream, inbound: Inbound) {
        // The acceptor has counted it already.
        if self.shared.is_overfull() || self.phase != Phase::Running {
            tracing::warn!(
                limit = self.shared.connections_max(),
                "a connection is refused: Limits::connections_per_core_max or the limit of open files is reached, or the core is stopping"
            );
            self.shared.connections.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let socket = match self.ring.adopt(stream) {
            Ok(socket) => socket,
            Err(NotAdopted { error, .. }) => {
                tracing::warn!(%error, "a connection is refused");
                self.shared.connections.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        };
        let server = &inbound.client.server;
        server.counters(self.siblings.index).accepted.add(1);
        let serial = self.connections.next_serial();
        let mut protocol = ServerConnection::new(Arc::clone(&server.limits), self.now);
        if let Some(seed) = self.seed {
            protocol = protocol.with_seed(seed.wrapping_add(serial));
        }
        let role = Role::Server(ServerLink::new(protocol, inbound));
        self.connections
            .insert(socket, Connection::new(serial, role, self.now));
        self.arm_timer(socket);
        self.expect_imbalance();
    }

    /// Borrows what is needed to serve `socket`, and the ring beside it.
    fn server_work(&mut self, socket: SocketId) -> Option<(ServerWork<'_>, &R)> {
        let connection = self.connections.get_mut(socket)?;
        let workplace = ConnectionWorkplace {
            socket,
            serial: connection.serial,
            deferred: &mut self.deferred,
            timers: &mut self.timers,
            tasks: &self.tasks,
            clock: &self.ring,
        };
        let work = ServerWork {
            connection,
            workplace,
            core: &self.shared,
            core_index: self.siblings.index,
            limits: &self.limits,
            buffers: &mut self.buffers,
            assembling_len: &mut self.assembling_len,
            is_draining: self.phase != Phase::Running,
            now: self.now,
        };
        Some((work, &self.ring))
    }

    /// Serves what was received, where the kernel put it.
    pub(super) fn server_received(&mut self, socket: SocketId, arrived: &Arrived<'_>) {
        self.expect_imbalance();
        if let Some((mut work, ring)) = self.server_work(socket) {
            work.serve(arrived.bytes(ring));
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
        if let Some(origin) = self.deferred.end(call) {
            self.answer(origin, end, replies);
        } else {
            end.recycle(&self.shared);
        }
        self.deferred.recycle(watch);
    }

    fn answer(&mut self, origin: Origin, end: CallEnd, replies: LocalReplies<'_>) {
        let Some((mut work, _)) = self.server_work(origin.socket) else {
            return end.recycle(&self.shared);
        };
        if work.connection.serial != origin.serial || work.connection.life != Life::Open {
            return end.recycle(&self.shared);
        }
        work.forget_incoming(&origin.reply);
        work.answer(&origin.reply, end);
        self.settle(origin.socket, replies);
    }
}

impl<'w> ServerWork<'w> {
    /// Serves all requests in `bytes`, or as many as the peer's reading keeps up with.
    pub(super) fn serve(&mut self, bytes: &[u8]) {
        let mut input = Input::new(bytes);
        loop {
            self.serve_plain(&mut input);
            if self.connection.outgoing.backlog() > self.limits.send_backlog_max {
                let rest = &bytes[bytes.len() - input.remaining()..];
                self.connection.stalled.extend_from_slice(rest);
                break;
            }
            let Role::Server(link) = &self.connection.role else {
                break;
            };
            let is_used_up = input.is_empty() && !link.protocol.has_whole_pdu();
            if is_used_up || !self.serve_other(&mut input) {
                break;
            }
        }
        self.hand_on();
        if let Role::Server(link) = &mut self.connection.role {
            link.count_received(self.core_index);
        }
    }

    /// Serves plain requests for as long as there is nothing else, and the peer's reading keeps up.
    fn serve_plain(&mut self, input: &mut Input<'_>) {
        while self.connection.outgoing.backlog() <= self.limits.send_backlog_max
            && let Role::Server(link) = &mut self.connection.role
            && let Some(request) = link.protocol.next_plain_request(self.now, input)
        {
            // Before the call, so that a call that asks for statistics is in them.
            link.count_received(self.core_index);
            self.begin(&CallHead::of(&request), &request.stub, true);
        }
    }

    /// Takes what else comes next; false if nothing does, or the connection is over.
    // Not inlined, so that what seldom happens takes no registers from what mostly does.
    #[inline(never)]
    fn serve_other(&mut self, input: &mut Input<'_>) -> bool {
        let Role::Server(link) = &mut self.connection.role else {
            return false;
        };
        let mut endpoint = EndpointView {
            client: &mut link.client,
            endpoint: link.endpoint,
            assembling_len: self.assembling_len,
        };
        let out = self.connection.outgoing.writable(self.buffers);
        let event = link
            .protocol
            .next_event(self.now, input, &mut endpoint, out);
        match event {
            Some(ServerEvent::Request(request)) => {
                // Before the call, so that a call that asks for statistics is in them.
                link.count_received(self.core_index);
                self.run(request);
            }
            Some(ServerEvent::RequestData { stub, is_last, .. }) => {
                self.continue_incoming(&stub, is_last);
                self.recycle(stub);
            }
            Some(ServerEvent::Close(reason)) => {
                tracing::debug!(%reason, "a connection ends");
                self.connection
                    .begin_flush(self.now + self.limits.flush_timeout);
                return false;
            }
            // A call without a key was not dispatched: not all of its in-parameters have come.
            Some(ServerEvent::Cancel { key, .. }) => {
                if let Some(key) = key {
                    self.workplace.deferred.cancel(Key::from_bits(key));
                }
            }
            Some(ServerEvent::Orphaned { call, key }) => {
                if let Some(key) = key {
                    self.workplace.deferred.cancel(Key::from_bits(key));
                }
                self.end_incoming(call);
                self.connection.outgoing.held.forget(call);
                // If its response had begun, that has ended.
                self.connection.release_held(self.buffers, self.core);
            }
            Some(_) => unreachable!("an event that this engine does not know"),
            None => return false,
        }
        true
    }

    /// Runs one request through its interface, or has a worker do so, and answers it unless it was
    /// deferred.
    fn run(&mut self, request: Request<'_>) {
        self.begin(&CallHead::of(&request), &request.stub, request.is_last);
        self.recycle(request.stub);
    }

    fn begin(&mut self, head: &CallHead, stub: &[u8], is_last: bool) {
        match self.admit(head, stub.len()) {
            Err(status) => self.answer(&head.reply, CallEnd::Refusal(status)),
            Ok((Ground::Worker, permit)) => self.run_on_worker(head, stub, is_last, permit),
            Ok((Ground::Core, permit)) if !is_last => self.begin_incoming(*head, permit, stub),
            Ok((Ground::Core, permit)) => self.run_here(head, stub, permit),
        }
    }

    fn recycle(&mut self, stub: Stub<'_>) {
        if let Role::Server(link) = &mut self.connection.role
            && let Some(assembled) = stub.into_assembled()
        {
            link.protocol.recycle(assembled);
        }
    }

    /// Whether a call may begin, and where; otherwise the status of its refusal.
    #[inline(always)]
    fn admit(
        &mut self,
        head: &CallHead,
        request_len: usize,
    ) -> Result<(Ground, CallPermit), Status> {
        let Role::Server(link) = &mut self.connection.role else {
            unreachable!("a client's connection has no requests");
        };
        let server = &link.client.server;
        let is_unconditional = server.registered(head.facts.interface).is_unconditional();
        let admitted = if is_unconditional && server.is_listening() && !self.is_draining {
            (Ground::Core, CallPermit::default())
        } else {
            admit_by_conditions(link, head, request_len, self.is_draining)?
        };
        let counters = link.client.server.counters(self.core_index);
        counters.calls_in.add(1);
        self.core.calls_in.add(1);
        Ok(admitted)
    }

    /// Answers a call, now or when the response to another one has gone out.
    #[inline(never)]
    pub(super) fn answer(&mut self, reply: &ReplyTo, end: CallEnd) {
        self.connection.answer(reply, end, self.buffers, self.core);
    }

    /// Runs a whole request; its reply is written right into the send buffer.
    fn run_here(&mut self, head: &CallHead, stub: &[u8], mut permit: CallPermit) {
        let Role::Server(link) = &mut self.connection.role else {
            return;
        };
        if link.protocol.streamed_response().is_some() {
            return self.run_aside(head, stub, permit);
        }
        let core = self.core;
        let Some((mut callee, outgoing, buffers)) = self.callee() else {
            return;
        };
        let out = outgoing.writable_pieces(buffers);
        let start = callee
            .link
            .protocol
            .begin_response(&head.reply, out.written());
        let ran = callee.dispatch(head, stub, false, &mut permit, out);
        let protocol = &mut callee.link.protocol;
        match ran {
            Ran::Replied => protocol.finish_response(start, &head.reply, out),
            Ran::Deferred(call, _) => {
                protocol.cancel_response(start, out);
                protocol.set_call_key(head.reply.call(), call.to_bits());
            }
            Ran::Failed { end, .. } => {
                protocol.cancel_response(start, out);
                end.write(protocol, &head.reply, out, core);
            }
        }
    }

    /// Runs a whole request while the response to another one goes out in parts.
    #[inline(never)]
    fn run_aside(&mut self, head: &CallHead, stub: &[u8], mut permit: CallPermit) {
        let mut aside = Pieces::from(self.core.stub_buffers.take());
        match self.dispatch(head, stub, false, &mut permit, &mut aside) {
            Ran::Replied => self.answer(&head.reply, CallEnd::Reply(aside.into())),
            Ran::Deferred(call, _) => self.set_call_key(&head.reply, call),
            Ran::Failed { end, .. } => self.answer(&head.reply, end),
        }
    }

    pub(super) fn set_call_key(&mut self, reply: &ReplyTo, call: Key) {
        if let Role::Server(link) = &mut self.connection.role {
            link.protocol.set_call_key(reply.call(), call.to_bits());
        }
    }

    /// Hands a request to its interface, which appends the reply to `out` or defers it.
    #[inline(never)]
    pub(super) fn dispatch(
        &mut self,
        head: &CallHead,
        stub: &[u8],
        is_partial: bool,
        permit: &mut CallPermit,
        out: &mut Pieces,
    ) -> Ran {
        match self.callee() {
            Some((mut callee, ..)) => callee.dispatch(head, stub, is_partial, permit, out),
            None => Ran::Replied,
        }
    }

    /// What runs a request, and, apart from it, where the reply goes.
    #[inline]
    fn callee(&mut self) -> Option<(Callee<'_, 'w>, &mut Outgoing, &mut BufferPool)> {
        let Role::Server(link) = &mut self.connection.role else {
            return None;
        };
        let callee = Callee {
            link,
            workplace: &mut self.workplace,
            core: self.core,
            now: self.now,
        };
        Some((callee, &mut self.connection.outgoing, self.buffers))
    }

    /// Has a worker run a request, as a call that is deferred from the start.
    #[inline(never)]
    fn run_on_worker(&mut self, head: &CallHead, stub: &[u8], is_whole: bool, permit: CallPermit) {
        let origin = self.workplace.origin(&head.reply);
        let pipes = self.link_pipes(head, is_whole);
        let (answer, key) = if head.facts.maybe {
            (Answer::Nobody(permit), None)
        } else {
            let Some((key, watch)) = self.workplace.deferred.begin(origin, permit, pipes.clone())
            else {
                return self.answer(&head.reply, CallEnd::Refusal(Status::ServerTooBusy));
            };
            let transfer = head.facts.transfer;
            let call = OpenCall::begin(self.core, watch, key, transfer, pipes.clone());
            (Answer::To(call), Some(key))
        };
        let Role::Server(link) = &mut self.connection.role else {
            return;
        };
        let mut owned = self.core.stub_buffers.take();
        owned.extend_from_slice(stub);
        let call = BlockingCall {
            facts: head.facts,
            client: link.client.clone(),
            opnum: head.opnum,
            stub: owned,
            core: Arc::clone(self.core),
            now: self.now,
            answer,
            pipes: pipes.clone(),
        };
        let is_taken = link.client.server.submit_to_worker(call);
        match key {
            Some(key) if is_taken => {
                self.set_call_key(&head.reply, key);
                if let Some(pipes) = pipes.filter(|_| !is_whole) {
                    self.receive_pipes(head, pipes);
                }
            }
            Some(key) => {
                self.workplace.deferred.end(key);
                self.answer(&head.reply, CallEnd::Refusal(Status::ServerTooBusy));
            }
            // A `[maybe]` call that is dropped is one that was lost on the way.
            None => {}
        }
    }
}

/// What runs the requests of one connection.
struct Callee<'c, 'w> {
    link: &'c mut ServerLink,
    workplace: &'c mut ConnectionWorkplace<'w>,
    core: &'c Arc<CoreShared>,
    now: Time,
}

impl Callee<'_, '_> {
    /// Hands a request to its interface, which appends the reply to `out` or defers it.
    #[inline(always)]
    fn dispatch(
        &mut self,
        head: &CallHead,
        stub: &[u8],
        is_partial: bool,
        permit: &mut CallPermit,
        out: &mut Pieces,
    ) -> Ran {
        let ServerLink {
            client, pipe_use, ..
        } = &mut *self.link;
        let client = &*client;
        let registered = client.server.registered(head.facts.interface);
        let interface = registered.interface();
        let shape = registered.pipes(head.opnum);
        let mut piped;
        let pipes = if shape == PipeShape::default() {
            None
        } else {
            piped = pipe_use.for_dispatch(shape, is_partial, self.core);
            Some(&mut piped)
        };
        let mut context = CallContext {
            facts: &head.facts,
            client,
            now: self.now,
            core: self.core,
            place: Place::Core {
                workplace: self.workplace,
                reply: &head.reply,
                permit,
            },
            extended: Vec::new(),
            deferred: None,
            not_executed: false,
            pipes,
        };
        let result = contain_panic(|| {
            interface.dispatch(Dispatch {
                opnum: head.opnum,
                stub,
                out,
                context: &mut context,
            })
        });
        let CallContext {
            deferred,
            extended,
            not_executed,
            pipes,
            ..
        } = context;
        match (result.unwrap_or(Err(Status::CallFailed)), deferred) {
            (Ok(()), None) => Ran::Replied,
            (Ok(()), Some(call)) => Ran::Deferred(call, pipes.and_then(|it| it.link.take())),
            (Err(status), deferred) => {
                let lacking = pipes.and_then(|it| it.lacking);
                if let Some(call) = deferred {
                    self.workplace.deferred.end(call);
                }
                let end = if not_executed {
                    CallEnd::Refusal(status)
                } else {
                    CallEnd::failure(status, extended)
                };
                Ran::Failed { end, lacking }
            }
        }
    }
}

/// [`ServerWork::admit`] where something may keep the call from beginning.
#[inline(never)]
fn admit_by_conditions(
    link: &mut ServerLink,
    head: &CallHead,
    request_len: usize,
    is_draining: bool,
) -> Result<(Ground, CallPermit), Status> {
    let server = &link.client.server;
    let interface = server.registered(head.facts.interface);
    let has_in_pipes = || interface.pipes(head.opnum).in_count > 0;
    if is_draining || (!link.pipe_use.has_room_for_in_pipes() && has_in_pipes()) {
        return Err(Status::ServerTooBusy);
    }
    let permit = interface.admit(Applicant {
        peer: &link.client.peer,
        opnum: head.opnum,
        facts: &head.facts,
        request_len,
        is_listening: server.is_listening(),
        cleared: &mut link.cleared,
    })?;
    let ground = if interface.is_blocking(head.opnum) {
        Ground::Worker
    } else {
        Ground::Core
    };
    Ok((ground, permit))
}

/// Where a manager routine is to run.
enum Ground {
    Core,
    Worker,
}
