//! Who looks on while runs last: the live view, the log of histograms, the metrics endpoint, and what the server
//! says of itself.

use std::time::Duration;

use super::{Bench, Round};
use crate::args::watch::WatchArgs;
use crate::fleet::Observer;
use crate::output::tell;
use crate::report::Counted;
use crate::report::hlog::HlogWriter;
use crate::report::level::Levels;
use crate::report::live::Live;
use crate::report::prometheus::Exporter;
use crate::report::run_file::RunFile;
use crate::server_metrics::Monitor;

/// What is there for one run or several.
pub(crate) struct Watch<'a> {
    args: &'a WatchArgs,
    duration: Duration,
    counted: Counted,
    hlog: Option<HlogWriter>,
    exporter: Option<Exporter>,
    levels: Levels,
}

impl<'a> Watch<'a> {
    /// Of runs that measure for so long. `agent` is who makes them, of several clients.
    pub(crate) fn start(
        args: &'a WatchArgs,
        duration: Duration,
        counted: Counted,
        agent: Option<&str>,
    ) -> anyhow::Result<Self> {
        let hlog = args.hlog.as_deref();
        let exporter = args.prometheus.map(|at| Exporter::start(at, counted));
        let exporter = exporter.transpose()?;
        if let Some(exporter) = &exporter {
            tell(format_args!(
                "loadgen: metrics at http://{}/metrics",
                exporter.address()
            ));
        }
        Ok(Watch {
            args,
            duration,
            counted,
            hlog: hlog
                .map(|path| HlogWriter::create(path, agent))
                .transpose()?,
            exporter,
            levels: Levels::default(),
        })
    }

    /// The next run is one of several, at this rate.
    pub(super) fn name_next_run(&mut self, rate: f64) {
        let level = self.levels.next(rate);
        if let Some(hlog) = &mut self.hlog {
            hlog.name_next_run(&level);
        }
        if let Some(exporter) = &mut self.exporter {
            exporter.name_next_run(&level);
        }
    }

    /// A run, looked at.
    pub(super) fn run(&mut self, bench: &Bench, round: &Round) -> anyhow::Result<RunFile> {
        let mut monitor = Monitor::start(&self.args.metrics, self.duration)?;
        let mut live = (!self.args.quiet).then(|| Live::new(self.duration, self.counted));
        let mut observers: Vec<&mut dyn Observer> = vec![&mut monitor];
        if let Some(hlog) = &mut self.hlog {
            observers.push(hlog);
        }
        if let Some(exporter) = &mut self.exporter {
            observers.push(exporter);
        }
        if let Some(live) = &mut live {
            observers.push(live);
        }
        let result = bench.run(round, &mut observers);
        if let Some(live) = &mut live {
            live.finish();
        }
        let mut run = result?;
        run.server_metrics = monitor.finish(run.seconds);
        if let Some(hlog) = &mut self.hlog {
            hlog.flush()?;
        }
        Ok(run)
    }
}
