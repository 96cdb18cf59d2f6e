//! Unions: discriminants, arms, and the fields that select them.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{
    ByteOrder, DecodeErrorKind, EncodeErrorKind, Ndr, Ndr64, NdrParams, decode, encode,
};

use common::{assert_wire, decoded, encoded, hex};

#[derive(NdrParams, Debug, PartialEq)]
struct One<T> {
    value: T,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
#[ndr(switch = u32)]
enum Choice {
    #[ndr(case = 0)]
    Nothing,
    #[ndr(case = 1, string)]
    Name(Option<String>),
    #[ndr(default)]
    Other(u32, u64),
}

#[derive(Ndr, Debug, Clone, PartialEq)]
struct Chosen {
    kind: u32,
    #[ndr(switch_is = "kind")]
    choice: Choice,
    after: u8,
}

#[test]
fn pointees_of_an_arm_follow_the_outermost_structure() {
    let choice = Choice::Name(Some("a".into()));
    assert_wire::<Ndr, _>(
        &One {
            value: Chosen {
                kind: 1,
                choice,
                after: 9,
            },
        },
        "(kind) 01000000 (tag) 01000000 \
         (referent) 00000200 (after) 09 (gap) 000000 02000000 00000000 02000000 6100 0000",
        &mut Vec::new(),
    );
}

#[test]
fn an_empty_arm_has_only_its_discriminant() {
    assert_wire::<Ndr, _>(
        &One {
            value: Chosen {
                kind: 0,
                choice: Choice::Nothing,
                after: 9,
            },
        },
        "(kind) 00000000 (tag) 00000000 (after) 09",
        &mut Vec::new(),
    );
}

#[test]
fn the_default_arm_keeps_its_discriminant() {
    assert_wire::<Ndr, _>(
        &One {
            value: Chosen {
                kind: 7,
                choice: Choice::Other(7, 8),
                after: 9,
            },
        },
        "(kind) 07000000 (tag) 07000000 0800000000000000 (after) 09",
        &mut Vec::new(),
    );
}

#[test]
fn the_default_arm_cannot_steal_another_arm() {
    let mut out = Vec::new();
    let value = One {
        value: Choice::Other(1, 8),
    };
    let error = encode::<Ndr, _>(&value, &mut out).unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::DiscriminantTaken { found: 1 }
    );
}

#[test]
fn the_arm_must_be_the_selected_one() {
    let mut out = Vec::new();
    let value = One {
        value: Chosen {
            kind: 1,
            choice: Choice::Nothing,
            after: 0,
        },
    };
    let error = encode::<Ndr, _>(&value, &mut out).unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::DiscriminantMismatch {
            declared: 1,
            found: 0
        }
    );
    assert_eq!(error.path(), "One.value.choice");
}

#[test]
fn an_encapsulated_union_is_aligned_as_a_structure() {
    #[derive(Ndr, Debug, PartialEq)]
    #[ndr(switch = u8, encapsulated)]
    enum Encapsulated {
        #[ndr(case = 1)]
        Small(u8),
        #[ndr(case = 2)]
        Large(u64),
    }
    #[derive(NdrParams, Debug, PartialEq)]
    struct List {
        first: u8,
        second: Encapsulated,
    }
    assert_wire::<Ndr, _>(
        &List {
            first: 1,
            second: Encapsulated::Small(2),
        },
        "01 (gap) 00000000000000 01 02",
        &mut Vec::new(),
    );
}

#[test]
fn a_union_may_have_a_default_arm_only() {
    #[derive(Ndr, Debug, PartialEq)]
    #[ndr(switch = v1_enum)]
    enum Open {
        #[ndr(default)]
        Any(u32, u8),
    }
    assert_wire::<Ndr, _>(
        &One {
            value: Open::Any(5, 6),
        },
        "05000000 06",
        &mut Vec::new(),
    );
}

#[test]
fn a_union_behind_a_pointer_is_selected_too() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Selected {
        kind: u32,
        #[ndr(switch_is = "kind")]
        choice: Option<Box<Choice>>,
    }
    assert_wire::<Ndr, _>(
        &Selected {
            kind: 0,
            choice: Some(Box::new(Choice::Nothing)),
        },
        "(kind) 00000000 (referent) 00000200 (tag) 00000000",
        &mut Vec::new(),
    );
    let stub = hex("(kind) 01000000 (referent) 00000200 (tag) 00000000");
    let error = decoded::<Ndr, Selected>(&stub).unwrap_err();
    assert_eq!(error.path(), "Selected.choice");
}

