//! Closing sockets.
//!
//! A socket goes in three steps. Its operations *end*. It *lingers*: if input were unread when
//! the descriptor closes, or came in after, TCP would answer it with a reset, and the reset
//! destroys what this side sent last (a fault that explains the close, for example). So the
//! sending half is closed first, and what the peer still sends is read away: until the peer
//! closes too, for a bounded time and number of bytes. Then the descriptor is *closed*.

use std::mem::MaybeUninit;

use annulus_protocol::Time;
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown};

use super::EpollRing;
use crate::epoll::slot::{Readiness, Stage};
use crate::epoll::transfer::READS_PER_PASS;
use crate::error::TransportError;
use crate::kernel;
use crate::ring::{Completion, SocketId};

/// Bytes that one read takes away.
const DISCARD_LEN: usize = 16 << 10;

impl EpollRing {
    pub(super) fn start_closing(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        match slot.stage {
            Stage::Open | Stage::Connecting => {
                slot.stage = Stage::Closing;
                self.enqueue(socket);
            }
            Stage::Detached => self.take_back(socket),
            _ => {}
        }
    }

    /// Takes a socket back that had left the ring, so that it closes as others do.
    fn take_back(&mut self, socket: SocketId) {
        let Some(stream) = self.ready.withdraw(socket) else {
            return;
        };
        let slot = self.slots.get_mut(socket);
        slot.stage = Stage::Closing;
        slot.fd = Some(stream.into());
        if let Err(error) = self.register(socket) {
            tracing::debug!(%error, ?socket, "a socket that had left closes without lingering");
            return self.close_descriptor(socket);
        }
        self.enqueue(socket);
    }

    /// Ends what a closing socket still does, and begins its lingering.
    pub(super) fn end_operations(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        if slot.sending {
            return self.end_closing_send(socket);
        }
        if slot.target.take().is_some() {
            let error = TransportError::ClosedLocally;
            self.ready
                .push_back(Completion::ConnectFailed { socket, error });
            return self.close_descriptor(socket);
        }
        if slot.receive_ended {
            return self.close_descriptor(socket);
        }
        slot.stage = Stage::Lingering;
        slot.reading = Readiness::Likely;
        // A peer that is gone is found by the next read.
        let _ = rustix::net::shutdown(slot.fd(), Shutdown::Write);
        if slot.has_sent {
            let generation = slot.generation;
            self.lingerers.push(kernel::now(), socket, generation);
        }
        self.update_interest(socket);
        self.discard_some(socket);
    }

    fn end_closing_send(&mut self, socket: SocketId) {
        self.end_send(socket, Some(TransportError::ClosedLocally));
        self.end_operations(socket);
    }

    /// Reads away what the peer still sends, as far as one pass and the limits allow.
    pub(super) fn discard_some(&mut self, socket: SocketId) {
        let len_max = self.lingerers.len_max();
        let slot = self.slots.get_mut(socket);
        for _ in 0..READS_PER_PASS {
            let mut unwanted = [MaybeUninit::<u8>::uninit(); DISCARD_LEN];
            self.poller.count_system_call();
            match rustix::net::recv(slot.fd(), &mut unwanted, RecvFlags::DONTWAIT) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if slot.has_sent => {
                    slot.reading = Readiness::Awaited;
                    return;
                }
                Ok((_, len)) if len > 0 && (len as u32) < len_max - slot.discarded => {
                    slot.discarded += len as u32;
                }
                // The end, a failure, or too much. Or there is nothing more, and the peer was
                // never sent anything: it has nothing to lose by a reset.
                _ => return self.close_descriptor(socket),
            }
        }
        self.enqueue(socket);
    }

    /// Ends the lingering of sockets whose time is over.
    pub(super) fn stop_lingering(&mut self, now: Time) {
        while let Some((socket, generation)) = self.lingerers.pop_due(now) {
            let slot = self.slots.find(socket, generation);
            if slot.is_some_and(|slot| slot.stage == Stage::Lingering) {
                self.close_descriptor(socket);
            }
        }
    }

    pub(super) fn close_descriptor(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        slot.stage = Stage::Closed;
        slot.fd = None;
        self.give_destination_back(socket);
        self.ready.push_back(Completion::Closed { socket });
    }
}
