//! What befalls sockets.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use annulus_protocol::Limits;
use annulus_transports::{
    Address, Completion, KernelRing, ListenOptions, Ring, RingChoice, RingUsage, TransportError,
    Wait,
};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::peers::{any_address, connection, next, received, ring, ring_within, until_closed};

pub(crate) fn a_reset_ends_receiving_with_an_error(choice: RingChoice) {
    let mut ring = ring(choice);
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

pub(crate) fn a_reset_fails_the_send_in_flight(choice: RingChoice) {
    let mut ring = ring(choice);
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

/// A read ends in front of an urgent byte, however much lies behind it (tcp(7)).
pub(crate) fn urgent_data_hides_nothing_behind_it(choice: RingChoice) {
    let mut ring = ring(choice);
    let (socket, mut peer) = connection(&mut ring);
    ring.pause_receive(socket);
    ring.enter(Wait::No).unwrap();
    peer.write_all(b"before").unwrap();
    socket2::SockRef::from(&peer)
        .send_out_of_band(b"!")
        .unwrap();
    peer.write_all(b"behind").unwrap();
    ring.resume_receive(socket);
    let mut bytes = Vec::new();
    while bytes.len() < b"beforebehind".len() {
        let completion = next(&mut ring);
        bytes.extend(received(&mut ring, completion));
    }
    assert_eq!(bytes, b"beforebehind");
}

/// A read of a Unix socket ends behind descriptors, however much lies behind them (unix(7)). They
/// are of no use here, and a peer must not fill this process's table with them.
pub(crate) fn descriptors_from_a_local_peer_are_closed_and_hide_nothing(choice: RingChoice) {
    const ROUNDS: usize = 20;
    let mut ring = ring(choice);
    let (peer, stream) = UnixStream::pair().unwrap();
    let socket = ring
        .adopt(OwnedFd::from(stream).try_into().unwrap())
        .unwrap();
    ring.pause_receive(socket);
    ring.enter(Wait::No).unwrap();
    // Its reader tells when the last descriptor of its writer is closed.
    let (reader, writer) = std::io::pipe().unwrap();
    for _ in 0..ROUNDS {
        let descriptors = [writer.as_fd(), writer.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let bytes = [IoSlice::new(b"with")];
        rustix::net::sendmsg(&peer, &bytes, &mut control, SendFlags::empty()).unwrap();
        (&peer).write_all(b"behind").unwrap();
    }
    drop(writer);
    ring.resume_receive(socket);
    let mut bytes = Vec::new();
    while bytes.len() < ROUNDS * b"withbehind".len() {
        let completion = next(&mut ring);
        bytes.extend(received(&mut ring, completion));
    }
    assert_eq!(bytes, b"withbehind".repeat(ROUNDS));
    let mut end = [0];
    assert_eq!((&reader).read(&mut end).unwrap(), 0, "none is left open");

    // A socket that lingers reads them away, too.
    ring.send(socket, b"last".to_vec());
    assert!(matches!(next(&mut ring), Completion::Sent { .. }));
    ring.close(socket);
    drop(peer);
    until_closed(&mut ring, socket);
    assert_eq!(ring.usage(), RingUsage::default());
}

/// 32 TiB: a setting must not end the process.
pub(crate) fn receive_buffers_beyond_all_memory_are_an_error(choice: RingChoice) {
    let limits = Limits {
        receive_buffers: 1 << 15,
        receive_buffer_len: 1 << 30,
        ..Limits::DEFAULT
    };
    // Where memory is granted without bound, until it is written to, there is a ring.
    if let Err(error) = KernelRing::new(choice, &limits) {
        assert!(
            matches!(
                error,
                TransportError::ReceiveBuffers { .. } | TransportError::UringMemory { .. }
            ),
            "{error}"
        );
    }
}

/// The last completion of the receive that the pause cancels is what starts the next one.
pub(crate) fn a_resume_in_the_turn_of_its_pause_goes_on_receiving(choice: RingChoice) {
    let mut ring = ring(choice);
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

/// More is there than a turn takes, and nothing more comes that would tell of it.
pub(crate) fn a_pause_in_the_middle_of_much_loses_nothing(choice: RingChoice) {
    const LEN: usize = 300_000;
    let mut ring = ring(choice);
    let (socket, mut peer) = connection(&mut ring);
    ring.pause_receive(socket);
    ring.enter(Wait::No).unwrap();
    peer.write_all(&[7; LEN]).unwrap();
    ring.resume_receive(socket);
    let mut len = 0;
    while len < LEN {
        let completion = next(&mut ring);
        len += received(&mut ring, completion).len();
        ring.pause_receive(socket);
        for _ in 0..3 {
            ring.enter(Wait::No).unwrap();
        }
        ring.resume_receive(socket);
    }
    assert_eq!(len, LEN);
}

pub(crate) fn a_connection_can_move_to_another_core(choice: RingChoice) {
    let (give, take) = mpsc::channel();
    let other = thread::spawn(move || {
        let mut ring = ring(choice);
        let socket = ring.adopt(take.recv().unwrap()).unwrap();
        let completion = next(&mut ring);
        let mut bytes = received(&mut ring, completion);
        bytes.reverse();
        ring.send(socket, bytes);
        assert!(matches!(next(&mut ring), Completion::Sent { .. }));
        ring.close(socket);
        until_closed(&mut ring, socket);
    });
    let mut ring = ring(choice);
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

pub(crate) fn ipv6_works_as_ipv4_does(choice: RingChoice) {
    let mut ring = ring(choice);
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
pub(crate) fn a_stream_made_elsewhere_is_put_into_blocking_mode(choice: RingChoice) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut ring = ring(choice);
    let fd = std::os::fd::OwnedFd::from(stream);
    ring.adopt(fd.try_into().unwrap()).unwrap();
    ring.enter(Wait::No).unwrap();
    peer.write_all(b"late").unwrap();
    let completion = next(&mut ring);
    assert_eq!(received(&mut ring, completion), b"late");
}

pub(crate) fn a_second_send_is_a_mistake(choice: RingChoice) {
    let mut ring = ring(choice);
    let (socket, _peer) = connection(&mut ring);
    ring.send(socket, vec![0; 64 << 20]);
    ring.enter(Wait::No).unwrap();
    ring.send(socket, vec![0; 1]);
}

pub(crate) fn a_send_after_a_close_is_a_mistake(choice: RingChoice) {
    let mut ring = ring(choice);
    let (socket, _peer) = connection(&mut ring);
    ring.close(socket);
    ring.send(socket, vec![0; 1]);
}

/// The only buffer is held by the owner, while bytes come in for others.
pub(crate) fn a_want_of_buffers_makes_nothing_spin_and_loses_nothing(choice: RingChoice) {
    const PIECES: u8 = 20;
    let limits = Limits {
        receive_buffers: 1,
        receive_buffer_len: 64,
        ..Limits::DEFAULT
    };
    let mut ring = ring_within(choice, &limits);
    let (_, mut greedy_peer) = connection(&mut ring);
    let (starved, mut starved_peer) = connection(&mut ring);
    greedy_peer.write_all(b"first").unwrap();
    let Completion::Received { lease, .. } = next(&mut ring) else {
        panic!("the first socket receives")
    };
    let before = ring.enter_count();
    for piece in 0..PIECES {
        starved_peer.write_all(&[piece]).unwrap();
        ring.enter(Wait::Until(ring.now() + Duration::from_millis(2)))
            .unwrap();
        assert!(ring.next_completion().is_none());
    }
    let enters = ring.enter_count() - before;
    assert!(enters <= 8 * u64::from(PIECES), "it spins: {enters} calls");
    assert_eq!(ring.usage().leases, 1);

    ring.release(lease);
    let mut bytes = Vec::new();
    while bytes.len() < usize::from(PIECES) {
        let completion = next(&mut ring);
        assert!(
            matches!(completion, Completion::Received { socket, .. } if socket == starved),
            "{completion:?}"
        );
        bytes.extend(received(&mut ring, completion));
    }
    assert_eq!(bytes, (0..PIECES).collect::<Vec<_>>());
}

/// A peer that has far more to say than one turn takes.
pub(crate) fn a_flood_on_one_socket_does_not_keep_another_waiting(choice: RingChoice) {
    let mut ring = ring(choice);
    let (flooded, mut flooding_peer) = connection(&mut ring);
    let (quiet, mut quiet_peer) = connection(&mut ring);
    for socket in [flooded, quiet] {
        ring.pause_receive(socket);
    }
    ring.enter(Wait::No).unwrap();
    let flood = thread::spawn(move || while flooding_peer.write_all(&[0; 16 << 10]).is_ok() {});
    quiet_peer.write_all(b"a word").unwrap();
    for socket in [flooded, quiet] {
        ring.resume_receive(socket);
    }
    let mut heard = false;
    let mut flooded_pieces = 0;
    while !heard {
        match next(&mut ring) {
            Completion::Received { socket, lease } => {
                heard = socket == quiet;
                flooded_pieces += usize::from(socket == flooded);
                ring.release(lease);
            }
            other => panic!("{other:?}"),
        }
    }
    let most = usize::from(Limits::DEFAULT.receive_buffers);
    assert!(flooded_pieces <= most, "{flooded_pieces} pieces came first");
    drop(ring);
    flood.join().unwrap();
}

/// A Unix listener has room for one connection that was not accepted, and there are three.
pub(crate) fn a_connect_waits_for_room_at_a_unix_listener(choice: RingChoice) {
    let name = format!("annulus-room-{}-{choice:?}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();

    let mut ring = ring(choice);
    let address = Address::Unix(path.clone());
    let connects: Vec<_> = (0..3)
        .map(|_| ring.connect(address.clone()).unwrap())
        .collect();
    let Completion::Connected { socket: first } = next(&mut ring) else {
        panic!("there is room for one")
    };
    ring.enter(Wait::Until(ring.now() + Duration::from_millis(25)))
        .unwrap();
    assert!(ring.next_completion().is_none(), "there is room for one");

    let mut waiting: Vec<_> = connects.into_iter().filter(|one| *one != first).collect();
    let given_up = waiting.pop().unwrap();
    ring.close(given_up);
    let completion = next(&mut ring);
    assert!(
        matches!(&completion, Completion::ConnectFailed { socket, error: TransportError::ClosedLocally } if *socket == given_up),
        "{completion:?}"
    );
    until_closed(&mut ring, given_up);

    let _accepted = listener.accept().unwrap();
    let completion = next(&mut ring);
    let Completion::Connected { socket } = completion else {
        panic!("{completion:?}")
    };
    assert_eq!(socket, waiting[0]);
    std::fs::remove_file(path).unwrap();
}
