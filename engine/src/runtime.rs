//! One pinned thread per core.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use annulus_transports::{KernelRing, Ring, UringConfig};

use crate::config::{Config, Cores, IdlePolicy};
use crate::core::{Core, Siblings, share};
use crate::core_shared::{Command, CoreShared};
use crate::error::Error;
use crate::idle::Idler;
use crate::resolver::Resolver;
use crate::server::{Server, Serving};
use crate::worker_pool::Workers;

/// Threads pinned to cores, each with its ring, its connections and its calls.
///
/// Servers and bindings live on it. Dropping it shuts it down: accepting stops, running calls
/// end (for five seconds at most), then everything is closed.
pub struct Runtime {
    cores: SharedCores,
    threads: Vec<JoinHandle<()>>,
    /// The core that gets the next binding.
    next: AtomicUsize,
    ring_name: &'static str,
    idle: IdlePolicy,
    workers: Workers,
}

/// Something that bindings can live on: a [`Runtime`] or a [`LocalRuntime`](crate::LocalRuntime).
pub trait Host {
    /// The core that is to carry the next binding.
    fn choose_core(&self) -> CoreHandle;
}

/// A core, to those outside of it.
#[derive(Clone)]
pub struct CoreHandle(pub(crate) Arc<CoreShared>);

impl std::fmt::Debug for CoreHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreHandle").finish_non_exhaustive()
    }
}

/// The shared parts of all cores of a runtime, in the order of their indices.
type SharedCores = Arc<[Arc<CoreShared>]>;

