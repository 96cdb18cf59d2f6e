//! Stub data made to hurt: one attack per test.

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

use annulus_ndr::{
    DEPTH_MAX, DecodeError, DecodeErrorKind, DecodeParams, EncodeErrorKind, Ndr, Ndr64, NdrParams,
    Numbers, Utf16Str, encode,
};

use common::{decoded, hex};
use definitions::mgmt::{InqIfIdsOut, InqPrincNameOut, InqStatsOut};
use definitions::rpcecho::*;

/// Decodes a stub that must not be taken.
fn refused<'a, T: DecodeParams<'a> + std::fmt::Debug>(stub: &'a [u8]) -> DecodeError {
    decoded::<Ndr, T>(stub).expect_err("the stub is hostile")
}

#[test]
fn a_count_beyond_the_stub_allocates_nothing() {
    let stub = hex("(count) ffffffff (max) ffffffff 01000000");
    let error = refused::<InqStatsOut>(&stub);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountTooLarge {
            count: u64::from(u32::MAX),
            remaining: 4
        }
    );
    assert_eq!(
        (error.path().as_str(), error.offset()),
        ("InqStatsOut.statistics", 8)
    );
}

#[test]
fn a_count_whose_length_in_bytes_overflows_allocates_nothing() {
    #[derive(NdrParams, Debug)]
    struct Large {
        #[ndr(conformant)]
        _values: Vec<u64>,
    }
    // 8 * 2^61 is zero in 64 bits.
    let stub = hex("(max) 0000000000000020 (values) 0000000000000000");
    let error = decoded::<Ndr64, Large>(&stub).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountTooLarge {
            count: 1 << 61,
            remaining: 8
        }
    );
}

#[test]
fn a_count_of_borrowed_numbers_cannot_overflow_either() {
    #[derive(NdrParams, Debug)]
    struct Large<'a> {
        #[ndr(conformant)]
        _values: Numbers<'a, u64>,
    }
    let stub = hex("(max) 0000000000000020 (values) 0000000000000000");
    let error = decoded::<Ndr64, Large<'_>>(&stub).unwrap_err();
    assert!(
        matches!(error.kind(), DecodeErrorKind::CountTooLarge { .. }),
        "{error}"
    );
}

#[test]
fn a_count_of_null_pointers_is_bounded_by_their_referent_ids() {
    let stub = hex("(vector) 00000200 (max) 00010000 (count) 00010000 (ids) 00000000 00000000");
    let error = refused::<InqIfIdsOut>(&stub);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountTooLarge {
            count: 256,
            remaining: 8
        }
    );
    assert_eq!(error.path(), "InqIfIdsOut.vector.ids");
}

#[test]
fn elements_without_any_byte_cannot_be_counted_for_free() {
    #[derive(Ndr, Debug)]
    struct Empty {}
    #[derive(NdrParams, Debug)]
    struct Many {
        #[ndr(conformant)]
        _nothing: Vec<Empty>,
    }
    let error = refused::<Many>(&hex("ffffff7f"));
    assert!(
        matches!(error.kind(), DecodeErrorKind::CountTooLarge { .. }),
        "{error}"
    );
}

#[test]
fn a_count_field_that_differs_from_the_array_is_not_believed() {
    let stub = hex("(len) ff000000 (max) 03000000 010203");
    let error = refused::<EchoDataIn<'_>>(&stub);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountMismatch {
            declared: 255,
            found: 3
        }
    );
    assert_eq!(error.path(), "EchoDataIn.data");
}

#[test]
fn a_count_field_behind_the_hoisted_conformance_is_not_believed() {
    let stub = hex("(max) 02000000 (x) 03000000 0100 0200 0300");
    let error = refused::<TestSurrounding>(&stub);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountMismatch {
            declared: 3,
            found: 2
        }
    );
    assert_eq!(error.path(), "TestSurrounding.data.surrounding");
}

#[test]
fn a_negative_count_matches_no_array() {
    #[derive(NdrParams, Debug)]
    struct Signed {
        _len: i32,
        #[ndr(size_is = "_len")]
        _data: Vec<u8>,
    }
    let error = refused::<Signed>(&hex("(len) ffffffff (max) 01000000 00"));
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountMismatch {
            declared: -1,
            found: 1
        }
    );
    assert!(error.to_string().contains("says -1"), "{error}");
}

#[test]
fn a_negative_first_element_is_none() {
    #[derive(NdrParams, Debug)]
    struct Part {
        _from: i32,
        #[ndr(varying = 8, first_is = "_from")]
        _values: Vec<u8>,
    }
    let error = refused::<Part>(&hex(
        "(from) ffffffff (first) 00000000 (actual) 01000000 07",
    ));
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::FirstMismatch {
            declared: -1,
            found: 0
        }
    );
}

