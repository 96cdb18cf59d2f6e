//! One client thread: its connections, its calls, what it records.
//!
//! A worker is a state machine that is driven by [`Worker::turn`] and knows no clock but its ring's,
//! so that it runs over the simulation as over the kernel.
//!
//! ```text
//! Connecting ─▸ Idle ─▸ WarmingUp ─▸ Settling ─▸ Settled ─▸ Measuring ─▸ Draining ─▸ Done
//! ```
//!
//! When to go on from `Idle`, `WarmingUp`, `Settled` and `Measuring` is the same for all workers
//! ([`Control`](control::Control)). Calls are made in `WarmingUp` and `Measuring` only; `Settling`
//! and `Draining` wait for those in flight; transfers through pipes, which can take long, are given up at the
//! end instead.

pub(crate) mod cancels;
pub(crate) mod connections;
pub(crate) mod control;
pub(crate) mod facts;
mod ledger;
#[cfg(test)]
mod tests;
mod transfers;

use std::sync::Arc;
use std::time::Duration;

use annulus::transports::Ring;
use annulus::{BindingOptions, LocalBinding, LocalRuntime, Time};
use rand::SeedableRng;
use rand::rngs::StdRng;

use self::cancels::{Cancelling, Cancels};
use self::control::{Delivery, News, Outbox, SharedControl};
use self::facts::{Facts, Meter};
use self::ledger::{Ledger, NewCall};
use self::transfers::Transfers;
use crate::exit::Refused;
use crate::mix::Mix;
use crate::payload::Payload;
use crate::record::interval::Interval;
use crate::record::trace::TraceWriter;
use crate::schedule::{Arrivals, Part, Schedule};

/// How long connections may take to be bound.
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// How long calls that are in flight at the end may still take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How long before a call is due a worker stops sleeping and looks at the clock instead: a wake-up
/// in a virtual machine can take this long.
const WAKE_AHEAD: Duration = Duration::from_micros(100);

/// How often a worker that waits for the next part of the run looks whether it has been decided on.
const IDLE_LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// How often a worker that has calls in flight looks whether it is to end.
const BUSY_LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A turn that found nothing and took longer than this slept, or its thread did not have its core.
const SPINNING_TURN_MAX: Duration = Duration::from_micros(10);

/// What one worker is to do.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) target: String,
    pub(crate) mix: Arc<Mix>,
    pub(crate) payload: Payload,
    pub(crate) connections: u32,
    pub(crate) outstanding: u32,
    /// `None` is closed loop: each end of a call triggers the next one.
    pub(crate) arrivals: Option<Arrivals>,
    /// Which part of the arrivals is this worker's.
    pub(crate) part: Part,
    /// In a closed loop, the time between the end of a call and the next one.
    pub(crate) think_time: Duration,
    /// After which a call is given up.
    pub(crate) timeout: Option<Duration>,
    /// Which calls are cancelled.
    pub(crate) cancelling: Option<Cancelling>,
    /// Of what is recorded together.
    pub(crate) interval: Duration,
    pub(crate) seed: u64,
    pub(crate) trace: Option<TraceWriter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A call to this interface is made on each connection.
    Connecting {
        until: Time,
        interface: usize,
    },
    Idle,
    WarmingUp,
    Settling {
        until: Time,
    },
    Settled,
    Measuring,
    Draining {
        until: Time,
    },
    Done,
}

/// What a turn of a worker came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something came in.
    Worked,
    /// There was nothing to do.
    Idle,
    /// There will be nothing more to do.
    Done,
}

pub(crate) struct Worker<R: Ring> {
    job: Job,
    runtime: LocalRuntime<R>,
    control: SharedControl,
    outbox: Outbox,
    ledger: Ledger,
    /// One for each interface of each connection, unless there are transfers.
    bindings: Vec<LocalBinding>,
    /// If that is what is measured.
    transfers: Option<Transfers>,
    cancels: Cancels,
    schedule: Option<Schedule>,
    random: StdRng,
    /// What payloads are cut from.
    pattern: Vec<u8>,
    phase: Phase,
    now: Time,
    /// When the part of the run began of which intervals are recorded.
    part_start: Time,
    interval_index: u64,
    /// Until when all places were taken.
    full_until: Time,
    is_full: bool,
    facts: Facts,
    meter: Meter,
    spinning: Duration,
    enters: u64,
}

