//! Each wire form by itself: what the derive macro makes of types and attributes.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{ContextHandle, EncodeErrorKind, Ndr, Ndr64, NdrParams, Numbers, Uuid, encode};

use common::{assert_wire, decoded, encoded, hex};

#[derive(Ndr, Debug, Clone, PartialEq)]
struct Numbered {
    a: u8,
    b: i16,
    c: u8,
    d: i32,
    e: bool,
    f: u64,
    g: f32,
    h: f64,
    i: i8,
    j: i64,
}

#[derive(NdrParams, Debug, PartialEq)]
struct One<T> {
    value: T,
}

#[test]
fn numbers_are_aligned_to_their_length_and_gaps_are_zero() {
    let value = Numbered {
        a: 1,
        b: -2,
        c: 3,
        d: -4,
        e: true,
        f: 6,
        g: 1.0,
        h: -2.0,
        i: -9,
        j: -1,
    };
    assert_wire::<Ndr, _>(
        &One { value },
        "01 (gap) 00 feff 03 (gap) 000000 fcffffff 01 (gap) 000000 0600000000000000 \
         0000803f (gap) 00000000 00000000000000c0 f7 (gap) 00000000000000 ffffffffffffffff",
        &mut Vec::new(),
    );
}

#[test]
fn what_is_in_a_gap_does_not_matter() {
    let stub = hex("01 (gap) aabbcc 02000000");
    let value: Pair = decoded::<Ndr, _>(&stub).unwrap();
    assert_eq!(value, Pair { small: 1, large: 2 });

    #[derive(NdrParams, Debug, PartialEq)]
    struct Pair {
        small: u8,
        large: u32,
    }
}

#[derive(Ndr, Debug, Clone, PartialEq)]
struct Inner {
    x: Option<u8>,
    y: u16,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
struct Outer {
    a: Option<u32>,
    b: u16,
    c: Option<Box<Inner>>,
    d: Inner,
}

#[test]
fn rule_25_pointees_follow_the_whole_outermost_structure_depth_first() {
    let value = Outer {
        a: Some(0x11),
        b: 0x22,
        c: Some(Box::new(Inner {
            x: Some(0x33),
            y: 0x44,
        })),
        d: Inner {
            x: Some(0x55),
            y: 0x66,
        },
    };
    assert_wire::<Ndr, _>(
        &One { value },
        "(a) 00000200 (b) 2200 (gap) 0000 (c) 04000200 (d.x) 08000200 (d.y) 6600 (gap) 0000 \
         (*a) 11000000 (*c: x) 0c000200 (y) 4400 (*c.x) 33 (*d.x) 55",
        &mut Vec::new(),
    );
}

#[test]
fn rule_25_pointees_of_a_parameter_come_before_the_next_parameter() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Two {
        first: Inner,
        second: u8,
    }
    assert_wire::<Ndr, _>(
        &Two {
            first: Inner {
                x: Some(0x33),
                y: 0x44,
            },
            second: 0x77,
        },
        "(x) 00000200 (y) 4400 (*x) 33 (second) 77",
        &mut Vec::new(),
    );
}

#[test]
fn rule_25_an_embedded_ref_pointer_has_a_referent_id_a_top_level_one_has_none() {
    #[derive(Ndr, Debug, PartialEq)]
    struct Embedded {
        #[ndr(ref)]
        pointee: Box<u16>,
        next: u16,
    }
    #[derive(NdrParams, Debug, PartialEq)]
    struct List {
        #[ndr(ref)]
        top: u16,
        embedded: Embedded,
    }
    assert_wire::<Ndr, _>(
        &List {
            top: 1,
            embedded: Embedded {
                pointee: Box::new(2),
                next: 3,
            },
        },
        "(top) 0100 (gap) 0000 (referent) 00000200 (next) 0300 (pointee) 0200",
        &mut Vec::new(),
    );
}

#[derive(Ndr, Debug, Clone, PartialEq)]
struct Tail {
    len: u16,
    #[ndr(size_is = "len")]
    items: Vec<u32>,
}

