//! A server that runs out of descriptors. Alone in its process, because the limit is the
//! process's.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use annulus_protocol::Limits;
use annulus_transports::{
    Address, Completion, ListenOptions, Ring, TransportError, UringConfig, UringRing, Wait,
};
use rustix::process::{Resource, Rlimit};

#[test]
fn accepting_pauses_without_descriptors_and_goes_on_by_itself() {
    let mut ring = UringRing::new(UringConfig::new(&Limits::DEFAULT)).unwrap();
    let any = Address::from(SocketAddr::from(([127, 0, 0, 1], 0)));
    let (_, address) = ring.listen(any, &ListenOptions::default()).unwrap();
    let tcp = address.as_tcp().unwrap();
    let client = TcpStream::connect(tcp).unwrap();

    // The next descriptor would be the first one over the limit. The kernel notes the limit
    // when an accept is handed over, which happens below.
    let probe = std::fs::File::open("/dev/null").unwrap();
    let lowest_free = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&probe)).unwrap();
    drop(probe);
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let none_left = Rlimit {
        current: Some(lowest_free),
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, none_left).unwrap();

    const TICK: Duration = Duration::from_millis(50);
    /// Of a listener that finds no descriptor.
    const PAUSE: Duration = Duration::from_millis(100);
    let start = Instant::now();
    let mut pauses = 0;
    let enters = ring.enter_count();
    while pauses < 4 {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "it does not try again"
        );
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
    assert!(enters <= ticks + 40, "it spins: {enters} in {waited:?}");

    rustix::process::setrlimit(Resource::Nofile, limit).unwrap();
    let end = ring.now() + Duration::from_secs(5);
    loop {
        ring.enter(Wait::Until(end)).unwrap();
        match ring.next_completion() {
            Some(Completion::Accepted { peer, .. }) => {
                assert_eq!(peer, Address::from(client.local_addr().unwrap()));
                return;
            }
            Some(Completion::AcceptPaused { .. }) => {}
            other => panic!("{other:?}"),
        }
        assert!(ring.now() < end, "unfinished");
    }
}
