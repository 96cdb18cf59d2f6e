//! `rpcecho.idl`, compiled by annulus-idl. Do not edit.
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
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, ServerCall, Status,
    SyntaxId, Uuid,
};
use ::annulus::ndr::{Ndr, NdrParams, Utf16Str, Gives, Params};

/// One byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Info1 {
    /// `v`.
    pub v: u8,
}

/// `Info2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Info2 {
    /// `v`.
    pub v: u16,
}

/// `Info3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Info3 {
    /// `v`.
    pub v: u32,
}

/// `Info4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Info4 {
    /// `v`.
    pub v: u64,
}

/// Eight bytes at their alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Info5 {
    /// `v1`.
    pub v1: u8,
    /// `v2`.
    pub v2: u64,
}

/// `Info6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Info6 {
    /// `v1`.
    pub v1: u8,
    /// `info1`.
    pub info1: Info1,
}

/// `Info7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Info7 {
    /// `v1`.
    pub v1: u8,
    /// `info4`.
    pub info4: Info4,
}

/// What TestCall2 returns, by level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = u16, crate = ::annulus::ndr)]
pub enum Info {
    /// `info1`, of case `1`.
    #[ndr(case = 1)]
    Info1(Info1),
    /// `info2`, of case `2`.
    #[ndr(case = 2)]
    Info2(Info2),
    /// `info3`, of case `3`.
    #[ndr(case = 3)]
    Info3(Info3),
    /// `info4`, of case `4`.
    #[ndr(case = 4)]
    Info4(Info4),
    /// `info5`, of case `5`.
    #[ndr(case = 5)]
    Info5(Info5),
    /// `info6`, of case `6`.
    #[ndr(case = 6)]
    Info6(Info6),
    /// `info7`, of case `7`.
    #[ndr(case = 7)]
    Info7(Info7),
}

/// `Enum1`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(enum16, crate = ::annulus::ndr)]
pub struct Enum1(pub u16);

impl Enum1 {
    /// `ONE`.
    pub const ONE: Self = Self(1);

    /// `TWO`.
    pub const TWO: Self = Self(2);
}

/// `Enum1Long`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(v1_enum, crate = ::annulus::ndr)]
pub struct Enum1Long(pub u32);

impl Enum1Long {
    /// `LONG_ONE`.
    pub const LONG_ONE: Self = Self(1);

    /// `LONG_TWO`.
    pub const LONG_TWO: Self = Self(2);
}

/// `Enum2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Enum2 {
    /// `e1`.
    pub e1: Enum1,
    /// `e2`.
    pub e2: Enum1Long,
}

/// `Enum3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = enum16, crate = ::annulus::ndr)]
pub enum Enum3 {
    /// `e1`, of case `ONE`.
    #[ndr(case = 1)]
    E1(Enum1),
    /// `e2`, of case `TWO`.
    #[ndr(case = 2)]
    E2(Enum2),
}

/// `Surrounding`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Surrounding {
    /// `x`.
    pub x: u32,
    /// `surrounding`.
    #[ndr(size_is = "x")]
    pub surrounding: Vec<u16>,
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x60a1_5ec5_4de8_11d7_a637_0050_56a2_0182),
    1,
    0,
);

/// Where the IDL says that the server listens.
pub const ENDPOINTS: &[&str] = &["ncacn_ip_tcp:"];

/// Operation number of `AddOne`.
pub const ADD_ONE: u16 = 0;

/// Operation number of `EchoData`.
pub const ECHO_DATA: u16 = 1;

/// Operation number of `SinkData`.
pub const SINK_DATA: u16 = 2;

/// Operation number of `SourceData`.
pub const SOURCE_DATA: u16 = 3;

/// Operation number of `TestCall`.
pub const TEST_CALL: u16 = 4;

/// Operation number of `TestCall2`.
pub const TEST_CALL2: u16 = 5;

/// Operation number of `TestSleep`.
pub const TEST_SLEEP: u16 = 6;

