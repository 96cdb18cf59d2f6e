//! The calls of a client that wait for their answers.

use crate::types::{CallId, TransferSyntax};

/// What is known of one outstanding call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutstandingCall {
    /// The caller's name of it.
    pub(super) key: u64,
    pub(super) transfer: TransferSyntax,
    /// Its response is handed out fragment by fragment.
    pub(super) is_streamed: bool,
}

/// The outstanding calls of a connection, each in the slot that the low bits of its id name.
///
/// The ids are the client's own choice, so it only chooses those whose slot is free
/// ([`make_room`](Self::make_room), then [`is_free`](Self::is_free)). Nothing collides: finding, adding
/// and removing a call is one step each.
#[derive(Debug, Default)]
pub(super) struct OutstandingCalls {
    /// Zero or a power of two of slots, at most half of them in use.
    slots: Vec<Option<(CallId, OutstandingCall)>>,
    len: usize,
    /// Fewer slots than these could not hold the calls at the last trim, as two would collide.
    trimmed_to: usize,
    /// How many calls these were. Once most of them have ended, fewer slots may do.
    trimmed_len: usize,
}

impl OutstandingCalls {
    const SMALLEST: usize = 16;

    /// How many calls there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no call.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What belongs to `call`.
    #[inline]
    pub(super) fn get(&self, call: CallId) -> Option<&OutstandingCall> {
        match self.slots.get(self.slot(call)) {
            Some(Some((found, value))) if *found == call => Some(value),
            _ => None,
        }
    }

    /// What belongs to `call`, to be changed.
    pub(super) fn get_mut(&mut self, call: CallId) -> Option<&mut OutstandingCall> {
        let slot = self.slot(call);
        match self.slots.get_mut(slot) {
            Some(Some((found, value))) if *found == call => Some(value),
            _ => None,
        }
    }

    /// Sees to it that one more call finds a free slot, and soon.
    #[inline]
    pub(super) fn make_room(&mut self) {
        if (self.len + 1) * 2 > self.slots.len() {
            self.grow();
        }
    }

    /// Whether the slot of an id is free.
    #[inline]
    pub(super) fn is_free(&self, call: CallId) -> bool {
        let place = self.slots.get(self.slot(call));
        place.is_none_or(Option::is_none)
    }