#[test]
fn rule_25_conformance_is_hoisted_out_of_nested_structures() {
    #[derive(Ndr, Debug, Clone, PartialEq)]
    struct Whole {
        head: u64,
        tail: Tail,
    }
    assert_wire::<Ndr, _>(
        &One {
            value: Some(Whole {
                head: 7,
                tail: Tail {
                    len: 2,
                    items: vec![8, 9],
                },
            }),
        },
        "(referent) 00000200 (max) 02000000 (head) 0700000000000000 (len) 0200 (gap) 0000 \
         08000000 09000000",
        &mut Vec::new(),
    );
}

#[test]
fn rule_25_a_conformant_varying_array_keeps_offset_and_actual_count_in_place() {
    #[derive(Ndr, Debug, Clone, PartialEq)]
    struct Buffer {
        room: u32,
        used: u32,
        #[ndr(size_is = "room", length_is = "used")]
        bytes: Vec<u8>,
    }
    assert_wire::<Ndr, _>(
        &One {
            value: Buffer {
                room: 16,
                used: 3,
                bytes: vec![1, 2, 3],
            },
        },
        "(max) 10000000 (room) 10000000 (used) 03000000 (offset) 00000000 (actual) 03000000 \
         010203",
        &mut Vec::new(),
    );
}

#[test]
fn a_varying_array_has_no_maximum_count_on_the_wire() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Fixed {
        used: u8,
        #[ndr(varying = 8, length_is = "used")]
        values: Vec<u16>,
    }
    assert_wire::<Ndr, _>(
        &Fixed {
            used: 2,
            values: vec![5, 6],
        },
        "(used) 02 (gap) 000000 (offset) 00000000 (actual) 02000000 0500 0600",
        &mut Vec::new(),
    );
    let mut out = Vec::new();
    let error = encode::<Ndr, _>(
        &Fixed {
            used: 9,
            values: vec![0; 9],
        },
        &mut out,
    )
    .unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::BeyondMaximum {
            found: 9,
            maximum: 8
        }
    );
}

#[test]
fn a_count_may_be_computed_from_fields_and_pointers_to_fields() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Computed {
        pairs: Option<u32>,
        #[ndr(size_is = "(*pairs + 1) * 2 - 2 / 1")]
        values: Vec<u8>,
    }
    assert_wire::<Ndr, _>(
        &Computed {
            pairs: Some(1),
            values: vec![1, 2],
        },
        "(referent) 00000200 (pairs) 01000000 (max) 02000000 01 02",
        &mut Vec::new(),
    );
}

#[test]
fn a_count_may_come_after_its_array() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Late<'a> {
        #[ndr(size_is = "len")]
        data: &'a [u8],
        len: u32,
    }
    let good = hex("(max) 02000000 0102 (gap) 0000 (len) 02000000");
    assert_eq!(
        decoded::<Ndr, Late<'_>>(&good).unwrap(),
        Late {
            data: &[1, 2],
            len: 2
        }
    );
    let bad = hex("(max) 02000000 0102 (gap) 0000 (len) 03000000");
    let error = decoded::<Ndr, Late<'_>>(&bad).unwrap_err();
    assert_eq!(error.path(), "Late.data");
}

#[test]
fn in_a_structure_too_a_count_may_come_after_its_array() {
    #[derive(Ndr, Debug, PartialEq)]
    struct Late {
        #[ndr(size_is = "len")]
        data: Option<Vec<u8>>,
        len: u32,
    }
    assert_wire::<Ndr, _>(
        &One {
            value: Late {
                data: Some(vec![1, 2]),
                len: 2,
            },
        },
        "(referent) 00000200 (len) 02000000 (max) 02000000 0102",
        &mut Vec::new(),
    );
}

