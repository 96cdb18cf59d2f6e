//! `loadgen curve`: latency against load.

use std::str::FromStr;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::Bench;
use super::watch::Watch;
use crate::args::CurveArgs;
use crate::args::values::{rate, show_rate};
use crate::exit::{Exit, Interrupted};
use crate::output::{print, print_line, tell};
use crate::report::run_file::{RunFile, Times};
use crate::report::table::{in_short, metrics_in_short};
use crate::report::{Counted, html, write_file};
use crate::server_metrics::ServerMetrics;
use crate::setup::Setup;

/// The name and version of the schema.
const SCHEMA: &str = "annulus-loadgen/curve/1";

/// Runs at several rates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CurveFile {
    schema: String,
    /// Of the first run; the rate is that of each point.
    pub(crate) setup: Setup,
    /// In the order of their rates.
    pub(crate) points: Vec<CurvePoint>,
}

/// A run at a rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CurvePoint {
    pub(crate) rate: f64,
    pub(crate) calls_per_second: f64,
    pub(crate) failed: u64,
    pub(crate) response_us: Option<Times>,
    pub(crate) service_us: Option<Times>,
    pub(crate) valid: bool,
    pub(crate) invalid_because: Vec<String>,
    /// Of each source that was asked for.
    #[serde(default)]
    pub(crate) server_metrics: Vec<ServerMetrics>,
}

/// The rates of a curve: `10k..200k/10k`, or `10k,20k,50k`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rates(Vec<f64>);

/// The most rates that a range may have.
const RATES_MAX: f64 = 1000.0;

/// Runs at each rate, and shows what came of it.
pub(crate) fn curve(args: &CurveArgs) -> anyhow::Result<Exit> {
    let bench = Bench::new(&args.load)?;
    let mut watch = Watch::start(&args.watch, args.load.duration, Counted::Calls, None)?;
    let mut rates: Vec<f64> = (0..args.repeat)
        .flat_map(|_| args.rates.0.clone())
        .collect();
    if args.shuffle {
        rates.shuffle(&mut StdRng::seed_from_u64(args.load.seed));
    }
    let (mut file, mut was_interrupted) = (None::<CurveFile>, false);
    for rate in rates {
        let run = bench.run_at(rate, args.arrivals, &mut watch);
        if let Err(error) = &run
            && error.is::<Interrupted>()
            && file.is_some()
        {
            // What was measured before is worth being shown.
            was_interrupted = true;
            tell("loadgen: interrupted; the other runs were not made");
            break;
        }
        let run = run?;
        let point = CurvePoint::of(rate, &run);
        if !args.json {
            print_line(point.line())?;
        }
        CurveFile::add(&mut file, &run.setup, point);
    }
    let Some(file) = file else {
        return Ok(Exit::Usage);
    };
    let json = serde_json::to_string_pretty(&file)? + "\n";
    if args.json {
        print(&json)?;
    }
    if let Some(path) = &args.out {
        write_file(path, &json)?;
    }
    if let Some(path) = &args.html {
        write_file(path, &html::curve(&file, args.accept_invalid))?;
    }
    let is_valid = file.points.iter().all(|point| point.valid) || args.accept_invalid;
    Ok(if is_valid && !was_interrupted {
        Exit::Ok
    } else {
        Exit::Invalid
    })
}

impl CurveFile {
    /// Puts a point in its place; the first one begins the curve.
    pub(crate) fn add(curve: &mut Option<Self>, setup: &Setup, point: CurvePoint) {
        let curve = curve.get_or_insert_with(|| CurveFile {
            schema: SCHEMA.to_owned(),
            setup: setup.clone(),
            points: Vec::new(),
        });
        let place = curve.points.partition_point(|it| it.rate <= point.rate);
        curve.points.insert(place, point);
    }
}

impl CurvePoint {
    pub(crate) fn of(rate: f64, run: &RunFile) -> Self {
        CurvePoint {
            rate,
            calls_per_second: run.calls_per_second,
            failed: run.errors.values().sum(),
            response_us: run.response_us.clone(),
            service_us: run.service_us.clone(),
            valid: run.verdict.valid,
            invalid_because: run.verdict.invalid_because.clone(),
            server_metrics: run.server_metrics.clone(),
        }
    }

    fn line(&self) -> String {
        format!(
            "{:>9}/s  {:>9.0} calls/s  {}  errors {}  {}{}",
            show_rate(self.rate),
            self.calls_per_second,
            in_short(self.response_us.as_ref()),
            self.failed,
            self.invalid_because.join("; "),
            metrics_in_short(&self.server_metrics)
        )
    }
}

impl FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((from, rest)) = text.split_once("..") else {
            return Ok(Rates(text.split(',').map(rate).collect::<Result<_, _>>()?));
        };
        let (to, step) = rest
            .split_once('/')
            .ok_or("expected FROM..TO/STEP, such as 10k..200k/10k")?;
        let (from, to, step) = (rate(from)?, rate(to)?, rate(step)?);
        // A little more, so that rounding does not lose the last.
        let count = ((to - from) / step + 1e-9).floor();
        if !(0.0..RATES_MAX).contains(&count) {
            return Err(format!("{text} is not 1 to {RATES_MAX} rates"));
        }
        let mut rates = Vec::new();
        while (rates.len() as f64) <= count {
            rates.push(from + rates.len() as f64 * step);
        }
        Ok(Rates(rates))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_both_ends() {
        let rates: Rates = "10k..50k/20k".parse().unwrap();
        assert_eq!(rates.0, [1e4, 3e4, 5e4]);
        assert_eq!("1k,5k".parse(), Ok(Rates(vec![1e3, 5e3])));
        for bad in ["1k..2k", "2k..1k/1k", "1..1M/1", "x"] {
            assert!(bad.parse::<Rates>().is_err(), "{bad}");
        }
    }
}
