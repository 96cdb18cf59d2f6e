//! Results of clients that ran together, and of others.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::part::{Part, Slice, Source};
use super::*;
use crate::clock::Clock;
use crate::fleet::Observer;
use crate::record::histogram;
use crate::record::interval::Interval;
use crate::record::series::Point;
use crate::report::hlog::HlogWriter;
use crate::report::level::Levels;

fn part(agent: &str, start: f64, seconds: u64, latency_us: u64, calls: u64) -> Part {
    let mut histogram = histogram();
    histogram.record_n(latency_us * 1000, calls).unwrap();
    let slice = |second: u64| Slice {
        start: Duration::from_secs_f64(start) + Duration::from_secs(second),
        length: Duration::from_secs(1),
        latencies: Latencies::of(&histogram),
    };
    Part {
        source: Source {
            file: PathBuf::from(agent),
            agent: Some(agent.to_owned()),
            run: None,
            clock: None,
            started_at: start,
            seconds: seconds as f64,
            calls_per_second: calls as f64,
        },
        is_log: false,
        run: None,
        response: (0..seconds).map(slice).collect(),
        service: (0..seconds).map(slice).collect(),
        pacing: Latencies::default(),
    }
}

#[test]
fn percentiles_are_those_of_all_calls_and_not_a_mean() {
    // One client in ten sees a slow server: p50 is the fast one's, p99 the slow one's.
    let parts = [
        part("a", 100.0, 10, 100, 900),
        part("b", 100.0, 10, 5_000, 100),
    ];
    let merged = Merged::of(parts.into());
    let response = merged.response_us.unwrap();
    assert_eq!(response.count, 10_000);
    assert!((response.percentile("p50").unwrap() - 100.0).abs() < 0.1);
    assert!((response.percentile("p99").unwrap() - 5_000.0).abs() < 5.0);
    assert!((merged.calls_per_second - 1000.0).abs() < 1e-6);
    assert!(
        merged.invalid_because.is_empty(),
        "{:?}",
        merged.invalid_because
    );
}

#[test]
fn agents_that_did_not_run_together_are_not_believed() {
    let parts = [
        part("a", 100.0, 10, 100, 900),
        part("b", 105.0, 10, 100, 900),
    ];
    let merged = Merged::of(parts.into());
    assert_eq!(
        merged.invalid_because.len(),
        2,
        "{:?}",
        merged.invalid_because
    );
    assert!((merged.seconds - 15.0).abs() < 1e-9);
    assert!((merged.calls_per_second - 1200.0).abs() < 1e-6);
}

#[test]
fn runs_of_one_agent_one_after_the_other_are_believed() {
    let parts = [
        part("a", 100.0, 10, 100, 900),
        part("a", 200.0, 10, 100, 900),
    ];
    let merged = Merged::of(parts.into());
    assert_eq!(merged.invalid_because, Vec::<String>::new());
}

/// A part whose agent's clock can be wrong by so much.
fn clocked(agent: &str, error_max_us: Option<f64>) -> Part {
    let mut part = part(agent, 100.0, 10, 100, 900);
    part.source.clock = error_max_us.map(|error_max_us| Clock {
        synchronised: true,
        error_max_us,
        error_estimate_us: 0.0,
    });
    part
}

#[test]
fn clocks_that_can_be_apart_are_told_and_those_that_nobody_keeps_not_believed() {
    // The intervals are a second long.
    let merged = |left, right| Merged::of(vec![clocked("a", left), clocked("b", right)]);
    let near = merged(Some(10e3), Some(20e3));
    assert!(near.notes.is_empty() && near.invalid_because.is_empty());
    assert!((near.clock_error_seconds.unwrap() - 0.03).abs() < 1e-9);
    let far = merged(Some(100e3), Some(200e3));
    assert!(far.notes[0].contains("0.300 s apart"), "{:?}", far.notes);
    assert!(far.invalid_because.is_empty());
    // As chrony's and timesyncd's clocks before they look again.
    let further = merged(Some(0.5e6), Some(1e6));
    assert!(further.notes[0].contains("1.500 s apart, more than"));
    assert!(further.invalid_because.is_empty());
    let hopeless = merged(Some(0.1e6), Some(6e6));
    let why = &hopeless.invalid_because[0];
    assert!(why.starts_with("b: ") && why.contains("6.000 s"), "{why}");
    let unknown = merged(Some(10e3), None);
    assert!(
        unknown.notes[0].starts_with("b: nobody knows"),
        "{:?}",
        unknown.notes
    );
    assert_eq!(unknown.clock_error_seconds, None);
}

#[test]
fn an_agent_that_is_there_twice_is_not_counted_twice_in_silence() {
    let again = |start| {
        vec![
            part("a", 100.0, 10, 100, 900),
            part("a", start, 10, 100, 800),
        ]
    };
    let is_double = |why: &String| why.contains("counted twice");
    let merged = Merged::of(again(100.0));
    assert!(
        merged.invalid_because.iter().any(is_double),
        "{:?}",
        merged.invalid_because
    );
    let merged = Merged::of(again(200.0));
    assert!(!merged.invalid_because.iter().any(is_double));
}

