//! Where servers listen and how clients find them, over the real ring: names, both families of
//! addresses, several endpoints.

use std::net::TcpListener;
use std::time::Duration;

use annulus::rpcecho::{self, EchoServer, RpcEchoClient};
use annulus::{
    Binding, BindingOptions, Config, Cores, Error, ErrorParameter, Keepalive, ListenOptions,
    LocalRuntime, Runtime, Server, Serving, SocketOptions, Status, StringBinding,
};

fn runtime() -> Runtime {
    Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap()
}

fn serve(runtime: &Runtime, endpoints: &[&str]) -> Serving {
    let server = Server::new().interface(rpcecho::interface(EchoServer::default()));
    let add = |server: Server, endpoint: &&str| server.endpoint(endpoint).unwrap();
    runtime.serve(endpoints.iter().fold(server, add)).unwrap()
}

fn client(runtime: &Runtime, target: &str) -> RpcEchoClient {
    RpcEchoClient::new(Binding::new(runtime, target, rpcecho::INTERFACE).unwrap())
}

fn port(serving: &Serving) -> u16 {
    serving.bindings()[0].port().unwrap()
}

#[test]
fn a_server_is_found_by_its_name() {
    let runtime = runtime();
    let port = port(&serve(&runtime, &["127.0.0.1[0]"]));
    // Where the name has an IPv6 address too, nobody listens there.
    assert_eq!(
        client(&runtime, &format!("localhost[{port}]")).add_one(1),
        Ok(2)
    );
    assert_eq!(client(&runtime, &format!("[{port}]")).add_one(1), Ok(2));
}

#[test]
fn a_server_with_an_unknown_name_is_unavailable_and_holds_nothing_up() {
    let runtime = runtime();
    let port = port(&serve(&runtime, &["127.0.0.1[0]"]));
    // `.invalid` never resolves (RFC 2606).
    let lost = client(&runtime, "nowhere.invalid[135]");
    let waiting = lost.add_one_future(1);
    assert_eq!(
        client(&runtime, &format!("127.0.0.1[{port}]")).add_one(1),
        Ok(2)
    );
    // The reason comes along, for people.
    let failure = waiting.wait_explained().map(|reply| reply.out_data);
    let failure = failure.unwrap_err();
    assert_eq!(failure.status, Status::ServerUnavailable);
    let explained = failure.extended.expect("it is explained");
    let names_the_host = |parameter: &ErrorParameter| matches!(parameter, ErrorParameter::Unicode(text) if text.contains("nowhere.invalid"));
    let record = &explained.records()[0];
    assert!(record.parameters().iter().any(names_the_host), "{record:?}");
    assert_eq!(lost.add_one(1), Err(Status::ServerUnavailable));
}

/// The name of its endpoint is looked up, and its port waited for, by other threads.
#[test]
fn a_server_begins_while_its_own_core_goes_on() {
    let mut runtime = LocalRuntime::new(&Config::default()).unwrap();
    let first = Server::new().endpoint("127.0.0.1[0]").unwrap();
    let first = first.interface(rpcecho::interface(EchoServer::default()));
    let first = runtime.serve(first).unwrap().bindings()[0].to_string();
    let binding = Binding::new(&runtime, &first, rpcecho::INTERFACE).unwrap();
    let echo = RpcEchoClient::new(binding);

    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let options = ListenOptions {
        retry_in_use: Duration::from_secs(30),
        ..ListenOptions::default()
    };
    let second = Server::new().endpoint(&format!("localhost[{port}]"));
    let second = second.unwrap().listen_options(options);
    let second = second.interface(rpcecho::interface(EchoServer::default()));
    let opening = runtime.serve_async(second);
    for number in 0..20 {
        let sum = runtime.block_on(echo.add_one_future(number)).unwrap();
        assert_eq!(sum.unwrap().out_data, number + 1);
    }
    drop(holder);
    let serving = runtime.block_on(opening).unwrap().unwrap();
    assert_eq!(serving.bindings()[0].port(), Some(port));
}