/// An enum whose values are not all known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(enum16)]
struct Open(u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(v1_enum)]
struct OpenLong(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = enum16)]
enum ByOpen {
    #[ndr(case = 1)]
    One(u32),
    #[ndr(default)]
    Other(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
struct OpenParams {
    kind: Open,
    long: OpenLong,
    #[ndr(switch_is = "kind")]
    arm: ByOpen,
}

#[test]
fn an_enum_as_a_struct_carries_values_without_a_name() {
    let params = OpenParams {
        kind: Open(76),
        long: OpenLong(0xdead_beef),
        arm: ByOpen::Other(76),
    };
    let mut stub = Vec::new();
    annulus_ndr::encode::<annulus_ndr::Ndr, _>(&params, &mut stub).unwrap();
    assert_eq!(stub, [76, 0, 0, 0, 0xef, 0xbe, 0xad, 0xde, 76, 0]);
    let order = annulus_ndr::ByteOrder::Little;
    assert_eq!(
        annulus_ndr::decode::<annulus_ndr::Ndr, OpenParams>(&stub, order).unwrap(),
        params
    );

    let mut stub = Vec::new();
    annulus_ndr::encode::<annulus_ndr::Ndr64, _>(&params, &mut stub).unwrap();
    assert_eq!(
        annulus_ndr::decode::<annulus_ndr::Ndr64, OpenParams>(&stub, order).unwrap(),
        params
    );
    stub[2] = 1;
    let error = annulus_ndr::decode::<annulus_ndr::Ndr64, OpenParams>(&stub, order).unwrap_err();
    assert_eq!(
        *error.kind(),
        annulus_ndr::DecodeErrorKind::UnknownEnumValue { found: 0x1_004c }
    );
}

#[derive(Ndr, Debug, Clone, PartialEq)]
#[ndr(switch = u8)]
enum Wide {
    #[ndr(case = 1)]
    Small(u8),
    #[ndr(case = 2)]
    Large(u64),
    #[ndr(case = 3)]
    Pointer(Option<u16>),
}

#[derive(NdrParams, Debug, PartialEq)]
struct Widened {
    flag: u8,
    tag: u8,
    #[ndr(switch_is = "tag")]
    union: Wide,
}

#[test]
fn rule_26_ndr64_aligns_a_union_to_its_largest_arm_before_and_after_the_discriminant() {
    let value = Widened {
        flag: 9,
        tag: 1,
        union: Wide::Small(5),
    };
    let mut stub = Vec::new();
    assert_wire::<Ndr, _>(&value, "09 01 (discriminant) 01 05", &mut stub);
    assert_wire::<Ndr64, _>(
        &value,
        "09 01 (gap) 000000000000 (discriminant) 01 (gap) 00000000000000 05",
        &mut stub,
    );
}

#[test]
fn rule_26_a_pointer_makes_a_union_of_ndr64_as_wide() {
    let value = Widened {
        flag: 9,
        tag: 3,
        union: Wide::Pointer(Some(7)),
    };
    let mut stub = Vec::new();
    assert_wire::<Ndr, _>(
        &value,
        "09 03 (discriminant) 03 (gap) 00 00000200 0700",
        &mut stub,
    );
    assert_wire::<Ndr64, _>(
        &value,
        "09 03 (gap) 000000000000 (discriminant) 03 (gap) 00000000000000 \
         0000020000000000 0700",
        &mut stub,
    );
}

#[derive(Ndr, Debug, Clone, PartialEq)]
#[ndr(switch = u8, ms_union)]
enum Old {
    #[ndr(case = 1)]
    Small(u8),
    #[ndr(case = 2)]
    Large(u64),
    #[ndr(case = 3)]
    Nothing,
}

#[derive(NdrParams, Debug, PartialEq)]
struct OldParams {
    before: u8,
    union: Old,
    fixed: [Old; 2],
    count: u8,
    #[ndr(size_is = "count")]
    counted: Vec<Old>,
}

fn old() -> OldParams {
    OldParams {
        before: 9,
        union: Old::Small(5),
        fixed: [Old::Nothing, Old::Large(7)],
        count: 2,
        counted: vec![Old::Small(1), Old::Small(2)],
    }
}

/// MS-RPCE 2.2.4.5: the discriminant is aligned by itself, the arm as the most aligned one, and
/// an element of an array as that too.
#[test]
fn an_ms_union_aligns_its_arm_and_in_an_array_its_start() {
    assert_wire::<Ndr, _>(
        &old(),
        "09 (discriminant) 01 (gap) 000000000000 05 \
         (gap) 00000000000000 (discriminant) 03 (gap) 00000000000000 \
         (discriminant) 02 (gap) 00000000000000 0700000000000000 \
         (count) 02 (gap) 000000 (max) 02000000 \
         (discriminant) 01 (gap) 00000000000000 01 (gap) 00000000000000 \
         (discriminant) 01 (gap) 00000000000000 02",
        &mut Vec::new(),
    );
}

#[test]
fn ndr64_has_no_ms_union() {
    #[derive(Ndr, Debug, Clone, PartialEq)]
    #[ndr(switch = u8)]
    enum Plain {
        #[ndr(case = 1)]
        Small(u8),
        #[ndr(case = 2)]
        Large(u64),
    }
    #[derive(Ndr, Debug, Clone, PartialEq)]
    #[ndr(switch = u8, ms_union)]
    enum Ms {
        #[ndr(case = 1)]
        Small(u8),
        #[ndr(case = 2)]
        Large(u64),
    }
    let plain = One {
        value: [Plain::Small(1), Plain::Large(2), Plain::Small(3)],
    };
    let ms = One {
        value: [Ms::Small(1), Ms::Large(2), Ms::Small(3)],
    };
    assert_eq!(encoded::<Ndr64>(&plain), encoded::<Ndr64>(&ms));
    assert_ne!(encoded::<Ndr>(&plain), encoded::<Ndr>(&ms));
}

#[test]
fn rule_24_a_big_endian_union_is_read() {
    let stub = hex("09 02 (discriminant) 02 (gap) 0000000000 0102030405060708");
    let value: Widened = decode::<Ndr, _>(&stub, ByteOrder::Big).unwrap();
    assert_eq!(value.union, Wide::Large(0x0102_0304_0506_0708));
}

#[test]
fn an_unknown_discriminant_is_refused() {
    let stub = hex("09 07 (discriminant) 07 0000000000000000");
    let error = decoded::<Ndr, Widened>(&stub).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::UnknownDiscriminant { found: 7 }
    );
    assert_eq!(error.path(), "Widened.union");
}
