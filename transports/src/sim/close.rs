//! Closing sockets and rings, and breaking connections.

use annulus_protocol::Limits;

use crate::error::TransportError;
use crate::ring::{Completion, ListenerId, SocketId};
use crate::sim::connection::{EndId, Lingering, Owner, StreamEnd};
use crate::sim::net::{Event, NetState};
use crate::sim::socket::Stage;

impl NetState {
    /// Gives an end without owner to a socket.
    pub(super) fn adopt(&mut self, ring: usize, id: EndId) -> Result<SocketId, TransportError> {
        let socket = self.rings[ring].allocate(Stage::Open)?;
        self.rings[ring].socket(socket).end = Some(id);
        if let Some(end) = self.connections.get(id) {
            end.owner = Some(Owner { ring, socket });
            // Who had it before may have been told.
            end.end_told = false;
        }
        Ok(socket)
    }

    pub(super) fn close_socket(&mut self, ring: usize, socket: SocketId) {
        match self.rings[ring].socket(socket).stage {
            Stage::Connecting => {
                self.fail_connect(ring, socket, TransportError::ClosedLocally);
            }
            Stage::Open => self.finish_close(ring, socket),
            Stage::Free | Stage::Detached | Stage::Closing => {}
        }
    }

    pub(super) fn finish_close(&mut self, ring: usize, socket: SocketId) {
        let state = self.rings[ring].socket(socket);
        state.stage = Stage::Closing;
        state.destination = None;
        let (end, generation) = (state.end, state.generation);
        if let Some(end) = end {
            self.close_end(end);
        }
        let at = self.later();
        self.schedule(
            at,
            Event::SocketCloses {
                ring,
                socket,
                generation,
            },
        );
    }

    /// Closes an end: what was sent before still arrives, a send that has not ended fails.
    pub(super) fn close_end(&mut self, id: EndId) {
        let now = self.now;
        let Some(end) = self.connections.get(id) else {
            return;
        };
        if end.closed.is_some() {
            return;
        }
        if let Some((buffer, _)) = end.sending.take() {
            let error = TransportError::ClosedLocally;
            self.end_send(id, |socket| Completion::SendFailed {
                socket,
                buffer,
                error,
            });
        }
        let Some(end) = self.connections.get(id) else {
            return;
        };
        let ring = end.owner.map(|owner| &self.rings[owner.ring]);
        let (timeout, len_max) = match ring {
            Some(ring) => (ring.linger_timeout, ring.linger_len_max),
            None => (
                Limits::DEFAULT.linger_timeout,
                Limits::DEFAULT.linger_len_max,
            ),
        };
        let until = now + timeout;
        end.closed = Some(Lingering { until, len_max });
        end.owner = None;
        end.discard_arrived();
        self.unblock(id.other());
        self.schedule_arrival(id.other(), Event::StreamEnds(id.other()));
        self.connections.remove_if_closed(id);
    }

    /// Breaks a connection as a failing network does: both sides see a reset at once, and bytes
    /// on their way are lost.
    pub(super) fn reset(&mut self, id: EndId) {
        for id in [id, id.other()] {
            if let Some(end) = self.connections.get(id) {
                end.lose_bytes_on_their_way();
            }
            self.on_stream_end(id, StreamEnd::Reset);
        }
    }

    /// A ring is gone, with all that it had.
    pub(super) fn remove_ring(&mut self, ring: usize) {
        for listener in 0..self.rings[ring].listeners.len() {
            self.close_listener(ring, ListenerId(listener as u32));
        }
        let ends: Vec<EndId> = self.rings[ring]
            .sockets
            .iter()
            .filter_map(|s| s.end)
            .collect();
        for end in ends {
            if let Some(end) = self.connections.get(end) {
                end.owner = None;
            }
            self.reset(end);
            self.close_end(end);
        }
        // A connect that is on its way is nobody's when it arrives.
        let sockets = 0..self.rings[ring].sockets.len() as u32;
        for socket in sockets.map(SocketId) {
            if self.rings[ring].socket(socket).stage == Stage::Connecting {
                self.rings[ring].free(socket);
            }
        }
        let waiting = std::mem::take(&mut self.rings[ring].ready);
        for completion in waiting {
            if let Completion::Accepted { stream, .. } = completion {
                self.close_end(stream);
            }
        }
    }
}
