//! Calls that are cancelled while they are in flight.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use annulus::{CancelKind, LocalCall, Time};
use rand::RngExt;
use rand::rngs::StdRng;

/// Which calls are cancelled, when, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cancelling {
    /// Of all calls, chosen at random.
    pub(crate) share: f64,
    /// After the call was sent. What has ended by then is not cancelled.
    pub(crate) after: Duration,
    pub(crate) kind: CancelKind,
}

impl fmt::Display for Cancelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            CancelKind::NonAbortive => "non-abortive",
            _ => "abortive",
        };
        let (share, after) = (self.share * 100.0, self.after);
        write!(f, "{share} % after {after:?}, {kind}")
    }
}

/// A call that is to be cancelled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cancel {
    due: Time,
    /// The place that it has.
    place: u32,
    pub(super) call: LocalCall,
    pub(super) kind: CancelKind,
}

/// The calls that are to be cancelled, in order, as all are given equally long.
#[derive(Debug)]
pub(super) struct Cancels {
    cancelling: Option<Cancelling>,
    pub(super) noted: VecDeque<Cancel>,
    /// Of each place, the last call that was noted. Those before it have ended.
    latest: Vec<Option<LocalCall>>,
}

impl Cancels {
    /// Of the calls in so many places.
    pub(super) fn new(cancelling: Option<Cancelling>, places: usize) -> Self {
        Cancels {
            cancelling,
            noted: VecDeque::new(),
            latest: vec![None; places],
        }
    }

    /// Decides on a call that is sent now.
    pub(super) fn note(&mut self, random: &mut StdRng, now: Time, place: u32, call: LocalCall) {
        if let Some(Cancelling { share, after, kind }) = self.cancelling
            && random.random_bool(share)
        {
            self.latest[place as usize] = Some(call);
            self.noted.push_back(Cancel {
                due: now + after,
                place,
                call,
                kind,
            });
            if self.noted.len() > 2 * self.latest.len() {
                self.forget_ended();
            }
        }
    }

    /// Leaves one call of each place at most: however much later calls are cancelled than they end, those
    /// that are noted do not grow in number.
    fn forget_ended(&mut self) {
        let Cancels { noted, latest, .. } = self;
        noted.retain(|cancel| latest[cancel.place as usize] == Some(cancel.call));
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.noted.front().map(|cancel| cancel.due)
    }

    pub(super) fn take_due(&mut self, now: Time) -> Option<Cancel> {
        self.noted.pop_front_if(|cancel| cancel.due <= now)
    }
}
