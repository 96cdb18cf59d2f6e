//! A slab whose keys know when they have become stale.

/// Names one entry of a [`Table`]: an index, and the generation that the entry had.
///
/// Packs into a `u64`, so that it can travel through the protocol layer as a call's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    pub(crate) const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the halves of a packed key"
    )]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Key {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// A slab: dense, index-addressed, allocation-free while it does not grow.
///
/// Each entry carries a generation that rises when the entry is removed, so a stale key
/// finds nothing instead of somebody else's value.
pub(crate) struct Table<T> {
    entries: Vec<Entry<T>>,
    /// [`NO_ENTRY`] if none is.
    first_free: u32,
    len: usize,
    len_max: usize,
    /// How many entries were removed so far.
    removals: u64,
}

/// The index of no entry.
const NO_ENTRY: u32 = u32::MAX;

struct Entry<T> {
    generation: u32,
    state: EntryState<T>,
}

enum EntryState<T> {
    Free { next: u32 },
    Taken(T),
}

impl<T> Table<T> {
    /// A table that never holds more than `len_max` entries.
    pub(crate) fn new(len_max: usize) -> Self {
        Table {
            entries: Vec::new(),
            first_free: NO_ENTRY,
            len: 0,
            len_max: len_max.min(u32::MAX as usize),
            removals: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn removals(&self) -> u64 {
        self.removals
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len >= self.len_max
    }

    /// Puts a value in; gives it back if the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Result<Key, T> {
        if self.is_full() {
            return Err(value);
        }
        Ok(self.insert_new(|| value).0)
    }

    /// Makes a value where it stays: to move it there can cost more than all else here.
    ///
    /// # Panics
    ///
    /// The table [is full](Table::is_full), in debug builds.
    #[inline(always)]
    pub(crate) fn insert_new(&mut self, make: impl FnOnce() -> T) -> (Key, &mut T) {
        debug_assert!(!self.is_full());
        let index = match self.first_free {
            NO_ENTRY => self.add_free(),
            index => index,
        };
        let entry = &mut self.entries[index as usize];
        let EntryState::Free { next } = entry.state else {
            unreachable!("the free list names a taken entry");
        };
        // Nothing was here that would have to be dropped, so nothing need look for it.
        std::mem::forget(std::mem::replace(
            &mut entry.state,
            EntryState::Taken(make()),
        ));
        self.first_free = next;
        self.len += 1;
        let generation = entry.generation;
        let EntryState::Taken(value) = &mut entry.state else {
            unreachable!("a value was put in");
        };
        (Key { index, generation }, value)
    }

    /// Makes room for one more.
    #[cold]
    fn add_free(&mut self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "len_max is at most u32::MAX"
        )]
        let index = self.entries.len() as u32;
        self.entries.push(Entry {
            generation: 0,
            state: EntryState::Free { next: NO_ENTRY },
        });
        // Should nothing be put into it after all.
        self.first_free = index;
        index
    }

    pub(crate) fn contains(&self, key: Key) -> bool {
        self.entries.get(key.index as usize).is_some_and(|entry| {
            entry.generation == key.generation && matches!(entry.state, EntryState::Taken(_))
        })
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.index as usize) {
            Some(Entry {
                generation,
                state: EntryState::Taken(value),
            }) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index as usize) {
            Some(Entry {
                generation,
                state: EntryState::Taken(value),
            }) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        match self.free(key)? {
            EntryState::Taken(value) => Some(value),
            EntryState::Free { .. } => None,
        }
    }

    /// Removes a value that has nothing to drop, and does not look for it: to move it out can cost
    /// more than all else here. What it owns all the same is leaked.
    #[inline(always)]
    pub(crate) fn forget(&mut self, key: Key) {
        std::mem::forget(self.free(key));
    }

    /// Frees an entry: the state that it had, if its value is there.
    #[inline(always)]
    fn free(&mut self, key: Key) -> Option<EntryState<T>> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation || matches!(entry.state, EntryState::Free { .. }) {
            return None;
        }
        let free = EntryState::Free {
            next: self.first_free,
        };
        let state = std::mem::replace(&mut entry.state, free);
        entry.generation = entry.generation.wrapping_add(1);
        self.removals += 1;
        self.first_free = key.index;
        self.len -= 1;
        Some(state)
    }

    /// All values, with their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let entries = self.entries.iter().zip(0..);
        entries.filter_map(|(entry, index)| match &entry.state {
            EntryState::Taken(value) => Some((
                Key {
                    index,
                    generation: entry.generation,
                },
                value,
            )),
            EntryState::Free { .. } => None,
        })
    }

    /// Takes all values out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.first_free = NO_ENTRY;
        self.len = 0;
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().filter_map(|entry| match entry.state {
            EntryState::Taken(value) => Some(value),
            EntryState::Free { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing_even_when_the_entry_is_used_again() {
        let mut table = Table::new(8);
        let first = table.insert("first").unwrap();
        assert_eq!(table.remove(first), Some("first"));
        let second = table.insert("second").unwrap();
        assert_eq!(second.index, first.index);
        assert_eq!(table.get_mut(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get_mut(second), Some(&mut "second"));
    }

    #[test]
    fn a_forgotten_value_is_gone_and_its_entry_is_used_again() {
        let mut table = Table::new(8);
        let (key, value) = table.insert_new(|| 1);
        *value += 1;
        assert_eq!(table.get(key), Some(&2));
        table.forget(key);
        table.forget(key);
        let (len, removals) = (table.len(), table.removals());
        assert_eq!((len, removals, table.get(key)), (0, 1, None), "once");
        assert_eq!(table.insert(3).unwrap().index, key.index);
    }

    #[test]
    fn a_full_table_gives_the_value_back() {
        let mut table = Table::new(1);
        let key = table.insert(1).unwrap();
        assert_eq!(table.insert(2), Err(2));
        table.remove(key);
        assert!(table.insert(3).is_ok());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn keys_survive_their_packed_form() {
        let key = Key {
            index: 7,
            generation: u32::MAX,
        };
        assert_eq!(Key::from_bits(key.to_bits()), key);
    }

    #[test]
    fn freed_entries_are_used_before_the_table_grows() {
        let mut table = Table::new(100);
        let keys: Vec<_> = (0..10).map(|value| table.insert(value).unwrap()).collect();
        for key in &keys {
            table.remove(*key);
        }
        for value in 0..10 {
            table.insert(value).unwrap();
        }
        assert_eq!(table.entries.len(), 10);
    }
}
