//! A worker and a server over the simulated ring, in virtual time.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::mpsc;

use annulus::rpcecho::{self, EchoServer};
use annulus::transports::sim::{SimConfig, SimNet, SimRing};
use annulus::{CancelKind, Config, Limits, Server, Status, mgmt};

use super::connections::ConnectionsUp;
use super::control::{Control, Told};
use super::*;
use crate::operation::{Operation, Request, Stub};
use crate::plan::search::{Search, Try};
use crate::record::latencies::Latencies;
use crate::schedule::{Process, Profile};

/// From one side to the other.
const LATENCY: Duration = Duration::from_micros(50);

/// Turns after which a run that has not ended counts as hanging.
const TURNS_MAX: usize = 10_000_000;

/// When the server does nothing.
#[derive(Clone, Copy)]
struct Stall {
    /// Of which part of the run, mostly the measurement.
    part: fn(&Control) -> Time,
    /// After the start of that.
    start: Duration,
    length: Duration,
}

fn job(rate: Option<f64>, connections: u32, outstanding: u32) -> Job {
    Job {
        target: "ncacn_ip_tcp:127.0.0.1[5000]".to_owned(),
        mix: Arc::new(Mix::rpcecho("Echo").unwrap()),
        payload: Payload::Fixed(32),
        connections,
        outstanding,
        arrivals: rate.map(|rate| Arrivals::Rate {
            profile: Profile::Constant(rate),
            process: Process::Even,
        }),
        part: Part { index: 0, of: 1 },
        think_time: Duration::ZERO,
        timeout: None,
        cancelling: None,
        interval: Duration::from_millis(100),
        seed: 1,
        trace: None,
    }
}

/// What happens in a run.
#[derive(Clone, Copy, Default)]
struct Course {
    duration: Duration,
    stall: Option<Stall>,
    /// How long calls that are in flight at the end are waited for.
    drain_time: Option<Duration>,
    /// When the server goes, after the start of the measurement.
    server_goes: Option<Duration>,
}

/// Everything that a run recorded, and what the worker knows of itself.
fn run(job: Job, duration: Duration, stall: Option<Stall>) -> (Interval, Facts) {
    run_course(
        job,
        Course {
            duration,
            stall,
            ..Course::default()
        },
    )
}

fn run_course(job: Job, course: Course) -> (Interval, Facts) {
    let net = SimNet::new(
        1,
        SimConfig {
            latency_min: LATENCY,
            latency_max: LATENCY,
            tear: 0.0,
            reorder: 0.0,
            ..SimConfig::default()
        },
    );
    let config = Config::default().seed(1);
    let ring = || net.ring(&Limits::DEFAULT);
    let mut server = LocalRuntime::with_ring(ring(), &config);
    let echo = rpcecho::interface(EchoServer::default());
    let endpoint = Server::new().endpoint(&job.target).unwrap();
    server.serve(endpoint.interface(echo)).unwrap();
    let control = Arc::new(Control::new());
    let (news, told) = mpsc::channel();
    let (_empty, emptied) = mpsc::channel();
    let outbox = Outbox::new(0, news, emptied);
    let client = LocalRuntime::with_ring(ring(), &config);
    let mut worker = Worker::new(job, client, Arc::clone(&control), outbox).unwrap();
    let mut totals = Interval::new();
    for _ in 0..TURNS_MAX {
        let turn = worker.turn().unwrap();
        let connections = server.usage().connections;
        assert!(
            connections <= worker.job.connections as usize,
            "{connections} connections"
        );
        take_news(&told, &control, &net, &course, &mut totals);
        let noted = worker.cancels.noted.len();
        assert!(
            noted <= 2 * worker.ledger.places(),
            "{noted} are to be cancelled"
        );
        if turn == Turn::Done {
            return (totals, worker.facts().clone());
        }
        let server_end = course.server_goes.map(|it| control.measure_start() + it);
        if server_end.is_some_and(|end| end <= net.now()) {
            server.begin_shutdown();
        }
        let end_of_stall = end_of_stall(course.stall, &control, net.now());
        let has_served = end_of_stall.is_none() && server.poll(&mut |_| {}).unwrap();
        if turn == Turn::Idle && !has_served {
            pass(&net, &worker, &server, end_of_stall);
        }
    }
    panic!("the run hangs");
}

