//! The place where a core leaves the outcome of a call, and a caller finds it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use annulus_ndr::ByteOrder;
use annulus_protocol::TransferSyntax;
use atomic_waker::AtomicWaker;

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
    pub(crate) fn decode<O: Outputs>(&self) -> Result<O, Status> {
        match &self.pipes {
            None => O::decode(&self.stub, self.order, self.transfer),
            Some(link) => {
                let tail = link.take_tail()?;
                O::decode_behind(tail.start, &tail.bytes, tail.order, self.transfer)
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

/// The phases of a call, apart from its status: a server may end a call with any code, also
/// with those that stand for "pending" or "no call".
const NO_CALL: u32 = 0;
const PENDING: u32 = 1;
const ENDED: u32 = 2;

/// Shared by one caller and the core that carries its call; used again for call after call.
///
/// The caller is the only one to begin a call and to take its outcome; the core is the only one
/// to finish it.
pub(crate) struct CallState {
    phase: AtomicU32,
    /// How the call ended, once it has: any code that a server may choose.
    code: AtomicU32,
    /// Rises when a call begins, and again when its outcome is taken: so a name of one call, or of
    /// none, cannot come to name the next. Only the caller writes.
    serial: AtomicU32,
    /// The key of the call in its core's call table, for the core alone.
    slot: AtomicU64,
    /// What the caller attached to its handle.
    user_info: AtomicU64,
    /// Nobody ever waits for this lock: the phase says whether the core or the caller may look.
    outcome: Mutex<Outcome>,
    waker: AtomicWaker,
}

impl CallState {
    pub(crate) fn new() -> Self {
        CallState {
            phase: AtomicU32::new(NO_CALL),
            code: AtomicU32::new(0),
            serial: AtomicU32::new(0),
            slot: AtomicU64::new(u64::MAX),
            user_info: AtomicU64::new(0),
            outcome: Mutex::default(),
            waker: AtomicWaker::new(),
        }
    }

    /// How the call stands: pending, ended so or so, or [`Status::InvalidAsyncHandle`].
    pub(crate) fn status(&self) -> Status {
        // Acquire: pairs with the release in `finish`, so the code and the reply are there.
        match self.phase.load(Ordering::Acquire) {
            NO_CALL => Status::InvalidAsyncHandle,
            PENDING => Status::AsyncCallPending,
            _ => Status::from_code(self.code.load(Ordering::Relaxed)),
        }
    }

    /// How the call of this number stands: [`Status::InvalidAsyncHandle`] if it has gone.
    pub(crate) fn status_of(&self, serial: u32) -> Status {
        let status = self.status();
        // Pairs with the releases in `begin`, `withdraw` and `end`: if the phase or the code was
        // that of a later call, so is the serial number.
        fence(Ordering::Acquire);
        if self.serial() == serial {
            status
        } else {
            Status::InvalidAsyncHandle
        }
    }

    pub(crate) fn has_no_call(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == NO_CALL
    }

    pub(crate) fn is_pending(&self) -> bool {
        // Acquire: as in `status`.
        self.phase.load(Ordering::Acquire) == PENDING
    }

    /// Begins a call; returns its serial number.
    pub(crate) fn begin(&self) -> u32 {
        debug_assert!(self.has_no_call());
        let serial = self.raise_serial();
        // Release: pairs with the acquire in `status`. Who sees this phase sees the serial number.
        self.phase.store(PENDING, Ordering::Release);
        serial
    }

    fn raise_serial(&self) -> u32 {
        let serial = self.serial().wrapping_add(1);
        self.serial.store(serial, Ordering::Relaxed);
        serial
    }

    pub(crate) fn serial(&self) -> u32 {
        self.serial.load(Ordering::Relaxed)
    }

    /// Takes back a call that began and was never handed to a core.
    pub(crate) fn withdraw(&self) {
        self.raise_serial();
        // Release: as in `begin`.
        self.phase.store(NO_CALL, Ordering::Release);
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
        self.end(result);
        self.waker.wake();
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

    fn end(&self, result: Result<Reply, Status>) {
        let (status, reply) = match result {
            Ok(reply) => (Status::Ok, Some(reply)),
            Err(status) => (status, None),
        };
        self.outcome().reply = reply;
        // Release: pairs with the fence in `status_of`.
        self.code.store(status.code(), Ordering::Release);
        // Release: pairs with the acquire in `status` and `is_pending`.
        self.phase.store(ENDED, Ordering::Release);
    }

    /// Takes the outcome of a call that has ended; afterwards there is no call.
    pub(crate) fn take(&self) -> Result<Reply, Status> {
        let status = self.status();
        debug_assert!(!self.is_pending());
        let outcome = std::mem::take(&mut *self.outcome());
        self.withdraw();
        outcome.reply.ok_or(status)
    }

    /// Keeps the extended error information of a fault; before the call is finished.
    pub(crate) fn explain(&self, extended: &[u8]) {
        self.outcome().extended = Some(extended.to_vec());
    }

    /// Takes the extended error information of a call that has ended, before its outcome.
    pub(crate) fn take_extended(&self) -> Option<Vec<u8>> {
        debug_assert!(!self.is_pending());
        self.outcome().extended.take()
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        let Ok(outcome) = self.outcome.try_lock() else {
            unreachable!("only the core looks here while a call is pending, then only its caller");
        };
        outcome
    }

    pub(crate) fn user_info(&self) -> u64 {
        self.user_info.load(Ordering::Relaxed)
    }

    pub(crate) fn set_user_info(&self, user_info: u64) {
        self.user_info.store(user_info, Ordering::Relaxed);
    }

    /// Ready when no call is pending; wakes the task when that comes.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.register(cx.waker());
        // Behind the registration: an end that comes in between wakes the task.
        if self.is_pending() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    pub(crate) fn set_slot(&self, slot: u64) {
        self.slot.store(slot, Ordering::Relaxed);
    }

    pub(crate) fn slot(&self) -> u64 {
        self.slot.load(Ordering::Relaxed)
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
