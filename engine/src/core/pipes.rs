//! What a core does for the pipes of its calls.

use std::sync::Arc;

use annulus_ndr::ByteOrder;
use annulus_protocol::{CallError, CallId, Limits, Opnum, Pieces, ReplyTo, SendBuffer, Time};
use annulus_transports::{Ring, SocketId};

use super::bindings::{Route, WaitingCall};
use super::connection::{Life, Role, ServerLink};
use super::server_side::{CallHead, Ran, ServerWork};
use super::{Core, LocalReplies};
use crate::pipe::{OutPiece, PipeLink, PipeShape, PipeSide, WorkerPart};
use crate::registration::CallPermit;
use crate::server_call::CallEnd;
use crate::status::Status;
use crate::table::Key;

/// A request that arrives piece by piece.
pub(crate) enum Incoming {
    /// The in-parameters in front of the pipes have not all come.
    Head(Box<IncomingHead>),
    /// Its pipes are pulled while they arrive.
    Pipes(IncomingPipes),
}

/// In-parameters of which a part has come.
pub(crate) struct IncomingHead {
    call: CallHead,
    permit: CallPermit,
    stub: Vec<u8>,
    /// How often it was dispatched in vain.
    tries: u32,
    /// It is not worth trying again with fewer bytes.
    next_try_len: usize,
    /// When it must have come.
    deadline: Time,
}

/// Pipes of which a part has come.
pub(crate) struct IncomingPipes {
    reply: ReplyTo,
    link: Arc<PipeLink>,
    order: ByteOrder,
    /// What has come since they were last handed on.
    gathered: Vec<u8>,
    is_whole: bool,
    /// When the client last made progress, or was last not awaited. Where a worker waits, time runs
    /// from then.
    progress: Time,
}

/// So often a call is dispatched with each piece that comes. Then it must have grown by a good
/// part each time, so that a client that sends byte by byte costs no more than one that does not.
const EAGER_TRIES: u32 = 8;

impl IncomingHead {
    fn failed_try(&mut self, lacking: usize) {
        self.tries += 1;
        let growth = if self.tries > EAGER_TRIES {
            lacking.max(self.stub.len() / 2)
        } else {
            lacking
        };
        self.next_try_len = self.stub.len().saturating_add(growth.max(1));
    }
}

impl Incoming {
    fn call(&self) -> CallId {
        match self {
            Incoming::Head(head) => head.call.reply.call(),
            Incoming::Pipes(pipes) => pipes.reply.call(),
        }
    }

    /// When the in-parameters in front of the pipes must have come.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Time> {
        match self {
            Incoming::Head(head) => Some(head.deadline),
            // Pipes may come as slowly as they like, and a worker as late as it likes.
            Incoming::Pipes(pipes) => pipes
                .link
                .awaits_head()
                .then_some(pipes.progress + limits.progress_timeout),
        }
    }

    /// When to look whether a worker has waited too long for what is pulled.
    pub(super) fn worker_deadline(&self, limits: &Limits) -> Option<Time> {
        match self {
            Incoming::Pipes(pipes) if pipes.link.runs_on_worker() => {
                Some(pipes.progress + limits.worker_pipe_timeout)
            }
            _ => None,
        }
    }

    /// Ends the pipes if a worker has waited too long. A worker that does not wait is not told of
    /// when it begins to, so it is looked at again.
    pub(super) fn free_worker(&mut self, now: Time, limits: &Limits) {
        if self.worker_deadline(limits).is_some_and(|due| due <= now)
            && let Incoming::Pipes(pipes) = self
        {
            if pipes.link.is_pull_waiting() {
                tracing::debug!("a client keeps a worker waiting for its pipe");
                pipes.link.finish(Status::CommFailure);
            }
            pipes.progress = now;
        }
    }
}

impl ServerLink {
    /// Drops what has come of a request in pieces.
    pub(super) fn drop_incoming(&mut self, assembling_len: &mut usize) {
        if let Some(Incoming::Head(head)) = self.incoming.take() {
            *assembling_len -= head.stub.len();
        }
    }
}

