//! Generated managers of async functions: what they are given, how they answer. Context handles, in
//! these and in others.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use annulus::ndr::{ContextHandle, NdrParams, Utf16Str};
use annulus::{
    AsyncContext, Binding, CallContext, Config, Cores, Interface, Registration, Runtime, Server,
    Serving, Status, SyntaxId,
};
use annulus_idl_e2e::rules::{self, RulesAsync, RulesClient};
use annulus_idl_e2e::sessions::{self, Session, Sessions, SessionsAsync, SessionsClient};

const PATIENCE: Duration = Duration::from_secs(20);

struct Scene {
    binding: Binding,
    _serving: Serving,
    // Behind what uses it, so that it goes last.
    _runtime: Runtime,
}

impl Scene {
    fn new(interface: impl Into<Registration>, syntax: SyntaxId) -> Self {
        let runtime =
            Runtime::start(Config::default().cores(Cores::Unpinned(1))).expect("a runtime");
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .expect("an endpoint")
            .interface(interface);
        let serving = runtime.serve(server).expect("a port");
        let target = serving.bindings()[0].to_string();
        let binding = Binding::new(&runtime, &target, syntax).expect("a binding");
        Scene {
            binding,
            _serving: serving,
            _runtime: runtime,
        }
    }
}

/// Tells what it hears.
struct Listener(Sender<String>);

impl RulesAsync for Listener {
    async fn hint(&self, context: AsyncContext, what: String) -> Result<(), Status> {
        // Held over an await, as it may be: the future stays on its core.
        let what = Rc::new(Cell::new(what));
        context.executor().sleep(Duration::from_millis(1)).await;
        self.0.send(what.take()).expect("the test listens");
        Err(Status::AccessDenied)
    }

    async fn acquire(&self, _: AsyncContext, number: i32) -> Result<i32, Status> {
        match number % 2 {
            1 => Err(Status::Other(7)),
            _ => Ok(number),
        }
    }

    async fn r#use(&self, _: AsyncContext, data: Vec<u8>) -> Result<(), Status> {
        self.0.send(format!("{data:?}")).expect("the test listens");
        Ok(())
    }
}

#[test]
fn async_managers_get_arguments_of_their_own_and_answer_or_fail() {
    let (send, heard) = mpsc::channel();
    let scene = Scene::new(rules::interface_async(Listener(send)), rules::INTERFACE);
    let client = RulesClient::new(scene.binding.clone());
    let hear = || heard.recv_timeout(PATIENCE).expect("something is told");
    assert_eq!(client.acquire(2), Ok(2));
    assert_eq!(client.acquire(3), Err(Status::Other(7)));
    client.r#use(&[1, 2]).unwrap();
    assert_eq!(hear(), "[1, 2]");
    client.hint("h\u{e9}").unwrap();
    assert_eq!(hear(), "h\u{e9}");
}

#[test]
fn async_managers_are_not_for_the_worker_pool() {
    let (send, _) = mpsc::channel();
    let registration = Registration::new(rules::interface_async(Listener(send))).blocking();
    let scene = Scene::new(registration, rules::INTERFACE);
    let client = RulesClient::new(scene.binding.clone());
    assert_eq!(client.acquire(2), Err(Status::CannotSupport));
}

/// What is kept for a client.
struct Kept {
    name: String,
    sum: i32,
}

fn description(kept: &Kept, prefix: &str, data: Option<&[u8]>) -> String {
    let Kept { name, sum } = kept;
    format!("{prefix}{name}{sum}{data:?}")
}

struct OnCall;

impl Sessions for OnCall {
    fn open(&self, context: &mut CallContext<'_>, name: Utf16Str<'_>) -> Result<Session, Status> {
        let name = name.to_string_lossy().into_owned();
        context.open_context(Kept { name, sum: 0 })
    }

    fn add(
        &self,
        context: &mut CallContext<'_>,
        session: Session,
        number: i32,
    ) -> Result<i32, Status> {
        let mut kept = context.exclusive_context::<Kept>(&session)?;
        kept.sum += number;
        Ok(kept.sum)
    }

