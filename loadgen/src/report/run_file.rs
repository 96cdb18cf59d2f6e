//! `run.json`: what was run, what came of it, and whether to trust it.
//!
//! Its fields are documented in `docs/loadgen/run-json.md`. Numbers of later versions of the same
//! schema are added to it, never changed; a change has a new number.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::fleet::Measurement;
use crate::record::latencies::Latencies;
use crate::record::series::Point;
use crate::server_metrics::ServerMetrics;
use crate::setup::{PipeSetup, Setup};
use crate::stats::{Blocks, Interval95, QUANTILES, can_tell};
use crate::verdict::Verdict;
use crate::worker::connections::ConnectionsUp;

/// The name and version of the schema.
pub(crate) const SCHEMA: &str = "annulus-loadgen/run/1";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunFile {
    pub(crate) schema: String,
    #[serde(flatten)]
    pub(crate) setup: Setup,
    /// Seconds since 1970, UTC.
    pub(crate) started_at: f64,
    /// Of this machine; `null` if it does not tell.
    #[serde(default)]
    pub(crate) clock: Option<Clock>,
    pub(crate) warm_up_seconds: f64,
    pub(crate) steady: Option<bool>,
    pub(crate) interrupted: bool,
    pub(crate) ring: String,
    /// Of the connections that were asked for; `null` of transfers through pipes, which make their own.
    #[serde(default)]
    pub(crate) connections_up: Option<ConnectionsUp>,
    pub(crate) seconds: f64,
    pub(crate) offered: u64,
    pub(crate) sent: u64,
    pub(crate) completed: u64,
    pub(crate) unsent: u64,
    pub(crate) waited_for_place: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) calls_per_second: f64,
    pub(crate) megabytes_per_second: f64,
    /// What went through pipes; `null` if calls have none.
    #[serde(default)]
    pub(crate) pipe_throughput: Option<PipeThroughput>,
    pub(crate) response_us: Option<Times>,
    pub(crate) service_us: Option<Times>,
    pub(crate) pacing_error_us: Option<Times>,
    pub(crate) client_cpu: Cpu,
    pub(crate) server_cpu: Option<Cpu>,
    pub(crate) client_threads: Vec<Thread>,
    pub(crate) client_system_calls_per_call: f64,
    /// Of each source that was asked for.
    #[serde(default)]
    pub(crate) server_metrics: Vec<ServerMetrics>,
    pub(crate) verdict: Verdict,
    pub(crate) histograms: Histograms,
    pub(crate) intervals: Vec<TimeSlice>,
}

/// A distribution of times, in microseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) mean: f64,
    pub(crate) max: f64,
    /// `p50`, `p90`, ...; `null` if there are too few calls to tell.
    #[serde(flatten)]
    pub(crate) percentiles: BTreeMap<String, Option<f64>>,
    /// Of the percentiles that can be told: where they lie with 95 % confidence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) confidence95: BTreeMap<String, (f64, f64)>,
}

/// What completed transfers carried.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct PipeThroughput {
    pub(crate) transfers_per_second: f64,
    /// To the server.
    pub(crate) in_bytes_per_second: f64,
    /// From the server.
    pub(crate) out_bytes_per_second: f64,
}

impl PipeThroughput {
    fn of(pipe: &PipeSetup, transfers_per_second: f64, bytes_per_second: f64) -> Self {
        let unless = |other: &str| {
            if pipe.direction == other {
                0.0
            } else {
                bytes_per_second
            }
        };
        PipeThroughput {
            transfers_per_second,
            in_bytes_per_second: unless("out"),
            out_bytes_per_second: unless("in"),
        }
    }
}

/// CPU time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Cpu {
    /// Of one core, in percent.
    pub(crate) percent: f64,
    pub(crate) us_per_call: f64,
}

/// A thread of the client.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Thread {
    pub(crate) core: Option<usize>,
    pub(crate) cpu_percent: f64,
    /// Of its time: with something to do.
    pub(crate) busy_percent: f64,
    /// Of its time: waiting for its core, which another thread had.
    pub(crate) delayed_percent: f64,
}

/// Histograms in nanoseconds: HdrHistogram V2, deflated, in base64, as in an `.hlog`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Histograms {
    pub(crate) response: String,
    pub(crate) service: String,
    pub(crate) pacing_error: String,
}

