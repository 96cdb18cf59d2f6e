//! An implementation of AsyncRPC.

use std::sync::mpsc::Sender;
use std::time::Duration;

use super::AsyncRpc;
use crate::{CallContext, ServerCall, Status};

/// The sample's server: tells whoever holds the other end of a channel what it is asked.
#[derive(Debug)]
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
        context.after(delay, move || {
            // There are no parameters that could be refused.
            let _ = call.complete(&());
        })
    }

    fn shutdown(&self, _: &mut CallContext<'_>) -> Result<(), Status> {
        self.tell(SampleEvent::Shutdown);
        Ok(())
    }
}
