//! Settings of annulus, one of which an experiment changes.

use std::time::Duration;

use annulus::{
    BindingOptions, Config, Cores, IdlePolicy, Limits, ListenOptions, RingChoice, SocketOptions,
};
use annulus_bench_measure::Plan;
use clap::{Args, ValueEnum};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Idle {
    /// Look again
    Spin,
    /// Look again for some time, then sleep
    Adaptive,
    /// Sleep
    Block,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RingName {
    Uring,
    Epoll,
}

/// What both sides have chosen; the rest is as it is by default.
#[derive(Clone, Debug, Args)]
pub(crate) struct Tuning {
    #[arg(long, value_enum, default_value_t = Idle::Adaptive)]
    pub(crate) idle: Idle,

    /// Microseconds for which an adaptive core looks again before it sleeps
    #[arg(long, value_name = "MICROS")]
    spin: Option<u64>,

    /// The ring over the kernel
    #[arg(long, value_enum)]
    ring: Option<RingName>,

    /// Microseconds for which a ring that waits looks into the devices' queues
    /// (`IORING_REGISTER_NAPI`)
    #[arg(long, value_name = "MICROS")]
    napi: Option<u64>,

    /// The same for a socket (`SO_BUSY_POLL`)
    #[arg(long, value_name = "MICROS")]
    busy_poll: Option<u64>,

    /// Bytes of `SO_SNDBUF`, of which the kernel takes twice as much
    #[arg(long, value_name = "BYTES")]
    send_buffer: Option<u32>,

    /// Bytes of `SO_RCVBUF`, of which the kernel takes twice as much
    #[arg(long, value_name = "BYTES")]
    receive_buffer: Option<u32>,

    /// Bytes of each receive buffer of a ring
    #[arg(long, value_name = "BYTES")]
    receive_buffer_len: Option<u32>,

    /// Bytes of a fragment at most; 5840 is that of other implementations
    #[arg(long, value_name = "BYTES")]
    fragment_len: Option<u16>,
}

impl Tuning {
    /// The settings of one side, whose core this is.
    pub(crate) fn config(&self, plan: &Plan, core: usize) -> Config {
        let idle = match (self.idle, self.spin) {
            (Idle::Spin, _) => IdlePolicy::Spin,
            (Idle::Block, _) => IdlePolicy::Block,
            (Idle::Adaptive, None) => IdlePolicy::default(),
            (Idle::Adaptive, Some(micros)) => IdlePolicy::Adaptive {
                spin: Duration::from_micros(micros),
            },
        };
        let ring = match self.ring {
            None => RingChoice::default(),
            Some(RingName::Uring) => RingChoice::Uring,
            Some(RingName::Epoll) => RingChoice::Epoll,
        };
        let cores = if plan.unpinned {
            Cores::Unpinned(1)
        } else {
            Cores::List(vec![core])
        };
        let config = Config::default().cores(cores).idle(idle).ring(ring);
        let config = config.limits(self.limits(plan));
        match self.napi {
            Some(micros) => config.napi_busy_poll(Duration::from_micros(micros)),
            None => config,
        }
    }

    fn limits(&self, plan: &Plan) -> Limits {
        let by_default = Limits::default();
        let Limits {
            receive_buffer_len,
            extended_fragment_len_max,
            ..
        } = by_default;
        Limits {
            connections_per_core_max: plan.connections as usize + 16,
            receive_buffer_len: self.receive_buffer_len.unwrap_or(receive_buffer_len),
            extended_fragment_len_max: self.fragment_len.unwrap_or(extended_fragment_len_max),
            ..by_default
        }
    }

    /// How the server listens.
    pub(crate) fn listen_options(&self) -> ListenOptions {
        let by_default = ListenOptions::default();
        ListenOptions {
            socket: self.socket(by_default.socket),
            ..by_default
        }
    }

    /// How the client binds: each binding has a connection of its own.
    pub(crate) fn binding_options(&self) -> BindingOptions {
        let options = BindingOptions::new().unique_binding();
        options.socket(self.socket(SocketOptions::new()))
    }

    fn socket(&self, by_default: SocketOptions) -> SocketOptions {
        SocketOptions {
            send_buffer_len: self.send_buffer,
            receive_buffer_len: self.receive_buffer,
            busy_poll: self.busy_poll.map(Duration::from_micros),
            ..by_default
        }
    }
}
