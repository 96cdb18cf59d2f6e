//! What a core tells of a call under loom: its cancel, the going of its client and its end against
//! those who subscribe, take that back, or wait.
//!
//! The source is compiled here once more, against loom's types:
//! `cargo test -p annulus --test call_watch_races`. A wake-up that is lost shows as a deadlock.

#[path = "../src/call_watch/watch.rs"]
#[allow(dead_code, reason = "the tests use the part that races")]
mod watch;

use std::future::poll_fn;

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use self::notification::NotificationEvent;
use self::notify::Notify;
use self::status::Status;
use self::watch::CallWatch;

/// What a watch is built from, for loom.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};

    pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("nobody panics here")
    }
}

/// Foreign code, which is well behaved here.
mod foreign {
    use std::ops::Deref;
    use std::task::Waker;

    pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
        wakers.into_iter().for_each(Waker::wake);
    }

    #[derive(Clone)]
    pub(crate) struct Contained<T>(T);

    impl<T> Contained<T> {
        pub(crate) fn new(value: T) -> Self {
            Contained(value)
        }
    }

    impl<T> Deref for Contained<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
}

mod notification {
    pub(crate) use annulus::NotificationEvent;

    /// Names no call.
    pub(crate) struct HandleRef;

    impl HandleRef {
        pub(crate) fn none() -> Self {
            HandleRef
        }
    }

    #[allow(dead_code, reason = "only the datum is looked at")]
    pub(crate) struct Notification {
        pub(crate) handle: HandleRef,
        pub(crate) user_info: u64,
        pub(crate) event: NotificationEvent,
    }
}

mod notify {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicU32, Ordering};

    use super::notification::Notification;

    /// Counts what it is told.
    #[derive(Clone)]
    pub(crate) struct Notify(pub(crate) Arc<AtomicU32>);

    impl Notify {
        pub(crate) fn notify(&self, notification: impl FnOnce() -> Notification) {
            assert_eq!(notification().user_info, super::DATUM);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

mod status {
    pub(crate) use annulus::Status;
}

/// What the subscriber attaches.
const DATUM: u64 = 7;
const CANCEL: NotificationEvent = NotificationEvent::ClientCancel;
const DISCONNECT: NotificationEvent = NotificationEvent::ClientDisconnect;

/// A call that has begun, and the notices that were given of it.
#[derive(Clone)]
struct Call {
    watch: Arc<CallWatch>,
    serial: u32,
    notices: Arc<AtomicU32>,
}

impl Call {
    fn begin() -> Self {
        let watch = Arc::new(CallWatch::new());
        let serial = watch.begin();
        Call {
            watch,
            serial,
            notices: Arc::new(AtomicU32::new(0)),
        }
    }

    /// The core's part, on another thread.
    fn core(&self, part: impl FnOnce(&CallWatch) + Send + 'static) -> thread::JoinHandle<()> {
        let watch = Arc::clone(&self.watch);
        thread::spawn(move || part(&watch))
    }

    fn subscribe(&self, event: NotificationEvent) -> Result<(), Status> {
        let notify = Notify(Arc::clone(&self.notices));
        self.watch.subscribe(self.serial, event, notify, DATUM)
    }

    fn notices(&self) -> u32 {
        self.notices.load(Ordering::Relaxed)
    }

    /// Waits for a cancel, or for the end of the call.
    fn wait(&self) -> Status {
        let mut waiter = None;
        let status = block_on(poll_fn(|cx| {
            let Call { watch, serial, .. } = self;
            watch.poll_cancelled(*serial, &mut waiter, cx.waker())
        }));
        if let Some(waiter) = waiter {
            self.watch.end_wait(waiter);
        }
        status
    }
}

/// All interleavings with up to so many preemptions.
fn check(preemptions: usize, test: fn()) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(test);
}

#[test]
fn rule_36_a_subscription_that_races_its_event_is_told_once() {
    check(3, || {
        let call = Call::begin();
        let core = call.core(CallWatch::disconnect);
        assert_eq!(call.subscribe(DISCONNECT), Ok(()));
        core.join().unwrap();
        assert_eq!(call.notices(), 1);
        call.watch.end();
    });
}

#[test]
fn rule_36_each_of_two_subscriptions_hears_of_its_own_event() {
    check(3, || {
        let call = Call::begin();
        let core = call.core(|watch| {
            watch.cancel();
            watch.disconnect();
        });
        assert_eq!(call.subscribe(CANCEL), Ok(()));
        assert_eq!(call.subscribe(DISCONNECT), Ok(()));
        core.join().unwrap();
        assert_eq!(call.notices(), 2);
    });
}

#[test]
fn rule_36_whoever_takes_a_subscription_back_learns_of_every_notice() {
    check(3, || {
        let call = Call::begin();
        let core = call.core(CallWatch::cancel);
        assert_eq!(call.subscribe(CANCEL), Ok(()));
        let told = call.watch.unsubscribe(CANCEL);
        core.join().unwrap();
        assert_eq!(told, Ok(call.notices()));
    });
}

#[test]
fn rule_36_a_call_that_ends_frees_what_was_subscribed_to_whatever_happens_to_its_client() {
    check(3, || {
        let call = Call::begin();
        assert_eq!(call.subscribe(DISCONNECT), Ok(()));
        let core = call.core(CallWatch::disconnect);
        call.watch.end();
        core.join().unwrap();
        // One that was given just before, or none.
        assert!(call.notices() <= 1);
        assert_eq!(Arc::strong_count(&call.notices), 1, "it is kept");
        assert_eq!(call.subscribe(DISCONNECT), Err(Status::NoCallActive));
    });
}

#[test]
fn rule_36_a_wait_misses_no_cancel() {
    check(3, || {
        let call = Call::begin();
        let core = call.core(CallWatch::cancel);
        assert_eq!(call.wait(), Status::Ok);
        core.join().unwrap();
    });
}

#[test]
fn rule_36_a_wait_ends_with_the_call_at_the_latest() {
    check(3, || {
        let call = Call::begin();
        let core = call.core(|watch| {
            watch.disconnect();
            watch.end();
        });
        assert!([Status::Ok, Status::NoCallActive].contains(&call.wait()));
        core.join().unwrap();
    });
}

#[test]
fn rule_36_two_waits_and_a_subscription_all_hear_of_one_cancel() {
    check(1, || {
        let call = Call::begin();
        let others = [(); 2].map(|()| {
            let call = call.clone();
            thread::spawn(move || call.wait())
        });
        assert_eq!(call.subscribe(CANCEL), Ok(()));
        call.watch.cancel();
        for other in others {
            assert_eq!(other.join().unwrap(), Status::Ok);
        }
        assert_eq!(call.notices(), 1);
    });
}
