//! NDR on a structure {u32, u64, 64 bytes, 1024 × u32}: 4.2 KB, most of it numbers.
//!
//! Rows to be read as ratios to `memcpy` of the same run. `cargo bench -p annulus-bench --bench ndr`.

use std::hint::black_box;

use annulus_ndr::{
    ByteOrder, DecodeParams, EncodeParams, Ndr, Ndr64, NdrParams, Numbers, Syntax, decode, encode,
};
use criterion::{Criterion, criterion_group, criterion_main};

const VALUES: usize = 1024;

/// Borrowed from the stub, or from what is to be encoded.
#[derive(NdrParams)]
struct Borrowed<'a> {
    id: u32,
    stamp: u64,
    digest: &'a [u8; 64],
    #[ndr(conformant)]
    values: Numbers<'a, u32>,
}

/// With everything that it needs.
#[derive(NdrParams, Clone)]
struct Owned {
    id: u32,
    stamp: u64,
    digest: [u8; 64],
    #[ndr(conformant)]
    values: Vec<u32>,
}

/// The same without a count: all of its layout is known at compile time.
#[derive(Ndr, Clone)]
struct FixedRecord {
    id: u32,
    stamp: u64,
    digest: [u8; 64],
    values: [u32; VALUES],
}

#[derive(NdrParams)]
struct Fixed {
    record: Box<FixedRecord>,
}

/// Strings: 64 characters that are ASCII, and 64 that are not.
#[derive(NdrParams)]
struct Names {
    #[ndr(string)]
    ascii: String,
    #[ndr(string)]
    greek: String,
}

fn owned() -> Owned {
    let number = |i: usize| u32::try_from(i * 0x0101).expect("small");
    Owned {
        id: 7,
        stamp: 0x0123_4567_89ab_cdef,
        digest: [0x5a; 64],
        values: (0..VALUES).map(number).collect(),
    }
}

fn stub<S: Syntax>(params: &impl EncodeParams) -> Vec<u8> {
    let mut out = Vec::new();
    encode::<S, _>(params, &mut out).expect("the value is good");
    out
}

/// The stub of [`owned`] as a big-endian peer sends it.
fn big_endian_stub() -> Vec<u8> {
    let record = owned();
    let mut out = Vec::new();
    out.extend(record.id.to_be_bytes());
    out.extend([0; 4]);
    out.extend(record.stamp.to_be_bytes());
    out.extend(record.digest);
    out.extend(u32::try_from(VALUES).expect("small").to_be_bytes());
    out.extend(record.values.iter().flat_map(|value| value.to_be_bytes()));
    out
}

fn decoded<'a, S: Syntax, T: DecodeParams<'a>>(stub: &'a [u8], order: ByteOrder) -> T {
    decode::<S, T>(stub, order).expect("the stub is good")
}

fn record(c: &mut Criterion) {
    let value = owned();
    let little = stub::<Ndr>(&value);
    let wide = stub::<Ndr64>(&value);
    let big = big_endian_stub();
    let values = little[84..].to_vec();
    let mut out = Vec::with_capacity(2 * little.len());
    let mut group = c.benchmark_group("record");

    group.bench_function("memcpy", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&little));
            black_box(&mut out);
        });
    });
    // In NDR the array lies 84 bytes into the stub: not where the processor copies fastest.
    group.bench_function("memcpy as the record lies", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&little[..84]));
            out.extend_from_slice(black_box(&values));
            black_box(&mut out);
        });
    });
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            encode::<Ndr, _>(black_box(&value), &mut out).expect("the value is good");
            black_box(&mut out);
        });
    });
    group.bench_function("encode ndr64", |b| {
        b.iter(|| {
            out.clear();
            encode::<Ndr64, _>(black_box(&value), &mut out).expect("the value is good");
            black_box(&mut out);
        });
    });
    group.bench_function("decode borrowed", |b| {
        b.iter(|| {
            let record = decoded::<Ndr, Borrowed<'_>>(black_box(&little), ByteOrder::Little);
            black_box(&record);
        });
    });
    group.bench_function("memcpy to a new vector", |b| {
        b.iter(|| black_box(&little).clone());
    });
    group.bench_function("decode owned", |b| {
        b.iter(|| decoded::<Ndr, Owned>(black_box(&little), ByteOrder::Little));
    });
    group.bench_function("decode owned ndr64", |b| {
        b.iter(|| decoded::<Ndr64, Owned>(black_box(&wide), ByteOrder::Little));
    });
    group.bench_function("decode owned big-endian", |b| {
        b.iter(|| decoded::<Ndr, Owned>(black_box(&big), ByteOrder::Big));
    });
    group.bench_function("read borrowed big-endian", |b| {
        b.iter(|| {
            let record = decoded::<Ndr, Borrowed<'_>>(black_box(&big), ByteOrder::Big);
            record.values.iter().fold(0u32, u32::wrapping_add)
        });
    });
    group.finish();
}

fn fixed(c: &mut Criterion) {
    let Owned {
        id,
        stamp,
        digest,
        values,
    } = owned();
    let values = values.try_into().expect("as many as there are");
    let value = Fixed {
        record: Box::new(FixedRecord {
            id,
            stamp,
            digest,
            values,
        }),
    };
    let little = stub::<Ndr>(&value);
    let mut out = Vec::with_capacity(2 * little.len());
    let mut group = c.benchmark_group("fixed");
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            encode::<Ndr, _>(black_box(&value), &mut out).expect("the value is good");
            black_box(&mut out);
        });
    });
    group.bench_function("decode owned", |b| {
        b.iter(|| decoded::<Ndr, Fixed>(black_box(&little), ByteOrder::Little));
    });
    group.bench_function("decode owned big-endian", |b| {
        b.iter(|| decoded::<Ndr, Fixed>(black_box(&little), ByteOrder::Big));
    });
    group.finish();
}

fn names(c: &mut Criterion) {
    let ascii = Names {
        ascii: "annulus-".repeat(8),
        greek: String::new(),
    };
    let greek = Names {
        ascii: String::new(),
        greek: "δακτύλιο".repeat(8),
    };
    let mut group = c.benchmark_group("string of 64");
    for (name, value) in [("ascii", &ascii), ("greek", &greek)] {
        let stub = stub::<Ndr>(value);
        let mut out = Vec::with_capacity(2 * stub.len());
        group.bench_function(format!("encode {name}"), |b| {
            b.iter(|| {
                out.clear();
                encode::<Ndr, _>(black_box(value), &mut out).expect("the value is good");
                black_box(&mut out);
            });
        });
        group.bench_function(format!("decode {name}"), |b| {
            b.iter(|| decoded::<Ndr, Names>(black_box(&stub), ByteOrder::Little));
        });
    }
    group.finish();
}

fn small(c: &mut Criterion) {
    #[derive(NdrParams)]
    struct Small {
        id: u32,
        flags: u16,
        stamp: u64,
    }
    let value = Small {
        id: 1,
        flags: 2,
        stamp: 3,
    };
    let stub = stub::<Ndr>(&value);
    let mut out = Vec::with_capacity(64);
    let mut group = c.benchmark_group("three numbers");
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            encode::<Ndr, _>(black_box(&value), &mut out).expect("the value is good");
            black_box(&mut out);
        });
    });
    group.bench_function("decode", |b| {
        b.iter(|| decoded::<Ndr, Small>(black_box(&stub), ByteOrder::Little));
    });
    group.finish();
}

criterion_group!(benches, record, fixed, names, small);
criterion_main!(benches);