/// As a log tells it that names no agent: with a start in milliseconds.
fn log(part: Part) -> Part {
    Part {
        is_log: true,
        source: Source {
            file: PathBuf::from("a.hlog"),
            agent: None,
            started_at: (part.source.started_at * 1e3).round() / 1e3,
            ..part.source.clone()
        },
        ..part
    }
}

#[test]
fn a_run_and_its_log_are_one_run() {
    let run = || part("a", 100.000_4, 10, 100, 900);
    for parts in [vec![run(), log(run())], vec![run(), run()]] {
        let merged = Merged::of(parts);
        assert_eq!(merged.response_us.unwrap().count, 9_000);
        assert_eq!(merged.sources.len(), 1);
        assert_eq!(merged.sources[0].file, Path::new("a"));
        assert!(merged.notes[0].contains("of the same run as a,"));
        assert_eq!(merged.invalid_because, [""; 0]);
    }
    let other = part("b", 100.000_4, 10, 110, 900);
    let merged = Merged::of(vec![run(), log(other)]);
    assert_eq!(merged.response_us.unwrap().count, 18_000);
}

/// Of calls that all failed there are no times, and of calls that all timed out only one.
#[test]
fn agents_that_start_together_are_two_whatever_they_measured() {
    for calls in [0, 900] {
        let both = ["a", "b"].map(|agent| part(agent, 100.0, 10, 1_000, calls));
        assert_eq!(Merged::of(both.into()).sources.len(), 2, "{calls} calls");
    }
    let unnamed = ["a", "b"].map(|file| {
        let mut part = part(file, 100.0, 10, 1_000, 0);
        part.source.agent = None;
        part
    });
    assert_eq!(Merged::of(unnamed.into()).sources.len(), 2);
}

/// A log of runs at these rates, each a second of ten calls of 300 µs, from the same time on.
fn written(path: &Path, agent: Option<&str>, rates: &[f64]) {
    let mut writer = HlogWriter::create(path, agent).unwrap();
    let mut levels = Levels::default();
    let second = Duration::from_secs(1);
    let mut interval = Interval::new();
    for _ in 0..10 {
        interval.record(Duration::from_micros(300), Duration::from_micros(100));
    }
    let mut start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for rate in rates {
        writer.name_next_run(&levels.next(*rate));
        writer.measuring(start).unwrap();
        let point = Point::of(Duration::ZERO, second, &interval);
        writer.measured(&point, &interval).unwrap();
        start += second * 2;
    }
    writer.flush().unwrap();
}

fn merged(paths: &[PathBuf]) -> Merged {
    let parts = paths.iter().flat_map(|path| Part::read(path).unwrap());
    Merged::of(parts.collect())
}

#[test]
fn logs_that_name_two_agents_are_two_runs_though_their_times_are_equal() {
    let directory = tempfile::tempdir().unwrap();
    let paths = ["0.hlog", "1.hlog"].map(|name| directory.path().join(name));
    for (agents, count, invalid) in [
        ([Some("a"), Some("b")], 20, 0),
        ([Some("a"), Some("a")], 10, 0),
        ([None, None], 10, 0),
    ] {
        for (path, agent) in paths.iter().zip(agents) {
            written(path, agent, &[5e3]);
        }
        let merged = merged(&paths);
        assert_eq!(merged.response_us.unwrap().count, count, "{agents:?}");
        assert_eq!(merged.invalid_because.len(), invalid, "{agents:?}");
        let unnamed = merged
            .notes
            .iter()
            .any(|note| note.contains("names no agent"));
        assert!(
            !unnamed,
            "one of them counts, or they are named: {:?}",
            merged.notes
        );
    }
}

#[test]
fn each_run_of_a_log_of_several_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("curve.hlog");
    written(&path, None, &[5e3, 1e4, 5e3]);
    let twice = merged(&[path.clone(), path.clone()]);
    let runs: Vec<_> = twice
        .sources
        .iter()
        .filter_map(|it| it.run.as_deref())
        .collect();
    assert_eq!(
        runs,
        ["rate=5000:run=1", "rate=10000:run=1", "rate=5000:run=2"]
    );
    assert_eq!(twice.response_us.as_ref().unwrap().count, 30);
    assert_eq!(twice.service_us.as_ref().unwrap().count, 30);
    // Ten calls in each of three seconds, with a second between them in which nobody measured.
    assert!((twice.calls_per_second - 10.0).abs() < 1e-6);
    assert_eq!(twice.notes.len(), 4, "{:?}", twice.notes);
    let one = merged(&[path]);
    assert!(
        one.notes[0].starts_with("there are runs at 2 rates"),
        "{:?}",
        one.notes
    );
    assert_eq!(one.notes.len(), 1, "{:?}", one.notes);
}
