//! Listening and connecting.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::address::Address;
use crate::credentials::PeerCredentials;
use crate::error::TransportError;
use crate::ring::{Completion, ListenerId, SocketId};
use crate::sim::connection::Owner;
use crate::sim::net::{Event, NetState};
use crate::sim::socket::Stage;

/// How long accepting pauses after a listener ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The first port that is given to those who ask for none.
pub(super) const FIRST_PORT: u16 = 49_152;
/// The user that all simulated processes run as.
const USER: u32 = 1000;

impl NetState {
    pub(super) fn listen(
        &mut self,
        ring: usize,
        address: &Address,
    ) -> Result<(ListenerId, Address), TransportError> {
        let bound = match address {
            Address::Tcp(tcp) if tcp.port() == 0 => Address::Tcp(self.unused_address(tcp.ip())),
            Address::Tcp(_) | Address::Unix(_) => address.clone(),
            Address::Process(_) => {
                let source = io::ErrorKind::InvalidInput.into();
                let address = address.clone();
                return Err(TransportError::Listen { address, source });
            }
        };
        if self.listeners.contains_key(&bound) {
            return Err(TransportError::AddressInUse {
                address: bound,
                waited: Duration::ZERO,
            });
        }
        let listeners = &mut self.rings[ring].listeners;
        let id = ListenerId(listeners.len() as u32);
        listeners.push(Some(bound.clone()));
        self.listeners.insert(bound.clone(), (ring, id));
        Ok((id, bound))
    }

    pub(super) fn close_listener(&mut self, ring: usize, id: ListenerId) {
        let listener = self.rings[ring].listeners.get_mut(id.0 as usize);
        if let Some(address) = listener.and_then(Option::take) {
            self.listeners.remove(&address);
        }
    }

    /// The address that a listener sees of a client in `ring` that came to `address`.
    fn client_address(&mut self, ring: usize, address: &Address) -> Address {
        match address {
            Address::Tcp(tcp) => Address::Tcp(self.unused_address(tcp.ip())),
            // Each ring is a process of the same user.
            Address::Unix(_) | Address::Process(_) => Address::Process(PeerCredentials {
                uid: USER,
                gid: USER,
                pid: u32::try_from(ring + 1).ok(),
            }),
        }
    }

    pub(super) fn unused_address(&mut self, host: IpAddr) -> SocketAddr {
        loop {
            let address = SocketAddr::new(host, self.next_port);
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.listeners.contains_key(&Address::Tcp(address)) {
                return address;
            }
        }
    }

    pub(super) fn listener_of(&self, address: &Address) -> Option<(usize, ListenerId)> {
        let exact = self.listeners.get(address);
        exact
            .or_else(|| self.listeners.get(&any_host(address)?))
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
        if !self.is_connecting(ring, socket, generation) || self.black_holes.contains(&address) {
            return;
        }
        let mut errno = 0;
        match self.listener_of(&address) {
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
                let peer = self.client_address(ring, &address);
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

/// The wildcard address that takes connections to this one too.
fn any_host(address: &Address) -> Option<Address> {
    let tcp = address.as_tcp()?;
    let any: IpAddr = match tcp {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Some(Address::Tcp(SocketAddr::new(any, tcp.port())))
}
