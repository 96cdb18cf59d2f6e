//! Opening listening sockets: the part that all kernel rings share.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use crate::address::Address;
use crate::credentials::PeerCredentials;
use crate::error::TransportError;
use crate::ring::ListenOptions;
use crate::socket_directory;
use crate::socket_file::SocketFile;
use crate::socket_options::SocketOptions;

/// How long to sleep before an address in use is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// A listening socket; one in the file system takes its file with it.
#[derive(Debug)]
pub(crate) struct ListenSocket {
    /// Goes first, so that nobody finds a file with no server behind it.
    _file: Option<SocketFile>,
    socket: Socket,
}

impl AsFd for ListenSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for ListenSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Opens a listening socket and says what it was bound to.
///
/// An IPv6 socket takes IPv6 connections alone (`IPV6_V6ONLY`), whatever the system's setting: so
/// `[::]` and `0.0.0.0` can have the same port, and no peer has an IPv4 address in the clothes of
/// an IPv6 one. For TCP, `SO_REUSEADDR` is set, so that connections of a former server in `TIME_WAIT` do not
/// matter; accepted connections inherit `TCP_NODELAY`. The directory of a Unix socket is made if
/// it is missing, and its file replaced if a former server left it. Blocks for up to [`ListenOptions::retry_in_use`] while another
/// process holds the address.
pub(crate) fn open_listener(
    address: &Address,
    options: &ListenOptions,
) -> Result<(ListenSocket, Address), TransportError> {
    if let Some(directory) = address.as_unix().and_then(Path::parent) {
        socket_directory::prepare(directory)?;
    }
    let start = Instant::now();
    loop {
        match open(address, options) {
            Ok(opened) => return Ok(opened),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let waited = start.elapsed();
                if waited >= options.retry_in_use {
                    return Err(TransportError::AddressInUse {
                        address: address.clone(),
                        waited,
                    });
                }
                thread::sleep(RETRY_INTERVAL);
            }
            Err(error) => return Err(explain(address.clone(), error)),
        }
    }
}

/// Makes a socket to connect with, and the address for the kernel to connect it to.
pub(crate) fn open_client(
    address: &Address,
    options: &SocketOptions,
) -> Result<(Socket, SockAddr), TransportError> {
    let (socket, raw) = match address {
        Address::Tcp(tcp) => {
            let socket = tcp_socket(*tcp).map_err(TransportError::Socket)?;
            (socket, Ok(SockAddr::from(*tcp)))
        }
        Address::Unix(path) => {
            let socket = unix_socket().map_err(TransportError::Socket)?;
            (socket, SockAddr::unix(path))
        }
        Address::Process(_) => {
            let source = no_place();
            let address = address.clone();
            return Err(TransportError::Connect { address, source });
        }
    };
    let is_tcp = address.as_tcp().is_some();
    options
        .apply(&socket, is_tcp)
        .map_err(TransportError::Socket)?;
    match raw {
        Ok(raw) => Ok((socket, raw)),
        Err(source) => {
            let address = address.clone();
            Err(TransportError::Connect { address, source })
        }
    }
}

/// The address of the other side of a connected socket: of a Unix socket, which has none, who
/// is there.
pub(crate) fn peer_address(socket: SockRef<'_>) -> io::Result<Address> {
    let address = socket.peer_addr()?;
    if address.is_unix() {
        return PeerCredentials::of(socket.as_fd()).map(Address::Process);
    }
    address
        .as_socket()
        .map(Address::Tcp)
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// The address of this side of a connected socket.
pub(crate) fn local_address<'s>(socket: impl Into<SockRef<'s>>) -> Option<Address> {
    let address = socket.into().local_addr().ok()?;
    address.as_socket().map(Address::Tcp)
}

