//! String bindings: `ObjectUUID@ncacn_ip_tcp:host[endpoint,option=value]`.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;

use uuid::Uuid;

use crate::address::Address;
use crate::error::TransportError;
use crate::host::resolve_host;
use crate::ncalrpc::NcalrpcDirectory;

/// A protocol sequence: which transport carries the PDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolSequence {
    /// Connection-oriented over TCP.
    NcacnIpTcp,
    /// Within one machine.
    Ncalrpc,
}

impl ProtocolSequence {
    const ALL: [ProtocolSequence; 2] = [ProtocolSequence::NcacnIpTcp, ProtocolSequence::Ncalrpc];

    /// The name in string bindings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ProtocolSequence::NcacnIpTcp => "ncacn_ip_tcp",
            ProtocolSequence::Ncalrpc => "ncalrpc",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|sequence| sequence.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for ProtocolSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
        Parser { text, position: 0 }.string_binding()
    }
}

/// Reads a string binding from left to right.
struct Parser<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Parser<'a> {
    fn string_binding(mut self) -> Result<StringBinding, StringBindingError> {
        if self.text.is_empty() {
            return Err(self.expected("a host or a protocol sequence"));
        }
        let object = self.object()?;
        let sequence = self.sequence()?;
        let host = self.host()?.to_owned();
        let mut binding = StringBinding {
            object,
            sequence,
            host,
            endpoint: None,
            options: Vec::new(),
        };
        if self.rest().starts_with('[') {
            self.position += 1;
            self.bracket(&mut binding)?;
        }
        Ok(binding)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn expected(&self, expected: &'static str) -> StringBindingError {
        self.expected_at(self.position, expected)
    }

    fn expected_at(&self, position: usize, expected: &'static str) -> StringBindingError {
        StringBindingError {
            text: self.text.to_owned(),
            position,
            expected,
        }
    }

    /// What stands before the first of `ends`, which is not taken; up to the end of the string
    /// if there is none.
    fn take_until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.position += taken.len();
        taken
    }

    fn object(&mut self) -> Result<Option<Uuid>, StringBindingError> {
        let rest = self.rest();
        let before_bracket = &rest[..rest.find('[').unwrap_or(rest.len())];
        let Some(at) = before_bracket.find('@') else {
            return Ok(None);
        };
        let object = Some(&rest[..at])
            .filter(|text| text.len() == 36)
            .and_then(|text| Uuid::try_parse(text).ok())
            .ok_or_else(|| {
                self.expected("an object UUID (8-4-4-4-12 hexadecimal digits) before '@'")
            })?;
        self.position += at + 1;
        Ok(Some(object))
    }

    fn sequence(&mut self) -> Result<ProtocolSequence, StringBindingError> {
        let rest = self.rest();
        let network = &rest[..rest.find('[').unwrap_or(rest.len())];
        let Some(colon) = network.find(':') else {
            return Ok(ProtocolSequence::NcacnIpTcp);
        };
        if let Some(sequence) = ProtocolSequence::from_name(&network[..colon]) {
            self.position += colon + 1;
            return Ok(sequence);
        }
        // The colons of a bare IPv6 address.
        if is_ipv6(network) {
            return Ok(ProtocolSequence::NcacnIpTcp);
        }
        Err(self.expected(
            "ncacn_ip_tcp or ncalrpc before ':' (a port is written in brackets: host[135])",
        ))
    }

    fn host(&mut self) -> Result<&'a str, StringBindingError> {
        let start = self.position;
        let host = self.take_until(&['[']);
        if host.contains(':') && !is_ipv6(host) {
            let colon = start + host.find(':').unwrap_or(0);
            return Err(self.expected_at(
                colon,
                "an IPv6 address, or no ':' in a host (a port is written in brackets: host[135])",
            ));
        }
        match host.find(is_forbidden_in_host) {
            Some(at) => Err(self.expected_at(
                start + at,
                "a letter, a digit, '.', '-', '_', ':' or '%' in a host; brackets are for \
                 endpoints, also with IPv6: 2001:db8::1[135]",
            )),
            None => Ok(host),
        }
    }

    /// What stands in brackets, after the opening one: an endpoint, then options. The endpoint
    /// may also be an option of that name.
    fn bracket(&mut self, binding: &mut StringBinding) -> Result<(), StringBindingError> {
        let mut is_first = true;
        loop {
            let start = self.position;
            let name = self.take_until(&[',', '=', ']', '[']);
            let value_start = self.position + 1;
            let value = if self.rest().starts_with('=') {
                self.position += 1;
                Some(self.take_until(&[',', ']', '[']))
            } else {
                None
            };
            match value {
                None if is_first && name.is_empty() => {}
                None if is_first => self.set_endpoint(binding, start, name)?,
                Some(endpoint) if name.eq_ignore_ascii_case("endpoint") => {
                    self.set_endpoint(binding, value_start, endpoint)?;
                }
                _ if name.is_empty() => return Err(self.expected_at(start, "an option's name")),
                _ => binding
                    .options
                    .push((name.to_owned(), value.map(str::to_owned))),
            }
            is_first = false;
            let end = self.rest();
            if end == "]" {
                return Ok(());
            }
            if !end.starts_with(',') {
                let after = end.strip_prefix(']').map_or(0, |_| 1);
                return Err(self.expected_at(
                    self.position + after,
                    if after == 1 {
                        "nothing after ']'"
                    } else {
                        "',' or ']'"
                    },
                ));
            }
            self.position += 1;
        }
    }

    fn set_endpoint(
        &self,
        binding: &mut StringBinding,
        at: usize,
        endpoint: &str,
    ) -> Result<(), StringBindingError> {
        if binding.endpoint.is_some() {
            return Err(self.expected_at(at, "only one endpoint"));
        }
        let is_port = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
        };
        if binding.sequence == ProtocolSequence::NcacnIpTcp && !is_port(endpoint) {
            let expected = if is_ipv6(endpoint) {
                "a port from 0 to 65535; an IPv6 host stands without brackets: 2001:db8::1[135]"
            } else {
                "a port from 0 to 65535"
            };
            return Err(self.expected_at(at, expected));
        }
        if endpoint.is_empty() {
            return Err(self.expected_at(at, "an endpoint"));
        }
        binding.endpoint = Some(endpoint.to_owned());
        Ok(())
    }
}

