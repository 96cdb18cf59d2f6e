//! What meets in one turn of a core, over the simulated ring: time passes while the core is not
//! turned.

mod raw;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use annulus::ndr::NdrParams;
use annulus::rpcecho::{self, EchoServer};
use annulus::transports::{
    Address, Completion, ListenOptions, Ring, SimConfig, SimNet, SimRing, SocketId, Wait,
};
use annulus::{AsyncHandle, Binding, Config, Limits, LocalRuntime, Notify, Server, Status};
use raw::{BIND_ACK, MULTIPLEXING, RESPONSE, WHOLE, bind, bind_ack, hex, request, response};

const TARGET: &str = "ncacn_ip_tcp:127.0.0.1[4711]";

/// So many steps, and a test counts as hanging.
const STEPS_MAX: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Number {
    number: u32,
}

fn address() -> Address {
    Address::from(SocketAddr::from(([127, 0, 0, 1], 4711)))
}

fn serve(net: &SimNet, limits: Limits) -> LocalRuntime<SimRing> {
    let config = Config::default().limits(limits);
    let mut server = LocalRuntime::with_ring(net.ring(&config.limits), &config);
    let endpoint = Server::new().endpoint(TARGET).unwrap();
    let echo = rpcecho::interface(EchoServer::default());
    server.serve(endpoint.interface(echo)).unwrap();
    server
}

/// A peer by hand: what its sockets have received, whole PDUs.
struct Peer {
    ring: SimRing,
    received: BTreeMap<SocketId, Vec<u8>>,
    /// Sockets in the order in which they came, or were connected.
    sockets: Vec<SocketId>,
    is_closed: bool,
}

impl Peer {
    fn new(net: &SimNet) -> Self {
        Peer {
            ring: net.ring(&Limits::DEFAULT),
            received: BTreeMap::new(),
            sockets: Vec::new(),
            is_closed: false,
        }
    }

    /// Takes what there is; the PDUs that became whole by it.
    fn turn(&mut self) -> Vec<(SocketId, Vec<u8>)> {
        self.ring.enter(Wait::No).unwrap();
        while let Some(completion) = self.ring.next_completion() {
            match completion {
                Completion::Accepted { stream, .. } => {
                    let socket = self.ring.adopt(stream).unwrap();
                    self.sockets.push(socket);
                }
                Completion::Connected { socket } => self.sockets.push(socket),
                Completion::Received { socket, lease } => {
                    let bytes = self.ring.received(&lease).to_vec();
                    self.received.entry(socket).or_default().extend(bytes);
                    self.ring.release(lease);
                }
                Completion::ReceiveEnded { socket, .. } => {
                    self.is_closed = true;
                    self.ring.close(socket);
                }
                _ => {}
            }
        }
        let mut pdus = Vec::new();
        for (socket, bytes) in &mut self.received {
            while let Some(len) = bytes.get(8..10) {
                let len = usize::from(u16::from_le_bytes([len[0], len[1]]));
                if bytes.len() < len {
                    break;
                }
                pdus.push((*socket, bytes.drain(..len).collect()));
            }
        }
        pdus
    }
}

/// A connection to `server` that has bound rpcecho.
fn bound(net: &SimNet, server: &mut LocalRuntime<SimRing>) -> (Peer, SocketId) {
    let mut peer = Peer::new(net);
    let socket = peer.ring.connect(address()).unwrap();
    let mut has_bound = false;
    for _ in 0..STEPS_MAX {
        server.poll(&mut |_| {}).unwrap();
        if peer.turn().iter().any(|(_, pdu)| pdu[2] == BIND_ACK) {
            return (peer, socket);
        }
        if !peer.sockets.is_empty() && !has_bound {
            peer.ring.send(socket, bind(MULTIPLEXING));
            has_bound = true;
        }
        net.advance_to_next();
    }
    panic!("no bind_ack comes");
}

