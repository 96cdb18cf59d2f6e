//! Rings, and peers that are none.

use std::net::TcpStream;
use std::time::Duration;

use annulus_protocol::Limits;
use annulus_transports::{
    Address, Completion, KernelRing, KernelStream, ListenOptions, Ring, RingChoice, SocketId, Wait,
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn ring(choice: RingChoice) -> KernelRing {
    ring_within(choice, &Limits::DEFAULT)
}

pub(crate) fn ring_within(choice: RingChoice, limits: &Limits) -> KernelRing {
    KernelRing::new(choice, limits).expect("this machine offers both rings")
}

pub(crate) fn any_address() -> Address {
    Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0)))
}

pub(crate) type Told = Completion<KernelStream>;

/// A ring over the kernel, of the one kind or the other or of either.
pub(crate) trait KernelsRing: Ring<Stream = KernelStream> {}

impl<R: Ring<Stream = KernelStream>> KernelsRing for R {}

/// A ring on which a closed socket lingers for longer than [`next`] waits.
pub(crate) fn ring_that_lingers(choice: RingChoice) -> KernelRing {
    let limits = Limits {
        linger_timeout: 2 * PATIENCE,
        ..Limits::DEFAULT
    };
    ring_within(choice, &limits)
}

/// Waits for the next completion; fails if it is the end of the wait that brings it.
pub(crate) fn next(ring: &mut impl KernelsRing) -> Told {
    let end = ring.now() + PATIENCE;
    loop {
        if let Some(completion) = ring.next_completion() {
            return completion;
        }
        ring.enter(Wait::Until(end)).unwrap();
        assert!(ring.now() < end, "unfinished");
    }
}

/// A socket of the ring and, as its peer, a stream of the standard library.
pub(crate) fn connection(ring: &mut impl KernelsRing) -> (SocketId, TcpStream) {
    let (listener, address) = ring
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    ring.enter(Wait::No).unwrap();
    let peer = TcpStream::connect(address.as_tcp().unwrap()).unwrap();
    let Completion::Accepted {
        stream, peer: seen, ..
    } = next(ring)
    else {
        panic!()
    };
    assert_eq!(seen, Address::from(peer.local_addr().unwrap()));
    ring.close_listener(listener);
    let socket = ring.adopt(stream).unwrap();
    ring.enter(Wait::No).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    (socket, peer)
}

pub(crate) fn received(ring: &mut impl KernelsRing, completion: Told) -> Vec<u8> {
    let Completion::Received { lease, .. } = completion else {
        panic!("{completion:?}")
    };
    let bytes = ring.received(&lease).to_vec();
    ring.release(lease);
    bytes
}

/// Waits for `Closed` and drops everything before it.
pub(crate) fn until_closed(ring: &mut impl KernelsRing, socket: SocketId) {
    loop {
        match next(ring) {
            Completion::Closed { socket: closed } if closed == socket => return,
            Completion::Received { lease, .. } => ring.release(lease),
            _ => {}
        }
    }
}
