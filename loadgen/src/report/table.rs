//! A run as a table for people.

use std::fmt::{self, Write};

use super::plot::number;
use super::run_file::{RunFile, Times, percentile_name, ratio};
use crate::server_metrics::ServerMetrics;
use crate::stats::QUANTILES;
use crate::worker::connections::ConnectionsUp;

/// How many metrics of a server's source have a line of the table.
const METRICS_SHOWN: usize = 6;

/// Shows a run as rows of names and values.
pub(crate) struct Table<'r>(pub(crate) &'r RunFile);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.0;
        self.what_was_run(f)?;
        row(f, "offered", run.offered)?;
        row(f, "sent", run.sent)?;
        row(f, "completed", run.completed)?;
        row(f, "errors", errors(run))?;
        self.throughput(f)?;
        times(f, "response µs", run.response_us.as_ref())?;
        times(f, "service µs", run.service_us.as_ref())?;
        if run.pacing_error_us.is_some() {
            times(f, "sent late µs", run.pacing_error_us.as_ref())?;
        }
        self.what_it_took(f)?;
        for metrics in &run.server_metrics {
            server_metrics(f, metrics)?;
        }
        for note in &run.verdict.notes {
            row(f, "note", note)?;
        }
        for why in &run.verdict.invalid_because {
            row(f, "INVALID", why)?;
        }
        Ok(())
    }
}

impl Table<'_> {
    fn what_was_run(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setup = &self.0.setup;
        let whose = if setup.embedded {
            " (embedded server)"
        } else {
            ""
        };
        row(f, "target", format_args!("{}{whose}", setup.target))?;
        row(
            f,
            "load",
            format_args!(
                "{} connections x {} outstanding, {}",
                setup.connections, setup.outstanding, setup.arrivals
            ),
        )?;
        let shares = setup.operations.iter();
        let operations: Vec<_> = shares
            .map(|it| match setup.operations.len() {
                1 => it.name.clone(),
                _ => format!("{} {:.0} %", it.name, it.share * 100.0),
            })
            .collect();
        row(
            f,
            setup.counted().name(),
            format_args!("{}, payload {}", operations.join(", "), setup.payload),
        )?;
        row(
            f,
            "ring",
            format_args!("{}, idle policy {}", self.0.ring, setup.idle),
        )?;
        if let Some(up) = self.0.connections_up {
            connections(f, setup.connections as usize, up)?;
        }
        row(
            f,
            "measured",
            format_args!(
                "{:.2} s after {:.1} s of warm-up",
                self.0.seconds, self.0.warm_up_seconds
            ),
        )
    }

    fn throughput(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.0;
        if let Some(pipe) = &run.pipe_throughput {
            let [there, back] =
                [pipe.in_bytes_per_second, pipe.out_bytes_per_second].map(|bytes| bytes / 1e6);
            let transfers = format!("{:.1}", pipe.transfers_per_second);
            row(f, "transfers/s", transfers)?;
            return row(f, "MB/s", format_args!("{there:.1} in, {back:.1} out"));
        }
        row(f, "calls/s", format_args!("{:.0}", run.calls_per_second))?;
        let megabytes = run.megabytes_per_second;
        row(f, "MB/s", format_args!("{megabytes:.1} each way"))
    }

    fn what_it_took(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.0;
        let client = run.client_cpu;
        let each = run.setup.counted().one();
        let busiest = run.client_threads.iter().map(|thread| thread.busy_percent);
        row(
            f,
            "client CPU",
            format_args!(
                "{:.0} %, {:.2} µs per {each} on {}, busy {:.0} %",
                client.percent,
                client.us_per_call,
                cores(&run.setup.client_cores),
                busiest.fold(0.0, f64::max)
            ),
        )?;
        if let Some(server) = run.server_cpu {
            row(
                f,
                "server CPU",
                format_args!(
                    "{:.0} %, {:.2} µs per {each} on {}",
                    server.percent,
                    server.us_per_call,
                    cores(&run.setup.server_cores)
                ),
            )?;
        }
        row(
            f,
            "system calls",
            format_args!(
                "{:.3} per {each} (client)",
                run.client_system_calls_per_call
            ),
        )
    }
}

fn connections(f: &mut fmt::Formatter<'_>, asked: usize, up: ConnectionsUp) -> fmt::Result {
    let ConnectionsUp {
        at_start,
        at_end,
        throughout,
    } = up;
    if throughout == asked {
        return row(f, "connections", format_args!("{asked} up throughout"));
    }
    row(
        f,
        "connections",
        format_args!(
            "{throughout} of {asked} up throughout, {at_start} at the start, {at_end} at the end"
        ),
    )
}

