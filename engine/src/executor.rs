//! Futures on a core.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use annulus_protocol::Time;

use crate::core::tasks::Tasks;
use crate::status::Status;
use crate::table::Key;

/// Runs futures on one core, between its other work. They need not be `Send`.
///
/// They must not block, as they hold the core up. What they may await: [`sleep`](Executor::sleep),
/// the calls of a [`Binding`](crate::Binding), and whatever else wakes its task, from any thread.
/// A panic ends the future that panicked and nothing else. When the core ends, so do its futures:
/// they are dropped.
#[derive(Clone)]
pub struct Executor {
    pub(crate) tasks: Rc<Tasks>,
}

impl Executor {
    /// Runs a future on this core, until it is done.
    ///
    /// # Errors
    ///
    /// [`Status::ServerTooBusy`] if there are too many already
    /// ([`Limits::tasks_per_core_max`](crate::Limits::tasks_per_core_max)); the future is dropped.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Result<(), Status> {
        match self.tasks.spawn(future) {
            Ok(_) => Ok(()),
            Err(_) => Err(Status::ServerTooBusy),
        }
    }

    /// Waits for so long at least, from when it is first polled.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep {
            tasks: Rc::clone(&self.tasks),
            duration,
            key: None,
        }
    }

    /// Waits for a future, but no longer than `duration`; `None` if that was too short, and the
    /// future is dropped.
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.sleep(duration));
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            sleep.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// The ring's time when the running future was polled.
    #[must_use]
    pub fn now(&self) -> Time {
        self.tasks.now()
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("tasks", &self.tasks.len())
            .finish()
    }
}

/// A wait for time to pass; of [`Executor::sleep`].
#[must_use = "it waits only while it is awaited"]
pub struct Sleep {
    tasks: Rc<Tasks>,
    duration: Duration,
    /// `None` until the first poll.
    key: Option<Key>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.key {
            Some(key) if self.tasks.poll_sleep(key, context.waker()) => Poll::Ready(()),
            Some(_) => Poll::Pending,
            None => {
                let waker = context.waker().clone();
                self.key = Some(self.tasks.begin_sleep(self.duration, waker));
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.tasks.end_sleep(key);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}
