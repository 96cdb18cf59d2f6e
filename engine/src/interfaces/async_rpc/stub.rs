// Made by `cargo xtask generate` from engine/idl.
//! `async_rpc.idl`, compiled by annulus-idl. Do not edit.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::enum_variant_names,
    clippy::large_enum_variant,
    clippy::should_implement_trait,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = "names and shapes are those of the IDL, and a program may use a part of it"
)]

use ::annulus::{
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, ServerCall, Status,
    SyntaxId, Uuid,
};
use ::annulus::ndr::NdrParams;

/// The delay of AsyncFunc that the sample's client asks for, in milliseconds.
pub const DEFAULT_ASYNC_DELAY: u32 = 10000;

/// Where the sample listens.
pub const DEFAULT_ENDPOINT: &str = "8765";

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x7f6c_4340_eb67_11d1_b9d7_00c0_4fad_9a3b),
    1,
    0,
);

/// Operation number of `NonAsyncFunc`.
pub const NON_ASYNC_FUNC: u16 = 0;

/// Operation number of `AsyncFunc`.
pub const ASYNC_FUNC: u16 = 1;

/// Operation number of `Shutdown`.
pub const SHUTDOWN: u16 = 2;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 3;

/// `NonAsyncFunc`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct NonAsyncFuncRequest<'a> {
    /// In bytes, without the terminator.
    #[ndr(string)]
    pub message: &'a [u8],
}

/// `AsyncFunc`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AsyncFuncRequest {
    /// How many.
    pub delay_ms: u32,
}

/// Calls `AsyncRPC`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct AsyncRpcClient {
    binding: Binding,
}

impl AsyncRpcClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// Takes a message.
    ///
    /// `NonAsyncFunc` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn non_async_func(&self, message: &[u8]) -> Result<(), Status> {
        let request = NonAsyncFuncRequest { message };
        self.binding.call_blocking(NON_ASYNC_FUNC, &request)
    }

    /// Takes a message.
    ///
    /// `NonAsyncFunc` in the IDL.
    ///
    /// `.await` it.
    pub fn non_async_func_future(&self, message: &[u8]) -> Call<()> {
        let request = NonAsyncFuncRequest { message };
        self.binding.call(NON_ASYNC_FUNC, &request)
    }

    /// Takes a message.
    ///
    /// `NonAsyncFunc` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn non_async_func_async(
        &self,
        handle: &mut AsyncHandle<()>,
        message: &[u8],
    ) -> Result<(), Status> {
        let request = NonAsyncFuncRequest { message };
        self.binding.call_async(handle, NON_ASYNC_FUNC, &request)
    }

    /// Completes after so many milliseconds.
    ///
    /// `AsyncFunc` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn async_func(&self, delay_ms: u32) -> Result<(), Status> {
        let request = AsyncFuncRequest { delay_ms };
        self.binding.call_blocking(ASYNC_FUNC, &request)
    }

    /// Completes after so many milliseconds.
    ///
    /// `AsyncFunc` in the IDL.
    ///
    /// `.await` it.
    pub fn async_func_future(&self, delay_ms: u32) -> Call<()> {
        let request = AsyncFuncRequest { delay_ms };
        self.binding.call(ASYNC_FUNC, &request)
    }

    /// Completes after so many milliseconds.
    ///
    /// `AsyncFunc` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn async_func_async(
        &self,
        handle: &mut AsyncHandle<()>,
        delay_ms: u32,
    ) -> Result<(), Status> {
        let request = AsyncFuncRequest { delay_ms };
        self.binding.call_async(handle, ASYNC_FUNC, &request)
    }

    /// Ends the server.
    ///
    /// `Shutdown` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn shutdown(&self) -> Result<(), Status> {
        self.binding.call_blocking(SHUTDOWN, &())
    }

    /// Ends the server.
    ///
    /// `Shutdown` in the IDL.
    ///
    /// `.await` it.
    pub fn shutdown_future(&self) -> Call<()> {
        self.binding.call(SHUTDOWN, &())
    }

    /// Ends the server.
    ///
    /// `Shutdown` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn shutdown_async(&self, handle: &mut AsyncHandle<()>) -> Result<(), Status> {
        self.binding.call_async(handle, SHUTDOWN, &())
    }
}

/// The manager routines of `AsyncRPC`.
pub trait AsyncRpc: Send + Sync + 'static {
    /// Takes a message.
    ///
    /// `NonAsyncFunc` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn non_async_func(
        &self,
        context: &mut CallContext<'_>,
        message: &[u8],
    ) -> Result<(), Status>;

    /// Completes after so many milliseconds.
    ///
    /// `AsyncFunc` in the IDL.
    ///
    /// `[async]`: completes `call`, now or later.
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
    /// `Shutdown` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn shutdown(&self, context: &mut CallContext<'_>) -> Result<(), Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
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
        let Self(manager) = self;
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
