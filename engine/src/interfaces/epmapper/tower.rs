//! Protocol towers: an interface, and how it is reached, floor upon floor.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use annulus_protocol::{SyntaxId, Uuid};
use annulus_transports::{Address, ProtocolSequence, StringBinding};

/// A protocol tower (C706 appendix L): floor 1 is the interface, floor 2 the transfer syntax, and
/// the floors above them are the protocols, from RPC's own to that of the network.
///
/// ```
/// use annulus::epmapper::{Floor, Tower};
/// use annulus::{SyntaxId, rpcecho};
///
/// let binding = "ncacn_ip_tcp:10.0.0.7[49152]".parse()?;
/// let tower = Tower::new(rpcecho::INTERFACE, SyntaxId::NDR20, &binding);
/// assert_eq!(tower.floors()[3], Floor::Tcp(49152));
/// assert_eq!(Tower::decode(&tower.encode())?, tower);
/// assert_eq!(tower.string_binding().unwrap().to_string(), "ncacn_ip_tcp:10.0.0.7[49152]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tower {
    floors: Vec<Floor>,
}

/// One floor of a tower: a protocol, and what is to be known of it.
///
/// A floor of a protocol that is not known here, or whose data is not what that protocol has, is
/// kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Floor {
    /// An interface or a transfer syntax (0x0d).
    Syntax(SyntaxId),
    /// Connectionless RPC (0x0a), with its minor version.
    Connectionless(u16),
    /// Connection-oriented RPC (0x0b), with its minor version.
    ConnectionOriented(u16),
    /// RPC within one machine (0x0c), with its minor version.
    Local(u16),
    /// A TCP port (0x07).
    Tcp(u16),
    /// A UDP port (0x08).
    Udp(u16),
    /// An IPv4 address (0x09).
    Ip(Ipv4Addr),
    /// A named pipe of SMB (0x0f), such as `\PIPE\lsass`.
    SmbPipe(String),
    /// An endpoint within one machine (0x10).
    LocalEndpoint(String),
    /// The NetBIOS name of a host (0x11).
    NetBios(String),
    /// A port of RPC over HTTP (0x1f).
    Http(u16),
    /// Anything else.
    Other {
        /// The protocol identifier.
        protocol: u8,
        /// What stands behind the identifier in the left part of the floor.
        left: Vec<u8>,
        /// The right part of the floor.
        right: Vec<u8>,
    },
}

/// Bytes that are no tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TowerError {
    /// The bytes end inside a floor.
    #[error("floor {floor} of a tower is cut off")]
    Truncated {
        /// Which one, from 1.
        floor: usize,
    },
    /// A floor does not say its protocol.
    #[error("floor {floor} of a tower has no protocol identifier")]
    NoProtocol {
        /// Which one, from 1.
        floor: usize,
    },
    /// More than [`Tower::FLOORS_MAX`] floors.
    #[error(
        "a tower of {count} floors; {} are the most that are read",
        Tower::FLOORS_MAX
    )]
    TooHigh {
        /// How many there are said to be.
        count: usize,
    },
}

impl Tower {
    /// The most floors that are read. Real towers have five or six.
    pub const FLOORS_MAX: usize = 16;

    /// The tower of an interface that can be reached as `binding` says. What the binding leaves open
    /// (its port, its host, or a host that is not an IPv4 address) is zero or empty.
    #[must_use]
    pub fn new(interface: SyntaxId, transfer: SyntaxId, binding: &StringBinding) -> Self {
        let mut floors = vec![Floor::Syntax(interface), Floor::Syntax(transfer)];
        match binding.sequence() {
            ProtocolSequence::Ncalrpc => floors.extend([
                Floor::Local(0),
                Floor::LocalEndpoint(binding.endpoint().unwrap_or_default().to_owned()),
            ]),
            _ => floors.extend([
                Floor::ConnectionOriented(0),
                Floor::Tcp(binding.port().unwrap_or(0)),
                Floor::Ip(binding.host().parse().unwrap_or(Ipv4Addr::UNSPECIFIED)),
            ]),
        }
        Tower { floors }
    }

    /// Its floors, from the interface up.
    #[must_use]
    pub fn floors(&self) -> &[Floor] {
        &self.floors
    }

    /// The interface.
    #[must_use]
    pub fn interface(&self) -> Option<SyntaxId> {
        self.syntax(0)
    }

    /// The transfer syntax.
    #[must_use]
    pub fn transfer_syntax(&self) -> Option<SyntaxId> {
        self.syntax(1)
    }

    fn syntax(&self, index: usize) -> Option<SyntaxId> {
        match self.floors.get(index) {
            Some(Floor::Syntax(syntax)) => Some(*syntax),
            _ => None,
        }
    }

