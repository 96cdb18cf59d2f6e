//! A client of a simulated run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annulus::transports::{SimNet, SimRing};
use annulus::{
    AsyncHandle, Binding, BindingOptions, CancelKind, Config, Limits, LocalBinding, LocalCall,
    LocalReply, LocalRuntime, Notify, Status, Time,
};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;

use super::interface::{Answer, IN, INTERFACE, OPERATION_COUNT, Origin, Question};
use super::outcome::{Outcome, judge, judge_piped};
use super::pipes::{Piped, Served, Step};
use super::world::limits;

/// A program that makes calls, on a core of its own.
pub(super) struct Client {
    number: u16,
    pub(super) runtime: LocalRuntime<SimRing>,
    target: String,
    local: Vec<Bound<LocalBinding>>,
    shared: Vec<Bound<Binding>>,
    /// How many bindings there were.
    bound: u16,
    /// Those of them whose calls are to be dispatched in the order made.
    pub(super) causal: BTreeSet<u16>,
    calls: Vec<Asked>,
    handles: Vec<Handled>,
    pub(super) piped: Vec<Piped>,
    pub(super) left: u32,
    limits: Arc<Limits>,
    server_limits: Arc<Limits>,
    /// Calls that were made with a handle.
    handled: u64,
    /// Notifications that they led to.
    told: Arc<AtomicU64>,
    /// When it goes away, without a word.
    goes_at: Option<Time>,
}

/// A binding, and what is to be known of it.
struct Bound<B> {
    binding: B,
    number: u16,
    /// Calls that were made on it.
    asked: u16,
    has_time_limit: bool,
}

/// A call of the client's own thread.
struct Asked {
    opnum: u16,
    question: Question,
    call: LocalCall,
    ended: bool,
    /// It was cancelled, or its binding has a time limit.
    may_be_cancelled: bool,
}

/// A call with a handle.
struct Handled {
    opnum: u16,
    question: Question,
    handle: AsyncHandle<Answer>,
    /// It was cancelled, or its binding has a time limit.
    may_be_cancelled: bool,
    is_cancelled: bool,
    /// When it is dropped, whatever has become of the call.
    dropped_at: Option<Time>,
}

impl Client {
    pub(super) fn new(
        number: u16,
        net: &SimNet,
        target: &str,
        server_limits: &Arc<Limits>,
        random: &mut StdRng,
    ) -> Self {
        let config = Config::default()
            .limits(limits(random))
            .seed(random.random());
        let mut client = Client {
            number,
            runtime: LocalRuntime::with_ring(net.ring(&config.limits), &config),
            target: if random.random_bool(0.5) {
                target.to_owned()
            } else {
                target.replace(']', ",ndr64]")
            },
            local: Vec::new(),
            shared: Vec::new(),
            bound: 0,
            causal: BTreeSet::new(),
            calls: Vec::new(),
            handles: Vec::new(),
            piped: Vec::new(),
            limits: Arc::clone(&config.limits),
            server_limits: Arc::clone(server_limits),
            left: random.random_range(1..=60),
            handled: 0,
            told: Arc::default(),
            goes_at: random
                .random_bool(0.3)
                .then(|| net.now() + Duration::from_micros(random.random_range(0..15_000))),
        };
        for _ in 0..random.random_range(1..=3) {
            let bound = client.bind_local(random);
            client.local.push(bound);
        }
        for _ in 0..random.random_range(1..=2) {
            let bound = client.bind_shared(random);
            client.shared.push(bound);
        }
        client
    }

    fn bind_local(&mut self, random: &mut StdRng) -> Bound<LocalBinding> {
        self.bind(random, |client, options| {
            let bound = client.runtime.bind_with(&client.target, INTERFACE, options);
            bound.unwrap()
        })
    }

    fn bind_shared(&mut self, random: &mut StdRng) -> Bound<Binding> {
        self.bind(random, |client, options| {
            let bound = Binding::with_options(&client.runtime, &client.target, INTERFACE, options);
            bound.unwrap()
        })
    }

    /// A binding with options as they come.
    fn bind<B>(
        &mut self,
        random: &mut StdRng,
        bind: impl FnOnce(&mut Self, BindingOptions) -> B,
    ) -> Bound<B> {
        let mut options = BindingOptions::new();
        if random.random_bool(0.3) {
            options = options.unique_binding();
        }
        if random.random_bool(0.4) {
            options = options.one_call_per_connection();
        }
        if random.random_bool(0.3) {
            options = options.dont_linger();
        }
        if random.random_bool(0.3) {
            options = options.non_causal();
        } else {
            self.causal.insert(self.bound);
        }
        let has_time_limit = random.random_bool(0.2);
        if has_time_limit {
            options = options
                .call_timeout(Duration::from_micros(random.random_range(100..8_000)))
                .call_deadline(Duration::from_micros(random.random_range(100..20_000)));
        }
        self.bound += 1;
        Bound {
            number: self.bound - 1,
            binding: bind(self, options),
            asked: 0,
            has_time_limit,
        }
    }

