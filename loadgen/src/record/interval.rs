//! What one worker recorded in one interval of time.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::errors::Failures;
use super::{histogram, record};

/// Counts and histograms of the calls that ended in an interval.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    /// From the intended send time to the end: what a user of the server would have seen.
    pub(crate) response: Histogram<u64>,
    /// From the send time to the end: what the server, the network and this client took.
    pub(crate) service: Histogram<u64>,
    /// From the intended send time to the send time, of calls that did not have to wait for a
    /// place: how late this client was by its own fault.
    pub(crate) pacing: Histogram<u64>,
    pub(crate) counts: Counts,
    pub(crate) failures: Failures,
}

/// How many calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// That were due.
    pub(crate) offered: u64,
    /// That were sent.
    pub(crate) sent: u64,
    /// That ended as they should.
    pub(crate) completed: u64,
    /// Bytes of payload that completed calls carried, there and back.
    pub(crate) payload_bytes: u64,
}

impl Interval {
    pub(crate) fn new() -> Self {
        Interval {
            response: histogram(),
            service: histogram(),
            pacing: histogram(),
            counts: Counts::default(),
            failures: Failures::default(),
        }
    }

    /// Records a call whose end its caller had to wait for.
    pub(crate) fn record(&mut self, response: Duration, service: Duration) {
        record(&mut self.response, response);
        record(&mut self.service, service);
    }

    pub(crate) fn record_pacing(&mut self, error: Duration) {
        record(&mut self.pacing, error);
    }

    pub(crate) fn merge(&mut self, other: &Interval) {
        let same = "all histograms have the same buckets";
        self.response.add(&other.response).expect(same);
        self.service.add(&other.service).expect(same);
        self.pacing.add(&other.pacing).expect(same);
        self.counts.merge(&other.counts);
        self.failures.merge(&other.failures);
    }

    /// Makes it empty, to be used again.
    pub(crate) fn clear(&mut self) {
        self.response.reset();
        self.service.reset();
        self.pacing.reset();
        self.counts = Counts::default();
        self.failures.clear();
    }
}

impl Counts {
    pub(crate) fn merge(&mut self, other: &Counts) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.completed += other.completed;
        self.payload_bytes += other.payload_bytes;
    }
}
