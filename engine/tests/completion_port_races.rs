//! The wake-up protocol of the completion port under loom: all the ways in which its threads can
//! interleave, with up to as many preemptions as `check` says.
//!
//! The port's own source is compiled here once more, against the `sync` module below instead of
//! its own, so that no `--cfg loom` is needed:
//! `cargo test -p annulus --test completion_port_races`. A wake-up that is lost shows as a
//! deadlock, which loom reports.

#[path = "../src/completion_port/port.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests use the part that has to do with waiting, and are no crate for others"
)]
mod port;
#[path = "../src/completion_port/waiters.rs"]
mod waiters;

use std::collections::VecDeque;

use loom::sync::atomic::AtomicUsize;
use loom::sync::{Arc, Mutex};
use loom::thread;

use self::port::{Packets, Port, PortError};
use self::sync::{Deadline, Ordering};

/// What the port is built from, for loom.
mod sync {
    use std::cell::Cell;

    use loom::sync::atomic::AtomicU32;
    use loom::sync::{Condvar, Mutex};

    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

    #[derive(Clone, Copy)]
    pub(super) enum Deadline {
        Now,
        Never,
        /// Passes while the thread waits.
        Soon,
    }

    loom::thread_local! {
        static HAS_LOOKED: Cell<bool> = Cell::new(false);
    }

    impl Deadline {
        pub(super) fn has_passed(self) -> bool {
            match self {
                Deadline::Now => true,
                Deadline::Never => false,
                // The first look is before the thread waits.
                Deadline::Soon => HAS_LOOKED.with(|looked| looked.replace(true)),
            }
        }
    }

    /// A futex.
    #[derive(Debug, Default)]
    pub(super) struct Word {
        value: AtomicU32,
        gate: Mutex<()>,
        changed: Condvar,
    }

    impl Word {
        pub(super) fn load(&self) -> u32 {
            self.value.load(Ordering::SeqCst)
        }

        pub(super) fn store(&self, value: u32) {
            self.value.store(value, Ordering::SeqCst);
        }

        pub(super) fn change(&self, from: u32, to: u32) -> bool {
            self.value
                .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        }

        pub(super) fn park(&self, expected: u32, _: Deadline) {
            let gate = self.gate.lock().unwrap();
            if self.load() == expected {
                drop(self.changed.wait(gate).unwrap());
            }
        }

        pub(super) fn unpark(&self) {
            let _gate = self.gate.lock().unwrap();
            self.changed.notify_one();
        }
    }

    /// Finds nothing, so that all threads park.
    pub(super) fn spin(_: impl Fn() -> bool) -> bool {
        false
    }

    pub(super) struct Slots<T>(Vec<T>);

    impl<T: Default> Slots<T> {
        pub(super) const LEN_MAX: u32 = 3;

        pub(super) fn new() -> Self {
            Slots((0..Self::LEN_MAX).map(|_| T::default()).collect())
        }

        pub(super) fn get(&self, index: u32) -> &T {
            &self.0[index as usize]
        }
    }
}

/// A queue of which a thread that only looks may see an old state.
#[derive(Default)]
struct Numbers {
    len: AtomicUsize,
    numbers: Mutex<VecDeque<u32>>,
}

impl Packets for Numbers {
    type Packet = u32;

    fn push(&self, number: u32) {
        let mut numbers = self.numbers.lock().unwrap();
        numbers.push_back(number);
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    fn pop(&self) -> Option<u32> {
        let mut numbers = self.numbers.lock().unwrap();
        let number = numbers.pop_front()?;
        self.len.fetch_sub(1, Ordering::Relaxed);
        Some(number)
    }

    fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }
}

type TestPort = Arc<Port<Numbers>>;

fn check(preemptions: usize, permits: u32, test: impl Fn(TestPort) + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(move || test(Arc::new(Port::new(Numbers::default(), permits))));
}

/// A thread that gets one packet, and ends.
fn getter(port: &TestPort, deadline: Deadline) -> thread::JoinHandle<Result<u32, PortError>> {
    let port = Arc::clone(port);
    thread::spawn(move || {
        let mut running = false;
        let packet = port.get(&mut running, deadline);
        port.leave(&mut running);
        packet
    })
}

#[test]
fn a_post_reaches_a_thread_that_parks() {
    check(3, 1, |port| {
        let getter = getter(&port, Deadline::Never);
        port.post(1).unwrap();
        assert_eq!(getter.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_close_lets_all_waiting_threads_go() {
    check(3, 1, |port| {
        let getters = [(); 2].map(|()| getter(&port, Deadline::Never));
        port.close();
        for getter in getters {
            assert_eq!(getter.join().unwrap(), Err(PortError::Closed));
        }
    });
}

#[test]
fn two_posts_reach_two_threads_of_which_one_may_run() {
    check(2, 1, |port| {
        let getters = [(); 2].map(|()| getter(&port, Deadline::Never));
        port.post(1).unwrap();
        port.post(1).unwrap();
        for getter in getters {
            assert_eq!(getter.join().unwrap(), Ok(1));
        }
    });
}

#[test]
fn a_thread_whose_time_is_over_hands_its_wake_up_on() {
    for permits in [1, 2] {
        check(2, permits, |port| {
            let hasty = getter(&port, Deadline::Soon);
            let patient = getter(&port, Deadline::Never);
            port.post(1).unwrap();
            if hasty.join().unwrap().is_ok() {
                port.post(1).unwrap();
            }
            assert_eq!(patient.join().unwrap(), Ok(1));
        });
    }
}

#[test]
fn a_place_that_was_left_is_taken_over_while_a_post_reaches_for_it() {
    check(3, 1, |port| {
        let getter = {
            let port = Arc::clone(&port);
            thread::spawn(move || {
                let mut running = false;
                let first = port.get(&mut running, Deadline::Soon);
                first.or_else(|_| port.get(&mut running, Deadline::Never))
            })
        };
        port.post(1).unwrap();
        assert_eq!(getter.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_permit_that_comes_back_goes_to_a_thread_that_waits() {
    check(3, 1, |port| {
        let mut running = false;
        port.post(1).unwrap();
        assert_eq!(port.get(&mut running, Deadline::Now), Ok(1));
        let getter = getter(&port, Deadline::Never);
        port.post(2).unwrap();
        port.leave(&mut running);
        assert_eq!(getter.join().unwrap(), Ok(2));
    });
}
