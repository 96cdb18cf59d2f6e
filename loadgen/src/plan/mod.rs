//! What is run: once, or again and again at different rates.

pub(crate) mod curve;
mod limit;
pub(crate) mod max;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod watch;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use annulus::{Config, Cores, Limits};
use anyhow::Context;

use self::watch::Watch;
use crate::args::load::LoadArgs;
use crate::embedded::EmbeddedServer;
use crate::exit::Interrupted;
use crate::fleet::{self, Measurement, Observer, Plan};
use crate::mix::Mix;
use crate::record::trace::TraceWriter;
use crate::report::run_file::RunFile;
use crate::schedule::{Arrivals, Part, Process, Profile};
use crate::setup::{OperationShare, PipeSetup, Setup};
use crate::verdict::Verdict;
use crate::worker::Job;

/// How many intervals a run is cut into, if that makes neither too short nor too long ones.
const INTERVALS: u32 = 64;
const INTERVAL_MIN: Duration = Duration::from_millis(5);
const INTERVAL_MAX: Duration = Duration::from_secs(1);

/// A server to be measured, and the clients' place on this machine: what runs have in common.
pub(crate) struct Bench {
    load: LoadArgs,
    mix: Arc<Mix>,
    cores: Placement,
    target: String,
    server: Option<EmbeddedServer>,
    interrupt: Arc<AtomicBool>,
}

/// What makes one run different from another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// `None` is closed loop.
    pub(crate) arrivals: Option<Arrivals>,
    pub(crate) trace: Option<TraceWriter>,
    pub(crate) start_at: Option<SystemTime>,
    pub(crate) agent: Option<String>,
}

impl Bench {
    /// Calls as `load` says. Starts a server if there is no target.
    pub(crate) fn new(load: &LoadArgs) -> anyhow::Result<Self> {
        Bench::with_mix(load, load.mix()?)
    }

    /// The same with other calls.
    pub(crate) fn with_mix(load: &LoadArgs, mix: Mix) -> anyhow::Result<Self> {
        let cores = Placement::choose(load)?;
        let server = match &load.target {
            Some(_) => None,
            None => Some(EmbeddedServer::start(
                &load.listen,
                cores.server.clone(),
                load.idle.policy(),
                limits(load, &mix),
            )?),
        };
        let embedded = server.as_ref().map(EmbeddedServer::binding);
        let target = load.target.as_deref().or(embedded).unwrap_or_default();
        let interrupt = Arc::new(AtomicBool::new(false));
        // A second signal ends the process as it would have.
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&interrupt))?;
            signal_hook::flag::register(signal, Arc::clone(&interrupt))?;
        }
        Ok(Bench {
            target: target.to_owned(),
            load: load.clone(),
            mix: Arc::new(mix),
            cores,
            server,
            interrupt,
        })
    }

    /// One run, from connecting to the last reply.
    pub(crate) fn run(
        &self,
        round: &Round,
        observers: &mut [&mut dyn Observer],
    ) -> anyhow::Result<RunFile> {
        let plan = Plan {
            jobs: self.jobs(round),
            warm_up: self.load.warmup,
            duration: self.load.duration,
            start_at: round.start_at,
            interrupt: Arc::clone(&self.interrupt),
        };
        let measurement = fleet::measure(&plan, observers)?;
        Ok(self.report(round, &measurement))
    }

    /// One run of an open loop at a constant rate, of several.
    pub(crate) fn run_at(
        &self,
        rate: f64,
        process: Process,
        watch: &mut Watch<'_>,
    ) -> anyhow::Result<RunFile> {
        let profile = Profile::Constant(rate);
        let round = Round {
            arrivals: Some(Arrivals::Rate { profile, process }),
            ..Round::default()
        };
        watch.name_next_run(rate);
        let run = watch.run(self, &round)?;
        if run.interrupted {
            return Err(Interrupted.into());
        }
        Ok(run)
    }

    fn report(&self, round: &Round, measurement: &Measurement) -> RunFile {
        let setup = self.setup(round, measurement.workers.len());
        let verdict = Verdict::of(&setup, measurement);
        RunFile::new(setup, measurement, verdict)
    }

    fn setup(&self, round: &Round, workers: usize) -> Setup {
        let load = &self.load;
        let is_embedded = self.server.is_some();
        let shares = self.mix.shares().map(|(name, share)| OperationShare {
            name: name.to_owned(),
            share,
        });
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        Setup {
            target: self.target.clone(),
            embedded: is_embedded,
            agent: round.agent.clone(),
            operations: shares.collect(),
            payload: match self.mix.transfer() {
                Some(transfer) => transfer.to_string(),
                None if self.mix.has_payload() => load.payload.to_string(),
                None => "none".to_owned(),
            },
            pipe: self.mix.transfer().map(|transfer| PipeSetup {
                direction: transfer.direction.to_string(),
                bytes: transfer.len,
                chunk_bytes: transfer.chunk_len,
            }),
            connections: load.connections,
            outstanding: load.outstanding,
            arrivals: match &round.arrivals {
                None if load.think_time.is_zero() => "closed loop".to_owned(),
                None => format!("closed loop, think time {:?}", load.think_time),
                Some(arrivals) => format!("open loop, {arrivals}"),
            },
            rate: (round.arrivals.as_ref()).map(|arrivals| arrivals.mean_rate(load.duration)),
            think_time_us: us(load.think_time),
            timeout_us: load.timeout.map(us),
            cancelling: load.cancelling().map(|cancelling| cancelling.to_string()),
            idle: load.idle.policy().to_string(),
            client_cores: self.cores.client[..workers].to_vec(),
            server_cores: if is_embedded {
                self.cores.server.clone()
            } else {
                Vec::new()
            },
            seed: load.seed,
        }
    }

    /// One for each client core; no core without a connection.
    fn jobs(&self, round: &Round) -> Vec<(Job, Config)> {
        let load = &self.load;
        let cores = &self.cores.client;
        let of = u32::try_from(cores.len())
            .unwrap_or(u32::MAX)
            .min(load.connections);
        (0..of)
            .zip(cores)
            .map(|(index, &core)| {
                let job = Job {
                    target: self.target.clone(),
                    mix: Arc::clone(&self.mix),
                    payload: load.payload.clone(),
                    connections: load.connections / of + u32::from(index < load.connections % of),
                    outstanding: load.outstanding,
                    arrivals: round.arrivals.clone(),
                    part: Part { index, of },
                    think_time: load.think_time,
                    timeout: load.timeout,
                    cancelling: load.cancelling(),
                    interval: interval(load.duration),
                    seed: load.seed.wrapping_add(u64::from(index)),
                    trace: round.trace.clone(),
                };
                let config = Config::default()
                    .cores(Cores::List(vec![core]))
                    .idle(load.idle.policy())
                    .limits(limits(load, &self.mix));
                (job, config)
            })
            .collect()
    }
}

