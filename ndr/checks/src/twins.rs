//! Two types for the same bytes: one borrows from the stub and converts late, the other owns
//! everything, converted by vector code.

use annulus_ndr::{
    ByteOrder, DecodeErrorKind, NdrParams, Number, Numbers, Syntax, Utf16Str, decode,
};

use crate::encoded;

#[derive(NdrParams, Debug)]
struct View<'a> {
    len: u16,
    #[ndr(size_is = "len")]
    bytes: &'a [u8],
    #[ndr(string)]
    wide: Option<Utf16Str<'a>>,
    #[ndr(string)]
    narrow: &'a [u8],
    #[ndr(conformant)]
    shorts: Numbers<'a, u16>,
    #[ndr(conformant, varying)]
    longs: Numbers<'a, i32>,
    #[ndr(unique, size_is = "len")]
    hypers: Option<Numbers<'a, u64>>,
    #[ndr(varying = 6)]
    counted: Utf16Str<'a>,
    #[ndr(string, varying = 9)]
    placed: Utf16Str<'a>,
    fixed: &'a [u8; 3],
    #[ndr(fixed = 5)]
    doubles: Numbers<'a, f64>,
    #[ndr(conformant)]
    name: Utf16Str<'a>,
}

#[derive(NdrParams, Debug)]
struct Owned {
    len: u16,
    #[ndr(size_is = "len")]
    bytes: Vec<u8>,
    #[ndr(string)]
    wide: Option<String>,
    #[ndr(string)]
    narrow: Vec<u8>,
    #[ndr(conformant)]
    shorts: Vec<u16>,
    #[ndr(conformant, varying)]
    longs: Vec<i32>,
    #[ndr(unique, size_is = "len")]
    hypers: Option<Vec<u64>>,
    #[ndr(varying = 6)]
    counted: String,
    #[ndr(string, varying = 9)]
    placed: String,
    fixed: [u8; 3],
    #[ndr(fixed = 5)]
    doubles: Vec<f64>,
    #[ndr(conformant)]
    name: String,
}

/// Decodes `stub` as both, and compares what came of it, or what was wrong.
pub(crate) fn check_twins<S: Syntax>(stub: &[u8], order: ByteOrder) {
    let view = decode::<S, View<'_>>(stub, order);
    let owned = decode::<S, Owned>(stub, order);
    match (view, owned) {
        (Ok(view), Ok(owned)) => {
            assert_same(&view, &owned);
            let sent = encoded::<S>(&owned);
            assert_eq!(encoded::<S>(&view), sent);
            if let Some(sent) = sent {
                let again = decode::<S, View<'_>>(&sent, ByteOrder::Little)
                    .expect("what was encoded can be decoded");
                assert_same(&again, &owned);
                assert_eq!(encoded::<S>(&again), Some(sent));
            }
        }
        // The owner converts its strings at once, so it may also be the first to find fault.
        (view, Err(error)) if *error.kind() == DecodeErrorKind::InvalidUtf16 => {
            if let Ok(view) = view {
                let texts = [
                    view.wide.unwrap_or("".into()),
                    view.counted,
                    view.placed,
                    view.name,
                ];
                assert!(texts.iter().any(|text| text.to_utf8().is_none()));
            }
        }
        (Err(late), Err(early)) => {
            assert_eq!((late.kind(), late.offset()), (early.kind(), early.offset()));
        }
        (view, owned) => panic!("borrowed: {view:?}\nowned: {owned:?}"),
    }
}

fn assert_same(view: &View<'_>, owned: &Owned) {
    assert_eq!(view.len, owned.len);
    assert_eq!(view.bytes, owned.bytes);
    assert_eq!(view.wide.is_some(), owned.wide.is_some());
    if let (Some(wide), Some(text)) = (view.wide, &owned.wide) {
        assert_eq!(wide, text.as_str());
    }
    assert_eq!(view.narrow, owned.narrow);
    assert_numbers(view.shorts, &owned.shorts);
    assert_numbers(view.longs, &owned.longs);
    assert_eq!(view.hypers.is_some(), owned.hypers.is_some());
    if let (Some(hypers), Some(numbers)) = (view.hypers, &owned.hypers) {
        assert_numbers(hypers, numbers);
    }
    assert_eq!(view.counted, owned.counted.as_str());
    assert_eq!(view.placed, owned.placed.as_str());
    assert_eq!(*view.fixed, owned.fixed);
    let bits = |double: f64| double.to_bits();
    assert!(
        view.doubles
            .iter()
            .map(bits)
            .eq(owned.doubles.iter().copied().map(bits))
    );
    assert_eq!(view.name, owned.name.as_str());
}

/// `owned` was converted by vectors, `to_vec` converts by vectors, `iter` and `get` one by one.
fn assert_numbers<N: Number + PartialEq + std::fmt::Debug>(view: Numbers<'_, N>, owned: &[N]) {
    assert_eq!(view.to_vec(), owned);
    assert!(view.iter().eq(owned.iter().copied()));
    assert_eq!(
        view.get(owned.len() / 2),
        owned.get(owned.len() / 2).copied()
    );
}
