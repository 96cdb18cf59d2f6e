//! The endpoint map: which interfaces of a machine are reached where.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use annulus_ndr::ContextHandle;
use annulus_protocol::{Limits, SyntaxId, Uuid};

use super::owner::Owner;
use super::tower::Tower;

/// An endpoint of an interface: one element of an endpoint map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The object that is served there; nil for no object in particular.
    pub object: Uuid,
    /// The interface, and how it is reached.
    pub tower: Tower,
    /// What it is, for people: 63 bytes at most travel.
    pub annotation: String,
}

/// Endpoints, as an endpoint mapper tells them and servers register them. Clones are the same map.
#[derive(Clone)]
pub struct EndpointMap {
    elements: Arc<RwLock<Elements>>,
}

/// Endpoints in a map, which are taken out again when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it takes the endpoints out of the map again"]
pub struct Registered {
    map: EndpointMap,
    keys: Vec<u64>,
}

/// Why endpoints are not taken into a map. None of them is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A tower does not begin with an interface, a transfer syntax and a protocol.
    #[error("a tower has no interface, no transfer syntax or no protocol")]
    InvalidTower,
    /// A tower is longer than one that a map keeps.
    #[error("a tower is too long; Limits::mapped_tower_len_max is {len_max} bytes")]
    TowerTooLong {
        /// The limit.
        len_max: usize,
    },
    /// A client of an [`EndpointMapper`](super::EndpointMapper) wants an endpoint that another user,
    /// or the mapper's process, has registered.
    #[error("an endpoint is registered already, and not by this user")]
    OfAnother,
    /// The map has as many endpoints as it may.
    #[error("the endpoint map is full; Limits::mapped_endpoints_max is {len_max}")]
    Full {
        /// The limit.
        len_max: usize,
    },
}

struct Elements {
    /// By keys that only grow, so that a search goes on where it was whatever came and went.
    by_key: BTreeMap<u64, Element>,
    /// The key of each element.
    keys: HashMap<Identity, u64>,
    next_key: u64,
    len_max: usize,
    tower_len_max: usize,
}

struct Element {
    endpoint: Endpoint,
    interface: SyntaxId,
    transfer: SyntaxId,
    owner: Owner,
    /// The context that a client registered it with; null for this process's own.
    holder: ContextHandle,
}

/// What tells an element from the others: its object and its tower.
type Identity = (Uuid, Tower);

/// What an element shares with the one that takes its place: all but the port or name.
#[derive(PartialEq, Eq, Hash)]
struct Role {
    object: Uuid,
    interface: SyntaxId,
    transfer: SyntaxId,
    protocols: Vec<u8>,
    ip: Option<Ipv4Addr>,
}

impl EndpointMap {
    /// An empty map, of at most [`Limits::mapped_endpoints_max`] endpoints.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        EndpointMap {
            elements: Arc::new(RwLock::new(Elements {
                by_key: BTreeMap::new(),
                keys: HashMap::new(),
                next_key: 0,
                len_max: limits.mapped_endpoints_max,
                tower_len_max: limits.mapped_tower_len_max,
            })),
        }
    }

    /// Takes endpoints in, until the returned value is dropped. One that is in the map already is
    /// from now on this one. If they `replace`, whatever another process has left goes: endpoints
    /// with the same object, interface, transfer syntax, protocols and address.
    ///
    /// # Errors
    ///
    /// A tower is none of an endpoint, or too long, or the map is full; then nothing has changed.
    pub fn register(
        &self,
        endpoints: Vec<Endpoint>,
        replace: bool,
    ) -> Result<Registered, RegisterError> {
        let mut registered = Registered::none(self);
        registered.register(endpoints, replace, Owner::Process, ContextHandle::NULL)?;
        Ok(registered)
    }

    /// All endpoints, in the order in which they came.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let elements = self.read();
        let all = elements.by_key.values();
        all.map(|element| element.endpoint.clone()).collect()
    }

    /// Under which handle a client holds an endpoint that `owner` may take out, if one does.
    pub(super) fn holder(&self, endpoint: &Endpoint, owner: Owner) -> Option<ContextHandle> {
        let elements = self.read();
        let element = elements.by_key.get(&elements.find(endpoint)?)?;
        let is_held = !element.holder.is_null() && owner.may_remove(element.owner);
        is_held.then_some(element.holder)
    }

    fn read(&self) -> RwLockReadGuard<'_, Elements> {
        self.elements.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Elements> {
        self.elements
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for EndpointMap {
    fn default() -> Self {
        EndpointMap::new(&Limits::DEFAULT)
    }
}

impl fmt::Debug for EndpointMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.endpoints()).finish()
    }
}