    /// The identifiers of its protocols: what tells TCP from a named pipe.
    pub fn protocols(&self) -> impl Iterator<Item = u8> {
        self.floors.iter().skip(2).map(Floor::protocol)
    }

    /// The IPv4 address, if a floor has one.
    #[must_use]
    pub fn ip(&self) -> Option<Ipv4Addr> {
        self.floors.iter().find_map(|floor| match floor {
            Floor::Ip(address) => Some(*address),
            _ => None,
        })
    }

    /// The same tower, with `address` in the place of an IPv4 address that stands for all of a
    /// machine's.
    #[must_use]
    pub(super) fn reached_at(&self, address: Option<Ipv4Addr>) -> Self {
        let mut tower = self.clone();
        for floor in &mut tower.floors {
            if let (Floor::Ip(ip), Some(address)) = (floor, address)
                && ip.is_unspecified()
            {
                *ip = address;
            }
        }
        tower
    }

    /// The string binding that a client would write, if it is of a transport that exists here.
    #[must_use]
    pub fn string_binding(&self) -> Option<StringBinding> {
        match &self.floors[..] {
            [
                _,
                _,
                Floor::ConnectionOriented(_),
                Floor::Tcp(port),
                Floor::Ip(ip),
                ..,
            ] => {
                let address = Address::from(SocketAddr::new(IpAddr::V4(*ip), *port));
                let anywhere: StringBinding = "ncacn_ip_tcp:".parse().ok()?;
                Some(anywhere.with_address(&address))
            }
            [_, _, Floor::Local(_), Floor::LocalEndpoint(name), ..] => {
                format!("ncalrpc:[{name}]").parse().ok()
            }
            _ => None,
        }
    }

    /// Its bytes on the wire (C706 appendix L): little-endian but for ports and addresses, whatever
    /// the byte order of the call.
    ///
    /// # Panics
    ///
    /// A name is longer than a floor can be, 65,534 bytes; no endpoint is.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(len16(self.floors.len()).to_le_bytes());
        for floor in &self.floors {
            let (left, right) = floor.parts();
            bytes.extend(len16(left.len() + 1).to_le_bytes());
            bytes.push(floor.protocol());
            bytes.extend(left);
            bytes.extend(len16(right.len()).to_le_bytes());
            bytes.extend(right);
        }
        bytes
    }

    /// Reads a tower. Bytes behind it are ignored.
    ///
    /// # Errors
    ///
    /// The bytes end too early, or have more floors than any tower.
    pub fn decode(bytes: &[u8]) -> Result<Self, TowerError> {
        let mut rest = bytes;
        let count = take_u16(&mut rest).ok_or(TowerError::Truncated { floor: 1 })?;
        let count = usize::from(count);
        if count > Tower::FLOORS_MAX {
            return Err(TowerError::TooHigh { count });
        }
        let floors = (1..=count)
            .map(|floor| {
                let truncated = TowerError::Truncated { floor };
                let left = take_part(&mut rest).ok_or(truncated)?;
                let right = take_part(&mut rest).ok_or(truncated)?;
                let (protocol, left) =
                    left.split_first().ok_or(TowerError::NoProtocol { floor })?;
                Ok(Floor::from_parts(*protocol, left, right))
            })
            .collect::<Result<_, _>>()?;
        Ok(Tower { floors })
    }
}

/// The string binding, also of transports that do not exist here; otherwise what the floors say.
impl fmt::Display for Tower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Floor::{ConnectionOriented, Connectionless, Http, Ip, NetBios, SmbPipe, Udp};
        if let Some(binding) = self.string_binding() {
            return binding.fmt(f);
        }
        match self.floors.get(2..).unwrap_or_default() {
            [ConnectionOriented(_), SmbPipe(pipe), NetBios(host), ..] => {
                write!(f, "ncacn_np:{host}[{pipe}]")
            }
            [ConnectionOriented(_), Http(port), Ip(ip), ..] => write!(f, "ncacn_http:{ip}[{port}]"),
            [Connectionless(_), Udp(port), Ip(ip), ..] => write!(f, "ncadg_ip_udp:{ip}[{port}]"),
            floors => f.debug_list().entries(floors).finish(),
        }
    }
}

mod id {
    //! The protocol identifiers of floors (C706 appendix I, MS-RPCE 2.2.1.2).
    pub(super) const TCP: u8 = 0x07;
    pub(super) const UDP: u8 = 0x08;
    pub(super) const IP: u8 = 0x09;
    pub(super) const CONNECTIONLESS: u8 = 0x0a;
    pub(super) const CONNECTION_ORIENTED: u8 = 0x0b;
    pub(super) const LOCAL: u8 = 0x0c;
    pub(super) const SYNTAX: u8 = 0x0d;
    pub(super) const SMB_PIPE: u8 = 0x0f;
    pub(super) const LOCAL_ENDPOINT: u8 = 0x10;
    pub(super) const NET_BIOS: u8 = 0x11;
    pub(super) const HTTP: u8 = 0x1f;
}

