//! What a client of a call with pipes goes through.

use annulus::NotificationEvent::{CallComplete, ReceiveComplete, SendComplete};
use annulus::{CancelKind, Status};

use super::stage::{Caller, FAILURE, Kind, Served, Stage};

/// Cancels a call, waits for its end, and completes it.
#[track_caller]
fn give_up(mut stage: Stage, caller: Caller, served: Option<Served>) {
    caller.give_up();
    stage.ended(caller, Err(Status::CallCancelled));
    if let Some(served) = served {
        assert_eq!(served.call.test_cancel(), Status::Ok, "the server knows");
    }
    stage.settle();
    stage.nothing_is_left();
}

/// A call that its server has aborted; the client has not looked yet.
fn aborted(kind: Kind) -> (Stage, Caller) {
    let mut stage = Stage::new(kind);
    let (caller, served) = stage.call();
    served.call.abort(FAILURE).unwrap();
    stage.settle();
    (stage, caller)
}

/// A call whose in-pipe takes no more.
fn full(kind: Kind) -> (Stage, Caller, Served) {
    let mut stage = Stage::new(kind);
    let (mut caller, served) = stage.call();
    while caller.push().push(&[5; 1024]) != Err(Status::SendIncomplete) {
        stage.settle();
    }
    caller.events.take();
    (stage, caller, served)
}

/// A call whose out-pipe's turn has come.
fn pulling(kind: Kind) -> (Stage, Caller, Served) {
    let mut stage = Stage::new(kind);
    let (caller, served) = stage.call_to_out_pipe();
    (stage, caller, served)
}

/// The same, and its pull has found nothing.
fn waiting(kind: Kind) -> (Stage, Caller, Served) {
    let (stage, mut caller, served) = pulling(kind);
    let pulled = caller.pull().pull(&mut Vec::new(), 1);
    assert_eq!(pulled, Err(Status::AsyncCallPending));
    (stage, caller, served)
}

/// How a call whose client has given it up fails at the server.
#[track_caller]
pub(crate) fn is_failure(status: Status) {
    assert!(
        matches!(status, Status::CallCancelled | Status::CommFailure),
        "{status}"
    );
}

pub(crate) fn making_succeeds(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (caller, served) = stage.call();
    assert_eq!(caller.handle.status(), Status::AsyncCallPending);
    assert_eq!(served.call.test_cancel(), Status::CallInProgress);
}

pub(crate) fn making_fails(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (made, mut handle, events) = stage.make_badly();
    assert_eq!(made, Err(Status::BadStubData));
    stage.settle();
    events.are(&[]);
    assert_eq!(handle.complete(), Err(Status::InvalidAsyncHandle));
    stage.nothing_is_left();
}

pub(crate) fn cancel_after_making(kind: Kind) {
    let stage = Stage::new(kind);
    let caller = stage.make();
    give_up(stage, caller, None);
}

pub(crate) fn push_succeeds(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, mut served) = stage.call();
    caller.push().push(&[1, 2, 3]).unwrap();
    stage.settle();
    caller.events.are(&[SendComplete]);
    caller.push().flush().unwrap();
    stage.settle();
    let mut pulled = Vec::new();
    assert_eq!(served.pull().pull(&mut pulled, 10), Ok(3));
    assert_eq!(pulled, [1, 2, 3]);
}

pub(crate) fn push_fails(kind: Kind) {
    let (mut stage, mut caller) = aborted(kind);
    assert_eq!(caller.push().push(&[1]), Err(FAILURE));
    stage.ended(caller, Err(FAILURE));
    stage.nothing_is_left();
}

pub(crate) fn cancel_before_push(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (caller, served) = stage.call();
    give_up(stage, caller, Some(served));
}

pub(crate) fn no_send_complete_comes(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, served) = stage.call();
    caller.push().push(&[1]).unwrap();
    caller.events.are(&[]);
    give_up(stage, caller, Some(served));
}

pub(crate) fn send_complete_and_more_data(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, mut served) = stage.call();
    for part in [[1; 8], [2; 8]] {
        caller.push().push(&part).unwrap();
        stage.settle();
        caller.events.are(&[SendComplete]);
    }
    caller.push().flush().unwrap();
    stage.settle();
    let mut pulled = Vec::new();
    assert_eq!(served.pull().pull(&mut pulled, 100), Ok(16));
    assert_eq!(pulled, [[1; 8], [2; 8]].concat());
}

