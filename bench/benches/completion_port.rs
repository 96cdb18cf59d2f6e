//! Packets through a completion port, next to a `Mutex<VecDeque>` with a `Condvar` and to
//! crossbeam-channel.
//!
//! `cargo bench -p annulus-bench --bench completion_port`. One iteration is one packet, from post
//! to get.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use annulus::{CompletionPacket, CompletionPort};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// What is compared: a queue from which threads get packets, and wait for them.
trait Queue: Clone + Send + 'static {
    fn new() -> Self;
    fn post(&self, packet: CompletionPacket);
    fn get(&self) -> CompletionPacket;
}

impl Queue for CompletionPort {
    fn new() -> Self {
        CompletionPort::new(0)
    }

    fn post(&self, packet: CompletionPacket) {
        CompletionPort::post(self, packet).expect("the port is open");
    }

    fn get(&self) -> CompletionPacket {
        CompletionPort::get(self, None).expect("the port is open")
    }
}

type Locked = Arc<(Mutex<VecDeque<CompletionPacket>>, Condvar)>;

impl Queue for Locked {
    fn new() -> Self {
        Arc::new((Mutex::new(VecDeque::with_capacity(4_096)), Condvar::new()))
    }

    fn post(&self, packet: CompletionPacket) {
        self.0.lock().expect("no thread panics").push_back(packet);
        self.1.notify_one();
    }

    fn get(&self) -> CompletionPacket {
        let mut packets = self.0.lock().expect("no thread panics");
        loop {
            match packets.pop_front() {
                Some(packet) => return packet,
                None => packets = self.1.wait(packets).expect("no thread panics"),
            }
        }
    }
}

#[derive(Clone)]
struct Channel {
    sender: crossbeam_channel::Sender<CompletionPacket>,
    receiver: crossbeam_channel::Receiver<CompletionPacket>,
}

impl Queue for Channel {
    fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Channel { sender, receiver }
    }

    fn post(&self, packet: CompletionPacket) {
        self.sender.send(packet).expect("the receiver is here");
    }

    fn get(&self) -> CompletionPacket {
        self.receiver.recv().expect("the sender is here")
    }
}

/// Tells a getting thread to end.
const END: u64 = u64::MAX;

/// `threads` that post and as many that get, for `count` packets in all.
fn many_to_many<Q: Queue>(threads: u64, count: u64) -> Duration {
    let queue = Q::new();
    let start = Arc::new(Barrier::new(2 * threads as usize + 1));
    let getting: Vec<_> = (0..threads)
        .map(|_| {
            let (queue, start) = (queue.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                while black_box(queue.get()).key != END {}
            })
        })
        .collect();
    let posting: Vec<_> = (0..threads)
        .map(|thread| {
            let (queue, start) = (queue.clone(), Arc::clone(&start));
            let share = count / threads + u64::from(thread < count % threads);
            thread::spawn(move || {
                start.wait();
                (0..share).for_each(|number| queue.post(CompletionPacket::new(0, number, 0)));
            })
        })
        .collect();
    start.wait();
    let began = Instant::now();
    posting
        .into_iter()
        .for_each(|thread| thread.join().expect("it ends"));
    (0..threads).for_each(|_| queue.post(CompletionPacket::new(0, END, 0)));
    getting
        .into_iter()
        .for_each(|thread| thread.join().expect("it ends"));
    began.elapsed()
}

/// One thread that posts a packet and gets it back: what the queue itself costs.
fn alone<Q: Queue>(count: u64) -> Duration {
    let queue = Q::new();
    let began = Instant::now();
    for number in 0..count {
        queue.post(CompletionPacket::new(0, number, 0));
        black_box(queue.get());
    }
    began.elapsed()
}

fn compare<Q: Queue>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group("completion_port");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(name, "alone"), |bencher| {
        bencher.iter_custom(alone::<Q>);
    });
    for threads in [1, 2, 4, 8] {
        group.bench_function(
            BenchmarkId::new(name, format!("{threads}+{threads}")),
            |bencher| {
                bencher.iter_custom(|count| many_to_many::<Q>(threads, count));
            },
        );
    }
    group.finish();
}

fn all(criterion: &mut Criterion) {
    compare::<CompletionPort>(criterion, "port");
    compare::<Locked>(criterion, "mutex_condvar");
    compare::<Channel>(criterion, "crossbeam_channel");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = all
}
criterion_main!(benches);
