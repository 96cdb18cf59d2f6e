//! All workers of a run: one thread each, led through the parts of the run together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

use annulus::{Config, LocalRuntime, Time};
use anyhow::anyhow;
use rustix::time::{ClockId, clock_gettime};

use crate::exit::Interrupted;
use crate::record::interval::Interval;
use crate::record::series::{Point, Series};
use crate::warm_up::{self, WarmUp, WarmedUp};
use crate::worker::connections::ConnectionsUp;
use crate::worker::control::{Control, Delivery, News, Outbox, Told};
use crate::worker::facts::Facts;
use crate::worker::{Job, Turn, Worker};

/// How often observers hear of a run in which nothing ends.
const TICK: Duration = Duration::from_millis(100);

/// How long calls in flight are still waited for once the user has ended the run.
const DRAIN_TIME_INTERRUPTED: Duration = Duration::from_secs(1);

/// Between the last worker's having settled and the start of the measurement: so all know of it
/// before it begins.
const LEAD: Duration = Duration::from_millis(5);

/// What is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// One worker for each.
    pub(crate) jobs: Vec<(Job, Config)>,
    pub(crate) warm_up: WarmUp,
    pub(crate) duration: Duration,
    /// When the warm-up begins; at once if that is past.
    pub(crate) start_at: Option<SystemTime>,
    /// Set to end the measurement early, with what there is.
    pub(crate) interrupt: Arc<AtomicBool>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    pub(crate) started_at: SystemTime,
    pub(crate) elapsed: Duration,
    pub(crate) warm_up: WarmedUp,
    pub(crate) totals: Interval,
    pub(crate) series: Series,
    pub(crate) workers: Vec<Facts>,
    pub(crate) was_interrupted: bool,
}

impl Measurement {
    /// Of all workers; `None` of transfers through pipes.
    pub(crate) fn connections(&self) -> Option<ConnectionsUp> {
        let each = self.workers.iter().map(|worker| worker.connections);
        each.reduce(|sum, worker| {
            let (sum, worker) = sum.zip(worker)?;
            Some(ConnectionsUp {
                at_start: sum.at_start + worker.at_start,
                at_end: sum.at_end + worker.at_end,
                throughout: sum.throughout + worker.throughout,
            })
        })?
    }
}

/// Someone who looks on while a run lasts.
pub(crate) trait Observer {
    /// An interval of the warm-up is over.
    fn warming_up(&mut self, _point: &Point) {}
    /// The measurement is about to begin.
    fn measuring(&mut self, _started_at: SystemTime) -> anyhow::Result<()> {
        Ok(())
    }
    /// An interval of the measurement is over.
    fn measured(&mut self, _point: &Point, _interval: &Interval) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Runs all workers and gathers what they record.
///
/// # Errors
///
/// A worker failed, or an observer did.
pub(crate) fn measure(
    plan: &Plan,
    observers: &mut [&mut dyn Observer],
) -> anyhow::Result<Measurement> {
    let control = Arc::new(Control::new());
    let (news, told) = mpsc::channel();
    thread::scope(|scope| {
        let mut emptied = Vec::new();
        for (worker, (job, config)) in plan.jobs.iter().enumerate() {
            let (empty, intervals) = mpsc::channel();
            emptied.push(empty);
            let outbox = Outbox::new(worker, news.clone(), intervals);
            let control = Arc::clone(&control);
            let ending = Ending {
                worker,
                news: news.clone(),
            };
            scope.spawn(move || ending.tell(work(job, config, control, outbox)));
        }
        drop(news);
        let leader = Leader {
            plan,
            control: &control,
            told,
            emptied,
            observers,
            workers: vec![None; plan.jobs.len()],
            was_interrupted: false,
        };
        let measurement = leader.lead();
        // Whatever kept the leader from its end must not keep the workers.
        control.abort();
        measurement
    })
}

/// The life of a worker's thread.
fn work(
    job: &Job,
    config: &Config,
    control: Arc<Control>,
    outbox: Outbox,
) -> anyhow::Result<Facts> {
    let runtime = LocalRuntime::new(config)?;
    let mut worker = Worker::new(job.clone(), runtime, control, outbox)?;
    while worker.turn()? != Turn::Done {}
    Ok(worker.facts().clone())
}

/// Tells the leader how a worker ended, also if that was by a panic.
struct Ending {
    worker: usize,
    news: Sender<Told>,
}

impl Ending {
    fn tell(self, result: anyhow::Result<Facts>) {
        let _ = self.news.send(Told {
            worker: self.worker,
            news: News::Ended(result),
        });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.news.send(Told {
                worker: self.worker,
                news: News::Ended(Err(anyhow!("a client thread panicked"))),
            });
        }
    }
}

struct Leader<'l, 'o> {
    plan: &'l Plan,
    control: &'l Control,
    told: Receiver<Told>,
    emptied: Vec<Sender<Box<Interval>>>,
    observers: &'l mut [&'o mut dyn Observer],
    /// Of those that have ended.
    workers: Vec<Option<Facts>>,
    was_interrupted: bool,
}