    fn describe(
        &self,
        context: &mut CallContext<'_>,
        session: Session,
        prefix: Utf16Str<'_>,
        _: i32,
        data: Option<&[u8]>,
    ) -> Result<Option<String>, Status> {
        let kept = context.shared_context::<Kept>(&session)?;
        Ok(Some(description(&kept, &prefix.to_string_lossy(), data)))
    }

    fn close(&self, context: &mut CallContext<'_>, session: Session) -> Result<Session, Status> {
        context.close_context::<Kept>(&session)?;
        Ok(ContextHandle::NULL)
    }
}

struct OnCore;

impl SessionsAsync for OnCore {
    async fn open(&self, context: AsyncContext, name: String) -> Result<Session, Status> {
        context.open_context(Kept { name, sum: 0 })
    }

    async fn add(
        &self,
        context: AsyncContext,
        session: Session,
        number: i32,
    ) -> Result<i32, Status> {
        let mut kept = context.exclusive_context::<Kept>(&session).await?;
        // Calls that come meanwhile wait.
        context.executor().sleep(Duration::from_millis(1)).await;
        kept.sum += number;
        Ok(kept.sum)
    }

    async fn describe(
        &self,
        context: AsyncContext,
        session: Session,
        prefix: String,
        _: i32,
        data: Option<Vec<u8>>,
    ) -> Result<Option<String>, Status> {
        let kept = context.shared_context::<Kept>(&session).await?;
        Ok(Some(description(&kept, &prefix, data.as_deref())))
    }

    async fn close(&self, context: AsyncContext, session: Session) -> Result<Session, Status> {
        context.close_context::<Kept>(&session).await?;
        Ok(ContextHandle::NULL)
    }
}

fn keep_a_session(interface: impl Interface) -> Scene {
    assert!(interface.has_strict_context_handles(), "the ACF says so");
    let scene = Scene::new(interface, sessions::INTERFACE);
    let client = SessionsClient::new(scene.binding.clone());
    let session = client.open("n\u{e4}me").unwrap();
    assert_eq!(client.add(session, 20), Ok(20));
    assert_eq!(client.add(session, 22), Ok(42));
    for (data, expected) in [
        (None, "a n\u{e4}me42None"),
        (Some(&[][..]), "a n\u{e4}me42Some([])"),
        (Some(&[1, 2][..]), "a n\u{e4}me42Some([1, 2])"),
    ] {
        let length = data.map_or(0, <[u8]>::len) as i32;
        let text = client.describe(session, "a ", length, data).unwrap();
        assert_eq!(text.as_deref(), Some(expected));
    }
    assert_eq!(client.close(session), Ok(ContextHandle::NULL));
    assert_eq!(client.add(session, 1), Err(Status::ContextMismatch));
    scene
}

#[test]
fn rule_54_generated_managers_keep_contexts_for_their_clients() {
    keep_a_session(sessions::interface(OnCall));
    let scene = keep_a_session(sessions::interface_async(OnCore));
    // Calls that use one context take turns.
    let client = SessionsClient::new(scene.binding.clone());
    let session = client.open("").unwrap();
    let calls: Vec<_> = (0..20).map(|_| client.add_future(session, 1)).collect();
    for call in calls {
        call.wait().unwrap();
    }
    assert_eq!(client.add(session, 0), Ok(20));
}

/// `open` with a name that is no text.
#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct OpenWithUnits {
    #[ndr(conformant, varying)]
    name: Vec<u16>,
}

#[test]
fn text_that_is_none_is_refused_before_an_async_manager_sees_it() {
    let scene = Scene::new(sessions::interface_async(OnCore), sessions::INTERFACE);
    let open = |name: &[u16]| {
        let inputs = OpenWithUnits {
            name: name.to_vec(),
        };
        let opened: Result<sessions::OpenResponse, _> =
            scene.binding.call_blocking(sessions::OPEN, &inputs);
        opened.map(drop)
    };
    assert_eq!(open(&[0x61, 0]), Ok(()));
    assert_eq!(open(&[0xd800, 0]), Err(Status::BadStubData));
}
