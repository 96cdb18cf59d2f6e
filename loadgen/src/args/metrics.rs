//! The options that say what the server is asked while it is measured.

use crate::server_metrics::{Names, Source};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MetricsArgs {
    /// Sample the server while it is measured: http://HOST:PORT/PATH (Prometheus' text format), or the
    /// number of a process of this machine; can be given again
    #[arg(
        long = "server-metrics",
        value_name = "URL|PID",
        help_heading = "Server metrics"
    )]
    pub(crate) sources: Vec<Source>,

    /// Keep these metrics of them, by name, such as 'process_*,queue_length' (default: the first 32 that
    /// change)
    #[arg(
        long = "server-metric-names",
        value_name = "NAMES",
        requires = "sources",
        help_heading = "Server metrics"
    )]
    pub(crate) names: Option<Names>,
}
