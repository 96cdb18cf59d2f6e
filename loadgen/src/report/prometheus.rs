//! What a Prometheus server can scrape while a run lasts (text format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Context;

use super::Counted;
use super::level::Level;
use crate::fleet::Observer;
use crate::record::interval::{Counts, Interval};
use crate::record::latencies::Latencies;
use crate::record::series::Point;

/// The upper bounds of the histogram's buckets, in nanoseconds: 1, 2 and 5 of each power of ten, from
/// a microsecond to ten seconds.
const BOUNDS_NS: [u64; 22] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers each request at its address with the sums since the start of the measurement. Of several runs, those of
/// the last one whose measurement has begun. It lives as long as the process.
pub(crate) struct Exporter {
    sums: Arc<Mutex<Sums>>,
    address: SocketAddr,
    /// Of the run that is or will be measured, if it is one of several.
    labels: String,
}

/// Sums since the start of the measurement.
#[derive(Debug, Default)]
struct Sums {
    /// That all series have.
    labels: String,
    counts: Counts,
    failures: BTreeMap<String, u64>,
    /// Of response times: how many are at most as long as each bound.
    buckets: [u64; BOUNDS_NS.len()],
    count: u64,
    sum_ns: f64,
}

impl Exporter {
    pub(crate) fn start(address: SocketAddr, counted: Counted) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .with_context(|| format!("--prometheus: {address} cannot be opened"))?;
        let sums = Arc::new(Mutex::new(Sums::default()));
        let exporter = Exporter {
            sums: Arc::clone(&sums),
            address: listener.local_addr()?,
            labels: String::new(),
        };
        thread::Builder::new()
            .name("prometheus".to_owned())
            .spawn(move || serve(&listener, &sums, counted))?;
        Ok(exporter)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is measured next is one of several runs. Until that begins, the numbers of the one before can still
    /// be asked for.
    pub(crate) fn name_next_run(&mut self, level: &Level) {
        self.labels = level.labels();
        let mut sums = locked(&self.sums);
        if sums.labels.is_empty() {
            sums.labels.clone_from(&self.labels);
        }
    }
}

impl Observer for Exporter {
    fn measuring(&mut self, _: SystemTime) -> anyhow::Result<()> {
        *locked(&self.sums) = Sums {
            labels: self.labels.clone(),
            ..Sums::default()
        };
        Ok(())
    }

    fn measured(&mut self, point: &Point, _: &Interval) -> anyhow::Result<()> {
        let mut sums = locked(&self.sums);
        sums.counts.merge(&point.counts);
        for (kind, count) in point.failures.by_name() {
            *sums.failures.entry(kind).or_default() += count;
        }
        sums.add(&point.response);
        Ok(())
    }
}

fn locked(sums: &Mutex<Sums>) -> MutexGuard<'_, Sums> {
    sums.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sums {
    fn add(&mut self, response: &Latencies) {
        for (value, count) in response.buckets() {
            let first = BOUNDS_NS.partition_point(|bound| *bound < value);
            self.buckets[first..]
                .iter_mut()
                .for_each(|sum| *sum += count);
            self.count += count;
            self.sum_ns += value as f64 * count as f64;
        }
    }

    /// The labels of a series that has these of its own.
    fn labels(&self, own: &str) -> String {
        match (self.labels.as_str(), own) {
            ("", "") => String::new(),
            (one, "") | ("", one) => format!("{{{one}}}"),
            (all, own) => format!("{{{all},{own}}}"),
        }
    }

    fn text(&self, counted: Counted) -> String {
        let mut text = String::new();
        let labels = self.labels("");
        let what = counted.capitalised();
        for (name, help, count) in [
            ("offered", "that were due", self.counts.offered),
            ("sent", "that were sent", self.counts.sent),
            (
                "completed",
                "that ended as they should",
                self.counts.completed,
            ),
        ] {
            let name = format!("loadgen_{counted}_{name}_total");
            let _ = write!(
                text,
                "# HELP {name} {what} {help}.\n# TYPE {name} counter\n{name}{labels} {count}\n"
            );
        }
        let name = "loadgen_errors_total";
        let _ = write!(
            text,
            "# HELP {name} {what} that failed.\n# TYPE {name} counter\n"
        );
        for (kind, count) in &self.failures {
            let labels = self.labels(&format!("kind=\"{kind}\""));
            let _ = writeln!(text, "{name}{labels} {count}");
        }
        let name = "loadgen_response_seconds";
        let _ = write!(
            text,
            "# HELP {name} From the intended send time to the end.\n# TYPE {name} histogram\n"
        );
        for (bound, count) in BOUNDS_NS.iter().zip(self.buckets) {
            let bound = *bound as f64 / 1e9;
            let labels = self.labels(&format!("le=\"{bound}\""));
            let _ = writeln!(text, "{name}_bucket{labels} {count}");
        }
        let (count, sum) = (self.count, self.sum_ns / 1e9);
        let infinite = self.labels("le=\"+Inf\"");
        let _ = write!(
            text,
            "{name}_bucket{infinite} {count}\n{name}_sum{labels} {sum}\n{name}_count{labels} {count}\n"
        );
        text
    }
}

