//! Where a peer is: the transport addresses that the rings understand.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::credentials::PeerCredentials;

/// A transport address: what is listened on, connected to, or seen as a peer.
///
/// ```
/// use annulus_transports::Address;
///
/// let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 135)));
/// assert_eq!(address.to_string(), "127.0.0.1:135");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// TCP over IPv4 or IPv6 (`ncacn_ip_tcp`).
    Tcp(SocketAddr),
    /// A Unix stream socket in the file system (`ncalrpc`), by its path.
    Unix(PathBuf),
    /// The other side of an accepted Unix socket, which has no name: the process that
    /// connected. It cannot be connected to, or listened on.
    Process(PeerCredentials),
}

impl Address {
    /// The address as an internet socket address, if it is one.
    #[must_use]
    pub const fn as_tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) | Address::Process(_) => None,
        }
    }

    /// The path of a Unix socket, if the address is one.
    #[must_use]
    pub fn as_unix(&self) -> Option<&Path> {
        match self {
            Address::Unix(path) => Some(path),
            Address::Tcp(_) | Address::Process(_) => None,
        }
    }

    /// Who the peer is, if it came over a Unix socket.
    #[must_use]
    pub const fn credentials(&self) -> Option<PeerCredentials> {
        match self {
            Address::Process(credentials) => Some(*credentials),
            Address::Tcp(_) | Address::Unix(_) => None,
        }
    }

    /// Whether this is on this machine for certain: a loopback address, a Unix socket or a
    /// process.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Address::Unix(_) | Address::Process(_) => true,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => path.display().fmt(f),
            Address::Process(credentials) => credentials.fmt(f),
        }
    }
}
