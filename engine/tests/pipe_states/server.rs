//! What the manager routine of a call with pipes goes through.

use annulus::NotificationEvent::{ReceiveComplete, SendComplete};
use annulus::Status;

use super::client::is_failure;
use super::stage::{Caller, FAILURE, Kind, Manner, Number, Served, Stage};

const NUMBER: Number = Number { number: 7 };

/// Aborts a call: its client learns of that, and nothing is left.
#[track_caller]
fn abort(mut stage: Stage, caller: Caller, served: Served) {
    served.call.abort(FAILURE).unwrap();
    stage.ended(caller, Err(FAILURE));
    stage.nothing_is_left();
}

/// A call that its client has given up; the manager has not looked yet.
fn given_up(kind: Kind) -> (Stage, Served) {
    let mut stage = Stage::new(kind);
    let (caller, served) = stage.call_to_out_pipe();
    caller.give_up();
    stage.ended(caller, Err(Status::CallCancelled));
    (stage, served)
}

/// A call whose manager's pull has found nothing.
fn waiting(kind: Kind) -> (Stage, Caller, Served) {
    let mut stage = Stage::new(kind);
    let (caller, mut served) = stage.call();
    let pulled = served.pull().pull(&mut Vec::new(), 1);
    assert_eq!(pulled, Err(Status::AsyncCallPending));
    (stage, caller, served)
}

/// A call whose out-pipe's turn has come.
fn pushing(kind: Kind) -> (Stage, Caller, Served) {
    let mut stage = Stage::new(kind);
    let (caller, served) = stage.call_to_out_pipe();
    (stage, caller, served)
}

/// The same, and it takes no more.
fn full(kind: Kind) -> (Stage, Caller, Served) {
    let (mut stage, caller, mut served) = pushing(kind);
    while served.push().push(&[5; 1024]) != Err(Status::SendIncomplete) {
        stage.settle();
    }
    served.events.take();
    (stage, caller, served)
}

/// A call whose out-pipe has been ended, and the end not sent.
fn ended(kind: Kind) -> (Stage, Caller, Served) {
    let (stage, caller, mut served) = pushing(kind);
    assert_eq!(served.push().push(&[]), Ok(()));
    served.events.are(&[]);
    (stage, caller, served)
}

pub(crate) fn dispatch_hands_over(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, mut served) = stage.call();
    if kind.has_out() && kind.has_in() {
        let early = served.push().push(&[1]);
        assert_eq!(early, Err(Status::WrongPipeOrder));
    }
    if kind.has_in() {
        caller.push().finish().unwrap();
        stage.settle();
    }
    served.complete(7);
    stage.settle();
    if kind.has_out() {
        assert_eq!(caller.pull().pull(&mut Vec::new(), 1), Ok(0));
    }
    stage.ended(caller, Ok(7));
    stage.nothing_is_left();
}

fn fails_at_once(kind: Kind, manner: Manner, status: Status) {
    let mut stage = Stage::with_manner(kind, manner);
    let caller = stage.make();
    stage.ended(caller, Err(status));
    stage.nothing_is_left();
}

pub(crate) fn manager_fails(kind: Kind) {
    fails_at_once(kind, Manner::Fails, FAILURE);
}

pub(crate) fn manager_panics(kind: Kind) {
    fails_at_once(kind, Manner::Panics, Status::CallFailed);
}

pub(crate) fn manager_aborts_at_once(kind: Kind) {
    fails_at_once(kind, Manner::Aborts, FAILURE);
}

pub(crate) fn pull_fails(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (caller, mut served) = stage.call();
    caller.give_up();
    stage.ended(caller, Err(Status::CallCancelled));
    is_failure(served.pull().pull(&mut Vec::new(), 1).unwrap_err());
    drop(served);
    stage.nothing_is_left();
}

pub(crate) fn pull_gives_elements(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, mut served) = stage.call();
    caller.push().push(&[1, 2, 3, 4, 5]).unwrap();
    caller.push().flush().unwrap();
    stage.settle();
    let mut pulled = Vec::new();
    for count in [2, 2, 1] {
        assert_eq!(served.pull().pull(&mut pulled, 2), Ok(count));
    }
    assert_eq!(pulled, [1, 2, 3, 4, 5]);
}

