//! Where servers are: addresses that are known, and names that are looked up on threads which
//! may block.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::Duration;

use annulus_protocol::{Limits, SyntaxId};
use annulus_transports::{Address, NcalrpcDirectory, StringBinding, resolve_host};

use crate::core_shared::{Command, CoreShared};
use crate::endpoint;
use crate::epmapper;
use crate::error::Error;
use crate::extended_error::{ErrorParameter, ErrorRecord, ExtendedError};
use crate::foreign::contain_panic;
use crate::lock::{lock, unpoisoned};
use crate::status::Status;
use crate::table::Key;
use crate::worker_pool::Places;

/// Where a binding's server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// At the first of these addresses that takes a connection.
    Addresses(Arc<[Address]>),
    /// Where the answer to a question says. It is asked anew whenever there is no connection.
    Named(Arc<Query>),
}

/// A question for the addresses of a server.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Query {
    /// Those of a host that has a name.
    Host { host: String, port: u16 },
    /// What the endpoint mapper says of the host of a binding without a port.
    Mapper {
        binding: StringBinding,
        interface: SyntaxId,
    },
}

/// The addresses of a server, the best first, or what becomes of the calls to it.
pub(crate) type Answer = Result<Arc<[Address]>, NotFound>;

/// How the calls end whose server is not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotFound {
    pub(crate) status: Status,
    /// What went wrong, as extended error information; empty for nothing more to say.
    pub(crate) explained: Vec<u8>,
}

/// A question of a core's.
pub(crate) struct Job {
    pub(crate) query: Arc<Query>,
    /// Who is told, by [`Command::Resolved`].
    pub(crate) core: Arc<CoreShared>,
    /// Whose connection waits for it.
    pub(crate) association: Key,
    /// Gone when nobody waits for the answer any more.
    pub(crate) asker: Weak<()>,
}

/// The threads of a runtime that look names up, and do what else may block to begin a server. They begin when there is something to ask and end
/// when there has been nothing for a while.
///
/// Dropping this does not wait for those that are at it, as a name server may take its time: they
/// end by themselves, and nobody takes what they found.
pub(crate) struct Resolver {
    pool: Arc<Pool>,
}

struct Pool {
    state: Mutex<State>,
    work: Condvar,
    limits: Arc<Limits>,
    places: Places,
}

/// An association asks one question at a time, and the questions of those that have gone are
/// dropped before the queue grows: so it is no longer than twice the number of associations.
#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

/// What one of the threads is to do.
enum Work {
    Answer(Job),
    /// Something else that may block.
    Run(Box<dyn FnOnce() + Send>),
}

impl Work {
    fn is_awaited(&self) -> bool {
        match self {
            Work::Answer(job) => job.asker.strong_count() > 0,
            Work::Run(_) => true,
        }
    }

    fn run(self, limits: &Arc<Limits>) {
        match self {
            Work::Answer(job) => job.run(limits),
            Work::Run(run) => {
                contain_panic(run);
            }
        }
    }

    /// No thread can be made for it.
    fn give_up(self) {
        if let Work::Answer(job) = self {
            job.tell(Err(Status::OutOfMemory.into()));
        }
    }
}

/// How long a thread waits for the next question.
const IDLE_TIME: Duration = Duration::from_secs(10);

impl Query {
    /// Finds the answer; may block.
    fn answer(
        &self,
        local: &NcalrpcDirectory,
        limits: &Arc<Limits>,
    ) -> Result<Vec<Address>, Error> {
        match self {
            Query::Host { host, port } => Ok(resolve_host(host, *port)?),
            Query::Mapper { binding, interface } => {
                let found = epmapper::find_endpoint(binding, *interface, local, limits)?;
                endpoint::addresses(&found, local)
            }
        }
    }
}

impl Job {
    fn run(self, limits: &Arc<Limits>) {
        let local = self.core.ncalrpc_directory();
        let answer = match contain_panic(|| self.query.answer(local, limits)) {
            Some(Ok(mut addresses)) => {
                addresses.truncate(limits.addresses_per_name_max.max(1));
                Ok(Arc::from(addresses))
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "a server is not found");
                Err(NotFound::because(&error, limits))
            }
            None => Err(Status::ServerUnavailable.into()),
        };
        self.tell(answer);
    }

    fn tell(self, answer: Answer) {
        self.core.submit(Command::Resolved {
            association: self.association,
            answer,
        });
    }
}

impl NotFound {
    fn because(error: &Error, limits: &Limits) -> Self {
        let status = match error {
            Error::EndpointMapper { status, .. } => *status,
            _ => Status::ServerUnavailable,
        };
        let text = ErrorParameter::Unicode(error.to_string());
        let explained = ExtendedError::new(ErrorRecord::new(status).parameter(text));
        let explained = explained.encode().unwrap_or_default();
        let is_short = explained.len() <= limits.extended_error_len_max;
        NotFound {
            status,
            explained: if is_short { explained } else { Vec::new() },
        }
    }
}