/// Operation number of `TestEnum`.
pub const TEST_ENUM: u16 = 7;

/// Operation number of `TestSurrounding`.
pub const TEST_SURROUNDING: u16 = 8;

/// Operation number of `TestDoublePointer`.
pub const TEST_DOUBLE_POINTER: u16 = 9;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 10;

/// `AddOne`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AddOneRequest {
    /// a number
    pub in_data: u32,
}

/// `AddOne`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AddOneResponse {
    /// the number after it
    pub out_data: u32,
}

/// `EchoData`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EchoDataRequest<'a> {
    /// `len`.
    pub len: u32,
    /// `in_data`.
    #[ndr(size_is = "len")]
    pub in_data: &'a [u8],
}

/// `EchoData`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = EchoDataGiven)]
pub struct EchoDataResponse {
    /// `out_data`.
    #[ndr(size_is = "given.len")]
    pub out_data: Vec<u8>,
}

/// `EchoData`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct EchoDataGiven {
    /// As in [`EchoDataRequest`].
    pub len: u32,
}

impl Gives<EchoDataGiven> for EchoDataRequest<'_> {
    fn given(&self) -> EchoDataGiven {
        EchoDataGiven { len: self.len }
    }
}

/// `EchoData`: out-parameters, borrowed.
#[derive(NdrParams)]
#[ndr(encode_only, crate = ::annulus::ndr, given = EchoDataGiven)]
struct EchoDataReply<'a> {
    #[ndr(size_is = "given.len")]
    out_data: &'a [u8],
}

/// `SinkData`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SinkDataRequest<'a> {
    /// `len`.
    pub len: u32,
    /// `data`.
    #[ndr(size_is = "len")]
    pub data: &'a [u8],
}

/// `SourceData`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SourceDataRequest {
    /// `len`.
    pub len: u32,
}

/// `SourceData`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = SourceDataGiven)]
pub struct SourceDataResponse {
    /// `data`.
    #[ndr(size_is = "given.len")]
    pub data: Vec<u8>,
}

/// `SourceData`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct SourceDataGiven {
    /// As in [`SourceDataRequest`].
    pub len: u32,
}

impl Gives<SourceDataGiven> for SourceDataRequest {
    fn given(&self) -> SourceDataGiven {
        SourceDataGiven { len: self.len }
    }
}

/// `TestCall`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestCallRequest<'a> {
    /// `s1`.
    #[ndr(string)]
    pub s1: Utf16Str<'a>,
}

/// `TestCall`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestCallResponse {
    /// `s2`.
    #[ndr(string)]
    pub s2: Option<String>,
}

/// `TestCall2`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestCall2Request {
    /// `level`.
    pub level: u16,
}

/// `TestCall2`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = TestCall2Given)]
pub struct TestCall2Response {
    /// `info`.
    #[ndr(switch_is = "given.level")]
    pub info: Info,
    /// What the operation returns.
    pub result: u32,
}

/// `TestCall2`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct TestCall2Given {
    /// As in [`TestCall2Request`].
    pub level: u16,
}

impl Gives<TestCall2Given> for TestCall2Request {
    fn given(&self) -> TestCall2Given {
        TestCall2Given {
            level: self.level,
        }
    }
}

/// `TestSleep`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestSleepRequest {
    /// `seconds`.
    pub seconds: u32,
}

/// `TestSleep`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestSleepResponse {
    /// What the operation returns.
    pub result: u32,
}

/// `TestEnum`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestEnumRequest {
    /// `foo1`.
    pub foo1: Enum1,
    /// `foo2`.
    pub foo2: Enum2,
    /// `foo3`.
    #[ndr(switch_is = "foo1")]
    pub foo3: Enum3,
}

/// `TestEnum`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestEnumResponse {
    /// `foo1`.
    pub foo1: Enum1,
    /// `foo2`.
    pub foo2: Enum2,
    /// `foo3`.
    #[ndr(switch_is = "foo1")]
    pub foo3: Enum3,
}

