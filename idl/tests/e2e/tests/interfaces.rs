//! The other definitions: their wire form, and calls over a connection.

use std::sync::mpsc;

use annulus::ndr::{ArraySection, decode, encode};
use annulus::ndr::{ByteOrder, ContextHandle, DecodeParams, EncodeParams, Full, Ndr, Ndr64, Uuid};
use annulus::{Binding, CallContext, Config, Cores, Runtime, Server, ServerCall, Status};
use annulus_idl_e2e::{async_rpc, epmapper, everything, mgmt, samr};

fn stub(params: &impl EncodeParams) -> Vec<u8> {
    let mut stub = Vec::new();
    encode::<Ndr, _>(params, &mut stub).expect("the parameters agree");
    stub
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .split(['(', ')'])
        .step_by(2)
        .flat_map(str::bytes)
        .filter(u8::is_ascii_hexdigit)
        .map(|digit| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Asserts the wire form in NDR, and that it is read back in both syntaxes.
#[track_caller]
fn assert_wire<T>(value: &T, wire: &str)
where
    T: EncodeParams + for<'a> DecodeParams<'a> + PartialEq + std::fmt::Debug,
{
    let bytes = stub(value);
    assert_eq!(bytes, hex(wire));
    assert_eq!(
        decode::<Ndr, T>(&bytes, ByteOrder::Little).as_ref(),
        Ok(value)
    );
    let mut bytes = Vec::new();
    encode::<Ndr64, _>(value, &mut bytes).expect("the parameters agree");
    assert_eq!(
        decode::<Ndr64, T>(&bytes, ByteOrder::Little).as_ref(),
        Ok(value)
    );
}

#[test]
fn rule_25_a_sid_has_the_count_of_its_sub_authorities_in_front() {
    // S-1-5-32-544
    let sid = samr::RpcSid {
        revision: 1,
        sub_authority_count: 2,
        identifier_authority: samr::RpcSidIdentifierAuthority {
            value: [0, 0, 0, 0, 0, 5],
        },
        sub_authority: vec![32, 544],
    };
    assert_wire(
        &samr::SamrLookupDomainInSamServerResponse {
            domain_id: Some(sid),
            result: 0,
        },
        "(referent) 00000200 (maximum) 02000000 (revision) 01 (count) 02 000000000005 \
         20000000 20020000 (result) 00000000",
    );
}

#[test]
fn rule_25_pointees_follow_the_array_that_points_to_them() {
    let name = |text: &str| samr::RpcUnicodeString {
        length: 2 * text.len() as u16,
        maximum_length: 2 * text.len() as u16 + 2,
        buffer: Some(text.encode_utf16().collect()),
    };
    let buffer = samr::SamprEnumerationBuffer {
        entries_read: 2,
        buffer: Some(vec![
            samr::SamprRidEnumeration {
                relative_id: 7,
                name: name("a"),
            },
            samr::SamprRidEnumeration {
                relative_id: 8,
                name: name("b"),
            },
        ]),
    };
    assert_wire(
        &samr::SamrEnumerateDomainsInSamServerResponse {
            enumeration_context: 1,
            buffer: Some(buffer),
            count_returned: 2,
            result: 0,
        },
        "(context) 01000000 (referent) 00000200 (entries) 02000000 (referent) 04000200 \
         (maximum) 02000000 \
         (rid) 07000000 (length) 0200 (maximum length) 0400 (referent) 08000200 \
         (rid) 08000000 (length) 0200 (maximum length) 0400 (referent) 0c000200 \
         (a: maximum, offset, actual) 02000000 00000000 01000000 6100 (gap) 0000 \
         (b) 02000000 00000000 01000000 6200 (gap) 0000 (returned) 02000000 (result) 00000000",
    );
}

#[test]
fn rule_26_a_union_by_an_enum_has_16_bits_for_it() {
    assert_wire(
        &samr::SamrQueryInformationDomainResponse {
            buffer: Some(samr::SamprDomainInfoBuffer::DomainStateInformation),
            result: 0,
        },
        "(referent) 00000200 (state) 0900 (gap) 0000 (result) 00000000",
    );
}

#[test]
fn rule_27_a_context_handle_is_20_bytes() {
    assert_wire(
        &samr::SamrCloseHandleResponse {
            sam_handle: ContextHandle::NULL,
            result: 0,
        },
        "00000000 00000000000000000000000000000000 00000000",
    );
}

#[test]
fn a_parameter_out_of_its_range_is_refused() {
    let request = samr::SamrLookupNamesInDomainRequest {
        domain_handle: ContextHandle::NULL,
        count: 1001,
        names: Vec::new(),
    };
    let error = encode::<Ndr, _>(&request, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("1001"), "{error}");
}

#[test]
fn a_tower_behind_a_full_pointer_is_read() {
    let request = epmapper::EptMapRequest {
        object: Full::null(),
        map_tower: Full::new(epmapper::TwrT {
            tower_length: 3,
            tower_octet_string: vec![1, 2, 3],
        }),
        entry_handle: ContextHandle::NULL,
        max_towers: 4,
    };
    let wire = stub(&request);
    assert_eq!(
        wire,
        hex(
            "(object) 00000000 (tower) 00000200 (maximum) 03000000 (length) 03000000 010203 (gap) 00 \
             (handle) 00000000 00000000000000000000000000000000 (towers) 04000000"
        )
    );
    let read = decode::<Ndr, epmapper::EptMapRequest>(&wire, ByteOrder::Little).expect("reads");
    let tower = read.map_tower.get().expect("a tower");
    assert_eq!(tower.tower_octet_string, [1, 2, 3]);
}

#[test]
fn an_annotation_is_a_string_in_a_fixed_array() {
    let entry = epmapper::EptEntryT {
        object: Uuid::nil(),
        tower: Full::null(),
        annotation: b"ab".to_vec(),
    };
    let wire = stub(&epmapper::EptDeleteRequest {
        num_ents: 1,
        entries: vec![entry],
    });
    assert_eq!(
        wire,
        hex(
            "(ents) 01000000 (maximum) 01000000 00000000000000000000000000000000 \
             (tower) 00000000 (offset, actual) 00000000 03000000 616200"
        )
    );
}

#[test]
fn constants_have_their_values() {
    use annulus_idl_e2e::everything::*;

    assert_eq!(SHORT_CONSTANT, 0x10 + 8 * 4 + 1);
    assert_eq!((NEGATIVE, LARGE, SMALLEST), (-5, u64::MAX, i64::MIN));
    assert_eq!(
        (LETTER, NEWLINE, GREETING),
        (b'A', b'\n', "hello \"world\"")
    );
    assert_eq!((YES, CHOSEN), (true, 16));
    assert_eq!(Colour::BLUE, Colour(6));
    assert_eq!(Wide::WIDE_MINUS, Wide(u32::MAX - 1));
    assert_eq!(async_rpc::DEFAULT_ASYNC_DELAY, 10_000);
    assert_eq!(async_rpc::DEFAULT_ENDPOINT, "8765");
}

fn node() -> everything::Node {
    let leaf = everything::Node {
        r#type: 3,
        next: None,
        children: None,
        child_count: 0,
    };
    everything::Node {
        r#type: 1,
        next: Some(Box::new(leaf.clone())),
        children: Some(vec![Some(Box::new(leaf)), None]),
        child_count: 2,
    }
}

#[test]
fn a_structure_may_contain_itself_by_pointers() {
    let wire = "(referent) 00000200 (type) 01000000 (next) 04000200 (children) 08000200 \
         (count) 02000000 (next: type) 03000000 00000000 00000000 00000000 \
         (maximum) 02000000 (first) 0c000200 (second) 00000000 \
         03000000 00000000 00000000 00000000";
    assert_wire(
        &everything::NodesResponse {
            result: Some(node()),
        },
        wire,
    );
}

fn arrays() -> everything::Arrays {
    let pair = everything::Pair {
        first: 1,
        second: 2,
    };
    everything::Arrays {
        fixed: [1, 2, 3, 4],
        matrix: [[1, 2, 3], [4, 5, 6]],
        vector: [7, 8, 9],
        pairs: [pair; 2],
        maybe_colours: [Some(everything::Colour::GREEN), None],
        always: 5,
        always_pairs: vec![pair; 3],
        bytes: Some(vec![1, 2, 3]),
        varying: Some(vec![4]),
        by_index: Some(vec![1, 2]),
        room: vec![6],
        narrow: Some(b"n".to_vec()),
        wide: Some("w".to_owned()),
        always_wide: "aw".to_owned(),
        roomy: Some(b"r".to_vec()),
        fixed_text: "fixed".to_owned(),
        pidl_wide: None,
        pidl_narrow: Some(Vec::new()),
        names: Some(vec![Some("x".to_owned()), None, Some("z".to_owned())]),
        computed: Some(vec![0; 7]),
        bits: Some(vec![0; 1]),
        half: Some(vec![9]),
        count: 3,
        used: 1,
        tail: vec![pair],
    }
}

#[test]
fn every_array_and_string_is_read_back() {
    let value = everything::TypesResponse { arrays: arrays() };
    let order = ByteOrder::Little;
    let wire = stub(&value);
    assert_eq!(decode::<Ndr, _>(&wire, order).as_ref(), Ok(&value));
    let mut wire = Vec::new();
    encode::<Ndr64, _>(&value, &mut wire).expect("NDR64");
    assert_eq!(decode::<Ndr64, _>(&wire, order).as_ref(), Ok(&value));
}

#[test]
fn rule_25_a_section_of_an_array_starts_anywhere() {
    let pair = everything::Pair {
        first: 5,
        second: 6,
    };
    let result = everything::Sections {
        from: 3,
        to: 4,
        section: Some(ArraySection::part([20], [3], [2], vec![1, 2])),
        maybe: Some(ArraySection::part([9], [3], [2], vec![pair; 2])),
    };
    assert_wire(
        &everything::SectionsResponse { result },
        "(from, to) 03000000 04000000 (referents) 00000200 04000200 \
         (maximum, offset, actual) 14000000 03000000 02000000 0100 0200 \
         (maximum, offset, actual) 09000000 03000000 02000000 \
         05000000 0600 (gap) 0000 05000000 0600",
    );
}

#[test]
fn a_count_that_is_not_the_arrays_is_refused() {
    let mut arrays = arrays();
    arrays.count = 4;
    let error = encode::<Ndr, _>(&everything::TypesResponse { arrays }, &mut Vec::new());
    assert!(
        error
            .unwrap_err()
            .path()
            .starts_with("TypesResponse.arrays")
    );
}

#[test]
fn unions_are_told_by_their_discriminants() {
    assert_wire(
        &everything::UnionsResponse {
            flag: everything::ByBoolean::Yes(5),
            result: everything::Choice::Text3(Some("t".to_owned())),
        },
        "(flag) 01 (gap) 000000 05000000 \
         (tag, aligned as a structure) 0300 (gap) 0000 (text) 00000200 \
         02000000 00000000 02000000 74000000",
    );
    let error = encode::<Ndr, _>(
        &everything::UnionsRequest {
            choice: everything::Choice::CaseMinus4,
            which: everything::Wide(9),
            arm: everything::ByEnum::WideNone,
        },
        &mut Vec::new(),
    );
    assert_eq!(error.unwrap_err().path(), "UnionsRequest.arm");
}

fn runtime() -> Runtime {
    Runtime::start(Config::default().cores(Cores::Unpinned(1))).expect("a runtime")
}

#[test]
fn rule_28_mgmt_answers_the_generated_client() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = runtime();
    let serving = runtime.serve(
        Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")?
            .interface(async_rpc::interface(Sample(mpsc::channel().0))),
    )?;
    let binding = serving.bindings()[0].to_string();
    let client = mgmt::MgmtClient::new(Binding::new(&runtime, &binding, mgmt::INTERFACE)?);

    let response = client.rpc_mgmt_inq_if_ids()?;
    let vector = response.if_id_vector.ok_or("no vector")?;
    let found: Vec<_> = vector.if_id.into_iter().flatten().collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].uuid, async_rpc::INTERFACE.uuid);
    assert_eq!((found[0].major, found[0].minor), (1, 0));
    assert_eq!(client.rpc_mgmt_is_server_listening()?.result, 1);
    assert_eq!(client.rpc_mgmt_stop_server_listening()?, 5);
    assert_eq!(client.rpc_mgmt_inq_stats(2)?.statistics.len(), 2);
    Ok(())
}