impl Registered {
    /// No endpoints yet.
    pub(super) fn none(map: &EndpointMap) -> Self {
        Registered {
            map: map.clone(),
            keys: Vec::new(),
        }
    }

    /// Takes further endpoints into the map, as [`EndpointMap::register`] has it, for `owner`: what
    /// he may not remove he cannot replace. Gives the handles under which those were held whose
    /// places they have taken.
    pub(super) fn register(
        &mut self,
        endpoints: Vec<Endpoint>,
        replace: bool,
        owner: Owner,
        holder: ContextHandle,
    ) -> Result<Vec<ContextHandle>, RegisterError> {
        let mut elements = self.map.write();
        let new = elements.new_elements(endpoints, owner, holder)?;
        let replaced = elements.replaced_by(&new, replace, owner)?;
        let len_max = elements.len_max;
        if elements.by_key.len() - replaced.len() + new.len() > len_max {
            return Err(RegisterError::Full { len_max });
        }
        let replaced = replaced.iter().filter_map(|key| elements.remove(*key));
        let mut displaced: Vec<_> = replaced.map(|element| element.holder).collect();
        displaced.dedup();
        let new = new.into_iter().map(|element| elements.insert(element));
        self.keys.extend(new);
        Ok(displaced)
    }

    /// Whether none of the endpoints is left in the map.
    pub(super) fn is_empty(&self) -> bool {
        let elements = self.map.read();
        let mut keys = self.keys.iter();
        !keys.any(|key| elements.by_key.contains_key(key))
    }

    /// Takes one of the endpoints out, by its object and its tower; false if it is not among them.
    pub(super) fn remove(&mut self, endpoint: &Endpoint) -> bool {
        let mut elements = self.map.write();
        let found = elements.find(endpoint);
        let Some(key) = found.filter(|key| self.keys.contains(key)) else {
            return false;
        };
        elements.remove(key);
        self.keys.retain(|it| *it != key);
        true
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut elements = self.map.write();
        for key in &self.keys {
            elements.remove(*key);
        }
    }
}

impl Elements {
    /// The key of an endpoint.
    fn find(&self, endpoint: &Endpoint) -> Option<u64> {
        let identity = (endpoint.object, endpoint.tower.clone());
        self.keys.get(&identity).copied()
    }

    fn insert(&mut self, element: Element) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        self.keys.insert(element.identity(), key);
        self.by_key.insert(key, element);
        key
    }

    fn remove(&mut self, key: u64) -> Option<Element> {
        let element = self.by_key.remove(&key)?;
        self.keys.remove(&element.identity());
        Some(element)
    }

    /// What is to come into the map, each once.
    fn new_elements(
        &self,
        endpoints: Vec<Endpoint>,
        owner: Owner,
        holder: ContextHandle,
    ) -> Result<Vec<Element>, RegisterError> {
        let mut identities = HashSet::new();
        let mut new = Vec::new();
        for endpoint in endpoints {
            let element = Element::new(endpoint, owner, holder, self.tower_len_max)?;
            if identities.insert(element.identity()) {
                new.push(element);
            }
        }
        Ok(new)
    }

    /// The keys of the elements that go when `new` ones come.
    fn replaced_by(
        &self,
        new: &[Element],
        replace: bool,
        owner: Owner,
    ) -> Result<BTreeSet<u64>, RegisterError> {
        let may_go = |key: &u64| owner.may_remove(self.by_key[key].owner);
        let again = new.iter().map(Element::identity);
        let mut replaced: BTreeSet<_> = again
            .filter_map(|identity| self.keys.get(&identity).copied())
            .collect();
        if !replaced.iter().all(may_go) {
            return Err(RegisterError::OfAnother);
        }
        if replace {
            let roles: HashSet<_> = new.iter().map(Element::role).collect();
            let old = self.by_key.iter();
            let old = old.filter(|(_, element)| roles.contains(&element.role()));
            replaced.extend(old.map(|(key, _)| *key).filter(may_go));
        }
        Ok(replaced)
    }
}

