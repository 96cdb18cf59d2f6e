//! The types and parameter lists of rpcecho.

use annulus_ndr::{Ndr, NdrParams};

/// AddOne: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct AddOneRequest {
    /// A number.
    pub in_data: u32,
}

/// AddOne: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct AddOneResponse {
    /// The number after it.
    pub out_data: u32,
}

/// EchoData and SinkData: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct EchoDataRequest<'a> {
    /// How many bytes.
    pub len: u32,
    /// The bytes.
    #[ndr(size_is = "len")]
    pub in_data: &'a [u8],
}

/// EchoData and SourceData: out-parameters, read where they were received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct EchoDataResponse<'a> {
    /// The bytes; as many as the request said.
    #[ndr(conformant)]
    pub out_data: &'a [u8],
}

/// EchoData and SourceData: out-parameters in a buffer of their own.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
pub struct OwnedDataResponse {
    /// The bytes; as many as the request said.
    #[ndr(conformant)]
    pub out_data: Vec<u8>,
}

/// SourceData: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct SourceDataRequest {
    /// How many bytes are wanted.
    pub len: u32,
}

/// TestCall: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
pub struct TestCallRequest {
    /// A string.
    #[ndr(string)]
    pub s1: String,
}

/// TestCall: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
pub struct TestCallResponse {
    /// The same string.
    #[ndr(string)]
    pub s2: Option<String>,
}

/// TestCall2: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct TestCall2Request {
    /// Which arm of the union is wanted.
    pub level: u16,
}

/// TestCall2: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct TestCall2Response {
    /// The arm.
    pub info: EchoInfo,
    /// An NTSTATUS.
    pub result: u32,
}

/// One byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
pub struct EchoInfo1 {
    /// The value.
    pub v: u8,
}

/// Two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
pub struct EchoInfo2 {
    /// The value.
    pub v: u16,
}

/// Four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
pub struct EchoInfo3 {
    /// The value.
    pub v: u32,
}

/// Eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
pub struct EchoInfo4 {
    /// The value.
    pub v: u64,
}

/// A byte, and eight bytes at their alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
pub struct EchoInfo5 {
    /// The first value.
    pub v1: u8,
    /// The second value.
    pub v2: u64,
}

/// A byte and a structure of one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
pub struct EchoInfo6 {
    /// The first value.
    pub v1: u8,
    /// The structure.
    pub info1: EchoInfo1,
}

/// A byte and a structure of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
pub struct EchoInfo7 {
    /// The first value.
    pub v1: u8,
    /// The structure.
    pub info4: EchoInfo4,
}

/// What TestCall2 returns, by level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = u16)]
pub enum EchoInfo {
    /// Level 1.
    #[ndr(case = 1)]
    Info1(EchoInfo1),
    /// Level 2.
    #[ndr(case = 2)]
    Info2(EchoInfo2),
    /// Level 3.
    #[ndr(case = 3)]
    Info3(EchoInfo3),
    /// Level 4.
    #[ndr(case = 4)]
    Info4(EchoInfo4),
    /// Level 5.
    #[ndr(case = 5)]
    Info5(EchoInfo5),
    /// Level 6.
    #[ndr(case = 6)]
    Info6(EchoInfo6),
    /// Level 7.
    #[ndr(case = 7)]
    Info7(EchoInfo7),
}

/// TestSleep: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct TestSleepRequest {
    /// After how many seconds the reply comes.
    pub seconds: u32,
}

/// TestSleep: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct TestSleepResponse {
    /// The same number.
    pub result: u32,
}

/// An enum of 16 bits on the wire. Peers also send values without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(enum16)]
pub struct EchoEnum1(pub u16);

impl EchoEnum1 {
    /// One.
    pub const ONE: EchoEnum1 = EchoEnum1(1);
    /// Two.
    pub const TWO: EchoEnum1 = EchoEnum1(2);
}

/// An enum of 32 bits on the wire. Peers also send values without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(v1_enum)]
pub struct EchoEnum1Long(pub u32);

impl EchoEnum1Long {
    /// One.
    pub const ONE: EchoEnum1Long = EchoEnum1Long(1);
    /// Two.
    pub const TWO: EchoEnum1Long = EchoEnum1Long(2);
}

/// Both enums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
pub struct EchoEnum2 {
    /// 16 bits.
    pub e1: EchoEnum1,
    /// 32 bits.
    pub e2: EchoEnum1Long,
}

/// A union by enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = enum16)]
pub enum EchoEnum3 {
    /// The arm of [`EchoEnum1::ONE`].
    #[ndr(case = 1)]
    E1(EchoEnum1),
    /// The arm of [`EchoEnum1::TWO`].
    #[ndr(case = 2)]
    E2(EchoEnum2),
}

/// TestEnum: in- and out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct TestEnumParams {
    /// An enum.
    pub foo1: EchoEnum1,
    /// A structure of enums.
    pub foo2: EchoEnum2,
    /// A union, switched by `foo1`.
    #[ndr(switch_is = "foo1")]
    pub foo3: EchoEnum3,
}

/// A structure that ends in an array.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
pub struct Surrounding {
    /// How many elements.
    pub x: u32,
    /// The elements.
    #[ndr(size_is = "x")]
    pub surrounding: Vec<u16>,
}

/// TestSurrounding: in- and out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
pub struct TestSurroundingParams {
    /// The structure.
    pub data: Surrounding,
}

/// TestDoublePointer: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct TestDoublePointerRequest {
    /// A pointer to a pointer to a pointer: the first is a reference, the others can be null.
    pub data: Option<Option<u16>>,
}

/// TestDoublePointer: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
pub struct TestDoublePointerResponse {
    /// The number at the end of the pointers, or zero.
    pub result: u16,
}
