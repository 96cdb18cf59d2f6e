//! Taking a socket out of a ring, for another ring to adopt.

use std::io;

use crate::error::TransportError;
use crate::ring::{Completion, SocketId};
use crate::sim::net::{Event, NetState};
use crate::sim::socket::Stage;

impl NetState {
    /// Receiving goes on until the socket leaves.
    pub(super) fn start_detaching(&mut self, ring: usize, socket: SocketId) {
        let generation = self.rings[ring].socket(socket).generation;
        let at = self.later();
        self.schedule(
            at,
            Event::SocketDetaches {
                ring,
                socket,
                generation,
            },
        );
    }

    pub(super) fn on_detach(&mut self, ring: usize, socket: SocketId, generation: u32) {
        let state = self.rings[ring].socket(socket);
        let is_leaving = state.stage == Stage::Open && !state.close_submitted;
        let Some(stream) = state.end else { return };
        if state.generation != generation || !is_leaving {
            return;
        }
        state.detaching = false;
        if self.random.chance(self.config.detach_failure) {
            let error = TransportError::Io {
                action: "detach",
                source: io::Error::from_raw_os_error(libc::EMFILE),
            };
            return self.post(ring, Completion::DetachFailed { socket, error });
        }
        self.give_destination_back(ring, socket);
        // Its end stays with it, for the bytes whose completion is ready.
        self.rings[ring].socket(socket).stage = Stage::Detached;
        if let Some(end) = self.connections.get(stream) {
            end.owner = None;
        }
        self.post(ring, Completion::Detached { socket, stream });
    }
}
