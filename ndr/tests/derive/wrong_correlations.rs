use annulus_ndr::Ndr;

#[derive(Ndr)]
struct NoSuchField {
    len: u32,
    #[ndr(size_is = "length")]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct Method {
    len: u32,
    #[ndr(size_is = "len.max(2)")]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct Operator {
    len: u32,
    #[ndr(size_is = "len % 2")]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct DividedByAField {
    len: u32,
    #[ndr(size_is = "2 / len")]
    values: Vec<u8>,
}

#[derive(Ndr)]
struct SwitchOfAnArray {
    kind: u32,
    #[ndr(switch_is = "kind", conformant)]
    values: Vec<u8>,
}

fn main() {}
