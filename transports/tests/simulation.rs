//! What only the simulation promises: virtual time, faults, and the same run for the same seed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use annulus_protocol::{Limits, Time};
use annulus_transports::{
    Address, Completion, ListenOptions, Ring, RingUsage, RingWaker, SimConfig, SimNet, SimRing,
    SocketId, Wait,
};

fn any_address() -> Address {
    Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// After so many turns, "unfinished" is a failure.
const TURNS_MAX: usize = 200_000;

/// A client that sends messages to an echo server and checks what comes back.
struct Conversation {
    net: SimNet,
    server: SimRing,
    client: SimRing,
    address: Address,
    /// What the server still has to send, by socket; and whether a send is in flight.
    echoes: BTreeMap<SocketId, (Vec<u8>, bool)>,
    /// What the client has yet to receive, by socket.
    expected: BTreeMap<SocketId, Vec<u8>>,
    started: usize,
    /// Connections whose echo came back whole.
    complete: usize,
    log: String,
}

const CONNECTIONS: usize = 6;

impl Conversation {
    fn new(seed: u64, config: SimConfig) -> Self {
        let limits = Limits {
            receive_buffers: 4,
            receive_buffer_len: 512,
            ..Limits::DEFAULT
        };
        let net = SimNet::new(seed, config);
        let (mut server, client) = (net.ring(&limits), net.ring(&limits));
        let (_, address) = server
            .listen(any_address(), &ListenOptions::default())
            .unwrap();
        Conversation {
            net,
            server,
            client,
            address,
            echoes: BTreeMap::new(),
            expected: BTreeMap::new(),
            started: 0,
            complete: 0,
            log: String::new(),
        }
    }

    /// Runs until all is over, and returns how many echoes came back and a log of all that was
    /// told.
    fn run(mut self) -> (usize, String) {
        for _ in 0..TURNS_MAX {
            while self.started - self.finished() < 2 && self.started < CONNECTIONS {
                self.client.connect(self.address.clone()).unwrap();
                self.started += 1;
            }
            self.server.enter(Wait::No).unwrap();
            self.client.enter(Wait::No).unwrap();
            while let Some(completion) = self.server.next_completion() {
                self.on_server(completion);
            }
            while let Some(completion) = self.client.next_completion() {
                self.on_client(completion);
            }
            let is_ready = self.server.is_ready() || self.client.is_ready();
            if !is_ready && !self.net.advance_to_next() {
                return self.finish();
            }
        }
        panic!("unfinished");
    }

    fn finished(&self) -> usize {
        self.started - self.client.usage().sockets
    }

    fn finish(self) -> (usize, String) {
        assert_eq!(self.started, CONNECTIONS);
        assert_eq!(self.client.usage(), RingUsage::default());
        assert_eq!(
            self.server.usage(),
            RingUsage {
                listeners: 1,
                ..RingUsage::default()
            }
        );
        assert_eq!(self.net.connections(), 0);
        (self.complete, self.log)
    }

    fn on_server(&mut self, completion: Completion<annulus_transports::sim::SimStream>) {
        writeln!(self.log, "{:?} server {completion:?}", self.net.now()).unwrap();
        match completion {
            Completion::Accepted { stream, .. } => {
                let socket = self.server.adopt(stream).unwrap();
                self.echoes.insert(socket, (Vec::new(), false));
            }
            Completion::Received { socket, lease } => {
                let (bytes, in_flight) = self.echoes.get_mut(&socket).unwrap();
                bytes.extend_from_slice(self.server.received(&lease));
                self.server.release(lease);
                if !std::mem::replace(in_flight, true) {
                    self.server.send(socket, std::mem::take(bytes));
                }
            }
            Completion::Sent { socket, .. } => {
                let (bytes, in_flight) = self.echoes.get_mut(&socket).unwrap();
                *in_flight = !bytes.is_empty();
                if *in_flight {
                    self.server.send(socket, std::mem::take(bytes));
                }
            }
            Completion::ReceiveEnded { socket, .. } | Completion::SendFailed { socket, .. } => {
                self.server.close(socket);
            }
            _ => {}
        }
    }

    fn on_client(&mut self, completion: Completion<annulus_transports::sim::SimStream>) {
        writeln!(self.log, "{:?} client {completion:?}", self.net.now()).unwrap();
        match completion {
            Completion::Connected { socket } => {
                let message: Vec<u8> = (0..6_000 + socket.0).map(|at| at as u8).collect();
                self.expected.insert(socket, message.clone());
                self.client.send(socket, message);
            }
            Completion::Received { socket, lease } => {
                let bytes = self.client.received(&lease);
                let expected = self.expected.get_mut(&socket).unwrap();
                assert!(expected.starts_with(bytes), "the echo differs");
                expected.drain(..bytes.len());
                self.client.release(lease);
                if expected.is_empty() {
                    self.complete += 1;
                    self.client.close(socket);
                }
            }
            Completion::ReceiveEnded { socket, .. } | Completion::SendFailed { socket, .. } => {
                self.client.close(socket);
            }
            _ => {}
        }
    }
}

fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) => (0..count).collect(),
    }
}

