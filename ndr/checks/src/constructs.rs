//! Types of every wire form, for the fuzz targets.

use annulus_ndr::{
    ArraySection, ContextHandle, Full, Ndr, NdrParams, Numbers, SharedNumbers, Utf16Str, Uuid,
};

/// An enum that knows its values.
#[derive(Ndr, Debug, Clone, Copy)]
pub enum Colour {
    /// A value.
    Red = 1,
    /// Another.
    Green = 7,
}

/// A union with pointers, numbers and a default arm.
#[derive(Ndr, Debug)]
#[ndr(switch = enum16)]
pub enum Shade {
    /// A pointer.
    #[ndr(case = 1)]
    Red(Option<Box<Leaf>>),
    /// Eight bytes.
    #[ndr(case = 7)]
    Green(u64),
    /// Nothing.
    #[ndr(default)]
    Unnamed(u16),
}

/// An encapsulated union.
#[derive(Ndr, Debug)]
#[ndr(switch = u8, encapsulated)]
pub enum Capsule {
    /// One byte.
    #[ndr(case = 1)]
    Small(u8),
    /// Strings behind pointers.
    #[ndr(case = 2)]
    Names(#[ndr(string)] Option<String>),
}

/// A structure with gaps, a UUID and a string.
#[derive(Ndr, Debug)]
pub struct Leaf {
    flag: bool,
    id: Uuid,
    colour: Colour,
    #[ndr(string)]
    name: Option<String>,
    corners: [[i16; 3]; 2],
    weight: f64,
}

/// A structure that nests, with every kind of array in it.
#[derive(Ndr, Debug)]
pub struct Tree {
    kind: u16,
    #[ndr(switch_is = "kind")]
    shade: Shade,
    #[ndr(ref)]
    trunk: Leaf,
    #[ndr(string)]
    label: Option<Vec<u8>>,
    room: u32,
    used: u32,
    #[ndr(unique, size_is = "room", length_is = "used")]
    rings: Option<Vec<u16>>,
    #[ndr(string, varying = 9)]
    mark: Vec<u8>,
    #[ndr(varying = (3, 4), length_is = "(used, 4)")]
    grid: ArraySection<u8, 2>,
    capsule: Capsule,
    child: Option<Box<Tree>>,
    count: u8,
    #[ndr(size_is = "count")]
    leaves: Vec<Option<Leaf>>,
}

/// A node of a graph.
#[derive(Ndr, Debug)]
pub struct Node {
    value: u8,
    left: Full<Node>,
    right: Full<Node>,
}

/// Everything that is owned.
#[derive(NdrParams, Debug)]
pub struct Forest {
    prefix: u8,
    handle: ContextHandle,
    tree: Tree,
    second: Option<Tree>,
    #[ndr(conformant)]
    numbers: Vec<u64>,
    result: u32,
}

/// Pointers that share their pointees.
#[derive(NdrParams, Debug)]
pub struct Graph {
    root: Full<Node>,
    #[ndr(conformant)]
    nodes: Vec<Full<Node>>,
}

/// Arrays of several dimensions and of parts.
#[derive(NdrParams, Debug)]
pub struct Sections {
    rows: u16,
    #[ndr(size_is = "(rows, 2)")]
    whole: ArraySection<u32, 2>,
    #[ndr(conformant, varying)]
    part: ArraySection<Option<u16>>,
    #[ndr(size_is = "(rows, 1, 2)", length_is = "(1, 1, 1)")]
    deep: ArraySection<u8, 3>,
    #[ndr(conformant)]
    shared: SharedNumbers<u16>,
}

/// Everything that is borrowed.
#[derive(NdrParams, Debug)]
pub struct Borrowing<'a> {
    len: u16,
    #[ndr(size_is = "len")]
    bytes: &'a [u8],
    #[ndr(string)]
    wide: Option<Utf16Str<'a>>,
    #[ndr(string)]
    narrow: &'a [u8],
    #[ndr(conformant, varying)]
    numbers: Numbers<'a, i32>,
    #[ndr(varying = 6)]
    counted: Utf16Str<'a>,
    fixed: &'a [u8; 3],
}
