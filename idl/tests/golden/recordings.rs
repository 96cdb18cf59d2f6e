//! `recordings.idl`, compiled by annulus-idl. Do not edit.
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

use ::std::borrow::Cow;
use ::annulus::{
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, Status, SyntaxId, Uuid,
};
use ::annulus::ndr::{Ndr, NdrParams, Gives, Params};

/// What was recorded at once.
///
/// `recording` in the IDL.
#[derive(Clone, Debug, PartialEq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Recording {
    /// `rate`.
    pub rate: i32,
    /// `count`.
    pub count: u32,
    /// `samples`.
    #[ndr(size_is = "count")]
    pub samples: Option<Vec<f64>>,
    /// `marks`.
    #[ndr(size_is = "count")]
    pub marks: Option<Vec<i32>>,
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_000a),
    1,
    0,
);

/// Operation number of `picture`.
pub const PICTURE: u16 = 0;

/// Operation number of `get`.
pub const GET: u16 = 1;

/// Operation number of `keep`.
pub const KEEP: u16 = 2;

/// Operation number of `echo`.
pub const ECHO: u16 = 3;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 4;

/// `picture`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct PictureRequest {
    /// `number`.
    pub number: i32,
}

/// `picture`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = PictureGiven)]
pub struct PictureResponse {
    /// `len`.
    pub len: u32,
    /// `pixels`.
    #[ndr(size_is = "len")]
    pub pixels: Option<Vec<u8>>,
    /// `taken`.
    pub taken: i64,
    /// `palette`.
    #[ndr(size_is = "given.number")]
    pub palette: Vec<u16>,
    /// What the operation returns.
    pub result: i32,
}

/// `picture`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct PictureGiven {
    /// As in [`PictureRequest`].
    pub number: i32,
}

impl Gives<PictureGiven> for PictureRequest {
    fn given(&self) -> PictureGiven {
        PictureGiven {
            number: self.number,
        }
    }
}

/// `get`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct GetRequest {
    /// `number`.
    pub number: i32,
}

/// `get`: out-parameters.
#[derive(Clone, Debug, PartialEq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct GetResponse {
    /// `found`.
    pub found: Recording,
    /// What the operation returns.
    pub result: i32,
}

/// `keep`: in-parameters.
#[derive(Clone, Debug, PartialEq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct KeepRequest<'a> {
    /// `what`.
    pub what: Recording,
    /// `len`.
    pub len: u32,
    /// `pixels`.
    #[ndr(size_is = "len")]
    pub pixels: &'a [u8],
}

/// `keep`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct KeepResponse {
    /// `count`.
    pub count: i32,
    /// What the operation returns.
    pub result: i32,
}

/// `echo`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EchoRequest<'a> {
    /// `len`.
    pub len: u32,
    /// `bytes`.
    #[ndr(size_is = "len")]
    pub bytes: &'a [u8],
}

/// `echo`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = EchoGiven)]
pub struct EchoResponse {
    /// `same`.
    #[ndr(size_is = "given.len")]
    pub same: Vec<u8>,
}

/// `echo`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct EchoGiven {
    /// As in [`EchoRequest`].
    pub len: u32,
}

impl Gives<EchoGiven> for EchoRequest<'_> {
    fn given(&self) -> EchoGiven {
        EchoGiven { len: self.len }
    }
}

/// `echo`: out-parameters, borrowed.
#[derive(NdrParams)]
#[ndr(encode_only, crate = ::annulus::ndr, given = EchoGiven)]
struct EchoReply<'a> {
    #[ndr(size_is = "given.len")]
    same: &'a [u8],
}

/// Calls `recordings`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct RecordingsClient {
    binding: Binding,
}

