//! rpcecho, 60a15ec5-4de8-11d7-a637-005056a20182 v1.0: what smbtorture's rpc.echo calls.

use annulus_ndr::{Ndr, NdrParams, Utf16Str};

/// Operation 0, in.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct AddOneIn {
    pub value: u32,
}

/// Operation 0, out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct AddOneOut {
    pub value: u32,
}

/// Operation 1, in.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct EchoDataIn<'a> {
    pub len: u32,
    #[ndr(size_is = "len")]
    pub data: &'a [u8],
}

/// Operation 1, out; `len` is the one of the request.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct EchoDataOut<'a> {
    #[ndr(conformant)]
    pub data: &'a [u8],
}

/// Operation 2, in. Nothing comes out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct SinkDataIn<'a> {
    pub len: u32,
    #[ndr(size_is = "len")]
    pub data: &'a [u8],
}

/// Operation 3, in.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct SourceDataIn {
    pub len: u32,
}

/// Operation 3, out; `len` is the one of the request.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct SourceDataOut<'a> {
    #[ndr(conformant)]
    pub data: &'a [u8],
}

/// Operation 4, in.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestCallIn<'a> {
    #[ndr(string)]
    pub s1: Utf16Str<'a>,
}

/// Operation 4, out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestCallOut<'a> {
    #[ndr(string)]
    pub s2: Option<Utf16Str<'a>>,
}

/// Operation 5, in.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestCall2In {
    pub level: u16,
}

/// Operation 5, out; the union's arm is the request's `level`.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestCall2Out {
    pub info: Info,
    pub status: u32,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct Info1 {
    pub v: u8,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct Info2 {
    pub v: u16,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct Info3 {
    pub v: u32,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct Info4 {
    pub v: u64,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct Info5 {
    pub v1: u8,
    pub v2: u64,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct Info6 {
    pub v1: u8,
    pub info1: Info1,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct Info7 {
    pub v1: u8,
    pub info4: Info4,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
#[ndr(switch = u16)]
pub enum Info {
    #[ndr(case = 1)]
    Info1(Info1),
    #[ndr(case = 2)]
    Info2(Info2),
    #[ndr(case = 3)]
    Info3(Info3),
    #[ndr(case = 4)]
    Info4(Info4),
    #[ndr(case = 5)]
    Info5(Info5),
    #[ndr(case = 6)]
    Info6(Info6),
    #[ndr(case = 7)]
    Info7(Info7),
}

/// Operation 6, in.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestSleepIn {
    pub seconds: u32,
}

/// Operation 6, out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestSleepOut {
    pub result: u32,
}

#[derive(Ndr, Debug, Clone, Copy, PartialEq)]
pub enum Enum1 {
    Value1 = 1,
    Value2 = 2,
}

#[derive(Ndr, Debug, Clone, Copy, PartialEq)]
#[ndr(v1_enum)]
pub enum Enum1V1 {
    Value1 = 1,
    Value2 = 2,
}

#[derive(Ndr, Debug, Clone, Copy, PartialEq)]
pub struct Enum2 {
    pub e1: Enum1,
    pub e2: Enum1V1,
}

#[derive(Ndr, Debug, Clone, Copy, PartialEq)]
#[ndr(switch = enum16)]
pub enum Enum3 {
    #[ndr(case = Enum1::Value1 as u16)]
    E1(Enum1),
    #[ndr(case = Enum1::Value2 as u16)]
    E2(Enum2),
}

/// Operation 7, in and out.
#[derive(NdrParams, Debug, Clone, Copy, PartialEq)]
pub struct TestEnum {
    pub foo1: Enum1,
    pub foo2: Enum2,
    #[ndr(switch_is = "foo1")]
    pub foo3: Enum3,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct Surrounding {
    pub x: u32,
    #[ndr(size_is = "x")]
    pub surrounding: Vec<u16>,
}

/// Operation 8, in and out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestSurrounding {
    pub data: Surrounding,
}

/// Operation 9, in: a reference to a unique pointer to a unique pointer.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestDoublePointerIn {
    pub data: Option<Option<u16>>,
}

/// Operation 9, out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct TestDoublePointerOut {
    pub result: u16,
}
