//! The rules of order, associations and time, by their numbers.

mod held;
mod raw;

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use annulus::{
    AsyncHandle, Binding, BindingOptions, CancelKind, Config, Cores, Limits, LocalRuntime, Notify,
    Status, SyntaxId, rpcecho,
};
use held::{Bytes, ECHO, FILL, FIRST, HOLD, Number, SECOND, Scene, echo, handle, hold, runtime};
use socket2::{Domain, Socket, Type};

use raw::{MULTIPLEXING, bind_ack, echo_client, hex, read_pdu, response, server_by_hand, until};

/// The type of a request PDU.
const REQUEST: u8 = 0;

fn single() -> BindingOptions {
    BindingOptions::new().one_call_per_connection()
}

#[test]
fn rule_38_the_calls_of_one_thread_are_dispatched_in_the_order_made() {
    let scene = Scene::new();
    let binding = scene.binding();
    let mut handles: Vec<_> = (0..200).map(|_| AsyncHandle::new(Notify::None)).collect();
    for (number, handle) in (0..).zip(&mut handles) {
        hold(&binding, handle, number).unwrap();
    }
    let held: Vec<_> = (0..200).map(|_| scene.next_held()).collect();
    assert_eq!(scene.seen(), (0..200).collect::<Vec<_>>());
    held.into_iter().rev().for_each(held::Held::answer);
    for (number, mut handle) in (0..).zip(handles) {
        assert_eq!(handle.wait(), Ok(Number { number }), "execution overlaps");
    }
}

#[test]
fn rule_38_without_multiplexing_the_calls_of_one_thread_wait_for_each_other() {
    let scene = Scene::new();
    let binding = scene.binding_with(single());
    let mut handles: Vec<_> = (0..20).map(|_| AsyncHandle::new(Notify::None)).collect();
    for (number, handle) in (0..).zip(&mut handles) {
        hold(&binding, handle, number).unwrap();
    }
    for number in 0..20 {
        let held = scene.next_held();
        assert_eq!(held.number, number);
        assert_eq!(
            echo(&binding, 100),
            Ok(100),
            "synchronous calls do not wait"
        );
        assert!(scene.holds_nothing(), "one at a time");
        held.answer();
    }
    for (number, mut handle) in (0..).zip(handles) {
        assert_eq!(handle.wait(), Ok(Number { number }));
    }
    assert!(scene.connections() <= 2);
}

#[test]
fn rule_38_different_threads_run_concurrently() {
    let scene = Scene::new();
    let binding = scene.binding_with(single());
    let (mut mine, _) = handle();
    hold(&binding, &mut mine, 1).unwrap();
    let first = scene.next_held();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut other, _) = handle();
            hold(&binding, &mut other, 2).unwrap();
            assert_eq!(other.wait(), Ok(Number { number: 2 }));
        });
        let second = scene.next_held();
        assert_eq!(second.number, 2, "while the first is pending");
        second.answer();
    });
    first.answer();
    assert!(mine.wait().is_ok());
}

#[test]
fn rule_39_noncausal_calls_of_one_thread_do_not_wait_for_each_other() {
    let scene = Scene::new();
    let binding = scene.binding_with(single().non_causal());
    let mut handles: Vec<_> = (0..8).map(|_| AsyncHandle::new(Notify::None)).collect();
    for (number, handle) in (0..).zip(&mut handles) {
        hold(&binding, handle, number).unwrap();
    }
    let held: Vec<_> = (0..8).map(|_| scene.next_held()).collect();
    assert_eq!(scene.connections(), 8);
    held.into_iter().for_each(held::Held::answer);
    assert!(handles.iter_mut().all(|handle| handle.wait().is_ok()));
}

/// Of the calls that wait for a connection only so many are looked at; those that have ended are
/// none of them.
#[test]
fn rule_38_calls_that_have_ended_do_not_hide_one_that_need_not_wait() {
    let scene = Scene::new();
    let binding = scene.binding_with(single());
    // One call of this thread is under way, and the others wait for it.
    let mut handles: Vec<_> = (0..81).map(|_| AsyncHandle::new(Notify::None)).collect();
    for (number, handle) in (0..).zip(&mut handles) {
        hold(&binding, handle, number).unwrap();
    }
    let first = scene.next_held();
    for handle in &mut handles[41..] {
        handle.cancel(CancelKind::Abortive).unwrap();
    }
    let (mut other, _) = handle();
    thread::scope(|scope| {
        let call = || hold(&binding, &mut other, 1000);
        scope.spawn(call).join().unwrap().unwrap();
    });
    let held = scene.next_held();
    assert_eq!(held.number, 1000, "a thread waits for no other one");
    held.answer();
    assert_eq!(other.wait(), Ok(Number { number: 1000 }));
    first.answer();
}