pub(crate) fn send_complete_and_no_more_data(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, mut served) = stage.call();
    caller.push().push(&[1]).unwrap();
    stage.settle();
    caller.events.are(&[SendComplete]);
    assert_eq!(caller.push().push(&[]), Ok(()));
    stage.settle();
    assert_eq!(served.pull().pull(&mut Vec::new(), 9), Ok(1));
    assert_eq!(served.pull().pull(&mut Vec::new(), 9), Ok(0));
}

pub(crate) fn call_complete_instead_of_send_complete(kind: Kind) {
    let (mut stage, caller, served) = full(kind);
    served.call.abort(FAILURE).unwrap();
    stage.ended(caller, Err(FAILURE));
    stage.nothing_is_left();
}

pub(crate) fn cancel_a_refused_push(kind: Kind) {
    let (mut stage, caller, mut served) = full(kind);
    caller.give_up();
    stage.ended(caller, Err(Status::CallCancelled));
    is_failure(stage.drain(served.pull()).1.unwrap_err());
    drop(served);
    stage.nothing_is_left();
}

pub(crate) fn null_push_succeeds(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, served) = stage.call();
    if kind.has_out() {
        let early = caller.pull().pull(&mut Vec::new(), 1);
        assert_eq!(early, Err(Status::WrongPipeOrder));
    }
    assert_eq!(caller.push().push(&[]), Ok(()));
    stage.settle();
    assert_eq!(caller.push().push(&[1]), Err(Status::PipeClosed));
    if kind.has_out() {
        let pulled = caller.pull().pull(&mut Vec::new(), 1);
        assert_eq!(pulled, Err(Status::AsyncCallPending));
    } else {
        served.complete(7);
        stage.ended(caller, Ok(7));
    }
}

pub(crate) fn null_push_fails(kind: Kind) {
    let (mut stage, mut caller) = aborted(kind);
    assert_eq!(caller.push().push(&[]), Err(FAILURE));
    stage.ended(caller, Err(FAILURE));
    stage.nothing_is_left();
}

pub(crate) fn cancel_before_null_push(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, served) = stage.call();
    caller.push().push(&[1]).unwrap();
    stage.settle();
    give_up(stage, caller, Some(served));
}

pub(crate) fn cancel_waits_for_the_server(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (caller, served) = stage.call();
    caller.handle.cancel(CancelKind::NonAbortive).unwrap();
    stage.settle();
    caller.events.are(&[]);
    assert_eq!(served.call.test_cancel(), Status::Ok);
    served.call.abort(Status::CallCancelled).unwrap();
    stage.ended(caller, Err(Status::CallCancelled));
    stage.nothing_is_left();
}

pub(crate) fn call_complete_comes(kind: Kind) {
    let (mut stage, mut caller, served) = filled(kind);
    let early = caller.handle.complete();
    assert_eq!(early, Err(Status::AsyncCallPending));
    served.complete(7);
    stage.settle();
    drain(&mut caller, kind);
    stage.settle();
    assert_eq!(caller.events.take().last(), Some(&CallComplete));
    assert_eq!(caller.handle.status(), Status::Ok);
}

pub(crate) fn complete_ends(kind: Kind) {
    let (mut stage, mut caller, served) = filled(kind);
    served.complete(7);
    stage.settle();
    drain(&mut caller, kind);
    stage.ended(caller, Ok(7));
    stage.nothing_is_left();
}

/// A call whose in-pipe, if it has one, was pushed to its end.
fn filled(kind: Kind) -> (Stage, Caller, Served) {
    let mut stage = Stage::new(kind);
    let (mut caller, served) = stage.call();
    if kind.has_in() {
        caller.push().finish().unwrap();
        stage.settle();
        caller.events.take();
    }
    (stage, caller, served)
}

/// Pulls the end of the out-pipe, if there is one.
fn drain(caller: &mut Caller, kind: Kind) {
    if kind.has_out() {
        assert_eq!(caller.pull().pull(&mut Vec::new(), 1), Ok(0));
    }
}

