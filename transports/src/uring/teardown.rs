//! Closing sockets, and the ring.
//!
//! A socket goes in three steps. *Drain*: its operations are cancelled, and each one's last
//! completion is awaited, because until then the kernel may use its memory. *Linger*: if input
//! were unread when the descriptor closes, or came in after, TCP would answer it with a reset,
//! and the reset destroys what this side sent last (a fault that explains the close, for
//! example). So the sending half is closed first, and what the peer still sends is read away:
//! until the peer closes too, for a bounded time and number of bytes. *Close*: the descriptor.

use std::time::{Duration, Instant};

use annulus_protocol::Time;

use crate::kernel::{self, Generation, KernelWait};
use crate::ring::{Completion, SocketId};
use crate::uring::operation::Operation;
use crate::uring::queue::KernelCompletion;
use crate::uring::slot::Stage;
use crate::uring::submission::Submission;
use crate::uring::{UringRing, accept};

/// How long a ring that is dropped waits for the kernel.
const DROP_TIME: Duration = Duration::from_secs(1);

impl UringRing {
    pub(super) fn start_closing(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        match slot.stage {
            Stage::Open | Stage::Connecting | Stage::Detaching => {}
            Stage::Detached => {
                if !self.take_back(socket) {
                    return;
                }
            }
            _ => return,
        }
        let slot = self.slots.get_mut(socket);
        slot.stage = Stage::Draining;
        let generation = slot.generation;
        let (receiving, sending, connecting) = (slot.receiving, slot.sending, slot.connecting);
        for (in_flight, operation) in [
            (receiving, Operation::Receive(socket, generation)),
            (sending, Operation::Send(socket, generation)),
            (connecting, Operation::Connect(socket, generation)),
        ] {
            if in_flight {
                self.queue.push(Submission::cancel(operation));
            }
        }
        if !receiving {
            self.give_destination_back(socket, 0);
        }
        self.continue_closing(socket);
    }

    /// Takes a socket back that had left the ring, so that it closes as others do. False if that
    /// cannot be done: then it is closed.
    fn take_back(&mut self, socket: SocketId) -> bool {
        let Some(stream) = self.ready.withdraw(socket) else {
            return false;
        };
        let installed = self.queue.install(socket.0, &stream);
        if let Err(error) = &installed {
            tracing::debug!(%error, ?socket, "a socket that had left closes without lingering");
            self.slots.get_mut(socket).stage = Stage::Closed;
            self.ready.push_back(Completion::Closed { socket });
        }
        installed.is_ok()
    }

    /// Goes on with a close, once the last operation of its owner has ended.
    pub(super) fn continue_closing(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        if slot.stage != Stage::Draining || slot.is_draining() {
            return;
        }
        if slot.receive_ended {
            return self.close_descriptor(socket);
        }
        slot.stage = Stage::Lingering;
        slot.shutting_down = true;
        slot.discarding = true;
        let (generation, has_sent) = (slot.generation, slot.has_sent);
        self.queue.push(Submission::shutdown(
            socket,
            Operation::Shutdown(socket, generation),
        ));
        // A peer that was never sent anything has nothing to lose by a reset: one read of what is
        // there spares it that too, in most cases.
        self.discard(socket, generation, has_sent);
        if has_sent {
            self.lingerers.push(kernel::now(), socket, generation);
        }
    }

    fn discard(&mut self, socket: SocketId, generation: Generation, wait: bool) {
        let operation = Operation::Discard(socket, generation);
        self.queue.push(if self.slots.get(socket).is_unix {
            // It knows no `MSG_TRUNC`. A length of zero is that of the buffer.
            Submission::receive_once(socket, 0, wait, operation)
        } else {
            Submission::discard(socket, self.lingerers.len_max(), wait, operation)
        });
    }

    pub(super) fn on_discard(
        &mut self,
        socket: SocketId,
        generation: Generation,
        completion: KernelCompletion,
    ) {
        self.give_back_unused(completion.buffer);
        let (result, len_max) = (completion.result, self.lingerers.len_max());
        let Some(slot) = self.slots.find(socket, generation) else {
            return;
        };
        slot.discarded = slot.discarded.saturating_add(result.max(0) as u32);
        if result > 0 && slot.has_sent && slot.discarded < len_max {
            return self.discard(socket, generation, true);
        }
        slot.discarding = false;
        self.end_lingering(socket);
    }

    pub(super) fn on_shutdown(&mut self, socket: SocketId, generation: Generation) {
        let Some(slot) = self.slots.find(socket, generation) else {
            return;
        };
        slot.shutting_down = false;
        self.end_lingering(socket);
    }

    fn end_lingering(&mut self, socket: SocketId) {
        let slot = self.slots.get(socket);
        if !slot.discarding && !slot.shutting_down {
            self.close_descriptor(socket);
        }
    }

    /// Ends the lingering of sockets whose time is over.
    pub(super) fn stop_lingering(&mut self, now: Time) {
        while let Some((socket, generation)) = self.lingerers.pop_due(now) {
            let Some(slot) = self.slots.find(socket, generation) else {
                continue;
            };
            if slot.discarding {
                slot.discarded = self.lingerers.len_max();
                self.queue
                    .push(Submission::cancel(Operation::Discard(socket, generation)));
            }
        }
    }

    fn close_descriptor(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        slot.stage = Stage::Closing;
        let operation = Operation::Close(socket, slot.generation);
        self.queue.push(Submission::close(socket, operation));
    }

    pub(super) fn on_close(&mut self, socket: SocketId, generation: Generation, result: i32) {
        if result < 0 {
            tracing::error!(
                ?socket,
                errno = -result,
                "a direct descriptor could not be closed"
            );
        }
        let Some(slot) = self.slots.find(socket, generation) else {
            return;
        };
        slot.stage = Stage::Closed;
        self.ready.push_back(Completion::Closed { socket });
    }

    /// Cancels everything and waits until the kernel uses no memory of this ring any more.
    /// Returns whether that succeeded.
    fn drain(&mut self) -> bool {
        // Where every enter is refused, the kernel knows of no memory.
        if !self.queue.has_submitted() {
            return true;
        }
        let start = Instant::now();
        self.queue.push(Submission::cancel_all());
        while self.queue.in_flight() > 0 {
            if start.elapsed() > DROP_TIME || self.queue.enter(KernelWait::For(DROP_TIME)).is_err()
            {
                return false;
            }
            while let Some(completion) = self.queue.pop() {
                // Closes a descriptor that was made at the last moment.
                drop(accept::new_descriptor(completion));
            }
        }
        true
    }
}

impl Drop for UringRing {
    fn drop(&mut self) {
        if !self.drain() {
            tracing::error!(
                in_flight = self.queue.in_flight(),
                "operations did not end in time; their memory is given up"
            );
            self.buffers.leak();
            self.slots.leak();
            self.destinations.leak();
        }
    }
}
