//! The interfaces that come with the engine, in the shape that generated stubs have.

pub mod async_rpc;
pub(crate) mod mgmt;
pub mod rpcecho;