impl Leader<'_, '_> {
    fn lead(mut self) -> anyhow::Result<Measurement> {
        self.await_all(|news| matches!(news, News::Connected))?;
        self.await_start()?;
        let warm_up = self.warm_up()?;
        if self.was_interrupted {
            return Err(Interrupted.into());
        }
        let start = monotonic_now() + LEAD;
        let started_at = SystemTime::now() + LEAD;
        // The end first: a worker that sees the start reads the end.
        self.control.measure_until(start + self.plan.duration);
        self.control.measure_from(start);
        for observer in self.observers.iter_mut() {
            observer.measuring(started_at)?;
        }
        let (totals, series) = self.gather()?;
        let end = self.control.measure_end();
        Ok(Measurement {
            started_at,
            elapsed: end - start,
            warm_up,
            totals,
            series,
            was_interrupted: self.was_interrupted,
            workers: self.workers.into_iter().flatten().collect(),
        })
    }

    /// Waits until each worker has told this.
    fn await_all(&mut self, is_it: fn(&News) -> bool) -> anyhow::Result<()> {
        let mut missing = self.plan.jobs.len();
        while missing > 0 {
            if self.is_interrupted() {
                return Err(Interrupted.into());
            }
            if let Some(told) = self.hear()? {
                missing -= usize::from(is_it(&told.news));
            }
        }
        Ok(())
    }

    /// The next thing that a worker tells, if it comes soon; a worker's failure is an error.
    fn hear(&mut self) -> anyhow::Result<Option<Told>> {
        match self.told.recv_timeout(TICK) {
            Ok(Told {
                news: News::Ended(Err(error)),
                ..
            }) => Err(error),
            Ok(told) => Ok(Some(told)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(anyhow!("all client threads have ended")),
        }
    }

    fn await_start(&self) -> anyhow::Result<()> {
        let Some(start_at) = self.plan.start_at else {
            return Ok(());
        };
        while let Ok(left) = start_at.duration_since(SystemTime::now()) {
            if self.is_interrupted() {
                return Err(Interrupted.into());
            }
            thread::sleep(left.min(TICK));
        }
        Ok(())
    }

    fn is_interrupted(&self) -> bool {
        self.plan.interrupt.load(Ordering::Relaxed)
    }

    /// True once the user wants an end; from then on calls in flight are not waited for for long.
    fn heed_interrupt(&mut self) -> bool {
        if self.is_interrupted() && !self.was_interrupted {
            self.was_interrupted = true;
            self.control
                .drain_until(monotonic_now() + DRAIN_TIME_INTERRUPTED);
        }
        self.was_interrupted
    }

    /// Lets the workers warm up, and waits until no call is in flight any longer, or has been for too long.
    fn warm_up(&mut self) -> anyhow::Result<WarmedUp> {
        let start = monotonic_now() + LEAD;
        let latest = start + self.plan.warm_up.longest();
        if let WarmUp::Fixed(_) = self.plan.warm_up {
            self.control.warm_up_until(latest);
        }
        // What a ramp's warm-up takes its rate from; the measurement sets it again.
        self.control.measure_until(latest + self.plan.duration);
        self.control.warm_up_from(start);
        let mut gathering = Gathering::new(self.plan.jobs.len(), warm_up::INTERVAL);
        let (mut points, mut settled, mut end) = (Vec::new(), 0, None);
        while settled < self.plan.jobs.len() {
            if let Some(Told { worker, news }) = self.hear()? {
                match news {
                    News::WarmUp(delivery) => gathering.add(worker, delivery, &self.emptied),
                    News::Settled => {
                        settled += 1;
                        gathering.has_ended(worker);
                    }
                    _ => {}
                }
            }
            while let Some((point, open)) = gathering.next(Duration::MAX) {
                for observer in self.observers.iter_mut() {
                    observer.warming_up(&point);
                }
                // No more are looked at, however long the warm-up is.
                if points.len() == warm_up::WINDOW {
                    points.remove(0);
                }
                points.push(point);
                open.recycle(&self.emptied);
            }
            let now = monotonic_now();
            let is_over = self.heed_interrupt() || self.plan.warm_up.is_over(&points);
            if end.is_none() && (is_over || now >= latest) {
                end = Some((now.min(latest), is_over));
                self.control.warm_up_until(now.min(latest));
            }
        }
        let (end, is_steady) = end.unwrap_or((latest, false));
        Ok(WarmedUp {
            seconds: (end - start).as_secs_f64(),
            steady: matches!(self.plan.warm_up, WarmUp::UntilSteady { .. }).then_some(is_steady),
        })
    }

    /// Gathers what the workers measure until all have ended.
    fn gather(&mut self) -> anyhow::Result<(Interval, Series)> {
        let interval = self.plan.jobs[0].0.interval;
        let mut gathering = Gathering::new(self.plan.jobs.len(), interval);
        let (mut totals, mut series) = (Interval::new(), Series::new());
        while self.workers.iter().any(Option::is_none) {
            if let Some(Told { worker, news }) = self.hear()? {
                match news {
                    News::Measured(delivery) => gathering.add(worker, delivery, &self.emptied),
                    News::Ended(Ok(facts)) => {
                        self.workers[worker] = Some(facts);
                        gathering.has_ended(worker);
                    }
                    _ => {}
                }
            }
            if self.heed_interrupt() {
                let now = monotonic_now().min(self.control.measure_end());
                self.control.measure_until(now);
            }
            let length = self.control.measure_end() - self.control.measure_start();
            while let Some((point, open)) = gathering.next(length) {
                totals.merge(&open.interval);
                for observer in self.observers.iter_mut() {
                    observer.measured(&point, &open.interval)?;
                }
                series.push(point);
                open.recycle(&self.emptied);
            }
        }
        Ok((totals, series))
    }
}

/// Intervals of several workers, put together in order.
struct Gathering {
    length: Duration,
    /// Of intervals that some worker may still add to.
    open: BTreeMap<u64, Open>,
    /// The first interval that each worker may still deliver.
    progress: Vec<u64>,
    next: u64,
}

/// An interval that others may be added to.
struct Open {
    /// The worker that it came from; `None` if no worker had one.
    owner: Option<usize>,
    interval: Box<Interval>,
}

impl Open {
    /// Gives it back to where it came from, so that each worker has as many as it needs, and never more.
    fn recycle(mut self, emptied: &[Sender<Box<Interval>>]) {
        if let Some(owner) = self.owner {
            self.interval.clear();
            // A worker that has ended needs none.
            let _ = emptied[owner].send(self.interval);
        }
    }
}

impl Gathering {
    fn new(workers: usize, length: Duration) -> Self {
        Gathering {
            length,
            open: BTreeMap::new(),
            progress: vec![0; workers],
            next: 0,
        }
    }

