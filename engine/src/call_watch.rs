//! What the two sides of a deferred call share: whether it is open, and whether its client still
//! wants it.

use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

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
        self.extras.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    use super::*;

    #[test]
    fn rule_36_at_most_one_notice_of_each_event_also_of_one_that_has_come() {
        let watch = CallWatch::new();
        let serial = watch.begin();
        let (cancels, disconnects) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let count = |counter: &Arc<AtomicU32>| {
            let counter = Arc::clone(counter);
            Notify::callback(move |notice| {
                assert_eq!(notice.user_info, 7);
                counter.fetch_add(1, Ordering::Relaxed);
            })
        };
        let cancel = NotificationEvent::ClientCancel;
        let disconnect = NotificationEvent::ClientDisconnect;
        assert_eq!(watch.subscribe(serial, cancel, count(&cancels), 7), Ok(()));
        assert_eq!(
            watch.subscribe(serial, cancel, count(&cancels), 7),
            Err(Status::InvalidArg),
            "one subscription to each event"
        );
        watch.cancel();
        watch.cancel();
        assert_eq!(cancels.load(Ordering::Relaxed), 1);
        watch.disconnect();
        assert_eq!(disconnects.load(Ordering::Relaxed), 0);
        assert_eq!(
            watch.subscribe(serial, disconnect, count(&disconnects), 7),
            Ok(())
        );
        assert_eq!(disconnects.load(Ordering::Relaxed), 1, "told at once");
        assert_eq!(watch.unsubscribe(cancel), Ok(1));
        assert_eq!(watch.unsubscribe(cancel), Err(Status::EntryNotFound));
        watch.end();
        assert_eq!(
            watch.subscribe(serial, cancel, Notify::None, 0),
            Err(Status::NoCallActive)
        );
        let next = watch.begin();
        assert_eq!(watch.subscribe(next, cancel, count(&cancels), 7), Ok(()));
        assert_eq!(watch.unsubscribe(cancel), Ok(0), "no notice yet");
        watch.cancel();
        assert_eq!(cancels.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn rule_36_a_subscription_that_races_its_event_leads_to_one_notice() {
        for _ in 0..500 {
            let watch = CallWatch::new();
            let serial = watch.begin();
            let notices = AtomicU32::new(0);
            let notices = Arc::new(notices);
            let counter = Arc::clone(&notices);
            let notify = Notify::callback(move |_| {
                counter.fetch_add(1, Ordering::Relaxed);
            });
            std::thread::scope(|scope| {
                scope.spawn(|| watch.cancel());
                let event = NotificationEvent::ClientCancel;
                watch.subscribe(serial, event, notify, 0).unwrap();
            });
            assert_eq!(notices.load(Ordering::Relaxed), 1);
        }
    }

    /// A waker that counts how often it wakes.
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn rule_36_all_that_wait_for_a_cancel_are_woken_once_beside_a_subscription() {
        let watch = CallWatch::new();
        let serial = watch.begin();
        let count = Arc::new(Count(AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut waiters = [None; 3];
        for waiter in &mut waiters {
            for _ in 0..2 {
                let polled = watch.poll_cancelled(serial, waiter, &waker);
                assert_eq!(polled, Poll::Pending);
            }
        }
        watch.end_wait(waiters[1].take().unwrap());
        let event = NotificationEvent::ClientCancel;
        assert_eq!(watch.subscribe(serial, event, Notify::None, 0), Ok(()));
        watch.cancel();
        watch.cancel();
        assert_eq!(count.0.load(Ordering::Relaxed), 2, "one has gone");
        assert_eq!(watch.unsubscribe(event), Ok(1));
        let polled = watch.poll_cancelled(serial, &mut waiters[0], &waker);
        assert_eq!(polled, Poll::Ready(Status::Ok));
        watch.end();
        assert_eq!(Arc::strong_count(&count), 2, "no waker is kept");
    }

    #[test]
    fn rule_36_who_waits_for_the_cancel_of_a_call_that_ends_is_told_so() {
        let watch = CallWatch::new();
        let serial = watch.begin();
        let count = Arc::new(Count(AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut waiter = None;
        let mut poll = || watch.poll_cancelled(serial, &mut waiter, &waker);
        assert_eq!(poll(), Poll::Pending);
        watch.end();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(poll(), Poll::Ready(Status::NoCallActive));
        watch.begin();
        assert_eq!(poll(), Poll::Ready(Status::NoCallActive), "nor the next");
    }

    #[test]
    fn rule_36_a_wait_that_races_the_cancel_misses_nothing() {
        for round in 0..500 {
            let watch = CallWatch::new();
            let serial = watch.begin();
            let count = Arc::new(Count(AtomicU32::new(0)));
            let waker = Waker::from(Arc::clone(&count));
            let mut waiter = None;
            let polled = std::thread::scope(|scope| {
                scope.spawn(|| match round % 2 {
                    0 => watch.cancel(),
                    _ => watch.end(),
                });
                watch.poll_cancelled(serial, &mut waiter, &waker)
            });
            let woken = count.0.load(Ordering::Relaxed);
            assert!(polled.is_ready() || woken == 1, "round {round}");
        }
    }

    /// What a subscription holds may wait for the same call's cancel.
    #[test]
    fn rule_36_a_subscription_may_hold_a_wait_for_the_same_call() {
        struct Waits(Arc<CallWatch>, Option<Waiter>);

        impl Drop for Waits {
            fn drop(&mut self) {
                self.0.end_wait(self.1.take().unwrap());
            }
        }

        let event = NotificationEvent::ClientCancel;
        for unsubscribes in [true, false] {
            let watch = Arc::new(CallWatch::new());
            let serial = watch.begin();
            let mut waits = Waits(Arc::clone(&watch), None);
            let polled = watch.poll_cancelled(serial, &mut waits.1, Waker::noop());
            assert_eq!(polled, Poll::Pending);
            let notify = Notify::callback(move |_| {
                let _ = &waits;
            });
            assert_eq!(watch.subscribe(serial, event, notify, 0), Ok(()));
            if unsubscribes {
                assert_eq!(watch.unsubscribe(event), Ok(0));
            }
            watch.end();
            assert_eq!(Arc::strong_count(&watch), 1);
        }
    }

    #[test]
    fn rule_25_test_cancel_tells_cancelled_running_and_over_apart() {
        let watch = CallWatch::new();
        let first = watch.begin();
        assert_eq!(watch.test_cancel(first), Status::CallInProgress);
        watch.cancel();
        assert_eq!(watch.test_cancel(first), Status::Ok);
        watch.end();
        assert_eq!(watch.test_cancel(first), Status::NoCallActive);
        let second = watch.begin();
        assert_eq!(watch.test_cancel(second), Status::CallInProgress);
        assert_eq!(watch.test_cancel(first), Status::NoCallActive, "stale");
        watch.disconnect();
        assert_eq!(watch.test_cancel(second), Status::Ok, "nobody waits for it");
    }
}
