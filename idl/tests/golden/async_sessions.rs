//! `sessions.idl`, compiled by annulus-idl. Do not edit.
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
use ::annulus::ndr::{ContextHandle, NdrParams, Utf16Str};

/// `SESSION`.
pub type Session = ContextHandle;

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0054),
    1,
    0,
);

/// Operation number of `open`.
pub const OPEN: u16 = 0;

/// Operation number of `add`.
pub const ADD: u16 = 1;

/// Operation number of `describe`.
pub const DESCRIBE: u16 = 2;

/// Operation number of `close`.
pub const CLOSE: u16 = 3;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 4;

/// `open`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct OpenRequest<'a> {
    /// `name`.
    #[ndr(string)]
    pub name: Utf16Str<'a>,
}

/// `open`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct OpenResponse {
    /// `session`.
    pub session: Session,
}

/// `add`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AddRequest {
    /// `session`.
    pub session: Session,
    /// `number`.
    pub number: i32,
}

/// `add`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AddResponse {
    /// What the operation returns.
    pub result: i32,
}

/// `describe`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct DescribeRequest<'a> {
    /// `session`.
    pub session: Session,
    /// `prefix`.
    #[ndr(string)]
    pub prefix: Utf16Str<'a>,
    /// `length`.
    pub length: i32,
    /// `data`.
    #[ndr(size_is = "length")]
    pub data: Option<&'a [u8]>,
}

/// `describe`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct DescribeResponse {
    /// `text`.
    #[ndr(string)]
    pub text: Option<String>,
}

/// `close`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct CloseRequest {
    /// `session`.
    pub session: Session,
}

/// `close`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct CloseResponse {
    /// `session`.
    pub session: Session,
}

/// The manager routines of `sessions`.
pub trait Sessions: Send + Sync + 'static {
    /// Begins a session.
    ///
    /// `session` is what `context.open_context(value)` makes.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn open(
        &self,
        context: &mut CallContext<'_>,
        name: Utf16Str<'_>,
    ) -> Result<Session, Status>;

    /// Adds to it; gives the sum.
    ///
    /// `session` names a context of the client:
    /// `context.exclusive_context::<T>(&session)`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn add(
        &self,
        context: &mut CallContext<'_>,
        session: Session,
        number: i32,
    ) -> Result<i32, Status>;

    /// Its name between a prefix and what the data says.
    ///
    /// `session` names a context of the client:
    /// `context.exclusive_context::<T>(&session)`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn describe(
        &self,
        context: &mut CallContext<'_>,
        session: Session,
        prefix: Utf16Str<'_>,
        length: i32,
        data: Option<&[u8]>,
    ) -> Result<Option<String>, Status>;

    /// Ends it.
    ///
    /// `session` names a context of the client, or is null: return it as it came, or
    /// what `context.open_context(value)` made, or, after
    /// `context.close_context::<T>(&session)`, `ContextHandle::NULL`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn close(
        &self,
        context: &mut CallContext<'_>,
        session: Session,
    ) -> Result<Session, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Sessions) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Sessions> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn has_strict_context_handles(&self) -> bool {
        true
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            OPEN => {
                let OpenRequest { name } = call.decode()?;
                let session = manager.open(call.context(), name)?;
                call.reply(&OpenResponse { session })
            }
            ADD => {
                let AddRequest { session, number } = call.decode()?;
                let result = manager.add(call.context(), session, number)?;
                call.reply(&AddResponse { result })
            }
            DESCRIBE => {
                let DescribeRequest { session, prefix, length, data } = call.decode()?;
                let text = manager
                    .describe(call.context(), session, prefix, length, data)?;
                call.reply(&DescribeResponse { text })
            }
            CLOSE => {
                let CloseRequest { session } = call.decode()?;
                let session = manager.close(call.context(), session)?;
                call.reply(&CloseResponse { session })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

/// The manager routines of `sessions` as `async fn`s.
///
/// Each runs on the core that received its call, as
/// [`Dispatch::spawn`](::annulus::Dispatch::spawn) says, and need not be `Send`. It must
/// not block. Its arguments are its own.
pub trait SessionsAsync: Send + Sync + 'static {
    /// Begins a session.
    ///
    /// `session` is what `context.open_context(value)` makes.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn open(
        &self,
        context: AsyncContext,
        name: String,
    ) -> impl ::std::future::Future<Output = Result<Session, Status>>;

    /// Adds to it; gives the sum.
    ///
    /// `session` names a context of the client:
    /// `context.exclusive_context::<T>(&session).await`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn add(
        &self,
        context: AsyncContext,
        session: Session,
        number: i32,
    ) -> impl ::std::future::Future<Output = Result<i32, Status>>;

    /// Its name between a prefix and what the data says.
    ///
    /// `session` names a context of the client:
    /// `context.exclusive_context::<T>(&session).await`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn describe(
        &self,
        context: AsyncContext,
        session: Session,
        prefix: String,
        length: i32,
        data: Option<Vec<u8>>,
    ) -> impl ::std::future::Future<Output = Result<Option<String>, Status>>;

    /// Ends it.
    ///
    /// `session` names a context of the client, or is null: return it as it came, or
    /// what `context.open_context(value)` made, or, after
    /// `context.close_context::<T>(&session).await`, `ContextHandle::NULL`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn close(
        &self,
        context: AsyncContext,
        session: Session,
    ) -> impl ::std::future::Future<Output = Result<Session, Status>>;
}

/// Makes async manager routines an interface that a [`Server`](::annulus::Server) can
/// offer; not in a [blocking](::annulus::Registration::blocking) registration.
pub fn interface_async(manager: impl SessionsAsync) -> impl Interface {
    StubAsync(::std::sync::Arc::new(manager))
}

struct StubAsync<M>(::std::sync::Arc<M>);

impl<M: SessionsAsync> Interface for StubAsync<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn has_strict_context_handles(&self) -> bool {
        true
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let manager = ::std::sync::Arc::clone(&self.0);
        match call.opnum() {
            OPEN => {
                let OpenRequest { name } = call.decode()?;
                let name = name
                    .to_utf8()
                    .map(Cow::into_owned)
                    .ok_or(Status::BadStubData)?;
                call.spawn(|context| async move {
                    let session = SessionsAsync::open(&*manager, context, name).await?;
                    Ok(OpenResponse { session })
                })
            }
            ADD => {
                let AddRequest { session, number } = call.decode()?;
                call.spawn(|context| async move {
                    let result = SessionsAsync::add(&*manager, context, session, number)
                        .await?;
                    Ok(AddResponse { result })
                })
            }
            DESCRIBE => {
                let DescribeRequest { session, prefix, length, data } = call.decode()?;
                let prefix = prefix
                    .to_utf8()
                    .map(Cow::into_owned)
                    .ok_or(Status::BadStubData)?;
                let data = data.map(<[u8]>::to_vec);
                call.spawn(|context| async move {
                    let text = SessionsAsync::describe(
                            &*manager,
                            context,
                            session,
                            prefix,
                            length,
                            data,
                        )
                        .await?;
                    Ok(DescribeResponse { text })
                })
            }
            CLOSE => {
                let CloseRequest { session } = call.decode()?;
                call.spawn(|context| async move {
                    let session = SessionsAsync::close(&*manager, context, session)
                        .await?;
                    Ok(CloseResponse { session })
                })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
