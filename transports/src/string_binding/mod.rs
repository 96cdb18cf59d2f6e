//! String bindings: `ObjectUUID@ncacn_ip_tcp:host[endpoint,option=value]`.

mod parser;

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use uuid::Uuid;

use self::parser::Parser;
use crate::address::Address;
use crate::error::TransportError;
use crate::host::resolve_host;
use crate::ncalrpc::NcalrpcDirectory;
use crate::protocol_sequence::ProtocolSequence;

/// Where a server is, as users write it.
///
/// Printing gives the shortest form that parses to the same value: the protocol sequence is
/// always there, the object UUID, the host and the endpoint only if they are set.
///
/// ```
/// use annulus_transports::{ProtocolSequence, StringBinding};
///
/// let binding: StringBinding = "ncacn_ip_tcp:server.example[49152,sign,timeout=30]".parse()?;
/// assert_eq!(binding.sequence(), ProtocolSequence::NcacnIpTcp);
/// assert_eq!(binding.host(), "server.example");
/// assert_eq!(binding.endpoint(), Some("49152"));
/// assert_eq!(binding.option("timeout"), Some(Some("30")));
///
/// let bare: StringBinding = "2001:db8::1".parse()?;
/// assert_eq!(bare.to_string(), "ncacn_ip_tcp:2001:db8::1");
/// # Ok::<(), annulus_transports::StringBindingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StringBinding {
    object: Option<Uuid>,
    sequence: ProtocolSequence,
    host: String,
    endpoint: Option<String>,
    options: Vec<(String, Option<String>)>,
}

/// A string binding that cannot be read: where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("string binding {text:?}: at position {position}, expected {expected}")]
pub struct StringBindingError {
    /// The whole string.
    pub text: String,
    /// Where in it, in bytes from 0.
    pub position: usize,
    /// What should stand there.
    pub expected: &'static str,
}

impl StringBinding {
    /// The object that the calls are for.
    #[must_use]
    pub const fn object(&self) -> Option<Uuid> {
        self.object
    }

    /// The protocol sequence; `ncacn_ip_tcp` if the string had none.
    #[must_use]
    pub const fn sequence(&self) -> ProtocolSequence {
        self.sequence
    }

    /// The network address: a name, an IPv4 address, or an IPv6 address without brackets. Empty
    /// for this machine.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The endpoint as written; for `ncacn_ip_tcp` a port in decimal. Without one, the endpoint
    /// mapper knows.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// The port, if the endpoint is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self.sequence {
            ProtocolSequence::NcacnIpTcp => self.endpoint.as_ref()?.parse().ok(),
            ProtocolSequence::Ncalrpc => None,
        }
    }

    /// All options, in the order in which they were written; one without `=` has no value.
    pub fn options(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.options
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// The value of an option, by its name in any case; `Some(None)` if it stands there without
    /// one. The last one counts.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<Option<&str>> {
        let named = |(written, _): &&(String, _)| written.eq_ignore_ascii_case(name);
        self.options
            .iter()
            .rfind(named)
            .map(|(_, value)| value.as_deref())
    }

    /// The same binding with this address as its host and endpoint, such as the one that a
    /// listener really got.
    #[must_use]
    pub fn with_address(mut self, address: &Address) -> Self {
        match address {
            Address::Tcp(address) => {
                self.host = host_text(address);
                self.endpoint = Some(address.port().to_string());
            }
            Address::Unix(path) => {
                let name = path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
                self.endpoint = name.or(self.endpoint);
            }
            Address::Process(_) => {}
        }
        self
    }

    /// The same binding with another endpoint.
    ///
    /// # Errors
    ///
    /// It is no endpoint of the protocol sequence.
    pub fn with_endpoint(mut self, endpoint: &str) -> Result<Self, StringBindingError> {
        self.endpoint = Some(endpoint.to_owned());
        self.to_string().parse()
    }

    /// The addresses of the host, as [`resolve_host`] finds them; may block. The endpoint is the
    /// port, or else `default_port`.
    ///
    /// Of `ncalrpc`, the socket of that name in the [default directory](NcalrpcDirectory); its
    /// host does not matter.
    ///
    /// # Errors
    ///
    /// The host is unknown or has no address, or a local endpoint's name is missing or none.
    pub fn resolve(&self, default_port: u16) -> Result<Vec<Address>, TransportError> {
        if self.sequence == ProtocolSequence::Ncalrpc {
            let name = self.endpoint().unwrap_or_default();
            return Ok(vec![NcalrpcDirectory::default().address(name)?]);
        }
        resolve_host(&self.host, self.port().unwrap_or(default_port))
    }
}

