//! A server whose calls a test holds in its hand, and a client beside it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use annulus::ndr::NdrParams;
use annulus::{
    AsyncHandle, Binding, BindingOptions, Config, Cores, Dispatch, Event, Interface, Limits,
    Notify, Runtime, Server, ServerCall, Serving, Status, SyntaxId, Uuid,
};

/// How long anything may take before a test counts as hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Two interfaces of the same operations.
pub(crate) const FIRST: SyntaxId = SyntaxId::new(Uuid::from_u128(0x4e1d_0001), 1, 0);
pub(crate) const SECOND: SyntaxId = SyntaxId::new(Uuid::from_u128(0x4e1d_0002), 1, 0);

/// Answers at once, with the number.
pub(crate) const ECHO: u16 = 0;
/// The test answers.
pub(crate) const HOLD: u16 = 1;
/// Answers at once with so many bytes.
pub(crate) const FILL: u16 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub(crate) struct Number {
    pub(crate) number: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub(crate) struct Bytes {
    pub(crate) len: u32,
    #[ndr(size_is = "len")]
    pub(crate) content: Vec<u8>,
}

/// A call that the test is to answer.
pub(crate) struct Held {
    pub(crate) number: u32,
    pub(crate) call: ServerCall<Number>,
}

impl Held {
    pub(crate) fn answer(self) {
        let number = self.number;
        self.call.complete(&Number { number }).unwrap();
    }
}

struct Holder {
    syntax: SyntaxId,
    held: mpsc::Sender<Held>,
    seen: Arc<Mutex<Vec<u32>>>,
}

impl Interface for Holder {
    fn syntax(&self) -> SyntaxId {
        self.syntax
    }

    fn operation_count(&self) -> u16 {
        3
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Number { number } = call.decode()?;
        self.seen.lock().unwrap().push(number);
        match call.opnum() {
            ECHO => call.reply(&Number { number }),
            FILL => call.reply(&Bytes {
                len: number,
                content: vec![7; number as usize],
            }),
            _ => {
                let call = call.defer()?;
                let held = Held { number, call };
                self.held.send(held).map_err(|_| Status::ServerTooBusy)
            }
        }
    }
}

pub(crate) struct Scene {
    pub(crate) clients: Runtime,
    pub(crate) serving: Serving,
    pub(crate) target: String,
    held: mpsc::Receiver<Held>,
    seen: Arc<Mutex<Vec<u32>>>,
    pub(crate) servers: Runtime,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Scene::with_limits(Limits::default())
    }

    /// A scene whose client has these limits.
    pub(crate) fn with_limits(limits: Limits) -> Self {
        let servers = runtime(Limits::default());
        let (send, held) = mpsc::channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let holder = |syntax| Holder {
            syntax,
            held: send.clone(),
            seen: Arc::clone(&seen),
        };
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(holder(FIRST))
            .interface(holder(SECOND));
        let serving = servers.serve(server).unwrap();
        Scene {
            clients: runtime(limits),
            target: serving.bindings()[0].to_string(),
            serving,
            held,
            seen,
            servers,
        }
    }

    pub(crate) fn binding(&self) -> Binding {
        self.binding_with(BindingOptions::new())
    }

    pub(crate) fn binding_with(&self, options: BindingOptions) -> Binding {
        Binding::with_options(&self.clients, &self.target, FIRST, options).unwrap()
    }

    /// The next call that the server was to answer.
    pub(crate) fn next_held(&self) -> Held {
        self.held.recv_timeout(PATIENCE).expect("a call comes")
    }

    /// Whether no call waits to be answered.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.held.try_recv().is_err()
    }

    /// The numbers of all calls, in the order of their dispatch.
    pub(crate) fn seen(&self) -> Vec<u32> {
        self.seen.lock().unwrap().clone()
    }

    /// How many connections the server has had.
    pub(crate) fn connections(&self) -> u64 {
        self.serving.accepted_per_core().iter().sum()
    }
}

pub(crate) fn runtime(limits: Limits) -> Runtime {
    let limits = Limits {
        drain_timeout: Duration::from_millis(50),
        ..limits
    };
    Runtime::start(Config::default().cores(Cores::Unpinned(1)).limits(limits)).unwrap()
}

/// A handle with an event to wait for.
pub(crate) fn handle() -> (AsyncHandle<Number>, Event) {
    let event = Event::auto_reset();
    (AsyncHandle::new(Notify::Event(event.clone())), event)
}

pub(crate) fn hold(
    binding: &Binding,
    handle: &mut AsyncHandle<Number>,
    number: u32,
) -> Result<(), Status> {
    binding.call_async(handle, HOLD, &Number { number })
}

/// A blocking call that is answered at once.
pub(crate) fn echo(binding: &Binding, number: u32) -> Result<u32, Status> {
    let reply: Number = binding.call_blocking(ECHO, &Number { number })?;
    Ok(reply.number)
}
