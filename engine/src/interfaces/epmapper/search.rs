//! What clients look for in an endpoint map, and how it is found.

use std::net::Ipv4Addr;

use annulus_protocol::{SyntaxId, Uuid};

use super::elements::Element;
use super::endpoint_map::{Endpoint, EndpointMap};

/// Which endpoints of a map are asked for (MS-RPCE 2.2.1.2.4, `inquiry_type`): those of an interface,
/// of an object, of both, or all.
///
/// ```
/// use annulus::epmapper::{Inquiry, Versions};
/// use annulus::rpcecho;
///
/// let echo = Inquiry::ALL.of_interface(rpcecho::INTERFACE, Versions::Compatible);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inquiry {
    pub(super) interface: Option<(SyntaxId, Versions)>,
    pub(super) object: Option<Uuid>,
}

impl Inquiry {
    /// All endpoints.
    pub const ALL: Inquiry = Inquiry {
        interface: None,
        object: None,
    };

    /// Those of them that are of this interface, in these versions.
    #[must_use]
    pub fn of_interface(self, interface: SyntaxId, versions: Versions) -> Self {
        Inquiry {
            interface: Some((interface, versions)),
            ..self
        }
    }

    /// Those of them that are of this object.
    #[must_use]
    pub fn of_object(self, object: Uuid) -> Self {
        Inquiry {
            object: Some(object),
            ..self
        }
    }

    fn finds(&self, element: &Element) -> bool {
        self.interface.is_none_or(|(wanted, versions)| {
            wanted.uuid == element.interface.uuid && versions.contain(wanted, element.interface)
        }) && self
            .object
            .is_none_or(|wanted| wanted == element.endpoint.object)
    }
}

/// What a search looks for in a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Endpoints(Inquiry),
    /// Where an interface can be called over some protocols, in an order of preference.
    Call {
        interface: SyntaxId,
        transfer: SyntaxId,
        protocols: Vec<u8>,
        object: Uuid,
    },
}

/// Which versions of an interface are looked for (MS-RPCE 2.2.1.2.4, `vers_option`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Versions {
    /// All.
    All,
    /// The same major version, and no lower minor version: those that a client of this version
    /// can call.
    Compatible,
    /// This version.
    Exact,
    /// The same major version.
    MajorOnly,
    /// This version and all below it.
    UpTo,
}

impl Versions {
    fn contain(self, wanted: SyntaxId, offered: SyntaxId) -> bool {
        let is_same_major = offered.major == wanted.major;
        match self {
            Versions::All => true,
            Versions::Compatible => is_same_major && offered.minor >= wanted.minor,
            Versions::Exact => is_same_major && offered.minor == wanted.minor,
            Versions::MajorOnly => is_same_major,
            Versions::UpTo => (offered.major, offered.minor) <= (wanted.major, wanted.minor),
        }
    }
}

/// How well an element answers an inquiry; the lowest is the best.
type Rank = u8;

/// The ranks of addresses, within those of objects.
const DISTANCES: Rank = 3;
/// One more than the last rank.
const RANKS: Rank = 2 * DISTANCES;

impl Wanted {
    /// How well an element answers; `None` if it does not. `local` is where the client has reached
    /// this machine.
    fn rank(&self, element: &Element, local: Option<Ipv4Addr>) -> Option<Rank> {
        match self {
            Wanted::Endpoints(inquiry) => inquiry.finds(element).then_some(0),
            Wanted::Call {
                interface,
                transfer,
                protocols,
                object,
            } => {
                let tower = &element.endpoint.tower;
                let is_match = interface.uuid == element.interface.uuid
                    && Versions::Compatible.contain(*interface, element.interface)
                    && *transfer == element.transfer
                    && tower
                        .protocols()
                        .take(protocols.len())
                        .eq(protocols.iter().copied());
                is_match.then(|| {
                    object_rank(*object, element.endpoint.object)
                        .map(|rank| rank * DISTANCES + distance(tower.ip(), local))
                })?
            }
        }
    }
}

