//! The request whose fragments are arriving: joined to a whole, or handed out one by one.

use std::ops::Range;

use super::established::Established;
use super::refusal::Refusal;
use super::requests::{CallHead, too_busy, too_long};
use super::{Env, Outcome, ServerEndpoint, ServerEvent};
use crate::assembly::{Assembly, TooLong};
use crate::framing::FrameBytes;
use crate::input::BufferPool;
use crate::pdu::{Header, PduFlags};
use crate::types::CallId;
use crate::verification::StubTail;

/// A request whose last fragment has not arrived.
pub(super) struct FragmentedCall {
    head: CallHead,
    stub: ArrivingStub,
}

/// What becomes of the stub data.
enum ArrivingStub {
    /// It is kept until it is whole; or skipped, where the call was refused.
    Assembled {
        assembly: Assembly,
        /// Bytes that the endpoint was told of.
        announced: usize,
    },
    /// Each piece is handed out, as long as the call is active, and skipped afterwards. The tail
    /// of an authenticated call is kept for its verification trailer.
    Streamed { tail: Option<StubTail> },
}

impl FragmentedCall {
    /// What the first fragment said.
    pub(super) fn head(&self) -> &CallHead {
        &self.head
    }

    /// Whether its stub data is handed out piece by piece.
    fn is_streamed(&self) -> bool {
        matches!(self.stub, ArrivingStub::Streamed { .. })
    }

    /// What is kept of a stream.
    fn tail(&self) -> Option<&StubTail> {
        match &self.stub {
            ArrivingStub::Streamed { tail } => tail.as_ref(),
            ArrivingStub::Assembled { .. } => None,
        }
    }

    /// Whether its call may still be handed out as a whole.
    fn is_collected(&self) -> bool {
        matches!(&self.stub, ArrivingStub::Assembled { assembly, .. } if assembly.is_kept())
    }
}

impl ArrivingStub {
    /// Adds a piece to stub data that is assembled, within the limits of the call and of the
    /// core.
    fn grow<E: ServerEndpoint>(
        &mut self,
        head: &CallHead,
        fragment: &mut FrameBytes<'_>,
        piece: Range<usize>,
        env: &mut Env<'_, E>,
    ) -> Result<(), Refusal> {
        let ArrivingStub::Assembled {
            assembly,
            announced,
        } = self
        else {
            return Ok(());
        };
        let limit = env.limits.request_len_max;
        if assembly.is_kept() && !piece.is_empty() {
            if !env.endpoint.grow_assembly(piece.len()) {
                return Err(too_busy(head.call).in_context(head.fixed.context));
            }
            *announced += piece.len();
        }
        assembly
            .append(fragment, piece, limit)
            .map_err(|TooLong| too_long(head, limit))
    }
}

impl Established {
    /// Whether a call whose stub data is kept, or refused and counted, waits for its fragments.
    /// A stream may take any time.
    pub(super) fn is_assembling(&self) -> bool {
        self.fragmented
            .as_ref()
            .is_some_and(|begun| !begun.is_streamed())
    }

