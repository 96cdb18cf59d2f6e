//! Connecting.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use annulus_protocol::Time;
use socket2::SockRef;

use super::EpollRing;
use crate::address::Address;
use crate::epoll::slot::{Readiness, Stage};
use crate::error::TransportError;
use crate::kernel::{self, ConnectTarget, Generation};
use crate::listen;
use crate::ring::{Completion, SocketId};
use crate::socket_options::SocketOptions;

/// How long a connect waits whose listener has no room for it: the kernel tells that of local
/// sockets only, and then says nothing more.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Connects that wait for room at their listener, the first to be tried again in front.
#[derive(Debug, Default)]
pub(super) struct ConnectRetries(VecDeque<(Time, SocketId, Generation)>);

impl ConnectRetries {
    /// When the first of them is to be tried again.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.0.front().map(|(at, ..)| *at)
    }
}

impl EpollRing {
    pub(super) fn start_connecting(
        &mut self,
        address: Address,
        options: &SocketOptions,
    ) -> Result<SocketId, TransportError> {
        let (client, raw) = listen::open_client(&address, options)?;
        client
            .set_nonblocking(true)
            .map_err(TransportError::Socket)?;
        let socket = self.slots.admit(Stage::Connecting, |_, slot| {
            slot.fd = Some(client.into());
            slot.is_unix = raw.is_unix();
            slot.target = Some(Box::new(ConnectTarget { address, raw }));
            Ok(())
        })?;
        self.enqueue(socket);
        Ok(socket)
    }

    /// Begins a connect that was asked for, or ends one that is under way.
    pub(super) fn go_on_connecting(&mut self, socket: SocketId) {
        let slot = self.slots.get(socket);
        if slot.interest.is_empty() {
            self.begin_connect(socket);
        } else if slot.writing == Readiness::Likely {
            let failure = SockRef::from(&slot.fd()).take_error();
            match failure.and_then(|failure| failure.map_or(Ok(()), Err)) {
                Ok(()) => self.on_connected(socket),
                Err(error) => self.on_connect_failed(socket, error),
            }
        }
    }

    fn begin_connect(&mut self, socket: SocketId) {
        self.poller.count_system_call();
        let slot = self.slots.get_mut(socket);
        let Some(target) = slot.target.as_deref() else {
            return;
        };
        let connected = SockRef::from(&slot.fd()).connect(&target.raw);
        match connected.as_ref().map_err(io::Error::raw_os_error) {
            Ok(()) => {}
            // After a signal, too, the connect goes on.
            Err(Some(libc::EINPROGRESS | libc::EINTR)) => slot.writing = Readiness::Awaited,
            Err(Some(libc::EAGAIN)) => {
                let again = (kernel::now() + RETRY_INTERVAL, socket, slot.generation);
                return self.connect_retries.0.push_back(again);
            }
            Err(_) => {
                let Err(error) = connected else { return };
                return self.on_connect_failed(socket, error);
            }
        }
        if let Err(error) = self.register(socket) {
            return self.on_connect_failed(socket, error);
        }
        if self.slots.get(socket).writing == Readiness::Likely {
            self.on_connected(socket);
        }
    }

    fn on_connected(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        slot.stage = Stage::Open;
        slot.target = None;
        self.ready.push_back(Completion::Connected { socket });
        self.update_interest(socket);
    }

    fn on_connect_failed(&mut self, socket: SocketId, source: io::Error) {
        let slot = self.slots.get_mut(socket);
        let Some(target) = slot.target.take() else {
            return;
        };
        let error = TransportError::Connect {
            address: target.address,
            source,
        };
        self.ready
            .push_back(Completion::ConnectFailed { socket, error });
        // There is nobody to say goodbye to.
        self.close_descriptor(socket);
    }

    /// Tries those connects again that have waited long enough.
    pub(super) fn retry_connecting(&mut self, now: Time) {
        while let Some((_, socket, generation)) =
            self.connect_retries.0.pop_front_if(|(at, ..)| *at <= now)
        {
            if self.slots.find(socket, generation).is_some() {
                self.enqueue(socket);
            }
        }
    }
}