fn replayable<T>(seed: u64, run: impl FnOnce() -> T) -> T {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|failure| {
        eprintln!("replay with SEED={seed}");
        std::panic::resume_unwind(failure)
    })
}

#[test]
fn a_gentle_network_brings_every_echo_back() {
    for seed in seeds(100) {
        let run = || Conversation::new(seed, SimConfig::default()).run();
        let (complete, _) = replayable(seed, run);
        assert_eq!(complete, CONNECTIONS, "seed {seed}");
    }
}

#[test]
fn a_hostile_network_leaves_nothing_behind() {
    let start = Instant::now();
    let (mut complete, mut all) = (0, 0);
    for seed in seeds(300) {
        complete += replayable(seed, || Conversation::new(seed, SimConfig::hostile()).run()).0;
        all += CONNECTIONS;
    }
    assert!(complete > 0, "no conversation ever succeeds");
    assert!(complete < all || all == CONNECTIONS, "no fault ever shows");
    eprintln!("{complete} of {all} echoes in {:?}", start.elapsed());
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in seeds(20) {
        let run = || Conversation::new(seed, SimConfig::hostile()).run();
        assert_eq!(run(), run(), "seed {seed}");
    }
}

#[test]
fn another_seed_gives_another_run() {
    let run = |seed| Conversation::new(seed, SimConfig::default()).run().1;
    assert_ne!(run(1), run(2));
}

#[test]
fn time_passes_only_when_the_driver_says_so() {
    let net = SimNet::new(0, SimConfig::default());
    let mut ring = net.ring(&Limits::DEFAULT);
    assert_eq!(net.now(), Time::ZERO);
    assert_eq!(net.next_event_at(), None);
    assert!(!net.advance_to_next());
    ring.enter(Wait::Until(Time::from_nanos(1_000_000)))
        .unwrap();
    assert_eq!(ring.now(), Time::ZERO);
    net.advance(Duration::from_millis(3));
    assert_eq!(ring.now(), Time::from_nanos(3_000_000));
}

#[test]
fn a_submission_does_nothing_before_it_is_handed_over() {
    let net = SimNet::new(0, SimConfig::default());
    let mut ring = net.ring(&Limits::DEFAULT);
    let socket = ring.connect(any_address()).unwrap();
    assert!(ring.is_ready(), "it wants to be entered");
    assert_eq!(net.next_event_at(), None);
    ring.enter(Wait::No).unwrap();
    assert!(!ring.is_ready());
    let next = net.next_event_at().unwrap();
    while ring.next_completion().is_none() {
        assert!(net.advance_to_next());
    }
    assert!(net.now() >= next);
    ring.close(socket);
}

#[test]
fn a_wake_up_shows_until_the_next_enter() {
    let net = SimNet::new(0, SimConfig::default());
    let mut ring = net.ring(&Limits::DEFAULT);
    let waker = ring.waker();
    std::thread::spawn(move || waker.wake()).join().unwrap();
    assert!(ring.is_ready());
    ring.enter(Wait::Forever).unwrap();
    assert!(!ring.is_ready());
}

