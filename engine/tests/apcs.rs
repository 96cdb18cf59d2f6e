//! APCs run in order, on their thread, while it is in an alertable wait, and at no other time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use annulus::{Apc, ApcThread, Event, ThreadEnded, WaitResult, sleep_ex, wait_ex};

const FOREVER: Duration = Duration::from_secs(20);

/// Runs `races`, in which no wait is as long as that unless a wake-up was lost.
fn without_losing_a_wake_up(races: impl FnOnce()) {
    let began = Instant::now();
    races();
    assert!(began.elapsed() < FOREVER, "a wake-up was lost");
}

/// Keeps what APCs were told, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u64>>>);

impl Log {
    fn apc(&self, data: u64) -> Apc {
        let log = self.clone();
        Apc::user(Arc::new(move |data| log.0.lock().unwrap().push(data)), data)
    }

    fn taken(&self) -> Vec<u64> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn rule_12_apcs_run_in_order_and_only_while_their_thread_is_in_an_alertable_wait() {
    let (log, event) = (Log::default(), Event::auto_reset());
    let here = ApcThread::current();
    // More than the preallocated part of the queue holds.
    (0..1_000).for_each(|data| here.queue(log.apc(data)).unwrap());

    assert_eq!(sleep_ex(Duration::ZERO, false), WaitResult::TimedOut);
    assert_eq!(
        wait_ex(&event, Some(Duration::ZERO), false),
        WaitResult::TimedOut
    );
    event.set();
    assert_eq!(wait_ex(&event, None, true), WaitResult::Signalled);
    assert!(
        log.taken().is_empty(),
        "a wait that was not needed delivers nothing"
    );

    assert_eq!(wait_ex(&event, None, true), WaitResult::ApcsDelivered);
    assert_eq!(log.taken(), (0..1_000).collect::<Vec<_>>());
    assert_eq!(sleep_ex(Duration::ZERO, true), WaitResult::TimedOut);
}

#[test]
fn rule_12_an_apc_runs_on_the_thread_that_was_named() {
    let (named, name) = std::sync::mpsc::channel();
    let waiting = thread::spawn(move || {
        named.send(ApcThread::current()).unwrap();
        assert_eq!(sleep_ex(FOREVER, true), WaitResult::ApcsDelivered);
    });
    let ran_on = Arc::new(Mutex::new(None));
    let routine = {
        let ran_on = Arc::clone(&ran_on);
        Arc::new(move |_| *ran_on.lock().unwrap() = Some(thread::current().id()))
    };
    let id = waiting.thread().id();
    name.recv().unwrap().queue(Apc::user(routine, 0)).unwrap();
    waiting.join().unwrap();
    assert_eq!(*ran_on.lock().unwrap(), Some(id));
}

#[test]
fn an_apc_may_wait_and_queue() {
    let log = Log::default();
    let outer = {
        let log = log.clone();
        Apc::user(
            Arc::new(move |data| {
                log.0.lock().unwrap().push(data);
                assert_eq!(sleep_ex(Duration::ZERO, true), WaitResult::ApcsDelivered);
                log.0.lock().unwrap().push(data + 1);
                ApcThread::current().queue(log.apc(data + 2)).unwrap();
            }),
            10,
        )
    };
    let here = ApcThread::current();
    here.queue(outer).unwrap();
    here.queue(log.apc(7)).unwrap();
    assert_eq!(sleep_ex(FOREVER, true), WaitResult::ApcsDelivered);
    // 7 ran in the inner wait; what the first queued still ran in the outer one.
    assert_eq!(log.taken(), [10, 7, 11, 12]);
}

#[test]
fn a_panic_in_an_apc_ends_its_wait_and_leaves_the_others_queued() {
    let log = Log::default();
    let here = ApcThread::current();
    here.queue(log.apc(1)).unwrap();
    here.queue(Apc::user(Arc::new(|_| panic!("of an APC")), 0))
        .unwrap();
    here.queue(log.apc(2)).unwrap();
    let wait = catch_unwind(AssertUnwindSafe(|| sleep_ex(FOREVER, true)));
    assert_eq!(wait.unwrap_err().downcast_ref(), Some(&"of an APC"));
    assert_eq!(log.taken(), [1]);
    assert_eq!(sleep_ex(FOREVER, true), WaitResult::ApcsDelivered);
    assert_eq!(log.taken(), [2]);
}

#[test]
fn what_is_queued_is_dropped_with_its_thread_and_nothing_more_can_be_queued() {
    let held = Arc::new(());
    let apc = || {
        let held = Arc::clone(&held);
        Apc::user(Arc::new(move |_| drop(Arc::clone(&held))), 0)
    };
    let ended = thread::scope(|scope| {
        scope
            .spawn(|| {
                let here = ApcThread::current();
                here.queue(apc()).unwrap();
                here
            })
            .join()
            .unwrap()
    });
    assert_eq!(ended.queue(apc()), Err(ThreadEnded));
    assert_eq!(Arc::strong_count(&held), 1, "all routines are dropped");
}

#[test]
fn an_event_and_apcs_wake_one_wait_without_losing_either() {
    const ROUNDS: u64 = 5_000;
    let event = Event::auto_reset();
    let ran = Arc::new(AtomicU64::new(0));
    let routine: Arc<dyn Fn(u64) + Send + Sync> = {
        let ran = Arc::clone(&ran);
        Arc::new(move |_| {
            ran.fetch_add(1, Ordering::Relaxed);
        })
    };
    let here = ApcThread::current();
    let acknowledged = Event::auto_reset();
    without_losing_a_wake_up(|| {
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    event.set();
                    here.queue(Apc::user(Arc::clone(&routine), 0)).unwrap();
                    assert!(acknowledged.wait_timeout(FOREVER), "a wake-up was lost");
                }
            });
            let mut signalled = 0;
            for round in 1..=ROUNDS {
                while signalled < round || ran.load(Ordering::Relaxed) < round {
                    match wait_ex(&event, Some(FOREVER), true) {
                        WaitResult::Signalled => signalled += 1,
                        WaitResult::ApcsDelivered => {}
                        WaitResult::TimedOut => panic!("a wake-up was lost"),
                    }
                }
                acknowledged.set();
            }
        });
    });
}
