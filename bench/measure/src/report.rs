//! The result of a run, for programs.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::meter::{Reading, SystemCalls};
use crate::plan::Plan;

/// What was measured, in the words of `loadgen --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    subject: String,
    connections: u32,
    outstanding: u32,
    payload_bytes: u32,
    /// None where the kernel chose.
    client_cores: Vec<usize>,
    server_cores: Vec<usize>,
    seconds: f64,
    completed: u64,
    calls_per_second: f64,
    /// Payload, each way.
    megabytes_per_second: f64,
    latency_us: Latency,
    client_cpu: Cpu,
    server_cpu: Cpu,
    /// `null` where nobody counts.
    client_system_calls_per_call: Option<f64>,
    server_system_calls_per_call: Option<f64>,
    /// On the heap, of both sides together.
    allocations_per_call: f64,
}

/// From sending a call to its answer, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Latency {
    min: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p99_9: f64,
    max: f64,
    mean: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Cpu {
    /// Of one core, in percent.
    percent: f64,
    us_per_call: f64,
}

impl Report {
    pub(crate) fn new(
        subject: &str,
        plan: &Plan,
        first: &Reading,
        last: &Reading,
        latency: &Histogram<u64>,
    ) -> Self {
        let seconds = (last.at - first.at).as_secs_f64();
        let completed = latency.len();
        let per_call = |value: f64| value / completed.max(1) as f64;
        let cpu = |time: Duration| Cpu {
            percent: time.as_secs_f64() / seconds * 100.0,
            us_per_call: per_call(time.as_secs_f64() * 1e6),
        };
        let client = last.client_cpu.saturating_sub(first.client_cpu);
        let both = last.process_cpu.saturating_sub(first.process_cpu);
        let system_calls = |of: fn(SystemCalls) -> u64| {
            let (first, last) = (first.system_calls?, last.system_calls?);
            Some(per_call((of(last) - of(first)) as f64))
        };
        let cores = |core| if plan.unpinned { vec![] } else { vec![core] };
        let per_second = completed as f64 / seconds;
        Report {
            subject: subject.to_owned(),
            connections: plan.connections,
            outstanding: plan.outstanding,
            payload_bytes: plan.payload,
            client_cores: cores(plan.client_core),
            server_cores: cores(plan.server_core),
            seconds,
            completed,
            calls_per_second: per_second,
            megabytes_per_second: per_second * f64::from(plan.payload) / 1e6,
            latency_us: Latency::new(latency),
            client_cpu: cpu(client),
            server_cpu: cpu(both.saturating_sub(client)),
            client_system_calls_per_call: system_calls(|calls| calls.client),
            server_system_calls_per_call: system_calls(|calls| calls.server),
            allocations_per_call: per_call((last.allocations - first.allocations) as f64),
        }
    }

    /// How many calls ended while it was measured.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// The report as a line of JSON.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("a report has only plain fields")
    }

    /// Prints the report as JSON.
    ///
    /// # Panics
    ///
    /// Standard output is closed.
    pub fn print(&self) {
        let text = serde_json::to_string_pretty(self).expect("a report has only plain fields");
        println!("{text}");
    }
}

impl Latency {
    fn new(histogram: &Histogram<u64>) -> Self {
        let us = |nanos: u64| nanos as f64 / 1e3;
        let at = |quantile: f64| us(histogram.value_at_quantile(quantile));
        Latency {
            min: us(histogram.min()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: us(histogram.max()),
            mean: histogram.mean() / 1e3,
        }
    }
}
