//! The rules of asynchronous calls for the client, by their numbers: handle, notification,
//! completion.

mod held;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use annulus::{
    ApcThread, AsyncHandle, BindingOptions, CancelKind, CompletionPort, Event, HandleRef, Message,
    Notification, NotificationEvent, Notify, PostError, Status, WaitResult, sleep_ex,
};
use held::{Bytes, ECHO, HOLD, Held, Number, PATIENCE, Scene, echo, handle, hold};

#[test]
fn rule_01_a_handle_that_goes_early_leaves_nothing_that_a_late_reply_could_harm() {
    let scene = Scene::new();
    let binding = scene.binding();
    for number in 0..20 {
        let (mut handle, _) = handle();
        hold(&binding, &mut handle, number).unwrap();
        let held = scene.next_held();
        drop(handle);
        held.answer();
        assert_eq!(echo(&binding, number), Ok(number));
    }
}

#[test]
fn rule_02_a_handle_without_a_call_is_invalid_and_user_data_travels_untouched() {
    let scene = Scene::new();
    let (send, told) = mpsc::channel();
    let mut handle = AsyncHandle::<Number>::new(Notify::callback(move |notice| {
        send.send(notice).unwrap();
    }));
    assert_eq!(handle.status(), Status::InvalidAsyncHandle);
    assert_eq!(handle.complete(), Err(Status::InvalidAsyncHandle));
    assert_eq!(handle.wait(), Err(Status::InvalidAsyncHandle));
    for user_info in [0, 77, u64::MAX] {
        handle.set_user_info(user_info);
        hold(&scene.binding(), &mut handle, 1).unwrap();
        assert_eq!(handle.user_info(), user_info);
        scene.next_held().answer();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap().user_info, user_info);
        assert_eq!(handle.complete(), Ok(Number { number: 1 }));
        assert_eq!(handle.user_info(), user_info);
    }
}

#[test]
fn rule_03_a_handle_in_flight_takes_no_second_call_and_a_completed_one_does() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, event) = handle();
    for number in 0..10 {
        hold(&binding, &mut handle, number).unwrap();
        assert_eq!(
            hold(&binding, &mut handle, 99),
            Err(Status::InvalidAsyncCall)
        );
        scene.next_held().answer();
        assert!(event.wait_timeout(PATIENCE));
        assert_eq!(
            hold(&binding, &mut handle, 99),
            Err(Status::InvalidAsyncCall),
            "its outcome was not taken"
        );
        assert_eq!(handle.complete(), Ok(Number { number }));
    }
    assert_eq!(scene.seen(), (0..10).collect::<Vec<_>>());
}

#[test]
fn rule_04_each_kind_of_notification_tells_once_and_the_others_stay_silent() {
    let scene = Scene::new();
    let binding = scene.binding();
    let event = Event::auto_reset();
    let port = CompletionPort::new(1);
    let (queue, messages) = mpsc::channel::<Message>();
    let (apc, apcs) = mpsc::channel::<Notification>();
    let (callback, callbacks) = mpsc::channel::<Notification>();
    let kinds = [
        Notify::None,
        Notify::Event(event.clone()),
        Notify::apc(move |notice| apc.send(notice).unwrap()),
        Notify::CompletionPort {
            port: port.clone(),
            bytes: 1,
            key: 2,
            overlapped: 3,
        },
        Notify::Window {
            queue: Arc::new(queue),
            message: 4,
        },
        Notify::callback(move |notice| callback.send(notice).unwrap()),
    ];
    for (kind, notify) in kinds.into_iter().enumerate() {
        let mut handle = AsyncHandle::<Number>::new(notify);
        hold(&binding, &mut handle, 1).unwrap();
        scene.next_held().answer();
        assert_eq!(handle.wait(), Ok(Number { number: 1 }));
        // The notification came before the answer to the next call.
        assert_eq!(echo(&binding, 2), Ok(2));
        let _ = sleep_ex(Duration::ZERO, true);
        let told = [
            event.wait_timeout(Duration::ZERO),
            apcs.try_recv().is_ok(),
            port.try_get().is_ok(),
            messages.try_recv().is_ok(),
            callbacks.try_recv().is_ok(),
        ];
        let expected = [1, 2, 3, 4, 5].map(|number| number == kind);
        assert_eq!(told, expected);
        let again = apcs.try_iter().count() + messages.try_iter().count();
        assert_eq!(again + callbacks.try_iter().count(), 0);
        assert!(port.try_get().is_err());
    }
}