fn take_news(
    told: &mpsc::Receiver<Told>,
    control: &Control,
    net: &SimNet,
    course: &Course,
    totals: &mut Interval,
) {
    while let Ok(Told { news, .. }) = told.try_recv() {
        match news {
            News::Connected => {
                control.warm_up_from(net.now());
                control.warm_up_until(net.now() + Duration::from_millis(50));
            }
            News::Settled => {
                let start = net.now() + Duration::from_millis(1);
                let end = start + course.duration;
                control.measure_until(end);
                control.measure_from(start);
                if let Some(time) = course.drain_time {
                    control.drain_until(end + time);
                }
            }
            News::Measured(delivery) => totals.merge(&delivery.interval),
            News::WarmUp(_) | News::Ended(_) => {}
        }
    }
}

fn end_of_stall(stall: Option<Stall>, control: &Control, now: Time) -> Option<Time> {
    let Stall {
        part,
        start,
        length,
    } = stall?;
    let start = part(control) + start;
    let end = start + length;
    (start <= now && now < end).then_some(end)
}

/// Lets time pass until something happens.
fn pass(
    net: &SimNet,
    worker: &Worker<SimRing>,
    server: &LocalRuntime<SimRing>,
    end_of_stall: Option<Time>,
) {
    let now = net.now();
    let due = server.next_due().filter(|_| end_of_stall.is_none());
    let next = [net.next_event_at(), due, end_of_stall]
        .into_iter()
        .flatten();
    let next = next.fold(worker.next_due(), Time::min);
    net.advance((next - now).max(Duration::from_nanos(1)));
}

/// What a call takes that follows another one.
fn round_trip() -> Duration {
    let (totals, _) = run(job(None, 1, 1), Duration::from_secs(1), None);
    Duration::from_secs_f64(1.0 / totals.counts.completed as f64)
}

/// A server that stalls once, for a second. Its one place makes the client wait with it, and yet
/// no call is left out: calls are due each millisecond, whatever happens.
#[test]
fn a_stall_shows_in_the_response_times_as_theory_says_and_not_in_the_service_times() {
    let (rate, seconds) = (1_000.0, 5.0);
    let stall = Stall {
        part: Control::measure_start,
        start: Duration::from_secs(2),
        length: Duration::from_secs(1),
    };
    let job = job(Some(rate), 1, 1);
    let (totals, facts) = run(job, Duration::from_secs_f64(seconds), Some(stall));
    assert_eq!(totals.counts.offered, 5_000);
    assert_eq!(totals.counts.completed, 5_000);
    assert_eq!(facts.unsent, 0);

    // A call takes s. One that is due u after the stall has begun is answered after all that were
    // due before, one after the other: (1 + rate·u)·s after the stall's end. So its response
    // takes D + s - u·(1 - rate·s), and over x take those with u below (D + s - x)/(1 - rate·s).
    let service = round_trip().as_secs_f64();
    let over = |x: f64| rate * (1.0 + service - x) / (1.0 - rate * service);
    let response = Latencies::of(&totals.response);
    for x in [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99] {
        let seen: u64 = response
            .buckets()
            .filter(|(value, _)| *value as f64 > x * 1e9)
            .map(|(_, count)| count)
            .sum();
        // One call at the edge, and one part in a thousand by the histogram's buckets.
        let slack = 2.0 + over(x) / 1000.0 + rate * x / 1000.0;
        assert!(
            (seen as f64 - over(x)).abs() <= slack,
            "{seen} took over {x} s, not {}",
            over(x)
        );
    }
    for quantile in [0.8, 0.9, 0.99] {
        let theory =
            1.0 + service - (1.0 - quantile) * rate * seconds * (1.0 - rate * service) / rate;
        let theory = theory.max(service);
        let seen = response.quantile(quantile) as f64 / 1e9;
        assert!(
            (seen - theory).abs() < 0.003,
            "p{} is {seen} s, not {theory} s",
            quantile * 100.0
        );
    }

    let service_times = Latencies::of(&totals.service);
    assert_eq!(service_times.count(), 5_000);
    assert!(service_times.quantile(0.999) < 5 * LATENCY.as_nanos() as u64);
    let slow = service_times
        .buckets()
        .filter(|(value, _)| *value > 1_000_000);
    assert_eq!(
        slow.map(|(_, count)| count).sum::<u64>(),
        1,
        "the call that met the stall"
    );

    assert!(
        facts.waited > 1_000,
        "{} waited for the place",
        facts.waited
    );
    let pacing = Latencies::of(&totals.pacing);
    assert!(
        pacing.max() < 2_000,
        "waiting for a place is not the client's lateness: {}",
        pacing.max()
    );
}

