//! A client and a server in one thread, both ends of a call's pipes in the test's own hands.

use std::collections::VecDeque;
use std::panic;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulus::ndr::NdrParams;
use annulus::transports::{SimConfig, SimNet, SimRing};
use annulus::{
    AsyncHandle, Binding, CancelKind, Config, Dispatch, Interface, Limits, LocalRuntime,
    NotificationEvent, Notify, PipeShape, PullPipe, PushPipe, Registration, Server, ServerCall,
    Status, SyntaxId, Usage, Uuid,
};

const INTERFACE: SyntaxId = SyntaxId::new(Uuid::from_u128(0x7ab1_e0f5_7a7e_4000), 1, 0);

/// What an aborted call carries, and what a manager fails with.
pub(crate) const FAILURE: Status = Status::Other(0x0bad_cafe);

/// Pulls after which a pipe that has not ended counts as hanging.
const ROUNDS_MAX: usize = 1000;

/// Which pipes an operation has; its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Kind {
    In = 0,
    Out = 1,
    InOut = 2,
}

impl Kind {
    fn of_opnum(opnum: u16) -> Self {
        [Kind::In, Kind::Out, Kind::InOut][usize::from(opnum)]
    }

    fn shape(self) -> PipeShape {
        PipeShape {
            in_count: usize::from(self.has_in()),
            out_count: usize::from(self.has_out()),
        }
    }

    pub(crate) fn has_in(self) -> bool {
        self != Kind::Out
    }

    pub(crate) fn has_out(self) -> bool {
        self != Kind::In
    }
}

#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Request {
    len: u32,
    #[ndr(size_is = "len")]
    content: Vec<u8>,
}

/// What a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub(crate) struct Number {
    pub(crate) number: u32,
}

/// What the manager routine does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    HandsOver,
    Fails,
    Panics,
    Aborts,
}

struct Manager {
    manner: Manner,
    handed_over: Arc<Mutex<VecDeque<Served>>>,
}

impl Interface for Manager {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        3
    }

    fn pipes(&self, opnum: u16) -> PipeShape {
        Kind::of_opnum(opnum).shape()
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let kind = Kind::of_opnum(call.opnum());
        let (_, call, pipes) = call.defer_with_pipes::<Request, Number>()?;
        match self.manner {
            Manner::HandsOver => {}
            Manner::Fails => return Err(FAILURE),
            Manner::Panics => panic::resume_unwind(Box::new(())),
            Manner::Aborts => return call.abort(FAILURE),
        }
        let events = Events::default();
        call.notify_of_pipes(events.notify(), 0, true)?;
        self.handed_over.lock().unwrap().push_back(Served {
            call,
            pull: kind.has_in().then(|| pipes.pull(0)),
            push: kind.has_out().then(|| pipes.push(0)),
            events,
        });
        Ok(())
    }
}

/// The notifications of one side that nobody has looked at.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<NotificationEvent>>>);

impl Events {
    fn notify(&self) -> Notify {
        let events = self.clone();
        Notify::callback(move |notification| events.0.lock().unwrap().push(notification.event))
    }

    pub(crate) fn take(&self) -> Vec<NotificationEvent> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Takes them, and expects these.
    #[track_caller]
    pub(crate) fn are(&self, expected: &[NotificationEvent]) {
        assert_eq!(self.take(), expected);
    }
}

/// The client's end of a call.
pub(crate) struct Caller {
    pub(crate) handle: AsyncHandle<Number>,
    push: Option<PushPipe<u8>>,
    pull: Option<PullPipe<u8>>,
    pub(crate) events: Events,
}

impl Caller {
    pub(crate) fn push(&mut self) -> &mut PushPipe<u8> {
        self.push.as_mut().expect("an in-pipe")
    }

    pub(crate) fn pull(&mut self) -> &mut PullPipe<u8> {
        self.pull.as_mut().expect("an out-pipe")
    }

    /// Cancels the call without waiting for the server.
    pub(crate) fn give_up(&self) {
        self.handle.cancel(CancelKind::Abortive).unwrap();
    }
}

