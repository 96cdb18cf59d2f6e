//! A core inside an event loop that is there already.

use std::cell::{RefCell, RefMut};
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use annulus_transports::Wait;

use crate::config::Config;
use crate::core_shared::Command;
use crate::error::Error;
use crate::local_runtime::LocalRuntime;
use crate::opening::Opening;
use crate::runtime::{CoreHandle, Host};
use crate::server::{Server, Serving};

/// What an [`EmbeddedRuntime`] wants of the event loop that it lives in.
pub trait Reactor {
    /// Ends when `descriptor` is readable, or `timeout` is over; it may end early. Nothing is
    /// read from the descriptor.
    ///
    /// # Errors
    ///
    /// The descriptor cannot be waited for; [`EmbeddedRuntime::run`] then ends.
    fn wait(
        &self,
        descriptor: BorrowedFd<'_>,
        timeout: Option<Duration>,
    ) -> impl Future<Output = io::Result<()>>;
}

/// A core that is a task of an executor that is there already, on its thread and between its
/// other tasks: of glommio (with the feature `glommio`, `GlommioReactor`), of tokio, or of any
/// that can wait for a descriptor.
///
/// Bindings and servers live on it as on a [`LocalRuntime`]. Everything happens inside
/// [`run`](EmbeddedRuntime::run), a future that is to be spawned. Calls are to be awaited, or made
/// with handles: one that blocks would wait for its own thread, so it is refused.
#[derive(Clone)]
pub struct EmbeddedRuntime {
    local: Rc<RefCell<LocalRuntime>>,
    core: CoreHandle,
    ring_name: &'static str,
    /// The ring's, to be waited for while the runtime is used otherwise.
    descriptor: Rc<OwnedFd>,
}

impl EmbeddedRuntime {
    /// A runtime on this thread. [`Config::idle`] means nothing to it: it never spins, as others
    /// want the thread.
    ///
    /// # Errors
    ///
    /// As [`LocalRuntime::new`].
    pub fn new(config: &Config) -> Result<Self, Error> {
        let mut local = LocalRuntime::new(config)?;
        let descriptor = local.descriptor()?.try_clone_to_owned();
        Ok(EmbeddedRuntime {
            core: local.choose_core(),
            ring_name: local.ring_name(),
            descriptor: Rc::new(descriptor.map_err(Error::Descriptor)?),
            local: Rc::new(RefCell::new(local)),
        })
    }

    /// Starts a server. The event loop stands still meanwhile; with a host name, or a port that may
    /// be in use, [`serve_async`](EmbeddedRuntime::serve_async) is better.
    ///
    /// # Errors
    ///
    /// As [`LocalRuntime::serve`]; and [`Error::WithinTurn`] where the runtime itself calls, as in a
    /// manager routine.
    pub fn serve(&self, server: Server) -> Result<Serving, Error> {
        let serving = self.local()?.serve(server);
        self.wake();
        serving
    }

    /// Starts a server while the event loop goes on; see [`LocalRuntime::serve_async`].
    ///
    /// # Errors
    ///
    /// The future's, as for [`serve`](EmbeddedRuntime::serve).
    pub fn serve_async(&self, server: Server) -> Opening {
        match self.local() {
            Ok(local) => local.serve_async(server),
            Err(error) => Opening::failed(error),
        }
    }

    /// Runs the core until [`begin_shutdown`](EmbeddedRuntime::begin_shutdown) has come to its
    /// end. Dropping this future leaves the core as it is; another `run` goes on with it.
    ///
    /// # Errors
    ///
    /// The ring broke, or the reactor cannot wait for it; or [`Error::WithinTurn`] if it is polled
    /// where the runtime itself calls.
    pub async fn run(&self, reactor: &impl Reactor) -> Result<(), Error> {
        while !self.local()?.is_finished() {
            match self.turn()? {
                Some(timeout) => {
                    let waited = reactor.wait(self.descriptor.as_fd(), timeout).await;
                    waited.map_err(Error::Descriptor)?;
                }
                None => yield_now().await,
            }
        }
        Ok(())
    }

    /// Stops accepting, lets running calls end (for five seconds at most), and closes everything;
    /// then [`run`](EmbeddedRuntime::run) ends.
    pub fn begin_shutdown(&self) {
        self.core.0.submit(Command::Shutdown);
    }

    /// The name of the ring that runs: `io_uring`, or `epoll` where that is forbidden.
    #[must_use]
    pub fn ring_name(&self) -> &'static str {
        self.ring_name
    }

    /// One turn of the core. If it found nothing to do: for how long to wait then.
    fn turn(&self) -> Result<Option<Option<Duration>>, Error> {
        let mut local = self.local()?;
        // Of the wait before, however that ended.
        local.end_rest();
        if local.poll(&mut |_| {})? {
            return Ok(None);
        }
        Ok(match local.begin_rest()? {
            Some(Wait::Until(time)) => Some(Some(time.since(local.now()))),
            Some(Wait::Forever) => Some(None),
            Some(Wait::No) | None => None,
        })
    }

    /// The core, between two turns.
    fn local(&self) -> Result<RefMut<'_, LocalRuntime>, Error> {
        self.local.try_borrow_mut().map_err(|_| Error::WithinTurn)
    }

    /// Ends the wait of `run`: something was done to the core meanwhile.
    fn wake(&self) {
        self.core.0.submit(Command::Wake);
    }
}

impl Host for EmbeddedRuntime {
    fn choose_core(&self) -> CoreHandle {
        self.core.clone()
    }
}

impl std::fmt::Debug for EmbeddedRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedRuntime").finish_non_exhaustive()
    }
}

/// Lets the other tasks of the executor run first.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
