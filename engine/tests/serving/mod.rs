//! A server whose manager routine is a closure, and clients of it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::time::Duration;

use annulus::ndr::NdrParams;
use annulus::{
    Binding, Config, Cores, Dispatch, Interface, Limits, Registration, Runtime, Server, Serving,
    Status, SyntaxId, Uuid,
};

pub(crate) const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x5e4f_1c3e_0000_4000_8000_0000_0000_0002),
    1,
    0,
);

pub(crate) const OPERATION_COUNT: u16 = 16;

/// The parameters of most operations, in and out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub(crate) struct Number {
    pub(crate) value: u64,
}

pub(crate) fn number(value: u64) -> Number {
    Number { value }
}

/// Stub data of any length.
#[derive(Clone, Debug, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub(crate) struct Bytes {
    len: u32,
    #[ndr(size_is = "len")]
    bytes: Vec<u8>,
}

pub(crate) fn bytes(len: u32) -> Bytes {
    Bytes {
        len,
        bytes: vec![7; len as usize],
    }
}

/// An interface whose operations are all one closure.
pub(crate) struct Routine<F>(pub(crate) F);

impl<F> Interface for Routine<F>
where
    F: Fn(Dispatch<'_, '_>) -> Result<(), Status> + Send + Sync + 'static,
{
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, call: Dispatch<'_, '_>) -> Result<(), Status> {
        (self.0)(call)
    }
}

/// Closures need to be told of the lifetimes in [`Dispatch`].
pub(crate) fn routine<F>(run: F) -> Routine<F>
where
    F: Fn(Dispatch<'_, '_>) -> Result<(), Status> + Send + Sync + 'static,
{
    Routine(run)
}

pub(crate) fn limits() -> Limits {
    Limits {
        drain_timeout: Duration::from_millis(100),
        ..Limits::default()
    }
}

pub(crate) fn runtime() -> Runtime {
    runtime_within(limits())
}

pub(crate) fn runtime_within(limits: Limits) -> Runtime {
    let config = Config::default().cores(Cores::Unpinned(1)).limits(limits);
    Runtime::start(config).unwrap()
}

pub(crate) fn serve(runtime: &Runtime, interface: impl Into<Registration>) -> Serving {
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    runtime.serve(server.interface(interface)).unwrap()
}

pub(crate) fn bind(runtime: &Runtime, serving: &Serving) -> Binding {
    Binding::new(runtime, &serving.bindings()[0].to_string(), INTERFACE).unwrap()
}