impl Floor {
    /// The protocol identifier.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        match self {
            Floor::Syntax(_) => id::SYNTAX,
            Floor::Connectionless(_) => id::CONNECTIONLESS,
            Floor::ConnectionOriented(_) => id::CONNECTION_ORIENTED,
            Floor::Local(_) => id::LOCAL,
            Floor::Tcp(_) => id::TCP,
            Floor::Udp(_) => id::UDP,
            Floor::Ip(_) => id::IP,
            Floor::SmbPipe(_) => id::SMB_PIPE,
            Floor::LocalEndpoint(_) => id::LOCAL_ENDPOINT,
            Floor::NetBios(_) => id::NET_BIOS,
            Floor::Http(_) => id::HTTP,
            Floor::Other { protocol, .. } => *protocol,
        }
    }

    /// What stands behind the identifier in its left part, and its right part.
    fn parts(&self) -> (Vec<u8>, Vec<u8>) {
        let right = match self {
            Floor::Syntax(SyntaxId { uuid, major, minor }) => {
                let left = [&uuid.to_bytes_le()[..], &major.to_le_bytes()].concat();
                return (left, minor.to_le_bytes().to_vec());
            }
            Floor::Other { left, right, .. } => return (left.clone(), right.clone()),
            Floor::Connectionless(minor)
            | Floor::ConnectionOriented(minor)
            | Floor::Local(minor) => minor.to_le_bytes().to_vec(),
            Floor::Tcp(port) | Floor::Udp(port) | Floor::Http(port) => port.to_be_bytes().to_vec(),
            Floor::Ip(address) => address.octets().to_vec(),
            Floor::SmbPipe(name) | Floor::LocalEndpoint(name) | Floor::NetBios(name) => {
                [name.as_bytes(), b"\0"].concat()
            }
        };
        (Vec::new(), right)
    }

    fn from_parts(protocol: u8, left: &[u8], right: &[u8]) -> Self {
        let known = match protocol {
            id::SYNTAX => syntax(left, right).map(Floor::Syntax),
            _ if !left.is_empty() => None,
            id::CONNECTIONLESS => le16(right).map(Floor::Connectionless),
            id::CONNECTION_ORIENTED => le16(right).map(Floor::ConnectionOriented),
            id::LOCAL => le16(right).map(Floor::Local),
            id::TCP => be16(right).map(Floor::Tcp),
            id::UDP => be16(right).map(Floor::Udp),
            id::HTTP => be16(right).map(Floor::Http),
            id::IP => <[u8; 4]>::try_from(right)
                .ok()
                .map(|ip| Floor::Ip(ip.into())),
            id::SMB_PIPE => name(right).map(Floor::SmbPipe),
            id::LOCAL_ENDPOINT => name(right).map(Floor::LocalEndpoint),
            id::NET_BIOS => name(right).map(Floor::NetBios),
            _ => None,
        };
        known.unwrap_or_else(|| Floor::Other {
            protocol,
            left: left.to_vec(),
            right: right.to_vec(),
        })
    }
}

fn syntax(left: &[u8], right: &[u8]) -> Option<SyntaxId> {
    let (uuid, major) = left.split_at_checked(16)?;
    let uuid = Uuid::from_bytes_le(uuid.try_into().ok()?);
    Some(SyntaxId::new(uuid, le16(major)?, le16(right)?))
}

/// A name with its terminator.
fn name(bytes: &[u8]) -> Option<String> {
    let (0, name) = bytes.split_last()? else {
        return None;
    };
    let is_whole = !name.contains(&0);
    is_whole.then(|| String::from_utf8(name.to_vec()).ok())?
}

fn le16(bytes: &[u8]) -> Option<u16> {
    bytes.try_into().ok().map(u16::from_le_bytes)
}

fn be16(bytes: &[u8]) -> Option<u16> {
    bytes.try_into().ok().map(u16::from_be_bytes)
}

fn take_u16(rest: &mut &[u8]) -> Option<u16> {
    let (bytes, after) = rest.split_at_checked(2)?;
    *rest = after;
    le16(bytes)
}

/// A part of a floor, behind its length.
fn take_part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_u16(rest)?;
    let (part, after) = rest.split_at_checked(len.into())?;
    *rest = after;
    Some(part)
}

