//! Whole calls over the kernel's ring and loopback TCP: the server on core 0, the client on the last
//! core, under each idle policy. And over the simulated network, where the kernel has no part.
//!
//! `cargo bench -p annulus-bench --bench end_to_end`. The clock is the wall's, so on a machine that
//! others use the rows say little; `cargo xtask compare` is for claims.

use std::time::Duration;

use annulus::IdlePolicy;
use annulus_bench::{Loopback, Simulated};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Name, connections, calls under way on each, bytes of payload each way: W1 to W5.
const WORKLOADS: [(&str, usize, u64, usize); 5] = [
    ("W1", 1, 1, 32),
    ("W2", 1, 32, 32),
    ("W3", 64, 1, 32),
    ("W4", 64, 16, 32),
    ("W5", 1, 4, 65_536),
];

fn policies() -> [(&'static str, IdlePolicy); 3] {
    [
        ("spinning", IdlePolicy::Spin),
        ("adaptive", IdlePolicy::default()),
        ("blocking", IdlePolicy::Block),
    ]
}

fn loopback(c: &mut Criterion) {
    for (policy, idle) in policies() {
        let server = Loopback::serve(idle);
        let mut group = c.benchmark_group(format!("loopback, {policy}"));
        for (name, connections, outstanding, payload) in WORKLOADS {
            let mut client = server.client(connections, outstanding, payload);
            group.throughput(Throughput::Elements(connections as u64 * outstanding));
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                b.iter(|| client.call());
            });
        }
        group.finish();
    }
}

fn simulated(c: &mut Criterion) {
    let mut group = c.benchmark_group("simulated");
    for (name, connections, outstanding, payload) in WORKLOADS {
        let mut simulated = Simulated::new(connections, outstanding, payload);
        group.throughput(Throughput::Elements(connections as u64 * outstanding));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| simulated.call());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = loopback, simulated
}
criterion_main!(benches);