/// A stretch of the measured time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TimeSlice {
    pub(crate) start: f64,
    pub(crate) seconds: f64,
    pub(crate) offered: u64,
    pub(crate) sent: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// Of the response times: a histogram.
    pub(crate) response: String,
    /// Of the service times: a histogram.
    pub(crate) service: String,
}

impl RunFile {
    /// `server_cpu` is what an embedded server used.
    pub(crate) fn new(setup: Setup, measurement: &Measurement, verdict: Verdict) -> Self {
        let totals = &measurement.totals;
        let seconds = measurement.elapsed.as_secs_f64();
        let completed = totals.counts.completed;
        let cpu = |time: Duration| Cpu {
            percent: ratio(time.as_secs_f64() * 100.0, seconds),
            us_per_call: ratio(time.as_secs_f64() * 1e6, completed as f64),
        };
        let workers = &measurement.workers;
        let client: Duration = workers.iter().map(|worker| worker.cpu).sum();
        let process = workers.iter().map(|worker| worker.process_cpu).max();
        // An embedded server is what used the CPU of this process beside the workers.
        let server = process.unwrap_or_default().saturating_sub(client);
        let enters: u64 = workers.iter().map(|worker| worker.enters).sum();
        let points = measurement.series.points();
        let response = Blocks::new(points.iter().map(|point| &point.response));
        let service = Blocks::new(points.iter().map(|point| &point.service));
        let calls_per_second = ratio(completed as f64, seconds);
        let bytes_per_second = ratio(totals.counts.payload_bytes as f64, seconds);
        let started_at = measurement.started_at.duration_since(UNIX_EPOCH);
        RunFile {
            schema: SCHEMA.to_owned(),
            started_at: started_at.unwrap_or_default().as_secs_f64(),
            clock: None,
            warm_up_seconds: measurement.warm_up.seconds,
            steady: measurement.warm_up.steady,
            interrupted: measurement.was_interrupted,
            connections_up: measurement.connections(),
            ring: workers.first().map_or("", |worker| worker.ring).to_owned(),
            seconds,
            offered: totals.counts.offered,
            sent: totals.counts.sent,
            completed,
            unsent: workers.iter().map(|worker| worker.unsent).sum(),
            waited_for_place: workers.iter().map(|worker| worker.waited).sum(),
            errors: totals.failures.by_name(),
            calls_per_second,
            megabytes_per_second: bytes_per_second / 1e6,
            pipe_throughput: (setup.pipe.as_ref())
                .map(|pipe| PipeThroughput::of(pipe, calls_per_second, bytes_per_second)),
            response_us: Times::of(&Latencies::of(&totals.response), Some(&response)),
            service_us: Times::of(&Latencies::of(&totals.service), Some(&service)),
            pacing_error_us: Times::of(&Latencies::of(&totals.pacing), None),
            client_cpu: cpu(client),
            server_cpu: setup.embedded.then(|| cpu(server)),
            client_threads: threads(&setup, measurement),
            client_system_calls_per_call: ratio(enters as f64, completed as f64),
            server_metrics: Vec::new(),
            verdict,
            histograms: Histograms {
                response: encode(&Latencies::of(&totals.response)),
                service: encode(&Latencies::of(&totals.service)),
                pacing_error: encode(&Latencies::of(&totals.pacing)),
            },
            intervals: points.iter().map(TimeSlice::of).collect(),
            setup,
        }
    }

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let head: Head = serde_json::from_str(&text)
            .with_context(|| format!("{} is no run.json", path.display()))?;
        if head.schema != SCHEMA {
            bail!(
                "{} has the schema {:?}, and this program reads {SCHEMA:?}",
                path.display(),
                head.schema
            );
        }
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        super::write_file(path, &(self.to_json() + "\n"))
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has only plain fields")
    }

    /// When it was started.
    pub(crate) fn started_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs_f64(self.started_at.max(0.0))
    }
}

/// What tells files apart before they are read whole.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

