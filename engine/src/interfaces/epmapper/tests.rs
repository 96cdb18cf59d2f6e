//! The mapper's server and its clients, over real connections.

use std::time::{Duration, Instant};

use annulus_ndr::{ContextHandle, Full};
use annulus_protocol::{SyntaxId, Uuid};

use super::*;
use crate::rpcecho::{self, EchoServer};
use crate::{
    Binding, BindingOptions, Config, Cores, Limits, Registration, Runtime, Server, Serving, mgmt,
};

/// A mapper and an rpcecho server that is registered with it.
struct Scene {
    mapper: Serving,
    echo: Serving,
    map: EndpointMap,
    runtime: Runtime,
}

impl Scene {
    fn new() -> Self {
        Scene::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Self {
        let map = EndpointMap::new(&limits);
        let config = Config::default().cores(Cores::Unpinned(1)).limits(limits);
        let runtime = Runtime::start(config).unwrap();
        let mapper = Server::new()
            .endpoint("ncacn_ip_tcp:0.0.0.0[0]")
            .unwrap()
            .interface(interface(EndpointMapper::new(map.clone())));
        let echo = Registration::new(rpcecho::interface(EchoServer::default()));
        let echo = Server::new()
            .endpoint("ncacn_ip_tcp:0.0.0.0[0]")
            .unwrap()
            .interface(echo.annotation("an echo"))
            .register_endpoints(&map);
        Scene {
            mapper: runtime.serve(mapper).unwrap(),
            echo: runtime.serve(echo).unwrap(),
            map,
            runtime,
        }
    }

    /// A client with connections of its own.
    fn client(&self) -> EptClient {
        let port = self.mapper.bindings()[0].port().unwrap();
        let target = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
        let options = BindingOptions::new().unique_binding().dont_linger();
        let binding = Binding::with_options(&self.runtime, &target, INTERFACE, options);
        EptClient::new(binding.unwrap())
    }

    /// Where a client at 127.0.0.1 finds rpcecho.
    fn echo(&self) -> Tower {
        let port = self.echo.bindings()[0].port().unwrap();
        tower(&format!("ncacn_ip_tcp:127.0.0.1[{port}]"))
    }
}

fn tower(binding: &str) -> Tower {
    Tower::new(
        rpcecho::INTERFACE,
        SyntaxId::NDR20,
        &binding.parse().unwrap(),
    )
}

fn entry(binding: &str) -> EptEntry {
    let endpoint = Endpoint {
        object: Uuid::nil(),
        tower: tower(binding),
        annotation: "another".to_owned(),
    };
    endpoint.to_wire()
}

fn map_echo(client: &EptClient, handle: ContextHandle, max_towers: u32) -> EptMapResponse {
    let like = Full::new(Twr::from(&tower("ncacn_ip_tcp:")));
    client
        .ept_map(Full::null(), like, handle, max_towers)
        .unwrap()
}

fn towers(response: &EptMapResponse) -> Vec<String> {
    let towers = response.towers.iter();
    let tower = |tower: &Full<Twr>| Tower::decode(&tower.get().unwrap().tower_octets);
    towers.map(|it| tower(it).unwrap().to_string()).collect()
}

fn lookup(client: &EptClient, handle: ContextHandle, max_ents: u32) -> EptLookupResponse {
    let (object, interface) = (Full::null(), Full::null());
    let response = client.ept_lookup(0, object, interface, 1, handle, max_ents);
    response.unwrap()
}

#[test]
fn to_clients_of_samba_an_answer_that_is_not_full_tells_the_end() {
    let scene = Scene::new();
    let client = scene.client();
    assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
    let lookup = |handle, max_ents| {
        let (object, interface) = (Full::null(), Full::null());
        let response = client.ept_lookup(0, object, interface, 0, handle, max_ents);
        response.unwrap()
    };
    let all = lookup(ContextHandle::NULL, 3);
    assert_eq!((all.num_ents, all.result), (2, EPT_S_NOT_REGISTERED));
    assert!(all.entry_handle.is_null());
    // Full answers are whole ones, whatever is left: first of a new search, then of an old one.
    let full = lookup(ContextHandle::NULL, 2);
    assert_eq!((full.num_ents, full.result), (2, 0));
    let end = lookup(full.entry_handle, 2);
    assert_eq!((end.num_ents, end.result), (0, EPT_S_NOT_REGISTERED));
    assert!(end.entry_handle.is_null());
    let mut handle = ContextHandle::NULL;
    for _ in 0..2 {
        let one = lookup(handle, 1);
        assert_eq!((one.num_ents, one.result), (1, 0));
        handle = one.entry_handle;
    }
    assert_eq!(lookup(handle, 1).result, EPT_S_NOT_REGISTERED);
}

#[test]
fn a_server_of_another_process_registers_and_is_told() {
    let scene = Scene::new();
    scene.echo.unregister_endpoints();
    let port = scene.mapper.bindings()[0].port().unwrap();
    let mapper = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    let client = EndpointMapperClient::new(&scene.runtime, &mapper).unwrap();
    let endpoints = scene.echo.endpoints();
    client.register_blocking(&endpoints, true).unwrap();
    assert_eq!(scene.map.endpoints(), endpoints);
    let like = tower("ncacn_ip_tcp:");
    assert_eq!(client.map_blocking(&like, None), Ok(vec![scene.echo()]));
    assert_eq!(client.unregister_blocking(&endpoints), Ok(()));
    assert_eq!(scene.map.endpoints(), []);
    let again = client.unregister_blocking(&endpoints);
    assert_eq!(again, Err(Status::EptNotRegistered));
    let nothing = client.map_blocking(&like, None);
    assert_eq!(nothing, Err(Status::EptNotRegistered));
}

/// A mapper on a port, 0 for any, and its map.
fn start(port: u16) -> (Runtime, EndpointMap, u16) {
    let config = Config::default().cores(Cores::Unpinned(1));
    let runtime = Runtime::start(config).unwrap();
    let map = EndpointMap::default();
    let server = Server::new().endpoint(&format!("ncacn_ip_tcp:127.0.0.1[{port}]"));
    let mapper = interface(EndpointMapper::new(map.clone()));
    let serving = runtime.serve(server.unwrap().interface(mapper)).unwrap();
    let port = serving.bindings()[0].port().unwrap();
    (runtime, map, port)
}

fn until(what: &str, is_true: &dyn Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_true() {
        assert!(Instant::now() < deadline, "{what} never comes");
        std::thread::yield_now();
    }
}

/// The mapper of a machine is started anew, on the same port, and knows nothing.
#[test]
fn kept_endpoints_are_registered_again_with_a_mapper_that_was_started_again() {
    let (first, first_map, port) = start(0);
    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let mapper = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    let client = EndpointMapperClient::new(&runtime, &mapper).unwrap();
    let endpoints = vec![Endpoint::from_wire(&entry("ncalrpc:[x]")).unwrap()];
    let kept = client.keep_registered(endpoints.clone(), true);
    until("the first registration", &|| {
        first_map.endpoints() == endpoints
    });
    until("its success", &|| kept.last() == Some(Ok(())));

    first.shutdown();
    until("the loss", &|| matches!(kept.last(), Some(Err(_))));
    let (_second, second_map, _) = start(port);
    until("the second registration", &|| {
        second_map.endpoints() == endpoints
    });
    until("its success", &|| kept.last() == Some(Ok(())));
    // The client stays, and its endpoints go.
    drop(kept);
    until("the end", &|| second_map.endpoints().is_empty());
    assert_eq!(client.endpoints_blocking(Inquiry::ALL), Ok(Vec::new()));
}

/// Each learns of the loss of the mapper, though they were asked for by the same client; and one
/// that is dropped leaves the other alone.
#[test]
fn a_client_keeps_several_lists_of_endpoints_registered() {
    let (first, first_map, port) = start(0);
    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let mapper = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    let client = EndpointMapperClient::new(&runtime, &mapper).unwrap();
    let keep = |binding: &str| {
        let endpoint = Endpoint::from_wire(&entry(binding)).unwrap();
        client.keep_registered(vec![endpoint], false)
    };
    let kept = [keep("ncalrpc:[x]"), keep("ncalrpc:[y]")];
    until("the first registrations", &|| {
        first_map.endpoints().len() == 2
    });
    let are_told = |is_told: &dyn Fn(&KeptEndpoints) -> bool| kept.iter().all(is_told);
    until("their success", &|| {
        are_told(&|it| it.last() == Some(Ok(())))
    });
    first.shutdown();
    until("the loss", &|| {
        are_told(&|it| matches!(it.last(), Some(Err(_))))
    });
    let (_second, second_map, _) = start(port);
    until("the second registrations", &|| {
        second_map.endpoints().len() == 2
    });
    let [gone, _stays] = kept;
    drop(gone);
    until("the end of one", &|| second_map.endpoints().len() == 1);
}

#[test]
fn what_a_client_registers_goes_with_it_though_others_ask_the_same_mapper() {
    let scene = Scene::new();
    let port = scene.mapper.bindings()[0].port().unwrap();
    let mapper = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    let client = || EndpointMapperClient::new(&scene.runtime, &mapper).unwrap();
    let (registering, other) = (client(), client());
    let endpoint = Endpoint::from_wire(&entry("ncalrpc:[x]")).unwrap();
    assert_eq!(other.endpoints_blocking(Inquiry::ALL).unwrap().len(), 1);
    registering.register_blocking(&[endpoint], false).unwrap();
    assert_eq!(other.endpoints_blocking(Inquiry::ALL).unwrap().len(), 2);
    drop(registering);
    until("the end", &|| {
        other.endpoints_blocking(Inquiry::ALL).unwrap().len() == 1
    });
}

#[test]
fn a_client_lists_more_endpoints_than_one_call_tells() {
    let scene = Scene::new();
    let port = scene.mapper.bindings()[0].port().unwrap();
    let mapper = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    let client = EndpointMapperClient::new(&scene.runtime, &mapper).unwrap();
    let others: Vec<_> = (0..1200)
        .map(|n| Endpoint::from_wire(&entry(&format!("ncalrpc:[{n}]"))).unwrap())
        .collect();
    let _registered = scene.map.register(others, false).unwrap();
    let all = client.endpoints_blocking(Inquiry::ALL).unwrap();
    assert_eq!(all.len(), 1201);
    let of_nobody = Inquiry::ALL.of_object(Uuid::from_u128(1));
    assert_eq!(client.endpoints_blocking(of_nobody), Ok(Vec::new()));
    let echo = Inquiry::ALL.of_interface(rpcecho::INTERFACE, Versions::Exact);
    assert_eq!(client.endpoints_blocking(echo).map(|it| it.len()), Ok(1201));
    let mgmt = Inquiry::ALL.of_interface(mgmt::INTERFACE, Versions::All);
    assert_eq!(client.endpoints_blocking(mgmt), Ok(Vec::new()));
}

#[test]
fn rule_29_ept_map_tells_port_and_the_address_at_which_it_was_asked() {
    let scene = Scene::new();
    let response = map_echo(&scene.client(), ContextHandle::NULL, 4);
    assert_eq!(response.result, 0);
    assert_eq!(towers(&response), [scene.echo().to_string()]);
    assert!(response.entry_handle.is_null(), "there is no more");
}

#[test]
fn rule_29_what_nobody_offers_is_not_registered() {
    let scene = Scene::new();
    let client = scene.client();
    let is_not_registered = |tower: Full<Twr>| {
        let response = client.ept_map(Full::null(), tower, ContextHandle::NULL, 4);
        let response = response.unwrap();
        assert_eq!(response.result, EPT_S_NOT_REGISTERED);
        assert!(response.towers.is_empty() && response.entry_handle.is_null());
    };
    let unknown = Tower::new(mgmt::INTERFACE, SyntaxId::NDR20, &"x".parse().unwrap());
    is_not_registered(Full::new(Twr::from(&unknown)));
    is_not_registered(Full::new(Twr::from(&tower("ncalrpc:[x]"))));
    is_not_registered(Full::null());
    let tower_octets = vec![0xff; 9];
    is_not_registered(Full::new(Twr {
        tower_length: 9,
        tower_octets,
    }));
}

#[test]
fn lookup_handles_go_through_the_map_and_end_with_it() {
    let scene = Scene::new();
    let others: Vec<_> = (1..5).map(|n| entry(&format!("ncalrpc:[{n}]"))).collect();
    let client = scene.client();
    assert_eq!(client.ept_insert(others, 0), Ok(0));
    let (mut handle, mut annotations) = (ContextHandle::NULL, Vec::new());
    let calls = loop {
        let response = lookup(&client, handle, 2);
        assert_eq!(response.result, 0);
        assert!(response.entries.len() <= 2);
        let entries = response.entries.into_iter();
        annotations.extend(entries.map(|it| String::from_utf8(it.annotation).unwrap()));
        handle = response.entry_handle;
        if handle.is_null() {
            break annotations.len().div_ceil(2);
        }
    };
    assert_eq!(
        annotations,
        ["an echo", "another", "another", "another", "another"]
    );
    assert_eq!(calls, 3);
}

#[test]
fn a_lookup_can_be_given_up_and_its_handle_is_gone() {
    let scene = Scene::new();
    let client = scene.client();
    assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
    let handle = lookup(&client, ContextHandle::NULL, 1).entry_handle;
    assert!(!handle.is_null());
    let freed = client.ept_lookup_handle_free(handle).unwrap();
    assert!(freed.entry_handle.is_null() && freed.result == 0);
    let again = client.ept_lookup_handle_free(handle);
    assert_eq!(again.unwrap_err(), Status::ContextMismatch);
    assert!(client.ept_lookup_handle_free(ContextHandle::NULL).is_ok());
}

#[test]
fn a_lookup_handle_of_another_client_names_nothing() {
    let scene = Scene::new();
    let (mine, other) = (scene.client(), scene.client());
    assert_eq!(mine.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
    let handle = lookup(&mine, ContextHandle::NULL, 1).entry_handle;
    let (object, interface) = (Full::null(), Full::null());
    let stolen = other.ept_lookup(0, object, interface, 0, handle, 1);
    assert_eq!(stolen.unwrap_err(), Status::ContextMismatch);
}

#[test]
fn a_lookup_for_no_endpoints_leaves_no_handle() {
    let scene = Scene::new();
    let response = lookup(&scene.client(), ContextHandle::NULL, 0);
    assert!(response.entry_handle.is_null());
    assert_eq!(response.result, EPT_S_NOT_REGISTERED);
}

#[test]
fn inquiries_that_make_no_sense_are_told_so() {
    let scene = Scene::new();
    let client = scene.client();
    let id = || Full::new(EptIfId::from(rpcecho::INTERFACE));
    let object = || Full::new(Uuid::from_u128(1));
    for (inquiry_type, object, interface, vers_option) in [
        (4, object(), id(), 1),
        (1, object(), Full::null(), 1),
        (2, Full::null(), id(), 1),
        (3, object(), id(), 6),
    ] {
        let null = ContextHandle::NULL;
        let response = client.ept_lookup(inquiry_type, object, interface, vers_option, null, 9);
        assert_eq!(response.unwrap().result, EPT_S_CANT_PERFORM_OP);
    }
    let by_interface = client.ept_lookup(1, Full::null(), id(), 2, ContextHandle::NULL, 9);
    assert_eq!(by_interface.unwrap().num_ents, 1);
    let by_object = client.ept_lookup(2, object(), Full::null(), 0, ContextHandle::NULL, 9);
    assert_eq!(by_object.unwrap().result, EPT_S_NOT_REGISTERED);
}

#[test]
fn what_a_client_registers_is_told_until_it_deletes_it() {
    let scene = Scene::new();
    let client = scene.client();
    let new = "ncacn_ip_tcp:127.0.0.1[4711]";
    assert_eq!(client.ept_insert(vec![entry(new)], 0), Ok(0));
    assert_eq!(towers(&map_echo(&client, ContextHandle::NULL, 9)).len(), 2);
    assert_eq!(client.ept_delete(vec![entry(new)]), Ok(0));
    let again = client.ept_delete(vec![entry(new)]);
    assert_eq!(again, Ok(EPT_S_NOT_REGISTERED));
    assert_eq!(scene.map.endpoints().len(), 1);
}

#[test]
fn a_client_deletes_its_own_endpoints_alone() {
    let scene = Scene::new();
    let (mine, other) = (scene.client(), scene.client());
    assert_eq!(mine.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
    let of_this_process = scene.map.endpoints()[0].to_wire();
    for foreign in [entry("ncalrpc:[x]"), of_this_process] {
        assert_eq!(other.ept_delete(vec![foreign]), Ok(EPT_S_NOT_REGISTERED));
    }
    assert_eq!(scene.map.endpoints().len(), 2);
}

#[test]
fn what_a_client_registers_goes_with_its_last_connection() {
    let scene = Scene::new();
    let client = scene.client();
    assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
    assert_eq!(scene.map.endpoints().len(), 2);
    drop(client);
    // The mapper has one core, so when it answers a later client it has seen the first one go
    // or will very soon.
    let deadline = Instant::now() + Duration::from_secs(10);
    let other = scene.client();
    while lookup(&other, ContextHandle::NULL, 9).num_ents > 1 {
        assert!(Instant::now() < deadline, "it stays");
    }
}

#[test]
fn registering_again_and_again_keeps_one_context() {
    let scene = Scene::with_limits(Limits {
        context_handles_per_group_max: 2,
        ..Limits::default()
    });
    let client = scene.client();
    for _ in 0..4 {
        assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 1), Ok(0));
    }
    for _ in 0..4 {
        assert_eq!(client.ept_delete(vec![entry("ncalrpc:[x]")]), Ok(0));
        assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
    }
}

#[test]
fn a_client_over_tcp_does_not_displace_what_this_process_has_registered() {
    let scene = Scene::new();
    let client = scene.client();
    let own = scene.map.endpoints();
    let again = vec![own[0].to_wire()];
    assert_eq!(client.ept_insert(again, 0), Err(Status::AccessDenied));
    assert_eq!(scene.map.endpoints(), own);
    let new = vec![entry("ncacn_ip_tcp:0.0.0.0[4711]")];
    assert_eq!(client.ept_insert(new, 1), Ok(0));
    assert_eq!(scene.map.endpoints()[..1], own, "found before the other");
}

#[test]
fn what_is_refused_changes_nothing_and_keeps_no_context() {
    let scene = Scene::with_limits(Limits {
        context_handles_per_group_max: 1,
        mapped_endpoints_max: 2,
        mapped_endpoints_reserved: 0,
        ..Limits::default()
    });
    let client = scene.client();
    for _ in 0..2 {
        assert_eq!(client.ept_insert(Vec::new(), 0), Ok(0));
        let too_many = vec![entry("ncalrpc:[x]"), entry("ncalrpc:[y]")];
        assert_eq!(client.ept_insert(too_many, 0), Ok(EPT_S_NO_MEMORY));
    }
    assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
    let before = scene.map.endpoints();
    let full = client.ept_insert(vec![entry("ncalrpc:[y]")], 1);
    assert_eq!(full, Err(Status::ServerOutOfMemory), "one context too many");
    assert_eq!(scene.map.endpoints(), before);
}

#[test]
fn endpoints_without_a_tower_are_invalid() {
    let scene = Scene::new();
    let client = scene.client();
    let without = || {
        vec![EptEntry {
            tower: Full::null(),
            ..entry("ncalrpc:[x]")
        }]
    };
    assert_eq!(client.ept_insert(without(), 0), Ok(EPT_S_INVALID_ENTRY));
    assert_eq!(client.ept_delete(without()), Ok(EPT_S_INVALID_ENTRY));
}

#[test]
fn a_server_can_take_its_endpoints_out_and_goes_on_serving() {
    let scene = Scene::new();
    scene.echo.unregister_endpoints();
    assert_eq!(scene.map.endpoints(), []);
    let target = scene.echo().to_string();
    let binding = Binding::new(&scene.runtime, &target, rpcecho::INTERFACE).unwrap();
    assert_eq!(rpcecho::RpcEchoClient::new(binding).add_one(1), Ok(2));
}

#[test]
fn a_runtime_that_ends_takes_its_servers_out_of_the_map() {
    let Scene { map, runtime, .. } = Scene::new();
    assert_eq!(map.endpoints().len(), 1);
    runtime.shutdown();
    assert_eq!(map.endpoints(), []);
}

#[test]
fn an_annotation_is_cut_between_characters() {
    let endpoint = Endpoint {
        object: Uuid::nil(),
        tower: tower("ncalrpc:[x]"),
        annotation: "ä".repeat(40),
    };
    let cut = endpoint.to_wire().annotation;
    assert_eq!(String::from_utf8(cut).unwrap(), "ä".repeat(31));
}