#[test]
fn rule_05_synchronous_calls_run_while_an_asynchronous_one_is_pending() {
    for options in [
        BindingOptions::new(),
        BindingOptions::new().one_call_per_connection(),
    ] {
        let scene = Scene::new();
        let binding = scene.binding_with(options);
        let (mut handle, _) = handle();
        hold(&binding, &mut handle, 1).unwrap();
        let held = scene.next_held();
        for number in 2..5 {
            assert_eq!(echo(&binding, number), Ok(number));
        }
        assert_eq!(handle.status(), Status::AsyncCallPending);
        held.answer();
        assert_eq!(handle.wait(), Ok(Number { number: 1 }));
    }
}

#[test]
fn rule_06_a_call_that_cannot_be_issued_notifies_nobody_and_leaves_no_state() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, event) = handle();
    let contradiction = Bytes {
        len: 3,
        content: vec![1],
    };
    let refused = binding.call_async(&mut handle, HOLD, &contradiction);
    assert_eq!(refused, Err(Status::BadStubData));
    assert_eq!(handle.status(), Status::InvalidAsyncHandle);
    hold(&binding, &mut handle, 1).unwrap();
    assert!(!event.is_set());
    scene.next_held().answer();
    assert_eq!(handle.wait(), Ok(Number { number: 1 }));
    assert_eq!(scene.seen(), [1]);
}

#[test]
fn rule_07_a_call_is_made_waited_for_and_completed_also_when_it_is_given_up() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, event) = handle();
    for is_given_up in [false, true, false] {
        assert_eq!(handle.status(), Status::InvalidAsyncHandle, "end");
        hold(&binding, &mut handle, 1).unwrap();
        assert_eq!(handle.status(), Status::AsyncCallPending, "make");
        let held = scene.next_held();
        let expected = if is_given_up {
            handle.cancel(CancelKind::Abortive).unwrap();
            Err(Status::CallCancelled)
        } else {
            held.answer();
            Ok(Number { number: 1 })
        };
        assert!(event.wait_timeout(PATIENCE), "wait");
        assert_eq!(handle.complete(), expected, "complete");
    }
}

#[test]
fn rule_08_the_call_of_a_thread_that_ended_is_not_lost() {
    let scene = Scene::new();
    let binding = scene.binding();
    let mut handle = thread::spawn(move || {
        let mut handle = AsyncHandle::<Number>::new(Notify::apc(|_| panic!("nobody waits here")));
        hold(&binding, &mut handle, 5).unwrap();
        handle
    })
    .join()
    .unwrap();
    assert_eq!(handle.status(), Status::AsyncCallPending);
    scene.next_held().answer();
    assert_eq!(handle.wait(), Ok(Number { number: 5 }));
}

#[test]
fn rule_09_the_wire_does_not_tell_synchronous_from_asynchronous() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, _) = handle();
    let asynchronous = binding.call_async(&mut handle, ECHO, &Number { number: 3 });
    asynchronous.unwrap();
    assert_eq!(handle.wait(), Ok(Number { number: 3 }));
    thread::scope(|scope| {
        let synchronous =
            scope.spawn(|| binding.call_blocking::<_, Number>(HOLD, &Number { number: 4 }));
        scene.next_held().answer();
        assert_eq!(synchronous.join().unwrap(), Ok(Number { number: 4 }));
    });
}

