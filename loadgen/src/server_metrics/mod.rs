//! What a server says of itself while it is measured, on the time axis of the measurement: its metrics
//! over HTTP, or what the kernel tells of its process.

mod exposition;
mod http;
mod lookup;
mod process;
mod tracks;

use std::fmt;
use std::str::FromStr;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use self::http::Url;
use self::lookup::Lookup;
use self::process::Process;
use self::tracks::{Kind, Tracks};
use crate::args::metrics::MetricsArgs;
use crate::fleet::Observer;
use crate::output::tell;

/// How many samples are taken of a run, if that makes them neither too frequent nor too rare.
const SAMPLES: u32 = 100;
/// Reading `/proc` costs little.
const PROCESS_INTERVAL_MIN: Duration = Duration::from_millis(50);
/// A server that exposes its metrics has to write all of them each time.
const HTTP_INTERVAL_MIN: Duration = Duration::from_millis(250);
const INTERVAL_MAX: Duration = Duration::from_secs(5);

/// The most problems that are told of one source.
const PROBLEMS_MAX: usize = 4;

/// Where metrics come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Prometheus' text over plain HTTP.
    Http(Url),
    /// A process of this machine, by its number.
    Process(u32),
}

/// Which metrics are kept: names, in which `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names(Vec<String>);

/// What one source told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerMetrics {
    pub(crate) source: String,
    /// When the samples were taken: seconds after the start of the measurement.
    pub(crate) times: Vec<f64>,
    pub(crate) series: Vec<MetricSeries>,
    /// Series that changed and were left out, as there were too many.
    pub(crate) left_out: usize,
    /// Samples that could not be taken, from the start of the measurement until the last call had ended.
    pub(crate) failures: u64,
    /// Why, each reason once.
    pub(crate) problems: Vec<String>,
}

/// A metric over time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MetricSeries {
    pub(crate) name: String,
    /// `{...}`, or empty.
    pub(crate) labels: String,
    /// `/s` of a counter, of which the rate is shown.
    pub(crate) unit: String,
    pub(crate) mean: f64,
    pub(crate) max: f64,
    /// One for each time; `null` where the metric was not there.
    pub(crate) values: Vec<Option<f64>>,
}

/// Samples all sources until the measurement is over.
pub(crate) struct Monitor {
    samplers: Vec<Sampler>,
    /// The start of the measurement.
    origin: Arc<OnceLock<Instant>>,
}

struct Sampler {
    source: Source,
    /// Dropped to end the thread.
    end: Sender<()>,
    thread: JoinHandle<Sampled>,
}

/// What a thread has gathered.
struct Sampled {
    tracks: Tracks,
    failures: u64,
    problems: Vec<String>,
}

impl Monitor {
    /// Starts a thread for each source. A source that cannot be read is said to be so on standard error,
    /// and tried again: a server may still be about to start.
    pub(crate) fn start(args: &MetricsArgs, duration: Duration) -> anyhow::Result<Self> {
        let origin = Arc::new(OnceLock::new());
        let samplers = args.sources.iter().map(|source| {
            let (end, is_over) = mpsc::channel();
            let sampling = Sampling {
                reader: Reader::new(source),
                interval: source.interval(duration),
                origin: Arc::clone(&origin),
                sampled: Sampled {
                    tracks: Tracks::new(args.names.clone()),
                    failures: 0,
                    problems: Vec::new(),
                },
                shown: source.to_string(),
            };
            let thread = thread::Builder::new()
                .name("server metrics".to_owned())
                .spawn(move || sampling.run(|time| is_over.recv_timeout(time)))?;
            Ok(Sampler {
                source: source.clone(),
                end,
                thread,
            })
        });
        let samplers = samplers
            .collect::<std::io::Result<_>>()
            .context("the server's metrics cannot be sampled")?;
        Ok(Monitor { samplers, origin })
    }

