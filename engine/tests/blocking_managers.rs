//! Manager routines that block, on the worker pool.

mod serving;

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use annulus::{
    AsyncHandle, Binding, CancelKind, Config, Cores, Limits, LocalRuntime, Notify, Registration,
    Server, ServerCall, Status,
};
use serving::{INTERFACE, Number, bind, limits, number, routine, runtime, runtime_within, serve};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn blocking_calls_do_not_hold_up_their_core_and_may_overlap() {
    let runtime = runtime();
    // Nobody passes before both calls of the one connection are there.
    let barrier = Arc::new(Barrier::new(2));
    let meeting = Arc::clone(&barrier);
    let interface = routine(move |mut call| {
        let Number { value } = call.decode()?;
        if call.opnum() == 0 {
            meeting.wait();
        }
        call.reply(&number(value + 1))
    });
    let serving = serve(
        &runtime,
        Registration::new(interface).blocking_operations([0]),
    );
    let binding = bind(&runtime, &serving);
    let first = binding.call::<_, Number>(0, &number(1));
    for value in 0..100 {
        let answer = binding.call_blocking::<_, Number>(1, &number(value));
        assert_eq!(answer, Ok(number(value + 1)), "while the other one blocks");
    }
    let second = binding.call::<_, Number>(0, &number(10));
    assert_eq!(
        (first.wait(), second.wait()),
        (Ok(number(2)), Ok(number(11)))
    );
}

#[test]
fn a_blocking_manager_may_fail_panic_and_hand_its_call_on() {
    let runtime = runtime();
    let (send, taken) = mpsc::channel::<ServerCall<Number>>();
    let interface = routine(move |mut call| {
        let context = call.context();
        assert!(context.peer().as_tcp().unwrap().ip().is_loopback());
        assert_eq!(context.test_cancel(), Status::CallInProgress);
        assert_eq!(context.executor().err(), Some(Status::CannotSupport));
        assert_eq!(
            context.after(Duration::ZERO, || {}),
            Err(Status::CannotSupport)
        );
        match call.opnum() {
            0 => Err(Status::Other(4711)),
            1 => panic!("unlucky"),
            _ => send.send(call.defer()?).map_err(|_| Status::ServerTooBusy),
        }
    });
    let serving = serve(&runtime, Registration::new(interface).blocking());
    let binding = bind(&runtime, &serving);
    let ask = |opnum| binding.call_blocking::<_, Number>(opnum, &());
    assert_eq!(ask(0), Err(Status::Other(4711)));
    assert_eq!(ask(1), Err(Status::CallFailed));
    let call = binding.call::<_, Number>(2, &());
    taken.recv().unwrap().complete(&number(3)).unwrap();
    assert_eq!(call.wait(), Ok(number(3)));
}

#[test]
fn rule_25_a_blocking_manager_can_look_whether_it_was_cancelled() {
    let runtime = runtime();
    let interface = routine(|mut call| {
        while call.context().test_cancel() == Status::CallInProgress {
            thread::yield_now();
        }
        call.reply(&number(u64::from(call.opnum())))
    });
    let serving = serve(&runtime, Registration::new(interface).blocking());
    let binding = bind(&runtime, &serving);
    let mut handle = AsyncHandle::<Number>::new(Notify::None);
    binding.call_async(&mut handle, 3, &()).unwrap();
    // The next call shows that this one has been received: only then is there one to cancel.
    while serving.statistics().calls_in == 0 {
        thread::yield_now();
    }
    handle.cancel(CancelKind::NonAbortive).unwrap();
    while handle.status() == Status::AsyncCallPending {
        thread::yield_now();
    }
    assert_eq!(handle.complete(), Ok(number(3)));
}

