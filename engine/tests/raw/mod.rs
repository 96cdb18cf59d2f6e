//! PDUs by hand, for peers that do what no sane peer does.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use annulus::rpcecho::{self, EchoServer, RpcEchoClient};
use annulus::{Binding, Config, Cores, Limits, Runtime, Server, Serving};

/// How long anything may take before a test counts as hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// First and last fragment.
pub(crate) const WHOLE: u8 = 0x03;
/// The client wants no answer.
pub(crate) const MAYBE: u8 = 0x40;
/// Concurrent multiplexing.
pub(crate) const MULTIPLEXING: u8 = 0x10;

pub(crate) const BIND_ACK: u8 = 12;
pub(crate) const RESPONSE: u8 = 2;
pub(crate) const FAULT: u8 = 3;
pub(crate) const SHUTDOWN: &str = "05 00 11 03 10000000 1000 0000 00000000";

/// A server with rpcecho, and a neighbour of whatever peer a test makes.
pub(crate) struct Scene {
    pub(crate) neighbour: RpcEchoClient,
    pub(crate) address: SocketAddr,
    pub(crate) serving: Serving,
    pub(crate) runtime: Runtime,
}

impl Scene {
    pub(crate) fn new(limits: Limits) -> Self {
        let config = Config::default().cores(Cores::Unpinned(1)).limits(limits);
        let runtime = Runtime::start(config).unwrap();
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(rpcecho::interface(EchoServer::default()));
        let serving = runtime.serve(server).unwrap();
        let port = serving.bindings()[0].port().unwrap();
        let neighbour = echo_client(&runtime, port);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let scene = Scene {
            neighbour,
            address,
            serving,
            runtime,
        };
        scene.neighbour_is_well();
        scene
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// A connection that has bound rpcecho, with multiplexing.
    pub(crate) fn bound(&self) -> TcpStream {
        bound(self.address, &bind(MULTIPLEXING))
    }

    pub(crate) fn neighbour_is_well(&self) {
        for number in 0..10 {
            assert_eq!(self.neighbour.add_one(number), Ok(number + 1));
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A connection whose bind was taken.
pub(crate) fn bound(address: SocketAddr, bind: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(bind).unwrap();
    assert_eq!(read_pdu(&mut stream).unwrap()[2], BIND_ACK);
    stream
}

pub(crate) fn echo_client(runtime: &Runtime, port: u16) -> RpcEchoClient {
    let target = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    RpcEchoClient::new(Binding::new(runtime, &target, rpcecho::INTERFACE).unwrap())
}

/// A server by hand: `serve` gets each connection, and its number, on a thread of its own.
pub(crate) fn server_by_hand(serve: impl Fn(usize, TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            let (serve, stream) = (serve.clone(), stream.unwrap());
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            std::thread::spawn(move || serve(index, stream));
        }
    });
    port
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// A bind to rpcecho with NDR.
pub(crate) fn bind(flags: u8) -> Vec<u8> {
    let mut pdu = hex(
        "05 00 0b 03 10000000 4800 0000 01000000  d016 d016 00000000 01000000
         0000 0100  c55ea160 e84d d711 a637 005056a20182 01000000
         045d888a eb1c c911 9fe8 08002b104860 02000000",
    );
    pdu[3] |= flags;
    pdu
}

/// The answer to a bind: its first context is accepted.
pub(crate) fn bind_ack(bind: &[u8], flags: u8) -> Vec<u8> {
    let contexts = bind[24];
    let mut pdu =
        hex("05 00 0c 03 10000000 0000 0000 00000000  d016 d016 01000000  0400 31323300 0000");
    pdu[3] |= flags;
    pdu[12..16].copy_from_slice(&bind[12..16]);
    pdu.extend([contexts, 0, 0, 0]);
    pdu.extend(hex(
        "0000 0000 045d888a eb1c c911 9fe8 08002b104860 02000000",
    ));
    for _ in 1..contexts {
        pdu.extend(hex(
            "0200 0200 00000000 00000000 00000000 00000000 00000000",
        ));
    }
    with_len(pdu)
}

/// A request on the context that [`bind`] asks for.
pub(crate) fn request(call: u32, opnum: u16, flags: u8, stub: &[u8]) -> Vec<u8> {
    let mut pdu = hex("05 00 00 00 10000000 0000 0000 00000000  00000000 0000 0000");
    pdu[3] = flags;
    pdu[12..16].copy_from_slice(&call.to_le_bytes());
    pdu[22..24].copy_from_slice(&opnum.to_le_bytes());
    pdu.extend_from_slice(stub);
    with_len(pdu)
}

/// The response to an AddOne request: two.
pub(crate) fn response(request: &[u8]) -> Vec<u8> {
    let mut pdu = hex("05 00 02 03 10000000 1c00 0000 00000000  04000000 0000 0000 02000000");
    pdu[12..16].copy_from_slice(&request[12..16]);
    pdu
}

fn with_len(mut pdu: Vec<u8>) -> Vec<u8> {
    let len = u16::try_from(pdu.len()).unwrap();
    pdu[8..10].copy_from_slice(&len.to_le_bytes());
    pdu
}

pub(crate) fn read_pdu(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut pdu = vec![0; 16];
    stream.read_exact(&mut pdu)?;
    let len = u16::from_le_bytes([pdu[8], pdu[9]]);
    pdu.resize(len.into(), 0);
    stream.read_exact(&mut pdu[16..])?;
    Ok(pdu)
}

/// Tries again until it comes true.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// The status of a fault.
pub(crate) fn fault_status(pdu: &[u8]) -> u32 {
    assert_eq!(pdu[2], FAULT, "a fault");
    u32::from_le_bytes(pdu[24..28].try_into().unwrap())
}

/// The memory of this process, in bytes.
pub(crate) fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// A port of the loopback interface that nobody uses at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
