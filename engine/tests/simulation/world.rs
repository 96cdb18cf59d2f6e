//! One simulated run: a server, clients, and the network between them.

use std::time::Duration;

use annulus::transports::{SimConfig, SimNet, SimRing};
use annulus::{
    AsyncHandle, Binding, CancelKind, Config, Limits, LocalBinding, LocalReply, LocalRuntime,
    Notify, Server, Status, Time, Usage,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::interface::{
    ABORTS, Answer, Answerer, CALLS, FAILS, FAILURE, INTERFACE, LATER, NEVER, NOW, OPERATION_COUNT,
    PANICS, Question, SLEEPS,
};

/// Turns after which a run that has not ended counts as hanging.
const STEPS_MAX: usize = 2_000_000;

/// What a run came to; the same for the same seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) ended_at: Time,
}

pub(crate) struct World {
    random: StdRng,
    net: SimNet,
    server: LocalRuntime<SimRing>,
    answerer: Answerer,
    clients: Vec<Client>,
    /// Whether connections may break.
    hostile: bool,
    outcome: Outcome,
}

struct Client {
    runtime: LocalRuntime<SimRing>,
    local: Vec<LocalBinding>,
    shared: Vec<Binding>,
    calls: Vec<Asked>,
    handles: Vec<Handled>,
    left: u32,
}

/// A call of the client's own thread.
struct Asked {
    opnum: u16,
    question: Question,
    ended: bool,
}

/// A call with a handle.
struct Handled {
    opnum: u16,
    question: Question,
    handle: AsyncHandle<Answer>,
    cancelled: Option<CancelKind>,
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
        let config = Config::default().limits(limits(&mut random)).seed(seed);
        let mut server = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        let answerer = Answerer::default();
        let serving = server
            .serve(
                Server::new()
                    .endpoint("ncacn_ip_tcp:127.0.0.1[4711]")
                    .unwrap()
                    .interface(answerer.clone()),
            )
            .expect("the simulated port is free");
        let target = serving.bindings()[0].to_string();
        let own = Binding::new(&server, &target, INTERFACE).unwrap();
        *answerer.own.lock().unwrap() = Some(own);
        let clients = (0..random.random_range(1..=3))
            .map(|_| Client::new(&net, &target, &mut random))
            .collect();
        World {
            random,
            net,
            server,
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
        self.server.begin_shutdown();
        self.step_until(|world| world.server.is_finished());
        for runtime in self
            .clients
            .iter()
            .map(|client| &client.runtime)
            .chain([&self.server])
        {
            assert_eq!(
                runtime.usage(),
                Usage::default(),
                "something did not come back"
            );
        }
        assert_eq!(
            self.net.connections(),
            0,
            "a connection is left in the network"
        );
        self.outcome.ended_at = self.net.now();
        self.outcome
    }

    /// Turns all cores, and the clock when nobody has anything to do, until `done`.
    fn step_until(&mut self, done: impl Fn(&World) -> bool) {
        for _ in 0..STEPS_MAX {
            if done(self) {
                return;
            }
            let mut worked = self
                .server
                .poll(&mut |_| {})
                .expect("the simulation does not break");
            for client in &mut self.clients {
                worked |= client.step(&mut self.random, &mut self.outcome, self.hostile);
            }
            if !worked {
                self.advance();
            }
        }
        panic!(
            "the run hangs: server {:?}, clients {:?}",
            self.server.usage(),
            self.usages()
        );
    }

    fn usages(&self) -> Vec<Usage> {
        self.clients
            .iter()
            .map(|client| client.runtime.usage())
            .collect()
    }

    /// Moves the time to whatever comes first: the network's next event, or a core's timer.
    fn advance(&self) {
        let runtimes = self
            .clients
            .iter()
            .map(|client| &client.runtime)
            .chain([&self.server]);
        let next_timer = runtimes.filter_map(LocalRuntime::next_due).min();
        match (self.net.next_event_at(), next_timer) {
            (Some(event), timer) if timer.is_none_or(|timer| event <= timer) => {
                self.net.advance_to_next();
            }
            (_, Some(timer)) => self.net.advance(timer - self.net.now()),
            // A client that still has calls to make will make the next one some time.
            (None, None) if self.clients.iter().any(|client| client.left > 0) => {}
            (None, None) => panic!(
                "nothing will ever happen again: server {:?}, clients {:?}",
                self.server.usage(),
                self.usages()
            ),
            (Some(_), None) => unreachable!("the first arm takes an event without a timer"),
        }
    }
}