/// The server's end of a call.
pub(crate) struct Served {
    pub(crate) call: ServerCall<Number>,
    pull: Option<PullPipe<u8>>,
    push: Option<PushPipe<u8>>,
    pub(crate) events: Events,
}

impl Served {
    pub(crate) fn push(&mut self) -> &mut PushPipe<u8> {
        self.push.as_mut().expect("an out-pipe")
    }

    pub(crate) fn pull(&mut self) -> &mut PullPipe<u8> {
        self.pull.as_mut().expect("an in-pipe")
    }

    /// Pulls an in-pipe to its end and fills an out-pipe with nothing, as far as there are any,
    /// then completes the call.
    pub(crate) fn complete(mut self, number: u32) {
        if let Some(pull) = self.pull.as_mut().filter(|pull| !pull.is_ended()) {
            while pull.pull(&mut Vec::new(), 1 << 20).unwrap() > 0 {}
        }
        if let Some(push) = self.push.as_mut().filter(|push| !push.is_ended()) {
            push.finish().unwrap();
        }
        self.call.complete(&Number { number }).unwrap();
    }
}

pub(crate) struct Stage {
    pub(crate) kind: Kind,
    net: SimNet,
    server: Option<LocalRuntime<SimRing>>,
    client: Option<LocalRuntime<SimRing>>,
    binding: Option<Binding>,
    handed_over: Arc<Mutex<VecDeque<Served>>>,
}

impl Stage {
    pub(crate) fn new(kind: Kind) -> Self {
        Stage::with_manner(kind, Manner::HandsOver)
    }

    pub(crate) fn with_manner(kind: Kind, manner: Manner) -> Self {
        Stage::with_limits(kind, manner, Limits::default())
    }

    /// All calls with pipes share one connection.
    pub(crate) fn with_one_connection(kind: Kind) -> Self {
        let limits = Limits {
            connections_per_association_max: 1,
            ..Limits::default()
        };
        Stage::with_limits(kind, Manner::HandsOver, limits)
    }

    fn with_limits(kind: Kind, manner: Manner, limits: Limits) -> Self {
        let limits = Limits {
            pipe_len_max: 4 << 10,
            ..limits
        };
        let config = Config::default().limits(limits).seed(52);
        let net = SimNet::new(
            52,
            SimConfig {
                window_len: 4 << 10,
                ..SimConfig::default()
            },
        );
        let mut server = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        let client = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        let handed_over = Arc::default();
        let manager = Manager {
            manner,
            handed_over: Arc::clone(&handed_over),
        };
        let endpoint = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[4711]");
        let serving = server
            .serve(endpoint.unwrap().interface(Registration::new(manager)))
            .unwrap();
        let target = serving.bindings()[0].to_string();
        let binding = Binding::new(&client, &target, INTERFACE).unwrap();
        Stage {
            kind,
            net,
            server: Some(server),
            client: Some(client),
            binding: Some(binding),
            handed_over,
        }
    }

