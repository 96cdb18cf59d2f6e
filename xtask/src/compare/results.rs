//! Everything that one comparison measured.

use serde_json::{Value, json};

use super::extra::Extras;
use super::history::Past;
use super::sample::{Sample, Samples};
use super::subject::{Role, Subject, WORKLOADS};
use super::target::targets;

/// The machine and the state of the sources.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circumstances {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// How TCP controls congestion, by its name.
    pub(crate) congestion: String,
    pub(crate) rustc: String,
    /// What git calls the commit; `-dirty` if something is changed.
    pub(crate) commit: String,
    pub(crate) date: String,
    /// Seconds of each run or turn.
    pub(crate) seconds: f64,
}

/// All samples of a comparison.
pub(crate) struct Results {
    pub(crate) circumstances: Circumstances,
    pub(crate) subjects: Vec<Subject>,
    /// By workload, then by subject.
    pub(crate) samples: Vec<Vec<Samples>>,
    pub(crate) extras: Extras,
    /// What the last comparisons measured of the targets, the oldest first.
    pub(crate) past: Vec<Past>,
    /// What could not be compared, and why.
    pub(crate) missing: Vec<String>,
    /// Rounds that were made again because others used the machine.
    pub(crate) repeated: usize,
}

pub(crate) fn calls(sample: &Sample) -> f64 {
    sample.calls_per_second
}

pub(crate) fn p50(sample: &Sample) -> f64 {
    sample.p50_us
}

/// What the shortest of latencies is best at.
pub(crate) fn quickness(sample: &Sample) -> f64 {
    1.0 / sample.p50_us
}

impl Results {
    /// Samples that were noisy however often they were taken.
    pub(crate) fn noisy(&self) -> usize {
        let beside = [&self.extras.usual, &self.extras.wide];
        let all = self.samples.iter().flatten().chain(beside);
        let all = all.flat_map(|samples| &samples.0);
        all.filter(|sample| sample.is_noisy).count()
    }

    /// The samples of the subject with this name.
    pub(crate) fn of(&self, workload: usize, name: &str) -> Option<&Samples> {
        let index = self.subjects.iter().position(|it| it.name == name)?;
        Some(&self.samples[workload][index])
    }

    /// The one of these that has most of `merit`, under this load.
    fn best(
        &self,
        workload: usize,
        merit: fn(&Sample) -> f64,
        is_wanted: impl Fn(&Subject) -> bool,
    ) -> Option<&Samples> {
        let samples = self.subjects.iter().zip(&self.samples[workload]);
        samples
            .filter(|(subject, _)| is_wanted(subject))
            .map(|(_, samples)| samples)
            .max_by(|one, two| one.median(merit).total_cmp(&two.median(merit)))
    }

    /// The one of those that limit a subject that has most of `merit`: [`calls`] or [`quickness`].
    pub(crate) fn limit_of(
        &self,
        workload: usize,
        subject: &Subject,
        merit: fn(&Sample) -> f64,
    ) -> Option<&Samples> {
        let Role::Annulus { limit } = subject.role else {
            return None;
        };
        self.best(workload, merit, |it| limit.contains(&it.name))
    }

    /// The peer that has most of `merit`.
    pub(crate) fn best_peer(&self, workload: usize, merit: fn(&Sample) -> f64) -> Option<&Samples> {
        self.best(workload, merit, |it| it.role == Role::Peer)
    }

    pub(crate) fn to_json(&self) -> Value {
        let Circumstances {
            processor,
            cores,
            kernel,
            congestion,
            rustc,
            commit,
            date,
            seconds,
        } = &self.circumstances;
        let workloads = WORKLOADS.iter().zip(&self.samples).map(|(load, samples)| {
            let subjects = self.subjects.iter().zip(samples);
            let rounds: serde_json::Map<_, _> = subjects
                .map(|(subject, samples)| (subject.name.to_owned(), samples.to_json()))
                .collect();
            json!({
                "name": load.name,
                "connections": load.connections,
                "outstanding": load.outstanding,
                "payload_bytes": load.payload,
                "rounds": rounds,
            })
        });
        let own = Past::new(&self.circumstances, &targets(self));
        let history = self.past.iter().chain([&own]).map(Past::to_json);
        json!({
            "processor": processor,
            "cores": cores,
            "kernel": kernel,
            "tcp_congestion_control": congestion,
            "rustc": rustc,
            "commit": commit,
            "date": date,
            "seconds_of_each_turn": seconds,
            "missing": self.missing,
            "rounds_repeated": self.repeated,
            "turns_noisy": self.noisy(),
            "workloads": workloads.collect::<Vec<_>>(),
            "extras": self.extras.to_json(),
            "history": history.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::extra::tests::extras;
    use super::super::sample::tests::samples;
    use super::super::subject::RAW_URING;
    use super::*;

    /// Two limits, annulus and a peer: 1000 and 900, 500, 100 calls a second, under each load.
    pub(crate) fn results() -> Results {
        let limit = &[RAW_URING, "fast limit"];
        let subjects = vec![
            Subject::named("annulus TCP, adaptive", Role::Annulus { limit }),
            Subject::named(RAW_URING, Role::Limit),
            Subject::named("fast limit", Role::Limit),
            Subject::named("peer", Role::Peer),
        ];
        let each = vec![
            samples(&[500.0, 510.0]),
            samples(&[900.0, 900.0]),
            samples(&[1000.0, 1020.0]),
            samples(&[100.0, 102.0]),
        ];
        Results {
            circumstances: Circumstances::default(),
            subjects,
            samples: vec![each; WORKLOADS.len()],
            extras: extras(),
            past: Vec::new(),
            missing: vec!["tonic: left out".to_owned()],
            repeated: 3,
        }
    }

    #[test]
    fn the_limit_is_the_fastest_of_those_that_apply() {
        let results = results();
        let annulus = &results.subjects[0];
        let limit = results.limit_of(0, annulus, calls).unwrap();
        let own = results.of(0, "annulus TCP, adaptive").unwrap();
        assert!((own.ratio(limit, calls) - 0.5).abs() < 1e-9);
        assert!(results.limit_of(0, &results.subjects[3], calls).is_none());
        let peer = results.best_peer(0, calls).unwrap();
        assert!((own.ratio(peer, calls) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn who_makes_most_calls_need_not_be_the_quickest() {
        let mut results = results();
        results.subjects.push(Subject::named("lazy", Role::Peer));
        let mut lazy = samples(&[200.0, 204.0]);
        lazy.0.iter_mut().for_each(|sample| sample.p50_us = 1e6);
        results.samples[0].push(lazy);
        let best = |merit| results.best_peer(0, merit).unwrap().median(calls);
        assert_eq!((best(calls), best(quickness)), (202.0, 101.0));
    }

    #[test]
    fn the_raw_data_names_every_sample() {
        let mut results = results();
        let json = results.to_json();
        assert_eq!(json["workloads"][4]["name"], "W5");
        let rounds = &json["workloads"][0]["rounds"];
        assert_eq!(rounds["fast limit"][1]["calls_per_second"], 1020.0);
        assert_eq!(json["turns_noisy"], 0);
        results.samples[1][2].0[0].is_noisy = true;
        results.extras.wide.0[1].is_noisy = true;
        assert_eq!(results.to_json()["turns_noisy"], 2);
    }
}
