//! A client and a server, back to back in memory, driven by a seed: each call ends exactly once,
//! also where its request or its response is a stream.
//!
//! A failing run prints its seed; `PAIR_SEED=n cargo test -p annulus-protocol pair` replays it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use annulus_protocol::{
    AuthenticationLevel, CallError, CallId, ClientConfig, ClientConnection, ClientEvent, ContextId,
    FaultStatus, Input, Limits, Opnum, ReplyTo, Stub, Time, TransferSyntax,
};

use crate::support::toy::Toy;
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

/// The operation of ECHO whose request may come in parts.
const PIPE: Opnum = Opnum(4);

/// What the client's application knows of a call.
struct Made {
    call: CallId,
    /// What the answer must be: the stub data again, as far as it was sent.
    stub: Vec<u8>,
    /// What has come of an answer that comes in pieces.
    answer: Option<Vec<u8>>,
}

/// What the server's application knows of a call.
struct Dispatched {
    reply: ReplyTo,
    /// What has arrived of its in-parameters.
    stub: Vec<u8>,
    is_whole: bool,
    /// How many of its out-parameters were sent.
    answered: usize,
    is_orphaned: bool,
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
    dispatched: Vec<Dispatched>,
    next_key: u64,
    orphaned: usize,
    /// Calls whose request was sent in parts to its end, and answers that came in pieces.
    streamed_requests: usize,
    streamed_responses: usize,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let size = [2048, 3000, 5840, 65528][random.below(4)];
        let limits = Limits {
            fragment_len_max: size,
            extended_fragment_len_max: [0, 9000, 65528][random.below(3)],
            calls_per_connection_max: 60,
            ..Limits::DEFAULT
        };
        let mut config = ClientConfig::new(Arc::new(limits.clone()));
        config.extended_fragment_len_max = [0, 20_000, 65528][random.below(3)];
        config.multiplexing = random.chance(80);
        let mut client = ClientConnection::new(config);
        let mut server = Server::with_limits(limits);
        server.endpoint.streamed = Some(PIPE);
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
            streamed_requests: 0,
            streamed_responses: 0,
        }
    }

    /// One random thing that a client's application, a server's engine or the network does.
    fn step(&mut self) {
        match self.random.below(10) {
            0 if self.client.sending_call().is_some() => self.send_part(),
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
        let is_first_part = context == self.contexts[0] && self.random.chance(40);
        let stub = self.stub(is_first_part);
        out.extend_from_slice(&stub);
        if self.random.chance(5) {
            self.client.cancel_request(start, &mut out);
            assert!(out.is_empty());
            return;
        }
        let key = self.next_key;
        self.next_key += 1;
        let call = if is_first_part {
            self.client.finish_request_part(start, PIPE, key, &mut out)
        } else {
            self.client.finish_request(start, Opnum(1), key, &mut out)
        };
        let answer = self.random.chance(30).then(Vec::new);
        if answer.is_some() {
            assert!(self.client.stream_response(call));
        }
        self.made.insert(key, Made { call, stub, answer });
        self.to_server.extend(out);
    }

    /// Random stub data; that of a part is a positive multiple of 8 bytes.
    fn stub(&mut self, is_part: bool) -> Vec<u8> {
        let mut len = [0, 1, 100, 2024, 5816, 20_000][self.random.below(6)] + self.random.below(9);
        if is_part {
            len = (len / 8 + 1) * 8;
        }
        let fill = self.random.next() as u8;
        (0..len).map(|index| fill ^ index as u8).collect()
    }

    /// Goes on with the request that is being sent.
    fn send_part(&mut self) {
        let Some(call) = self.client.sending_call() else {
            return;
        };
        let mut out = Vec::new();
        let start = self
            .client
            .begin_request_part(call, &mut out)
            .expect("its request goes on");
        let is_last = self.random.chance(20);
        let stub = self.stub(!is_last);
        assert_eq!(start.stub_at(), out.len());
        out.extend_from_slice(&stub);
        if self.random.chance(5) {
            self.client.cancel_request_part(start, &mut out);
            assert!(out.is_empty());
            return;
        }
        if is_last {
            self.client.end_request(start, &mut out);
            assert_eq!(self.client.sending_call(), None);
            self.streamed_requests += 1;
        } else {
            self.client.continue_request(start, &mut out);
        }
        let made = self.made.values_mut().find(|made| made.call == call);
        made.expect("the call is outstanding").stub.extend(stub);
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

    /// Answers a call, or goes on answering it, or fails it.
    fn answer(&mut self) {
        if self.dispatched.is_empty() {
            return;
        }
        let index = self.random.below(self.dispatched.len());
        let Dispatched {
            reply,
            stub,
            is_whole,
            answered,
            ..
        } = &mut self.dispatched[index];
        if !self.server.connection.can_answer(reply) {
            return;
        }
        let rest = stub.len() - *answered;
        if self.random.chance(if *is_whole { 20 } else { 5 }) {
            self.server.fault(reply, FaultStatus::NCA_S_FAULT_UNSPEC);
        } else if !*is_whole {
            return;
        } else if rest > 8 && self.random.chance(40) {
            let len = (1 + self.random.below(rest / 8)) * 8;
            let part = &stub[*answered..][..len];
            self.server.answer_part(reply, part);
            *answered += len;
            self.to_client.extend(self.server.out.drain(..));
            return;
        } else {
            self.server.answer(reply, &stub[*answered..]);
        }
        self.dispatched.swap_remove(index);
        self.to_client.extend(self.server.out.drain(..));
    }

    /// What the server's application knows of an active call.
    fn dispatched(&mut self, call: CallId) -> &mut Dispatched {
        let found = self
            .dispatched
            .iter_mut()
            .find(|dispatched| dispatched.reply.call() == call);
        found.expect("the call is active")
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
                    self.dispatched.push(Dispatched {
                        reply: request.reply,
                        stub: request.stub,
                        is_whole: request.is_last,
                        answered: 0,
                        is_orphaned: false,
                    });
                }
                Seen::Data(call, key, stub, is_last) => {
                    assert_eq!(key, Some(u64::from(call.0)));
                    let dispatched = self.dispatched(call);
                    assert!(!dispatched.is_whole && !dispatched.is_orphaned);
                    dispatched.stub.extend(stub);
                    dispatched.is_whole = is_last;
                }
                Seen::Cancel(call, key) => {
                    assert_eq!(key, Some(u64::from(call.0)));
                    self.dispatched(call);
                }
                Seen::Orphaned(call, key) => {
                    assert_eq!(key, Some(u64::from(call.0)));
                    let dispatched = self.dispatched(call);
                    dispatched.is_orphaned = true;
                    // No more of it comes.
                    dispatched.is_whole = true;
                }
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
                ClientEvent::ResponseData {
                    key, stub, is_last, ..
                } => {
                    let made = self.made.get_mut(&key).expect("the call is outstanding");
                    let answer = made.answer.as_mut().expect("its answer comes in pieces");
                    answer.extend_from_slice(&stub);
                    if let Stub::Assembled(stub) = stub {
                        self.client.recycle(stub);
                    }
                    if is_last {
                        assert_eq!(*answer, made.stub, "the answer to call {key}");
                        self.streamed_responses += 1;
                        self.end(key);
                    }
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
                && self.dispatched.is_empty()
                && self.client.sending_call().is_none();
            if is_quiet {
                return;
            }
            self.send_part();
            self.answer();
            self.deliver_to_server();
            self.deliver_to_client();
        }
        panic!("the run does not come to an end");
    }
}

/// A run of a seed: requests that were sent in parts, and answers that came in pieces.
fn run(seed: u64) -> (usize, usize) {
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
    (pair.streamed_requests, pair.streamed_responses)
}

#[test]
fn each_call_ends_exactly_once() {
    let seeds: std::ops::Range<u64> = match std::env::var("PAIR_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("PAIR_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 1..60,
    };
    let is_replay = seeds.end - seeds.start == 1;
    let mut streamed = (0, 0);
    for seed in seeds {
        match std::panic::catch_unwind(|| run(seed)) {
            Ok((requests, responses)) => {
                streamed.0 += requests;
                streamed.1 += responses;
            }
            Err(panic) => {
                eprintln!("PAIR_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(
        is_replay || (streamed.0 > 100 && streamed.1 > 100),
        "{streamed:?}"
    );
}
