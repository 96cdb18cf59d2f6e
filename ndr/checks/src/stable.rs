//! What was decoded encodes to something that decodes to the same.

use annulus_ndr::{ByteOrder, DecodeParams, EncodeParams, Syntax, decode, encode_segments};

use crate::encoded;

/// Decodes `stub` as a `T`; encodes that, in one piece and in segments, in both syntaxes, and
/// back.
pub(crate) fn check_stable<S: Syntax, Other: Syntax, T>(stub: &[u8], order: ByteOrder)
where
    T: EncodeParams + for<'a> DecodeParams<'a>,
{
    let Ok(value) = decode::<S, T>(stub, order) else {
        return;
    };
    let Some(sent) = encoded::<S>(&value) else {
        return;
    };
    let segments = encode_segments::<S, _>(&value).expect("it could be encoded in one piece");
    assert_eq!(segments.iter().collect::<Vec<_>>().concat(), sent);
    assert_eq!(encoded::<S>(&received::<S, T>(&sent)).as_ref(), Some(&sent));
    // An extent that is not on the wire in full may be too great for NDR.
    if let Some(translated) = encoded::<Other>(&value) {
        let back = received::<Other, T>(&translated);
        assert_eq!(encoded::<S>(&back), Some(sent));
    }
}

fn received<S: Syntax, T: for<'a> DecodeParams<'a>>(sent: &[u8]) -> T {
    decode::<S, T>(sent, ByteOrder::Little).expect("what was encoded can be decoded")
}
