//! Calls within one machine: `ncalrpc`, over Unix sockets.

mod serving;

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulus::epmapper::{self, EndpointMap, EndpointMapper};
use annulus::transports::{Address, ListenOptions, TransportError};
use annulus::{
    Binding, Config, Cores, Error, Interface, PeerCredentials, Registration, Runtime, Server,
    Serving, Status,
};
use serving::{INTERFACE, Number, limits, number, routine};

/// A directory for the sockets of one test.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let name = format!("annulus-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn runtime(&self) -> Runtime {
        let config = Config::default().cores(Cores::Unpinned(1)).limits(limits());
        Runtime::start(config.ncalrpc_directory(&self.0)).unwrap()
    }

    fn files(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn serve(
    runtime: &Runtime,
    endpoint: &str,
    interface: impl Into<Registration>,
) -> Result<Serving, Error> {
    let server = Server::new().endpoint(endpoint)?;
    runtime.serve(server.interface(interface))
}

fn ask(runtime: &Runtime, binding: &str) -> Result<Number, Status> {
    let binding = Binding::new(runtime, binding, INTERFACE).unwrap();
    binding.call_blocking(3, &number(5))
}

/// Answers with the opnum.
fn answering() -> impl Interface {
    routine(|mut call| {
        let opnum = call.opnum().into();
        call.reply(&number(opnum))
    })
}

/// What the kernel says of this process.
fn myself() -> PeerCredentials {
    PeerCredentials {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        pid: Some(std::process::id()),
    }
}

#[test]
fn the_socket_of_an_endpoint_has_the_mode_that_was_chosen() {
    let directory = Directory::new("mode");
    let runtime = directory.runtime();
    for socket_mode in [0o600, 0o660, 0o666] {
        let options = ListenOptions {
            socket_mode,
            ..ListenOptions::default()
        };
        let server = Server::new().endpoint(&format!("ncalrpc:[mode-{socket_mode:o}]"));
        let server = server.unwrap().listen_options(options);
        let serving = runtime.serve(server.interface(answering())).unwrap();
        let name = serving.bindings()[0].endpoint().unwrap();
        let file = fs::read_dir(&directory.0).unwrap().map(Result::unwrap);
        let sockets = file.filter(|file| file.file_type().unwrap().is_socket());
        let found: Vec<_> = sockets
            .filter(|file| file.file_name().to_string_lossy().contains(name))
            .map(|file| file.metadata().unwrap().permissions().mode() & 0o777)
            .collect();
        assert_eq!(found, [socket_mode]);
        assert_eq!(
            ask(&runtime, &serving.bindings()[0].to_string()),
            Ok(number(3))
        );
    }
}

#[test]
fn a_named_endpoint_is_reached_whatever_host_is_written() {
    let directory = Directory::new("named");
    let runtime = directory.runtime();
    let serving = serve(&runtime, "ncalrpc:[echo]", answering()).unwrap();
    assert_eq!(serving.bindings()[0].to_string(), "ncalrpc:[echo]");
    for binding in [
        "ncalrpc:[echo]",
        "ncalrpc:127.0.0.1[echo]",
        "ncalrpc:localhost[echo]",
    ] {
        assert_eq!(ask(&runtime, binding), Ok(number(3)), "{binding}");
    }
}

#[test]
fn an_endpoint_without_a_name_gets_one() {
    let directory = Directory::new("unnamed");
    let runtime = directory.runtime();
    let first = serve(&runtime, "ncalrpc:", answering()).unwrap();
    let second = serve(&runtime, "ncalrpc:", answering()).unwrap();
    let bindings = [&first, &second].map(|serving| serving.bindings()[0].to_string());
    assert_ne!(bindings[0], bindings[1]);
    for binding in bindings {
        assert!(binding.starts_with("ncalrpc:[LRPC-"), "{binding}");
        assert_eq!(ask(&runtime, &binding), Ok(number(3)));
    }
}

#[test]
fn a_server_may_have_endpoints_of_both_kinds() {
    let directory = Directory::new("both");
    let runtime = directory.runtime();
    let server = Server::new()
        .endpoint("ncalrpc:[both]")
        .and_then(|server| server.endpoint("ncacn_ip_tcp:127.0.0.1[0]"))
        .unwrap();
    let serving = runtime.serve(server.interface(answering())).unwrap();
    assert_eq!(serving.bindings().len(), 2);
    for binding in serving.bindings() {
        assert_eq!(ask(&runtime, &binding.to_string()), Ok(number(3)));
    }
}

#[test]
fn a_client_without_a_name_asks_the_endpoint_mapper_of_its_directory() {
    let directory = Directory::new("mapper");
    let runtime = directory.runtime();
    let map = EndpointMap::default();
    let mapper = epmapper::interface(EndpointMapper::new(map.clone()));
    let _mapper = serve(&runtime, "ncalrpc:[EPMAPPER]", mapper).unwrap();
    let server = Server::new().endpoint("ncalrpc:").unwrap();
    let server = server.interface(answering()).register_endpoints(&map);
    let _serving = runtime.serve(server).unwrap();
    assert_eq!(ask(&runtime, "ncalrpc:"), Ok(number(3)));
}

#[test]
fn the_security_callback_and_the_routine_know_who_calls() {
    let directory = Directory::new("credentials");
    let runtime = directory.runtime();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (asked, called) = (Arc::clone(&seen), Arc::clone(&seen));
    let interface = routine(move |mut call| {
        let caller = call.context().peer().credentials();
        called.lock().unwrap().push(caller);
        call.reply(&number(1))
    });
    let registration = Registration::new(interface).security_callback(move |query| {
        asked.lock().unwrap().push(query.peer.credentials());
        Ok(())
    });
    let _serving = serve(&runtime, "ncalrpc:[who]", registration.local_only()).unwrap();
    assert_eq!(ask(&runtime, "ncalrpc:[who]"), Ok(number(1)));
    assert_eq!(*seen.lock().unwrap(), [Some(myself()); 2]);
}

#[test]
fn a_callback_refuses_by_user() {
    let directory = Directory::new("refused");
    let runtime = directory.runtime();
    let stranger = myself().uid + 1;
    let registration = Registration::new(answering()).security_callback(move |query| {
        match query.peer.credentials() {
            Some(peer) if peer.uid == stranger => Ok(()),
            _ => Err(Status::AccessDenied),
        }
    });
    let _serving = serve(&runtime, "ncalrpc:[mine]", registration).unwrap();
    assert_eq!(ask(&runtime, "ncalrpc:[mine]"), Err(Status::AccessDenied));
}

#[test]
fn an_endpoint_ends_with_its_server() {
    let directory = Directory::new("ends");
    let (servers, clients) = (directory.runtime(), directory.runtime());
    let serving = serve(&servers, "ncalrpc:[short]", answering()).unwrap();
    assert_eq!(ask(&clients, "ncalrpc:[short]"), Ok(number(3)));
    drop((serving, servers));
    assert_eq!(directory.files(), 0);
    assert_eq!(
        ask(&clients, "ncalrpc:[short]"),
        Err(Status::ServerUnavailable)
    );
    let servers = directory.runtime();
    let _serving = serve(&servers, "ncalrpc:[short]", answering()).unwrap();
    assert_eq!(ask(&clients, "ncalrpc:[short]"), Ok(number(3)));
}

#[test]
fn a_dead_servers_socket_is_replaced_and_a_live_ones_is_not() {
    let directory = Directory::new("stale");
    let runtime = directory.runtime();
    drop(UnixListener::bind(directory.0.join("echo")).unwrap());
    let _serving = serve(&runtime, "ncalrpc:[echo]", answering()).unwrap();
    let error = serve(&runtime, "ncalrpc:[echo]", answering()).unwrap_err();
    let path = directory.0.join("echo");
    assert!(
        matches!(&error, Error::Transport(TransportError::AddressInUse { address, waited })
            if *address == Address::Unix(path.clone()) && *waited >= Duration::from_millis(500)),
        "{error}"
    );
    assert_eq!(ask(&runtime, "ncalrpc:[echo]"), Ok(number(3)));
}

#[test]
fn a_name_that_leads_elsewhere_is_refused_on_both_sides() {
    let directory = Directory::new("names");
    let runtime = directory.runtime();
    for name in ["../echo", "a/b", "..", ".echo.lock"] {
        let binding = format!("ncalrpc:[{name}]");
        let refused = |error: &Error| {
            matches!(error, Error::Transport(TransportError::NcalrpcName { name: named, .. })
                if named == name)
        };
        let error = serve(&runtime, &binding, answering()).unwrap_err();
        assert!(refused(&error), "{error}");
        let error = Binding::new(&runtime, &binding, INTERFACE).err().unwrap();
        assert!(refused(&error), "{error}");
    }
    assert_eq!(directory.files(), 0);
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let directory = Directory::new("open");
    let runtime = directory.runtime();
    chmod(&directory.0, 0o777);
    let error = serve(&runtime, "ncalrpc:[echo]", answering()).unwrap_err();
    assert!(
        matches!(&error, Error::Transport(TransportError::NcalrpcDirectoryUnsafe { directory: named, .. })
            if *named == directory.0),
        "{error}"
    );
    chmod(&directory.0, 0o1777);
    let _serving = serve(&runtime, "ncalrpc:[echo]", answering()).unwrap();
    assert_eq!(ask(&runtime, "ncalrpc:[echo]"), Ok(number(3)));
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
