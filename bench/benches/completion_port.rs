//! Packets through a completion port, next to a `Mutex<VecDeque>` with a `Condvar` and to an
//! unbounded channel of crossbeam-channel.
//!
//! `cargo bench -p annulus-bench --bench completion_port`. The times are CPU time of all threads
//! per packet, from post to get. They stay comparable on a machine that others use, and with more
//! threads than cores; wall-clock time there is mostly the scheduler's. On two cores four
//! threads and more never run at once: those rows show what waking and switching cost, not how the
//! queues scale. `docs/PERFORMANCE.md` has figures, and why a channel costs less where it does.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::{Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use annulus::{CompletionPacket, CompletionPort};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};

/// What is compared: a queue from which threads get packets, and wait for them.
trait Queue: Sync {
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

type Locked = (Mutex<VecDeque<CompletionPacket>>, Condvar);

impl Queue for Locked {
    fn new() -> Self {
        (Mutex::new(VecDeque::with_capacity(4_096)), Condvar::new())
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

/// The time that all threads of this process have run: whatever else runs on the machine, and
/// with more threads than cores, this is what the packets cost.
struct CpuTime(Duration);

impl CpuTime {
    fn now() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        CpuTime(time.try_into().expect("a process has run for some time"))
    }

    fn elapsed(&self) -> Duration {
        CpuTime::now().0.saturating_sub(self.0)
    }
}

/// Tells a getting thread to end.
const END: u64 = u64::MAX;

/// Packets that each calling thread has under way.
const WINDOW: u64 = 64;

/// One thread that posts a packet and gets it back: what the queue itself costs.
fn alone<Q: Queue>(count: u64) -> Duration {
    let queue = Q::new();
    let began = CpuTime::now();
    for number in 0..count {
        queue.post(CompletionPacket::new(0, number, 0));
        black_box(queue.get());
    }
    began.elapsed()
}

/// As calls and their completions go round: `threads` threads get from one queue and post to
/// another, from which as many others get and post to the first.
fn rounds<Q: Queue>(threads: u64, count: u64) -> Duration {
    let (calls, completions) = (Q::new(), Q::new());
    // Each packet goes through both queues.
    let share = count.div_ceil(2 * threads);
    let start = Barrier::new(2 * threads as usize + 1);
    let (start, calls, completions) = (&start, &calls, &completions);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(move || {
                start.wait();
                let packet = |number| CompletionPacket::new(0, number, 0);
                (0..WINDOW.min(share)).for_each(|number| calls.post(packet(number)));
                for number in WINDOW..share + WINDOW {
                    black_box(completions.get());
                    if number < share {
                        calls.post(packet(number));
                    }
                }
                calls.post(packet(END));
            });
            scope.spawn(move || {
                start.wait();
                loop {
                    let packet = calls.get();
                    if packet.key == END {
                        break;
                    }
                    completions.post(packet);
                }
            });
        }
        start.wait();
        CpuTime::now()
    })
    .elapsed()
}

/// `threads` threads that post as fast as they can, and as many that get.
fn flood<Q: Queue>(threads: u64, count: u64) -> Duration {
    let queue = &Q::new();
    let share = count.div_ceil(threads);
    let start = &Barrier::new(2 * threads as usize + 1);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(move || {
                start.wait();
                (0..share).for_each(|number| queue.post(CompletionPacket::new(0, number, 0)));
                queue.post(CompletionPacket::new(0, END, 0));
            });
            scope.spawn(move || {
                start.wait();
                while black_box(queue.get()).key != END {}
            });
        }
        start.wait();
        CpuTime::now()
    })
    .elapsed()
}

fn compare<Q: Queue>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group("completion_port");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(name, "alone"), |bencher| {
        bencher.iter_custom(alone::<Q>);
    });
    for threads in [1, 2, 4, 8] {
        let with_threads = format!("{threads}+{threads}");
        group.bench_function(
            BenchmarkId::new(name, format!("rounds_{with_threads}")),
            |bencher| {
                bencher.iter_custom(|count| rounds::<Q>(threads, count));
            },
        );
        group.bench_function(
            BenchmarkId::new(name, format!("flood_{with_threads}")),
            |bencher| {
                bencher.iter_custom(|count| flood::<Q>(threads, count));
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
