use annulus_ndr::Ndr;

#[derive(Ndr)]
#[ndr(switch = usize)]
enum SwitchOfTheMachine {
    #[ndr(case = 1)]
    A(u8),
}

#[derive(Ndr)]
#[ndr(switch = u16)]
enum NoCase {
    A(u8),
}

#[derive(Ndr)]
#[ndr(switch = u16)]
enum CaseAndDefault {
    #[ndr(case = 1, default)]
    A(u16),
}

#[derive(Ndr)]
#[ndr(switch = u16)]
enum DefaultWithoutDiscriminant {
    #[ndr(default)]
    Other,
}

#[derive(Ndr)]
#[ndr(switch = u16)]
enum TwoDefaults {
    #[ndr(default)]
    Other(u16),
    #[ndr(default)]
    Another(u16),
}

#[derive(Ndr)]
#[ndr(switch = u16)]
enum NeighboursOfAnArm {
    #[ndr(case = 1, size_is = "len")]
    A(Option<Vec<u8>>),
}

#[derive(Ndr)]
#[ndr(switch = u16)]
enum NamedFields {
    #[ndr(case = 1)]
    A { value: u8 },
}

#[derive(Ndr)]
#[ndr(switch = u16, encapsulated, ms_union)]
enum EncapsulatedMsUnion {
    #[ndr(case = 1)]
    A(u8),
}

fn main() {}
