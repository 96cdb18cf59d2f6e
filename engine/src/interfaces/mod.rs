//! The interfaces that come with the engine. Their stubs (`stub.rs`) are generated from `engine/idl`
//! by `cargo xtask generate`; the manager routines are not.

pub mod async_rpc;
pub mod epmapper;
pub mod mgmt;
pub mod rpcecho;
