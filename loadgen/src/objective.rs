//! What a run must hold: `p99<1ms,errors<0.01%`.

use std::fmt;
use std::str::FromStr;

use crate::args::values::{duration, rate, share, show_rate};
use crate::record::latencies::Latencies;
use crate::report::run_file::{RunFile, percentile_name};
use crate::stats::can_tell;

/// Objectives, all of which are to be met.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Objectives(Vec<Objective>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Objective {
    /// A quantile of the response time is below so many microseconds.
    Response { quantile: f64, below_us: f64 },
    /// So much of the calls that were due ended otherwise than they should, or were not sent.
    Errors { below: f64 },
    /// So many calls a second ended as they should.
    Rate { above: f64 },
}

/// What became of an objective.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Missed(pub(crate) String);

impl Objectives {
    /// Those that a run missed. One that cannot be judged, for want of calls, is missed.
    pub(crate) fn missed(&self, run: &RunFile, response: &Latencies) -> Vec<Missed> {
        let missed = self.0.iter().filter_map(|objective| {
            let seen = objective.violation(run, response)?;
            Some(Missed(format!("{objective} was missed: {seen}")))
        });
        missed.collect()
    }
}

impl Objective {
    /// What was seen instead.
    fn violation(self, run: &RunFile, response: &Latencies) -> Option<String> {
        match self {
            Objective::Response { quantile, below_us } => {
                if !can_tell(response.count(), quantile) {
                    return Some(format!("too few calls ({}) to tell", response.count()));
                }
                let seen_us = response.quantile(quantile) as f64 / 1e3;
                (seen_us >= below_us).then(|| format!("{seen_us:.1} µs"))
            }
            Objective::Errors { below } => {
                let offered = run.offered.max(1);
                let failed = offered.saturating_sub(run.completed) as f64 / offered as f64;
                (failed >= below).then(|| format!("{:.4} %", failed * 100.0))
            }
            Objective::Rate { above } => (run.calls_per_second <= above)
                .then(|| format!("{} calls/s", show_rate(run.calls_per_second))),
        }
    }
}

impl FromStr for Objectives {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let objectives = text.split(',').map(|part| objective(part.trim()));
        Ok(Objectives(objectives.collect::<Result<_, _>>()?))
    }
}

fn objective(text: &str) -> Result<Objective, String> {
    if let Some((name, bound)) = text.split_once('<') {
        let bound = bound.trim_start_matches('=').trim();
        if name.trim() == "errors" {
            return Ok(Objective::Errors {
                below: share(bound)?,
            });
        }
        let quantile = name.trim().strip_prefix('p').map(str::parse::<f64>);
        let Some(Ok(percent)) = quantile else {
            return Err(format!(
                "\"{name}\" is neither a percentile such as p99.9 nor errors"
            ));
        };
        if !(0.0..100.0).contains(&percent) {
            return Err(format!("there is no percentile {percent}"));
        }
        return Ok(Objective::Response {
            quantile: percent / 100.0,
            below_us: duration(bound)?.as_secs_f64() * 1e6,
        });
    }
    match text.split_once('>') {
        Some((name, bound)) if name.trim() == "rate" => Ok(Objective::Rate {
            above: rate(bound.trim_start_matches('=').trim())?,
        }),
        _ => Err(format!(
            "\"{text}\" is no objective; expected such as p99<1ms, errors<0.01% or rate>50k"
        )),
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objective::Response { quantile, below_us } => {
                let name = percentile_name(*quantile).replace('_', ".");
                write!(f, "{name} < {below_us} µs")
            }
            Objective::Errors { below } => write!(f, "errors < {} %", below * 100.0),
            Objective::Rate { above } => write!(f, "rate > {}/s", show_rate(*above)),
        }
    }
}

impl fmt::Display for Objectives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, objective) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{objective}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_as_people_write_them() {
        let objectives: Objectives = "p99<1ms, errors<0.01%,rate>50k".parse().unwrap();
        assert_eq!(
            objectives.to_string(),
            "p99 < 1000 µs, errors < 0.01 %, rate > 50k/s"
        );
        assert!("p99.9<=500us".parse::<Objectives>().is_ok());
        for bad in [
            "", "p99", "p100<1ms", "p99>1ms", "q<1ms", "errors<2", "p99<x", "rate<5",
        ] {
            assert!(bad.parse::<Objectives>().is_err(), "{bad}");
        }
    }
}
