//! Types that together have every construct of NDR.

use annulus_ndr::{
    ArraySection, Bytes, Conformant, ConformantVarying, ContextHandle, Elements, Full,
    MultiConformant, MultiConformantVarying, Ndr, NdrParams, Ptr, Ref, Represent, SharedNumbers,
    Text, Unique, Uuid, Varying, VaryingText,
};

/// An enum that knows its values.
#[derive(Ndr, Debug, Clone, Copy)]
pub(crate) enum Colour {
    Red = 1,
    Green = 7,
}

#[derive(Ndr, Debug, Clone, Copy)]
#[ndr(v1_enum)]
pub(crate) enum Phase {
    Solid = 0,
    Gas = 0x0001_0000,
}

/// An enum that takes any value.
#[derive(Ndr, Debug, Clone, Copy)]
#[ndr(enum16)]
pub(crate) struct Kind(u16);

#[derive(Ndr, Debug, Clone, Copy)]
#[ndr(v1_enum)]
pub(crate) struct Reason(u32);

/// A union with pointers, numbers and a default arm.
#[derive(Ndr, Debug)]
#[ndr(switch = enum16)]
pub(crate) enum Shade {
    #[ndr(case = 1)]
    Red(Option<Box<Leaf>>),
    #[ndr(case = 7)]
    Green(u64),
    #[ndr(default)]
    Unnamed(u16),
}

/// An encapsulated union.
#[derive(Ndr, Debug)]
#[ndr(switch = u8, encapsulated)]
pub(crate) enum Capsule {
    #[ndr(case = 1)]
    Small(u8),
    #[ndr(case = 2)]
    Names(#[ndr(string)] Option<String>),
}

/// A union whose arms and whose places in an array are aligned as MIDL 1.0 did.
#[derive(Ndr, Debug)]
#[ndr(switch = u8, ms_union)]
pub(crate) enum Old {
    #[ndr(case = 1)]
    Small(u8),
    #[ndr(case = 2)]
    Large(u64),
    #[ndr(case = 3)]
    Nothing,
    #[ndr(default)]
    Other(u8, [u16; 2]),
}

/// A union with a signed discriminant and no alignment of its own in NDR.
#[derive(Ndr, Debug)]
#[ndr(switch = i16)]
pub(crate) enum Weight {
    #[ndr(case = -1)]
    Light(u8),
    #[ndr(case = 0)]
    Heavy(f64),
    #[ndr(case = 1)]
    None,
}

#[derive(Ndr, Debug)]
#[ndr(switch = u64)]
pub(crate) enum Deep {
    #[ndr(case = 0)]
    End,
    #[ndr(case = 1)]
    Array(#[ndr(conformant)] Option<Vec<Weight>>),
    #[ndr(case = 2)]
    Room(#[ndr(varying = 4)] ArraySection<u16>),
    #[ndr(case = 3)]
    Text(#[ndr(string, varying = 5)] String),
}

/// A structure with gaps, a UUID and a string.
#[derive(Ndr, Debug)]
pub(crate) struct Leaf {
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
pub(crate) struct Tree {
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
    #[ndr(varying = 7, first_is = "used - 1")]
    window: ArraySection<u16>,
    capsule: Capsule,
    old: [Old; 2],
    weight: Weight,
    child: Option<Box<Tree>>,
    count: u8,
    #[ndr(size_is = "count")]
    leaves: Vec<Option<Leaf>>,
}

/// A node of a graph.
#[derive(Ndr, Debug)]
pub(crate) struct Node {
    value: u8,
    left: Full<Node>,
    right: Full<Node>,
}

/// A number that is not any number.
#[derive(Debug)]
pub(crate) struct Even(u32);

impl Represent<u32> for Even {
    fn to_wire(&self) -> u32 {
        self.0
    }

    fn from_wire(wire: u32) -> Result<Self, &'static str> {
        if wire.is_multiple_of(2) {
            Ok(Even(wire))
        } else {
            Err("an odd number")
        }
    }
}

/// What has parts in parts.
#[derive(NdrParams, Debug)]
pub(crate) struct Forest {
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
pub(crate) struct Graph {
    root: Full<Node>,
    #[ndr(conformant)]
    nodes: Vec<Full<Node>>,
    tail: Full<Node>,
}

/// Arrays of several dimensions, of parts, of unions, and shared ones.
#[derive(NdrParams, Debug)]
pub(crate) struct Sections {
    rows: u16,
    #[ndr(size_is = "(rows, 2)")]
    whole: ArraySection<u32, 2>,
    #[ndr(conformant, varying)]
    part: ArraySection<Option<u16>>,
    #[ndr(size_is = "(rows, 1, 2)", length_is = "(1, 1, 1)")]
    deep: ArraySection<u8, 3>,
    #[ndr(varying = 6)]
    room: ArraySection<Leaf>,
    #[ndr(conformant)]
    shared: SharedNumbers<u16>,
    #[ndr(size_is = "rows")]
    bytes: Bytes,
    #[ndr(size_is = "rows * 2 - 1")]
    old: Vec<Old>,
    #[ndr(conformant, varying)]
    weights: Vec<Weight>,
    #[ndr(varying = 3)]
    few: Vec<Deep>,
    #[ndr(fixed = 2)]
    fixed: Vec<Deep>,
}

/// Pointers and arrays in each other, whose shapes are written out.
#[derive(NdrParams, Debug)]
pub(crate) struct Nested {
    count: u8,
    #[ndr(shape = Conformant<Ref>, size_is = "count")]
    always: Vec<u32>,
    #[ndr(shape = Unique<Conformant<Unique<ConformantVarying>>>, size_is = "count")]
    rows: Option<Vec<Option<Vec<u16>>>>,
    #[ndr(shape = Elements<Unique<Text>>)]
    names: [Option<String>; 2],
    #[ndr(shape = Unique<Unique>)]
    twice: Option<Option<Leaf>>,
    #[ndr(shape = Varying<4, VaryingText<5>>, length_is = "count - 1")]
    marks: Vec<Vec<u8>>,
    #[ndr(shape = MultiConformant<2>, size_is = "(count, 2)")]
    cells: ArraySection<Old, 2>,
    #[ndr(
        shape = Unique<MultiConformantVarying<2, Unique<Text>>>,
        size_is = "(count, 3)",
        first_is = "(0, 1)",
        length_is = "(count, 2)"
    )]
    texts: Option<ArraySection<Option<String>, 2>>,
    #[ndr(shape = Ptr<Conformant<Ref>>)]
    shared: Full<Vec<Leaf>>,
}

/// Every base type, and what is like one.
#[derive(NdrParams, Debug)]
pub(crate) struct Scalars {
    small: i8,
    #[ndr(range(3, 200))]
    bounded: u8,
    short: i16,
    boolean: bool,
    float: f32,
    phase: Phase,
    kind: Kind,
    hyper: i64,
    reason: Reason,
    #[ndr(represent_as = u32)]
    even: Even,
    optional: Option<Option<u8>>,
    #[ndr(range(-5, 5))]
    near: i32,
    handles: [ContextHandle; 2],
    deep: Deep,
    doubles: [f64; 3],
}

/// Strings in every place.
#[derive(NdrParams, Debug)]
pub(crate) struct Texts {
    #[ndr(string)]
    plain: String,
    count: u32,
    #[ndr(string, size_is = "count")]
    sized: String,
    #[ndr(string, varying = 5)]
    placed: String,
    #[ndr(string)]
    units: Option<String>,
    #[ndr(string, size_is = "count")]
    names: Vec<Option<String>>,
    #[ndr(conformant, varying)]
    counted: String,
    #[ndr(varying = 8)]
    short: String,
    #[ndr(string)]
    narrow: Full<Vec<u8>>,
}

/// What a request tells about its reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) room: u8,
    pub(crate) level: Option<i16>,
}

/// A reply that does not tell everything itself.
#[derive(NdrParams, Debug)]
#[ndr(given = Told)]
pub(crate) struct Replied {
    used: u8,
    #[ndr(size_is = "given.room", length_is = "used")]
    part: Vec<u16>,
    #[ndr(string, size_is = "given.room * 2")]
    text: String,
    #[ndr(size_is = "given.room - 1")]
    whole: Option<Vec<Weight>>,
    #[ndr(switch_is = "given.level")]
    weight: Weight,
    #[ndr(
        size_is = "(given.room, _)",
        first_is = "(_, given.level)",
        length_is = "(used, 2)"
    )]
    cells: ArraySection<u8, 2>,
    #[ndr(size_is = "given.room + more")]
    late: Vec<u8>,
    more: u8,
}

