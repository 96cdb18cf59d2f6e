//! `everything.idl`, compiled by annulus-idl. Do not edit.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::enum_variant_names,
    clippy::large_enum_variant,
    clippy::should_implement_trait,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = "names and shapes are those of the IDL, and a program may use a part of it"
)]

use ::annulus::{
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, ServerCall, Status,
    SyntaxId, Uuid,
};
use ::annulus::ndr::{ContextHandle, Ndr, NdrParams, Utf16Str, Full, ArraySection};

/// `SHORT_CONSTANT`.
pub const SHORT_CONSTANT: u16 = 49;

/// `NEGATIVE`.
pub const NEGATIVE: i32 = -5;

/// `LARGE`.
pub const LARGE: u64 = 18446744073709551615;

/// `SMALLEST`.
pub const SMALLEST: i64 = -9223372036854775808;

/// `LETTER`.
pub const LETTER: u8 = 65;

/// `NEWLINE`.
pub const NEWLINE: u8 = 10;

/// `GREETING`.
pub const GREETING: &str = "hello \"world\"";

/// `YES`.
pub const YES: bool = true;

/// `CHOSEN`.
pub const CHOSEN: i32 = 16;

/// `LOGIC`.
pub const LOGIC: i32 = 1;

/// Structures of MS-DTYP that many interfaces of Windows import. Without tags, so that a definition
/// may have them itself.
///
/// `FILETIME` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Filetime {
    /// `dwLowDateTime`.
    pub dw_low_date_time: u32,
    /// `dwHighDateTime`.
    pub dw_high_date_time: u32,
}

/// `RPC_SID_IDENTIFIER_AUTHORITY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcSidIdentifierAuthority {
    /// `Value`.
    pub value: [u8; 6],
}

/// `RPC_SID`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcSid {
    /// `Revision`.
    pub revision: u8,
    /// `SubAuthorityCount`.
    pub sub_authority_count: u8,
    /// `IdentifierAuthority`.
    pub identifier_authority: RpcSidIdentifierAuthority,
    /// `SubAuthority`.
    #[ndr(size_is = "sub_authority_count")]
    pub sub_authority: Vec<u32>,
}

/// three colours
///
/// `COLOUR` in the IDL.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(enum16, crate = ::annulus::ndr)]
pub struct Colour(pub u16);

impl Colour {
    /// `RED`.
    pub const RED: Self = Self(0);

    /// `GREEN`.
    pub const GREEN: Self = Self(5);

    /// `BLUE`.
    pub const BLUE: Self = Self(6);
}

/// `WIDE`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(v1_enum, crate = ::annulus::ndr)]
pub struct Wide(pub u32);

impl Wide {
    /// `WIDE_NONE`.
    pub const WIDE_NONE: Self = Self(0);

    /// `WIDE_ALL`.
    pub const WIDE_ALL: Self = Self(4294967295);

    /// `WIDE_MINUS`.
    pub const WIDE_MINUS: Self = Self(4294967294);
}

/// `TINY`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Tiny(pub u8);

impl Tiny {
    /// `TINY_ONE`.
    pub const TINY_ONE: Self = Self(1);
}

/// `FLAGS`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Flags(pub u16);

impl Flags {
    /// `FLAG_A`.
    pub const FLAG_A: Self = Self(1);

    /// `FLAG_B`.
    pub const FLAG_B: Self = Self(32768);
}

/// `BASE_TYPES`.
#[derive(Clone, Copy, Debug, PartialEq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct BaseTypes {
    /// `a`.
    pub a: i8,
    /// `b`.
    pub b: i16,
    /// `c`.
    pub c: i32,
    /// `d`.
    pub d: i64,
    /// `e`.
    pub e: u8,
    /// `f`.
    pub f: u16,
    /// `g`.
    pub g: u32,
    /// `h`.
    pub h: u64,
    /// `i`.
    pub i: i32,
    /// `j`.
    pub j: u32,
    /// `k`.
    pub k: u32,
    /// `l`.
    pub l: i64,
    /// `m`.
    pub m: u64,
    /// `n`.
    pub n: i64,
    /// `o`.
    pub o: u8,
    /// `p`.
    pub p: u8,
    /// `q`.
    pub q: i8,
    /// `r`.
    pub r: u16,
    /// `s`.
    pub s: u8,
    /// `t`.
    pub t: bool,
    /// `u`.
    pub u: f32,
    /// `v`.
    pub v: f64,
    /// `w`.
    pub w: u32,
    /// `x1`.
    pub x1: u8,
    /// `x2`.
    pub x2: u16,
    /// `x3`.
    pub x3: u32,
    /// `x4`.
    pub x4: i8,
    /// `x5`.
    pub x5: i16,
    /// `x6`.
    pub x6: i32,
    /// `x7`.
    pub x7: u64,
    /// `y1`.
    pub y1: u32,
    /// `y2`.
    pub y2: u32,
    /// `y3`.
    pub y3: i32,
    /// `y4`.
    pub y4: u32,
    /// `y5`.
    pub y5: i32,
    /// `y6`.
    pub y6: u8,
    /// `z1`.
    pub z1: Uuid,
    /// `z2`.
    pub z2: Uuid,
    /// `colour`.
    pub colour: Colour,
    /// `wide`.
    pub wide: Wide,
    /// `tiny`.
    pub tiny: Tiny,
    /// `flags`.
    pub flags: Flags,
}

