//! Operations whose calls are not like others: unanswered, followed by notifications, with ranges.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use annulus::ndr::Utf16Str;
use annulus::{Binding, CallContext, Config, Cores, Runtime, Server, Serving, Status};
use annulus_idl_e2e::rules::{self, Rules, RulesClient};

/// What the manager saw.
#[derive(Debug, PartialEq)]
enum Seen {
    Hint(String),
    Acquire(i32),
    AcquireNotified { was_called: bool },
    Use(i32),
    UseNotified,
}

/// Tells what it sees; fails for odd numbers.
struct Manager(Sender<Seen>);

impl Manager {
    fn see(&self, seen: Seen) {
        self.0.send(seen).expect("the test listens");
    }
}

impl Rules for Manager {
    fn hint(&self, _: &mut CallContext<'_>, what: Utf16Str<'_>) -> Result<(), Status> {
        self.see(Seen::Hint(what.to_string_lossy().into_owned()));
        Err(Status::AccessDenied)
    }

    fn acquire(&self, _: &mut CallContext<'_>, number: i32) -> Result<i32, Status> {
        self.see(Seen::Acquire(number));
        if number % 2 == 1 {
            return Err(Status::Other(7));
        }
        Ok(number)
    }

    fn acquire_notify_flag(&self, was_called: bool) {
        self.see(Seen::AcquireNotified { was_called });
    }

    fn r#use(&self, _: &mut CallContext<'_>, data: &[u8]) -> Result<(), Status> {
        self.see(Seen::Use(data.len() as i32));
        Ok(())
    }

    fn use_notify(&self) {
        self.see(Seen::UseNotified);
    }
}

struct Scene {
    // The runtime ends with it.
    _runtime: Runtime,
    _serving: Serving,
    binding: Binding,
    seen: Receiver<Seen>,
}

impl Scene {
    fn new() -> Self {
        let runtime =
            Runtime::start(Config::default().cores(Cores::Unpinned(1))).expect("a runtime");
        let (send, seen) = mpsc::channel();
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .expect("an endpoint")
            .interface(rules::interface(Manager(send)));
        let serving = runtime.serve(server).expect("a port");
        let target = serving.bindings()[0].to_string();
        let binding = Binding::new(&runtime, &target, rules::INTERFACE).expect("a binding");
        Scene {
            _runtime: runtime,
            _serving: serving,
            binding,
            seen,
        }
    }

    fn client(&self) -> RulesClient {
        RulesClient::new(self.binding.clone())
    }

    #[track_caller]
    fn saw(&self, expected: Seen) {
        let seen = self.seen.recv_timeout(Duration::from_secs(20));
        assert_eq!(seen, Ok(expected));
    }
}

#[test]
fn rule_57_maybe_calls_arrive_and_are_not_answered() {
    let scene = Scene::new();
    let client = scene.client();
    for hint in ["first", "second"] {
        client.hint(hint).unwrap();
    }
    // The failure of a hint reaches nobody, and the connection goes on.
    assert_eq!(client.acquire(2), Ok(2));
    scene.saw(Seen::Hint("first".into()));
    scene.saw(Seen::Hint("second".into()));
    scene.saw(Seen::Acquire(2));
    assert_eq!(
        client.hint("a\0b"),
        Err(Status::BadStubData),
        "a call that cannot be made is told"
    );
}

#[test]
fn rule_57_a_maybe_call_that_nobody_hears_is_no_error() {
    let scene = Scene::new();
    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let nobody = "ncacn_ip_tcp:127.0.0.1[1]";
    let client =
        RulesClient::new(Binding::new(&runtime, nobody, rules::INTERFACE).expect("a binding"));
    assert_eq!(client.hint("unheard"), Ok(()));
    assert_eq!(client.acquire(2), Err(Status::ServerUnavailable));
    drop(scene);
}

#[test]
fn rule_57_notifications_follow_the_manager_routine_whichever_way_it_ends() {
    let scene = Scene::new();
    let client = scene.client();
    client.r#use(&[1, 2]).unwrap();
    scene.saw(Seen::Use(2));
    scene.saw(Seen::UseNotified);

    assert_eq!(client.acquire(4), Ok(4));
    scene.saw(Seen::Acquire(4));
    scene.saw(Seen::AcquireNotified { was_called: true });
    assert_eq!(client.acquire(5), Err(Status::Other(7)));
    scene.saw(Seen::Acquire(5));
    scene.saw(Seen::AcquireNotified { was_called: true });
}

/// The stub that generated code would have made without its own checks.
#[derive(annulus::ndr::NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Number {
    number: i32,
}

#[derive(annulus::ndr::NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Use<'a> {
    number: i32,
    #[ndr(conformant)]
    data: &'a [u8],
}

#[test]
fn rule_57_ranges_are_enforced_on_both_sides() {
    let scene = Scene::new();
    let client = scene.client();
    for number in [0, 10, i32::MIN] {
        assert_eq!(client.acquire(number), Err(Status::BadStubData));
        // The client did not send it. A client without the check is refused by the server.
        let unchecked = Number { number };
        let refused: Result<Number, Status> =
            scene.binding.call_blocking(rules::ACQUIRE, &unchecked);
        assert_eq!(refused.map(|n| n.number), Err(Status::BadStubData));
        scene.saw(Seen::AcquireNotified { was_called: false });
    }
    assert_eq!(client.acquire(8), Ok(8));
    scene.saw(Seen::Acquire(8));
}

#[test]
fn rule_57_a_count_that_is_not_the_arrays_is_refused() {
    let scene = Scene::new();
    let data = [1, 2, 3];
    for number in [2, 4, -1] {
        let unchecked = Use {
            number,
            data: &data,
        };
        let refused = scene.binding.call_blocking::<_, ()>(rules::USE, &unchecked);
        assert_eq!(refused, Err(Status::BadStubData));
        scene.saw(Seen::UseNotified);
    }
}