pub(crate) fn pull_fails(kind: Kind) {
    let (mut stage, mut caller, served) = pulling(kind);
    served.call.abort(FAILURE).unwrap();
    stage.settle();
    assert_eq!(caller.pull().pull(&mut Vec::new(), 1), Err(FAILURE));
    stage.ended(caller, Err(FAILURE));
    stage.nothing_is_left();
}

pub(crate) fn pull_gives_elements(kind: Kind) {
    let (mut stage, mut caller, mut served) = pulling(kind);
    served.push().push(&[1, 2, 3, 4, 5]).unwrap();
    served.push().flush().unwrap();
    stage.settle();
    let mut pulled = Vec::new();
    for count in [2, 2, 1] {
        assert_eq!(caller.pull().pull(&mut pulled, 2), Ok(count));
    }
    assert_eq!(pulled, [1, 2, 3, 4, 5]);
}

pub(crate) fn pull_gives_the_end(kind: Kind) {
    let (mut stage, mut caller, served) = pulling(kind);
    served.complete(7);
    stage.settle();
    assert_eq!(caller.pull().pull(&mut Vec::new(), 1), Ok(0));
    let behind = caller.pull().pull(&mut Vec::new(), 1);
    assert_eq!(behind, Err(Status::PipeEmpty));
    stage.ended(caller, Ok(7));
}

pub(crate) fn pull_is_pending(kind: Kind) {
    let (mut stage, caller, _served) = waiting(kind);
    stage.settle();
    caller.events.are(&[]);
}

pub(crate) fn cancel_before_pull(kind: Kind) {
    let (stage, caller, served) = pulling(kind);
    give_up(stage, caller, Some(served));
}

pub(crate) fn no_receive_complete_comes(kind: Kind) {
    let (mut stage, caller, mut served) = waiting(kind);
    // On its way, but it does not arrive in time.
    served.push().push(&[1; 8]).unwrap();
    caller.events.are(&[]);
    caller.give_up();
    stage.ended(caller, Err(Status::CallCancelled));
    drop(served);
    stage.nothing_is_left();
}

pub(crate) fn receive_fails(kind: Kind) {
    let (mut stage, mut caller, served) = waiting(kind);
    served.call.abort(FAILURE).unwrap();
    stage.settle();
    // The call's own notification tells of it, and a cancel changes nothing any more.
    assert_eq!(caller.handle.status(), FAILURE);
    assert_eq!(caller.pull().pull(&mut Vec::new(), 1), Err(FAILURE));
    let _ = caller.handle.cancel(CancelKind::Abortive);
    stage.ended(caller, Err(FAILURE));
    stage.nothing_is_left();
}

pub(crate) fn receive_complete_with_elements(kind: Kind) {
    let (mut stage, mut caller, mut served) = waiting(kind);
    served.push().push(&[1; 8]).unwrap();
    served.push().flush().unwrap();
    stage.settle();
    caller.events.are(&[ReceiveComplete]);
    let mut pulled = Vec::new();
    while pulled.len() < 8 {
        match caller.pull().pull(&mut pulled, 100) {
            Ok(count) => assert!(count > 0),
            Err(status) => panic!("{status}"),
        }
    }
    assert_eq!(pulled, [1; 8]);
    let behind = caller.pull().pull(&mut Vec::new(), 1);
    assert_eq!(behind, Err(Status::AsyncCallPending));
}

pub(crate) fn receive_complete_at_the_end(kind: Kind) {
    let (mut stage, mut caller, served) = waiting(kind);
    served.complete(7);
    stage.settle();
    assert_eq!(caller.events.take().first(), Some(&ReceiveComplete));
    assert_eq!(caller.pull().pull(&mut Vec::new(), 1), Ok(0));
    assert_eq!(caller.handle.complete().map(|it| it.number), Ok(7));
}

pub(crate) fn connection_is_lost_under_a_pull(kind: Kind) {
    let (mut stage, mut caller, served) = waiting(kind);
    drop(served);
    stage.lose_server();
    let pulled = caller.pull().pull(&mut Vec::new(), 1);
    assert_eq!(pulled, Err(Status::CallFailed));
    stage.ended(caller, Err(Status::CallFailed));
    stage.nothing_is_left();
}

pub(crate) fn cancel_under_a_pull(kind: Kind) {
    let (stage, caller, served) = waiting(kind);
    give_up(stage, caller, Some(served));
}
