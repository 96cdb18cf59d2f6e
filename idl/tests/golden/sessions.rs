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

use ::annulus::{
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, Status, SyntaxId, Uuid,
};
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

/// Calls `sessions`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct SessionsClient {
    binding: Binding,
}

impl SessionsClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        binding.keep_connected();
        Self { binding }
    }

    /// Begins a session.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn open(&self, name: &str) -> Result<Session, Status> {
        let request = OpenRequest { name: name.into() };
        let OpenResponse { session } = self.binding.call_blocking(OPEN, &request)?;
        Ok(session)
    }

    /// Begins a session.
    ///
    /// `.await` it.
    pub fn open_future(&self, name: &str) -> Call<OpenResponse> {
        let request = OpenRequest { name: name.into() };
        self.binding.call(OPEN, &request)
    }

    /// Begins a session.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn open_async(
        &self,
        handle: &mut AsyncHandle<OpenResponse>,
        name: &str,
    ) -> Result<(), Status> {
        let request = OpenRequest { name: name.into() };
        self.binding.call_async(handle, OPEN, &request)
    }

    /// Adds to it; gives the sum.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn add(&self, session: Session, number: i32) -> Result<i32, Status> {
        let request = AddRequest { session, number };
        let AddResponse { result } = self.binding.call_blocking(ADD, &request)?;
        Ok(result)
    }

    /// Adds to it; gives the sum.
    ///
    /// `.await` it.
    pub fn add_future(&self, session: Session, number: i32) -> Call<AddResponse> {
        let request = AddRequest { session, number };
        self.binding.call(ADD, &request)
    }

    /// Adds to it; gives the sum.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn add_async(
        &self,
        handle: &mut AsyncHandle<AddResponse>,
        session: Session,
        number: i32,
    ) -> Result<(), Status> {
        let request = AddRequest { session, number };
        self.binding.call_async(handle, ADD, &request)
    }

    /// Its name between a prefix and what the data says.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn describe(
        &self,
        session: Session,
        prefix: &str,
        length: i32,
        data: Option<&[u8]>,
    ) -> Result<Option<String>, Status> {
        let request = DescribeRequest {
            session,
            prefix: prefix.into(),
            length,
            data,
        };
        let DescribeResponse { text } = self.binding.call_blocking(DESCRIBE, &request)?;
        Ok(text)
    }

    /// Its name between a prefix and what the data says.
    ///
    /// `.await` it.
    pub fn describe_future(
        &self,
        session: Session,
        prefix: &str,
        length: i32,
        data: Option<&[u8]>,
    ) -> Call<DescribeResponse> {
        let request = DescribeRequest {
            session,
            prefix: prefix.into(),
            length,
            data,
        };
        self.binding.call(DESCRIBE, &request)
    }

    /// Its name between a prefix and what the data says.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn describe_async(
        &self,
        handle: &mut AsyncHandle<DescribeResponse>,
        session: Session,
        prefix: &str,
        length: i32,
        data: Option<&[u8]>,
    ) -> Result<(), Status> {
        let request = DescribeRequest {
            session,
            prefix: prefix.into(),
            length,
            data,
        };
        self.binding.call_async(handle, DESCRIBE, &request)
    }

    /// Ends it.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn close(&self, session: Session) -> Result<Session, Status> {
        let request = CloseRequest { session };
        let CloseResponse { session } = self.binding.call_blocking(CLOSE, &request)?;
        Ok(session)
    }

    /// Ends it.
    ///
    /// `.await` it.
    pub fn close_future(&self, session: Session) -> Call<CloseResponse> {
        let request = CloseRequest { session };
        self.binding.call(CLOSE, &request)
    }

    /// Ends it.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn close_async(
        &self,
        handle: &mut AsyncHandle<CloseResponse>,
        session: Session,
    ) -> Result<(), Status> {
        let request = CloseRequest { session };
        self.binding.call_async(handle, CLOSE, &request)
    }
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