/// What a starting thread tells: its shared part and its ring's name, or why it cannot run.
type Report = (usize, Result<(Arc<CoreShared>, &'static str), Error>);

impl Runtime {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// A core cannot be used, a thread cannot be started, or the kernel refuses what the ring
    /// needs; the error says which and what to do.
    pub fn start(config: Config) -> Result<Self, Error> {
        let places = places(&config.cores)?;
        let (report, reports) = mpsc::channel::<Report>();
        let mut threads = Vec::new();
        let mut starts = Vec::new();
        for (index, core) in places.iter().copied().enumerate() {
            let (start, started) = mpsc::channel();
            let report = report.clone();
            let config = config.clone();
            let run = move || run_thread(index, core, &config, &report, &started);
            let thread = std::thread::Builder::new()
                .name(format!("annulus-{index}"))
                .spawn(run)
                .map_err(|source| Error::Thread {
                    core: index,
                    source,
                })?;
            threads.push(thread);
            starts.push(start);
        }
        drop(report);
        let (cores, ring_name) = gather(&reports, places.len())?;
        let workers = Workers::new(&config.limits);
        let resolver = Resolver::new(&config.limits, workers.places());
        for (index, start) in starts.into_iter().enumerate() {
            // A thread that has gone reported why, and `gather` has returned that.
            let _ = start.send(Siblings {
                all: Arc::clone(&cores),
                index,
                resolver: Arc::clone(&resolver),
            });
        }
        Ok(Runtime {
            cores,
            threads,
            next: AtomicUsize::new(0),
            ring_name,
            idle: config.idle,
            workers,
        })
    }

    /// Starts a server: opens its endpoints on the first core, which deals the connections out
    /// to the core that has the fewest. Host names are resolved, and a port that is still in use
    /// is waited for (half a second at most), on the calling thread.
    ///
    /// # Errors
    ///
    /// An endpoint cannot be opened (the others are closed again), or there is none;
    /// [`Error::WithinTurn`] on the first core's own thread, such as in a manager routine.
    pub fn serve(&self, server: Server) -> Result<Serving, Error> {
        let core = &self.cores[0];
        if core.is_current() {
            return Err(Error::WithinTurn);
        }
        let workers = server.worker_pool(&self.workers)?;
        let server = server.resolve(workers, core.ncalrpc_directory())?;
        server.serve_on(core)
    }

    /// How many cores there are.
    #[must_use]
    pub fn core_count(&self) -> usize {
        self.cores.len()
    }

    /// The name of the ring that runs: `io_uring` or `epoll`.
    #[must_use]
    pub fn ring_name(&self) -> &'static str {
        self.ring_name
    }

    /// What the cores do when there is nothing to do.
    #[must_use]
    pub fn idle_policy(&self) -> IdlePolicy {
        self.idle
    }

    /// How often another thread had to wake a sleeping core.
    #[must_use]
    pub fn wake_count(&self) -> u64 {
        self.cores
            .iter()
            .map(|core| core.inbox().wake_count())
            .sum()
    }

    /// Shuts down: stops accepting, lets running calls end, closes everything, and waits for
    /// the threads.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Host for Runtime {
    fn choose_core(&self) -> CoreHandle {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.cores.len();
        CoreHandle(Arc::clone(&self.cores[index]))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        for core in self.cores.iter() {
            core.submit(Command::Shutdown);
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a core's thread has panicked");
            }
        }
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("cores", &self.cores.len())
            .field("ring", &self.ring_name)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

/// Cores that a `cpu_set_t` can name.
const CPU_SET_LEN: usize = 1024;

/// The core of each thread; `None` is not pinned.
fn places(cores: &Cores) -> Result<Vec<Option<usize>>, Error> {
    let places: Vec<_> = match cores {
        Cores::All => available_cores().into_iter().map(Some).collect(),
        Cores::Count(count) => available_cores()
            .into_iter()
            .take(*count)
            .map(Some)
            .collect(),
        Cores::List(list) => list.iter().copied().map(Some).collect(),
        Cores::Unpinned(count) => vec![None; *count],
    };
    if places.is_empty() {
        Err(Error::NoCore)
    } else {
        Ok(places)
    }
}

fn available_cores() -> Vec<usize> {
    core_affinity::get_core_ids()
        .unwrap_or_default()
        .into_iter()
        .map(|core| core.id)
        .collect()
}

/// Pins the calling thread to a core.
pub(crate) fn pin(core: usize) -> Result<(), Error> {
    // core_affinity panics on a number beyond what a CPU set holds.
    if core < CPU_SET_LEN && core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        return Ok(());
    }
    Err(Error::NoSuchCore {
        core,
        available: available_cores(),
    })
}

pub(crate) fn new_ring(config: &Config) -> Result<KernelRing, Error> {
    let mut uring = UringConfig::new(&config.limits);
    uring.napi_busy_poll = config.napi_busy_poll;
    Ok(KernelRing::with_config(config.ring, uring)?)
}

/// The reports of all threads, in the order of their indices.
fn gather(reports: &Receiver<Report>, count: usize) -> Result<(SharedCores, &'static str), Error> {
    let mut cores = vec![None; count];
    let mut ring_name = "";
    for _ in 0..count {
        let (index, report) = reports.recv().map_err(|_| Error::ShutDown)?;
        let (shared, name) = report?;
        cores[index] = Some(shared);
        ring_name = name;
    }
    Ok((cores.into_iter().flatten().collect(), ring_name))
}

fn run_thread(
    index: usize,
    place: Option<usize>,
    config: &Config,
    report: &Sender<Report>,
    start: &Receiver<Siblings>,
) {
    let ring = place.map_or(Ok(()), pin).and_then(|()| new_ring(config));
    let ring = match ring {
        Ok(ring) => ring,
        Err(error) => {
            let _ = report.send((index, Err(error)));
            return;
        }
    };
    let shared = share(&ring, config);
    let _ = report.send((index, Ok((Arc::clone(&shared), ring.name()))));
    // Without an answer another thread has failed, and the runtime does not start.
    let Ok(siblings) = start.recv() else { return };
    let mut core = Core::new(ring, siblings, config);
    let _guard = ThreadGuard::new(&shared);
    let mut idler = Idler::new(config.idle);
    while !core.is_finished() {
        if let Err(error) = idler.turn(&mut core, None, &mut |_| {}) {
            tracing::error!(%error, "a core ends");
            break;
        }
    }
}

/// Marks a thread as a core's, for as long as it runs; afterwards commands fail at once.
pub(crate) struct ThreadGuard(Arc<CoreShared>);

impl ThreadGuard {
    pub(crate) fn new(shared: &Arc<CoreShared>) -> Self {
        shared.enter_thread();
        ThreadGuard(Arc::clone(shared))
    }
}

impl Drop for ThreadGuard {
    fn drop(&mut self) {
        self.0.close();
    }
}