/// Each of a million null pointers has the room of its pointee in memory, and four bytes on the wire.
#[test]
fn null_pointers_to_large_pointees_are_bounded_by_the_stub() {
    #[derive(Ndr, Debug)]
    struct Large {
        _bytes: [u8; 65_536],
    }
    #[derive(NdrParams, Debug)]
    struct Many {
        #[ndr(conformant)]
        _many: Vec<Option<Large>>,
    }
    let mut stub = vec![0; 4 << 20];
    let count = u32::try_from(stub.len() / 4 - 1).unwrap();
    stub[..4].copy_from_slice(&count.to_le_bytes());
    let error = refused::<Many>(&stub);
    assert!(
        matches!(error.kind(), DecodeErrorKind::TooMuchMemory { .. }),
        "{error}"
    );
}

#[test]
fn a_computed_count_does_not_overflow() {
    #[derive(NdrParams, Debug)]
    struct Computed {
        _a: u64,
        _b: u64,
        #[ndr(size_is = "_a * _b * _a * _b + _a")]
        _data: Vec<u8>,
    }
    let error = refused::<Computed>(&hex("ffffffffffffffff ffffffffffffffff 01000000 00"));
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountMismatch {
            declared: i128::MAX,
            found: 1
        }
    );
}

#[test]
fn rule_25_more_characters_than_the_maximum_are_refused() {
    let stub = hex("(max) 02000000 (offset) 00000000 (actual) 03000000 6100 6200 0000");
    let error = refused::<TestCallIn<'_>>(&stub);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::BeyondMaximum {
            offset: 0,
            actual: 3,
            maximum: 2
        }
    );
}

#[test]
fn rule_25_an_offset_beyond_the_maximum_is_refused() {
    let stub = hex("(max) 02000000 (offset) ffffffff (actual) 02000000 6100 0000");
    let error = refused::<TestCallIn<'_>>(&stub);
    assert!(
        matches!(error.kind(), DecodeErrorKind::BeyondMaximum { .. }),
        "{error}"
    );
}

#[test]
fn a_string_that_starts_in_the_middle_is_refused() {
    let stub = hex("(max) 04000000 (offset) 02000000 (actual) 02000000 6100 0000");
    let error = refused::<TestCallIn<'_>>(&stub);
    assert_eq!(*error.kind(), DecodeErrorKind::OffsetNotZero { offset: 2 });
}

#[test]
fn a_string_without_terminator_is_refused() {
    let stub = hex("(max) 02000000 (offset) 00000000 (actual) 02000000 6100 6200");
    assert_eq!(
        *refused::<TestCallIn<'_>>(&stub).kind(),
        DecodeErrorKind::MissingTerminator
    );
}

#[test]
fn a_terminator_of_half_a_character_is_none() {
    let stub = hex("(max) 02000000 (offset) 00000000 (actual) 02000000 6100 0061");
    assert_eq!(
        *refused::<TestCallIn<'_>>(&stub).kind(),
        DecodeErrorKind::MissingTerminator
    );
}

#[test]
fn a_string_of_no_character_has_no_terminator() {
    let stub = hex("(max) 00000000 (offset) 00000000 (actual) 00000000 (status) 00000000");
    let error = refused::<InqPrincNameOut<'_>>(&stub);
    assert_eq!(*error.kind(), DecodeErrorKind::MissingTerminator);
}

#[test]
fn a_lone_surrogate_cannot_become_a_string() {
    #[derive(NdrParams, Debug)]
    struct Text {
        #[ndr(string)]
        _text: String,
    }
    let stub = hex("02000000 00000000 02000000 00d8 0000");
    assert_eq!(
        *refused::<Text>(&stub).kind(),
        DecodeErrorKind::InvalidUtf16
    );
}

#[test]
fn a_null_embedded_ref_pointer_is_refused() {
    #[derive(Ndr, Debug)]
    struct Pointing {
        #[ndr(ref)]
        _pointee: u32,
    }
    #[derive(NdrParams, Debug)]
    struct List {
        _pointing: Pointing,
    }
    let error = refused::<List>(&hex("(referent) 00000000 05000000"));
    assert_eq!(*error.kind(), DecodeErrorKind::NullRefPointer);
    assert_eq!(error.path(), "List._pointing._pointee");
}

#[test]
fn a_discriminant_without_arm_is_refused() {
    let error = refused::<TestCall2Out>(&hex("0800 0000 00000000"));
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::UnknownDiscriminant { found: 8 }
    );
}

#[test]
fn a_discriminant_that_contradicts_its_selector_is_refused() {
    let stub = hex("(foo1) 0100 (gap) 0000 (foo2) 0100 (gap) 0000 02000000 \
         (foo3) 0200 (gap) 0000 0200 (gap) 0000 01000000");
    let error = refused::<TestEnum>(&stub);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::DiscriminantMismatch {
            declared: 1,
            found: 2
        }
    );
    assert_eq!(error.path(), "TestEnum.foo3");
}

