//! What becomes of calls when their server or their runtime ends.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use annulus::rpcecho::{self, EchoServer, RpcEchoClient, TestSleepResponse};
use annulus::{
    AsyncHandle, Binding, Config, Cores, Limits, LocalRuntime, Notify, Runtime, Server, Status,
};

use super::replies::Delegating;
use crate::{client, raw, runtime, serve};

#[test]
fn a_server_that_goes_away_fails_its_calls_and_is_found_again() {
    let clients = runtime(1);
    let servers = runtime(1);
    let (send, receive) = mpsc::channel();
    let serving = serve(&servers, rpcecho::interface(Delegating(send)));
    let target = serving.bindings()[0].to_string();
    let echo = client(&clients, &serving);
    let call = echo.test_sleep_future(1);
    let taken = receive.recv().unwrap();
    drop(servers);
    assert_eq!(
        call.wait(),
        Err(Status::CallFailed),
        "it may have been executed"
    );
    assert_eq!(
        taken.complete(&TestSleepResponse { result: 0 }),
        Ok(()),
        "nobody is there to hear it"
    );
    let again = runtime(1);
    let server = Server::new()
        .endpoint(&target)
        .unwrap()
        .interface(rpcecho::interface(EchoServer::default()));
    again.serve(server).unwrap();
    assert_eq!(echo.add_one(1), Ok(2), "the binding connects again");
}

#[test]
fn calls_on_a_runtime_that_has_ended_fail() {
    let ended = runtime(1);
    let serving = serve(&ended, rpcecho::interface(EchoServer::default()));
    let echo = client(&ended, &serving);
    drop(ended);
    assert_eq!(echo.add_one(1), Err(Status::CallFailedDne));
}

#[test]
fn calls_in_flight_end_with_the_local_runtime_that_carries_them() {
    let servers = runtime(1);
    let (send, receive) = mpsc::channel();
    let serving = serve(&servers, rpcecho::interface(Delegating(send)));
    let mut local = LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1))).unwrap();
    let target = serving.bindings()[0].to_string();
    let echo = RpcEchoClient::new(Binding::new(&local, &target, rpcecho::INTERFACE).unwrap());
    let mut handle = AsyncHandle::new(Notify::None);
    echo.test_sleep_async(&mut handle, 1).unwrap();
    let taken = loop {
        local.poll(&mut |_| {}).unwrap();
        if let Ok(taken) = receive.try_recv() {
            break taken;
        }
    };
    drop(local);
    assert_eq!(handle.complete(), Err(Status::CallFailed));
    drop(taken);
}

#[test]
fn rule_56_no_new_call_begins_while_a_server_stops_and_running_ones_end() {
    let clients = runtime(1);
    let limits = Limits {
        drain_timeout: Duration::from_secs(20),
        ..Limits::default()
    };
    let servers =
        Runtime::start(Config::default().cores(Cores::Unpinned(1)).limits(limits)).unwrap();
    let (send, receive) = mpsc::channel();
    let serving = serve(&servers, rpcecho::interface(Delegating(send)));
    let echo = client(&clients, &serving);
    let running = echo.test_sleep_future(1);
    let taken = receive.recv().unwrap();
    let stopping = thread::spawn(move || drop(servers));
    while echo.echo_data(b"new").is_ok() {
        thread::yield_now();
    }
    assert_eq!(echo.echo_data(b"new"), Err(Status::ServerTooBusy));
    // Whoever has it listen again does not keep the runtime from ending.
    let _ = serving.listen();
    assert_eq!(echo.echo_data(b"new"), Err(Status::ServerTooBusy));
    taken.complete(&TestSleepResponse { result: 1 }).unwrap();
    assert_eq!(running.wait(), Ok(TestSleepResponse { result: 1 }));
    stopping.join().unwrap();
}

#[test]
fn the_last_reply_of_a_server_that_stops_has_time_to_go_out() {
    let limits = Limits {
        drain_timeout: Duration::from_millis(50),
        flush_timeout: raw::PATIENCE,
        ..Limits::default()
    };
    let servers =
        Runtime::start(Config::default().cores(Cores::Unpinned(1)).limits(limits)).unwrap();
    let serving = serve(&servers, rpcecho::interface(EchoServer::default()));
    let port = serving.bindings()[0].port().unwrap();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&raw::bind(raw::MULTIPLEXING)).unwrap();
    raw::read_pdu(&mut stream).unwrap();
    let ask = raw::request(
        2,
        rpcecho::SOURCE_DATA,
        raw::WHOLE,
        &16_000_000_u32.to_le_bytes(),
    );
    stream.write_all(&ask).unwrap();
    stream.peek(&mut [0]).unwrap();
    let stopping = thread::spawn(move || drop(servers));
    // Let draining end.
    thread::sleep(Duration::from_millis(200));
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(
        received.len() > 16_000_000,
        "{} bytes of 16,000,000 came",
        received.len()
    );
    stopping.join().unwrap();
}