    /// Closes a binding, whatever calls it has, and opens another in its place.
    fn rebind(&mut self, random: &mut StdRng) {
        if random.random_bool(0.5) {
            let index = random.random_range(0..self.local.len());
            self.runtime.release(self.local[index].binding);
            self.local[index] = self.bind_local(random);
        } else {
            let index = random.random_range(0..self.shared.len());
            self.shared[index] = self.bind_shared(random);
        }
    }

    /// Goes away, if it is time to: a program that ends, in the middle of its calls. Another one,
    /// which does nothing, takes its place.
    pub(super) fn go(&mut self, now: Time, net: &SimNet) -> bool {
        if self.goes_at.take_if(|at| *at <= now).is_none() {
            return false;
        }
        let config = Config::default().limits(Limits::clone(&self.limits));
        self.runtime = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        self.left = 0;
        self.calls.clear();
        self.handles.clear();
        self.piped.clear();
        self.local.clear();
        self.shared.clear();
        // Nobody is there to be told.
        self.handled = self.told.load(Ordering::Relaxed);
        true
    }

    /// Lets go of its bindings, and ends as it should.
    pub(super) fn begin_shutdown(&mut self) {
        self.shared.clear();
        self.goes_at = None;
        self.runtime.begin_shutdown();
    }

    /// When it does something by itself.
    pub(super) fn due(&self) -> Option<Time> {
        let drops = self.handles.iter().filter_map(|handled| handled.dropped_at);
        let rests = self.piped.iter().filter_map(Piped::due);
        drops.chain(rests).chain(self.goes_at).min()
    }

    /// Makes a call or two, turns the core, looks at the handles.
    pub(super) fn step(
        &mut self,
        now: Time,
        random: &mut StdRng,
        outcome: &mut Outcome,
        hostile: bool,
    ) -> bool {
        let mut worked = false;
        if self.left > 0 && random.random_bool(0.3) {
            worked = true;
            self.left -= 1;
            if random.random_bool(0.05) {
                self.rebind(random);
            }
            self.ask(now, random);
        }
        if random.random_bool(0.01) {
            self.cancel_own(random);
        }
        let calls = &mut self.calls;
        worked |= self
            .runtime
            .poll(&mut |reply| end(calls, &reply, hostile, outcome))
            .expect("the simulation does not break");
        worked | self.tend_handles(now, random, outcome, hostile)
    }

    fn ask(&mut self, now: Time, random: &mut StdRng) {
        let opnum = random.random_range(0..OPERATION_COUNT);
        if opnum >= IN {
            self.ask_with_pipes(opnum, random);
        } else if random.random_bool(0.5) {
            let index = random.random_range(0..self.local.len());
            let bound = &mut self.local[index];
            let question = bound.question(self.number, opnum, random);
            let token = self.calls.len() as u64;
            let call = self
                .runtime
                .call(bound.binding, opnum, token, &question)
                .expect("the call can be made");
            self.calls.push(Asked {
                opnum,
                question,
                call,
                ended: false,
                may_be_cancelled: bound.has_time_limit,
            });
        } else {
            let index = random.random_range(0..self.shared.len());
            let bound = &mut self.shared[index];
            let question = bound.question(self.number, opnum, random);
            let told = Arc::clone(&self.told);
            let mut handle = AsyncHandle::new(Notify::callback(move |_| {
                told.fetch_add(1, Ordering::Relaxed);
            }));
            bound
                .binding
                .call_async(&mut handle, opnum, &question)
                .expect("the call can be made");
            self.handled += 1;
            // Some callers lose interest.
            if random.random_bool(0.9) {
                self.handles.push(Handled {
                    opnum,
                    question,
                    handle,
                    may_be_cancelled: bound.has_time_limit,
                    is_cancelled: false,
                    dropped_at: random
                        .random_bool(0.2)
                        .then(|| now + Duration::from_micros(random.random_range(0..10_000))),
                });
            }
        }
    }

    /// Cancels one of the last calls of the thread itself, perhaps one that has ended.
    fn cancel_own(&mut self, random: &mut StdRng) {
        const LAST: usize = 8;
        let first = self.calls.len().saturating_sub(LAST);
        let Some(index) = (first..self.calls.len()).choose(random) else {
            return;
        };
        let asked = &mut self.calls[index];
        let is_open = self.runtime.cancel(asked.call, cancel_kind(random));
        assert!(!(is_open && asked.ended), "a call that has ended is found");
        asked.may_be_cancelled |= is_open;
    }

