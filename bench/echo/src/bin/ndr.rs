//! Times NDR on the structure {u32, u64, 64 bytes, 1024 × u32}, next to memcpy in the same run.
//!
//! The suite `ndr` of criterion tells more of it; this is what the comparison needs, in a second.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use annulus::ndr::{ByteOrder, Ndr, NdrParams, Numbers, decode, encode};
use serde_json::json;

const VALUES: u32 = 1024;

/// Operations between two looks at the clock, and how often each operation is timed so.
const BATCH: u32 = 200;
const ROUNDS: usize = 400;

#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Borrowed<'a> {
    id: u32,
    stamp: u64,
    digest: &'a [u8; 64],
    #[ndr(conformant)]
    values: Numbers<'a, u32>,
}

#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Owned {
    id: u32,
    stamp: u64,
    digest: [u8; 64],
    #[ndr(conformant)]
    values: Vec<u32>,
}

fn main() {
    let record = Owned {
        id: 7,
        stamp: 0x0123_4567_89ab_cdef,
        digest: [0x5a; 64],
        values: (0..VALUES).map(|value| value * 0x0101).collect(),
    };
    let mut little = Vec::new();
    encode::<Ndr, _>(&record, &mut little).expect("the record is good");
    let big = big_endian_stub(&record);
    let mut copy = Vec::with_capacity(2 * little.len());
    let mut out = Vec::with_capacity(2 * little.len());
    let mut operations: [(&str, &mut dyn FnMut()); 5] = [
        ("memcpy", &mut || {
            copy.clear();
            copy.extend_from_slice(black_box(&little));
            black_box(&mut copy);
        }),
        ("encode", &mut || {
            out.clear();
            encode::<Ndr, _>(black_box(&record), &mut out).expect("the record is good");
            black_box(&mut out);
        }),
        ("decode_borrowed", &mut || {
            let stub = black_box(&little);
            let record = decode::<Ndr, Borrowed<'_>>(stub, ByteOrder::Little);
            black_box(&record.expect("the stub is good"));
        }),
        ("decode_owned", &mut || {
            let stub = black_box(&little);
            let record = decode::<Ndr, Owned>(stub, ByteOrder::Little);
            black_box(&record.expect("the stub is good"));
        }),
        ("decode_big_endian", &mut || {
            let stub = black_box(&big);
            let record = decode::<Ndr, Owned>(stub, ByteOrder::Big);
            black_box(&record.expect("the stub is good"));
        }),
    ];
    let times = times_ns(&mut operations);
    println!("{}", json!({ "ns": times }));
}

/// The median time of each operation, in nanoseconds. They take turns, so that what the machine
/// does meanwhile meets all of them.
fn times_ns(operations: &mut [(&'static str, &mut dyn FnMut())]) -> serde_json::Value {
    let mut times = vec![Vec::with_capacity(ROUNDS); operations.len()];
    for _ in 0..ROUNDS {
        for ((_, operation), times) in operations.iter_mut().zip(&mut times) {
            let began = Instant::now();
            for _ in 0..BATCH {
                operation();
            }
            times.push(began.elapsed().as_nanos() as f64 / f64::from(BATCH));
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let names = operations.iter().map(|(name, _)| (*name).to_owned());
    names
        .zip(times.into_iter().map(|times| median(times).into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The record as a big-endian peer sends it.
fn big_endian_stub(record: &Owned) -> Vec<u8> {
    let mut stub = Vec::new();
    stub.extend(record.id.to_be_bytes());
    stub.extend([0; 4]);
    stub.extend(record.stamp.to_be_bytes());
    stub.extend(record.digest);
    stub.extend(VALUES.to_be_bytes());
    stub.extend(record.values.iter().flat_map(|value| value.to_be_bytes()));
    stub
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_a_big_endian_peer_is_the_same() {
        let digest = std::array::from_fn(|index| index as u8);
        let values: Vec<u32> = (0..VALUES).map(|value| value << 7).collect();
        let record = Owned {
            id: 1,
            stamp: 2,
            digest,
            values,
        };
        let stub = big_endian_stub(&record);
        let decoded: Owned = decode::<Ndr, _>(&stub, ByteOrder::Big).unwrap();
        assert_eq!((decoded.id, decoded.stamp, decoded.digest), (1, 2, digest));
        assert_eq!(decoded.values, record.values);
        let borrowed: Borrowed<'_> = decode::<Ndr, _>(&stub, ByteOrder::Big).unwrap();
        assert_eq!(
            (borrowed.id, borrowed.stamp, borrowed.digest),
            (1, 2, &digest)
        );
        assert!(borrowed.values.iter().eq(record.values));
    }
}