#[test]
fn what_the_pool_cannot_take_is_refused_and_not_executed() {
    let limits = Limits {
        worker_threads_max: 2,
        worker_queue_max: 1,
        ..limits()
    };
    let (servers, clients) = (runtime_within(limits), runtime());
    let (began, begins) = mpsc::channel();
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let entrance = Arc::clone(&gate);
    let interface = routine(move |mut call| {
        began.send(()).unwrap();
        drop(entrance.lock().unwrap());
        call.reply(&number(1))
    });
    let serving = serve(&servers, Registration::new(interface).blocking());
    let binding = bind(&clients, &serving);
    let mut calls = Vec::new();
    for _ in 0..2 {
        calls.push(binding.call::<_, Number>(0, &()));
        begins
            .recv_timeout(PATIENCE)
            .expect("there are two threads");
    }
    calls.push(binding.call::<_, Number>(0, &()));
    let refused = binding.call_blocking::<_, Number>(0, &());
    assert_eq!(refused, Err(Status::ServerTooBusy), "two run, one waits");
    drop(closed);
    for call in calls {
        assert_eq!(call.wait(), Ok(number(1)));
    }
    begins
        .recv()
        .expect("the third ran when there was a thread for it");
    assert!(begins.try_recv().is_err(), "the refused one never did");
}

/// Otherwise a client that comes again and again would have more calls than there may be, and
/// keep the workers busy with those that nobody waits for.
#[test]
fn a_call_whose_client_goes_keeps_its_place_until_its_manager_ends_and_begins_none() {
    const PARK: u16 = 0;
    let limits = Limits {
        worker_threads_max: 1,
        ..limits()
    };
    let (servers, clients) = (runtime_within(limits), runtime());
    let (begin, begins) = mpsc::channel();
    let (leave, left) = mpsc::channel();
    let gate = Arc::new(Mutex::new(()));
    let (closed, entrance) = (gate.lock().unwrap(), Arc::clone(&gate));
    let interface = routine(move |mut call| {
        let Number { value } = call.decode()?;
        begin.send(value).unwrap();
        if call.opnum() == PARK {
            while call.context().test_cancel() == Status::CallInProgress {
                thread::yield_now();
            }
            leave.send(()).unwrap();
            drop(entrance.lock().unwrap());
        }
        call.reply(&number(value))
    });
    let serving = serve(
        &servers,
        Registration::new(interface).blocking().calls_max(2),
    );
    let binding = bind(&clients, &serving);
    let running = binding.call::<_, Number>(PARK, &number(1));
    assert_eq!(begins.recv_timeout(PATIENCE), Ok(1));
    let queued = binding.call::<_, Number>(1, &number(2));
    while serving.statistics().calls_in < 2 {
        thread::yield_now();
    }
    drop((running, queued, binding, clients));
    left.recv_timeout(PATIENCE).expect("the client is gone");
    let others = runtime();
    let binding = bind(&others, &serving);
    let answer = || binding.call_blocking::<_, Number>(1, &number(3));
    assert_eq!(answer(), Err(Status::ServerTooBusy), "one runs, one waits");
    drop(closed);
    while answer() == Err(Status::ServerTooBusy) {
        thread::yield_now();
    }
    assert_eq!(begins.recv_timeout(PATIENCE), Ok(3), "the second never ran");
}

#[test]
fn a_local_runtime_has_a_pool_when_it_needs_one() {
    let mut runtime = LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1))).unwrap();
    let here = thread::current().id();
    let interface = routine(move |mut call| {
        assert_ne!(thread::current().id(), here);
        call.reply(&number(1))
    });
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let server = server.interface(Registration::new(interface).blocking());
    let serving = runtime.serve(server).unwrap();
    let target = serving.bindings()[0].to_string();
    let binding = Binding::new(&runtime, &target, INTERFACE).unwrap();
    for _ in 0..50 {
        let call = binding.call::<_, Number>(0, &());
        assert_eq!(runtime.block_on(call).unwrap(), Ok(number(1)));
    }
    drop(binding);
    runtime.shutdown().unwrap();
}
