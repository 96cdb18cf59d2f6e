//! Hosts: names that the system's resolver knows, and addresses that need none.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use rustix::net::netdevice::name_to_index;
use socket2::{Domain, Socket, Type};

use crate::address::Address;
use crate::error::TransportError;

/// What an address looks like as a name without colons, which Windows understands without a
/// resolver: `2001-db8--1.ipv6-literal.net`, with a zone `fe80--1s4.ipv6-literal.net`.
const LITERAL_SUFFIX: &str = ".ipv6-literal.net";

/// The address of a host that is written as one: IPv4, IPv6, or IPv6 with a zone
/// (`fe80::1%eth0`), which is the name or the index of a network interface. Never blocks. `None`
/// for a name.
///
/// ```
/// use annulus_transports::literal_host;
///
/// let address = literal_host("2001:db8::1", 135)?;
/// assert_eq!(address, Some("[2001:db8::1]:135".parse().unwrap()));
/// assert_eq!(literal_host("server.example", 135)?, None);
/// # Ok::<(), annulus_transports::TransportError>(())
/// ```
///
/// # Errors
///
/// The zone is no network interface of this machine.
pub fn literal_host(host: &str, port: u16) -> Result<Option<SocketAddr>, TransportError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Some(SocketAddr::new(address, port)));
    }
    let Some((address, zone)) = zoned(host).or_else(|| unc_ipv6(host)) else {
        return Ok(None);
    };
    let scope_id = match zone {
        None => 0,
        Some(zone) => interface_index(&zone).map_err(|source| failed(host, source))?,
    };
    let address = SocketAddrV6::new(address, port, 0, scope_id);
    Ok(Some(SocketAddr::V6(address)))
}

/// The addresses of a host, in the order in which they are to be tried: the system's resolver
/// puts the best first (RFC 6724); then the families take turns (RFC 8305 section 4), so that one
/// which leads nowhere holds the other up for one attempt only. May block for as long as the name
/// servers take, unless the host is an [address](literal_host). An empty host is this machine.
///
/// # Errors
///
/// The host is unknown or has no address.
pub fn resolve_host(host: &str, port: u16) -> Result<Vec<Address>, TransportError> {
    if let Some(address) = literal_host(host, port)? {
        return Ok(vec![address.into()]);
    }
    let name = if host.is_empty() { "localhost" } else { host };
    let found = (name, port).to_socket_addrs();
    let found: Vec<SocketAddr> = found.map_err(|source| failed(name, source))?.collect();
    if found.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        return Err(failed(name, source));
    }
    Ok(take_turns(&found).map(Address::from).collect())
}

fn failed(host: &str, source: io::Error) -> TransportError {
    TransportError::Resolve {
        host: host.to_owned(),
        source,
    }
}

/// The same addresses, with the families in turns as far as there are both. The family of the
/// first one begins, and the order within each stays.
fn take_turns(addresses: &[SocketAddr]) -> impl Iterator<Item = SocketAddr> {
    let starts_with_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let of = |is_ipv6| {
        let family = addresses.iter().copied();
        family.filter(move |address| address.is_ipv6() == is_ipv6)
    };
    let (mut first, mut second) = (of(starts_with_ipv6), of(!starts_with_ipv6));
    let mut is_seconds_turn = true;
    std::iter::from_fn(move || {
        is_seconds_turn = !is_seconds_turn;
        if is_seconds_turn {
            second.next().or_else(|| first.next())
        } else {
            first.next().or_else(|| second.next())
        }
    })
}

/// An IPv6 address with a zone.
fn zoned(host: &str) -> Option<(Ipv6Addr, Option<String>)> {
    let (address, zone) = host.split_once('%')?;
    Some((address.parse().ok()?, Some(zone.to_owned())))
}

fn unc_ipv6(host: &str) -> Option<(Ipv6Addr, Option<String>)> {
    let at = host.len().checked_sub(LITERAL_SUFFIX.len())?;
    let (literal, suffix) = (host.get(..at)?, host.get(at..)?);
    if !suffix.eq_ignore_ascii_case(LITERAL_SUFFIX) {
        return None;
    }
    let (address, zone) = match literal.split_once(['s', 'S']) {
        Some((address, zone)) => (address, Some(zone.to_owned())),
        None => (literal, None),
    };
    Some((address.replace('-', ":").parse().ok()?, zone))
}

/// The number of a network interface that is given by its number or its name.
fn interface_index(zone: &str) -> io::Result<u32> {
    if let Ok(index) = zone.parse() {
        return Ok(index);
    }
    // Any socket will do to ask the kernel.
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    name_to_index(&socket, zone).map_err(|_| {
        let what = format!("there is no network interface {zone}; `ip link` lists them");
        io::Error::new(io::ErrorKind::NotFound, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(host: &str) -> Option<SocketAddr> {
        literal_host(host, 7).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn addresses_need_no_resolver() {
        for (host, address) in [
            ("10.0.0.1", "10.0.0.1:7"),
            ("::1", "[::1]:7"),
            ("::", "[::]:7"),
            ("fe80::1%4", "[fe80::1%4]:7"),
            ("2001-db8--1.ipv6-literal.net", "[2001:db8::1]:7"),
            ("fe80--1s4.IPv6-Literal.NET", "[fe80::1%4]:7"),
        ] {
            assert_eq!(literal(host), Some(address.parse().unwrap()), "{host}");
        }
        for host in ["", "localhost", "1.2.3", "host.ipv6-literal.net", "a%4"] {
            assert_eq!(literal(host), None, "{host}");
        }
    }

    #[test]
    fn a_zone_is_an_interface() {
        let Some(SocketAddr::V6(address)) = literal("fe80::1%lo") else {
            panic!("an address");
        };
        let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        assert_eq!(address.scope_id().to_string(), index.trim());
        let error = literal_host("fe80::1%nowhere", 7).unwrap_err().to_string();
        assert!(
            error.contains("fe80::1%nowhere") && error.contains("no network interface nowhere"),
            "{error}"
        );
    }

    #[test]
    fn families_take_turns() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            let parsed = texts.iter().map(|text| text.parse().unwrap());
            parsed.collect()
        };
        let given = addresses(&["[::1]:7", "[::2]:7", "[::3]:7", "1.0.0.1:7", "1.0.0.2:7"]);
        let wanted = addresses(&["[::1]:7", "1.0.0.1:7", "[::2]:7", "1.0.0.2:7", "[::3]:7"]);
        assert_eq!(take_turns(&given).collect::<Vec<_>>(), wanted);
        let given = addresses(&["1.0.0.1:7", "1.0.0.2:7", "[::1]:7"]);
        let wanted = addresses(&["1.0.0.1:7", "[::1]:7", "1.0.0.2:7"]);
        assert_eq!(take_turns(&given).collect::<Vec<_>>(), wanted);
    }
}