    fn ask_with_pipes(&mut self, opnum: u16, random: &mut StdRng) {
        let index = random.random_range(0..self.shared.len());
        let bound = &mut self.shared[index];
        let question = bound.question(self.number, opnum, random);
        let limits = [&self.limits, &self.server_limits];
        let (binding, has_limit) = (&bound.binding, bound.has_time_limit);
        let piped = Piped::new(binding, opnum, question, has_limit, limits);
        // Some callers lose interest.
        if random.random_bool(0.9) {
            self.piped.push(piped);
        }
    }

    /// Lets the calls with pipes go on.
    pub(super) fn tend_pipes(
        &mut self,
        now: Time,
        random: &mut StdRng,
        outcome: &mut Outcome,
        hostile: bool,
        served: &Served,
    ) -> bool {
        let mut worked = false;
        self.piped
            .retain_mut(|piped| match piped.step(now, random, served) {
                Step::Waits => true,
                Step::Goes => {
                    worked = true;
                    true
                }
                Step::Ended(result) => {
                    worked = true;
                    assert!(piped.has_told_of_its_end(), "one CallComplete");
                    judge_piped(piped, result, hostile, outcome);
                    false
                }
            });
        worked
    }

    fn tend_handles(
        &mut self,
        now: Time,
        random: &mut StdRng,
        outcome: &mut Outcome,
        hostile: bool,
    ) -> bool {
        let before = self.handles.len();
        self.handles
            .retain(|handled| handled.dropped_at.is_none_or(|at| at > now));
        outcome.dropped += (before - self.handles.len()) as u64;
        self.handles
            .retain_mut(|handled| match handled.handle.complete() {
                Err(Status::AsyncCallPending) => {
                    if !handled.is_cancelled && random.random_bool(0.01) {
                        let kind = cancel_kind(random);
                        handled.handle.cancel(kind).expect("the call is in flight");
                        handled.is_cancelled = true;
                        handled.may_be_cancelled = true;
                    }
                    true
                }
                // Non-abortive too, if the call had not been sent.
                Err(Status::CallCancelled) if handled.may_be_cancelled => {
                    outcome.cancelled += 1;
                    false
                }
                result => {
                    judge(handled.opnum, &handled.question, result, hostile, outcome);
                    assert_eq!(
                        handled.handle.complete().err(),
                        Some(Status::InvalidAsyncHandle)
                    );
                    false
                }
            });
        before != self.handles.len()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.left == 0
            && self.handles.is_empty()
            && self.piped.is_empty()
            && self.runtime.calls_in_flight() == 0
    }

    pub(super) fn check(&self, hostile: bool, outcome: &mut Outcome) {
        assert!(
            self.calls.iter().all(|call| call.ended),
            "a call never ended"
        );
        assert_eq!(
            self.told.load(Ordering::Relaxed),
            self.handled,
            "each call with a handle notifies once"
        );
        assert!(
            hostile || outcome.failed == 0,
            "calls failed on a network without faults"
        );
    }
}

impl<B> Bound<B> {
    fn question(&mut self, client: u16, opnum: u16, random: &mut StdRng) -> Question {
        let origin = Origin {
            client,
            binding: self.number,
            serial: self.asked,
            opnum,
        };
        self.asked += 1;
        Question::new(
            origin.to_number(),
            random.random_range(0..5_000),
            content_len(random),
            content_len(random),
        )
    }
}

fn cancel_kind(random: &mut StdRng) -> CancelKind {
    let after = Duration::from_micros(random.random_range(0..5_000));
    match random.random_range(0..3) {
        0 => CancelKind::Abortive,
        1 => CancelKind::NonAbortive,
        _ => CancelKind::Escalating { after },
    }
}

/// Notes the end of a call, which must be its first.
fn end(calls: &mut [Asked], reply: &LocalReply<'_>, hostile: bool, outcome: &mut Outcome) {
    let call = &mut calls[usize::try_from(reply.token).expect("a token is an index")];
    assert!(!call.ended, "a call ended twice");
    call.ended = true;
    if call.may_be_cancelled && matches!(reply.result, Err(Status::CallCancelled)) {
        outcome.cancelled += 1;
        return;
    }
    let result = reply.result.and_then(|data| data.decode::<Answer>());
    judge(call.opnum, &call.question, result, hostile, outcome);
}

/// Mostly short, sometimes several fragments, rarely long.
fn content_len(random: &mut StdRng) -> u32 {
    match random.random_range(0..20) {
        0 => random.random_range(0..60_000),
        1..4 => random.random_range(0..8_000),
        _ => random.random_range(0..100),
    }
}
