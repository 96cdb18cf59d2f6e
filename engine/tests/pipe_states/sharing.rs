//! Calls with pipes that have to share a connection.

use annulus::{CancelKind, Status};

use super::stage::{FAILURE, Kind, Stage};

#[test]
fn out_pipes_go_out_one_after_the_other_each_before_its_end() {
    let mut stage = Stage::with_one_connection(Kind::Out);
    let (mut first, mut first_served) = stage.call();
    let (mut second, mut second_served) = stage.call();
    first_served.push().push(&[1; 8]).unwrap();
    stage.settle();
    // The second one's answer, data and end, waits for the end of the first one.
    second_served.push().push(&[2; 100]).unwrap();
    second_served.complete(2);
    stage.settle();
    let pulled = second.pull().pull(&mut Vec::new(), 1);
    assert_eq!(pulled, Err(Status::AsyncCallPending));
    first_served.complete(1);
    stage.settle();
    for (caller, count) in [(&mut first, 8), (&mut second, 100)] {
        assert_eq!(caller.pull().pull(&mut Vec::new(), 1000), Ok(count));
        assert_eq!(caller.pull().pull(&mut Vec::new(), 1000), Ok(0));
    }
    stage.ended(first, Ok(1));
    stage.ended(second, Ok(2));
}

#[test]
fn what_waits_for_an_out_pipe_goes_on_when_that_is_given_up() {
    let mut stage = Stage::with_one_connection(Kind::Out);
    let (first, mut first_served) = stage.call();
    let (mut second, mut second_served) = stage.call();
    first_served.push().push(&[1; 8]).unwrap();
    stage.settle();
    second_served.push().push(&[2; 100]).unwrap();
    stage.settle();
    first.give_up();
    stage.ended(first, Err(Status::CallCancelled));
    second_served.complete(2);
    stage.settle();
    assert_eq!(second.pull().pull(&mut Vec::new(), 1000), Ok(100));
    assert_eq!(second.pull().pull(&mut Vec::new(), 1000), Ok(0));
    stage.ended(second, Ok(2));
}

#[test]
fn an_in_pipe_whose_puller_is_slow_is_whole_when_another_request_follows() {
    let mut stage = Stage::with_one_connection(Kind::In);
    let (mut first, mut first_served) = stage.call();
    let mut pushed = 0;
    while first.push().push(&[1; 1024]) != Err(Status::SendIncomplete) {
        pushed += 1024;
        stage.settle();
    }
    // Both wait on this side, and come in together once the server receives again.
    first.push().finish().unwrap();
    let mut second = stage.make();
    second.push().push(&[2; 100]).unwrap();
    second.push().finish().unwrap();
    stage.settle();
    assert_eq!(stage.drain(first_served.pull()), (pushed, Ok(())));
    stage.settle();
    let mut second_served = stage.served();
    assert_eq!(second_served.pull().pull(&mut Vec::new(), 1000), Ok(100));
    second_served.complete(2);
    first_served.complete(1);
    stage.ended(first, Ok(1));
    stage.ended(second, Ok(2));
    stage.nothing_is_left();
}

#[test]
fn rule_23_a_call_with_pipes_that_is_given_up_harms_no_other_one() {
    for kind in [Kind::In, Kind::Out, Kind::InOut] {
        let mut stage = Stage::with_one_connection(kind);
        let (mut first, _first_served) = stage.call();
        if kind.has_in() {
            first.push().finish().unwrap();
        }
        let (mut second, second_served) = stage.call();
        if kind.has_in() {
            second.push().finish().unwrap();
        }
        stage.settle();
        first.give_up();
        stage.ended(first, Err(Status::CallCancelled));
        second_served.complete(2);
        stage.settle();
        if kind.has_out() {
            assert_eq!(second.pull().pull(&mut Vec::new(), 1), Ok(0));
        }
        stage.ended(second, Ok(2));
    }
}

#[test]
fn rule_24_a_fault_behind_a_full_pipe_lets_the_connection_go_on() {
    let mut stage = Stage::with_one_connection(Kind::Out);
    let (mut first, mut first_served) = stage.call();
    let (mut second, second_served) = stage.call();
    while first_served.push().push(&[1; 1024]) != Err(Status::SendIncomplete) {
        stage.settle();
    }
    first.handle.cancel(CancelKind::NonAbortive).unwrap();
    stage.settle();
    first_served.call.abort(FAILURE).unwrap();
    second_served.complete(2);
    stage.settle();
    assert_eq!(stage.drain(first.pull()).1, Err(FAILURE));
    stage.ended(first, Err(FAILURE));
    assert_eq!(second.pull().pull(&mut Vec::new(), 1), Ok(0));
    stage.ended(second, Ok(2));
    stage.nothing_is_left();
}
