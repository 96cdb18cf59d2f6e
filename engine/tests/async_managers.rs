//! Manager routines that are futures on their core.

mod serving;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use annulus::{AsyncHandle, Binding, CancelKind, Executor, Limits, Notify, Status};
use serving::{Number, bind, limits, number, routine, runtime, runtime_within, serve};

const SLEEPS: u16 = 0;
const CALLS: u16 = 1;
const PANICS: u16 = 2;
const FAILS: u16 = 3;

/// Holds `!Send` values over its awaits, as it may on its core.
async fn sleep_twice(executor: &Executor, value: u64) -> u64 {
    let sum = Rc::new(Cell::new(value));
    for _ in 0..2 {
        executor.sleep(Duration::from_millis(1)).await;
        sum.set(sum.get() + 1);
    }
    sum.get()
}

#[test]
fn an_async_manager_sleeps_calls_fails_and_panics() {
    let runtime = runtime();
    let own: Arc<OnceLock<Binding>> = Arc::default();
    let binding = Arc::clone(&own);
    let serving = serve(
        &runtime,
        routine(move |mut call| {
            let Number { value } = call.decode()?;
            let (opnum, binding) = (call.opnum(), Arc::clone(&binding));
            call.spawn(async move |context| match opnum {
                SLEEPS => Ok(number(sleep_twice(context.executor(), value).await)),
                CALLS => {
                    let binding = binding.get().ok_or(Status::InvalidBinding)?;
                    binding.call(SLEEPS, &number(value * 10)).await
                }
                PANICS => panic!("unlucky"),
                _ => Err(Status::Other(4711)),
            })
        }),
    );
    let client = bind(&runtime, &serving);
    own.set(client.clone()).unwrap();
    let ask = |opnum| client.call_blocking::<_, Number>(opnum, &number(5));
    assert_eq!(ask(SLEEPS), Ok(number(7)));
    assert_eq!(ask(CALLS), Ok(number(52)), "an outgoing call of the engine");
    assert_eq!(ask(FAILS), Err(Status::Other(4711)));
    assert_eq!(ask(PANICS), Err(Status::CallFailed), "that client alone");
    assert_eq!(ask(SLEEPS), Ok(number(7)));
}

#[test]
fn rule_33_a_future_that_ends_on_its_core_wakes_no_other_thread() {
    let (servers, clients) = (runtime(), runtime());
    let serving = serve(
        &servers,
        routine(|mut call| {
            call.spawn(async |context| {
                context.executor().sleep(Duration::ZERO).await;
                Ok(number(1))
            })
        }),
    );
    let binding = bind(&clients, &serving);
    let before = servers.wake_count();
    for _ in 0..50 {
        assert_eq!(binding.call_blocking(0, &()), Ok(number(1)));
    }
    assert_eq!(servers.wake_count(), before);
}

#[test]
fn sleeps_last_as_long_as_asked_and_timeouts_end_what_takes_longer() {
    const SHORT: Duration = Duration::from_millis(20);
    let runtime = runtime();
    let serving = serve(
        &runtime,
        routine(|mut call| {
            call.spawn(async |context| {
                let executor = context.executor();
                let start = Instant::now();
                // The time counts from the end of the poll, however long that takes.
                while start.elapsed() < SHORT {
                    std::hint::spin_loop();
                }
                let asked = Instant::now();
                executor.sleep(SHORT).await;
                assert!(asked.elapsed() >= SHORT);
                let never = executor.timeout(SHORT, std::future::pending::<()>()).await;
                let soon = executor
                    .timeout(Duration::from_secs(600), async { 1 })
                    .await;
                assert_eq!((never, soon), (None, Some(1)));
                Ok(())
            })
        }),
    );
    assert_eq!(
        bind(&runtime, &serving).call_blocking::<_, ()>(0, &()),
        Ok(())
    );
}

#[test]
fn a_future_is_woken_by_any_thread() {
    let runtime = runtime();
    let serving = serve(
        &runtime,
        routine(|mut call| {
            call.spawn(async |_| {
                let flag = Arc::new(AtomicBool::new(false));
                poll_fn(|context| {
                    if flag.load(Ordering::Acquire) {
                        return Poll::Ready(());
                    }
                    let (flag, waker) = (Arc::clone(&flag), context.waker().clone());
                    thread::spawn(move || {
                        flag.store(true, Ordering::Release);
                        waker.wake();
                    });
                    Poll::Pending
                })
                .await;
                Ok(())
            })
        }),
    );
    let binding = bind(&runtime, &serving);
    for _ in 0..200 {
        assert_eq!(binding.call_blocking::<_, ()>(0, &()), Ok(()));
    }
}

