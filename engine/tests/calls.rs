//! Calls over the real ring: all forms, many threads, deferred replies, faults, lost servers.

mod raw;

use std::borrow::Cow;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use annulus::async_rpc::{self, AsyncRpcClient, SampleEvent, SampleServer};
use annulus::ndr::Utf16Str;
use annulus::rpcecho::{
    self, EchoEnum1, EchoEnum1Long, EchoEnum2, EchoEnum3, EchoInfo, EchoServer, EchoSurrounding,
    RpcEcho, RpcEchoClient, TestCall2Response, TestEnumResponse, TestSleepResponse,
};
use annulus::{
    AsyncHandle, Binding, BindingOptions, CallContext, CancelKind, Config, Cores, Event,
    IdlePolicy, Interface, Limits, LocalRuntime, Notify, Runtime, Server, ServerCall, Serving,
    Status,
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
fn calls_are_awaited_on_the_thread_of_a_local_runtime() {
    let config = Config::default().cores(Cores::Unpinned(1));
    let mut local = LocalRuntime::new(&config).unwrap();
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let serving = local
        .serve(server.interface(rpcecho::interface(EchoServer::default())))
        .unwrap();
    let target = serving.bindings()[0].to_string();
    let echo = RpcEchoClient::new(Binding::new(&local, &target, rpcecho::INTERFACE).unwrap());
    assert_eq!(
        echo.add_one(1),
        Err(Status::CannotSupport),
        "blocking would wait for itself"
    );
    let sum = local
        .block_on(async {
            let (first, second) = (echo.add_one_future(1), echo.add_one_future(10));
            Ok::<_, Status>(first.await?.out_data + second.await?.out_data)
        })
        .unwrap();
    assert_eq!(sum, Ok(13));
    drop(echo);
    local.shutdown().unwrap();
}

/// An rpcecho whose TestSleep hands its call to somebody else, and whose other operations fail.
struct Delegating(mpsc::Sender<ServerCall<TestSleepResponse>>);

impl RpcEcho for Delegating {
    fn add_one(&self, _: &mut CallContext<'_>, in_data: u32) -> Result<u32, Status> {
        assert!(in_data != 13, "unlucky");
        Err(Status::Other(in_data))
    }

    fn echo_data<'a>(
        &self,
        _: &mut CallContext<'_>,
        in_data: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, Status> {
        Ok(Cow::Borrowed(in_data))
    }

    fn sink_data(&self, _: &mut CallContext<'_>, _: &[u8]) -> Result<(), Status> {
        Err(Status::AccessDenied)
    }

    fn source_data(&self, _: &mut CallContext<'_>, _: u32) -> Result<Vec<u8>, Status> {
        Err(Status::AccessDenied)
    }

    fn test_call(
        &self,
        _: &mut CallContext<'_>,
        _: Utf16Str<'_>,
    ) -> Result<Option<String>, Status> {
        Ok(None)
    }

    fn test_call2(&self, _: &mut CallContext<'_>, _: u16) -> Result<TestCall2Response, Status> {
        Err(Status::CannotSupport)
    }

    fn test_sleep(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<TestSleepResponse>,
        seconds: u32,
    ) -> Result<(), Status> {
        if seconds == 0 {
            return Err(Status::InvalidArg);
        }
        self.0.send(call).map_err(|_| Status::ServerTooBusy)
    }

    fn test_enum(
        &self,
        _: &mut CallContext<'_>,
        foo1: EchoEnum1,
        foo2: EchoEnum2,
        foo3: EchoEnum3,
    ) -> Result<TestEnumResponse, Status> {
        Ok(TestEnumResponse { foo1, foo2, foo3 })
    }

    fn test_surrounding(
        &self,
        _: &mut CallContext<'_>,
        data: EchoSurrounding,
    ) -> Result<EchoSurrounding, Status> {
        Ok(data)
    }

    fn test_double_pointer(
        &self,
        _: &mut CallContext<'_>,
        _: Option<Option<u16>>,
    ) -> Result<u16, Status> {
        Ok(0)
    }
}

#[test]
fn rule_33_replies_complete_from_any_thread() {
    let runtime = runtime(1);
    let (send, receive) = mpsc::channel::<ServerCall<TestSleepResponse>>();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let echo = client(&runtime, &serving);
    let calls: Vec<_> = (1..=50)
        .map(|seconds| echo.test_sleep_future(seconds))
        .collect();
    let taken: Vec<_> = receive.iter().take(50).collect();
    thread::spawn(move || {
        for (index, call) in taken.into_iter().rev().enumerate() {
            call.complete(&TestSleepResponse {
                result: index as u32,
            })
            .unwrap();
        }
    });
    let results: Vec<_> = calls
        .into_iter()
        .map(|call| call.wait().unwrap().result)
        .collect();
    assert_eq!(results, (0..50).rev().collect::<Vec<_>>());
}

#[test]
fn rule_31_a_dropped_call_becomes_a_fault() {
    let runtime = runtime(1);
    let (send, receive) = mpsc::channel();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let echo = client(&runtime, &serving);
    let call = echo.test_sleep_future(1);
    drop(receive.recv().unwrap());
    assert_eq!(call.wait(), Err(Status::CallFailed));
}

#[test]
fn rule_34_an_abort_carries_its_code_and_zero_is_refused() {
    let runtime = runtime(1);
    let (send, receive) = mpsc::channel();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let echo = client(&runtime, &serving);
    let call = echo.test_sleep_future(1);
    receive.recv().unwrap().abort(Status::Other(4711)).unwrap();
    assert_eq!(call.wait(), Err(Status::Other(4711)));
    let call = echo.test_sleep_future(1);
    assert_eq!(
        receive.recv().unwrap().abort(Status::Ok),
        Err(Status::InvalidArg)
    );
    assert_eq!(call.wait(), Err(Status::CallFailed));
}

#[test]
fn rule_35_failures_and_panics_of_a_manager_reach_that_client_alone() {
    let runtime = runtime(1);
    let (send, _receive) = mpsc::channel();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let (echo, neighbour) = (client(&runtime, &serving), client(&runtime, &serving));
    assert_eq!(echo.add_one(7), Err(Status::Other(7)));
    assert_eq!(
        echo.test_sleep(0),
        Err(Status::InvalidArg),
        "failing before the hand-off"
    );
    assert_eq!(echo.add_one(13), Err(Status::CallFailed), "a panic");
    assert_eq!(neighbour.echo_data(b"fine").unwrap(), b"fine");
    assert_eq!(echo.echo_data(b"still here").unwrap(), b"still here");
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

#[test]
fn a_fault_may_carry_any_code_and_still_ends_its_call() {
    let runtime = runtime(1);
    let (send, _receive) = mpsc::channel();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let echo = client(&runtime, &serving);
    let pending = Status::AsyncCallPending.code();
    assert_eq!(
        echo.add_one(pending),
        Err(Status::CallFailed),
        "a call that has ended is not pending"
    );
    let no_call = Status::InvalidAsyncHandle.code();
    assert_eq!(echo.add_one(no_call), Err(Status::InvalidAsyncHandle));
    assert_eq!(
        echo.add_one(0),
        Err(Status::CallFailed),
        "a fault is never a success"
    );
    assert_eq!(echo.echo_data(b"and on").unwrap(), b"and on");
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
    taken.complete(&TestSleepResponse { result: 1 }).unwrap();
    assert_eq!(running.wait(), Ok(TestSleepResponse { result: 1 }));
    stopping.join().unwrap();
}

#[test]
fn a_blocking_call_on_the_thread_of_its_own_core_is_refused_and_not_made() {
    let servers = runtime(1);
    let serving = serve(&servers, rpcecho::interface(EchoServer::default()));
    let config = Config::default().cores(Cores::Unpinned(1));
    let mut first = LocalRuntime::new(&config).unwrap();
    let _second = LocalRuntime::new(&config).unwrap();
    let target = serving.bindings()[0].to_string();
    let echo = RpcEchoClient::new(Binding::new(&first, &target, rpcecho::INTERFACE).unwrap());
    first.block_on(echo.add_one_future(1)).unwrap().unwrap();
    let before = serving.statistics().calls_in;
    assert_eq!(echo.add_one(1), Err(Status::CannotSupport));
    let end = Instant::now() + Duration::from_millis(200);
    while Instant::now() < end {
        first.poll(&mut |_| {}).unwrap();
    }
    assert_eq!(serving.statistics().calls_in, before);
}

/// Another thread wakes a future at all possible moments, also while its core goes to sleep.
#[test]
fn block_on_never_misses_a_wake_up() {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        let config = Config::default()
            .cores(Cores::Unpinned(1))
            .idle(IdlePolicy::Block);
        let mut local = LocalRuntime::new(&config).unwrap();
        let (send, receive) = mpsc::channel::<(Waker, Arc<AtomicBool>)>();
        thread::spawn(move || {
            let mut random = 1_u64;
            for (waker, flag) in receive {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (0..(random >> 56) * 4).for_each(|_| std::hint::spin_loop());
                flag.store(true, Ordering::Release);
                waker.wake();
            }
        });
        for _ in 0..30_000 {
            let flag = Arc::new(AtomicBool::new(false));
            let mut asked = false;
            let wait = std::future::poll_fn(|context| {
                if flag.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                if !std::mem::replace(&mut asked, true) {
                    send.send((context.waker().clone(), Arc::clone(&flag)))
                        .unwrap();
                }
                Poll::Pending
            });
            local.block_on(wait).unwrap();
        }
        done.send(()).unwrap();
    });
    finished
        .recv_timeout(Duration::from_secs(120))
        .expect("a wake-up was lost");
}

