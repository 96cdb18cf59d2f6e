//! A call on its way to a worker, and there.

use std::sync::Arc;

use annulus_protocol::{Pieces, Time};

use crate::core_shared::CoreShared;
use crate::dispatch::{CallContext, CallFacts, Dispatch, PipeDispatch, Place};
use crate::foreign::contain_panic;
use crate::pipe::{PipeLink, WorkerPart};
use crate::registration::CallPermit;
use crate::served_client::ServedClient;
use crate::server_call::{CallEnd, OpenCall};
use crate::status::Status;

/// A request for a manager routine that blocks, with all that running it needs.
pub(crate) struct BlockingCall {
    pub(crate) facts: CallFacts,
    pub(crate) client: ServedClient,
    pub(crate) opnum: u16,
    pub(crate) stub: Vec<u8>,
    pub(crate) core: Arc<CoreShared>,
    pub(crate) now: Time,
    pub(crate) answer: Answer,
    pub(crate) pipes: Option<Arc<PipeLink>>,
}

/// Who waits for the answer.
pub(crate) enum Answer {
    /// A client. The core's table of open calls has the permit.
    To(OpenCall),
    /// Nobody: a `[maybe]` call, which is open as long as it runs.
    Nobody(#[expect(dead_code, reason = "held until it is dropped")] CallPermit),
}

impl BlockingCall {
    /// Bytes of stub data.
    pub(crate) fn request_len(&self) -> usize {
        self.stub.len()
    }

    /// Runs the manager routine on this thread, and answers. Not for a client that went while the
    /// call waited for a worker: that call only gives back what it holds.
    pub(crate) fn run(self) {
        let BlockingCall {
            facts,
            client,
            opnum,
            stub,
            core,
            now,
            answer,
            pipes,
        } = self;
        let mut stub = stub;
        let (mut call, _permit) = match answer {
            Answer::To(call) => (Some(call), None),
            nobody @ Answer::Nobody(_) => (None, Some(nobody)),
        };
        if call.as_ref().is_some_and(OpenCall::is_disconnected) {
            return core.stub_buffers.put(stub);
        }
        let mut out = Pieces::from(core.stub_buffers.take());
        let registered = client.server.registered(facts.interface);
        let mut piped = PipeDispatch {
            is_partial: true,
            ..PipeDispatch::default()
        };
        let (result, extended) = loop {
            let mut context = CallContext {
                facts: &facts,
                client: &client,
                now,
                core: &core,
                place: Place::Worker(&mut call),
                extended: Vec::new(),
                deferred: None,
                not_executed: false,
                pipes: pipes.is_some().then_some(&mut piped),
            };
            let result = contain_panic(|| {
                registered.interface().dispatch(Dispatch {
                    opnum,
                    stub: &stub,
                    out: &mut out,
                    context: &mut context,
                })
            });
            let extended = context.extended;
            let (Some(lacking), Some(link)) = (piped.lacking.take(), &pipes) else {
                break (result, extended);
            };
            link.await_head(true);
            piped.is_partial = wait_for_head(link, &mut stub, lacking);
            link.await_head(false);
        };
        // What the routine has handed to somebody else holds up no worker.
        if let Some(link) = &pipes {
            link.set_worker(WorkerPart::Nothing);
        }
        // Without a call there is nobody to answer, or somebody else will.
        match (call, result.unwrap_or(Err(Status::CallFailed))) {
            (Some(mut call), Ok(())) => call.end(CallEnd::Reply(out.into())),
            (Some(mut call), Err(status)) => {
                call.end(CallEnd::failure(status, extended));
                core.stub_buffers.put(out);
            }
            (None, _) => core.stub_buffers.put(out),
        }
        core.stub_buffers.put(stub);
    }
}

/// Waits until `lacking` more bytes of what is in front of a call's pipes have come. False if no
/// more will.
fn wait_for_head(pipes: &Arc<PipeLink>, stub: &mut Vec<u8>, lacking: usize) -> bool {
    let wanted = stub.len().saturating_add(lacking.max(1));
    while stub.len() < wanted {
        match pipes.wait_for_piece() {
            Ok(piece) if stub.len() + piece.len() <= pipes.head_len_max() => {
                stub.extend_from_slice(&piece);
            }
            _ => return false,
        }
    }
    true
}
