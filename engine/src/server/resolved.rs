//! A server whose addresses are known, and how it is opened.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use annulus_transports::{Address, ListenOptions, StringBinding, TransportError};

use super::Serving;
use crate::core_shared::{Command, CoreShared};
use crate::epmapper::EndpointMap;
use crate::error::Error;
use crate::registration::Registration;
use crate::worker_pool::WorkerPool;

/// A server whose addresses are known.
pub(crate) struct ResolvedServer {
    pub(crate) endpoints: Vec<BoundEndpoint>,
    pub(super) interfaces: Vec<Arc<Registration>>,
    /// Where calls that block run, if there are any.
    pub(super) workers: Option<Arc<WorkerPool>>,
    /// Where the endpoints are to be registered.
    pub(super) maps: Vec<EndpointMap>,
    pub(crate) listen: ListenOptions,
}

/// A string binding and the address that it stands for.
#[derive(Clone)]
pub(crate) struct BoundEndpoint {
    pub(crate) binding: StringBinding,
    pub(crate) address: Address,
}

/// How long to wait before a port that is in use is tried again.
const PORT_IN_USE_PAUSE: Duration = Duration::from_millis(10);

impl ResolvedServer {
    /// Opens the server on a core, and waits for it: not on the core's own thread.
    pub(crate) fn serve_on(self: &Arc<Self>, core: &CoreShared) -> Result<Serving, Error> {
        self.serve_with(|server| {
            let (answer, answered) = mpsc::channel();
            let server = Arc::clone(server);
            core.submit(Command::Serve { server, answer });
            answered.recv().map_err(|_| Error::ShutDown)?
        })
    }

    /// Opens the server with `open`, again and again while a port is in use, for a while.
    pub(crate) fn serve_with(
        self: &Arc<Self>,
        mut open: impl FnMut(&Arc<Self>) -> Result<Serving, Error>,
    ) -> Result<Serving, Error> {
        let start = Instant::now();
        loop {
            match open(self) {
                Err(Error::Transport(TransportError::AddressInUse { .. }))
                    if start.elapsed() < self.listen.retry_in_use =>
                {
                    std::thread::sleep(PORT_IN_USE_PAUSE);
                }
                Err(Error::Transport(TransportError::AddressInUse { address, .. })) => {
                    let waited = start.elapsed();
                    return Err(TransportError::AddressInUse { address, waited }.into());
                }
                result => return result,
            }
        }
    }
}