/// `NODE`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Node {
    /// a keyword of Rust
    pub r#type: i32,
    /// another one
    pub next: Option<Box<Node>>,
    /// `children`.
    #[ndr(size_is = "child_count")]
    pub children: Option<Vec<Option<Box<Node>>>>,
    /// `child_count`.
    pub child_count: i32,
}

/// `FULL_NODE`.
#[derive(Debug, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct FullNode {
    /// `value`.
    pub value: i32,
    /// `next`.
    pub next: Full<FullNode>,
}

/// `ARRAYS`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Arrays {
    /// `fixed`.
    pub fixed: [i32; 4],
    /// `matrix`.
    pub matrix: [[u8; 3]; 2],
    /// `vector`.
    pub vector: [i32; 3],
    /// `pairs`.
    pub pairs: [Pair; 2],
    /// `maybe_colours`.
    pub maybe_colours: [Option<Colour>; 2],
    /// `always`.
    #[ndr(ref)]
    pub always: i32,
    /// `always_pairs`.
    #[ndr(ref, size_is = "count")]
    pub always_pairs: Vec<Pair>,
    /// `bytes`.
    #[ndr(size_is = "count")]
    pub bytes: Option<Vec<u8>>,
    /// `varying`.
    #[ndr(size_is = "count", length_is = "used")]
    pub varying: Option<Vec<i16>>,
    /// `by_index`.
    #[ndr(size_is = "count + 1", length_is = "used + 1")]
    pub by_index: Option<Vec<u64>>,
    /// `room`.
    #[ndr(varying = 32, length_is = "used")]
    pub room: Vec<i32>,
    /// `narrow`.
    #[ndr(string)]
    pub narrow: Option<Vec<u8>>,
    /// `wide`.
    #[ndr(string)]
    pub wide: Option<String>,
    /// `always_wide`.
    #[ndr(ref, string)]
    pub always_wide: String,
    /// `roomy`.
    #[ndr(string, size_is = "count")]
    pub roomy: Option<Vec<u8>>,
    /// `fixed_text`.
    #[ndr(string, varying = 16)]
    pub fixed_text: String,
    /// `pidl_wide`.
    #[ndr(string)]
    pub pidl_wide: Option<String>,
    /// `pidl_narrow`.
    #[ndr(string)]
    pub pidl_narrow: Option<Vec<u8>>,
    /// `names`.
    #[ndr(size_is = "count", string)]
    pub names: Option<Vec<Option<String>>>,
    /// `computed`.
    #[ndr(size_is = "(count * 2) + 1")]
    pub computed: Option<Vec<u8>>,
    /// `bits`.
    #[ndr(size_is = "(count + 7) / 8")]
    pub bits: Option<Vec<u8>>,
    /// `half`.
    #[ndr(size_is = "count / 2")]
    pub half: Option<Vec<u8>>,
    /// `count`.
    #[ndr(range(1, 10))]
    pub count: u32,
    /// `used`.
    pub used: i32,
    /// `tail`.
    #[ndr(size_is = "used")]
    pub tail: Vec<Pair>,
}

/// `SECTIONS`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Sections {
    /// `from`.
    pub from: u32,
    /// `to`.
    pub to: u32,
    /// `section`.
    #[ndr(size_is = "20", length_is = "(to - from) + 1", first_is = "from")]
    pub section: Option<ArraySection<i16>>,
    /// `maybe`.
    #[ndr(size_is = "9", length_is = "2", first_is = "from")]
    pub maybe: Option<ArraySection<Pair>>,
}

/// `CHOICE`.
#[derive(Clone, Debug, PartialEq, Ndr)]
#[ndr(switch = i16, encapsulated, crate = ::annulus::ndr)]
pub enum Choice {
    /// `number`, of case `1`.
    #[ndr(case = 1)]
    Number(i32),
    /// `text`, of case `2`.
    #[ndr(case = 2, string)]
    Text2(Option<String>),
    /// `text`, of case `3`.
    #[ndr(case = 3, string)]
    Text3(Option<String>),
    /// Nothing, of case `-4`.
    #[ndr(case = -4)]
    CaseMinus4,
    /// `other`, of every other discriminant, which comes first.
    #[ndr(default)]
    Other(i16, f64),
}