/// A server with one place takes calls one after the other: more than one in a round trip it cannot.
#[test]
fn the_capacity_of_a_server_is_found_by_searching() {
    let capacity = 1.0 / round_trip().as_secs_f64();
    let search = Search {
        from: 100.0,
        to: 1e6,
        precision: 0.05,
        confirm: 2,
        repeat: 30,
    };
    let length = Duration::from_millis(200);
    let found = search.run(|rate| {
        let (totals, _) = run(job(Some(rate), 1, 1), length, None);
        let response = Latencies::of(&totals.response);
        // Of a load that is more than the server can do, a queue of 5 ms takes longer than a tenth of the run
        // to grow only if it is more by less than 3 %.
        let is_kept = response.quantile(0.9) < 5_000_000;
        Ok::<_, Infallible>(if is_kept { Try::Kept } else { Try::Missed })
    });
    let found = found.unwrap();
    let kept = found.kept.unwrap();
    assert!(
        (0.94..1.04).contains(&(kept / capacity)),
        "{kept} of {capacity}"
    );
    let (low, high) = found.limit.unwrap().interval95();
    assert!(
        low < capacity * 1.04 && capacity < high && high / low < 1.08,
        "{low} to {high}, of {capacity}"
    );
}

#[test]
fn a_stall_that_outlasts_the_run_leaves_nothing_uncounted() {
    let stall = Stall {
        part: Control::measure_start,
        start: Duration::from_millis(500),
        length: Duration::from_secs(3600),
    };
    let (totals, facts) = run(
        job(Some(1_000.0), 2, 2),
        Duration::from_secs(1),
        Some(stall),
    );
    assert_eq!(totals.counts.offered, 1_000);
    assert_eq!(totals.counts.completed, 500);
    assert_eq!(totals.counts.sent, 504);
    assert_eq!(facts.unsent, 496);
    assert_eq!(totals.failures.by_name()["unanswered"], 4);
    let response = Latencies::of(&totals.response);
    assert_eq!(
        response.count(),
        504,
        "what is never answered counts with the time it was waited for"
    );
    assert!(response.max() > DRAIN_TIME.as_nanos() as u64);
}

#[test]
fn calls_in_flight_are_waited_for_no_longer_than_the_user_likes() {
    let stall = Some(Stall {
        part: Control::measure_start,
        start: Duration::ZERO,
        length: Duration::from_secs(3600),
    });
    let (duration, second) = (Duration::from_millis(200), Duration::from_secs(1));
    for (drain_time, waited) in [(Some(second), second), (None, DRAIN_TIME)] {
        let course = Course {
            duration,
            stall,
            drain_time,
            server_goes: None,
        };
        let (totals, _) = run_course(job(None, 2, 4), course);
        assert_eq!(totals.counts.completed, 0);
        assert_eq!(totals.failures.by_name()["unanswered"], 8);
        let longest = Duration::from_nanos(totals.response.max());
        let expected = duration + waited;
        assert!(
            longest >= waited && longest <= expected + expected / 100,
            "{longest:?}, and it was to be {expected:?}"
        );
    }
}

/// An operation of the management interface, which every server has, beside rpcecho's, with a place or two on each of
/// three connections.
#[test]
fn each_connection_carries_the_calls_of_all_interfaces() {
    let stub: Arc<[u8]> = Arc::from([]);
    let listening = Operation {
        name: "mgmt.is_server_listening".to_owned(),
        opnum: mgmt::IS_SERVER_LISTENING,
        request: Request::Stub(Stub {
            ndr: Arc::clone(&stub),
            ndr64: stub,
        }),
    };
    let echo = Operation::rpcecho("Echo").unwrap();
    let mix = Mix::new(vec![
        ((rpcecho::INTERFACE, echo), 3.0),
        ((mgmt::INTERFACE, listening), 1.0),
    ]);
    for (outstanding, think_time) in [(1, Duration::ZERO), (1, LATENCY), (2, Duration::ZERO)] {
        let job = Job {
            mix: Arc::new(mix.clone()),
            think_time,
            ..job(None, 3, outstanding)
        };
        let course = Course {
            duration: Duration::from_millis(100),
            ..Course::default()
        };
        let (totals, facts) = run_course(job, course);
        assert!(totals.counts.completed > 100, "{:?}", totals.counts);
        assert_eq!(totals.counts.completed, totals.counts.sent);
        assert_eq!(totals.failures.by_name(), BTreeMap::new());
        let up = facts.connections.unwrap();
        assert_eq!((up.at_start, up.throughout), (3, 3));
    }
}

