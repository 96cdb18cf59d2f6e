//! Strings convert as the standard library converts them.

#![no_main]

use annulus_ndr::{ByteOrder, DecodeErrorKind, Ndr, NdrParams, Utf16Str, decode, encode};
use libfuzzer_sys::fuzz_target;

#[derive(NdrParams)]
struct Owned {
    #[ndr(conformant)]
    text: String,
}

#[derive(NdrParams)]
struct Borrowed<'a> {
    #[ndr(conformant)]
    text: Utf16Str<'a>,
}

fuzz_target!(|input: &[u8]| {
    let (units, _) = input.as_chunks::<2>();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let count = u32::try_from(units.len()).expect("small");
        let (mut stub, native): (_, fn([u8; 2]) -> u16) = match order {
            ByteOrder::Little => (count.to_le_bytes().to_vec(), u16::from_le_bytes),
            ByteOrder::Big => (count.to_be_bytes().to_vec(), u16::from_be_bytes),
        };
        stub.extend_from_slice(units.as_flattened());
        let native: Vec<u16> = units.iter().map(|unit| native(*unit)).collect();
        let borrowed = decode::<Ndr, Borrowed<'_>>(&stub, order).expect("all of it is there");
        assert_eq!(
            borrowed.text.to_string_lossy(),
            String::from_utf16_lossy(&native)
        );
        match (
            decode::<Ndr, Owned>(&stub, order),
            String::from_utf16(&native),
        ) {
            (Ok(owned), Ok(oracle)) => {
                assert_eq!(owned.text, oracle);
                let mut again = Vec::new();
                encode::<Ndr, _>(&owned, &mut again).expect("it is counted");
                let wire: Vec<u8> = native.iter().flat_map(|unit| unit.to_le_bytes()).collect();
                assert_eq!(again[4..], wire);
            }
            (Err(error), Err(_)) => assert_eq!(*error.kind(), DecodeErrorKind::InvalidUtf16),
            (ours, oracle) => panic!("{:?} where the oracle has {oracle:?}", ours.map(|o| o.text)),
        }
    }
});