fn open(address: &Address, options: &ListenOptions) -> io::Result<(ListenSocket, Address)> {
    let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
    match address {
        Address::Tcp(tcp) => {
            let socket = tcp_socket(*tcp)?;
            socket.set_reuse_address(true)?;
            if tcp.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            options.socket.apply(&socket, true)?;
            socket.bind(&SockAddr::from(*tcp))?;
            socket.listen(backlog)?;
            let bound = socket
                .local_addr()?
                .as_socket()
                .ok_or(io::ErrorKind::Unsupported)?;
            let socket = ListenSocket {
                _file: None,
                socket,
            };
            Ok((socket, Address::Tcp(bound)))
        }
        Address::Unix(path) => {
            let socket = unix_socket()?;
            options.socket.apply(&socket, false)?;
            let file = SocketFile::bind(&socket, path, options.socket_mode)?;
            socket.listen(backlog)?;
            let socket = ListenSocket {
                _file: Some(file),
                socket,
            };
            Ok((socket, address.clone()))
        }
        Address::Process(_) => Err(no_place()),
    }
}

fn tcp_socket(address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn unix_socket() -> io::Result<Socket> {
    Socket::new(Domain::UNIX, Type::STREAM, None)
}

fn no_place() -> io::Error {
    let what = "a process without a name is a peer, and no place";
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn explain(address: Address, source: io::Error) -> TransportError {
    match (source.raw_os_error(), address) {
        (Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM), _) => {
            TransportError::Socket(source)
        }
        (Some(libc::EADDRNOTAVAIL), address) => TransportError::AddressNotLocal { address },
        (Some(libc::EACCES | libc::EPERM), address @ Address::Tcp(_)) => {
            TransportError::AddressForbidden {
                address,
                first_free_port: first_free_port(),
            }
        }
        (Some(libc::EACCES | libc::EPERM | libc::EROFS), Address::Unix(path)) => {
            TransportError::NcalrpcDirectory {
                directory: path.parent().unwrap_or(&path).to_owned(),
                source,
            }
        }
        (_, address) => TransportError::Listen { address, source },
    }
}

/// The lowest port that needs no right; 1024 unless the administrator chose another.
fn first_free_port() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn loopback(port: u16) -> Address {
        Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn port_zero_chooses_a_port() {
        let (_socket, bound) = open_listener(&loopback(0), &ListenOptions::default()).unwrap();
        assert_ne!(bound.as_tcp().unwrap().port(), 0);
    }

    #[test]
    fn both_families_have_a_port_of_their_own() {
        let options = ListenOptions::default();
        let every = |host: &str| Address::Tcp(host.parse().unwrap());
        let (_ipv6, bound) = open_listener(&every("[::]:0"), &options).unwrap();
        let port = bound.as_tcp().unwrap().port();
        let ipv4 = every(&format!("0.0.0.0:{port}"));
        open_listener(&ipv4, &options).expect("the port is free in the other family");
    }

    #[test]
    fn an_address_in_use_is_tried_for_as_long_as_asked() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(holder.local_addr().unwrap());
        let patience = Duration::from_millis(50);
        let options = ListenOptions {
            retry_in_use: patience,
            ..ListenOptions::default()
        };
        let error = open_listener(&address, &options).unwrap_err();
        assert!(
            matches!(error, TransportError::AddressInUse { waited, .. } if waited >= patience),
            "{error}"
        );

        let release = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            drop(holder);
        });
        let options = ListenOptions::default();
        open_listener(&address, &options).expect("the port came free in time");
        release.join().unwrap();
    }

    #[test]
    fn a_foreign_address_is_told_apart() {
        // 192.0.2.0/24 is set aside for documentation (RFC 5737).
        let address = Address::Tcp(SocketAddr::from(([192, 0, 2, 1], 0)));
        let error = open_listener(&address, &ListenOptions::default()).unwrap_err();
        assert!(
            matches!(error, TransportError::AddressNotLocal { .. }),
            "{error}"
        );
    }

    #[test]
    fn a_missing_right_is_told_apart() {
        let source = io::Error::from_raw_os_error(libc::EACCES);
        let error = explain(loopback(135), source);
        assert!(
            matches!(error, TransportError::AddressForbidden { .. }),
            "{error}"
        );
    }

    #[test]
    fn accepted_connections_inherit_no_delay() {
        let (socket, bound) = open_listener(&loopback(0), &ListenOptions::default()).unwrap();
        let client = std::net::TcpStream::connect(bound.as_tcp().unwrap()).unwrap();
        let (accepted, _) = socket.socket.accept().unwrap();
        assert!(accepted.tcp_nodelay().unwrap());
        drop(client);
    }
}
