//! Calls over the real ring: all forms, many threads, deferred replies, faults, lost servers.

mod calls {
    mod endings;
    mod local;
    mod replies;
}
mod raw;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use annulus::async_rpc::{self, AsyncRpcClient, SampleEvent, SampleServer};
use annulus::rpcecho::{
    self, EchoEnum1, EchoEnum1Long, EchoEnum2, EchoEnum3, EchoInfo, EchoServer, EchoSurrounding,
    RpcEchoClient, TestSleepResponse,
};
use annulus::{
    AsyncHandle, Binding, BindingOptions, CancelKind, Config, Cores, Event, Interface, Limits,
    Notify, Runtime, Server, Serving, Status,
};

fn runtime(cores: usize) -> Runtime {
    let limits = Limits {
        drain_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    Runtime::start(
        Config::default()
            .cores(Cores::Unpinned(cores))
            .limits(limits),
    )
    .unwrap()
}

fn serve(runtime: &Runtime, interface: impl Interface) -> Serving {
    runtime
        .serve(
            Server::new()
                .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
                .unwrap()
                .interface(interface),
        )
        .unwrap()
}

fn client(runtime: &Runtime, serving: &Serving) -> RpcEchoClient {
    let target = serving.bindings()[0].to_string();
    RpcEchoClient::new(Binding::new(runtime, &target, rpcecho::INTERFACE).unwrap())
}

#[test]
fn all_operations_of_rpcecho_answer_in_ndr() {
    let runtime = runtime(1);
    let serving = serve(&runtime, rpcecho::interface(EchoServer::default()));
    call_all_operations(&client(&runtime, &serving));
}

#[test]
fn all_operations_of_rpcecho_answer_in_ndr64() {
    let runtime = runtime(1);
    let serving = serve(&runtime, rpcecho::interface(EchoServer::default()));
    let target = serving.bindings()[0].to_string().replace(']', ",ndr64]");
    call_all_operations(&RpcEchoClient::new(
        Binding::new(&runtime, &target, rpcecho::INTERFACE).unwrap(),
    ));
}

fn call_all_operations(echo: &RpcEchoClient) {
    assert_eq!(echo.add_one(u32::MAX), Ok(0));
    for len in [0, 1, 5000, 6000, 1_000_000] {
        let data: Vec<u8> = (0..len).map(|index: u32| index as u8).collect();
        assert_eq!(echo.echo_data(&data).unwrap(), data);
        assert_eq!(echo.source_data(len).unwrap(), data);
        echo.sink_data(&data).unwrap();
    }
    assert_eq!(
        echo.test_call("grüße 🦀").unwrap().as_deref(),
        Some("grüße 🦀")
    );
    assert!(
        matches!(echo.test_call2(6).unwrap().info, EchoInfo::Info6(info) if info.info1.v == 80)
    );
    assert_eq!(echo.test_call2(8), Err(Status::Other(0xc000_0148)));
    assert_eq!(echo.test_double_pointer(Some(None)), Ok(0));
    assert_eq!(echo.test_double_pointer(Some(Some(9))), Ok(9));
    let doubled = echo
        .test_surrounding(EchoSurrounding {
            x: 20,
            surrounding: vec![1; 20],
        })
        .unwrap();
    assert_eq!((doubled.x, doubled.surrounding), (40, vec![0; 40]));
    let foo2 = EchoEnum2 {
        e1: EchoEnum1::ONE,
        e2: EchoEnum1Long::LONG_TWO,
    };
    let answer = echo.test_enum(EchoEnum1::TWO, foo2, EchoEnum3::E2(foo2));
    assert_eq!(answer.unwrap().foo2.e1, EchoEnum1::TWO);
    assert_eq!(echo.source_data(u32::MAX), Err(Status::OutOfMemory));
}

#[test]
fn a_slow_call_does_not_hold_up_a_fast_one_on_the_same_connection() {
    let runtime = runtime(1);
    let serving = serve(&runtime, rpcecho::interface(EchoServer::default()));
    let echo = client(&runtime, &serving);
    let event = Event::manual_reset();
    let mut slow = AsyncHandle::new(Notify::Event(event.clone()));
    echo.test_sleep_async(&mut slow, 1).unwrap();
    assert_eq!(slow.complete(), Err(Status::AsyncCallPending));
    for number in 0..100 {
        assert_eq!(echo.add_one(number), Ok(number + 1));
    }
    assert_eq!(slow.status(), Status::AsyncCallPending);
    assert!(event.wait_timeout(Duration::from_secs(20)));
    assert_eq!(slow.complete(), Ok(TestSleepResponse { result: 1 }));
    assert_eq!(slow.complete(), Err(Status::InvalidAsyncHandle));
}

#[test]
fn a_handle_in_flight_takes_no_second_call_and_can_be_used_again_later() {
    let runtime = runtime(1);
    let serving = serve(&runtime, rpcecho::interface(EchoServer::default()));
    let echo = client(&runtime, &serving);
    let event = Event::auto_reset();
    let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
    handle.set_user_info(77);
    for number in 0..100 {
        echo.add_one_async(&mut handle, number).unwrap();
        assert_eq!(
            echo.add_one_async(&mut handle, 0),
            Err(Status::InvalidAsyncCall)
        );
        assert!(event.wait_timeout(Duration::from_secs(20)));
        assert_eq!(handle.complete().unwrap().out_data, number + 1);
        assert_eq!(handle.user_info(), 77);
    }
}

#[test]
fn an_abortive_cancel_ends_the_call_at_once_and_harms_no_other() {
    let runtime = runtime(1);
    let serving = serve(&runtime, rpcecho::interface(EchoServer::default()));
    let echo = client(&runtime, &serving);
    let event = Event::auto_reset();
    let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
    assert_eq!(
        handle.cancel(CancelKind::Abortive),
        Err(Status::InvalidAsyncHandle)
    );
    assert_eq!(
        echo.add_one(0),
        Ok(1),
        "from here on the connection is there, and calls are sent at once"
    );
    echo.test_sleep_async(&mut handle, 1).unwrap();
    handle.cancel(CancelKind::Abortive).unwrap();
    assert!(
        event.wait_timeout(Duration::from_millis(900)),
        "the call ends before the server answers"
    );
    assert_eq!(handle.complete(), Err(Status::CallCancelled));
    echo.test_sleep_async(&mut handle, 1).unwrap();
    handle.cancel(CancelKind::NonAbortive).unwrap();
    assert_eq!(echo.add_one(1), Ok(2));
    assert!(event.wait_timeout(Duration::from_secs(20)));
    assert_eq!(
        handle.complete().unwrap().result,
        1,
        "this server does not look at cancels"
    );
}

#[test]
fn many_threads_share_a_binding_over_two_cores() {
    let runtime = runtime(2);
    let serving = serve(&runtime, rpcecho::interface(EchoServer::default()));
    thread::scope(|scope| {
        for thread in 0..8_u32 {
            let target = serving.bindings()[0].to_string();
            let options = BindingOptions::new().unique_binding();
            let binding = Binding::with_options(&runtime, &target, rpcecho::INTERFACE, options);
            let echo = RpcEchoClient::new(binding.unwrap());
            scope.spawn(move || {
                for number in 0..2_000 {
                    let value = thread << 16 | number;
                    assert_eq!(echo.add_one(value), Ok(value + 1));
                }
            });
        }
    });
    assert_eq!(
        serving.accepted_per_core(),
        [4, 4],
        "connections are dealt out evenly"
    );
    let statistics = serving.statistics();
    assert_eq!(statistics.calls_in, 16_000);
    assert!(
        statistics.packets_in >= 16_008 && statistics.packets_out >= 16_008,
        "{statistics:?}"
    );
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let runtime = runtime(1);
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let target = format!("ncacn_ip_tcp:127.0.0.1[{free}]");
    let echo = RpcEchoClient::new(Binding::new(&runtime, &target, rpcecho::INTERFACE).unwrap());
    assert_eq!(echo.add_one(1), Err(Status::ServerUnavailable));
    assert_eq!(echo.add_one(1), Err(Status::ServerUnavailable), "and again");
}

#[test]
fn an_interface_that_is_not_served_is_unknown() {
    let runtime = runtime(1);
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let serving = runtime.serve(server).unwrap();
    assert_eq!(
        client(&runtime, &serving).add_one(1),
        Err(Status::UnknownIf)
    );
}

#[test]
fn the_async_rpc_sample_works_as_documented() {
    let runtime = runtime(1);
    let (send, asked) = mpsc::channel();
    let serving = serve(&runtime, async_rpc::interface(SampleServer::new(send)));
    let target = serving.bindings()[0].to_string();
    let sample =
        AsyncRpcClient::new(Binding::new(&runtime, &target, async_rpc::INTERFACE).unwrap());
    sample.non_async_func(b"a message").unwrap();
    let mut handle = AsyncHandle::new(Notify::None);
    sample.async_func_async(&mut handle, 100).unwrap();
    assert_eq!(handle.complete(), Err(Status::AsyncCallPending), "polling");
    while handle.status() == Status::AsyncCallPending {
        thread::yield_now();
    }
    assert_eq!(handle.complete(), Ok(()));
    sample.shutdown().unwrap();
    let asked: Vec<_> = asked.try_iter().collect();
    let expected = [
        SampleEvent::Message("a message".to_owned()),
        SampleEvent::Delay(Duration::from_millis(100)),
        SampleEvent::Shutdown,
    ];
    assert_eq!(asked, expected);
}
