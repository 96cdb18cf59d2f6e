//! Hostile and broken clients against a real server: that client gets a fault, a nak or a
//! close, and nobody else notices. One attack per test.

mod raw;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use annulus::{Limits, rpcecho};
use raw::{
    BIND_ACK, FAULT, MAYBE, RESPONSE, Scene, WHOLE, bind, fault_status, read_pdu, request, until,
};

const PROTOCOL_ERROR: u32 = 0x1c01_000b;
const TOO_BUSY: u32 = 0x1c01_0014;

/// All that the server sends until it closes; a reset counts as a close.
fn read_to_close(scene: &Scene, mut stream: TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Ok(_) => {}
        Err(error) => {
            assert_eq!(
                error.kind(),
                ErrorKind::ConnectionReset,
                "the server does not close"
            );
        }
    }
    scene.neighbour_is_well();
    received
}

/// An AddOne(41) request whose header lies about its lengths.
fn lying_add_one(frag_length: u16, auth_length: u16) -> Vec<u8> {
    let mut pdu = request(2, rpcecho::ADD_ONE, WHOLE, &41_u32.to_le_bytes());
    pdu[8..10].copy_from_slice(&frag_length.to_le_bytes());
    pdu[10..12].copy_from_slice(&auth_length.to_le_bytes());
    pdu
}

#[test]
fn frag_length_shorter_than_its_own_header_is_a_protocol_error() {
    let scene = Scene::new(Limits::default());
    for frag_length in [0, 1, 15] {
        let mut stream = scene.bound();
        stream.write_all(&lying_add_one(frag_length, 0)).unwrap();
        assert_eq!(fault_status(&read_to_close(&scene, stream)), PROTOCOL_ERROR);
    }
}

#[test]
fn frag_length_longer_than_legal_is_a_protocol_error() {
    let scene = Scene::new(Limits::default());
    let mut stream = scene.bound();
    stream.write_all(&lying_add_one(u16::MAX, 0)).unwrap();
    assert_eq!(fault_status(&read_to_close(&scene, stream)), PROTOCOL_ERROR);
}

#[test]
fn auth_length_beyond_the_pdu_is_refused() {
    let scene = Scene::new(Limits::default());
    for auth_length in [1, 20, 28, u16::MAX] {
        let mut stream = scene.bound();
        stream.write_all(&lying_add_one(28, auth_length)).unwrap();
        assert_eq!(
            read_to_close(&scene, stream)[2],
            FAULT,
            "auth_length {auth_length}"
        );
    }
}

#[test]
fn rule_14_segments_of_one_byte_are_a_call_like_any_other() {
    let scene = Scene::new(Limits::default());
    let mut stream = scene.connect();
    for byte in bind(0) {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read_pdu(&mut stream).unwrap()[2], BIND_ACK);
    for byte in request(2, rpcecho::ADD_ONE, WHOLE, &41_u32.to_le_bytes()) {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read_pdu(&mut stream).unwrap()[24..28], [42, 0, 0, 0]);
}

#[test]
fn a_pdu_that_never_ends_is_closed_after_its_time() {
    let scene = Scene::new(Limits {
        progress_timeout: Duration::from_millis(200),
        ..Limits::default()
    });
    let mut stream = scene.bound();
    let pdu = request(2, rpcecho::ADD_ONE, WHOLE, &41_u32.to_le_bytes());
    stream.write_all(&pdu[..20]).unwrap();
    assert!(read_to_close(&scene, stream).is_empty());
}

#[test]
fn a_connection_that_never_binds_is_closed_after_its_time() {
    let scene = Scene::new(Limits {
        bind_timeout: Duration::from_millis(200),
        ..Limits::default()
    });
    let stream = scene.connect();
    assert!(read_to_close(&scene, stream).is_empty());
}

#[test]
fn a_stranger_to_the_protocol_is_turned_away() {
    let scene = Scene::new(Limits::default());
    let http = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let smb = "\0\0\0\x54\u{fe}SMB and so on, for a while";
    for greeting in [http, smb] {
        let mut stream = scene.connect();
        stream.write_all(greeting.as_bytes()).unwrap();
        read_to_close(&scene, stream);
    }
}

#[test]
fn garbage_after_a_bind_ends_that_connection_alone() {
    let scene = Scene::new(Limits::default());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..100 {
        let mut stream = scene.bound();
        let garbage: Vec<u8> = (0..4096)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        // The server may close while this is still being written.
        let _ = stream.write_all(&garbage);
        read_to_close(&scene, stream);
    }
}

#[test]
fn connections_beyond_the_limit_are_closed_at_once() {
    // The neighbour's two ends take two places.
    let scene = Scene::new(Limits {
        connections_per_core_max: 4,
        ..Limits::default()
    });
    let within: Vec<_> = (0..2).map(|_| scene.bound()).collect();
    let beyond = scene.connect();
    assert!(read_to_close(&scene, beyond).is_empty());
    drop(within);
}

