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

use ::std::borrow::Cow;
use ::annulus::{AsyncContext, CallContext, Dispatch, Interface, Status, SyntaxId, Uuid};
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

/// The manager routines of `rules` as `async fn`s.
///
/// Each runs on the core that received its call, as
/// [`Dispatch::spawn`](::annulus::Dispatch::spawn) says, and need not be `Send`. It must
/// not block. Its arguments are its own.
pub trait RulesAsync: Send + Sync + 'static {
    /// Is told something.
    ///
    /// `[maybe]`: nobody hears of it.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn hint(
        &self,
        context: AsyncContext,
        what: String,
    ) -> impl ::std::future::Future<Output = Result<(), Status>>;

    /// Is followed by a notification that knows whether it was called.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn acquire(
        &self,
        context: AsyncContext,
        number: i32,
    ) -> impl ::std::future::Future<Output = Result<i32, Status>>;

    /// Is followed by a notification.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn r#use(
        &self,
        context: AsyncContext,
        data: Vec<u8>,
    ) -> impl ::std::future::Future<Output = Result<(), Status>>;
}

/// Makes async manager routines an interface that a [`Server`](::annulus::Server) can
/// offer; not in a [blocking](::annulus::Registration::blocking) registration.
pub fn interface_async(manager: impl RulesAsync) -> impl Interface {
    StubAsync(::std::sync::Arc::new(manager))
}

struct StubAsync<M>(::std::sync::Arc<M>);

impl<M: RulesAsync> Interface for StubAsync<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let manager = ::std::sync::Arc::clone(&self.0);
        match call.opnum() {
            HINT => {
                let HintRequest { what } = call.decode()?;
                let what = what
                    .to_utf8()
                    .map(Cow::into_owned)
                    .ok_or(Status::BadStubData)?;
                call.spawn(|context| async move {
                    RulesAsync::hint(&*manager, context, what).await
                })
            }
            ACQUIRE => {
                let AcquireRequest { number } = call.decode()?;
                call.spawn(|context| async move {
                    let result = RulesAsync::acquire(&*manager, context, number).await?;
                    Ok(AcquireResponse { result })
                })
            }
            USE => {
                let UseRequest { data, .. } = call.decode()?;
                let data = data.to_vec();
                call.spawn(|context| async move {
                    RulesAsync::r#use(&*manager, context, data).await
                })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
