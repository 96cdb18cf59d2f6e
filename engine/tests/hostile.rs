//! Hostile and broken peers against a real server: that peer gets a fault, a nak or a close,
//! and nobody else notices. One attack per test.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use annulus::rpcecho::{self, EchoServer, RpcEchoClient};
use annulus::{Binding, Config, Cores, Limits, Runtime, Server};

/// A server, and a neighbour who must not notice anything.
struct Scene {
    neighbour: RpcEchoClient,
    address: SocketAddr,
    runtime: Runtime,
}

/// How long anything may take before the test counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

impl Scene {
    fn new(limits: Limits) -> Self {
        let runtime =
            Runtime::start(Config::default().cores(Cores::Unpinned(1)).limits(limits)).unwrap();
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(rpcecho::interface(EchoServer::default()));
        let serving = runtime.serve(server).unwrap();
        let binding = &serving.bindings()[0];
        let port = binding.port().unwrap();
        let target = binding.to_string();
        let neighbour =
            RpcEchoClient::new(Binding::new(&runtime, &target, rpcecho::INTERFACE).unwrap());
        let scene = Scene {
            neighbour,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            runtime,
        };
        scene.neighbour_is_well();
        scene
    }

    fn attacker(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn neighbour_is_well(&self) {
        for number in 0..10 {
            assert_eq!(self.neighbour.add_one(number), Ok(number + 1));
        }
    }

    /// All that the server sends until it closes; a reset counts as a close.
    fn read_to_close(&self, mut stream: TcpStream) -> Vec<u8> {
        let mut received = Vec::new();
        match stream.read_to_end(&mut received) {
            Ok(_) => {}
            Err(error) => assert_eq!(
                error.kind(),
                ErrorKind::ConnectionReset,
                "the server does not close"
            ),
        }
        self.neighbour_is_well();
        received
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.neighbour_is_well();
            assert!(self.runtime.core_count() > 0);
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// A bind to rpcecho with NDR.
fn bind() -> Vec<u8> {
    hex(
        "05 00 0b 03 10000000 4800 0000 01000000  d016 d016 00000000 01000000
         0000 0100  c55ea160 e84d d711 a637 005056a20182 01000000
         045d888a eb1c c911 9fe8 08002b104860 02000000",
    )
}

/// An AddOne(41) request with the given frag_length, auth_length and alloc_hint.
fn add_one(frag_length: u16, auth_length: u16, alloc_hint: u32) -> Vec<u8> {
    let mut pdu = hex("05 00 00 03 10000000 0000 0000 02000000  00000000 0000 0000  29000000");
    pdu[8..10].copy_from_slice(&frag_length.to_le_bytes());
    pdu[10..12].copy_from_slice(&auth_length.to_le_bytes());
    pdu[16..20].copy_from_slice(&alloc_hint.to_le_bytes());
    pdu
}

const ADD_ONE_LEN: u16 = 28;

fn read_pdu(stream: &mut TcpStream) -> Vec<u8> {
    let mut pdu = vec![0; 16];
    stream.read_exact(&mut pdu).expect("the server answers");
    let len = u16::from_le_bytes([pdu[8], pdu[9]]);
    pdu.resize(len.into(), 0);
    stream
        .read_exact(&mut pdu[16..])
        .expect("the server answers");
    pdu
}

fn bound(scene: &Scene) -> TcpStream {
    let mut stream = scene.attacker();
    stream.write_all(&bind()).unwrap();
    assert_eq!(read_pdu(&mut stream)[2], 12, "bind_ack");
    stream
}

#[test]
fn frag_length_shorter_than_its_own_header_closes() {
    let scene = Scene::new(Limits::default());
    for frag_length in [0, 1, 15] {
        let mut stream = bound(&scene);
        stream.write_all(&add_one(frag_length, 0, 4)).unwrap();
        scene.read_to_close(stream);
    }
}

#[test]
fn frag_length_longer_than_legal_is_a_protocol_error() {
    let scene = Scene::new(Limits::default());
    let mut stream = bound(&scene);
    stream.write_all(&add_one(u16::MAX, 0, 4)).unwrap();
    let answer = scene.read_to_close(stream);
    if !answer.is_empty() {
        assert_eq!(answer[2], 3, "a fault");
        assert_eq!(answer[24..28], 0x1c01_000b_u32.to_le_bytes());
    }
}

#[test]
fn auth_length_beyond_the_pdu_closes() {
    let scene = Scene::new(Limits::default());
    for auth_length in [1, 20, 28, u16::MAX] {
        let mut stream = bound(&scene);
        stream
            .write_all(&add_one(ADD_ONE_LEN, auth_length, 4))
            .unwrap();
        scene.read_to_close(stream);
    }
}

#[test]
fn rule_13_an_alloc_hint_of_4_gib_reserves_nothing() {
    let scene = Scene::new(Limits::default());
    let before = resident_bytes();
    let mut stream = bound(&scene);
    for alloc_hint in [0, 1, u32::MAX] {
        stream
            .write_all(&add_one(ADD_ONE_LEN, 0, alloc_hint))
            .unwrap();
        let answer = read_pdu(&mut stream);
        assert_eq!((answer[2], &answer[24..28]), (2, &[42, 0, 0, 0][..]));
    }
    assert!(resident_bytes() < before + (64 << 20));
}

#[test]
fn rule_14_segments_of_one_byte_are_a_call_like_any_other() {
    let scene = Scene::new(Limits::default());
    let mut stream = scene.attacker();
    for byte in bind() {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read_pdu(&mut stream)[2], 12);
    for byte in add_one(ADD_ONE_LEN, 0, 4) {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read_pdu(&mut stream)[24..28], [42, 0, 0, 0]);
}

#[test]
fn a_pdu_that_never_ends_is_closed_after_its_time() {
    let limits = Limits {
        progress_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let scene = Scene::new(limits);
    let mut stream = bound(&scene);
    stream.write_all(&add_one(ADD_ONE_LEN, 0, 4)[..20]).unwrap();
    assert!(scene.read_to_close(stream).is_empty());
}

#[test]
fn a_connection_that_never_binds_is_closed_after_its_time() {
    let scene = Scene::new(Limits {
        bind_timeout: Duration::from_millis(200),
        ..Limits::default()
    });
    let stream = scene.attacker();
    assert!(scene.read_to_close(stream).is_empty());
}

#[test]
fn a_stranger_to_the_protocol_is_turned_away() {
    let scene = Scene::new(Limits::default());
    for greeting in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\0\0\0\x54\u{fe}SMB and so on, for a while",
    ] {
        let mut stream = scene.attacker();
        stream.write_all(greeting.as_bytes()).unwrap();
        scene.read_to_close(stream);
    }
}

#[test]
fn garbage_after_a_bind_ends_that_connection_alone() {
    let scene = Scene::new(Limits::default());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..100 {
        let mut stream = bound(&scene);
        let garbage: Vec<u8> = (0..4096)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        // The server may close while this is still being written.
        let _ = stream.write_all(&garbage);
        scene.read_to_close(stream);
    }
}

#[test]
fn a_peer_that_calls_and_never_reads_is_held_back() {
    let limits = Limits {
        send_backlog_max: 1 << 20,
        ..Limits::default()
    };
    let scene = Scene::new(limits);
    let before = resident_bytes();
    let mut stream = bound(&scene);
    // SourceData(100,000): 28 bytes ask for 100,000.
    let mut ask = hex("05 00 00 03 10000000 1c00 0000 02000000  04000000 0000 0300  a0860100");
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    for call in 2..40_000_u32 {
        ask[12..16].copy_from_slice(&call.to_le_bytes());
        if stream.write_all(&ask).is_err() {
            break;
        }
    }
    scene.neighbour_is_well();
    assert!(
        resident_bytes() < before + (64 << 20),
        "replies pile up: {} bytes",
        resident_bytes() - before
    );
}

#[test]
fn ten_thousand_connections_that_send_nothing_cost_little_and_disturb_nobody() {
    const COUNT: usize = 10_000;
    raise_open_files();
    let scene = Scene::new(Limits::default());
    let before = resident_bytes();
    let silent: Vec<_> = (0..COUNT)
        .map(|_| TcpStream::connect(scene.address).unwrap())
        .collect();
    scene.neighbour_is_well();
    let each = resident_bytes().saturating_sub(before) / COUNT;
    assert!(each < 8 << 10, "a silent connection costs {each} bytes");
    drop(silent);
}

#[test]
fn connections_beyond_the_limit_are_closed_at_once() {
    let scene = Scene::new(Limits {
        connections_per_core_max: 4,
        ..Limits::default()
    });
    // The neighbour's two ends take two places.
    let within: Vec<_> = (0..2).map(|_| bound(&scene)).collect();
    let beyond = scene.attacker();
    assert!(scene.read_to_close(beyond).is_empty());
    drop(within);
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .unwrap();
}
