//! The rules of cancelling, by their numbers.

mod held;
mod raw;

use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use annulus::{AsyncHandle, BindingOptions, CancelKind, Limits, Notify, Status};
use held::{HOLD, Number, PATIENCE, Scene, echo, handle, hold};
use raw::{MULTIPLEXING, bind_ack, read_pdu, server_by_hand};

#[test]
fn rule_21_only_a_call_that_was_issued_can_be_cancelled() {
    let (handle, _) = handle();
    for kind in [CancelKind::Abortive, CancelKind::NonAbortive] {
        assert_eq!(handle.cancel(kind), Err(Status::InvalidAsyncHandle));
        assert_eq!(
            handle.reference().cancel(kind),
            Err(Status::InvalidAsyncHandle)
        );
    }
}

#[test]
fn rule_22_a_cancelled_call_is_still_to_be_waited_for_and_completed() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, event) = handle();
    hold(&binding, &mut handle, 1).unwrap();
    handle.cancel(CancelKind::Abortive).unwrap();
    assert!(event.wait_timeout(PATIENCE));
    assert_eq!(
        hold(&binding, &mut handle, 2),
        Err(Status::InvalidAsyncCall)
    );
    assert_eq!(handle.status(), Status::CallCancelled);
    assert_eq!(handle.cancel(CancelKind::Abortive), Ok(()), "no harm");
    assert_eq!(handle.complete(), Err(Status::CallCancelled));
}

#[test]
fn rule_23_an_abortive_cancel_ends_the_call_at_once_and_its_late_reply_harms_no_other() {
    for options in [
        BindingOptions::new(),
        BindingOptions::new().one_call_per_connection(),
    ] {
        let scene = Scene::new();
        let binding = scene.binding_with(options.non_causal());
        let (mut handle, _) = handle();
        let (mut neighbour, _) = held::handle();
        hold(&binding, &mut neighbour, 1).unwrap();
        let neighbours = scene.next_held();
        hold(&binding, &mut handle, 2).unwrap();
        let held = scene.next_held();
        handle.cancel(CancelKind::Abortive).unwrap();
        assert_eq!(handle.wait(), Err(Status::CallCancelled));
        while held.call.test_cancel() == Status::CallInProgress {
            thread::yield_now();
        }
        held.answer();
        neighbours.answer();
        assert_eq!(neighbour.wait(), Ok(Number { number: 1 }));
        assert_eq!(echo(&binding, 3), Ok(3));
    }
}

#[test]
fn rule_23_dropping_a_handle_or_a_future_is_an_abortive_cancel() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, _) = handle();
    hold(&binding, &mut handle, 1).unwrap();
    let first = scene.next_held();
    drop(handle);
    let future = binding.call::<_, Number>(HOLD, &Number { number: 2 });
    let second = scene.next_held();
    drop(future);
    for held in [first, second] {
        while held.call.test_cancel() == Status::CallInProgress {
            thread::yield_now();
        }
    }
}

#[test]
fn rule_24_non_abortive_cancel_waits_for_the_server() {
    let scene = Scene::new();
    let (mut handle, _) = handle();
    hold(&scene.binding(), &mut handle, 1).unwrap();
    let held = scene.next_held();
    assert_eq!(held.call.test_cancel(), Status::CallInProgress);
    handle.cancel(CancelKind::NonAbortive).unwrap();
    while held.call.test_cancel() == Status::CallInProgress {
        thread::yield_now();
    }
    assert_eq!(handle.status(), Status::AsyncCallPending);
    held.call.complete(&Number { number: 5 }).unwrap();
    assert_eq!(
        handle.wait(),
        Ok(Number { number: 5 }),
        "the server's own answer"
    );
}

#[test]
fn rule_24_the_documented_pattern_and_the_option_that_does_it_by_itself() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, event) = handle();
    hold(&binding, &mut handle, 1).unwrap();
    let stubborn = scene.next_held();
    handle.cancel(CancelKind::NonAbortive).unwrap();
    while stubborn.call.test_cancel() == Status::CallInProgress {
        thread::yield_now();
    }
    assert_eq!(echo(&binding, 1), Ok(1));
    assert!(!event.is_set(), "the server does not answer");
    handle.cancel(CancelKind::Abortive).unwrap();
    assert_eq!(handle.wait(), Err(Status::CallCancelled));

    hold(&binding, &mut handle, 2).unwrap();
    let held = scene.next_held();
    let after = Duration::from_millis(30);
    handle.cancel(CancelKind::Escalating { after }).unwrap();
    while held.call.test_cancel() == Status::CallInProgress {
        thread::yield_now();
    }
    assert_eq!(handle.wait(), Err(Status::CallCancelled));

    hold(&binding, &mut handle, 3).unwrap();
    let held = scene.next_held();
    let after = PATIENCE;
    handle.cancel(CancelKind::Escalating { after }).unwrap();
    held.answer();
    assert_eq!(
        handle.wait(),
        Ok(Number { number: 3 }),
        "the server was in time"
    );
}

/// The server answers nothing but the last call, and tells what else it was sent.
#[test]
fn rule_27_the_server_is_told_by_cancel_and_orphaned_of_that_very_call() {
    const CO_CANCEL: u8 = 18;
    const ORPHANED: u8 = 19;
    let (send, sent) = mpsc::channel();
    let port = server_by_hand(move |_, mut stream| {
        let bind = read_pdu(&mut stream).unwrap();
        stream.write_all(&bind_ack(&bind, MULTIPLEXING)).unwrap();
        while let Ok(pdu) = read_pdu(&mut stream) {
            send.send((pdu[2], pdu[12])).unwrap();
        }
    });
    let runtime = held::runtime(Limits::default());
    let echo = raw::echo_client(&runtime, port);
    let next = move || sent.recv_timeout(PATIENCE).unwrap();
    let mut handles = [(); 2].map(|()| AsyncHandle::new(Notify::None));
    for handle in &mut handles {
        echo.add_one_async(handle, 1).unwrap();
    }
    let ((_, first), (_, second)) = (next(), next());
    handles[1].cancel(CancelKind::NonAbortive).unwrap();
    assert_eq!(next(), (CO_CANCEL, second));
    handles[0].cancel(CancelKind::Abortive).unwrap();
    assert_eq!(next(), (ORPHANED, first));
    drop(handles);
    assert_eq!(next(), (ORPHANED, second));
}
