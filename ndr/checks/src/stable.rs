//! What was decoded encodes to something that decodes to the same.

use annulus_ndr::{
    ByteOrder, DecodeParams, EncodeParams, Params, SharedPart, Syntax, WithGiven, decode_given,
    encode_shared,
};

use crate::encoded;

/// Decodes `stub` as a `T` whose request told `given`; encodes that, in one piece and with shared parts,
/// in both syntaxes, and back.
pub(crate) fn check_stable<S: Syntax, Other: Syntax, T>(
    given: Option<T::Given>,
    stub: &[u8],
    order: ByteOrder,
) where
    T: EncodeParams + for<'a> DecodeParams<'a>,
{
    let Ok(value) = decode_given::<S, T>(given, stub, order) else {
        return;
    };
    decode_given::<S, T>(None, stub, order).expect("what is checked less is taken too");
    let value = replied(&value, given);
    let Some(sent) = encoded::<S>(&value) else {
        return;
    };
    let (mut out, mut shared) = (Vec::new(), Vec::new());
    encode_shared::<S, _>(&value, &mut out, &mut shared).expect("it could be encoded in one piece");
    assert_eq!(joined(&out, &shared), sent);
    let back = received::<S, T>(given, &sent);
    assert_eq!(encoded::<S>(&replied(&back, given)).as_ref(), Some(&sent));
    // An extent that is not on the wire in full may be too great for NDR.
    if let Some(translated) = encoded::<Other>(&value) {
        let back = received::<Other, T>(given, &translated);
        assert_eq!(encoded::<S>(&replied(&back, given)), Some(sent));
    }
}

/// The stub of what was written and what is shared.
fn joined(written: &[u8], shared: &[SharedPart]) -> Vec<u8> {
    let mut stub = Vec::new();
    let mut from = 0;
    for (at, bytes) in shared {
        stub.extend_from_slice(&written[from..*at]);
        stub.extend_from_slice(bytes);
        from = *at;
    }
    stub.extend_from_slice(&written[from..]);
    stub
}

fn replied<T: Params>(params: &T, given: Option<T::Given>) -> WithGiven<&T> {
    WithGiven { params, given }
}

fn received<S: Syntax, T: for<'a> DecodeParams<'a>>(given: Option<T::Given>, sent: &[u8]) -> T {
    decode_given::<S, T>(given, sent, ByteOrder::Little).expect("what was encoded can be decoded")
}
