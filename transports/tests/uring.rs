//! What only the kernel's ring promises: peers that are not rings, threads, system calls.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use annulus_protocol::Limits;
use annulus_transports::{
    Address, Completion, ListenOptions, Ring, RingUsage, RingWaker, SocketId, TransportError,
    UringConfig, UringRing, Wait,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn ring() -> UringRing {
    UringRing::new(UringConfig::new(&Limits::DEFAULT)).expect("this machine offers io_uring")
}

fn any_address() -> Address {
    Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0)))
}

type Told = Completion<annulus_transports::KernelStream>;

/// A ring on which a closed socket lingers for longer than [`next`] waits.
fn ring_that_lingers() -> UringRing {
    let limits = Limits {
        linger_timeout: 2 * PATIENCE,
        ..Limits::DEFAULT
    };
    UringRing::new(UringConfig::new(&limits)).unwrap()
}

/// Waits for the next completion; fails if it is the end of the wait that brings it.
fn next(ring: &mut UringRing) -> Told {
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
fn connection(ring: &mut UringRing) -> (SocketId, TcpStream) {
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

fn received(ring: &mut UringRing, completion: Told) -> Vec<u8> {
    let Completion::Received { lease, .. } = completion else {
        panic!("{completion:?}")
    };
    let bytes = ring.received(&lease).to_vec();
    ring.release(lease);
    bytes
}

/// Waits for `Closed` and drops everything before it.
fn until_closed(ring: &mut UringRing, socket: SocketId) {
    loop {
        match next(ring) {
            Completion::Closed { socket: closed } if closed == socket => return,
            Completion::Received { lease, .. } => ring.release(lease),
            _ => {}
        }
    }
}

#[test]
fn a_half_closed_peer_still_gets_its_reply() {
    let mut ring = ring();
    let (socket, mut peer) = connection(&mut ring);
    peer.write_all(b"request").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let completion = next(&mut ring);
    assert_eq!(received(&mut ring, completion), b"request");
    let completion = next(&mut ring);
    assert!(
        matches!(completion, Completion::ReceiveEnded { error: None, .. }),
        "{completion:?}"
    );
    ring.send(socket, b"reply".to_vec());
    assert!(matches!(next(&mut ring), Completion::Sent { .. }));
    ring.close(socket);
    until_closed(&mut ring, socket);
    let mut reply = Vec::new();
    peer.read_to_end(&mut reply).unwrap();
    assert_eq!(reply, b"reply");
    assert_eq!(ring.usage(), RingUsage::default());
}

#[test]
fn a_reset_ends_receiving_with_an_error() {
    let mut ring = ring();
    let (socket, peer) = connection(&mut ring);
    socket2::SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
    let completion = next(&mut ring);
    let Completion::ReceiveEnded {
        error: Some(error), ..
    } = completion
    else {
        panic!("{completion:?}")
    };
    let errno = error.io_error().and_then(std::io::Error::raw_os_error);
    assert_eq!(errno, Some(libc::ECONNRESET), "{error}");
    ring.close(socket);
    until_closed(&mut ring, socket);
    assert_eq!(ring.usage(), RingUsage::default());
}

#[test]
fn a_reset_fails_the_send_in_flight() {
    let mut ring = ring();
    let (socket, peer) = connection(&mut ring);
    ring.send(socket, vec![1; 64 << 20]);
    ring.enter(Wait::No).unwrap();
    socket2::SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
    let mut failed = false;
    let mut ended = false;
    while !(failed && ended) {
        match next(&mut ring) {
            Completion::SendFailed { buffer, error, .. } => {
                assert_eq!(buffer.len(), 64 << 20);
                assert!(
                    matches!(error, TransportError::Io { action: "send", .. }),
                    "{error}"
                );
                failed = true;
            }
            Completion::ReceiveEnded { .. } => ended = true,
            other => panic!("{other:?}"),
        }
    }
    ring.close(socket);
    until_closed(&mut ring, socket);
    assert_eq!(ring.usage(), RingUsage::default());
}

/// The peer has sent more than was read, and is slow to read: a reset would destroy what still
/// waits on this side to be sent.
#[test]
fn a_slow_peer_gets_all_bytes_of_a_finished_send_after_a_close() {
    const REPLY_LEN: usize = 1 << 20;
    let mut ring = ring();
    let (socket, mut peer) = connection(&mut ring);
    ring.pause_receive(socket);
    ring.enter(Wait::No).unwrap();
    peer.write_all(&[1; 10_000]).unwrap();
    ring.send(socket, vec![2; REPLY_LEN]);
    let completion = next(&mut ring);
    assert!(
        matches!(completion, Completion::Sent { .. }),
        "{completion:?}"
    );
    ring.close(socket);
    until_closed(&mut ring, socket);
    let mut reply = Vec::new();
    peer.read_to_end(&mut reply).unwrap();
    assert_eq!(reply.len(), REPLY_LEN);
}

/// The peer sends on without having read: a reset would destroy what it was sent before.
#[test]
fn a_pipelining_peer_gets_all_bytes_of_a_finished_send_after_a_close() {
    const REPLY_LEN: usize = 1 << 20;
    let mut ring = ring_that_lingers();
    let (socket, mut peer) = connection(&mut ring);
    ring.send(socket, vec![2; REPLY_LEN]);
    assert!(matches!(next(&mut ring), Completion::Sent { .. }));
    peer.write_all(b"received after the send").unwrap();
    let completion = next(&mut ring);
    received(&mut ring, completion);
    ring.close(socket);
    ring.enter(Wait::No).unwrap();
    let client = thread::spawn(move || {
        for _ in 0..3 {
            peer.write_all(b"sent after the close").unwrap();
        }
        let mut reply = Vec::new();
        peer.read_to_end(&mut reply).map(|_| reply.len())
    });
    until_closed(&mut ring, socket);
    assert_eq!(client.join().unwrap().unwrap(), REPLY_LEN);
}

/// The peer has sent what nobody reads, was sent nothing, and does not close.
#[test]
fn a_peer_that_was_sent_nothing_delays_no_close() {
    let mut ring = ring_that_lingers();
    let (socket, mut peer) = connection(&mut ring);
    ring.pause_receive(socket);
    ring.enter(Wait::No).unwrap();
    peer.write_all(&[1; 10_000]).unwrap();
    ring.close(socket);
    until_closed(&mut ring, socket);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0, "no reset, either");
}

/// The peer neither reads, nor writes, nor closes.
#[test]
fn a_peer_that_never_closes_delays_a_close_as_the_limits_say() {
    for millis in [50, 500] {
        let limits = Limits {
            linger_timeout: Duration::from_millis(millis),
            ..Limits::DEFAULT
        };
        let mut ring = UringRing::new(UringConfig::new(&limits)).unwrap();
        let (socket, peer) = connection(&mut ring);
        ring.send(socket, b"reply".to_vec());
        assert!(matches!(next(&mut ring), Completion::Sent { .. }));
        let start = Instant::now();
        ring.close(socket);
        until_closed(&mut ring, socket);
        let elapsed = start.elapsed();
        assert!(elapsed >= limits.linger_timeout, "{elapsed:?}");
        drop(peer);
    }
}

/// The peer sends a little more than it may, and then waits.
#[test]
fn a_closed_socket_takes_as_many_bytes_as_the_limits_say() {
    let limits = Limits {
        linger_len_max: 100,
        linger_timeout: PATIENCE * 2,
        ..Limits::DEFAULT
    };
    let mut ring = UringRing::new(UringConfig::new(&limits)).unwrap();
    let (socket, mut peer) = connection(&mut ring);
    ring.send(socket, b"reply".to_vec());
    assert!(matches!(next(&mut ring), Completion::Sent { .. }));
    ring.close(socket);
    peer.write_all(&[0; 60]).unwrap();
    ring.enter(Wait::Until(ring.now() + Duration::from_millis(50)))
        .unwrap();
    assert!(ring.next_completion().is_none(), "it lingers");
    peer.write_all(&[0; 60]).unwrap();
    until_closed(&mut ring, socket);
}

/// The peer sends without end, so that there is always something to read away.
#[test]
fn a_peer_that_never_stops_sending_delays_a_close_for_a_bounded_time() {
    let mut ring = ring();
    let (socket, mut peer) = connection(&mut ring);
    let flood = thread::spawn(move || while peer.write_all(&[0; 4096]).is_ok() {});
    let completion = next(&mut ring);
    received(&mut ring, completion);
    ring.close(socket);
    until_closed(&mut ring, socket);
    flood.join().unwrap();
    assert_eq!(ring.usage(), RingUsage::default());
}

#[test]
fn an_idle_peer_is_closed_at_once() {
    let mut ring = ring_that_lingers();
    let (socket, mut peer) = connection(&mut ring);
    peer.write_all(b"hello").unwrap();
    let completion = next(&mut ring);
    received(&mut ring, completion);
    ring.close(socket);
    until_closed(&mut ring, socket);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_wake_up_from_another_thread_ends_a_wait() {
    let mut ring = ring();
    let waker = ring.waker();
    let woken = Arc::new(AtomicBool::new(false));
    let wakes = Arc::clone(&woken);
    let waking = thread::spawn(move || {
        wakes.store(true, Ordering::Release);
        waker.wake();
    });
    ring.enter(Wait::Forever).unwrap();
    assert!(woken.load(Ordering::Acquire), "woken by nothing");
    assert!(ring.next_completion().is_none());
    waking.join().unwrap();
}

#[test]
fn no_wake_up_is_lost() {
    const MESSAGES: u64 = 20_000;
    let mut ring = ring();
    let inbox = Arc::new(AtomicU64::new(0));
    let wakers: Vec<_> = (0..2)
        .map(|_| {
            let (waker, inbox) = (ring.waker(), Arc::clone(&inbox));
            thread::spawn(move || {
                for message in 0..MESSAGES {
                    inbox.fetch_add(1, Ordering::Relaxed);
                    waker.wake();
                    if message % 64 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let end = ring.now() + PATIENCE;
    while inbox.load(Ordering::Relaxed) < 2 * MESSAGES {
        ring.enter(Wait::Until(end)).unwrap();
        assert!(ring.now() < end, "a wake-up was lost");
    }
    for waking in wakers {
        waking.join().unwrap();
    }
}

#[test]
fn a_stale_wake_up_does_not_end_later_waits() {
    let mut ring = ring();
    let waker = ring.waker();
    for _ in 0..3 {
        let waker = waker.clone();
        let waking = thread::spawn(move || waker.wake());
        ring.enter(Wait::Forever).unwrap();
        waking.join().unwrap();
    }
    // A wake-up that raced with the end of a wait may leave one more.
    ring.enter(Wait::Until(ring.now() + Duration::from_millis(1)))
        .unwrap();
    let start = Instant::now();
    ring.enter(Wait::Until(ring.now() + Duration::from_millis(50)))
        .unwrap();
    assert!(
        start.elapsed() >= Duration::from_millis(50),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn spinning_without_work_makes_no_system_call() {
    let mut ring = ring();
    let (_socket, _peer) = connection(&mut ring);
    for _ in 0..10 {
        ring.enter(Wait::No).unwrap();
    }
    let before = ring.enter_count();
    for _ in 0..10_000 {
        ring.enter(Wait::No).unwrap();
    }
    assert_eq!(ring.enter_count(), before);
}

#[test]
fn the_submissions_of_a_turn_are_one_system_call() {
    let mut ring = ring();
    let connections: Vec<_> = (0..32).map(|_| connection(&mut ring)).collect();
    ring.enter(Wait::No).unwrap();
    let before = ring.enter_count();
    for (socket, _) in &connections {
        ring.send(*socket, vec![0; 56]);
    }
    ring.enter(Wait::No).unwrap();
    assert_eq!(ring.enter_count(), before + 1);
}

/// A queue of two submissions and eight completions, and far more of both.
#[test]
fn queues_that_are_too_small_lose_nothing() {
    const CONNECTIONS: usize = 100;
    let limits = Limits::DEFAULT;
    let mut config = UringConfig::new(&limits);
    config.entries = 2;
    let mut ring = UringRing::new(config).unwrap();
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| connection(&mut ring)).collect();
    for (at, (socket, peer)) in connections.iter_mut().enumerate() {
        peer.write_all(&[at as u8; 10]).unwrap();
        ring.send(*socket, vec![at as u8; 20]);
    }
    let (mut sent, mut bytes) = (0, vec![Vec::new(); CONNECTIONS]);
    while sent < CONNECTIONS || bytes.iter().any(|bytes| bytes.len() < 10) {
        match next(&mut ring) {
            Completion::Sent { .. } => sent += 1,
            Completion::Received { socket, lease } => {
                let at = connections
                    .iter()
                    .position(|(other, _)| *other == socket)
                    .unwrap();
                bytes[at].extend_from_slice(ring.received(&lease));
                ring.release(lease);
            }
            other => panic!("{other:?}"),
        }
    }
    for (at, (socket, peer)) in connections.iter_mut().enumerate() {
        assert_eq!(bytes[at], [at as u8; 10]);
        let mut echo = [0; 20];
        peer.read_exact(&mut echo).unwrap();
        assert_eq!(echo, [at as u8; 20]);
        ring.close(*socket);
    }
    connections
        .iter_mut()
        .for_each(|(_, peer)| peer.shutdown(Shutdown::Both).unwrap());
    let mut closed = 0;
    while closed < CONNECTIONS {
        closed += usize::from(matches!(next(&mut ring), Completion::Closed { .. }));
    }
    assert_eq!(ring.usage(), RingUsage::default());
}

/// A queue of eight completions, and 64 at a time.
#[test]
fn completions_beyond_the_queue_are_taken_in_the_same_turn() {
    let limits = Limits::DEFAULT;
    let mut config = UringConfig::new(&limits);
    config.entries = 2;
    let mut ring = UringRing::new(config).unwrap();
    let connections: Vec<_> = (0..64).map(|_| connection(&mut ring)).collect();
    for (socket, _) in &connections {
        ring.send(*socket, vec![0; 20]);
    }
    ring.enter(Wait::No).unwrap();
    let sent = std::iter::from_fn(|| ring.next_completion())
        .filter(|completion| matches!(completion, Completion::Sent { .. }));
    assert_eq!(sent.count(), 64);
}

/// A socket's want of buffers is told while the queue, full of other submissions, is handed
/// over; the buffers are back before the ring waits.
#[test]
fn a_socket_without_a_buffer_does_not_wait_for_a_wake_up() {
    let limits = Limits {
        receive_buffers: 1,
        receive_buffer_len: 64,
        ..Limits::DEFAULT
    };
    let mut config = UringConfig::new(&limits);
    config.entries = 2;
    let mut ring = UringRing::new(config).unwrap();
    let (first, mut first_peer) = connection(&mut ring);
    let (second, mut second_peer) = connection(&mut ring);
    let (busy, _busy_peer) = connection(&mut ring);
    first_peer.write_all(b"a").unwrap();
    let Completion::Received { socket, lease } = next(&mut ring) else {
        panic!("the first socket receives")
    };
    assert_eq!(socket, first);
    second_peer.write_all(b"b").unwrap();
    for _ in 0..20 {
        ring.pause_receive(busy);
        ring.resume_receive(busy);
    }
    ring.release(lease);
    match next(&mut ring) {
        Completion::Received { socket, .. } => assert_eq!(socket, second),
        other => panic!("{other:?}"),
    }
}

/// The last completion of the receive that the pause cancels is what starts the next one.
#[test]
fn a_resume_in_the_turn_of_its_pause_goes_on_receiving() {
    let mut ring = ring();
    let (socket, mut peer) = connection(&mut ring);
    for round in 0..10_u8 {
        ring.pause_receive(socket);
        ring.resume_receive(socket);
        ring.enter(Wait::No).unwrap();
        peer.write_all(&[round]).unwrap();
        let completion = next(&mut ring);
        assert_eq!(received(&mut ring, completion), [round]);
    }
}

/// The kernel reads the buffer until the send's completion, so that the socket, and with it the
/// buffer, goes only after that.
#[test]
fn a_socket_is_closed_after_the_send_that_the_close_cuts_off() {
    const LEN: usize = 64 << 20;
    let mut ring = ring();
    let (socket, peer) = connection(&mut ring);
    ring.send(socket, vec![7; LEN]);
    ring.enter(Wait::No).unwrap();
    assert!(ring.next_completion().is_none(), "nobody reads");
    ring.close(socket);
    match next(&mut ring) {
        Completion::SendFailed { buffer, error, .. } => {
            assert_eq!(buffer, vec![7; LEN]);
            assert!(matches!(error, TransportError::ClosedLocally), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(ring.usage().sends, 0);
    drop(peer);
    match next(&mut ring) {
        Completion::Closed { socket: closed } => assert_eq!(closed, socket),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_queue_of_no_or_too_many_entries_is_refused_by_its_name() {
    let limits = Limits::DEFAULT;
    for entries in [0, 32_769] {
        let mut config = UringConfig::new(&limits);
        config.entries = entries;
        match UringRing::new(config).err().unwrap() {
            TransportError::Setting { name, value, .. } => {
                assert_eq!((name, value), ("UringConfig::entries", entries.into()));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_connection_can_move_to_another_core() {
    let (give, take) = mpsc::channel();
    let other = thread::spawn(move || {
        let mut ring = ring();
        let socket = ring.adopt(take.recv().unwrap()).unwrap();
        let completion = next(&mut ring);
        let mut bytes = received(&mut ring, completion);
        bytes.reverse();
        ring.send(socket, bytes);
        assert!(matches!(next(&mut ring), Completion::Sent { .. }));
        ring.close(socket);
        until_closed(&mut ring, socket);
    });
    let mut ring = ring();
    let (_, address) = ring
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    ring.enter(Wait::No).unwrap();
    let mut peer = TcpStream::connect(address.as_tcp().unwrap()).unwrap();
    let Completion::Accepted { stream, .. } = next(&mut ring) else {
        panic!()
    };
    give.send(stream).unwrap();
    peer.write_all(b"abc").unwrap();
    let mut reply = Vec::new();
    peer.read_to_end(&mut reply).unwrap();
    assert_eq!(reply, b"cba");
    other.join().unwrap();
}

#[test]
fn a_dropped_ring_frees_its_port_and_its_peers() {
    let mut ring = ring();
    let (_, address) = ring
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    let (_socket, mut peer) = connection(&mut ring);
    drop(ring);
    TcpListener::bind(address.as_tcp().unwrap()).expect("the port is free");
    assert!(matches!(peer.read(&mut [0; 8]), Ok(0) | Err(_)));
}

/// The kernel has told of a connection while submissions were made, but the ring goes down before
/// it takes the news.
#[test]
fn a_dropped_ring_closes_what_was_accepted_at_the_last_moment() {
    let limits = Limits::DEFAULT;
    let mut config = UringConfig::new(&limits);
    config.entries = 2;
    let mut ring = UringRing::new(config).unwrap();
    let (busy, _busy_peer) = connection(&mut ring);
    let (_, address) = ring
        .listen(any_address(), &ListenOptions::default())
        .unwrap();
    ring.enter(Wait::No).unwrap();
    let mut peer = TcpStream::connect(address.as_tcp().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    for _ in 0..20 {
        ring.pause_receive(busy);
        ring.resume_receive(busy);
    }
    drop(ring);
    match peer.read(&mut [0; 8]) {
        Ok(len) => assert_eq!(len, 0),
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET), "{error}"),
    }
}

#[test]
fn ipv6_works_as_ipv4_does() {
    let mut ring = ring();
    let any = Address::from(std::net::SocketAddr::from((
        std::net::Ipv6Addr::LOCALHOST,
        0,
    )));
    let Ok((_, address)) = ring.listen(any, &ListenOptions::default()) else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let client = ring.connect(address).unwrap();
    let (mut accepted, mut connected) = (None, false);
    while accepted.is_none() || !connected {
        match next(&mut ring) {
            Completion::Accepted { stream, peer, .. } => {
                assert!(peer.as_tcp().unwrap().is_ipv6());
                accepted = Some(stream);
            }
            Completion::Connected { socket } => connected = socket == client,
            other => panic!("{other:?}"),
        }
    }
}

/// Descriptors of the standard library are non-blocking if somebody made them so.
#[test]
fn a_stream_made_elsewhere_is_put_into_blocking_mode() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut ring = ring();
    let fd = std::os::fd::OwnedFd::from(stream);
    ring.adopt(fd.try_into().unwrap()).unwrap();
    ring.enter(Wait::No).unwrap();
    peer.write_all(b"late").unwrap();
    let completion = next(&mut ring);
    assert_eq!(received(&mut ring, completion), b"late");
}

#[test]
#[should_panic(expected = "a send is in flight")]
fn a_second_send_is_a_mistake() {
    let mut ring = ring();
    let (socket, _peer) = connection(&mut ring);
    ring.send(socket, vec![0; 64 << 20]);
    ring.enter(Wait::No).unwrap();
    ring.send(socket, vec![0; 1]);
}

#[test]
#[should_panic(expected = "which is not open")]
fn a_send_after_a_close_is_a_mistake() {
    let mut ring = ring();
    let (socket, _peer) = connection(&mut ring);
    ring.close(socket);
    ring.send(socket, vec![0; 1]);
}
