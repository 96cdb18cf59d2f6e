//! The calls of one worker: which are in flight, and what is recorded as they end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use annulus::{LocalReply, Status, Time};
use anyhow::Context;

use super::connections::Connections;
use crate::mix::Mix;
use crate::record::errors::Failure;
use crate::record::interval::Interval;
use crate::record::trace::{TraceWriter, TracedCall};

/// How long a place rests after no connection could be made, so that a server that is gone is not
/// asked for a connection as fast as the machine can.
const REST_AFTER_REFUSAL: Duration = Duration::from_millis(10);

/// A place for one call in flight.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Which connection it is of.
    connection: u32,
    intended: Time,
    sent: Time,
    operation: usize,
    payload_len: u32,
    state: PlaceState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlaceState {
    Free,
    /// A call is in flight that is not recorded, as it is no part of what is measured.
    Ignored,
    /// A call is in flight.
    Recorded,
}

/// A call that is about to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewCall {
    pub(super) intended: Time,
    pub(super) sent: Time,
    pub(super) operation: usize,
    pub(super) payload_len: u32,
}

#[derive(Debug)]
pub(super) struct Ledger {
    mix: Arc<Mix>,
    places: Vec<Place>,
    /// Places that a call can take, the one that has been free for longest first: so calls go round
    /// over the connections.
    free: VecDeque<u32>,
    /// Places whose user thinks, and until when. All think equally long, so they are in order.
    thinking: VecDeque<(Time, u32)>,
    /// Places that rest after a refusal, in order as well.
    resting: VecDeque<(Time, u32)>,
    think_time: Duration,
    time_limit: Option<Duration>,
    pub(super) interval: Box<Interval>,
    /// The start of what is recorded; `None` before.
    record_from: Option<Time>,
    trace: Option<TraceWriter>,
    trace_error: Option<std::io::Error>,
    in_flight: usize,
    pub(super) connections: Connections,
    /// How the last call ended that did not reach its server, or was not taken by it.
    pub(super) refusal: Option<Status>,
}

impl Ledger {
    /// `outstanding` places on each connection.
    pub(super) fn new(
        mix: Arc<Mix>,
        connections: u32,
        outstanding: u32,
        think_time: Duration,
        time_limit: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let places: Vec<_> = (0..outstanding)
            .flat_map(|_| 0..connections)
            .map(|connection| Place {
                connection,
                intended: Time::ZERO,
                sent: Time::ZERO,
                operation: 0,
                payload_len: 0,
                state: PlaceState::Free,
            })
            .collect();
        let count = u32::try_from(places.len()).context("too many calls in flight")?;
        Ok(Ledger {
            mix,
            places,
            free: (0..count).collect(),
            thinking: VecDeque::new(),
            resting: VecDeque::new(),
            think_time,
            time_limit,
            interval: Box::new(Interval::new()),
            record_from: None,
            trace: None,
            trace_error: None,
            in_flight: 0,
            connections: Connections::new(),
            refusal: None,
        })
    }

    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes a place that is free.
    pub(super) fn take_free(&mut self) -> Option<u32> {
        self.free.pop_front()
    }

    /// A user whose time of thinking is over, and when it was.
    pub(super) fn take_thinker(&mut self, now: Time) -> Option<(Time, u32)> {
        self.thinking.pop_front_if(|(until, _)| *until <= now)
    }

    /// When the next user has thought, or the next place has rested.
    pub(super) fn next_due(&self) -> Option<Time> {
        let fronts = [self.thinking.front(), self.resting.front()];
        fronts.into_iter().flatten().map(|(until, _)| *until).min()
    }

    /// Frees the places that have rested.
    pub(super) fn end_rests(&mut self, now: Time) {
        while let Some((_, index)) = self.resting.pop_front_if(|(until, _)| *until <= now) {
            self.free.push_back(index);
        }
    }

    /// Nobody thinks or rests any longer.
    pub(super) fn wake_all(&mut self) {
        let rested = self.thinking.drain(..).chain(self.resting.drain(..));
        self.free.extend(rested.map(|(_, index)| index));
    }

    /// Calls that begin from now on are recorded, and traced if there is a trace. Those that are in
    /// flight are not.
    pub(super) fn record_from(&mut self, start: Time, trace: Option<TraceWriter>) {
        self.record_from = Some(start);
        self.trace = trace;
        let places = self.places.iter_mut();
        for place in places.filter(|place| place.state == PlaceState::Recorded) {
            place.state = PlaceState::Ignored;
        }
    }

