//! An implementation of AsyncRPC.

use std::sync::mpsc::Sender;
use std::time::Duration;

use super::AsyncRpc;
use crate::{CallContext, Executor, ServerCall, Status};

/// How often AsyncFunc looks whether its client still wants it.
const CANCEL_POLL: Duration = Duration::from_millis(100);

/// The sample's server: tells whoever holds the other end of a channel what it is asked.
///
/// AsyncFunc ends early, with [`Status::CallCancelled`], when its client cancels it or is gone.
#[derive(Clone, Debug)]
pub struct SampleServer {
    events: Sender<SampleEvent>,
}

/// What the sample's server was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleEvent {
    /// NonAsyncFunc, with its message.
    Message(String),
    /// AsyncFunc, with its delay.
    Delay(Duration),
    /// The end of an AsyncFunc that its client cancelled.
    Cancelled,
    /// Shutdown.
    Shutdown,
}

impl SampleServer {
    /// A server that tells `events`.
    #[must_use]
    pub fn new(events: Sender<SampleEvent>) -> Self {
        SampleServer { events }
    }

    fn tell(&self, event: SampleEvent) {
        // Nobody has to listen.
        let _ = self.events.send(event);
    }

    /// What AsyncFunc does for so long: it looks for a cancel, now and then.
    async fn work(self, executor: Executor, call: ServerCall<()>, delay: Duration) {
        let end = executor.now() + delay;
        while call.test_cancel() == Status::CallInProgress {
            let left = end - executor.now();
            if left.is_zero() {
                // There are no parameters that could be refused.
                let _ = call.complete(&());
                return;
            }
            executor.sleep(left.min(CANCEL_POLL)).await;
        }
        self.tell(SampleEvent::Cancelled);
        // The status is a failure, so it is not refused.
        let _ = call.abort(Status::CallCancelled);
    }
}

impl AsyncRpc for SampleServer {
    fn non_async_func(&self, _: &mut CallContext<'_>, message: &[u8]) -> Result<(), Status> {
        self.tell(SampleEvent::Message(
            String::from_utf8_lossy(message).into_owned(),
        ));
        Ok(())
    }

    fn async_func(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<()>,
        delay_ms: u32,
    ) -> Result<(), Status> {
        let delay = Duration::from_millis(delay_ms.into());
        self.tell(SampleEvent::Delay(delay));
        let executor = context.executor()?;
        let work = self.clone().work(executor.clone(), call, delay);
        executor.spawn(work)
    }

    fn shutdown(&self, _: &mut CallContext<'_>) -> Result<(), Status> {
        self.tell(SampleEvent::Shutdown);
        Ok(())
    }
}
