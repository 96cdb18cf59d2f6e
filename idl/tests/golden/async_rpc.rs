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

/// The delay that the sample's client asks for.
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
    /// `pszMessage`.
    #[ndr(string)]
    pub psz_message: &'a [u8],
}

/// `AsyncFunc`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AsyncFuncRequest {
    /// `nAsychDelay`.
    pub n_asych_delay: u32,
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

    /// `NonAsyncFunc`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn non_async_func(&self, psz_message: &[u8]) -> Result<(), Status> {
        let request = NonAsyncFuncRequest { psz_message };
        self.binding.call_blocking(NON_ASYNC_FUNC, &request)
    }

    /// `NonAsyncFunc`.
    ///
    /// `.await` it.
    pub fn non_async_func_future(&self, psz_message: &[u8]) -> Call<()> {
        let request = NonAsyncFuncRequest { psz_message };
        self.binding.call(NON_ASYNC_FUNC, &request)
    }

    /// `NonAsyncFunc`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn non_async_func_async(
        &self,
        handle: &mut AsyncHandle<()>,
        psz_message: &[u8],
    ) -> Result<(), Status> {
        let request = NonAsyncFuncRequest { psz_message };
        self.binding.call_async(handle, NON_ASYNC_FUNC, &request)
    }

    /// `AsyncFunc`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn async_func(&self, n_asych_delay: u32) -> Result<(), Status> {
        let request = AsyncFuncRequest { n_asych_delay };
        self.binding.call_blocking(ASYNC_FUNC, &request)
    }

    /// `AsyncFunc`.
    ///
    /// `.await` it.
    pub fn async_func_future(&self, n_asych_delay: u32) -> Call<()> {
        let request = AsyncFuncRequest { n_asych_delay };
        self.binding.call(ASYNC_FUNC, &request)
    }

    /// `AsyncFunc`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn async_func_async(
        &self,
        handle: &mut AsyncHandle<()>,
        n_asych_delay: u32,
    ) -> Result<(), Status> {
        let request = AsyncFuncRequest { n_asych_delay };
        self.binding.call_async(handle, ASYNC_FUNC, &request)
    }

    /// `Shutdown`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn shutdown(&self) -> Result<(), Status> {
        self.binding.call_blocking(SHUTDOWN, &())
    }

    /// `Shutdown`.
    ///
    /// `.await` it.
    pub fn shutdown_future(&self) -> Call<()> {
        self.binding.call(SHUTDOWN, &())
    }

    /// `Shutdown`.
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
    /// `NonAsyncFunc`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn non_async_func(
        &self,
        context: &mut CallContext<'_>,
        psz_message: &[u8],
    ) -> Result<(), Status>;

    /// `AsyncFunc`.
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
        n_asych_delay: u32,
    ) -> Result<(), Status>;

    /// `Shutdown`.
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
                let NonAsyncFuncRequest { psz_message } = call.decode()?;
                manager.non_async_func(call.context(), psz_message)?;
                call.reply(&())
            }
            ASYNC_FUNC => {
                let AsyncFuncRequest { n_asych_delay } = call.decode()?;
                let deferred = call.defer()?;
                manager.async_func(call.context(), deferred, n_asych_delay)
            }
            SHUTDOWN => {
                manager.shutdown(call.context())?;
                call.reply(&())
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
