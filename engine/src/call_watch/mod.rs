//! What the two sides of a deferred call share: whether it is open, and whether its client still
//! wants it.

mod sync;
mod watch;

pub(crate) use self::watch::{CallWatch, Waiter};

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Poll, Wake, Waker};

    use super::*;
    use crate::notification::NotificationEvent;
    use crate::notify::Notify;
    use crate::status::Status;

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