impl Client {
    fn new(net: &SimNet, target: &str, random: &mut StdRng) -> Self {
        let config = Config::default()
            .limits(limits(random))
            .seed(random.random());
        let mut runtime = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        let local = (0..random.random_range(1..=3))
            .map(|_| runtime.bind(target, INTERFACE).unwrap())
            .collect();
        let shared = (0..random.random_range(1..=2))
            .map(|_| Binding::new(&runtime, target, INTERFACE).unwrap())
            .collect();
        Client {
            runtime,
            local,
            shared,
            calls: Vec::new(),
            handles: Vec::new(),
            left: random.random_range(1..=60),
        }
    }

    /// Makes a call or two, turns the core, looks at the handles.
    fn step(&mut self, random: &mut StdRng, outcome: &mut Outcome, hostile: bool) -> bool {
        let mut worked = false;
        if self.left > 0 && random.random_bool(0.3) {
            worked = true;
            self.left -= 1;
            self.ask(random);
        }
        let calls = &mut self.calls;
        worked |= self
            .runtime
            .poll(&mut |reply| end(calls, &reply, hostile, outcome))
            .expect("the simulation does not break");
        worked | self.tend_handles(random, outcome, hostile)
    }

    fn ask(&mut self, random: &mut StdRng) {
        let number = random.random();
        let opnum = random.random_range(0..OPERATION_COUNT);
        let question = Question::new(
            number,
            random.random_range(0..5_000),
            content_len(random),
            content_len(random),
        );
        if random.random_bool(0.5) {
            let binding = self.local[random.random_range(0..self.local.len())];
            let token = self.calls.len() as u64;
            self.runtime
                .call(binding, opnum, token, &question)
                .expect("the call can be made");
            self.calls.push(Asked {
                opnum,
                question,
                ended: false,
            });
        } else {
            let binding = &self.shared[random.random_range(0..self.shared.len())];
            let mut handle = AsyncHandle::new(Notify::None);
            binding
                .call_async(&mut handle, opnum, &question)
                .expect("the call can be made");
            // Some callers lose interest.
            if random.random_bool(0.9) {
                self.handles.push(Handled {
                    opnum,
                    question,
                    handle,
                    cancelled: None,
                });
            }
        }
    }

    fn tend_handles(&mut self, random: &mut StdRng, outcome: &mut Outcome, hostile: bool) -> bool {
        let before = self.handles.len();
        self.handles
            .retain_mut(|handled| match handled.handle.complete() {
                Err(Status::AsyncCallPending) => {
                    if handled.cancelled.is_none() && random.random_bool(0.01) {
                        let kind = if random.random_bool(0.5) {
                            CancelKind::Abortive
                        } else {
                            CancelKind::NonAbortive
                        };
                        handled.handle.cancel(kind).expect("the call is in flight");
                        handled.cancelled = Some(kind);
                    }
                    true
                }
                // Non-abortive too, if the call had not been sent.
                Err(Status::CallCancelled) if handled.cancelled.is_some() => {
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
        self.left == 0 && self.handles.is_empty() && self.runtime.calls_in_flight() == 0
    }

    fn check(&self, hostile: bool, outcome: &mut Outcome) {
        assert!(
            self.calls.iter().all(|call| call.ended),
            "a call never ended"
        );
        assert!(
            hostile || outcome.failed == 0,
            "calls failed on a network without faults"
        );
    }
}

/// Notes the end of a call, which must be its first.
fn end(calls: &mut [Asked], reply: &LocalReply<'_>, hostile: bool, outcome: &mut Outcome) {
    let call = &mut calls[usize::try_from(reply.token).expect("a token is an index")];
    assert!(!call.ended, "a call ended twice");
    call.ended = true;
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
        (NOW | LATER | SLEEPS | CALLS, Ok(answer)) => {
            assert!(
                answer.is(&question.answer()),
                "the answer belongs to another question"
            );
            outcome.answered += 1;
        }
        (NEVER | PANICS, Err(Status::CallFailed)) | (FAILS | ABORTS, Err(FAILURE)) => {
            outcome.answered += 1;
        }
        (_, Err(Status::CallFailed | Status::ServerUnavailable | Status::CallFailedDne))
            if hostile =>
        {
            outcome.failed += 1;
        }
        (opnum, other) => panic!("operation {opnum} ended with {other:?}"),
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
        send_backlog_max: random.random_range(1_000..100_000),
        receive_buffers: 1 << random.random_range(1..6),
        receive_buffer_len: random.random_range(64..8_192),
        inbox_len: 1 << random.random_range(0..6),
        bind_timeout: Duration::from_secs(30),
        ..Limits::default()
    }
}
