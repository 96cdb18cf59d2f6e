//! What servers send to the clients of a core.

use std::sync::Arc;

use annulus_ndr::ByteOrder;
use annulus_protocol::{
    ClientEvent, FaultStatus, Input, PlainResponse, ProviderReason, Stub, SyntaxId, Time,
    TransferSyntax,
};
use annulus_transports::{Ring, SocketId};

use super::associations::{Associations, ClientLink};
use super::bindings::{Bindings, LocalReply, StubData};
use super::connection::{Connection, Role};
use super::traffic::Arrived;
use super::{Core, LocalReplies};
use crate::core_shared::CoreShared;
use crate::dispatch::byte_order;
use crate::status::Status;
use crate::table::Key;

/// All that taking in what a server sent needs, borrowed apart from the ring, so that responses
/// can be read where they were received.
struct AnswerWork<'w> {
    link: &'w mut ClientLink,
    /// Where PDUs go that follow by themselves. No buffer of the pool: they are rare.
    out: &'w mut Vec<u8>,
    pipe_is_full: &'w mut bool,
    associations: &'w mut Associations,
    bindings: &'w mut Bindings,
    core: &'w Arc<CoreShared>,
    now: Time,
    /// The interfaces that the server does not take, and what becomes of their calls.
    refusals: Vec<((SyntaxId, TransferSyntax), Status)>,
}

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Stays,
    IsOver,
    IsRefused,
}

impl<R: Ring> Core<R> {
    /// Takes what a server sent.
    pub(super) fn client_received(
        &mut self,
        socket: SocketId,
        arrived: &Arrived<'_>,
        replies: LocalReplies<'_>,
    ) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let Connection {
            role: Role::Client(link),
            outgoing,
            pipe_is_full,
            ..
        } = connection
        else {
            return;
        };
        let association = link.association;
        let mut work = AnswerWork {
            link,
            out: outgoing.pieces.written(),
            pipe_is_full,
            associations: &mut self.associations,
            bindings: &mut self.bindings,
            core: &self.shared,
            now: self.now,
            refusals: Vec::new(),
        };
        let outcome = work.receive(arrived.bytes(&self.ring), replies);
        let refusals = work.refusals;
        match outcome {
            Outcome::Stays => {}
            Outcome::IsOver => connection.begin_flush(self.now + self.limits.flush_timeout),
            Outcome::IsRefused => return self.bind_refused(socket, replies),
        }
        for (offer, status) in refusals {
            self.interface_refused(socket, offer, status, replies);
        }
        // Where the connection is over, its loss decides what becomes of the calls that wait.
        let entry = self.associations.table.get(association);
        if outcome == Outcome::Stays && entry.is_some_and(|entry| !entry.waiting.is_empty()) {
            self.place_waiting(association, replies);
        }
    }
}