#[test]
fn a_broken_connection_is_reset_on_both_sides() {
    let net = SimNet::new(5, SimConfig::default());
    let (mut server, mut client) = (net.ring(&Limits::DEFAULT), net.ring(&Limits::DEFAULT));
    let (_, address) = server
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    let there = client.connect(address).unwrap();
    let mut here = None;
    let mut broken = false;
    let mut resets = 0;
    for _ in 0..1_000 {
        server.enter(Wait::No).unwrap();
        client.enter(Wait::No).unwrap();
        let completion = server
            .next_completion()
            .or_else(|| client.next_completion());
        match completion {
            Some(Completion::Accepted { stream, .. }) => here = Some(server.adopt(stream).unwrap()),
            Some(Completion::Connected { .. } | Completion::AcceptPaused { .. }) => {}
            Some(Completion::ReceiveEnded {
                error: Some(error), ..
            }) => {
                let errno = error.io_error().and_then(std::io::Error::raw_os_error);
                assert_eq!(errno, Some(libc::ECONNRESET));
                resets += 1;
            }
            Some(other) => panic!("{other:?}"),
            None if net.advance_to_next() => {}
            None if !std::mem::replace(&mut broken, true) => client.break_connection(there),
            None => break,
        }
    }
    assert!(here.is_some());
    assert_eq!(resets, 2);
}

#[test]
fn a_ring_that_is_dropped_resets_its_peers() {
    let net = SimNet::new(6, SimConfig::default());
    let (mut server, mut client) = (net.ring(&Limits::DEFAULT), net.ring(&Limits::DEFAULT));
    let (_, address) = server
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    let socket = client.connect(address.clone()).unwrap();
    client.enter(Wait::No).unwrap();
    while net.advance_to_next() {}
    drop(server);
    while net.advance_to_next() {}
    let mut told = Vec::new();
    while let Some(completion) = client.next_completion() {
        told.push(completion);
    }
    assert!(
        matches!(
            told[..],
            [
                Completion::Connected { .. },
                Completion::ReceiveEnded { .. }
            ]
        ),
        "{told:?}"
    );
    client.close(socket);
    let late = client.connect(address).unwrap();
    client.enter(Wait::No).unwrap();
    while net.advance_to_next() {}
    let mut refused = false;
    while let Some(completion) = client.next_completion() {
        refused |= matches!(completion, Completion::ConnectFailed { socket, .. } if socket == late);
    }
    assert!(refused, "its listener is gone");
    assert_eq!(net.connections(), 0);
}

/// Whether a peer can still send, this long after the close of a server of these limits and
/// after 1000 bytes more.
fn can_send_on_after_a_close(server_limits: &Limits, wait: Duration) -> bool {
    let net = SimNet::new(7, SimConfig::default());
    let (mut server, mut client) = (net.ring(server_limits), net.ring(&Limits::DEFAULT));
    let (_, address) = server
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    let there = client.connect(address).unwrap();
    client.enter(Wait::No).unwrap();
    while net.advance_to_next() {}
    let Some(Completion::Accepted { stream, .. }) = server.next_completion() else {
        panic!("nothing was accepted")
    };
    let here = server.adopt(stream).unwrap();
    server.close(here);
    server.enter(Wait::No).unwrap();
    net.advance(wait);
    let mut sent = 0;
    for len in [1000, 1] {
        client.send(there, vec![0; len]);
        client.enter(Wait::No).unwrap();
        while net.advance_to_next() {}
        while let Some(completion) = client.next_completion() {
            sent += usize::from(matches!(completion, Completion::Sent { .. }));
        }
    }
    sent == 2
}

#[test]
fn a_closed_socket_lingers_as_its_rings_limits_say() {
    let short = Duration::from_millis(1);
    let long = Limits::DEFAULT.linger_timeout * 2;
    assert!(can_send_on_after_a_close(&Limits::DEFAULT, short));
    assert!(!can_send_on_after_a_close(&Limits::DEFAULT, long));
    let patient = Limits {
        linger_timeout: long * 2,
        ..Limits::DEFAULT
    };
    assert!(can_send_on_after_a_close(&patient, long));
    let curt = Limits {
        linger_len_max: 999,
        ..Limits::DEFAULT
    };
    assert!(!can_send_on_after_a_close(&curt, short));
}