/// A name and a value.
pub(crate) fn row(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<14} {value}")
}

/// The first metrics of a source, each with its mean and its maximum.
fn server_metrics(f: &mut fmt::Formatter<'_>, metrics: &ServerMetrics) -> fmt::Result {
    let samples = format!("{} samples", metrics.times.len());
    let said = match (metrics.failures, metrics.problems.first()) {
        (_, None) => samples,
        (failures, Some(why)) => format!("{samples}, {failures} failed: {why}"),
    };
    row(f, "server", format_args!("{}, {said}", metrics.source))?;
    for it in metrics.series.iter().take(METRICS_SHOWN) {
        row(
            f,
            "",
            format_args!(
                "{}{}: {} {}, max {}",
                it.name,
                it.labels,
                number(it.mean),
                it.unit,
                number(it.max)
            ),
        )?;
    }
    let more = metrics.series.len().saturating_sub(METRICS_SHOWN);
    if more > 0 {
        row(f, "", format_args!("{more} more in the run.json"))?;
    }
    if metrics.left_out > 0 {
        let names = "--server-metric-names chooses";
        row(
            f,
            "",
            format_args!("{} left out; {names}", metrics.left_out),
        )?;
    }
    Ok(())
}

/// The means of the first metrics of each source, each on a line of its own.
pub(crate) fn metrics_in_short(sources: &[ServerMetrics]) -> String {
    let mut text = String::new();
    for metrics in sources {
        text.push_str("\n            ");
        text.push_str(&metrics.source);
        let means = metrics.series.iter().take(METRICS_SHOWN);
        for it in means {
            let mean = number(it.mean);
            text.push_str(&format!("  {}{} {mean} {}", it.name, it.labels, it.unit));
        }
        if let (true, Some(why)) = (metrics.series.is_empty(), metrics.problems.first()) {
            text.push_str(&format!("  {why}"));
        }
    }
    text
}

fn errors(run: &RunFile) -> String {
    if run.errors.is_empty() {
        return "0".to_owned();
    }
    let kinds: Vec<_> = (run.errors.iter())
        .map(|(kind, count)| {
            let share = ratio(*count as f64 * 100.0, run.offered as f64);
            format!("{kind} {count} ({share:.3} %)")
        })
        .collect();
    kinds.join(", ")
}

/// One line of values, and one of their confidence intervals where there are some.
pub(crate) fn times(f: &mut fmt::Formatter<'_>, name: &str, times: Option<&Times>) -> fmt::Result {
    let Some(times) = times else {
        return row(f, name, "none");
    };
    let mut line = format!("min {:.1}", times.min);
    let mut sure = String::new();
    let mut first_unknown = None;
    for quantile in QUANTILES {
        let key = percentile_name(quantile);
        let label = key.replace('_', ".");
        match times.percentile(&key) {
            Some(value) => write!(line, "  {label} {value:.1}")?,
            None => {
                first_unknown = first_unknown.or(Some(label));
                continue;
            }
        }
        if let Some((low, high)) = times.confidence95.get(&key) {
            write!(sure, "  {label} {low:.1}..{high:.1}")?;
        }
    }
    write!(line, "  max {:.1}  mean {:.1}", times.max, times.mean)?;
    row(f, name, line)?;
    if !sure.is_empty() && name.starts_with("response") {
        row(f, "  95 % sure", sure.trim_start())?;
    }
    match first_unknown {
        Some(label) if name.starts_with("response") => row(
            f,
            "",
            format_args!("too few samples ({}) for {label}", times.count),
        ),
        _ => Ok(()),
    }
}

/// The percentiles that people look at first.
pub(crate) fn in_short(times: Option<&Times>) -> String {
    let at = |name| {
        let value = times.and_then(|times| times.percentile(name));
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
    };
    let [p50, p99, p99_9] = ["p50", "p99", "p99_9"].map(at);
    format!("p50 {p50} p99 {p99} p99.9 {p99_9} µs")
}

fn cores(list: &[usize]) -> String {
    let mut text = if list.len() == 1 { "core" } else { "cores" }.to_owned();
    for (index, core) in list.iter().enumerate() {
        let separator = if index == 0 { " " } else { ", " };
        text.push_str(separator);
        text.push_str(&core.to_string());
    }
    text
}
