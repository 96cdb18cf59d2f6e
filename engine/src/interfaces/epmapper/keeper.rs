//! Endpoints that stay registered with a mapper that comes and goes.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::client::EndpointMapperClient;
use super::endpoint_map::Endpoint;
use crate::executor::Executor;
use crate::foreign::WakerCell;
use crate::lock::lock;
use crate::status::Status;

/// Endpoints that are registered with the mapper of this machine for as long as this is there; of
/// [`EndpointMapperClient::keep_registered`]. Dropping it takes them out again.
#[must_use = "dropping it takes the endpoints out of the mapper again"]
pub struct KeptEndpoints {
    keeping: Arc<Keeping>,
}

/// What the owner of kept endpoints and their keeper share.
struct Keeping {
    is_over: AtomicBool,
    waker: WakerCell,
    last: Mutex<Option<Result<(), Status>>>,
}

/// The time from the loss of a mapper, or from a refusal, to the next try; doubled for each try that
/// did not last.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest of these times. A registration that lasted so long has succeeded.
const PAUSE_MAX: Duration = Duration::from_secs(30);

impl KeptEndpoints {
    /// How it stands: `None` before the first answer of the mapper, `Ok` while the endpoints are
    /// registered, otherwise why they are not at the moment; the next try follows by itself.
    #[must_use]
    pub fn last(&self) -> Option<Result<(), Status>> {
        self.keeping.last()
    }
}

impl Drop for KeptEndpoints {
    fn drop(&mut self) {
        // Release pairs with the acquire in `unless_over`.
        self.keeping.is_over.store(true, Ordering::Release);
        self.keeping.waker.wake();
    }
}

impl fmt::Debug for KeptEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptEndpoints")
            .field("last", &self.last())
            .finish()
    }
}

impl Keeping {
    fn last(&self) -> Option<Result<(), Status>> {
        *lock(&self.last)
    }

    fn note(&self, result: Result<(), Status>) {
        let before = self.last();
        *lock(&self.last) = Some(result);
        if before != Some(result) {
            match result {
                Ok(()) => tracing::debug!("endpoints are registered with the mapper"),
                Err(status) => tracing::warn!(
                    %status,
                    "endpoints are not registered with the mapper; it is asked again"
                ),
            }
        }
    }

    /// Waits for a future, unless nobody wants the endpoints any more.
    async fn unless_over<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.is_over.load(Ordering::Acquire) {
                return Poll::Ready(None);
            }
            future.as_mut().poll(context).map(Some)
        })
        .await
    }
}

/// Begins to keep endpoints registered with the mapper of `client`, on its core. Nobody else uses that
/// client: one task alone can wait for the loss of its connection, and when it is dropped with a
/// registration under way, whatever comes of that goes with the connection.
pub(super) fn keep(
    client: EndpointMapperClient,
    endpoints: Vec<Endpoint>,
    replace: bool,
) -> KeptEndpoints {
    let keeping = Arc::new(Keeping {
        is_over: AtomicBool::new(false),
        waker: WakerCell::new(),
        last: Mutex::new(None),
    });
    let kept = KeptEndpoints {
        keeping: Arc::clone(&keeping),
    };
    let binding = client.binding().clone();
    binding.run_on_core(move |executor| {
        let own = executor.clone();
        let spawned = executor.spawn(async move {
            let try_and_wait = register_again_and_again(&own, &client, &endpoints, replace, &keeping);
            keeping.unless_over(try_and_wait).await;
            if keeping.last() == Some(Ok(())) {
                // If that fails, they go with the connection.
                let _ = client.unregister(&endpoints).await;
            }
        });
        if let Err(status) = spawned {
            tracing::error!(%status, "endpoints are not kept registered: the core has too many tasks");
        }
    });
    kept
}

/// Registers the endpoints, and does it again whenever the connection to the mapper breaks: a mapper
/// forgets them then, as it does when it is started anew.
async fn register_again_and_again(
    executor: &Executor,
    client: &EndpointMapperClient,
    endpoints: &[Endpoint],
    replace: bool,
    keeping: &Keeping,
) {
    let mut pause = PAUSE_MIN;
    loop {
        let losses = client.binding().losses();
        let begun = executor.now();
        let registered = client.register(endpoints, replace).await;
        keeping.note(registered);
        if registered.is_ok() {
            client.binding().lost_since(losses).await;
            keeping.note(Err(Status::ServerUnavailable));
        }
        if executor.now().since(begun) >= PAUSE_MAX {
            pause = PAUSE_MIN;
        }
        executor.sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
