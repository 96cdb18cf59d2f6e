//! Random values survive the wire; random bytes do no harm.
//!
//! A failure prints the value and leaves its seed under `proptest-regressions`, from where the
//! next run replays it; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` widen or fix the search.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{
    ByteOrder, DecodeParams, EncodeParams, Ndr, Ndr64, NdrParams, Numbers, Syntax, Utf16Str, Uuid,
    decode, encode,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use common::encoded;

#[derive(Ndr, Debug, Clone, Copy, PartialEq)]
enum Colour {
    Red = 1,
    Green = 7,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
#[ndr(switch = enum16)]
enum Shade {
    #[ndr(case = 1)]
    Red(Option<Box<Leaf>>),
    #[ndr(case = 7)]
    Green(u64),
    #[ndr(default)]
    Unnamed(u16),
}

#[derive(Ndr, Debug, Clone, PartialEq)]
struct Leaf {
    flag: bool,
    id: Uuid,
    colour: Colour,
    #[ndr(string)]
    name: Option<String>,
    corners: [i16; 3],
    weight: f64,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
struct Tree {
    kind: u16,
    #[ndr(switch_is = "kind")]
    shade: Shade,
    #[ndr(ref)]
    trunk: Leaf,
    twigs: Option<Option<u8>>,
    #[ndr(string)]
    label: Option<Vec<u8>>,
    room: u32,
    used: u32,
    #[ndr(unique, size_is = "room", length_is = "used")]
    rings: Option<Vec<u16>>,
    child: Option<Box<Tree>>,
    count: u8,
    #[ndr(size_is = "count")]
    leaves: Vec<Option<Leaf>>,
}

#[derive(NdrParams, Debug, Clone, PartialEq)]
struct Forest {
    prefix: u8,
    tree: Tree,
    second: Option<Tree>,
    #[ndr(conformant)]
    numbers: Vec<u64>,
    result: u32,
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let colour = prop_oneof![Just(Colour::Red), Just(Colour::Green)];
    let name = option::of("[^\u{0}]{0,8}");
    (
        any::<bool>(),
        any::<u128>(),
        colour,
        name,
        any::<[i16; 3]>(),
        -1e9..1e9,
    )
        .prop_map(|(flag, id, colour, name, corners, weight)| Leaf {
            flag,
            id: Uuid::from_u128(id),
            colour,
            name,
            corners,
            weight,
        })
}

fn shade() -> impl Strategy<Value = Shade> {
    let unnamed = any::<u16>().prop_filter("has an arm of its own", |tag| ![1, 7].contains(tag));
    prop_oneof![
        option::of(leaf().prop_map(Box::new)).prop_map(Shade::Red),
        any::<u64>().prop_map(Shade::Green),
        unnamed.prop_map(Shade::Unnamed),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let bare = (
        shade(),
        leaf(),
        option::of(option::of(any::<u8>())),
        option::of(vec(1..=u8::MAX, 0..6)),
        (0..5u32, option::of(vec(any::<u16>(), 0..6))),
        vec(option::of(leaf()), 0..3),
    )
        .prop_map(|(shade, trunk, twigs, label, (spare, rings), leaves)| {
            let used = rings.as_ref().map_or(0, |rings| rings.len() as u32);
            let kind = match &shade {
                Shade::Red(_) => 1,
                Shade::Green(_) => 7,
                Shade::Unnamed(tag) => *tag,
            };
            Tree {
                kind,
                shade,
                trunk,
                twigs,
                label,
                room: used + spare,
                used,
                rings,
                child: None,
                count: leaves.len() as u8,
                leaves,
            }
        });
    bare.prop_recursive(3, 4, 1, |inner| {
        (inner.clone(), inner).prop_map(|(parent, child)| Tree {
            child: Some(Box::new(child)),
            ..parent
        })
    })
}

fn forest() -> impl Strategy<Value = Forest> {
    (
        any::<u8>(),
        tree(),
        option::of(tree()),
        vec(any::<u64>(), 0..300),
        any::<u32>(),
    )
        .prop_map(|(prefix, tree, second, numbers, result)| Forest {
            prefix,
            tree,
            second,
            numbers,
            result,
        })
}

fn assert_survives<S: Syntax>(forest: &Forest) {
    let stub = encoded::<S>(forest);
    let back: Forest = decode::<S, _>(&stub, ByteOrder::Little).expect("what we wrote is good");
    assert_eq!(back, *forest);
}

#[derive(NdrParams, Debug, PartialEq)]
struct Borrowing<'a> {
    len: u16,
    #[ndr(size_is = "len")]
    bytes: &'a [u8],
    #[ndr(string)]
    wide: Option<Utf16Str<'a>>,
    #[ndr(string)]
    narrow: &'a [u8],
    #[ndr(conformant, varying)]
    numbers: Numbers<'a, i32>,
}

proptest! {
    #[test]
    fn what_is_decoded_is_what_was_encoded(forest in forest()) {
        assert_survives::<Ndr>(&forest);
        assert_survives::<Ndr64>(&forest);
    }

    #[test]
    fn what_is_borrowed_is_what_was_encoded(
        bytes in vec(any::<u8>(), 0..40),
        wide in option::of("[^\u{0}]{0,9}"),
        narrow in vec(1..=u8::MAX, 0..20),
        numbers in vec(any::<i32>(), 0..20),
    ) {
        let value = Borrowing {
            len: bytes.len() as u16,
            bytes: &bytes,
            wide: wide.as_deref().map(Utf16Str::from),
            narrow: &narrow,
            numbers: Numbers::from(&numbers[..]),
        };
        let stub = encoded::<Ndr>(&value);
        prop_assert_eq!(decode::<Ndr, Borrowing<'_>>(&stub, ByteOrder::Little).unwrap(), value);
    }

    #[test]
    fn a_changed_byte_does_no_harm(
        forest in forest(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut stub = encoded::<Ndr>(&forest);
        for (index, value) in changes {
            let index = index.index(stub.len());
            stub[index] = value;
        }
        assert_harmless::<Ndr, Forest>(&stub);
    }

    #[test]
    fn random_bytes_do_no_harm(stub in vec(prop_oneof![Just(0), any::<u8>()], 0..200)) {
        assert_harmless::<Ndr, Forest>(&stub);
        assert_harmless::<Ndr64, Forest>(&stub);
        assert_harmless_borrowing(&stub);
    }
}

/// Decodes in both byte orders. A decoding that succeeds holds little, and can be repeated
/// from what it encodes to.
fn assert_harmless<S: Syntax, T>(stub: &[u8])
where
    T: for<'a> DecodeParams<'a> + EncodeParams + Weigh,
{
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let Ok(value) = decode::<S, T>(stub, order) else {
            continue;
        };
        // A null pointer to a `Leaf` takes 4 bytes on the wire and the room of a `Leaf` here.
        let limit = 1024 + stub.len() * size_of::<Tree>();
        assert!(
            value.heap_len() <= limit,
            "{} bytes from {}",
            value.heap_len(),
            stub.len()
        );
        let mut again = Vec::new();
        if encode::<S, _>(&value, &mut again).is_ok() {
            let same: T = decode::<S, T>(&again, ByteOrder::Little).expect("our own stub");
            let mut third = Vec::new();
            encode::<S, _>(&same, &mut third).expect("it could be encoded before");
            assert_eq!(third, again);
        }
    }
}

fn assert_harmless_borrowing(stub: &[u8]) {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let Ok(value) = decode::<Ndr, Borrowing<'_>>(stub, order) else {
            continue;
        };
        assert!(value.bytes.len() + value.narrow.len() + 4 * value.numbers.len() <= stub.len());
        let again = encoded::<Ndr>(&value);
        let same: Borrowing<'_> = decode::<Ndr, _>(&again, ByteOrder::Little).unwrap();
        assert_eq!(same, value);
    }
}

/// Bytes that a value keeps on the heap.
trait Weigh {
    fn heap_len(&self) -> usize;
}

impl Weigh for Forest {
    fn heap_len(&self) -> usize {
        let second = self.second.as_ref().map_or(0, Weigh::heap_len);
        self.tree.heap_len() + second + self.numbers.capacity() * size_of::<u64>()
    }
}

impl Weigh for Tree {
    fn heap_len(&self) -> usize {
        let shade = match &self.shade {
            Shade::Red(Some(leaf)) => size_of::<Leaf>() + leaf.heap_len(),
            _ => 0,
        };
        let label = self.label.as_ref().map_or(0, Vec::capacity);
        let rings = self
            .rings
            .as_ref()
            .map_or(0, |rings| rings.capacity() * size_of::<u16>());
        let child = self
            .child
            .as_ref()
            .map_or(0, |c| size_of::<Tree>() + c.heap_len());
        let leaves = self
            .leaves
            .iter()
            .flatten()
            .map(Weigh::heap_len)
            .sum::<usize>()
            + self.leaves.capacity() * size_of::<Option<Leaf>>();
        shade + self.trunk.heap_len() + label + rings + child + leaves
    }
}

impl Weigh for Leaf {
    fn heap_len(&self) -> usize {
        self.name.as_ref().map_or(0, String::capacity)
    }
}
