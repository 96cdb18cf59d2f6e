use annulus_ndr::{ArraySection, Ndr};

#[derive(Ndr)]
struct ConformantBeforeTheEnd {
    len: u32,
    #[ndr(size_is = "len")]
    values: Vec<u8>,
    after: u8,
}

#[derive(Ndr)]
struct StringBeforeTheEnd {
    #[ndr(string)]
    name: String,
    after: u8,
}

#[derive(Ndr)]
struct NoRoom {
    len: u32,
    #[ndr(length_is = "len")]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct RoomUnknown {
    #[ndr(varying)]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct RoomTwice {
    len: u32,
    #[ndr(size_is = "len", varying = 4)]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct FixedAndVarying {
    len: u32,
    #[ndr(fixed = 4, length_is = "len")]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct ConformantTwice {
    len: u32,
    #[ndr(conformant, size_is = "len")]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct DimensionsDiffer {
    rows: u32,
    #[ndr(size_is = "(rows, rows)", length_is = "rows")]
    values: ArraySection<u8, 2>,
}

fn main() {}
