//! Encoding by reference: the pieces together are the stub, and large arrays are not copied.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{
    Ndr, Ndr64, NdrParams, SHARED_LEN_MIN, Segments, SharedNumbers, Syntax, encode_segments,
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

fn segments<S: Syntax>(params: &Params) -> Segments {
    encode_segments::<S, _>(params).expect("the value can be encoded")
}

fn assert_same<S: Syntax>(params: &Params) {
    let segments = segments::<S>(params);
    let stub = encoded::<S>(params);
    assert_eq!(segments.iter().collect::<Vec<_>>().concat(), stub);
    assert_eq!(segments.len(), stub.len());
    assert_eq!(segments.into_bytes().concat(), stub);
    assert_eq!(decoded::<S, Params>(&stub).unwrap(), *params);
}

#[test]
fn the_pieces_are_the_stub() {
    for len in [0, 1, 7, SHARED_LEN_MIN - 1, SHARED_LEN_MIN, 4099] {
        assert_same::<Ndr>(&params(len));
        assert_same::<Ndr64>(&params(len));
    }
}

#[test]
fn large_arrays_are_not_copied() {
    let params = params(4096);
    let segments = segments::<Ndr>(&params);
    assert_eq!(segments.shared_len(), 2 * 4096);
    let pieces: Vec<_> = segments.iter().map(<[u8]>::as_ptr).collect();
    assert!(pieces.contains(&params.first.as_ptr()));
    assert_eq!(pieces.len(), 5);
}

#[test]
fn small_arrays_are_copied() {
    let segments = segments::<Ndr>(&params(SHARED_LEN_MIN - 8));
    assert_eq!(segments.shared_len(), 0);
    assert_eq!(segments.iter().count(), 1);
}

#[test]
fn pieces_outlive_the_value() {
    let params = params(4096);
    let expected = encoded::<Ndr>(&params);
    let pieces = segments::<Ndr>(&params).into_bytes();
    drop(params);
    assert_eq!(pieces.concat(), expected);
}

#[test]
fn shared_numbers_can_be_read() {
    let numbers = SharedNumbers::from(vec![1_u16, 2, 3]);
    assert_eq!((numbers.len(), numbers.is_empty()), (3, false));
    assert_eq!((numbers.get(2), numbers.get(3)), (Some(3), None));
    assert_eq!(numbers.to_vec(), [1, 2, 3]);
}
