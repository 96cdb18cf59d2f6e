//! Listening and accepting.

use std::os::fd::{AsFd, OwnedFd};

use annulus_protocol::Time;
use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use socket2::SockRef;

use super::{EpollRing, LISTENER};
use crate::address::Address;
use crate::error::TransportError;
use crate::kernel::{
    self, ACCEPT_PAUSE, Accepting, Generation, KernelStream, Listener, Tag, is_accept_to_be_retried,
};
use crate::listen;
use crate::ring::{Completion, ListenOptions, ListenerId};

/// Connections that a listener may accept in one pass.
const ACCEPTS_PER_PASS: usize = 64;

impl EpollRing {
    pub(super) fn start_listening(
        &mut self,
        address: &Address,
        options: &ListenOptions,
    ) -> Result<(ListenerId, Address), TransportError> {
        let (socket, bound) = listen::open_listener(address, options)?;
        SockRef::from(&socket)
            .set_nonblocking(true)
            .map_err(TransportError::Socket)?;
        let listener = Listener {
            socket,
            accepting: Accepting::Armed,
            closing: false,
        };
        let id = self.listeners.insert(listener);
        let tag = Tag {
            kind: LISTENER,
            generation: Generation::FIRST,
            index: id.0,
        };
        let interest = EventFlags::IN | EventFlags::ET;
        let added = match self.listeners.get_mut(id) {
            Some(listener) => self.poller.add(listener.socket.as_fd(), tag, interest),
            None => Ok(()),
        };
        if let Err(error) = added {
            self.listeners.remove(id);
            return Err(TransportError::Socket(error));
        }
        Ok((id, bound))
    }

    pub(super) fn stop_listening(&mut self, id: ListenerId) {
        self.listeners.remove(id);
        self.acceptable.retain(|other| *other != id);
    }

    /// There are connections to accept.
    pub(super) fn on_acceptable(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.get_mut(id) else {
            return;
        };
        if listener.accepting == Accepting::Armed && !self.acceptable.contains(&id) {
            self.acceptable.push_back(id);
        }
    }

    /// Accepts what waits at the first of the acceptable listeners, and lets it queue again if
    /// that is more than it may accept in one pass.
    pub(super) fn accept_some(&mut self) {
        let Some(id) = self.acceptable.pop_front() else {
            return;
        };
        for _ in 0..ACCEPTS_PER_PASS {
            let Some(listener) = self.listeners.get_mut(id) else {
                return;
            };
            self.poller.count_system_call();
            match rustix::net::accept_with(&listener.socket, SocketFlags::CLOEXEC) {
                Ok(fd) => self.deliver_accepted(id, fd),
                Err(Errno::AGAIN) => return,
                Err(errno) if is_accept_to_be_retried(errno.raw_os_error()) => {}
                // A want of descriptors is told before the want of a connection is found.
                Err(_) if !has_connections(listener) => return,
                Err(errno) => return self.pause_accepting(id, errno),
            }
        }
        self.acceptable.push_back(id);
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

    fn pause_accepting(&mut self, id: ListenerId, errno: Errno) {
        let Some(listener) = self.listeners.get_mut(id) else {
            return;
        };
        listener.accepting = Accepting::PausedUntil(kernel::now() + ACCEPT_PAUSE);
        let error = TransportError::Accept(errno.into());
        self.ready.push_back(Completion::AcceptPaused {
            listener: id,
            error,
        });
    }

    /// Goes on with the listeners whose pause is over.
    pub(super) fn resume_accepting(&mut self, now: Time) {
        while let Some(id) = self.listeners.first_due(now) {
            if let Some(listener) = self.listeners.get_mut(id) {
                listener.accepting = Accepting::Armed;
                self.on_acceptable(id);
            }
        }
    }
}

/// Whether a connection waits at a listener.
fn has_connections(listener: &Listener) -> bool {
    const NO_WAIT: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(&listener.socket, PollFlags::IN)];
    rustix::event::poll(&mut fds, Some(&NO_WAIT)).is_ok_and(|ready| ready > 0)
}
