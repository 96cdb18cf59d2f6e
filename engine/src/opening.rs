//! Servers that begin while their core goes on with its other work.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use crate::error::Error;
use crate::foreign::WakerCell;
use crate::lock::lock;
use crate::server::Serving;

/// The start of a server that is under way; of
/// [`LocalRuntime::serve_async`](crate::LocalRuntime::serve_async). Dropping it does not stop that.
#[must_use = "it tells whether the server runs"]
pub struct Opening {
    place: Arc<Place>,
}

/// Whoever opens the server, and tells how that ended: also if it is dropped.
pub(crate) struct Opener {
    place: Arc<Place>,
}

struct Place {
    result: Mutex<Option<Result<Serving, Error>>>,
    waker: WakerCell,
}

impl Opening {
    pub(crate) fn begin() -> (Self, Opener) {
        let place = Arc::new(Place {
            result: Mutex::new(None),
            waker: WakerCell::new(),
        });
        let opener = Opener {
            place: Arc::clone(&place),
        };
        (Opening { place }, opener)
    }

    pub(crate) fn failed(error: Error) -> Self {
        let (opening, opener) = Opening::begin();
        opener.tell(Err(error));
        opening
    }
}

impl Opener {
    pub(crate) fn tell(self, result: Result<Serving, Error>) {
        self.place.put(result);
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        self.place.put(Err(Error::ShutDown));
    }
}

impl Place {
    /// The first result counts.
    fn put(&self, result: Result<Serving, Error>) {
        let mut place = lock(&self.result);
        place.get_or_insert(result);
        drop(place);
        self.waker.wake();
    }
}

impl Future for Opening {
    type Output = Result<Serving, Error>;

    /// # Panics
    ///
    /// It is polled after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.place.waker.register(context.waker());
        let mut result = lock(&self.place.result);
        assert!(
            result.is_some() || Arc::strong_count(&self.place) > 1,
            "an opening is polled after it was ready"
        );
        result.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").finish_non_exhaustive()
    }
}