impl RecordingsClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// The picture of a recording.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn picture(&self, number: i32) -> Result<PictureResponse, Status> {
        let request = PictureRequest { number };
        self.binding.call_blocking(PICTURE, &request)
    }

    /// The picture of a recording.
    ///
    /// `.await` it.
    pub fn picture_future(&self, number: i32) -> Call<PictureResponse> {
        let request = PictureRequest { number };
        self.binding.call(PICTURE, &request)
    }

    /// The picture of a recording.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn picture_async(
        &self,
        handle: &mut AsyncHandle<PictureResponse>,
        number: i32,
    ) -> Result<(), Status> {
        let request = PictureRequest { number };
        self.binding.call_async(handle, PICTURE, &request)
    }

    /// A recording.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn get(&self, number: i32) -> Result<GetResponse, Status> {
        let request = GetRequest { number };
        self.binding.call_blocking(GET, &request)
    }

    /// A recording.
    ///
    /// `.await` it.
    pub fn get_future(&self, number: i32) -> Call<GetResponse> {
        let request = GetRequest { number };
        self.binding.call(GET, &request)
    }

    /// A recording.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn get_async(
        &self,
        handle: &mut AsyncHandle<GetResponse>,
        number: i32,
    ) -> Result<(), Status> {
        let request = GetRequest { number };
        self.binding.call_async(handle, GET, &request)
    }

    /// Keeps a recording, with its picture; says how many there are.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn keep(&self, what: Recording, pixels: &[u8]) -> Result<KeepResponse, Status> {
        let request = KeepRequest {
            len: u32::try_from(pixels.len()).unwrap_or(u32::MAX),
            what,
            pixels,
        };
        self.binding.call_blocking(KEEP, &request)
    }

    /// Keeps a recording, with its picture; says how many there are.
    ///
    /// `.await` it.
    pub fn keep_future(&self, what: Recording, pixels: &[u8]) -> Call<KeepResponse> {
        let request = KeepRequest {
            len: u32::try_from(pixels.len()).unwrap_or(u32::MAX),
            what,
            pixels,
        };
        self.binding.call(KEEP, &request)
    }

    /// Keeps a recording, with its picture; says how many there are.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn keep_async(
        &self,
        handle: &mut AsyncHandle<KeepResponse>,
        what: Recording,
        pixels: &[u8],
    ) -> Result<(), Status> {
        let request = KeepRequest {
            len: u32::try_from(pixels.len()).unwrap_or(u32::MAX),
            what,
            pixels,
        };
        self.binding.call_async(handle, KEEP, &request)
    }

    /// Gives the bytes back.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn echo(&self, bytes: &[u8]) -> Result<Vec<u8>, Status> {
        let request = EchoRequest {
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes,
        };
        let EchoResponse { same } = self.binding.call_blocking(ECHO, &request)?;
        Ok(same)
    }

    /// Gives the bytes back.
    ///
    /// `.await` it.
    pub fn echo_future(&self, bytes: &[u8]) -> Call<EchoResponse> {
        let request = EchoRequest {
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes,
        };
        self.binding.call(ECHO, &request)
    }

    /// Gives the bytes back.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn echo_async(
        &self,
        handle: &mut AsyncHandle<EchoResponse>,
        bytes: &[u8],
    ) -> Result<(), Status> {
        let request = EchoRequest {
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes,
        };
        self.binding.call_async(handle, ECHO, &request)
    }
}

/// The manager routines of `recordings`.
pub trait Recordings: Send + Sync + 'static {
    /// The picture of a recording.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn picture(
        &self,
        context: &mut CallContext<'_>,
        number: i32,
    ) -> Result<PictureResponse, Status>;

    /// A recording.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn get(
        &self,
        context: &mut CallContext<'_>,
        number: i32,
    ) -> Result<GetResponse, Status>;

    /// Keeps a recording, with its picture; says how many there are.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn keep(
        &self,
        context: &mut CallContext<'_>,
        what: Recording,
        pixels: &[u8],
    ) -> Result<KeepResponse, Status>;

    /// Gives the bytes back.
    ///
    /// What is returned may borrow the request.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn echo<'a>(
        &self,
        context: &mut CallContext<'_>,
        bytes: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Recordings) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Recordings> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            PICTURE => {
                let PictureRequest { number } = call.decode()?;
                let given = PictureGiven { number };
                let response = manager.picture(call.context(), number)?;
                call.reply(&Params::with_given(response, given))
            }
            GET => {
                let GetRequest { number } = call.decode()?;
                let response = manager.get(call.context(), number)?;
                call.reply(&response)
            }
            KEEP => {
                let KeepRequest { what, pixels, .. } = call.decode()?;
                let response = manager.keep(call.context(), what, pixels)?;
                call.reply(&response)
            }
            ECHO => {
                let EchoRequest { len, bytes } = call.decode()?;
                let given = EchoGiven { len };
                let same = manager.echo(call.context(), bytes)?;
                call.reply(&Params::with_given(EchoReply { same: &same }, given))
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
