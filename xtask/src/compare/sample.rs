//! What one run measured, and what many runs say together.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// One run of one subject under one load.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) calls_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) client_cpu_us: f64,
    pub(crate) server_cpu_us: f64,
    /// Of client and server, per call; `None` where nobody counts.
    pub(crate) system_calls: Option<(f64, f64)>,
    /// On the heap, of both sides together, per call.
    pub(crate) allocations: f64,
    /// Others used the machine meanwhile, however often it was tried.
    pub(crate) is_noisy: bool,
}

impl Sample {
    /// Reads what `annulus_bench_measure::Report` writes.
    pub(crate) fn parse(text: &str, is_noisy: bool) -> Result<Self> {
        let report: Value = serde_json::from_str(text).context("a report is not JSON")?;
        let number = |path: &str| {
            let value = report.pointer(path).and_then(Value::as_f64);
            value.with_context(|| format!("a report has no number {path}"))
        };
        let system_calls = |side: &str| number(&format!("/{side}_system_calls_per_call")).ok();
        Ok(Sample {
            calls_per_second: number("/calls_per_second")?,
            p50_us: number("/latency_us/p50")?,
            p99_us: number("/latency_us/p99")?,
            client_cpu_us: number("/client_cpu/us_per_call")?,
            server_cpu_us: number("/server_cpu/us_per_call")?,
            system_calls: system_calls("client").zip(system_calls("server")),
            allocations: number("/allocations_per_call")?,
            is_noisy,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "calls_per_second": self.calls_per_second,
            "p50_us": self.p50_us,
            "p99_us": self.p99_us,
            "client_cpu_us_per_call": self.client_cpu_us,
            "server_cpu_us_per_call": self.server_cpu_us,
            "client_system_calls_per_call": self.system_calls.map(|(client, _)| client),
            "server_system_calls_per_call": self.system_calls.map(|(_, server)| server),
            "allocations_per_call": self.allocations,
            "noisy": self.is_noisy,
        })
    }
}

/// The runs of one subject under one load, by round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Samples {
    /// The median of what `of` takes from each sample; NaN if there is none.
    pub(crate) fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.0.iter().map(of).collect())
    }

    /// The quartiles of it: a quarter of the samples lies below the first, one above the second.
    pub(crate) fn quartiles(&self, of: impl Fn(&Sample) -> f64) -> (f64, f64) {
        let mut values: Vec<_> = self.0.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let quarter = values.len() / 4;
        match values.len() {
            0 => (f64::NAN, f64::NAN),
            len => (values[quarter], values[len - 1 - quarter]),
        }
    }

    /// The median of the ratios to `other`, each of two runs of the same round: what drifts
    /// between rounds drops out.
    pub(crate) fn ratio(&self, other: &Samples, of: impl Fn(&Sample) -> f64) -> f64 {
        let pairs = self.0.iter().zip(&other.0);
        median(pairs.map(|(one, two)| of(one) / of(two)).collect())
    }

    pub(crate) fn to_json(&self) -> Value {
        self.0.iter().map(Sample::to_json).collect()
    }
}

/// The one in the middle; NaN if there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Samples with these numbers of calls a second.
    pub(crate) fn samples(calls_per_second: &[f64]) -> Samples {
        let sample = |&calls_per_second: &f64| Sample {
            calls_per_second,
            p50_us: 1e6 / calls_per_second,
            p99_us: 2e6 / calls_per_second,
            client_cpu_us: 1.0,
            server_cpu_us: 2.0,
            system_calls: Some((2.0, 2.0)),
            allocations: 0.0,
            is_noisy: false,
        };
        Samples(calls_per_second.iter().map(sample).collect())
    }

    #[test]
    fn a_report_is_read_and_peers_count_no_system_calls() {
        let report = r#"{ "calls_per_second": 1000.5, "latency_us": { "p50": 10.0, "p99": 20.0 },
            "client_cpu": { "us_per_call": 1.0 }, "server_cpu": { "us_per_call": 2.0 },
            "client_system_calls_per_call": null, "server_system_calls_per_call": null,
            "allocations_per_call": 3.0 }"#;
        let sample = Sample::parse(report, true).unwrap();
        assert_eq!((sample.system_calls, sample.allocations), (None, 3.0));
        assert!(sample.is_noisy && sample.calls_per_second > 1000.0);
        assert!(Sample::parse("{}", false).is_err());
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        // The machine halves its speed after each round; the ratio stays.
        let (one, two) = (
            samples(&[800.0, 400.0, 200.0]),
            samples(&[1000.0, 500.0, 250.0]),
        );
        let calls = |sample: &Sample| sample.calls_per_second;
        assert!((one.ratio(&two, calls) - 0.8).abs() < 1e-9);
        assert_eq!(one.median(calls), 400.0);
        assert_eq!(one.quartiles(calls), (200.0, 800.0));
        let many = samples(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(many.quartiles(calls), (3.0, 6.0));
        assert!(Samples::default().median(calls).is_nan());
    }
}