pub(crate) fn pull_gives_the_end(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, mut served) = stage.call();
    caller.push().finish().unwrap();
    stage.settle();
    assert_eq!(served.pull().pull(&mut Vec::new(), 1), Ok(0));
    let behind = served.pull().pull(&mut Vec::new(), 1);
    assert_eq!(behind, Err(Status::PipeEmpty));
    if kind.has_out() {
        assert_eq!(served.push().push(&[1]), Ok(()), "the out-pipe's turn");
    } else {
        assert_eq!(served.call.complete(&NUMBER), Ok(()));
        stage.ended(caller, Ok(7));
    }
}

pub(crate) fn pull_is_pending(kind: Kind) {
    let (mut stage, _caller, served) = waiting(kind);
    stage.settle();
    served.events.are(&[]);
}

pub(crate) fn abort_before_pull(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, served) = stage.call();
    caller.push().push(&[1; 100]).unwrap();
    stage.settle();
    abort(stage, caller, served);
}

pub(crate) fn no_receive_complete_comes(kind: Kind) {
    let (stage, mut caller, served) = waiting(kind);
    // On its way, but it does not arrive in time.
    caller.push().push(&[1; 8]).unwrap();
    served.events.are(&[]);
    abort(stage, caller, served);
}

pub(crate) fn receive_fails(kind: Kind) {
    let (mut stage, caller, mut served) = waiting(kind);
    caller.give_up();
    stage.ended(caller, Err(Status::CallCancelled));
    served.events.are(&[ReceiveComplete]);
    is_failure(served.pull().pull(&mut Vec::new(), 1).unwrap_err());
    assert_eq!(served.call.abort(FAILURE), Ok(()));
    stage.settle();
    stage.nothing_is_left();
}

pub(crate) fn receive_complete_with_elements(kind: Kind) {
    let (mut stage, mut caller, mut served) = waiting(kind);
    caller.push().push(&[1; 8]).unwrap();
    caller.push().flush().unwrap();
    stage.settle();
    served.events.are(&[ReceiveComplete]);
    let mut pulled = Vec::new();
    assert_eq!(served.pull().pull(&mut pulled, 100), Ok(8));
    assert_eq!(pulled, [1; 8]);
    let behind = served.pull().pull(&mut Vec::new(), 1);
    assert_eq!(behind, Err(Status::AsyncCallPending));
}

pub(crate) fn receive_complete_at_the_end(kind: Kind) {
    let (mut stage, mut caller, mut served) = waiting(kind);
    caller.push().finish().unwrap();
    stage.settle();
    served.events.are(&[ReceiveComplete]);
    assert_eq!(served.pull().pull(&mut Vec::new(), 1), Ok(0));
    if kind.has_out() {
        assert_eq!(served.push().push(&[1]), Ok(()), "the out-pipe's turn");
    } else {
        assert_eq!(served.call.complete(&NUMBER), Ok(()));
        stage.ended(caller, Ok(7));
    }
}

pub(crate) fn connection_is_lost_under_a_pull(kind: Kind) {
    let (mut stage, caller, mut served) = waiting(kind);
    drop(caller);
    stage.lose_client();
    served.events.are(&[ReceiveComplete]);
    is_failure(served.pull().pull(&mut Vec::new(), 1).unwrap_err());
    assert_eq!(served.call.abort(FAILURE), Ok(()));
    stage.settle();
    stage.nothing_is_left();
}

pub(crate) fn abort_under_a_pull(kind: Kind) {
    let (stage, caller, served) = waiting(kind);
    abort(stage, caller, served);
}

pub(crate) fn push_succeeds(kind: Kind) {
    let (mut stage, mut caller, mut served) = pushing(kind);
    assert_eq!(served.push().push(&[1; 8]), Ok(()));
    stage.settle();
    served.events.are(&[SendComplete]);
    served.push().flush().unwrap();
    stage.settle();
    assert_eq!(caller.pull().pull(&mut Vec::new(), 100), Ok(8));
}

pub(crate) fn push_fails(kind: Kind) {
    let (mut stage, mut served) = given_up(kind);
    is_failure(served.push().push(&[1]).unwrap_err());
    drop(served);
    stage.settle();
    stage.nothing_is_left();
}

pub(crate) fn abort_before_push(kind: Kind) {
    let (stage, caller, served) = pushing(kind);
    abort(stage, caller, served);
}

pub(crate) fn no_send_complete_comes(kind: Kind) {
    let (stage, caller, mut served) = pushing(kind);
    served.push().push(&[1; 8]).unwrap();
    served.events.are(&[]);
    abort(stage, caller, served);
}

