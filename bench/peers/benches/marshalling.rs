//! One structure {u32, u64, 64 bytes, 1024 × u32} in NDR, rkyv, bincode and prost.
//!
//! Each peer is used as its documentation says is fast: into a buffer that is there already,
//! with fixed-width numbers where it has a choice. `cargo bench` in this folder.

use std::hint::black_box;

use annulus_bench_peers::{ArchivedRecord, Borrowed, Proto, Record, proto, record};
use annulus_ndr::{ByteOrder, Ndr, decode, encode};
use criterion::{Criterion, criterion_group, criterion_main};
use prost::Message;
use rkyv::rancor::Error;
use rkyv::util::AlignedVec;

fn memcpy(c: &mut Criterion) {
    let bytes = vec![0x5a_u8; 4180];
    let mut out = Vec::with_capacity(8192);
    let mut group = c.benchmark_group("memcpy");
    group.bench_function("into a buffer", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&bytes));
            black_box(&mut out);
        });
    });
    group.bench_function("into a new vector", |b| {
        b.iter(|| black_box(&bytes).clone());
    });
    group.finish();
}

fn annulus(c: &mut Criterion) {
    let value = record();
    let mut out = Vec::with_capacity(8192);
    let mut group = c.benchmark_group("annulus-ndr");
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            encode::<Ndr, _>(black_box(&value), &mut out).expect("the value is good");
            black_box(&mut out);
        });
    });
    group.bench_function("decode, borrowed and checked", |b| {
        b.iter(|| {
            let record = decode::<Ndr, Borrowed<'_>>(black_box(&out), ByteOrder::Little);
            black_box(&record.expect("the stub is good"));
        });
    });
    group.bench_function("decode, owned", |b| {
        b.iter(|| {
            decode::<Ndr, Record>(black_box(&out), ByteOrder::Little).expect("the stub is good")
        });
    });
    group.finish();
}

fn rkyv_peer(c: &mut Criterion) {
    let value = record();
    let mut out = AlignedVec::<16>::with_capacity(8192);
    let mut group = c.benchmark_group("rkyv");
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            let buffer = std::mem::take(&mut out);
            out = rkyv::api::high::to_bytes_in::<_, Error>(black_box(&value), buffer)
                .expect("the value is good");
            black_box(&mut out);
        });
    });
    group.bench_function("decode, borrowed and checked", |b| {
        b.iter(|| {
            let record = rkyv::access::<ArchivedRecord, Error>(black_box(&out));
            black_box(record.expect("the bytes are good"));
        });
    });
    group.bench_function("decode, owned", |b| {
        b.iter(|| rkyv::from_bytes::<Record, Error>(black_box(&out)).expect("the bytes are good"));
    });
    group.finish();
}

fn bincode_peer(c: &mut Criterion) {
    let config = bincode::config::standard().with_fixed_int_encoding();
    let value = record();
    let mut out = vec![0; 8192];
    let mut len = 0;
    let mut group = c.benchmark_group("bincode, fixed");
    group.bench_function("encode", |b| {
        b.iter(|| {
            len = bincode::encode_into_slice(black_box(&value), &mut out, config)
                .expect("the value is good");
            black_box(&mut out);
        });
    });
    group.bench_function("decode, owned", |b| {
        b.iter(|| {
            bincode::decode_from_slice::<Record, _>(black_box(&out[..len]), config)
                .expect("the bytes are good")
        });
    });
    group.finish();
}

fn prost_peer(c: &mut Criterion) {
    let value = proto();
    let mut out = Vec::with_capacity(8192);
    let mut group = c.benchmark_group("prost, fixed");
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            black_box(&value).encode(&mut out).expect("there is room");
            black_box(&mut out);
        });
    });
    group.bench_function("decode, owned", |b| {
        b.iter(|| Proto::decode(black_box(&out[..])).expect("the bytes are good"));
    });
    group.finish();
}

criterion_group!(
    benches,
    memcpy,
    annulus,
    rkyv_peer,
    bincode_peer,
    prost_peer
);
criterion_main!(benches);
