use annulus_ndr::{Ndr, NdrParams};

#[derive(Ndr)]
#[ndr(switch = u16)]
enum Info {
    #[ndr(case = 1)]
    A(u8),
}

#[derive(NdrParams)]
enum NotAStruct {
    A,
}

#[derive(NdrParams)]
struct SelectedTooLate {
    #[ndr(switch_is = "level")]
    info: Info,
    level: u16,
}

#[derive(NdrParams)]
#[ndr(encode_only, decode_only)]
struct NeitherWay {
    value: u8,
}

fn main() {}
