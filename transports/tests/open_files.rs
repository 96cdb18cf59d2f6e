//! A server that runs out of descriptors. Alone in its process, because the limit is the
//! process's.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use annulus_protocol::Limits;
use annulus_transports::{
    Address, Completion, KernelRing, ListenOptions, Ring, RingChoice, TransportError, Wait,
};
use rustix::process::{Resource, Rlimit};

/// How long each wait of the test is.
const TICK: Duration = Duration::from_millis(50);
/// Of a listener that finds no descriptor.
const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn accepting_pauses_without_descriptors_and_goes_on_by_itself() {
    for choice in [RingChoice::Uring, RingChoice::Epoll] {
        let mut ring = KernelRing::new(choice, &Limits::DEFAULT).unwrap();
        let any = Address::from(SocketAddr::from(([127, 0, 0, 1], 0)));
        let (_, address) = ring.listen(any, &ListenOptions::default()).unwrap();
        let connect = || TcpStream::connect(address.as_tcp().unwrap()).unwrap();
        let clients: Vec<_> = (0..3).map(|_| connect()).collect();

        let limit = leave_descriptors(0);
        pauses_without_spinning(&mut ring);
        rustix::process::setrlimit(Resource::Nofile, limit).unwrap();

        let peers = clients.iter().map(|client| client.local_addr().unwrap());
        accepts_all(&mut ring, peers.map(Address::from).collect());
    }
    the_last_descriptor_is_enough_for_the_last_connection();
}

/// The next accept is told of the want of a descriptor before that of a connection is found.
fn the_last_descriptor_is_enough_for_the_last_connection() {
    let mut ring = KernelRing::new(RingChoice::Epoll, &Limits::DEFAULT).unwrap();
    let any = Address::from(SocketAddr::from(([127, 0, 0, 1], 0)));
    let (_, address) = ring.listen(any, &ListenOptions::default()).unwrap();
    let _client = TcpStream::connect(address.as_tcp().unwrap()).unwrap();
    let limit = leave_descriptors(1);
    ring.enter(Wait::Until(ring.now() + PATIENCE)).unwrap();
    let told: Vec<_> = std::iter::from_fn(|| ring.next_completion()).collect();
    rustix::process::setrlimit(Resource::Nofile, limit).unwrap();
    assert!(
        matches!(&told[..], [Completion::Accepted { .. }]),
        "{told:?}"
    );
}

/// Lets so many more descriptors be made, and returns what the limit was. The kernel notes it
/// when an accept is handed over, which comes after this.
fn leave_descriptors(count: usize) -> Rlimit {
    let free: Vec<_> = (0..=count)
        .map(|_| File::open("/dev/null").unwrap())
        .collect();
    let first_over = free.iter().map(AsRawFd::as_raw_fd).max();
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let few_left = Rlimit {
        current: first_over.and_then(|fd| u64::try_from(fd).ok()),
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, few_left).unwrap();
    limit
}

fn pauses_without_spinning(ring: &mut KernelRing) {
    let start = Instant::now();
    let mut pauses = 0;
    let enters = ring.enter_count();
    while pauses < 4 {
        assert!(start.elapsed() < PATIENCE, "it does not try again");
        ring.enter(Wait::Until(ring.now() + TICK)).unwrap();
        while let Some(completion) = ring.next_completion() {
            let Completion::AcceptPaused { error, .. } = completion else {
                panic!("{completion:?}")
            };
            assert!(matches!(error, TransportError::Accept(_)), "{error}");
            let errno = error.io_error().and_then(std::io::Error::raw_os_error);
            assert_eq!(errno, Some(libc::EMFILE));
            pauses += 1;
        }
    }
    let waited = start.elapsed();
    assert!(waited >= 3 * PAUSE, "four pauses in {waited:?}");
    let ticks = waited.as_millis() / TICK.as_millis();
    let enters = u128::from(ring.enter_count() - enters);
    // A tick is up to four calls: to wait for the milliseconds, for the rest, and to look.
    assert!(enters <= 4 * ticks + 40, "it spins: {enters} in {waited:?}");
}

fn accepts_all(ring: &mut KernelRing, mut expected: Vec<Address>) {
    let end = ring.now() + PATIENCE;
    while !expected.is_empty() {
        assert!(ring.now() < end, "unfinished: {expected:?}");
        ring.enter(Wait::Until(end)).unwrap();
        while let Some(completion) = ring.next_completion() {
            match completion {
                Completion::Accepted { peer, .. } => {
                    let known = expected.iter().position(|other| *other == peer);
                    expected.swap_remove(known.expect("each connection is accepted once"));
                }
                Completion::AcceptPaused { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