fn threads(setup: &Setup, measurement: &Measurement) -> Vec<Thread> {
    let workers = measurement.workers.iter().enumerate();
    workers
        .map(|(index, worker)| Thread {
            core: setup.client_cores.get(index).copied(),
            cpu_percent: ratio(
                worker.cpu.as_secs_f64() * 100.0,
                worker.elapsed.as_secs_f64(),
            ),
            busy_percent: worker.busy() * 100.0,
            delayed_percent: worker.delayed() * 100.0,
        })
        .collect()
}

impl Times {
    /// `None` if there is nothing.
    pub(crate) fn of(latencies: &Latencies, blocks: Option<&Blocks>) -> Option<Self> {
        let count = latencies.count();
        if count == 0 {
            return None;
        }
        let us = |nanos: u64| nanos as f64 / 1e3;
        let told: Vec<_> = QUANTILES
            .into_iter()
            .filter(|quantile| can_tell(count, *quantile))
            .collect();
        let percentiles = QUANTILES.into_iter().map(|quantile| {
            let value = can_tell(count, quantile).then(|| us(latencies.quantile(quantile)));
            (percentile_name(quantile), value)
        });
        let confidence = blocks.and_then(|blocks| blocks.confidence(&told));
        let confidence95 = told.iter().zip(confidence.into_iter().flatten());
        Some(Times {
            count,
            min: us(latencies.min()),
            mean: latencies.mean() / 1e3,
            max: us(latencies.max()),
            percentiles: percentiles.collect(),
            confidence95: confidence95
                .map(|(quantile, Interval95 { low, high })| {
                    (percentile_name(*quantile), (us(low), us(high)))
                })
                .collect(),
        })
    }

    /// The value at a percentile, if it can be told.
    pub(crate) fn percentile(&self, name: &str) -> Option<f64> {
        self.percentiles.get(name).copied().flatten()
    }
}

/// `p50`, `p99_9`.
pub(crate) fn percentile_name(quantile: f64) -> String {
    // Rounded, as 99.9 has no exact double.
    let percent = (quantile * 1e7).round() / 1e5;
    format!("p{percent}").replace('.', "_")
}

impl TimeSlice {
    fn of(point: &Point) -> Self {
        TimeSlice {
            start: point.start.as_secs_f64(),
            seconds: point.length.as_secs_f64(),
            offered: point.counts.offered,
            sent: point.counts.sent,
            completed: point.counts.completed,
            failed: point.failures.total(),
            response: encode(&point.response),
            service: encode(&point.service),
        }
    }
}

/// A histogram as text.
pub(crate) fn encode(latencies: &Latencies) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&latencies.to_histogram(), &mut bytes)
        .expect("a vector takes all bytes");
    BASE64_STANDARD.encode(bytes)
}

/// The histogram of [`encode`].
pub(crate) fn decode(text: &str) -> anyhow::Result<Latencies> {
    let bytes = BASE64_STANDARD
        .decode(text)
        .context("a histogram is not in base64")?;
    let histogram: hdrhistogram::Histogram<u64> = Deserializer::new()
        .deserialize(&mut &bytes[..])
        .context("a histogram is damaged")?;
    Ok(Latencies::of(&histogram))
}

/// Zero if there is nothing to divide by.
pub(crate) fn ratio(amount: f64, by: f64) -> f64 {
    if by > 0.0 { amount / by } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram;

    #[test]
    fn percentiles_have_short_names() {
        let names = QUANTILES.map(percentile_name);
        assert_eq!(names, ["p50", "p90", "p99", "p99_9", "p99_99", "p99_999"]);
    }

    #[test]
    fn histograms_survive_their_text() {
        let mut histogram = histogram();
        for value in [1, 500, 70_000, 3_000_000_000] {
            histogram.record_n(value, value).unwrap();
        }
        let latencies = Latencies::of(&histogram);
        assert_eq!(decode(&encode(&latencies)).unwrap(), latencies);
        assert!(decode("AAAA").is_err());
        assert!(decode("?").is_err());
    }

    #[test]
    fn too_few_calls_give_no_tail() {
        let mut histogram = histogram();
        histogram.record_n(5_000, 1_000).unwrap();
        let times = Times::of(&Latencies::of(&histogram), None).unwrap();
        assert_eq!(times.percentile("p99"), Some(5.003));
        assert_eq!(times.percentile("p99_9"), None);
        assert!(times.percentiles.contains_key("p99_9"));
    }
}
