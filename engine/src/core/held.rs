//! Answers that wait while the response to another call goes out in parts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use annulus_protocol::{CallId, ReplyTo};

use super::buffers::BufferPool;
use super::connection::{Connection, Role};
use crate::core_shared::CoreShared;
use crate::pipe::{OutPiece, PipeLink};
use crate::server_call::CallEnd;

/// What waits on one connection, in the order in which it came.
#[derive(Default)]
pub(crate) struct HeldAnswers {
    queue: VecDeque<(ReplyTo, HeldAnswer)>,
    /// The calls whose pipes have a place in the queue: the pipes, and the ends that have come.
    piped: BTreeMap<CallId, (Arc<PipeLink>, Option<CallEnd>)>,
    /// Bytes that the ends hold.
    ends_len: usize,
}

/// What an answer takes in the queue.
const ANSWER_LEN: usize = size_of::<(ReplyTo, HeldAnswer)>();
/// What a call takes beside its pipes in the queue.
const PIPED_LEN: usize = size_of::<(CallId, (Arc<PipeLink>, Option<CallEnd>))>();

enum HeldAnswer {
    /// What was pushed into a call's out-pipes, unless the call has been given up.
    Pipes,
    /// The end of a call whose pipes do not wait.
    End(CallEnd),
}

impl HeldAnswers {
    /// Bytes that it holds, without those that lie in pipes. A fault is something, too.
    pub(crate) fn len(&self) -> usize {
        self.ends_len + self.queue.len() * ANSWER_LEN + self.piped.len() * PIPED_LEN
    }

    /// The end of a call waits; behind its pipes, if they wait too.
    fn push_end(&mut self, reply: ReplyTo, end: CallEnd) {
        self.ends_len += end.len();
        match self.piped.get_mut(&reply.call()) {
            Some((_, place)) => *place = Some(end),
            None => self.queue.push_back((reply, HeldAnswer::End(end))),
        }
    }

    /// Once for all that is pushed until these pipes are popped: the core may be told of them for
    /// more than one reason.
    fn push_pipes(&mut self, reply: ReplyTo, pipes: &Arc<PipeLink>) {
        if !pipes.set_waits_for_response(true) {
            self.piped.insert(reply.call(), (Arc::clone(pipes), None));
            self.queue.push_back((reply, HeldAnswer::Pipes));
        }
    }

    /// Nobody waits for a call any more: what it pushed goes now. Otherwise calls that are given up
    /// one after another would hold more than a connection may, as they do not count as its calls
    /// once they have ended, and one could be taken for a later one of the same id. An end that has
    /// come stays: it ends the call.
    pub(super) fn forget(&mut self, call: CallId) {
        if let Some((pipes, end)) = self.piped.get(&call) {
            pipes.set_waits_for_response(false);
            pipes.discard();
            if end.is_none() {
                self.piped.remove(&call);
            }
        }
    }

    /// What comes next: the pipes of a call, its end, or first the one and then the other.
    fn pop(&mut self) -> Option<(ReplyTo, Option<Arc<PipeLink>>, Option<CallEnd>)> {
        let (reply, pipes, end) = loop {
            let (reply, answer) = self.queue.pop_front()?;
            match answer {
                HeldAnswer::End(end) => break (reply, None, Some(end)),
                HeldAnswer::Pipes => {
                    if let Some((pipes, end)) = self.piped.remove(&reply.call()) {
                        pipes.set_waits_for_response(false);
                        break (reply, Some(pipes), end);
                    }
                }
            }
        };
        self.ends_len -= end.as_ref().map_or(0, CallEnd::len);
        Some((reply, pipes, end))
    }
}

impl Connection {
    /// Answers a call. While the response to another one goes out in parts, the answer waits.
    pub(super) fn answer(
        &mut self,
        reply: &ReplyTo,
        end: CallEnd,
        buffers: &mut BufferPool,
        core: &CoreShared,
    ) {
        let Role::Server(link) = &mut self.role else {
            return;
        };
        if link.protocol.can_answer(reply) {
            let out = self.outgoing.writable_pieces(buffers);
            end.write(&mut link.protocol, reply, out, core);
            self.release_held(buffers, core);
        } else {
            self.outgoing.held.push_end(*reply, end);
        }
    }

    /// Sends what was pushed into a call's out-pipes. While the response to another one goes out
    /// in parts, that waits.
    pub(super) fn send_response_parts(
        &mut self,
        reply: &ReplyTo,
        pipes: &Arc<PipeLink>,
        buffers: &mut BufferPool,
        core: &CoreShared,
    ) {
        let Role::Server(link) = &mut self.role else {
            return;
        };
        if !link.protocol.can_answer(reply) {
            if pipes.has_pieces() {
                self.outgoing.held.push_pipes(*reply, pipes);
            }
            return;
        }
        pipes.begin_take();
        while let Some(OutPiece { stub, .. }) = pipes.take() {
            if stub.is_empty() {
                pipes.sent(0);
            } else {
                let out = self.outgoing.writable(buffers);
                let before = out.len();
                let start = link.protocol.begin_response(reply, out);
                out.extend_from_slice(&stub);
                link.protocol.finish_response_part(start, reply, out);
                if out.len() > before {
                    pipes.go_out();
                    self.outgoing.share(pipes, stub.len());
                } else {
                    // Nobody wants it any more.
                    pipes.sent(stub.len());
                }
            }
            core.stub_buffers.put(stub);
        }
    }

