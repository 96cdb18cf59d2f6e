//! Taking a socket out of the ring, for another ring to adopt.

use socket2::SockRef;

use super::EpollRing;
use crate::epoll::slot::Stage;
use crate::error::TransportError;
use crate::kernel::KernelStream;
use crate::ring::{Completion, SocketId};

impl EpollRing {
    /// Nothing is in flight here: what was read is told already, all else is in the socket.
    pub(super) fn detach_socket(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        assert_eq!(
            slot.stage,
            Stage::Open,
            "detach of {socket:?}, which is not open"
        );
        assert!(!slot.sending, "a send is in flight on {socket:?}");
        if let Err(source) = self.poller.remove(slot.fd()) {
            let action = "detach";
            let error = TransportError::Io { action, source };
            return self
                .ready
                .push_back(Completion::DetachFailed { socket, error });
        }
        slot.stage = Stage::Detached;
        self.give_destination_back(socket);
        let slot = self.slots.get_mut(socket);
        if let Some(fd) = slot.fd.take() {
            let known = SockRef::from(&fd);
            // One that was connected here does not block, unlike streams on their way.
            let blocks = known.set_nonblocking(false);
            debug_assert!(blocks.is_ok(), "{blocks:?}");
            let stream = KernelStream::new(fd, slot.is_unix, slot.has_sent);
            self.ready
                .push_back(Completion::Detached { socket, stream });
        }
    }
}
