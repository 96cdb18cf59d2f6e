//! The clocks and counters of one run.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

use crate::allocations;
use crate::plan::Plan;
use crate::report::Report;

/// The longest latency that is told apart, an hour; what is longer counts as this.
const LATENCY_MAX_NS: u64 = 3_600_000_000_000;

/// How many system calls each side has made so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemCalls {
    /// Of the client.
    pub client: u64,
    /// Of the server.
    pub server: u64,
}

/// Measures the calls of the client's thread, which makes it and asks it. Time is that of any clock
/// that never goes backwards, since any moment.
///
/// First some calls warm everything up, then all that end are counted, until the time is over. With
/// [`Plan::turns`] there are many such times, each at its word, with nothing done in between.
#[derive(Debug)]
pub struct Meter {
    plan: Plan,
    /// `None` until the time is known at which a turn begins.
    measure_from: Option<Duration>,
    /// What was read when measuring began.
    first: Option<Reading>,
    /// What was read when the time was over.
    last: Option<Reading>,
    latency: Histogram<u64>,
}

/// Clocks and counters at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) at: Duration,
    /// CPU time of the client's thread.
    pub(crate) client_cpu: Duration,
    /// CPU time of both sides.
    pub(crate) process_cpu: Duration,
    /// `None`: nobody counts.
    pub(crate) system_calls: Option<SystemCalls>,
    /// Of both sides.
    pub(crate) allocations: u64,
}

impl Meter {
    /// A run that begins now.
    #[must_use]
    pub fn new(plan: &Plan, now: Duration) -> Self {
        Meter {
            measure_from: Some(now + plan.warmup),
            plan: plan.clone(),
            first: None,
            last: None,
            latency: Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3)
                .expect("the bounds are valid"),
        }
    }

    /// A call that was sent then has ended now.
    pub fn end_call(&mut self, sent: Duration, now: Duration) {
        if self.first.is_some() && self.last.is_none() {
            let latency = now.saturating_sub(sent).as_nanos();
            self.latency
                .saturating_record(u64::try_from(latency).unwrap_or(u64::MAX));
        }
    }

    /// Takes note of the time, at least once for each few calls; false if it is over. With
    /// [`Plan::turns`] it blocks from the end of each turn to the beginning of the next one.
    pub fn goes_on(
        &mut self,
        now: Duration,
        system_calls: impl FnOnce() -> Option<SystemCalls>,
    ) -> bool {
        let measure_from = *self.measure_from.get_or_insert(now + self.plan.warmup);
        if now < measure_from || self.last.is_some() {
            return self.last.is_none();
        }
        if self.first.is_none() {
            self.first = Some(Reading::take(now, system_calls()));
        } else if now >= measure_from + self.plan.duration {
            self.last = Some(Reading::take(now, system_calls()));
            return self.plan.turns && self.next_turn();
        }
        true
    }

    /// Tells what the turn brought, and waits for the word for the next one. False if there is none,
    /// or nobody reads.
    fn next_turn(&mut self) -> bool {
        let line = self.report("turn").line();
        let mut word = String::new();
        let told = writeln!(io::stdout().lock(), "{line}");
        let has_word = told.and_then(|()| io::stdin().lock().read_line(&mut word));
        if !has_word.is_ok_and(|len| len > 0) {
            return false;
        }
        (self.first, self.last, self.measure_from) = (None, None, None);
        self.latency.reset();
        true
    }

    /// What was measured; `subject` says of what.
    ///
    /// # Panics
    ///
    /// The time is not over.
    #[must_use]
    pub fn report(&self, subject: &str) -> Report {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            panic!("a run is reported before its end");
        };
        Report::new(subject, &self.plan, &first, &last, &self.latency)
    }
}

impl Reading {
    fn take(at: Duration, system_calls: Option<SystemCalls>) -> Self {
        Reading {
            at,
            client_cpu: cpu_time(ClockId::ThreadCPUTime),
            process_cpu: cpu_time(ClockId::ProcessCPUTime),
            system_calls,
            allocations: allocations::total(),
        }
    }
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    time.try_into().expect("a thread has run for some time")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            connections: 1,
            outstanding: 1,
            payload: 32,
            duration: Duration::from_secs(2),
            warmup: Duration::from_secs(1),
            turns: false,
            server_core: 0,
            client_core: 1,
            unpinned: false,
        }
    }

    #[test]
    fn calls_count_between_warm_up_and_end() {
        let start = Duration::from_secs(77);
        let mut meter = Meter::new(&plan(), start);
        let counted = |calls| {
            move || {
                Some(SystemCalls {
                    client: calls,
                    server: 2 * calls,
                })
            }
        };
        let at = |ms| start + Duration::from_millis(ms);
        assert!(meter.goes_on(at(500), || panic!("nothing is read in the warm-up")));
        meter.end_call(at(400), at(500));
        assert!(meter.goes_on(at(1000), counted(100)));
        for ms in 1000..1010 {
            assert!(meter.goes_on(at(ms), || panic!("nothing is read in between")));
            meter.end_call(at(ms - 3), at(ms));
        }
        assert!(!meter.goes_on(at(3000), counted(120)));
        meter.end_call(at(2000), at(3100));
        let report = serde_json::to_value(meter.report("test")).unwrap();
        assert_eq!(report["completed"], 10);
        assert_eq!(report["calls_per_second"], 5.0);
        assert_eq!(report["client_system_calls_per_call"], 2.0);
        assert_eq!(report["server_system_calls_per_call"], 4.0);
        let p50 = report["latency_us"]["p50"].as_f64().unwrap();
        assert!((p50 - 3000.0).abs() < 3.0, "{p50}");
    }
}
