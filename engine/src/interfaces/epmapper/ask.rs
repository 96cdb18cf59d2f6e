//! One question to an endpoint mapper, asked by a thread that may block: how a binding without an
//! endpoint finds it. It has a connection of its own, so it needs no core.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annulus_ndr::{ContextHandle, Full, Gives, Ndr};
use annulus_protocol::{
    ClientConfig, ClientConnection, ClientEvent, ContextId, Input, Limits, Opnum, SyntaxId, Time,
    TransferSyntax, Uuid,
};
use annulus_transports::{Address, NcalrpcDirectory, StringBinding};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::tower::Tower;
use super::{EPT_MAP, EptMapRequest, EptMapResponse, INTERFACE, Twr, mapper_of, to_status};
use crate::Status;
use crate::dispatch::{byte_order, decode_params};
use crate::endpoint;
use crate::error::Error;

/// How many towers are asked for: the first that can be used is taken.
const TOWERS_MAX: u32 = 4;

/// A string binding without an endpoint, with the one that the endpoint mapper of its host tells for
/// an interface. The host stays: the mapper knows one of its addresses at best, and the client has
/// reached another one. Blocks for [`Limits::bind_timeout`] at most for each address of the host, of
/// which [`Limits::addresses_per_name_max`] are tried, and none after [`Limits::connect_timeout`]:
/// nobody waits any more then.
pub(crate) fn find_endpoint(
    binding: &StringBinding,
    interface: SyntaxId,
    local: &NcalrpcDirectory,
    limits: &Arc<Limits>,
) -> Result<StringBinding, Error> {
    let mapper = mapper_of(binding)?;
    let like = Tower::new(interface, SyntaxId::NDR20, binding);
    let addresses = endpoint::addresses(&mapper, local)?;
    match ask_in_turn(&addresses, &like, binding.object(), limits) {
        Ok(endpoint) => Ok(binding.clone().with_endpoint(&endpoint)?),
        Err(status) => Err(Error::EndpointMapper {
            binding: binding.to_string(),
            mapper: mapper.to_string(),
            status,
        }),
    }
}

/// Asks one address of a mapper after the other. One that does not take a connection within the head
/// start that each has (RFC 8305) is tried again behind the others, for its share of the time that is
/// left: where one family of addresses leads nowhere, the other is asked all the same.
fn ask_in_turn(
    addresses: &[Address],
    like: &Tower,
    object: Option<Uuid>,
    limits: &Arc<Limits>,
) -> Result<String, Status> {
    let start = Instant::now();
    let addresses = addresses.iter().take(limits.addresses_per_name_max.max(1));
    let mut queue: VecDeque<_> = addresses.map(|address| (address, false)).collect();
    let is_only = queue.len() == 1;
    let mut tried = 0;
    let answers = std::iter::from_fn(|| {
        while let Some((address, is_late)) = queue.pop_front() {
            let left = limits.connect_timeout.saturating_sub(start.elapsed());
            if tried > 0 && left.is_zero() {
                return None;
            }
            tried += 1;
            let share = left / (1 + queue.len() as u32);
            let patience = match (is_only, is_late) {
                (true, _) => limits.bind_timeout,
                (false, true) => share.min(limits.bind_timeout),
                (false, false) => limits.connect_attempt_delay.min(limits.bind_timeout),
            };
            match Stream::connect(address, patience.max(PATIENCE_MIN)) {
                Ok(stream) => return Some(ask(stream, like, object, limits)),
                Err(error) if !is_only && !is_late && is_timeout(&error) => {
                    queue.push_back((address, true));
                }
                Err(error) => {
                    tracing::debug!(%address, %error, "the endpoint mapper cannot be reached");
                    return Some(Err(Status::ServerUnavailable));
                }
            }
        }
        None
    });
    best_answer(answers)
}

/// The shortest time in which a connection is waited for: none at all is an error to the system.
const PATIENCE_MIN: Duration = Duration::from_millis(1);

/// Whether a connection has not come in time; a local one finds the queue of its server full.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

/// The first endpoint that is told, or why there is none: what a mapper has said says more than that
/// there is none at another address.
fn best_answer(answers: impl Iterator<Item = Result<String, Status>>) -> Result<String, Status> {
    let mut status = Status::ServerUnavailable;
    for answer in answers {
        match answer {
            Err(why) if status == Status::ServerUnavailable => status = why,
            Err(_) => {}
            Ok(endpoint) => return Ok(endpoint),
        }
    }
    Err(status)
}

