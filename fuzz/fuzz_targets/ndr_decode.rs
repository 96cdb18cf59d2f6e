//! Any bytes, as any of the types, in both syntaxes and byte orders: no panic, little memory,
//! and what was decoded and can be encoded is stable from then on.

#![no_main]

use annulus_fuzz::{Borrowing, Forest, Graph, Sections};
use annulus_ndr::{
    ByteOrder, DecodeParams, EncodeParams, Ndr, Ndr64, Syntax, decode, encode, encode_segments,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&selector, stub)) = input.split_first() else {
        return;
    };
    let order = if selector & 1 == 0 {
        ByteOrder::Little
    } else {
        ByteOrder::Big
    };
    if selector & 2 == 0 {
        each_type::<Ndr>(selector >> 2, stub, order);
    } else {
        each_type::<Ndr64>(selector >> 2, stub, order);
    }
});

fn each_type<S: Syntax>(selector: u8, stub: &[u8], order: ByteOrder) {
    match selector & 3 {
        0 => check::<S, Forest>(stub, order),
        1 => check::<S, Graph>(stub, order),
        2 => check::<S, Sections>(stub, order),
        _ => {
            // The signature of `check` is for types without a lifetime.
            if let Ok(value) = decode::<S, Borrowing<'_>>(stub, order)
                && let Some(again) = encoded::<S>(&value)
            {
                let same = decode::<S, Borrowing<'_>>(&again, ByteOrder::Little)
                    .expect("what was encoded can be decoded");
                assert_eq!(encoded::<S>(&same).as_ref(), Some(&again));
            }
        }
    }
}

fn check<S: Syntax, T>(stub: &[u8], order: ByteOrder)
where
    T: EncodeParams + for<'a> DecodeParams<'a>,
{
    let Ok(value) = decode::<S, T>(stub, order) else {
        return;
    };
    let Some(again) = encoded::<S>(&value) else {
        return;
    };
    let segments = encode_segments::<S, _>(&value).expect("it could be encoded");
    assert_eq!(segments.iter().collect::<Vec<_>>().concat(), again);
    let same = decode::<S, T>(&again, ByteOrder::Little).expect("what was encoded can be decoded");
    assert_eq!(encoded::<S>(&same), Some(again));
}

/// `None` where a value was taken that is not to be sent, such as a string with a NUL.
fn encoded<S: Syntax>(value: &impl EncodeParams) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    encode::<S, _>(value, &mut out).ok()?;
    Some(out)
}
