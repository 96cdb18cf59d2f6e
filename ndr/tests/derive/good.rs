//! As close to what is refused as can be.

use annulus_ndr::{ArraySection, Ndr, NdrParams};

#[derive(Ndr)]
struct BehindPointers {
    len: u32,
    #[ndr(size_is = "len")]
    first: Option<Vec<u8>>,
    #[ndr(ref, string)]
    second: String,
    #[ndr(size_is = "(len, 2)")]
    last: ArraySection<u8, 2>,
}

#[derive(Ndr)]
#[ndr(switch = u16, ms_union)]
enum Choice {
    #[ndr(case = 1)]
    Nothing,
    #[ndr(case = 2, conformant)]
    Bytes(Option<Vec<u8>>),
    #[ndr(default)]
    Other(u16),
}

#[derive(NdrParams)]
struct Params<'a> {
    #[ndr(string)]
    first: &'a [u8],
    kind: u16,
    #[ndr(switch_is = "kind")]
    choice: Choice,
    #[ndr(unique)]
    whole: Option<BehindPointers>,
}

fn main() {}