/// The endpoint of what `like` describes, as the mapper behind `mapper` tells it:
/// [`Status::EptNotRegistered`] if the mapper knows of nothing; [`Status::ServerUnavailable`] if it
/// does not answer in time.
fn ask(
    mapper: Stream,
    like: &Tower,
    object: Option<Uuid>,
    limits: &Arc<Limits>,
) -> Result<String, Status> {
    let mut conversation = Conversation::begin(mapper, limits);
    let context = conversation.bind()?;
    let response = conversation.map(context, like, object)?;
    if response.result != 0 {
        return Err(to_status(response.result));
    }
    first_endpoint(&response.towers, like).ok_or(Status::EptNotRegistered)
}

/// The endpoint of the first tower with the protocols of `like`: a port, or a name. A mapper may
/// answer what it likes.
fn first_endpoint(towers: &[Full<Twr>], like: &Tower) -> Option<String> {
    towers
        .iter()
        .filter_map(|tower| Tower::decode(&tower.get()?.tower_octets).ok())
        .filter(|tower| tower.protocols().eq(like.protocols()))
        .filter_map(|tower| tower.string_binding()?.endpoint().map(str::to_owned))
        .find(|endpoint| endpoint != "0")
}

/// A connection to a mapper, and how far its one call has come.
struct Conversation {
    stream: Stream,
    protocol: ClientConnection,
    start: Instant,
    patience: Duration,
    /// What was received and not looked at.
    received: Vec<u8>,
    /// What is to be sent.
    out: Vec<u8>,
}

/// A transport that blocks.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Conversation {
    fn begin(stream: Stream, limits: &Arc<Limits>) -> Self {
        Conversation {
            stream,
            protocol: ClientConnection::new(ClientConfig::new(Arc::clone(limits))),
            start: Instant::now(),
            patience: limits.bind_timeout,
            received: Vec::new(),
            out: Vec::new(),
        }
    }

    fn bind(&mut self) -> Result<ContextId, Status> {
        let transfers = [TransferSyntax::Ndr];
        self.protocol
            .bind(self.now(), INTERFACE, &transfers, None, &mut self.out)
            .map_err(|_| Status::CallFailedDne)?;
        self.next(|event| match event {
            ClientEvent::Bound { context, .. } => Some(Ok(context)),
            ClientEvent::InterfaceRefused { .. } => Some(Err(Status::UnknownIf)),
            _ => None,
        })
    }

    fn map(
        &mut self,
        context: ContextId,
        like: &Tower,
        object: Option<Uuid>,
    ) -> Result<EptMapResponse, Status> {
        let request = EptMapRequest {
            object: object.map_or_else(Full::null, Full::new),
            map_tower: Full::new(Twr::from(like)),
            entry_handle: ContextHandle::NULL,
            max_towers: TOWERS_MAX,
        };
        let given = request.given();
        let start = self
            .protocol
            .begin_request(context, None, &mut self.out)
            .map_err(|_| Status::CallFailedDne)?;
        annulus_ndr::encode::<Ndr, _>(&request, &mut self.out).map_err(|_| Status::BadStubData)?;
        self.protocol
            .finish_request(start, Opnum(EPT_MAP), 0, &mut self.out);
        self.next(|event| match event {
            ClientEvent::Response {
                transfer,
                drep,
                stub,
                ..
            } => {
                let order = byte_order(drep);
                Some(decode_params(Some(given), stub.as_slice(), order, transfer))
            }
            ClientEvent::Fault { status, .. } => Some(Err(Status::from_fault(status))),
            _ => None,
        })
    }

    /// Sends what there is to send, and receives until `pick` takes an event.
    fn next<T>(
        &mut self,
        mut pick: impl FnMut(ClientEvent<'_>) -> Option<Result<T, Status>>,
    ) -> Result<T, Status> {
        loop {
            let now = self.now();
            let received = std::mem::take(&mut self.received);
            let mut input = Input::new(&received);
            while let Some(event) = self.protocol.next_event(now, &mut input, &mut self.out) {
                match event {
                    ClientEvent::Close(_) => return Err(Status::ProtocolError),
                    ClientEvent::BindRefused(_) => return Err(Status::ServerUnavailable),
                    event => {
                        if let Some(picked) = pick(event) {
                            let rest = received.len() - input.remaining();
                            self.received.extend_from_slice(&received[rest..]);
                            return picked;
                        }
                    }
                }
            }
            self.exchange().map_err(|error| {
                tracing::debug!(%error, "the endpoint mapper does not answer");
                Status::ServerUnavailable
            })?;
        }
    }

    /// Sends all that is to be sent, and receives something.
    fn exchange(&mut self) -> io::Result<()> {
        let left = self.patience.saturating_sub(self.start.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_timeout(left)?;
        self.stream.write_all(&self.out)?;
        self.out.clear();
        self.received.resize(RECEIVE_LEN, 0);
        let len = self.stream.read(&mut self.received)?;
        self.received.truncate(len);
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// The time of the protocol, which begins with the conversation.
    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }
}

/// What is received at a time.
const RECEIVE_LEN: usize = 8 << 10;

impl Stream {
    fn connect(address: &Address, patience: Duration) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, patience)?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Address::Unix(path) => connect_unix(path, patience).map(Stream::Unix),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout);
        match self {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.set_write_timeout(timeout)
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.set_write_timeout(timeout)
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(bytes),
            Stream::Unix(stream) => stream.read(bytes),
        }
    }
}