impl AnswerWork<'_> {
    /// Takes all in.
    fn receive(&mut self, bytes: &[u8], replies: LocalReplies<'_>) -> Outcome {
        let mut input = Input::new(bytes);
        loop {
            while let Some(response) = self.link.protocol.next_plain_response(self.now, &mut input)
            {
                self.end_call(&response, replies);
            }
            if input.is_empty() && !self.link.protocol.has_whole_pdu() {
                break;
            }
            let event = self
                .link
                .protocol
                .next_event(self.now, &mut input, self.out);
            let Some(event) = event else { break };
            let outcome = self.take(event, replies);
            if outcome != Outcome::Stays {
                return outcome;
            }
        }
        if let Some((key, at)) = self.link.protocol.arriving_response()
            && let Some(call) = self.bindings.call_mut(Key::from_bits(key))
        {
            call.progress = at;
        }
        Outcome::Stays
    }

    #[inline(always)]
    fn end_call(&mut self, response: &PlainResponse<'_>, replies: LocalReplies<'_>) {
        let data = StubData {
            bytes: response.stub,
            order: ByteOrder::Little,
            transfer: response.transfer,
            pipes: None,
        };
        let key = Key::from_bits(response.key);
        match self.bindings.end_local_call(key) {
            Some(token) => replies(LocalReply {
                token,
                at: self.now,
                result: Ok(data),
                extended: &[],
            }),
            None => self
                .bindings
                .end_call(key, Ok(data), &[], self.core, self.now, replies),
        }
    }

    // Not inlined, so that what seldom happens takes no registers from what mostly does.
    #[inline(never)]
    fn take(&mut self, event: ClientEvent<'_>, replies: LocalReplies<'_>) -> Outcome {
        match event {
            ClientEvent::Response {
                key,
                transfer,
                drep,
                stub,
                ..
            } => {
                let data = StubData {
                    bytes: &stub,
                    order: byte_order(drep),
                    transfer,
                    pipes: None,
                };
                let key = Key::from_bits(key);
                self.bindings
                    .end_call(key, Ok(data), &[], self.core, self.now, replies);
                self.recycle(stub);
            }
            ClientEvent::ResponseData {
                key,
                transfer,
                drep,
                stub,
                is_last,
                ..
            } => {
                let data = StubData {
                    bytes: &stub,
                    order: byte_order(drep),
                    transfer,
                    pipes: None,
                };
                let outcome = self.take_piece(Key::from_bits(key), data, is_last, replies);
                self.recycle(stub);
                return outcome;
            }
            ClientEvent::Fault {
                key,
                status,
                did_not_execute,
                extended,
                ..
            } => {
                let result = Err(failure(status, did_not_execute));
                let extended = extended.as_deref().unwrap_or_default();
                let key = Key::from_bits(key);
                if self.bindings.has_pipes(key) {
                    *self.pipe_is_full = false;
                }
                self.bindings
                    .end_call(key, result, extended, self.core, self.now, replies);
            }
            ClientEvent::Bound { context, group, .. } => {
                self.link.accepted(context);
                self.associations.joined(self.link.association, group);
            }
            ClientEvent::InterfaceRefused { reason, .. } => {
                let offer = self.link.refused();
                self.refusals
                    .extend(offer.map(|offer| (offer, refusal(reason))));
            }
            ClientEvent::BindRefused(reason) => {
                tracing::debug!(%reason, "the server refuses the bind");
                return Outcome::IsRefused;
            }
            ClientEvent::Close(reason) => {
                tracing::debug!(%reason, "a connection ends");
                return Outcome::IsOver;
            }
            _ => unreachable!("an event that this engine does not know"),
        }
        Outcome::Stays
    }

    /// A fragment of the response to a call with pipes has come.
    fn take_piece(
        &mut self,
        key: Key,
        piece: StubData<'_>,
        is_last: bool,
        replies: LocalReplies<'_>,
    ) -> Outcome {
        let call = self.bindings.call(key);
        let pipes = call.and_then(|call| call.pipes.clone());
        if let Some(pipes) = &pipes {
            let mut owned = self.core.stub_buffers.take();
            owned.extend_from_slice(piece.bytes);
            *self.pipe_is_full |= pipes.received(owned, is_last, piece.order);
            if pipes.is_tail_too_long() {
                tracing::debug!("too much comes behind the pipes of a response");
                return Outcome::IsOver;
            }
        }
        if is_last {
            *self.pipe_is_full = false;
            let data = StubData {
                bytes: &[],
                pipes: pipes.as_ref(),
                ..piece
            };
            self.bindings
                .end_call(key, Ok(data), &[], self.core, self.now, replies);
        }
        Outcome::Stays
    }

    fn recycle(&mut self, stub: Stub<'_>) {
        if let Some(assembled) = stub.into_assembled() {
            self.link.protocol.recycle(assembled);
        }
    }
}

/// A fault always is the failure of a call that has ended, whatever code it carries.
fn failure(status: FaultStatus, did_not_execute: bool) -> Status {
    match Status::from_fault(status) {
        Status::Ok | Status::AsyncCallPending | Status::CallFailed if did_not_execute => {
            Status::CallFailedDne
        }
        Status::Ok | Status::AsyncCallPending => Status::CallFailed,
        status => status,
    }
}

fn refusal(reason: ProviderReason) -> Status {
    match reason {
        ProviderReason::AbstractSyntaxNotSupported => Status::UnknownIf,
        ProviderReason::TransferSyntaxesNotSupported => Status::UnsupportedTransSyn,
        _ => Status::ServerUnavailable,
    }
}