impl ServerWork<'_> {
    fn incoming(&mut self) -> Option<&mut Option<Incoming>> {
        match &mut self.connection.role {
            Role::Server(link) => Some(&mut link.incoming),
            Role::Client(_) => None,
        }
    }

    fn set_incoming(&mut self, incoming: Incoming) {
        if let Some(place) = self.incoming() {
            debug_assert!(place.is_none(), "one request at a time arrives in pieces");
            *place = Some(incoming);
        }
    }

    /// Takes the request that is arriving out, if it is this call's.
    fn take_incoming(&mut self, call: CallId) -> Option<Incoming> {
        let taken = self.incoming()?.take_if(|it| it.call() == call)?;
        self.connection.pipe_is_full = false;
        Some(taken)
    }

    /// A call ends: nothing more of its request counts.
    pub(super) fn forget_incoming(&mut self, reply: &ReplyTo) {
        self.take_incoming(reply.call());
    }

    /// The client has given a call up: nothing more comes of its request. One that was not
    /// dispatched ends here.
    pub(super) fn end_incoming(&mut self, call: CallId) {
        match self.take_incoming(call) {
            Some(Incoming::Pipes(pipes)) => pipes.link.finish(Status::CallCancelled),
            Some(Incoming::Head(head)) => {
                *self.assembling_len -= head.stub.len();
                self.answer(&head.call.reply, CallEnd::Refusal(Status::CallCancelled));
            }
            None => {}
        }
    }

    /// The pipes of a call that a worker is to run, if its operation has any.
    pub(super) fn link_pipes(&mut self, head: &CallHead, is_whole: bool) -> Option<Arc<PipeLink>> {
        let Role::Server(link) = &mut self.connection.role else {
            return None;
        };
        let shape = link
            .client
            .server
            .registered(head.facts.interface)
            .pipes(head.opnum);
        if shape == PipeShape::default() || head.facts.maybe {
            return None;
        }
        let (backlog, unpulled) = link.pipe_use.counted(shape, self.core);
        let pipes = PipeLink::of_server(self.core, head.facts.transfer, shape, backlog, unpulled);
        pipes.set_worker(WorkerPart::Runs);
        if is_whole {
            pipes.received(Vec::new(), true, head.facts.order);
        }
        Some(pipes)
    }

    /// What comes of a request from now on goes to its pipes.
    pub(super) fn receive_pipes(&mut self, head: &CallHead, link: Arc<PipeLink>) {
        let gathered = self.core.stub_buffers.take();
        self.set_incoming(Incoming::Pipes(IncomingPipes {
            reply: head.reply,
            link,
            order: head.facts.order,
            gathered,
            is_whole: false,
            progress: self.now,
        }));
    }

    /// The first piece of a request has come.
    #[inline(never)]
    pub(super) fn begin_incoming(&mut self, call: CallHead, permit: CallPermit, stub: &[u8]) {
        let head = IncomingHead {
            call,
            permit,
            stub: Vec::new(),
            tries: 0,
            next_try_len: 0,
            deadline: self.now + self.limits.progress_timeout,
        };
        self.grow_head(Box::new(head), stub, false);
    }

    /// A further piece has come.
    pub(super) fn continue_incoming(&mut self, piece: &[u8], is_last: bool) {
        let now = self.now;
        let Some(place) = self.incoming() else { return };
        match place.take() {
            None => {}
            Some(Incoming::Head(head)) => self.grow_head(head, piece, is_last),
            Some(Incoming::Pipes(mut pipes)) => {
                pipes.gathered.extend_from_slice(piece);
                pipes.progress = now;
                pipes.is_whole = is_last;
                *place = Some(Incoming::Pipes(pipes));
                if is_last {
                    // Another request may begin right behind it.
                    self.hand_on();
                }
            }
        }
    }

    /// Adds to what is in front of the pipes, and dispatches the call if that may be enough.
    fn grow_head(&mut self, mut head: Box<IncomingHead>, piece: &[u8], is_last: bool) {
        let reply = head.call.reply;
        let is_over = |len: usize, max: usize| len.saturating_add(piece.len()) > max;
        let refusal = if is_over(head.stub.len(), self.limits.request_len_max) {
            Some(Status::AccessDenied)
        } else if is_over(
            *self.assembling_len,
            self.limits.assembling_len_per_core_max,
        ) {
            Some(Status::ServerTooBusy)
        } else {
            None
        };
        if let Some(status) = refusal {
            *self.assembling_len -= head.stub.len();
            return self.answer(&reply, CallEnd::Refusal(status));
        }
        head.stub.extend_from_slice(piece);
        head.deadline = self.now + self.limits.progress_timeout;
        *self.assembling_len += piece.len();
        if is_last || head.stub.len() >= head.next_try_len {
            self.try_head(head, is_last);
        } else {
            self.set_incoming(Incoming::Head(head));
        }
    }

    fn try_head(&mut self, mut head: Box<IncomingHead>, is_whole: bool) {
        let mut aside = Pieces::from(self.core.stub_buffers.take());
        let IncomingHead {
            call, permit, stub, ..
        } = &mut *head;
        let ran = self.dispatch(call, stub, !is_whole, permit, &mut aside);
        if let Ran::Failed {
            lacking: Some(lacking),
            ..
        } = ran
        {
            self.core.stub_buffers.put(aside);
            head.failed_try(lacking);
            return self.set_incoming(Incoming::Head(head));
        }
        *self.assembling_len -= head.stub.len();
        let reply = &head.call.reply;
        match ran {
            Ran::Replied => self.answer(reply, CallEnd::Reply(aside.into())),
            Ran::Failed { end, .. } => self.answer(reply, end),
            Ran::Deferred(key, pipes) => {
                self.set_call_key(reply, key);
                if let Some(pipes) = pipes.filter(|_| !is_whole) {
                    self.receive_pipes(&head.call, pipes);
                }
            }
        }
    }

    /// Hands what has come of a call's pipes on to whoever pulls them.
    pub(super) fn hand_on(&mut self) {
        let spare = &self.core.stub_buffers;
        let Role::Server(link) = &mut self.connection.role else {
            return;
        };
        let Some(Incoming::Pipes(pipes)) = &mut link.incoming else {
            return;
        };
        if pipes.gathered.is_empty() && !pipes.is_whole {
            return;
        }
        let piece = std::mem::replace(&mut pipes.gathered, spare.take());
        let is_last = pipes.is_whole;
        let is_full = pipes.link.received(piece, is_last, pipes.order);
        if is_last {
            link.incoming = None;
            self.connection.pipe_is_full = false;
        } else {
            self.connection.pipe_is_full |= is_full;
        }
    }
}

