//! Sockets coming into the ring: connected by it, or given to it.
//!
//! This module holds unsafe code: one line, where the kernel is given an address to read.

use std::io;
use std::os::fd::AsRawFd;

use crate::address::Address;
use crate::error::TransportError;
use crate::kernel::{ConnectTarget, Generation};
use crate::listen;
use crate::ring::{Completion, SocketId};
use crate::socket_options::SocketOptions;
use crate::uring::UringRing;
use crate::uring::operation::Operation;
use crate::uring::slot::Stage;
use crate::uring::submission::Submission;

impl UringRing {
    /// Gives a socket a slot, and a place in the kernel's table; the caller then closes its own
    /// descriptor.
    pub(super) fn install(
        &mut self,
        stage: Stage,
        fd: &impl AsRawFd,
        is_unix: bool,
    ) -> Result<SocketId, TransportError> {
        self.slots.admit(stage, |socket, slot| {
            slot.is_unix = is_unix;
            self.queue.install(socket.0, fd)
        })
    }

    pub(super) fn start_connecting(
        &mut self,
        address: Address,
        options: &SocketOptions,
    ) -> Result<SocketId, TransportError> {
        let (client, raw) = listen::open_client(&address, options)?;
        let socket = self.install(Stage::Connecting, &client, raw.is_unix())?;
        let slot = self.slots.get_mut(socket);
        slot.connecting = true;
        let target = slot.target.insert(Box::new(ConnectTarget { address, raw }));
        let operation = Operation::Connect(socket, slot.generation);
        // SAFETY: the box stays in the slot until the connect's completion: only `on_connect`
        // takes it out, and a slot is freed only when `connecting` is false. A ring that is
        // dropped waits for the completion, or leaks its slots.
        let submission = unsafe { Submission::connect(socket, &target.raw, operation) };
        self.queue.push(submission);
        Ok(socket)
    }

    pub(super) fn on_connect(&mut self, socket: SocketId, generation: Generation, result: i32) {
        let Some(slot) = self.slots.find(socket, generation) else {
            return;
        };
        slot.connecting = false;
        let Some(target) = slot.target.take() else {
            return;
        };
        let error = match (slot.stage, result) {
            (Stage::Connecting, 0..) => {
                slot.stage = Stage::Open;
                self.ready.push_back(Completion::Connected { socket });
                return self.arm_receive(socket);
            }
            (Stage::Connecting, failure) => {
                slot.stage = Stage::Draining;
                let source = io::Error::from_raw_os_error(-failure);
                TransportError::Connect {
                    address: target.address,
                    source,
                }
            }
            _ => TransportError::ClosedLocally,
        };
        // There is nobody to say goodbye to.
        slot.receive_ended = true;
        self.ready
            .push_back(Completion::ConnectFailed { socket, error });
        self.continue_closing(socket);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use annulus_protocol::Limits;

    use super::*;
    use crate::ring::{Ring, Wait};
    use crate::uring::UringConfig;

    #[test]
    fn a_socket_that_never_connected_does_not_linger() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = listener.local_addr().unwrap();
        drop(listener);
        let mut ring = UringRing::new(UringConfig::new(&Limits::DEFAULT)).unwrap();
        let socket = ring.connect(nobody.into()).unwrap();
        ring.enter(Wait::Forever).unwrap();
        let completion = ring.next_completion();
        assert!(
            matches!(completion, Some(Completion::ConnectFailed { .. })),
            "{completion:?}"
        );
        assert!(matches!(
            ring.slots.get(socket).stage,
            Stage::Closing | Stage::Closed
        ));
    }
}