/// `BY_ENUM`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = v1_enum, crate = ::annulus::ndr)]
pub enum ByEnum {
    /// Nothing, of case `WIDE_NONE`.
    #[ndr(case = 0)]
    WideNone,
    /// `pair`, of case `WIDE_ALL`.
    #[ndr(case = 4294967295)]
    PairWideAll(Pair),
    /// `pair`, of case `7`.
    #[ndr(case = 7)]
    Pair7(Pair),
    /// `reference`, of case `8`.
    #[ndr(case = 8, ref)]
    Reference(Pair),
    /// `four`, of case `9`.
    #[ndr(case = 9, size_is = "4")]
    Four(Option<Vec<u8>>),
    /// Nothing, of every other discriminant, which it keeps.
    #[ndr(default)]
    Default(u32),
}

/// `BY_BOOLEAN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = u8, crate = ::annulus::ndr)]
pub enum ByBoolean {
    /// `yes`, of case `1`.
    #[ndr(case = 1)]
    Yes(i32),
    /// `no`, of case `0`.
    #[ndr(case = 0)]
    No(ByBooleanNo),
}

/// `BY_BOOLEAN_no`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct ByBooleanNo {
    /// `inner`.
    pub inner: i32,
}

/// `HOLDER`.
#[derive(Clone, Debug, PartialEq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Holder {
    /// `which`.
    pub which: Wide,
    /// `arm`.
    #[ndr(switch_is = "which")]
    pub arm: ByEnum,
    /// `maybe`.
    #[ndr(switch_is = "which")]
    pub maybe: Option<ByEnum>,
    /// `choice`.
    pub choice: Choice,
    /// `point`.
    pub point: HolderPoint,
    /// `inner`.
    pub inner: HolderInner,
    /// `outer`.
    pub outer: HolderOuter,
    /// `inline_union`.
    #[ndr(switch_is = "tag")]
    pub inline_union: HolderInlineUnion,
    /// `tag`.
    pub tag: i16,
}

/// `HOLDER_point`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct HolderPoint {
    /// `x`.
    pub x: i32,
    /// `y`.
    pub y: i32,
}

/// `HOLDER_inner`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(enum16, crate = ::annulus::ndr)]
pub struct HolderInner(pub u16);

impl HolderInner {
    /// `INNER_A`.
    pub const INNER_A: Self = Self(0);

    /// `INNER_B`.
    pub const INNER_B: Self = Self(1);
}

/// `HOLDER_outer`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(v1_enum, crate = ::annulus::ndr)]
pub struct HolderOuter(pub u32);

impl HolderOuter {
    /// `OUTER_A`.
    pub const OUTER_A: Self = Self(0);

    /// `OUTER_B`.
    pub const OUTER_B: Self = Self(1);
}

/// `HOLDER_inline_union`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = i16, crate = ::annulus::ndr)]
pub enum HolderInlineUnion {
    /// `time`, of case `1`.
    #[ndr(case = 1)]
    Time(Filetime),
    /// `sid`, of case `2`.
    #[ndr(case = 2)]
    Sid(Option<RpcSid>),
}

/// `CONTEXT`.
pub type Context = ContextHandle;

/// A pair.
///
/// `PAIR` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Pair {
    /// `first`.
    pub first: i32,
    /// `second`.
    pub second: i16,
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0001),
    2,
    7,
);

/// Where the IDL says that the server listens.
pub const ENDPOINTS: &[&str] = &["ncacn_ip_tcp:[1234]", "ncalrpc:[everything]"];

/// Operation number of `sections`.
pub const SECTIONS: u16 = 0;

/// Operation number of `nothing`.
pub const NOTHING: u16 = 1;

/// Operation number of `nothing_either`.
pub const NOTHING_EITHER: u16 = 2;

/// Operation number of `scalars`.
pub const SCALARS: u16 = 3;

/// Operation number of `types`.
pub const TYPES: u16 = 4;

/// Operation number of `nodes`.
pub const NODES: u16 = 5;

/// Operation number of `bytes`.
pub const BYTES: u16 = 6;

/// Operation number of `strings`.
pub const STRINGS: u16 = 7;

/// Operation number of `buffers`.
pub const BUFFERS: u16 = 8;

/// Operation number of `contexts`.
pub const CONTEXTS: u16 = 9;

/// Operation number of `unions`.
pub const UNIONS: u16 = 10;

/// Operation number of `hint`.
pub const HINT: u16 = 11;

/// Operation number of `later`.
pub const LATER: u16 = 12;

/// Operation number of `many`.
pub const MANY: u16 = 13;