pub(crate) fn send_complete_and_more_data(kind: Kind) {
    let (mut stage, mut caller, mut served) = pushing(kind);
    for part in [[1; 8], [2; 8]] {
        served.push().push(&part).unwrap();
        stage.settle();
        served.events.are(&[SendComplete]);
    }
    served.push().flush().unwrap();
    stage.settle();
    let mut pulled = Vec::new();
    assert_eq!(caller.pull().pull(&mut pulled, 100), Ok(16));
    assert_eq!(pulled, [[1; 8], [2; 8]].concat());
}

pub(crate) fn send_complete_and_no_more_data(kind: Kind) {
    let (mut stage, mut caller, mut served) = pushing(kind);
    served.push().push(&[1]).unwrap();
    stage.settle();
    served.events.are(&[SendComplete]);
    assert_eq!(served.push().push(&[]), Ok(()));
    served.call.complete(&NUMBER).unwrap();
    stage.settle();
    assert_eq!(caller.pull().pull(&mut Vec::new(), 9), Ok(1));
    assert_eq!(caller.pull().pull(&mut Vec::new(), 9), Ok(0));
    stage.ended(caller, Ok(7));
}

pub(crate) fn a_refused_push_hears_of_the_failure(kind: Kind) {
    let (mut stage, caller, mut served) = full(kind);
    caller.give_up();
    stage.ended(caller, Err(Status::CallCancelled));
    let events = served.events.take();
    assert!(events.contains(&SendComplete), "the manager waits for ever");
    is_failure(served.push().push(&[1]).unwrap_err());
    let completed = served.call.complete(&NUMBER);
    assert_eq!(completed, Err(Status::PipeDisciplineError));
    stage.settle();
    stage.nothing_is_left();
}

pub(crate) fn abort_a_refused_push(kind: Kind) {
    let (mut stage, mut caller, served) = full(kind);
    served.call.abort(FAILURE).unwrap();
    stage.settle();
    // The fault comes behind the data that the client has not pulled.
    assert_eq!(stage.drain(caller.pull()).1, Err(FAILURE));
    stage.ended(caller, Err(FAILURE));
    stage.nothing_is_left();
}

pub(crate) fn null_push_succeeds(kind: Kind) {
    let (_stage, _caller, mut served) = ended(kind);
    assert_eq!(served.push().push(&[1]), Err(Status::PipeClosed));
}

pub(crate) fn null_push_fails(kind: Kind) {
    let (mut stage, mut served) = given_up(kind);
    is_failure(served.push().push(&[]).unwrap_err());
    let completed = served.call.complete(&NUMBER);
    assert_eq!(completed, Err(Status::PipeDisciplineError));
    stage.settle();
    stage.nothing_is_left();
}

pub(crate) fn abort_before_null_push(kind: Kind) {
    let (mut stage, caller, mut served) = pushing(kind);
    served.push().push(&[1; 8]).unwrap();
    stage.settle();
    abort(stage, caller, served);
}

pub(crate) fn no_send_complete_of_the_null_push_comes(kind: Kind) {
    let (stage, caller, served) = ended(kind);
    abort(stage, caller, served);
}

pub(crate) fn send_of_the_null_push_fails(kind: Kind) {
    let (mut stage, caller, served) = ended(kind);
    drop(caller);
    stage.lose_client();
    let events = served.events.take();
    assert!(events.contains(&SendComplete), "the manager waits for ever");
    assert_eq!(served.call.test_cancel(), Status::Ok);
    // The end was pushed, so there is nothing to object to; nobody hears of it.
    assert_eq!(served.call.complete(&NUMBER), Ok(()));
    stage.settle();
    stage.nothing_is_left();
}

pub(crate) fn send_complete_of_the_null_push_comes(kind: Kind) {
    let (mut stage, mut caller, served) = ended(kind);
    stage.settle();
    served.events.are(&[SendComplete]);
    served.call.complete(&NUMBER).unwrap();
    stage.settle();
    assert_eq!(caller.pull().pull(&mut Vec::new(), 9), Ok(0));
    stage.ended(caller, Ok(7));
    stage.nothing_is_left();
}

pub(crate) fn abort_ends(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (caller, served) = stage.call();
    abort(stage, caller, served);
}

pub(crate) fn complete_ends(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (mut caller, served) = stage.call_to_out_pipe();
    if kind == Kind::In {
        // The in-pipe was ended on the way.
        assert!(caller.push().is_ended());
    }
    served.complete(7);
    stage.settle();
    if kind.has_out() {
        assert_eq!(caller.pull().pull(&mut Vec::new(), 1), Ok(0));
    }
    stage.ended(caller, Ok(7));
    stage.nothing_is_left();
}
