//! Plots of what a server said of itself: over the time of a run, or against the loads of several.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use super::html::picture;
use super::plot::{Axis, COLOURS, Line, Plot, Scale, Span, escape};
use crate::server_metrics::{MetricSeries, ServerMetrics};

/// The most plots of one source.
const PLOTS_MAX: usize = 16;

/// What a source told in a run: a small plot for each metric, its labels as lines.
pub(super) fn over_time(body: &mut String, metrics: &ServerMetrics, seconds: f64) {
    let said = format!(
        "{} samples, {} failed. {}",
        metrics.times.len(),
        metrics.failures,
        metrics.problems.join("; ")
    );
    head(body, &metrics.source, &said);
    let lines = metrics.series.iter().map(|series| {
        let points = metrics.times.iter().zip(&series.values);
        let points = points.filter_map(|(time, value)| Some((*time, (*value)?)));
        (series, Line::through(labels(series), points.collect()))
    });
    plots(body, &Axis::time(seconds), lines);
}

/// What each source told in runs at several rates: a small plot for each metric, with the median and the range
/// of its samples at each rate. The runs are in the order of their rates.
pub(super) fn against_load(body: &mut String, x: &Axis, runs: &[(f64, &[ServerMetrics])]) {
    let all = || runs.iter().flat_map(|(_, sources)| *sources);
    let mut told = BTreeSet::new();
    for source in all().map(|metrics| &metrics.source) {
        if !told.insert(source) {
            continue;
        }
        let of_source: Vec<_> = all().filter(|it| it.source == *source).collect();
        let samples: usize = of_source.iter().map(|it| it.times.len()).sum();
        let failures: u64 = of_source.iter().map(|it| it.failures).sum();
        let problems: BTreeSet<_> = of_source.iter().flat_map(|it| &it.problems).collect();
        let problems: Vec<_> = problems.into_iter().map(String::as_str).collect();
        let said = format!(
            "{samples} samples of {} runs, {failures} failed. A line goes through the medians at each rate, a bar from \
             the smallest to the largest sample. {}",
            of_source.len(),
            problems.join("; ")
        );
        head(body, source, &said);
        let levels = levels(source, runs).into_iter();
        plots(body, x, levels.map(|it| (it.series, it.line())));
    }
}

fn head(body: &mut String, source: &str, said: &str) {
    let (source, said) = (escape(source), escape(said));
    let _ = write!(body, "<h2>Server: {source}</h2><p>{said}</p>");
}

/// A plot for each metric of these series, in the order of the first ones.
fn plots<'m>(body: &mut String, x: &Axis, lines: impl Iterator<Item = (&'m MetricSeries, Line)>) {
    let mut by_name: Vec<(&MetricSeries, Vec<Line>)> = Vec::new();
    for (series, line) in lines {
        match by_name.iter_mut().find(|(it, _)| it.name == series.name) {
            Some((_, group)) => group.push(line),
            None => by_name.push((series, vec![line])),
        }
    }
    let plots_left_out = by_name.len().saturating_sub(PLOTS_MAX);
    let mut lines_left_out = 0;
    for (series, mut lines) in by_name.into_iter().take(PLOTS_MAX) {
        lines_left_out += lines.len().saturating_sub(COLOURS.len());
        lines.truncate(COLOURS.len());
        let plot = Plot {
            x: x.clone(),
            y: Axis::new(series.unit.as_str(), Scale::Linear),
            lines,
            is_small: true,
        };
        let _ = write!(body, "<h3>{}</h3>{}", escape(&series.name), picture(&plot));
    }
    if plots_left_out + lines_left_out > 0 {
        let _ = write!(
            body,
            "<p>Not shown: {plots_left_out} metrics, and {lines_left_out} series of those that are. \
             <code>--server-metric-names</code> chooses.</p>"
        );
    }
}

/// What tells a series from others of its name.
fn labels(series: &MetricSeries) -> &str {
    series.labels.trim_matches(['{', '}'])
}

/// A series in all runs.
struct Levels<'m> {
    /// Of the first run that has it.
    series: &'m MetricSeries,
    /// All samples at each rate.
    samples: Vec<(f64, Vec<f64>)>,
}