/// Operation number of `new`.
pub const NEW: u16 = 14;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 15;

/// `sections`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SectionsRequest {
    /// `in_sections`.
    pub in_sections: Sections,
}

/// `sections`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SectionsResponse {
    /// What the operation returns.
    pub result: Sections,
}

/// `scalars`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ScalarsRequest {
    /// `a`.
    pub a: u8,
    /// `b`.
    pub b: bool,
    /// `c`.
    pub c: f64,
}

/// `scalars`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ScalarsResponse {
    /// `d`.
    pub d: f32,
    /// What the operation returns.
    pub result: i32,
}

/// `types`: in-parameters.
#[derive(Clone, Debug, PartialEq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TypesRequest {
    /// `base`.
    pub base: BaseTypes,
    /// `arrays`.
    pub arrays: Arrays,
    /// `holder`.
    pub holder: Holder,
}

/// `types`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TypesResponse {
    /// `arrays`.
    pub arrays: Arrays,
}

/// `nodes`: in-parameters.
#[derive(Debug, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct NodesRequest {
    /// `type`.
    pub r#type: Option<Node>,
    /// `full`.
    pub full: FullNode,
    /// `shared`.
    pub shared: Full<i32>,
}

/// `nodes`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct NodesResponse {
    /// What the operation returns.
    pub result: Option<Node>,
}

/// `bytes`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct BytesRequest<'a> {
    /// `len`.
    pub len: u32,
    /// `data`.
    #[ndr(size_is = "len")]
    pub data: &'a [u8],
    /// `maybe`.
    #[ndr(size_is = "len")]
    pub maybe: Option<&'a [u8]>,
}

/// `bytes`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct BytesResponse {
    /// `out_len`.
    pub out_len: u32,
    /// `out_data`.
    #[ndr(size_is = "out_len")]
    pub out_data: Option<Vec<u8>>,
}

/// `strings`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct StringsRequest<'a> {
    /// `narrow`.
    #[ndr(string)]
    pub narrow: &'a [u8],
    /// `wide`.
    #[ndr(string)]
    pub wide: Utf16Str<'a>,
    /// `maybe`.
    #[ndr(string)]
    pub maybe: Option<Utf16Str<'a>>,
    /// `both`.
    #[ndr(string)]
    pub both: Option<String>,
    /// `constant`.
    #[ndr(string)]
    pub constant: Option<Utf16Str<'a>>,
}

/// `strings`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct StringsResponse {
    /// `both`.
    #[ndr(string)]
    pub both: Option<String>,
}

/// `buffers`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct BuffersRequest<'a> {
    /// `size`.
    pub size: i32,
    /// `buffer`.
    #[ndr(size_is = "size")]
    pub buffer: &'a [u8],
}

/// `buffers`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct BuffersResponse {
    /// `size`.
    pub size: i32,
    /// `buffer`.
    #[ndr(size_is = "size")]
    pub buffer: Vec<u8>,
    /// `values`.
    #[ndr(size_is = "size", length_is = "used")]
    pub values: Vec<i16>,
    /// `used`.
    pub used: i32,
}

/// `contexts`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ContextsRequest {
    /// `handle`.
    pub handle: Context,
    /// `both`.
    pub both: Context,
    /// `pidl`.
    pub pidl: ContextHandle,
}

/// `contexts`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ContextsResponse {
    /// `both`.
    pub both: Context,
    /// `raw`.
    pub raw: ContextHandle,
}

/// `unions`: in-parameters.
#[derive(Clone, Debug, PartialEq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct UnionsRequest {
    /// `choice`.
    pub choice: Choice,
    /// `which`.
    pub which: Wide,
    /// `arm`.
    #[ndr(switch_is = "which")]
    pub arm: ByEnum,
}

/// `unions`: out-parameters.
#[derive(Clone, Debug, PartialEq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct UnionsResponse {
    /// `flag`.
    pub flag: ByBoolean,
    /// What the operation returns.
    pub result: Choice,
}

/// `hint`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct HintRequest {
    /// `self`.
    pub self_: i32,
    /// `call`.
    pub call: i32,
    /// `context`.
    pub context: i32,
    /// `handle`.
    pub handle: i32,
}

/// `later`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct LaterRequest {
    /// `what`.
    pub what: i32,
}

/// `later`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct LaterResponse {
    /// `result`.
    pub result: i32,
    /// `colour`.
    pub colour: Colour,
}

/// `many`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ManyRequest {
    /// `a`.
    pub a: i32,
    /// `b`.
    pub b: i32,
    /// `c`.
    pub c: i32,
    /// `d`.
    pub d: i32,
    /// `e`.
    pub e: i32,
    /// `f`.
    pub f: i32,
    /// `g`.
    pub g: i32,
    /// `h`.
    pub h: i32,
}

