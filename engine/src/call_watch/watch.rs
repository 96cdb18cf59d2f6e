//! How a core tells of the cancels and the end of a call, whoever listens and on which threads.
//!
//! Built on `super::sync`: the loom tests put other types there.

use std::iter;
use std::task::{Poll, Waker};

use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, lock};
use crate::foreign::{Contained, wake_all};
use crate::notification::{HandleRef, Notification, NotificationEvent};
use crate::notify::Notify;
use crate::status::Status;

/// The call is open: neither completed nor aborted.
const OPEN: u64 = 1;
/// Its client has cancelled it, in whichever way.
const CANCELLED: u64 = 2;
/// Its client is gone.
const DISCONNECTED: u64 = 4;
/// Somebody has subscribed to notices.
const SUBSCRIBED: u64 = 8;
/// There is extended error information, should the call fail.
const EXPLAINED: u64 = 16;
/// Tasks wait for a cancel.
const AWAITED: u64 = 32;
const FLAGS: u64 = u32::MAX as u64;

/// Shared by the core that answers a deferred call and by whoever completes it; used again for
/// call after call.
///
/// The core writes what it hears of the client; any thread reads.
pub(crate) struct CallWatch {
    /// Flags in the low half; in the high half the number of the call, which tells it from those
    /// that used this watch before.
    word: AtomicU64,
    /// Locked by those who put something in, and otherwise only where somebody has.
    extras: Mutex<Extras>,
}

/// What few calls have.
#[derive(Default)]
struct Extras {
    subscriptions: Vec<Subscription>,
    extended: Vec<u8>,
    /// The tasks that wait for a cancel, or for the call's end.
    waiters: Vec<(Waiter, Waker)>,
    last_waiter: Waiter,
}

/// One wait for a cancel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiter(u64);

/// Who is to be told of an event.
struct Subscription {
    event: NotificationEvent,
    notify: Contained<Notify>,
    user_info: u64,
    /// Notices that were given: one at most.
    queued: u32,
}

impl CallWatch {
    pub(crate) fn new() -> Self {
        CallWatch {
            word: AtomicU64::new(0),
            extras: Mutex::default(),
        }
    }

    /// Begins the next call; returns its number.
    pub(crate) fn begin(&self) -> u32 {
        let serial = ((self.word.load(Ordering::Relaxed) >> 32) as u32).wrapping_add(1);
        let word = u64::from(serial) << 32 | OPEN;
        self.word.store(word, Ordering::Release);
        serial
    }

    /// The call is over.
    pub(crate) fn end(&self) {
        let word = self.word.fetch_and(!FLAGS, Ordering::Release);
        if word & (SUBSCRIBED | EXPLAINED) != 0 {
            self.extras().extended = Vec::new();
            // Foreign destructors, which may end a wait here: not while the lock is held.
            let ended = iter::from_fn(|| self.extras().subscriptions.pop());
            ended.for_each(drop);
        }
        if word & AWAITED != 0 {
            self.wake_waiters();
        }
    }

    /// The client cancels the call.
    pub(crate) fn cancel(&self) {
        self.happens(CANCELLED, NotificationEvent::ClientCancel);
    }

    /// The client is gone.
    pub(crate) fn disconnect(&self) {
        self.happens(DISCONNECTED, NotificationEvent::ClientDisconnect);
    }

    fn happens(&self, flag: u64, event: NotificationEvent) {
        // This and those in `subscribe` and `poll_cancelled` are ordered: one of the two sees the
        // other's flag, or both do, and then the lock decides who gives the notice.
        let word = self.word.fetch_or(flag, Ordering::AcqRel);
        if word & SUBSCRIBED != 0 {
            self.give_notice(event);
        }
        if word & AWAITED != 0 {
            self.wake_waiters();
        }
    }

    /// Ready, with what [`test_cancel`](CallWatch::test_cancel) says, when the call of this number
    /// is not in progress any more; until then `waker` waits for that, in place of the one that
    /// `waiter` names.
    pub(crate) fn poll_cancelled(
        &self,
        serial: u32,
        waiter: &mut Option<Waiter>,
        waker: &Waker,
    ) -> Poll<Status> {
        match self.test_cancel(serial) {
            Status::CallInProgress => {}
            status => return Poll::Ready(status),
        }
        // Foreign code, as is the destructor of the one before: not while the lock is held.
        let waker = waker.clone();
        let mut extras = self.extras();
        let (name, before) = extras.await_cancel(*waiter, waker);
        *waiter = Some(name);
        let word = self.word.fetch_or(AWAITED, Ordering::AcqRel);
        drop(extras);
        drop(before);
        match status_in(word, serial) {
            Status::CallInProgress => Poll::Pending,
            status => Poll::Ready(status),
        }
    }