#[test]
fn rule_10_a_wait_for_the_event_that_begins_after_completion_returns_at_once() {
    let scene = Scene::new();
    let binding = scene.binding();
    for event in [Event::auto_reset(), Event::manual_reset()] {
        let mut handle = AsyncHandle::<Number>::new(Notify::Event(event.clone()));
        hold(&binding, &mut handle, 1).unwrap();
        assert!(!event.is_set());
        scene.next_held().answer();
        while handle.status() == Status::AsyncCallPending || !event.is_set() {
            thread::yield_now();
        }
        assert!(event.wait_timeout(Duration::ZERO));
        assert_eq!(handle.complete(), Ok(Number { number: 1 }));
    }
}

#[test]
fn rule_11_polling_sees_the_end_and_completing_stays_mandatory() {
    let scene = Scene::new();
    let mut handle = AsyncHandle::<Number>::new(Notify::None);
    hold(&scene.binding(), &mut handle, 8).unwrap();
    let held = scene.next_held();
    assert_eq!(handle.status(), Status::AsyncCallPending);
    held.answer();
    while handle.status() == Status::AsyncCallPending {
        thread::yield_now();
    }
    assert_eq!(handle.status(), Status::Ok, "until it is completed");
    assert_eq!(handle.complete(), Ok(Number { number: 8 }));
}

#[test]
fn rule_12_an_apc_runs_on_its_thread_in_an_alertable_wait_alone() {
    let scene = Scene::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&told);
    let here = thread::current().id();
    let mut handle = AsyncHandle::<Number>::new(Notify::apc(move |notice| {
        assert_eq!(thread::current().id(), here);
        note.lock().unwrap().push(notice);
    }));
    hold(&scene.binding(), &mut handle, 1).unwrap();
    let reference = handle.reference();
    scene.next_held().answer();
    while handle.status() == Status::AsyncCallPending {
        assert_eq!(
            sleep_ex(Duration::from_millis(1), false),
            WaitResult::TimedOut
        );
    }
    assert!(told.lock().unwrap().is_empty(), "no wait was alertable");
    assert_eq!(sleep_ex(PATIENCE, true), WaitResult::ApcsDelivered);
    let told = told.lock().unwrap().pop().unwrap();
    assert_eq!(told.handle, reference);
    assert_eq!(told.event, NotificationEvent::CallComplete);
}

#[test]
fn rule_12_an_apc_goes_to_the_thread_that_was_named() {
    let scene = Scene::new();
    let (name, named) = mpsc::channel();
    let waiting = thread::spawn(move || {
        name.send(ApcThread::current()).unwrap();
        sleep_ex(PATIENCE, true)
    });
    let (ran, runs) = mpsc::channel();
    let mut handle = AsyncHandle::<Number>::new(Notify::Apc {
        thread: named.recv().unwrap(),
        routine: Arc::new(move |_| ran.send(thread::current().id()).unwrap()),
    });
    hold(&scene.binding(), &mut handle, 1).unwrap();
    scene.next_held().answer();
    assert_eq!(runs.recv_timeout(PATIENCE), Ok(waiting.thread().id()));
    assert_eq!(waiting.join().unwrap(), WaitResult::ApcsDelivered);
}

#[test]
fn rule_13_a_port_delivers_the_callers_numbers_unchanged() {
    let scene = Scene::new();
    let port = CompletionPort::new(1);
    let mut handle = AsyncHandle::<Number>::new(Notify::CompletionPort {
        port: port.clone(),
        bytes: u32::MAX,
        key: 0x1234_5678_9abc_def0,
        overlapped: u64::MAX - 1,
    });
    hold(&scene.binding(), &mut handle, 1).unwrap();
    assert!(
        port.get(Some(Duration::ZERO)).is_err(),
        "a poll before the end"
    );
    let reference = handle.reference();
    scene.next_held().answer();
    let packet = port.get(Some(PATIENCE)).unwrap();
    assert_eq!(
        (packet.bytes, packet.key, packet.overlapped),
        (u32::MAX, 0x1234_5678_9abc_def0, u64::MAX - 1)
    );
    assert_eq!(packet.notification.unwrap().handle, reference);
    assert_eq!(handle.complete(), Ok(Number { number: 1 }));
}