/// `many`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ManyResponse {
    /// `i`.
    pub i: i32,
    /// What the operation returns.
    pub result: i32,
}

/// `new`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct NewRequest {
    /// `request`.
    pub request: i32,
}

/// Calls `Everything`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct EverythingClient {
    binding: Binding,
}

impl EverythingClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        binding.keep_connected();
        Self { binding }
    }

    /// `sections`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn sections(&self, in_sections: Sections) -> Result<Sections, Status> {
        let request = SectionsRequest { in_sections };
        let SectionsResponse { result } = self
            .binding
            .call_blocking(SECTIONS, &request)?;
        Ok(result)
    }

    /// `sections`.
    ///
    /// `.await` it.
    pub fn sections_future(&self, in_sections: Sections) -> Call<SectionsResponse> {
        let request = SectionsRequest { in_sections };
        self.binding.call(SECTIONS, &request)
    }

    /// `sections`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn sections_async(
        &self,
        handle: &mut AsyncHandle<SectionsResponse>,
        in_sections: Sections,
    ) -> Result<(), Status> {
        let request = SectionsRequest { in_sections };
        self.binding.call_async(handle, SECTIONS, &request)
    }

    /// `nothing`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn nothing(&self) -> Result<(), Status> {
        self.binding.call_blocking(NOTHING, &())
    }

    /// `nothing`.
    ///
    /// `.await` it.
    pub fn nothing_future(&self) -> Call<()> {
        self.binding.call(NOTHING, &())
    }

    /// `nothing`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn nothing_async(&self, handle: &mut AsyncHandle<()>) -> Result<(), Status> {
        self.binding.call_async(handle, NOTHING, &())
    }

    /// `nothing_either`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn nothing_either(&self) -> Result<(), Status> {
        self.binding.call_blocking(NOTHING_EITHER, &())
    }

    /// `nothing_either`.
    ///
    /// `.await` it.
    pub fn nothing_either_future(&self) -> Call<()> {
        self.binding.call(NOTHING_EITHER, &())
    }

    /// `nothing_either`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn nothing_either_async(
        &self,
        handle: &mut AsyncHandle<()>,
    ) -> Result<(), Status> {
        self.binding.call_async(handle, NOTHING_EITHER, &())
    }

    /// `scalars`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn scalars(&self, a: u8, b: bool, c: f64) -> Result<ScalarsResponse, Status> {
        let request = ScalarsRequest { a, b, c };
        self.binding.call_blocking(SCALARS, &request)
    }

    /// `scalars`.
    ///
    /// `.await` it.
    pub fn scalars_future(&self, a: u8, b: bool, c: f64) -> Call<ScalarsResponse> {
        let request = ScalarsRequest { a, b, c };
        self.binding.call(SCALARS, &request)
    }

    /// `scalars`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn scalars_async(
        &self,
        handle: &mut AsyncHandle<ScalarsResponse>,
        a: u8,
        b: bool,
        c: f64,
    ) -> Result<(), Status> {
        let request = ScalarsRequest { a, b, c };
        self.binding.call_async(handle, SCALARS, &request)
    }

    /// `types`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn types(
        &self,
        base: BaseTypes,
        arrays: Arrays,
        holder: Holder,
    ) -> Result<Arrays, Status> {
        let request = TypesRequest {
            base,
            arrays,
            holder,
        };
        let TypesResponse { arrays } = self.binding.call_blocking(TYPES, &request)?;
        Ok(arrays)
    }

    /// `types`.
    ///
    /// `.await` it.
    pub fn types_future(
        &self,
        base: BaseTypes,
        arrays: Arrays,
        holder: Holder,
    ) -> Call<TypesResponse> {
        let request = TypesRequest {
            base,
            arrays,
            holder,
        };
        self.binding.call(TYPES, &request)
    }

    /// `types`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn types_async(
        &self,
        handle: &mut AsyncHandle<TypesResponse>,
        base: BaseTypes,
        arrays: Arrays,
        holder: Holder,
    ) -> Result<(), Status> {
        let request = TypesRequest {
            base,
            arrays,
            holder,
        };
        self.binding.call_async(handle, TYPES, &request)
    }

    /// `nodes`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn nodes(
        &self,
        r#type: Option<Node>,
        full: FullNode,
        shared: Full<i32>,
    ) -> Result<Option<Node>, Status> {
        let request = NodesRequest {
            r#type,
            full,
            shared,
        };
        let NodesResponse { result } = self.binding.call_blocking(NODES, &request)?;
        Ok(result)
    }

    /// `nodes`.
    ///
    /// `.await` it.
    pub fn nodes_future(
        &self,
        r#type: Option<Node>,
        full: FullNode,
        shared: Full<i32>,
    ) -> Call<NodesResponse> {
        let request = NodesRequest {
            r#type,
            full,
            shared,
        };
        self.binding.call(NODES, &request)
    }

    /// `nodes`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn nodes_async(
        &self,
        handle: &mut AsyncHandle<NodesResponse>,
        r#type: Option<Node>,
        full: FullNode,
        shared: Full<i32>,
    ) -> Result<(), Status> {
        let request = NodesRequest {
            r#type,
            full,
            shared,
        };
        self.binding.call_async(handle, NODES, &request)
    }

    /// `bytes`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn bytes(
        &self,
        data: &[u8],
        maybe: Option<&[u8]>,
    ) -> Result<BytesResponse, Status> {
        let request = BytesRequest {
            len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data,
            maybe,
        };
        self.binding.call_blocking(BYTES, &request)
    }

    /// `bytes`.
    ///
    /// `.await` it.
    pub fn bytes_future(
        &self,
        data: &[u8],
        maybe: Option<&[u8]>,
    ) -> Call<BytesResponse> {
        let request = BytesRequest {
            len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data,
            maybe,
        };
        self.binding.call(BYTES, &request)
    }

    /// `bytes`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn bytes_async(
        &self,
        handle: &mut AsyncHandle<BytesResponse>,
        data: &[u8],
        maybe: Option<&[u8]>,
    ) -> Result<(), Status> {
        let request = BytesRequest {
            len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data,
            maybe,
        };
        self.binding.call_async(handle, BYTES, &request)
    }

    /// `strings`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn strings(
        &self,
        narrow: &[u8],
        wide: &str,
        maybe: Option<&str>,
        both: Option<String>,
        constant: Option<&str>,
    ) -> Result<Option<String>, Status> {
        let request = StringsRequest {
            narrow,
            wide: wide.into(),
            maybe: maybe.map(Into::into),
            both,
            constant: constant.map(Into::into),
        };
        let StringsResponse { both } = self.binding.call_blocking(STRINGS, &request)?;
        Ok(both)
    }

    /// `strings`.
    ///
    /// `.await` it.
    pub fn strings_future(
        &self,
        narrow: &[u8],
        wide: &str,
        maybe: Option<&str>,
        both: Option<String>,
        constant: Option<&str>,
    ) -> Call<StringsResponse> {
        let request = StringsRequest {
            narrow,
            wide: wide.into(),
            maybe: maybe.map(Into::into),
            both,
            constant: constant.map(Into::into),
        };
        self.binding.call(STRINGS, &request)
    }

    /// `strings`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn strings_async(
        &self,
        handle: &mut AsyncHandle<StringsResponse>,
        narrow: &[u8],
        wide: &str,
        maybe: Option<&str>,
        both: Option<String>,
        constant: Option<&str>,
    ) -> Result<(), Status> {
        let request = StringsRequest {
            narrow,
            wide: wide.into(),
            maybe: maybe.map(Into::into),
            both,
            constant: constant.map(Into::into),
        };
        self.binding.call_async(handle, STRINGS, &request)
    }

    /// `buffers`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn buffers(&self, size: i32, buffer: &[u8]) -> Result<BuffersResponse, Status> {
        let request = BuffersRequest { size, buffer };
        self.binding.call_blocking(BUFFERS, &request)
    }

    /// `buffers`.
    ///
    /// `.await` it.
    pub fn buffers_future(&self, size: i32, buffer: &[u8]) -> Call<BuffersResponse> {
        let request = BuffersRequest { size, buffer };
        self.binding.call(BUFFERS, &request)
    }

    /// `buffers`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn buffers_async(
        &self,
        handle: &mut AsyncHandle<BuffersResponse>,
        size: i32,
        buffer: &[u8],
    ) -> Result<(), Status> {
        let request = BuffersRequest { size, buffer };
        self.binding.call_async(handle, BUFFERS, &request)
    }

    /// `contexts`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn contexts(
        &self,
        handle: Context,
        both: Context,
        pidl: ContextHandle,
    ) -> Result<ContextsResponse, Status> {
        let request = ContextsRequest {
            handle,
            both,
            pidl,
        };
        self.binding.call_blocking(CONTEXTS, &request)
    }

    /// `contexts`.
    ///
    /// `.await` it.
    pub fn contexts_future(
        &self,
        handle: Context,
        both: Context,
        pidl: ContextHandle,
    ) -> Call<ContextsResponse> {
        let request = ContextsRequest {
            handle,
            both,
            pidl,
        };
        self.binding.call(CONTEXTS, &request)
    }

    /// `contexts`.
    ///
    /// `handle_` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn contexts_async(
        &self,
        handle_: &mut AsyncHandle<ContextsResponse>,
        handle: Context,
        both: Context,
        pidl: ContextHandle,
    ) -> Result<(), Status> {
        let request = ContextsRequest {
            handle,
            both,
            pidl,
        };
        self.binding.call_async(handle_, CONTEXTS, &request)
    }

    /// `unions`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn unions(
        &self,
        choice: Choice,
        which: Wide,
        arm: ByEnum,
    ) -> Result<UnionsResponse, Status> {
        let request = UnionsRequest {
            choice,
            which,
            arm,
        };
        self.binding.call_blocking(UNIONS, &request)
    }

    /// `unions`.
    ///
    /// `.await` it.
    pub fn unions_future(
        &self,
        choice: Choice,
        which: Wide,
        arm: ByEnum,
    ) -> Call<UnionsResponse> {
        let request = UnionsRequest {
            choice,
            which,
            arm,
        };
        self.binding.call(UNIONS, &request)
    }

    /// `unions`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn unions_async(
        &self,
        handle: &mut AsyncHandle<UnionsResponse>,
        choice: Choice,
        which: Wide,
        arm: ByEnum,
    ) -> Result<(), Status> {
        let request = UnionsRequest {
            choice,
            which,
            arm,
        };
        self.binding.call_async(handle, UNIONS, &request)
    }

    /// `hint`.
    ///
    /// `[maybe]`: is sent and not answered, nor is it told whether it arrived.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn hint(
        &self,
        self_: i32,
        call: i32,
        context: i32,
        handle: i32,
    ) -> Result<(), Status> {
        let request = HintRequest {
            self_,
            call,
            context,
            handle,
        };
        self.binding.call_maybe(HINT, &request)
    }

    /// `later`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn later(&self, what: i32) -> Result<LaterResponse, Status> {
        let request = LaterRequest { what };
        self.binding.call_blocking(LATER, &request)
    }

    /// `later`.
    ///
    /// `.await` it.
    pub fn later_future(&self, what: i32) -> Call<LaterResponse> {
        let request = LaterRequest { what };
        self.binding.call(LATER, &request)
    }

    /// `later`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn later_async(
        &self,
        handle: &mut AsyncHandle<LaterResponse>,
        what: i32,
    ) -> Result<(), Status> {
        let request = LaterRequest { what };
        self.binding.call_async(handle, LATER, &request)
    }

    /// `new`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn new2(&self, request: i32) -> Result<(), Status> {
        let request_ = NewRequest { request };
        self.binding.call_blocking(NEW, &request_)
    }

    /// `new`.
    ///
    /// `.await` it.
    pub fn new2_future(&self, request: i32) -> Call<()> {
        let request_ = NewRequest { request };
        self.binding.call(NEW, &request_)
    }

    /// `new`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn new2_async(
        &self,
        handle: &mut AsyncHandle<()>,
        request: i32,
    ) -> Result<(), Status> {
        let request_ = NewRequest { request };
        self.binding.call_async(handle, NEW, &request_)
    }
}

