//! Receiving and sending.
//!
//! This module holds unsafe code: where the kernel is given bytes to read.

use std::io;

use annulus_protocol::SendBuffer;

use crate::error::TransportError;
use crate::kernel::{Generation, Slot as _};
use crate::ring::{Completion, SocketId};
use crate::uring::UringRing;
use crate::uring::gather::Outbound;
use crate::uring::operation::Operation;
use crate::uring::queue::KernelCompletion;
use crate::uring::slot::Stage;
use crate::uring::submission::{SEND_LEN_MAX, Submission};

impl UringRing {
    /// Starts a multishot receive, if the socket should have one and has none.
    pub(super) fn arm_receive(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        if slot.receiving || slot.starved || !slot.wants_to_receive() {
            return;
        }
        slot.receiving = true;
        let operation = Operation::Receive(socket, slot.generation);
        self.queue.push(Submission::receive(socket, operation));
    }

    pub(super) fn pause(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        if slot.paused || !slot.is_heard() {
            return;
        }
        slot.paused = true;
        if slot.receiving {
            self.queue.push(Submission::cancel(Operation::Receive(
                socket,
                slot.generation,
            )));
        }
    }

    /// If the receive that [`pause`](UringRing::pause) cancelled has not ended yet, its last
    /// completion starts the next one.
    pub(super) fn resume(&mut self, socket: SocketId) {
        self.slots.get_mut(socket).paused = false;
        self.arm_receive(socket);
    }

    pub(super) fn on_receive(
        &mut self,
        socket: SocketId,
        generation: Generation,
        completion: KernelCompletion,
    ) {
        let Some(slot) = self.slots.find(socket, generation) else {
            return self.give_back_unused(completion.buffer);
        };
        slot.receiving = completion.more;
        let is_heard = slot.is_heard();
        match (completion.result, completion.buffer) {
            (len @ 1.., Some(buffer)) if is_heard => {
                let lease = self.buffers.lend(buffer, len as u32);
                self.ready.push_back(Completion::Received { socket, lease });
            }
            (result, buffer) => {
                self.give_back_unused(buffer);
                self.on_receive_without_bytes(socket, result);
            }
        }
        if !completion.more {
            self.arm_receive(socket);
            self.continue_closing(socket);
            self.continue_detaching(socket);
        }
    }

    /// A receive completion with no byte for the owner: the end, a failure, a cancellation, or a
    /// want of buffers.
    fn on_receive_without_bytes(&mut self, socket: SocketId, result: i32) {
        let slot = self.slots.get_mut(socket);
        let error = match -result {
            // Bytes for a socket that is closing.
            ..0 => return,
            0 => None,
            libc::ECANCELED | libc::EINTR => return,
            libc::ENOBUFS => {
                if slot.wants_to_receive() {
                    slot.starved = true;
                    self.starved.push_back(socket);
                }
                return;
            }
            errno => Some(TransportError::Io {
                action: "receive",
                source: io::Error::from_raw_os_error(errno),
            }),
        };
        slot.receive_ended = true;
        if slot.is_heard() {
            self.ready
                .push_back(Completion::ReceiveEnded { socket, error });
        }
    }

    /// Lets sockets that found no buffer try again, as many as there are buffers now.
    pub(super) fn feed_starved(&mut self) {
        for _ in 0..self.buffers.available() {
            let Some(socket) = self.starved.pop_front() else {
                return;
            };
            let slot = self.slots.get_mut(socket);
            // The slot may have another owner by now, which is not starved; then this does
            // nothing that its owner would not do.
            slot.starved = false;
            if slot.stage == Stage::Open {
                self.arm_receive(socket);
            }
        }
    }

    pub(super) fn give_back_unused(&mut self, buffer: Option<u16>) {
        if let Some(id) = buffer {
            self.buffers.give_back_unused(id);
        }
    }

    pub(super) fn start_sending(&mut self, socket: SocketId, buffer: SendBuffer) {
        let slot = self.slots.get_mut(socket);
        assert!(!slot.sending, "a send is in flight on {socket:?}");
        assert_eq!(
            slot.stage,
            Stage::Open,
            "send on {socket:?}, which is not open"
        );
        if buffer.is_empty() {
            return self.ready.push_back(Completion::Sent { socket, buffer });
        }
        slot.has_sent = true;
        slot.outbound = Outbound::new(buffer, &mut self.spare_gathers);
        slot.sent = 0;
        slot.sending = true;
        self.sends += 1;
        self.send_rest(socket);
    }

    /// Sends what is left of what the slot sends.
    fn send_rest(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        let operation = Operation::Send(socket, slot.generation);
        let submission = match &mut slot.outbound {
            // SAFETY: the buffer stays in the slot, and nobody touches it, until the send's
            // completion: only `on_send` takes it out, a second send is refused while `sending`
            // is true, and a slot is freed only when it is false. Moving the slot moves the
            // vector's head, not its bytes. A ring that is dropped waits for the completion, or
            // leaks its slots.
            Outbound::Whole(buffer) => unsafe {
                Submission::send(socket, &buffer[slot.sent..], operation)
            },
            // SAFETY: the pieces and the gather stay in the slot for as long as a buffer does,
            // for the same reasons, and each in a box, so that moving the slot moves neither the
            // header nor what it points to: the vectors lie in the gather's own buffer, which
            // only the next call of `next` touches, after this operation's completion. Of the
            // bytes, those that were written lie in the buffer of the pieces, which nobody
            // reaches; those that are shared are kept by their count, which the pieces hold,
            // and nobody can change shared `Bytes`.
            Outbound::Gathered { pieces, gather } => unsafe {
                Submission::send_message(socket, gather.next(pieces, SEND_LEN_MAX), operation)
            },
        };
        self.queue.push(submission);
    }

    pub(super) fn on_send(&mut self, socket: SocketId, generation: Generation, result: i32) {
        let Some(slot) = self.slots.find(socket, generation) else {
            return;
        };
        if result > 0 {
            slot.sent += result as usize;
            if let Outbound::Gathered { pieces, gather } = &mut slot.outbound {
                gather.advance(pieces, result as usize);
            }
        }
        let is_complete = slot.sent == slot.outbound.len();
        if !is_complete && slot.stage == Stage::Open && (result > 0 || result == -libc::EINTR) {
            return self.send_rest(socket);
        }
        slot.sending = false;
        self.sends -= 1;
        let buffer = std::mem::replace(&mut slot.outbound, Outbound::NONE)
            .into_send_buffer(&mut self.spare_gathers);
        self.ready.push_back(if is_complete {
            Completion::Sent { socket, buffer }
        } else {
            let error = match slot.stage {
                Stage::Open => {
                    let source = io::Error::from_raw_os_error(-result);
                    TransportError::Io {
                        action: "send",
                        source,
                    }
                }
                _ => TransportError::ClosedLocally,
            };
            Completion::SendFailed {
                socket,
                buffer,
                error,
            }
        });
        self.continue_closing(socket);
    }
}