#[test]
fn an_enum_without_such_a_value_is_refused() {
    let stub = hex("(foo1) 0300 (gap) 0000 (foo2) 0100 (gap) 0000 02000000");
    let error = refused::<TestEnum>(&stub);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::UnknownEnumValue { found: 3 }
    );
}

#[test]
fn an_ndr64_enum_is_not_cut_to_16_bits() {
    let error = decoded::<Ndr64, TestEnum>(&hex("(foo1) 01000100")).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::UnknownEnumValue { found: 0x1_0001 }
    );
}

#[test]
fn a_number_outside_its_range_is_refused() {
    #[derive(NdrParams, Debug)]
    struct Ranged {
        #[ndr(range(1, 1000))]
        _value: u32,
    }
    let error = refused::<Ranged>(&hex("00000000"));
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::OutOfRange {
            found: 0,
            min: 1,
            max: 1000
        }
    );
}

#[derive(Ndr, Debug)]
struct Node {
    next: Option<Box<Node>>,
}

#[derive(NdrParams, Debug)]
struct Chain {
    first: Node,
}

#[test]
fn a_chain_of_pointers_cannot_exhaust_the_stack() {
    let stub = hex("00000200").repeat(1 << 16);
    let error = refused::<Chain>(&stub);
    assert_eq!(*error.kind(), DecodeErrorKind::TooDeep { max: DEPTH_MAX });
}

#[test]
fn a_chain_of_the_greatest_depth_is_taken() {
    let mut stub = hex("00000200").repeat(DEPTH_MAX as usize);
    stub.extend_from_slice(&[0; 4]);
    let mut node = decoded::<Ndr, Chain>(&stub).unwrap().first;
    let mut depth = 0;
    while let Some(next) = node.next {
        node = *next;
        depth += 1;
    }
    assert_eq!(depth, DEPTH_MAX);
}

#[test]
fn our_own_chain_cannot_exhaust_the_stack_either() {
    let mut first = Node { next: None };
    for _ in 0..=DEPTH_MAX {
        first = Node {
            next: Some(Box::new(first)),
        };
    }
    let mut out = Vec::new();
    let error = encode::<Ndr, _>(&Chain { first }, &mut out).unwrap_err();
    assert_eq!(*error.kind(), EncodeErrorKind::TooDeep { max: DEPTH_MAX });
    assert!(out.is_empty());
}

#[test]
fn an_error_says_field_reason_and_offset() {
    let stub = hex("(max) 03000000 (x) 03000000 0100 0200 03");
    assert_eq!(
        refused::<TestSurrounding>(&stub).to_string(),
        "TestSurrounding.data.surrounding: count 3 cannot fit into the 5 bytes that are left \
         (stub offset 8)"
    );
    let error = refused::<TestCall2Out>(&hex("0300 0000 1e"));
    assert_eq!(
        error.to_string(),
        "TestCall2Out.info.Info3.v: needs 4 bytes, the stub has 1 left (stub offset 4)"
    );
}

/// Every stub that stops too early is refused, wherever it stops.
fn assert_each_prefix_is_refused<T>(text: &str)
where
    T: for<'a> DecodeParams<'a> + std::fmt::Debug,
{
    let stub = hex(text);
    for len in 0..stub.len() {
        assert!(
            decoded::<Ndr, T>(&stub[..len]).is_err(),
            "{len} of {} bytes",
            stub.len()
        );
    }
    decoded::<Ndr, T>(&stub).expect("the whole stub is good");
}

#[test]
fn a_stub_that_stops_anywhere_is_refused() {
    assert_each_prefix_is_refused::<AddOneIn>("29000000");
    assert_each_prefix_is_refused::<TestSurrounding>("03000000 03000000 0100 0200 0300");
    assert_each_prefix_is_refused::<TestCall2Out>(
        "0700 000000000000 50 00000000000000 5a00000000000000 00000000",
    );
    assert_each_prefix_is_refused::<TestDoublePointerIn>("00000200 04000200 0c00");
    assert_each_prefix_is_refused::<InqIfIdsOut>(
        "00000200 01000000 01000000 04000200 c55ea160e84dd711a637005056a20182 01000000 00000000",
    );
}

#[test]
fn a_borrowed_string_that_stops_anywhere_is_refused() {
    let stub = hex("00000200 03000000 00000000 03000000 6100 6200 0000");
    for len in 0..stub.len() {
        assert!(
            decoded::<Ndr, TestCallOut<'_>>(&stub[..len]).is_err(),
            "{len} bytes"
        );
    }
    let whole = decoded::<Ndr, TestCallOut<'_>>(&stub).unwrap();
    assert_eq!(whole.s2, Some(Utf16Str::from("ab")));
}
