//! Opening listening sockets: the part that all kernel rings share.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::address::Address;
use crate::error::TransportError;
use crate::ring::ListenOptions;

/// How long to sleep before an address in use is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Opens a listening socket and says what it was bound to.
///
/// `SO_REUSEADDR` is set, so that connections of a former server in `TIME_WAIT` do not matter;
/// accepted connections inherit `TCP_NODELAY`. Blocks for up to
/// [`ListenOptions::retry_in_use`] while another process holds the address.
pub(crate) fn open_listener(
    address: &Address,
    options: &ListenOptions,
) -> Result<(Socket, Address), TransportError> {
    let Address::Tcp(tcp) = *address;
    let start = Instant::now();
    loop {
        match open(tcp, options.backlog) {
            Ok((socket, bound)) => return Ok((socket, Address::Tcp(bound))),
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

/// Makes a socket to connect with.
pub(crate) fn open_client(address: &Address) -> io::Result<Socket> {
    let Address::Tcp(tcp) = *address;
    let socket = Socket::new(Domain::for_address(tcp), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

/// The address of the other side of a connected socket.
pub(crate) fn peer_address(socket: SockRef<'_>) -> io::Result<Address> {
    let address = socket.peer_addr()?;
    address
        .as_socket()
        .map(Address::Tcp)
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

fn open(address: SocketAddr, backlog: u32) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    let bound = socket
        .local_addr()?
        .as_socket()
        .ok_or(io::ErrorKind::Unsupported)?;
    Ok((socket, bound))
}

fn explain(address: Address, source: io::Error) -> TransportError {
    match source.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => TransportError::AddressNotLocal { address },
        Some(libc::EACCES | libc::EPERM) => TransportError::AddressForbidden {
            address,
            first_free_port: first_free_port(),
        },
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
            TransportError::Socket(source)
        }
        _ => TransportError::Listen { address, source },
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
        let (accepted, _) = socket.accept().unwrap();
        assert!(accepted.tcp_nodelay().unwrap());
        drop(client);
    }
}
