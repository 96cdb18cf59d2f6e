//! The options that say who looks on while runs last.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::metrics::MetricsArgs;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WatchArgs {
    /// Write interval histograms to this file as it goes (HdrHistogram log v2); of several runs with a tag for
    /// each, such as rate=5000:run=2
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub(crate) hlog: Option<PathBuf>,

    /// While it runs, answer scrapes of a Prometheus server at this address; of several runs with the labels
    /// rate and run of the one that is being measured
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Result")]
    pub(crate) prometheus: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,

    /// Show nothing while it runs
    #[arg(long, short, help_heading = "Result")]
    pub(crate) quiet: bool,
}
