//! Listening and connecting.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::address::Address;
use crate::error::TransportError;
use crate::ring::{Completion, ListenerId, SocketId};
use crate::sim::connection::Owner;
use crate::sim::net::{Event, NetState};
use crate::sim::socket::Stage;

/// How long accepting pauses after a listener ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The first port that is given to those who ask for none.
pub(super) const FIRST_PORT: u16 = 49_152;

impl NetState {
    pub(super) fn listen(
        &mut self,
        ring: usize,
        address: &Address,
    ) -> Result<(ListenerId, Address), TransportError> {
        let Address::Tcp(mut tcp) = *address;
        if tcp.port() == 0 {
            let host = tcp.ip();
            tcp = self.unused_address(host);
        }
        if self.listeners.contains_key(&tcp) {
            let address = address.clone();
            return Err(TransportError::AddressInUse {
                address,
                waited: Duration::ZERO,
            });
        }
        let listeners = &mut self.rings[ring].listeners;
        let id = ListenerId(listeners.len() as u32);
        listeners.push(Some(Address::Tcp(tcp)));
        self.listeners.insert(tcp, (ring, id));
        Ok((id, Address::Tcp(tcp)))
    }

    pub(super) fn close_listener(&mut self, ring: usize, id: ListenerId) {
        let listener = self.rings[ring].listeners.get_mut(id.0 as usize);
        if let Some(Address::Tcp(tcp)) = listener.and_then(Option::take) {
            self.listeners.remove(&tcp);
        }
    }

    pub(super) fn unused_address(&mut self, host: IpAddr) -> SocketAddr {
        loop {
            let address = SocketAddr::new(host, self.next_port);
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.listeners.contains_key(&address) {
                return address;
            }
        }
    }

    pub(super) fn listener_of(&self, address: SocketAddr) -> Option<(usize, ListenerId)> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let any = SocketAddr::new(any, address.port());
        self.listeners
            .get(&address)
            .or_else(|| self.listeners.get(&any))
            .copied()
    }

    /// The socket still awaits its connect.
    pub(super) fn is_connecting(&mut self, ring: usize, socket: SocketId, generation: u32) -> bool {
        let socket = self.rings[ring].socket(socket);
        socket.generation == generation && socket.stage == Stage::Connecting
    }

    pub(super) fn on_connect_arrives(
        &mut self,
        ring: usize,
        socket: SocketId,
        generation: u32,
        address: Address,
    ) {
        if !self.is_connecting(ring, socket, generation) {
            return;
        }
        let Address::Tcp(tcp) = address;
        let mut errno = 0;
        match self.listener_of(tcp) {
            None => errno = libc::ECONNREFUSED,
            Some(_) if self.random.chance(self.config.connect_failure) => errno = libc::ETIMEDOUT,
            Some((owner, listener)) if self.random.chance(self.config.accept_pause) => {
                let error = TransportError::Accept(io::Error::from_raw_os_error(libc::EMFILE));
                self.post(owner, Completion::AcceptPaused { listener, error });
                let event = Event::ConnectArrives {
                    ring,
                    socket,
                    generation,
                    address,
                };
                return self.schedule(self.now + ACCEPT_PAUSE, event);
            }
            Some((owner, listener)) => {
                let client = self.connections.insert(Owner { ring, socket });
                self.rings[ring].socket(socket).end = Some(client);
                let peer = Address::Tcp(self.unused_address(tcp.ip()));
                let stream = client.other();
                self.post(
                    owner,
                    Completion::Accepted {
                        listener,
                        stream,
                        peer,
                    },
                );
            }
        }
        let at = self.later();
        self.schedule(
            at,
            Event::ConnectEnds {
                ring,
                socket,
                generation,
                errno,
                address,
            },
        );
    }

    pub(super) fn on_connect_ends(
        &mut self,
        ring: usize,
        socket: SocketId,
        generation: u32,
        errno: i32,
        address: Address,
    ) {
        if !self.is_connecting(ring, socket, generation) {
            return;
        }
        if errno == 0 {
            let state = self.rings[ring].socket(socket);
            state.stage = Stage::Open;
            state.receiving = true;
            self.post(ring, Completion::Connected { socket });
            return self.pump(ring, socket);
        }
        let source = io::Error::from_raw_os_error(errno);
        let error = TransportError::Connect { address, source };
        self.fail_connect(ring, socket, error);
    }

    pub(super) fn fail_connect(&mut self, ring: usize, socket: SocketId, error: TransportError) {
        self.post(ring, Completion::ConnectFailed { socket, error });
        self.finish_close(ring, socket);
    }
}
