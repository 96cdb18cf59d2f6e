//! An interface with pipes, by hand: a server of it, and a client.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "shared by several test programs, each of which uses a part of it"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use annulus::ndr::{ContextHandle, NdrParams};
use annulus::{
    AsyncHandle, Binding, Call, Config, Cores, Dispatch, Interface, Limits, PipeShape, PullPipe,
    PushPipe, Registration, Runtime, Server, ServerCall, Status, SyntaxId, Uuid,
};

pub const INTERFACE: SyntaxId = SyntaxId::new(Uuid::from_u128(0xab91_0e9f_7f50_4a4c), 1, 0);
pub const SUM: u16 = 0;
pub const COUNT: u16 = 1;
const ECHO: u16 = 2;
const ECHO_ON_CORE: u16 = 3;
pub const PLAIN: u16 = 4;
const OPEN: u16 = 5;
const FIND: u16 = 6;

const IN: PipeShape = shape(1, 0);
const OUT: PipeShape = shape(0, 1);
const IN_OUT: PipeShape = shape(1, 1);

const fn shape(in_count: usize, out_count: usize) -> PipeShape {
    PipeShape {
        in_count,
        out_count,
    }
}

#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct SumRequest<'a> {
    #[ndr(string)]
    name: &'a [u8],
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub struct Number {
    pub number: u32,
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub struct Total {
    pub total: u64,
}

/// A context of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub struct Opened {
    handle: ContextHandle,
}

/// The manager routines; what a test does not need fails the call.
pub trait Manager: Send + Sync + 'static {
    fn sum(&self, _: ServerCall<Total>, _: &str, _: PullPipe<u32>) {}

    fn count(&self, _: ServerCall<Number>, _: u32, _: PushPipe<u32>) {}

    fn echo(&self, _: ServerCall<Number>, _: PullPipe<u8>, _: PushPipe<u8>) {}

    fn echo_future(
        &self,
        _: PullPipe<u8>,
        _: PushPipe<u8>,
    ) -> impl Future<Output = Result<Number, Status>> + 'static {
        async { Err(Status::CannotSupport) }
    }
}

/// Counts how often an operation is dispatched: again and again while its in-parameters arrive.
struct Stub<M>(M, Arc<AtomicUsize>);

