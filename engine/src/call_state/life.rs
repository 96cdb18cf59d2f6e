//! The phases of a call, and how the two threads that share it hand its outcome over.
//!
//! Built on `super::sync` alone: the loom tests put other types there.

use std::task::{Context, Poll};

use super::sync::{AtomicU32, Mutex, MutexGuard, Ordering, WakerCell, fence};

/// The phases of a call, apart from its code: a server may end a call with any code, also
/// with those that stand for "pending" or "no call".
const NO_CALL: u32 = 0;
const PENDING: u32 = 1;
const ENDED: u32 = 2;

/// How a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    NoCall,
    Pending,
    /// With this code.
    Ended(u32),
}

/// The life of one call after the other.
///
/// The caller is the only one to begin a call and to take its outcome; the core is the only one
/// to end it. Any thread may ask how it stands.
pub(super) struct Life<T> {
    phase: AtomicU32,
    /// How the call ended, once it has: any code that a server may choose.
    code: AtomicU32,
    /// Rises when a call begins, and again when its outcome is taken: so a name of one call, or of
    /// none, cannot come to name the next. Only the caller writes.
    serial: AtomicU32,
    /// Nobody ever waits for this lock: the phase says whether the core or the caller may look.
    outcome: Mutex<T>,
    waker: WakerCell,
}

impl<T: Default> Life<T> {
    pub(super) fn new() -> Self {
        Life {
            phase: AtomicU32::new(NO_CALL),
            code: AtomicU32::new(0),
            serial: AtomicU32::new(0),
            outcome: Mutex::new(T::default()),
            waker: WakerCell::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        // Acquire: pairs with the release in `end`, so the code and the outcome are there.
        match self.phase.load(Ordering::Acquire) {
            NO_CALL => Phase::NoCall,
            PENDING => Phase::Pending,
            _ => Phase::Ended(self.code.load(Ordering::Relaxed)),
        }
    }

    /// How the call of this number stands: there is no call if it has gone.
    pub(super) fn phase_of(&self, serial: u32) -> Phase {
        let phase = self.phase();
        // Pairs with the releases in `begin`, `withdraw` and `end`: if the phase or the code was
        // that of a later call, so is the serial number.
        fence(Ordering::Acquire);
        if self.serial() == serial {
            phase
        } else {
            Phase::NoCall
        }
    }

    pub(super) fn has_no_call(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == NO_CALL
    }

    pub(super) fn is_pending(&self) -> bool {
        // Acquire: as in `phase`.
        self.phase.load(Ordering::Acquire) == PENDING
    }

    /// Begins a call; returns its serial number.
    pub(super) fn begin(&self) -> u32 {
        debug_assert!(self.has_no_call());
        let serial = self.raise_serial();
        // Release: pairs with the acquire in `phase`. Who sees this phase sees the serial number.
        self.phase.store(PENDING, Ordering::Release);
        serial
    }

    fn raise_serial(&self) -> u32 {
        let serial = self.serial().wrapping_add(1);
        self.serial.store(serial, Ordering::Relaxed);
        serial
    }

    pub(super) fn serial(&self) -> u32 {
        self.serial.load(Ordering::Relaxed)
    }

    /// There is no call any more: its outcome was taken, or it was never handed to a core.
    pub(super) fn withdraw(&self) {
        self.raise_serial();
        // Release: as in `begin`.
        self.phase.store(NO_CALL, Ordering::Release);
    }

    /// Ends the call, once its outcome is in place, and wakes whoever polls for that.
    pub(super) fn end(&self, code: u32) {
        // Release: pairs with the fence in `phase_of`.
        self.code.store(code, Ordering::Release);
        // Release: pairs with the acquire in `phase` and `is_pending`.
        self.phase.store(ENDED, Ordering::Release);
        self.waker.wake();
    }

    /// What comes with the end of the call: while it is pending for the core alone, then for its
    /// caller.
    pub(super) fn outcome(&self) -> MutexGuard<'_, T> {
        let Ok(outcome) = self.outcome.try_lock() else {
            unreachable!("only the core looks here while a call is pending, then only its caller");
        };
        outcome
    }

    /// Ready when no call is pending; wakes the task when that comes.
    pub(super) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.register(cx.waker());
        // Behind the registration: an end that comes in between wakes the task.
        if self.is_pending() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}