    /// What there was within so many seconds from the start of the measurement.
    pub(crate) fn finish(self, seconds: f64) -> Vec<ServerMetrics> {
        let Monitor { samplers, origin } = self;
        let finish = |sampler: Sampler| {
            drop(sampler.end);
            let Ok(sampled) = sampler.thread.join() else {
                return ServerMetrics::lost(&sampler.source);
            };
            let (times, series, left_out) = match origin.get() {
                Some(origin) => sampled.tracks.series(*origin, seconds),
                None => Default::default(),
            };
            ServerMetrics {
                source: sampler.source.to_string(),
                times,
                series,
                left_out,
                failures: sampled.failures,
                problems: sampled.problems,
            }
        };
        samplers.into_iter().map(finish).collect()
    }
}

impl Observer for Monitor {
    fn measuring(&mut self, started_at: SystemTime) -> anyhow::Result<()> {
        let until_then = started_at.duration_since(SystemTime::now());
        let _ = self
            .origin
            .set(Instant::now() + until_then.unwrap_or_default());
        Ok(())
    }
}

/// The life of a sampler's thread.
struct Sampling {
    reader: Reader,
    interval: Duration,
    origin: Arc<OnceLock<Instant>>,
    sampled: Sampled,
    shown: String,
}

impl Sampling {
    /// `wait` waits so long for the end.
    fn run(mut self, wait: impl Fn(Duration) -> Result<(), RecvTimeoutError>) -> Sampled {
        let mut due = Instant::now();
        loop {
            self.sample();
            // A source that answers slowly is asked less often.
            due = (due + self.interval).max(Instant::now());
            let left = due.saturating_duration_since(Instant::now());
            if wait(left) != Err(RecvTimeoutError::Timeout) {
                return self.sampled;
            }
        }
    }

    fn sample(&mut self) {
        let asked = Instant::now();
        let reading = self.reader.read();
        let now = Instant::now();
        let is_measuring = |at| self.origin.get().is_some_and(|origin| *origin <= at);
        let Sampled {
            tracks,
            failures,
            problems,
        } = &mut self.sampled;
        match reading {
            Ok(reading) => {
                if tracks.begin(now, is_measuring(now)) {
                    self.interval *= 2;
                }
                reading.add_to(tracks);
            }
            Err(why) => {
                *failures += u64::from(is_measuring(asked));
                if problems.len() < PROBLEMS_MAX && !problems.contains(&why) {
                    tell(format_args!("loadgen: {}: {why}", self.shown));
                    problems.push(why);
                }
            }
        }
    }
}

/// Reads a source again and again.
enum Reader {
    Http(Url, Lookup),
    Process(Process),
}

/// What was read.
enum Reading {
    Text(String),
    Process(process::Reading),
}

impl Reader {
    fn new(source: &Source) -> Self {
        match source {
            Source::Http(url) => Reader::Http(url.clone(), Lookup::default()),
            Source::Process(pid) => Reader::Process(Process::new(*pid)),
        }
    }

    fn read(&mut self) -> Result<Reading, String> {
        match self {
            Reader::Http(url, lookup) => {
                let text = String::from_utf8_lossy(&http::get(url, lookup)?).into_owned();
                if exposition::parse(&text, |_| {}) == 0 {
                    return Err("the answer has no metrics in it".to_owned());
                }
                Ok(Reading::Text(text))
            }
            Reader::Process(process) => process.read().map(Reading::Process),
        }
    }
}

impl Reading {
    fn add_to(&self, tracks: &mut Tracks) {
        match self {
            Reading::Text(text) => {
                exposition::parse(text, |it| {
                    let kind = if it.is_counter {
                        Kind::Counter
                    } else {
                        Kind::Gauge
                    };
                    tracks.add((it.name, it.labels), kind, "", it.value);
                });
            }
            Reading::Process(it) => {
                let mut counter = |name, unit, value| {
                    tracks.add((name, ""), Kind::Counter, unit, value);
                };
                counter("CPU", "%", it.cpu_seconds * 100.0);
                counter("voluntary context switches", "/s", it.voluntary_switches);
                counter(
                    "involuntary context switches",
                    "/s",
                    it.involuntary_switches,
                );
                let mut gauge = |name, unit, value: Option<f64>| {
                    tracks.add((name, ""), Kind::Gauge, unit, value.unwrap_or(f64::NAN));
                };
                gauge("RSS", "MB", it.resident_bytes.map(|bytes| bytes / 1e6));
                gauge("open files", "files", it.descriptors);
                gauge("threads", "threads", Some(it.threads));
            }
        }
    }
}