    /// A response that went out in parts may have ended: what waited for that goes on.
    pub(super) fn release_held(&mut self, buffers: &mut BufferPool, core: &CoreShared) {
        while self.can_release_held()
            && let Some((reply, pipes, end)) = self.outgoing.held.pop()
        {
            if let Some(pipes) = pipes {
                self.send_response_parts(&reply, &pipes, buffers, core);
            }
            let Role::Server(link) = &mut self.role else {
                return;
            };
            if let Some(end) = end {
                let out = self.outgoing.writable_pieces(buffers);
                end.write(&mut link.protocol, &reply, out, core);
            }
        }
    }

    fn can_release_held(&self) -> bool {
        !self.outgoing.held.queue.is_empty()
            && matches!(&self.role,
                Role::Server(link) if link.protocol.streamed_response().is_none())
    }
}

#[cfg(test)]
mod tests {
    use annulus_protocol::{
        AuthenticationType, GroupId, Input, InterfaceKey, Limits, ServerConnection, ServerEndpoint,
        ServerEvent, ServerMechanism, SyntaxId, Time, TransferSyntax,
    };

    use super::*;
    use crate::config::Config;
    use crate::pipe::{PipeShape, Pipes};
    use crate::status::Status;

    /// Has every interface.
    struct Anything;

    impl ServerEndpoint for Anything {
        fn find_interface(&self, _: &SyntaxId) -> Option<InterfaceKey> {
            Some(InterfaceKey(0))
        }

        fn supports(&self, _: InterfaceKey, _: TransferSyntax) -> bool {
            true
        }

        fn operation_count(&self, _: InterfaceKey) -> u16 {
            1
        }

        fn join_group(&mut self, _: Option<GroupId>) -> Option<GroupId> {
            std::num::NonZeroU32::new(1).map(GroupId)
        }

        fn leave_group(&mut self, _: GroupId) {}

        fn mechanism(&mut self, _: AuthenticationType) -> Option<Box<dyn ServerMechanism>> {
            None
        }

        fn secondary_address(&self) -> &str {
            ""
        }
    }

    /// How a call is answered that has come in.
    fn reply() -> ReplyTo {
        const BIND: [u8; 72] = [
            5, 0, 11, 3, 16, 0, 0, 0, 72, 0, 0, 0, 1, 0, 0, 0, // header
            0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, // one context
            1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, // some interface
            0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, // NDR
            0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2, 0, 0, 0,
        ];
        const REQUEST: [u8; 24] = [
            5, 0, 0, 3, 16, 0, 0, 0, 24, 0, 0, 0, 2, 0, 0, 0, // header
            0, 0, 0, 0, 0, 0, 0, 0, // no stub data, context 0, operation 0
        ];
        let mut protocol = ServerConnection::new(Arc::new(Limits::default()), Time::ZERO);
        let bytes = [&BIND[..], &REQUEST].concat();
        let (mut input, mut out) = (Input::new(&bytes), Vec::new());
        match protocol.next_event(Time::ZERO, &mut input, &mut Anything, &mut out) {
            Some(ServerEvent::Request(request)) => request.reply,
            _ => panic!("no request came"),
        }
    }

    #[test]
    fn the_pipes_of_a_call_wait_once_until_they_are_popped() {
        let core = Arc::new(CoreShared::new(&Config::default(), Box::new(|| {})));
        let shape = PipeShape {
            in_count: 0,
            out_count: 1,
        };
        let pipes = PipeLink::of_server(&core, TransferSyntax::Ndr, shape, None, None);
        let (mut held, reply) = (HeldAnswers::default(), reply());
        for _ in 0..2 {
            for _ in 0..3 {
                held.push_pipes(reply, &pipes);
                assert_eq!(held.len(), ANSWER_LEN + PIPED_LEN);
            }
            assert!(matches!(held.pop(), Some((_, Some(_), None))));
            assert_eq!(held.len(), 0);
        }
        held.push_pipes(reply, &pipes);
        held.push_end(reply, CallEnd::Fault(Status::CallFailed));
        let popped = held.pop();
        assert!(matches!(
            popped,
            Some((_, Some(_), Some(CallEnd::Fault(_))))
        ));
        assert_eq!(held.len(), 0);
    }

    #[test]
    fn attack_calls_that_are_given_up_hold_nothing_that_they_pushed() {
        let core = Arc::new(CoreShared::new(&Config::default(), Box::new(|| {})));
        let shape = PipeShape {
            in_count: 0,
            out_count: 1,
        };
        let (mut held, reply) = (HeldAnswers::default(), reply());
        for has_ended in [false, true] {
            let pipes = PipeLink::of_server(&core, TransferSyntax::Ndr, shape, None, None);
            let mut pipe = Pipes::new(Arc::clone(&pipes)).push::<u8>(0);
            pipe.push(&[1; 100]).unwrap();
            held.push_pipes(reply, &pipes);
            if has_ended {
                held.push_end(reply, CallEnd::Fault(Status::CallFailed));
            }
            held.forget(reply.call());
            assert!(!pipes.has_pieces());
            assert_eq!(held.pop().is_some(), has_ended, "an end is kept");
            assert_eq!((held.len(), held.ends_len), (0, 0));
        }
    }
}