impl<M: Manager> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        7
    }

    fn pipes(&self, opnum: u16) -> PipeShape {
        match opnum {
            SUM => IN,
            COUNT | FIND => OUT,
            ECHO | ECHO_ON_CORE => IN_OUT,
            _ => PipeShape::default(),
        }
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager, dispatches) = self;
        dispatches.fetch_add(1, Ordering::Relaxed);
        match call.opnum() {
            SUM => {
                let (SumRequest { name }, call, pipes) = call.defer_with_pipes()?;
                let name = std::str::from_utf8(name).map_err(|_| Status::InvalidArg)?;
                manager.sum(call, name, pipes.pull(0));
                Ok(())
            }
            COUNT => {
                let (Number { number }, call, pipes) = call.defer_with_pipes()?;
                manager.count(call, number, pipes.push(0));
                Ok(())
            }
            ECHO => {
                let ((), call, pipes) = call.defer_with_pipes()?;
                manager.echo(call, pipes.pull(0), pipes.push(0));
                Ok(())
            }
            ECHO_ON_CORE => call
                .spawn_with_pipes(|(), _, pipes| manager.echo_future(pipes.pull(0), pipes.push(0))),
            OPEN => {
                let handle = call.context().open_context(7_u32)?;
                call.reply(&Opened { handle })
            }
            FIND => {
                let (Opened { handle }, done, pipes) = call.defer_with_pipes()?;
                let number = *call.context().shared_context::<u32>(&handle)?;
                let mut found = pipes.push(0);
                found.push(&[number])?;
                found.finish()?;
                done.complete(&Number { number })
            }
            PLAIN => {
                let Number { number } = call.decode()?;
                call.reply(&Number { number: number + 1 })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

/// Calls the interface.
pub struct Client(Binding);

/// A call with an in-out pipe, and the pipe's two ends.
type Echo = (Call<Number>, PushPipe<u8>, PullPipe<u8>);

impl Client {
    pub fn new(runtime: &Runtime, target: &str) -> Self {
        Client(Binding::new(runtime, target, INTERFACE).unwrap())
    }

    pub fn sum(&self, name: &str) -> Result<(Call<Total>, PushPipe<u32>), Status> {
        let name = name.as_bytes();
        let (call, pipes) = self.0.call_with_pipes(SUM, &SumRequest { name }, IN)?;
        Ok((call, pipes.push(0)))
    }

    pub fn count(&self, number: u32) -> Result<(Call<Number>, PullPipe<u32>), Status> {
        let (call, pipes) = self.0.call_with_pipes(COUNT, &Number { number }, OUT)?;
        Ok((call, pipes.pull(0)))
    }

    pub fn count_async(
        &self,
        handle: &mut AsyncHandle<Number>,
        number: u32,
    ) -> Result<PullPipe<u32>, Status> {
        let inputs = Number { number };
        let pipes = self.0.call_async_with_pipes(handle, COUNT, &inputs, OUT)?;
        Ok(pipes.pull(0))
    }

    pub fn echo(&self) -> Result<Echo, Status> {
        let (call, pipes) = self.0.call_with_pipes(ECHO, &(), IN_OUT)?;
        Ok((call, pipes.push(0), pipes.pull(0)))
    }

    pub fn echo_on_core(&self) -> Result<Echo, Status> {
        let (call, pipes) = self.0.call_with_pipes(ECHO_ON_CORE, &(), IN_OUT)?;
        Ok((call, pipes.push(0), pipes.pull(0)))
    }

    pub fn echo_async(
        &self,
        handle: &mut AsyncHandle<Number>,
    ) -> Result<(PushPipe<u8>, PullPipe<u8>), Status> {
        let pipes = self.0.call_async_with_pipes(handle, ECHO, &(), IN_OUT)?;
        Ok((pipes.push(0), pipes.pull(0)))
    }

    /// Opens a context that holds seven.
    pub fn open(&self) -> Result<Opened, Status> {
        self.0.call_blocking(OPEN, &())
    }

    /// What a context holds, through a pipe.
    pub fn find(&self, open: Opened) -> Result<(Call<Number>, PullPipe<u32>), Status> {
        let (call, pipes) = self.0.call_with_pipes(FIND, &open, OUT)?;
        Ok((call, pipes.pull(0)))
    }

    pub fn plain(&self, number: u32) -> Result<u32, Status> {
        let reply: Number = self.0.call_blocking(PLAIN, &Number { number })?;
        Ok(reply.number)
    }
}

/// A server that has one core for all its connections, and a client on another one.
pub struct World {
    pub client: Client,
    pub port: u16,
    /// How often any operation was dispatched, in vain or not.
    pub dispatches: Arc<AtomicUsize>,
    // Behind what uses them, so that they go last.
    _runtimes: [Runtime; 2],
}

impl World {
    pub fn new(manager: impl Manager, options: &str) -> Self {
        World::with(manager, |it| it, options, Limits::default())
    }

    pub fn limited(manager: impl Manager, limits: Limits) -> Self {
        World::with(manager, |it| it, "", limits)
    }

    /// The manager routines run on the worker pool.
    pub fn blocking(manager: impl Manager, options: &str) -> Self {
        World::with(manager, Registration::blocking, options, Limits::default())
    }

    /// Both.
    pub fn blocking_limited(manager: impl Manager, limits: Limits) -> Self {
        World::with(manager, Registration::blocking, "", limits)
    }

    fn with(
        manager: impl Manager,
        register: impl FnOnce(Registration) -> Registration,
        options: &str,
        limits: Limits,
    ) -> Self {
        let dispatches = Arc::default();
        let stub = Stub(manager, Arc::clone(&dispatches));
        let registration = register(Registration::new(stub));
        let config = Config::default().cores(Cores::Unpinned(1)).limits(limits);
        let runtimes = [(); 2].map(|()| Runtime::start(config.clone()).unwrap());
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(registration);
        let serving = runtimes[0].serve(server).unwrap();
        let binding = serving.bindings()[0].to_string();
        let binding = binding.replace(']', &format!("{options}]"));
        let client = Client::new(&runtimes[1], &binding);
        World {
            client,
            port: serving.bindings()[0].port().unwrap(),
            dispatches,
            _runtimes: runtimes,
        }
    }
}

/// Bytes of this process that are in memory.
pub fn resident_len() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
