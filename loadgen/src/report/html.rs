//! `report.html`: a run or a curve as one file that needs no network and no script.

use std::fmt::Write;

use super::metric_plots;
use super::plot::{Axis, Line, Plot, Scale, escape};
use super::run_file::{RunFile, TimeSlice, decode};
use super::table::Table;
use crate::plan::curve::{CurveFile, CurvePoint};
use crate::record::latencies::Latencies;
use crate::stats::can_tell;

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}h3{font-size:.9rem;font-weight:600;margin:1rem 0 0}\
pre{white-space:pre-wrap;background:#f5f5f5;padding:1rem}\
svg{width:100%;height:auto;font:12px system-ui,sans-serif;fill:#444}\
svg .grid{stroke:#ddd;fill:none}svg .line{fill:none;stroke-width:1.6}\
.invalid{border:2px solid #b00;padding:.5rem 1rem;color:#b00}";

/// The report of one run.
pub(crate) fn run(run: &RunFile) -> anyhow::Result<String> {
    let response = decode(&run.histograms.response)?;
    let service = decode(&run.histograms.service)?;
    let mut body = String::new();
    if !run.verdict.valid {
        let why = escape(&run.verdict.invalid_because.join("; "));
        let _ = write!(body, "<p class=\"invalid\">Invalid: {why}</p>");
    }
    let _ = write!(body, "<pre>{}</pre>", escape(&Table(run).to_string()));
    section(
        &mut body,
        "Percentiles",
        "Response time counts from when a call was to be sent, service time from when it was sent.",
        &spectrum(&[("response", &response), ("service", &service)]),
    );
    section(&mut body, "Response time over time", "", &over_time(run)?);
    section(&mut body, "Rate over time", "", &rates(run));
    for metrics in &run.server_metrics {
        metric_plots::over_time(&mut body, metrics, run.seconds);
    }
    Ok(page(&format!("loadgen: {}", run.setup.target), &body))
}

/// The report of a curve; without its invalid runs, unless they are accepted.
pub(crate) fn curve(curve: &CurveFile, accepts_invalid: bool) -> String {
    let mut body = format!(
        "<p>{} connections x {} outstanding</p>",
        curve.setup.connections, curve.setup.outstanding
    );
    let points = curve.points.iter();
    let shown: Vec<_> = points
        .filter(|point| point.valid || accepts_invalid)
        .collect();
    let x = Axis::load(shown.last().map_or(0.0, |point| point.rate));
    section(
        &mut body,
        "Response time against load",
        &format!(
            "{} of {} runs are invalid, and {}.",
            curve.points.iter().filter(|point| !point.valid).count(),
            curve.points.len(),
            if accepts_invalid {
                "shown all the same"
            } else {
                "left out"
            }
        ),
        &against_load(&x, &shown),
    );
    let runs = shown.iter();
    let runs: Vec<_> = runs
        .map(|point| (point.rate, &point.server_metrics[..]))
        .collect();
    metric_plots::against_load(&mut body, &x, &runs);
    page(&format!("loadgen: {}", curve.setup.target), &body)
}

fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>\n"
    )
}

fn section(body: &mut String, title: &str, text: &str, plot: &Plot) {
    let _ = write!(
        body,
        "<h2>{}</h2><p>{}</p>{}",
        escape(title),
        escape(text),
        picture(plot)
    );
}

pub(super) fn picture(plot: &Plot) -> String {
    match plot.svg() {
        nothing if nothing.is_empty() => "<p>There is nothing to show.</p>".to_owned(),
        svg => svg,
    }
}

/// Each percentile, as far as there are calls enough to tell it. One nine takes as much room as the next.
fn spectrum(distributions: &[(&str, &Latencies)]) -> Plot {
    let mut x = Axis::new("percentile", Scale::Logarithmic);
    let nines = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999];
    x.marks = nines
        .iter()
        .map(|quantile| (1.0 / (1.0 - quantile), percent(*quantile)))
        .collect();
    let lines = (distributions.iter())
        .map(|(name, latencies)| Line::through(*name, spectrum_points(latencies)));
    Plot {
        x,
        y: Axis::new("µs", Scale::Logarithmic),
        lines: lines.collect(),
        is_small: false,
    }
}

fn percent(quantile: f64) -> String {
    let percent = (quantile * 1e8).round() / 1e6;
    format!("{percent} %")
}

fn spectrum_points(latencies: &Latencies) -> Vec<(f64, f64)> {
    let total = latencies.count();
    let mut points = Vec::new();
    // Sixteen steps for each factor of ten.
    for step in 0..=16 * 7 {
        let from_top = 10f64.powf(f64::from(step) / -16.0);
        let quantile = 1.0 - from_top;
        if !can_tell(total, quantile) {
            break;
        }
        points.push((1.0 / from_top, latencies.quantile(quantile) as f64 / 1e3));
    }
    points
}

fn over_time(run: &RunFile) -> anyhow::Result<Plot> {
    let quantiles = [("p50", 0.5), ("p99", 0.99), ("max", 1.0)];
    let mut points = quantiles.map(|_| Vec::new());
    for slice in &run.intervals {
        let response = decode(&slice.response)?;
        if response.count() == 0 {
            continue;
        }
        for (points, (_, quantile)) in points.iter_mut().zip(quantiles) {
            // Of few calls, each high percentile is the maximum.
            if quantile == 1.0 || can_tell(response.count(), quantile) {
                let value = response.quantile(quantile) as f64 / 1e3;
                points.push((slice.start, value));
            }
        }
    }
    let lines = quantiles.iter().zip(points);
    let lines = lines.map(|((name, _), points)| Line::through(*name, points));
    Ok(Plot {
        x: Axis::time(run.seconds),
        y: Axis::new("µs", Scale::Logarithmic),
        lines: lines.collect(),
        is_small: false,
    })
}

fn rates(run: &RunFile) -> Plot {
    let of = |count: fn(&TimeSlice) -> u64| {
        let slices = run.intervals.iter();
        slices
            .map(|slice| (slice.start, count(slice) as f64 / slice.seconds))
            .collect::<Vec<_>>()
    };
    let mut lines = vec![
        Line::through("completed", of(|slice| slice.completed)),
        Line::through("sent", of(|slice| slice.sent)),
    ];
    if run.intervals.iter().any(|slice| slice.failed > 0) {
        lines.push(Line::through("failed", of(|slice| slice.failed)));
    }
    Plot {
        x: Axis::time(run.seconds),
        y: Axis::new(
            if run.setup.pipe.is_some() {
                "transfers a second"
            } else {
                "calls a second"
            },
            Scale::Linear,
        ),
        lines,
        is_small: false,
    }
}

fn against_load(x: &Axis, shown: &[&CurvePoint]) -> Plot {
    let lines = ["p50", "p90", "p99", "p99_9"].map(|name| {
        let points = shown.iter().filter_map(|point| {
            let value = point.response_us.as_ref()?.percentile(name)?;
            Some((point.rate, value))
        });
        Line::scattered(name.replace('_', "."), points.collect())
    });
    Plot {
        x: x.clone(),
        y: Axis::new("µs", Scale::Logarithmic),
        lines: lines.to_vec(),
        is_small: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram;

    #[test]
    fn the_spectrum_ends_where_there_are_too_few_calls() {
        let mut histogram = histogram();
        for value in 1..=10_000 {
            histogram.record(value * 1000).unwrap();
        }
        let points = spectrum_points(&Latencies::of(&histogram));
        assert_eq!(points[0], (1.0, 1.0));
        let (inverse, value) = *points.last().unwrap();
        assert!(
            (999.0..1001.0).contains(&inverse),
            "p99.9 is the last: {inverse}"
        );
        assert!((9_980.0..10_000.0).contains(&value), "{value}");
        assert!(points.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn percents_have_no_rounding_errors() {
        assert_eq!(percent(0.999), "99.9 %");
        assert_eq!(percent(0.999_999), "99.9999 %");
        assert_eq!(percent(0.0), "0 %");
    }
}
