//! AsyncRPC, the sample interface of Microsoft's documentation of asynchronous RPC: one
//! synchronous operation, one asynchronous, and a shutdown.
//!
//! [`AsyncRpcClient`] calls it, [`AsyncRpc`] is what a server implements, and [`SampleServer`] is
//! an implementation.

mod manager;
#[rustfmt::skip]
mod stub;

pub use self::manager::{SampleEvent, SampleServer};
pub use self::stub::*;
