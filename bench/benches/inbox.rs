//! The way into a core from other threads, next to a mutex and to an unbounded channel.
//!
//! `cargo bench -p annulus-bench --bench inbox`. One thread does both, so these are the costs of
//! the queue itself: a fence and two uncontended atomics in the place of a lock.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Mutex;

use annulus::internals::Inbox;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Commands that are left in the inbox while the core does a turn.
const BATCH: u64 = 16;

fn push_and_pop(c: &mut Criterion) {
    let mut group = c.benchmark_group("sixteen commands in and out");
    group.throughput(Throughput::Elements(BATCH));
    let inbox = Inbox::new(64);
    group.bench_function("inbox", |b| {
        b.iter(|| {
            (0..BATCH).for_each(|command| inbox.push(black_box(command)));
            while let Some(command) = inbox.pop() {
                black_box(command);
            }
        });
    });
    let queue = Mutex::new(VecDeque::with_capacity(64));
    group.bench_function("mutex", |b| {
        b.iter(|| {
            for command in 0..BATCH {
                let mut queue = queue.lock().expect("nobody panics");
                queue.push_back(black_box(command));
            }
            while let Some(command) = queue.lock().expect("nobody panics").pop_front() {
                black_box(command);
            }
        });
    });
    let (sender, receiver) = crossbeam_channel::unbounded();
    group.bench_function("crossbeam_channel", |b| {
        b.iter(|| {
            for command in 0..BATCH {
                sender
                    .send(black_box(command))
                    .expect("the receiver is here");
            }
            while let Ok(command) = receiver.try_recv() {
                black_box(command);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, push_and_pop);
criterion_main!(benches);
