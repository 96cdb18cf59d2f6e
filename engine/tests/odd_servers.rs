//! A client against servers that shut down, do not multiplex, or lie.

mod raw;

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use annulus::rpcecho::{self, RpcEchoClient};
use annulus::{
    AsyncHandle, Binding, CancelKind, Config, Cores, Event, Notify, PipeShape, PullPipe, Runtime,
    Status,
};
use raw::{
    MULTIPLEXING, PATIENCE, SHUTDOWN, bind_ack, echo_client, hex, read_pdu, response,
    server_by_hand,
};

fn runtime() -> Runtime {
    Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap()
}

#[test]
fn a_call_after_the_server_shut_the_connection_down_goes_to_a_new_one() {
    let (send, left) = mpsc::channel();
    let port = server_by_hand(move |_, mut stream| {
        let bind = read_pdu(&mut stream).unwrap();
        stream.write_all(&bind_ack(&bind, MULTIPLEXING)).unwrap();
        let call = read_pdu(&mut stream).unwrap();
        stream.write_all(&response(&call)).unwrap();
        stream.write_all(&hex(SHUTDOWN)).unwrap();
        assert!(read_pdu(&mut stream).is_err(), "nothing more comes");
        send.send(stream).unwrap();
    });
    let runtime = runtime();
    let echo = echo_client(&runtime, port);
    assert_eq!(echo.add_one(1), Ok(2));
    let _stream = left.recv_timeout(PATIENCE).expect("the client leaves");
    assert_eq!(echo.add_one(1), Ok(2));
}

/// The connection lingers while it closes, so the next one can get its socket's id.
#[test]
fn a_call_in_flight_fails_when_the_server_shuts_down_and_the_next_one_reconnects() {
    let (send, _kept_open) = mpsc::channel();
    let port = server_by_hand(move |index, mut stream| {
        let bind = read_pdu(&mut stream).unwrap();
        stream.write_all(&bind_ack(&bind, MULTIPLEXING)).unwrap();
        while let Ok(call) = read_pdu(&mut stream) {
            if index == 0 {
                stream.write_all(&hex(SHUTDOWN)).unwrap();
                send.send(stream).unwrap();
                return;
            }
            stream.write_all(&response(&call)).unwrap();
        }
    });
    let runtime = runtime();
    let echo = echo_client(&runtime, port);
    let first = echo.add_one_future(1);
    assert_eq!(
        first.wait().map(|reply| reply.out_data),
        Err(Status::CallFailed)
    );
    assert_eq!(echo.add_one(1), Ok(2));
}

#[test]
fn a_server_that_binds_and_shuts_down_at_once_is_not_tried_for_ever() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let port = server_by_hand(move |_, mut stream| {
        count.fetch_add(1, Ordering::Relaxed);
        let bind = read_pdu(&mut stream).unwrap();
        let mut answer = bind_ack(&bind, MULTIPLEXING);
        answer.extend(hex(SHUTDOWN));
        stream.write_all(&answer).unwrap();
        let _ = read_pdu(&mut stream);
    });
    let runtime = runtime();
    assert_eq!(
        echo_client(&runtime, port).add_one(1),
        Err(Status::ServerUnavailable)
    );
    assert!(connections.load(Ordering::Relaxed) <= 2);
}

#[test]
fn a_server_that_answers_a_bind_with_garbage_is_unavailable() {
    let port = server_by_hand(|_, mut stream| {
        let _ = read_pdu(&mut stream);
        let _ = stream.write_all(&[0xff; 64]);
        let _ = read_pdu(&mut stream);
    });
    let runtime = runtime();
    let echo = echo_client(&runtime, port);
    for _ in 0..3 {
        assert_eq!(echo.add_one(1), Err(Status::ServerUnavailable));
    }
}

/// Answers AddOne, never answers anything else, and does not multiplex.
#[test]
fn without_multiplexing_a_cancelled_call_does_not_hold_up_the_next() {
    let port = server_by_hand(|_, mut stream| {
        let bind = read_pdu(&mut stream).unwrap();
        stream.write_all(&bind_ack(&bind, 0)).unwrap();
        while let Ok(pdu) = read_pdu(&mut stream) {
            if pdu[2] == 0 && pdu[22] == 0 {
                stream.write_all(&response(&pdu)).unwrap();
            }
        }
    });
    let runtime = runtime();
    let echo = echo_client(&runtime, port);
    assert_eq!(echo.add_one(1), Ok(2));
    let event = Event::auto_reset();
    let mut slow = AsyncHandle::new(Notify::None);
    let mut next = AsyncHandle::new(Notify::Event(event.clone()));
    echo.test_sleep_async(&mut slow, 1).unwrap();
    echo.add_one_async(&mut next, 1).unwrap();
    // Behind the other two, and on a connection of its own, as it is not of their lane.
    assert_eq!(echo.add_one(1), Ok(2));
    assert!(!event.is_set(), "one call at a time");
    slow.cancel(CancelKind::Abortive).unwrap();
    assert!(
        event.wait_timeout(PATIENCE),
        "the next call gets a connection of its own"
    );
    assert_eq!(next.complete().map(|reply| reply.out_data), Ok(2));
    assert_eq!(slow.complete(), Err(Status::CallCancelled));
}

/// Such as one of several machines behind one address.
#[test]
fn a_server_that_does_not_know_its_group_again_is_not_asked_for_it_for_ever() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refusals);
    let port = server_by_hand(move |_, mut stream| {
        let bind = read_pdu(&mut stream).unwrap();
        if bind[20..24] != [0; 4] {
            count.fetch_add(1, Ordering::Relaxed);
            let mut refusal = hex("05 00 0d 03 10000000 1500 0000 00000000  0000 01 0500");
            refusal[12..16].copy_from_slice(&bind[12..16]);
            stream.write_all(&refusal).unwrap();
            return;
        }
        stream.write_all(&bind_ack(&bind, MULTIPLEXING)).unwrap();
        while let Ok(call) = read_pdu(&mut stream) {
            let mut empty_pipe = response(&call);
            empty_pipe[24..].fill(0);
            stream.write_all(&empty_pipe).unwrap();
        }
    });
    let runtime = runtime();
    let target = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    let binding = Binding::new(&runtime, &target, rpcecho::INTERFACE).unwrap();
    let binding = binding.with_deadline(PATIENCE);
    RpcEchoClient::new(binding.clone()).add_one(1).unwrap();
    let shape = PipeShape {
        in_count: 0,
        out_count: 1,
    };
    let (call, pipes) = binding.call_with_pipes::<_, ()>(0, &(), shape).unwrap();
    let mut pipe: PullPipe<u8> = pipes.pull(0);
    assert_eq!(pipe.pull_blocking(&mut Vec::new(), 8), Ok(0));
    assert_eq!(call.wait(), Ok(()));
    assert_eq!(refusals.load(Ordering::Relaxed), 1);
}