    /// Which connection a place is of.
    pub(super) fn connection(&self, index: u32) -> usize {
        self.places[index as usize].connection as usize
    }

    /// Notes that a call is made in a place.
    pub(super) fn begin(&mut self, index: u32, call: NewCall) {
        let is_recorded = self.record_from.is_some();
        if is_recorded {
            self.interval.counts.offered += 1;
            self.interval.counts.sent += 1;
        }
        let place = &mut self.places[index as usize];
        place.intended = call.intended;
        place.sent = call.sent;
        place.operation = call.operation;
        place.payload_len = call.payload_len;
        place.state = if is_recorded {
            PlaceState::Recorded
        } else {
            PlaceState::Ignored
        };
        self.in_flight += 1;
    }

    /// A call has ended with this reply.
    pub(super) fn end(&mut self, reply: &LocalReply<'_>) {
        #[expect(clippy::cast_possible_truncation, reason = "tokens are place indices")]
        let index = reply.token as u32;
        let place = self.places[index as usize];
        let operation = self.mix.operation(place.operation);
        let outcome = match &reply.result {
            Ok(data) => Ok(operation.is_right(place.payload_len, data)),
            Err(status) => Err(*status),
        };
        self.end_call(index, outcome, reply.at);
    }

    /// The call in a place has ended: whether its result is right, or how it failed.
    pub(super) fn end_call(&mut self, index: u32, outcome: Result<bool, Status>, at: Time) {
        let place = self.places[index as usize];
        let ended = match outcome {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::WrongReply),
            Err(Status::CallCancelled) if self.is_over(&place, at) => Err(Failure::Timeout),
            Err(status) => Err(Failure::of(status)),
        };
        if let (Err(status), Err(failure)) = (outcome, ended)
            && failure.is_refusal()
        {
            self.refusal = Some(status);
            self.connections.note_broken(place.connection as usize);
        }
        self.finish(index, ended, at);
        if ended.is_err_and(Failure::is_refusal) {
            self.resting.push_back((at + REST_AFTER_REFUSAL, index));
        } else if self.think_time.is_zero() {
            self.free.push_back(index);
        } else {
            self.thinking.push_back((at + self.think_time, index));
        }
    }

    /// Whether the time of a call is over. The core counts it from when the call was made, which is not before
    /// it was noted here as sent, so no call that ran out of time has ended sooner.
    fn is_over(&self, place: &Place, now: Time) -> bool {
        self.time_limit
            .is_some_and(|limit| now - place.sent >= limit)
    }

    /// What is still in flight was given up by this side, and nothing is recorded of it.
    pub(super) fn forget(&mut self) {
        for place in &mut self.places {
            place.state = PlaceState::Free;
        }
        self.in_flight = 0;
    }

    /// What is still in flight will not be answered.
    pub(super) fn give_up(&mut self, now: Time) {
        for index in 0..self.places.len() {
            if self.places[index].state != PlaceState::Free {
                #[expect(clippy::cast_possible_truncation, reason = "counted in `new`")]
                let index = index as u32;
                self.finish(index, Err(Failure::Unanswered), now);
            }
        }
    }

    /// Writing the trace failed.
    pub(super) fn trace_error(&mut self) -> Option<std::io::Error> {
        self.trace_error.take()
    }

    fn finish(&mut self, index: u32, ended: Result<(), Failure>, at: Time) {
        self.in_flight -= 1;
        let place = &mut self.places[index as usize];
        let state = std::mem::replace(&mut place.state, PlaceState::Free);
        if state != PlaceState::Recorded {
            return;
        }
        let (response, service) = (at - place.intended, at - place.sent);
        let operation = self.mix.operation(place.operation);
        match ended {
            Ok(()) => {
                self.interval.counts.completed += 1;
                self.interval.counts.payload_bytes += operation.bytes_each_way(place.payload_len);
                self.interval.record(response, service);
            }
            Err(failure) => {
                self.interval.failures.add(failure, 1);
                if failure.is_latency() {
                    self.interval.record(response, service);
                }
            }
        }
        if let (Some(trace), Some(start)) = (&self.trace, self.record_from) {
            let place = self.places[index as usize];
            let name = ended.map_or_else(Failure::name, |()| "ok".into());
            let call = TracedCall {
                intended: place.intended - start,
                sent: place.sent - start,
                ended: at - start,
                operation: &operation.name,
                result: &name,
            };
            if let Err(error) = trace.write(&call) {
                self.trace_error = Some(error);
            }
        }
    }
}