impl<R: Ring> Core<R> {
    /// Looks at a call's pipes: sends what was pushed, and receives again if there is room.
    pub(super) fn serve_pipe(&mut self, link: &Arc<PipeLink>, replies: LocalReplies<'_>) {
        let Some(call) = link.call().map(Key::from_bits) else {
            return;
        };
        match link.side() {
            PipeSide::Server => self.serve_server_pipe(call, link, replies),
            PipeSide::Client => self.serve_client_pipe(call, link, replies),
        }
    }

    fn serve_server_pipe(&mut self, call: Key, pipes: &Arc<PipeLink>, replies: LocalReplies<'_>) {
        pipes.feed();
        let Some(origin) = self.deferred.origin(call) else {
            return pipes.discard();
        };
        let Some(connection) = self.connections.get_mut(origin.socket) else {
            return;
        };
        if connection.serial != origin.serial || connection.life != Life::Open {
            return;
        }
        let Role::Server(link) = &mut connection.role else {
            return;
        };
        if let Some(Incoming::Pipes(incoming)) = &mut link.incoming
            && Arc::ptr_eq(&incoming.link, pipes)
        {
            incoming.progress = self.now;
            connection.pipe_is_full &= pipes.is_held_back();
        }
        connection.send_response_parts(&origin.reply, pipes, &mut self.buffers, &self.shared);
        self.settle(origin.socket, replies);
    }