#[test]
fn rule_33_completing_on_the_dispatching_core_wakes_no_other_thread() {
    let (servers, clients) = (runtime(1), runtime(1));
    let serving = serve(&servers, rpcecho::interface(EchoServer::default()));
    let echo = client(&clients, &serving);
    let before = servers.wake_count();
    for _ in 0..50 {
        assert_eq!(
            echo.test_sleep(0),
            Ok(0),
            "deferred, and completed by a timer of the core"
        );
    }
    assert_eq!(servers.wake_count(), before);
    // Wake-ups are counted: this thread wakes the client's core, some time when that sleeps.
    while clients.wake_count() == 0 {
        assert_eq!(echo.test_sleep(0), Ok(0));
        thread::yield_now();
    }
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

#[test]
fn a_local_server_waits_for_a_port_that_is_still_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (free, busy) = (raw::free_port(), taken.local_addr().unwrap().port());
    let mut local = LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1))).unwrap();
    let freed = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        drop(taken);
    });
    let server = Server::new()
        .endpoint(&format!("ncacn_ip_tcp:127.0.0.1[{free}]"))
        .unwrap()
        .endpoint(&format!("ncacn_ip_tcp:127.0.0.1[{busy}]"))
        .unwrap();
    assert_eq!(local.serve(server).unwrap().bindings().len(), 2);
    freed.join().unwrap();
}
