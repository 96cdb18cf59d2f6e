//! The ids of a client's calls.

use crate::types::CallId;

/// Gives call ids out: they rise from 1 and begin again after 2³² of them.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    /// How many ids were passed so far, those that were skipped included. Its low 32 bits are
    /// the last id.
    passed: u64,
}

impl CallIds {
    /// The next id; never 0, and none that `is_taken`.
    #[inline(always)]
    pub(super) fn next(&mut self, is_taken: impl Fn(CallId) -> bool) -> CallId {
        loop {
            self.passed += 1;
            let call = CallId(self.passed as u32);
            if call.0 != 0 && !is_taken(call) {
                return call;
            }
        }
    }

    /// Whether an id was ever given out: whether it lies less far back than the first one. After
    /// 2³² ids, all were.
    pub(super) fn was_given_out(&self, call: CallId) -> bool {
        let age = (self.passed as u32).wrapping_sub(call.0);
        call.0 != 0 && u64::from(age) < self.passed
    }

    /// Goes on as after `passed` ids.
    #[cfg(test)]
    pub(super) fn after(passed: u64) -> Self {
        CallIds { passed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientConfig, ClientConnection};
    use crate::time::Time;
    use crate::types::{SyntaxId, TransferSyntax};

    #[test]
    fn ids_rise_from_1_and_skip_what_is_taken() {
        let mut ids = CallIds::default();
        let given: Vec<u32> = (0..4)
            .map(|_| ids.next(|call| [2, 5].contains(&call.0)).0)
            .collect();
        assert_eq!(given, [1, 3, 4, 6]);
    }

    #[test]
    fn only_ids_that_were_given_out_are_known() {
        let mut ids = CallIds::default();
        assert!(!ids.was_given_out(CallId(0)));
        assert!(!ids.was_given_out(CallId(1)));
        ids.next(|_| false);
        ids.next(|_| false);
        let known: Vec<u32> = [0, 1, 2, 3, u32::MAX]
            .into_iter()
            .filter(|id| ids.was_given_out(CallId(*id)))
            .collect();
        assert_eq!(known, [1, 2]);
    }

    #[test]
    fn ids_begin_again_and_those_before_stay_known() {
        let mut ids = CallIds::after(u64::from(u32::MAX) - 1);
        assert_eq!(ids.next(|_| false), CallId(u32::MAX));
        assert!(!ids.was_given_out(CallId(0)));
        assert_eq!(ids.next(|_| false), CallId(1), "0 is never given out");
        for id in [1, 2, 1000, u32::MAX - 1, u32::MAX] {
            assert!(ids.was_given_out(CallId(id)), "{id}");
        }
        assert!(!ids.was_given_out(CallId(0)));
    }

    /// A call must not take the id of an alter_context that has been waiting for 2³² calls.
    #[test]
    fn a_call_id_does_not_collide_with_a_pending_negotiation() {
        let mut client = ClientConnection::new(ClientConfig::default());
        let offered = SyntaxId::NDR20;
        client
            .bind(
                Time::ZERO,
                offered,
                &[TransferSyntax::Ndr],
                None,
                &mut Vec::new(),
            )
            .unwrap();
        let pending = client.negotiation.as_ref().unwrap().call;
        client.call_ids = CallIds::after((1 << 32) + u64::from(pending.0) - 1);
        assert_eq!(client.new_call_id(), CallId(pending.0 + 1));
    }
}