#[test]
fn rule_40_multiplexed_calls_share_one_connection() {
    let scene = Scene::new();
    let (first, second) = (scene.binding(), scene.binding());
    let other = Binding::new(&scene.clients, &scene.target, SECOND).unwrap();
    let bindings = [first, second, other];
    let calls: Vec<_> = (0..60)
        .map(|number| bindings[number % 3].call::<_, Number>(HOLD, &Number { number: 1 }))
        .collect();
    (0..60).for_each(|_| scene.next_held().answer());
    assert!(calls.into_iter().all(|call| call.wait().is_ok()));
    assert_eq!(scene.connections(), 1);
}

#[test]
fn rule_40_otherwise_further_connections_of_the_association_up_to_a_limit() {
    let scene = Scene::with_limits(Limits {
        connections_per_association_max: 3,
        ..Limits::default()
    });
    let binding = scene.binding_with(single().non_causal());
    let calls: Vec<_> = (0..30)
        .map(|number| binding.call::<_, Number>(HOLD, &Number { number }))
        .collect();
    let held: Vec<_> = (0..3).map(|_| scene.next_held()).collect();
    assert_eq!(scene.connections(), 3);
    for held in held {
        held.answer();
    }
    for _ in 3..30 {
        scene.next_held().answer();
    }
    for (number, call) in (0..).zip(calls) {
        assert_eq!(call.wait(), Ok(Number { number }));
    }
    assert_eq!(scene.connections(), 3, "free ones are used again");
    assert_eq!(scene.seen(), (0..30).collect::<Vec<_>>(), "in order");
}

#[test]
fn rule_41_a_unique_binding_has_connections_of_its_own() {
    let scene = Scene::new();
    let unique = BindingOptions::new().unique_binding();
    let bindings = [
        scene.binding(),
        scene.binding_with(unique),
        scene.binding_with(unique),
    ];
    assert!(bindings.iter().all(|binding| echo(binding, 1) == Ok(1)));
    assert_eq!(scene.connections(), 3);
}

/// A client on the thread of the test, so that its connections can be counted.
struct LocalClient {
    runtime: LocalRuntime,
    target: String,
}

impl LocalClient {
    fn new(scene: &Scene, limits: Limits) -> Self {
        let config = Config::default().cores(Cores::Unpinned(1)).limits(limits);
        LocalClient {
            runtime: LocalRuntime::new(&config).unwrap(),
            target: scene.target.clone(),
        }
    }

    fn binding(&self, options: BindingOptions) -> Binding {
        Binding::with_options(&self.runtime, &self.target, FIRST, options).unwrap()
    }

    fn echo(&mut self, binding: &Binding) {
        let number = Number { number: 1 };
        let call = binding.call::<_, Number>(ECHO, &number);
        assert_eq!(self.runtime.block_on(call).unwrap(), Ok(number));
    }

    fn connections(&mut self) -> usize {
        self.runtime.poll(&mut |_| {}).unwrap();
        self.runtime.usage().connections
    }
}

#[test]
fn rule_41_an_association_lingers_for_the_next_binding_and_then_ends() {
    let scene = Scene::new();
    let limits = Limits {
        association_linger: Duration::from_millis(200),
        ..Limits::default()
    };
    let mut client = LocalClient::new(&scene, limits);
    for _ in 0..5 {
        let binding = client.binding(BindingOptions::new());
        client.echo(&binding);
        drop(binding);
        assert_eq!(client.connections(), 1);
    }
    assert_eq!(scene.connections(), 1, "it was always the same");
    until("the association ends", || client.connections() == 0);
    let binding = client.binding(BindingOptions::new());
    client.echo(&binding);
    assert_eq!(scene.connections(), 2);
}

#[test]
fn rule_41_dont_linger_closes_with_the_last_binding() {
    let scene = Scene::new();
    let mut client = LocalClient::new(&scene, Limits::default());
    let stays = client.binding(BindingOptions::new());
    let goes = client.binding(BindingOptions::new().dont_linger());
    client.echo(&goes);
    drop(goes);
    client.echo(&stays);
    assert_eq!(client.connections(), 1, "in use");
    let goes = client.binding(BindingOptions::new().dont_linger());
    client.echo(&goes);
    drop(stays);
    client.echo(&goes);
    assert_eq!(scene.connections(), 1, "one for all");
    drop(goes);
    until("the association ends", || client.connections() == 0);
}