#[test]
fn rule_13_a_closed_port_harms_no_call() {
    let scene = Scene::new();
    let port = CompletionPort::new(1);
    port.close();
    let mut handle = AsyncHandle::<Number>::new(Notify::CompletionPort {
        port,
        bytes: 0,
        key: 0,
        overlapped: 0,
    });
    hold(&scene.binding(), &mut handle, 1).unwrap();
    scene.next_held().answer();
    assert_eq!(handle.wait(), Ok(Number { number: 1 }));
}

#[test]
fn rule_14_a_message_with_the_callers_number_and_the_handle_is_posted() {
    let scene = Scene::new();
    let (queue, messages) = mpsc::channel::<Message>();
    let mut handle = AsyncHandle::<Number>::new(Notify::Window {
        queue: Arc::new(queue),
        message: 0x8001,
    });
    hold(&scene.binding(), &mut handle, 1).unwrap();
    let reference = handle.reference();
    scene.next_held().answer();
    let message = messages.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        (message.number, &message.notification.handle),
        (0x8001, &reference)
    );
}

#[test]
fn rule_14_a_queue_that_takes_nothing_or_panics_harms_no_call() {
    let scene = Scene::new();
    let binding = scene.binding();
    let full = |_: Message| Err(PostError::Full);
    let broken = |_: Message| -> Result<(), PostError> { panic!("a broken queue") };
    let queues: [Arc<dyn annulus::MessageQueue>; 2] = [Arc::new(full), Arc::new(broken)];
    for queue in queues {
        let mut handle = AsyncHandle::<Number>::new(Notify::Window { queue, message: 1 });
        hold(&binding, &mut handle, 1).unwrap();
        scene.next_held().answer();
        assert_eq!(handle.wait(), Ok(Number { number: 1 }));
        assert_eq!(echo(&binding, 2), Ok(2));
    }
}

#[test]
fn rule_15_a_callback_runs_on_the_core_and_its_panic_ends_nothing_else() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (send, told) = mpsc::channel();
    let mut handle = AsyncHandle::<Number>::new(Notify::callback(move |notice: Notification| {
        let name = thread::current().name().map(str::to_owned);
        send.send((notice.event, name)).unwrap();
        panic!("contained");
    }));
    for number in 0..3 {
        hold(&binding, &mut handle, number).unwrap();
        scene.next_held().answer();
        let (event, thread) = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(event, NotificationEvent::CallComplete);
        assert_eq!(thread.as_deref(), Some("annulus-0"));
        assert_eq!(handle.complete(), Ok(Number { number }));
        assert_eq!(echo(&binding, 9), Ok(9));
    }
}

#[test]
fn rule_16_without_notification_status_and_complete_work() {
    let scene = Scene::new();
    let mut handle = AsyncHandle::<Number>::new(Notify::None);
    hold(&scene.binding(), &mut handle, 1).unwrap();
    assert_eq!(handle.complete(), Err(Status::AsyncCallPending));
    scene.next_held().answer();
    assert_eq!(handle.wait(), Ok(Number { number: 1 }));
}