#[test]
fn connections_that_are_up_are_counted_before_and_after() {
    let half = Duration::from_millis(100);
    for (server_goes, left) in [(None, 3), (Some(half), 0)] {
        let course = Course {
            duration: half * 2,
            server_goes,
            ..Course::default()
        };
        let (totals, facts) = run_course(job(None, 3, 2), course);
        let expected = ConnectionsUp {
            at_start: 3,
            at_end: left,
            throughout: left,
        };
        assert_eq!(facts.connections, Some(expected));
        assert_eq!(totals.failures.total() > 0, left == 0);
    }
}

#[test]
fn calls_of_the_warm_up_that_keep_their_places_are_counted() {
    let hour = Duration::from_secs(3600);
    for (length, left_over) in [(hour, 6), (LATENCY, 0)] {
        let stall = Stall {
            part: Control::warm_up_start,
            start: Duration::from_millis(10),
            length,
        };
        let job = job(None, 2, 3);
        let (totals, facts) = run(job, Duration::from_millis(200), Some(stall));
        assert_eq!(facts.left_over, left_over);
        assert_eq!(totals.counts.sent == 0, left_over == 6);
    }
}

#[test]
fn a_closed_loop_keeps_as_many_calls_open_as_there_are_places() {
    let (totals, _) = run(job(None, 2, 3), Duration::from_secs(1), None);
    let completed = totals.counts.completed;
    let expected = 6.0 / round_trip().as_secs_f64();
    assert!(
        (completed as f64 / expected - 1.0).abs() < 0.01,
        "{completed} calls, not {expected}"
    );
    assert_eq!(totals.counts.sent, completed);
    assert_eq!(
        totals.pacing.len(),
        0,
        "calls that follow each other cannot be late"
    );
}

#[test]
fn thinking_users_leave_their_time_between_calls() {
    let mut job = job(None, 1, 4);
    job.think_time = Duration::from_micros(900);
    let (totals, _) = run(job, Duration::from_secs(1), None);
    // Each of the four makes a call in each round trip and 900 µs.
    let round_trip = Latencies::of(&totals.service).mean() / 1e9;
    let expected = 4.0 / (round_trip + 900e-6);
    let completed = totals.counts.completed;
    assert!(
        (completed as f64 / expected - 1.0).abs() < 0.002,
        "{completed} calls, not {expected}"
    );
    assert!(Latencies::of(&totals.pacing).max() < 1_000);
}

#[test]
fn a_call_that_is_given_up_counts_with_the_time_that_it_was_given() {
    let mut job = job(Some(100.0), 1, 64);
    job.timeout = Some(Duration::from_millis(200));
    let stall = Stall {
        part: Control::measure_start,
        start: Duration::from_secs(1),
        length: Duration::from_secs(1),
    };
    let (totals, _) = run(job, Duration::from_secs(3), Some(stall));
    let timeouts = totals.failures.by_name()["timeout"];
    // The last 200 ms of the stall are waited for.
    assert!((79..=81).contains(&timeouts), "{timeouts}");
    assert_eq!(totals.counts.completed + timeouts, 300);
    let response = Latencies::of(&totals.response);
    assert_eq!(
        response.count(),
        300,
        "those that were given up are in the distribution"
    );
    let max = response.max();
    assert!((200_000_000..=201_000_000).contains(&max), "{max}");
}