#[test]
fn fixed_arrays_hold_any_element() {
    let value = [Inner { x: Some(1), y: 2 }, Inner { x: None, y: 3 }];
    assert_wire::<Ndr, _>(
        &One { value },
        "(x) 00000200 (y) 0200 (gap) 0000 (x) 00000000 (y) 0300 (*x) 01",
        &mut Vec::new(),
    );
    assert_wire::<Ndr, _>(&One { value: [1u8, 2, 3] }, "010203", &mut Vec::new());
    assert_wire::<Ndr, _>(
        &One {
            value: &[1u8, 2, 3],
        },
        "010203",
        &mut Vec::new(),
    );
    assert_wire::<Ndr, _>(
        &One { value: [1u32, 2] },
        "01000000 02000000",
        &mut Vec::new(),
    );
}

#[test]
fn an_inconsistent_count_is_refused_before_it_is_sent() {
    #[derive(NdrParams, Debug)]
    struct Data<'a> {
        len: u32,
        #[ndr(size_is = "len")]
        data: &'a [u8],
    }
    let mut out = Vec::new();
    let error = encode::<Ndr, _>(
        &Data {
            len: 4,
            data: &[1, 2, 3],
        },
        &mut out,
    )
    .unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::CountMismatch {
            declared: 4,
            found: 3
        }
    );
    assert_eq!(error.path(), "Data.data");
    assert!(out.is_empty());
}

#[test]
fn a_number_outside_its_range_is_refused_before_it_is_sent() {
    #[derive(NdrParams, Debug)]
    struct Ranged {
        #[ndr(range(-1, 10))]
        value: i32,
    }
    let mut out = Vec::new();
    encode::<Ndr, _>(&Ranged { value: -1 }, &mut out).unwrap();
    let error = encode::<Ndr, _>(&Ranged { value: 11 }, &mut out).unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::OutOfRange {
            found: 11,
            min: -1,
            max: 10
        }
    );
}

#[test]
fn rule_27_a_context_handle_has_20_bytes_and_null_is_all_zero() {
    let uuid = Uuid::from_u128(0x60a15ec5_4de8_11d7_a637_005056a20182);
    assert_wire::<Ndr, _>(
        &One {
            value: ContextHandle {
                attributes: 0,
                uuid,
            },
        },
        "00000000 c55ea160 e84d d711 a637 005056a20182",
        &mut Vec::new(),
    );
    assert!(ContextHandle::NULL.is_null());
    assert_eq!(
        encoded::<Ndr>(&One {
            value: ContextHandle::NULL
        }),
        [0; 20]
    );
}

#[test]
fn rule_26_ndr64_pads_the_end_of_structures() {
    #[derive(Ndr, Debug, Clone, PartialEq)]
    struct Odd {
        large: u32,
        small: u8,
    }
    let value = [Odd { large: 1, small: 2 }, Odd { large: 3, small: 4 }];
    let mut stub = Vec::new();
    assert_wire::<Ndr, _>(
        &One {
            value: value.clone(),
        },
        "01000000 02 (gap) 000000 03000000 04",
        &mut stub,
    );
    assert_wire::<Ndr64, _>(
        &One { value },
        "01000000 02 (tail) 000000 03000000 04 (tail) 000000",
        &mut stub,
    );
}

#[test]
fn a_recursive_type_nests_its_pointees() {
    #[derive(Ndr, Debug, PartialEq)]
    struct Node {
        value: u16,
        next: Option<Box<Node>>,
    }
    let second = Node {
        value: 2,
        next: None,
    };
    assert_wire::<Ndr, _>(
        &One {
            value: Node {
                value: 1,
                next: Some(Box::new(second)),
            },
        },
        "0100 (gap) 0000 00000200 0200 (gap) 0000 00000000",
        &mut Vec::new(),
    );
}

#[test]
fn a_tuple_struct_of_one_field_lies_on_the_wire_as_that_field() {
    #[derive(Ndr, Debug, PartialEq)]
    struct Status(u32);
    assert_wire::<Ndr, _>(&One { value: Status(5) }, "05000000", &mut Vec::new());
    assert_wire::<Ndr64, _>(&One { value: Status(5) }, "05000000", &mut Vec::new());
}

#[test]
fn no_parameters_are_no_bytes() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Nothing;
    assert_wire::<Ndr, _>(&Nothing, "", &mut Vec::new());
    assert_wire::<Ndr, _>(&(), "", &mut Vec::new());
}