    fn add(&mut self, worker: usize, delivery: Delivery, emptied: &[Sender<Box<Interval>>]) {
        let Delivery { index, interval } = delivery;
        self.progress[worker] = index + 1;
        let owner = Some(worker);
        let delivered = Open { owner, interval };
        match self.open.get_mut(&index) {
            None => {
                self.open.insert(index, delivered);
            }
            Some(open) => {
                open.interval.merge(&delivered.interval);
                delivered.recycle(emptied);
            }
        }
    }

    fn has_ended(&mut self, worker: usize) {
        self.progress[worker] = u64::MAX;
    }

    /// The next interval, if no worker can add to it any longer; empty if none was there. The last one
    /// ends with the part of the run, which is so long.
    fn next(&mut self, part: Duration) -> Option<(Point, Open)> {
        let complete = self.progress.iter().copied().min().unwrap_or(0);
        let is_there = self.next < complete && self.open.last_key_value().is_some();
        if !is_there {
            return None;
        }
        let open = self.open.remove(&self.next).unwrap_or_else(|| Open {
            owner: None,
            interval: Box::new(Interval::new()),
        });
        let start = self
            .length
            .saturating_mul(u32::try_from(self.next).unwrap_or(u32::MAX));
        self.next += 1;
        let left = part.saturating_sub(start);
        let length = self.length.min(left).max(Duration::from_nanos(1));
        Some((Point::of(start, length, &open.interval), open))
    }
}

/// The time of the rings.
pub(crate) fn monotonic_now() -> Time {
    let now = clock_gettime(ClockId::Monotonic);
    Time::ZERO
        + Duration::new(
            u64::try_from(now.tv_sec).unwrap_or(0),
            u32::try_from(now.tv_nsec).unwrap_or(0),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(index: u64, completed: u64) -> Delivery {
        let mut interval = Box::new(Interval::new());
        interval.counts.completed = completed;
        Delivery { index, interval }
    }

    #[test]
    fn intervals_come_out_whole_in_order_and_without_gaps() {
        let length = Duration::from_secs(1);
        let mut gathering = Gathering::new(2, length);
        let (empty, intervals) = mpsc::channel();
        let emptied = [empty.clone(), empty];
        gathering.add(0, delivery(0, 1), &emptied);
        gathering.add(0, delivery(1, 2), &emptied);
        assert!(
            gathering.next(Duration::MAX).is_none(),
            "the other may add to it"
        );
        gathering.add(1, delivery(0, 10), &emptied);
        gathering.add(1, delivery(3, 40), &emptied);
        gathering.has_ended(0);
        gathering.has_ended(1);
        let whole = Duration::from_millis(3500);
        let points: Vec<_> = std::iter::from_fn(|| gathering.next(whole))
            .map(|(point, open)| {
                open.recycle(&emptied);
                (point.start, point.length, point.counts.completed)
            })
            .collect();
        let half = Duration::from_millis(500);
        assert_eq!(
            points,
            [
                (Duration::ZERO, length, 11),
                (length, length, 2),
                (length * 2, length, 0),
                (length * 3, half, 40)
            ]
        );
        let returned = intervals.try_iter().count();
        assert_eq!(returned, 4, "what nobody delivered comes back to nobody");
    }
}