    /// Stops receiving from a connection whose pipe is full, and goes on when it has room, or its
    /// call has ended.
    pub(super) fn follow_pipe(&mut self, socket: SocketId) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let is_full = connection.pipe_is_full;
        if connection.waits_for_pipe == is_full {
            return;
        }
        connection.waits_for_pipe = is_full;
        match &mut connection.role {
            Role::Server(link) if is_full => link.protocol.pause(),
            Role::Server(link) => link.protocol.resume(now),
            Role::Client(link) if is_full => link.protocol.pause(),
            Role::Client(link) => link.protocol.resume(now),
        }
        if is_full {
            self.ring.pause_receive(socket);
        } else if !connection.outgoing.held_back {
            self.ring.resume_receive(socket);
        }
    }
}

/// For the calls that this core makes.
impl<R: Ring> Core<R> {
    /// A binding beside `binding`, of the same association group, on whose connection a call with
    /// pipes is alone: a request that goes out in parts leaves no room for others.
    pub(super) fn enter_apart(&mut self, binding: Key) -> Key {
        self.release_strangers(binding);
        let count_max = self.limits.connections_per_association_max;
        if let Some(apart) = self.bindings.find_apart(binding, count_max) {
            return apart;
        }
        let Some(entry) = self.bindings.table.get(binding) else {
            return binding;
        };
        let (shared, association) = (entry.shared.apart(), entry.association);
        let apart = self.enter(&shared);
        self.bindings.add_apart(binding, apart);
        let own = self
            .bindings
            .table
            .get(apart)
            .map(|entry| entry.association);
        if let Some(own) = own.and_then(|own| self.associations.table.get_mut(own)) {
            own.beside = Some(association);
        }
        apart
    }

    /// Releases what is beside a binding and came to be in a group of its own, because both
    /// connected at the same time.
    fn release_strangers(&mut self, binding: Key) {
        let (bindings, associations) = (&self.bindings, &self.associations);
        let group = |binding: Key| {
            let entry = bindings.table.get(binding)?;
            associations.table.get(entry.association)?.group
        };
        let own = group(binding);
        let is_stranger = |apart: Key| {
            let theirs = group(apart);
            own.is_some() && theirs.is_some() && own != theirs
        };
        for stranger in self.bindings.find_all_apart(binding, is_stranger) {
            self.bindings.remove_apart(binding, stranger);
        }
    }

    /// A call that has begun has pipes.
    pub(super) fn begin_pipes(&mut self, call: Key, pipes: Arc<PipeLink>) {
        if let Some(entry) = self.bindings.call_mut(call) {
            pipes.set_call(call.to_bits());
            // What was taken from the pipes cannot be sent another time.
            entry.is_retried = true;
            entry.pipes = Some(pipes);
        }
    }

