//! From the command line to a report.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use annulus::{Config, Cores, Limits};
use anyhow::{Context, anyhow};

use crate::args::Args;
use crate::embedded::EmbeddedServer;
use crate::progress;
use crate::report::{Report, Setup};
use crate::worker::{Measured, Plan, Worker};

/// Makes the run that `args` describe.
pub(crate) fn run(args: &Args) -> anyhow::Result<Report> {
    let cores = Placement::choose(args)?;
    let server = match &args.target {
        Some(_) => None,
        None => Some(EmbeddedServer::start(
            &args.listen,
            cores.server.clone(),
            args.idle.policy(),
            limits(args),
        )?),
    };
    let target = match (&args.target, &server) {
        (Some(target), _) => target.clone(),
        (None, Some(server)) => server.binding().to_owned(),
        (None, None) => unreachable!("a server is started where there is no target"),
    };
    let plans = plans(args, &target, &cores.client);
    let measured = measure(args, plans)?;
    // The embedded server is what used the CPU of this process beside the workers.
    let server_cpu = server
        .as_ref()
        .map(|_| measured.process_cpu.saturating_sub(measured.cpu));
    let setup = Setup {
        target,
        embedded: server.is_some(),
        connections: args.connections,
        outstanding: args.outstanding,
        payload_bytes: args.payload,
        rate: args.rate,
        ring: measured.ring,
        idle: args.idle.policy().to_string(),
        client_cores: cores.client,
        server_cores: if server.is_some() {
            cores.server
        } else {
            Vec::new()
        },
    };
    Ok(Report::new(setup, &measured, server_cpu, args.json))
}

/// Which cores client and embedded server run on.
struct Placement {
    client: Vec<usize>,
    server: Vec<usize>,
}

impl Placement {
    /// The server on the first core, the client on the last, unless the user says otherwise.
    fn choose(args: &Args) -> anyhow::Result<Self> {
        let available = core_affinity::get_core_ids().unwrap_or_default();
        let first = available
            .first()
            .context("the system does not tell which cores there are")?
            .id;
        let last = available.last().map_or(first, |core| core.id);
        let or = |cores: &[usize], default: usize| {
            if cores.is_empty() {
                vec![default]
            } else {
                cores.to_vec()
            }
        };
        Ok(Placement {
            client: or(&args.cores, last),
            server: or(&args.server_cores, first),
        })
    }
}

/// One plan a client core: connections and rate are shared out, no core without a connection.
fn plans(args: &Args, target: &str, cores: &[usize]) -> Vec<Plan> {
    let workers = u32::try_from(cores.len())
        .unwrap_or(u32::MAX)
        .min(args.connections);
    let limits = limits(args);
    (0..workers)
        .zip(cores)
        .map(|(index, &core)| {
            let connections =
                args.connections / workers + u32::from(index < args.connections % workers);
            let share = f64::from(connections) / f64::from(args.connections);
            Plan {
                target: target.to_owned(),
                config: Config::default()
                    .cores(Cores::List(vec![core]))
                    .idle(args.idle.policy())
                    .limits(limits.clone()),
                connections,
                outstanding: args.outstanding,
                payload: args.payload,
                rate: args.rate.map(|rate| rate * share),
                warmup: args.warmup,
                duration: args.duration,
            }
        })
        .collect()
}

/// The limits of both sides: they are to carry what was asked for, and a little more.
fn limits(args: &Args) -> Limits {
    Limits {
        connections_per_core_max: args.connections as usize + 16,
        ..Limits::default()
    }
}

/// Counts a worker out when it ends, however it ends.
struct Running<'r>(&'r AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs all workers at the same time and merges what they measured.
fn measure(args: &Args, plans: Vec<Plan>) -> anyhow::Result<Measured> {
    let completions: Vec<_> = plans.iter().map(|_| AtomicU64::new(0)).collect();
    let (connected, connections) = mpsc::channel();
    let running = AtomicU64::new(plans.len() as u64);
    let results: Vec<_> = thread::scope(|scope| {
        let mut workers = Vec::new();
        let mut starts = Vec::new();
        for (plan, completions) in plans.into_iter().zip(&completions) {
            let (start, started) = mpsc::channel::<()>();
            let (connected, running) = (connected.clone(), Running(&running));
            starts.push(start);
            workers.push(scope.spawn(move || {
                let _running = running;
                let worker = Worker::connect(plan, completions);
                // Whoever panics drops its end; nobody waits for it.
                drop(connected);
                let _ = started.recv();
                worker?.run()
            }));
        }
        drop(connected);
        // Ends when each worker has let go of its end.
        let _: Result<(), _> = connections.recv();
        drop(starts);
        progress::show(args.warmup + args.duration, &completions, || {
            running.load(Ordering::Relaxed) == 0
        });
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a client thread panicked")))
            })
            .collect()
    });
    let mut merged: Option<Measured> = None;
    for result in results {
        let measured = result?;
        match &mut merged {
            None => merged = Some(measured),
            Some(merged) => merged.merge(&measured),
        }
    }
    merged.context("there was no client thread")
}