#[test]
fn rule_41_idle_connections_close_and_the_next_call_connects_again() {
    let scene = Scene::new();
    let limits = Limits {
        idle_connection_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut client = LocalClient::new(&scene, limits);
    let binding = client.binding(BindingOptions::new());
    let (mut handle, _) = handle();
    hold(&binding, &mut handle, 1).unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(150) {
        client.connections();
    }
    assert_eq!(
        client.connections(),
        1,
        "a connection with a call is not idle"
    );
    scene.next_held().answer();
    until("the call ends", || {
        client.connections() == 0 || handle.status() != Status::AsyncCallPending
    });
    assert!(handle.complete().is_ok());
    until("an idle connection closes", || client.connections() == 0);
    client.echo(&binding);
    assert_eq!(scene.connections(), 2);
}

#[test]
fn rule_41_one_idle_connection_is_kept_where_context_handles_may_exist() {
    let scene = Scene::new();
    let limits = Limits {
        idle_connection_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut client = LocalClient::new(&scene, limits);
    let binding = client.binding(BindingOptions::new());
    binding.keep_connected();
    client.echo(&binding);
    // Behind several times the timeout, by the client's own clock, it is still the same one.
    let until = client.runtime.now() + Duration::from_millis(100);
    while client.runtime.now() < until {
        client.connections();
    }
    client.echo(&binding);
    assert_eq!(scene.connections(), 1);
}

#[test]
fn rule_41_an_idle_connection_is_kept_no_longer_than_a_binding_wants_that() {
    let scene = Scene::new();
    let limits = Limits {
        idle_connection_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut client = LocalClient::new(&scene, limits);
    let keepers = [(); 2].map(|()| client.binding(BindingOptions::new()));
    let other = client.binding(BindingOptions::new());
    for keeper in &keepers {
        keeper.keep_connected();
        client.echo(keeper);
    }
    client.echo(&other);
    for keeper in keepers {
        let end = client.runtime.now() + Duration::from_millis(60);
        while client.runtime.now() < end {
            client.connections();
        }
        assert_eq!(client.connections(), 1, "it is kept for one more");
        drop(keeper);
    }
    until("an idle connection closes", || client.connections() == 0);
    client.echo(&other);
    assert_eq!(scene.connections(), 2);
}

#[test]
fn rule_41_the_bindings_of_a_local_runtime_are_released() {
    let scene = Scene::new();
    let mut local = LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1))).unwrap();
    let options = BindingOptions::new().dont_linger();
    let binding = local.bind_with(&scene.target, FIRST, options).unwrap();
    while !local.is_ready(binding) {
        local.turn(&mut |_| {}).unwrap();
    }
    let number = Number { number: 4 };
    local.call(binding, ECHO, 1, &number).unwrap();
    local.release(binding);
    let refused = local.call(binding, ECHO, 2, &number);
    assert_eq!(refused, Err(Status::InvalidBinding));
    let mut ended = Vec::new();
    while local.usage().connections > 0 {
        let mut note = |reply: annulus::LocalReply<'_>| {
            ended.push((reply.token, reply.result.and_then(|data| data.decode())));
        };
        local.turn(&mut note).unwrap();
    }
    assert_eq!(
        ended,
        [(1, Ok(number))],
        "what was in flight ends as it would have"
    );
}

/// MS-RPCE 3.3.1.5.7: the client's address tells who it is.
#[test]
fn a_group_of_another_address_is_refused_as_one_that_there_is_not() {
    const BIND_NAK: u8 = 13;
    let scene = raw::Scene::new(Limits::default());
    let from = |host: [u8; 4], group: &[u8]| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port = SocketAddr::from((host, 0));
        socket.bind(&any_port.into()).unwrap();
        socket.connect(&scene.address.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(raw::PATIENCE)).unwrap();
        let mut bind = raw::bind(raw::MULTIPLEXING);
        bind[20..24].copy_from_slice(group);
        stream.write_all(&bind).unwrap();
        let answer = raw::read_pdu(&mut stream).unwrap();
        (stream, answer)
    };
    let (_first, ack) = from([127, 0, 0, 1], &[0; 4]);
    assert_eq!(ack[2], raw::BIND_ACK);
    let group = &ack[20..24];
    let (_same, ack) = from([127, 0, 0, 1], group);
    assert_eq!((ack[2], &ack[20..24]), (raw::BIND_ACK, group));
    let (_stranger, refusal) = from([127, 0, 0, 2], group);
    let (_lost, unknown) = from([127, 0, 0, 1], &[0xee; 4]);
    assert_eq!(refusal[2], BIND_NAK);
    assert_eq!(refusal, unknown, "it does not even tell that there is one");
}

