//! The result of a run, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::worker::Measured;

/// What was run against what.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Setup {
    pub(crate) target: String,
    pub(crate) embedded: bool,
    pub(crate) connections: u32,
    pub(crate) outstanding: u32,
    pub(crate) payload_bytes: u32,
    /// Calls a second that were asked for; `null` is closed loop.
    pub(crate) rate: Option<f64>,
    pub(crate) ring: &'static str,
    pub(crate) idle: String,
    pub(crate) client_cores: Vec<usize>,
    pub(crate) server_cores: Vec<usize>,
}

/// The result of a run. Its JSON form has the same fields.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    setup: Setup,
    seconds: f64,
    offered: u64,
    sent: u64,
    completed: u64,
    errors: BTreeMap<String, u64>,
    calls_per_second: f64,
    /// Payload, each way.
    megabytes_per_second: f64,
    /// `null` if no call completed.
    latency_us: Option<Latency>,
    client_cpu: Cpu,
    /// `null` if the server is not in this process.
    server_cpu: Option<Cpu>,
    client_system_calls_per_call: f64,
    #[serde(skip)]
    json: bool,
}

/// Latencies in microseconds.
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

/// CPU time.
#[derive(Clone, Copy, Debug, Serialize)]
struct Cpu {
    /// Of one core, in percent.
    percent: f64,
    us_per_call: f64,
}

impl Report {
    pub(crate) fn new(
        setup: Setup,
        measured: &Measured,
        server_cpu: Option<Duration>,
        json: bool,
    ) -> Self {
        let seconds = measured.elapsed.as_secs_f64();
        let per_second = ratio(measured.completed as f64, seconds);
        let cpu = |time: Duration| Cpu {
            percent: ratio(time.as_secs_f64() * 100.0, seconds),
            us_per_call: ratio(time.as_secs_f64() * 1e6, measured.completed as f64),
        };
        Report {
            seconds,
            offered: measured.offered,
            sent: measured.sent,
            completed: measured.completed,
            errors: measured.errors.clone(),
            calls_per_second: per_second,
            megabytes_per_second: per_second * f64::from(setup.payload_bytes) / 1e6,
            latency_us: (!measured.latency.is_empty()).then(|| Latency::new(&measured.latency)),
            client_cpu: cpu(measured.cpu),
            server_cpu: server_cpu.map(cpu),
            client_system_calls_per_call: ratio(measured.enters as f64, measured.completed as f64),
            setup,
            json,
        }
    }

    /// Prints the report; the exit status says whether any call completed.
    pub(crate) fn print(&self) -> ExitCode {
        if self.json {
            println!(
                "{}",
                serde_json::to_string_pretty(self).expect("a report has only plain fields")
            );
        } else {
            print!("{self}");
        }
        if self.completed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setup = &self.setup;
        let whose = if setup.embedded {
            " (embedded server)"
        } else {
            ""
        };
        let load = match setup.rate {
            Some(rate) => format!("open loop, {rate} calls/s intended"),
            None => "closed loop".to_owned(),
        };
        let mut row = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<14} {value}");
        row("target", &format_args!("{}{whose}", setup.target))?;
        row(
            "load",
            &format_args!(
                "{} connections x {} outstanding, {} B payload each way, {load}",
                setup.connections, setup.outstanding, setup.payload_bytes
            ),
        )?;
        row(
            "ring",
            &format_args!("{}, idle policy {}", setup.ring, setup.idle),
        )?;
        row("measured", &format_args!("{:.2} s", self.seconds))?;
        row("offered", &self.offered)?;
        row("sent", &self.sent)?;
        row("completed", &self.completed)?;
        row("errors", &self.errors_line())?;
        row("calls/s", &format_args!("{:.0}", self.calls_per_second))?;
        row(
            "MB/s",
            &format_args!("{:.1} each way", self.megabytes_per_second),
        )?;
        match &self.latency_us {
            None => row("latency", &"no call completed")?,
            Some(latency) => row("latency µs", latency)?,
        }
        row(
            "client CPU",
            &format_args!("{} on {}", self.client_cpu, cores(&setup.client_cores)),
        )?;
        match &self.server_cpu {
            Some(cpu) => row(
                "server CPU",
                &format_args!("{cpu} on {}", cores(&setup.server_cores)),
            )?,
            None => row("server CPU", &"unknown: another process")?,
        }
        row(
            "system calls",
            &format_args!("{:.3} per call (client)", self.client_system_calls_per_call),
        )
    }
}

impl Report {
    fn errors_line(&self) -> String {
        if self.errors.is_empty() {
            return "0".to_owned();
        }
        let mut line = self.errors.values().sum::<u64>().to_string();
        for (kind, count) in &self.errors {
            let _ = write!(line, "  {kind}: {count}");
        }
        line
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "min {:.1}  p50 {:.1}  p90 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1}",
            self.min, self.p50, self.p90, self.p99, self.p99_9, self.max
        )
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} %, {:.2} µs per call",
            self.percent, self.us_per_call
        )
    }
}

fn cores(cores: &[usize]) -> String {
    let list: Vec<_> = cores.iter().map(ToString::to_string).collect();
    format!("core {}", list.join(", "))
}

fn ratio(value: f64, by: f64) -> f64 {
    if by > 0.0 { value / by } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_completed_is_said_and_not_divided_by() {
        assert_eq!(ratio(3.0, 0.0), 0.0);
        let latency = Latency::new(&Histogram::new(3).unwrap());
        assert_eq!(latency.max, 0.0);
    }

    #[test]
    fn percentiles_are_in_microseconds() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        histogram.record_n(2_000, 99).unwrap();
        histogram.record(1_000_000).unwrap();
        let latency = Latency::new(&histogram);
        assert!((latency.p50 - 2.0).abs() < 0.01, "{latency}");
        assert!((latency.max - 1000.0).abs() < 1.0, "{latency}");
    }
}
