//! What a manager routine can do with its call.

mod serving;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use annulus::{
    AsyncHandle, CancelKind, NotificationEvent, Notify, ServerCall, ServerCallRef, Status,
};
use serving::{Number, bind, number, routine, runtime, serve};

fn wait_for_cancel(call: &ServerCallRef) -> Status {
    let end = Instant::now() + Duration::from_secs(20);
    while call.test_cancel() == Status::CallInProgress {
        assert!(Instant::now() < end, "no cancel came");
        std::thread::yield_now();
    }
    call.test_cancel()
}

/// Also where the operation is called without the model on the client's side.
#[test]
fn rule_29_the_manager_routine_owns_the_handle_of_its_call() {
    let (servers, clients) = (runtime(), runtime());
    let (send, taken) = mpsc::channel::<ServerCall<Number>>();
    let serving = serve(
        &servers,
        routine(move |mut call| send.send(call.defer()?).map_err(|_| Status::ServerTooBusy)),
    );
    let binding = bind(&clients, &serving);
    let caller = std::thread::spawn(move || binding.call_blocking(0, &()));
    let call = taken.recv().unwrap();
    let elsewhere = std::thread::spawn(move || call.complete(&number(5)));
    assert_eq!(elsewhere.join().unwrap(), Ok(()));
    assert_eq!(caller.join().unwrap(), Ok(number(5)));
}

#[test]
fn rule_30_an_operation_without_out_parameters_is_to_be_completed_too() {
    let (servers, clients) = (runtime(), runtime());
    let (send, taken) = mpsc::channel::<ServerCall<()>>();
    let serving = serve(
        &servers,
        routine(move |mut call| send.send(call.defer()?).map_err(|_| Status::ServerTooBusy)),
    );
    let binding = bind(&clients, &serving);
    let mut handle = AsyncHandle::<()>::new(Notify::None);
    binding.call_async(&mut handle, 0, &()).unwrap();
    let call = taken.recv().unwrap();
    assert_eq!(handle.complete(), Err(Status::AsyncCallPending));
    call.complete(&()).unwrap();
    assert_eq!(handle.wait(), Ok(()));
}

#[test]
fn rule_25_a_cancelled_call_says_so_and_is_still_to_be_completed() {
    let (servers, clients) = (runtime(), runtime());
    let (send, taken) = mpsc::channel::<ServerCall<Number>>();
    let serving = serve(
        &servers,
        routine(move |mut call| send.send(call.defer()?).map_err(|_| Status::ServerTooBusy)),
    );
    let binding = bind(&clients, &serving);
    let mut handle = AsyncHandle::<Number>::new(Notify::None);
    binding.call_async(&mut handle, 0, &()).unwrap();
    let call = taken.recv().unwrap();
    assert_eq!(call.test_cancel(), Status::CallInProgress);
    handle.cancel(CancelKind::NonAbortive).unwrap();
    assert_eq!(wait_for_cancel(&call.call_ref()), Status::Ok);
    assert_eq!(
        handle.complete(),
        Err(Status::AsyncCallPending),
        "the client waits for the answer of the server"
    );
    let again = call.call_ref();
    call.complete(&number(7)).unwrap();
    while handle.status() == Status::AsyncCallPending {
        std::thread::yield_now();
    }
    assert_eq!(handle.complete(), Ok(number(7)), "the server was faster");
    assert_eq!(again.test_cancel(), Status::NoCallActive);
    assert_eq!(
        ServerCallRef::default().test_cancel(),
        Status::InvalidBinding
    );
}

#[test]
fn rule_25_an_abortive_cancel_and_a_client_that_goes_are_seen_too() {
    let (servers, clients) = (runtime(), runtime());
    let (send, taken) = mpsc::channel::<ServerCall<Number>>();
    let serving = serve(
        &servers,
        routine(move |mut call| send.send(call.defer()?).map_err(|_| Status::ServerTooBusy)),
    );
    let binding = bind(&clients, &serving);
    let mut handle = AsyncHandle::<Number>::new(Notify::None);
    binding.call_async(&mut handle, 0, &()).unwrap();
    let (first, second) = {
        let first = taken.recv().unwrap();
        handle.cancel(CancelKind::Abortive).unwrap();
        assert_eq!(wait_for_cancel(&first.call_ref()), Status::Ok);
        let _gone = binding.call::<_, Number>(1, &());
        (first, taken.recv().unwrap())
    };
    drop(clients);
    assert_eq!(wait_for_cancel(&second.call_ref()), Status::Ok);
    assert_eq!(first.complete(&number(1)), Ok(()), "nobody hears it");
    assert_eq!(second.complete(&number(1)), Ok(()), "nobody hears it");
}

#[test]
fn a_delay_counts_from_when_it_is_asked_for() {
    const DELAY: Duration = Duration::from_millis(20);
    let runtime = runtime();
    let serving = serve(
        &runtime,
        routine(|mut call| {
            let deferred: ServerCall<Number> = call.defer()?;
            let busy_until = Instant::now() + 2 * DELAY;
            while Instant::now() < busy_until {
                std::hint::spin_loop();
            }
            let asked = Instant::now();
            call.context().after(DELAY, move || {
                let waited = asked.elapsed().as_nanos() as u64;
                deferred.complete(&number(waited)).unwrap();
            })
        }),
    );
    let waited = bind(&runtime, &serving).call_blocking::<_, Number>(0, &());
    assert!(Duration::from_nanos(waited.unwrap().value) >= DELAY);
}

#[test]
fn rule_36_a_manager_is_told_of_a_cancel_and_of_a_client_that_goes() {
    let (servers, clients) = (runtime(), runtime());
    let (send, notices) = mpsc::channel();
    let (keep, kept) = mpsc::channel();
    let serving = serve(
        &servers,
        routine(move |mut call| {
            let number = call.opnum().into();
            let deferred: ServerCall<Number> = call.defer()?;
            for event in [
                NotificationEvent::ClientCancel,
                NotificationEvent::ClientDisconnect,
            ] {
                let send = send.clone();
                let tell = Notify::callback(move |notice| {
                    send.send((notice.event, notice.user_info)).unwrap();
                });
                deferred.subscribe(event, tell, number)?;
            }
            keep.send(deferred).map_err(|_| Status::ServerTooBusy)
        }),
    );
    let binding = bind(&clients, &serving);
    let mut handle = AsyncHandle::<Number>::new(Notify::None);
    binding.call_async(&mut handle, 4, &()).unwrap();
    let first = kept.recv().unwrap();
    handle.cancel(CancelKind::NonAbortive).unwrap();
    let patience = Duration::from_secs(20);
    assert_eq!(
        notices.recv_timeout(patience),
        Ok((NotificationEvent::ClientCancel, 4))
    );
    assert_eq!(first.unsubscribe(NotificationEvent::ClientCancel), Ok(1));
    assert_eq!(
        first.unsubscribe(NotificationEvent::ClientDisconnect),
        Ok(0)
    );
    let _gone = binding.call::<_, Number>(5, &());
    let second = kept.recv().unwrap();
    drop(clients);
    assert_eq!(
        notices.recv_timeout(patience),
        Ok((NotificationEvent::ClientDisconnect, 5))
    );
    drop((first, second, servers, serving));
    assert_eq!(
        notices.try_recv(),
        Err(mpsc::TryRecvError::Disconnected),
        "that was all"
    );
}