#[test]
fn a_server_that_cannot_begin_says_so_later_too() {
    let mut runtime = LocalRuntime::new(&Config::default()).unwrap();
    let lost = Server::new().endpoint("nowhere.invalid[0]").unwrap();
    let opening = runtime.serve_async(lost);
    let error = runtime.block_on(opening).unwrap().unwrap_err();
    assert!(error.to_string().contains("nowhere.invalid"), "{error}");
}

#[test]
fn a_runtime_ends_while_a_name_is_looked_up() {
    let runtime = runtime();
    let options = BindingOptions::new().connect_timeout(Duration::from_secs(60));
    let target = "nowhere.invalid[135]";
    let binding = Binding::with_options(&runtime, target, rpcecho::INTERFACE, options).unwrap();
    let waiting = RpcEchoClient::new(binding).add_one_future(1);
    drop(runtime);
    assert!(waiting.wait().is_err());
}

#[test]
fn a_zone_must_be_an_interface() {
    let runtime = runtime();
    let error = Binding::new(&runtime, "fe80::1%nowhere[135]", rpcecho::INTERFACE).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("there is no network interface nowhere"),
        "{error}"
    );
}

#[test]
fn both_families_together_are_all_of_this_machine() {
    let runtime = runtime();
    let ipv6 = serve(&runtime, &["::[0]"]);
    let port = port(&ipv6);
    let serving = serve(&runtime, &[&format!("0.0.0.0[{port}]")]);
    assert_eq!(ipv6.bindings()[0].host(), "::");
    assert_eq!(serving.bindings()[0].port(), Some(port));
    for host in ["::1", "127.0.0.1"] {
        let target = format!("{host}[{port}]");
        assert_eq!(client(&runtime, &target).add_one(1), Ok(2), "{host}");
    }
    assert_eq!(ipv6.connections_per_core(), [1]);
    assert_eq!(serving.connections_per_core(), [1]);
}

#[test]
fn bindings_with_other_sockets_share_no_connection() {
    let runtime = runtime();
    let listen = ListenOptions {
        backlog: 16,
        ..ListenOptions::default()
    };
    let server = Server::new().interface(rpcecho::interface(EchoServer::default()));
    let server = server.endpoint("127.0.0.1").unwrap().listen_options(listen);
    let serving = runtime.serve(server).unwrap();
    let target = serving.bindings()[0].to_string();
    let probed = SocketOptions {
        keepalive: Keepalive::of_com_timeout(0),
        send_buffer_len: Some(16 << 10),
        ..SocketOptions::new()
    };
    for (options, connections) in [
        (BindingOptions::new(), 1),
        (BindingOptions::new().socket(probed), 2),
        (BindingOptions::new().socket(probed), 2),
    ] {
        let binding = Binding::with_options(&runtime, &target, rpcecho::INTERFACE, options);
        assert_eq!(RpcEchoClient::new(binding.unwrap()).add_one(1), Ok(2));
        assert_eq!(serving.connections_per_core(), [connections]);
    }
}

#[test]
fn a_socket_that_does_not_take_its_options_says_which() {
    let runtime = runtime();
    let listen = ListenOptions {
        socket: SocketOptions {
            // The kernel takes 32,767 s at most (tcp(7)).
            keepalive: Some(Keepalive {
                idle: Some(Duration::from_secs(40_000)),
                ..Keepalive::SYSTEM
            }),
            ..SocketOptions::new()
        },
        ..ListenOptions::default()
    };
    let server = Server::new().endpoint("127.0.0.1").unwrap();
    let error = runtime.serve(server.listen_options(listen)).unwrap_err();
    assert!(error.to_string().contains("SO_KEEPALIVE"), "{error}");
}

#[test]
fn a_server_has_as_many_endpoints_as_it_likes() {
    let runtime = runtime();
    let serving = serve(&runtime, &["127.0.0.1[0]", "127.0.0.2", "::1[0]"]);
    let hosts: Vec<_> = serving.bindings().iter().map(StringBinding::host).collect();
    assert_eq!(hosts, ["127.0.0.1", "127.0.0.2", "::1"]);
    for binding in serving.bindings() {
        assert!(binding.port().is_some_and(|port| port > 0), "{binding}");
        assert_eq!(
            client(&runtime, &binding.to_string()).add_one(1),
            Ok(2),
            "{binding}"
        );
    }
}
