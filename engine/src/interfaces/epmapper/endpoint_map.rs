//! The endpoint map: which interfaces of a machine are reached where.

use std::fmt;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use annulus_ndr::ContextHandle;
use annulus_protocol::{Limits, Uuid};

use super::elements::Elements;
use super::owner::Owner;
use super::tower::Tower;
use crate::lock::unpoisoned;

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
    /// A user has as many endpoints in the map as one may.
    #[error(
        "the user has too many endpoints in the map; Limits::mapped_endpoints_per_user_max is {len_max}"
    )]
    TooManyOfUser {
        /// The limit.
        len_max: usize,
    },
    /// The map has as many endpoints as it may: for another process, but for those places that are
    /// kept free for its own ([`Limits::mapped_endpoints_reserved`]).
    #[error("the endpoint map is full; Limits::mapped_endpoints_max leaves room for {len_max}")]
    Full {
        /// How many endpoints there may be.
        len_max: usize,
    },
}

impl EndpointMap {
    /// An empty map, of at most [`Limits::mapped_endpoints_max`] endpoints.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        EndpointMap {
            elements: Arc::new(RwLock::new(Elements::new(limits))),
        }
    }

    /// Takes endpoints in, until the returned value is dropped. One that is in the map already is
    /// from now on this one. If they `replace`, whatever an earlier registration of this process, or
    /// of another one, has left goes: endpoints with the same object, interface, transfer syntax,
    /// protocols and address, at whatever port.
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
        let all = elements.from(0);
        all.map(|(_, element)| element.endpoint.clone()).collect()
    }

    /// Under which handle a client holds an endpoint that `owner` may take out, if one does.
    pub(super) fn holder(&self, endpoint: &Endpoint, owner: Owner) -> Option<ContextHandle> {
        let elements = self.read();
        let element = elements.get(elements.find(endpoint)?)?;
        let is_held = !element.holder.is_null() && owner.may_remove(element.owner);
        is_held.then_some(element.holder)
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Elements> {
        unpoisoned(self.elements.read())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Elements> {
        unpoisoned(self.elements.write())
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
        elements.check_room(owner, new.len(), &replaced)?;
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
        !keys.any(|key| elements.get(*key).is_some())
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

#[cfg(test)]
pub(super) mod tests {
    use annulus_protocol::SyntaxId;

    use super::*;
    use crate::{mgmt, rpcecho};

    pub(in super::super) fn endpoint(interface: SyntaxId, binding: &str) -> Endpoint {
        Endpoint {
            object: Uuid::nil(),
            tower: Tower::new(interface, SyntaxId::NDR20, &binding.parse().unwrap()),
            annotation: String::new(),
        }
    }

    pub(in super::super) fn echo(binding: &str) -> Endpoint {
        endpoint(rpcecho::INTERFACE, binding)
    }

    pub(in super::super) fn bindings(endpoints: &[Endpoint]) -> Vec<String> {
        let towers = endpoints.iter().map(|endpoint| &endpoint.tower);
        towers.map(ToString::to_string).collect()
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
            mapped_endpoints_reserved: 0,
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

    /// A client that registers whatever it can must not keep this process's servers, or other
    /// users, out of the map.
    #[test]
    fn no_user_fills_the_map_alone_nor_all_together() {
        let limits = Limits {
            mapped_endpoints_max: 10,
            mapped_endpoints_per_user_max: 4,
            mapped_endpoints_reserved: 3,
            ..Limits::DEFAULT
        };
        let map = EndpointMap::new(&limits);
        let mut all = Vec::new();
        let mut register = |owner: Owner, count: usize| {
            let mut registered = Registered::none(&map);
            let names = (0..count).map(|n| echo(&format!("ncalrpc:[{owner:?}-{}-{n}]", all.len())));
            let null = ContextHandle::NULL;
            let result = registered.register(names.collect(), false, owner, null);
            all.push(registered);
            result.map(drop)
        };
        let too_many = Err(RegisterError::TooManyOfUser { len_max: 4 });
        assert_eq!(register(Owner::User(1), 5), too_many);
        assert_eq!(register(Owner::User(1), 4), Ok(()));
        assert_eq!(register(Owner::User(1), 1), too_many);
        assert_eq!(register(Owner::Anybody, 3), Ok(()));
        let full = Err(RegisterError::Full { len_max: 7 });
        assert_eq!(register(Owner::User(2), 1), full);
        assert_eq!(register(Owner::Process, 3), Ok(()), "its places are free");
        let full = Err(RegisterError::Full { len_max: 10 });
        assert_eq!(register(Owner::Process, 1), full);
        // What a user gives up, he may have again.
        drop(all.remove(1));
        let mut again = Registered::none(&map);
        let names = (0..4)
            .map(|n| echo(&format!("ncalrpc:[again-{n}]")))
            .collect();
        again
            .register(names, false, Owner::User(1), ContextHandle::NULL)
            .unwrap();
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
}
