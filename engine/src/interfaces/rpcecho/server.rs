//! rpcecho's server stub.

use std::borrow::Cow;

use annulus_protocol::SyntaxId;

use super::*;
use crate::{CallContext, Dispatch, Interface, ServerCall, Status};

/// The manager routines of rpcecho.
pub trait RpcEcho: Send + Sync + 'static {
    /// Adds one to a number.
    fn add_one(&self, context: &mut CallContext<'_>, in_data: u32) -> Result<u32, Status>;

    /// Sends data back. What is returned may borrow the request.
    fn echo_data<'a>(
        &self,
        context: &mut CallContext<'_>,
        in_data: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, Status>;

    /// Takes data.
    fn sink_data(&self, context: &mut CallContext<'_>, data: &[u8]) -> Result<(), Status>;

    /// Gives `len` bytes of data.
    fn source_data(&self, context: &mut CallContext<'_>, len: u32) -> Result<Vec<u8>, Status>;

    /// Sends a string back.
    fn test_call(
        &self,
        context: &mut CallContext<'_>,
        s1: String,
    ) -> Result<Option<String>, Status>;

    /// Gives the arm of a union, and an NTSTATUS.
    fn test_call2(
        &self,
        context: &mut CallContext<'_>,
        level: u16,
    ) -> Result<TestCall2Response, Status>;

    /// `[async]`: completes `call` after so many seconds.
    fn test_sleep(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<TestSleepResponse>,
        seconds: u32,
    ) -> Result<(), Status>;

    /// Sends enums back.
    fn test_enum(
        &self,
        context: &mut CallContext<'_>,
        params: TestEnumParams,
    ) -> Result<TestEnumParams, Status>;

    /// Gives a structure with an array in it.
    fn test_surrounding(
        &self,
        context: &mut CallContext<'_>,
        data: Surrounding,
    ) -> Result<Surrounding, Status>;

    /// Follows pointers.
    fn test_double_pointer(
        &self,
        context: &mut CallContext<'_>,
        data: Option<Option<u16>>,
    ) -> Result<u16, Status>;
}

/// Makes manager routines an interface that a [`Server`](crate::Server) can offer.
pub fn interface(manager: impl RpcEcho) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: RpcEcho> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Stub(manager) = self;
        match call.opnum() {
            ADD_ONE => {
                let AddOneRequest { in_data } = call.decode()?;
                let out_data = manager.add_one(call.context(), in_data)?;
                call.reply(&AddOneResponse { out_data })
            }
            ECHO_DATA => {
                let EchoDataRequest { in_data, .. } = call.decode()?;
                let out_data = manager.echo_data(call.context(), in_data)?;
                call.reply(&EchoDataResponse {
                    out_data: &out_data,
                })
            }
            SINK_DATA => {
                let EchoDataRequest { in_data, .. } = call.decode()?;
                manager.sink_data(call.context(), in_data)?;
                call.reply(&())
            }
            SOURCE_DATA => {
                let SourceDataRequest { len } = call.decode()?;
                let out_data = manager.source_data(call.context(), len)?;
                call.reply(&EchoDataResponse {
                    out_data: &out_data,
                })
            }
            TEST_CALL => {
                let TestCallRequest { s1 } = call.decode()?;
                let s2 = manager.test_call(call.context(), s1)?;
                call.reply(&TestCallResponse { s2 })
            }
            TEST_CALL2 => {
                let TestCall2Request { level } = call.decode()?;
                let response = manager.test_call2(call.context(), level)?;
                call.reply(&response)
            }
            TEST_SLEEP => {
                let TestSleepRequest { seconds } = call.decode()?;
                let deferred = call.defer()?;
                manager.test_sleep(call.context(), deferred, seconds)
            }
            TEST_ENUM => {
                let params = call.decode()?;
                let params = manager.test_enum(call.context(), params)?;
                call.reply(&params)
            }
            TEST_SURROUNDING => {
                let TestSurroundingParams { data } = call.decode()?;
                let data = manager.test_surrounding(call.context(), data)?;
                call.reply(&TestSurroundingParams { data })
            }
            TEST_DOUBLE_POINTER => {
                let TestDoublePointerRequest { data } = call.decode()?;
                let result = manager.test_double_pointer(call.context(), data)?;
                call.reply(&TestDoublePointerResponse { result })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
