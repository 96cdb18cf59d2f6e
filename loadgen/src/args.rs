//! The command line.

use std::time::Duration;

use annulus::IdlePolicy;
use clap::{Parser, ValueEnum};

/// Measures the latency and throughput of a DCE/RPC server by its rpcecho interface.
///
/// Without TARGET an embedded server is started, on a free loopback port unless --listen says
/// otherwise. Exit status: 0 if
/// calls completed, 1 if none did, 2 if the run could not be made.
#[derive(Clone, Debug, Parser)]
#[command(name = "loadgen", version, about)]
pub(crate) struct Args {
    /// The server, as a string binding: `ncacn_ip_tcp:host[port]` or `ncalrpc:[name]`
    pub(crate) target: Option<String>,

    /// Connections, spread over the client cores
    #[arg(long, short, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) connections: u32,

    /// Calls in flight on each connection
    #[arg(long, short, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(crate) outstanding: u32,

    /// Bytes that each call carries to the server and back (EchoData)
    #[arg(long, short, default_value_t = 32, value_parser = clap::value_parser!(u32).range(0..=4_000_000))]
    pub(crate) payload: u32,

    /// Seconds to measure
    #[arg(long, short, default_value = "5", value_parser = seconds)]
    pub(crate) duration: Duration,

    /// Seconds to run before measuring
    #[arg(long, short, default_value = "1", value_parser = seconds)]
    pub(crate) warmup: Duration,

    /// Calls a second, evenly spaced, whatever the server does (open loop); latency counts from
    /// the intended send time. Without it each reply triggers the next call (closed loop)
    #[arg(long, short, value_parser = rate)]
    pub(crate) rate: Option<f64>,

    /// The client's cores, one thread each, such as 1,2 (default: the last core)
    #[arg(long, value_delimiter = ',')]
    pub(crate) cores: Vec<usize>,

    /// The embedded server's cores (default: the first core)
    #[arg(long, value_delimiter = ',', conflicts_with = "target")]
    pub(crate) server_cores: Vec<usize>,

    /// Where the embedded server listens; `ncalrpc:` is a Unix socket
    #[arg(
        long,
        value_name = "BINDING",
        default_value = "ncacn_ip_tcp:127.0.0.1[0]",
        conflicts_with = "target"
    )]
    pub(crate) listen: String,

    /// What client and embedded server do when idle
    #[arg(long, value_enum, default_value_t = Idle::Adaptive)]
    pub(crate) idle: Idle,

    /// Write the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The idle policies by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Idle {
    /// Sleep at once
    Block,
    /// Look for work for 50 µs, then sleep
    Adaptive,
    /// Never sleep
    Spin,
}

impl Idle {
    pub(crate) fn policy(self) -> IdlePolicy {
        match self {
            Idle::Block => IdlePolicy::Block,
            Idle::Adaptive => IdlePolicy::default(),
            Idle::Spin => IdlePolicy::Spin,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("\"{text}\" is not a number of seconds"))?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("seconds must be between 0 and 86400".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text
        .parse()
        .map_err(|_| format!("\"{text}\" is not a number of calls a second"))?;
    if !(0.001..=1e9).contains(&rate) {
        return Err("the rate must be between 0.001 and 1e9 calls a second".to_owned());
    }
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn bad_numbers_are_refused() {
        for bad in [
            ["loadgen", "--rate", "0"],
            ["loadgen", "--duration", "-1"],
            ["loadgen", "--connections", "0"],
            ["loadgen", "--rate", "inf"],
        ] {
            assert!(Args::try_parse_from(bad).is_err(), "{bad:?}");
        }
        let args = Args::try_parse_from(["loadgen", "-c", "4", "--rate", "1e5", "--cores", "1,2"])
            .unwrap();
        assert_eq!(
            (args.connections, args.rate, args.cores),
            (4, Some(1e5), vec![1, 2])
        );
    }
}
