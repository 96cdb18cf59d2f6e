//! One client thread: its connections, its calls, its measurements.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annulus::ndr::NdrParams;
use annulus::rpcecho::{self, EchoDataRequest};
use annulus::{BindingOptions, Config, LocalBinding, LocalReply, LocalRuntime, Time};
use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

use crate::arrivals::Arrivals;

/// Longest latency that is told apart; what is longer counts as this.
const LATENCY_MAX: Duration = Duration::from_secs(3600);

/// How long connections may take to be bound.
const BIND_TIME: Duration = Duration::from_secs(30);

/// How long calls that are in flight at the end may still take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// What one worker is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) target: String,
    pub(crate) config: Config,
    pub(crate) connections: u32,
    pub(crate) outstanding: u32,
    pub(crate) payload: u32,
    /// This worker's share of the rate; `None` is closed loop.
    pub(crate) rate: Option<f64>,
    pub(crate) warmup: Duration,
    pub(crate) duration: Duration,
}

/// What one worker measured, for the calls that were intended while it measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) offered: u64,
    pub(crate) sent: u64,
    pub(crate) completed: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    /// From the intended send time to the reply, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
    pub(crate) elapsed: Duration,
    /// CPU time of this worker's thread.
    pub(crate) cpu: Duration,
    /// CPU time of the whole process meanwhile.
    pub(crate) process_cpu: Duration,
    pub(crate) enters: u64,
    pub(crate) ring: &'static str,
}

/// The out-parameters of EchoData, read where they were received: the stub's own are copied.
#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct EchoReply<'a> {
    #[ndr(conformant)]
    out_data: &'a [u8],
}

/// One place for a call in flight.
#[derive(Clone, Copy)]
struct Slot {
    binding: LocalBinding,
    /// When the call was to be sent.
    intended: Time,
    /// Whether it counts, or belongs to the warm-up.
    measured: bool,
}

pub(crate) struct Worker<'w> {
    plan: Plan,
    runtime: LocalRuntime,
    payload: Vec<u8>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    arrivals: Option<Arrivals>,
    measured: Measured,
    /// Calls intended from this time on count.
    measure_from: Time,
    completions: &'w AtomicU64,
}

impl<'w> Worker<'w> {
    /// Makes the connections; returns when all are bound.
    pub(crate) fn connect(plan: Plan, completions: &'w AtomicU64) -> anyhow::Result<Self> {
        let mut runtime = LocalRuntime::new(&plan.config)?;
        let mut bindings = Vec::new();
        for _ in 0..plan.connections {
            let options = BindingOptions::new().unique_binding();
            bindings.push(runtime.bind_with(&plan.target, rpcecho::INTERFACE, options)?);
        }
        probe(&mut runtime, &bindings, &plan.target)?;
        let slots: Vec<_> = (0..plan.outstanding)
            .flat_map(|_| &bindings)
            .map(|&binding| Slot {
                binding,
                intended: Time::ZERO,
                measured: false,
            })
            .collect();
        // The last slot is taken first; reversed, calls go round over the connections.
        let free = (0..u32::try_from(slots.len()).context("too many calls in flight")?)
            .rev()
            .collect();
        Ok(Worker {
            payload: (0..plan.payload).map(|index| index as u8).collect(),
            measured: Measured::new(runtime.ring_name()),
            runtime,
            slots,
            free,
            arrivals: None,
            measure_from: Time::ZERO,
            completions,
            plan,
        })
    }

    /// Runs the load and returns what was measured.
    pub(crate) fn run(mut self) -> anyhow::Result<Measured> {
        self.runtime.poll(&mut |_| {})?;
        let start = self.runtime.now();
        self.measure_from = start + self.plan.warmup;
        let end = self.measure_from + self.plan.duration;
        self.arrivals = self.plan.rate.map(|rate| Arrivals::new(start, rate));
        self.generate(self.measure_from)?;
        // What the warm-up could not send is forgotten: the measurement starts on time.
        self.arrivals = self
            .plan
            .rate
            .map(|rate| Arrivals::new(self.measure_from, rate));
        let (cpu, process_cpu, enters) = (thread_cpu(), process_cpu(), self.runtime.enter_count());
        self.generate(end)?;
        self.measured.cpu = thread_cpu().saturating_sub(cpu);
        self.measured.process_cpu = self::process_cpu().saturating_sub(process_cpu);
        self.measured.enters = self.runtime.enter_count() - enters;
        self.measured.elapsed = self.runtime.now() - self.measure_from;
        self.drain()?;
        Ok(self.measured)
    }

    /// Keeps the load up until `end`.
    fn generate(&mut self, end: Time) -> anyhow::Result<()> {
        loop {
            let now = self.runtime.now();
            if now >= end {
                return Ok(());
            }
            self.send_due(now)?;
            let next = self
                .arrivals
                .as_ref()
                .map_or(end, |arrivals| arrivals.next().min(end));
            self.turn(next)?;
        }
    }

    /// Sends what is due and has a free slot. What has none waits; its latency counts already.
    fn send_due(&mut self, now: Time) -> anyhow::Result<()> {
        while let Some(&slot) = self.free.last() {
            let intended = match &mut self.arrivals {
                None => now,
                Some(arrivals) => match arrivals.take_due(now) {
                    Some(intended) => intended,
                    None => break,
                },
            };
            self.free.pop();
            self.send(slot, intended)?;
        }
        Ok(())
    }