/// An address as a host, with the zone that it is in.
fn host_text(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V6(ipv6) if ipv6.scope_id() != 0 => {
            format!("{}%{}", ipv6.ip(), ipv6.scope_id())
        }
        _ => address.ip().to_string(),
    }
}

impl fmt::Display for StringBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(object) = self.object {
            write!(f, "{object}@")?;
        }
        write!(f, "{}:{}", self.sequence, self.host)?;
        if self.endpoint.is_none() && self.options.is_empty() {
            return Ok(());
        }
        write!(f, "[{}", self.endpoint.as_deref().unwrap_or_default())?;
        for (name, value) in self.options() {
            match value {
                Some(value) => write!(f, ",{name}={value}")?,
                None => write!(f, ",{name}")?,
            }
        }
        f.write_str("]")
    }
}

impl FromStr for StringBinding {
    type Err = StringBindingError;

    fn from_str(text: &str) -> Result<Self, StringBindingError> {
        Parser::new(text).string_binding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> StringBinding {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn ncalrpc_names_a_socket() {
        let binding = parse("ncalrpc:[annulus]");
        assert_eq!(binding.sequence(), ProtocolSequence::Ncalrpc);
        assert_eq!(binding.endpoint(), Some("annulus"));
        assert_eq!(binding.port(), None);
        let directory = NcalrpcDirectory::default();
        let address = directory.address("annulus").unwrap();
        for same in ["ncalrpc:[annulus]", "ncalrpc:127.0.0.1[annulus]"] {
            assert_eq!(
                parse(same).resolve(135).unwrap(),
                std::slice::from_ref(&address)
            );
        }
        let error = parse("ncalrpc:").resolve(135).unwrap_err();
        assert!(
            matches!(error, TransportError::NcalrpcName { .. }),
            "{error}"
        );
        let chosen = directory.unused_address().unwrap();
        let bound = parse("ncalrpc:").with_address(&chosen);
        assert_eq!(bound.resolve(135).unwrap(), [chosen]);
    }

    #[test]
    fn ipv6_hosts_stand_without_brackets() {
        for (text, host) in [
            ("::1", "::1"),
            ("2001:db8::1[135]", "2001:db8::1"),
            ("ncacn_ip_tcp:2001:db8::1[135]", "2001:db8::1"),
            ("ncacn_ip_tcp:fe80::1%2[135]", "fe80::1%2"),
        ] {
            assert_eq!(parse(text).host(), host);
        }
        let addresses = parse("::1[135]").resolve(1).unwrap();
        assert_eq!(addresses, [Address::Tcp("[::1]:135".parse().unwrap())]);
        let zoned = Address::Tcp("[fe80::1%2]:7".parse().unwrap());
        let text = parse("::[0]").with_address(&zoned).to_string();
        assert_eq!(text, "ncacn_ip_tcp:fe80::1%2[7]");
        assert_eq!(parse(&text).resolve(0).unwrap(), [zoned]);
    }

    #[test]
    fn a_host_is_resolved_with_its_port_or_the_default() {
        let addresses = parse("127.0.0.1").resolve(135).unwrap();
        assert_eq!(addresses, [Address::Tcp("127.0.0.1:135".parse().unwrap())]);
        let local = parse("ncacn_ip_tcp:[7]").resolve(135).unwrap();
        let is_local = |address: &Address| {
            address
                .as_tcp()
                .is_some_and(|tcp| tcp.ip().is_loopback() && tcp.port() == 7)
        };
        assert!(local.iter().all(is_local), "{local:?}");
    }

    #[test]
    fn an_unknown_host_is_named() {
        // `.invalid` never resolves (RFC 2606).
        let error = parse("nowhere.invalid").resolve(135).unwrap_err();
        assert!(
            matches!(&error, TransportError::Resolve { host, .. } if host == "nowhere.invalid")
        );
    }
}
