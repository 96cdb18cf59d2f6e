//! The generated rpcecho: its wire form against the vectors of a real peer, its client against the
//! engine's own server and against its own.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::Duration;

use annulus::ndr::{ByteOrder, DecodeParams, EncodeParams, Ndr, Ndr64, Utf16Str, decode, encode};
use annulus::{
    AsyncHandle, Binding, CallContext, Config, Cores, Event, Interface, Notify, Runtime, Server,
    ServerCall, Serving, Status,
};
use annulus_idl_e2e::rpcecho::{self as generated, *};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(u8::is_ascii_hexdigit)
        .map(|digit| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Asserts that the value is written as the vectors say, and read from all four.
macro_rules! assert_vectors {
    ($ty:ty: $value:expr, $ndr_le:literal, $ndr64_le:literal, $ndr_be:literal, $ndr64_be:literal) => {{
        let value: $ty = $value;
        let mut stub = Vec::new();
        encode::<Ndr, _>(&value, &mut stub).expect("NDR");
        assert_eq!(stub, hex($ndr_le));
        stub.clear();
        encode::<Ndr64, _>(&value, &mut stub).expect("NDR64");
        assert_eq!(stub, hex($ndr64_le));
        let (little, big) = (ByteOrder::Little, ByteOrder::Big);
        assert_eq!(
            decode::<Ndr, $ty>(&hex($ndr_le), little).as_ref(),
            Ok(&value)
        );
        assert_eq!(
            decode::<Ndr64, $ty>(&hex($ndr64_le), little).as_ref(),
            Ok(&value)
        );
        assert_eq!(decode::<Ndr, $ty>(&hex($ndr_be), big).as_ref(), Ok(&value));
        assert_eq!(
            decode::<Ndr64, $ty>(&hex($ndr64_be), big).as_ref(),
            Ok(&value)
        );
    }};
}

#[test]
fn rule_24_add_one_in() {
    assert_vectors!(
        AddOneRequest: AddOneRequest { in_data: 41 },
        "29000000", "29000000", "00000029", "00000029"
    );
}

#[test]
fn rule_24_echo_data_in() {
    assert_vectors!(
        EchoDataRequest<'_>: EchoDataRequest { len: 3, in_data: &[1, 2, 3] },
        "03000000 03000000 010203",
        "03000000 00000000 0300000000000000 010203",
        "00000003 00000003 010203",
        "00000003 00000000 0000000000000003 010203"
    );
}

#[test]
fn rule_24_sink_data_in() {
    assert_vectors!(
        SinkDataRequest<'_>: SinkDataRequest { len: 5, data: &[1, 2, 3, 4, 5] },
        "05000000 05000000 0102030405",
        "05000000 00000000 0500000000000000 0102030405",
        "00000005 00000005 0102030405",
        "00000005 00000000 0000000000000005 0102030405"
    );
}

#[test]
fn rule_24_source_data_in() {
    assert_vectors!(
        SourceDataRequest: SourceDataRequest { len: 3 },
        "03000000", "03000000", "00000003", "00000003"
    );
}

#[test]
fn rule_25_a_top_level_ref_string_has_no_referent_id() {
    assert_vectors!(
        TestCallRequest<'_>: TestCallRequest { s1: Utf16Str::from("input string") },
        "0d000000 00000000 0d000000 69006e00700075007400200073007400720069006e0067000000",
        "0d00000000000000 0000000000000000 0d00000000000000 69006e00700075007400200073007400720069006e0067000000",
        "0000000d 00000000 0000000d 0069006e00700075007400200073007400720069006e00670000",
        "000000000000000d 0000000000000000 000000000000000d 0069006e00700075007400200073007400720069006e00670000"
    );
}

#[test]
fn rule_25_a_unique_string_behind_a_reference_has_a_referent_id() {
    assert_vectors!(
        TestCallResponse: TestCallResponse { s2: Some("input string".into()) },
        "00000200 0d000000 00000000 0d000000 69006e00700075007400200073007400720069006e0067000000",
        "0000020000000000 0d00000000000000 0000000000000000 0d00000000000000 69006e00700075007400200073007400720069006e0067000000",
        "00020000 0000000d 00000000 0000000d 0069006e00700075007400200073007400720069006e00670000",
        "0000000000020000 000000000000000d 0000000000000000 000000000000000d 0069006e00700075007400200073007400720069006e00670000"
    );
}

#[test]
fn rule_25_conformance_of_a_trailing_array_is_hoisted() {
    assert_vectors!(
        TestSurroundingRequest: TestSurroundingRequest {
            data: Surrounding { x: 3, surrounding: vec![1, 2, 3] },
        },
        "03000000 03000000 010002000300",
        "0300000000000000 03000000 010002000300 0000",
        "00000003 00000003 000100020003",
        "0000000000000003 00000003 000100020003 0000"
    );
}

/// The bytes of a parameter list.
fn stub(params: &impl EncodeParams) -> Vec<u8> {
    let mut stub = Vec::new();
    encode::<Ndr, _>(params, &mut stub).expect("the parameters agree");
    stub
}

/// The value is written as the bytes, and read from them.
fn assert_wire<T>(value: &T, bytes: &str)
where
    T: EncodeParams + for<'a> DecodeParams<'a> + PartialEq + Debug,
{
    let bytes = hex(bytes);
    assert_eq!(stub(value), bytes);
    assert_eq!(
        decode::<Ndr, T>(&bytes, ByteOrder::Little).as_ref(),
        Ok(value)
    );
}

#[test]
fn unions_enums_and_pointers_lie_on_the_wire_as_the_standard_says() {
    let response = TestCall2Response {
        info: Info::Info5(Info5 { v1: 1, v2: 2 }),
        result: 3,
    };
    assert_wire(
        &response,
        "0500 000000000000 01 00000000000000 0200000000000000 03000000",
    );

    let request = TestEnumRequest {
        foo1: Enum1::TWO,
        foo2: Enum2 {
            e1: Enum1(76),
            e2: Enum1Long::LONG_TWO,
        },
        foo3: Enum3::E2(Enum2 {
            e1: Enum1::ONE,
            e2: Enum1Long(1 << 20),
        }),
    };
    assert_wire(
        &request,
        "0200 0000 4c00 0000 02000000 0200 0000 0100 0000 00001000",
    );

    let request = TestDoublePointerRequest {
        data: Some(Some(9)),
    };
    assert_wire(&request, "00000200 04000200 0900");
}

#[test]
fn the_interface_is_known_by_its_uuid_and_endpoints() {
    assert_eq!(generated::INTERFACE, annulus::rpcecho::INTERFACE);
    assert_eq!(
        generated::OPERATION_COUNT,
        annulus::rpcecho::OPERATION_COUNT
    );
    assert_eq!(generated::ENDPOINTS, ["ncacn_ip_tcp:"]);
}

/// Answers as the engine's own server does, over the generated trait.
struct Echo;

impl RpcEcho for Echo {
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
        Ok((0..len).map(|index| index.to_le_bytes()[0]).collect())
    }

    fn test_call(
        &self,
        _: &mut CallContext<'_>,
        s1: Utf16Str<'_>,
    ) -> Result<Option<String>, Status> {
        Ok(Some(s1.to_string_lossy().into_owned()))
    }

    fn test_call2(&self, _: &mut CallContext<'_>, level: u16) -> Result<TestCall2Response, Status> {
        if level != 6 {
            return Err(Status::InvalidArg);
        }
        Ok(TestCall2Response {
            info: Info::Info6(Info6 {
                v1: 70,
                info1: Info1 { v: 80 },
            }),
            result: 0,
        })
    }

    fn test_sleep(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<TestSleepResponse>,
        seconds: u32,
    ) -> Result<(), Status> {
        // Seconds would make the test slow; it is about the reply that comes later.
        context.after(Duration::from_millis(seconds.into()), move || {
            let result = seconds;
            call.complete(&TestSleepResponse { result })
                .expect("a number can be encoded");
        })
    }

    fn test_enum(
        &self,
        _: &mut CallContext<'_>,
        foo1: Enum1,
        foo2: Enum2,
        foo3: Enum3,
    ) -> Result<TestEnumResponse, Status> {
        Ok(TestEnumResponse { foo1, foo2, foo3 })
    }

    fn test_surrounding(
        &self,
        _: &mut CallContext<'_>,
        data: Surrounding,
    ) -> Result<Surrounding, Status> {
        Ok(Surrounding {
            x: data.x * 2,
            surrounding: vec![0; data.surrounding.len() * 2],
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

fn serve(interface: impl Interface) -> (Runtime, Serving, String) {
    let config = Config::default().cores(Cores::Unpinned(1));
    let runtime = Runtime::start(config).expect("a runtime");
    let server = Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
        .expect("an endpoint")
        .interface(interface);
    let serving = runtime.serve(server).expect("a port");
    let binding = serving.bindings()[0].to_string();
    (runtime, serving, binding)
}

#[test]
fn the_generated_client_calls_the_engine_s_server() -> Result<(), Box<dyn std::error::Error>> {
    let manager = annulus::rpcecho::EchoServer::default();
    let (runtime, _serving, binding) = serve(annulus::rpcecho::interface(manager));
    let binding = Binding::new(&runtime, &binding, generated::INTERFACE)?;
    let client = RpcEchoClient::new(binding);

    assert_eq!(client.add_one(41)?, 42);
    assert_eq!(client.echo_data(&[1, 2, 3])?, [1, 2, 3]);
    assert_eq!(client.echo_data(&[])?, []);
    client.sink_data(&[7; 20_000])?;
    assert_eq!(client.source_data(4)?, [0, 1, 2, 3]);
    assert_eq!(client.test_call("ä𝄞")?.as_deref(), Some("ä𝄞"));
    assert_eq!(
        client.test_call2(7)?.info,
        Info::Info7(Info7 {
            v1: 80,
            info4: Info4 { v: 90 }
        })
    );
    assert_eq!(client.test_call2(8).unwrap_err().code(), 0xc000_0148);
    assert_eq!(client.test_sleep(0)?, 0);
    let data = client.test_surrounding(Surrounding {
        x: 2,
        surrounding: vec![5, 6],
    })?;
    assert_eq!((data.x, data.surrounding.len()), (4, 4));
    assert_eq!(client.test_double_pointer(Some(Some(12)))?, 12);
    assert_eq!(client.test_double_pointer(None)?, 0);
    Ok(())
}

#[test]
fn the_generated_client_calls_the_generated_server() -> Result<(), Box<dyn std::error::Error>> {
    let (runtime, _serving, binding) = serve(generated::interface(Echo));
    let binding = Binding::new(&runtime, &binding, generated::INTERFACE)?;
    let client = RpcEchoClient::new(binding);

    assert_eq!(client.add_one(u32::MAX)?, 0);
    assert_eq!(client.echo_data(&[9; 9_000])?, [9; 9_000]);
    client.sink_data(&[])?;
    assert_eq!(client.source_data(3)?, [0, 1, 2]);
    assert_eq!(client.test_call("x")?.as_deref(), Some("x"));
    let info1 = Info1 { v: 80 };
    assert_eq!(
        client.test_call2(6)?.info,
        Info::Info6(Info6 { v1: 70, info1 })
    );
    assert_eq!(client.test_call2(1), Err(Status::InvalidArg));
    assert_eq!(client.test_sleep(2)?, 2);
    let foo1 = Enum1::ONE;
    let foo2 = Enum2 {
        e1: Enum1(76),
        e2: Enum1Long::LONG_TWO,
    };
    let foo3 = Enum3::E1(Enum1::TWO);
    assert_eq!(
        client.test_enum(foo1, foo2, foo3)?,
        TestEnumResponse { foo1, foo2, foo3 }
    );
    assert_eq!(client.test_double_pointer(Some(Some(5)))?, 5);
    Ok(())
}

#[test]
fn a_handle_and_a_wait_complete_the_same_call() -> Result<(), Box<dyn std::error::Error>> {
    let (runtime, _serving, binding) = serve(generated::interface(Echo));
    let binding = Binding::new(&runtime, &binding, generated::INTERFACE)?;
    let client = RpcEchoClient::new(binding);

    let event = Event::auto_reset();
    let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
    client.test_sleep_async(&mut handle, 5)?;
    // The call of the handle is in flight; others overtake it.
    assert_eq!(client.add_one_future(1).wait()?.out_data, 2);
    event.wait();
    assert_eq!(handle.complete()?.result, 5);
    Ok(())
}
