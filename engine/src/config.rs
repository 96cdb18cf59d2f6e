//! How a runtime is to run.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use annulus_protocol::Limits;
use annulus_transports::{NcalrpcDirectory, RingChoice};

/// Settings of a [`Runtime`](crate::Runtime) or a [`LocalRuntime`](crate::LocalRuntime).
///
/// ```
/// use annulus::{Config, Cores, IdlePolicy};
///
/// let config = Config::default().cores(Cores::List(vec![0])).idle(IdlePolicy::Spin);
/// assert_eq!(config.idle, IdlePolicy::Spin);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// The cores to run on, one pinned thread each.
    pub cores: Cores,
    /// What a core does when there is nothing to do.
    pub idle: IdlePolicy,
    /// Which ring over the kernel carries the connections.
    pub ring: RingChoice,
    /// Bounds on everything that a peer can grow.
    pub limits: Arc<Limits>,
    /// How a runtime of several cores keeps them equally busy.
    pub balance: BalancePolicy,
    /// Makes runs repeat, which is for the simulation: peers must not know it. `None`, the
    /// default, is different each time.
    pub seed: Option<u64>,
    /// Where the sockets of `ncalrpc` are, for servers and for bindings.
    pub ncalrpc_directory: NcalrpcDirectory,
    /// How long a ring over io_uring that waits looks for packets in the queues of network
    /// devices; see [`UringConfig::napi_busy_poll`](crate::transports::UringConfig::napi_busy_poll)
    /// for what that saves and costs. `None`, the default, is not at all.
    pub napi_busy_poll: Option<Duration>,
}

impl Config {
    /// Sets [`Config::cores`].
    #[must_use]
    pub fn cores(mut self, cores: Cores) -> Self {
        self.cores = cores;
        self
    }

    /// Sets [`Config::idle`].
    #[must_use]
    pub fn idle(mut self, idle: IdlePolicy) -> Self {
        self.idle = idle;
        self
    }

    /// Sets [`Config::ring`].
    #[must_use]
    pub fn ring(mut self, ring: RingChoice) -> Self {
        self.ring = ring;
        self
    }

    /// Sets [`Config::balance`].
    #[must_use]
    pub fn balance(mut self, balance: BalancePolicy) -> Self {
        self.balance = balance;
        self
    }

    /// Sets [`Config::seed`].
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets [`Config::ncalrpc_directory`] to the directory of this path.
    #[must_use]
    pub fn ncalrpc_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.ncalrpc_directory = NcalrpcDirectory::new(path);
        self
    }

    /// Sets [`Config::napi_busy_poll`].
    #[must_use]
    pub fn napi_busy_poll(mut self, time: Duration) -> Self {
        self.napi_busy_poll = Some(time);
        self
    }

    /// Sets [`Config::limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Arc::new(limits);
        self
    }
}

/// Which cores of the machine a runtime uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cores {
    /// Each core that this process may run on.
    #[default]
    All,
    /// The first so many of those.
    Count(usize),
    /// These, by their number in `/proc/cpuinfo`. A number may stand twice: two threads share
    /// that core.
    List(Vec<usize>),
    /// So many threads that the kernel may move as it likes.
    Unpinned(usize),
}

/// What a core does when there is nothing to do.
///
/// Sleeping costs a wake-up of some 17 µs in a virtual machine; not sleeping costs the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdlePolicy {
    /// Sleeps in the kernel at once.
    Block,
    /// Looks for work this long, then sleeps. Where work comes so seldom that looking has not paid
    /// 64 times in a row (gaps of four times as long or more), it sleeps at once, until work comes
    /// sooner again. Told apart are the times in which calls of this core's own clients are under
    /// way.
    Adaptive {
        /// How long to look.
        spin: Duration,
    },
    /// Never sleeps.
    Spin,
}

impl IdlePolicy {
    /// How long [`IdlePolicy::Adaptive`] looks for work by default.
    pub const DEFAULT_SPIN: Duration = Duration::from_micros(50);

    /// How long a core without work looks for some before it sleeps.
    pub(crate) fn spin(self) -> Duration {
        match self {
            IdlePolicy::Block => Duration::ZERO,
            IdlePolicy::Adaptive { spin } => spin,
            IdlePolicy::Spin => Duration::MAX,
        }
    }
}

impl Default for IdlePolicy {
    fn default() -> Self {
        IdlePolicy::Adaptive {
            spin: IdlePolicy::DEFAULT_SPIN,
        }
    }
}

impl fmt::Display for IdlePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdlePolicy::Block => f.write_str("block"),
            IdlePolicy::Adaptive { spin } => write!(f, "adaptive ({} µs)", spin.as_micros()),
            IdlePolicy::Spin => f.write_str("spin"),
        }
    }
}

/// How a runtime of several cores keeps them equally busy, as its servers' connections close, or
/// turn out to make more calls than others.
///
/// A new connection goes to the core that has the fewest. Later, a core that has more than 5/4 of
/// the connections of another one, and more than the mean of all, or more than 5/4 of its calls, hands
/// idle connections over to it: such without an open call. Their clients do not notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BalancePolicy {
    /// A connection stays on its core.
    Off,
    /// A core on which something happens looks at the others this often, but not more often than
    /// each microsecond.
    Every(Duration),
}

impl BalancePolicy {
    /// The time between two looks by default.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(100);
}

impl Default for BalancePolicy {
    fn default() -> Self {
        BalancePolicy::Every(BalancePolicy::DEFAULT_INTERVAL)
    }
}
