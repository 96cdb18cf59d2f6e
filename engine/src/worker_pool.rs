//! Threads for manager routines that block.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use annulus_protocol::Limits;
use crossbeam_queue::ArrayQueue;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::blocking_call::BlockingCall;
use crate::error::Error;
use crate::event::Event;
use crate::foreign::contain_panic;
use crate::lock::lock;

/// The worker pool of a runtime, which begins with the first server that needs it. Dropping this
/// ends the threads and waits for them.
pub(crate) struct Workers {
    limits: Arc<Limits>,
    places: Places,
    pool: OnceLock<Arc<WorkerPool>>,
}

/// Where the helping threads of a runtime may run: where the runtime was made, not where a core
/// is pinned.
#[derive(Clone, Copy)]
pub(crate) struct Places(Option<CpuSet>);

impl Places {
    pub(crate) fn of_this_thread() -> Self {
        Places(sched_getaffinity(None).ok())
    }

    /// Takes the calling thread there.
    pub(crate) fn enter(&self) {
        if let Some(places) = &self.0
            && let Err(error) = sched_setaffinity(None, places)
        {
            tracing::debug!(%error, "a thread stays on the cores of the one that made it");
        }
    }
}

/// Runs blocking calls, a bounded number at a time.
///
/// A core hands a call over without a lock and without waiting. While there are fewer threads
/// than there may be, one of them is idle: a thread that finds itself the last idle one makes
/// another before it runs a call.
pub(crate) struct WorkerPool {
    queue: ArrayQueue<BlockingCall>,
    /// Bytes of stub data in the queue.
    queued_len: AtomicUsize,
    queued_len_max: usize,
    /// Set while the queue may have something for an idle thread; each that takes it hands it on
    /// if there is more.
    work: Event,
    idle: AtomicUsize,
    threads: Mutex<Vec<JoinHandle<()>>>,
    threads_max: usize,
    places: Places,
    closed: AtomicBool,
}

impl Workers {
    pub(crate) fn new(limits: &Arc<Limits>) -> Self {
        Workers {
            limits: Arc::clone(limits),
            places: Places::of_this_thread(),
            pool: OnceLock::new(),
        }
    }

    /// Where the threads run.
    pub(crate) fn places(&self) -> Places {
        self.places
    }

    /// The pool, with its first thread.
    pub(crate) fn pool(&self) -> Result<Arc<WorkerPool>, Error> {
        let pool = self.pool.get_or_init(|| {
            Arc::new(WorkerPool {
                queue: ArrayQueue::new(self.limits.worker_queue_max.max(1)),
                queued_len: AtomicUsize::new(0),
                queued_len_max: self.limits.worker_queue_len_max,
                work: Event::auto_reset(),
                idle: AtomicUsize::new(0),
                threads: Mutex::default(),
                threads_max: self.limits.worker_threads_max.max(1),
                places: self.places,
                closed: AtomicBool::new(false),
            })
        });
        pool.keep_one_idle()
            .map_err(|source| Error::WorkerThread { source })?;
        Ok(Arc::clone(pool))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.get() {
            pool.close();
        }
    }
}

impl WorkerPool {
    /// Hands a call to a worker; false if too much waits already, and the call is dropped.
    pub(crate) fn submit(&self, call: BlockingCall) -> bool {
        let len = call.request_len();
        let queued_len = self.queued_len.fetch_add(len, Ordering::Relaxed);
        let has_room = queued_len.saturating_add(len) <= self.queued_len_max;
        let is_taken = has_room && self.queue.push(call).is_ok();
        if is_taken {
            self.work.set();
        } else {
            self.forget(len);
        }
        is_taken
    }

    fn forget(&self, len: usize) {
        self.queued_len.fetch_sub(len, Ordering::Relaxed);
    }

    fn pop(&self) -> Option<BlockingCall> {
        let call = self.queue.pop()?;
        self.forget(call.request_len());
        Some(call)
    }

    /// The next call, which may be long in coming; `None` when the pool ends.
    fn next(&self) -> Option<BlockingCall> {
        self.idle.fetch_add(1, Ordering::Relaxed);
        let call = loop {
            if self.closed.load(Ordering::Acquire) {
                break None;
            }
            if let Some(call) = self.pop() {
                break Some(call);
            }
            self.work.wait();
        };
        self.idle.fetch_sub(1, Ordering::Relaxed);
        if call.is_none() || !self.queue.is_empty() {
            self.work.set();
        }
        call
    }

    fn run_worker(self: &Arc<Self>) {
        self.places.enter();
        while let Some(call) = self.next() {
            if let Err(error) = self.keep_one_idle() {
                tracing::warn!(%error, "cannot start another worker thread");
            }
            contain_panic(|| call.run());
        }
    }

    /// Makes a thread if none is idle and there may be one more.
    fn keep_one_idle(self: &Arc<Self>) -> std::io::Result<()> {
        if self.idle.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let mut threads = lock(&self.threads);
        if threads.len() < self.threads_max && !self.closed.load(Ordering::Acquire) {
            let pool = Arc::clone(self);
            let thread = std::thread::Builder::new()
                .name(format!("annulus-worker-{}", threads.len()))
                .spawn(move || pool.run_worker())?;
            threads.push(thread);
        }
        Ok(())
    }

    /// Ends the threads once they have run what they are at, and waits for them. Calls that
    /// still wait are dropped, which faults them.
    fn close(&self) {
        // Release: pairs with the acquire in `next`. Under the lock no thread is made any more.
        let threads = {
            let mut threads = lock(&self.threads);
            self.closed.store(true, Ordering::Release);
            std::mem::take(&mut *threads)
        };
        self.work.set();
        for thread in threads {
            // What panicked there has been reported there.
            let _ = thread.join();
        }
        while let Some(call) = self.pop() {
            drop(call);
        }
    }
}
