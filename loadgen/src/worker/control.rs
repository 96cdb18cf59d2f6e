//! What the workers of a run are told, and what they tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use annulus::Time;

use super::facts::Facts;
use crate::record::interval::Interval;

/// When the parts of a run begin and end, for all workers the same. A time that is not known yet is
/// later than all others. Each is written once; that a worker sees it a moment later does not matter,
/// so no ordering is needed.
#[derive(Debug)]
pub(crate) struct Control {
    warm_up_start: AtomicU64,
    warm_up_end: AtomicU64,
    measure_start: AtomicU64,
    measure_end: AtomicU64,
    is_aborted: AtomicBool,
}

impl Control {
    pub(crate) fn new() -> Self {
        let not_yet = || AtomicU64::new(u64::MAX);
        Control {
            warm_up_start: not_yet(),
            warm_up_end: not_yet(),
            measure_start: not_yet(),
            measure_end: not_yet(),
            is_aborted: AtomicBool::new(false),
        }
    }

    pub(crate) fn warm_up_from(&self, start: Time) {
        self.warm_up_start
            .store(start.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn warm_up_until(&self, end: Time) {
        self.warm_up_end.store(end.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn measure_from(&self, start: Time) {
        self.measure_start
            .store(start.as_nanos(), Ordering::Relaxed);
    }

    /// Can be called again to end earlier.
    pub(crate) fn measure_until(&self, end: Time) {
        self.measure_end.store(end.as_nanos(), Ordering::Relaxed);
    }

    /// Ends all workers at once.
    pub(crate) fn abort(&self) {
        self.is_aborted.store(true, Ordering::Relaxed);
    }

    pub(super) fn warm_up_start(&self) -> Time {
        Time::from_nanos(self.warm_up_start.load(Ordering::Relaxed))
    }

    pub(super) fn warm_up_end(&self) -> Time {
        Time::from_nanos(self.warm_up_end.load(Ordering::Relaxed))
    }

    pub(crate) fn measure_start(&self) -> Time {
        Time::from_nanos(self.measure_start.load(Ordering::Relaxed))
    }

    pub(crate) fn measure_end(&self) -> Time {
        Time::from_nanos(self.measure_end.load(Ordering::Relaxed))
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Relaxed)
    }
}

/// What a worker tells whoever runs it.
#[derive(Debug)]
pub(crate) struct Told {
    /// Which worker.
    pub(crate) worker: usize,
    pub(crate) news: News,
}

#[derive(Debug)]
pub(crate) enum News {
    /// All its connections are bound.
    Connected,
    /// What it recorded in an interval of the warm-up.
    WarmUp(Delivery),
    /// It has no call in flight after the warm-up.
    Settled,
    /// What it recorded in an interval of the measurement.
    Measured(Delivery),
    /// There will be nothing more of it.
    Ended(anyhow::Result<Facts>),
}

/// An interval, and which one it is, counted from the start of its part of the run. An interval
/// in which a worker did not run is left out.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) index: u64,
    pub(crate) interval: Box<Interval>,
}

/// The worker's end of the channels.
pub(crate) struct Outbox {
    pub(crate) worker: usize,
    pub(crate) news: Sender<Told>,
    /// Intervals that were emptied and can be used again.
    pub(crate) emptied: Receiver<Box<Interval>>,
}

impl Outbox {
    pub(super) fn tell(&self, news: News) {
        // Nobody listens once the run has failed elsewhere.
        let _ = self.news.send(Told {
            worker: self.worker,
            news,
        });
    }

    pub(super) fn empty_interval(&self) -> Box<Interval> {
        self.emptied
            .try_recv()
            .unwrap_or_else(|_| Box::new(Interval::new()))
    }
}

/// A control that is shared.
pub(crate) type SharedControl = Arc<Control>;