/// Three things that end a call at the same time, from three threads.
#[test]
fn rule_17_and_26_whatever_races_there_is_one_outcome_and_one_notification() {
    let scene = Scene::new();
    let binding = scene.binding();
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    let event = Event::auto_reset();
    let ring = event.clone();
    let mut handle = AsyncHandle::<Number>::new(Notify::callback(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        ring.set();
    }));
    let (send_call, calls) = mpsc::channel::<Held>();
    let (send_reference, references) = mpsc::channel::<HandleRef>();
    thread::scope(|scope| {
        scope.spawn(move || calls.into_iter().for_each(Held::answer));
        scope.spawn(move || {
            for (index, reference) in references.into_iter().enumerate() {
                let kind = [CancelKind::Abortive, CancelKind::NonAbortive][index % 2];
                let _ = reference.cancel(kind);
            }
        });
        for round in 0..2000 {
            hold(&binding, &mut handle, round).unwrap();
            let held = scene.next_held();
            let reference = handle.reference();
            send_call.send(held).unwrap();
            send_reference.send(reference).unwrap();
            if round % 3 == 0 {
                let _ = handle.cancel(CancelKind::Abortive);
            }
            assert!(event.wait_timeout(PATIENCE));
            let outcome = handle.complete();
            assert!(
                matches!(outcome, Ok(Number { number }) if number == round)
                    || outcome == Err(Status::CallCancelled),
                "{outcome:?}"
            );
            assert_eq!(handle.complete(), Err(Status::InvalidAsyncHandle));
        }
        drop((send_call, send_reference));
    });
    assert_eq!(echo(&binding, 1), Ok(1));
    assert_eq!(told.load(Ordering::Relaxed), 2000);
}

#[test]
fn rule_18_complete_before_the_reply_is_pending_and_the_call_stays_live() {
    let scene = Scene::new();
    let (mut handle, _) = handle();
    hold(&scene.binding(), &mut handle, 1).unwrap();
    for _ in 0..3 {
        assert_eq!(handle.complete(), Err(Status::AsyncCallPending));
    }
    scene.next_held().answer();
    assert_eq!(handle.wait(), Ok(Number { number: 1 }));
}

#[test]
fn rule_19_after_the_final_result_the_handle_and_its_names_are_invalid() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, _) = handle();
    hold(&binding, &mut handle, 1).unwrap();
    let stale = handle.reference();
    assert_eq!(stale.status(), Status::AsyncCallPending);
    scene.next_held().answer();
    assert!(handle.wait().is_ok());
    assert_eq!(handle.complete(), Err(Status::InvalidAsyncHandle));
    assert_eq!(handle.status(), Status::InvalidAsyncHandle);
    let kind = CancelKind::Abortive;
    assert_eq!(handle.cancel(kind), Err(Status::InvalidAsyncHandle));
    hold(&binding, &mut handle, 2).unwrap();
    let held = scene.next_held();
    assert_eq!(stale.status(), Status::InvalidAsyncHandle);
    assert_eq!(stale.cancel(kind), Err(Status::InvalidAsyncHandle));
    assert_ne!(stale, handle.reference());
    held.answer();
    assert_eq!(
        handle.wait(),
        Ok(Number { number: 2 }),
        "the next call is not hit"
    );
}

#[test]
fn rule_20_out_values_come_with_success_alone() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, _) = handle();
    hold(&binding, &mut handle, 1).unwrap();
    scene.next_held().call.abort(Status::Other(4711)).unwrap();
    assert_eq!(handle.wait(), Err(Status::Other(4711)));
    hold(&binding, &mut handle, 2).unwrap();
    let held = scene.next_held();
    handle.cancel(CancelKind::Abortive).unwrap();
    assert_eq!(handle.wait(), Err(Status::CallCancelled));
    held.answer();
    hold(&binding, &mut handle, 3).unwrap();
    scene.next_held().answer();
    assert_eq!(handle.wait(), Ok(Number { number: 3 }), "not the late one");
}

#[test]
fn rule_19_a_name_taken_before_a_call_does_not_name_it() {
    let scene = Scene::new();
    let (mut handle, _) = handle();
    let early = handle.reference();
    assert_eq!(early.status(), Status::InvalidAsyncHandle);
    hold(&scene.binding(), &mut handle, 1).unwrap();
    let held = scene.next_held();
    assert_ne!(early, handle.reference());
    assert_eq!(early.status(), Status::InvalidAsyncHandle);
    let kind = CancelKind::Abortive;
    assert_eq!(early.cancel(kind), Err(Status::InvalidAsyncHandle));
    held.answer();
    assert_eq!(handle.wait(), Ok(Number { number: 1 }));
}