#[test]
fn the_crate_may_be_reached_by_another_path() {
    mod facade {
        pub(crate) use annulus_ndr as ndr;
    }
    #[derive(Ndr, Debug, PartialEq)]
    #[ndr(crate = facade::ndr)]
    enum Kind {
        Only = 3,
    }
    #[derive(NdrParams, Debug, PartialEq)]
    #[ndr(crate = facade::ndr)]
    struct List {
        kind: Kind,
        #[ndr(string)]
        name: Vec<u8>,
    }
    assert_wire::<Ndr, _>(
        &List {
            kind: Kind::Only,
            name: b"a".to_vec(),
        },
        "0300 (gap) 0000 02000000 00000000 02000000 61 00",
        &mut Vec::new(),
    );
}

#[test]
fn a_fixed_array_may_be_borrowed_or_on_the_heap() {
    #[derive(Ndr, Debug, PartialEq)]
    struct Samples<'a> {
        channel: u8,
        #[ndr(fixed = 3)]
        borrowed: Numbers<'a, u16>,
        #[ndr(fixed = 2)]
        owned: Vec<u32>,
        #[ndr(fixed = 2)]
        optional: Option<Vec<Option<u8>>>,
    }
    let numbers = [1, 2, 3];
    let value = |owned| Samples {
        channel: 9,
        borrowed: Numbers::from(&numbers[..]),
        owned,
        optional: Some(vec![None, Some(6)]),
    };
    assert_wire::<Ndr, _>(
        &One {
            value: value(vec![4, 5]),
        },
        "09 (gap) 00 0100 0200 0300 04000000 05000000 (optional) 00000200 00000000 04000200 06",
        &mut Vec::new(),
    );
    let error = encode::<Ndr, _>(
        &One {
            value: value(vec![4]),
        },
        &mut Vec::new(),
    )
    .unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::CountMismatch {
            declared: 2,
            found: 1
        }
    );
    assert_eq!(error.path(), "One.value.owned");
}

#[test]
fn rule_25_structures_that_borrow_carry_conformant_arrays_too() {
    #[derive(Ndr, Debug, PartialEq)]
    struct Tail<'a> {
        len: u16,
        #[ndr(size_is = "len")]
        values: Numbers<'a, u64>,
    }
    let value = Tail {
        len: 2,
        values: Numbers::from(&[7, 8][..]),
    };
    assert_wire::<Ndr, _>(
        &One { value },
        "(max) 02000000 (gap) 00000000 (len) 0200 (gap) 000000000000 \
         0700000000000000 0800000000000000",
        &mut Vec::new(),
    );
}

/// Shapes that the other attributes do not say.
mod written_out {
    use annulus_ndr::{Conformant, Elements, Ref, Text, Unique};

    use super::*;

    #[derive(Ndr, Debug, PartialEq)]
    struct Deep {
        count: u32,
        #[ndr(shape = Unique<Conformant<Ref>>, size_is = "count")]
        always: Option<Vec<u16>>,
        #[ndr(shape = Elements<Unique<Text>>)]
        names: [Option<String>; 2],
        #[ndr(shape = Ref<Unique<Ref>>)]
        number: Option<u16>,
    }

    #[derive(NdrParams, Debug, PartialEq)]
    struct One {
        deep: Deep,
    }

    #[test]
    fn rule_25_pointers_in_pointers_and_arrays_have_referent_ids() {
        let deep = Deep {
            count: 2,
            always: Some(vec![5, 6]),
            names: [Some("a".into()), None],
            number: Some(7),
        };
        assert_wire::<Ndr, _>(
            &One { deep },
            "(count) 02000000 (always) 00000200 (names) 04000200 00000000 (number) 08000200 \
             (max) 02000000 (elements) 0c000200 10000200 0500 0600 \
             (max) 02000000 (offset) 00000000 (actual) 02000000 6100 0000 \
             (number) 14000200 18000200 0700",
            &mut Vec::new(),
        );
    }
}
