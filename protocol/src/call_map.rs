//! A small hash map from call id to something.

use crate::types::CallId;

/// Open addressing with linear probing; removal shifts back, so there are no tombstones.
///
/// Constant time, and no allocation once the map has had its largest size, until it is trimmed.
/// Call ids are chosen by the peer, who could aim at collisions: the multiplier depends on a seed
/// that the peer does not know, and the number of calls is limited by its owner.
#[derive(Debug)]
pub(crate) struct CallMap<V> {
    /// Zero or a power of two of slots, at most three quarters of them in use.
    slots: Vec<Option<(CallId, V)>>,
    len: usize,
    multiplier: u64,
}

impl<V> CallMap<V> {
    const SMALLEST: usize = 16;

    /// An empty map. Maps of the same seed iterate in the same order.
    pub(crate) fn new(seed: u64) -> Self {
        // Fibonacci hashing, its constant varied by the seed; odd, so that it is a bijection.
        let multiplier = 0x9e37_79b9_7f4a_7c15 ^ (seed.wrapping_mul(0xd6e8_feb8_6659_fd93) << 1);
        CallMap {
            slots: Vec::new(),
            len: 0,
            multiplier,
        }
    }

    /// How many calls there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What belongs to `call`.
    pub(crate) fn get(&self, call: CallId) -> Option<&V> {
        let index = self.find(call)?;
        self.slots[index].as_ref().map(|(_, value)| value)
    }

    /// What belongs to `call`, to be changed.
    pub(crate) fn get_mut(&mut self, call: CallId) -> Option<&mut V> {
        let index = self.find(call)?;
        self.slots[index].as_mut().map(|(_, value)| value)
    }

    /// Adds a call that is not in the map yet.
    pub(crate) fn insert(&mut self, call: CallId, value: V) {
        debug_assert!(self.get(call).is_none(), "call {call} is in the map");
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.resize((self.slots.len() * 2).max(Self::SMALLEST));
        }
        self.place(call, value);
        self.len += 1;
    }

    /// Removes a call.
    pub(crate) fn remove(&mut self, call: CallId) -> Option<V> {
        let mut hole = self.find(call)?;
        let (_, value) = self.slots[hole].take()?;
        self.len -= 1;
        // Shift back what would not be found any more across the hole.
        let mask = self.slots.len() - 1;
        let mut next = (hole + 1) & mask;
        while let Some((moved, _)) = &self.slots[next] {
            let home = self.home(*moved);
            let reaches_hole = (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask);
            if reaches_hole {
                self.slots.swap(hole, next);
                hole = next;
            }
            next = (next + 1) & mask;
        }
        Some(value)
    }

    /// Gives back the room that the calls of now do not need.
    pub(crate) fn trim(&mut self) {
        let slots = Self::slots_for(self.len);
        if slots < self.slots.len() {
            self.resize(slots);
        }
    }

    /// Bytes that [`trim`](CallMap::trim) would give back.
    pub(crate) fn spare_len(&self) -> usize {
        let spare = self.slots.len().saturating_sub(Self::slots_for(self.len));
        spare * size_of::<Option<(CallId, V)>>()
    }

    /// The fewest slots that hold so many calls.
    fn slots_for(len: usize) -> usize {
        match len {
            0 => 0,
            _ => (len * 4)
                .div_ceil(3)
                .next_power_of_two()
                .max(Self::SMALLEST),
        }
    }

    /// All calls, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CallId, &V)> {
        self.slots
            .iter()
            .flatten()
            .map(|(call, value)| (*call, value))
    }

    fn home(&self, call: CallId) -> usize {
        let hash = u64::from(call.0).wrapping_mul(self.multiplier);
        (hash >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    fn find(&self, call: CallId) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut index = self.home(call);
        loop {
            match &self.slots[index] {
                Some((found, _)) if *found == call => return Some(index),
                Some(_) => index = (index + 1) & mask,
                None => return None,
            }
        }
    }

    fn place(&mut self, call: CallId, value: V) {
        let mask = self.slots.len() - 1;
        let mut index = self.home(call);
        while self.slots[index].is_some() {
            index = (index + 1) & mask;
        }
        self.slots[index] = Some((call, value));
    }

    #[cold]
    fn resize(&mut self, slots: usize) {
        let empty = std::iter::repeat_with(|| None).take(slots).collect();
        for (call, value) in std::mem::replace(&mut self.slots, empty)
            .into_iter()
            .flatten()
        {
            self.place(call, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u32, u64),
        Remove(u32),
        Get(u32),
        Trim,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Few distinct ids, and ids that share their low bits, make probes collide.
        let id = prop_oneof![0_u32..24, (0_u32..24).prop_map(|id| id << 26), any::<u32>()];
        let step = prop_oneof![
            (id.clone(), any::<u64>()).prop_map(|(id, value)| Step::Insert(id, value)),
            id.clone().prop_map(Step::Remove),
            id.prop_map(Step::Get),
            Just(Step::Trim),
        ];
        prop::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn behaves_as_a_hash_map(seed: u64, steps in steps()) {
            let mut map = CallMap::new(seed);
            let mut model = HashMap::new();
            for step in steps {
                match step {
                    Step::Insert(id, value) => {
                        if let std::collections::hash_map::Entry::Vacant(vacant) = model.entry(id) {
                            vacant.insert(value);
                            map.insert(CallId(id), value);
                        } else {
                            *map.get_mut(CallId(id)).unwrap() = value;
                            model.insert(id, value);
                        }
                    }
                    Step::Remove(id) => {
                        prop_assert_eq!(map.remove(CallId(id)), model.remove(&id));
                    }
                    Step::Trim => {
                        map.trim();
                        prop_assert_eq!(map.spare_len(), 0);
                    }
                    Step::Get(id) => prop_assert_eq!(map.get(CallId(id)), model.get(&id)),
                }
                prop_assert_eq!(map.len(), model.len());
            }
            let mut rest: Vec<_> = map.iter().map(|(call, value)| (call.0, *value)).collect();
            let mut expected: Vec<_> = model.into_iter().collect();
            rest.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(rest, expected);
        }
    }

    #[test]
    fn a_trimmed_map_has_room_for_its_calls_and_no_more() {
        let mut map = CallMap::new(7);
        (0..10_000).for_each(|call| map.insert(CallId(call), ()));
        for call in 1..10_000 {
            assert_eq!(map.remove(CallId(call)), Some(()));
        }
        assert!(map.spare_len() > 10_000 * size_of::<Option<(CallId, ())>>());
        map.trim();
        assert_eq!(map.slots.len(), CallMap::<()>::SMALLEST);
        assert_eq!(map.remove(CallId(0)), Some(()));
        map.trim();
        assert_eq!((map.slots.capacity(), map.spare_len()), (0, 0));
        map.insert(CallId(1), ());
        assert!(map.get(CallId(1)).is_some());
    }

    #[test]
    fn a_warm_map_does_not_grow() {
        let mut map = CallMap::new(7);
        for round in 0..1000 {
            for call in 0..12 {
                map.insert(CallId(round * 12 + call), ());
            }
            for call in 0..12 {
                assert_eq!(map.remove(CallId(round * 12 + call)), Some(()));
            }
        }
        assert_eq!(map.slots.len(), CallMap::<()>::SMALLEST);
    }
}