/// `TestSurrounding`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestSurroundingRequest {
    /// `data`.
    pub data: Surrounding,
}

/// `TestSurrounding`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestSurroundingResponse {
    /// `data`.
    pub data: Surrounding,
}

/// `TestDoublePointer`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestDoublePointerRequest {
    /// `data`.
    pub data: Option<Option<u16>>,
}

/// `TestDoublePointer`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TestDoublePointerResponse {
    /// What the operation returns.
    pub result: u16,
}

/// Calls `RpcEcho`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct RpcEchoClient {
    binding: Binding,
}

impl RpcEchoClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// Adds one to a number.
    ///
    /// `AddOne` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn add_one(&self, in_data: u32) -> Result<u32, Status> {
        let request = AddOneRequest { in_data };
        let AddOneResponse { out_data } = self.binding.call_blocking(ADD_ONE, &request)?;
        Ok(out_data)
    }

    /// Adds one to a number.
    ///
    /// `AddOne` in the IDL.
    ///
    /// `.await` it.
    pub fn add_one_future(&self, in_data: u32) -> Call<AddOneResponse> {
        let request = AddOneRequest { in_data };
        self.binding.call(ADD_ONE, &request)
    }

    /// Adds one to a number.
    ///
    /// `AddOne` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn add_one_async(
        &self,
        handle: &mut AsyncHandle<AddOneResponse>,
        in_data: u32,
    ) -> Result<(), Status> {
        let request = AddOneRequest { in_data };
        self.binding.call_async(handle, ADD_ONE, &request)
    }

    /// Sends data back.
    ///
    /// `EchoData` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn echo_data(&self, in_data: &[u8]) -> Result<Vec<u8>, Status> {
        let request = EchoDataRequest {
            len: u32::try_from(in_data.len()).unwrap_or(u32::MAX),
            in_data,
        };
        let EchoDataResponse { out_data } = self
            .binding
            .call_blocking(ECHO_DATA, &request)?;
        Ok(out_data)
    }

    /// Sends data back.
    ///
    /// `EchoData` in the IDL.
    ///
    /// `.await` it.
    pub fn echo_data_future(&self, in_data: &[u8]) -> Call<EchoDataResponse> {
        let request = EchoDataRequest {
            len: u32::try_from(in_data.len()).unwrap_or(u32::MAX),
            in_data,
        };
        self.binding.call(ECHO_DATA, &request)
    }

    /// Sends data back.
    ///
    /// `EchoData` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn echo_data_async(
        &self,
        handle: &mut AsyncHandle<EchoDataResponse>,
        in_data: &[u8],
    ) -> Result<(), Status> {
        let request = EchoDataRequest {
            len: u32::try_from(in_data.len()).unwrap_or(u32::MAX),
            in_data,
        };
        self.binding.call_async(handle, ECHO_DATA, &request)
    }

    /// Takes data.
    ///
    /// `SinkData` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn sink_data(&self, data: &[u8]) -> Result<(), Status> {
        let request = SinkDataRequest {
            len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data,
        };
        self.binding.call_blocking(SINK_DATA, &request)
    }

    /// Takes data.
    ///
    /// `SinkData` in the IDL.
    ///
    /// `.await` it.
    pub fn sink_data_future(&self, data: &[u8]) -> Call<()> {
        let request = SinkDataRequest {
            len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data,
        };
        self.binding.call(SINK_DATA, &request)
    }

    /// Takes data.
    ///
    /// `SinkData` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn sink_data_async(
        &self,
        handle: &mut AsyncHandle<()>,
        data: &[u8],
    ) -> Result<(), Status> {
        let request = SinkDataRequest {
            len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data,
        };
        self.binding.call_async(handle, SINK_DATA, &request)
    }

    /// Gives data.
    ///
    /// `SourceData` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn source_data(&self, len: u32) -> Result<Vec<u8>, Status> {
        let request = SourceDataRequest { len };
        let SourceDataResponse { data } = self
            .binding
            .call_blocking(SOURCE_DATA, &request)?;
        Ok(data)
    }

    /// Gives data.
    ///
    /// `SourceData` in the IDL.
    ///
    /// `.await` it.
    pub fn source_data_future(&self, len: u32) -> Call<SourceDataResponse> {
        let request = SourceDataRequest { len };
        self.binding.call(SOURCE_DATA, &request)
    }

    /// Gives data.
    ///
    /// `SourceData` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn source_data_async(
        &self,
        handle: &mut AsyncHandle<SourceDataResponse>,
        len: u32,
    ) -> Result<(), Status> {
        let request = SourceDataRequest { len };
        self.binding.call_async(handle, SOURCE_DATA, &request)
    }

    /// Sends a string back.
    ///
    /// `TestCall` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn test_call(&self, s1: &str) -> Result<Option<String>, Status> {
        let request = TestCallRequest { s1: s1.into() };
        let TestCallResponse { s2 } = self.binding.call_blocking(TEST_CALL, &request)?;
        Ok(s2)
    }

    /// Sends a string back.
    ///
    /// `TestCall` in the IDL.
    ///
    /// `.await` it.
    pub fn test_call_future(&self, s1: &str) -> Call<TestCallResponse> {
        let request = TestCallRequest { s1: s1.into() };
        self.binding.call(TEST_CALL, &request)
    }

    /// Sends a string back.
    ///
    /// `TestCall` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn test_call_async(
        &self,
        handle: &mut AsyncHandle<TestCallResponse>,
        s1: &str,
    ) -> Result<(), Status> {
        let request = TestCallRequest { s1: s1.into() };
        self.binding.call_async(handle, TEST_CALL, &request)
    }

    /// Gives the arm of a union, and an NTSTATUS.
    ///
    /// `TestCall2` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn test_call2(&self, level: u16) -> Result<TestCall2Response, Status> {
        let request = TestCall2Request { level };
        self.binding.call_blocking(TEST_CALL2, &request)
    }

    /// Gives the arm of a union, and an NTSTATUS.
    ///
    /// `TestCall2` in the IDL.
    ///
    /// `.await` it.
    pub fn test_call2_future(&self, level: u16) -> Call<TestCall2Response> {
        let request = TestCall2Request { level };
        self.binding.call(TEST_CALL2, &request)
    }

    /// Gives the arm of a union, and an NTSTATUS.
    ///
    /// `TestCall2` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn test_call2_async(
        &self,
        handle: &mut AsyncHandle<TestCall2Response>,
        level: u16,
    ) -> Result<(), Status> {
        let request = TestCall2Request { level };
        self.binding.call_async(handle, TEST_CALL2, &request)
    }

    /// Replies after so many seconds.
    ///
    /// `TestSleep` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn test_sleep(&self, seconds: u32) -> Result<u32, Status> {
        let request = TestSleepRequest { seconds };
        let TestSleepResponse { result } = self
            .binding
            .call_blocking(TEST_SLEEP, &request)?;
        Ok(result)
    }

    /// Replies after so many seconds.
    ///
    /// `TestSleep` in the IDL.
    ///
    /// `.await` it.
    pub fn test_sleep_future(&self, seconds: u32) -> Call<TestSleepResponse> {
        let request = TestSleepRequest { seconds };
        self.binding.call(TEST_SLEEP, &request)
    }

    /// Replies after so many seconds.
    ///
    /// `TestSleep` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn test_sleep_async(
        &self,
        handle: &mut AsyncHandle<TestSleepResponse>,
        seconds: u32,
    ) -> Result<(), Status> {
        let request = TestSleepRequest { seconds };
        self.binding.call_async(handle, TEST_SLEEP, &request)
    }

    /// Sends enums back.
    ///
    /// `TestEnum` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn test_enum(
        &self,
        foo1: Enum1,
        foo2: Enum2,
        foo3: Enum3,
    ) -> Result<TestEnumResponse, Status> {
        let request = TestEnumRequest {
            foo1,
            foo2,
            foo3,
        };
        self.binding.call_blocking(TEST_ENUM, &request)
    }

    /// Sends enums back.
    ///
    /// `TestEnum` in the IDL.
    ///
    /// `.await` it.
    pub fn test_enum_future(
        &self,
        foo1: Enum1,
        foo2: Enum2,
        foo3: Enum3,
    ) -> Call<TestEnumResponse> {
        let request = TestEnumRequest {
            foo1,
            foo2,
            foo3,
        };
        self.binding.call(TEST_ENUM, &request)
    }

    /// Sends enums back.
    ///
    /// `TestEnum` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn test_enum_async(
        &self,
        handle: &mut AsyncHandle<TestEnumResponse>,
        foo1: Enum1,
        foo2: Enum2,
        foo3: Enum3,
    ) -> Result<(), Status> {
        let request = TestEnumRequest {
            foo1,
            foo2,
            foo3,
        };
        self.binding.call_async(handle, TEST_ENUM, &request)
    }

    /// Doubles an array.
    ///
    /// `TestSurrounding` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn test_surrounding(&self, data: Surrounding) -> Result<Surrounding, Status> {
        let request = TestSurroundingRequest { data };
        let TestSurroundingResponse { data } = self
            .binding
            .call_blocking(TEST_SURROUNDING, &request)?;
        Ok(data)
    }

    /// Doubles an array.
    ///
    /// `TestSurrounding` in the IDL.
    ///
    /// `.await` it.
    pub fn test_surrounding_future(
        &self,
        data: Surrounding,
    ) -> Call<TestSurroundingResponse> {
        let request = TestSurroundingRequest { data };
        self.binding.call(TEST_SURROUNDING, &request)
    }

    /// Doubles an array.
    ///
    /// `TestSurrounding` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn test_surrounding_async(
        &self,
        handle: &mut AsyncHandle<TestSurroundingResponse>,
        data: Surrounding,
    ) -> Result<(), Status> {
        let request = TestSurroundingRequest { data };
        self.binding.call_async(handle, TEST_SURROUNDING, &request)
    }

    /// Follows pointers.
    ///
    /// `TestDoublePointer` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn test_double_pointer(&self, data: Option<Option<u16>>) -> Result<u16, Status> {
        let request = TestDoublePointerRequest { data };
        let TestDoublePointerResponse { result } = self
            .binding
            .call_blocking(TEST_DOUBLE_POINTER, &request)?;
        Ok(result)
    }

    /// Follows pointers.
    ///
    /// `TestDoublePointer` in the IDL.
    ///
    /// `.await` it.
    pub fn test_double_pointer_future(
        &self,
        data: Option<Option<u16>>,
    ) -> Call<TestDoublePointerResponse> {
        let request = TestDoublePointerRequest { data };
        self.binding.call(TEST_DOUBLE_POINTER, &request)
    }

    /// Follows pointers.
    ///
    /// `TestDoublePointer` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn test_double_pointer_async(
        &self,
        handle: &mut AsyncHandle<TestDoublePointerResponse>,
        data: Option<Option<u16>>,
    ) -> Result<(), Status> {
        let request = TestDoublePointerRequest { data };
        self.binding.call_async(handle, TEST_DOUBLE_POINTER, &request)
    }
}

