//! Instructions that NDR takes: stable from run to run, so they show what a change costs.
//!
//! Valgrind reports a processor without some vector instructions of this one; the counts are
//! of what runs there.

use std::hint::black_box;

use annulus_ndr::{ByteOrder, Ndr, Ndr64, NdrParams, Numbers, decode, encode};
use gungraun::{library_benchmark, library_benchmark_group, main};

const VALUES: usize = 1024;

#[derive(NdrParams)]
struct Record {
    id: u32,
    stamp: u64,
    digest: [u8; 64],
    #[ndr(conformant)]
    values: Vec<u32>,
}

#[derive(NdrParams)]
struct Borrowed<'a> {
    id: u32,
    stamp: u64,
    digest: &'a [u8; 64],
    #[ndr(conformant)]
    values: Numbers<'a, u32>,
}

#[derive(NdrParams)]
struct Name {
    #[ndr(string)]
    name: String,
}

/// Some small structures with pointers, as management interfaces have them.
#[derive(NdrParams)]
struct Listing {
    count: u32,
    #[ndr(size_is = "count")]
    entries: Vec<Entry>,
    result: u32,
}

#[derive(Ndr)]
struct Entry {
    kind: u16,
    #[ndr(string)]
    name: Option<String>,
    size: Option<u64>,
}

fn record() -> (Record, Vec<u8>) {
    let value = Record {
        id: 7,
        stamp: 8,
        digest: [0x5a; 64],
        values: vec![9; VALUES],
    };
    (value, Vec::with_capacity(8192))
}

fn record_stub() -> Vec<u8> {
    let (value, mut out) = record();
    encode::<Ndr, _>(&value, &mut out).expect("the value is good");
    out
}

/// The stub of a record whose big-endian form has the count that it has.
fn big_endian_stub() -> Vec<u8> {
    let mut stub = record_stub();
    stub[80..84].reverse();
    stub
}

fn name() -> (Name, Vec<u8>) {
    (
        Name {
            name: "annulus-".repeat(8),
        },
        Vec::with_capacity(256),
    )
}

fn name_stub() -> Vec<u8> {
    let (value, mut out) = name();
    encode::<Ndr, _>(&value, &mut out).expect("the value is good");
    out
}

fn listing() -> (Listing, Vec<u8>) {
    let entry = |kind| Entry {
        kind,
        name: Some("entry".into()),
        size: Some(5),
    };
    let entries: Vec<_> = (0..16).map(entry).collect();
    (
        Listing {
            count: 16,
            entries,
            result: 0,
        },
        Vec::with_capacity(4096),
    )
}

fn listing_stub() -> Vec<u8> {
    let (value, mut out) = listing();
    encode::<Ndr64, _>(&value, &mut out).expect("the value is good");
    out
}

#[library_benchmark]
#[bench::of_4k(setup = record)]
fn encode_record((value, mut out): (Record, Vec<u8>)) -> (Record, Vec<u8>) {
    encode::<Ndr, _>(black_box(&value), &mut out).expect("the value is good");
    (value, out)
}

#[library_benchmark]
#[bench::of_4k(setup = record_stub)]
fn decode_borrowed_record(stub: Vec<u8>) -> Vec<u8> {
    let record = decode::<Ndr, Borrowed<'_>>(black_box(&stub), ByteOrder::Little);
    black_box(&record.expect("the stub is good"));
    stub
}

#[library_benchmark]
#[bench::of_4k(setup = record_stub)]
fn decode_record(stub: Vec<u8>) -> (Vec<u8>, Record) {
    let record = decode::<Ndr, Record>(black_box(&stub), ByteOrder::Little);
    (stub, record.expect("the stub is good"))
}

#[library_benchmark]
#[bench::of_4k(setup = big_endian_stub)]
fn decode_big_endian_record(stub: Vec<u8>) -> (Vec<u8>, Record) {
    let record = decode::<Ndr, Record>(black_box(&stub), ByteOrder::Big);
    (stub, record.expect("the stub is good"))
}

#[library_benchmark]
#[bench::of_64_characters(setup = name)]
fn encode_name((value, mut out): (Name, Vec<u8>)) -> (Name, Vec<u8>) {
    encode::<Ndr, _>(black_box(&value), &mut out).expect("the value is good");
    (value, out)
}

#[library_benchmark]
#[bench::of_64_characters(setup = name_stub)]
fn decode_name(stub: Vec<u8>) -> (Vec<u8>, Name) {
    let name = decode::<Ndr, Name>(black_box(&stub), ByteOrder::Little);
    (stub, name.expect("the stub is good"))
}

#[library_benchmark]
#[bench::of_16_entries(setup = listing)]
fn encode_listing((value, mut out): (Listing, Vec<u8>)) -> (Listing, Vec<u8>) {
    encode::<Ndr64, _>(black_box(&value), &mut out).expect("the value is good");
    (value, out)
}

#[library_benchmark]
#[bench::of_16_entries(setup = listing_stub)]
fn decode_listing(stub: Vec<u8>) -> (Vec<u8>, Listing) {
    let listing = decode::<Ndr64, Listing>(black_box(&stub), ByteOrder::Little);
    (stub, listing.expect("the stub is good"))
}

library_benchmark_group!(
    name = ndr;
    benchmarks = encode_record, decode_borrowed_record, decode_record, decode_big_endian_record,
        encode_name, decode_name, encode_listing, decode_listing
);

main!(library_benchmark_groups = ndr);
