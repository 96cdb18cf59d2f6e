use annulus_ndr::Ndr;

#[derive(Ndr)]
enum WithData {
    A(u8),
}

#[derive(Ndr)]
enum WithoutValues {}

#[derive(Ndr)]
#[ndr(encapsulated)]
enum Encapsulated {
    A = 1,
}

#[derive(Ndr)]
#[ndr(v1_enum, enum16)]
enum OfBothWidths {
    A = 1,
}

#[derive(Ndr)]
union OfRust {
    small: u8,
    large: u64,
}

fn main() {}
