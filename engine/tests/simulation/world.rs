//! One simulated run: a server, clients, and the network between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annulus::transports::{SimConfig, SimNet, SimRing};
use annulus::{
    AsyncHandle, BalancePolicy, Binding, BindingOptions, CancelKind, Config, Limits, LocalBinding,
    LocalCall, LocalReply, LocalRuntime, Notify, Server, Serving, Status, Time, Usage,
};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};

use super::interface::{
    ABORTS, Answer, Answerer, CALLS, ELSEWHERE, FAILS, FAILURE, IN, INTERFACE, LATER, NEVER, NOW,
    OPERATION_COUNT, Origin, PANICS, Question, SLEEPS,
};
use super::pipes::{Piped, Served, Step};

/// Turns after which a run that has not ended counts as hanging.
const STEPS_MAX: usize = 2_000_000;

/// Where the server listens; which of them, the seed decides.
const ENDPOINTS: [&str; 2] = ["ncacn_ip_tcp:127.0.0.1[4711]", "ncalrpc:[answers]"];

/// What a run came to; the same for the same seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The questions that the server answered, with an answer or a failure.
    pub(crate) answered: BTreeSet<Origin>,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// How often a connection went from one of the server's cores to another.
    pub(crate) handovers: u64,
    /// Calls that came while too much was unpulled on their connection.
    pub(crate) refused: u64,
    /// Handles that were dropped, some while their replies arrived.
    pub(crate) dropped: u64,
    /// Calls that a manager completed from elsewhere, after it was told that their clients are gone.
    pub(crate) late: u64,
    pub(crate) ended_at: Time,
}

pub(crate) struct World {
    random: StdRng,
    net: SimNet,
    /// The server's cores.
    servers: Vec<LocalRuntime<SimRing>>,
    serving: Serving,
    answerer: Answerer,
    clients: Vec<Client>,
    /// Whether connections may break.
    hostile: bool,
    outcome: Outcome,
}

