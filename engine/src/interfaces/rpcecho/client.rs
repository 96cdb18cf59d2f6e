//! rpcecho's client stub.
//!
//! Each operation has three forms: it blocks (`add_one`), it is a future (`add_one_future`),
//! or it completes an [`AsyncHandle`] (`add_one_async`).

use super::*;
use crate::{AsyncHandle, Binding, Call, Status};

/// Calls rpcecho.
///
/// All of its methods fail with the [`Status`] that the call ended with.
#[derive(Clone, Debug)]
pub struct RpcEchoClient {
    binding: Binding,
}

macro_rules! operation {
    (
        $what:literal, $opnum:ident, $blocking:ident / $future:ident / $handle:ident
        ($($name:ident: $kind:ty),*) $request:expr => $response:ty, |$reply:ident| $result:expr => $output:ty
    ) => {
        #[doc = concat!($what, " Blocks until the reply is there.")]
        ///
        /// # Errors
        ///
        /// The status with which the call ended.
        pub fn $blocking(&self, $($name: $kind),*) -> Result<$output, Status> {
            let $reply: $response = self.binding.call_blocking($opnum, &$request)?;
            Ok($result)
        }

        #[doc = concat!($what, " `.await` it.")]
        pub fn $future(&self, $($name: $kind),*) -> Call<$response> {
            self.binding.call($opnum, &$request)
        }

        #[doc = concat!($what, " `handle` receives the outcome.")]
        ///
        /// # Errors
        ///
        /// The call cannot be made; then no notification comes.
        pub fn $handle(&self, handle: &mut AsyncHandle<$response>, $($name: $kind),*) -> Result<(), Status> {
            self.binding.call_async(handle, $opnum, &$request)
        }
    };
}

impl RpcEchoClient {
    /// A client that calls through `binding`.
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        RpcEchoClient { binding }
    }

    operation! {
        "Adds one to a number.", ADD_ONE, add_one / add_one_future / add_one_async
        (in_data: u32) AddOneRequest { in_data } => AddOneResponse, |reply| reply.out_data => u32
    }

    operation! {
        "Has data sent back.", ECHO_DATA, echo_data / echo_data_future / echo_data_async
        (in_data: &[u8]) EchoDataRequest { len: len(in_data), in_data }
            => OwnedDataResponse, |reply| reply.out_data => Vec<u8>
    }

    operation! {
        "Sends data.", SINK_DATA, sink_data / sink_data_future / sink_data_async
        (data: &[u8]) EchoDataRequest { len: len(data), in_data: data } => (), |reply| reply => ()
    }

    operation! {
        "Has `len` bytes of data sent.", SOURCE_DATA, source_data / source_data_future / source_data_async
        (len: u32) SourceDataRequest { len } => OwnedDataResponse, |reply| reply.out_data => Vec<u8>
    }

    operation! {
        "Has a string sent back.", TEST_CALL, test_call / test_call_future / test_call_async
        (s1: &str) TestCallRequest { s1: s1.to_owned() } => TestCallResponse, |reply| reply.s2 => Option<String>
    }

    operation! {
        "Has the arm of a union sent.", TEST_CALL2, test_call2 / test_call2_future / test_call2_async
        (level: u16) TestCall2Request { level } => TestCall2Response, |reply| reply => TestCall2Response
    }

    operation! {
        "Has a reply sent after so many seconds.", TEST_SLEEP, test_sleep / test_sleep_future / test_sleep_async
        (seconds: u32) TestSleepRequest { seconds } => TestSleepResponse, |reply| reply.result => u32
    }

    operation! {
        "Has enums sent back.", TEST_ENUM, test_enum / test_enum_future / test_enum_async
        (params: TestEnumParams) params => TestEnumParams, |reply| reply => TestEnumParams
    }

    operation! {
        "Has a structure with an array sent.", TEST_SURROUNDING,
        test_surrounding / test_surrounding_future / test_surrounding_async
        (data: Surrounding) TestSurroundingParams { data } => TestSurroundingParams, |reply| reply.data => Surrounding
    }

    operation! {
        "Has pointers followed.", TEST_DOUBLE_POINTER,
        test_double_pointer / test_double_pointer_future / test_double_pointer_async
        (data: Option<Option<u16>>) TestDoublePointerRequest { data }
            => TestDoublePointerResponse, |reply| reply.result => u16
    }
}

/// A length as the wire has it. What is longer is refused when it is encoded, as the length
/// is then not the array's.
fn len(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}
