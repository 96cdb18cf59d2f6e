//! Asynchronous procedure calls: routines that run on a thread while it waits and agrees.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::event::Event;
use crate::futex::Deadline;
use crate::notification::Notification;
use crate::queue::Queue;

/// APCs that the queue of a thread takes before it allocates.
const QUEUE_LEN: usize = 256;

/// Names a thread, for those who queue APCs to it.
///
/// An APC runs only while its thread is in an alertable wait: [`sleep_ex`] or [`wait_ex`]. They
/// run in the order queued.
///
/// ```
/// use annulus::{Apc, ApcThread, WaitResult, sleep_ex};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let thread = ApcThread::current();
/// std::thread::spawn(move || {
///     thread.queue(Apc::user(Arc::new(|data| println!("APC of {data}")), 7)).unwrap();
/// });
/// assert_eq!(sleep_ex(Duration::from_secs(20), true), WaitResult::ApcsDelivered);
/// ```
///
/// # When the thread ends
///
/// Then what is still queued is dropped, and nothing more can be queued. A call whose
/// notification is lost so still has its status: see
/// [`AsyncHandle::status`](crate::AsyncHandle::status).
#[derive(Clone)]
pub struct ApcThread {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Queue<Apc>,
    /// Set after something was queued; an alertable wait takes it and looks at the queue.
    bell: Event,
    ended: AtomicBool,
    thread: ThreadId,
}

/// A routine to run on another thread, and what it is to be told.
///
/// Making one from a routine that is there already allocates nothing.
#[derive(Clone)]
pub struct Apc {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Notification {
        routine: Arc<dyn Fn(Notification) + Send + Sync>,
        notification: Notification,
    },
    User {
        routine: Arc<dyn Fn(u64) + Send + Sync>,
        data: u64,
    },
}

impl Apc {
    /// Tells `routine` what has happened to a call.
    #[must_use]
    pub fn notification(
        routine: Arc<dyn Fn(Notification) + Send + Sync>,
        notification: Notification,
    ) -> Self {
        Apc {
            kind: Kind::Notification {
                routine,
                notification,
            },
        }
    }

    /// Runs `routine` with a datum of the caller's own, as `QueueUserAPC` does.
    #[must_use]
    pub fn user(routine: Arc<dyn Fn(u64) + Send + Sync>, data: u64) -> Self {
        Apc {
            kind: Kind::User { routine, data },
        }
    }

    fn run(self) {
        match self.kind {
            Kind::Notification {
                routine,
                notification,
            } => routine(notification),
            Kind::User { routine, data } => routine(data),
        }
    }
}

impl fmt::Debug for Apc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Apc");
        match &self.kind {
            Kind::Notification { notification, .. } => debug.field("notification", notification),
            Kind::User { data, .. } => debug.field("data", data),
        };
        debug.finish_non_exhaustive()
    }
}

/// An APC could not be queued, because its thread has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the thread to which an APC was to be queued has ended")]
pub struct ThreadEnded;

impl ApcThread {
    /// The calling thread.
    ///
    /// # Panics
    ///
    /// If the thread is ending: in destructors of its thread-local values.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.with(|current| current.0.clone())
    }

    /// Queues an APC to the thread. Allocates nothing while the queue is short.
    ///
    /// # Errors
    ///
    /// [`ThreadEnded`] if the thread has ended; the APC is dropped.
    pub fn queue(&self, apc: Apc) -> Result<(), ThreadEnded> {
        let inner = &*self.inner;
        if inner.ended.load(Ordering::Relaxed) {
            return Err(ThreadEnded);
        }
        inner.queue.push(apc);
        // Pairs with the fence in the destructor of `Current`: either the ending thread sees the
        // APC or this one sees that it ends.
        fence(Ordering::SeqCst);
        if inner.ended.load(Ordering::Relaxed) {
            inner.clear();
            return Err(ThreadEnded);
        }
        inner.bell.set();
        Ok(())
    }

    /// Runs what is queued, also what comes meanwhile; false if nothing was.
    fn deliver(&self) -> bool {
        let Some(first) = self.inner.queue.pop() else {
            return false;
        };
        first.run();
        // Each is taken just before it runs, so none is lost if one before it panics, and a
        // wait in a routine delivers those that follow.
        while let Some(apc) = self.inner.queue.pop() {
            apc.run();
        }
        true
    }

    fn wait(&self, event: Option<&Event>, deadline: Deadline) -> WaitResult {
        loop {
            if event.is_some_and(Event::try_take) {
                return WaitResult::Signalled;
            }
            if self.deliver() {
                return WaitResult::ApcsDelivered;
            }
            let bell = &self.inner.bell;
            let satisfied = match event {
                // The bell stands last: an event that is set goes before APCs.
                Some(event) => Event::wait_any_until(&[event, bell], deadline),
                None => Event::wait_any_until(&[bell], deadline).map(|_| 1),
            };
            match satisfied {
                Some(0) => return WaitResult::Signalled,
                // The bell may also ring for an APC that was delivered already.
                Some(_) => {}
                None => return WaitResult::TimedOut,
            }
        }
    }
}

