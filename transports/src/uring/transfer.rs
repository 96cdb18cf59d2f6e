//! Receiving and sending.
//!
//! This module holds unsafe code: where the kernel is given bytes to read, and room to write to.

use std::io;

use annulus_protocol::SendBuffer;

use crate::error::TransportError;
use crate::kernel::{Generation, SINGLE_LEN_MAX, Slot as _};
use crate::ring::{Completion, SocketId};
use crate::uring::UringRing;
use crate::uring::gather::Outbound;
use crate::uring::operation::Operation;
use crate::uring::queue::KernelCompletion;
use crate::uring::slot::Stage;
use crate::uring::submission::{SEND_LEN_MAX, Submission};

impl UringRing {
    /// Starts a receive, if the socket should have one and has none.
    pub(super) fn arm_receive(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        if slot.receiving || slot.starved || !slot.wants_to_receive() {
            return;
        }
        slot.receiving = true;
        let operation = Operation::Receive(socket, slot.generation);
        self.queue.push(match slot.destination {
            // SAFETY: the buffer stays in `destinations`, and nobody touches it, until the
            // receive's completion: only `give_destination_back` takes it out, which is called
            // when no receive is in flight, and a slot is not freed while it names one. Moving
            // the vector's head, when others come, does not move its bytes. A ring that is
            // dropped waits for the completion, or leaks the buffers.
            Some(destination) => unsafe {
                let room = self.destinations.room(destination);
                Submission::receive_into(socket, room, operation)
            },
            None if slot.singles.are_left() => {
                Submission::receive_once(socket, SINGLE_LEN_MAX as u32, true, operation)
            }
            None => Submission::receive(socket, operation),
        });
    }

    /// Starts the receives that waited for their owner to give them a buffer.
    pub(super) fn arm_singles(&mut self) {
        while let Some(socket) = self.singles.pop() {
            // As for those that starve, the slot may have another owner by now.
            if self.slots.get(socket).stage == Stage::Open {
                self.arm_receive(socket);
            }
        }
    }

    pub(super) fn start_receiving_into(
        &mut self,
        socket: SocketId,
        buffer: Vec<u8>,
    ) -> Result<(), Vec<u8>> {
        let slot = self.slots.get_mut(socket);
        assert!(
            slot.destination.is_none(),
            "a buffer of {socket:?} is to be filled"
        );
        if slot.starved || !slot.wants_to_receive() {
            return Err(buffer);
        }
        let was_multishot = !slot.singles.are_left();
        slot.singles.begin();
        if slot.receiving {
            if was_multishot {
                let operation = Operation::Receive(socket, slot.generation);
                self.queue.push(Submission::cancel(operation));
            }
            return Err(buffer);
        }
        if self.ready.has_received(socket) {
            return Err(buffer);
        }
        slot.destination = Some(self.destinations.put(buffer)?);
        self.singles.push(socket);
        Ok(())
    }

    /// Gives the buffer back that a receive of this socket was to fill, with the `len` bytes that
    /// it has received. No receive is in flight.
    pub(super) fn give_destination_back(&mut self, socket: SocketId, len: usize) {
        let slot = self.slots.get_mut(socket);
        assert!(
            !slot.receiving,
            "{socket:?} loses its buffer in mid-receive"
        );
        let Some(destination) = slot.destination.take() else {
            return;
        };
        let mut buffer = self.destinations.take(destination);
        let end = buffer.len() + len;
        assert!(
            end <= buffer.capacity(),
            "the kernel filled {len} bytes of a buffer"
        );
        // SAFETY: `end` lies inside the buffer, as just found; the kernel has written `len` bytes
        // behind its content, as its completion said, and what was there before is unchanged.
        unsafe { buffer.set_len(end) };
        self.ready
            .push_back(Completion::ReceivedInto { socket, buffer });
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
        if slot.destination.is_some() {
            self.on_received_into(socket, completion.result);
            return self.after_receive(socket, completion.result);
        }
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
            self.slots.get_mut(socket).singles.end_one();
            self.after_receive(socket, completion.result);
        }
    }

    /// A receive has ended.
    fn after_receive(&mut self, socket: SocketId, result: i32) {
        let has_singles = self.slots.get(socket).singles.are_left();
        if result > 0 && has_singles {
            // First its owner may say where the next bytes go.
            self.singles.push(socket);
        } else {
            self.arm_receive(socket);
        }
        self.continue_closing(socket);
        self.continue_detaching(socket);
    }

    /// A receive into a buffer of the owner's has ended. If it was cancelled to hold the peer back,
    /// the buffer waits for the next one.
    fn on_received_into(&mut self, socket: SocketId, result: i32) {
        let is_open = self.slots.get(socket).stage == Stage::Open;
        if is_open && [libc::ECANCELED, libc::EINTR].contains(&-result) {
            return;
        }
        self.give_destination_back(socket, result.max(0) as usize);
        if result <= 0 {
            self.on_receive_without_bytes(socket, result);
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