#[test]
fn calls_beyond_the_limit_of_a_connection_are_refused_and_not_executed() {
    let scene = Scene::new(Limits {
        calls_per_connection_max: 2,
        ..Limits::default()
    });
    let mut stream = scene.bound();
    for call in 2..=4 {
        let sleep = request(call, rpcecho::TEST_SLEEP, WHOLE, &1000_u32.to_le_bytes());
        stream.write_all(&sleep).unwrap();
    }
    let answer = read_pdu(&mut stream).unwrap();
    assert_eq!((fault_status(&answer), answer[12]), (TOO_BUSY, 4));
    assert_eq!(answer[3] & 0x20, 0x20, "DID_NOT_EXECUTE");
    scene.neighbour_is_well();
}

/// An attack on the books: a call without an answer, to an operation that answers later.
#[test]
fn maybe_calls_to_an_async_operation_are_dropped_and_take_no_place() {
    let scene = Scene::new(Limits {
        calls_per_connection_max: 4,
        calls_per_core_max: 64,
        ..Limits::default()
    });
    let mut stream = scene.bound();
    for call in 2..200 {
        let sleep = request(
            call,
            rpcecho::TEST_SLEEP,
            WHOLE | MAYBE,
            &1000_u32.to_le_bytes(),
        );
        stream.write_all(&sleep).unwrap();
    }
    let last = request(200, rpcecho::ADD_ONE, WHOLE, &1_u32.to_le_bytes());
    stream.write_all(&last).unwrap();
    assert_eq!(
        read_pdu(&mut stream).unwrap()[2],
        RESPONSE,
        "nothing else is answered"
    );
    assert_eq!(scene.neighbour.test_sleep(0), Ok(0));
}

#[test]
fn a_client_that_half_closes_after_its_last_request_gets_the_answer() {
    let scene = Scene::new(Limits::default());
    for round in 0..50 {
        let mut stream = scene.bound();
        let pdu = request(2, rpcecho::ADD_ONE, WHOLE, &41_u32.to_le_bytes());
        stream.write_all(&pdu).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = read_pdu(&mut stream).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(answer[2], RESPONSE);
        assert!(read_to_close(&scene, stream).is_empty());
    }
}

/// One that died looks the same, and its calls are not to stay open.
#[test]
fn a_client_that_half_closes_gives_up_the_calls_that_are_open() {
    let scene = Scene::new(Limits::default());
    let mut stream = scene.bound();
    let endless = request(2, rpcecho::TEST_SLEEP, WHOLE, &3600_u32.to_le_bytes());
    let short = request(3, rpcecho::ADD_ONE, WHOLE, &41_u32.to_le_bytes());
    stream.write_all(&[endless, short].concat()).unwrap();
    assert_eq!(read_pdu(&mut stream).unwrap()[2], RESPONSE);
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(read_to_close(&scene, stream).is_empty());
}

/// Many clients that each begin a long request and do not end it.
#[test]
fn requests_that_are_never_finished_do_not_add_up() {
    let scene = Scene::new(Limits {
        assembling_len_per_core_max: 10_000,
        ..Limits::default()
    });
    const FIRST: u8 = 0x01;
    let begun = request(2, rpcecho::SINK_DATA, FIRST, &[0; 4000]);
    let mut streams: Vec<_> = (0..5).map(|_| scene.bound()).collect();
    for stream in &mut streams {
        stream.write_all(&begun).unwrap();
        scene.neighbour_is_well();
    }
    let last = streams.pop().unwrap();
    assert_eq!(fault_status(&read_to_close(&scene, last)), TOO_BUSY);
    drop(streams);
    until("what is gone makes room", || {
        let mut again = scene.bound();
        again.write_all(&begun).unwrap();
        let ended = request(2, rpcecho::SINK_DATA, 0x02, &[0; 8]);
        // A server that is out of room closes.
        let _ = again.write_all(&ended);
        read_pdu(&mut again).is_ok_and(|answer| answer[2] == RESPONSE)
    });
}

/// Calls that are long gone, at a limit that they had reached.
#[test]
fn calls_of_clients_that_have_gone_make_room_for_closures() {
    let scene = Scene::new(Limits {
        timers_per_core_max: 100,
        ..Limits::default()
    });
    let silent: Vec<_> = (0..150).map(|_| scene.connect()).collect();
    let mut stream = scene.bound();
    for call in 2..102 {
        let sleep = request(call, rpcecho::TEST_SLEEP, WHOLE, &3600_u32.to_le_bytes());
        stream.write_all(&sleep).unwrap();
    }
    let last = request(102, rpcecho::TEST_SLEEP, WHOLE, &0_u32.to_le_bytes());
    stream.write_all(&last).unwrap();
    assert_eq!(fault_status(&read_pdu(&mut stream).unwrap()), TOO_BUSY);
    drop(stream);
    until("what is gone makes room", || {
        scene.neighbour.test_sleep(0) == Ok(0)
    });
    drop(silent);
}