    /// Lets all happen that happens by itself.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut worked = false;
            for runtime in [&mut self.server, &mut self.client].into_iter().flatten() {
                worked |= runtime.poll(&mut |_| {}).unwrap();
            }
            if !worked && !self.net.advance_to_next() {
                return;
            }
        }
    }

    /// Makes a call; nothing has happened to it yet.
    pub(crate) fn make(&self) -> Caller {
        let events = Events::default();
        let mut handle = AsyncHandle::new(events.notify());
        handle.notify_on_send_complete(true);
        let request = Request {
            len: 0,
            content: Vec::new(),
        };
        let binding = self.binding.as_ref().unwrap();
        let shape = self.kind.shape();
        let pipes = binding
            .call_async_with_pipes(&mut handle, self.kind as u16, &request, shape)
            .unwrap();
        Caller {
            handle,
            push: self.kind.has_in().then(|| pipes.push(0)),
            pull: self.kind.has_out().then(|| pipes.pull(0)),
            events,
        }
    }

    /// Tries to make a call whose parameters contradict each other.
    pub(crate) fn make_badly(&self) -> (Result<(), Status>, AsyncHandle<Number>, Events) {
        let events = Events::default();
        let mut handle = AsyncHandle::new(events.notify());
        let request = Request {
            len: 1,
            content: Vec::new(),
        };
        let binding = self.binding.as_ref().unwrap();
        let shape = self.kind.shape();
        let made = binding.call_async_with_pipes(&mut handle, self.kind as u16, &request, shape);
        (made.map(drop), handle, events)
    }

    /// Makes a call and lets it arrive.
    pub(crate) fn call(&mut self) -> (Caller, Served) {
        let caller = self.make();
        self.settle();
        let served = self.served();
        let events = caller.events.take();
        let was_sent = [NotificationEvent::SendComplete];
        assert_eq!(
            events,
            if self.kind.has_in() {
                &was_sent[..]
            } else {
                &[]
            }
        );
        (caller, served)
    }

    /// The next call that has arrived.
    pub(crate) fn served(&mut self) -> Served {
        let served = self.handed_over.lock().unwrap().pop_front();
        served.expect("the call is dispatched")
    }

    /// The same, and ends the in-pipe of an in-out pipe, so that the out-pipe's turn has come.
    pub(crate) fn call_to_out_pipe(&mut self) -> (Caller, Served) {
        let (mut caller, mut served) = self.call();
        if self.kind.has_in() {
            caller.push().finish().unwrap();
            self.settle();
            caller.events.take();
            assert_eq!(served.pull().pull(&mut Vec::new(), 1), Ok(0));
            served.events.take();
        }
        (caller, served)
    }

    /// Pulls a pipe, and lets all happen in between, to its end or to a failure; how many elements
    /// came.
    pub(crate) fn drain(&mut self, pull: &mut PullPipe<u8>) -> (usize, Result<(), Status>) {
        let mut elements = Vec::new();
        for _ in 0..ROUNDS_MAX {
            match pull.pull(&mut elements, 1 << 20) {
                Ok(0) => return (elements.len(), Ok(())),
                Ok(_) => {}
                Err(Status::AsyncCallPending) => self.settle(),
                Err(failure) => return (elements.len(), Err(failure)),
            }
        }
        panic!("no end behind {} elements", elements.len());
    }

    /// The client's host dies.
    pub(crate) fn lose_client(&mut self) {
        self.binding = None;
        drop(self.client.take());
        self.settle();
    }

    /// The server's host dies.
    pub(crate) fn lose_server(&mut self) {
        drop(self.server.take());
        self.settle();
    }

    /// The call has ended at the client with this, and told of it once.
    #[track_caller]
    pub(crate) fn ended(&mut self, mut caller: Caller, expected: Result<u32, Status>) {
        self.settle();
        let events = caller.events.take();
        let is_end = |event: &&_| **event == NotificationEvent::CallComplete;
        assert_eq!(events.iter().filter(is_end).count(), 1, "{events:?}");
        assert_eq!(caller.handle.complete().map(|it| it.number), expected);
        let again = caller.handle.complete();
        assert_eq!(again, Err(Status::InvalidAsyncHandle));
        let (push, pull) = (caller.push.take(), caller.pull.take());
        drop((push, pull));
        self.settle();
        caller.events.are(&[]);
    }

    /// The call was not made, or its failure needs no end: nothing is left of it.
    #[track_caller]
    pub(crate) fn nothing_is_left(mut self) {
        assert!(
            self.handed_over.lock().unwrap().is_empty(),
            "a call was dispatched"
        );
        self.binding = None;
        let mut shutting_down = [self.client.take(), self.server.take()];
        for runtime in shutting_down.iter_mut().flatten() {
            runtime.begin_shutdown();
        }
        let deadline = self.net.now() + Duration::from_secs(60);
        while !shutting_down
            .iter()
            .flatten()
            .all(LocalRuntime::is_finished)
        {
            assert!(self.net.now() < deadline, "a shutdown hangs");
            let mut worked = false;
            for runtime in shutting_down.iter_mut().flatten() {
                worked |= runtime.poll(&mut |_| {}).unwrap();
            }
            if !worked && !self.net.advance_to_next() {
                self.net.advance(Duration::from_millis(10));
            }
        }
        for runtime in shutting_down.iter().flatten() {
            assert_eq!(runtime.usage(), Usage::default());
        }
    }
}
