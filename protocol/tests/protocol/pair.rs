//! A client and a server, back to back in memory, driven by a seed: each call ends exactly once.
//!
//! A failing run prints its seed; `PAIR_SEED=n cargo test -p annulus-protocol pair` replays it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use annulus_protocol::{
    AuthenticationLevel, CallError, CallId, ClientConfig, ClientConnection, ClientEvent, ContextId,
    FaultStatus, Input, Limits, Opnum, ReplyTo, Stub, Time, TransferSyntax,
};

use crate::secured::Toy;
use crate::support::*;

/// A small generator of pseudo-random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What the client's application knows of a call.
struct Made {
    call: CallId,
    /// What the answer must be: the stub data again.
    stub: Vec<u8>,
}

struct Pair {
    random: Random,
    client: ClientConnection,
    server: Server,
    /// Bytes on their way.
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    contexts: Vec<ContextId>,
    /// Calls that have not ended for the client.
    made: BTreeMap<u64, Made>,
    ended: BTreeSet<u64>,
    /// Calls that the server has not answered.
    dispatched: Vec<(ReplyTo, Vec<u8>)>,
    next_key: u64,
    orphaned: usize,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let size = [2048, 3000, 5840, 65528][random.below(4)];
        let limits = Limits {
            fragment_len_max: size,
            calls_per_connection_max: 60,
            ..Limits::DEFAULT
        };
        let mut config = ClientConfig::new(Arc::new(limits.clone()));
        config.multiplexing = random.chance(80);
        let mut client = ClientConnection::new(config);
        let mut server = Server::with_limits(limits);
        let level = [
            AuthenticationLevel::None,
            AuthenticationLevel::Connect,
            AuthenticationLevel::Integrity,
            AuthenticationLevel::Privacy,
        ][random.below(4)];
        if level != AuthenticationLevel::None {
            let legs = 1 + random.below(4);
            server.endpoint.legs = legs;
            client = client.with_security(Box::new(Toy::client(legs)), level);
        }
        Pair {
            random,
            client,
            server,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            contexts: Vec::new(),
            made: BTreeMap::new(),
            ended: BTreeSet::new(),
            dispatched: Vec::new(),
            next_key: 0,
            orphaned: 0,
        }
    }

    /// One random thing that a client's application, a server's engine or the network does.
    fn step(&mut self) {
        match self.random.below(10) {
            0 | 1 => self.make_call(),
            2 => self.give_up(),
            3 | 4 => self.answer(),
            5..=7 => self.deliver_to_server(),
            _ => self.deliver_to_client(),
        }
    }

    fn make_call(&mut self) {
        let mut out = Vec::new();
        if self.contexts.is_empty() {
            return;
        }
        let context = self.contexts[self.random.below(self.contexts.len())];
        let start = match self.client.begin_request(context, None, &mut out) {
            Ok(start) => start,
            Err(CallError::Busy | CallError::TooManyCalls(_)) => return,
            Err(error) => panic!("{error}"),
        };
        let len = [0, 1, 100, 2024, 5816, 20_000][self.random.below(6)] + self.random.below(9);
        let fill = self.random.next() as u8;
        let stub: Vec<u8> = (0..len).map(|index| fill ^ index as u8).collect();
        out.extend_from_slice(&stub);
        if self.random.chance(5) {
            self.client.cancel_request(start, &mut out);
            assert!(out.is_empty());
            return;
        }
        let key = self.next_key;
        self.next_key += 1;
        let call = self.client.finish_request(start, Opnum(1), key, &mut out);
        self.made.insert(key, Made { call, stub });
        self.to_server.extend(out);
    }

    /// Cancels or orphans a call.
    fn give_up(&mut self) {
        let Some(key) = self
            .made
            .keys()
            .copied()
            .nth(self.random.below(self.made.len().max(1)))
        else {
            return;
        };
        let mut out = Vec::new();
        let call = self.made[&key].call;
        if self.random.chance(70) {
            self.client.cancel(call, &mut out);
        } else {
            assert_eq!(self.client.orphan(call, &mut out), Some(key));
            self.orphaned += 1;
            self.end(key);
        }
        self.to_server.extend(out);
    }

    fn answer(&mut self) {
        if self.dispatched.is_empty() {
            return;
        }
        let (reply, stub) = self
            .dispatched
            .swap_remove(self.random.below(self.dispatched.len()));
        if self.random.chance(20) {
            self.server.fault(&reply, FaultStatus::NCA_S_FAULT_UNSPEC);
        } else {
            self.server.answer(&reply, &stub);
        }
        self.to_client.extend(self.server.out.drain(..));
    }

    fn deliver_to_server(&mut self) {
        let len = self.random.below(7000).min(self.to_server.len());
        let piece: Vec<u8> = self.to_server.drain(..len).collect();
        let mut input = Input::new(&piece);
        while let Some(seen) = self.server.next(&mut input) {
            match seen {
                Seen::Request(request) => {
                    let key = u64::from(request.reply.call().0);
                    self.server
                        .connection
                        .set_call_key(request.reply.call(), key);
                    self.dispatched.push((request.reply, request.stub));
                }
                Seen::Cancel(call, key) | Seen::Orphaned(call, key) => {
                    assert_eq!(key, Some(u64::from(call.0)));
                    assert!(
                        self.dispatched
                            .iter()
                            .any(|(reply, _)| reply.call() == call)
                    );
                }
                Seen::Data(..) => panic!("nothing is streamed"),
                Seen::Close(reason) => panic!("{reason}"),
            }
        }
        self.to_client.extend(self.server.out.drain(..));
        assert_eq!(self.server.connection.active_calls(), self.dispatched.len());
    }

    fn deliver_to_client(&mut self) {
        let len = self.random.below(7000).min(self.to_client.len());
        let piece: Vec<u8> = self.to_client.drain(..len).collect();
        let mut input = Input::new(&piece);
        let mut out = Vec::new();
        while let Some(event) = self.client.next_event(Time::ZERO, &mut input, &mut out) {
            match event {
                ClientEvent::Bound { context, .. } => self.contexts.push(context),
                ClientEvent::Response { key, stub, .. } => {
                    assert_eq!(&stub[..], self.made[&key].stub, "the answer to call {key}");
                    if let Stub::Assembled(stub) = stub {
                        self.client.recycle(stub);
                    }
                    self.end(key);
                }
                ClientEvent::Fault { key, status, .. } => {
                    assert_eq!(status, FaultStatus::NCA_S_FAULT_UNSPEC);
                    self.end(key);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(input.is_empty());
        self.to_server.extend(out);
        assert_eq!(self.client.outstanding_calls(), self.made.len());
    }

    fn end(&mut self, key: u64) {
        assert!(self.made.remove(&key).is_some(), "call {key} ended twice");
        assert!(self.ended.insert(key));
    }

    /// Lets everything end.
    fn drain(&mut self) {
        for _ in 0..10_000 {
            let is_quiet = self.to_server.is_empty()
                && self.to_client.is_empty()
                && self.dispatched.is_empty();
            if is_quiet {
                return;
            }
            self.answer();
            self.deliver_to_server();
            self.deliver_to_client();
        }
        panic!("the run does not come to an end");
    }
}

fn run(seed: u64) {
    let mut pair = Pair::new(seed);
    let mut out = Vec::new();
    let transfers = [TransferSyntax::Ndr64, TransferSyntax::Ndr];
    pair.client
        .bind(Time::ZERO, ECHO, &transfers, None, &mut out)
        .expect("an offer");
    pair.client
        .add_interface(Time::ZERO, OLD, &transfers[1..], &mut out)
        .expect("an offer");
    pair.to_server.extend(out);
    for _ in 0..400 {
        pair.step();
    }
    pair.drain();
    assert_eq!(pair.contexts.len(), 2, "both interfaces are bound");
    assert_eq!(
        pair.ended.len() as u64,
        pair.next_key,
        "each call has ended"
    );
    assert_eq!(pair.client.outstanding_calls(), 0);
    assert_eq!(pair.server.connection.active_calls(), 0);
    assert!(pair.orphaned <= pair.ended.len());
    pair.server.connection.close(&mut pair.server.endpoint);
    assert!(pair.server.endpoint.groups.is_empty());
}

#[test]
fn each_call_ends_exactly_once() {
    let seeds = match std::env::var("PAIR_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("PAIR_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 1..60,
    };
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            eprintln!("PAIR_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