/// The address at which the client came in is the best. One that stands for all may also be that of
/// an endpoint on IPv6 alone, for which towers have no room.
fn distance(offered: Option<Ipv4Addr>, local: Option<Ipv4Addr>) -> Rank {
    match offered {
        Some(ip) if Some(ip) == local => 0,
        Some(ip) if !ip.is_unspecified() => 2,
        _ => 1,
    }
}

/// An element without an object serves them all (MS-RPCE 2.2.1.2.5); a client that names none may
/// be served by any.
fn object_rank(wanted: Uuid, offered: Uuid) -> Option<Rank> {
    if offered == wanted {
        Some(0)
    } else {
        (offered.is_nil() || wanted.is_nil()).then_some(1)
    }
}

/// A search that goes on from call to call.
#[derive(Clone, Debug)]
pub(super) struct Search {
    wanted: Wanted,
    rank: Rank,
    next_key: u64,
}

impl Search {
    pub(super) fn new(wanted: Wanted) -> Self {
        Search {
            wanted,
            rank: 0,
            next_key: 0,
        }
    }

    /// The next endpoints, `len_max` at most, and whether there are more. Endpoints of all
    /// addresses of the machine are told with the address `local`.
    pub(super) fn take(
        &mut self,
        map: &EndpointMap,
        len_max: usize,
        local: Option<Ipv4Addr>,
    ) -> (Vec<Endpoint>, bool) {
        let elements = map.read();
        let mut found = Vec::new();
        while self.rank < RANKS {
            for (key, element) in elements.from(self.next_key) {
                if self.wanted.rank(element, local) != Some(self.rank) {
                    continue;
                }
                if found.len() == len_max {
                    self.next_key = key;
                    return (found, true);
                }
                found.push(Endpoint {
                    tower: element.endpoint.tower.reached_at(local),
                    ..element.endpoint.clone()
                });
            }
            self.rank += 1;
            self.next_key = 0;
        }
        (found, false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint_map::tests::{bindings, echo};
    use super::*;
    use crate::{mgmt, rpcecho};

    fn call(interface: SyntaxId, object: Uuid) -> Wanted {
        let like = echo("ncacn_ip_tcp:").tower;
        Wanted::Call {
            interface,
            transfer: SyntaxId::NDR20,
            protocols: like.protocols().collect(),
            object,
        }
    }

    fn find(map: &EndpointMap, wanted: Wanted, local: Option<Ipv4Addr>) -> Vec<String> {
        bindings(&Search::new(wanted).take(map, usize::MAX, local).0)
    }

    #[test]
    fn a_search_goes_on_where_it_was_whatever_comes_and_goes() {
        let map = EndpointMap::default();
        let register = |port: u16| {
            let endpoint = echo(&format!("ncacn_ip_tcp:10.0.0.1[{port}]"));
            map.register(vec![endpoint], false).unwrap()
        };
        let first = register(1);
        let second = register(2);
        let third = register(3);
        let mut search = Search::new(Wanted::Endpoints(Inquiry::ALL));
        let (found, has_more) = search.take(&map, 1, None);
        assert_eq!(bindings(&found), ["ncacn_ip_tcp:10.0.0.1[1]"]);
        assert!(has_more);
        drop((first, second));
        let _fourth = register(4);
        let (found, has_more) = search.take(&map, 9, None);
        assert_eq!(
            bindings(&found),
            ["ncacn_ip_tcp:10.0.0.1[3]", "ncacn_ip_tcp:10.0.0.1[4]"]
        );
        assert!(!has_more);
        drop(third);
    }

    #[test]
    fn the_end_is_told_with_the_last_endpoint() {
        let map = EndpointMap::default();
        let endpoints = ["ncalrpc:[a]", "ncalrpc:[b]"].map(echo).to_vec();
        let _registered = map.register(endpoints, false).unwrap();
        let mut search = Search::new(Wanted::Endpoints(Inquiry::ALL));
        assert!(search.take(&map, 1, None).1);
        assert!(!search.take(&map, 1, None).1);
    }

    #[test]
    fn versions_are_those_that_are_asked_for() {
        let version = |major, minor| SyntaxId::new(rpcecho::INTERFACE.uuid, major, minor);
        let offered = [(1, 0), (1, 2), (2, 1), (3, 0)].map(|(major, minor)| version(major, minor));
        for (versions, wanted, found) in [
            (Versions::All, version(9, 9), &offered[..]),
            (Versions::Compatible, version(1, 1), &offered[1..2]),
            (Versions::Exact, version(2, 1), &offered[2..3]),
            (Versions::Exact, version(2, 0), &[]),
            (Versions::MajorOnly, version(1, 9), &offered[..2]),
            (Versions::UpTo, version(2, 1), &offered[..3]),
        ] {
            let contained = offered.iter().copied();
            let contained: Vec<_> = contained
                .filter(|offered| versions.contain(wanted, *offered))
                .collect();
            assert_eq!(contained, found, "{versions:?} {wanted}");
        }
    }

    #[test]
    fn a_call_finds_the_endpoints_of_its_object_first_then_those_for_all() {
        let (mine, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let of = |object, binding| Endpoint {
            object,
            ..echo(binding)
        };
        let map = EndpointMap::default();
        let endpoints = vec![
            of(Uuid::nil(), "ncacn_ip_tcp:0.0.0.0[1]"),
            of(other, "ncacn_ip_tcp:0.0.0.0[2]"),
            of(mine, "ncacn_ip_tcp:0.0.0.0[3]"),
        ];
        let _registered = map.register(endpoints, false).unwrap();
        let ports = |object| find(&map, call(rpcecho::INTERFACE, object), None);
        assert_eq!(
            ports(mine),
            ["ncacn_ip_tcp:0.0.0.0[3]", "ncacn_ip_tcp:0.0.0.0[1]"]
        );
        assert_eq!(ports(Uuid::from_u128(3)), ["ncacn_ip_tcp:0.0.0.0[1]"]);
        assert_eq!(ports(Uuid::nil())[0], "ncacn_ip_tcp:0.0.0.0[1]");
        assert_eq!(ports(Uuid::nil()).len(), 3);
    }

    #[test]
    fn a_call_finds_first_what_is_at_the_address_where_it_came_in() {
        let map = EndpointMap::default();
        let endpoints = [
            "ncacn_ip_tcp:10.0.0.1[1]",
            "ncacn_ip_tcp:10.0.0.2[2]",
            "ncacn_ip_tcp:0.0.0.0[3]",
            "ncalrpc:[echo]",
        ];
        let _registered = map.register(endpoints.map(echo).to_vec(), false).unwrap();
        let local = Some(Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(
            find(&map, call(rpcecho::INTERFACE, Uuid::nil()), local),
            [
                "ncacn_ip_tcp:10.0.0.2[2]",
                "ncacn_ip_tcp:10.0.0.2[3]",
                "ncacn_ip_tcp:10.0.0.1[1]"
            ]
        );
    }

    #[test]
    fn a_call_finds_first_what_is_on_its_family_of_addresses() {
        let map = EndpointMap::default();
        let endpoints = ["ncacn_ip_tcp:::1[6]", "ncacn_ip_tcp:127.0.0.1[4]"];
        let _registered = map.register(endpoints.map(echo).to_vec(), false).unwrap();
        let first = |local| find(&map, call(rpcecho::INTERFACE, Uuid::nil()), local)[0].clone();
        assert_eq!(
            first(Some(Ipv4Addr::LOCALHOST)),
            "ncacn_ip_tcp:127.0.0.1[4]"
        );
        assert_eq!(first(None), "ncacn_ip_tcp:0.0.0.0[6]", "over IPv6");
    }

    #[test]
    fn a_call_finds_no_interface_and_no_version_that_it_cannot_call() {
        let map = EndpointMap::default();
        let endpoints = vec![echo("ncacn_ip_tcp:0.0.0.0[1]")];
        let _registered = map.register(endpoints, false).unwrap();
        let SyntaxId { uuid, major, minor } = rpcecho::INTERFACE;
        for interface in [
            mgmt::INTERFACE,
            SyntaxId::new(uuid, major + 1, minor),
            SyntaxId::new(uuid, major, minor + 1),
        ] {
            let found = find(&map, call(interface, Uuid::nil()), None);
            assert!(found.is_empty(), "{interface}: {found:?}");
        }
    }
}
