//! The elements of an endpoint map: found by what they are, kept in the order in which they came,
//! and counted by who has registered them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::Ipv4Addr;

use annulus_ndr::ContextHandle;
use annulus_protocol::{Limits, SyntaxId, Uuid};

use super::endpoint_map::{Endpoint, RegisterError};
use super::owner::Owner;
use super::tower::Tower;

/// What is in a map, who has registered it, and how much of it there may be.
pub(super) struct Elements {
    /// By keys that only grow, so that a search goes on where it was whatever came and went.
    by_key: BTreeMap<u64, Element>,
    /// The key of each element.
    keys: HashMap<Identity, u64>,
    next_key: u64,
    /// How many elements each owner has.
    counts: HashMap<Owner, usize>,
    len_max: usize,
    user_len_max: usize,
    /// Places that only this process may take.
    reserved: usize,
    tower_len_max: usize,
}

/// An endpoint in a map.
pub(super) struct Element {
    pub(super) endpoint: Endpoint,
    pub(super) interface: SyntaxId,
    pub(super) transfer: SyntaxId,
    pub(super) owner: Owner,
    /// The context that a client registered it with; null for this process's own.
    pub(super) holder: ContextHandle,
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

impl Elements {
    pub(super) fn new(limits: &Limits) -> Self {
        Elements {
            by_key: BTreeMap::new(),
            keys: HashMap::new(),
            next_key: 0,
            counts: HashMap::new(),
            len_max: limits.mapped_endpoints_max,
            user_len_max: limits.mapped_endpoints_per_user_max,
            reserved: limits.mapped_endpoints_reserved,
            tower_len_max: limits.mapped_tower_len_max,
        }
    }

    /// The elements from a key on, in the order in which they came.
    pub(super) fn from(&self, key: u64) -> impl Iterator<Item = (u64, &Element)> {
        self.by_key
            .range(key..)
            .map(|(key, element)| (*key, element))
    }

    pub(super) fn get(&self, key: u64) -> Option<&Element> {
        self.by_key.get(&key)
    }

    /// The key of an endpoint.
    pub(super) fn find(&self, endpoint: &Endpoint) -> Option<u64> {
        let identity = (endpoint.object, endpoint.tower.clone());
        self.keys.get(&identity).copied()
    }

    pub(super) fn insert(&mut self, element: Element) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        self.keys.insert(element.identity(), key);
        *self.counts.entry(element.owner).or_default() += 1;
        self.by_key.insert(key, element);
        key
    }

    fn count(&self, owner: Owner) -> usize {
        self.counts.get(&owner).copied().unwrap_or(0)
    }

    /// Whether `owner` may have so many more elements once the `replaced` ones are gone.
    pub(super) fn check_room(
        &self,
        owner: Owner,
        new: usize,
        replaced: &BTreeSet<u64>,
    ) -> Result<(), RegisterError> {
        let of = |owner: Owner| {
            let replaced = replaced.iter().map(|key| self.by_key[key].owner);
            self.count(owner) - replaced.filter(|it| *it == owner).count()
        };
        let (len, own) = (self.by_key.len() - replaced.len(), of(Owner::Process));
        let len_max = self.len_max;
        if owner == Owner::Process {
            let is_full = len + new > len_max;
            return if is_full {
                Err(RegisterError::Full { len_max })
            } else {
                Ok(())
            };
        }
        let user_len_max = self.user_len_max;
        if of(owner) + new > user_len_max {
            let len_max = user_len_max;
            return Err(RegisterError::TooManyOfUser { len_max });
        }
        // What this process has taken of its places is not kept free for it once more.
        let len_max = len_max.saturating_sub(self.reserved.saturating_sub(own));
        if len + new > len_max {
            return Err(RegisterError::Full { len_max });
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Element> {
        let element = self.by_key.remove(&key)?;
        self.keys.remove(&element.identity());
        if let Entry::Occupied(mut count) = self.counts.entry(element.owner) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(element)
    }

    /// What is to come into the map, each once.
    pub(super) fn new_elements(
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
    pub(super) fn replaced_by(
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
