//! `rules.idl`, compiled by annulus-idl. Do not edit.
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
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, Status, SyntaxId, Uuid,
};
use ::annulus::ndr::{NdrParams, Utf16Str};

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0057),
    1,
    0,
);

/// Operation number of `hint`.
pub const HINT: u16 = 0;

/// Operation number of `acquire`.
pub const ACQUIRE: u16 = 1;

/// Operation number of `use`.
pub const USE: u16 = 2;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 3;

/// `hint`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct HintRequest<'a> {
    /// `what`.
    #[ndr(string)]
    pub what: Utf16Str<'a>,
}

/// `acquire`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AcquireRequest {
    /// `number`.
    #[ndr(range(1, 9))]
    pub number: i32,
}

/// `acquire`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AcquireResponse {
    /// What the operation returns.
    pub result: i32,
}

/// `use`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct UseRequest<'a> {
    /// `number`.
    pub number: i32,
    /// `data`.
    #[ndr(size_is = "number")]
    pub data: &'a [u8],
}

/// Calls `rules`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct RulesClient {
    binding: Binding,
}

impl RulesClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// Is told something.
    ///
    /// `[maybe]`: is sent and not answered, nor is it told whether it arrived.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn hint(&self, what: &str) -> Result<(), Status> {
        let request = HintRequest { what: what.into() };
        self.binding.call_maybe(HINT, &request)
    }

    /// Is followed by a notification that knows whether it was called.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn acquire(&self, number: i32) -> Result<i32, Status> {
        let request = AcquireRequest { number };
        let AcquireResponse { result } = self.binding.call_blocking(ACQUIRE, &request)?;
        Ok(result)
    }

    /// Is followed by a notification that knows whether it was called.
    ///
    /// `.await` it.
    pub fn acquire_future(&self, number: i32) -> Call<AcquireResponse> {
        let request = AcquireRequest { number };
        self.binding.call(ACQUIRE, &request)
    }

    /// Is followed by a notification that knows whether it was called.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn acquire_async(
        &self,
        handle: &mut AsyncHandle<AcquireResponse>,
        number: i32,
    ) -> Result<(), Status> {
        let request = AcquireRequest { number };
        self.binding.call_async(handle, ACQUIRE, &request)
    }

    /// Is followed by a notification.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn r#use(&self, data: &[u8]) -> Result<(), Status> {
        let request = UseRequest {
            number: i32::try_from(data.len()).unwrap_or(i32::MAX),
            data,
        };
        self.binding.call_blocking(USE, &request)
    }

    /// Is followed by a notification.
    ///
    /// `.await` it.
    pub fn use_future(&self, data: &[u8]) -> Call<()> {
        let request = UseRequest {
            number: i32::try_from(data.len()).unwrap_or(i32::MAX),
            data,
        };
        self.binding.call(USE, &request)
    }

    /// Is followed by a notification.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn use_async(
        &self,
        handle: &mut AsyncHandle<()>,
        data: &[u8],
    ) -> Result<(), Status> {
        let request = UseRequest {
            number: i32::try_from(data.len()).unwrap_or(i32::MAX),
            data,
        };
        self.binding.call_async(handle, USE, &request)
    }
}

/// The manager routines of `rules`.
pub trait Rules: Send + Sync + 'static {
    /// Is told something.
    ///
    /// `[maybe]`: nobody hears of it.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn hint(
        &self,
        context: &mut CallContext<'_>,
        what: Utf16Str<'_>,
    ) -> Result<(), Status>;

    /// Is followed by a notification that knows whether it was called.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn acquire(&self, context: &mut CallContext<'_>, number: i32) -> Result<i32, Status>;

    /// Follows `acquire`: its reply is made, or it has failed, perhaps before it was called.
    ///
    /// `was_called`: whether the manager routine was.
    fn acquire_notify_flag(&self, was_called: bool);

    /// Is followed by a notification.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn r#use(&self, context: &mut CallContext<'_>, data: &[u8]) -> Result<(), Status>;

    /// Follows `use`: its reply is made, or it has failed, perhaps before it was called.
    fn use_notify(&self);
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Rules) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Rules> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            HINT => {
                let HintRequest { what } = call.decode()?;
                manager.hint(call.context(), what)?;
                call.reply(&())
            }
            ACQUIRE => {
                let mut was_called = false;
                let outcome = self.acquire(&mut call, &mut was_called);
                manager.acquire_notify_flag(was_called);
                outcome
            }
            USE => {
                let outcome = self.r#use(&mut call);
                manager.use_notify();
                outcome
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

impl<M: Rules> Stub<M> {
    fn acquire(
        &self,
        call: &mut Dispatch<'_, '_>,
        was_called: &mut bool,
    ) -> Result<(), Status> {
        let Self(manager) = self;
        let AcquireRequest { number } = call.decode()?;
        *was_called = true;
        let result = manager.acquire(call.context(), number)?;
        call.reply(&AcquireResponse { result })
    }

    fn r#use(&self, call: &mut Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        let UseRequest { data, .. } = call.decode()?;
        manager.r#use(call.context(), data)?;
        call.reply(&())
    }
}