    /// Takes the first of several fragments. A call that cannot be dispatched is answered at
    /// once, and its other fragments are skipped.
    pub(super) fn first_fragment<'b, E: ServerEndpoint>(
        &mut self,
        head: CallHead,
        mut bytes: FrameBytes<'b>,
        stub: Range<usize>,
        env: &mut Env<'_, E>,
    ) -> Outcome<'b> {
        let is_streamed = self.is_streamed(&head, env.endpoint);
        let callee = match self.judge(&head, env.limits) {
            Ok(target) => Some((target.interface, target.transfer)),
            Err(unservable) => {
                unservable.answer(&head, env.out)?;
                None
            }
        };
        let mut arriving = match callee {
            _ if is_streamed => ArrivingStub::Streamed {
                tail: (callee.is_some() && head.security.is_some()).then(|| {
                    let mut tail = StubTail::new(env.pool.take());
                    tail.push(&bytes.as_slice()[stub.clone()]);
                    tail
                }),
            },
            Some(_) => ArrivingStub::Assembled {
                assembly: Assembly::collect(env.pool),
                announced: 0,
            },
            None => ArrivingStub::Assembled {
                assembly: Assembly::skip(),
                announced: 0,
            },
        };
        let grown = arriving.grow(&head, &mut bytes, stub.clone(), env);
        self.fragmented = Some(FragmentedCall {
            head,
            stub: arriving,
        });
        grown?;
        match callee {
            Some(callee) if is_streamed => {
                let stub = bytes.into_stub(stub);
                let request = self.hand_out(&head, callee, stub, false);
                Ok(Some(ServerEvent::Request(request)))
            }
            _ => {
                bytes.recycle(env.pool);
                Ok(None)
            }
        }
    }

    /// Whether the request of a call is handed out fragment by fragment. A call that is `maybe`
    /// never becomes active, so it never is.
    fn is_streamed<E: ServerEndpoint>(&self, head: &CallHead, endpoint: &E) -> bool {
        let target = self.presentation.find(head.fixed.context);
        target.is_some_and(|target| {
            !head.maybe
                && head.fixed.opnum.0 < target.operation_count
                && endpoint.streams(target.interface, head.fixed.opnum)
        })
    }

    /// Adds a fragment to the call that has begun. Its context id, opnum and security trailer
    /// count for nothing, but the signature is checked as that of the call.
    pub(super) fn further_fragment<'b, E: ServerEndpoint>(
        &mut self,
        header: &Header,
        bytes: FrameBytes<'b>,
        stub_at: usize,
        env: &mut Env<'_, E>,
    ) -> Outcome<'b> {
        let Some(head) = self.fragmented.as_ref().map(|begun| begun.head) else {
            return Ok(None);
        };
        let (mut bytes, stub) = self.open_further(&head, header, bytes, stub_at, env)?;
        let is_last = header.flags.contains(PduFlags::LAST);
        let Some(begun) = self
            .fragmented
            .as_mut()
            .filter(|begun| !begun.is_streamed())
        else {
            return self.streamed_fragment(&head, bytes, stub, is_last, env);
        };
        begun.stub.grow(&head, &mut bytes, stub, env)?;
        bytes.recycle(env.pool);
        if !is_last {
            return Ok(None);
        }
        let assembly = self.end_assembly(env.endpoint, env.pool);
        match assembly.and_then(Assembly::finish) {
            Some(stub) => self.dispatch(head, stub, env),
            None => Ok(None),
        }
    }

    /// Hands a further fragment of a stream out, if its call is still active. The verification
    /// trailer of the whole request comes with its last fragment (MS-RPCE 2.2.2.13): if it does
    /// not hold, that fragment is not handed out.
    fn streamed_fragment<'b, E: ServerEndpoint>(
        &mut self,
        head: &CallHead,
        bytes: FrameBytes<'b>,
        stub: Range<usize>,
        is_last: bool,
        env: &mut Env<'_, E>,
    ) -> Outcome<'b> {
        let call = head.call;
        let key = self.calls.key(call);
        if key.is_some() {
            self.extend_tail(head, &bytes.as_slice()[stub.clone()], is_last)?;
        }
        if is_last {
            self.end_assembly(env.endpoint, env.pool);
        }
        let Some(key) = key else {
            bytes.recycle(env.pool);
            return Ok(None);
        };
        Ok(Some(ServerEvent::RequestData {
            call,
            key,
            stub: bytes.into_stub(stub),
            is_last,
        }))
    }

    /// Keeps the end of a stream's stub data, and verifies it once it is that of the request.
    fn extend_tail(&mut self, head: &CallHead, piece: &[u8], is_last: bool) -> Result<(), Refusal> {
        if let Some(FragmentedCall {
            stub: ArrivingStub::Streamed { tail: Some(tail) },
            ..
        }) = &mut self.fragmented
        {
            tail.push(piece);
        }
        if !is_last {
            return Ok(());
        }
        let tail = self.fragmented.as_ref().and_then(FragmentedCall::tail);
        let target = self.presentation.find(head.fixed.context);
        match (tail, target) {
            (Some(tail), Some(target)) => self.verify(head, target, tail.end()),
            _ => Ok(()),
        }
    }

    /// The client gives a request up that it has not sent to the end (C706 12.6.4.8): no further
    /// fragment of it comes. A request that is still being assembled goes on, because real
    /// clients do not mean it.
    pub(super) fn abandon_fragments<E: ServerEndpoint>(
        &mut self,
        call: CallId,
        env: &mut Env<'_, E>,
    ) {
        let is_given_up = self
            .fragmented
            .as_ref()
            .is_some_and(|begun| begun.head.call == call && !begun.is_collected());
        if is_given_up {
            self.end_assembly(env.endpoint, env.pool);
        }
    }

    /// Takes the call out whose fragments are arriving, and tells the endpoint. What was kept of
    /// a call that was to be handed out as a whole.
    pub(super) fn end_assembly<E: ServerEndpoint>(
        &mut self,
        endpoint: &mut E,
        pool: &mut BufferPool,
    ) -> Option<Assembly> {
        match self.fragmented.take()?.stub {
            ArrivingStub::Assembled {
                assembly,
                announced,
            } => {
                if announced > 0 {
                    endpoint.shrink_assembly(announced);
                }
                Some(assembly)
            }
            ArrivingStub::Streamed { tail } => {
                if let Some(tail) = tail {
                    pool.put(tail.into_buffer());
                }
                None
            }
        }
    }
}