impl Source {
    fn interval(&self, duration: Duration) -> Duration {
        let min = match self {
            Source::Http(_) => HTTP_INTERVAL_MIN,
            Source::Process(_) => PROCESS_INTERVAL_MIN,
        };
        (duration / SAMPLES).clamp(min, INTERVAL_MAX)
    }
}

impl ServerMetrics {
    fn lost(source: &Source) -> Self {
        ServerMetrics {
            source: source.to_string(),
            times: Vec::new(),
            series: Vec::new(),
            left_out: 0,
            failures: 0,
            problems: vec!["the thread that sampled it panicked".to_owned()],
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.bytes().all(|it| it.is_ascii_digit()) {
            let pid = text.parse().ok().filter(|pid| *pid > 0);
            return pid
                .map(Source::Process)
                .ok_or_else(|| format!("\"{text}\" is not the number of a process"));
        }
        text.parse().map(Source::Http)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Http(url) => url.fmt(f),
            Source::Process(pid) => write!(f, "process {pid}"),
        }
    }
}

impl FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<_> = text.split(',').map(|it| it.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            return Err("a name of a metric is empty".to_owned());
        }
        Ok(Names(names))
    }
}

impl Names {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, name))
    }
}

/// Whether a name is what a pattern says, in which each `*` stands for any letters or none.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(found) => left = &left[found + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_source_is_a_url_or_a_number() {
        assert_eq!("17".parse(), Ok(Source::Process(17)));
        assert!(matches!("http://h:1".parse(), Ok(Source::Http(_))));
        for bad in ["0", "99999999999", "-3", "host", ""] {
            assert!(bad.parse::<Source>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_have_wildcards() {
        for (pattern, name, is_match) in [
            ("a_b", "a_b", true),
            ("a_b", "a_bc", false),
            ("a*", "a", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*b*", "abc", true),
            ("a*b*c", "a__b__c", true),
            ("a*b*c", "a__c__b", false),
            ("*", "", true),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
        assert!("a,,b".parse::<Names>().is_err());
    }

    /// Answers each scrape with the next of these texts, then closes the door.
    fn exporter(texts: Vec<String>) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for text in texts {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]);
                let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n{text}");
            }
        });
        url.parse().unwrap()
    }

    /// Samples as fast as it can until the source has failed, with the measurement begun.
    fn sampled(source: &Source) -> Sampled {
        let origin = Arc::new(OnceLock::new());
        origin.set(Instant::now()).unwrap();
        let mut sampling = Sampling {
            reader: Reader::new(source),
            interval: Duration::ZERO,
            origin,
            sampled: Sampled {
                tracks: Tracks::new(None),
                failures: 0,
                problems: Vec::new(),
            },
            shown: source.to_string(),
        };
        while sampling.sampled.failures == 0 {
            sampling.sample();
        }
        sampling.sampled
    }

    #[test]
    fn an_exporter_that_goes_away_leaves_what_it_told() {
        let text = |calls| format!("# TYPE calls counter\ncalls {calls}\nqueue 3\n");
        let source = exporter((0..5).map(|scrape| text(scrape * 10)).collect());
        let start = Instant::now();
        let sampled = sampled(&source);
        let (times, series, _) = sampled.tracks.series(start, 3600.0);
        assert_eq!(times.len(), 5);
        let names: Vec<_> = series
            .iter()
            .map(|it| (it.name.as_str(), it.unit.as_str()))
            .collect();
        assert_eq!(names, [("calls", "/s")], "the queue never changed");
        assert_eq!(series[0].values[0], None, "a rate has two ends");
        assert!(
            series[0].values[1..]
                .iter()
                .all(|rate| rate.is_some_and(|it| it > 0.0))
        );
        assert_eq!(sampled.problems.len(), 1, "{:?}", sampled.problems);
    }

    #[test]
    fn an_exporter_of_something_else_is_said_to_be() {
        let source = exporter(vec!["<html>\n<p>hello</p>\n".to_owned()]);
        let sampled = sampled(&source);
        assert_eq!(sampled.problems, ["the answer has no metrics in it"]);
    }
}
