//! Taking a socket out of the ring, for another ring to adopt.
//!
//! Three steps. The receive is cancelled, and its last completion awaited: what it brings until
//! then is for the owner, what comes later stays in the socket. Then the kernel makes an ordinary
//! descriptor of the direct one; and with that in hand, the place in the table is emptied.

use std::io;

use crate::error::TransportError;
use crate::kernel::{Generation, KernelStream};
use crate::ring::{Completion, SocketId};
use crate::uring::operation::Operation;
use crate::uring::queue::KernelCompletion;
use crate::uring::slot::Stage;
use crate::uring::submission::Submission;
use crate::uring::{UringRing, accept};

impl UringRing {
    pub(super) fn start_detaching(&mut self, socket: SocketId) {
        assert!(
            self.queue.can_install(),
            "this kernel cannot detach a socket"
        );
        let slot = self.slots.get_mut(socket);
        assert_eq!(
            slot.stage,
            Stage::Open,
            "detach of {socket:?}, which is not open"
        );
        assert!(!slot.sending, "a send is in flight on {socket:?}");
        slot.stage = Stage::Detaching;
        if slot.receiving {
            let operation = Operation::Receive(socket, slot.generation);
            self.queue.push(Submission::cancel(operation));
        } else {
            self.give_destination_back(socket, 0);
        }
        self.continue_detaching(socket);
    }

    /// Goes on with a detach, once the receive has ended.
    pub(super) fn continue_detaching(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        if slot.stage != Stage::Detaching || slot.is_draining() {
            return;
        }
        slot.installing = true;
        let operation = Operation::Detach(socket, slot.generation);
        self.queue.push(Submission::install(socket, operation));
    }

    pub(super) fn on_detach(
        &mut self,
        socket: SocketId,
        generation: Generation,
        completion: KernelCompletion,
    ) {
        let fd = accept::new_descriptor(completion);
        let Some(slot) = self.slots.find(socket, generation) else {
            return;
        };
        slot.installing = false;
        if slot.stage != Stage::Detaching {
            // Closed meanwhile: the new descriptor goes, the direct one closes as it should.
            return self.continue_closing(socket);
        }
        let (is_unix, has_sent) = (slot.is_unix, slot.has_sent);
        let emptied = fd
            .ok_or_else(|| io::Error::from_raw_os_error(-completion.result))
            .and_then(|fd| self.queue.uninstall(socket.0).map(|()| fd));
        match emptied {
            Ok(fd) => {
                self.slots.get_mut(socket).stage = Stage::Detached;
                let stream = KernelStream::new(fd, is_unix, has_sent);
                self.ready
                    .push_back(Completion::Detached { socket, stream });
            }
            Err(source) => {
                self.slots.get_mut(socket).stage = Stage::Open;
                self.arm_receive(socket);
                let action = "detach";
                let error = TransportError::Io { action, source };
                self.ready
                    .push_back(Completion::DetachFailed { socket, error });
            }
        }
    }
}