/// As [`UnixStream::connect`], which waits for ever where the mapper accepts nothing and its queue
/// is full.
fn connect_unix(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(patience))?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::epmapper::{self, EndpointMap, EndpointMapper};
    use crate::rpcecho::{self, EchoServer, RpcEchoClient};
    use crate::{Binding, Config, Cores, Runtime, Server, mgmt};

    /// A runtime with a mapper and an rpcecho server that is registered with it; and a string
    /// binding that names the mapper alone.
    fn scene() -> (Runtime, String) {
        let map = EndpointMap::default();
        let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
        let server = || Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
        let mapper = server().interface(epmapper::interface(EndpointMapper::new(map.clone())));
        let echo = server()
            .interface(rpcecho::interface(EchoServer::default()))
            .register_endpoints(&map);
        runtime.serve(echo).unwrap();
        let mapper = runtime.serve(mapper).unwrap();
        let port = mapper.bindings()[0].port().unwrap();
        (runtime, format!("ncacn_ip_tcp:127.0.0.1[,mapper={port}]"))
    }

    fn failure(binding: &str, limits: Limits) -> Status {
        let binding = binding.parse().unwrap();
        let local = NcalrpcDirectory::default();
        match find_endpoint(&binding, rpcecho::INTERFACE, &local, &Arc::new(limits)) {
            Err(Error::EndpointMapper { status, .. }) => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_binding_without_a_port_finds_its_server() {
        let (runtime, target) = scene();
        let binding = Binding::new(&runtime, &target, rpcecho::INTERFACE).unwrap();
        assert_eq!(RpcEchoClient::new(binding).add_one(1), Ok(2));
    }

    #[test]
    fn what_the_mapper_does_not_know_is_not_registered() {
        let (_runtime, target) = scene();
        let target = target.parse().unwrap();
        let local = NcalrpcDirectory::default();
        let found = find_endpoint(&target, mgmt::INTERFACE, &local, &Arc::default());
        let error = found.unwrap_err();
        assert!(matches!(
            error,
            Error::EndpointMapper {
                status: Status::EptNotRegistered,
                ..
            }
        ));
    }

    #[test]
    fn without_a_mapper_the_server_is_unavailable() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let target = format!("ncacn_ip_tcp:127.0.0.1[,mapper={port}]");
        assert_eq!(failure(&target, Limits::DEFAULT), Status::ServerUnavailable);
    }

    #[test]
    fn a_mapper_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let limits = Limits {
            bind_timeout: Duration::from_millis(20),
            ..Limits::DEFAULT
        };
        let target = format!("ncacn_ip_tcp:127.0.0.1[,mapper={port}]");
        assert_eq!(failure(&target, limits), Status::ServerUnavailable);
    }

    #[test]
    fn a_local_mapper_that_accepts_nothing_is_given_up() {
        let name = format!("annulus-full-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        net::listen(&listener, 0).unwrap();
        let patience = Duration::from_millis(20);
        let mut taken = Vec::new();
        let error = loop {
            match connect_unix(&path, patience) {
                Ok(stream) => taken.push(stream),
                Err(error) => break error,
            }
            assert!(taken.len() < 8, "the queue is never full");
        };
        std::fs::remove_file(&path).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_mapper_that_knows_nothing_says_more_than_one_that_is_not_there() {
        let (unknown, absent) = (Status::EptNotRegistered, Status::ServerUnavailable);
        let best = |answers: &[Result<&str, Status>]| {
            let answers = answers.iter();
            best_answer(answers.map(|answer| answer.map(str::to_owned)))
        };
        assert_eq!(best(&[Err(unknown), Err(absent)]), Err(unknown));
        assert_eq!(best(&[Err(absent), Err(unknown)]), Err(unknown));
        assert_eq!(best(&[Err(unknown), Ok("7")]), Ok("7".to_owned()));
        assert_eq!(best(&[]), Err(absent));
    }

    #[test]
    fn towers_that_were_not_asked_for_are_passed_over() {
        let tower = |binding: &str| {
            let binding = binding.parse().unwrap();
            Tower::new(rpcecho::INTERFACE, SyntaxId::NDR20, &binding)
        };
        let first = |towers: &[&str], like: &str| {
            let towers = towers.iter();
            let towers: Vec<_> = towers
                .map(|binding| Full::new(Twr::from(&tower(binding))))
                .collect();
            first_endpoint(&towers, &tower(like))
        };
        let strange = ["ncalrpc:[x]", "ncacn_ip_tcp:", "ncacn_ip_tcp:127.0.0.1[7]"];
        assert_eq!(first(&strange, "ncacn_ip_tcp:").as_deref(), Some("7"));
        assert_eq!(first(&strange, "ncalrpc:").as_deref(), Some("x"));
        assert_eq!(first(&strange[..2], "ncacn_ip_tcp:"), None);
        assert_eq!(first(&strange[1..], "ncalrpc:"), None);
    }

    #[test]
    fn a_host_with_many_addresses_that_say_nothing_is_given_up() {
        let silent = || TcpListener::bind("127.0.0.1:0").unwrap();
        let limits = Limits {
            bind_timeout: Duration::from_millis(5),
            connect_timeout: Duration::from_secs(3600),
            ..Limits::DEFAULT
        };
        let late = Limits {
            connect_timeout: Duration::ZERO,
            ..limits.clone()
        };
        for (limits, asked_max) in [(limits, 16), (late, 1)] {
            let mappers: Vec<_> = (0..20).map(|_| silent()).collect();
            let addresses = mappers.iter().map(|mapper| mapper.local_addr().unwrap());
            let addresses: Vec<_> = addresses.map(Address::from).collect();
            let like = Tower::new(
                rpcecho::INTERFACE,
                SyntaxId::NDR20,
                &"ncacn_ip_tcp:".parse().unwrap(),
            );
            let asked = ask_in_turn(&addresses, &like, None, &Arc::new(limits));
            assert_eq!(asked, Err(Status::ServerUnavailable));
            let is_asked = |mapper: &&TcpListener| {
                mapper.set_nonblocking(true).unwrap();
                mapper.accept().is_ok()
            };
            assert_eq!(mappers.iter().filter(is_asked).count(), asked_max);
        }
    }

    /// As where a name has an address of a family that leads nowhere.
    #[test]
    fn an_address_that_takes_no_connection_does_not_hide_the_next() {
        let (_runtime, target) = scene();
        let target: StringBinding = target.parse().unwrap();
        let mapper =
            endpoint::addresses(&mapper_of(&target).unwrap(), &NcalrpcDirectory::default());
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        net::listen(&full, 0).unwrap();
        let full = full.local_addr().map(|address| (address, full)).unwrap();
        let hasty = Duration::from_millis(200);
        let mut taken = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&full.0, hasty) {
            taken.push(stream);
            assert!(taken.len() < 8, "the queue is never full");
        }
        let addresses = [Address::from(full.0), mapper.unwrap()[0].clone()];
        let like = Tower::new(rpcecho::INTERFACE, SyntaxId::NDR20, &target);
        let limits = Arc::new(Limits::DEFAULT);
        let start = Instant::now();
        let found = ask_in_turn(&addresses, &like, None, &limits);
        assert!(found.is_ok(), "{found:?}");
        assert!(
            start.elapsed() < limits.connect_timeout / 2,
            "{:?}",
            start.elapsed()
        );
    }

    #[test]
    fn a_mapper_that_talks_nonsense_breaks_the_protocol() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let nonsense = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&[0xff; 64]).unwrap();
            // Until the client has gone, for no reset is to overtake the bytes.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let target = format!("ncacn_ip_tcp:127.0.0.1[,mapper={port}]");
        assert_eq!(failure(&target, Limits::DEFAULT), Status::ProtocolError);
        nonsense.join().unwrap();
    }
}
