//! Reads string bindings.

use std::net::Ipv6Addr;

use uuid::Uuid;

use super::{StringBinding, StringBindingError};
use crate::protocol_sequence::ProtocolSequence;

/// Reads a string binding from left to right.
pub(super) struct Parser<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Parser { text, position: 0 }
    }

    pub(super) fn string_binding(mut self) -> Result<StringBinding, StringBindingError> {
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