/// Ends with a status that tells what the wait for a cancel said.
fn told(status: Status) -> Status {
    Status::Other(10_000 + status.code())
}

#[test]
fn rule_25_a_future_can_wait_for_its_cancel_and_ends_as_it_likes() {
    let runtime = runtime();
    let (began, begins) = mpsc::channel();
    let serving = serve(
        &runtime,
        routine(move |mut call| {
            let began = began.clone();
            call.spawn(async move |context| {
                let executor = context.executor();
                // Neither a wait that was given up nor one elsewhere takes anything away.
                let soon = executor.timeout(Duration::ZERO, context.cancelled());
                assert_eq!(soon.await, None);
                let aside = context.call_ref().cancelled();
                let (send, elsewhere) = mpsc::channel();
                executor.spawn(async move { send.send(aside.await).unwrap() })?;
                let mut own = pin!(context.cancelled());
                let mut is_waiting = false;
                let status = poll_fn(|task| {
                    let polled = own.as_mut().poll(task);
                    if !std::mem::replace(&mut is_waiting, true) {
                        began.send(()).unwrap();
                    }
                    polled
                })
                .await;
                executor.sleep(Duration::ZERO).await;
                assert_eq!(elsewhere.try_recv(), Ok(Status::Ok));
                Err::<Number, _>(told(status))
            })
        }),
    );
    let binding = bind(&runtime, &serving);
    let neighbour = binding.call::<_, Number>(0, &());
    begins.recv().unwrap();
    for _ in 0..20 {
        let mut handle = AsyncHandle::<Number>::new(Notify::None);
        binding.call_async(&mut handle, 0, &()).unwrap();
        begins.recv().unwrap();
        handle.cancel(CancelKind::NonAbortive).unwrap();
        assert_eq!(handle.wait(), Err(told(Status::Ok)));
    }
    drop(neighbour);
}

#[test]
fn rule_25_a_wait_for_a_cancel_ends_with_the_call() {
    let runtime = runtime();
    let (send, told) = mpsc::channel();
    let serving = serve(
        &runtime,
        routine(move |mut call| {
            let send = send.clone();
            call.spawn(async move |context| {
                let cancelled = context.cancelled();
                let is_told = async move { send.send(cancelled.await).unwrap() };
                context.executor().spawn(is_told)?;
                context.executor().sleep(Duration::ZERO).await;
                Ok(number(1))
            })
        }),
    );
    let binding = bind(&runtime, &serving);
    for _ in 0..20 {
        assert_eq!(binding.call_blocking(0, &()), Ok(number(1)));
        let patience = Duration::from_secs(20);
        assert_eq!(told.recv_timeout(patience), Ok(Status::NoCallActive));
    }
}

/// Tells when it is dropped.
struct Tell(mpsc::Sender<()>);

impl Drop for Tell {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_future_goes_with_its_client_and_with_its_core() {
    let (servers, clients) = (runtime(), runtime());
    let (began, begins) = mpsc::channel();
    let (send, dropped) = mpsc::channel();
    let serving = serve(
        &servers,
        routine(move |mut call| {
            let (began, tell) = (began.clone(), Tell(send.clone()));
            call.spawn(async move |_| {
                began.send(()).unwrap();
                std::future::pending::<()>().await;
                drop(tell);
                Ok(())
            })
        }),
    );
    let patience = Duration::from_secs(20);
    let stays = runtime();
    let call = bind(&stays, &serving).call::<_, ()>(0, &());
    begins.recv_timeout(patience).unwrap();
    let gone = bind(&clients, &serving).call::<_, ()>(0, &());
    begins.recv_timeout(patience).unwrap();
    drop(clients);
    dropped.recv_timeout(patience).expect("the client is gone");
    assert!(gone.wait().is_err());
    assert!(dropped.try_recv().is_err(), "the other future waits on");
    drop(servers);
    dropped.recv_timeout(patience).expect("the core is gone");
    assert_eq!(call.wait(), Err(Status::CallFailed));
}

#[test]
fn a_future_too_many_is_refused_and_not_executed() {
    let limits = Limits {
        tasks_per_core_max: 1,
        ..limits()
    };
    let (servers, clients) = (runtime_within(limits), runtime());
    let (began, begins) = mpsc::channel();
    let serving = serve(
        &servers,
        routine(move |mut call| {
            let began = began.clone();
            call.spawn(async move |_| {
                began.send(()).unwrap();
                std::future::pending::<Result<(), Status>>().await
            })
        }),
    );
    let binding = bind(&clients, &serving);
    let first = binding.call::<_, ()>(0, &());
    begins.recv().unwrap();
    let second = binding.call_blocking::<_, ()>(0, &());
    assert_eq!(second, Err(Status::ServerTooBusy));
    drop(first);
}
