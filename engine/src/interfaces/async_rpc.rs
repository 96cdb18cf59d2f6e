//! AsyncRPC, the sample interface of Microsoft's documentation of asynchronous RPC: one
//! synchronous operation, one asynchronous, and a shutdown.

use std::sync::mpsc::Sender;
use std::time::Duration;

use annulus_ndr::NdrParams;
use annulus_protocol::{SyntaxId, Uuid};

use crate::{AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, ServerCall, Status};

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x7f6c_4340_eb67_11d1_b9d7_00c0_4fad_9a3b),
    1,
    0,
);

/// The delay of AsyncFunc that the sample's client asks for, in milliseconds.
pub const DEFAULT_ASYNC_DELAY: u32 = 10_000;
/// Where the sample listens.
pub const DEFAULT_ENDPOINT: &str = "8765";

/// Operation number of NonAsyncFunc.
pub const NON_ASYNC_FUNC: u16 = 0;
/// Operation number of AsyncFunc.
pub const ASYNC_FUNC: u16 = 1;
/// Operation number of Shutdown.
pub const SHUTDOWN: u16 = 2;

const OPERATION_COUNT: u16 = 3;

/// NonAsyncFunc: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct NonAsyncFuncRequest<'a> {
    /// A message, in bytes, without the terminator.
    #[ndr(string)]
    pub message: &'a [u8],
}

/// AsyncFunc: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct AsyncFuncRequest {
    /// After how many milliseconds the call completes.
    pub delay_ms: u32,
}

/// The manager routines of AsyncRPC.
pub trait AsyncRpc: Send + Sync + 'static {
    /// Takes a message.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn non_async_func(&self, context: &mut CallContext<'_>, message: &[u8]) -> Result<(), Status>;

    /// `[async]`: completes `call` after so many milliseconds.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn async_func(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<()>,
        delay_ms: u32,
    ) -> Result<(), Status>;

    /// Ends the server.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn shutdown(&self, context: &mut CallContext<'_>) -> Result<(), Status>;
}

/// Makes manager routines an interface that a [`Server`](crate::Server) can offer.
pub fn interface(manager: impl AsyncRpc) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: AsyncRpc> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Stub(manager) = self;
        match call.opnum() {
            NON_ASYNC_FUNC => {
                let NonAsyncFuncRequest { message } = call.decode()?;
                manager.non_async_func(call.context(), message)?;
                call.reply(&())
            }
            ASYNC_FUNC => {
                let AsyncFuncRequest { delay_ms } = call.decode()?;
                let deferred = call.defer()?;
                manager.async_func(call.context(), deferred, delay_ms)
            }
            SHUTDOWN => {
                manager.shutdown(call.context())?;
                call.reply(&())
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

/// Calls AsyncRPC.
#[derive(Clone, Debug)]
pub struct AsyncRpcClient {
    binding: Binding,
}

impl AsyncRpcClient {
    /// A client that calls through `binding`.
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        AsyncRpcClient { binding }
    }

    /// Sends a message. Blocks until the server has taken it.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn non_async_func(&self, message: &str) -> Result<(), Status> {
        let request = NonAsyncFuncRequest {
            message: message.as_bytes(),
        };
        self.binding.call_blocking(NON_ASYNC_FUNC, &request)
    }

    /// Has the server wait. `.await` it.
    pub fn async_func_future(&self, delay_ms: u32) -> Call<()> {
        self.binding
            .call(ASYNC_FUNC, &AsyncFuncRequest { delay_ms })
    }

    /// Has the server wait. `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn async_func_async(
        &self,
        handle: &mut AsyncHandle<()>,
        delay_ms: u32,
    ) -> Result<(), Status> {
        self.binding
            .call_async(handle, ASYNC_FUNC, &AsyncFuncRequest { delay_ms })
    }

    /// Ends the server. Blocks until it has heard.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn shutdown(&self) -> Result<(), Status> {
        self.binding.call_blocking(SHUTDOWN, &())
    }
}

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