struct Client {
    number: u16,
    runtime: LocalRuntime<SimRing>,
    target: String,
    local: Vec<Bound<LocalBinding>>,
    shared: Vec<Bound<Binding>>,
    /// How many bindings there were.
    bound: u16,
    /// Those of them whose calls are to be dispatched in the order made.
    causal: BTreeSet<u16>,
    calls: Vec<Asked>,
    handles: Vec<Handled>,
    piped: Vec<Piped>,
    left: u32,
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

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let hostile = random.random_bool(0.5);
        let net = SimNet::new(
            seed,
            if hostile {
                SimConfig::hostile()
            } else {
                SimConfig::default()
            },
        );
        let look = Duration::from_micros(random.random_range(20..2_000));
        let config = Config::default()
            .limits(limits(&mut random))
            .balance(BalancePolicy::Every(look))
            .seed(seed);
        let rings = (0..random.random_range(1..=3)).map(|_| net.ring(&config.limits));
        let mut servers = LocalRuntime::with_rings(rings.collect(), &config);
        let answerer = Answerer::default();
        let serving = servers[0]
            .serve(
                Server::new()
                    .endpoint(ENDPOINTS[(seed % 2) as usize])
                    .unwrap()
                    .interface(answerer.clone()),
            )
            .expect("the simulated endpoint is free");
        let target = serving.bindings()[0].to_string();
        let own = Binding::new(&servers[0], &target, INTERFACE).unwrap();
        *answerer.own.lock().unwrap() = Some(own);
        let clients = (0..random.random_range(1..=3))
            .map(|number| Client::new(number, &net, &target, &config.limits, &mut random))
            .collect();
        World {
            random,
            net,
            servers,
            serving,
            answerer,
            clients,
            hostile,
            outcome: Outcome::default(),
        }
    }

    /// Runs to the end and checks it.
    pub(crate) fn run(mut self) -> Outcome {
        self.step_until(|world| world.clients.iter().all(Client::has_ended));
        for client in &mut self.clients {
            client.check(self.hostile, &mut self.outcome);
            client.shared.clear();
            client.goes_at = None;
            client.runtime.begin_shutdown();
        }
        self.step_until(|world| {
            world
                .clients
                .iter()
                .all(|client| client.runtime.is_finished())
        });
        // The server's own binding must not outlive it.
        self.answerer.own.lock().unwrap().take();
        for server in &mut self.servers {
            server.begin_shutdown();
        }
        self.step_until(|world| world.servers.iter().all(LocalRuntime::is_finished));
        self.outcome.handovers = self.serving.handovers();
        assert!(
            self.serving
                .connections_per_core()
                .iter()
                .all(|&count| count == 0),
            "a connection is counted that is gone"
        );
        for runtime in self
            .clients
            .iter()
            .map(|client| &client.runtime)
            .chain(&self.servers)
        {
            assert_eq!(
                runtime.usage(),
                Usage::default(),
                "something did not come back"
            );
        }
        // A connection may have been on its way to a core that had just ended.
        self.servers.clear();
        assert_eq!(
            self.net.connections(),
            0,
            "a connection is left in the network"
        );
        self.check_dispatched();
        self.outcome.late = self.answerer.elsewhere.lock().unwrap().finish();
        self.outcome.ended_at = self.net.now();
        self.outcome
    }

    /// No call was executed twice, and those of a causal binding began in the order made. What was
    /// given up, or lost with its connection, may still arrive later.
    fn check_dispatched(&self) {
        let dispatched = self.answerer.dispatched.lock().unwrap();
        let mut seen = BTreeSet::new();
        let mut last = BTreeMap::new();
        for &origin in dispatched.iter() {
            assert!(seen.insert(origin), "{origin:?} was executed twice");
            // A call with pipes has a connection of its own, and order with nobody.
            if !self.outcome.answered.contains(&origin) || origin.opnum >= IN {
                continue;
            }
            let before = last.insert((origin.client, origin.binding), origin.serial);
            let client = &self.clients[usize::from(origin.client)];
            assert!(
                before.is_none_or(|before| before < origin.serial)
                    || !client.causal.contains(&origin.binding),
                "{origin:?} was overtaken"
            );
        }
    }

    /// Turns all cores, and the clock when nobody has anything to do, until `done`.
    fn step_until(&mut self, done: impl Fn(&World) -> bool) {
        for _ in 0..STEPS_MAX {
            if done(self) {
                return;
            }
            let now = self.net.now();
            let mut worked = self.answerer.elsewhere.lock().unwrap().step(now);
            for server in &mut self.servers {
                worked |= server
                    .poll(&mut |_| {})
                    .expect("the simulation does not break");
            }
            for client in &mut self.clients {
                worked |= client.go(now, &self.net);
                worked |= client.step(now, &mut self.random, &mut self.outcome, self.hostile);
                let served = &self.answerer.served;
                worked |= client.tend_pipes(
                    now,
                    &mut self.random,
                    &mut self.outcome,
                    self.hostile,
                    served,
                );
            }
            if !worked {
                self.advance();
            }
        }
        panic!(
            "the run hangs: server {:?}, clients {:?}",
            self.server_usages(),
            self.usages()
        );
    }

    fn server_usages(&self) -> Vec<Usage> {
        self.servers.iter().map(LocalRuntime::usage).collect()
    }

    fn usages(&self) -> Vec<Usage> {
        self.clients
            .iter()
            .map(|client| client.runtime.usage())
            .collect()
    }

    fn describe_pipes(&self) -> Vec<String> {
        self.clients
            .iter()
            .flat_map(|client| &client.piped)
            .map(|piped| piped.describe(&self.answerer.served))
            .collect()
    }

    /// Moves the time to whatever comes first: the network's next event, or a core's timer.
    fn advance(&self) {
        let runtimes = self
            .clients
            .iter()
            .map(|client| &client.runtime)
            .chain(&self.servers);
        let elsewhere = self.answerer.elsewhere.lock().unwrap().due();
        let next_timer = runtimes
            .filter_map(LocalRuntime::next_due)
            .chain(self.clients.iter().filter_map(Client::due))
            .chain(elsewhere)
            .min();
        match (self.net.next_event_at(), next_timer) {
            (Some(event), timer) if timer.is_none_or(|timer| event <= timer) => {
                self.net.advance_to_next();
            }
            (_, Some(timer)) => self.net.advance(timer - self.net.now()),
            // A client that still has calls to make will make the next one some time.
            (None, None) if self.clients.iter().any(|client| client.left > 0) => {}
            (None, None) => panic!(
                "nothing will ever happen again: server {:?}, clients {:?}, pipes {:#?}",
                self.server_usages(),
                self.usages(),
                self.describe_pipes()
            ),
            (Some(_), None) => unreachable!("the first arm takes an event without a timer"),
        }
    }
}

