//! Sending and receiving.

use std::io;

use annulus_protocol::SendBuffer;

use crate::error::TransportError;
use crate::ring::{Completion, ReceiveLease, SocketId};
use crate::sim::connection::{EndId, StreamEnd};
use crate::sim::net::{Event, NetState};
use crate::sim::socket::Stage;

impl NetState {
    pub(super) fn start_sending(&mut self, ring: usize, socket: SocketId, buffer: SendBuffer) {
        let id = self.rings[ring]
            .socket(socket)
            .end
            .expect("an open socket has an end");
        let end = self
            .connections
            .get(id)
            .expect("an open socket's connection exists");
        end.sending = Some((buffer, 0));
        end.blocked = false;
        // Most sends end within their system call, some later.
        if self.random.chance(0.5) {
            self.on_transmit(id);
        } else {
            let at = self.later();
            self.schedule(at, Event::Transmit(id));
        }
    }

    pub(super) fn on_transmit(&mut self, id: EndId) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        if end.blocked || end.closed.is_some() || end.sending.is_none() {
            return;
        }
        if end.stream_end == StreamEnd::Reset {
            return self.fail_send(id, libc::EPIPE);
        }
        if self.random.chance(self.config.reset) {
            return self.reset(id);
        }
        self.transmit_piece(id);
    }

    pub(super) fn transmit_piece(&mut self, id: EndId) {
        let Some((buffer, start)) = self.connections.get(id).and_then(|end| end.sending.take())
        else {
            return;
        };
        let Some(peer) = self.connections.get(id.other()) else {
            return;
        };
        let room = self.config.window_len.saturating_sub(peer.inbound.len());
        let piece = self
            .random
            .piece(room.min(buffer.len() - start), self.config.tear);
        let sent = start + piece;
        let mut rest = buffer.pieces();
        rest.skip_bytes(start);
        let mut left = piece;
        while left > 0
            && let Some(part) = rest.next_part(left)
        {
            peer.inbound.extend(part);
            left -= part.len();
        }
        if piece > 0 {
            self.schedule_arrival(id.other(), Event::Arrive(id.other(), piece));
        }
        if sent == buffer.len() {
            return self.end_send(id, |socket| Completion::Sent { socket, buffer });
        }
        let Some(end) = self.connections.get(id) else {
            return;
        };
        end.sending = Some((buffer, sent));
        end.blocked = piece == room;
        if !end.blocked {
            let at = self.later();
            self.schedule(at, Event::Transmit(id));
        }
    }

    pub(super) fn fail_send(&mut self, id: EndId, errno: i32) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        let Some((buffer, _)) = end.sending.take() else {
            return;
        };
        let source = io::Error::from_raw_os_error(errno);
        let error = TransportError::Io {
            action: "send",
            source,
        };
        self.end_send(id, |socket| Completion::SendFailed {
            socket,
            buffer,
            error,
        });
    }

    pub(super) fn end_send(
        &mut self,
        id: EndId,
        completion: impl FnOnce(SocketId) -> Completion<EndId>,
    ) {
        let Some(owner) = self.connections.get(id).and_then(|end| end.owner) else {
            return;
        };
        let ring = &mut self.rings[owner.ring];
        ring.socket(owner.socket).sending = false;
        ring.sends -= 1;
        self.post(owner.ring, completion(owner.socket));
    }

    /// The peer of `id` took bytes: a send of `id` that waited for that goes on.
    pub(super) fn unblock(&mut self, id: EndId) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        if std::mem::take(&mut end.blocked) {
            let at = self.later();
            self.schedule(at, Event::Transmit(id));
        }
    }

    pub(super) fn on_arrive(&mut self, id: EndId, len: usize) {
        let now = self.now;
        let Some(end) = self.connections.get(id) else {
            return;
        };
        // Bytes that were lost by a reset do not arrive.
        let on_their_way = end.inbound.len() - end.completed - end.arrived;
        end.arrived += len.min(on_their_way);
        let Some(lingering) = end.closed else {
            return self.pump_end(id);
        };
        end.discard_arrived();
        let is_gone = end.discarded > lingering.len_max || now > lingering.until;
        self.unblock(id.other());
        if is_gone {
            self.schedule_arrival(id.other(), Event::ResetArrives(id.other()));
        }
    }

    pub(super) fn on_stream_end(&mut self, id: EndId, stream_end: StreamEnd) {
        let Some(end) = self.connections.get(id) else {
            return;
        };
        if end.closed.is_some() || end.stream_end == StreamEnd::Reset {
            return;
        }
        end.stream_end = stream_end;
        if stream_end == StreamEnd::Reset {
            self.fail_send(id, libc::ECONNRESET);
        }
        self.pump_end(id);
    }

    pub(super) fn pump_end(&mut self, id: EndId) {
        if let Some(owner) = self.connections.get(id).and_then(|end| end.owner) {
            self.pump(owner.ring, owner.socket);
        }
    }

    /// Turns bytes that have arrived into completions, as far as there are buffers.
    pub(super) fn pump(&mut self, ring: usize, socket: SocketId) {
        let state = self.rings[ring].socket(socket);
        if state.stage != Stage::Open || !state.receiving || state.paused || state.starved {
            return;
        }
        let Some(id) = state.end else { return };
        while let Some(end) = self.connections.get(id) {
            let ring_state = &mut self.rings[ring];
            let has_singles = ring_state.socket(socket).singles.are_left();
            if has_singles && ring_state.has_received(socket) {
                if !ring_state.singles.contains(&socket) {
                    ring_state.singles.push(socket);
                }
                return;
            }
            if end.arrived == 0 {
                if end.stream_end != StreamEnd::None && !end.end_told {
                    end.end_told = true;
                    let error = (end.stream_end == StreamEnd::Reset).then(|| TransportError::Io {
                        action: "receive",
                        source: io::Error::from_raw_os_error(libc::ECONNRESET),
                    });
                    self.give_destination_back(ring, socket);
                    self.post(ring, Completion::ReceiveEnded { socket, error });
                }
                return;
            }
            if let Some(mut buffer) = ring_state.socket(socket).destination.take() {
                let room = buffer.capacity() - buffer.len();
                let len = self.random.piece(end.arrived.min(room), self.config.tear);
                debug_assert_eq!(end.completed, 0, "bytes before these were not taken");
                end.arrived -= len;
                end.take_inbound(len, &mut buffer);
                self.unblock(id.other());
                self.post(ring, Completion::ReceivedInto { socket, buffer });
                continue;
            }
            if ring_state.buffers_free == 0 {
                ring_state.socket(socket).starved = true;
                return ring_state.starved.push_back(socket);
            }
            let len = self
                .random
                .piece(end.arrived.min(ring_state.buffer_len), self.config.tear);
            end.arrived -= len;
            end.completed += len;
            ring_state.buffers_free -= 1;
            ring_state.socket(socket).singles.end_one();
            // The buffer is chosen when the ring hands the completion out.
            let lease = ReceiveLease {
                buffer: u32::MAX,
                len: len as u32,
            };
            self.post(ring, Completion::Received { socket, lease });
        }
    }

    /// Lets the owner of a socket have the buffer again that was to be filled.
    pub(super) fn give_destination_back(&mut self, ring: usize, socket: SocketId) {
        if let Some(buffer) = self.rings[ring].socket(socket).destination.take() {
            self.post(ring, Completion::ReceivedInto { socket, buffer });
        }
    }

    /// Goes on with sockets whose owner has had the time to take what was received.
    pub(super) fn pump_singles(&mut self, ring: usize) {
        for socket in std::mem::take(&mut self.rings[ring].singles) {
            self.pump(ring, socket);
        }
    }

    pub(super) fn feed_starved(&mut self, ring: usize) {
        let state = &mut self.rings[ring];
        for _ in 0..state.buffers_free.min(state.starved.len()) {
            let Some(socket) = self.rings[ring].starved.pop_front() else {
                return;
            };
            self.rings[ring].socket(socket).starved = false;
            self.pump(ring, socket);
        }
    }

    /// Moves the bytes of the socket's next completion into `buffer`.
    pub(super) fn take_bytes(
        &mut self,
        ring: usize,
        socket: SocketId,
        len: usize,
        buffer: &mut Vec<u8>,
    ) {
        let Some(id) = self.rings[ring].socket(socket).end else {
            return;
        };
        let Some(end) = self.connections.get(id) else {
            return;
        };
        end.take_inbound(len, buffer);
        end.completed -= len;
        self.unblock(id.other());
    }

    /// A receive buffer came back.
    pub(super) fn release_buffer(&mut self, ring: usize) {
        self.rings[ring].buffers_free += 1;
    }
}