impl<R: Ring + 'static> Worker<R> {
    /// Begins to connect.
    pub(crate) fn new(
        job: Job,
        mut runtime: LocalRuntime<R>,
        control: SharedControl,
        outbox: Outbox,
    ) -> anyhow::Result<Self> {
        let mut options = BindingOptions::new().unique_binding();
        if let Some(timeout) = job.timeout {
            options = options.call_deadline(timeout);
        }
        let (mut bindings, mut transfers) = (Vec::new(), None);
        if let Some(transfer) = job.mix.transfer() {
            let places = (job.connections, job.outstanding);
            let target = &job.target;
            let new = Transfers::new(transfer, &runtime, target, options, places)?;
            transfers = Some(new);
        } else {
            for _ in 0..job.connections {
                bindings.extend(connections::connect(&mut runtime, &job, options)?);
            }
        }
        let ledger = Ledger::new(
            Arc::clone(&job.mix),
            job.connections,
            job.outstanding,
            job.think_time,
            job.timeout,
        )?;
        let longest = if job.mix.has_payload() {
            job.payload.max()
        } else {
            0
        };
        let now = runtime.clock();
        let mut worker = Worker {
            facts: Facts {
                ring: runtime.ring_name(),
                ..Facts::default()
            },
            runtime,
            control,
            outbox,
            cancels: Cancels::new(job.cancelling, ledger.places()),
            ledger,
            bindings,
            transfers,
            schedule: None,
            random: StdRng::seed_from_u64(job.seed),
            pattern: (0..longest).map(|index| index as u8).collect(),
            phase: Phase::Connecting {
                until: now + CONNECT_TIME,
                interface: 0,
            },
            now,
            part_start: now,
            interval_index: 0,
            full_until: Time::ZERO,
            is_full: false,
            meter: Meter::default(),
            spinning: Duration::ZERO,
            enters: 0,
            job,
        };
        worker.try_connections(0)?;
        Ok(worker)
    }

    /// One call to an interface on each connection: so all are bound before anything is measured, and a server
    /// without the interface is found out.
    fn try_connections(&mut self, interface: usize) -> anyhow::Result<()> {
        let operation = self.job.mix.operation_of(interface);
        // Places go round over the connections, and none is in use.
        self.ledger.wake_all();
        for _ in 0..self.job.connections {
            if let Some(index) = self.ledger.take_free() {
                self.call_in(index, self.now, operation)?;
            }
        }
        Ok(())
    }

    /// One turn: goes on to the next part of the run if it is time, sends what is due, and waits for
    /// replies until the next call is due.
    pub(crate) fn turn(&mut self) -> anyhow::Result<Turn> {
        while self.advance()? {}
        if self.phase == Phase::Done || self.control.is_aborted() {
            return Ok(Turn::Done);
        }
        if matches!(self.phase, Phase::WarmingUp | Phase::Measuring) {
            self.end_intervals_before(self.now);
            self.send_due(self.now)?;
        }
        self.cancel_due();
        self.wait()
    }

    /// When this worker has something to do, if nothing comes in before.
    pub(crate) fn next_due(&self) -> Time {
        match self.phase {
            Phase::Connecting { until, .. } => self.next_look(until, BUSY_LOOK_INTERVAL),
            Phase::Settling { until } | Phase::Draining { until } => {
                let until = self.next_look(self.drain_until(until), BUSY_LOOK_INTERVAL);
                self.cancels.next_due().map_or(until, |due| due.min(until))
            }
            Phase::Idle => self.next_look(self.control.warm_up_start(), IDLE_LOOK_INTERVAL),
            Phase::Settled => self.next_look(self.control.measure_start(), IDLE_LOOK_INTERVAL),
            Phase::WarmingUp => self.next_call(self.control.warm_up_end()),
            Phase::Measuring => self.next_call(self.control.measure_end()),
            Phase::Done => self.now,
        }
    }

    /// What is not decided yet can be decided at any time, and an end can come nearer.
    fn next_look(&self, planned: Time, interval: Duration) -> Time {
        planned.min(self.now + interval)
    }

    /// Until when calls in flight are waited for: sooner than planned once the user has had enough.
    fn drain_until(&self, planned: Time) -> Time {
        planned.min(self.control.drain_end())
    }

    fn next_call(&self, end: Time) -> Time {
        let scheduled = self.schedule.as_ref().and_then(Schedule::next);
        // Without a free place, only the end of a call makes room for the next one.
        let scheduled = scheduled.filter(|_| self.ledger.has_free());
        let due = [scheduled, self.ledger.next_due(), self.cancels.next_due()];
        let look = self.next_look(end, BUSY_LOOK_INTERVAL);
        due.into_iter().flatten().fold(look, Time::min)
    }

    /// The next part of the run, if it is time for it.
    fn advance(&mut self) -> anyhow::Result<bool> {
        let now = self.now;
        let is_idle = self.ledger.in_flight() == 0;
        self.phase = match self.phase {
            Phase::Connecting { until, interface } if is_idle || now >= until => {
                self.check_connections()?;
                let interface = interface + 1;
                if interface < self.job.mix.interfaces().len() {
                    self.try_connections(interface)?;
                    Phase::Connecting { until, interface }
                } else {
                    self.outbox.tell(News::Connected);
                    Phase::Idle
                }
            }
            Phase::Idle if now >= self.control.warm_up_start() => {
                self.begin_part(self.control.warm_up_start(), None);
                Phase::WarmingUp
            }
            Phase::WarmingUp if now >= self.control.warm_up_end() => Phase::Settling {
                until: now + DRAIN_TIME,
            },
            Phase::Settling { until } if is_idle || now >= self.drain_until(until) => {
                self.facts.left_over = self.ledger.in_flight() as u64;
                let are_up = connections::are_up(&self.runtime, &self.bindings, &self.job.mix);
                self.ledger.connections.begin(are_up);
                self.end_part(News::WarmUp);
                self.outbox.tell(News::Settled);
                Phase::Settled
            }
            Phase::Settled if now >= self.control.measure_start() => {
                self.begin_measuring();
                Phase::Measuring
            }
            Phase::Measuring if now >= self.control.measure_end() => {
                self.end_measuring()?;
                if let Some(transfers) = &mut self.transfers {
                    transfers.cancel();
                    self.ledger.forget();
                }
                Phase::Draining {
                    until: now + DRAIN_TIME,
                }
            }
            Phase::Draining { until } if is_idle || now >= self.drain_until(until) => {
                self.ledger.give_up(now);
                self.end_part(News::Measured);
                let are_up = connections::are_up(&self.runtime, &self.bindings, &self.job.mix);
                let up = self.ledger.connections.end(are_up);
                // Transfers make connections of their own.
                self.facts.connections = self.transfers.is_none().then_some(up);
                if let Some(error) = self.ledger.trace_error() {
                    return Err(anyhow::Error::new(error).context("the trace cannot be written"));
                }
                Phase::Done
            }
            _ => return Ok(false),
        };
        Ok(true)
    }

    /// That each connection has been heard of.
    fn check_connections(&mut self) -> anyhow::Result<()> {
        let target = &self.job.target;
        if let Some(status) = self.ledger.refusal.take() {
            return Err(Refused::new(target, status).into());
        }
        match self.ledger.in_flight() {
            0 => Ok(()),
            silent => {
                Err(Refused::silent(target, silent, self.job.connections, CONNECT_TIME).into())
            }
        }
    }

    fn begin_part(&mut self, start: Time, trace: Option<TraceWriter>) {
        self.ledger.wake_all();
        self.ledger.interval.clear();
        self.ledger.record_from(start, trace);
        self.part_start = start;
        self.interval_index = 0;
        self.is_full = false;
        self.full_until = Time::ZERO;
        let length = self.control.measure_end().since(start);
        let is_warm_up = self.phase == Phase::Idle;
        self.schedule = self.job.arrivals.as_ref().map(|arrivals| {
            let arrivals = if is_warm_up {
                arrivals.warm_up(length)
            } else {
                arrivals.clone()
            };
            Schedule::new(arrivals, self.job.part, start, length, self.job.seed)
        });
    }

    fn begin_measuring(&mut self) {
        let trace = self.job.trace.clone();
        self.begin_part(self.control.measure_start(), trace);
        self.facts.waited = 0;
        self.meter = Meter::read();
        self.spinning = Duration::ZERO;
        self.enters = self.runtime.enter_count();
    }

    /// Sends what was due until the end, and takes stock.
    fn end_measuring(&mut self) -> anyhow::Result<()> {
        let end = self.control.measure_end();
        if self.schedule.is_some() {
            self.send_due(Time::from_nanos(end.as_nanos() - 1))?;
        }
        let used = Meter::read();
        let unsent = self.schedule.as_mut();
        self.facts = Facts {
            elapsed: self.now - self.control.measure_start(),
            cpu: used.cpu.saturating_sub(self.meter.cpu),
            spinning: self.spinning,
            run_delay: used.run_delay.saturating_sub(self.meter.run_delay),
            process_cpu: used.process_cpu.saturating_sub(self.meter.process_cpu),
            enters: self.runtime.enter_count() - self.enters,
            unsent: unsent.map_or(0, |schedule| schedule.end_before(end)),
            ..self.facts.clone()
        };
        self.ledger.interval.counts.offered += self.facts.unsent;
        Ok(())
    }

    /// What the last interval of a part recorded.
    fn end_part(&mut self, news: fn(Delivery) -> News) {
        let empty = self.outbox.empty_interval();
        self.deliver(news, empty.unwrap_or_else(|| Box::new(Interval::new())));
    }

    /// Hands over the interval that is being recorded once the time is in a later one. While too many are
    /// under way it goes on, and takes the calls of its successors as well.
    fn end_intervals_before(&mut self, now: Time) {
        let interval_ns = self.job.interval.as_nanos().max(1);
        let index = now.since(self.part_start).as_nanos() / interval_ns;
        let index = u64::try_from(index).unwrap_or(u64::MAX);
        if index > self.interval_index
            && let Some(empty) = self.outbox.empty_interval()
        {
            let news = match self.phase {
                Phase::WarmingUp => News::WarmUp,
                _ => News::Measured,
            };
            self.deliver(news, empty);
            self.interval_index = index;
        }
    }

    fn deliver(&mut self, news: fn(Delivery) -> News, empty: Box<Interval>) {
        let interval = std::mem::replace(&mut self.ledger.interval, empty);
        let index = self.interval_index;
        self.outbox.tell(news(Delivery { index, interval }));
    }

    /// Sends what is due and has a place. What has none waits; the time of its response runs.
    fn send_due(&mut self, now: Time) -> anyhow::Result<()> {
        self.ledger.end_rests(now);
        if self.schedule.is_none() {
            while let Some((intended, index)) = self.ledger.take_thinker(now) {
                self.send_in(index, intended)?;
            }
            while let Some(index) = self.ledger.take_free() {
                self.send_in(index, self.now)?;
            }
            return Ok(());
        }
        if self.is_full {
            self.full_until = self.now;
            self.is_full = false;
        }
        while self.ledger.has_free() {
            let Some(intended) = self.schedule.as_mut().and_then(|it| it.take_due(now)) else {
                return Ok(());
            };
            self.send(intended)?;
        }
        self.is_full = true;
        Ok(())
    }

    /// Makes a call in the next free place, of which there is one.
    fn send(&mut self, intended: Time) -> anyhow::Result<()> {
        match self.ledger.take_free() {
            Some(index) => self.send_in(index, intended),
            None => Ok(()),
        }
    }

    fn send_in(&mut self, index: u32, intended: Time) -> anyhow::Result<()> {
        let operation = self.job.mix.choose(&mut self.random);
        self.call_in(index, intended, operation)
    }

    /// Calls this operation of the mix.
    fn call_in(&mut self, index: u32, intended: Time, choice: usize) -> anyhow::Result<()> {
        let is_paced = self.is_paced();
        let Worker {
            job,
            runtime,
            ledger,
            bindings,
            transfers,
            random,
            pattern,
            facts,
            cancels,
            phase,
            now,
            ..
        } = self;
        let operation = job.mix.operation(choice);
        let payload_len = if operation.has_payload() {
            job.payload.sample(random)
        } else {
            0
        };
        let call = NewCall {
            intended,
            sent: *now,
            operation: choice,
            payload_len,
        };
        ledger.begin(index, call);
        if intended <= self.full_until {
            facts.waited += 1;
        } else if is_paced {
            ledger.interval.record_pacing(*now - intended);
        }
        let connection = ledger.connection(index);
        if let Some(transfers) = transfers {
            // That a server can be reached is tried with as little as can be.
            let is_trial = matches!(phase, Phase::Connecting { .. });
            transfers.begin(index, connection, is_trial);
            return Ok(());
        }
        let payload = &pattern[..payload_len as usize];
        let mix = &job.mix;
        let binding = bindings[connection * mix.interfaces().len() + mix.interface_of(choice)];
        let call = operation
            .call(runtime, binding, u64::from(index), payload)
            .map_err(|status| anyhow::Error::new(status).context("a call cannot be made"))?;
        if matches!(phase, Phase::WarmingUp | Phase::Measuring) {
            cancels.note(random, *now, index, call);
        }
        Ok(())
    }

    /// Cancels what is to be cancelled by now and has not ended.
    fn cancel_due(&mut self) {
        while let Some(cancel) = self.cancels.take_due(self.now) {
            self.runtime.cancel(cancel.call, cancel.kind);
        }
    }

    /// Whether calls have a time at which they are to be sent, and not just follow each other.
    fn is_paced(&self) -> bool {
        self.schedule.is_some() || !self.job.think_time.is_zero()
    }

    /// Lets transfers go on; whether some have ended, or can go on again.
    fn advance_transfers(&mut self) -> bool {
        let Some(transfers) = &mut self.transfers else {
            return false;
        };
        let (ledger, runtime) = (&mut self.ledger, &self.runtime);
        let mut has_ended = false;
        transfers.advance(|index, outcome| {
            has_ended = true;
            ledger.end_call(index, outcome, runtime.clock());
        });
        has_ended || transfers.can_advance()
    }

    /// One turn of the core, with a wait until there is something to do.
    fn wait(&mut self) -> anyhow::Result<Turn> {
        let due = if self.advance_transfers() {
            self.now
        } else {
            self.next_due()
        };
        let ledger = &mut self.ledger;
        let replies = &mut |reply: annulus::LocalReply<'_>| ledger.end(&reply);
        let worked = if due.since(self.now) <= WAKE_AHEAD {
            self.runtime.poll(replies)?
        } else {
            let wake_ahead = u64::try_from(WAKE_AHEAD.as_nanos()).unwrap_or(0);
            let wake = Time::from_nanos(due.as_nanos() - wake_ahead);
            self.runtime.turn_before(wake, replies)?
        };
        let before = self.now;
        if worked {
            // The replies took their time; what is sent now is sent after them.
            self.now = self.runtime.clock();
            return Ok(Turn::Worked);
        }
        self.now = self.runtime.now();
        self.spinning += (self.now - before).min(SPINNING_TURN_MAX);
        Ok(Turn::Idle)
    }

    /// What it knows of itself, once it is done.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }
}