impl Element {
    fn new(
        endpoint: Endpoint,
        owner: Owner,
        holder: ContextHandle,
        tower_len_max: usize,
    ) -> Result<Self, RegisterError> {
        let tower = &endpoint.tower;
        let (Some(interface), Some(transfer), Some(_)) = (
            tower.interface(),
            tower.transfer_syntax(),
            tower.protocols().next(),
        ) else {
            return Err(RegisterError::InvalidTower);
        };
        if tower.encode().len() > tower_len_max {
            let len_max = tower_len_max;
            return Err(RegisterError::TowerTooLong { len_max });
        }
        Ok(Element {
            endpoint,
            interface,
            transfer,
            owner,
            holder,
        })
    }

    fn identity(&self) -> Identity {
        (self.endpoint.object, self.endpoint.tower.clone())
    }

    fn role(&self) -> Role {
        let tower = &self.endpoint.tower;
        Role {
            object: self.endpoint.object,
            interface: self.interface,
            transfer: self.transfer,
            protocols: tower.protocols().collect(),
            ip: tower.ip(),
        }
    }
}

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
            for (key, element) in elements.by_key.range(self.next_key..) {
                if self.wanted.rank(element, local) != Some(self.rank) {
                    continue;
                }
                if found.len() == len_max {
                    self.next_key = *key;
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
    use super::*;
    use crate::{mgmt, rpcecho};

    fn endpoint(interface: SyntaxId, binding: &str) -> Endpoint {
        Endpoint {
            object: Uuid::nil(),
            tower: Tower::new(interface, SyntaxId::NDR20, &binding.parse().unwrap()),
            annotation: String::new(),
        }
    }

    fn echo(binding: &str) -> Endpoint {
        endpoint(rpcecho::INTERFACE, binding)
    }

    fn bindings(endpoints: &[Endpoint]) -> Vec<String> {
        let towers = endpoints.iter().map(|endpoint| &endpoint.tower);
        towers.map(ToString::to_string).collect()
    }

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
    fn endpoints_are_in_the_map_as_long_as_somebody_registers_them() {
        let map = EndpointMap::default();
        let registered = map.register(vec![echo("ncacn_ip_tcp:10.0.0.1[1]")], false);
        let registered = registered.unwrap();
        assert_eq!(map.endpoints().len(), 1);
        drop(registered);
        assert_eq!(map.endpoints(), []);
    }

    #[test]
    fn an_endpoint_that_another_one_registers_again_is_from_then_on_the_others() {
        let map = EndpointMap::default();
        let register = || map.register(vec![echo("ncacn_ip_tcp:10.0.0.1[1]")], false);
        let first = register().unwrap();
        let second = register().unwrap();
        assert_eq!(map.endpoints().len(), 1);
        assert!(first.is_empty());
        drop(first);
        assert_eq!(map.endpoints().len(), 1);
        drop(second);
        assert_eq!(map.endpoints().len(), 0);
    }

    #[test]
    fn replacing_takes_the_place_of_what_differs_in_the_port_alone() {
        let map = EndpointMap::default();
        let old = [
            "ncacn_ip_tcp:10.0.0.1[1]",
            "ncacn_ip_tcp:10.0.0.2[1]",
            "ncalrpc:[old]",
        ];
        let _old = map.register(old.map(echo).to_vec(), false).unwrap();
        let _other = map
            .register(
                vec![endpoint(mgmt::INTERFACE, "ncacn_ip_tcp:10.0.0.1[1]")],
                false,
            )
            .unwrap();
        let new = [
            "ncacn_ip_tcp:10.0.0.1[2]",
            "ncacn_ip_tcp:10.0.0.1[3]",
            "ncalrpc:[new]",
        ];
        let _new = map.register(new.map(echo).to_vec(), true).unwrap();
        let mut left = bindings(&map.endpoints());
        left.sort();
        assert_eq!(
            left,
            [
                "ncacn_ip_tcp:10.0.0.1[1]",
                "ncacn_ip_tcp:10.0.0.1[2]",
                "ncacn_ip_tcp:10.0.0.1[3]",
                "ncacn_ip_tcp:10.0.0.2[1]",
                "ncalrpc:[new]",
            ]
        );
    }

    #[test]
    fn a_full_map_takes_all_or_nothing() {
        let limits = Limits {
            mapped_endpoints_max: 2,
            ..Limits::DEFAULT
        };
        let map = EndpointMap::new(&limits);
        let ports = |ports: &[u16]| {
            let ports = ports.iter();
            ports
                .map(|port| echo(&format!("ncacn_ip_tcp:10.0.0.1[{port}]")))
                .collect::<Vec<_>>()
        };
        let _kept = map.register(ports(&[1]), false).unwrap();
        let error = map.register(ports(&[2, 3]), false).unwrap_err();
        assert_eq!(error, RegisterError::Full { len_max: 2 });
        assert_eq!(map.endpoints(), ports(&[1]));
        assert!(
            map.register(ports(&[1, 2]), false).is_ok(),
            "one of them is there already"
        );
    }

    #[test]
    fn an_endpoint_that_is_named_twice_is_registered_once() {
        let map = EndpointMap::default();
        let endpoints = ["ncalrpc:[a]", "ncalrpc:[a]"].map(echo).to_vec();
        let mut registered = map.register(endpoints, false).unwrap();
        assert_eq!(map.endpoints(), [echo("ncalrpc:[a]")]);
        assert!(registered.remove(&echo("ncalrpc:[a]")));
        assert_eq!(map.endpoints(), []);
    }

    /// A map in which `owner` has registered an endpoint, and what another one is to register.
    fn after(of: &str, owner: Owner) -> (EndpointMap, Registered, Registered) {
        let map = EndpointMap::default();
        let mut first = Registered::none(&map);
        let endpoints = vec![echo(of)];
        let null = ContextHandle::NULL;
        first.register(endpoints, false, owner, null).unwrap();
        let second = Registered::none(&map);
        (map, first, second)
    }

    #[test]
    fn a_stranger_does_not_take_the_place_of_an_endpoint() {
        for stranger in [Owner::User(2), Owner::Anybody] {
            for owner in [Owner::Process, Owner::User(1)] {
                let (map, _first, mut second) = after("ncalrpc:[old]", owner);
                let null = ContextHandle::NULL;
                let new = vec![echo("ncalrpc:[new]")];
                second.register(new, true, stranger, null).unwrap();
                assert_eq!(
                    bindings(&map.endpoints()),
                    ["ncalrpc:[old]", "ncalrpc:[new]"]
                );
                let same = vec![echo("ncalrpc:[more]"), echo("ncalrpc:[old]")];
                let error = second.register(same, false, stranger, null);
                assert_eq!(error.unwrap_err(), RegisterError::OfAnother);
                assert_eq!(map.endpoints().len(), 2, "all or nothing");
            }
        }
    }

    #[test]
    fn the_same_user_and_root_take_the_place_of_an_endpoint() {
        for successor in [Owner::User(1), Owner::User(0), Owner::Process] {
            let (map, _first, mut second) = after("ncalrpc:[old]", Owner::User(1));
            let null = ContextHandle::NULL;
            let new = vec![echo("ncalrpc:[new]")];
            second.register(new, true, successor, null).unwrap();
            assert_eq!(bindings(&map.endpoints()), ["ncalrpc:[new]"]);
        }
    }

    #[test]
    fn a_tower_that_would_fill_the_memory_is_refused() {
        let limits = Limits {
            mapped_tower_len_max: echo("ncalrpc:[longest]").tower.encode().len(),
            ..Limits::DEFAULT
        };
        let map = EndpointMap::new(&limits);
        let _registered = map
            .register(vec![echo("ncalrpc:[longest]")], false)
            .unwrap();
        let error = map.register(vec![echo("ncalrpc:[longest1]")], false);
        let len_max = limits.mapped_tower_len_max;
        assert_eq!(error.unwrap_err(), RegisterError::TowerTooLong { len_max });
    }

    #[test]
    fn a_tower_without_a_protocol_is_no_endpoint() {
        let bytes = echo("ncacn_ip_tcp:").tower.encode();
        let mut two_floors = bytes;
        two_floors[0] = 2;
        let endpoint = Endpoint {
            tower: Tower::decode(&two_floors).unwrap(),
            ..echo("ncacn_ip_tcp:")
        };
        let error = EndpointMap::default().register(vec![endpoint], false);
        assert_eq!(error.unwrap_err(), RegisterError::InvalidTower);
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