/// Tells what it is asked.
struct Sample(mpsc::Sender<String>);

impl async_rpc::AsyncRpc for Sample {
    fn non_async_func(&self, _: &mut CallContext<'_>, message: &[u8]) -> Result<(), Status> {
        let message = String::from_utf8_lossy(message).into_owned();
        self.0.send(message).map_err(|_| Status::CallFailed)
    }

    fn async_func(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<()>,
        delay_ms: u32,
    ) -> Result<(), Status> {
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(delay_ms.into()));
            call.complete(&())
        });
        Ok(())
    }

    fn shutdown(&self, _: &mut CallContext<'_>) -> Result<(), Status> {
        Err(Status::AccessDenied)
    }
}

#[test]
fn rule_09_the_sample_is_asynchronous_by_its_acf() -> Result<(), Box<dyn std::error::Error>> {
    let (sender, receiver) = mpsc::channel();
    let runtime = runtime();
    let serving = runtime.serve(
        Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")?
            .interface(async_rpc::interface(Sample(sender))),
    )?;
    let binding = serving.bindings()[0].to_string();
    let binding = Binding::new(&runtime, &binding, async_rpc::INTERFACE)?;
    let client = async_rpc::AsyncRpcClient::new(binding);

    client.non_async_func(b"hello")?;
    assert_eq!(receiver.recv()?, "hello");
    client.async_func(1)?;
    assert_eq!(client.shutdown(), Err(Status::AccessDenied));
    Ok(())
}
