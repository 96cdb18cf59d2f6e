use annulus_ndr::NdrParams;

#[derive(NdrParams)]
enum NotAStruct {
    A,
}

#[derive(NdrParams)]
#[ndr(encode_only, decode_only)]
struct NeitherWay {
    value: u8,
}

fn main() {}
