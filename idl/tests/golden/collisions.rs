//! `collisions.idl`, compiled by annulus-idl. Do not edit.
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

/// `INTERFACE`.
pub const INTERFACE2: i32 = 1;

/// `interface_`.
pub const INTERFACE3: i32 = 1;

/// `f_`.
pub const F: &str = "f";

/// `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Option2 {
    /// `self`.
    pub self_: i32,
    /// `Self`.
    pub self2: i32,
    /// `crate`.
    pub crate_: i32,
    /// `fn`.
    pub r#fn: i32,
    /// `fn_`.
    pub fn2: i32,
    /// `FN`.
    pub fn3: i32,
}

/// `Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Status2 {
    /// `Vec`.
    pub vec: Option2,
    /// `box`.
    pub r#box: Option<Option2>,
}

/// `STATUS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Status3 {
    /// `s`.
    pub s: Status2,
}

/// `String`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(enum16, crate = ::annulus::ndr)]
pub struct String2(pub u16);

impl String2 {
    /// `a`.
    pub const A: Self = Self(0);

    /// `A`.
    pub const A2: Self = Self(1);

    /// `_a`.
    pub const A3: Self = Self(2);

    /// `type`.
    pub const TYPE: Self = Self(3);
}

/// `fRequest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct FRequest {
    /// `s`.
    pub s: String2,
    /// `r`.
    pub r: Option<String2>,
}

/// `Stub`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Stub {
    /// `s`.
    pub s: String2,
}

/// `Result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = i32, encapsulated, crate = ::annulus::ndr)]
pub enum Result2 {
    /// `self`, of case `1`.
    #[ndr(case = 1)]
    Self2(i32),
    /// `Self`, of case `2`.
    #[ndr(case = 2)]
    Self3(i32),
    /// Nothing, of every other discriminant, which it keeps.
    #[ndr(default)]
    Default(i32),
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0002),
    1,
    0,
);

/// Operation number of `f`.
pub const F2: u16 = 0;

/// Operation number of `f_future`.
pub const F_FUTURE: u16 = 1;

/// Operation number of `wait`.
pub const WAIT: u16 = 2;

/// Operation number of `dispatch`.
pub const DISPATCH: u16 = 3;

/// Operation number of `interface_name`.
pub const INTERFACE_NAME: u16 = 4;

/// Operation number of `syntax`.
pub const SYNTAX: u16 = 5;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 6;

/// `f`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct F2Request {
    /// `request`.
    pub request: i32,
    /// `reply`.
    pub reply: i32,
    /// `binding`.
    pub binding: i32,
}

/// `f`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct F2Response {
    /// `response`.
    pub response: i32,
}

/// `f_future`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct FFutureRequest {
    /// `handle`.
    pub handle: i32,
    /// `Handle`.
    pub handle2: i32,
    /// `f`.
    pub f: i32,
    /// `result`.
    pub result: i32,
}

/// `wait`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct WaitRequest {
    /// `call`.
    pub call: i32,
    /// `manager`.
    pub manager: i32,
    /// `context`.
    pub context: i32,
    /// `deferred`.
    pub deferred: i32,
}

/// `wait`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct WaitResponse {
    /// `result`.
    pub result2: i32,
    /// What the operation returns.
    pub result: i32,
}

/// `dispatch`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct DispatchRequest {
    /// `call_`.
    pub call: FRequest,
    /// `stub`.
    pub stub: Stub,
    /// `s`.
    pub s: Status3,
}

/// `dispatch`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct DispatchResponse {
    /// `call`.
    pub call2: Option<Option2>,
    /// What the operation returns.
    pub result: Result2,
}

/// `interface_name`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct InterfaceNameRequest<'a> {
    /// `len`.
    pub len: i32,
    /// `call`.
    #[ndr(size_is = "len")]
    pub call: &'a [u8],
}

/// `interface_name`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = InterfaceNameGiven)]
pub struct InterfaceNameResponse {
    /// `len_`.
    #[ndr(size_is = "given.len")]
    pub len2: Vec<u8>,
}

/// `interface_name`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceNameGiven {
    /// As in [`InterfaceNameRequest`].
    pub len: i32,
}

impl Gives<InterfaceNameGiven> for InterfaceNameRequest<'_> {
    fn given(&self) -> InterfaceNameGiven {
        InterfaceNameGiven {
            len: self.len,
        }
    }
}

/// `interface_name`: out-parameters, borrowed.
#[derive(NdrParams)]
#[ndr(encode_only, crate = ::annulus::ndr, given = InterfaceNameGiven)]
struct InterfaceNameReply<'a> {
    #[ndr(size_is = "given.len")]
    len2: &'a [u8],
}