impl From<Status> for NotFound {
    fn from(status: Status) -> Self {
        NotFound {
            status,
            explained: Vec::new(),
        }
    }
}

impl Resolver {
    /// Threads of a runtime, which run at `places`. None is made yet.
    pub(crate) fn new(limits: &Arc<Limits>, places: Places) -> Arc<Self> {
        Arc::new(Resolver {
            pool: Arc::new(Pool {
                state: Mutex::default(),
                work: Condvar::new(),
                limits: Arc::clone(limits),
                places,
            }),
        })
    }

    /// One whose questions nobody answers.
    #[cfg(test)]
    pub(crate) fn silent() -> Arc<Self> {
        let resolver = Resolver::new(&Arc::default(), Places::of_this_thread());
        lock(&resolver.pool.state).threads = usize::MAX;
        resolver
    }

    /// Questions that no thread has taken.
    #[cfg(test)]
    pub(crate) fn queue_len(&self) -> usize {
        lock(&self.pool.state).queue.len()
    }

    /// Sees to it that a question is answered.
    pub(crate) fn ask(&self, job: Job) {
        self.submit(Work::Answer(job));
    }

    /// Runs something of this crate's own that may block. If the runtime ends before, it is dropped.
    pub(crate) fn run(&self, run: Box<dyn FnOnce() + Send>) {
        self.submit(Work::Run(run));
    }

    fn submit(&self, work: Work) {
        let mut state = lock(&self.pool.state);
        if state.queue.len() == state.queue.capacity() {
            state.queue.retain(Work::is_awaited);
        }
        state.queue.push_back(work);
        if state.queue.len() <= state.idle {
            return self.pool.work.notify_one();
        }
        if state.threads >= self.pool.limits.resolver_threads_max.max(1) {
            return;
        }
        match self.pool.spawn(state.threads) {
            Ok(()) => state.threads += 1,
            Err(error) if state.threads == 0 => {
                tracing::warn!(%error, "no thread can be made to look a server's name up");
                let left = std::mem::take(&mut state.queue);
                drop(state);
                left.into_iter().for_each(Work::give_up);
            }
            Err(error) => {
                tracing::debug!(%error, "names wait for the threads that there are");
            }
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        lock(&self.pool.state).is_closed = true;
        self.pool.work.notify_all();
    }
}

impl Pool {
    fn spawn(self: &Arc<Self>, index: usize) -> std::io::Result<()> {
        let pool = Arc::clone(self);
        std::thread::Builder::new()
            .name(format!("annulus-names-{index}"))
            .spawn(move || {
                pool.places.enter();
                while let Some(work) = pool.next() {
                    work.run(&pool.limits);
                }
            })
            .map(drop)
    }

    /// The next question; `None` if the thread is to end.
    fn next(&self) -> Option<Work> {
        let mut state = lock(&self.state);
        loop {
            if state.is_closed {
                state.queue.clear();
            } else if let Some(work) = state.queue.pop_front() {
                if work.is_awaited() {
                    return Some(work);
                }
                continue;
            } else {
                state.idle += 1;
                let waited = self.work.wait_timeout(state, IDLE_TIME);
                let (woken, timeout) = unpoisoned(waited);
                state = woken;
                state.idle -= 1;
                if !timeout.timed_out() || !state.queue.is_empty() {
                    continue;
                }
            }
            state.threads -= 1;
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::config::Config;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn every_question_is_answered_by_a_few_threads() {
        const COUNT: u64 = 200;
        let limits = Arc::new(Limits {
            resolver_threads_max: 2,
            ..Limits::default()
        });
        let resolver = Resolver::new(&limits, Places::of_this_thread());
        let (wake, woken) = mpsc::channel();
        // A thread may still answer when the test has seen enough.
        let wake = Box::new(move || wake.send(()).unwrap_or_default());
        let core = Arc::new(CoreShared::new(&Config::default(), wake));
        let asker = Arc::new(());
        // Every other one has gone before it is answered.
        for number in 0..2 * COUNT {
            // An address, so that no name server has a part in this.
            let query = Query::Host {
                host: "127.0.0.1".into(),
                port: 135,
            };
            resolver.ask(Job {
                query: Arc::new(query),
                core: Arc::clone(&core),
                association: Key::from_bits(number / 2),
                asker: [Arc::downgrade(&asker), Weak::new()][(number % 2) as usize].clone(),
            });
            assert!(lock(&resolver.pool.state).threads <= 2);
        }
        let mut answered = Vec::new();
        while answered.len() < COUNT as usize {
            while let Some(command) = core.inbox().pop() {
                if let Command::Resolved {
                    association,
                    answer,
                } = command
                {
                    assert_eq!(answer.unwrap().len(), 1);
                    answered.push(association.to_bits());
                }
            }
            if answered.len() < COUNT as usize && core.inbox().prepare_sleep() {
                woken.recv_timeout(PATIENCE).expect("an answer comes");
            }
            core.inbox().end_sleep();
        }
        answered.sort_unstable();
        assert_eq!(answered, (0..COUNT).collect::<Vec<_>>());
    }
}
