//! The place where a core leaves the outcome of a call, and a caller finds it.

mod life;
mod sync;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use annulus_ndr::ByteOrder;
use annulus_protocol::TransferSyntax;

use self::life::{Life, Phase};
use crate::binding::Outputs;
use crate::core_shared::CoreShared;
use crate::notification::{HandleRef, Notification, NotificationEvent};
use crate::notify::Notify;
use crate::pipe::PipeLink;
use crate::status::Status;

/// The stub data of a response, in a buffer of its own.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) stub: Vec<u8>,
    pub(crate) order: ByteOrder,
    pub(crate) transfer: TransferSyntax,
    /// The out-parameters stand behind the pipes, and not in `stub`.
    pub(crate) pipes: Option<Arc<PipeLink>>,
}

impl Reply {
    pub(crate) fn decode<O: Outputs>(&self, given: Option<O::Given>) -> Result<O, Status> {
        match &self.pipes {
            None => O::decode(given, &self.stub, self.order, self.transfer),
            Some(link) => {
                let tail = link.take_tail()?;
                O::decode_behind(given, tail.start, &tail.bytes, tail.order, self.transfer)
            }
        }
    }
}

/// What came with the end of a call.
#[derive(Default)]
struct Outcome {
    reply: Option<Reply>,
    /// The extended error information of a fault.
    extended: Option<Vec<u8>>,
}

/// Shared by one caller and the core that carries its call; used again for call after call.
///
/// The caller is the only one to begin a call and to take its outcome; the core is the only one
/// to finish it.
pub(crate) struct CallState {
    life: Life<Outcome>,
    /// The key of the call in its core's call table, for the core alone.
    slot: AtomicU64,
    /// What the caller attached to its handle.
    user_info: AtomicU64,
}

impl CallState {
    pub(crate) fn new() -> Self {
        CallState {
            life: Life::new(),
            slot: AtomicU64::new(u64::MAX),
            user_info: AtomicU64::new(0),
        }
    }

    /// How the call stands: pending, ended so or so, or [`Status::InvalidAsyncHandle`].
    pub(crate) fn status(&self) -> Status {
        status_in(self.life.phase())
    }

    /// How the call of this number stands: [`Status::InvalidAsyncHandle`] if it has gone.
    pub(crate) fn status_of(&self, serial: u32) -> Status {
        status_in(self.life.phase_of(serial))
    }

    pub(crate) fn has_no_call(&self) -> bool {
        self.life.has_no_call()
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.life.is_pending()
    }

    /// Begins a call; returns its serial number.
    pub(crate) fn begin(&self) -> u32 {
        self.life.begin()
    }

    pub(crate) fn serial(&self) -> u32 {
        self.life.serial()
    }

    /// Takes back a call that began and was never handed to a core.
    pub(crate) fn withdraw(&self) {
        self.life.withdraw();
    }

    /// Ends the call and notifies its caller. The core calls this once for each call that began;
    /// `core` is not there any more if it ended before the call reached it.
    pub(crate) fn finish(
        self: Arc<Self>,
        serial: u32,
        result: Result<Reply, Status>,
        notify: &Notify,
        core: Option<&Arc<CoreShared>>,
    ) {
        let user_info = self.user_info();
        let (status, reply) = match result {
            Ok(reply) => (Status::Ok, Some(reply)),
            Err(status) => (status, None),
        };
        self.life.outcome().reply = reply;
        self.life.end(status.code());
        notify.notify(|| Notification {
            handle: HandleRef {
                state: self,
                serial,
                core: core.cloned(),
            },
            user_info,
            event: NotificationEvent::CallComplete,
        });
    }

    /// Takes the outcome of a call that has ended; afterwards there is no call.
    pub(crate) fn take(&self) -> Result<Reply, Status> {
        let status = self.status();
        debug_assert!(!self.is_pending());
        let outcome = std::mem::take(&mut *self.life.outcome());
        self.withdraw();
        outcome.reply.ok_or(status)
    }

    /// Keeps the extended error information of a fault; before the call is finished.
    pub(crate) fn explain(&self, extended: &[u8]) {
        self.life.outcome().extended = Some(extended.to_vec());
    }

    /// Takes the extended error information of a call that has ended, before its outcome.
    pub(crate) fn take_extended(&self) -> Option<Vec<u8>> {
        debug_assert!(!self.is_pending());
        self.life.outcome().extended.take()
    }

    pub(crate) fn user_info(&self) -> u64 {
        self.user_info.load(Ordering::Relaxed)
    }

    pub(crate) fn set_user_info(&self, user_info: u64) {
        self.user_info.store(user_info, Ordering::Relaxed);
    }

    /// Ready when no call is pending; wakes the task when that comes.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.life.poll_ended(cx)
    }

    pub(crate) fn set_slot(&self, slot: u64) {
        self.slot.store(slot, Ordering::Relaxed);
    }

    pub(crate) fn slot(&self) -> u64 {
        self.slot.load(Ordering::Relaxed)
    }
}

fn status_in(phase: Phase) -> Status {
    match phase {
        Phase::NoCall => Status::InvalidAsyncHandle,
        Phase::Pending => Status::AsyncCallPending,
        Phase::Ended(code) => Status::from_code(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn reply() -> Reply {
        Reply {
            stub: vec![1],
            order: ByteOrder::Little,
            transfer: TransferSyntax::Ndr,
            pipes: None,
        }
    }

    #[test]
    fn a_state_goes_round_from_no_call_to_no_call() {
        let state = Arc::new(CallState::new());
        let event = Event::manual_reset();
        for _ in 0..3 {
            assert_eq!(state.status(), Status::InvalidAsyncHandle);
            let serial = state.begin();
            assert_eq!(state.status(), Status::AsyncCallPending);
            let notify = Notify::Event(event.clone());
            Arc::clone(&state).finish(serial, Ok(reply()), &notify, None);
            assert!(event.is_set());
            assert_eq!(state.status(), Status::Ok);
            assert_eq!(state.take().unwrap().stub, [1]);
        }
        let serial = state.begin();
        Arc::clone(&state).finish(serial, Err(Status::CallFailed), &Notify::None, None);
        assert_eq!(state.take().unwrap_err(), Status::CallFailed);
    }

    #[test]
    fn each_call_has_a_serial_number_of_its_own() {
        let state = Arc::new(CallState::new());
        let first = state.begin();
        Arc::clone(&state).finish(first, Err(Status::CallCancelled), &Notify::None, None);
        let _ = state.take();
        assert_ne!(state.begin(), first);
    }
}
