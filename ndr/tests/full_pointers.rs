//! Full pointers: shared pointees, cycles, and referent ids made to hurt.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{
    DEPTH_MAX, DecodeErrorKind, EncodeErrorKind, Full, Ndr, Ndr64, NdrParams, Syntax, encode,
};

use common::{decoded, encoded, hex};

/// A node of a list that is linked both ways.
#[derive(Ndr, Debug)]
struct Node {
    value: u32,
    next: Full<Node>,
    previous: Full<Node>,
}

#[derive(NdrParams, Debug)]
struct List {
    head: Full<Node>,
}

#[derive(NdrParams, Debug)]
struct Pair {
    first: Full<u32>,
    second: Full<u32>,
}

fn two_nodes() -> List {
    let head = Full::new_cyclic(|head| Node {
        value: 1,
        next: Full::new(Node {
            value: 2,
            next: Full::null(),
            previous: head,
        }),
        previous: Full::null(),
    });
    List { head }
}

#[test]
fn rule_25_a_pointee_of_two_full_pointers_is_written_once() {
    let first = Full::new(7);
    let second = first.alias();
    let stub = encoded::<Ndr>(&Pair { first, second });
    assert_eq!(stub, hex("(first) 00000200 07000000 (second) 00000200"));
    let back: Pair = decoded::<Ndr, _>(&stub).unwrap();
    assert!(back.first.is_owner() && back.second.is_same(&back.first));
    assert_eq!(back.second.get().as_deref(), Some(&7));
}

#[test]
fn rule_25_the_pointer_that_is_completed_first_has_the_pointee() {
    #[derive(Ndr, Debug)]
    struct Inner {
        deep: Full<u32>,
    }
    #[derive(Ndr, Debug)]
    struct Outer {
        inner: Option<Inner>,
        late: Full<u32>,
    }
    #[derive(NdrParams, Debug)]
    struct One {
        outer: Outer,
    }
    let deep = Full::new(9);
    let late = deep.alias();
    let inner = Some(Inner { deep });
    let stub = encoded::<Ndr>(&One {
        outer: Outer { inner, late },
    });
    let text = "(inner) 00000200 (late) 04000200 (*inner: deep) 04000200 (*deep) 09000000";
    assert_eq!(stub, hex(text));
    let One { outer } = decoded::<Ndr, _>(&stub).unwrap();
    assert!(!outer.late.is_owner());
    assert_eq!(outer.late.get().as_deref(), Some(&9));
}

fn assert_cycle_survives<S: Syntax>() {
    let stub = encoded::<S>(&two_nodes());
    let list: List = decoded::<S, _>(&stub).unwrap();
    let head = list.head.get().expect("there is a node");
    let second = head.next.get().expect("there is another");
    assert_eq!((head.value, second.value), (1, 2));
    assert!(second.previous.is_same(&list.head));
    assert_eq!(encoded::<S>(&list), stub);
}

#[test]
fn a_cycle_survives_the_wire() {
    assert_cycle_survives::<Ndr>();
    assert_cycle_survives::<Ndr64>();
}

#[test]
fn a_cycle_is_gone_with_its_root() {
    let stub = encoded::<Ndr>(&two_nodes());
    let list: List = decoded::<Ndr, _>(&stub).unwrap();
    let alias = list.head.alias();
    assert!(alias.get().is_some());
    drop(list);
    assert!(alias.get().is_none());
}

#[test]
fn a_cycle_can_be_shown() {
    let text = format!("{:?}", two_nodes());
    assert!(
        text.contains("value: 2") && text.contains("Alias("),
        "{text}"
    );
}

#[test]
fn null_is_no_pointee() {
    let stub = encoded::<Ndr>(&Pair {
        first: Full::null(),
        second: Full::null(),
    });
    assert_eq!(stub, [0; 8]);
    let back: Pair = decoded::<Ndr, _>(&stub).unwrap();
    assert!(back.first.is_null() && back.first.get().is_none());
}

#[test]
fn a_full_pointer_may_have_an_array() {
    #[derive(NdrParams, Debug)]
    struct Counted {
        len: u32,
        #[ndr(size_is = "len")]
        data: Full<Vec<u8>>,
        #[ndr(string)]
        name: Full<String>,
    }
    let value = Counted {
        len: 2,
        data: Full::new(vec![1, 2]),
        name: Full::new("a".into()),
    };
    let stub = encoded::<Ndr>(&value);
    let text = "02000000 (data) 00000200 (max) 02000000 0102 (gap) 0000 \
                (name) 04000200 02000000 00000000 02000000 6100 0000";
    assert_eq!(stub, hex(text));
    let back: Counted = decoded::<Ndr, _>(&stub).unwrap();
    assert_eq!(back.data.get().as_deref(), Some(&vec![1, 2]));
    assert_eq!(back.name.get().as_deref().map(String::as_str), Some("a"));
}

#[test]
fn an_alias_without_an_owner_is_not_sent() {
    let first = Full::new(7).alias();
    let error = encode::<Ndr, _>(
        &Pair {
            first,
            second: Full::null(),
        },
        &mut Vec::new(),
    )
    .expect_err("there is no pointee");
    assert_eq!(*error.kind(), EncodeErrorKind::DanglingPointer);
    assert_eq!(error.path(), "Pair.first");
}

#[test]
fn a_referent_without_bytes_leads_nowhere() {
    let stub = hex("(first) 00000200");
    let error = decoded::<Ndr, Pair>(&stub).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::Truncated {
            needed: 4,
            remaining: 0
        }
    );
    assert_eq!((error.path().as_str(), error.offset()), ("Pair.first", 4));
}

#[test]
fn one_referent_cannot_have_two_types() {
    #[derive(NdrParams, Debug)]
    struct Confused {
        _number: Full<u32>,
        _text: Full<u64>,
    }
    let stub = hex("(number) 01000000 07000000 (text) 01000000");
    let error = decoded::<Ndr, Confused>(&stub).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::ReferentTypeMismatch { id: 1 }
    );
    assert_eq!(error.path(), "Confused._text");
}

#[test]
fn a_pointee_that_points_to_itself_ends() {
    let stub = hex("(head) 01000000 (value) 05000000 (next) 01000000 (previous) 01000000");
    let list: List = decoded::<Ndr, _>(&stub).unwrap();
    let head = list.head.get().expect("there is a node");
    assert!(head.next.is_same(&list.head) && head.previous.is_same(&list.head));
    assert_eq!(encoded::<Ndr>(&list).len(), stub.len());
}

#[test]
fn a_chain_of_a_million_full_pointers_is_not_followed() {
    let mut stub = hex("01000000");
    for id in 2..1_000_000_u32 {
        stub.extend(0_u32.to_le_bytes());
        stub.extend(id.to_le_bytes());
        stub.extend(0_u32.to_le_bytes());
    }
    let error = decoded::<Ndr, List>(&stub).unwrap_err();
    assert_eq!(*error.kind(), DecodeErrorKind::TooDeep { max: DEPTH_MAX });
}
