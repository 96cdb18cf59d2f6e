//! Whether a run says something about the server, or only about the client that measured it.

use serde::{Deserialize, Serialize};

use crate::fleet::Measurement;
use crate::record::latencies::Latencies;
use crate::setup::Setup;
use crate::worker::facts::Facts;

/// A closed loop whose client is busier than this measures the client.
const BUSY_MAX: f64 = 0.97;

/// A thread that waits longer than this for its core adds its waiting to what it measures.
const DELAYED_MAX: f64 = 0.05;

/// In an open loop, so much of the calls that were due must have been sent, or the load was not the
/// one that was asked for.
const SENT_MIN: f64 = 0.99;

/// So many of the connections that were asked for must be up, or the load was not the one that was asked for.
const CONNECTED_MIN: f64 = 0.99;

/// The median call may be sent so late: a tenth of the median response time, but always this.
const LATENESS_MIN_NS: u64 = 100_000;

/// So many transfers may be under way at the end, as a share of those that were completed: what they had
/// moved is missing from the throughput.
const UNCOUNTED_MAX: f64 = 0.05;

/// A run and what is to be said of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) valid: bool,
    /// Whether the client is why it is not valid.
    pub(crate) client_is_limit: bool,
    /// Why it is not valid.
    pub(crate) invalid_because: Vec<String>,
    /// What to keep in mind.
    pub(crate) notes: Vec<String>,
}

impl Verdict {
    /// Looks at what the client did.
    pub(crate) fn of(setup: &Setup, measurement: &Measurement) -> Self {
        let mut verdict = Verdict::default();
        match setup.rate {
            None => verdict.look_at_closed_loop(setup, measurement),
            Some(_) => verdict.look_at_open_loop(measurement),
        }
        verdict.look_at_threads(setup, measurement);
        if setup.pipe.is_some() {
            verdict.look_at_transfers(measurement);
        }
        verdict.look_at_connections(setup, measurement);
        verdict.look_at_the_rest(setup, measurement);
        verdict.valid = verdict.invalid_because.is_empty();
        verdict
    }

    fn look_at_closed_loop(&mut self, setup: &Setup, measurement: &Measurement) {
        let busiest = busiest(measurement);
        if busiest < BUSY_MAX {
            return;
        }
        let why = format!(
            "a client thread was busy {:.0} % of the time: the rate is what the client can do; give \
             it more cores (--cores)",
            busiest * 100.0
        );
        // Whoever runs both sides in one process measures both.
        if setup.embedded {
            self.notes.push(why);
        } else {
            self.blame_client(why);
        }
    }

    fn blame_client(&mut self, why: String) {
        self.client_is_limit = true;
        self.invalid_because.push(why);
    }

    fn look_at_open_loop(&mut self, measurement: &Measurement) {
        let counts = &measurement.totals.counts;
        let unsent: u64 = measurement.workers.iter().map(|it| it.unsent).sum();
        let waited: u64 = measurement.workers.iter().map(|it| it.waited).sum();
        let sent_share = counts.sent as f64 / counts.offered.max(1) as f64;
        if unsent > 0 {
            let is_busy = busiest(measurement) >= BUSY_MAX;
            let cause = if is_busy {
                "the client could not send as fast as was asked"
            } else {
                "the server answered too slowly for the places that --connections and \
                 --outstanding allow"
            };
            let why = format!(
                "{cause}: {unsent} calls were due and not sent ({:.1} % of all); their waiting is \
                 in no histogram",
                (1.0 - sent_share) * 100.0
            );
            match sent_share < SENT_MIN {
                true if is_busy => self.blame_client(why),
                true => self.invalid_because.push(why),
                false => self.notes.push(why),
            }
        }
        if waited > 0 {
            self.notes.push(format!(
                "{waited} calls waited for a place, as the server had as many open as --connections \
                 and --outstanding allow"
            ));
        }
        self.look_at_pacing(measurement);
    }