impl Inner {
    fn clear(&self) {
        while self.queue.pop().is_some() {}
    }
}

impl PartialEq for ApcThread {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for ApcThread {}

impl fmt::Debug for ApcThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApcThread")
            .field("thread", &self.inner.thread)
            .field("ended", &self.inner.ended)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static CURRENT: Current = Current::new();
}

/// Ends the queue together with its thread.
struct Current(ApcThread);

impl Current {
    fn new() -> Self {
        Current(ApcThread {
            inner: Arc::new(Inner {
                queue: Queue::new(QUEUE_LEN),
                bell: Event::auto_reset(),
                ended: AtomicBool::new(false),
                thread: thread::current().id(),
            }),
        })
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        let inner = &*self.0.inner;
        inner.ended.store(true, Ordering::Relaxed);
        // Pairs with the fence in `queue`.
        fence(Ordering::SeqCst);
        inner.clear();
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitResult {
    /// The event is set (`WAIT_OBJECT_0`).
    Signalled,
    /// The time is over (`WAIT_TIMEOUT`).
    TimedOut,
    /// One or more APCs ran; the event was not set before (`WAIT_IO_COMPLETION`).
    ApcsDelivered,
}

/// Waits for `duration`. If `alertable`, the wait ends with
/// [`ApcsDelivered`](WaitResult::ApcsDelivered) as soon as APCs have run, at once if some are
/// queued; all that are queued run, also those that their routines queue.
///
/// # Panics
///
/// With the panic of a routine that it ran. The APCs after it stay queued.
pub fn sleep_ex(duration: Duration, alertable: bool) -> WaitResult {
    if !alertable {
        thread::sleep(duration);
        return WaitResult::TimedOut;
    }
    let deadline = Deadline::after(Some(duration));
    CURRENT.with(|current| current.0.wait(None, deadline))
}

/// Waits until `event` is set, at most `timeout`; without one, for ever. If `alertable`, the
/// wait also ends with [`ApcsDelivered`](WaitResult::ApcsDelivered), as [`sleep_ex`] does. An
/// event that is set already goes before APCs that are queued.
///
/// ```
/// use annulus::{Event, WaitResult, wait_ex};
/// use std::time::Duration;
///
/// let event = Event::auto_reset();
/// assert_eq!(wait_ex(&event, Some(Duration::ZERO), true), WaitResult::TimedOut);
/// event.set();
/// assert_eq!(wait_ex(&event, None, true), WaitResult::Signalled);
/// ```
///
/// # Panics
///
/// As [`sleep_ex`].
#[must_use]
pub fn wait_ex(event: &Event, timeout: Option<Duration>, alertable: bool) -> WaitResult {
    let deadline = Deadline::after(timeout);
    if alertable {
        return CURRENT.with(|current| current.0.wait(Some(event), deadline));
    }
    match Event::wait_any_until(&[event], deadline) {
        Some(_) => WaitResult::Signalled,
        None => WaitResult::TimedOut,
    }
}