/// The manager routines of `RpcEcho`.
pub trait RpcEcho: Send + Sync + 'static {
    /// Adds one to a number.
    ///
    /// `AddOne` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn add_one(
        &self,
        context: &mut CallContext<'_>,
        in_data: u32,
    ) -> Result<u32, Status>;

    /// Sends data back.
    ///
    /// `EchoData` in the IDL.
    ///
    /// What is returned may borrow the request.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn echo_data<'a>(
        &self,
        context: &mut CallContext<'_>,
        in_data: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, Status>;

    /// Takes data.
    ///
    /// `SinkData` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn sink_data(
        &self,
        context: &mut CallContext<'_>,
        data: &[u8],
    ) -> Result<(), Status>;

    /// Gives data.
    ///
    /// `SourceData` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn source_data(
        &self,
        context: &mut CallContext<'_>,
        len: u32,
    ) -> Result<Vec<u8>, Status>;

    /// Sends a string back.
    ///
    /// `TestCall` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn test_call(
        &self,
        context: &mut CallContext<'_>,
        s1: Utf16Str<'_>,
    ) -> Result<Option<String>, Status>;

    /// Gives the arm of a union, and an NTSTATUS.
    ///
    /// `TestCall2` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn test_call2(
        &self,
        context: &mut CallContext<'_>,
        level: u16,
    ) -> Result<TestCall2Response, Status>;

    /// Replies after so many seconds.
    ///
    /// `TestSleep` in the IDL.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn test_sleep(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<TestSleepResponse>,
        seconds: u32,
    ) -> Result<(), Status>;

    /// Sends enums back.
    ///
    /// `TestEnum` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn test_enum(
        &self,
        context: &mut CallContext<'_>,
        foo1: Enum1,
        foo2: Enum2,
        foo3: Enum3,
    ) -> Result<TestEnumResponse, Status>;

    /// Doubles an array.
    ///
    /// `TestSurrounding` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn test_surrounding(
        &self,
        context: &mut CallContext<'_>,
        data: Surrounding,
    ) -> Result<Surrounding, Status>;

    /// Follows pointers.
    ///
    /// `TestDoublePointer` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn test_double_pointer(
        &self,
        context: &mut CallContext<'_>,
        data: Option<Option<u16>>,
    ) -> Result<u16, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
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
        let Self(manager) = self;
        match call.opnum() {
            ADD_ONE => {
                let AddOneRequest { in_data } = call.decode()?;
                let out_data = manager.add_one(call.context(), in_data)?;
                call.reply(&AddOneResponse { out_data })
            }
            ECHO_DATA => {
                let EchoDataRequest { len, in_data } = call.decode()?;
                let given = EchoDataGiven { len };
                let out_data = manager.echo_data(call.context(), in_data)?;
                call.reply(
                    &Params::with_given(
                        EchoDataReply {
                            out_data: &out_data,
                        },
                        given,
                    ),
                )
            }
            SINK_DATA => {
                let SinkDataRequest { data, .. } = call.decode()?;
                manager.sink_data(call.context(), data)?;
                call.reply(&())
            }
            SOURCE_DATA => {
                let SourceDataRequest { len } = call.decode()?;
                let given = SourceDataGiven { len };
                let data = manager.source_data(call.context(), len)?;
                call.reply(&Params::with_given(SourceDataResponse { data }, given))
            }
            TEST_CALL => {
                let TestCallRequest { s1 } = call.decode()?;
                let s2 = manager.test_call(call.context(), s1)?;
                call.reply(&TestCallResponse { s2 })
            }
            TEST_CALL2 => {
                let TestCall2Request { level } = call.decode()?;
                let given = TestCall2Given { level };
                let response = manager.test_call2(call.context(), level)?;
                call.reply(&Params::with_given(response, given))
            }
            TEST_SLEEP => {
                let TestSleepRequest { seconds } = call.decode()?;
                let deferred = call.defer()?;
                manager.test_sleep(call.context(), deferred, seconds)
            }
            TEST_ENUM => {
                let TestEnumRequest { foo1, foo2, foo3 } = call.decode()?;
                let response = manager.test_enum(call.context(), foo1, foo2, foo3)?;
                call.reply(&response)
            }
            TEST_SURROUNDING => {
                let TestSurroundingRequest { data } = call.decode()?;
                let data = manager.test_surrounding(call.context(), data)?;
                call.reply(&TestSurroundingResponse { data })
            }
            TEST_DOUBLE_POINTER => {
                let TestDoublePointerRequest { data } = call.decode()?;
                let result = manager.test_double_pointer(call.context(), data)?;
                call.reply(
                    &TestDoublePointerResponse {
                        result,
                    },
                )
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
