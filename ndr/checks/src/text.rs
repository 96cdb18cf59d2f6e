//! Strings convert as the standard library converts them, whichever instructions do it: counted
//! and terminated ones, owned and borrowed, in both byte orders, at any address.

use annulus_ndr::{
    ByteOrder, DecodeError, DecodeErrorKind, EncodeParams, Ndr, NdrParams, Utf16Str, decode,
};

use crate::encoded;

#[derive(NdrParams)]
struct Counted {
    #[ndr(conformant)]
    text: String,
}

#[derive(NdrParams)]
struct CountedView<'a> {
    #[ndr(conformant)]
    text: Utf16Str<'a>,
}

#[derive(NdrParams)]
struct Terminated {
    #[ndr(string)]
    text: String,
}

#[derive(NdrParams)]
struct TerminatedView<'a> {
    #[ndr(string)]
    text: Utf16Str<'a>,
}

/// No vector is longer.
const ADDRESSES: usize = 64;

/// Takes all but the first byte, which chooses an address, for UTF-16.
pub fn text(input: &[u8]) {
    let Some((&skew, input)) = input.split_first() else {
        return;
    };
    let (units, _) = input.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let skew = usize::from(skew) % ADDRESSES;
        counted(&units, order, skew);
        terminated(&units, order, skew);
    }
}

fn counted(units: &[u16], order: ByteOrder, skew: usize) {
    let memory = skewed(skew, order, &[units.len()], units);
    let view = decode::<Ndr, CountedView<'_>>(&memory[skew..], order).expect("all of it is there");
    assert_view(view.text, units);
    assert_eq!(stub_of(&view), little(&[units.len()], units));

    let owned = decode::<Ndr, Counted>(&memory[skew..], order).map(|owned| owned.text);
    if let Some(text) = assert_owned(owned, units) {
        assert_eq!(
            stub_of(&Counted { text }),
            little(&[units.len()], units),
            "it is counted"
        );
    }
}

fn terminated(units: &[u16], order: ByteOrder, skew: usize) {
    let count = units.len() + 1;
    let wire = [units, &[0]].concat();
    let memory = skewed(skew, order, &[count, 0, count], &wire);
    let before_nul = units.split(|unit| *unit == 0).next().unwrap_or_default();
    let count = before_nul.len() + 1;
    let sent = little(&[count, 0, count], &[before_nul, &[0]].concat());

    let view = decode::<Ndr, TerminatedView<'_>>(&memory[skew..], order).expect("it has its NUL");
    assert_view(view.text, before_nul);
    assert_eq!(stub_of(&view), sent);

    let owned = decode::<Ndr, Terminated>(&memory[skew..], order).map(|owned| owned.text);
    if let Some(text) = assert_owned(owned, before_nul) {
        assert_eq!(stub_of(&Terminated { text }), sent);
    }
}

fn assert_view(view: Utf16Str<'_>, units: &[u16]) {
    let oracle = String::from_utf16_lossy(units);
    assert_eq!(view.unit_count(), units.len());
    assert_eq!(view.to_string_lossy(), oracle);
    assert_eq!(view.chars().collect::<String>(), oracle);
    assert_eq!(
        view.to_utf8().as_deref(),
        String::from_utf16(units).ok().as_deref()
    );
}

/// Compares with the standard library's string, and gives it.
fn assert_owned(owned: Result<String, DecodeError>, units: &[u16]) -> Option<String> {
    match (owned, String::from_utf16(units)) {
        (Ok(owned), Ok(oracle)) => {
            assert_eq!(owned, oracle);
            assert_eq!(Utf16Str::from(owned.as_str()).unit_count(), units.len());
            Some(owned)
        }
        (Err(error), Err(_)) => {
            assert_eq!(*error.kind(), DecodeErrorKind::InvalidUtf16);
            None
        }
        (ours, oracle) => panic!("{ours:?} where the oracle has {oracle:?}"),
    }
}

fn stub_of(value: &impl EncodeParams) -> Vec<u8> {
    encoded::<Ndr>(value).expect("the value is good")
}

/// A little-endian stub.
fn little(counts: &[usize], units: &[u16]) -> Vec<u8> {
    skewed(0, ByteOrder::Little, counts, units)
}

/// A stub behind `skew` other bytes, so that it lies at another address.
fn skewed(skew: usize, order: ByteOrder, counts: &[usize], units: &[u16]) -> Vec<u8> {
    let mut memory = vec![0xee; skew];
    for count in counts {
        let count = u32::try_from(*count).expect("an input is short");
        memory.extend(match order {
            ByteOrder::Little => count.to_le_bytes(),
            ByteOrder::Big => count.to_be_bytes(),
        });
    }
    for unit in units {
        memory.extend(match order {
            ByteOrder::Little => unit.to_le_bytes(),
            ByteOrder::Big => unit.to_be_bytes(),
        });
    }
    memory
}