    /// Sends a call with pipes, or the beginning of it; gives it back if there is nothing to send
    /// yet, or the connection cannot take it now.
    pub(super) fn place_with_pipes(
        &mut self,
        route: Route,
        call: WaitingCall,
        replies: LocalReplies<'_>,
    ) -> Option<WaitingCall> {
        let pipes = self.bindings.call(call.key)?.pipes.clone()?;
        let connection = self.connections.get_mut(route.socket)?;
        let Role::Client(link) = &mut connection.role else {
            return Some(call);
        };
        let out = connection.outgoing.writable(&mut self.buffers);
        let start = match link.protocol.begin_request(route.context, call.object, out) {
            Ok(start) => start,
            Err(CallError::Busy | CallError::TooManyCalls(_)) => return Some(call),
            Err(error) => {
                tracing::debug!(%error, "a call cannot be sent");
                self.fail_waiting_call(call, Status::CallFailedDne, replies);
                return None;
            }
        };
        let shape = pipes.shape();
        let first = if shape.in_count == 0 {
            Some(OutPiece {
                stub: call.stub.into_whole(),
                is_last: true,
                is_alone: true,
            })
        } else {
            pipes.begin_take();
            pipes.take()
        };
        let Some(OutPiece { stub, is_last, .. }) = first else {
            link.protocol.cancel_request(start, out);
            return Some(WaitingCall {
                stub: SendBuffer::default(),
                ..call
            });
        };
        out.extend_from_slice(&stub);
        let (opnum, key) = (Opnum(call.opnum), call.key.to_bits());
        let id = if is_last {
            link.protocol.finish_request(start, opnum, key, out)
        } else {
            link.protocol.finish_request_part(start, opnum, key, out)
        };
        if shape.out_count > 0 {
            link.protocol.stream_response(id);
        }
        link.is_used = true;
        if shape.in_count > 0 {
            connection.outgoing.share(&pipes, stub.len());
        }
        self.shared.stub_buffers.put(stub);
        if let Some(entry) = self.bindings.call_mut(call.key) {
            entry.placed = Some((route.socket, id));
        }
        self.send_request_parts(route.socket, id, &pipes);
        None
    }

    fn serve_client_pipe(&mut self, call: Key, pipes: &Arc<PipeLink>, replies: LocalReplies<'_>) {
        let now = self.now;
        let Some(entry) = self.bindings.call_mut(call) else {
            return;
        };
        // The server is not to blame for what this side keeps it waiting for.
        entry.progress = now;
        let binding = entry.binding;
        let Some((socket, id)) = entry.placed else {
            return self.place_waiting_of(binding, replies);
        };
        if !pipes.is_held_back()
            && let Some(connection) = self.connections.get_mut(socket)
            && let Role::Client(link) = &connection.role
            && link
                .protocol
                .arriving_response()
                .is_some_and(|(key, _)| key == call.to_bits())
        {
            connection.pipe_is_full = false;
        }
        self.send_request_parts(socket, id, pipes);
        self.settle(socket, replies);
    }

    /// Sends what was pushed into an in-pipe.
    fn send_request_parts(&mut self, socket: SocketId, call: CallId, pipes: &Arc<PipeLink>) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let Role::Client(link) = &mut connection.role else {
            return;
        };
        pipes.begin_take();
        while let Some(OutPiece { stub, is_last, .. }) = pipes.take() {
            let out = connection.outgoing.writable(&mut self.buffers);
            let start = if stub.is_empty() && !is_last {
                None
            } else {
                link.protocol.begin_request_part(call, out)
            };
            match start {
                // There is nothing to send, or nobody wants it any more.
                None => pipes.sent(stub.len()),
                Some(start) => {
                    out.extend_from_slice(&stub);
                    if is_last {
                        link.protocol.end_request(start, out);
                    } else {
                        link.protocol.continue_request(start, out);
                    }
                    connection.outgoing.share(pipes, stub.len());
                }
            }
            self.shared.stub_buffers.put(stub);
        }
        connection.outgoing.queue(socket, &mut self.dirty);
    }

    /// A client's end of a pipe is gone before the pipe's end.
    pub(super) fn abandon_pipe(&mut self, pipes: &Arc<PipeLink>, replies: LocalReplies<'_>) {
        if let Some(call) = pipes.call() {
            self.abort_call(Key::from_bits(call), replies);
        }
    }

    /// While this side does not pull, the server is not silent.
    pub(super) fn excuse_silence(&mut self, call: Key) {
        let now = self.now;
        if let Some(entry) = self.bindings.call_mut(call)
            && let Some((socket, _)) = entry.placed
            && let Some(connection) = self.connections.get_mut(socket)
            && connection.pipe_is_full
        {
            entry.progress = now;
        }
    }
}
