//! The transfers of a worker: calls with pipes, which are futures on its thread.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use annulus::transports::Ring;
use annulus::{Binding, BindingOptions, LocalRuntime, Status};

use crate::transfer::Transfer;
use crate::transfer::stub::{self, TransferClient};

/// Whether what came out was right, or how the call failed.
type Outcome = Result<bool, Status>;

/// A place for each transfer in flight.
pub(super) struct Transfers {
    transfer: Transfer,
    /// What is pushed.
    chunk: Rc<[u8]>,
    /// One for each connection.
    clients: Vec<TransferClient>,
    places: Vec<Place>,
}

struct Place {
    running: Option<Pin<Box<dyn Future<Output = Outcome>>>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Whether a transfer can go on. It is rung in the turns of the worker's own core, which looks before it sleeps.
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Transfers {
    /// `outstanding` places on each of so many connections.
    pub(super) fn new<R: Ring>(
        transfer: Transfer,
        runtime: &LocalRuntime<R>,
        target: &str,
        options: BindingOptions,
        (connections, outstanding): (u32, u32),
    ) -> anyhow::Result<Self> {
        let bindings = (0..connections)
            .map(|_| Binding::with_options(runtime, target, stub::INTERFACE, options));
        let clients = bindings.map(|binding| Ok(TransferClient::new(binding?)));
        Ok(Transfers {
            transfer,
            chunk: transfer.chunk(),
            clients: clients.collect::<Result<_, annulus::Error>>()?,
            places: (0..u64::from(connections) * u64::from(outstanding))
                .map(|_| Place::new())
                .collect(),
        })
    }

    /// Begins a transfer in a place of a connection, or an empty one.
    pub(super) fn begin(&mut self, index: u32, connection: usize, is_empty: bool) {
        let mut transfer = self.transfer;
        if is_empty {
            transfer.len = 0;
        }
        let client = self.clients[connection].clone();
        let transfer = transfer.make(client, Rc::clone(&self.chunk));
        let place = &mut self.places[index as usize];
        place.running = Some(Box::pin(transfer));
        place.bell.0.store(true, Ordering::Relaxed);
    }

    /// Lets those go on that can, until none can without the core, and tells which have ended.
    pub(super) fn advance(&mut self, mut ended: impl FnMut(u32, Outcome)) {
        for (index, place) in (0..).zip(&mut self.places) {
            if let Poll::Ready(outcome) = place.advance() {
                place.running = None;
                ended(index, outcome);
            }
        }
    }

    /// Whether some can go on.
    pub(super) fn can_advance(&self) -> bool {
        let mut places = self.places.iter();
        places.any(|place| place.running.is_some() && place.bell.0.load(Ordering::Relaxed))
    }

    /// Gives all up.
    pub(super) fn cancel(&mut self) {
        for place in &mut self.places {
            place.running = None;
        }
    }
}

impl Place {
    fn new() -> Self {
        let bell = Arc::new(Bell(AtomicBool::new(false)));
        Place {
            running: None,
            waker: Waker::from(Arc::clone(&bell)),
            bell,
        }
    }

    fn advance(&mut self) -> Poll<Outcome> {
        match &mut self.running {
            Some(running) if self.bell.0.swap(false, Ordering::Acquire) => {
                running.as_mut().poll(&mut Context::from_waker(&self.waker))
            }
            _ => Poll::Pending,
        }
    }
}