/// The length of the intervals of a run.
fn interval(duration: Duration) -> Duration {
    (duration / INTERVALS).clamp(INTERVAL_MIN, INTERVAL_MAX)
}

/// Which cores client and embedded server run on.
struct Placement {
    client: Vec<usize>,
    server: Vec<usize>,
}

impl Placement {
    /// The server on the first core, the client on the last, unless the user says otherwise.
    fn choose(load: &LoadArgs) -> anyhow::Result<Self> {
        let first = first_core()?;
        let last = core_ids().last().copied().unwrap_or(first);
        let or = |cores: &[usize], default: usize| {
            if cores.is_empty() {
                vec![default]
            } else {
                cores.to_vec()
            }
        };
        Ok(Placement {
            client: or(&load.cores, last),
            server: or(&load.server_cores, first),
        })
    }
}

/// Cores that this process may use, in order.
fn core_ids() -> Vec<usize> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    cores.into_iter().map(|core| core.id).collect()
}

/// The core of a server or a peer in this process.
pub(crate) fn first_core() -> anyhow::Result<usize> {
    let first = core_ids().first().copied();
    first.context("the system does not tell which cores there are")
}

/// The limits of both sides: they are to carry what was asked for, and a little more. A transfer through
/// pipes has a connection of its own, and so have the calls of each interface where the server does not multiplex.
fn limits(load: &LoadArgs, mix: &Mix) -> Limits {
    let connections = load.connections as usize * mix.interfaces().len();
    let transfers = match mix.transfer() {
        Some(_) => connections * load.outstanding as usize,
        None => 0,
    };
    Limits {
        connections_per_core_max: connections + transfers + 16,
        // However seldom a connection is used, it was asked for.
        idle_connection_timeout: Duration::from_secs(365 * 24 * 3600),
        ..Limits::default()
    }
}

/// Makes a trace file, if one is asked for.
fn trace_writer(path: Option<&Path>) -> anyhow::Result<Option<TraceWriter>> {
    path.map(TraceWriter::create).transpose()
}
