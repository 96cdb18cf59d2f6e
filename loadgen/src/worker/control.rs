//! What the workers of a run are told, and what they tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use annulus::Time;

use super::facts::Facts;
use crate::record::interval::Interval;

/// The most intervals of one worker that are under way to whoever gathers them, who can be slower than
/// it: of some 0.8 MB each.
const INTERVALS_MAX: usize = 32;

/// When the parts of a run begin and end, for all workers the same. A time that is not known yet is
/// later than all others. That a worker sees one a moment later does not matter. But whoever sees a start is to
/// see the end that was set before it: starts are stored with `Release`, by the leader, and loaded with
/// `Acquire`, by the workers.
#[derive(Debug)]
pub(crate) struct Control {
    warm_up_start: AtomicU64,
    warm_up_end: AtomicU64,
    measure_start: AtomicU64,
    measure_end: AtomicU64,
    drain_end: AtomicU64,
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
            drain_end: not_yet(),
            is_aborted: AtomicBool::new(false),
        }
    }

    pub(crate) fn warm_up_from(&self, start: Time) {
        self.warm_up_start
            .store(start.as_nanos(), Ordering::Release);
    }

    pub(crate) fn warm_up_until(&self, end: Time) {
        self.warm_up_end.store(end.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn measure_from(&self, start: Time) {
        self.measure_start
            .store(start.as_nanos(), Ordering::Release);
    }

    /// Can be called again to end earlier.
    pub(crate) fn measure_until(&self, end: Time) {
        self.measure_end.store(end.as_nanos(), Ordering::Relaxed);
    }

    /// Calls in flight are waited for until then at the longest.
    pub(crate) fn drain_until(&self, end: Time) {
        self.drain_end.store(end.as_nanos(), Ordering::Relaxed);
    }

    /// Ends all workers at once.
    pub(crate) fn abort(&self) {
        self.is_aborted.store(true, Ordering::Relaxed);
    }

    pub(super) fn warm_up_start(&self) -> Time {
        Time::from_nanos(self.warm_up_start.load(Ordering::Acquire))
    }

    pub(super) fn warm_up_end(&self) -> Time {
        Time::from_nanos(self.warm_up_end.load(Ordering::Relaxed))
    }

    pub(crate) fn measure_start(&self) -> Time {
        Time::from_nanos(self.measure_start.load(Ordering::Acquire))
    }

    pub(crate) fn measure_end(&self) -> Time {
        Time::from_nanos(self.measure_end.load(Ordering::Relaxed))
    }

    pub(super) fn drain_end(&self) -> Time {
        Time::from_nanos(self.drain_end.load(Ordering::Relaxed))
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
    /// It has no call in flight after the warm-up, or none that it waits for any longer.
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
    worker: usize,
    news: Sender<Told>,
    /// Intervals that were emptied and can be used again.
    emptied: Receiver<Box<Interval>>,
    /// How many more there may be.
    makes: usize,
}

impl Outbox {
    pub(crate) fn new(worker: usize, news: Sender<Told>, emptied: Receiver<Box<Interval>>) -> Self {
        Outbox {
            worker,
            news,
            emptied,
            makes: INTERVALS_MAX,
        }
    }

    pub(super) fn tell(&self, news: News) {
        // Nobody listens once the run has failed elsewhere.
        let _ = self.news.send(Told {
            worker: self.worker,
            news,
        });
    }

    /// `None` while too many are under way.
    pub(super) fn empty_interval(&mut self) -> Option<Box<Interval>> {
        if let Ok(interval) = self.emptied.try_recv() {
            return Some(interval);
        }
        self.makes = self.makes.checked_sub(1)?;
        Some(Box::new(Interval::new()))
    }
}

/// A control that is shared.
pub(crate) type SharedControl = Arc<Control>;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn intervals_that_nobody_gathers_fill_no_memory() {
        let (news, _told) = mpsc::channel();
        let (empty, emptied) = mpsc::channel();
        let mut outbox = Outbox::new(0, news, emptied);
        let made = std::iter::from_fn(|| outbox.empty_interval()).count();
        assert_eq!(made, INTERVALS_MAX);
        empty.send(Box::new(Interval::new())).unwrap();
        assert!(outbox.empty_interval().is_some(), "one that came back");
        assert!(outbox.empty_interval().is_none());
    }
}
