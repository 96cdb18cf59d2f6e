//! What a worker knows of itself after a measurement.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::connections::ConnectionsUp;

/// One worker over the measured time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) elapsed: Duration,
    /// CPU time of the worker's thread.
    pub(crate) cpu: Duration,
    /// Of that, time in which it looked for something to do and found nothing, about.
    pub(crate) spinning: Duration,
    /// Time in which its thread could have run and another had its core, as far as the kernel tells.
    pub(crate) run_delay: Duration,
    /// CPU time of the whole process.
    pub(crate) process_cpu: Duration,
    /// System calls of the ring.
    pub(crate) enters: u64,
    /// Calls that were due and were not sent before the end.
    pub(crate) unsent: u64,
    /// Calls that were sent late as all places were taken.
    pub(crate) waited: u64,
    /// Calls of the warm-up that had not ended when the measurement began.
    pub(crate) left_over: u64,
    /// `None` of transfers through pipes, and before the end.
    pub(crate) connections: Option<ConnectionsUp>,
    pub(crate) ring: &'static str,
}

impl Facts {
    /// The share of its time in which the worker had something to do.
    pub(crate) fn busy(&self) -> f64 {
        if self.elapsed.is_zero() {
            return 0.0;
        }
        self.cpu.saturating_sub(self.spinning).as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// The share of its time in which it had to wait for its core.
    pub(crate) fn delayed(&self) -> f64 {
        if self.elapsed.is_zero() {
            return 0.0;
        }
        self.run_delay.as_secs_f64() / self.elapsed.as_secs_f64()
    }
}

/// What has been used up to a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    pub(super) cpu: Duration,
    pub(super) process_cpu: Duration,
    pub(super) run_delay: Duration,
}

impl Meter {
    /// Of the calling thread.
    pub(super) fn read() -> Self {
        Meter {
            cpu: cpu_time(ClockId::ThreadCPUTime),
            process_cpu: cpu_time(ClockId::ProcessCPUTime),
            run_delay: run_delay().unwrap_or_default(),
        }
    }
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// The second number of `schedstat`: nanoseconds on a run queue.
fn run_delay() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}
