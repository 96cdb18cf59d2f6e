//! Listening and accepting.
//!
//! This module holds unsafe code: one line, where a descriptor arrives as a number.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use annulus_protocol::Time;
use socket2::SockRef;

use crate::address::Address;
use crate::error::TransportError;
use crate::kernel::{ACCEPT_PAUSE, Accepting, KernelStream, Listener, is_accept_to_be_retried};
use crate::listen;
use crate::ring::{Completion, ListenOptions, ListenerId, Ring};
use crate::uring::UringRing;
use crate::uring::operation::Operation;
use crate::uring::queue::KernelCompletion;
use crate::uring::submission::Submission;

impl UringRing {
    pub(super) fn start_listening(
        &mut self,
        address: &Address,
        options: &ListenOptions,
    ) -> Result<(ListenerId, Address), TransportError> {
        let (socket, bound) = listen::open_listener(address, options)?;
        let fd = socket.as_raw_fd();
        let listener = Listener {
            socket,
            accepting: Accepting::Armed,
            closing: false,
        };
        let id = self.listeners.insert(listener);
        self.queue
            .push(Submission::accept(fd, Operation::Accept(id)));
        Ok((id, bound))
    }

    pub(super) fn stop_listening(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.get_mut(id) else {
            return;
        };
        if listener.closing {
            return;
        }
        listener.closing = true;
        match listener.accepting {
            // Its last completion removes it.
            Accepting::Armed => {
                self.queue.push(Submission::cancel(Operation::Accept(id)));
            }
            Accepting::PausedUntil(_) => self.listeners.remove(id),
        }
    }

    pub(super) fn on_accept(&mut self, id: ListenerId, completion: KernelCompletion) {
        if let Some(fd) = new_descriptor(completion) {
            self.deliver_accepted(id, fd);
        }
        if completion.more {
            return;
        }
        let Some(listener) = self.listeners.get_mut(id) else {
            return;
        };
        if listener.closing {
            return self.listeners.remove(id);
        }
        match completion.result {
            // A connection that was given up before it was accepted is no reason to wait.
            0.. => self.rearm_accept(id),
            failure => match -failure {
                errno if is_accept_to_be_retried(errno) => self.rearm_accept(id),
                errno => self.pause_accepting(id, io::Error::from_raw_os_error(errno)),
            },
        }
    }

    fn deliver_accepted(&mut self, listener: ListenerId, fd: OwnedFd) {
        match listen::peer_address(SockRef::from(&fd)) {
            Ok(peer) => {
                let stream = KernelStream::new(fd, peer.credentials().is_some(), false);
                self.ready.push_back(Completion::Accepted {
                    listener,
                    stream,
                    peer,
                });
            }
            // The peer has reset it already.
            Err(error) => tracing::debug!(%error, "an accepted connection was gone"),
        }
    }

    fn pause_accepting(&mut self, id: ListenerId, error: io::Error) {
        let until = self.now() + ACCEPT_PAUSE;
        let Some(listener) = self.listeners.get_mut(id) else {
            return;
        };
        listener.accepting = Accepting::PausedUntil(until);
        let error = TransportError::Accept(error);
        self.ready.push_back(Completion::AcceptPaused {
            listener: id,
            error,
        });
    }

    /// Goes on with the listeners whose pause is over.
    pub(super) fn resume_accepting(&mut self, now: Time) {
        while let Some(id) = self.listeners.first_due(now) {
            self.rearm_accept(id);
        }
    }

    fn rearm_accept(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.get_mut(id) else {
            return;
        };
        listener.accepting = Accepting::Armed;
        let fd = listener.socket.as_raw_fd();
        self.queue
            .push(Submission::accept(fd, Operation::Accept(id)));
    }
}

/// The descriptor that a completion brings, which is taken out of the queue once.
pub(super) fn new_descriptor(completion: KernelCompletion) -> Option<OwnedFd> {
    let is_new = matches!(
        completion.operation,
        Operation::Accept(..) | Operation::Detach(..)
    );
    // SAFETY: both operations make a descriptor for this completion, which is handled once, so
    // nobody else owns it.
    (is_new && completion.result >= 0).then(|| unsafe { OwnedFd::from_raw_fd(completion.result) })
}
