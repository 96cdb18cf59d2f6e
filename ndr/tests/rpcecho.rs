//! rpcecho against stub data of a real peer.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod definitions;

use std::fmt::Debug;

use annulus_ndr::{ByteOrder, DecodeParams, EncodeParams, Ndr, Ndr64, decode};

use common::{assert_wire, encoded, hex};
use definitions::rpcecho::*;

/// One value in both byte orders and both syntaxes.
struct Vectors {
    ndr_le: &'static str,
    ndr64_le: &'static str,
    ndr_be: &'static str,
    ndr64_be: &'static str,
}

/// Asserts all four decodings and the two encodings that exist. A macro, because what is
/// decoded borrows from each stub in turn.
macro_rules! assert_vectors {
    ($value:expr, $vectors:expr) => {{
        let (value, vectors) = ($value, $vectors);
        assert_eq!(
            encoded::<Ndr>(&value),
            hex(vectors.ndr_le),
            "NDR of {value:?}"
        );
        assert_eq!(
            encoded::<Ndr64>(&value),
            hex(vectors.ndr64_le),
            "NDR64 of {value:?}"
        );
        let little = ByteOrder::Little;
        let big = ByteOrder::Big;
        let stub = hex(vectors.ndr_le);
        assert_eq!(same(&value, decode::<Ndr, _>(&stub, little)), value);
        let stub = hex(vectors.ndr64_le);
        assert_eq!(same(&value, decode::<Ndr64, _>(&stub, little)), value);
        let stub = hex(vectors.ndr_be);
        assert_eq!(same(&value, decode::<Ndr, _>(&stub, big)), value);
        let stub = hex(vectors.ndr64_be);
        assert_eq!(same(&value, decode::<Ndr64, _>(&stub, big)), value);
    }};
}

/// Unwraps a decoding of the same type as `value`.
fn same<T, E: Debug>(_: &T, decoded: Result<T, E>) -> T {
    decoded.expect("the vector decodes")
}

#[test]
fn rule_24_add_one_in() {
    assert_vectors!(
        AddOneIn { value: 41 },
        Vectors {
            ndr_le: "29000000",
            ndr64_le: "29000000",
            ndr_be: "00000029",
            ndr64_be: "00000029",
        }
    );
}

#[test]
fn rule_24_echo_data_in() {
    assert_vectors!(
        EchoDataIn {
            len: 3,
            data: &[1, 2, 3]
        },
        Vectors {
            ndr_le: "03000000 (max) 03000000 010203",
            ndr64_le: "03000000 00000000 (max) 0300000000000000 010203",
            ndr_be: "00000003 (max) 00000003 010203",
            ndr64_be: "00000003 00000000 (max) 0000000000000003 010203",
        }
    );
}

#[test]
fn rule_24_sink_data_in() {
    assert_vectors!(
        SinkDataIn {
            len: 5,
            data: &[1, 2, 3, 4, 5]
        },
        Vectors {
            ndr_le: "05000000 (max) 05000000 0102030405",
            ndr64_le: "05000000 00000000 (max) 0500000000000000 0102030405",
            ndr_be: "00000005 (max) 00000005 0102030405",
            ndr64_be: "00000005 00000000 (max) 0000000000000005 0102030405",
        }
    );
}

#[test]
fn rule_24_source_data_in() {
    assert_vectors!(
        SourceDataIn { len: 3 },
        Vectors {
            ndr_le: "03000000",
            ndr64_le: "03000000",
            ndr_be: "00000003",
            ndr64_be: "00000003",
        }
    );
}

#[test]
fn rule_25_a_top_level_ref_string_has_no_referent_id() {
    assert_vectors!(
        TestCallIn {
            s1: "input string".into()
        },
        Vectors {
            ndr_le: "(max) 0d000000 (offset) 00000000 (actual) 0d000000 \
                     69006e00700075007400200073007400720069006e006700 0000",
            ndr64_le: "(max) 0d00000000000000 (offset) 0000000000000000 \
                       (actual) 0d00000000000000 \
                       69006e00700075007400200073007400720069006e006700 0000",
            ndr_be: "(max) 0000000d (offset) 00000000 (actual) 0000000d \
                     0069006e00700075007400200073007400720069006e0067 0000",
            ndr64_be: "(max) 000000000000000d (offset) 0000000000000000 \
                       (actual) 000000000000000d \
                       0069006e00700075007400200073007400720069006e0067 0000",
        }
    );
}

#[test]
fn rule_25_a_top_level_unique_string_has_a_referent_id() {
    assert_vectors!(
        TestCallOut {
            s2: Some("input string".into())
        },
        Vectors {
            ndr_le: "(referent) 00000200 0d000000 00000000 0d000000 \
                     69006e00700075007400200073007400720069006e006700 0000",
            ndr64_le: "(referent) 0000020000000000 0d00000000000000 0000000000000000 \
                       0d00000000000000 69006e00700075007400200073007400720069006e006700 0000",
            ndr_be: "(referent) 00020000 0000000d 00000000 0000000d \
                     0069006e00700075007400200073007400720069006e0067 0000",
            ndr64_be: "(referent) 0000000000020000 000000000000000d 0000000000000000 \
                       000000000000000d 0069006e00700075007400200073007400720069006e0067 0000",
        }
    );
}

#[test]
fn rule_25_the_conformance_of_a_trailing_array_is_hoisted() {
    assert_vectors!(
        TestSurrounding {
            data: Surrounding {
                x: 3,
                surrounding: vec![1, 2, 3]
            }
        },
        Vectors {
            ndr_le: "(max) 03000000 (x) 03000000 0100 0200 0300",
            ndr64_le: "(max) 0300000000000000 (x) 03000000 0100 0200 0300 (tail) 0000",
            ndr_be: "(max) 00000003 (x) 00000003 0001 0002 0003",
            ndr64_be: "(max) 0000000000000003 (x) 00000003 0001 0002 0003 (tail) 0000",
        }
    );
}

