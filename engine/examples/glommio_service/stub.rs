// Made by `cargo xtask generate` from engine/examples/glommio_service.
//! `files.idl`, compiled by annulus-idl. Do not edit.
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
use ::annulus::ndr::{NdrParams, Gives};

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xc2a0_a1f6_6b1b_4a51_8f7e_52d7_f0b7_d3c4),
    1,
    0,
);

/// Operation number of `Read`.
pub const READ: u16 = 0;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 1;

/// `Read`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ReadRequest {
    /// `offset`.
    pub offset: i64,
    /// `count`.
    #[ndr(range(1, 65536))]
    pub count: u32,
}

/// `Read`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = ReadGiven)]
pub struct ReadResponse {
    /// `length`.
    pub length: u32,
    /// `data`.
    #[ndr(size_is = "given.count", length_is = "length")]
    pub data: Vec<u8>,
    /// What the operation returns.
    pub result: u32,
}

/// `Read`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct ReadGiven {
    /// As in [`ReadRequest`].
    pub count: u32,
}

impl Gives<ReadGiven> for ReadRequest {
    fn given(&self) -> ReadGiven {
        ReadGiven { count: self.count }
    }
}

/// Calls `files`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct FilesClient {
    binding: Binding,
}

impl FilesClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// Reads what is there from \`offset\` on: \`count\` bytes, fewer at the end of the file.
    ///
    /// `Read` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn read(&self, offset: i64, count: u32) -> Result<ReadResponse, Status> {
        let request = ReadRequest { offset, count };
        self.binding.call_blocking(READ, &request)
    }

    /// Reads what is there from \`offset\` on: \`count\` bytes, fewer at the end of the file.
    ///
    /// `Read` in the IDL.
    ///
    /// `.await` it.
    pub fn read_future(&self, offset: i64, count: u32) -> Call<ReadResponse> {
        let request = ReadRequest { offset, count };
        self.binding.call(READ, &request)
    }

    /// Reads what is there from \`offset\` on: \`count\` bytes, fewer at the end of the file.
    ///
    /// `Read` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn read_async(
        &self,
        handle: &mut AsyncHandle<ReadResponse>,
        offset: i64,
        count: u32,
    ) -> Result<(), Status> {
        let request = ReadRequest { offset, count };
        self.binding.call_async(handle, READ, &request)
    }
}

/// The manager routines of `files`.
pub trait Files: Send + Sync + 'static {
    /// Reads what is there from \`offset\` on: \`count\` bytes, fewer at the end of the file.
    ///
    /// `Read` in the IDL.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn read(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<ReadResponse>,
        offset: i64,
        count: u32,
    ) -> Result<(), Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Files) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Files> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            READ => {
                let ReadRequest { offset, count } = call.decode()?;
                let given = ReadGiven { count };
                let deferred = call.defer()?;
                manager.read(call.context(), deferred.with_given(given), offset, count)
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
