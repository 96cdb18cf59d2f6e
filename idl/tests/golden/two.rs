//! `two.idl`, compiled by annulus-idl. Do not edit.
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
use ::annulus::ndr::{Ndr, NdrParams, Utf16Str, Gives, Params};

/// `FIRST`.
pub const FIRST: i32 = 1;

/// What both know.
///
/// `SHARED` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Shared {
    /// `value`.
    pub value: i32,
}

/// `PRIVATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Private {
    /// `shared`.
    pub shared: Shared,
    /// `more`.
    pub more: Option<Shared>,
}

/// `first`.
pub mod first {
    use super::*;

    /// The interface's UUID and version.
    pub const INTERFACE: SyntaxId = SyntaxId::new(
        Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0003),
        1,
        0,
    );

    /// Operation number of `get`.
    pub const GET: u16 = 0;

    /// How many operations the interface has.
    pub const OPERATION_COUNT: u16 = 1;

    /// `get`: out-parameters.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
    #[ndr(crate = ::annulus::ndr)]
    pub struct GetResponse {
        /// `p`.
        pub p: Private,
    }

    /// Calls `first`.
    ///
    /// Each operation has three forms: it blocks, it is a future (`…_future`), or it
    /// completes a [handle](::annulus::AsyncHandle) (`…_async`).
    #[derive(Clone, Debug)]
    pub struct FirstClient {
        binding: Binding,
    }

    impl FirstClient {
        /// A client that calls through `binding`, which is one to [`INTERFACE`].
        #[must_use]
        pub fn new(binding: Binding) -> Self {
            Self { binding }
        }

        /// `get`.
        ///
        /// Blocks until the reply is there.
        ///
        /// # Errors
        ///
        /// The status with which the call ended.
        pub fn get(&self) -> Result<Private, Status> {
            let GetResponse { p } = self.binding.call_blocking(GET, &())?;
            Ok(p)
        }

        /// `get`.
        ///
        /// `.await` it.
        pub fn get_future(&self) -> Call<GetResponse> {
            self.binding.call(GET, &())
        }

        /// `get`.
        ///
        /// `handle` receives the outcome.
        ///
        /// # Errors
        ///
        /// The call cannot be made; then no notification comes.
        pub fn get_async(
            &self,
            handle: &mut AsyncHandle<GetResponse>,
        ) -> Result<(), Status> {
            self.binding.call_async(handle, GET, &())
        }
    }

    /// The manager routines of `first`.
    pub trait First: Send + Sync + 'static {
        /// `get`.
        ///
        /// # Errors
        ///
        /// The status becomes a fault for the caller.
        fn get(&self, context: &mut CallContext<'_>) -> Result<Private, Status>;
    }

    /// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
    pub fn interface(manager: impl First) -> impl Interface {
        Stub(manager)
    }

    struct Stub<M>(M);

    impl<M: First> Interface for Stub<M> {
        fn syntax(&self) -> SyntaxId {
            INTERFACE
        }

        fn operation_count(&self) -> u16 {
            OPERATION_COUNT
        }

        fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
            let Self(manager) = self;
            match call.opnum() {
                GET => {
                    let p = manager.get(call.context())?;
                    call.reply(&GetResponse { p })
                }
                _ => Err(Status::ProcnumOutOfRange),
            }
        }
    }
}

/// `second`.
pub mod second {
    use super::*;