#[test]
fn rule_42_a_call_of_which_nothing_comes_ends_after_its_timeout() {
    for options in [BindingOptions::new(), single()] {
        let scene = Scene::new();
        let patient = scene.binding_with(options);
        assert_eq!(echo(&patient, 0), Ok(0), "connected, so that calls go out");
        let binding = scene.binding_with(options.call_timeout(Duration::from_millis(40)));
        let (mut handle, _) = handle();
        hold(&binding, &mut handle, 1).unwrap();
        let held = scene.next_held();
        assert_eq!(handle.wait(), Err(Status::CallCancelled));
        until("the server is told", || {
            held.call.test_cancel() != Status::CallInProgress
        });
        let blocking = binding.call_blocking::<_, Number>(HOLD, &Number { number: 2 });
        assert_eq!(blocking, Err(Status::CallCancelled), "synchronous ones too");
        held.answer();
        assert_eq!(echo(&patient, 3), Ok(3));
    }
}

#[test]
fn rule_42_a_call_that_waits_for_a_connection_has_the_same_time() {
    let port = server_by_hand(|_, mut stream| {
        let _ = read_pdu(&mut stream);
        let _ = read_pdu(&mut stream);
    });
    let runtime = runtime(Limits::default());
    let target = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    let options = BindingOptions::new().call_timeout(Duration::from_millis(40));
    let binding = Binding::with_options(&runtime, &target, FIRST, options).unwrap();
    assert_eq!(echo(&binding, 1), Err(Status::CallCancelled));
}

#[test]
fn a_deadline_can_be_given_for_single_calls() {
    let scene = Scene::new();
    let binding = scene.binding();
    let hasty = binding.with_deadline(Duration::from_millis(30));
    let (mut slow, _) = handle();
    hold(&binding, &mut slow, 1).unwrap();
    let held = scene.next_held();
    let outcome = hasty.call_blocking::<_, Number>(HOLD, &Number { number: 2 });
    assert_eq!(outcome, Err(Status::CallCancelled));
    assert_eq!(slow.status(), Status::AsyncCallPending);
    held.answer();
    assert!(slow.wait().is_ok());
    assert_eq!(scene.connections(), 1);
}

#[test]
fn rule_44_a_call_that_was_sent_may_have_been_executed_and_is_not_made_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let port = server_by_hand(move |_, mut stream| {
        let bind = read_pdu(&mut stream).unwrap();
        stream.write_all(&bind_ack(&bind, MULTIPLEXING)).unwrap();
        read_pdu(&mut stream).unwrap();
        count.fetch_add(1, Ordering::Relaxed);
    });
    let runtime = runtime(Limits::default());
    let echo = echo_client(&runtime, port);
    assert_eq!(echo.add_one(1), Err(Status::CallFailed));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn rule_44_a_server_that_says_so_has_not_executed_the_call() {
    for (flags, expected) in [(0x03, Status::CallFailed), (0x23, Status::CallFailedDne)] {
        let port = server_by_hand(move |_, mut stream| {
            let bind = read_pdu(&mut stream).unwrap();
            stream.write_all(&bind_ack(&bind, MULTIPLEXING)).unwrap();
            let call = read_pdu(&mut stream).unwrap();
            let mut fault = hex(
                "05 00 03 00 10000000 2000 0000 00000000  00000000 0000 0000 be060000 00000000",
            );
            fault[3] = flags;
            fault[12..16].copy_from_slice(&call[12..16]);
            stream.write_all(&fault).unwrap();
            let _ = read_pdu(&mut stream);
        });
        let runtime = runtime(Limits::default());
        assert_eq!(echo_client(&runtime, port).add_one(1), Err(expected));
    }
}

#[test]
fn rule_44_a_call_that_was_never_sent_is_made_again_once() {
    never_sent(drop);
}