    /// Nobody waits there any more.
    pub(crate) fn end_wait(&self, waiter: Waiter) {
        let mut extras = self.extras();
        let place = extras.waiters.iter().position(|(name, _)| *name == waiter);
        let ended = place.map(|place| extras.waiters.swap_remove(place));
        drop(extras);
        drop(ended);
    }

    fn wake_waiters(&self) {
        wake_all(iter::from_fn(|| Some(self.extras().waiters.pop()?.1)));
    }

    /// Has `notify` told of the event, once: when it comes, or now if it has come already.
    pub(crate) fn subscribe(
        &self,
        serial: u32,
        event: NotificationEvent,
        notify: Notify,
        user_info: u64,
    ) -> Result<(), Status> {
        let flag = match event {
            NotificationEvent::ClientCancel => CANCELLED,
            NotificationEvent::ClientDisconnect => DISCONNECTED,
            _ => return Err(Status::InvalidArg),
        };
        let mut extras = self.extras();
        let subscriptions = &mut extras.subscriptions;
        if self.test_cancel(serial) == Status::NoCallActive {
            return Err(Status::NoCallActive);
        }
        if subscriptions.iter().any(|it| it.event == event) {
            return Err(Status::InvalidArg);
        }
        subscriptions.push(Subscription {
            event,
            notify: Contained::new(notify),
            user_info,
            queued: 0,
        });
        let word = self.word.fetch_or(SUBSCRIBED, Ordering::AcqRel);
        drop(extras);
        if word & flag != 0 {
            self.give_notice(event);
        }
        Ok(())
    }

    /// Takes a subscription back; how many notices it has led to.
    pub(crate) fn unsubscribe(&self, event: NotificationEvent) -> Result<u32, Status> {
        let mut extras = self.extras();
        let subscriptions = &mut extras.subscriptions;
        let index = subscriptions.iter().position(|it| it.event == event);
        let index = index.ok_or(Status::EntryNotFound)?;
        let ended = subscriptions.swap_remove(index);
        // Its destructor is foreign.
        drop(extras);
        Ok(ended.queued)
    }

    fn give_notice(&self, event: NotificationEvent) {
        let mut extras = self.extras();
        let subscription = extras.subscriptions.iter_mut().find(|it| it.event == event);
        let Some(subscription) = subscription.filter(|it| it.queued == 0) else {
            return;
        };
        subscription.queued = 1;
        let (notify, user_info) = (subscription.notify.clone(), subscription.user_info);
        // Whoever is told may subscribe or unsubscribe.
        drop(extras);
        notify.notify(|| Notification {
            handle: HandleRef::none(),
            user_info,
            event,
        });
    }

    /// Keeps extended error information for the call's fault, should there be one.
    pub(crate) fn explain(&self, serial: u32, extended: Vec<u8>) {
        let mut extras = self.extras();
        if self.test_cancel(serial) != Status::NoCallActive {
            extras.extended = extended;
            self.word.fetch_or(EXPLAINED, Ordering::Release);
        }
    }

    /// Takes the extended error information for the call's fault; empty if there is none.
    pub(crate) fn take_explanation(&self) -> Vec<u8> {
        if self.word.load(Ordering::Acquire) & EXPLAINED == 0 {
            return Vec::new();
        }
        std::mem::take(&mut self.extras().extended)
    }

    fn extras(&self) -> MutexGuard<'_, Extras> {
        lock(&self.extras)
    }

    /// Whether nobody waits for the answer to the call of this number.
    pub(crate) fn is_disconnected(&self, serial: u32) -> bool {
        let word = self.word.load(Ordering::Acquire);
        word >> 32 == u64::from(serial) && word & DISCONNECTED != 0
    }

    /// How the call of this number stands, in the words of rule 25: cancelled is
    /// [`Status::Ok`].
    pub(crate) fn test_cancel(&self, serial: u32) -> Status {
        // Acquire: what its client did before it cancelled is visible to whoever learns of it.
        status_in(self.word.load(Ordering::Acquire), serial)
    }
}

fn status_in(word: u64, serial: u32) -> Status {
    if word >> 32 != u64::from(serial) || word & OPEN == 0 {
        Status::NoCallActive
    } else if word & (CANCELLED | DISCONNECTED) != 0 {
        Status::Ok
    } else {
        Status::CallInProgress
    }
}

impl Extras {
    /// Has a waker wait, in place of the one that `waiter` names; its name, and the one before.
    fn await_cancel(&mut self, waiter: Option<Waiter>, waker: Waker) -> (Waiter, Option<Waker>) {
        let mut waiters = self.waiters.iter_mut();
        if let Some((name, place)) = waiters.find(|(name, _)| Some(*name) == waiter) {
            return (*name, Some(std::mem::replace(place, waker)));
        }
        self.last_waiter.0 += 1;
        self.waiters.push((self.last_waiter, waker));
        (self.last_waiter, None)
    }
}
