//! What a dial does, and when, in virtual time.

use std::net::SocketAddr;
use std::time::Duration;

use annulus_protocol::{Limits, TransferSyntax};
use annulus_transports::{Completion, ListenOptions, SimConfig, SimNet, SimRing, Wait};

use super::*;
use crate::binding::BindingShared;
use crate::binding_options::BindingOptions;
use crate::config::Config;
use crate::core::{Siblings, share};
use crate::core_shared::Command;
use crate::interfaces::rpcecho;
use crate::resolver::{Query, Resolver};

/// A client's core, and a host that takes connections and says nothing.
struct Stage {
    net: SimNet,
    core: Core<SimRing>,
    host: SimRing,
    /// How calls have ended, and when.
    ended: Vec<(Time, Status)>,
}

/// How long each trip takes, mostly.
const LATENCY: Duration = Duration::from_millis(1);
const DELAY: Duration = Limits::DEFAULT.connect_attempt_delay;
const TIMEOUT: Duration = Limits::DEFAULT.connect_timeout;

/// An address of the host.
fn address(number: u8) -> Address {
    SocketAddr::from(([10, 0, 0, number], 135)).into()
}

fn stage() -> Stage {
    stage_with(LATENCY)
}

fn stage_with(latency: Duration) -> Stage {
    let config = SimConfig {
        latency_min: latency,
        latency_max: latency,
        ..SimConfig::default()
    };
    let net = SimNet::new(1, config);
    let config = Config::default();
    let ring = net.ring(&config.limits);
    let siblings = Siblings {
        all: Arc::from([share(&ring, &config)]),
        index: 0,
        resolver: Resolver::silent(),
    };
    Stage {
        core: Core::new(ring, siblings, &config).with_rests(),
        host: net.ring(&config.limits),
        net,
        ended: Vec::new(),
    }
}

impl Stage {
    fn listen(&mut self, number: u8) {
        let options = ListenOptions::default();
        self.host.listen(address(number), &options).unwrap();
    }

    /// A binding to `target`, with a call that waits for its connection.
    fn call(&mut self, target: Target) -> Key {
        let binding = self.bind(target);
        self.call_again(binding);
        binding
    }

    fn bind(&mut self, target: Target) -> Key {
        let (interface, transfer) = (rpcecho::INTERFACE, TransferSyntax::Ndr);
        let shared = BindingShared::to(target, interface, transfer, BindingOptions::new());
        self.core.open_local_binding(&Arc::new(shared))
    }

    fn call_again(&mut self, binding: Key) {
        let called = self.core.make_local_call(binding, 0, 0, |_| Ok(()));
        called.unwrap();
    }

    /// Turns both sides until nothing happens before `until`.
    fn run_until(&mut self, until: Time) {
        loop {
            let Stage {
                net, core, ended, ..
            } = self;
            let mut note = |reply: crate::core::LocalReply<'_>| {
                ended.push((net.now(), reply.result.unwrap_err()));
            };
            if core.turn(Wait::No, &mut note).unwrap() | self.turn_host() {
                continue;
            }
            let due = self.core.next_due().into_iter();
            let next = due.chain(self.net.next_event_at()).min();
            match next.filter(|next| *next <= until) {
                Some(next) => self.net.advance(next - self.net.now()),
                None => return self.net.advance(until - self.net.now()),
            }
        }
    }

    fn run_for(&mut self, duration: Duration) {
        self.run_until(self.net.now() + duration);
    }

    fn turn_host(&mut self) -> bool {
        self.host.enter(Wait::No).unwrap();
        let mut worked = false;
        while let Some(completion) = self.host.next_completion() {
            worked = true;
            match completion {
                Completion::Accepted { stream, .. } => drop(self.host.adopt(stream).unwrap()),
                Completion::Received { lease, .. } => self.host.release(lease),
                Completion::ReceiveEnded { socket, .. } => self.host.close(socket),
                _ => {}
            }
        }
        worked
    }

    /// The index of the address that a binding is connected to.
    fn reached(&self, binding: Key) -> Option<usize> {
        let entry = self.core.bindings.table.get(binding)?;
        let mut links = self.core.open_links(entry.association);
        links.next().map(|(_, link)| link.address)
    }

    fn sockets(&self) -> usize {
        self.core.ring().usage().sockets
    }

    fn answer(&mut self, binding: Key, answer: Answer) {
        let entry = self.core.bindings.table.get(binding).unwrap();
        self.core.shared().submit(Command::Resolved {
            association: entry.association,
            answer,
        });
    }

    fn questions(&self) -> usize {
        self.core.siblings.resolver.queue_len()
    }
}

fn at(numbers: &[u8]) -> Target {
    Target::Addresses(numbers.iter().copied().map(address).collect())
}

fn named() -> Target {
    Target::Named(Arc::new(Query::Host {
        host: "server.example".into(),
        port: 135,
    }))
}

#[test]
fn an_address_that_hangs_holds_the_next_one_up_for_a_moment() {
    let mut stage = stage();
    stage.net.black_hole(address(1));
    stage.listen(2);
    let binding = stage.call(at(&[1, 2]));
    stage.run_for(DELAY);
    assert_eq!(stage.reached(binding), None, "the second has just begun");
    assert_eq!(stage.sockets(), 2);
    stage.run_for(2 * LATENCY);
    assert_eq!(stage.reached(binding), Some(1));
    stage.run_for(Limits::DEFAULT.linger_timeout);
    assert_eq!(stage.sockets(), 1, "the first was given up");
}

