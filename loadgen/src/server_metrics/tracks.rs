//! Metrics over time, in bounded memory.

use std::collections::HashMap;
use std::time::Instant;

use super::{MetricSeries, Names};

/// The most samples that are kept. When there would be more, every second one is dropped.
const SAMPLES_MAX: usize = 256;

/// The most series that are followed.
const FOLLOWED_MAX: usize = 4096;

/// The most series that are kept of what nobody chose by name, and of what somebody did.
const KEPT_MAX: usize = 32;
const CHOSEN_MAX: usize = 256;

/// How a value is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its rate tells something.
    Counter,
    Gauge,
}

/// All series of a source.
#[derive(Debug)]
pub(super) struct Tracks {
    names: Option<Names>,
    times: Vec<Instant>,
    tracks: Vec<Track>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct Track {
    name: String,
    labels: String,
    unit: &'static str,
    kind: Kind,
    /// One for each time; NaN where there was none.
    values: Vec<f64>,
}

impl Tracks {
    /// With `names`, only those; otherwise all but the buckets of histograms.
    pub(super) fn new(names: Option<Names>) -> Self {
        Tracks {
            names,
            times: Vec::new(),
            tracks: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    /// Begins the next sample. Of those from before the measurement only the last one is kept, which the
    /// first rates start from. True if every second one had to go, so that the next ones should come half
    /// as often.
    pub(super) fn begin(&mut self, at: Instant, is_measured: bool) -> bool {
        if !is_measured {
            self.keep(|_| false);
        }
        let is_full = self.times.len() == SAMPLES_MAX;
        if is_full {
            self.keep(|index| index % 2 == 0);
        }
        self.times.push(at);
        for track in &mut self.tracks {
            track.values.push(f64::NAN);
        }
        is_full
    }

    fn keep(&mut self, is_kept: impl Fn(usize) -> bool) {
        let mut index = 0..;
        self.times.retain(|_| index.next().is_some_and(&is_kept));
        for track in &mut self.tracks {
            let mut index = 0..;
            track.values.retain(|_| index.next().is_some_and(&is_kept));
        }
    }

    /// Adds a value to the sample that was begun.
    pub(super) fn add(
        &mut self,
        (name, labels): (&str, &str),
        kind: Kind,
        unit: &'static str,
        value: f64,
    ) {
        let is_wanted = match &self.names {
            Some(names) => names.has(name),
            None => !name.ends_with("_bucket"),
        };
        if !is_wanted {
            return;
        }
        let key = format!("{name}{labels}");
        let index = match self.by_name.get(&key) {
            Some(index) => *index,
            None if self.tracks.len() == FOLLOWED_MAX => return,
            None => {
                self.by_name.insert(key, self.tracks.len());
                self.tracks.push(Track {
                    name: name.to_owned(),
                    labels: labels.to_owned(),
                    unit,
                    kind,
                    values: vec![f64::NAN; self.times.len()],
                });
                self.tracks.len() - 1
            }
        };
        if let Some(last) = self.tracks[index].values.last_mut() {
            *last = value;
        }
    }

    /// The times of the samples in the measurement, in seconds after its start, the series that are worth
    /// being kept, and how many others there are. Without chosen names those are kept that changed.
    pub(super) fn series(
        &self,
        origin: Instant,
        seconds: f64,
    ) -> (Vec<f64>, Vec<MetricSeries>, usize) {
        // The first one can be from before the start.
        let offset = |at: &Instant| match at.checked_duration_since(origin) {
            Some(after) => after.as_secs_f64(),
            None => -origin.duration_since(*at).as_secs_f64(),
        };
        let times: Vec<f64> = self.times.iter().map(offset).collect();
        let is_measured: Vec<bool> = times
            .iter()
            .map(|it| (0.0..=seconds).contains(it))
            .collect();
        let mut kept = Vec::new();
        for track in &self.tracks {
            let values = track.values(&times);
            let values = values.into_iter().zip(&is_measured);
            let values: Vec<f64> = values.filter(|it| *it.1).map(|it| it.0).collect();
            if self.names.is_some() || !track.unit.is_empty() || has_changes(&values, track.kind) {
                kept.extend(track.finish(&values));
            }
        }
        let kept_max = if self.names.is_some() {
            CHOSEN_MAX
        } else {
            KEPT_MAX
        };
        let left_out = kept.len().saturating_sub(kept_max);
        kept.truncate(kept_max);
        let measured = times.into_iter().filter(|it| (0.0..=seconds).contains(it));
        (measured.collect(), kept, left_out)
    }
}

/// Whether there is something to see. A counter that stands still has a rate of zero.
fn has_changes(values: &[f64], kind: Kind) -> bool {
    let mut known = values.iter().filter(|it| it.is_finite());
    let first = match kind {
        Kind::Counter => Some(&0.0),
        Kind::Gauge => known.next(),
    };
    known.any(|value| Some(value) != first)
}

impl Track {
    /// Values as they are to be seen: rates, if it is a counter.
    fn values(&self, times: &[f64]) -> Vec<f64> {
        if self.kind == Kind::Gauge {
            return self.values.clone();
        }
        let mut last = None;
        let mut rates = Vec::with_capacity(self.values.len());
        for (&time, &value) in times.iter().zip(&self.values) {
            rates.push(match last {
                Some((last_time, last_value)) if value.is_finite() => {
                    // A counter that is smaller than it was has begun anew at zero.
                    let grown = if value >= last_value {
                        value - last_value
                    } else {
                        value
                    };
                    grown / f64::max(time - last_time, 1e-9)
                }
                _ => f64::NAN,
            });
            if value.is_finite() {
                last = Some((time, value));
            }
        }
        rates
    }

    /// `None` if there is no value at all.
    fn finish(&self, values: &[f64]) -> Option<MetricSeries> {
        let known: Vec<f64> = values.iter().copied().filter(|it| it.is_finite()).collect();
        if known.is_empty() {
            return None;
        }
        let rate_unit = match self.kind {
            Kind::Counter if self.unit.is_empty() => "/s",
            _ => self.unit,
        };
        Some(MetricSeries {
            name: self.name.clone(),
            labels: self.labels.clone(),
            unit: rate_unit.to_owned(),
            mean: known.iter().sum::<f64>() / known.len() as f64,
            max: known.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            values: values
                .iter()
                .map(|it| it.is_finite().then_some(*it))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A counter that grows by 10 a sample and a gauge that is the number of the sample, each tenth of
    /// a second, from a second before the start.
    fn tracks(samples: u32) -> (Tracks, Instant) {
        let start = Instant::now();
        let origin = start + Duration::from_secs(1);
        let mut tracks = Tracks::new(None);
        for sample in 0..samples {
            let at = start + Duration::from_millis(100) * sample;
            tracks.begin(at, at >= origin);
            let value = f64::from(sample);
            tracks.add(("calls", "{}"), Kind::Counter, "", value * 10.0);
            tracks.add(("queue", ""), Kind::Gauge, "", value);
            tracks.add(("still", ""), Kind::Gauge, "", 5.0);
            tracks.add(("t_bucket", "{le=\"1\"}"), Kind::Counter, "", value);
        }
        (tracks, origin)
    }

    #[test]
    fn counters_become_rates_from_the_last_sample_before_the_start() {
        let (tracks, origin) = tracks(16);
        let (times, series, left_out) = tracks.series(origin, 0.45);
        let expected = [0.0, 0.1, 0.2, 0.3, 0.4];
        assert!(
            times
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-9)
        );
        let names: Vec<_> = series.iter().map(|it| it.name.as_str()).collect();
        assert_eq!((names, left_out), (vec!["calls", "queue"], 0));
        assert_eq!(series[0].values.len(), 5);
        for rate in &series[0].values {
            assert!((rate.unwrap() - 100.0).abs() < 1e-6, "{rate:?}");
        }
        assert_eq!((series[1].mean, series[1].max), (12.0, 14.0));
    }

    #[test]
    fn a_long_run_stays_small_and_keeps_its_rates() {
        let (tracks, origin) = tracks(10_000);
        let (times, series, _) = tracks.series(origin, 1e9);
        assert!((SAMPLES_MAX / 2..=SAMPLES_MAX).contains(&times.len()));
        for rate in &series[0].values {
            assert!((rate.unwrap() - 100.0).abs() < 1e-6, "{rate:?}");
        }
    }

    #[test]
    fn a_counter_that_begins_anew_and_one_that_is_missing_make_no_nonsense() {
        let start = Instant::now();
        let mut tracks = Tracks::new(None);
        for (second, value) in [Some(100.0), Some(160.0), None, Some(20.0)]
            .into_iter()
            .enumerate()
        {
            let second = u32::try_from(second).unwrap();
            tracks.begin(start + Duration::from_secs(1) * second, true);
            if let Some(value) = value {
                tracks.add(("calls", ""), Kind::Counter, "", value);
            }
        }
        let (_, series, _) = tracks.series(start, 10.0);
        assert_eq!(series[0].values, [None, Some(60.0), None, Some(10.0)]);
    }

    #[test]
    fn an_exporter_of_a_million_series_fills_no_memory() {
        let mut tracks = Tracks::new(None);
        let start = Instant::now();
        for sample in 0..2u32 {
            tracks.begin(start + Duration::from_secs(1) * sample, true);
            for series in 0..=FOLLOWED_MAX {
                let labels = format!("{{id=\"{series}\"}}");
                tracks.add(("x", &labels), Kind::Gauge, "", f64::from(sample));
            }
        }
        assert_eq!(tracks.tracks.len(), FOLLOWED_MAX);
        let (_, series, left_out) = tracks.series(start, 10.0);
        assert_eq!(
            (series.len(), left_out),
            (KEPT_MAX, FOLLOWED_MAX - KEPT_MAX)
        );
    }

    #[test]
    fn chosen_names_are_kept_whatever_they_do() {
        let mut tracks = Tracks::new(Some("t_*,up".parse().unwrap()));
        let start = Instant::now();
        tracks.begin(start, true);
        for name in ["t_bucket", "up", "other"] {
            tracks.add((name, ""), Kind::Gauge, "", 1.0);
        }
        let (_, series, _) = tracks.series(start, 1.0);
        let names: Vec<_> = series.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["t_bucket", "up"]);
    }
}