/// Requests for which there is no room meet the end of the send that leaves none: whichever the
/// core hears of first, they are served.
#[test]
fn requests_that_wait_for_a_send_are_served_when_its_end_comes_in_the_same_turn() {
    const BURSTS: u32 = 20;
    const BURST_LEN: u32 = 24;
    for seed in 0..32 {
        let net = SimNet::new(seed, SimConfig::default());
        let limits = Limits {
            send_backlog_max: 256,
            ..Limits::default()
        };
        let mut server = serve(&net, limits);
        let (mut peer, socket) = bound(&net, &mut server);
        let (mut bursts, mut answers) = (0, 0);
        for step in 0..STEPS_MAX {
            if step % 3 == 0 && bursts < BURSTS && peer.ring.usage().sends == 0 {
                let calls = (0..BURST_LEN).map(|call| 2 + bursts * BURST_LEN + call);
                let pdus = calls.flat_map(|call| request(call, rpcecho::ADD_ONE, WHOLE, &[0; 4]));
                peer.ring.send(socket, pdus.collect::<Vec<_>>());
                bursts += 1;
            }
            answers += peer.turn().len();
            // Whatever comes up within this time meets in one turn of the server.
            net.advance(Duration::from_micros(step as u64 * 37 % 900));
            server.poll(&mut |_| {}).unwrap();
            if answers == (BURSTS * BURST_LEN) as usize {
                break;
            }
        }
        assert_eq!(answers, (BURSTS * BURST_LEN) as usize, "seed {seed}");
    }
}

/// The bytes of a call that wait to be sent when its connection ends must not go out on it: the
/// call is made again on another one.
#[test]
fn a_call_that_was_not_sent_when_its_connection_ended_is_executed_once() {
    const BIND: u8 = 11;
    let net = SimNet::new(1, SimConfig::default());
    let mut server = Peer::new(&net);
    server
        .ring
        .listen(address(), &ListenOptions::default())
        .unwrap();
    let config = Config::default();
    let mut client = LocalRuntime::with_ring(net.ring(&config.limits), &config);
    let binding = Binding::new(&client, TARGET, rpcecho::INTERFACE).unwrap();
    let mut handle = AsyncHandle::<Number>::new(Notify::None);
    let number = Number { number: 1 };
    binding
        .call_async(&mut handle, rpcecho::ADD_ONE, &number)
        .unwrap();
    let mut requests = 0;
    for _ in 0..STEPS_MAX {
        client.poll(&mut |_| {}).unwrap();
        for (socket, pdu) in server.turn() {
            if pdu[2] != BIND {
                requests += 1;
                server.ring.send(socket, response(&pdu));
                continue;
            }
            server.ring.send(socket, bind_ack(&pdu, MULTIPLEXING));
            if socket == server.sockets[0] {
                // The client hears of its bind and of nonsense in one turn.
                while server.ring.usage().sends > 0 {
                    server.turn();
                    net.advance(Duration::from_millis(1));
                }
                let nonsense = hex("09 09 09 09 09090909 1000 0000 00000000");
                server.ring.send(socket, nonsense);
                server.turn();
                net.advance(Duration::from_millis(100));
            }
        }
        if handle.status() != Status::AsyncCallPending {
            break;
        }
        net.advance_to_next();
    }
    assert_eq!(handle.complete(), Ok(Number { number: 2 }));
    assert_eq!(requests, 1, "executed");
    assert_eq!(server.sockets.len(), 2, "connections");
}

/// Deadlines are looked for once in a while: that is soon enough for each.
#[test]
fn half_a_request_on_a_busy_connection_has_exactly_its_time() {
    for millis in [50, 1000, 3000] {
        let time = Duration::from_millis(millis);
        let net = SimNet::new(1, SimConfig::default());
        let limits = Limits {
            progress_timeout: time,
            ..Limits::default()
        };
        let mut server = serve(&net, limits);
        let (mut peer, socket) = bound(&net, &mut server);
        let whole = request(2, rpcecho::ADD_ONE, WHOLE, &[0; 4]);
        for _ in 0..7 {
            peer.ring.send(socket, whole.clone());
            let mut answers = 0;
            while answers == 0 {
                server.poll(&mut |_| {}).unwrap();
                answers += peer
                    .turn()
                    .iter()
                    .filter(|(_, it)| it[2] == RESPONSE)
                    .count();
                net.advance(Duration::from_millis(30));
            }
        }
        peer.ring.send(socket, whole[..20].to_vec());
        peer.turn();
        net.advance(Duration::from_millis(30));
        server.poll(&mut |_| {}).unwrap();
        let begun = net.now();
        while net.now() - begun < time {
            assert_eq!(server.usage().connections, 1, "it has its time");
            let due = server.next_due().expect("the server waits for ever");
            net.advance(due - net.now());
            server.poll(&mut |_| {}).unwrap();
        }
        assert_eq!(net.now() - begun, time);
        for _ in 0..10 {
            server.poll(&mut |_| {}).unwrap();
            peer.turn();
            net.advance(Duration::from_millis(30));
        }
        assert!(peer.is_closed, "the server keeps it");
    }
}