/// `syntax`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SyntaxRequest {
    /// `async_handle`.
    pub async_handle: i32,
    /// `out`.
    pub out: i32,
    /// `binding_`.
    pub binding: i32,
}

/// `syntax`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SyntaxResponse {
    /// `out`.
    pub out: i32,
}

/// Calls `status`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct StatusClient {
    binding: Binding,
}

impl StatusClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// `f`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn f(&self, request: i32, reply: i32, binding: i32) -> Result<i32, Status> {
        let request_ = F2Request {
            request,
            reply,
            binding,
        };
        let F2Response { response } = self.binding.call_blocking(F2, &request_)?;
        Ok(response)
    }

    /// `f`.
    ///
    /// `.await` it.
    pub fn f_future(&self, request: i32, reply: i32, binding: i32) -> Call<F2Response> {
        let request_ = F2Request {
            request,
            reply,
            binding,
        };
        self.binding.call(F2, &request_)
    }

    /// `f`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn f_async(
        &self,
        handle: &mut AsyncHandle<F2Response>,
        request: i32,
        reply: i32,
        binding: i32,
    ) -> Result<(), Status> {
        let request_ = F2Request {
            request,
            reply,
            binding,
        };
        self.binding.call_async(handle, F2, &request_)
    }

    /// `f_future`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn f_future2(
        &self,
        handle: i32,
        handle2: i32,
        f: i32,
        result: i32,
    ) -> Result<(), Status> {
        let request = FFutureRequest {
            handle,
            handle2,
            f,
            result,
        };
        self.binding.call_blocking(F_FUTURE, &request)
    }

    /// `f_future`.
    ///
    /// `.await` it.
    pub fn f_future2_future(
        &self,
        handle: i32,
        handle2: i32,
        f: i32,
        result: i32,
    ) -> Call<()> {
        let request = FFutureRequest {
            handle,
            handle2,
            f,
            result,
        };
        self.binding.call(F_FUTURE, &request)
    }

    /// `f_future`.
    ///
    /// `handle_` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn f_future2_async(
        &self,
        handle_: &mut AsyncHandle<()>,
        handle: i32,
        handle2: i32,
        f: i32,
        result: i32,
    ) -> Result<(), Status> {
        let request = FFutureRequest {
            handle,
            handle2,
            f,
            result,
        };
        self.binding.call_async(handle_, F_FUTURE, &request)
    }

    /// `wait`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn wait(
        &self,
        call: i32,
        manager: i32,
        context: i32,
        deferred: i32,
    ) -> Result<WaitResponse, Status> {
        let request = WaitRequest {
            call,
            manager,
            context,
            deferred,
        };
        self.binding.call_blocking(WAIT, &request)
    }

    /// `wait`.
    ///
    /// `.await` it.
    pub fn wait_future(
        &self,
        call: i32,
        manager: i32,
        context: i32,
        deferred: i32,
    ) -> Call<WaitResponse> {
        let request = WaitRequest {
            call,
            manager,
            context,
            deferred,
        };
        self.binding.call(WAIT, &request)
    }

    /// `wait`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn wait_async(
        &self,
        handle: &mut AsyncHandle<WaitResponse>,
        call: i32,
        manager: i32,
        context: i32,
        deferred: i32,
    ) -> Result<(), Status> {
        let request = WaitRequest {
            call,
            manager,
            context,
            deferred,
        };
        self.binding.call_async(handle, WAIT, &request)
    }

    /// `dispatch`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn dispatch(
        &self,
        call: FRequest,
        stub: Stub,
        s: Status3,
    ) -> Result<DispatchResponse, Status> {
        let request = DispatchRequest { call, stub, s };
        self.binding.call_blocking(DISPATCH, &request)
    }

    /// `dispatch`.
    ///
    /// `.await` it.
    pub fn dispatch_future(
        &self,
        call: FRequest,
        stub: Stub,
        s: Status3,
    ) -> Call<DispatchResponse> {
        let request = DispatchRequest { call, stub, s };
        self.binding.call(DISPATCH, &request)
    }

    /// `dispatch`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn dispatch_async(
        &self,
        handle: &mut AsyncHandle<DispatchResponse>,
        call: FRequest,
        stub: Stub,
        s: Status3,
    ) -> Result<(), Status> {
        let request = DispatchRequest { call, stub, s };
        self.binding.call_async(handle, DISPATCH, &request)
    }

    /// `interface_name`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn interface_name(&self, call: &[u8]) -> Result<Vec<u8>, Status> {
        let request = InterfaceNameRequest {
            len: i32::try_from(call.len()).unwrap_or(i32::MAX),
            call,
        };
        let InterfaceNameResponse { len2 } = self
            .binding
            .call_blocking(INTERFACE_NAME, &request)?;
        Ok(len2)
    }

    /// `interface_name`.
    ///
    /// `.await` it.
    pub fn interface_name_future(&self, call: &[u8]) -> Call<InterfaceNameResponse> {
        let request = InterfaceNameRequest {
            len: i32::try_from(call.len()).unwrap_or(i32::MAX),
            call,
        };
        self.binding.call(INTERFACE_NAME, &request)
    }

    /// `interface_name`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn interface_name_async(
        &self,
        handle: &mut AsyncHandle<InterfaceNameResponse>,
        call: &[u8],
    ) -> Result<(), Status> {
        let request = InterfaceNameRequest {
            len: i32::try_from(call.len()).unwrap_or(i32::MAX),
            call,
        };
        self.binding.call_async(handle, INTERFACE_NAME, &request)
    }

    /// `syntax`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn syntax(
        &self,
        async_handle: i32,
        out: i32,
        binding: i32,
    ) -> Result<i32, Status> {
        let request = SyntaxRequest {
            async_handle,
            out,
            binding,
        };
        let SyntaxResponse { out } = self.binding.call_blocking(SYNTAX, &request)?;
        Ok(out)
    }

    /// `syntax`.
    ///
    /// `.await` it.
    pub fn syntax_future(
        &self,
        async_handle: i32,
        out: i32,
        binding: i32,
    ) -> Call<SyntaxResponse> {
        let request = SyntaxRequest {
            async_handle,
            out,
            binding,
        };
        self.binding.call(SYNTAX, &request)
    }

    /// `syntax`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn syntax_async(
        &self,
        handle: &mut AsyncHandle<SyntaxResponse>,
        async_handle: i32,
        out: i32,
        binding: i32,
    ) -> Result<(), Status> {
        let request = SyntaxRequest {
            async_handle,
            out,
            binding,
        };
        self.binding.call_async(handle, SYNTAX, &request)
    }
}