#[test]
fn an_address_that_refuses_holds_nothing_up() {
    let mut stage = stage();
    stage.listen(3);
    let binding = stage.call(at(&[1, 2, 3]));
    stage.run_for(6 * LATENCY);
    assert_eq!(stage.reached(binding), Some(2));
}

#[test]
fn an_address_that_is_slow_still_wins_over_one_that_is_slower() {
    let trip = DELAY * 3 / 4;
    let mut stage = stage_with(trip);
    stage.listen(1);
    stage.listen(2);
    let binding = stage.call(at(&[1, 2]));
    stage.run_for(DELAY);
    assert_eq!(stage.sockets(), 2);
    stage.run_for(2 * trip);
    assert_eq!(stage.reached(binding), Some(0));
    stage.run_for(2 * trip + Limits::DEFAULT.linger_timeout);
    assert_eq!(stage.sockets(), 1, "the second was given up");
}

#[test]
fn a_server_that_no_address_reaches_is_unavailable_in_time() {
    let mut stage = stage();
    for number in 1..=2 {
        stage.net.black_hole(address(number));
    }
    let binding = stage.call(at(&[1, 2]));
    stage.run_for(TIMEOUT);
    let due = Time::ZERO + TIMEOUT;
    assert_eq!(stage.ended, [(due, Status::ServerUnavailable)]);
    stage.run_for(LATENCY);
    assert_eq!(stage.sockets(), 0);
    stage.call_again(binding);
    stage.run_for(TIMEOUT);
    assert_eq!(stage.ended.len(), 2, "the next call has as much time");
}

#[test]
fn calls_wait_for_the_resolver_as_long_as_for_a_connection() {
    let mut stage = stage();
    stage.listen(1);
    let binding = stage.call(named());
    stage.run_for(TIMEOUT);
    let due = Time::ZERO + TIMEOUT;
    assert_eq!(stage.ended, [(due, Status::ServerUnavailable)]);

    stage.call_again(binding);
    stage.run_for(TIMEOUT / 2);
    assert_eq!(stage.questions(), 1, "the first was not answered yet");
    stage.answer(binding, Ok(Arc::from([address(1)])));
    stage.run_for(2 * LATENCY);
    assert_eq!(stage.reached(binding), Some(0));
}

#[test]
fn an_answer_that_nobody_awaits_any_more_is_not_used() {
    let mut stage = stage();
    stage.listen(1);
    let binding = stage.call(named());
    stage.run_for(TIMEOUT);
    stage.answer(binding, Ok(Arc::from([address(1)])));
    stage.run_for(TIMEOUT);
    assert_eq!(stage.sockets(), 0);
    stage.call_again(binding);
    assert_eq!(stage.questions(), 2, "it may have become wrong");
}

#[test]
fn a_name_is_looked_up_again_once_there_is_no_connection() {
    let mut stage = stage();
    stage.listen(2);
    let binding = stage.call(named());
    stage.answer(binding, Ok(Arc::from([address(1)])));
    stage.run_for(3 * LATENCY);
    assert_eq!(stage.ended.len(), 1, "nobody is there");
    stage.call_again(binding);
    stage.answer(binding, Ok(Arc::from([address(2)])));
    stage.run_for(3 * LATENCY);
    assert_eq!((stage.questions(), stage.reached(binding)), (2, Some(0)));

    stage.call_again(binding);
    assert_eq!(stage.questions(), 2, "there is a connection");
}

#[test]
fn a_name_that_is_not_found_fails_its_calls_at_once() {
    let mut stage = stage();
    let binding = stage.call(named());
    stage.answer(binding, Err(Status::ServerUnavailable.into()));
    stage.run_for(LATENCY);
    assert_eq!(stage.ended, [(Time::ZERO, Status::ServerUnavailable)]);
    stage.call_again(binding);
    assert_eq!(stage.questions(), 2);
}

#[test]
fn questions_of_bindings_that_have_gone_do_not_pile_up() {
    let mut stage = stage();
    let kept = stage.call(named());
    for _ in 0..1_000 {
        let options = BindingOptions::new().unique_binding();
        let (interface, transfer) = (rpcecho::INTERFACE, TransferSyntax::Ndr);
        let gone = BindingShared::to(named(), interface, transfer, options);
        let gone = stage.core.open_local_binding(&Arc::new(gone));
        stage.core.release_binding(gone);
    }
    let count = stage.questions();
    assert!((1..=8).contains(&count), "{count}");
    stage.listen(1);
    stage.answer(kept, Ok(Arc::from([address(1)])));
    stage.run_for(2 * LATENCY);
    assert_eq!(stage.reached(kept), Some(0));
}

#[test]
fn a_connection_that_nobody_wants_any_more_is_not_made() {
    let mut stage = stage();
    stage.net.black_hole(address(1));
    let binding = stage.bind(at(&[1, 2]));
    stage.run_for(LATENCY);
    assert_eq!(stage.sockets(), 1);
    stage.core.release_binding(binding);
    stage.run_for(LATENCY);
    assert_eq!(stage.sockets(), 0);
}
