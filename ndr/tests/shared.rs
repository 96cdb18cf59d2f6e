//! Encoding by reference: the pieces together are the stub, and large arrays are not copied.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{
    Ndr, Ndr64, NdrParams, SHARED_LEN_MIN, SharedNumbers, SharedPart, Syntax, encode_shared,
};
use bytes::Bytes;

use common::{decoded, encoded};

#[derive(NdrParams, Debug, Clone, PartialEq)]
struct Params {
    flags: u8,
    len: u32,
    #[ndr(size_is = "len")]
    first: Bytes,
    behind: u16,
    #[ndr(conformant)]
    numbers: Option<SharedNumbers<u64>>,
    #[ndr(varying = 4096)]
    part: Bytes,
}

fn params(len: usize) -> Params {
    Params {
        flags: 1,
        len: u32::try_from(len).expect("small"),
        first: vec![0x5a; len].into(),
        behind: 2,
        numbers: Some(vec![3; len / 8].into()),
        part: Bytes::new(),
    }
}

/// What was written, and what is shared.
type Encoded = (Vec<u8>, Vec<SharedPart>);

fn encoded_shared<S: Syntax>(params: &Params) -> Encoded {
    let (mut out, mut shared) = (Vec::new(), Vec::new());
    encode_shared::<S, _>(params, &mut out, &mut shared).expect("the value can be encoded");
    (out, shared)
}

fn joined((written, shared): &Encoded) -> Vec<u8> {
    let mut stub = written.clone();
    for (at, bytes) in shared.iter().rev() {
        stub.splice(at..at, bytes.iter().copied());
    }
    stub
}

fn assert_same<S: Syntax>(params: &Params) {
    let stub = encoded::<S>(params);
    assert_eq!(joined(&encoded_shared::<S>(params)), stub);
    assert_eq!(decoded::<S, Params>(&stub).unwrap(), *params);
}

#[test]
fn the_parts_are_the_stub() {
    for len in [0, 1, 7, SHARED_LEN_MIN - 1, SHARED_LEN_MIN, LARGE + 3] {
        assert_same::<Ndr>(&params(len));
        assert_same::<Ndr64>(&params(len));
    }
}

const LARGE: usize = 4 * SHARED_LEN_MIN;

#[test]
fn large_arrays_are_not_copied() {
    let params = params(LARGE);
    let (_, shared) = encoded_shared::<Ndr>(&params);
    let lens: Vec<_> = shared.iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(lens, [LARGE, LARGE]);
    assert_eq!(shared[0].1.as_ptr(), params.first.as_ptr());
}

#[test]
fn small_arrays_are_copied() {
    let (_, shared) = encoded_shared::<Ndr>(&params(SHARED_LEN_MIN - 8));
    assert!(shared.is_empty());
}

#[test]
fn shared_parts_outlive_the_value() {
    let params = params(LARGE);
    let expected = encoded::<Ndr>(&params);
    let parts = encoded_shared::<Ndr>(&params);
    drop(params);
    assert_eq!(joined(&parts), expected);
}

/// The places count from the beginning of the buffer, wherever the stub begins in it.
#[test]
fn a_stub_behind_other_bytes_is_shared_at_its_place() {
    let params = params(LARGE);
    let (mut out, mut shared) = (b"head".to_vec(), Vec::new());
    encode_shared::<Ndr, _>(&params, &mut out, &mut shared).unwrap();
    let joined = joined(&(out, shared));
    assert_eq!(
        joined.strip_prefix(b"head"),
        Some(&encoded::<Ndr>(&params)[..])
    );
}

#[test]
fn what_cannot_be_encoded_leaves_nothing() {
    let mut params = params(LARGE);
    params.part = vec![0; 4097].into();
    let (mut out, mut shared) = (b"head".to_vec(), Vec::new());
    encode_shared::<Ndr, _>(&params, &mut out, &mut shared).unwrap_err();
    assert_eq!((&out[..], shared.len()), (&b"head"[..], 0));
}

#[test]
fn shared_numbers_can_be_read() {
    let numbers = SharedNumbers::from(vec![1_u16, 2, 3]);
    assert_eq!((numbers.len(), numbers.is_empty()), (3, false));
    assert_eq!((numbers.get(2), numbers.get(3)), (Some(3), None));
    assert_eq!(numbers.to_vec(), [1, 2, 3]);
}
