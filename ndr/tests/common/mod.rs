//! Hex, and one value against its bytes in both directions.

use std::fmt::Debug;

use annulus_ndr::{ByteOrder, DecodeError, DecodeParams, EncodeParams, Syntax, decode, encode};

/// Bytes from hex; spaces and anything in parentheses are for people.
pub fn hex(text: &str) -> Vec<u8> {
    let mut digits = String::new();
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            c if depth == 0 && !c.is_whitespace() => digits.push(c),
            _ => {}
        }
    }
    assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).expect("hex"))
        .collect()
}

pub fn encoded<S: Syntax>(params: &impl EncodeParams) -> Vec<u8> {
    let mut out = Vec::new();
    encode::<S, _>(params, &mut out).expect("the value can be encoded");
    out
}

pub fn decoded<'a, S: Syntax, T: DecodeParams<'a>>(stub: &'a [u8]) -> Result<T, DecodeError> {
    decode::<S, T>(stub, ByteOrder::Little)
}

/// Asserts that `params` becomes `text`, and `text` becomes `params`.
pub fn assert_wire<'a, S, T>(params: &T, text: &str, stub: &'a mut Vec<u8>)
where
    S: Syntax,
    T: EncodeParams + DecodeParams<'a> + PartialEq + Debug,
{
    *stub = hex(text);
    assert_eq!(encoded::<S>(params), *stub, "encoding {params:?}");
    assert_eq!(decoded::<S, T>(stub).expect("the vector decodes"), *params);
}