/// A member that is counted behind pointers that come later.
#[derive(Ndr, Debug)]
pub(crate) struct Behind {
    #[ndr(size_is = "count", length_is = "used")]
    values: Option<Vec<u16>>,
    #[ndr(switch_is = "count")]
    weight: Weight,
    #[ndr(ref)]
    used: u8,
    count: Full<i16>,
}

/// Counts and discriminants that come later than what they speak of.
#[derive(NdrParams, Debug)]
pub(crate) struct Late {
    rows: u8,
    #[ndr(size_is = "rows", length_is = "used")]
    part: Vec<u16>,
    #[ndr(
        size_is = "(rows, columns)",
        first_is = "(from, _)",
        length_is = "(_, used)"
    )]
    cells: ArraySection<u8, 2>,
    #[ndr(varying = 6, first_is = "from", length_is = "used")]
    line: ArraySection<u16>,
    #[ndr(switch_is = "level")]
    weight: Option<Weight>,
    #[ndr(shape = Unique<Ref<Text>>, size_is = "columns")]
    text: Option<String>,
    behind: Behind,
    counted: Counted,
    columns: u8,
    used: Option<u8>,
    from: u8,
    level: i16,
}

/// Arms that numbers count.
#[derive(Ndr, Debug)]
#[ndr(switch = u8)]
pub(crate) enum Counted {
    #[ndr(case = 0, size_is = 3)]
    Three(Option<Vec<Old>>),
    #[ndr(case = 1, varying = 8, first_is = 1, length_is = 2)]
    Two(ArraySection<u16>),
    #[ndr(default, string, size_is = 4)]
    Text(u8, Option<String>),
}
