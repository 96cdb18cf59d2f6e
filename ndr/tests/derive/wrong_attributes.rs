use annulus_ndr::{Ndr, NdrParams};

#[derive(Ndr)]
struct UnknownOfAField {
    #[ndr(sized_by = "len")]
    values: Vec<u8>,
}

#[derive(Ndr)]
#[ndr(union)]
enum UnknownOfAType {
    A,
}

#[derive(Ndr)]
struct Twice {
    #[ndr(string)]
    #[ndr(string)]
    name: String,
}

#[derive(Ndr)]
struct RefAndUnique {
    #[ndr(ref, unique)]
    value: u8,
}

#[derive(Ndr)]
#[ndr(switch = u8)]
struct SwitchOfAStruct {
    value: u8,
}

#[derive(NdrParams)]
#[ndr(v1_enum)]
struct EnumOfParams {
    value: u8,
}

#[derive(Ndr)]
struct RangeOfThree {
    #[ndr(range(1, 2, 3))]
    value: u8,
}

#[derive(Ndr)]
struct TwoLifetimes<'a, 'b> {
    first: &'a [u8; 2],
    second: &'b [u8; 2],
}

fn main() {}
