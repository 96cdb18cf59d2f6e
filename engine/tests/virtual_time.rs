//! What depends on time, where no time passes but what the test lets pass: over the simulated
//! ring, in one thread.

mod raw;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use annulus::mgmt;
use annulus::ndr::NdrParams;
use annulus::rpcecho::{self, EchoServer};
use annulus::transports::{
    Address, Completion, ListenOptions, Ring, SimConfig, SimNet, SimRing, SocketId, Wait,
};
use annulus::{
    AsyncHandle, Binding, BindingOptions, CancelKind, Config, Dispatch, Interface, Limits,
    LocalBinding, LocalCall, LocalReply, LocalRuntime, Notify, Server, ServerCall, Status,
    SyntaxId, Time,
};
use raw::{MULTIPLEXING, WHOLE, bind, bind_ack, hex, request};

const TARGET: &str = "ncacn_ip_tcp:127.0.0.1[4711]";

/// After this, in the network's time, a test counts as hanging.
const PATIENCE: Duration = Duration::from_secs(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Number {
    number: u32,
}

/// What is at the other side of the network.
trait Peer {
    /// Does what there is to do; false if that was nothing.
    fn turn(&mut self) -> bool;
    /// When there is something to do again by itself.
    fn due(&self) -> Option<Time>;
}

impl Peer for LocalRuntime<SimRing> {
    fn turn(&mut self) -> bool {
        self.poll(&mut |_| {}).unwrap()
    }

    fn due(&self) -> Option<Time> {
        self.next_due()
    }
}

struct Stage<P> {
    net: SimNet,
    client: LocalRuntime<SimRing>,
    server: P,
}

impl<P: Peer> Stage<P> {
    fn new(net: SimNet, limits: Limits, server: P) -> Self {
        let config = Config::default().limits(limits);
        let client = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        Stage {
            net,
            client,
            server,
        }
    }

    /// Turns both sides, and lets time pass whenever neither has anything to do.
    fn until(&mut self, what: &str, mut is_true: impl FnMut(&Self) -> bool) {
        let end = self.net.now() + PATIENCE;
        while !is_true(self) {
            assert!(self.net.now() < end, "{what}");
            if !(Peer::turn(&mut self.client) | self.server.turn()) {
                self.pass();
            }
        }
    }

    fn pass(&self) {
        let timer = [self.client.due(), self.server.due()].into_iter();
        match (self.net.next_event_at(), timer.flatten().min()) {
            (event, Some(timer)) if event.is_none_or(|event| timer < event) => {
                self.net.advance(timer - self.net.now());
            }
            (Some(_), _) => drop(self.net.advance_to_next()),
            (None, _) => panic!("nothing will ever happen again"),
        }
    }

    /// Turns both sides for so long.
    fn turn_for(&mut self, duration: Duration) {
        let end = self.net.now() + duration;
        let (tick, ticks) = (Duration::from_millis(1), duration.as_millis());
        for _ in 0..ticks {
            while Peer::turn(&mut self.client) | self.server.turn() {}
            self.net.advance(tick);
        }
        assert!(self.net.now() >= end);
    }

    fn binding(&self, options: BindingOptions) -> Binding {
        Binding::with_options(&self.client, TARGET, rpcecho::INTERFACE, options).unwrap()
    }

    fn call(&mut self, binding: &Binding, opnum: u16) -> Result<Number, Status> {
        let mut handle = AsyncHandle::new(Notify::None);
        binding.call_async(&mut handle, opnum, &Number { number: 1 })?;
        self.until("a call ends", |_| {
            handle.status() != Status::AsyncCallPending
        });
        handle.complete()
    }
}

fn serve(net: &SimNet, limits: Limits, interface: impl Interface) -> LocalRuntime<SimRing> {
    let config = Config::default().limits(limits);
    let mut server = LocalRuntime::with_ring(net.ring(&config.limits), &config);
    let endpoint = Server::new().endpoint(TARGET).unwrap();
    server.serve(endpoint.interface(interface)).unwrap();
    server
}

/// A client with these limits, and a server with others.
fn stage(limits: Limits, interface: impl Interface) -> Stage<LocalRuntime<SimRing>> {
    let net = SimNet::new(1, SimConfig::default());
    let server = serve(&net, Limits::default(), interface);
    Stage::new(net, limits, server)
}

fn address() -> Address {
    Address::from(SocketAddr::from(([127, 0, 0, 1], 4711)))
}

/// Answers AddOne with a response in `count` fragments, `pause` apart.
struct SlowServer {
    ring: SimRing,
    count: usize,
    pause: Duration,
    received: Vec<u8>,
    /// Types of PDUs that are neither bind nor request.
    told: Vec<u8>,
    /// What is to be sent, and when.
    unsent: VecDeque<(Time, SocketId, Vec<u8>)>,
}

impl SlowServer {
    fn new(net: &SimNet, count: usize, pause: Duration) -> Self {
        let mut ring = net.ring(&Limits::DEFAULT);
        ring.listen(address(), &ListenOptions::default()).unwrap();
        SlowServer {
            ring,
            count,
            pause,
            received: Vec::new(),
            told: Vec::new(),
            unsent: VecDeque::new(),
        }
    }

    fn take(&mut self, socket: SocketId) {
        const BIND: u8 = 11;
        const REQUEST: u8 = 0;
        while let Some(len) = self.received.get(8..10) {
            let len = usize::from(u16::from_le_bytes([len[0], len[1]]));
            if self.received.len() < len {
                return;
            }
            let pdu: Vec<u8> = self.received.drain(..len).collect();
            match pdu[2] {
                BIND => self.ring.send(socket, bind_ack(&pdu, MULTIPLEXING)),
                REQUEST => self.answer(socket, &pdu),
                other => self.told.push(other),
            }
        }
    }

    fn answer(&mut self, socket: SocketId, call: &[u8]) {
        let mut due = self.ring.now();
        for index in 0..self.count {
            due = due + self.pause;
            let mut pdu = hex("05 00 02 00 10000000 1800 0000 00000000  04000000 0000 0000");
            pdu[3] = u8::from(index == 0) | u8::from(index == self.count - 1) << 1;
            pdu[12..16].copy_from_slice(&call[12..16]);
            if index == 0 {
                pdu.extend([2, 0, 0, 0]);
                pdu[8] += 4;
            }
            self.unsent.push_back((due, socket, pdu));
        }
    }
}

impl Peer for SlowServer {
    fn turn(&mut self) -> bool {
        let mut worked = false;
        let now = self.ring.now();
        while let Some((_, socket, pdu)) = self.unsent.pop_front_if(|(due, ..)| *due <= now) {
            self.ring.send(socket, pdu);
            worked = true;
        }
        self.ring.enter(Wait::No).unwrap();
        while let Some(completion) = self.ring.next_completion() {
            worked = true;
            match completion {
                Completion::Accepted { stream, .. } => drop(self.ring.adopt(stream).unwrap()),
                Completion::Received { socket, lease } => {
                    self.received.extend_from_slice(self.ring.received(&lease));
                    self.ring.release(lease);
                    self.take(socket);
                }
                _ => {}
            }
        }
        worked
    }

    fn due(&self) -> Option<Time> {
        self.unsent.front().map(|(due, ..)| *due)
    }
}

#[test]
fn rule_42_each_fragment_restarts_the_timeout_and_the_deadline_is_for_the_whole_call() {
    let patient = BindingOptions::new().call_timeout(Duration::from_secs(1));
    let bounded = patient.call_deadline(Duration::from_secs(5));
    let two = Ok(Number { number: 2 });
    for (count, pause, options, expected) in [
        (8, 900, patient, two),
        (8, 900, bounded, Err(Status::CallCancelled)),
        (5, 900, bounded, two),
        (2, 1100, patient, Err(Status::CallCancelled)),
    ] {
        let net = SimNet::new(1, SimConfig::default());
        let server = SlowServer::new(&net, count, Duration::from_millis(pause));
        let mut stage = Stage::new(net, Limits::default(), server);
        let binding = stage.binding(options);
        let ended = stage.call(&binding, rpcecho::ADD_ONE);
        assert_eq!(ended, expected, "{count} fragments, {pause} ms apart");
    }
}

/// PDU types (C706 §12.6.1).
const CO_CANCEL: u8 = 18;
const ORPHANED: u8 = 19;

/// A call of the client's own thread, to a server that takes a second to answer.
struct OwnCall {
    stage: Stage<SlowServer>,
    binding: LocalBinding,
    call: LocalCall,
    made_at: Time,
}

impl OwnCall {
    fn new() -> Self {
        let net = SimNet::new(1, SimConfig::default());
        let server = SlowServer::new(&net, 1, Duration::from_secs(1));
        let mut stage = Stage::new(net, Limits::default(), server);
        let binding = stage.client.bind(TARGET, rpcecho::INTERFACE).unwrap();
        let number = Number { number: 1 };
        let call = stage
            .client
            .call(binding, rpcecho::ADD_ONE, 1, &number)
            .unwrap();
        stage.until("the call reaches the server", |stage| {
            !stage.server.unsent.is_empty()
        });
        let made_at = stage.net.now();
        OwnCall {
            stage,
            binding,
            call,
            made_at,
        }
    }

    fn cancel(&mut self, kind: CancelKind) -> bool {
        self.stage.client.cancel(self.call, kind)
    }

    /// The end of a call that comes next: its token, its result, and when it came.
    fn next_end(&mut self) -> (u64, Result<Number, Status>, Duration) {
        let Stage {
            client,
            server,
            net,
        } = &mut self.stage;
        let mut end = None;
        loop {
            let worked = client.poll(&mut |reply| {
                let result = reply.result.and_then(|data| data.decode());
                assert!(end.replace((reply.token, result)).is_none(), "two ends");
            });
            if let Some((token, result)) = end.take() {
                return (token, result, net.now() - self.made_at);
            }
            if !(worked.unwrap() | server.turn()) {
                let timers = [client.next_due(), server.due()];
                match timers.into_iter().flatten().min() {
                    Some(due) if net.next_event_at().is_none_or(|event| due < event) => {
                        net.advance(due - net.now());
                    }
                    _ => drop(net.advance_to_next()),
                }
            }
        }
    }
}

#[test]
fn rule_23_an_abortive_cancel_ends_an_own_call_at_once_and_its_late_reply_harms_no_other() {
    let mut own = OwnCall::new();
    assert!(own.cancel(CancelKind::Abortive));
    let (token, result, after) = own.next_end();
    assert_eq!((token, result), (1, Err(Status::CallCancelled)));
    assert_eq!(after, Duration::ZERO);
    let number = Number { number: 1 };
    let client = &mut own.stage.client;
    let next = client.call(own.binding, rpcecho::ADD_ONE, 2, &number);
    let next = next.unwrap();
    let (token, result, after) = own.next_end();
    assert_eq!((token, result), (2, Ok(Number { number: 2 })));
    assert!(after > Duration::from_secs(1), "{after:?}: the late reply");
    assert_eq!(own.stage.server.told, [ORPHANED]);
    for call in [own.call, next] {
        let is_open = own.stage.client.cancel(call, CancelKind::Abortive);
        assert!(!is_open, "it has ended");
    }
}

#[test]
fn rule_24_non_abortive_cancel_of_an_own_call_waits_for_the_server() {
    let mut own = OwnCall::new();
    assert!(own.cancel(CancelKind::NonAbortive));
    let (token, result, after) = own.next_end();
    assert_eq!((token, result), (1, Ok(Number { number: 2 })));
    assert!(after >= Duration::from_millis(900), "{after:?}");
    assert_eq!(own.stage.server.told, [CO_CANCEL]);
}

#[test]
fn rule_24_an_escalating_cancel_of_an_own_call_waits_for_so_long() {
    let mut own = OwnCall::new();
    let after = Duration::from_millis(300);
    assert!(own.cancel(CancelKind::Escalating { after }));
    let (token, result, ended) = own.next_end();
    assert_eq!((token, result), (1, Err(Status::CallCancelled)));
    assert_eq!(ended, after);
    own.stage.until("the server is told twice", |stage| {
        stage.server.told == [CO_CANCEL, ORPHANED]
    });
}

#[test]
fn an_own_call_that_was_not_sent_ends_by_either_cancel() {
    for kind in [CancelKind::Abortive, CancelKind::NonAbortive] {
        let mut own = OwnCall::new();
        let number = Number { number: 1 };
        let client = &mut own.stage.client;
        // Of another connection, which is not there yet.
        let options = BindingOptions::new().unique_binding();
        let binding = client
            .bind_with(TARGET, rpcecho::INTERFACE, options)
            .unwrap();
        own.call = client.call(binding, rpcecho::ADD_ONE, 2, &number).unwrap();
        assert!(own.cancel(kind));
        let (token, result, _) = own.next_end();
        assert_eq!((token, result), (2, Err(Status::CallCancelled)));
        assert!(!own.cancel(kind), "it has ended");
        assert_eq!(own.next_end().0, 1);
    }
}

/// The time of its last turn is long ago then.
#[test]
fn a_call_has_all_its_time_after_a_local_runtime_has_rested() {
    const REST: Duration = Duration::from_millis(1100);
    let limits = Limits {
        connect_timeout: Duration::from_secs(1),
        bind_timeout: Duration::from_secs(1),
        send_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let mut stage = stage(limits, rpcecho::interface(EchoServer::default()));
    let two = Ok(Number { number: 2 });
    let options = BindingOptions::new().call_timeout(Duration::from_secs(1));
    let binding = stage.binding(options);
    assert_eq!(stage.call(&binding, rpcecho::ADD_ONE), two);
    stage.net.advance(REST);
    let again = stage.call(&binding, rpcecho::ADD_ONE);
    assert_eq!(again, two, "on the old connection");
    stage.net.advance(REST);
    let own = options.unique_binding();
    let binding = stage.binding(own);
    let again = stage.call(&binding, rpcecho::ADD_ONE);
    assert_eq!(again, two, "on a new one");
    stage.net.advance(REST);
    let client = &mut stage.client;
    let own = client.bind_with(TARGET, rpcecho::INTERFACE, own).unwrap();
    let number = Number { number: 1 };
    client.call(own, rpcecho::ADD_ONE, 7, &number).unwrap();
    let mut result = None;
    while result.is_none() {
        let mut note = |reply: annulus::LocalReply<'_>| {
            result = Some(reply.result.and_then(|data| data.decode()));
        };
        if !(stage.client.poll(&mut note).unwrap() | Peer::turn(&mut stage.server)) {
            stage.pass();
        }
    }
    assert_eq!(result, Some(two), "made by the thread itself");
}

#[test]
fn a_local_runtime_without_calls_shuts_down_at_once() {
    let net = SimNet::new(1, SimConfig::default());
    let config = Config::default();
    let mut local = LocalRuntime::with_ring(net.ring(&config.limits), &config);
    local.block_on(async {}).unwrap();
    local.shutdown().unwrap();
    assert_eq!(net.now(), Time::ZERO, "no time has passed");
}

/// Answers with a closure, after as many milliseconds as it is asked for, and tells.
struct Later(mpsc::Sender<u32>);

impl Interface for Later {
    fn syntax(&self) -> SyntaxId {
        rpcecho::INTERFACE
    }

    fn operation_count(&self) -> u16 {
        1000
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let (ran, number) = (self.0.clone(), call.opnum().into());
        let deferred: ServerCall<Number> = call.defer()?;
        call.context()
            .after(Duration::from_millis(u64::from(number)), move || {
                ran.send(number).unwrap();
                let _ = deferred.complete(&Number { number });
            })
    }
}

#[test]
fn a_closure_goes_with_the_call_that_it_is_for() {
    let (send, ran) = mpsc::channel();
    let mut stage = stage(Limits::default(), Later(send));
    let binding = stage.binding(BindingOptions::new().dont_linger());
    assert_eq!(stage.call(&binding, 10), Ok(Number { number: 10 }));
    assert_eq!(ran.try_recv(), Ok(10), "of a call that is open it runs");
    let gone = binding.call::<_, Number>(600, &());
    stage.until("the call is there", |stage| {
        stage.server.usage().server_calls == 1
    });
    drop((gone, binding));
    stage.turn_for(Duration::from_millis(500));
    assert_eq!(stage.server.usage().server_calls, 0, "its client has gone");
    stage.turn_for(Duration::from_millis(500));
    assert!(ran.try_recv().is_err(), "the closure has gone with it");
}

#[test]
fn a_client_that_never_reads_is_closed_after_its_time() {
    let net = SimNet::new(1, SimConfig::default());
    const TIMEOUT: Duration = Duration::from_secs(3);
    let limits = Limits {
        send_timeout: TIMEOUT,
        ..Limits::default()
    };
    let mut server = serve(&net, limits, rpcecho::interface(EchoServer::default()));
    let mut client = net.ring(&Limits::DEFAULT);
    let socket = client.connect(address()).unwrap();
    let mut silent_since = None;
    while silent_since.is_none_or(|_| server.usage().connections > 0) {
        let mut worked = Peer::turn(&mut server);
        client.enter(Wait::No).unwrap();
        while let Some(completion) = client.next_completion() {
            worked = true;
            match completion {
                Completion::Connected { .. } => client.send(socket, bind(MULTIPLEXING)),
                Completion::Received { lease, .. } => {
                    client.release(lease);
                    client.pause_receive(socket);
                    let len = 16_000_000_u32.to_le_bytes();
                    client.send(socket, request(2, rpcecho::SOURCE_DATA, WHOLE, &len));
                    silent_since = Some(net.now());
                }
                _ => {}
            }
        }
        match server.due() {
            _ if worked => {}
            Some(timer) if net.next_event_at().is_none_or(|event| timer < event) => {
                net.advance(timer - net.now());
            }
            _ => assert!(net.advance_to_next(), "the server keeps it for ever"),
        }
    }
    let waited = net.now() - silent_since.unwrap();
    assert!((TIMEOUT..2 * TIMEOUT).contains(&waited), "{waited:?}");
    assert_eq!(server.usage().backlog, 0);
}

/// The management interface, which every server has, beside rpcecho: one connection carries both, and is there until
/// the last of them is released.
#[test]
fn a_further_interface_of_a_unique_binding_shares_its_connection() {
    let echo = rpcecho::interface(EchoServer::default());
    let mut stage = stage(Limits::default(), echo);
    let options = BindingOptions::new().unique_binding().dont_linger();
    let mut bind = || {
        let client = &mut stage.client;
        let first = client
            .bind_with(TARGET, rpcecho::INTERFACE, options)
            .unwrap();
        let further = client.bind_further(first, mgmt::INTERFACE).unwrap();
        [first, further]
    };
    let pairs = [bind(), bind()];
    let are_ready = |client: &LocalRuntime<SimRing>| {
        let mut bindings = pairs.iter().flatten();
        bindings.all(|binding| client.is_ready(*binding))
    };
    stage.until("both are bound", |stage| are_ready(&stage.client));
    let number = Number { number: 1 };
    for (token, [first, further]) in (0..).zip(pairs) {
        let client = &mut stage.client;
        client
            .call(first, rpcecho::ADD_ONE, token, &number)
            .unwrap();
        client
            .call(further, mgmt::IS_SERVER_LISTENING, 10 + token, &())
            .unwrap();
    }
    let mut answered = Vec::new();
    while answered.len() < 4 {
        let replies =
            &mut |reply: LocalReply<'_>| answered.push((reply.token, reply.result.is_ok()));
        let has_worked = stage.client.poll(replies).unwrap();
        if !(Peer::turn(&mut stage.server) | has_worked) {
            stage.pass();
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, [(0, true), (1, true), (10, true), (11, true)]);
    assert_eq!(stage.server.usage().connections, 2, "one for each pair");

    let [[first, further], [other, _]] = pairs;
    stage.client.release(first);
    let gone = stage.client.bind_further(first, mgmt::INTERFACE);
    assert_eq!(gone, Err(Status::InvalidBinding));
    stage.turn_for(Duration::from_millis(10));
    assert!(stage.client.is_ready(further), "it needs the connection");
    stage.client.release(further);
    stage.until("the connection is closed", |stage| {
        stage.server.usage().connections == 1
    });
    assert!(stage.client.is_ready(other));
}
