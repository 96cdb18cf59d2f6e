//! PDUs and the two sides of the protocol, without a socket.
//!
//! `cargo bench -p annulus-bench --bench pdu`.

use std::hint::black_box;

use annulus_bench::Pair;
use annulus_protocol::pdu::{Header, PduFlags, RequestHead};
use annulus_protocol::{CallId, ContextId, Opnum};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const REQUEST: RequestHead = RequestHead {
    alloc_hint: 40,
    context: ContextId(0),
    opnum: Opnum(1),
    object: None,
};

fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("request head");
    let mut out = Vec::with_capacity(64);
    group.bench_function("write", |b| {
        b.iter(|| {
            out.clear();
            black_box(&REQUEST).write(black_box(CallId(7)), PduFlags::WHOLE, &mut out);
            black_box(&mut out);
        });
    });
    let mut pdu = Vec::new();
    REQUEST.write(CallId(7), PduFlags::WHOLE, &mut pdu);
    group.bench_function("parse", |b| {
        b.iter(|| {
            let pdu = black_box(&pdu[..]);
            let header = Header::parse(pdu.first_chunk().expect("a PDU begins with a header"));
            RequestHead::parse(&header, pdu).expect("the PDU is whole")
        });
    });
    group.finish();
}

/// A call is a request and its answer, through client and server.
fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("calls of both sides");
    for (name, count, stub_len) in [
        ("one of 40 bytes", 1, 40),
        ("16 of 40 bytes", 16, 40),
        ("one of 64 KiB", 1, 65_536),
    ] {
        let mut pair = Pair::new();
        let stub = vec![7; stub_len];
        group.throughput(Throughput::Elements(count));
        group.bench_function(name, |b| b.iter(|| pair.call(count, black_box(&stub))));
    }
    group.finish();
}

criterion_group!(benches, heads, calls);
criterion_main!(benches);