#[test]
fn rule_44_a_call_that_is_made_again_does_not_go_out_on_its_old_connection_too() {
    let (send, read) = mpsc::channel();
    never_sent(move |mut stream| {
        stream.set_nonblocking(false).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        thread::spawn(move || {
            while let Ok(pdu) = read_pdu(&mut stream) {
                let _ = send.send((pdu[2], u16::from(pdu[22])));
            }
        });
    });
    let mut read = read.iter();
    assert!(read.all(|pdu| pdu != (REQUEST, rpcecho::ADD_ONE)));
}

/// A server reads nothing for a while, so what comes behind a long request is not handed to the
/// kernel. Then `end` ends the connection. The next one is as it should be.
fn never_sent(end: impl FnOnce(TcpStream)) {
    let (send, broken) = mpsc::channel();
    let port = server_by_hand(move |index, mut stream| {
        let bind = read_pdu(&mut stream).unwrap();
        stream.write_all(&bind_ack(&bind, MULTIPLEXING)).unwrap();
        if index == 0 {
            send.send(stream).unwrap();
            return;
        }
        while let Ok(call) = read_pdu(&mut stream) {
            stream.write_all(&response(&call)).unwrap();
        }
    });
    let config = Config::default().cores(Cores::Unpinned(1));
    let mut local = LocalRuntime::new(&config).unwrap();
    let target = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    let binding = Binding::new(&local, &target, rpcecho::INTERFACE).unwrap();
    let echo = rpcecho::RpcEchoClient::new(binding);
    // More than sockets hold.
    let sent = echo.sink_data_future(&vec![1; 64 << 20]);
    let stream = loop {
        local.poll(&mut |_| {}).unwrap();
        if let Ok(stream) = broken.try_recv() {
            break stream;
        }
    };
    stream.set_nonblocking(true).unwrap();
    until("the long request is on its way", || {
        local.poll(&mut |_| {}).unwrap();
        stream.peek(&mut [0]).is_ok() && local.usage().ring.sends > 0
    });
    let unsent = echo.add_one_future(1);
    local.poll(&mut |_| {}).unwrap();
    end(stream);
    let lost = local.block_on(sent).unwrap();
    assert_eq!(lost.map(drop), Err(Status::CallFailed));
    let made_again = local.block_on(unsent).unwrap();
    assert_eq!(made_again.map(|reply| reply.out_data), Ok(2));
    drop(echo);
    local.shutdown().unwrap();
}

#[test]
fn an_interface_that_is_refused_harms_no_neighbour_on_the_connection() {
    let scene = Scene::new();
    let binding = scene.binding();
    let (mut handle, _) = handle();
    hold(&binding, &mut handle, 1).unwrap();
    let held = scene.next_held();
    let strange = SyntaxId::new(annulus::Uuid::from_u128(0xbad), 1, 0);
    let stranger = Binding::new(&scene.clients, &scene.target, strange).unwrap();
    for _ in 0..100 {
        assert_eq!(echo(&stranger, 1), Err(Status::UnknownIf));
    }
    held.answer();
    assert!(handle.wait().is_ok());
    let filled: Bytes = binding
        .call_blocking(FILL, &Number { number: 9000 })
        .unwrap();
    assert_eq!(filled.content, vec![7; 9000]);
}

/// A bind takes contexts for itself, beside those of the interfaces that wait for it.
#[test]
fn as_many_interfaces_wait_for_a_connection_as_it_may_have_contexts() {
    let runtime = annulus::Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let server = annulus::Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
        .unwrap();
    let echo = annulus::rpcecho::interface(annulus::rpcecho::EchoServer::default());
    let serving = runtime.serve(server.interface(echo)).unwrap();
    let target = serving.bindings()[0].to_string();
    for contexts_per_connection_max in [1, 2, 3, 4, 64, 254, 255, 1000] {
        let limits = Limits {
            contexts_per_connection_max,
            ..Limits::default()
        };
        let config = Config::default().cores(Cores::Unpinned(1)).limits(limits);
        let mut local = LocalRuntime::new(&config).unwrap();
        let count = contexts_per_connection_max.min(300) as u64 + 2;
        for token in 0..count {
            let mut interface = annulus::rpcecho::INTERFACE;
            interface.major += token as u16;
            let binding = local.bind(&target, interface).unwrap();
            local.call(binding, 0, token, &()).unwrap();
        }
        let mut ended = 0;
        while ended < count {
            local.turn(&mut |_| ended += 1).unwrap();
        }
    }
}