impl Client {
    fn new(
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
    fn go(&mut self, now: Time, net: &SimNet) -> bool {
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

    /// When it does something by itself.
    fn due(&self) -> Option<Time> {
        let drops = self.handles.iter().filter_map(|handled| handled.dropped_at);
        let rests = self.piped.iter().filter_map(Piped::due);
        drops.chain(rests).chain(self.goes_at).min()
    }

    /// Makes a call or two, turns the core, looks at the handles.
    fn step(
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
    fn tend_pipes(
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

    fn has_ended(&self) -> bool {
        self.left == 0
            && self.handles.is_empty()
            && self.piped.is_empty()
            && self.runtime.calls_in_flight() == 0
    }

    fn check(&self, hostile: bool, outcome: &mut Outcome) {
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

/// Checks that a call ended as it may.
fn judge(
    opnum: u16,
    question: &Question,
    result: Result<Answer, Status>,
    hostile: bool,
    outcome: &mut Outcome,
) {
    match (opnum, result) {
        (NOW | LATER | SLEEPS | CALLS | ELSEWHERE, Ok(answer)) => {
            assert!(
                answer.is(&question.answer()),
                "the answer belongs to another question"
            );
            outcome.answered.insert(Origin::of_number(question.number));
        }
        (NEVER | PANICS, Err(Status::CallFailed)) | (FAILS | ABORTS, Err(FAILURE)) => {
            outcome.answered.insert(Origin::of_number(question.number));
        }
        (_, Err(Status::CallFailed | Status::ServerUnavailable | Status::CallFailedDne))
            if hostile =>
        {
            outcome.failed += 1;
        }
        (opnum, other) => panic!("operation {opnum} ended with {other:?}"),
    }
}

/// The same for a call with pipes.
fn judge_piped(piped: &Piped, result: Result<(), Status>, hostile: bool, outcome: &mut Outcome) {
    match result {
        Ok(()) => {
            let origin = Origin::of_number(piped.question.number);
            outcome.answered.insert(origin);
        }
        Err(Status::CallCancelled) if piped.may_be_cancelled => outcome.cancelled += 1,
        Err(Status::ServerTooBusy) if piped.may_be_refused => outcome.refused += 1,
        Err(Status::CallFailed | Status::ServerUnavailable | Status::CallFailedDne) if hostile => {
            outcome.failed += 1;
        }
        other => panic!("a call with pipes ended with {other:?}"),
    }
}

/// Mostly short, sometimes several fragments, rarely long.
fn content_len(random: &mut StdRng) -> u32 {
    match random.random_range(0..20) {
        0 => random.random_range(0..60_000),
        1..4 => random.random_range(0..8_000),
        _ => random.random_range(0..100),
    }
}

/// Limits as tight as the calls allow.
fn limits(random: &mut StdRng) -> Limits {
    Limits {
        fragment_len_max: [2048, 4096, 5840, 65_528][random.random_range(0..4)],
        extended_fragment_len_max: [0, 9_000, 65_528][random.random_range(0..3)],
        send_backlog_max: random.random_range(1_000..100_000),
        receive_buffers: 1 << random.random_range(1..6),
        receive_buffer_len: random.random_range(64..8_192),
        inbox_len: 1 << random.random_range(0..6),
        bind_timeout: Duration::from_secs(30),
        pipe_len_max: random.random_range(64..20_000),
        unpulled_len_max: random.random_range(1..20_000),
        unpulled_len_per_core_max: random.random_range(1..40_000),
        connections_per_association_max: random.random_range(1..6),
        contexts_per_connection_max: random.random_range(2..4),
        association_linger: Duration::from_micros(random.random_range(0..100_000)),
        idle_connection_timeout: Duration::from_micros(random.random_range(1_000..1_000_000)),
        ..Limits::default()
    }
}
