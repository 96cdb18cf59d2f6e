//! What is to be measured.

use std::io;
use std::time::Duration;

use clap::Args;
use rustix::thread::{CpuSet, sched_setaffinity};

/// A workload, and where and for how long it is put on.
#[derive(Clone, Debug, Args)]
pub struct Plan {
    /// Connections
    #[arg(long, short, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,

    /// Calls under way on each connection
    #[arg(long, short, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub outstanding: u32,

    /// Bytes that each call carries to the server and back
    #[arg(long, short, default_value_t = 32)]
    pub payload: u32,

    /// Seconds to measure
    #[arg(long, short, default_value = "2", value_parser = seconds)]
    pub duration: Duration,

    /// Seconds to run before measuring
    #[arg(long, short, default_value = "0.5", value_parser = seconds)]
    pub warmup: Duration,

    /// Take turns with others: measure at once, and again each time that a line comes on standard
    /// input; print what each turn measured as a line; end where the input does
    #[arg(long)]
    pub turns: bool,

    /// The core of the server's thread
    #[arg(long, default_value_t = 0)]
    pub server_core: usize,

    /// The core of the client's thread
    #[arg(long, default_value_t = 1)]
    pub client_core: usize,

    /// Leave it to the kernel where the two threads run
    #[arg(long)]
    pub unpinned: bool,
}

impl Plan {
    /// Pins the calling thread, which is the server's, unless threads are not to be pinned.
    ///
    /// # Errors
    ///
    /// There is no such core, or it is not for this process.
    pub fn pin_server(&self) -> io::Result<()> {
        self.pin(self.server_core)
    }

    /// Pins the calling thread, which is the client's, likewise.
    ///
    /// # Errors
    ///
    /// There is no such core, or it is not for this process.
    pub fn pin_client(&self) -> io::Result<()> {
        self.pin(self.client_core)
    }

    fn pin(&self, core: usize) -> io::Result<()> {
        if self.unpinned {
            return Ok(());
        }
        let mut set = CpuSet::new();
        set.set(core);
        Ok(sched_setaffinity(None, &set)?)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("\"{text}\" is not a number of seconds"))
}
