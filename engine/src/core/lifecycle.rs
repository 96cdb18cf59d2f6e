//! How servers begin on a core, and how a core ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annulus_transports::{Address, ListenOptions, ListenerId, Ring, Wait};

use super::connection::Inbound;
use super::timers::Timer;
use super::{Core, LocalReplies};
use crate::core_shared::Command;
use crate::error::Error;
use crate::served_client::ServedClient;
use crate::server::{BoundEndpoint, ResolvedServer, RunningServer, Serving};

/// A listening socket of a core, and whose it is.
pub(super) struct Listener {
    id: ListenerId,
    server: Arc<RunningServer>,
    endpoint: usize,
}

/// How far a core's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Running calls end, no new ones begin.
    Draining,
    /// All sockets are closing.
    Closing,
}

impl<R: Ring> Core<R> {
    /// Opens the endpoints of a server on this core. Does not wait for a port that is in use.
    pub(crate) fn serve(&mut self, server: &ResolvedServer) -> Result<Serving, Error> {
        if self.phase != Phase::Running {
            return Err(Error::ShutDown);
        }
        let running = RunningServer::new(server, Arc::clone(&self.limits), &self.siblings.all);
        let first = self.listeners.len();
        let opened = self.listen(server, &running).and_then(|bound| {
            running.set_bound(bound);
            Ok(running.register_endpoints(server)?)
        });
        match opened {
            Ok(()) => {}
            Err(error) => {
                for listener in self.listeners.drain(first..) {
                    self.ring.close_listener(listener.id);
                }
                return Err(error);
            }
        }
        Ok(Serving { server: running })
    }

    fn listen(
        &mut self,
        server: &ResolvedServer,
        running: &Arc<RunningServer>,
    ) -> Result<Vec<BoundEndpoint>, Error> {
        let options = ListenOptions {
            retry_in_use: Duration::ZERO,
            ..server.listen.clone()
        };
        let mut bound = Vec::new();
        for endpoint in &server.endpoints {
            let (id, address) = self.ring.listen(endpoint.address.clone(), &options)?;
            self.listeners.push(Listener {
                id,
                server: Arc::clone(running),
                endpoint: bound.len(),
            });
            bound.push(BoundEndpoint {
                binding: endpoint.binding.clone().with_address(&address),
                address,
            });
        }
        Ok(bound)
    }

    /// Lets the ring finish what it has begun, such as closing a listener. Nothing is handled.
    pub(crate) fn advance_ring(&mut self) -> Result<(), Error> {
        Ok(self.ring.enter(Wait::No)?)
    }

    /// Deals a new connection to the core that has the fewest of those with room for it. If none
    /// has, it is refused.
    pub(super) fn accept(&mut self, id: ListenerId, stream: R::Stream, peer: Address) {
        let Some(listener) = self.listeners.iter().find(|listener| listener.id == id) else {
            return;
        };
        let client = ServedClient {
            server: Arc::clone(&listener.server),
            peer,
            local: listener
                .server
                .local_address::<R>(listener.endpoint, &stream),
            contexts: None,
        };
        let inbound = Inbound {
            client,
            endpoint: listener.endpoint,
        };
        let fewest = self
            .siblings
            .all
            .iter()
            .min_by_key(|core| (!core.has_room(), core.connections.load(Ordering::Relaxed)))
            .expect("a runtime has at least one core");
        fewest.connections.fetch_add(1, Ordering::Relaxed);
        if Arc::ptr_eq(fewest, &self.shared) {
            self.adopt(stream, inbound);
        } else {
            fewest.submit(Command::Adopt {
                stream: Box::new(stream),
                inbound,
            });
        }
    }

    pub(crate) fn begin_shutdown(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        self.phase = Phase::Draining;
        for listener in self.listeners.drain(..) {
            listener.server.set_listening(false);
            listener.server.unregister_endpoints();
            self.ring.close_listener(listener.id);
        }
        self.abandon_stranded();
        // Not the turn's time: the turn may have begun long ago, with a slow manager routine.
        let due = self.ring.now() + self.limits.drain_timeout;
        self.add_timer(due, Timer::DrainEnds);
    }

    /// Once no call runs any more: what is left is sent, then all connections close.
    pub(super) fn continue_shutdown(&mut self, replies: LocalReplies<'_>) {
        if !self.is_drained() {
            return;
        }
        self.phase = Phase::Closing;
        self.tasks.cancel_all();
        let deadline = self.now + self.limits.flush_timeout;
        for socket in self.connections.sockets() {
            self.stop_leaving(socket, replies);
            if let Some(connection) = self.connections.get_mut(socket) {
                connection.begin_flush(deadline);
            }
            self.settle(socket, replies);
        }
    }

    /// Whether a core that shuts down has no running calls any more, and goes on to close.
    pub(super) fn is_drained(&self) -> bool {
        let has_no_calls = self.deferred.len() == 0 && self.bindings.calls_in_flight() == 0;
        self.phase == Phase::Draining && has_no_calls
    }

    /// The time to drain is over. If draining is, too, what is left to send has a time of its own.
    pub(super) fn end_drain(&mut self, replies: LocalReplies<'_>) {
        if self.phase != Phase::Draining {
            return;
        }
        self.phase = Phase::Closing;
        self.tasks.cancel_all();
        self.fail_dials(replies);
        for socket in self.connections.sockets() {
            self.close(socket);
        }
    }

    /// Whether the core has been shut down and everything it held is back.
    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Closing && self.connections.len() == 0
    }
}
