//! A core's table of calls, next to a hash map from the keys that travel through the protocol.
//!
//! `cargo bench -p annulus-bench --bench call_table`.

use std::collections::HashMap;
use std::hint::black_box;

use annulus::internals::CallTable;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// Calls under way while one more comes and goes.
const UNDER_WAY: [u64; 3] = [1, 64, 16_384];

fn come_and_go(c: &mut Criterion) {
    let mut group = c.benchmark_group("a call comes and goes");
    for others in UNDER_WAY {
        let mut table = CallTable::new(1 << 20);
        for call in 0..others {
            table.insert(call).expect("there is room");
        }
        group.bench_function(BenchmarkId::new("table", others), |b| {
            b.iter(|| {
                let key = table.insert(black_box(7)).expect("there is room");
                black_box(table.get(black_box(key)));
                table.remove(black_box(key))
            });
        });
        let mut map: HashMap<u64, u64> = (0..others).map(|call| (call, call)).collect();
        let mut next = others;
        group.bench_function(BenchmarkId::new("hash_map", others), |b| {
            b.iter(|| {
                let key = next;
                next += 1;
                map.insert(black_box(key), 7);
                black_box(map.get(&black_box(key)));
                map.remove(&black_box(key))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, come_and_go);
criterion_main!(benches);
