//! One simulated run: a server, clients, and the network between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use annulus::transports::{SimConfig, SimNet, SimRing};
use annulus::{BalancePolicy, Binding, Config, Limits, LocalRuntime, Server, Serving, Usage};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::client::Client;
use super::interface::{Answerer, IN, INTERFACE};
use super::outcome::Outcome;

/// Turns after which a run that has not ended counts as hanging.
const STEPS_MAX: usize = 2_000_000;

/// Where the server listens; which of them, the seed decides.
const ENDPOINTS: [&str; 2] = ["ncacn_ip_tcp:127.0.0.1[4711]", "ncalrpc:[answers]"];

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
            client.begin_shutdown();
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

/// Limits as tight as the calls allow.
pub(super) fn limits(random: &mut StdRng) -> Limits {
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