/// Of a server that ends it of its own accord, and of the time limit.
#[test]
fn a_cancelled_call_is_a_timeout_only_once_its_time_is_over() {
    let limit = Duration::from_millis(200);
    let mix = Arc::new(Mix::rpcecho("Echo").unwrap());
    for (time_limit, took, expected) in [
        (Some(limit), Duration::from_millis(1), "cancelled"),
        (Some(limit), limit, "timeout"),
        (None, limit, "cancelled"),
    ] {
        let mut ledger = Ledger::new(Arc::clone(&mix), 1, 1, Duration::ZERO, time_limit).unwrap();
        ledger.record_from(Time::ZERO, None);
        let place = ledger.take_free().unwrap();
        let call = NewCall {
            intended: Time::ZERO,
            sent: Time::ZERO,
            operation: 0,
            payload_len: 0,
        };
        ledger.begin(place, call);
        ledger.end_call(place, Err(Status::CallCancelled), Time::ZERO + took);
        let failed = ledger.interval.failures.by_name();
        assert_eq!(
            failed[expected], 1,
            "{took:?} of {time_limit:?}: {failed:?}"
        );
        let latencies = u64::from(expected == "timeout");
        assert_eq!(ledger.interval.response.len(), latencies);
    }
}

fn cancelling(share: f64, kind: CancelKind) -> Job {
    let mut job = job(Some(10_000.0), 2, 64);
    let after = LATENCY / 2;
    job.cancelling = Some(Cancelling { share, after, kind });
    // A limit that no call reaches: those that are cancelled are no timeouts.
    job.timeout = Some(Duration::from_secs(1));
    job
}

#[test]
fn cancelled_calls_are_counted_by_themselves_and_are_no_latencies() {
    let second = Duration::from_secs(1);
    let (totals, _) = run(cancelling(0.25, CancelKind::Abortive), second, None);
    let failed = totals.failures.by_name();
    let cancelled = failed["cancelled"];
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!((2_300..2_700).contains(&cancelled), "{cancelled}");
    assert_eq!(totals.counts.completed + cancelled, totals.counts.sent);
    assert_eq!(totals.response.len(), totals.counts.completed);

    let (totals, _) = run(cancelling(1.0, CancelKind::Abortive), second, None);
    assert_eq!(totals.counts.completed, 0);
    assert_eq!(totals.failures.by_name()["cancelled"], totals.counts.sent);
}

/// The server says nothing any more, so nothing wakes the client but the time for the next cancel.
#[test]
fn what_is_to_be_cancelled_after_the_measurement_is_not_waited_for() {
    let mut job = job(Some(100.0), 2, 64);
    let (after, kind) = (Duration::from_millis(300), CancelKind::Abortive);
    job.cancelling = Some(Cancelling {
        share: 1.0,
        after,
        kind,
    });
    let stall = Stall {
        part: Control::measure_start,
        start: Duration::from_millis(500),
        length: Duration::from_secs(3600),
    };
    let (totals, _) = run(job, Duration::from_secs(1), Some(stall));
    let failed = totals.failures.by_name();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!((49..=51).contains(&failed["cancelled"]), "{failed:?}");
}

#[test]
fn a_call_that_its_server_does_not_end_when_asked_to_runs_out_of_time() {
    let mut job = job(Some(100.0), 1, 64);
    let (after, kind) = (Duration::from_millis(50), CancelKind::NonAbortive);
    job.cancelling = Some(Cancelling {
        share: 1.0,
        after,
        kind,
    });
    job.timeout = Some(Duration::from_millis(200));
    let stall = Stall {
        part: Control::measure_start,
        start: Duration::from_secs(1),
        length: Duration::from_secs(1),
    };
    let (totals, _) = run(job, Duration::from_secs(3), Some(stall));
    let failed = totals.failures.by_name();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!((79..=81).contains(&failed["timeout"]), "{failed:?}");
    assert_eq!(Latencies::of(&totals.response).count(), 300);
}

#[test]
fn calls_that_end_long_before_they_are_to_be_cancelled_are_forgotten() {
    let mut job = cancelling(1.0, CancelKind::Abortive);
    job.cancelling = job.cancelling.map(|it| Cancelling {
        after: Duration::from_secs(3600),
        ..it
    });
    let (totals, _) = run(job, Duration::from_secs(1), None);
    assert_eq!(totals.counts.completed, totals.counts.sent);
    assert_eq!(totals.counts.completed, 10_000);
}

#[test]
fn a_call_whose_server_answers_all_the_same_has_completed() {
    let second = Duration::from_secs(1);
    let (totals, _) = run(cancelling(1.0, CancelKind::NonAbortive), second, None);
    assert_eq!(totals.failures.total(), 0);
    assert_eq!(totals.counts.completed, totals.counts.sent);
}