    /// Adds a call whose slot [is free](Self::is_free), after [`make_room`](Self::make_room).
    #[inline]
    pub(super) fn insert(&mut self, call: CallId, value: OutstandingCall) {
        debug_assert!(self.is_free(call), "the slot of call {call} is taken");
        let slot = self.slot(call);
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some((call, value));
            self.len += 1;
        }
    }

    /// Removes a call.
    #[inline]
    pub(super) fn remove(&mut self, call: CallId) -> Option<OutstandingCall> {
        self.remove_if(call, |_| true)
    }

    /// Removes a call of which something is true.
    #[inline]
    pub(super) fn remove_if(
        &mut self,
        call: CallId,
        is_it: impl FnOnce(&OutstandingCall) -> bool,
    ) -> Option<OutstandingCall> {
        let slot = self.slot(call);
        let place = self.slots.get_mut(slot)?;
        let value = match place {
            Some((found, value)) if *found == call && is_it(value) => *value,
            _ => return None,
        };
        *place = None;
        self.len -= 1;
        Some(value)
    }

    /// All calls, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (CallId, &OutstandingCall)> {
        let taken = self.slots.iter().flatten();
        taken.map(|(call, value)| (*call, value))
    }

    /// Gives back the room that the calls of now do not need.
    pub(super) fn trim(&mut self) {
        let mut slots = Self::slots_for(self.len);
        while slots < self.slots.len() && !self.fit_into(slots) {
            slots *= 2;
        }
        if slots < self.slots.len() {
            self.resize(slots);
        }
        self.trimmed_to = self.slots.len();
        self.trimmed_len = self.len;
    }

    /// Bytes that [`trim`](Self::trim) would give back, as far as that is known without it.
    pub(super) fn spare_len(&self) -> usize {
        let is_trimmed = self.len * 2 > self.trimmed_len;
        let needed = Self::slots_for(self.len).max(if is_trimmed { self.trimmed_to } else { 0 });
        self.slots.len().saturating_sub(needed) * size_of::<Option<(CallId, OutstandingCall)>>()
    }

    /// The fewest slots that hold so many calls.
    fn slots_for(len: usize) -> usize {
        match len {
            0 => 0,
            _ => (len * 2).next_power_of_two().max(Self::SMALLEST),
        }
    }

    /// Whether no two calls would have the same one of so many slots.
    fn fit_into(&self, slots: usize) -> bool {
        let mut is_taken = vec![false; slots];
        self.iter().all(|(call, _)| {
            let place = is_taken.get_mut(call.0 as usize & slots.wrapping_sub(1));
            place.is_some_and(|taken| !std::mem::replace(taken, true))
        })
    }

    #[cold]
    fn grow(&mut self) {
        self.trimmed_to = 0;
        self.resize((self.slots.len() * 2).max(Self::SMALLEST));
    }

    /// Calls that have different slots here have different ones of twice as many, too.
    fn resize(&mut self, slots: usize) {
        let before = std::mem::replace(&mut self.slots, vec![None; slots]);
        self.len = 0;
        for (call, value) in before.into_iter().flatten() {
            self.insert(call, value);
        }
    }

    #[inline]
    fn slot(&self, call: CallId) -> usize {
        call.0 as usize & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn call(key: u64) -> OutstandingCall {
        OutstandingCall {
            key,
            transfer: TransferSyntax::Ndr,
            is_streamed: false,
        }
    }

    /// The next id that has a free slot.
    fn next(calls: &mut OutstandingCalls, last: &mut u32) -> CallId {
        calls.make_room();
        loop {
            *last = last.wrapping_add(1);
            if calls.is_free(CallId(*last)) {
                return CallId(*last);
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert,
        Remove(prop::sample::Index),
        RemoveUnknown(u32),
        Trim,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Insert),
            3 => any::<prop::sample::Index>().prop_map(Step::Remove),
            1 => any::<u32>().prop_map(Step::RemoveUnknown),
            1 => Just(Step::Trim),
        ];
        prop::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn behaves_as_a_hash_map(mut last: u32, steps in steps()) {
            let mut calls = OutstandingCalls::default();
            let mut model = HashMap::new();
            for (key, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert => {
                        let id = next(&mut calls, &mut last);
                        calls.insert(id, call(key as u64));
                        prop_assert_eq!(model.insert(id.0, call(key as u64)), None);
                    }
                    Step::Remove(index) if !model.is_empty() => {
                        let mut ids: Vec<u32> = model.keys().copied().collect();
                        ids.sort_unstable();
                        let id = *index.get(&ids);
                        prop_assert_eq!(calls.remove(CallId(id)), model.remove(&id));
                    }
                    Step::Remove(_) => {}
                    Step::RemoveUnknown(id) => {
                        prop_assert_eq!(calls.remove(CallId(id)), model.remove(&id));
                    }
                    Step::Trim => {
                        calls.trim();
                        prop_assert_eq!(calls.spare_len(), 0);
                    }
                }
                prop_assert_eq!(calls.len(), model.len());
                for (id, value) in &model {
                    prop_assert_eq!(calls.get(CallId(*id)), Some(value));
                }
            }
            prop_assert_eq!(calls.iter().count(), model.len());
        }
    }

    #[test]
    fn trimmed_calls_have_room_and_no_more() {
        let mut calls = OutstandingCalls::default();
        let mut last = 0;
        for key in 0..10_000 {
            let id = next(&mut calls, &mut last);
            calls.insert(id, call(key));
        }
        for id in 2..=10_000 {
            assert!(calls.remove(CallId(id)).is_some());
        }
        assert!(calls.spare_len() > 10_000 * 16);
        calls.trim();
        assert_eq!(calls.slots.len(), OutstandingCalls::SMALLEST);
        assert!(calls.remove(CallId(1)).is_some());
        calls.trim();
        assert_eq!((calls.slots.capacity(), calls.spare_len()), (0, 0));
        assert_eq!(calls.get(CallId(1)), None);
    }

    #[test]
    fn calls_that_would_collide_keep_their_slots() {
        let mut calls = OutstandingCalls::default();
        let mut last = 0;
        for key in 0..1000 {
            let id = next(&mut calls, &mut last);
            calls.insert(id, call(key));
        }
        let kept = [1, 1 + 256];
        for id in (1..=1000).filter(|id| !kept.contains(id)) {
            calls.remove(CallId(id));
        }
        calls.trim();
        assert_eq!(calls.slots.len(), 512);
        assert_eq!(calls.spare_len(), 0, "a trim would not help");
        assert!(kept.iter().all(|id| calls.get(CallId(*id)).is_some()));
    }

    /// A trim while many calls wait is not the last one.
    #[test]
    fn calls_that_end_after_a_trim_leave_no_room_behind() {
        let (mut calls, mut last) = (OutstandingCalls::default(), 0);
        let ids: Vec<_> = (0..1000)
            .map(|key| {
                let id = next(&mut calls, &mut last);
                calls.insert(id, call(key));
                id
            })
            .collect();
        calls.trim();
        assert_eq!(calls.spare_len(), 0);
        for id in ids {
            calls.remove(id);
        }
        assert!(calls.spare_len() > 0, "nobody asks for a trim");
        calls.trim();
        assert_eq!((calls.slots.len(), calls.spare_len()), (0, 0));
    }
}