    fn look_at_pacing(&mut self, measurement: &Measurement) {
        let pacing = Latencies::of(&measurement.totals.pacing);
        let response = Latencies::of(&measurement.totals.response);
        let (late, bound) = (
            pacing.quantile(0.5),
            (response.quantile(0.5) / 10).max(LATENESS_MIN_NS),
        );
        if late > bound {
            self.blame_client(format!(
                "the client sent the median call {} µs late, by its own fault",
                late / 1000
            ));
        }
    }

    fn look_at_threads(&mut self, setup: &Setup, measurement: &Measurement) {
        for (index, worker) in measurement.workers.iter().enumerate() {
            if worker.delayed() <= DELAYED_MAX {
                continue;
            }
            let core = setup.client_cores.get(index).copied().unwrap_or_default();
            let why = format!(
                "the client's thread on core {core} waited {:.0} % of the time for its core, which \
                 other threads had",
                worker.delayed() * 100.0
            );
            if setup.embedded {
                self.notes.push(why);
            } else {
                self.blame_client(why);
            }
        }
    }

    /// A server that closes its connections and takes others makes another load, but not a smaller one. A connection that
    /// was closed while no call needed it is made again for the next one; where none can be made, calls fail.
    fn look_at_connections(&mut self, setup: &Setup, measurement: &Measurement) {
        let asked = setup.connections as usize;
        let Some(up) = measurement.connections() else {
            return;
        };
        if up.throughout == asked {
            return;
        }
        let why = format!(
            "of the {asked} connections that were asked for, {} were up throughout, {} at the start and {} at the end",
            up.throughout, up.at_start, up.at_end
        );
        let fewest = up.at_start.min(up.at_end) as f64;
        let were_missed = measurement.totals.failures.refusals() > 0;
        if fewest < asked as f64 * CONNECTED_MIN && were_missed && setup.cancelling.is_none() {
            self.invalid_because.push(why);
        } else {
            self.notes.push(why);
        }
    }

    fn look_at_transfers(&mut self, measurement: &Measurement) {
        let (given_up, completed) = (given_up(measurement), measurement.totals.counts.completed);
        if given_up as f64 > completed as f64 * UNCOUNTED_MAX {
            self.notes.push(format!(
                "{given_up} transfers were under way at the end, and do not count beside the {completed} that \
                 were completed: let it run longer, or transfer less (--pipe-bytes)"
            ));
        }
    }

    fn look_at_the_rest(&mut self, setup: &Setup, measurement: &Measurement) {
        let counted = setup.counted();
        let left_over: u64 = measurement.workers.iter().map(|it| it.left_over).sum();
        if left_over > 0 {
            self.notes.push(format!(
                "{left_over} {counted} of the warm-up were not answered before the measurement, and kept their \
                 places until they were"
            ));
        }
        if measurement.warm_up.steady == Some(false) {
            self.notes.push(
                "rate or latency still changed when the warm-up was over; warm up for longer"
                    .to_owned(),
            );
        }
        if measurement.was_interrupted {
            self.notes
                .push("it was interrupted before its end".to_owned());
        }
        if measurement.totals.counts.completed == 0 {
            let what = counted.one();
            self.invalid_because
                .push(format!("no {what} ended as it should"));
        }
    }
}

/// Transfers that were begun and had not ended when the time was over.
fn given_up(measurement: &Measurement) -> u64 {
    let totals = &measurement.totals;
    let ended = totals.counts.completed + totals.failures.total();
    totals.counts.sent.saturating_sub(ended)
}

