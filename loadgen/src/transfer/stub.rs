// Made by `cargo xtask generate` from engine/examples/pipe_transfer.
//! `transfer.idl`, compiled by annulus-idl. Do not edit.
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
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, PipeShape, PullPipe,
    PushPipe, ServerCall, Status, SyntaxId, Uuid,
};
use ::annulus::ndr::NdrParams;

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x7b5d_3a9e_2f4c_4d1a_9c6e_41f2_0a8b_6d57),
    1,
    0,
);

/// Operation number of `Exchange`.
pub const EXCHANGE: u16 = 0;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 1;

/// `Exchange`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ExchangeRequest {
    /// `count`.
    pub count: i64,
}

/// `Exchange`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ExchangeResponse {
    /// What the operation returns.
    pub result: i64,
}

/// How many pipes `Exchange` has.
pub const EXCHANGE_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 1,
};

/// `Exchange`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct ExchangePipes {
    /// `up`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub up: PushPipe<u8>,
    /// `down`.
    ///
    /// `[out]`: pull until no more comes.
    pub down: PullPipe<u8>,
}

/// Calls `transfer`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
/// One with pipes has two, and each gives the client's ends of them.
#[derive(Clone, Debug)]
pub struct TransferClient {
    binding: Binding,
}

impl TransferClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// Takes what comes, gives so many bytes back, and returns the sum of what came.
    ///
    /// `Exchange` in the IDL.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn exchange(
        &self,
        count: i64,
    ) -> Result<(Call<ExchangeResponse>, ExchangePipes), Status> {
        let request = ExchangeRequest { count };
        let (call, pipes) = self
            .binding
            .call_with_pipes(EXCHANGE, &request, EXCHANGE_PIPES)?;
        Ok((
            call,
            ExchangePipes {
                up: pipes.push(0),
                down: pipes.pull(0),
            },
        ))
    }

    /// Takes what comes, gives so many bytes back, and returns the sum of what came.
    ///
    /// `Exchange` in the IDL.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn exchange_async(
        &self,
        handle: &mut AsyncHandle<ExchangeResponse>,
        count: i64,
    ) -> Result<ExchangePipes, Status> {
        let request = ExchangeRequest { count };
        let pipes = self
            .binding
            .call_async_with_pipes(handle, EXCHANGE, &request, EXCHANGE_PIPES)?;
        Ok(ExchangePipes {
            up: pipes.push(0),
            down: pipes.pull(0),
        })
    }
}

/// The manager routines of `transfer`.
pub trait Transfer: Send + Sync + 'static {
    /// Takes what comes, gives so many bytes back, and returns the sum of what came.
    ///
    /// `Exchange` in the IDL.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn exchange(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<ExchangeResponse>,
        count: i64,
        up: PullPipe<u8>,
        down: PushPipe<u8>,
    ) -> Result<(), Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Transfer) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Transfer> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn pipes(&self, opnum: u16) -> PipeShape {
        match opnum {
            EXCHANGE => EXCHANGE_PIPES,
            _ => PipeShape::default(),
        }
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            EXCHANGE => {
                let (ExchangeRequest { count }, deferred, pipes) = call
                    .defer_with_pipes()?;
                manager
                    .exchange(
                        call.context(),
                        deferred,
                        count,
                        pipes.pull(0),
                        pipes.push(0),
                    )
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