/// Whether a text is an IPv6 address, with or without a zone (`fe80::1%eth0`).
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(|zone| !zone.is_empty())
}

fn is_forbidden_in_host(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '[' | ']' | '@' | ',' | '=' | '/' | '\\')
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> StringBinding {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn refusal(text: &str) -> (usize, &'static str) {
        let error = text.parse::<StringBinding>().expect_err(text);
        (error.position, error.expected)
    }

    #[test]
    fn every_part_is_read() {
        let text = "60a15ec5-4de8-11d7-a637-005056a20182@ncacn_ip_tcp:10.0.0.1[1025,sign,a=b=c]";
        let binding = parse(text);
        assert_eq!(
            binding.object().unwrap().as_u128(),
            0x60a15ec5_4de8_11d7_a637_005056a20182
        );
        assert_eq!(binding.sequence(), ProtocolSequence::NcacnIpTcp);
        assert_eq!(binding.host(), "10.0.0.1");
        assert_eq!(binding.port(), Some(1025));
        let options: Vec<_> = binding.options().collect();
        assert_eq!(options, [("sign", None), ("a", Some("b=c"))]);
        assert_eq!(binding.to_string(), text);
    }

    #[test]
    fn parts_may_be_missing() {
        assert_eq!(parse("host").to_string(), "ncacn_ip_tcp:host");
        assert_eq!(parse("host[135]").port(), Some(135));
        assert_eq!(parse("ncacn_ip_tcp:").host(), "");
        assert_eq!(
            parse("ncacn_ip_tcp:[135]").to_string(),
            "ncacn_ip_tcp:[135]"
        );
        assert_eq!(
            parse("ncacn_ip_tcp:host[]").to_string(),
            "ncacn_ip_tcp:host"
        );
        assert_eq!(parse("NCACN_IP_TCP:Host").to_string(), "ncacn_ip_tcp:Host");
        assert_eq!(parse("host[,bigendian]").option("BigEndian"), Some(None));
        assert_eq!(parse("host[,bigendian]").endpoint(), None);
        assert_eq!(parse("host[135]").option("bigendian"), None);
    }

    #[test]
    fn an_endpoint_may_be_an_option() {
        let binding = parse("ncacn_ip_tcp:host[endpoint=135,sign]");
        assert_eq!(binding.port(), Some(135));
        assert_eq!(binding.to_string(), "ncacn_ip_tcp:host[135,sign]");
        assert_eq!(refusal("h[135,endpoint=136]"), (15, "only one endpoint"));
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

    #[test]
    fn errors_point_at_the_place() {
        assert_eq!(refusal("").0, 0);
        assert_eq!(refusal("ncacn_np:host").0, 0);
        assert_eq!(refusal("host:135").0, 0);
        assert_eq!(refusal("ncacn_ip_tcp:host:135").0, 17);
        assert_eq!(refusal("nobody@ncacn_ip_tcp:host").0, 0);
        assert_eq!(refusal("ncacn_ip_tcp:ho st").0, 15);
        assert_eq!(refusal("host[135"), (8, "',' or ']'"));
        assert_eq!(refusal("host[135]x"), (9, "nothing after ']'"));
        assert_eq!(refusal("host[65536]"), (5, "a port from 0 to 65535"));
        assert_eq!(refusal("host[+1]"), (5, "a port from 0 to 65535"));
        assert_eq!(refusal("host[135,,sign]"), (9, "an option's name"));
        assert_eq!(refusal("host[135,=x]"), (9, "an option's name"));
        assert!(
            refusal("[::1][135]")
                .1
                .contains("an IPv6 host stands without brackets")
        );
        assert_eq!(refusal("ncalrpc:[endpoint=]"), (18, "an endpoint"));
    }

    #[test]
    fn an_error_reads_well() {
        let error = "host[http]".parse::<StringBinding>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "string binding \"host[http]\": at position 5, expected a port from 0 to 65535"
        );
    }

    fn any_binding() -> impl Strategy<Value = StringBinding> {
        let host = prop_oneof![
            "[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}",
            any::<[u8; 4]>().prop_map(|bytes| IpAddr::from(bytes).to_string()),
            any::<[u8; 16]>().prop_map(|bytes| IpAddr::from(bytes).to_string()),
            Just(String::new()),
        ];
        let option = (
            "[a-z_]{1,8}",
            proptest::option::of("[a-zA-Z0-9=./\\\\:-]{0,8}"),
        )
            .prop_filter("that is the endpoint", |(name, _)| name != "endpoint");
        (
            proptest::option::of(any::<u128>().prop_map(Uuid::from_u128)),
            any::<bool>(),
            host,
            proptest::option::of(1..=u16::MAX),
            proptest::collection::vec(option, 0..4),
        )
            .prop_map(|(object, is_local, host, port, options)| StringBinding {
                object,
                sequence: match is_local {
                    true => ProtocolSequence::Ncalrpc,
                    false => ProtocolSequence::NcacnIpTcp,
                },
                host,
                endpoint: port.map(|port| port.to_string()),
                options,
            })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(binding in any_binding()) {
            prop_assert_eq!(parse(&binding.to_string()), binding);
        }

        #[test]
        fn no_text_breaks_the_parser(text in "[a-z0-9:@\\[\\],=%.\u{e9} -]{0,40}") {
            match text.parse::<StringBinding>() {
                Ok(binding) => prop_assert_eq!(parse(&binding.to_string()), binding),
                Err(error) => prop_assert!(error.position <= text.len()),
            }
        }
    }
}