fn serve(listener: &TcpListener, sums: &Mutex<Sums>, counted: Counted) {
    for stream in listener.incoming().flatten() {
        let text = locked(sums).text(counted);
        // Whoever asks and does not listen misses the answer.
        let _ = answer(stream, &text);
    }
}

/// Whatever is asked for is answered with the numbers.
fn answer(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    for line in BufReader::new(&stream).lines() {
        if line?.is_empty() {
            break;
        }
    }
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::record::errors::Failure;
    use crate::report::level::Levels;

    #[test]
    fn sums_are_scraped_over_http() {
        let mut exporter =
            Exporter::start(SocketAddr::from(([127, 0, 0, 1], 0)), Counted::Calls).unwrap();
        let mut interval = Interval::new();
        interval.counts.completed = 3;
        interval.failures.add(Failure::Reset, 2);
        for micros in [4, 40, 40] {
            interval.record(Duration::from_micros(micros), Duration::from_micros(1));
        }
        let second = Duration::from_secs(1);
        for index in 0..2 {
            let point = Point::of(second * index, second, &interval);
            exporter.measured(&point, &interval).unwrap();
        }
        let mut stream = TcpStream::connect(exporter.address()).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        for line in [
            "loadgen_calls_completed_total 6",
            "loadgen_errors_total{kind=\"reset\"} 4",
            "loadgen_response_seconds_bucket{le=\"0.000002\"} 0",
            "loadgen_response_seconds_bucket{le=\"0.000005\"} 2",
            "loadgen_response_seconds_bucket{le=\"0.00005\"} 6",
            "loadgen_response_seconds_bucket{le=\"+Inf\"} 6",
            "loadgen_response_seconds_count 6",
        ] {
            assert!(
                answer.lines().any(|seen| seen == line),
                "{line} in {answer}"
            );
        }
    }

    #[test]
    fn of_several_runs_the_last_one_is_shown_with_its_labels() {
        let mut exporter =
            Exporter::start(SocketAddr::from(([127, 0, 0, 1], 0)), Counted::Calls).unwrap();
        let mut levels = Levels::default();
        let mut interval = Interval::new();
        interval.counts.completed = 3;
        interval.failures.add(Failure::Reset, 2);
        interval.record(Duration::from_micros(4), Duration::from_micros(1));
        let second = Duration::from_secs(1);
        let point = Point::of(Duration::ZERO, second, &interval);
        let text = |exporter: &Exporter| locked(&exporter.sums).text(Counted::Calls);
        let completed = |run, count| {
            format!("loadgen_calls_completed_total{{rate=\"500\",run=\"{run}\"}} {count}\n")
        };
        exporter.name_next_run(&levels.next(500.0));
        assert!(text(&exporter).contains(&completed(1, 0)));
        exporter.measuring(SystemTime::now()).unwrap();
        exporter.measured(&point, &interval).unwrap();
        exporter.name_next_run(&levels.next(500.0));
        let before = text(&exporter);
        assert!(before.contains(&completed(1, 3)), "{before}");
        exporter.measuring(SystemTime::now()).unwrap();
        exporter.measured(&point, &interval).unwrap();
        exporter.measured(&point, &interval).unwrap();
        let after = text(&exporter);
        assert!(after.contains(&completed(2, 6)), "{after}");
        let series = after.lines().filter(|line| !line.starts_with('#'));
        for line in series {
            assert!(line.contains("{rate=\"500\",run=\"2\""), "{line}");
        }
        assert!(after.contains("run=\"2\",kind=\"reset\"} 4\n"), "{after}");
        assert!(after.contains("run=\"2\",le=\"0.000005\"} 2\n"), "{after}");
    }

    #[test]
    fn transfers_are_not_called_calls() {
        let text = Sums::default().text(Counted::Transfers);
        assert!(text.contains("loadgen_transfers_completed_total 0\n"));
        assert!(text.contains(" Transfers that were sent.\n"), "{text}");
        assert!(!text.to_lowercase().contains("calls"), "{text}");
    }

    #[test]
    fn an_address_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = Exporter::start(address, Counted::Calls)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(&address.to_string()), "{error}");
    }
}