/// The manager routines of `Everything`.
pub trait Everything: Send + Sync + 'static {
    /// `sections`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn sections(
        &self,
        context: &mut CallContext<'_>,
        in_sections: Sections,
    ) -> Result<Sections, Status>;

    /// `nothing`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn nothing(&self, context: &mut CallContext<'_>) -> Result<(), Status>;

    /// `nothing_either`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn nothing_either(&self, context: &mut CallContext<'_>) -> Result<(), Status>;

    /// `scalars`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn scalars(
        &self,
        context: &mut CallContext<'_>,
        a: u8,
        b: bool,
        c: f64,
    ) -> Result<ScalarsResponse, Status>;

    /// `types`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn types(
        &self,
        context: &mut CallContext<'_>,
        base: BaseTypes,
        arrays: Arrays,
        holder: Holder,
    ) -> Result<Arrays, Status>;

    /// `nodes`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn nodes(
        &self,
        context: &mut CallContext<'_>,
        r#type: Option<Node>,
        full: FullNode,
        shared: Full<i32>,
    ) -> Result<Option<Node>, Status>;

    /// `bytes`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn bytes(
        &self,
        context: &mut CallContext<'_>,
        data: &[u8],
        maybe: Option<&[u8]>,
    ) -> Result<BytesResponse, Status>;

    /// `strings`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn strings(
        &self,
        context: &mut CallContext<'_>,
        narrow: &[u8],
        wide: Utf16Str<'_>,
        maybe: Option<Utf16Str<'_>>,
        both: Option<String>,
        constant: Option<Utf16Str<'_>>,
    ) -> Result<Option<String>, Status>;

    /// `buffers`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn buffers(
        &self,
        context: &mut CallContext<'_>,
        size: i32,
        buffer: &[u8],
    ) -> Result<BuffersResponse, Status>;

    /// `contexts`.
    ///
    /// `handle` names a context of the client:
    /// `context.exclusive_context::<T>(&handle)`, or `shared_context`.
    ///
    /// `both` names a context of the client, or is null: return it as it came, or
    /// what `context.open_context(value)` made, or, after
    /// `context.close_context::<T>(&both)`, `ContextHandle::NULL`.
    ///
    /// `raw` is what `context.open_context(value)` makes.
    ///
    /// `pidl` names a context of the client:
    /// `context.exclusive_context::<T>(&pidl)`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn contexts(
        &self,
        context: &mut CallContext<'_>,
        handle: Context,
        both: Context,
        pidl: ContextHandle,
    ) -> Result<ContextsResponse, Status>;

    /// Follows `contexts`: its reply is made, or it has failed, perhaps before it was called.
    fn contexts_notify(&self);

    /// `unions`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn unions(
        &self,
        context: &mut CallContext<'_>,
        choice: Choice,
        which: Wide,
        arm: ByEnum,
    ) -> Result<UnionsResponse, Status>;

    /// `hint`.
    ///
    /// `[maybe]`: nobody hears of it.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn hint(
        &self,
        context_: &mut CallContext<'_>,
        self_: i32,
        call: i32,
        context: i32,
        handle: i32,
    ) -> Result<(), Status>;

    /// `later`.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn later(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<LaterResponse>,
        what: i32,
    ) -> Result<(), Status>;

    /// `many`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn many(
        &self,
        context: &mut CallContext<'_>,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
    ) -> Result<ManyResponse, Status>;

    /// `new`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn new2(&self, context: &mut CallContext<'_>, request: i32) -> Result<(), Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Everything) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Everything> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call_: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call_.opnum() {
            SECTIONS => {
                let SectionsRequest { in_sections } = call_.decode()?;
                let result = manager.sections(call_.context(), in_sections)?;
                call_.reply(&SectionsResponse { result })
            }
            NOTHING => {
                manager.nothing(call_.context())?;
                call_.reply(&())
            }
            NOTHING_EITHER => {
                manager.nothing_either(call_.context())?;
                call_.reply(&())
            }
            SCALARS => {
                let ScalarsRequest { a, b, c } = call_.decode()?;
                let response = manager.scalars(call_.context(), a, b, c)?;
                call_.reply(&response)
            }
            TYPES => {
                let TypesRequest { base, arrays, holder } = call_.decode()?;
                let arrays = manager.types(call_.context(), base, arrays, holder)?;
                call_.reply(&TypesResponse { arrays })
            }
            NODES => {
                let NodesRequest { r#type, full, shared } = call_.decode()?;
                let result = manager.nodes(call_.context(), r#type, full, shared)?;
                call_.reply(&NodesResponse { result })
            }
            BYTES => {
                let BytesRequest { data, maybe, .. } = call_.decode()?;
                let response = manager.bytes(call_.context(), data, maybe)?;
                call_.reply(&response)
            }
            STRINGS => {
                let StringsRequest { narrow, wide, maybe, both, constant } = call_
                    .decode()?;
                let both = manager
                    .strings(call_.context(), narrow, wide, maybe, both, constant)?;
                call_.reply(&StringsResponse { both })
            }
            BUFFERS => {
                let BuffersRequest { size, buffer } = call_.decode()?;
                let response = manager.buffers(call_.context(), size, buffer)?;
                call_.reply(&response)
            }
            CONTEXTS => {
                let outcome = self.contexts(&mut call_);
                manager.contexts_notify();
                outcome
            }
            UNIONS => {
                let UnionsRequest { choice, which, arm } = call_.decode()?;
                let response = manager.unions(call_.context(), choice, which, arm)?;
                call_.reply(&response)
            }
            HINT => {
                let HintRequest { self_, call, context, handle } = call_.decode()?;
                manager.hint(call_.context(), self_, call, context, handle)?;
                call_.reply(&())
            }
            LATER => {
                let LaterRequest { what } = call_.decode()?;
                let deferred = call_.defer()?;
                manager.later(call_.context(), deferred, what)
            }
            MANY => {
                let ManyRequest { a, b, c, d, e, f, g, h } = call_.decode()?;
                let response = manager.many(call_.context(), a, b, c, d, e, f, g, h)?;
                call_.reply(&response)
            }
            NEW => {
                let NewRequest { request } = call_.decode()?;
                manager.new2(call_.context(), request)?;
                call_.reply(&())
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

impl<M: Everything> Stub<M> {
    fn contexts(&self, call_: &mut Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        let ContextsRequest { handle, both, pidl } = call_.decode()?;
        let response = manager.contexts(call_.context(), handle, both, pidl)?;
        call_.reply(&response)
    }
}
