//! The calls of a connection that were handed to the engine and are not answered yet.

use crate::call_map::CallMap;
use crate::types::CallId;

/// What is known of one active call.
#[derive(Clone, Copy, Debug, Default)]
struct ActiveCall {
    key: Option<u64>,
    is_cancelled: bool,
    is_orphaned: bool,
}

/// The active calls of a connection.
///
/// Most calls are answered before the next one is looked at, so the newest call has a place of
/// its own and enters the map only when another one comes.
#[derive(Debug)]
pub(super) struct ActiveCalls {
    newest: Option<(CallId, ActiveCall)>,
    others: CallMap<ActiveCall>,
}

impl ActiveCalls {
    /// No call; the seed varies the place of each call in the map.
    pub(super) fn new(seed: u64) -> Self {
        ActiveCalls {
            newest: None,
            others: CallMap::new(seed),
        }
    }

    /// How many calls there are.
    pub(super) fn len(&self) -> usize {
        self.others.len() + usize::from(self.newest.is_some())
    }

    /// Whether the id belongs to an active call.
    #[inline]
    pub(super) fn contains(&self, call: CallId) -> bool {
        self.get(call).is_some()
    }

    /// Adds a call whose id is free.
    #[inline]
    pub(super) fn begin(&mut self, call: CallId) {
        if let Some((older, state)) = self.newest.replace((call, ActiveCall::default())) {
            self.others.insert(older, state);
        }
    }

    /// Removes a call; whether its client still wants the answer.
    #[inline]
    pub(super) fn end(&mut self, call: CallId) -> bool {
        match &self.newest {
            Some((newest, state)) if *newest == call => {
                let is_wanted = !state.is_orphaned;
                self.newest = None;
                is_wanted
            }
            _ => {
                let ended = self.others.remove(call);
                ended.is_some_and(|state| !state.is_orphaned)
            }
        }
    }

    /// The key of a call, if the call is active.
    #[inline]
    pub(super) fn key(&self, call: CallId) -> Option<Option<u64>> {
        self.get(call).map(|state| state.key)
    }

    /// Whether a call is active and its client waits for the answer.
    pub(super) fn is_wanted(&self, call: CallId) -> bool {
        self.get(call).is_some_and(|state| !state.is_orphaned)
    }

    #[inline]
    fn get(&self, call: CallId) -> Option<&ActiveCall> {
        match &self.newest {
            Some((newest, state)) if *newest == call => Some(state),
            _ => self.others.get(call),
        }
    }

    fn get_mut(&mut self, call: CallId) -> Option<&mut ActiveCall> {
        match &mut self.newest {
            Some((newest, state)) if *newest == call => Some(state),
            _ => self.others.get_mut(call),
        }
    }

    /// Notes the engine's key of a call.
    pub(super) fn set_key(&mut self, call: CallId, key: u64) {
        let state = self.get_mut(call);
        debug_assert!(state.is_some(), "call {call} is not active");
        if let Some(state) = state {
            state.key = Some(key);
        }
    }

    /// The client cancels: the key of the call, if the call is active and this is its first
    /// cancel.
    pub(super) fn cancel(&mut self, call: CallId) -> Option<Option<u64>> {
        let state = self.get_mut(call)?;
        let is_first = !std::mem::replace(&mut state.is_cancelled, true);
        (is_first && !state.is_orphaned).then_some(state.key)
    }

    /// The client has lost interest: the key of the call, if the call is active and this is
    /// news.
    pub(super) fn orphan(&mut self, call: CallId) -> Option<Option<u64>> {
        let state = self.get_mut(call)?;
        let is_first = !std::mem::replace(&mut state.is_orphaned, true);
        is_first.then_some(state.key)
    }

    /// Gives back the room that the calls of now do not need.
    pub(super) fn trim(&mut self) {
        self.others.trim();
    }

    /// Bytes that [`trim`](ActiveCalls::trim) would give back.
    pub(super) fn spare_len(&self) -> usize {
        self.others.spare_len()
    }

    /// The keys of all calls that have one.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        let newest = self.newest.iter().map(|(_, state)| state);
        newest
            .chain(self.others.iter().map(|(_, state)| state))
            .filter_map(|state| state.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_the_arrival_of_further_calls() {
        let mut calls = ActiveCalls::new(0);
        for call in 0..100 {
            calls.begin(CallId(call));
            calls.set_key(CallId(call), u64::from(call) + 1000);
        }
        assert_eq!(calls.len(), 100);
        assert_eq!(calls.cancel(CallId(3)), Some(Some(1003)));
        assert_eq!(calls.cancel(CallId(3)), None, "one notice per call");
        assert_eq!(calls.orphan(CallId(99)), Some(Some(1099)));
        assert!(calls.end(CallId(3)));
        assert!(!calls.end(CallId(99)), "nobody wants this answer");
        assert!(!calls.end(CallId(99)));
        let mut keys: Vec<u64> = calls.keys().collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            (1000..1099).filter(|key| *key != 1003).collect::<Vec<_>>()
        );
    }
}