    fn send(&mut self, index: u32, intended: Time) -> anyhow::Result<()> {
        let slot = &mut self.slots[index as usize];
        slot.intended = intended;
        slot.measured = intended >= self.measure_from;
        if slot.measured {
            self.measured.offered += 1;
            self.measured.sent += 1;
        }
        let request = EchoDataRequest {
            len: self.plan.payload,
            in_data: &self.payload,
        };
        self.runtime
            .call(slot.binding, rpcecho::ECHO_DATA, u64::from(index), &request)
            .context("a call cannot be made")
    }

    /// One turn; waits until `next` at most, and only if the idle policy lets the thread sleep.
    fn turn(&mut self, next: Time) -> anyhow::Result<()> {
        let Worker {
            runtime,
            slots,
            free,
            measured,
            completions,
            payload,
            ..
        } = self;
        let mut ended = 0;
        runtime.turn_before(next, &mut |reply| {
            #[expect(clippy::cast_possible_truncation, reason = "tokens are slot indices")]
            let index = reply.token as u32;
            free.push(index);
            ended += 1;
            let slot = slots[index as usize];
            if slot.measured {
                measured.end_call(slot.intended, &reply, payload);
            }
        })?;
        completions.store(
            completions.load(Ordering::Relaxed) + ended,
            Ordering::Relaxed,
        );
        Ok(())
    }

    /// Waits for the calls in flight; what does not end counts as timed out. So do the calls
    /// that were due and found no free slot.
    fn drain(&mut self) -> anyhow::Result<()> {
        let end = self.runtime.now() + DRAIN_TIME;
        while self.free.len() < self.slots.len() && self.runtime.now() < end {
            self.turn(end)?;
        }
        let mut busy = vec![true; self.slots.len()];
        self.free
            .iter()
            .for_each(|&index| busy[index as usize] = false);
        let lost = self
            .slots
            .iter()
            .zip(busy)
            .filter(|(slot, busy)| *busy && slot.measured)
            .count();
        if lost > 0 {
            *self
                .measured
                .errors
                .entry("timeout".to_owned())
                .or_default() += lost as u64;
        }
        let measure_end = self.measure_from + self.measured.elapsed;
        if let Some(arrivals) = &mut self.arrivals {
            while arrivals.take_due(measure_end).is_some() {
                self.measured.offered += 1;
            }
        }
        Ok(())
    }
}

impl Measured {
    fn new(ring: &'static str) -> Self {
        let max_ns = u64::try_from(LATENCY_MAX.as_nanos()).unwrap_or(u64::MAX);
        Measured {
            offered: 0,
            sent: 0,
            completed: 0,
            errors: BTreeMap::new(),
            latency: Histogram::new_with_bounds(1, max_ns, 3).expect("the bounds are valid"),
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
            process_cpu: Duration::ZERO,
            enters: 0,
            ring,
        }
    }

    fn fail(&mut self, kind: &str) {
        // The key is looked up first, so that only the first error of a kind allocates.
        if let Some(count) = self.errors.get_mut(kind) {
            *count += 1;
        } else {
            self.errors.insert(kind.to_owned(), 1);
        }
    }

    fn end_call(&mut self, intended: Time, reply: &LocalReply<'_>, sent: &[u8]) {
        let result = reply
            .result
            .and_then(|data| Ok(data.decode::<EchoReply>()?.out_data.len()));
        match result {
            Ok(len) if len == sent.len() => {
                self.completed += 1;
                let latency = reply.at - intended;
                self.latency
                    .saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
            }
            Ok(_) => self.fail("wrong reply"),
            Err(status) => match status.name() {
                Some(name) => self.fail(name),
                None => self.fail(&format!("fault {:#010x}", status.code())),
            },
        }
    }

    /// Adds what another worker measured.
    pub(crate) fn merge(&mut self, other: &Measured) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.completed += other.completed;
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
        self.latency
            .add(&other.latency)
            .expect("all workers use the same bounds");
        self.elapsed = self.elapsed.max(other.elapsed);
        self.cpu += other.cpu;
        self.process_cpu = self.process_cpu.max(other.process_cpu);
        self.enters += other.enters;
    }
}

/// Calls once on each connection, so that all are bound, and so that a server without the
/// interface is found out before anything is measured.
fn probe(
    runtime: &mut LocalRuntime,
    bindings: &[LocalBinding],
    target: &str,
) -> anyhow::Result<()> {
    let request = EchoDataRequest {
        len: 0,
        in_data: &[],
    };
    let mut ended = 0;
    let mut failure = None;
    for &binding in bindings {
        runtime.call(binding, rpcecho::ECHO_DATA, 0, &request)?;
    }
    runtime.poll(&mut |reply| {
        ended += 1;
        failure = failure.or(reply.result.err());
    })?;
    let deadline = runtime.now() + BIND_TIME;
    while ended < bindings.len() && failure.is_none() {
        if runtime.now() >= deadline {
            bail!(
                "{target}: only {ended} of {} connections answered within {BIND_TIME:?}",
                bindings.len()
            );
        }
        runtime.turn_before(deadline, &mut |reply| {
            ended += 1;
            failure = failure.or(reply.result.err());
        })?;
    }
    match failure {
        None => Ok(()),
        Some(status) => {
            Err(anyhow::Error::new(status)
                .context(format!("{target} does not answer rpcecho calls")))
        }
    }
}

/// The CPU time of the calling thread.
fn thread_cpu() -> Duration {
    cpu_time(ClockId::ThreadCPUTime)
}

/// The CPU time of this process.
fn process_cpu() -> Duration {
    cpu_time(ClockId::ProcessCPUTime)
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