#[test]
fn a_null_string_is_a_null_referent() {
    assert_wire::<Ndr, _>(&TestCallOut { s2: None }, "00000000", &mut Vec::new());
}

fn assert_info(info: Info, text: &str) {
    let mut stub = Vec::new();
    assert_wire::<Ndr, _>(&TestCall2Out { info, status: 0 }, text, &mut stub);
}

#[test]
fn every_arm_of_the_union_follows_its_discriminant_at_its_own_alignment() {
    assert_info(
        Info::Info1(Info1 { v: 10 }),
        "0100 0a (gap) 00 (status) 00000000",
    );
    assert_info(Info::Info2(Info2 { v: 20 }), "0200 1400 (status) 00000000");
    assert_info(
        Info::Info3(Info3 { v: 30 }),
        "0300 (gap) 0000 1e000000 (status) 00000000",
    );
    assert_info(
        Info::Info4(Info4 { v: 40 }),
        "0400 (gap) 000000000000 2800000000000000 (status) 00000000",
    );
    assert_info(
        Info::Info5(Info5 { v1: 50, v2: 60 }),
        "0500 (gap) 000000000000 32 (gap) 00000000000000 3c00000000000000 (status) 00000000",
    );
    assert_info(
        Info::Info6(Info6 {
            v1: 70,
            info1: Info1 { v: 80 },
        }),
        "0600 46 50 (status) 00000000",
    );
    assert_info(
        Info::Info7(Info7 {
            v1: 80,
            info4: Info4 { v: 90 },
        }),
        "0700 (gap) 000000000000 50 (gap) 00000000000000 5a00000000000000 (status) 00000000",
    );
}

#[test]
fn rule_26_ndr64_aligns_a_union_to_its_largest_arm() {
    let mut stub = Vec::new();
    assert_wire::<Ndr64, _>(
        &TestCall2Out {
            info: Info::Info1(Info1 { v: 10 }),
            status: 0,
        },
        "0100 (gap) 000000000000 0a (gap) 000000 (status) 00000000",
        &mut stub,
    );
}

const TEST_ENUM: TestEnum = TestEnum {
    foo1: Enum1::Value2,
    foo2: Enum2 {
        e1: Enum1::Value1,
        e2: Enum1V1::Value2,
    },
    foo3: Enum3::E2(Enum2 {
        e1: Enum1::Value2,
        e2: Enum1V1::Value1,
    }),
};

#[test]
fn rule_26_enums_have_two_bytes_and_v1_enums_four() {
    assert_wire::<Ndr, _>(
        &TEST_ENUM,
        "(foo1) 0200 (gap) 0000 (foo2) 0100 (gap) 0000 02000000 \
         (foo3) 0200 (gap) 0000 0200 (gap) 0000 01000000",
        &mut Vec::new(),
    );
}

#[test]
fn rule_26_in_ndr64_all_enums_have_four_bytes() {
    assert_wire::<Ndr64, _>(
        &TEST_ENUM,
        "(foo1) 02000000 (foo2) 01000000 02000000 (foo3) 02000000 02000000 01000000",
        &mut Vec::new(),
    );
}

#[test]
fn rule_25_a_pointee_that_is_a_pointer_follows_its_pointer() {
    let mut stub = Vec::new();
    assert_wire::<Ndr, _>(
        &TestDoublePointerIn {
            data: Some(Some(12)),
        },
        "(outer) 00000200 (inner) 04000200 0c00",
        &mut stub,
    );
    assert_wire::<Ndr, _>(
        &TestDoublePointerIn { data: Some(None) },
        "(outer) 00000200 (inner) 00000000",
        &mut stub,
    );
    assert_wire::<Ndr, _>(
        &TestDoublePointerIn { data: None },
        "(outer) 00000000",
        &mut stub,
    );
    assert_wire::<Ndr64, _>(
        &TestDoublePointerIn {
            data: Some(Some(12)),
        },
        "(outer) 0000020000000000 (inner) 0400020000000000 0c00",
        &mut stub,
    );
}

#[test]
fn the_bytes_of_echo_data_are_borrowed_from_the_stub() {
    let stub = hex("03000000 03000000 010203");
    let params: EchoDataIn<'_> = decode::<Ndr, _>(&stub, ByteOrder::Little).unwrap();
    assert!(std::ptr::eq(params.data, &raw const stub[8..]));
}

#[test]
fn rule_11_bytes_after_the_last_parameter_are_ignored() {
    let stub = hex("29000000 8a e3 13 71");
    let params: AddOneIn = decode::<Ndr, _>(&stub, ByteOrder::Little).unwrap();
    assert_eq!(params.value, 41);
}

#[test]
fn a_stub_may_start_anywhere_in_the_buffer() {
    fn starts_after<T: EncodeParams + for<'a> DecodeParams<'a>>(prefix: usize, params: &T) {
        let mut out = vec![0xee; prefix];
        annulus_ndr::encode::<Ndr, _>(params, &mut out).unwrap();
        assert_eq!(
            out[prefix..],
            encoded::<Ndr>(params),
            "after {prefix} bytes"
        );
        assert!(out[..prefix].iter().all(|&byte| byte == 0xee));
    }
    let params = TestCall2Out {
        info: Info::Info4(Info4 { v: 40 }),
        status: 1,
    };
    for prefix in 0..25 {
        starts_after(prefix, &params);
    }
}