    /// The interface's UUID and version.
    pub const INTERFACE: SyntaxId = SyntaxId::new(
        Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0004),
        1,
        0,
    );

    /// Where the IDL says that the server listens.
    pub const ENDPOINTS: &[&str] = &["ncalrpc:[second]"];

    /// Operation number of `get`.
    pub const GET: u16 = 0;

    /// Operation number of `put`.
    pub const PUT: u16 = 1;

    /// How many operations the interface has.
    pub const OPERATION_COUNT: u16 = 2;

    /// `get`: in-parameters.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
    #[ndr(crate = ::annulus::ndr)]
    pub struct GetRequest<'a> {
        /// `name`.
        #[ndr(string)]
        pub name: Utf16Str<'a>,
    }

    /// `get`: out-parameters.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
    #[ndr(crate = ::annulus::ndr)]
    pub struct GetResponse {
        /// `s`.
        pub s: Shared,
        /// `p`.
        pub p: Private,
    }

    /// `put`: in-parameters.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
    #[ndr(crate = ::annulus::ndr)]
    pub struct PutRequest<'a> {
        /// `len`.
        pub len: i32,
        /// `data`.
        #[ndr(size_is = "len")]
        pub data: &'a [u8],
    }

    /// `put`: out-parameters.
    #[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
    #[ndr(crate = ::annulus::ndr, given = PutGiven)]
    pub struct PutResponse {
        /// `back`.
        #[ndr(size_is = "given.len")]
        pub back: Vec<u8>,
    }

    /// `put`: what its in-parameters tell about its out-parameters.
    #[derive(Clone, Copy, Debug)]
    pub struct PutGiven {
        /// As in [`PutRequest`].
        pub len: i32,
    }

    impl Gives<PutGiven> for PutRequest<'_> {
        fn given(&self) -> PutGiven {
            PutGiven { len: self.len }
        }
    }

    /// `put`: out-parameters, borrowed.
    #[derive(NdrParams)]
    #[ndr(encode_only, crate = ::annulus::ndr, given = PutGiven)]
    struct PutReply<'a> {
        #[ndr(size_is = "given.len")]
        back: &'a [u8],
    }

    /// Calls `second`.
    ///
    /// Each operation has three forms: it blocks, it is a future (`…_future`), or it
    /// completes a [handle](::annulus::AsyncHandle) (`…_async`).
    #[derive(Clone, Debug)]
    pub struct SecondClient {
        binding: Binding,
    }

    impl SecondClient {
        /// A client that calls through `binding`, which is one to [`INTERFACE`].
        #[must_use]
        pub fn new(binding: Binding) -> Self {
            Self { binding }
        }

        /// `get`.
        ///
        /// Blocks until the reply is there.
        ///
        /// # Errors
        ///
        /// The status with which the call ended.
        pub fn get(&self, name: &str) -> Result<GetResponse, Status> {
            let request = GetRequest { name: name.into() };
            self.binding.call_blocking(GET, &request)
        }

        /// `get`.
        ///
        /// `.await` it.
        pub fn get_future(&self, name: &str) -> Call<GetResponse> {
            let request = GetRequest { name: name.into() };
            self.binding.call(GET, &request)
        }

        /// `get`.
        ///
        /// `handle` receives the outcome.
        ///
        /// # Errors
        ///
        /// The call cannot be made; then no notification comes.
        pub fn get_async(
            &self,
            handle: &mut AsyncHandle<GetResponse>,
            name: &str,
        ) -> Result<(), Status> {
            let request = GetRequest { name: name.into() };
            self.binding.call_async(handle, GET, &request)
        }

        /// `put`.
        ///
        /// Blocks until the reply is there.
        ///
        /// # Errors
        ///
        /// The status with which the call ended.
        pub fn put(&self, data: &[u8]) -> Result<Vec<u8>, Status> {
            let request = PutRequest {
                len: i32::try_from(data.len()).unwrap_or(i32::MAX),
                data,
            };
            let PutResponse { back } = self.binding.call_blocking(PUT, &request)?;
            Ok(back)
        }

        /// `put`.
        ///
        /// `.await` it.
        pub fn put_future(&self, data: &[u8]) -> Call<PutResponse> {
            let request = PutRequest {
                len: i32::try_from(data.len()).unwrap_or(i32::MAX),
                data,
            };
            self.binding.call(PUT, &request)
        }

        /// `put`.
        ///
        /// `handle` receives the outcome.
        ///
        /// # Errors
        ///
        /// The call cannot be made; then no notification comes.
        pub fn put_async(
            &self,
            handle: &mut AsyncHandle<PutResponse>,
            data: &[u8],
        ) -> Result<(), Status> {
            let request = PutRequest {
                len: i32::try_from(data.len()).unwrap_or(i32::MAX),
                data,
            };
            self.binding.call_async(handle, PUT, &request)
        }
    }

    /// The manager routines of `second`.
    pub trait Second: Send + Sync + 'static {
        /// `get`.
        ///
        /// # Errors
        ///
        /// The status becomes a fault for the caller.
        fn get(
            &self,
            context: &mut CallContext<'_>,
            name: Utf16Str<'_>,
        ) -> Result<GetResponse, Status>;

        /// `put`.
        ///
        /// What is returned may borrow the request.
        ///
        /// # Errors
        ///
        /// The status becomes a fault for the caller.
        fn put<'a>(
            &self,
            context: &mut CallContext<'_>,
            data: &'a [u8],
        ) -> Result<Cow<'a, [u8]>, Status>;
    }

    /// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
    pub fn interface(manager: impl Second) -> impl Interface {
        Stub(manager)
    }

    struct Stub<M>(M);

    impl<M: Second> Interface for Stub<M> {
        fn syntax(&self) -> SyntaxId {
            INTERFACE
        }

        fn operation_count(&self) -> u16 {
            OPERATION_COUNT
        }

        fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
            let Self(manager) = self;
            match call.opnum() {
                GET => {
                    let GetRequest { name } = call.decode()?;
                    let response = manager.get(call.context(), name)?;
                    call.reply(&response)
                }
                PUT => {
                    let PutRequest { len, data } = call.decode()?;
                    let given = PutGiven { len };
                    let back = manager.put(call.context(), data)?;
                    call.reply(&Params::with_given(PutReply { back: &back }, given))
                }
                _ => Err(Status::ProcnumOutOfRange),
            }
        }
    }
}
