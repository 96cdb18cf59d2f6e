//! The life of a call under loom: its end against whoever polls for it, gives it up, asks how it
//! stands, or begins the next one.
//!
//! The source is compiled here once more, against loom's types:
//! `cargo test -p annulus --test call_races`. A wake-up that is lost shows as a deadlock, and an
//! outcome that is not visible to the one who takes it as a failed assertion.

#[path = "../src/call_state/life.rs"]
#[allow(dead_code, reason = "the tests use the part that other threads see")]
mod life;

use std::future::poll_fn;

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;

use self::life::{Life, Phase};
use self::sync::Ordering;

/// What a call's life is built from, for loom.
mod sync {
    use std::task::Waker;

    pub(super) use loom::sync::atomic::{AtomicU32, Ordering, fence};
    pub(super) use loom::sync::{Mutex, MutexGuard};

    pub(super) struct WakerCell(loom::future::AtomicWaker);

    impl WakerCell {
        pub(super) fn new() -> Self {
            WakerCell(loom::future::AtomicWaker::new())
        }

        pub(super) fn register(&self, waker: &Waker) {
            self.0.register_by_ref(waker);
        }

        pub(super) fn wake(&self) {
            self.0.wake();
        }
    }
}

const REPLIED: u32 = 0;
const CANCELLED: u32 = 1818;

/// The one call of a caller at a time, and what it asks the core to do with it.
#[derive(Clone)]
struct Call {
    life: Arc<Life<Option<u32>>>,
    /// The serial number of the call that is to be cancelled.
    cancel: Arc<AtomicU32>,
}

impl Call {
    fn new() -> Self {
        Call {
            life: Arc::new(Life::new()),
            cancel: Arc::new(AtomicU32::new(0)),
        }
    }

    /// The core's part: the end of the call of this number, as it is told first.
    fn end(&self, serial: u32, reply: u32) {
        let code = if self.cancel.load(Ordering::Acquire) == serial {
            CANCELLED
        } else {
            *self.life.outcome() = Some(reply);
            REPLIED
        };
        self.life.end(code);
    }

    /// On another thread.
    fn ends(&self, serial: u32, reply: u32) -> thread::JoinHandle<()> {
        let call = self.clone();
        thread::spawn(move || call.end(serial, reply))
    }

    /// What whoever drops or cancels a call does.
    fn give_up(&self, serial: u32) {
        if self.life.is_pending() {
            self.cancel.store(serial, Ordering::Release);
        }
    }

    fn wait(&self) {
        block_on(poll_fn(|cx| self.life.poll_ended(cx)));
    }

    /// The code and the reply, as `CallState::take` takes them.
    fn take(&self) -> (u32, Option<u32>) {
        let Phase::Ended(code) = self.life.phase() else {
            panic!("the call has ended");
        };
        let reply = self.life.outcome().take();
        self.life.withdraw();
        (code, reply)
    }
}

/// All interleavings with up to so many preemptions.
fn check(preemptions: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(test);
}

#[test]
fn rule_17_an_end_wakes_the_one_that_polls_and_its_reply_is_there() {
    check(3, || {
        let call = Call::new();
        let core = call.ends(call.life.begin(), 7);
        call.wait();
        assert_eq!(call.take(), (REPLIED, Some(7)));
        assert_eq!(call.life.phase(), Phase::NoCall);
        core.join().unwrap();
    });
}

#[test]
fn rule_11_whoever_polls_the_status_finds_the_reply_with_it() {
    check(3, || {
        let call = Call::new();
        let core = call.ends(call.life.begin(), 7);
        while call.life.phase() == Phase::Pending {
            thread::yield_now();
        }
        assert_eq!(call.take(), (REPLIED, Some(7)));
        core.join().unwrap();
    });
}

#[test]
fn rule_26_a_cancel_that_races_the_end_leads_to_one_outcome() {
    check(3, || {
        let call = Call::new();
        let serial = call.life.begin();
        let core = call.ends(serial, 7);
        call.give_up(serial);
        call.wait();
        let outcome = call.take();
        assert!(
            [(REPLIED, Some(7)), (CANCELLED, None)].contains(&outcome),
            "{outcome:?}"
        );
        core.join().unwrap();
    });
}

#[test]
fn rule_26_a_cancel_that_comes_late_does_not_reach_the_next_call() {
    check(2, || {
        let call = Call::new();
        let first = call.life.begin();
        let core = call.ends(first, 7);
        let late = {
            let call = call.clone();
            thread::spawn(move || call.give_up(first))
        };
        call.wait();
        call.take();
        core.join().unwrap();
        // The next call of the same handle, ended while the cancel may still be on its way.
        let second = call.life.begin();
        call.end(second, 8);
        assert_eq!(call.take(), (REPLIED, Some(8)));
        late.join().unwrap();
    });
}

#[test]
fn rule_19_a_name_of_a_call_never_tells_of_the_next_one() {
    check(3, || {
        let call = Call::new();
        let first = call.life.begin();
        let asking = {
            let life = Arc::clone(&call.life);
            thread::spawn(move || [life.phase_of(first), life.phase_of(first)])
        };
        call.end(first, 7);
        call.take();
        let second = call.life.begin();
        *call.life.outcome() = Some(8);
        call.life.end(5);
        let seen = asking.join().unwrap();
        let order = |phase| match phase {
            Phase::Pending => 0,
            Phase::Ended(REPLIED) => 1,
            Phase::NoCall => 2,
            Phase::Ended(code) => panic!("code {code} is the next call's"),
        };
        assert!(order(seen[0]) <= order(seen[1]), "{seen:?}");
        assert_eq!(call.life.phase_of(second), Phase::Ended(5));
    });
}
