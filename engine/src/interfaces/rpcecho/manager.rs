//! An implementation of rpcecho.

use std::borrow::Cow;
use std::time::Duration;

use annulus_ndr::Utf16Str;

use super::*;
use crate::{CallContext, ServerCall, Status};

/// NTSTATUS of a level that does not exist (STATUS_INVALID_INFO_CLASS's neighbour
/// STATUS_INVALID_LEVEL, MS-ERREF 2.3.1).
const STATUS_INVALID_LEVEL: u32 = 0xc000_0148;

/// Answers rpcecho as Samba's own server does.
#[derive(Clone, Copy, Debug)]
pub struct EchoServer {
    /// The most bytes that SourceData gives, and elements that TestSurrounding does. More is
    /// refused with [`Status::OutOfMemory`]. Default 16 MiB.
    pub source_len_max: u32,
}

impl Default for EchoServer {
    fn default() -> Self {
        EchoServer {
            source_len_max: 16 << 20,
        }
    }
}

impl RpcEcho for EchoServer {
    fn add_one(&self, _: &mut CallContext<'_>, in_data: u32) -> Result<u32, Status> {
        Ok(in_data.wrapping_add(1))
    }

    fn echo_data<'a>(
        &self,
        _: &mut CallContext<'_>,
        in_data: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, Status> {
        Ok(Cow::Borrowed(in_data))
    }

    fn sink_data(&self, _: &mut CallContext<'_>, _: &[u8]) -> Result<(), Status> {
        Ok(())
    }

    fn source_data(&self, _: &mut CallContext<'_>, len: u32) -> Result<Vec<u8>, Status> {
        if len > self.source_len_max {
            return Err(Status::OutOfMemory);
        }
        Ok((0..len).map(|index| index.to_le_bytes()[0]).collect())
    }

    fn test_call(
        &self,
        _: &mut CallContext<'_>,
        s1: Utf16Str<'_>,
    ) -> Result<Option<String>, Status> {
        // What is not UTF-16 could not be sent back as it came.
        let text = s1.to_utf8().ok_or(Status::BadStubData)?;
        Ok(Some(text.into_owned()))
    }

    fn test_call2(&self, _: &mut CallContext<'_>, level: u16) -> Result<TestCall2Response, Status> {
        let info = match level {
            1 => EchoInfo::Info1(EchoInfo1 { v: 10 }),
            2 => EchoInfo::Info2(EchoInfo2 { v: 20 }),
            3 => EchoInfo::Info3(EchoInfo3 { v: 30 }),
            4 => EchoInfo::Info4(EchoInfo4 { v: 40 }),
            5 => EchoInfo::Info5(EchoInfo5 { v1: 50, v2: 60 }),
            6 => EchoInfo::Info6(EchoInfo6 {
                v1: 70,
                info1: EchoInfo1 { v: 80 },
            }),
            7 => EchoInfo::Info7(EchoInfo7 {
                v1: 80,
                info4: EchoInfo4 { v: 90 },
            }),
            // The union has no arm for it that could carry the NTSTATUS.
            _ => return Err(Status::Other(STATUS_INVALID_LEVEL)),
        };
        Ok(TestCall2Response { info, result: 0 })
    }

    fn test_sleep(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<TestSleepResponse>,
        seconds: u32,
    ) -> Result<(), Status> {
        context.after(Duration::from_secs(seconds.into()), move || {
            // The parameters are one number, which can always be encoded.
            let _ = call.complete(&TestSleepResponse { result: seconds });
        })
    }

    fn test_enum(
        &self,
        _: &mut CallContext<'_>,
        foo1: EchoEnum1,
        mut foo2: EchoEnum2,
        mut foo3: EchoEnum3,
    ) -> Result<TestEnumResponse, Status> {
        foo2.e1 = EchoEnum1::TWO;
        match &mut foo3 {
            EchoEnum3::E1(e1) => *e1 = EchoEnum1::TWO,
            EchoEnum3::E2(e2) => e2.e1 = EchoEnum1::TWO,
        }
        Ok(TestEnumResponse { foo1, foo2, foo3 })
    }

    fn test_surrounding(
        &self,
        _: &mut CallContext<'_>,
        data: EchoSurrounding,
    ) -> Result<EchoSurrounding, Status> {
        let x = data
            .x
            .checked_mul(2)
            .filter(|x| *x <= self.source_len_max)
            .ok_or(Status::OutOfMemory)?;
        Ok(EchoSurrounding {
            x,
            surrounding: vec![0; x as usize],
        })
    }

    fn test_double_pointer(
        &self,
        _: &mut CallContext<'_>,
        data: Option<Option<u16>>,
    ) -> Result<u16, Status> {
        Ok(data.flatten().unwrap_or(0))
    }
}