/// The manager routines of `status`.
pub trait Status4: Send + Sync + 'static {
    /// `f`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn f(
        &self,
        context: &mut CallContext<'_>,
        request: i32,
        reply: i32,
        binding: i32,
    ) -> Result<i32, Status>;

    /// `f_future`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn f_future2(
        &self,
        context: &mut CallContext<'_>,
        handle: i32,
        handle2: i32,
        f: i32,
        result: i32,
    ) -> Result<(), Status>;

    /// `wait`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn wait(
        &self,
        context_: &mut CallContext<'_>,
        call: i32,
        manager: i32,
        context: i32,
        deferred: i32,
    ) -> Result<WaitResponse, Status>;

    /// `dispatch`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn dispatch(
        &self,
        context: &mut CallContext<'_>,
        call: FRequest,
        stub: Stub,
        s: Status3,
    ) -> Result<DispatchResponse, Status>;

    /// `interface_name`.
    ///
    /// What is returned may borrow the request.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn interface_name<'a>(
        &self,
        context: &mut CallContext<'_>,
        call: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, Status>;

    /// `syntax`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn syntax(
        &self,
        context: &mut CallContext<'_>,
        async_handle: i32,
        out: i32,
        binding: i32,
    ) -> Result<i32, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Status4) -> impl Interface {
    Stub2(manager)
}

struct Stub2<M>(M);

impl<M: Status4> Interface for Stub2<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call_: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager_) = self;
        match call_.opnum() {
            F2 => {
                let F2Request { request, reply, binding } = call_.decode()?;
                let response = manager_.f(call_.context(), request, reply, binding)?;
                call_.reply(&F2Response { response })
            }
            F_FUTURE => {
                let FFutureRequest { handle, handle2, f, result } = call_.decode()?;
                manager_.f_future2(call_.context(), handle, handle2, f, result)?;
                call_.reply(&())
            }
            WAIT => {
                let WaitRequest { call, manager, context, deferred } = call_.decode()?;
                let response = manager_
                    .wait(call_.context(), call, manager, context, deferred)?;
                call_.reply(&response)
            }
            DISPATCH => {
                let DispatchRequest { call, stub, s } = call_.decode()?;
                let response = manager_.dispatch(call_.context(), call, stub, s)?;
                call_.reply(&response)
            }
            INTERFACE_NAME => {
                let InterfaceNameRequest { len, call } = call_.decode()?;
                let given = InterfaceNameGiven { len };
                let len2 = manager_.interface_name(call_.context(), call)?;
                call_
                    .reply(
                        &Params::with_given(InterfaceNameReply { len2: &len2 }, given),
                    )
            }
            SYNTAX => {
                let SyntaxRequest { async_handle, out, binding } = call_.decode()?;
                let out = manager_.syntax(call_.context(), async_handle, out, binding)?;
                call_.reply(&SyntaxResponse { out })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
