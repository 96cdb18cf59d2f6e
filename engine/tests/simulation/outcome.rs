//! What a simulated run came to, and whether it may have.

use std::collections::BTreeSet;

use annulus::{Status, Time};

use super::interface::{
    ABORTS, Answer, CALLS, ELSEWHERE, FAILS, FAILURE, LATER, NEVER, NOW, Origin, PANICS, Question,
    SLEEPS,
};
use super::pipes::Piped;

/// What a run came to; the same for the same seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The questions that the server answered, with an answer or a failure.
    pub(crate) answered: BTreeSet<Origin>,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// How often a connection went from one of the server's cores to another.
    pub(crate) handovers: u64,
    /// Calls that came while too much was unpulled on their connection.
    pub(crate) refused: u64,
    /// Handles that were dropped, some while their replies arrived.
    pub(crate) dropped: u64,
    /// Calls that a manager completed from elsewhere, after it was told that their clients are gone.
    pub(crate) late: u64,
    pub(crate) ended_at: Time,
}

/// Checks that a call ended as it may.
pub(super) fn judge(
    opnum: u16,
    question: &Question,
    result: Result<Answer, Status>,
    hostile: bool,
    outcome: &mut Outcome,
) {
    match (opnum, result) {
        (NOW | LATER | SLEEPS | CALLS | ELSEWHERE, Ok(answer)) => {
            assert!(
                answer.is(&question.answer()),
                "the answer belongs to another question"
            );
            outcome.answered.insert(Origin::of_number(question.number));
        }
        (NEVER | PANICS, Err(Status::CallFailed)) | (FAILS | ABORTS, Err(FAILURE)) => {
            outcome.answered.insert(Origin::of_number(question.number));
        }
        (_, Err(Status::CallFailed | Status::ServerUnavailable | Status::CallFailedDne))
            if hostile =>
        {
            outcome.failed += 1;
        }
        (opnum, other) => panic!("operation {opnum} ended with {other:?}"),
    }
}

/// The same for a call with pipes.
pub(super) fn judge_piped(
    piped: &Piped,
    result: Result<(), Status>,
    hostile: bool,
    outcome: &mut Outcome,
) {
    match result {
        Ok(()) => {
            let origin = Origin::of_number(piped.question.number);
            outcome.answered.insert(origin);
        }
        Err(Status::CallCancelled) if piped.may_be_cancelled => outcome.cancelled += 1,
        Err(Status::ServerTooBusy) if piped.may_be_refused => outcome.refused += 1,
        Err(Status::CallFailed | Status::ServerUnavailable | Status::CallFailedDne) if hostile => {
            outcome.failed += 1;
        }
        other => panic!("a call with pipes ended with {other:?}"),
    }
}