/// A length as the wire has it.
fn len16(len: usize) -> u16 {
    u16::try_from(len).expect("a floor's part fits its length")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rpcecho;

    fn bytes(spaced: &str) -> Vec<u8> {
        let digits: String = spaced.split_whitespace().collect();
        let pairs = digits.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn tower(binding: &str) -> Tower {
        Tower::new(
            rpcecho::INTERFACE,
            SyntaxId::NDR20,
            &binding.parse().unwrap(),
        )
    }

    /// Two floors, and the count of `floors` that any tower begins with.
    fn head(floors: u8) -> Vec<u8> {
        let mut head = vec![floors, 0];
        head.extend(bytes(
            "1300 0d c55ea160e84dd711a637005056a20182 0100  0200 0000
             1300 0d 045d888aeb1cc9119fe808002b104860 0200  0200 0000",
        ));
        head
    }

    #[test]
    fn rule_29_a_tower_of_tcp_has_port_and_address_in_big_endian() {
        let mut wire = head(5);
        wire.extend(bytes(
            "0100 0b 0200 0000  0100 07 0200 c000  0100 09 0400 0a000007",
        ));
        let tower = tower("ncacn_ip_tcp:10.0.0.7[49152]");
        assert_eq!(tower.encode(), wire);
        assert_eq!(Tower::decode(&wire), Ok(tower));
    }

    #[test]
    fn a_tower_of_ncalrpc_names_its_endpoint() {
        let mut wire = head(4);
        wire.extend(bytes("0100 0c 0200 0000  0100 10 0500 4543484f 00"));
        let tower = tower("ncalrpc:[ECHO]");
        assert_eq!(tower.encode(), wire);
        assert_eq!(tower.to_string(), "ncalrpc:[ECHO]");
        assert_eq!(Tower::decode(&wire), Ok(tower));
    }

    #[test]
    fn an_ipv6_host_has_no_place_in_a_tower() {
        let tower = tower("ncacn_ip_tcp:2001:db8::1[135]");
        assert_eq!(tower.ip(), Some(Ipv4Addr::UNSPECIFIED));
    }

    #[test]
    fn floors_of_unknown_protocols_and_strange_data_are_kept() {
        let mut wire = head(5);
        // The second protocol is known, but a port has two bytes; the third has a left part.
        wire.extend(bytes(
            "0100 21 0000  0100 07 0300 010203  0200 09 ff 0400 7f000001",
        ));
        let tower = Tower::decode(&wire).unwrap();
        let protocols: Vec<_> = tower.protocols().collect();
        assert_eq!(protocols, [0x21, 0x07, 0x09]);
        assert!(matches!(tower.floors()[3], Floor::Other { .. }));
        assert_eq!(tower.encode(), wire);
        assert_eq!(tower.string_binding(), None);
    }

    #[test]
    fn a_tower_that_ends_early_is_refused_wherever_it_ends() {
        let wire = tower("ncacn_ip_tcp:10.0.0.7[49152]").encode();
        for len in 0..wire.len() {
            let error = Tower::decode(&wire[..len]).unwrap_err();
            assert!(matches!(error, TowerError::Truncated { .. }), "{len}");
        }
    }

    #[test]
    fn a_tower_that_claims_65535_floors_reserves_nothing() {
        let error = Tower::decode(&[0xff; 64]).unwrap_err();
        assert_eq!(error, TowerError::TooHigh { count: 65535 });
    }

    #[test]
    fn a_floor_without_a_protocol_is_refused() {
        let error = Tower::decode(&bytes("0100 0000 0000")).unwrap_err();
        assert_eq!(error, TowerError::NoProtocol { floor: 1 });
    }

    /// Bytes that are nearly a tower: lengths that fit, and what is in them at random.
    fn nearly_a_tower() -> impl Strategy<Value = Vec<u8>> {
        let part = || prop::collection::vec(any::<u8>(), 0..20);
        let protocol = prop_oneof![any::<u8>(), 0x07_u8..0x12];
        let floor = (protocol, part(), part()).prop_map(|(protocol, left, right)| {
            let mut floor = len16(left.len() + 1).to_le_bytes().to_vec();
            floor.push(protocol);
            floor.extend(left);
            floor.extend(len16(right.len()).to_le_bytes());
            floor.extend(right);
            floor
        });
        prop::collection::vec(floor, 0..20).prop_map(|floors| {
            let mut wire = len16(floors.len()).to_le_bytes().to_vec();
            wire.extend(floors.concat());
            wire
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(wire in nearly_a_tower()) {
            match Tower::decode(&wire) {
                Ok(tower) => prop_assert_eq!(tower.encode(), wire),
                Err(error) => prop_assert_eq!(error, TowerError::TooHigh { count: wire[0].into() }),
            }
        }

        #[test]
        fn any_bytes_are_a_tower_or_an_error(wire in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(tower) = Tower::decode(&wire) {
                let again = tower.encode();
                prop_assert!(wire.starts_with(&again));
                // Nobody panics over what is in it.
                let _ = (tower.to_string(), tower.string_binding());
            }
        }
    }
}
