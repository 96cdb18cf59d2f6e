//! Parameters, encoded and decoded.

use std::hint::black_box;

use annulus_ndr::{
    ByteOrder, DecodeParams, EncodeParams, Ndr, Ndr64, NdrParams, Numbers, Syntax, decode, encode,
};

use crate::Operation;
use crate::count::count;

pub(crate) const OPERATIONS: &[Operation] = &[
    ("ndr/encode_record", || encoding::<Ndr>(&record())),
    ("ndr/decode_borrowed_record", || {
        let stub = stub::<Ndr>(&record());
        count(|| {
            decoded::<Ndr, Borrowed<'_>>(&stub, ByteOrder::Little);
        });
    }),
    ("ndr/decode_record", || {
        let stub = stub::<Ndr>(&record());
        count(|| {
            decoded::<Ndr, Record>(&stub, ByteOrder::Little);
        });
    }),
    ("ndr/decode_big_endian_record", || {
        let stub = big_endian_stub();
        count(|| {
            decoded::<Ndr, Record>(&stub, ByteOrder::Big);
        });
    }),
    ("ndr/encode_name", || encoding::<Ndr>(&name())),
    ("ndr/decode_name", || {
        let stub = stub::<Ndr>(&name());
        count(|| {
            decoded::<Ndr, Name>(&stub, ByteOrder::Little);
        });
    }),
    ("ndr/encode_listing", || encoding::<Ndr64>(&listing())),
    ("ndr/decode_listing", || {
        let stub = stub::<Ndr64>(&listing());
        count(|| {
            decoded::<Ndr64, Listing>(&stub, ByteOrder::Little);
        });
    }),
];

const VALUES: usize = 1024;

/// 4.2 KB, most of it numbers.
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

/// 64 characters.
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

#[derive(annulus_ndr::Ndr)]
struct Entry {
    kind: u16,
    #[ndr(string)]
    name: Option<String>,
    size: Option<u64>,
}

fn record() -> Record {
    Record {
        id: 7,
        stamp: 8,
        digest: [0x5a; 64],
        values: vec![9; VALUES],
    }
}

fn name() -> Name {
    Name {
        name: "annulus-".repeat(8),
    }
}

fn listing() -> Listing {
    let entry = |kind| Entry {
        kind,
        name: Some("entry".into()),
        size: Some(5),
    };
    Listing {
        count: 16,
        entries: (0..16).map(entry).collect(),
        result: 0,
    }
}

fn encoding<S: Syntax>(params: &impl EncodeParams) {
    let mut out = Vec::with_capacity(8192);
    count(|| {
        out.clear();
        encode::<S, _>(black_box(params), &mut out).expect("the value is good");
        black_box(&mut out);
    });
}

fn stub<S: Syntax>(params: &impl EncodeParams) -> Vec<u8> {
    let mut out = Vec::new();
    encode::<S, _>(params, &mut out).expect("the value is good");
    out
}

/// The stub of a record whose big-endian form has the count that it has.
fn big_endian_stub() -> Vec<u8> {
    let mut stub = stub::<Ndr>(&record());
    stub[80..84].reverse();
    stub
}

fn decoded<'a, S: Syntax, T: DecodeParams<'a>>(stub: &'a [u8], order: ByteOrder) -> T {
    black_box(decode::<S, T>(black_box(stub), order).expect("the stub is good"))
}