fn busiest(measurement: &Measurement) -> f64 {
    let workers = measurement.workers.iter();
    workers.map(Facts::busy).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::record::errors::Failure;
    use crate::record::interval::Interval;
    use crate::record::series::Series;
    use crate::setup::{OperationShare, PipeSetup};
    use crate::warm_up::WarmedUp;
    use crate::worker::connections::ConnectionsUp;

    fn setup(rate: Option<f64>, embedded: bool) -> Setup {
        Setup {
            target: "ncalrpc:[x]".to_owned(),
            embedded,
            agent: None,
            operations: vec![OperationShare {
                name: "EchoData".to_owned(),
                share: 1.0,
            }],
            payload: "32 B".to_owned(),
            pipe: None,
            connections: 1,
            outstanding: 1,
            arrivals: String::new(),
            rate,
            think_time_us: 0.0,
            cancelling: None,
            timeout_us: None,
            idle: String::new(),
            client_cores: vec![3],
            server_cores: vec![],
            seed: 1,
        }
    }

    fn of_transfers() -> Setup {
        let pipe = PipeSetup {
            direction: "in".to_owned(),
            bytes: 1,
            chunk_bytes: 1,
        };
        Setup {
            pipe: Some(pipe),
            ..setup(None, true)
        }
    }

    /// Ten thousand calls of 100 µs, sent 1 µs late, by a thread that was busy for this share.
    fn measurement(busy: f64) -> Measurement {
        let mut totals = Interval::new();
        totals.response.record_n(100_000, 10_000).unwrap();
        totals.pacing.record_n(1_000, 10_000).unwrap();
        totals.counts.offered = 10_000;
        totals.counts.sent = 10_000;
        totals.counts.completed = 10_000;
        Measurement {
            started_at: SystemTime::UNIX_EPOCH,
            elapsed: Duration::from_secs(1),
            warm_up: WarmedUp {
                seconds: 1.0,
                steady: None,
            },
            totals,
            series: Series::new(),
            workers: vec![Facts {
                elapsed: Duration::from_secs(1),
                cpu: Duration::from_secs(1),
                spinning: Duration::from_secs_f64(1.0 - busy),
                ..Facts::default()
            }],
            was_interrupted: false,
        }
    }

    #[test]
    fn a_client_that_had_time_to_spare_is_believed() {
        for rate in [None, Some(1e4)] {
            let verdict = Verdict::of(&setup(rate, false), &measurement(0.5));
            assert!(verdict.valid && verdict.notes.is_empty(), "{verdict:?}");
        }
    }

    #[test]
    fn a_busy_client_of_a_closed_loop_measures_itself() {
        let verdict = Verdict::of(&setup(None, false), &measurement(0.99));
        assert!(
            verdict.invalid_because[0].contains("busy 99 %"),
            "{verdict:?}"
        );
        let embedded = Verdict::of(&setup(None, true), &measurement(0.99));
        assert!(embedded.valid && embedded.notes.len() == 1, "{embedded:?}");
    }

    #[test]
    fn an_open_loop_that_is_not_kept_up_is_the_fault_of_whoever_had_no_time() {
        let mut late = measurement(0.99);
        late.totals.counts.offered = 20_000;
        late.workers[0].unsent = 10_000;
        let verdict = Verdict::of(&setup(Some(2e4), false), &late);
        let why = &verdict.invalid_because[0];
        assert!(
            why.contains("the client could not") && why.contains("50.0 %"),
            "{why}"
        );
        late.workers[0].spinning = Duration::from_millis(500);
        late.workers[0].waited = 9_000;
        let verdict = Verdict::of(&setup(Some(2e4), false), &late);
        let why = &verdict.invalid_because[0];
        assert!(why.contains("the server answered too slowly"), "{why}");
        assert!(
            verdict.notes[0].contains("9000 calls waited"),
            "{verdict:?}"
        );
        late.totals.counts.offered = 10_050;
        late.workers[0].unsent = 50;
        assert!(
            Verdict::of(&setup(Some(2e4), false), &late).valid,
            "a part in two hundred"
        );
    }

    #[test]
    fn lateness_and_a_stolen_core_are_the_clients_fault() {
        let mut late = measurement(0.5);
        late.totals.pacing.record_n(200_000, 20_000).unwrap();
        let verdict = Verdict::of(&setup(Some(1e4), false), &late);
        assert!(
            verdict.invalid_because[0].contains("200 µs late"),
            "{verdict:?}"
        );
        let mut delayed = measurement(0.5);
        delayed.workers[0].run_delay = Duration::from_millis(300);
        let verdict = Verdict::of(&setup(None, false), &delayed);
        assert!(
            verdict.invalid_because[0].contains("core 3 waited 30 %"),
            "{verdict:?}"
        );
    }

    #[test]
    fn nothing_completed_is_nothing_measured() {
        let mut nothing = measurement(0.1);
        nothing.totals.counts.completed = 0;
        let verdict = Verdict::of(&setup(None, true), &nothing);
        assert_eq!(verdict.invalid_because, ["no call ended as it should"]);
        let verdict = Verdict::of(&of_transfers(), &nothing);
        assert_eq!(verdict.invalid_because, ["no transfer ended as it should"]);
    }

    #[test]
    fn connections_that_are_not_there_are_missing_from_the_load() {
        let verdict = |up: [usize; 3], cancelling: Option<&str>, failed: &[Failure]| {
            let mut measurement = measurement(0.5);
            for failure in failed {
                measurement.totals.failures.add(*failure, 1);
            }
            let [at_start, at_end, throughout] = up;
            let half = ConnectionsUp {
                at_start: at_start / 2,
                at_end: at_end / 2,
                throughout: throughout / 2,
            };
            measurement.workers[0].connections = Some(half);
            measurement.workers.push(measurement.workers[0].clone());
            let setup = Setup {
                connections: 100,
                cancelling: cancelling.map(str::to_owned),
                ..setup(None, false)
            };
            Verdict::of(&setup, &measurement)
        };
        let all = verdict([100; 3], None, &[]);
        assert!(all.valid && all.notes.is_empty(), "{all:?}");
        let came_back = verdict([100, 100, 0], None, &[Failure::Reset]);
        assert!(came_back.valid, "{came_back:?}");
        assert!(
            came_back.notes[0]
                .contains(" 0 were up throughout, 100 at the start and 100 at the end"),
            "{came_back:?}"
        );
        for gone in [[100, 98, 98], [98, 100, 98]] {
            let missed = verdict(gone, None, &[Failure::Connect]);
            assert!(!missed.valid && !missed.client_is_limit, "{missed:?}");
            assert!(missed.invalid_because[0].contains("98 were up throughout"));
            // Closed when they were idle, or by calls that took too long.
            let unneeded = verdict(gone, None, &[Failure::Timeout]);
            assert!(unneeded.valid, "{unneeded:?}");
            assert!(unneeded.notes[0].contains("98 were up throughout"));
        }
        let cancelling = verdict([100, 98, 98], Some("5 %"), &[Failure::Reset]);
        assert!(cancelling.valid, "cancels close some");
    }

    #[test]
    fn calls_of_the_warm_up_that_keep_their_places_are_spoken_of() {
        let mut measurement = measurement(0.5);
        measurement.workers[0].left_over = 3;
        let notes = Verdict::of(&setup(None, false), &measurement).notes;
        assert!(notes[0].starts_with("3 calls of the warm-up"), "{notes:?}");
    }

    #[test]
    fn transfers_that_do_not_count_are_spoken_of_once_they_would_matter() {
        let setup = of_transfers();
        for (under_way, is_said) in [(500, false), (501, true)] {
            let mut measurement = measurement(0.5);
            let counts = &mut measurement.totals.counts;
            counts.sent = counts.completed + under_way;
            let notes = Verdict::of(&setup, &measurement).notes;
            let said = notes.iter().any(|note| note.contains("under way"));
            assert_eq!(said, is_said, "{under_way}: {notes:?}");
        }
    }
}
