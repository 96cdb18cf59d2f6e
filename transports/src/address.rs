//! Where a peer is: the transport addresses that the rings understand.

use std::fmt;
use std::net::SocketAddr;

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
}

impl Address {
    /// The address as an internet socket address, if it is one.
    #[must_use]
    pub const fn as_tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
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
        }
    }
}