/// The series of a source, in the order in which runs have them.
fn levels<'m>(source: &str, runs: &[(f64, &'m [ServerMetrics])]) -> Vec<Levels<'m>> {
    let mut all: Vec<Levels<'m>> = Vec::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for (rate, sources) in runs {
        let of_source = sources.iter().filter(|it| it.source == source);
        for series in of_source.flat_map(|metrics| &metrics.series) {
            let place = *(places.entry((&series.name, &series.labels))).or_insert(all.len());
            if place == all.len() {
                let samples = Vec::new();
                all.push(Levels { series, samples });
            }
            all[place].add(*rate, series.values.iter().copied().flatten());
        }
    }
    all
}

impl Levels<'_> {
    /// Repetitions of a run add to each other.
    fn add(&mut self, rate: f64, samples: impl Iterator<Item = f64>) {
        match self.samples.last_mut() {
            Some((last, known)) if *last == rate => known.extend(samples),
            _ => self.samples.push((rate, samples.collect())),
        }
    }

    fn line(&self) -> Line {
        let (mut medians, mut ranges) = (Vec::new(), Vec::new());
        for (rate, samples) in &self.samples {
            let mut sorted = samples.clone();
            sorted.sort_by(f64::total_cmp);
            if let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) {
                let middle = [(sorted.len() - 1) / 2, sorted.len() / 2].map(|it| sorted[it]);
                medians.push((*rate, f64::midpoint(middle[0], middle[1])));
                let x = *rate;
                ranges.push(Span { x, low, high });
            }
        }
        Line::through(labels(self.series), medians).with_ranges(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, labels: &str, values: &[Option<f64>]) -> MetricSeries {
        MetricSeries {
            name: name.to_owned(),
            labels: labels.to_owned(),
            unit: "/s".to_owned(),
            mean: 1.0,
            max: 1.0,
            values: values.to_vec(),
        }
    }

    fn metrics(series: Vec<MetricSeries>) -> ServerMetrics {
        ServerMetrics {
            source: "http://<host>".to_owned(),
            times: vec![0.0, 1.0, 2.0],
            series,
            left_out: 0,
            failures: 1,
            problems: vec!["it hung".to_owned()],
        }
    }

    #[test]
    fn a_server_has_a_plot_for_each_metric_and_a_line_for_each_of_its_labels() {
        let values = [None, Some(1.0), Some(1.0)];
        let metrics = metrics(vec![
            series("calls", "{op=\"a\"}", &values),
            series("calls", "{op=\"b\"}", &values),
            series("queue", "", &values),
        ]);
        let mut body = String::new();
        over_time(&mut body, &metrics, 4.0);
        assert_eq!(body.matches("<svg").count(), 2, "{body}");
        assert_eq!(
            body.matches("<polyline").count(),
            5,
            "with two samples: {body}"
        );
        for text in [
            "http://&lt;host&gt;",
            "1 failed. it hung",
            ">op=&quot;a&quot;<",
            ">4<",
        ] {
            assert!(body.contains(text), "{text} in {body}");
        }
    }

    #[test]
    fn runs_at_one_rate_are_a_median_and_a_range() {
        let run = |values: &[f64]| {
            let values: Vec<_> = values.iter().map(|value| Some(*value)).collect();
            [metrics(vec![
                series("calls", "", &[&values[..], &[None]].concat()),
                series("queue", "", &[None]),
            ])]
        };
        let [slow, slow_again, fast] = [&[1.0, 9.0][..], &[2.0, 4.0], &[50.0]].map(run);
        let runs = [(10.0, &slow[..]), (10.0, &slow_again), (20.0, &fast)];
        let calls = levels("http://<host>", &runs)[0].line();
        let span = |x, low, high| Span { x, low, high };
        let ranges = vec![span(10.0, 1.0, 9.0), span(20.0, 50.0, 50.0)];
        let expected = Line::through("", vec![(10.0, 3.0), (20.0, 50.0)]).with_ranges(ranges);
        assert_eq!(calls, expected);
        let mut body = String::new();
        against_load(&mut body, &Axis::load(20.0), &runs);
        assert_eq!(body.matches("<h2>").count(), 1, "{body}");
        assert_eq!(body.matches("<svg").count(), 1, "{body}");
        assert!(body.contains("9 samples of 3 runs, 3 failed. "), "{body}");
        assert_eq!(body.matches("it hung").count(), 1, "{body}");
        assert!(levels("another", &runs).is_empty());
    }
}
