//! What is shown while a run lasts.

use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Counted;
use crate::fleet::Observer;
use crate::output::tell;
use crate::record::interval::Interval;
use crate::record::latencies::Latencies;
use crate::record::series::Point;

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// How often the line of a terminal is drawn anew.
const DRAW_INTERVAL: Duration = Duration::from_millis(250);

/// A bar and the last numbers on a terminal, plain lines elsewhere; on standard error.
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    interval: Duration,
    counted: Counted,
    /// What has happened since the last time that something was shown.
    since: Since,
}

#[derive(Default)]
struct Since {
    length: Duration,
    completed: u64,
    failed: u64,
    response: Latencies,
}

impl Live {
    pub(crate) fn new(duration: Duration, counted: Counted) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(millis(duration)), target);
            let style = ProgressStyle::with_template("{bar:20} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Live {
            interval: if bar.is_some() {
                DRAW_INTERVAL
            } else {
                LINE_INTERVAL
            },
            bar,
            counted,
            since: Since::default(),
        }
    }

    /// Takes the numbers away.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, what: &str, point: &Point) {
        self.since.add(point);
        if self.since.length < self.interval {
            return;
        }
        let since = std::mem::take(&mut self.since);
        let at = point.start + point.length;
        match &self.bar {
            Some(bar) => {
                bar.set_position(millis(at));
                bar.set_message(format!("{what} {}", since.numbers(self.counted)));
            }
            None => tell(format_args!(
                "{what} {:>6.1} s  {}",
                at.as_secs_f64(),
                since.numbers(self.counted)
            )),
        }
    }
}

impl Observer for Live {
    fn warming_up(&mut self, point: &Point) {
        self.show("warm-up", point);
    }

    fn measuring(&mut self, _: SystemTime) -> anyhow::Result<()> {
        self.since = Since::default();
        Ok(())
    }

    fn measured(&mut self, point: &Point, _: &Interval) -> anyhow::Result<()> {
        self.show("measure", point);
        Ok(())
    }
}

impl Since {
    fn add(&mut self, point: &Point) {
        self.length += point.length;
        self.completed += point.counts.completed;
        self.failed += point.failures.total();
        self.response.merge(&point.response);
    }

    fn numbers(&self, counted: Counted) -> String {
        let us = |quantile| self.response.quantile(quantile) as f64 / 1e3;
        format!(
            "{:>9.0} {counted}/s  p50 {:.1} p99 {:.1} p99.9 {:.1} µs  errors {}",
            self.completed as f64 / self.length.as_secs_f64(),
            us(0.5),
            us(0.99),
            us(0.999),
            self.failed
        )
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_named() {
        let since = Since {
            length: Duration::from_secs(2),
            completed: 30,
            ..Since::default()
        };
        let transfers = since.numbers(Counted::Transfers);
        assert!(transfers.contains(" 15 transfers/s "), "{transfers}");
        assert!(since.numbers(Counted::Calls).contains(" 15 calls/s "));
    }
}
